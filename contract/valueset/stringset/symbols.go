package stringset

import (
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

const (
	surrogateMin = 0xD800
	surrogateMax = 0xDFFF
)

// A partition divides the code points into classes that a set of leaves does
// not tell apart. Interval i is starts[i] up to before starts[i+1]; surrogates
// are intervals of class -1.
type partition struct {
	starts  []rune
	class   []int32
	classes int
}

func (p *partition) end(i int) rune {
	if i+1 < len(p.starts) {
		return p.starts[i+1] - 1
	}
	return unicode.MaxRune
}

func (p *partition) at(r rune) int {
	return sort.Search(len(p.starts), func(i int) bool { return p.starts[i] > r }) - 1
}

func (p *partition) of(r rune) int32 { return p.class[p.at(r)] }

// partitionBy builds the partition whose classes are told apart by starts (the
// first code points of the intervals, any order) and a signature for each.
func partitionBy(starts []rune, signature func(start rune) string) *partition {
	starts = append(starts, 0, surrogateMin, surrogateMax+1)
	slices.Sort(starts)
	starts = slices.Compact(starts)
	p := &partition{}
	ids := map[string]int32{}
	for _, r := range starts {
		if r > unicode.MaxRune {
			break
		}
		id := int32(-1)
		if r < surrogateMin || r > surrogateMax {
			s := signature(r)
			var ok bool
			if id, ok = ids[s]; !ok {
				id = int32(len(ids))
				ids[s] = id
			}
		}
		if n := len(p.class); n > 0 && p.class[n-1] == id {
			continue
		}
		p.starts = append(p.starts, r)
		p.class = append(p.class, id)
	}
	p.classes = len(ids)
	return p
}

// partitionOfRanges tells apart what the sets (pairs of lowest and highest code
// point, ascending) tell apart.
func partitionOfRanges(sets [][]rune) *partition {
	var starts []rune
	for _, set := range sets {
		for i := 0; i < len(set); i += 2 {
			starts = append(starts, set[i], set[i+1]+1)
		}
	}
	next := make([]int, len(sets))
	sig := make([]byte, (len(sets)+7)/8)
	return partitionBy(starts, func(r rune) string {
		clear(sig)
		for j, set := range sets {
			for next[j] < len(set) && set[next[j]+1] < r {
				next[j] += 2
			}
			if next[j] < len(set) && set[next[j]] <= r {
				sig[j/8] |= 1 << (j % 8)
			}
		}
		return string(sig)
	})
}

// partitionOfRunes gives each of the runes its own class.
func partitionOfRunes(runes []rune) *partition {
	single := make(map[rune]bool, len(runes))
	starts := make([]rune, 0, 2*len(runes))
	for _, r := range runes {
		single[r] = true
		starts = append(starts, r, r+1)
	}
	return partitionBy(starts, func(r rune) string {
		if single[r] {
			return string(r)
		}
		return ""
	})
}

// refine is the coarsest partition that tells apart whatever one of ps does,
// and the class of each p for each of its classes.
func refine(ps []*partition) (*partition, [][]int32) {
	var starts []rune
	for _, p := range ps {
		starts = append(starts, p.starts...)
	}
	next := make([]int, len(ps))
	sig := make([]byte, 4*len(ps))
	var classes [][]int32
	seen := map[string]bool{}
	whole := partitionBy(starts, func(r rune) string {
		for j, p := range ps {
			for p.end(next[j]) < r {
				next[j]++
			}
			c := p.class[next[j]]
			sig[4*j], sig[4*j+1], sig[4*j+2], sig[4*j+3] = byte(c), byte(c>>8), byte(c>>16), byte(c>>24)
		}
		s := string(sig)
		if !seen[s] {
			seen[s] = true
			vector := make([]int32, len(ps))
			for j, p := range ps {
				vector[j] = p.class[next[j]]
			}
			classes = append(classes, vector)
		}
		return s
	})
	return whole, classes
}

// readable are the code points that examples prefer, best first.
var readable = func() []rune {
	var out []rune
	for _, span := range []string{"az", "09", "AZ"} {
		for r := rune(span[0]); r <= rune(span[1]); r++ {
			out = append(out, r)
		}
	}
	for _, r := range "-_.:/@+,;=()*!?#$%&~^|[]{}<>'` \"\\" {
		out = append(out, r)
	}
	return out
}()

// best orders the classes by their most readable code point and gives that.
func (p *partition) best() (order []int32, representative []rune) {
	representative = make([]rune, p.classes)
	have := make([]bool, p.classes)
	take := func(c int32, r rune) {
		if c >= 0 && !have[c] {
			have[c], representative[c] = true, r
			order = append(order, c)
		}
	}
	for _, r := range readable {
		take(p.of(r), r)
	}
	for i, start := range p.starts {
		if c := p.class[i]; c >= 0 && !have[c] {
			if r, ok := printableIn(start, p.end(i)); ok {
				take(c, r)
			}
		}
	}
	for i, start := range p.starts {
		take(p.class[i], start)
	}
	return order, representative
}

// printableIn looks for a printable code point near the start of an interval.
func printableIn(lo, hi rune) (rune, bool) {
	for r := lo; r <= hi && r < lo+200; r++ {
		if unicode.IsPrint(r) && r != utf8.RuneError {
			return r, true
		}
	}
	return 0, false
}

// members are up to n code points of class c, the readable ones first.
func (p *partition) members(c int32, n int) []rune {
	var out []rune
	seen := map[rune]bool{}
	take := func(r rune) bool {
		if !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
		return len(out) < n
	}
	for _, r := range readable {
		if p.of(r) == c && !take(r) {
			return out
		}
	}
	for _, wantPrint := range []bool{true, false} {
		for i, start := range p.starts {
			if p.class[i] != c {
				continue
			}
			for r := start; r <= p.end(i); r++ {
				if unicode.IsPrint(r) == wantPrint && !take(r) {
					return out
				}
			}
		}
	}
	return out
}
