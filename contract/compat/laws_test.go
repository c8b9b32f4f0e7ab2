package compat_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// The laws of sets, on generated schemas of each draft. A law may be undecided,
// never broken.
func TestLaws(t *testing.T) {
	for _, draft := range schema.Drafts {
		t.Run(draft, func(t *testing.T) {
			t.Parallel()
			undecided, checked := 0, 0
			for seed := range uint64(250) {
				g := &generator{Rand: rand.New(rand.NewPCG(seed, 2)), draft: draft}
				a, text1 := g.parsed(g.document())
				b, text2 := g.parsed(g.document())
				if a == nil || b == nil {
					continue
				}
				s, u := valueset.Of(a), valueset.Of(b)
				minus := func(x, y valueset.Set) valueset.Set { return valueset.And(x, valueset.Not(y)) }
				for _, law := range []struct {
					name  string
					empty valueset.Set
				}{
					{"S within S", minus(s, s)},
					{"S within S or T", minus(s, valueset.Or(s, u))},
					{"S and T within S", minus(valueset.And(s, u), s)},
					{"S within not not S", minus(s, valueset.Not(valueset.Not(s)))},
					{"S and not S", valueset.And(valueset.Not(s), s)},
					{"not (S or T) within not S", minus(valueset.Not(valueset.Or(s, u)), valueset.Not(s))},
					{"not (S and T) within not S or not T", minus(valueset.Not(valueset.And(s, u)), valueset.Or(valueset.Not(s), valueset.Not(u)))},
					{"S closed within S", minus(valueset.Closed(a), s)},
				} {
					checked++
					answer := law.empty.Example(valueset.Budget{}, 0)
					switch answer.Verdict {
					case valueset.Nonempty:
						v, _ := json.Marshal(answer.Value)
						t.Errorf("seed %d: %s is broken by %s for\n%s\n%s", seed, law.name, v, text1, text2)
					case valueset.Undecided:
						undecided++
						t.Logf("seed %d: %s: %v", seed, law.name, answer.Reason)
					}
				}
			}
			if checked == 0 || undecided*50 > checked {
				t.Errorf("%d of %d laws are undecided", undecided, checked)
			}
		})
	}
}

// A copy of a schema, read again and written in another way, is the same set.
func TestSameSetOtherText(t *testing.T) {
	for _, draft := range schema.Drafts {
		t.Run(draft, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(250) {
				g := &generator{Rand: rand.New(rand.NewPCG(seed, 3)), draft: draft}
				doc := g.document()
				a, text := g.parsed(doc)
				definitions := doc["definitions"].(map[string]any)
				delete(doc, "definitions")
				wrapped, _ := g.parsed(map[string]any{"allOf": []any{doc}, "definitions": definitions})
				definitions["root"] = doc
				extracted, _ := g.parsed(map[string]any{"$ref": "#/definitions/root", "definitions": definitions})
				if a == nil || wrapped == nil || extracted == nil {
					continue
				}
				for name, b := range map[string]*schema.Schema{"itself": a, "in allOf": wrapped, "behind $ref": extracted} {
					r := compat.Compare(a, b, compat.Policy{})
					if r.Backward.Verdict != compat.Compatible || r.Forward.Verdict != compat.Compatible {
						t.Errorf("seed %d: %s: backward %s %v, forward %s %v for\n%s", seed, name, r.Backward.Verdict, r.Backward.Witness, r.Forward.Verdict, r.Forward.Witness, text)
					}
				}
			}
		})
	}
}

// Seeds change which value is found, never whether there is one, and the same
// seed finds the same.
func TestSeeds(t *testing.T) {
	for seed := range uint64(300) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 4)), draft: "2020-12"}
		a, text := g.parsed(g.document())
		if a == nil {
			continue
		}
		plain := valueset.Of(a).Example(valueset.Budget{}, 0)
		for s := range uint64(4) {
			x, y := valueset.Of(a).Example(valueset.Budget{}, s), valueset.Of(a).Example(valueset.Budget{}, s)
			one, _ := json.Marshal(x.Value)
			two, _ := json.Marshal(y.Value)
			if x.Verdict != plain.Verdict || string(one) != string(two) || x.Steps != y.Steps {
				t.Errorf("seed %d: verdicts %v, %v and values %s, %s in %d, %d steps for\n%s", seed, plain.Verdict, x.Verdict, one, two, x.Steps, y.Steps, text)
			}
			if x.Verdict == valueset.Nonempty && a.Compiled.Validate(x.Value) != nil {
				t.Errorf("seed %d: the validator refuses %s for\n%s", seed, one, text)
			}
		}
	}
}
