package stringset

import (
	"fmt"
	"math"
	"sort"
	"strings"
)

// endless is the upper end of an interval without one.
const endless = math.MaxInt

// An interval of lengths, both ends included.
type interval struct{ lo, hi int }

// intervals are ascending, disjoint and never adjacent.
type intervals []interval

func (v intervals) contains(n int) bool {
	i := sort.Search(len(v), func(i int) bool { return v[i].hi >= n })
	return i < len(v) && v[i].lo <= n
}

func (v intervals) complement() intervals {
	var out intervals
	next := 0
	for _, iv := range v {
		if iv.lo > next {
			out = append(out, interval{next, iv.lo - 1})
		}
		if iv.hi == endless {
			return out
		}
		next = iv.hi + 1
	}
	return append(out, interval{next, endless})
}

func (v intervals) intersect(w intervals) intervals {
	var out intervals
	for i, j := 0, 0; i < len(v) && j < len(w); {
		lo, hi := max(v[i].lo, w[j].lo), min(v[i].hi, w[j].hi)
		if lo <= hi {
			out = append(out, interval{lo, hi})
		}
		if v[i].hi < w[j].hi {
			i++
		} else {
			j++
		}
	}
	return out
}

func (v intervals) String() string {
	var b strings.Builder
	for i, iv := range v {
		if i > 0 {
			b.WriteByte(',')
		}
		if iv.hi == endless {
			fmt.Fprintf(&b, "%d..", iv.lo)
		} else {
			fmt.Fprintf(&b, "%d..%d", iv.lo, iv.hi)
		}
	}
	return b.String()
}
