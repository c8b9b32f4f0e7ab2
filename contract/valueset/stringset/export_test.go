package stringset

import "unicode/utf8"

// Accepts reads w with the automaton of s, which [Set.Contains] never uses.
func Accepts(s Set, w string) (bool, error) { return AcceptsWithin(s, w, NewBudget()) }

// AcceptsWithin is Accepts with a budget.
func AcceptsWithin(s Set, w string, b *Budget) (bool, error) {
	b, release := b.begin()
	defer release()
	n := withLength(s.node(), utf8.RuneCountInString(w))
	p, err := newProduct(n, b)
	if err != nil {
		return false, err
	}
	state, err := p.start()
	if err != nil {
		return false, err
	}
	for _, r := range w {
		if state == deadState || state == fullState {
			break
		}
		// Through the edges that a search would follow, as far as they go.
		edges, err := p.edgesOf(state)
		if err != nil {
			return false, err
		}
		class := p.symbols.of(r)
		copy(p.vector, p.states[state].vector)
		for leaf, i := range p.f.leafNode {
			if s := p.vector[i]; s >= 0 {
				if p.vector[i], err = p.leaves[leaf].next(s, p.classOf[class][leaf], p.b); err != nil {
					return false, err
				}
			}
		}
		if state, err = p.intern(); err != nil {
			return false, err
		}
		known := state == deadState
		for _, e := range edges {
			known = known || e.to == state
		}
		if !known {
			panic("a search does not follow the transition for " + string(r))
		}
	}
	return p.states[state].accepts, nil
}
