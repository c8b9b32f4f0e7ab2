package compat_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

// What undeclared: absent closes, and what it leaves open.
func TestUndeclaredAbsent(t *testing.T) {
	for _, tt := range []struct {
		name, reason, writer, reader string
		allowed, absent              compat.Verdict
	}{
		{"a property added by the reader", "the writer sends none of that name", `{"properties":{"a":{}}}`, `{"properties":{"a":{},"b":{"type":"string"}}}`, compat.Incompatible, compat.Compatible},
		{"across allOf", "a and b are both declared", `{"allOf":[{"properties":{"a":{}}},{"properties":{"b":{}}}]}`, `{"properties":{"a":{},"b":{}},"additionalProperties":false}`, compat.Incompatible, compat.Compatible},
		{"across $ref, nested", "the inner object is closed, too", `{"$defs":{"x":{"properties":{"in":{"type":"string"}}}},"properties":{"o":{"$ref":"#/$defs/x"}}}`, `{"properties":{"o":{"properties":{"more":{"type":"null"}}}}}`, compat.Incompatible, compat.Compatible},
		{"in items", "objects in arrays are closed, too", `{"items":{"properties":{"a":{}}}}`, `{"items":{"properties":{"b":false}}}`, compat.Incompatible, compat.Compatible},
		{"an object that declares nothing", "it stays open", `{"type":"object"}`, `{"properties":{"b":false}}`, compat.Incompatible, compat.Incompatible},
		{"additionalProperties with a schema", "it declares every name", `{"properties":{"a":{}},"additionalProperties":{"type":"string"}}`, `{"properties":{"b":{"type":"null"}}}`, compat.Incompatible, compat.Incompatible},
		{"the branch of a oneOf that holds", "only its properties are declared", `{"oneOf":[{"required":["k"],"properties":{"k":{"const":1}}},{"required":["k","b"],"properties":{"k":{"const":2},"b":{}}}]}`, `{"anyOf":[{"properties":{"b":false}},{"properties":{"k":{"const":2}}}]}`, compat.Incompatible, compat.Compatible},
		{"a declared property", "closing takes away nothing that is declared", `{"properties":{"a":{}}}`, `{"properties":{"a":{"type":"string"}}}`, compat.Incompatible, compat.Incompatible},
	} {
		t.Run(tt.name, func(t *testing.T) {
			writer, reader := load(t, tt.writer), load(t, tt.reader)
			for _, p := range []struct {
				policy compat.Policy
				want   compat.Verdict
			}{{compat.Policy{}, tt.allowed}, {compat.Policy{Undeclared: compat.Absent}, tt.absent}} {
				got := compat.Contained(writer, reader, p.policy)
				if got.Verdict != p.want {
					w, _ := json.Marshal(got.Witness)
					t.Errorf("%q: %s (%s %v), want %s: %s", p.policy.Undeclared, got.Verdict, w, got.Reason, p.want, tt.reason)
				}
			}
		})
	}
}

// A witness is what a person would write: small, and with the schemas' examples.
func TestWitness(t *testing.T) {
	for _, tt := range []struct{ name, reason, old, new, want string }{
		{"a missing property", "nothing else is needed", `{"type":"object","properties":{"a":{},"b":{}}}`, `{"type":"object","required":["a"]}`, `{}`},
		{"examples", "qty is required, and its example shows nothing else", `{"type":"object","properties":{"qty":{"type":"integer","examples":[12]},"to":{"type":"string","examples":["Ada"]}},"required":["qty","to"]}`,
			`{"type":"object","properties":{"qty":{"type":"string"},"to":{}}}`, `{"qty":12,"to":"Ada"}`},
		{"bound", "the bound itself", `{"minimum":3,"type":"integer"}`, `{"minimum":4}`, `3`},
		{"enum", "the word that is gone", `{"enum":["red","green","blue"]}`, `{"enum":["red","blue"]}`, `"green"`},
		{"one item", "one is enough", `{"type":"array","items":{"type":["string","null"]}}`, `{"type":"array","items":{"type":"string"}}`, `[null]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := compat.Contained(load(t, tt.old), load(t, tt.new), compat.Policy{})
			if w, _ := json.Marshal(got.Witness); got.Verdict != compat.Incompatible || string(w) != tt.want {
				t.Errorf("%s %s %v, want %s: %s", got.Verdict, w, got.Reason, tt.want, tt.reason)
			}
		})
	}
}

// What cannot be decided says which keyword stopped it.
func TestUndecided(t *testing.T) {
	o := schema.Options{AssertFormat: true, AsValidator: true}
	writer, err := schema.Parse("a.json", []byte(`{"type":"string"}`), o)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := schema.Parse("b.json", []byte(`{"format":"idn-hostname"}`), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := compat.Contained(writer, reader, compat.Policy{}); got.Verdict != compat.Undecided || got.Reason.Keyword != "format" {
		t.Errorf("%s %v, want undecided for format, which our validator does not check", got.Verdict, got.Reason)
	}
}

// A schema contains itself, also where the algebra would give up.
func TestSameSchema(t *testing.T) {
	text := `{"type":"object","allOf":[`
	for i := range 14 {
		text += fmt.Sprintf(`{"if":{"required":["a%d"]},"then":{"properties":{"b%d":{"type":"string"}}},"else":{"properties":{"c%d":{"type":"string"}}}},`, i, i, i)
	}
	text += `{"properties":{"d":{"type":"string"}}}]}`
	policy := compat.Policy{Undeclared: compat.Absent}
	if got := compat.Contained(load(t, text), load(t, strings.Replace(text, `"type":"object"`, `"type":"object","title":"t"`, 1)), policy); got.Verdict != compat.Compatible {
		t.Errorf("%s %v, want compatible: only the title differs", got.Verdict, got.Reason)
	}
	if got := compat.Contained(load(t, text), load(t, strings.Replace(text, `"d":{"type":"string"}`, `"d":{"type":"number"}`, 1)), policy); got.Verdict == compat.Compatible {
		t.Errorf("%s, want another verdict: the type of d differs", got.Verdict)
	}
}
