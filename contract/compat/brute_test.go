package compat_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// pairsPerDraft times the five drafts are 10,000 pairs; 1,500 with the race
// detector, unless everything is asked for.
var pairsPerDraft = func() int {
	if slowed && !full() {
		return 300
	}
	return 2000
}()

// tally counts verdicts.
type tally struct {
	pairs, refused                      int
	compatible, incompatible, undecided int
	why                                 map[string]int
	keywords                            map[string]int
}

func (c *tally) add(a compat.Answer) {
	switch a.Verdict {
	case compat.Compatible:
		c.compatible++
	case compat.Incompatible:
		c.incompatible++
	default:
		c.undecided++
		if c.why == nil {
			c.why = map[string]int{}
		}
		c.why[a.Reason.String()]++
	}
}

func (c *tally) total() int { return c.compatible + c.incompatible + c.undecided }

func (c *tally) String() string {
	share := func(n int) string { return fmt.Sprintf("%d (%.1f %%)", n, 100*float64(n)/float64(max(1, c.total()))) }
	return fmt.Sprintf("%s compatible, %s incompatible, %s undecided %v", share(c.compatible), share(c.incompatible), share(c.undecided), c.why)
}

// Generated pairs, 10,000 of them, judged by brute force: a value of a small
// universe that tells the two apart contradicts "compatible".
func TestBruteForce(t *testing.T) {
	all := universe()
	for _, draft := range schema.Drafts {
		t.Run(draft, func(t *testing.T) {
			t.Parallel()
			c := tally{keywords: map[string]int{}}
			for seed := uint64(0); c.pairs < pairsPerDraft; seed++ {
				g := newGenerator(seed, 1, draft)
				doc1, doc2 := g.pair()
				a, _ := g.parsed(doc1)
				b, _ := g.parsed(doc2)
				if a == nil || b == nil || bytes.Equal(encoded(doc1), encoded(doc2)) {
					c.refused++
					continue
				}
				c.pairs++
				for keyword := range used(doc1, doc2) {
					c.keywords[keyword]++
				}
				values := all
				if !full() {
					values = g.some(all, 100)
				}
				policies := []compat.Policy{{}, {Undeclared: compat.Absent}}
				if !full() {
					policies = policies[seed%2:][:1]
				}
				for _, policy := range policies {
					for _, d := range [][2]*schema.Schema{{a, b}, {b, a}} {
						answer := compat.Contained(d[0], d[1], policy)
						c.add(answer)
						if err := refuted(d[0], d[1], policy, answer, values); err != nil {
							t.Errorf("seed %d: %v for\n%s\n%s", seed, err, encoded(doc1), encoded(doc2))
						}
					}
				}
				if seed%8 == 0 {
					agrees(t, a, values[:20], string(encoded(doc1)))
				}
			}
			t.Logf("draft %s: %d pairs (and %d left out: not loadable, or equal), directions: %v", draft, c.pairs, c.refused, &c)
			var rare []string
			for _, k := range grammar {
				if atLeastDraft(draft, k.since) && (k.until == "" || atLeastDraft(k.until, draft)) && !strings.Contains(k.name, " ") && c.keywords[k.name] < pairsPerDraft/50 {
					rare = append(rare, k.name)
				}
			}
			if len(rare) > 0 {
				t.Errorf("in fewer than one pair of 50: %v", rare)
			}
			t.Logf("pairs with each keyword: %v", c.keywords)
			if 50*c.undecided > c.total() || 10*c.compatible < c.total() || 10*c.incompatible < c.total() {
				t.Errorf("%v: want at least 10 %% of either, and at most 2 %% undecided", &c)
			}
		})
	}
}

// used are the keywords of documents; definitions that nothing refers to do not count.
func used(docs ...any) map[string]bool {
	keywords := map[string]bool{}
	for _, doc := range docs {
		refers := bytes.Contains(encoded(doc), []byte(`"$ref"`))
		schemasIn(doc, func(path string, s map[string]any) {
			for keyword := range s {
				keywords[keyword] = keywords[keyword] || refers || !strings.HasPrefix(path, "/definitions/")
			}
		})
	}
	maps.DeleteFunc(keywords, func(_ string, counts bool) bool { return !counts })
	return keywords
}

// some are values of the universe, most of them of the generator's theme.
func (g *generator) some(all []any, n int) []any {
	values := make([]any, 0, n)
	for len(values) < n {
		v := all[g.IntN(len(all))]
		if g.IntN(3) == 0 || g.theme == "" || g.theme == unevaluatedOnly || g.theme == typeName(v) {
			values = append(values, v)
		}
	}
	return values
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "number"
}

// refuted shows by the validator that an answer is wrong: some value tells two
// schemas apart that are called compatible, or a witness does not.
func refuted(writer, reader *schema.Schema, policy compat.Policy, answer compat.Answer, values []any) error {
	sent := func(v any) bool {
		return accepts(writer, v) && (policy.Undeclared != compat.Absent || len(writer.Undeclared(v)) == 0)
	}
	switch answer.Verdict {
	case compat.Compatible:
		for _, v := range values {
			if !accepts(reader, v) && sent(v) {
				return fmt.Errorf("undeclared %q: compatible is contradicted by %s", policy.Undeclared, encoded(v))
			}
		}
	case compat.Incompatible:
		if w := answer.Witness; !sent(w) || accepts(reader, w) {
			return fmt.Errorf("undeclared %q: %s is no witness", policy.Undeclared, encoded(w))
		}
	default:
		if strings.HasPrefix(answer.Reason.What, "not confirmed") {
			return fmt.Errorf("undeclared %q: %v", policy.Undeclared, answer.Reason)
		}
	}
	return nil
}

func accepts(s *schema.Schema, v any) bool { return s.Compiled.Validate(v) == nil }

// agrees compares the sets of a schema with the validator, value by value.
func agrees(t *testing.T, s *schema.Schema, values []any, text string) {
	t.Helper()
	set, closed := valueset.Of(s), valueset.Closed(s)
	for _, v := range values {
		in := accepts(s, v)
		if set.Contains(v) != in {
			t.Errorf("the set contains %s: %v, the validator says %v, for\n%s", encoded(v), !in, in, text)
		}
		if sent := in && len(s.Undeclared(v)) == 0; closed.Contains(v) != sent {
			t.Errorf("the closed set contains %s: %v, the validator says %v, for\n%s", encoded(v), !sent, sent, text)
		}
	}
}

// Two contains meet in one array: what each counts, and what both do.
func TestContainsTwice(t *testing.T) {
	for _, tt := range []struct {
		name, reason, writer, reader string
		want                         compat.Verdict
	}{
		{"the second is asserted", "[1] is sent", `{"contains":{"const":1}}`, `{"allOf":[{"contains":{"const":1}},{"contains":{"const":2}}]}`, compat.Incompatible},
		{"the second counts", "[1,2] has one 2", `{"type":"array","allOf":[{"contains":{"const":1}},{"contains":{"const":2}}]}`, `{"contains":{"const":2},"minContains":2}`, compat.Incompatible},
		{"both fill two places", "1 and 2 take both", `{"type":"array","maxItems":2,"allOf":[{"contains":{"const":1}},{"contains":{"const":2}}]}`, `{"items":{"enum":[1,2]},"minItems":2}`, compat.Compatible},
		{"a third place is free", "[1,2,null]", `{"type":"array","maxItems":3,"allOf":[{"contains":{"const":1}},{"contains":{"const":2}}]}`, `{"items":{"enum":[1,2]}}`, compat.Incompatible},
		{"one item serves both", "[1] is sent", `{"type":"array","maxItems":1,"allOf":[{"contains":{"minimum":1}},{"contains":{"maximum":1}}],"items":{"type":"number"}}`, `{"const":[1]}`, compat.Compatible},
		{"one item serves both, or nothing could", "[1] is sent", `{"type":"array","maxItems":1,"allOf":[{"contains":{"minimum":1}},{"contains":{"maximum":1}}],"items":{"type":"number"}}`, `false`, compat.Incompatible},
		{"the first must leave room for a 2", "[1,2]", `{"type":"array","minItems":2,"maxItems":2,"prefixItems":[{"enum":[1,2]},{"const":2}],"allOf":[{"contains":{"const":2},"minContains":0,"maxContains":1},{"contains":{"const":1},"minContains":0,"maxContains":1}]}`, `false`, compat.Incompatible},
		{"the first must leave room for a 1", "[2,1]", `{"type":"array","minItems":2,"maxItems":2,"prefixItems":[{"enum":[1,2]},{"const":1}],"allOf":[{"contains":{"const":2},"minContains":0,"maxContains":1},{"contains":{"const":1},"minContains":0,"maxContains":1}]}`, `false`, compat.Incompatible},
		{"at most one of each", "three items of two kinds", `{"type":"array","minItems":3,"items":{"enum":[1,2]},"allOf":[{"contains":{"const":1},"minContains":0,"maxContains":1},{"contains":{"const":2},"minContains":0,"maxContains":1}]}`, `false`, compat.Compatible},
		{"at most two of the second", "[1,2,2]", `{"type":"array","minItems":3,"items":{"enum":[1,2]},"allOf":[{"contains":{"const":1},"minContains":0,"maxContains":1},{"contains":{"const":2},"minContains":0,"maxContains":2}]}`, `{"minItems":4}`, compat.Incompatible},
		{"at least two of one, at most one of the other", "the other is wider", `{"type":"array","allOf":[{"contains":{"type":"integer"},"minContains":2},{"contains":{"type":"number"},"maxContains":1}]}`, `false`, compat.Compatible},
	} {
		t.Run(tt.name, func(t *testing.T) {
			writer, reader := load(t, tt.writer), load(t, tt.reader)
			got := compat.Contained(writer, reader, compat.Policy{})
			if got.Verdict != tt.want {
				t.Errorf("%s %s %v, want %s: %s", got.Verdict, encoded(got.Witness), got.Reason, tt.want, tt.reason)
			}
			if err := refuted(writer, reader, compat.Policy{}, got, universe()); err != nil {
				t.Error(err)
			}
		})
	}
}
