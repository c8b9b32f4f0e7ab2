package stringset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// A Set is a set of strings. It is immutable and safe for concurrent use. The
// zero value is the empty set.
type Set struct{ n *node }

type kind uint8

const (
	kindAll kind = iota
	kindWords
	kindPattern
	kindLength
	kindNot
	kindAnd
)

// A node is one expression. The empty set is Not(All), a union is
// Not(And(Not …)), the complement of lengths is lengths.
type node struct {
	kind    kind
	key     string
	size    int // of the tree, shared parts counted each time; saturates
	words   *wordList
	pattern *pattern
	lengths intervals
	subs    []*node
}

var (
	allNode  = &node{kind: kindAll, key: "all", size: 1}
	noneNode = &node{kind: kindNot, key: "none", size: 1, subs: []*node{allNode}}
)

func (s Set) node() *node {
	if s.n == nil {
		return noneNode
	}
	return s.n
}

// maxKey is the length from which a key is replaced by its digest.
const maxKey = 400

func keyOf(text string) string {
	if len(text) <= maxKey {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return "#" + hex.EncodeToString(sum[:])
}

// All is the set of all strings.
func All() Set { return Set{allNode} }

// None is the empty set.
func None() Set { return Set{noneNode} }

// Of is the set of the given words. Words that are not valid UTF-8 are no
// strings and left out.
func Of(words ...string) Set {
	kept := make([]string, 0, len(words))
	for _, w := range words {
		if utf8.ValidString(w) {
			kept = append(kept, w)
		}
	}
	sort.Strings(kept)
	return Set{wordsNode(slices.Compact(kept))}
}

// wordsNode takes ownership of sorted, distinct words.
func wordsNode(words []string) *node {
	if len(words) == 0 {
		return noneNode
	}
	h := sha256.New()
	var b strings.Builder
	b.WriteString("of(")
	for i, w := range words {
		fmt.Fprintf(h, "%d:", len(w))
		h.Write([]byte(w))
		if b.Len() <= maxKey {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.Quote(w))
		}
	}
	b.WriteByte(')')
	key := b.String()
	if len(key) > maxKey {
		key = "of#" + hex.EncodeToString(h.Sum(nil))
	}
	return &node{kind: kindWords, key: key, size: 1, words: &wordList{sorted: words}}
}

// Pattern is the set of strings that the RE2 expression matches somewhere, as
// [regexp.MatchString] does: anchors must be written. The error is that of
// [regexp.Compile].
func Pattern(expr string) (Set, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return Set{}, err
	}
	p := &pattern{expr: expr, re: re}
	p.program = sync.OnceValues(p.compile)
	return Set{&node{kind: kindPattern, key: keyOf("re(" + strconv.Quote(expr) + ")"), size: 1, pattern: p}}, nil
}

// Length is the set of strings of min to max code points. A negative max is no
// limit; a negative min counts as 0.
func Length(min, max int) Set {
	if max < 0 {
		max = endless
	}
	if min < 0 {
		min = 0
	}
	if min > max {
		return None()
	}
	return Set{lengthNode(intervals{{min, max}})}
}

func lengthNode(v intervals) *node {
	switch {
	case len(v) == 0:
		return noneNode
	case len(v) == 1 && v[0].lo == 0 && v[0].hi == endless:
		return allNode
	case len(v) == 1 && v[0].hi == 0:
		return wordsNode([]string{""})
	}
	return &node{kind: kindLength, key: keyOf("len(" + v.String() + ")"), size: 1, lengths: v}
}

// Not is the set of the strings that are not in s.
func Not(s Set) Set { return Set{notNode(s.node())} }

func notNode(n *node) *node {
	switch n.kind {
	case kindAll:
		return noneNode
	case kindNot:
		return n.subs[0]
	case kindLength:
		return lengthNode(n.lengths.complement())
	}
	return &node{kind: kindNot, key: keyOf("not(" + n.key + ")"), size: grow(n.size, 1), subs: []*node{n}}
}

func grow(a, b int) int { return min(a+b, 1<<40) }

// Or is the set of the strings that are in one of the sets. Or() is None.
func Or(sets ...Set) Set {
	subs := make([]*node, len(sets))
	for i, s := range sets {
		subs[i] = notNode(s.node())
	}
	return Set{notNode(andNode(subs))}
}

// And is the set of the strings that are in all of the sets. And() is All.
func And(sets ...Set) Set {
	subs := make([]*node, len(sets))
	for i, s := range sets {
		subs[i] = s.node()
	}
	return Set{andNode(subs)}
}

// Contains reports whether w is in the set.
func (s Set) Contains(w string) bool {
	if !utf8.ValidString(w) {
		return false
	}
	n := s.node()
	c := containment{word: w, length: -1}
	if n.size > 64 {
		c.memo = map[*node]bool{}
	}
	return c.in(n)
}

type containment struct {
	word   string
	length int // -1 until counted
	memo   map[*node]bool
}

func (c *containment) in(n *node) bool {
	switch n.kind {
	case kindAll:
		return true
	case kindWords:
		return n.words.contains(c.word)
	case kindLength:
		if c.length < 0 {
			c.length = utf8.RuneCountInString(c.word)
		}
		return n.lengths.contains(c.length)
	case kindNot:
		return !c.in(n.subs[0])
	}
	if v, ok := c.memo[n]; ok {
		return v
	}
	var v bool
	if n.kind == kindPattern {
		v = n.pattern.re.MatchString(c.word)
	} else {
		v = true
		for _, sub := range n.subs {
			if !c.in(sub) {
				v = false
				break
			}
		}
	}
	if c.memo != nil {
		c.memo[n] = v
	}
	return v
}

// Key is a text that stands for the expression: sets with equal keys are equal.
// The converse does not hold. Long keys are digests.
func (s Set) Key() string { return s.node().key }

// String is the expression for people to read; long parts are digests.
func (s Set) String() string { return s.Key() }
