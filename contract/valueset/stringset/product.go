package stringset

import "encoding/binary"

// A formula is an expression over leaves, its nodes in an order in which parts
// come before the whole; shared parts occur once.
type formula struct {
	nodes    []formulaNode
	leafNode []int // of each leaf
	words    []*wordList
	patterns []*pattern
}

type formulaNode struct {
	kind kind // kindAll, kindNot, kindAnd; kindPattern for any leaf
	leaf int
	subs []int
}

func newFormula(n *node) *formula {
	f := &formula{}
	index := map[string]int{}
	var add func(n *node) int
	add = func(n *node) int {
		if i, ok := index[n.key]; ok {
			return i
		}
		fn := formulaNode{kind: n.kind}
		switch n.kind {
		case kindNot, kindAnd:
			for _, s := range n.subs {
				fn.subs = append(fn.subs, add(s))
			}
		case kindWords, kindPattern:
			fn.kind, fn.leaf = kindPattern, len(f.leafNode)
			f.words = append(f.words, n.words)
			f.patterns = append(f.patterns, n.pattern)
			f.leafNode = append(f.leafNode, len(f.nodes))
		}
		f.nodes = append(f.nodes, fn)
		index[n.key] = len(f.nodes) - 1
		return len(f.nodes) - 1
	}
	add(n)
	return f
}

// Three-valued truth.
const (
	isFalse int8 = iota
	isTrue
	isOpen
)

// A product walks all leaves of a formula at once. A state has a number for each
// formula node: never or always where it is constant, ignored where it no longer
// matters, else for a leaf its state and for others 0. State 0 and 1 stand for
// "nothing more is in the set" and "everything more is".
type product struct {
	f        *formula
	b        *Budget
	leaves   []leaf
	symbols  *partition
	classOf  [][]int32 // for each class, the class of each leaf
	order    []int32   // the classes, most readable first
	letter   []rune    // of each class
	values   []int8    // scratch, for each formula node
	relevant []bool    // scratch
	states   []productState
	index    map[string]int32
	key      []byte
	vector   []int32
}

type productState struct {
	vector   []int32
	accepts  bool
	expanded bool
	edges    []edge // distinct targets, each by its most readable class
}

type edge struct{ class, to int32 }

const (
	deadState int32 = 0
	fullState int32 = 1
)

func newProduct(n *node, b *Budget) (*product, error) {
	p := &product{f: newFormula(n), b: b, index: map[string]int32{}}
	var alphabets []*partition
	for i := range p.f.leafNode {
		var l leaf
		if w := p.f.words[i]; w != nil {
			l = newWordsLeaf(w.sorted)
		} else {
			g, err := p.f.patterns[i].program()
			if err != nil {
				return nil, undecided("compiling pattern %q: %v", p.f.patterns[i].expr, err)
			}
			l = newPatternLeaf(g)
		}
		p.leaves = append(p.leaves, l)
		alphabets = append(alphabets, l.alphabet())
	}
	intervals := 0
	for _, a := range alphabets {
		intervals += len(a.starts)
	}
	if err := b.step(1 + intervals*len(alphabets)); err != nil {
		return nil, err
	}
	p.symbols, p.classOf = refine(alphabets)
	if err := b.hold(p.symbols.classes * (4*len(p.leaves) + 64)); err != nil {
		return nil, err
	}
	p.order, p.letter = p.symbols.best()
	p.values = make([]int8, len(p.f.nodes))
	p.relevant = make([]bool, len(p.f.nodes))
	p.vector = make([]int32, len(p.f.nodes))
	p.states = []productState{{expanded: true}, {accepts: true, expanded: true, edges: []edge{{p.order[0], fullState}}}}
	return p, nil
}

// start is the state before the first code point.
func (p *product) start() (int32, error) {
	for i, n := range p.f.nodes {
		if n.kind == kindPattern {
			var err error
			if p.vector[i], err = p.leaves[n.leaf].start(p.b); err != nil {
				return 0, err
			}
		}
	}
	return p.intern()
}

// evaluate gives each formula node its value. A node that is constant in
// p.vector has that value; a leaf in a state has the value of leafValue.
func (p *product) evaluate(leafValue func(leaf int, state int32) int8) int8 {
	for i := range p.f.nodes {
		n := &p.f.nodes[i]
		v := isTrue
		switch s := p.vector[i]; {
		case s == never:
			v = isFalse
		case s == always:
		case s == ignored:
			v = isOpen
		case n.kind == kindPattern:
			v = leafValue(n.leaf, s)
		case n.kind == kindNot:
			switch p.values[n.subs[0]] {
			case isTrue:
				v = isFalse
			case isOpen:
				v = isOpen
			}
		case n.kind == kindAnd:
			for _, s := range n.subs {
				if p.values[s] == isFalse {
					v = isFalse
					break
				}
				if p.values[s] == isOpen {
					v = isOpen
				}
			}
		}
		p.values[i] = v
	}
	return p.values[len(p.values)-1]
}

// intern finds or makes the state of p.vector. Nodes that have become constant
// stand for all that is below them, so that states which differ only in what
// no longer matters are one.
func (p *product) intern() (int32, error) {
	if err := p.b.step(1 + len(p.f.nodes)/4); err != nil {
		return 0, err
	}
	switch p.evaluate(func(int, int32) int8 { return isOpen }) {
	case isFalse:
		return deadState, nil
	case isTrue:
		return fullState, nil
	}
	clear(p.relevant)
	p.relevant[len(p.relevant)-1] = true
	for i := len(p.f.nodes) - 1; i >= 0; i-- {
		switch {
		case !p.relevant[i]:
			p.vector[i] = ignored
		case p.values[i] == isTrue:
			p.vector[i] = always
		case p.values[i] == isFalse:
			p.vector[i] = never
		default:
			for _, s := range p.f.nodes[i].subs {
				p.relevant[s] = true
			}
		}
	}
	p.key = p.key[:0]
	for _, s := range p.vector {
		p.key = binary.AppendVarint(p.key, int64(s))
	}
	if id, ok := p.index[string(p.key)]; ok {
		return id, nil
	}
	if err := p.b.hold(len(p.key) + 4*len(p.vector) + 160); err != nil {
		return 0, err
	}
	vector := append([]int32(nil), p.vector...)
	accepts := p.evaluate(func(leaf int, state int32) int8 {
		if p.leaves[leaf].accepts(state) {
			return isTrue
		}
		return isFalse
	}) == isTrue
	id := int32(len(p.states))
	p.states = append(p.states, productState{vector: vector, accepts: accepts})
	p.index[string(p.key)] = id
	return id, nil
}

// edgesOf are the transitions out of a state that lead anywhere.
func (p *product) edgesOf(state int32) ([]edge, error) {
	if p.states[state].expanded {
		return p.states[state].edges, nil
	}
	vector := p.states[state].vector
	var edges []edge
	seen := map[int32]bool{deadState: true}
	for _, class := range p.order {
		copy(p.vector, vector)
		for leaf, i := range p.f.leafNode {
			if s := vector[i]; s >= 0 {
				var err error
				if p.vector[i], err = p.leaves[leaf].next(s, p.classOf[class][leaf], p.b); err != nil {
					return nil, err
				}
			}
		}
		to, err := p.intern()
		if err != nil {
			return nil, err
		}
		if !seen[to] {
			seen[to] = true
			edges = append(edges, edge{class, to})
		}
	}
	if err := p.b.hold(8 * len(edges)); err != nil {
		return nil, err
	}
	p.states[state].edges, p.states[state].expanded = edges, true
	return edges, nil
}
