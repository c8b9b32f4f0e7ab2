package conformance

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheTableHasEveryPair looks at all rows that there can be, other than the
// table's own maker, and misses none of their pairs.
func TestTheTableHasEveryPair(t *testing.T) {
	covered := make(map[pair]bool)
	for _, c := range Table() {
		require.True(t, possible(c.row), c.Name)
		c.row.pairs(func(p pair) { covered[p] = true })
	}
	all := dimensions()
	missing := make(map[pair]bool)
	eachRow(all, possible, func(r row) {
		r.pairs(func(p pair) {
			if !covered[p] {
				missing[p] = true
			}
		})
	})
	for p := range missing {
		t.Errorf("no case has %s %s with %s %s", all[p.first].name, all[p.first].values[p.one], all[p.second].name, all[p.second].values[p.other])
	}
}

// TestEachValueIsInSomeRow keeps a constraint from making a value impossible.
func TestEachValueIsInSomeRow(t *testing.T) {
	seen := make(map[[2]int]bool)
	eachRow(dimensions(), possible, func(r row) {
		for d, v := range r {
			seen[[2]int{d, v}] = true
		}
	})
	for d, dimension := range dimensions() {
		for v, value := range dimension.values {
			require.True(t, seen[[2]int{d, v}], "%s %s", dimension.name, value)
		}
	}
}

func TestTheTableIsTheSameEachTime(t *testing.T) {
	require.True(t, slices.EqualFunc(Table(), Table(), func(a, b TableCase) bool { return a.Name == b.Name && a.AppID() == b.AppID() }))
}
