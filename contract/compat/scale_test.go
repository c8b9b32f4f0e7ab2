package compat_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

func load(tb testing.TB, text string) *schema.Schema {
	tb.Helper()
	s, err := schema.Parse("s.json", []byte(text), schema.Options{AsValidator: true})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// marked is a schema with a keyword that means nothing: another one with the same
// values, which is to be proven.
func marked(text string) string {
	if rest, ok := strings.CutPrefix(text, "{"); ok && rest != "}" {
		return `{"unit":"m",` + rest
	}
	return text
}

func wide(n int, typ string) string {
	var b strings.Builder
	b.WriteString(`{"type":"object","properties":{`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"p%d":{"type":%q}`, i, typ)
		typ = "string"
	}
	b.WriteString(`},"required":["p0","p1"]}`)
	return b.String()
}

func deep(n int, leaf string) string {
	return strings.Repeat(`{"type":"object","required":["a"],"properties":{"a":`, n) + leaf + strings.Repeat(`}}`, n)
}

func enumeration(n int) string {
	var b strings.Builder
	b.WriteString(`{"enum":["x"`)
	for i := range n {
		fmt.Fprintf(&b, `,"some-enumerated-word-%d"`, i)
	}
	b.WriteString(`]}`)
	return b.String()
}

func tree(n int, leaf string) string {
	var b strings.Builder
	b.WriteString(`{"$defs":{"node":{"oneOf":[{"type":"object","required":["kind"],"properties":{"kind":{"const":"leaf"},"value":` + leaf + `}}`)
	for i := range n {
		fmt.Fprintf(&b, `,{"type":"object","required":["kind","left","right"],"properties":{"kind":{"const":"k%d"},"left":{"$ref":"#/$defs/node"},"right":{"$ref":"#/$defs/node"}}}`, i)
	}
	b.WriteString(`]}},"$ref":"#/$defs/node"}`)
	return b.String()
}

func anyOfs(n int, leaf string) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"anyOf":[{"properties":{"a%d":%s}},{"properties":{"b%d":{"type":"string"}}},{"required":["c%d"]}]}`, i, leaf, i, i))
	}
	return `{"type":"object","allOf":[` + strings.Join(all, ",") + `]}`
}

func references(n int, leaf string) string {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/$defs/d0","$defs":{`)
	for i := range n {
		fmt.Fprintf(&b, `"d%d":{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/$defs/d%d"}}},`, i, i+1)
	}
	fmt.Fprintf(&b, `"d%d":%s}}`, n, leaf)
	return b.String()
}

// Schemas that are large, deep, recursive or built to explode. What cannot be
// decided within the budget is said to be undecided.
func TestScale(t *testing.T) {
	yes, no, unknown := compat.Compatible, compat.Incompatible, compat.Undecided
	for _, tt := range []struct {
		name, reason, old, new string
		backward, forward      compat.Verdict
	}{
		{"10,000 properties, one changed", "one of them has another type", wide(10000, "string"), wide(10000, "integer"), no, no},
		{"10,000 properties, none changed", "each is compared once", wide(10000, "string"), wide(10000, "string"), yes, yes},
		{"110 levels", "the difference is at the bottom", deep(110, `{"type":"integer"}`), deep(110, `{"type":"number"}`), yes, no},
		{"200 levels of references", "the same across $ref", references(200, `{"type":"integer"}`), references(200, `{"type":"number"}`), yes, no},
		{"2 MB enum", "ten words less", enumeration(70000), enumeration(69990), no, yes},
		{"patterns", "their languages only touch", `{"pattern":"^(a|b)*a(a|b){15}$"}`, `{"pattern":"^(a{30}){30}$"}`, no, yes},
		{"equal patterns", "written differently", `{"pattern":"^(a|b)*a(a|b){15}$"}`, `{"pattern":"^(b|a)*a(b|a){15}$"}`, yes, yes},
		{"recursive oneOf of 13 branches, one wider", "integer to number in the leaf", tree(12, `{"type":"integer"}`), tree(12, `{"type":"number"}`), yes, no},
		{"recursive oneOf, a branch less", "a kind is gone", tree(12, `{"type":"integer"}`), tree(11, `{"type":"integer"}`), no, yes},
		{"product of 20 anyOf", "3 to the power of 20 combinations", anyOfs(20, `{"type":"integer"}`), anyOfs(20, `{"type":"number"}`), yes, no},
		{"multipleOf of 40 digits", "exact rationals", `{"multipleOf":1.0000000000000000000000000000000000000001}`, `{"multipleOf":1.0000000000000000000000000000000000000003}`, no, no},
		{"minItems of a million", "the witness would have a million items", `{"type":"array","minItems":1000000,"items":{"type":"integer"}}`, `{"type":"array","minItems":1000000,"items":{"type":"number"}}`, yes, unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if slowed && !full() && strings.HasPrefix(tt.name, "10,000") {
				t.Skip("the validator compiles it for long under the race detector: make corpus runs it without")
			}
			r := compat.Compare(load(t, tt.old), load(t, marked(tt.new)), compat.Policy{})
			if r.Backward.Verdict != tt.backward || r.Forward.Verdict != tt.forward {
				t.Errorf("backward %s %v, forward %s %v; want %s, %s: %s", r.Backward.Verdict, r.Backward.Reason, r.Forward.Verdict, r.Forward.Reason, tt.backward, tt.forward, tt.reason)
			}
		})
	}
}
