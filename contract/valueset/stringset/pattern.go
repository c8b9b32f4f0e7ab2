package stringset

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode"
)

// A pattern is an RE2 expression; its program is compiled when first searched.
type pattern struct {
	expr    string
	re      *regexp.Regexp
	program func() (*program, error)
}

// What was before a position, as far as \b, ^ and $ can tell.
const (
	beforeStart = iota
	beforeNewline
	beforeWord
	beforeOther
)

// sample is a code point of each kind, for syntax.EmptyOpContext.
var sample = [...]rune{beforeStart: -1, beforeNewline: '\n', beforeWord: 'a', beforeOther: ' '}

// A program is the compiled pattern with its alphabet.
type program struct {
	insts     []syntax.Inst
	symbols   *partition
	kind      []uint8    // of each class
	takes     [][]uint64 // for each instruction, the classes it takes
	looksBack []bool     // for each condition, whether it or one right behind it asks what was before
	first     []uint32   // what waits at the start
	again     []uint32   // what an unanchored match adds before every code point
	matched   bool       // the empty match at the start already suffices
}

func (p *pattern) compile() (*program, error) {
	re, err := syntax.Parse(p.expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	compiled, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, err
	}
	g := &program{insts: compiled.Inst, takes: make([][]uint64, len(compiled.Inst))}

	sets, index, setOf := [][]rune{}, map[string]int{}, make([]int, len(g.insts))
	intern := func(set []rune) int {
		key := string(set)
		i, ok := index[key]
		if !ok {
			i = len(sets)
			index[key] = i
			sets = append(sets, set)
		}
		return i
	}
	looks := false
	for pc := range g.insts {
		setOf[pc] = -1
		switch inst := &g.insts[pc]; inst.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			setOf[pc] = intern(ranges(inst))
		case syntax.InstEmptyWidth:
			looks = true
		}
	}
	if looks {
		intern([]rune{'\n', '\n'})
		intern([]rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'})
	}
	g.symbols = partitionOfRanges(sets)
	bits := make([][]uint64, len(sets))
	for i := range bits {
		bits[i] = make([]uint64, (g.symbols.classes+63)/64)
	}
	g.kind = make([]uint8, g.symbols.classes)
	done := make([]bool, g.symbols.classes)
	for i, c := range g.symbols.class {
		if c < 0 || done[c] {
			continue
		}
		done[c] = true
		r := g.symbols.starts[i]
		for j, set := range sets {
			if inRanges(set, r) {
				bits[j][c/64] |= 1 << (c % 64)
			}
		}
		switch {
		case !looks:
			g.kind[c] = beforeOther
		case r == '\n':
			g.kind[c] = beforeNewline
		case syntax.IsWordChar(r):
			g.kind[c] = beforeWord
		default:
			g.kind[c] = beforeOther
		}
	}
	for pc, i := range setOf {
		if i >= 0 {
			g.takes[pc] = bits[i]
		}
	}

	g.looksBack = lookingBack(g.insts)
	w := newWalker(g)
	g.matched = w.wait(uint32(compiled.Start), true)
	g.first = w.items()
	w.reset()
	w.wait(uint32(compiled.Start), false)
	g.again = w.items()
	return g, nil
}

// lookingBack marks the instructions from which a condition that asks what was
// before is reached without a code point in between.
func lookingBack(insts []syntax.Inst) []bool {
	const back = syntax.EmptyBeginLine | syntax.EmptyBeginText | syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
	marked := make([]bool, len(insts))
	into := make([][]uint32, len(insts))
	var queue []uint32
	for pc := range insts {
		switch inst := &insts[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			into[inst.Out] = append(into[inst.Out], uint32(pc))
			into[inst.Arg] = append(into[inst.Arg], uint32(pc))
		case syntax.InstNop, syntax.InstCapture, syntax.InstEmptyWidth:
			into[inst.Out] = append(into[inst.Out], uint32(pc))
			if inst.Op == syntax.InstEmptyWidth && syntax.EmptyOp(inst.Arg)&back != 0 {
				marked[pc] = true
				queue = append(queue, uint32(pc))
			}
		}
	}
	for len(queue) > 0 {
		pc := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, from := range into[pc] {
			if !marked[from] {
				marked[from] = true
				queue = append(queue, from)
			}
		}
	}
	return marked
}

// ranges are the code points that an instruction takes, as ascending pairs.
func ranges(inst *syntax.Inst) []rune {
	switch inst.Op {
	case syntax.InstRuneAny:
		return []rune{0, unicode.MaxRune}
	case syntax.InstRuneAnyNotNL:
		return []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	}
	if len(inst.Rune) != 1 {
		return inst.Rune
	}
	r0 := inst.Rune[0]
	orbit := []rune{r0}
	if syntax.Flags(inst.Arg)&syntax.FoldCase != 0 {
		for r := unicode.SimpleFold(r0); r != r0; r = unicode.SimpleFold(r) {
			orbit = append(orbit, r)
		}
		slices.Sort(orbit)
	}
	out := make([]rune, 0, 2*len(orbit))
	for _, r := range orbit {
		out = append(out, r, r)
	}
	return out
}

func inRanges(set []rune, r rune) bool {
	for i := 0; i < len(set); i += 2 {
		if set[i] <= r && r <= set[i+1] {
			return true
		}
	}
	return false
}

// A walker follows the instructions that take no code point.
type walker struct {
	g     *program
	mark  []uint32
	round uint32
	queue []uint32
	found []uint32
	steps int
}

func newWalker(g *program) *walker {
	return &walker{g: g, mark: make([]uint32, len(g.insts)), round: 1}
}

func (w *walker) reset() {
	w.round++
	w.found = w.found[:0]
}

func (w *walker) items() []uint32 {
	slices.Sort(w.found)
	return slices.Clone(w.found)
}

// wait adds the instructions that wait for something to come: code points, or
// conditions on what is around the position. It reports whether the match is
// reached without either.
func (w *walker) wait(pc uint32, atStart bool) bool {
	w.queue = append(w.queue[:0], pc)
	for len(w.queue) > 0 {
		pc := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		if w.mark[pc] == w.round {
			continue
		}
		w.mark[pc] = w.round
		w.steps++
		switch inst := &w.g.insts[pc]; inst.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstAlt, syntax.InstAltMatch:
			w.queue = append(w.queue, inst.Arg, inst.Out)
		case syntax.InstNop, syntax.InstCapture:
			w.queue = append(w.queue, inst.Out)
		case syntax.InstEmptyWidth:
			if atStart || syntax.EmptyOp(inst.Arg)&syntax.EmptyBeginText == 0 {
				w.found = append(w.found, pc)
			}
		case syntax.InstFail:
		default:
			w.found = append(w.found, pc)
		}
	}
	return false
}

// resolve follows the conditions among items that hold between before and
// after; it collects the instructions that wait for a code point and reports
// whether the match is reached.
func (w *walker) resolve(items []uint32, holds syntax.EmptyOp) bool {
	w.queue = append(w.queue[:0], items...)
	for len(w.queue) > 0 {
		pc := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		if w.mark[pc] == w.round {
			continue
		}
		w.mark[pc] = w.round
		w.steps++
		switch inst := &w.g.insts[pc]; inst.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstAlt, syntax.InstAltMatch:
			w.queue = append(w.queue, inst.Arg, inst.Out)
		case syntax.InstNop, syntax.InstCapture:
			w.queue = append(w.queue, inst.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^holds == 0 {
				w.queue = append(w.queue, inst.Out)
			}
		case syntax.InstFail:
		default:
			w.found = append(w.found, pc)
		}
	}
	return false
}
