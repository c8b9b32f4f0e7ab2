package compat_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

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
			r := compat.Compare(load(t, tt.old), load(t, tt.new), compat.Policy{})
			if r.Backward.Verdict != tt.backward || r.Forward.Verdict != tt.forward {
				t.Errorf("backward %s %v, forward %s %v; want %s, %s: %s", r.Backward.Verdict, r.Backward.Reason, r.Forward.Verdict, r.Forward.Reason, tt.backward, tt.forward, tt.reason)
			}
		})
	}
}

// octokit are the event definitions of a release.
func octokit(tb testing.TB, version string) map[string]*schema.Schema {
	tb.Helper()
	text, err := os.ReadFile(corpus(tb, "octokit-webhooks", version+".json"))
	if err != nil {
		tb.Fatal(err)
	}
	var doc struct{ Definitions map[string]any }
	if err := json.Unmarshal(text, &doc); err != nil {
		tb.Fatal(err)
	}
	files := fstest.MapFS{"all.json": {Data: text}}
	for name := range doc.Definitions {
		if strings.Contains(name, "$") {
			files[name+".json"] = &fstest.MapFile{Data: []byte(`{"$ref":"all.json#/definitions/` + name + `"}`)}
		}
	}
	library := schema.NewLibrary(files, nil)
	all := map[string]*schema.Schema{}
	for name := range files {
		if name == "all.json" {
			continue
		}
		s, problems := library.Compile(name, schema.Options{Draft: "7", AsValidator: true})
		if len(problems) > 0 {
			tb.Fatal(name, problems[0])
		}
		all[name] = s
	}
	return all
}

// GitHub's events at three releases, in both policies: at least 95 % decided.
func TestOctokit(t *testing.T) {
	releases := []string{"3.77.1", "5.8.0", "7.6.1"}
	loaded := make([]map[string]*schema.Schema, len(releases))
	for i, r := range releases {
		loaded[i] = octokit(t, r)
	}
	for i := range releases[1:] {
		for _, policy := range []compat.Policy{{}, {Undeclared: compat.Absent}} {
			old, new := loaded[i], loaded[i+1]
			counts := map[string]int{}
			total, undecided, events := 0, 0, 0
			for _, name := range slices.Sorted(maps.Keys(old)) {
				if new[name] == nil {
					continue
				}
				events++
				r := compat.Compare(old[name], new[name], policy)
				for _, a := range []compat.Answer{r.Backward, r.Forward} {
					total++
					key := string(a.Verdict)
					if a.Verdict == compat.Undecided {
						undecided++
						key += " " + a.Reason.String()
					}
					counts[key]++
				}
			}
			t.Logf("%s to %s, undeclared %q: %d events, %v", releases[i], releases[i+1], policy.Undeclared, events, counts)
			if events == 0 || 100*undecided > 5*total {
				t.Errorf("%d of %d directions undecided", undecided, total)
			}
		}
	}
}

// The time of a comparison against the number of properties.
func BenchmarkProperties(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			old, new := load(b, wide(n, "string")), load(b, wide(n, "integer"))
			for b.Loop() {
				compat.Compare(old, new, compat.Policy{})
			}
		})
	}
}
