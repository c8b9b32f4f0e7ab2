package stringset

import (
	"errors"
	"slices"
	"sort"
	"unicode/utf8"
)

// Empty reports whether the set has no member. The error, if any, wraps
// [ErrUndecided]. A nil budget is a fresh default one.
func (s Set) Empty(b *Budget) (bool, error) {
	b, release := b.begin()
	defer release()
	found, err := witness(s.node(), b, false)
	if err != nil {
		return false, err
	}
	return found == nil, nil
}

// begin is called when a call starts; what it returns gives back the memory.
func (b *Budget) begin() (*Budget, func()) {
	if b == nil {
		b = NewBudget()
	}
	memory := b.Memory
	return b, func() { b.Memory = memory }
}

// A found word is one path through the classes of a product: each choice of one
// code point from each class is a member of the set. Where the search was
// asked only whether there is a word, word is empty.
type found struct {
	length  int // in code points
	word    string
	symbols *partition // nil: only word
	path    []int32
}

// witness looks for a member; nil without an error means that there is none.
func witness(n *node, b *Budget, wantWord bool) (*found, error) {
	return searcher{b: b, wantWord: wantWord}.find(n)
}

type searcher struct {
	b        *Budget
	wantWord bool
}

// find decides unions part by part, finite sets word by word, and leaves the
// rest to the product.
func (s searcher) find(n *node) (*found, error) {
	if err := s.b.step(1); err != nil {
		return nil, err
	}
	switch {
	case n == noneNode:
		return nil, nil
	case n == allNode:
		return &found{}, nil
	case n.kind == kindLength:
		return s.search(allNode, n.lengths[0])
	case n.kind == kindNot && n.subs[0].kind == kindAnd:
		return s.shortest(len(n.subs[0].subs), func(i int) (*found, error) { return s.find(notNode(n.subs[0].subs[i])) })
	}
	if words, ok := within(n); ok {
		return s.first(n, words)
	}
	bounds := boundsIn(n)
	if len(bounds) == 0 {
		return s.search(n, interval{0, endless})
	}
	return s.shortest(len(bounds)+1, func(i int) (*found, error) {
		iv := interval{0, endless}
		if i > 0 {
			iv.lo = bounds[i-1]
		}
		if i < len(bounds) {
			iv.hi = bounds[i] - 1
		}
		rest := withLength(n, iv.lo)
		if rest == noneNode {
			return nil, nil
		}
		if words, ok := within(rest); ok {
			words = slices.DeleteFunc(slices.Clone(words), func(w string) bool {
				l := utf8.RuneCountInString(w)
				return l < iv.lo || l > iv.hi
			})
			return s.first(rest, words)
		}
		return s.search(rest, iv)
	})
}

// shortest is the shortest of what the parts find. That one part is undecided
// matters only if no part has a member.
func (s searcher) shortest(parts int, find func(i int) (*found, error)) (*found, error) {
	var best *found
	var open error
	for i := range parts {
		f, err := find(i)
		switch {
		case err != nil:
			if open = err; !errors.Is(err, ErrUndecided) {
				return nil, err
			}
		case f != nil && !s.wantWord:
			return f, nil
		case f != nil && (best == nil || f.length < best.length):
			best = f
		}
	}
	if best != nil {
		return best, nil
	}
	return nil, open
}

// first is the shortest of the words that is in n.
func (s searcher) first(n *node, words []string) (*found, error) {
	var best *found
	for _, w := range words {
		if err := s.b.step(1 + len(w)*min(n.size, 4096)); err != nil {
			return nil, err
		}
		l := utf8.RuneCountInString(w)
		if (best == nil || l < best.length) && (Set{n}).Contains(w) {
			best = &found{length: l, word: w}
			if !s.wantWord {
				break
			}
		}
	}
	return best, nil
}

// maxWithin is the size of the largest expression that within looks through: it
// visits shared parts each time.
const maxWithin = 100_000

// within gives finitely many words in which the whole set lies, if that can be
// seen from the expression.
func within(n *node) ([]string, bool) {
	if n.size > maxWithin {
		return nil, false
	}
	switch n.kind {
	case kindWords:
		return n.words.sorted, true
	case kindAnd:
		var best []string
		ok := false
		for _, sub := range n.subs {
			if w, bounded := within(sub); bounded && (!ok || len(w) < len(best)) {
				best, ok = w, true
			}
		}
		return best, ok
	case kindNot:
		if n.subs[0].kind == kindAll {
			return nil, true
		}
		if n.subs[0].kind != kindAnd {
			return nil, false
		}
		var all []string
		for _, sub := range n.subs[0].subs {
			w, ok := within(notNode(sub))
			if !ok {
				return nil, false
			}
			all = append(all, w...)
		}
		sort.Strings(all)
		return slices.Compact(all), true
	}
	return nil, false
}

// boundsIn are the lengths at which a length condition of n changes, ascending.
func boundsIn(n *node) []int {
	var bounds []int
	seen := map[*node]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, iv := range n.lengths {
			if iv.lo > 0 {
				bounds = append(bounds, iv.lo)
			}
			if iv.hi < endless {
				bounds = append(bounds, iv.hi+1)
			}
		}
		for _, sub := range n.subs {
			visit(sub)
		}
	}
	visit(n)
	slices.Sort(bounds)
	return slices.Compact(bounds)
}

// withLength is n for words of the given length, without length conditions.
func withLength(n *node, length int) *node {
	memo := map[*node]*node{}
	var visit func(n *node) *node
	visit = func(n *node) *node {
		if v, ok := memo[n]; ok {
			return v
		}
		v := n
		switch n.kind {
		case kindLength:
			v = noneNode
			if n.lengths.contains(length) {
				v = allNode
			}
		case kindNot:
			v = notNode(visit(n.subs[0]))
		case kindAnd:
			subs := make([]*node, len(n.subs))
			for i, sub := range n.subs {
				subs[i] = visit(sub)
			}
			v = andNode(subs)
		}
		memo[n] = v
		return v
	}
	return visit(n)
}

// search looks for a word of n of iv.lo to iv.hi code points; n has no length
// conditions.
func (s searcher) search(n *node, iv interval) (*found, error) {
	memory := s.b.Memory
	defer func() { s.b.Memory = memory }() // the product goes with the call
	p, err := newProduct(n, s.b)
	if err != nil {
		return nil, err
	}
	start, err := p.start()
	if err != nil || start == deadState {
		return nil, err
	}
	if start == fullState {
		return s.found(p, nil, iv.lo)
	}
	w := &walk{p: p, layers: [][]int32{{start}}}
	full, err := w.advance(iv.lo)
	if err != nil {
		return nil, err
	}
	if full >= 0 { // everything is in the set after that many code points
		path, err := w.pathTo(full, fullState, s.wantWord)
		if err != nil {
			return nil, err
		}
		return s.found(p, path, iv.lo)
	}
	last := w.layer(iv.lo)
	if len(last) == 0 {
		return nil, nil
	}

	// From that set on it is a plain search for the shortest way.
	type visit struct {
		state, class int32
		from         int // index of the visit before
	}
	var queue []visit
	visited := map[int32]bool{}
	add := func(state, class int32, from int) error {
		if visited[state] {
			return nil
		}
		visited[state] = true
		queue = append(queue, visit{state, class, from})
		return s.b.hold(48)
	}
	for _, state := range last {
		if err := add(state, -1, -1); err != nil {
			return nil, err
		}
	}
	depth, end := iv.lo, len(queue)
	for i := 0; i < len(queue); i++ {
		if i == end {
			depth, end = depth+1, len(queue)
		}
		if p.states[queue[i].state].accepts {
			var tail []int32
			j := i
			for ; queue[j].from >= 0; j = queue[j].from {
				tail = append(tail, queue[j].class)
			}
			slices.Reverse(tail)
			path, err := w.pathTo(iv.lo, queue[j].state, s.wantWord)
			if err != nil {
				return nil, err
			}
			return s.found(p, append(path, tail...), depth)
		}
		if depth == iv.hi {
			continue // nothing longer is asked for, so no depth follows
		}
		edges, err := p.edgesOf(queue[i].state)
		if err != nil {
			return nil, err
		}
		for _, e := range edges {
			if err := add(e.to, e.class, i); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// found spells a path, filled up to length with the most readable letter.
func (s searcher) found(p *product, path []int32, length int) (*found, error) {
	if !s.wantWord {
		return &found{length: length}, nil
	}
	if length > MaxExample {
		return nil, undecided("the shortest example has %d code points, more than are written out (%d)", length, MaxExample)
	}
	for len(path) < length {
		path = append(path, p.order[0])
	}
	word := make([]rune, len(path))
	for i, class := range path {
		word[i] = p.letter[class]
	}
	return &found{length: len(path), word: string(word), symbols: p.symbols, path: path}, nil
}
