package compat_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

// perDirection is how many values are drawn for each direction that is said to
// be compatible.
const perDirection = 1000

// hits says how many of the values drawn for each direction were in the
// writer's set, for those that are not prove nothing.
type hits struct {
	sync.Mutex
	sent  []int
	rare  []string
	never int
}

func (h *hits) add(name string, sent int) {
	h.Lock()
	defer h.Unlock()
	h.sent = append(h.sent, sent)
	if sent == 0 {
		h.never++
	}
	if sent < 24 && len(h.rare) < 400 {
		h.rare = append(h.rare, name)
	}
}

func (h *hits) String() string {
	if len(h.sent) == 0 {
		return "no directions"
	}
	slices.Sort(h.sent)
	sum, few := 0, 0
	for _, n := range h.sent {
		sum += n
		if n < 24 {
			few++
		}
	}
	at := func(percent int) int { return h.sent[(len(h.sent)-1)*percent/100] }
	return fmt.Sprintf("%d directions, %d values each: the writer accepts %d on average; p5 %d, p10 %d, p25 %d, median %d; fewer than 24 in %d directions, none in %d",
		len(h.sent), perDirection, sum/len(h.sent), at(5), at(10), at(25), at(50), few, h.never)
}

func (h *hits) check(t *testing.T) {
	t.Helper()
	t.Logf("%v", h)
	few := 0
	for _, n := range h.sent {
		if n < 24 {
			few++
		}
	}
	if len(h.sent) < 10 || 5*few > len(h.sent) {
		t.Errorf("%d of %d directions have fewer than 24 values that the writer accepts: the generator of instances misses too many, such as %v", few, len(h.sent), h.rare[:min(len(h.rare), 5)])
	}
}

// Values drawn for generated pairs that are said to be compatible: none is sent
// and not read.
func TestInstancesOfGenerated(t *testing.T) {
	for _, draft := range schema.Drafts {
		t.Run(draft, func(t *testing.T) {
			t.Parallel()
			var h hits
			empty := 0
			for seed := range uint64(either(2000, 50)) {
				g := newGenerator(seed, 5, draft)
				doc1, doc2 := g.pair()
				a, text1 := g.parsed(doc1)
				b, text2 := g.parsed(doc2)
				if a == nil || b == nil {
					continue
				}
				policy := compat.Policy{}
				if seed%2 == 1 {
					policy.Undeclared = compat.Absent
				}
				if compat.Contained(a, b, policy).Verdict != compat.Compatible {
					continue
				}
				if !sends(a, policy) {
					empty++
					continue
				}
				from := newInstances(rand.New(rand.NewPCG(seed, 6)), draft, decoded(t, []byte(text1)), decoded(t, []byte(text2)))
				d := from.refute(a, b, policy.Undeclared == compat.Absent, perDirection)
				if d.found {
					t.Errorf("seed %d: undeclared %q: compatible is contradicted by %s for\n%s\n%s", seed, policy.Undeclared, encoded(d.wrong), text1, text2)
				}
				h.add(fmt.Sprint("seed ", seed, " ", text1), d.sent)
			}
			t.Logf("%d more writers accept nothing", empty)
			h.check(t)
		})
	}
}

// sends reports whether a writer has anything to send, by the algebra: it only
// serves to count.
func sends(s *schema.Schema, policy compat.Policy) bool {
	return compat.Contained(s, nothing, policy).Verdict != compat.Compatible
}

var nothing = func() *schema.Schema {
	s, err := schema.Parse("nothing.json", []byte(`{"not":{}}`), schema.Options{AsValidator: true})
	if err != nil {
		panic(err)
	}
	return s
}()

// Values drawn for the compatible directions of the containment corpus: none
// is sent and not read.
func TestInstancesOfCorpus(t *testing.T) {
	stride := either(1, 40)
	for _, set := range []string{"draft7", "draft2020-12"} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			all := pairs(t, set)
			var h hits
			var empty int
			next := make(chan int)
			var wg sync.WaitGroup
			for range runtime.GOMAXPROCS(0) {
				wg.Go(func() {
					for i := range next {
						for _, policy := range []compat.Policy{{}, {Undeclared: compat.Absent}} {
							n := instancesOf(t, all[i], uint64(i), policy, &h)
							h.Lock()
							empty += n
							h.Unlock()
						}
					}
				})
			}
			for i := 0; i < len(all); i += stride {
				next <- i
			}
			close(next)
			wg.Wait()
			t.Logf("%d more writers accept nothing", empty)
			h.check(t)
			if full() {
				t.Logf("fewest: %v", strings.Join(h.rare[:min(len(h.rare), 60)], "\n"))
			}
		})
	}
}

// parsedPair reads a pair of the corpus; nil where a schema cannot be loaded.
func parsedPair(p labelled) (first, second *schema.Schema) {
	o := schema.Options{Draft: strings.TrimPrefix(p.set, "draft"), AsValidator: true, AssertFormat: strings.Contains(p.file, "optional/format/")}
	first, err1 := schema.Parse("schema1.json", p.Schema1, o)
	second, err2 := schema.Parse("schema2.json", p.Schema2, o)
	if err1 != nil || err2 != nil {
		return nil, nil
	}
	return first, second
}

func instancesOf(t *testing.T, p labelled, seed uint64, policy compat.Policy, h *hits) (empty int) {
	t.Helper()
	first, second := parsedPair(p)
	if first == nil {
		return 0
	}
	docs := [2]any{decoded(t, p.Schema1), decoded(t, p.Schema2)}
	schemas := [2]*schema.Schema{first, second}
	for d := range 2 {
		writer, reader := schemas[d], schemas[1-d]
		if compat.Contained(writer, reader, policy).Verdict != compat.Compatible {
			continue
		}
		if !sends(writer, policy) {
			empty++
			continue
		}
		from := newInstances(rand.New(rand.NewPCG(seed, uint64(d))), strings.TrimPrefix(p.set, "draft"), docs[d], docs[1-d])
		found := from.refute(writer, reader, policy.Undeclared == compat.Absent, perDirection)
		name := fmt.Sprintf("%s#%d direction %d", p.file, p.ID, d+1)
		if found.found {
			t.Errorf("%s: undeclared %q: compatible is contradicted by %s for\n%s\n%s", name, policy.Undeclared, encoded(found.wrong), encoded(docs[d]), encoded(docs[1-d]))
		}
		h.add(name+" "+string(encoded(docs[d])), found.sent)
	}
	return empty
}
