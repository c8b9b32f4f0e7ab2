package compat

import (
	"errors"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// Undeclared is what a contract says of properties that a writer's schema does
// not declare.
type Undeclared string

// What undeclared may be.
const (
	Allowed Undeclared = "allowed" // sent, as the schema says; the default
	Absent  Undeclared = "absent"  // not sent
)

// Policy is how two schemas are compared. The zero Policy takes them as written.
type Policy struct {
	Undeclared Undeclared
	// DefaultsFill lets a reader put the default of a property where it is
	// missing, before the value is checked. As in ajv (useDefaults), those
	// defaults count to which properties and items lead, through $ref and allOf;
	// where another keyword than required sees the difference, it is undecided.
	DefaultsFill bool
	// Budget bounds the work on each direction.
	Budget valueset.Budget
	_      struct{}
}

// Verdict is what is known of one direction.
type Verdict string

// The verdicts.
const (
	Compatible   Verdict = "compatible"   // proven
	Incompatible Verdict = "incompatible" // shown by a witness
	Undecided    Verdict = "undecided"
)

// Answer is one direction's verdict.
type Answer struct {
	Verdict Verdict
	// Witness is a value that the writer's schema accepts and the reader's
	// refuses, confirmed by the validator. Of Incompatible only.
	Witness any
	// Reason is why it is Undecided.
	Reason valueset.Reason
	// Steps is how much of the budget was spent.
	Steps int
}

// Result is the comparison of two versions of a schema.
type Result struct {
	Policy Policy
	// Backward: consumers on the new schema can read events of the old one.
	Backward Answer
	// Forward: consumers on the old schema can read events of the new one.
	Forward Answer
}

// Compare compares two versions of a schema in both directions.
func Compare(old, new *schema.Schema, policy Policy) Result {
	return Result{Policy: policy, Backward: Contained(old, new, policy), Forward: Contained(new, old, policy)}
}

// Contained says whether the reader's schema accepts everything that the
// writer's does.
func Contained(writer, reader *schema.Schema, policy Policy) Answer {
	if writer.Same(reader) && !policy.DefaultsFill {
		return Answer{Verdict: Compatible} // what a writer leaves out by policy, the reader accepts all the more
	}
	filled := (*filling)(nil)
	reads := reader
	if policy.DefaultsFill {
		filled = fillingOf(reader)
		changed, err := filled.schema()
		if err != nil {
			filled.stop("(%v)", err)
		}
		if filled.stopped != (valueset.Reason{}) {
			return Answer{Verdict: Undecided, Reason: filled.stopped}
		}
		reads = changed
	}
	written := valueset.Of(writer)
	if policy.Undeclared == Absent {
		written = valueset.Closed(writer)
	}
	difference := valueset.And(written, valueset.Not(valueset.Of(reads)))
	found := difference.Example(policy.Budget, 0)
	a := Answer{Verdict: Undecided, Reason: found.Reason, Steps: found.Steps}
	if found.Dispute != nil && found.Verdict != valueset.Undecided {
		elsewhere := difference.ExampleElsewhere(found.Dispute, policy.Budget, 0)
		a.Steps += elsewhere.Steps
		if elsewhere.Verdict != found.Verdict {
			a.Reason = valueset.Reason{Keyword: found.Dispute.Keyword, What: "validators disagree: " + found.Dispute.What}
			return a
		}
	}
	switch found.Verdict {
	case valueset.Empty:
		a.Verdict = Compatible
	case valueset.Nonempty:
		if parts(found.Value, mostParts) >= mostParts {
			a.Reason = valueset.Reason{What: "the witness found is too large to be confirmed"}
			break
		}
		witness := func(v any) bool { return confirmed(writer, reader, v, policy, filled) }
		if !witness(found.Value) {
			a.Reason = valueset.Reason{What: "not confirmed: the validator does not tell the two schemas apart by the witness found"}
			break
		}
		a.Verdict, a.Witness = Incompatible, shrink(found.Value, cost(writer, reader), examples(writer, reader), witness)
	}
	return a
}

// confirmed runs a witness through the validator; filled is not nil where the
// reader fills in defaults first.
func confirmed(writer, reader *schema.Schema, v any, policy Policy, filled *filling) bool {
	sent, known := accepts(writer, v)
	if !sent || !known {
		return false
	}
	if policy.Undeclared == Absent && len(writer.Undeclared(v)) > 0 {
		return false
	}
	if filled != nil {
		v = filled.fill(filled.root, copied(v), 0)
	}
	read, known := accepts(reader, v)
	return !read && known
}

// accepts asks the validator. known is false where it fails to answer.
func accepts(s *schema.Schema, v any) (accepted, known bool) {
	defer func() {
		if recover() != nil {
			accepted, known = false, false
		}
	}()
	err := s.Compiled.Validate(v)
	var invalid *jsonschema.ValidationError
	return err == nil, err == nil || errors.As(err, &invalid)
}
