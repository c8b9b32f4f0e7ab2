package stringset

import (
	"encoding/binary"
	"slices"
)

// A walk keeps, for each number of steps, the set of states that so many steps
// reach. Once a set comes back, the sets repeat.
type walk struct {
	p        *product
	layers   [][]int32 // ascending states
	repeats  bool
	repeatAt int // the layer that would follow the last one
	seen     map[string]int
}

func (w *walk) layer(k int) []int32 {
	if k < len(w.layers) {
		return w.layers[k]
	}
	return w.layers[w.repeatAt+(k-w.repeatAt)%(len(w.layers)-w.repeatAt)]
}

// advance makes the layers up to k. It stops early, and says where, at a layer
// with the full state; else it returns -1.
func (w *walk) advance(k int) (int, error) {
	if k == 0 {
		return -1, nil
	}
	w.seen = map[string]int{}
	var key []byte
	for i := 0; i < k; i++ {
		key = key[:0]
		previous := int32(0)
		for _, s := range w.layers[i] {
			key = binary.AppendUvarint(key, uint64(s-previous))
			previous = s
		}
		if at, ok := w.seen[string(key)]; ok {
			w.layers = w.layers[:i]
			w.repeats, w.repeatAt = true, at
			return -1, nil
		}
		if err := w.p.b.hold(len(key) + 4*len(w.layers[i]) + 100); err != nil {
			return -1, err
		}
		w.seen[string(key)] = i
		var next []int32
		in := map[int32]bool{}
		for _, s := range w.layers[i] {
			edges, err := w.p.edgesOf(s)
			if err != nil {
				return -1, err
			}
			if err := w.p.b.step(len(edges)); err != nil {
				return -1, err
			}
			for _, e := range edges {
				if !in[e.to] {
					in[e.to] = true
					next = append(next, e.to)
				}
			}
		}
		slices.Sort(next)
		w.layers = append(w.layers, next)
		if in[fullState] {
			return i + 1, nil
		}
	}
	return -1, nil
}

// pathTo is a path of k steps to a state of layer k.
func (w *walk) pathTo(k int, state int32, wanted bool) ([]int32, error) {
	if !wanted || k > MaxExample {
		return nil, nil
	}
	type back struct{ from, class int32 }
	into := map[int32][]back{}
	for s := range w.p.states {
		if s == int(deadState) || !w.p.states[s].expanded {
			continue
		}
		for _, e := range w.p.states[s].edges {
			into[e.to] = append(into[e.to], back{int32(s), e.class})
			if err := w.p.b.hold(16); err != nil {
				return nil, err
			}
		}
	}
	rank := make([]int, w.p.symbols.classes)
	for i, c := range w.p.order {
		rank[c] = i
	}
	for _, bs := range into {
		slices.SortStableFunc(bs, func(a, b back) int { return rank[a.class] - rank[b.class] })
	}
	path := make([]int32, k)
	for i := k - 1; i >= 0; i-- {
		before := w.layer(i)
		for _, b := range into[state] {
			if err := w.p.b.step(1); err != nil {
				return nil, err
			}
			if _, ok := slices.BinarySearch(before, b.from); ok {
				path[i], state = b.class, b.from
				break
			}
		}
	}
	return path, nil
}
