package sample

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// edge leads from a schema to one that applies because of it: to the same value
// (a $ref, a branch), or to a member or item of it.
type edge struct {
	kind  edgeKind
	name  string // of a property or a dependency
	match *regexp.Regexp
	index int
	to    *jsonschema.Schema
}

type edgeKind uint8

const (
	toRef edgeKind = iota
	toAllOf
	toAnyOf
	toOneOf
	toThen
	toElse
	toDependency
	toProperty // here the members and items begin
	toPattern
	toAdditional
	toItem
	toRest
	toName // propertyNames
)

// inPlace: the edge leads to a schema of the same value.
func (e edge) inPlace() bool { return e.kind < toProperty }

// edges are the schemas that s makes apply, in a fixed order. Those under not,
// if and contains are no part of it: what fails there does not fail the value.
func edges(s *jsonschema.Schema) []edge {
	var all []edge
	add := func(kind edgeKind, name string, index int, to *jsonschema.Schema) {
		if to != nil {
			all = append(all, edge{kind: kind, name: name, index: index, to: to})
		}
	}
	add(toRef, "", 0, s.Ref)
	add(toRef, "", 1, s.RecursiveRef)
	add(toRef, "", 2, s.DynamicRef)
	for i, sub := range s.AllOf {
		add(toAllOf, "", i, sub)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		add(toProperty, name, 0, s.Properties[name])
	}
	for _, pattern := range patterns(s) {
		all = append(all, edge{kind: toPattern, match: pattern, to: s.PatternProperties[pattern]})
	}
	if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		add(toAdditional, "", 0, sub)
	}
	add(toAdditional, "", 1, s.UnevaluatedProperties)
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		add(toRest, "", 0, items)
	case []*jsonschema.Schema:
		for i, sub := range items {
			add(toItem, "", i, sub)
		}
		if sub, ok := s.AdditionalItems.(*jsonschema.Schema); ok {
			add(toRest, "", len(items), sub)
		}
	}
	for i, sub := range s.PrefixItems {
		add(toItem, "", i, sub)
	}
	add(toRest, "", len(s.PrefixItems), s.Items2020)
	add(toRest, "", len(s.PrefixItems), s.UnevaluatedItems)
	for i, sub := range s.AnyOf {
		add(toAnyOf, "", i, sub)
	}
	for i, sub := range s.OneOf {
		add(toOneOf, "", i, sub)
	}
	if s.If != nil {
		add(toThen, "", 0, s.Then)
		add(toElse, "", 0, s.Else)
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		add(toDependency, name, 0, s.DependentSchemas[name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.Dependencies)) {
		if sub, ok := s.Dependencies[name].(*jsonschema.Schema); ok {
			add(toDependency, name, 0, sub)
		}
	}
	add(toName, "", 0, s.PropertyNames)
	return all
}

func patterns(s *jsonschema.Schema) []*regexp.Regexp {
	if len(s.PatternProperties) == 0 {
		return nil
	}
	return slices.SortedFunc(maps.Keys(s.PatternProperties), func(a, b *regexp.Regexp) int { return strings.Compare(a.String(), b.String()) })
}

// node is a schema of the graph, and a shortest way to it.
type node struct {
	schema *jsonschema.Schema
	from   *node
	by     edge
}

// route is the way from the root.
func (n *node) route() []edge {
	var way []edge
	for ; n.from != nil; n = n.from {
		way = append(way, n.by)
	}
	slices.Reverse(way)
	return way
}

// reach finds every schema that can apply, nearest first.
func reach(root *jsonschema.Schema) []*node {
	all := []*node{{schema: root}}
	seen := map[*jsonschema.Schema]bool{root: true}
	for i := 0; i < len(all); i++ {
		for _, e := range edges(all[i].schema) {
			if !seen[e.to] {
				seen[e.to] = true
				all = append(all, &node{schema: e.to, from: all[i], by: e})
			}
		}
	}
	return all
}

// endless is the height of what only infinite values would satisfy.
const endless = 1 << 20

// heights are how deep the flattest value of each schema is, as far as
// required, minItems, references and branches say.
func heights(nodes []*node) map[*jsonschema.Schema]int {
	h := make(map[*jsonschema.Schema]int, len(nodes))
	for _, n := range nodes {
		h[n.schema] = endless
	}
	at := func(s *jsonschema.Schema) int {
		if s == nil {
			return 0
		}
		if n, known := h[s]; known {
			return n
		}
		return 0
	}
	least := func(subs []*jsonschema.Schema) int {
		best := endless
		for _, s := range subs {
			best = min(best, at(s))
		}
		return best
	}
	one := func(s *jsonschema.Schema) int {
		if s.Always != nil {
			if *s.Always {
				return 0
			}
			return endless
		}
		n := max(at(s.Ref), at(s.RecursiveRef), at(s.DynamicRef))
		for _, sub := range s.AllOf {
			n = max(n, at(sub))
		}
		if len(s.AnyOf) > 0 {
			n = max(n, least(s.AnyOf))
		}
		if len(s.OneOf) > 0 {
			n = max(n, least(s.OneOf))
		}
		if t := typesOf(s); t == object {
			for _, name := range s.Required {
				if sub := s.Properties[name]; sub != nil {
					n = max(n, 1+at(sub))
				}
			}
		} else if t == array && s.MinItems > 0 {
			if sub, ok := s.Items.(*jsonschema.Schema); ok {
				n = max(n, 1+at(sub))
			}
			if len(s.PrefixItems) == 0 && s.Items2020 != nil {
				n = max(n, 1+at(s.Items2020))
			}
		}
		return min(n, endless)
	}
	for changed := true; changed; {
		changed = false
		for i := len(nodes) - 1; i >= 0; i-- {
			if n := one(nodes[i].schema); n < h[nodes[i].schema] {
				h[nodes[i].schema] = n
				changed = true
			}
		}
	}
	return h
}
