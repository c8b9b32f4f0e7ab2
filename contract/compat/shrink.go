package compat

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract/schema"
)

// mostChecked is how many parts of values the validator is shown while a witness
// is made smaller, and half as many again while it is made readable: witnesses
// come out of the algebra nearly minimal, and a large one is slow to check.
const mostChecked = 8000

// mostParts is the size of the largest witness that the validator is shown: its
// time may grow as the number of branches to the power of the depth.
const mostParts = 100_000

// shrinker makes a witness small and then readable. Each step keeps it a witness.
type shrinker struct {
	witness func(any) bool
	cost    int // of a part: one for a hundred schemas that are applied to it
	left    int // parts that may still be checked
	root    any
}

// shrink removes what a witness does not need, and then puts the schemas' own
// examples where a value does not matter.
func shrink(v any, cost int, hints map[string][]any, witness func(any) bool) any {
	s := &shrinker{witness: witness, cost: cost, root: copied(v), left: mostChecked}
	s.reduce(s.root, func(n any) { s.root = n })
	s.left = mostChecked / 2
	s.decorate(s.root, hints)
	return s.root
}

func (s *shrinker) still() bool {
	if s.left <= 0 {
		return false
	}
	s.left -= s.cost * parts(s.root, mostParts)
	return s.witness(s.root)
}

// cost is what checking a part of a value costs by some schemas.
func cost(schemas ...*schema.Schema) int {
	n := 1
	for _, s := range schemas {
		n += s.Applications / 100
	}
	return n
}

// reduce makes the value at one place smaller; set puts another there.
func (s *shrinker) reduce(v any, set func(any)) {
	switch v := v.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		for chunk := len(names); chunk > 0; chunk /= 2 {
			for at := 0; at < len(names); at += chunk {
				taken := map[string]any{}
				for _, name := range names[at:min(at+chunk, len(names))] {
					if kept, there := v[name]; there {
						taken[name] = kept
						delete(v, name)
					}
				}
				if len(taken) > 0 && !s.still() {
					maps.Copy(v, taken)
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			s.reduce(v[name], func(n any) { v[name] = n })
		}
	case []any:
		current := v
		for at := len(v) - 1; at >= 0; at-- {
			fewer := slices.Delete(slices.Clone(current), at, at+1)
			if set(fewer); s.still() {
				current = fewer
			} else {
				set(current)
			}
		}
		for i := range current {
			s.reduce(current[i], func(n any) { current[i] = n })
		}
	case string:
		if v == "" {
			return
		}
		if set(""); !s.still() {
			set(v)
		}
	case json.Number:
		for _, simple := range []json.Number{"0", "1"} {
			if v == simple {
				break
			}
			if set(simple); s.still() {
				return
			}
		}
		set(v)
	}
}

// decorate replaces members by examples of their name.
func (s *shrinker) decorate(v any, hints map[string][]any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			old := v[name]
			replaced := false
			for _, hint := range hints[name] {
				if v[name] = copied(hint); s.still() {
					replaced = true
					break
				}
			}
			if !replaced {
				v[name] = old
				s.decorate(old, hints)
			}
		}
	case []any:
		for _, item := range v {
			s.decorate(item, hints)
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

// parts counts a value's parts, up to a limit.
func parts(v any, limit int) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			if n += parts(member, limit-n); n >= limit {
				break
			}
		}
	case []any:
		for _, item := range v {
			if n += parts(item, limit-n); n >= limit {
				break
			}
		}
	}
	return n
}

// examples are the values that schemas give for properties, by name: examples,
// example, default, const and enum, in this order.
func examples(schemas ...*schema.Schema) map[string][]any {
	found := map[string][]any{}
	for _, s := range schemas {
		var walk func(n *schema.Node)
		walk = func(n *schema.Node) {
			for _, m := range n.Members {
				if m.Name == "properties" {
					for _, p := range m.Value.Members {
						found[p.Name] = append(found[p.Name], given(s.Root, p.Value)...)
					}
				}
				walk(m.Value)
			}
			for _, item := range n.Items {
				walk(item)
			}
		}
		walk(s.Root)
	}
	for name, values := range found {
		found[name] = values[:min(len(values), 4)]
	}
	return found
}

func given(root, n *schema.Node) []any {
	if ref := n.Get("$ref"); ref != nil && strings.HasPrefix(ref.Text, "#/") {
		if target := root.At(ref.Text[1:]); target != nil {
			n = target
		}
	}
	var values []any
	for _, keyword := range []string{"examples", "enum"} {
		if list := n.Get(keyword); list != nil && len(list.Items) > 0 {
			values = append(values, list.Items[0].Value())
		}
	}
	for _, keyword := range []string{"example", "default", "const"} {
		if one := n.Get(keyword); one != nil {
			values = append(values, one.Value())
		}
	}
	return values
}
