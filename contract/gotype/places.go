package gotype

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/schema"
)

// step leads from a value to one of its parts.
type step struct {
	name string // of a member
	item bool   // any item of the array
}

// place is a part of the value of which the schema says something, and the
// subschemas that say it. Which of them apply to a certain value is not asked:
// what is drawn for a place is checked by the whole schema.
type place struct {
	path    []step
	schemas []*jsonschema.Schema
	outer   int // the place around it, in the list; its own for the outermost
}

const (
	deepest    = 8
	mostPlaces = 500
)

// placesOf are the places in a schema, outer ones first. cut says that there are
// more.
func placesOf(root *jsonschema.Schema) (all []place, cut bool) {
	all = []place{{schemas: inPlace([]*jsonschema.Schema{root})}}
	for i := 0; i < len(all); i++ {
		at := all[i]
		if len(at.path) == deepest || again(all, i) {
			continue
		}
		members := map[string][]*jsonschema.Schema{}
		var items []*jsonschema.Schema
		for _, s := range at.schemas {
			for name, sub := range s.Properties {
				members[name] = append(members[name], sub)
			}
			if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && len(s.Properties) == 0 {
				members["key"] = append(members["key"], sub) // a map: one member stands for all
			}
			items = append(items, s.PrefixItems...)
			if s.Items2020 != nil {
				items = append(items, s.Items2020)
			}
			switch sub := s.Items.(type) {
			case *jsonschema.Schema:
				items = append(items, sub)
			case []*jsonschema.Schema:
				items = append(items, sub...)
			}
		}
		var under []place
		for _, name := range slices.Sorted(maps.Keys(members)) {
			under = append(under, place{append(slices.Clone(at.path), step{name: name}), inPlace(members[name]), i})
		}
		if items != nil {
			under = append(under, place{append(slices.Clone(at.path), step{item: true}), inPlace(items), i})
		}
		if len(all)+len(under) > mostPlaces {
			return all, true
		}
		all = append(all, under...)
	}
	return all, false
}

// again reports whether a place is one that stands around it already, in a schema
// that refers to itself.
func again(all []place, i int) bool {
	for n := i; n != all[n].outer; {
		n = all[n].outer
		if slices.Equal(all[n].schemas, all[i].schemas) {
			return true
		}
	}
	return false
}

// inPlace are the subschemas that may apply to a value to which some apply.
func inPlace(from []*jsonschema.Schema) []*jsonschema.Schema {
	var all []*jsonschema.Schema
	for len(from) > 0 {
		s := from[0]
		from = from[1:]
		if s == nil || slices.Contains(all, s) {
			continue
		}
		all = append(all, s)
		from = append(from, s.Ref, s.RecursiveRef, s.DynamicRef, s.If, s.Then, s.Else)
		from = append(from, s.AllOf...)
		from = append(from, s.AnyOf...)
		from = append(from, s.OneOf...)
		for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
			from = append(from, s.DependentSchemas[name])
		}
	}
	return all
}

// values are those of the enums and constants at a place.
func (p place) values() []any {
	var all []any
	for _, s := range p.schemas {
		all = append(append(all, s.Enum...), s.Constant...)
	}
	return all
}

// where is the schema of the values that have something at a path, and there what
// leaf accepts.
func where(path []step, leaf any) any {
	for _, s := range slices.Backward(path) {
		if s.item {
			leaf = map[string]any{"type": "array", "minItems": 1, "items": leaf}
		} else {
			leaf = map[string]any{"type": "object", "required": []any{s.name}, "properties": map[string]any{s.name: leaf}}
		}
	}
	return leaf
}

// without is the schema of the values that lack the last step of a path, though
// they have all before.
func without(path []step) any {
	last := path[len(path)-1]
	if last.item {
		return where(path[:len(path)-1], map[string]any{"type": "array", "maxItems": 0})
	}
	return where(path[:len(path)-1], map[string]any{"type": "object", "not": map[string]any{"required": []any{last.name}}})
}

// lineOf is the line at which the contract's schema declares what a pointer
// names, or what is around it.
func (k *check) lineOf(pointer string) int {
	tokens, err := schema.Tokens(pointer)
	if err != nil {
		return k.schema.Root.Line
	}
	all, _ := placesOf(k.schema.Compiled)
	for n := len(tokens); n > 0; n-- {
		for _, p := range all {
			if !leads(p.path, tokens[:n]) {
				continue
			}
			for _, s := range p.schemas {
				if line := k.lineAt(s.Location); line > 0 {
					return line
				}
			}
		}
	}
	return k.schema.Root.Line
}

func leads(path []step, tokens []string) bool {
	if len(path) != len(tokens) {
		return false
	}
	for i, s := range path {
		if !s.item && s.name != tokens[i] {
			return false
		}
	}
	return true
}

// lineAt is the line of a subschema of the contract's file, 0 where it lies in
// another file.
func (k *check) lineAt(location string) int {
	file, pointer, _ := strings.Cut(location, "#")
	own, _, _ := strings.Cut(k.schema.Compiled.Location, "#")
	if file != own || k.schema.Root.At(pointer) == nil {
		return 0
	}
	return k.schema.Root.LineOf(pointer)
}

// text is a value as compact JSON.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}
