package compat_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// choices makes a generator decide by the bytes that a fuzzer gives; when they
// are spent, by a fixed sequence.
type choices struct {
	left []byte
	then *rand.PCG
}

func (c *choices) Uint64() uint64 {
	if len(c.left) == 0 {
		return c.then.Uint64()
	}
	b := c.left[0]
	c.left = c.left[1:]
	return uint64(b)<<56 | 1<<55 // the generator uses the highest bits
}

// fuzzBudget is small, so that many pairs are tried.
var fuzzBudget = valueset.Budget{Steps: 200_000, Memory: 64 << 20}

// FuzzCompare compares schemas that a fuzzer's bytes choose. Whatever they are:
// no panic, the budget kept, the same answer twice, no value of the universe and
// none that is drawn for the pair against "compatible", and each witness real.
func FuzzCompare(f *testing.F) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 11))
		text := make([]byte, 200)
		for i := range text {
			text[i] = byte(r.Uint32())
		}
		f.Add(uint8(seed%5), uint8(seed%2), text)
	}
	all := universe()
	f.Fuzz(func(t *testing.T, draft, policy uint8, text []byte) {
		g := &generator{Rand: rand.New(&choices{text, rand.NewPCG(uint64(len(text)), 12)}), draft: schema.Drafts[int(draft)%len(schema.Drafts)]}
		g.theme = themes[g.IntN(len(themes))]
		doc1, doc2 := g.pair()
		a, _ := g.parsed(doc1)
		b, _ := g.parsed(doc2)
		if a == nil || b == nil || len(encoded(doc1))+len(encoded(doc2)) > 20_000 {
			t.Skip("the validator cannot load these")
		}
		p := alternating(int(policy % 2))
		p.Budget = fuzzBudget
		values := g.some(all, 100)
		for d, s := range [][2]*schema.Schema{{a, b}, {b, a}} {
			answer := compat.Contained(s[0], s[1], p)
			if answer.Steps > fuzzBudget.Steps+10_000 {
				t.Errorf("%d steps were spent of %d", answer.Steps, fuzzBudget.Steps)
			}
			again := compat.Contained(s[0], s[1], p)
			if again.Verdict != answer.Verdict || again.Steps != answer.Steps || !bytes.Equal(encoded(again.Witness), encoded(answer.Witness)) {
				t.Errorf("%s in %d steps, then %s in %d, for\n%s\n%s", answer.Verdict, answer.Steps, again.Verdict, again.Steps, encoded(doc1), encoded(doc2))
			}
			if err := refuted(s[0], s[1], p, answer, values); err != nil {
				t.Errorf("direction %d, draft %s: %v for\n%s\n%s", d, g.draft, err, encoded(doc1), encoded(doc2))
			}
			if answer.Verdict == compat.Compatible {
				docs := [2]any{decoded(t, encoded(doc1)), decoded(t, encoded(doc2))}
				from := newInstances(rand.New(rand.NewPCG(1, 13)), g.draft, docs[d], docs[1-d])
				if found := from.refute(s[0], s[1], p.Undeclared == compat.Absent, 60); found.found {
					t.Errorf("direction %d, draft %s: compatible is contradicted by %s for\n%s\n%s", d, g.draft, encoded(found.wrong), encoded(doc1), encoded(doc2))
				}
			}
			if answer.Verdict == compat.Undecided && !strings.Contains(answer.Reason.What, "budget") {
				t.Logf("undecided: %v", answer.Reason)
			}
		}
	})
}
