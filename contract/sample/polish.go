package sample

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
)

// mostPolished is how many parts of a value are made readable.
const mostPolished = 60

// polished is a value that came out of the algebra with words that fit the
// names instead of "" and 0, where that changes nothing: still is asked each time.
func (m *maker) polished(v any, still func(any) bool) any {
	if !still(v) {
		return v
	}
	root := copied(v)
	p := &polisher{random: rand.New(rand.NewPCG(m.options.Seed, 1)), left: mostPolished, still: func() bool { return still(root) }}
	p.polish(root, "value", func(n any) { root = n })
	return root
}

type polisher struct {
	random *rand.Rand
	left   int
	still  func() bool
}

func (p *polisher) polish(v any, name string, set func(any)) {
	if p.left <= 0 {
		return
	}
	try := func(n any) {
		p.left--
		if set(n); !p.still() {
			set(v)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for _, n := range slices.Sorted(maps.Keys(v)) {
			p.polish(v[n], describing(n, name), func(made any) { v[n] = made })
		}
	case []any:
		for i, item := range v {
			p.polish(item, singular(name), func(made any) { v[i] = made })
		}
	case string:
		if len(v) < 3 {
			try(nameWord(name, 1+p.random.IntN(9), p.random))
		}
	case json.Number:
		if v == "0" {
			if text, ok := numberOf(numberWord(name, true, 1, p.random)); ok {
				try(text)
			}
		}
	}
}

func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, member := range v {
			m[name] = copied(member)
		}
		return m
	case []any:
		a := make([]any, len(v))
		for i, item := range v {
			a[i] = copied(item)
		}
		return a
	}
	return v
}
