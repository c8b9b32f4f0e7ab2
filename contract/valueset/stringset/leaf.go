package stringset

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// The states of a leaf are numbers from 0; these are no longer states.
const (
	never   int32 = -1 // no continuation is in the leaf
	always  int32 = -2 // every continuation is in the leaf
	ignored int32 = -3 // what the leaf says no longer matters
)

// A leaf is a pattern or a finite set as a deterministic automaton that is
// built as it is walked.
type leaf interface {
	start(b *Budget) (int32, error)
	next(state, class int32, b *Budget) (int32, error)
	accepts(state int32) bool
	alphabet() *partition
}

// A patternLeaf makes a program deterministic: its states are sets of
// instructions.
type patternLeaf struct {
	g      *program
	now    *walker // what waits for the code point being read
	then   *walker // what waits after it
	states []patternState
	index  map[string]int32
	key    []byte
}

type patternState struct {
	items   []uint32
	before  uint8
	accepts bool
	next    []int32 // by class; unknown until asked
}

const unknown int32 = -4

func newPatternLeaf(g *program) *patternLeaf {
	return &patternLeaf{g: g, now: newWalker(g), then: newWalker(g), index: map[string]int32{}}
}

func (l *patternLeaf) alphabet() *partition { return l.g.symbols }

func (l *patternLeaf) accepts(state int32) bool { return l.states[state].accepts }

func (l *patternLeaf) start(b *Budget) (int32, error) {
	if l.g.matched {
		return always, nil
	}
	return l.intern(slices.Clone(l.g.first), beforeStart, b)
}

// intern takes ownership of sorted items.
func (l *patternLeaf) intern(items []uint32, before uint8, b *Budget) (int32, error) {
	if len(items) == 0 {
		return never, nil
	}
	// What was before matters only to conditions that look back.
	looksBack := false
	for _, pc := range items {
		if l.g.looksBack[pc] {
			looksBack = true
			break
		}
	}
	if !looksBack {
		before = beforeOther
	}
	l.key = append(l.key[:0], before)
	for _, pc := range items {
		l.key = binary.AppendUvarint(l.key, uint64(pc))
	}
	if id, ok := l.index[string(l.key)]; ok {
		return id, nil
	}
	if err := b.hold(len(l.key) + 4*len(items) + 4*l.g.symbols.classes + 160); err != nil {
		return 0, err
	}
	st := patternState{items: items, before: before, next: make([]int32, l.g.symbols.classes)}
	for i := range st.next {
		st.next[i] = unknown
	}
	l.now.reset()
	l.now.steps = 0
	st.accepts = l.now.resolve(items, syntax.EmptyOpContext(sample[before], -1))
	if err := b.step(l.now.steps); err != nil {
		return 0, err
	}
	id := int32(len(l.states))
	l.states = append(l.states, st)
	l.index[string(l.key)] = id
	return id, nil
}

func (l *patternLeaf) next(state, class int32, b *Budget) (int32, error) {
	if id := l.states[state].next[class]; id != unknown {
		return id, b.step(1)
	}
	st := &l.states[state]
	kind := l.g.kind[class]
	l.now.reset()
	l.then.reset()
	l.now.steps, l.then.steps = 0, 1
	matched := l.now.resolve(st.items, syntax.EmptyOpContext(sample[st.before], sample[kind]))
	for _, pc := range l.now.found {
		if matched {
			break
		}
		if l.g.takes[pc][class/64]&(1<<(class%64)) != 0 {
			matched = l.then.wait(l.g.insts[pc].Out, false)
		}
	}
	if err := b.step(l.now.steps + l.then.steps); err != nil {
		return 0, err
	}
	id := always
	if !matched {
		for _, pc := range l.g.again {
			if l.then.mark[pc] != l.then.round {
				l.then.mark[pc] = l.then.round
				l.then.found = append(l.then.found, pc)
			}
		}
		var err error
		if id, err = l.intern(l.then.items(), kind, b); err != nil {
			return 0, err
		}
	}
	l.states[state].next[class] = id
	return id, nil
}

// A wordsLeaf is at the words that begin with what was read: a range of the
// sorted words and how many bytes were read.
type wordsLeaf struct {
	words   []string
	symbols *partition
	runeOf  []rune // by class; -1: in no word
	states  []wordsState
	index   map[wordsState]int32
}

type wordsState struct{ lo, hi, depth int }

func newWordsLeaf(words []string) *wordsLeaf {
	seen := map[rune]bool{}
	var runes []rune
	for _, w := range words {
		for _, r := range w {
			if !seen[r] {
				seen[r] = true
				runes = append(runes, r)
			}
		}
	}
	l := &wordsLeaf{words: words, symbols: partitionOfRunes(runes), index: map[wordsState]int32{}}
	l.runeOf = make([]rune, l.symbols.classes)
	for i := range l.runeOf {
		l.runeOf[i] = -1
	}
	for _, r := range runes {
		l.runeOf[l.symbols.of(r)] = r
	}
	return l
}

func (l *wordsLeaf) alphabet() *partition { return l.symbols }

func (l *wordsLeaf) start(b *Budget) (int32, error) {
	return l.intern(wordsState{0, len(l.words), 0}, b)
}

func (l *wordsLeaf) accepts(state int32) bool {
	st := l.states[state]
	return len(l.words[st.lo]) == st.depth
}

func (l *wordsLeaf) intern(st wordsState, b *Budget) (int32, error) {
	if st.lo >= st.hi {
		return never, nil
	}
	if id, ok := l.index[st]; ok {
		return id, nil
	}
	if err := b.hold(120); err != nil {
		return 0, err
	}
	id := int32(len(l.states))
	l.states = append(l.states, st)
	l.index[st] = id
	return id, nil
}

func (l *wordsLeaf) next(state, class int32, b *Budget) (int32, error) {
	if err := b.step(1); err != nil {
		return 0, err
	}
	r := l.runeOf[class]
	if r < 0 {
		return never, nil
	}
	st := l.states[state]
	var buf [utf8.UTFMax]byte
	part := string(buf[:utf8.EncodeRune(buf[:], r)])
	words := l.words[st.lo:st.hi]
	compare := func(w string, _ string) int {
		rest := w[st.depth:]
		if len(rest) > len(part) {
			rest = rest[:len(part)]
		}
		if rest < part {
			return -1
		}
		if rest > part {
			return 1
		}
		return 0
	}
	lo, _ := slices.BinarySearchFunc(words, "", compare)
	hi, _ := slices.BinarySearchFunc(words, "", func(w, t string) int {
		if compare(w, t) <= 0 {
			return -1
		}
		return 1
	})
	return l.intern(wordsState{st.lo + lo, st.lo + hi, st.depth + len(part)}, b)
}
