package stringset

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// A wordList is a finite set of words, ascending.
type wordList struct{ sorted []string }

func (l *wordList) contains(w string) bool {
	_, ok := slices.BinarySearch(l.sorted, w)
	return ok
}

// andNode is the intersection, simplified by what the keys tell.
func andNode(subs []*node) *node {
	c := conjunction{keys: map[string]bool{}}
	for _, s := range subs {
		c.add(s)
	}
	return c.node()
}

// A conjunction collects the conjuncts of an And, nested ones taken apart and
// words with words, lengths with lengths merged.
type conjunction struct {
	empty   bool
	rest    []*node
	keys    map[string]bool // of rest
	words   []string        // intersection of the finite sets, if bounded
	bounded bool
	without [][]string // finite sets to stay out of
	lengths intervals
	limited bool
}

func (c *conjunction) add(n *node) {
	switch n.kind {
	case kindAll:
	case kindAnd:
		for _, s := range n.subs {
			c.add(s)
		}
	case kindWords:
		if !c.bounded {
			c.words, c.bounded = n.words.sorted, true
		} else {
			c.words = intersectWords(c.words, n.words.sorted)
		}
	case kindLength:
		if !c.limited {
			c.lengths, c.limited = n.lengths, true
		} else {
			c.lengths = c.lengths.intersect(n.lengths)
		}
	case kindNot:
		switch n.subs[0].kind {
		case kindAll:
			c.empty = true
			return
		case kindWords:
			c.without = append(c.without, n.subs[0].words.sorted)
			return
		}
		fallthrough
	default:
		if !c.keys[n.key] {
			c.keys[n.key] = true
			c.rest = append(c.rest, n)
		}
	}
}

// holds reports whether n is one of the conjuncts, words and lengths included.
func (c *conjunction) holds(n *node) bool {
	switch n.kind {
	case kindWords:
		return c.bounded && subsetWords(c.words, n.words.sorted)
	case kindLength:
		return c.limited && len(c.lengths.intersect(n.lengths.complement())) == 0
	case kindNot:
		if n.subs[0].kind == kindWords {
			return (len(c.without) == 1 && subsetWords(n.subs[0].words.sorted, c.without[0])) ||
				(c.bounded && len(intersectWords(c.words, n.subs[0].words.sorted)) == 0)
		}
	}
	return c.keys[n.key]
}

func (c *conjunction) node() *node {
	c.mergeLeaves()
	if c.empty {
		return noneNode
	}
	for i := 0; i < len(c.rest); i++ {
		n := c.rest[i]
		if n.kind != kindNot {
			continue
		}
		if c.keys[n.subs[0].key] {
			return noneNode
		}
		if n.subs[0].kind != kindAnd {
			continue
		}
		// A union: parts that contradict the other conjuncts go; a part that
		// is one of them makes the union true.
		parts, satisfied := n.subs[0].subs, false
		open := make([]*node, 0, len(parts))
		for _, p := range parts {
			if c.holds(notNode(p)) {
				satisfied = true
				break
			}
			if !c.holds(p) {
				open = append(open, p)
			}
		}
		if !satisfied && len(open) == len(parts) {
			continue
		}
		c.rest = slices.Delete(c.rest, i, i+1)
		delete(c.keys, n.key)
		if !satisfied {
			c.add(notNode(andNode(open)))
			c.mergeLeaves()
			if c.empty {
				return noneNode
			}
		}
		i = -1 // the new conjunct may decide others
	}
	return c.build()
}

// mergeLeaves lets words and lengths restrict each other.
func (c *conjunction) mergeLeaves() {
	if len(c.without) > 1 {
		var all []string
		for _, w := range c.without {
			all = append(all, w...)
		}
		sort.Strings(all)
		c.without = [][]string{slices.Compact(all)}
	}
	fits := func(w string) bool { return !c.limited || c.lengths.contains(utf8.RuneCountInString(w)) }
	if c.bounded {
		var out []string
		for _, w := range c.words {
			if fits(w) && (len(c.without) == 0 || !(&wordList{c.without[0]}).contains(w)) {
				out = append(out, w)
			}
		}
		c.words, c.without, c.limited = out, nil, false
		c.empty = c.empty || len(out) == 0
		return
	}
	if c.limited {
		c.empty = c.empty || len(c.lengths) == 0
		if len(c.without) > 0 {
			c.without[0] = slices.DeleteFunc(slices.Clone(c.without[0]), func(w string) bool { return !fits(w) })
			if len(c.without[0]) == 0 {
				c.without = nil
			}
		}
	}
}

func (c *conjunction) build() *node {
	subs := c.rest
	if c.bounded {
		subs = append(subs, wordsNode(c.words))
	}
	if len(c.without) > 0 {
		subs = append(subs, notNode(wordsNode(c.without[0])))
	}
	if c.limited {
		if n := lengthNode(c.lengths); n.kind == kindLength {
			subs = append(subs, n)
		} else if n.kind == kindWords { // the empty string alone
			return andNode(append(slices.Clone(subs), n))
		}
	}
	switch len(subs) {
	case 0:
		return allNode
	case 1:
		return subs[0]
	}
	slices.SortFunc(subs, func(a, b *node) int { return strings.Compare(a.key, b.key) })
	var b strings.Builder
	b.WriteString("and(")
	size := 1
	for i, s := range subs {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(s.key)
		size = grow(size, s.size)
	}
	b.WriteByte(')')
	return &node{kind: kindAnd, key: keyOf(b.String()), size: size, subs: subs}
}

func intersectWords(a, b []string) []string {
	if len(a) > len(b) {
		a, b = b, a
	}
	l := wordList{b}
	var out []string
	for _, w := range a {
		if l.contains(w) {
			out = append(out, w)
		}
	}
	return out
}

func subsetWords(a, b []string) bool {
	l := wordList{b}
	for _, w := range a {
		if !l.contains(w) {
			return false
		}
	}
	return true
}
