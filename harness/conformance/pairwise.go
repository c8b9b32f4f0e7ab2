package conformance

import (
	"math/rand/v2"
	"slices"
)

// dimension is one thing in which cases differ, with the values that it has.
type dimension struct {
	name   string
	values []string
}

// row is a value of each dimension, by its place.
type row []int

// pair is two values of two dimensions.
type pair struct{ first, one, second, other int }

// eachRow calls do with every row that is valid. The row is one and the same slice.
func eachRow(dimensions []dimension, valid func(row) bool, do func(row)) {
	r := make(row, len(dimensions))
	var choose func(at int)
	choose = func(at int) {
		if at == len(dimensions) {
			if valid(r) {
				do(r)
			}
			return
		}
		for v := range dimensions[at].values {
			r[at] = v
			choose(at + 1)
		}
	}
	choose(0)
}

// pairs are those of one row.
func (r row) pairs(do func(pair)) {
	for i := range r {
		for j := i + 1; j < len(r); j++ {
			do(pair{i, r[i], j, r[j]})
		}
	}
}

// validPairs are the pairs that some valid row has, in a fixed order.
func validPairs(dimensions []dimension, valid func(row) bool) []pair {
	known := make(map[pair]bool)
	var all []pair
	eachRow(dimensions, valid, func(r row) {
		r.pairs(func(p pair) {
			if !known[p] {
				known[p] = true
				all = append(all, p)
			}
		})
	})
	return all
}

// candidates is of how many rows for a pair the one is taken that covers most.
const candidates = 40

// cover is a set of valid rows that has every valid pair: for one pair after
// another that no row has yet, the best of some random rows. The same seed gives
// the same rows.
func cover(dimensions []dimension, valid func(row) bool, seed uint64) []row {
	open := validPairs(dimensions, valid)
	uncovered := make(map[pair]bool, len(open))
	for _, p := range open {
		uncovered[p] = true
	}
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // the same in each run is what is wanted
	var rows []row
	for _, p := range open {
		if !uncovered[p] {
			continue
		}
		var best row
		most := -1
		for found := 0; found < candidates; {
			r := make(row, len(dimensions))
			for i, d := range dimensions {
				r[i] = random.IntN(len(d.values))
			}
			r[p.first], r[p.second] = p.one, p.other
			if !valid(r) {
				continue // some row is: the pair comes from one
			}
			found++
			covers := 0
			r.pairs(func(p pair) {
				if uncovered[p] {
					covers++
				}
			})
			if covers > most {
				best, most = r, covers
			}
		}
		best.pairs(func(p pair) { delete(uncovered, p) })
		if !slices.ContainsFunc(rows, func(r row) bool { return slices.Equal(r, best) }) {
			rows = append(rows, best)
		}
	}
	return rows
}
