package valueset

import (
	"github.com/eventproof/eventproof/contract/schema"
)

// Set is a set of JSON values. The zero Set is empty. Sets are immutable.
type Set struct {
	kind   setKind
	schema *schema.Schema
	subs   []Set
}

type setKind uint8

const (
	setNone setKind = iota
	setSchema
	setClosed
	setAnd
	setOr
	setNot
)

// Of is the set of the values that the schema accepts.
func Of(s *schema.Schema) Set { return Set{kind: setSchema, schema: s} }

// Closed is what a writer sends who sends no property that the schema does not
// declare: the schema, closed at every object for which it declares properties,
// as unevaluatedProperties: false would close it, across allOf and $ref.
func Closed(s *schema.Schema) Set { return Set{kind: setClosed, schema: s} }

// And is the set of the values that are in all sets; And() is every value.
func And(sets ...Set) Set { return Set{kind: setAnd, subs: sets} }

// Or is the set of the values that are in some of the sets; Or() is empty.
func Or(sets ...Set) Set { return Set{kind: setOr, subs: sets} }

// Not is the set of the values that are not in s.
func Not(s Set) Set { return Set{kind: setNot, subs: []Set{s}} }

func (s Set) expr(p *pool) *expr {
	subs := make([]*expr, len(s.subs))
	for i, sub := range s.subs {
		subs[i] = sub.expr(p)
	}
	if s.schema != nil {
		if s.schema.AssertContent {
			p.content |= asserted
		} else {
			p.content |= annotated
		}
	}
	switch s.kind {
	case setSchema:
		return p.schema(s.schema.Compiled, nil, s.schema.AssertFormat)
	case setClosed:
		root := applied{schema: s.schema.Compiled, asserts: s.schema.AssertFormat}
		return p.and(p.schema(root.schema, nil, root.asserts), p.closed([]applied{root}))
	case setAnd:
		return p.and(subs...)
	case setOr:
		return p.or(subs...)
	case setNot:
		return p.not(subs[0])
	}
	return p.no
}

// Verdict is what is known of a set.
type Verdict int

// The verdicts.
const (
	Undecided Verdict = iota
	Empty             // proven: no finite value is in it
	Nonempty          // shown by a value
)

// Answer is the answer of [Set.Example].
type Answer struct {
	Verdict Verdict
	Value   any      // of Nonempty
	Reason  Reason   // of Undecided
	Steps   int      // that were spent
	Dispute *Dispute // met on the way, nil where none was
}

// Example finds a value in the set, or proves that there is none. Seed 0 asks
// for the plainest value; other seeds for others. The same set, budget and seed
// have the same answer everywhere.
func (s Set) Example(b Budget, seed uint64) (answer Answer) { return s.example(b, seed, nil) }

// ExampleElsewhere is Example for the validators that differ from ours as a
// dispute says.
func (s Set) ExampleElsewhere(d *Dispute, b Budget, seed uint64) Answer { return s.example(b, seed, d) }

func (s Set) example(b Budget, seed uint64, others *Dispute) (answer Answer) {
	spent := b.start()
	start := spent.steps
	p := newPool(spent)
	p.others = others
	defer func() {
		answer.Steps, answer.Dispute = start-spent.steps, p.dispute()
		if r := recover(); r != nil {
			reason, ours := r.(stop)
			if !ours {
				panic(r)
			}
			answer = Answer{Reason: reason.reason, Steps: answer.Steps, Dispute: answer.Dispute}
		}
	}()
	g := newEngine(p, seed)
	e := s.expr(p)
	r := g.solve(e)
	switch r.status {
	case empty:
		return Answer{Verdict: Empty}
	case unknown:
		return Answer{Reason: r.reason}
	}
	if !p.contains(e, r.value) {
		return Answer{Reason: Reason{"", notConfirmed}, Value: r.value}
	}
	return Answer{Verdict: Nonempty, Value: r.value}
}

const notConfirmed = "not confirmed: the example found is not in the set"

// Contains reports whether a value is in the set.
// The value is nil, bool, json.Number, string, []any or map[string]any. A value
// for which the question cannot be answered within the default budget, or whose
// format nothing checks, is reported as not in the set.
func (s Set) Contains(v any) (in bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ours := r.(stop); !ours {
				panic(r)
			}
			in = false
		}
	}()
	p := newPool(Budget{}.start())
	return p.contains(s.expr(p), v)
}
