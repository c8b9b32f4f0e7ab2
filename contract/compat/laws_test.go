package compat_test

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// laws are the questions whose answer is "empty" whatever a and b are.
func laws(a, b *schema.Schema) map[string]valueset.Set {
	s, u := valueset.Of(a), valueset.Of(b)
	minus := func(x, y valueset.Set) valueset.Set { return valueset.And(x, valueset.Not(y)) }
	return map[string]valueset.Set{
		"S within S":                           minus(s, s),
		"S within S or T":                      minus(s, valueset.Or(s, u)),
		"S and T within S":                     minus(valueset.And(s, u), s),
		"S within not not S":                   minus(s, valueset.Not(valueset.Not(s))),
		"not not S within S":                   minus(valueset.Not(valueset.Not(s)), s),
		"S and not S":                          valueset.And(valueset.Not(s), s),
		"not (S or T) within not S":            minus(valueset.Not(valueset.Or(s, u)), valueset.Not(s)),
		"not (S and T) within not S or not T":  minus(valueset.Not(valueset.And(s, u)), valueset.Or(valueset.Not(s), valueset.Not(u))),
		"S within (S and T) or (S without T)":  minus(s, valueset.Or(valueset.And(s, u), minus(s, u))),
		"(S without T) and T":                  valueset.And(minus(s, u), u),
		"S closed within S":                    minus(valueset.Closed(a), s),
		"S closed within S closed, read again": minus(valueset.Closed(a), valueset.Closed(a)),
	}
}

// checkLaws returns how many laws were checked, and how many are undecided.
func checkLaws(t *testing.T, name string, a, b *schema.Schema) (checked, undecided int) {
	t.Helper()
	for law, set := range laws(a, b) {
		checked++
		switch answer := set.Example(valueset.Budget{}, 0); answer.Verdict {
		case valueset.Nonempty:
			t.Errorf("%s: %s is broken by %s", name, law, encoded(answer.Value))
		case valueset.Undecided:
			undecided++
			t.Logf("%s: %s: %v", name, law, answer.Reason)
		}
	}
	return checked, undecided
}

// The laws of sets, on generated schemas of each draft. A law may be undecided,
// never broken.
func TestLaws(t *testing.T) {
	for _, draft := range schema.Drafts {
		t.Run(draft, func(t *testing.T) {
			t.Parallel()
			undecided, checked := 0, 0
			for seed := range uint64(either(2500, 150)) {
				g := newGenerator(seed, 2, draft)
				a, text1 := g.parsed(g.document())
				b, text2 := g.parsed(g.document())
				if a == nil || b == nil {
					continue
				}
				c, u := checkLaws(t, fmt.Sprintf("seed %d, %s, %s", seed, text1, text2), a, b)
				checked, undecided = checked+c, undecided+u
			}
			t.Logf("%d laws checked, %d undecided", checked, undecided)
			if checked == 0 || undecided*50 > checked {
				t.Errorf("%d of %d laws are undecided", undecided, checked)
			}
		})
	}
}

// The laws of sets, on the corpus.
func TestLawsOfCorpus(t *testing.T) {
	for _, set := range []string{"draft7", "draft2020-12"} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			all := pairs(t, set)
			var checked, undecided atomic.Int64
			each(len(all), either(1, 25), func(i int) {
				if a, b := parsedPair(all[i]); a != nil {
					c, u := checkLaws(t, fmt.Sprintf("%s#%d", all[i].file, all[i].ID), a, b)
					checked.Add(int64(c))
					undecided.Add(int64(u))
				}
			})
			t.Logf("%d laws checked, %d undecided", checked.Load(), undecided.Load())
			if n := checked.Load(); n < 500 || undecided.Load()*50 > n {
				t.Errorf("%d of %d laws are undecided", undecided.Load(), n)
			}
		})
	}
}

// within are the verdicts among some schemas, writer first.
func within(schemas []*schema.Schema, policy compat.Policy) [][]compat.Answer {
	all := make([][]compat.Answer, len(schemas))
	for i, writer := range schemas {
		all[i] = make([]compat.Answer, len(schemas))
		for j, reader := range schemas {
			if i != j {
				all[i][j] = compat.Contained(writer, reader, policy)
			}
		}
	}
	return all
}

// chains checks that containment is transitive among schemas: where a lies
// within b and b within c, a is never said not to lie within c. It returns how many
// such chains there were, and for how many the third is undecided.
func chains(t *testing.T, name string, schemas []*schema.Schema) (chains, undecided int) {
	t.Helper()
	is := within(schemas, compat.Policy{})
	for a := range schemas {
		for b := range schemas {
			for c := range schemas {
				if a == b || b == c || a == c || is[a][b].Verdict != compat.Compatible || is[b][c].Verdict != compat.Compatible {
					continue
				}
				chains++
				switch is[a][c].Verdict {
				case compat.Incompatible:
					t.Errorf("%s: schema %d lies within %d, that within %d, and yet %s is in the first and not in the last", name, a, b, c, encoded(is[a][c].Witness))
				case compat.Undecided:
					undecided++
				}
			}
		}
	}
	return chains, undecided
}

// Containment is transitive, on neighbours of generated schemas.
func TestTransitive(t *testing.T) {
	for _, draft := range schema.Drafts {
		t.Run(draft, func(t *testing.T) {
			t.Parallel()
			found, undecided := 0, 0
			for seed := range uint64(either(1000, 50)) {
				g := newGenerator(seed, 9, draft)
				doc := g.document()
				var schemas []*schema.Schema
				for range 4 {
					if s, _ := g.parsed(doc); s != nil {
						schemas = append(schemas, s)
					}
					doc = copied(doc).(map[string]any)
					g.change(doc)
				}
				c, u := chains(t, fmt.Sprint("seed ", seed), schemas)
				found, undecided = found+c, undecided+u
			}
			t.Logf("%d chains, %d undecided", found, undecided)
			if found < 100 || undecided*50 > found {
				t.Errorf("%d chains, %d of them undecided", found, undecided)
			}
		})
	}
}

// Containment is transitive, on schemas that stand near each other in the corpus.
func TestTransitiveCorpus(t *testing.T) {
	for _, set := range []string{"draft7", "draft2020-12"} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			all := pairs(t, set)
			var found, undecided atomic.Int64
			each(len(all)-2, either(3, 90), func(i int) {
				var schemas []*schema.Schema
				for _, p := range all[i : i+3] {
					if a, b := parsedPair(p); a != nil {
						schemas = append(schemas, a, b)
					}
				}
				c, u := chains(t, fmt.Sprintf("%s#%d", all[i].file, all[i].ID), schemas)
				found.Add(int64(c))
				undecided.Add(int64(u))
			})
			t.Logf("%d chains, %d undecided", found.Load(), undecided.Load())
			if n := found.Load(); n < 50 || undecided.Load()*50 > n {
				t.Errorf("%d chains, %d of them undecided", n, undecided.Load())
			}
		})
	}
}

// A copy of a schema, read again and written in another way, is the same set.
func TestSameSetOtherText(t *testing.T) {
	for _, draft := range schema.Drafts {
		t.Run(draft, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(either(1000, 60)) {
				g := newGenerator(seed, 3, draft)
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
	for seed := range uint64(either(2000, 200)) {
		g := newGenerator(seed, 4, "2020-12")
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
