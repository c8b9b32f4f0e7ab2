package sample

import (
	"fmt"

	"github.com/eventproof/eventproof/contract/valueset"
)

const (
	attempts   = 8  // at one sample by construction
	repetition = 12 // samples in a row that were there before: the rest is given up
)

// valid makes up to n values that differ from one another. The error says why
// there is not even one.
func (m *maker) valid(n int) ([]Sample, error) {
	var list []Sample
	seen := map[string]bool{}
	take := func(v any) bool {
		key := textOf(v)
		if seen[key] {
			return false
		}
		seen[key] = true
		list = append(list, Sample{Kind: Valid, Value: v, What: "accepted"})
		return true
	}
	failed := 0
	for ordinal := 0; len(list) < n && failed < repetition; ordinal++ {
		if failed++; len(list) == 0 && failed > 2 {
			break
		}
		for attempt := range attempts {
			v, ok := m.newBuilder(ordinal, attempt).value()
			if ok && m.confirmed(Valid, "", v) && take(v) {
				failed = 0
				break
			}
		}
	}
	if len(list) == n {
		return list, nil
	}
	// What walking the schema does not find, the algebra does.
	set := m.set()
	failed = 0
	for seed := uint64(0); len(list) < n && failed < repetition/2; seed++ {
		if seed > 0 && len(list) == 0 {
			break
		}
		a := set.Example(m.options.Budget, seed+m.options.Seed*1_000_003)
		failed++
		switch {
		case a.Verdict == valueset.Nonempty && m.confirmed(Valid, "", a.Value):
			if take(m.polished(a.Value, func(v any) bool { return m.confirmed(Valid, "", v) && !seen[textOf(v)] })) {
				failed = 0
			}
		case len(list) > 0:
		case a.Verdict == valueset.Empty:
			return nil, m.nothing()
		case a.Verdict == valueset.Nonempty:
			return nil, fmt.Errorf("%s: %w: a value that should be accepted is not", m.schema.File, ErrUndecided)
		default:
			return nil, fmt.Errorf("%s: %w: %s", m.schema.File, ErrUndecided, a.Reason)
		}
	}
	return list, nil
}

// nothing says why there is no value at all.
func (m *maker) nothing() error {
	if m.frame != nil && valueset.Of(m.schema).Example(m.options.Budget, 0).Verdict == valueset.Nonempty {
		wishes := m.wishes
		if m.options.Closed {
			wishes += ", with no property that the schema does not declare (undeclared: absent)"
		}
		return fmt.Errorf("%s: %w that the contract asks for: %s", m.schema.File, ErrEmpty, wishes)
	}
	if m.options.Closed && valueset.Of(m.schema).Example(m.options.Budget, 0).Verdict == valueset.Nonempty {
		return fmt.Errorf("%s: %w without a property that it does not declare", m.schema.File, ErrEmpty)
	}
	return fmt.Errorf("%s: %w", m.schema.File, ErrEmpty)
}

// set are the values that are wanted.
func (m *maker) set() valueset.Set {
	set := valueset.Of(m.schema)
	if m.options.Closed && !m.event {
		set = valueset.Closed(m.schema)
	}
	if m.frame != nil {
		set = valueset.And(set, valueset.Of(m.frame))
	}
	return set
}

// confirmed: the validator accepts the value, and so does the contract.
func (m *maker) confirmed(kind Kind, at string, v any) bool {
	return m.accepted(v) && (m.extra == nil || m.extra(kind, at, v))
}
