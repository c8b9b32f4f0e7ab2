package compat_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// Generated pairs, judged by brute force: a value of a small universe that
// tells the two apart contradicts "compatible".
func TestBruteForce(t *testing.T) {
	all := universe()
	pairs := uint64(400)
	if os.Getenv("EVENTPROOF_LONG") != "" {
		pairs = 2000
	}
	for _, draft := range schema.Drafts {
		t.Run(draft, func(t *testing.T) {
			t.Parallel()
			var refused, undecided, incompatible, compatible int
			why := map[string]int{}
			for seed := range pairs {
				g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), draft: draft}
				doc1, doc2 := g.document(), g.document()
				if g.IntN(3) == 0 { // a neighbour rather than a stranger
					text, _ := json.Marshal(doc1)
					doc2 = map[string]any{}
					_ = json.Unmarshal(text, &doc2)
					g.keyword(doc2, 2)
				}
				a, text1 := g.parsed(doc1)
				b, text2 := g.parsed(doc2)
				if a == nil || b == nil {
					refused++
					continue
				}
				values := make([]any, 0, 200)
				for _, i := range g.Perm(len(all))[:200] {
					values = append(values, all[i])
				}
				inA, inB := accepted(a, values), accepted(b, values)
				setA := valueset.Of(a)
				for i, v := range values[:20] {
					if setA.Contains(v) != inA[i] {
						text, _ := json.Marshal(v)
						t.Fatalf("seed %d: Contains(%s) is %v, the validator says %v, for\n%s", seed, text, !inA[i], inA[i], text1)
					}
				}
				for _, policy := range []compat.Policy{{}, {Undeclared: compat.Absent}} {
					sentA, sentB := inA, inB
					if policy.Undeclared == compat.Absent {
						sentA, sentB = declared(a, values, inA), declared(b, values, inB)
					}
					r := compat.Compare(a, b, policy)
					for at, d := range []struct {
						answer     compat.Answer
						sent, read []bool
					}{{r.Backward, sentA, inB}, {r.Forward, sentB, inA}} {
						differ := -1
						for i := range values {
							if d.sent[i] && !d.read[i] {
								differ = i
								break
							}
						}
						switch d.answer.Verdict {
						case compat.Compatible:
							compatible++
							if differ >= 0 {
								text, _ := json.Marshal(values[differ])
								t.Errorf("seed %d: %v: compatible is contradicted by %s for\n%s\n%s", seed, policy.Undeclared, text, text1, text2)
							}
						case compat.Incompatible:
							incompatible++
							writer, reader := a, b
							if at == 1 {
								writer, reader = b, a
							}
							w := d.answer.Witness
							if writer.Compiled.Validate(w) != nil || reader.Compiled.Validate(w) == nil || policy.Undeclared == compat.Absent && len(writer.Undeclared(w)) > 0 {
								t.Errorf("seed %d: %v: %v is no witness for\n%s\n%s", seed, policy.Undeclared, w, text1, text2)
							}
						default:
							undecided++
							reason := fmt.Sprint(policy.Undeclared, d.answer.Reason)
							if why[reason]++; why[reason] <= 2 {
								witness, _ := json.Marshal(d.answer.Witness)
								t.Logf("seed %d: %v: undecided: %v %s\n%s\n%s", seed, policy.Undeclared, d.answer.Reason, witness, text1, text2)
							}
						}
					}
				}
			}
			t.Logf("draft %s: %d compatible, %d incompatible, %d undecided %v, %d pairs refused", draft, compatible, incompatible, undecided, why, refused)
		})
	}
}

func accepted(s *schema.Schema, values []any) []bool {
	in := make([]bool, len(values))
	for i, v := range values {
		in[i] = s.Compiled.Validate(v) == nil
	}
	return in
}

// declared keeps those values that have no undeclared property.
func declared(s *schema.Schema, values []any, in []bool) []bool {
	kept := make([]bool, len(in))
	for i, v := range values {
		kept[i] = in[i] && len(s.Undeclared(v)) == 0
	}
	return kept
}
