package compat

import (
	"maps"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/schema"
)

// spoken is what a schema says of one place in a value.
type spoken struct {
	schema *schema.Schema
	here   []*jsonschema.Schema // that apply there
	around []*jsonschema.Schema // that apply to what the place is in
	// declared: properties, patternProperties, or a schema for additional
	// properties or items, speaks of every step to the place.
	declared bool
	// undeclared is the first member on the way of which nothing speaks; ""
	// where there is none.
	undeclared string
}

// speaks finds what a schema says of a place in a value that it accepts. The
// value may have nothing there.
func speaks(s *schema.Schema, value any, pointer string) (out spoken) {
	defer func() {
		if recover() != nil { // of the validator: then nothing is known
			out = spoken{schema: s}
		}
	}()
	tokens, err := schema.Tokens(pointer)
	if err != nil {
		return spoken{schema: s}
	}
	out = spoken{schema: s, declared: true}
	level, there := inPlace([]*jsonschema.Schema{s.Compiled}, value, true), true
	for i, token := range tokens {
		var next []*jsonschema.Schema
		var nextValue any
		nextThere := false
		if list, isArray := value.([]any); isArray && there {
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 {
				return spoken{schema: s}
			}
			if i < len(list) {
				nextValue, nextThere = list[i], true
			}
			next = itemSchemas(level, i)
		} else {
			if object, isObject := value.(map[string]any); isObject && there {
				nextValue, nextThere = object[token]
			}
			next = memberSchemas(level, token)
			if len(next) == 0 && out.undeclared == "" {
				out.undeclared = schema.Pointer(tokens[:i+1]...)
			}
		}
		out.declared = out.declared && len(next) > 0
		if len(level) > 0 {
			out.around = level
		}
		value, there = nextValue, nextThere
		level = inPlace(next, value, there)
	}
	out.here = level
	return out
}

// inPlace adds to schemas those that apply to the same value through them: of
// alternatives, those that accept it, and where there is no value all of them.
func inPlace(roots []*jsonschema.Schema, value any, there bool) (all []*jsonschema.Schema) {
	accepts := func(s *jsonschema.Schema) bool { return !there || s.Validate(value) == nil }
	var add func(s *jsonschema.Schema)
	add = func(s *jsonschema.Schema) {
		if s == nil || slices.Contains(all, s) {
			return
		}
		all = append(all, s)
		add(s.Ref)
		add(s.RecursiveRef)
		add(s.DynamicRef)
		for _, sub := range s.AllOf {
			add(sub)
		}
		for _, sub := range slices.Concat(s.AnyOf, s.OneOf) {
			if accepts(sub) {
				add(sub)
			}
		}
		if s.If != nil {
			if !there || s.If.Validate(value) == nil {
				add(s.If)
				add(s.Then)
			}
			if !there || s.If.Validate(value) != nil {
				add(s.Else)
			}
		}
		object, _ := value.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
			if _, has := object[name]; has {
				add(s.DependentSchemas[name])
			}
		}
		for _, name := range slices.Sorted(maps.Keys(s.Dependencies)) {
			if sub, ok := s.Dependencies[name].(*jsonschema.Schema); ok {
				if _, has := object[name]; has {
					add(sub)
				}
			}
		}
	}
	for _, root := range roots {
		add(root)
	}
	return all
}

// memberSchemas are those that speak of a member.
func memberSchemas(level []*jsonschema.Schema, name string) (all []*jsonschema.Schema) {
	for _, s := range level {
		own := false
		if sub := s.Properties[name]; sub != nil {
			all, own = append(all, sub), true
		}
		matching := map[string]*jsonschema.Schema{}
		for pattern, sub := range s.PatternProperties {
			if pattern.MatchString(name) {
				matching[pattern.String()] = sub
			}
		}
		for _, pattern := range slices.Sorted(maps.Keys(matching)) {
			all, own = append(all, matching[pattern]), true
		}
		if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && !own {
			all = append(all, sub)
		}
	}
	if len(all) > 0 {
		return all
	}
	for _, s := range level {
		if s.UnevaluatedProperties != nil && s.UnevaluatedProperties.Always == nil {
			all = append(all, s.UnevaluatedProperties)
		}
	}
	return all
}

// itemSchemas are those that speak of the item at i.
func itemSchemas(level []*jsonschema.Schema, i int) (all []*jsonschema.Schema) {
	for _, s := range level {
		switch items := s.Items.(type) {
		case *jsonschema.Schema:
			all = append(all, items)
		case []*jsonschema.Schema:
			if i < len(items) {
				all = append(all, items[i])
			} else if more, ok := s.AdditionalItems.(*jsonschema.Schema); ok {
				all = append(all, more)
			}
		}
		if i < len(s.PrefixItems) {
			all = append(all, s.PrefixItems[i])
		} else if s.Items2020 != nil {
			all = append(all, s.Items2020)
		}
	}
	if len(all) > 0 {
		return all
	}
	for _, s := range level {
		if s.UnevaluatedItems != nil && s.UnevaluatedItems.Always == nil {
			all = append(all, s.UnevaluatedItems)
		}
	}
	return all
}

// keyword finds the first of the schemas here that has one of the keywords.
func (s spoken) keyword(names ...string) (*schema.Node, Place) {
	return s.find(s.here, names...)
}

func (s spoken) find(schemas []*jsonschema.Schema, names ...string) (*schema.Node, Place) {
	for _, sub := range schemas {
		file, pointer, _, _ := s.schema.Source(sub.Location)
		d := s.schema.Document(file)
		if d == nil {
			continue
		}
		for _, name := range names {
			if n := d.At(pointer).Get(name); n != nil {
				return n, Place{file, pointer + schema.Pointer(name), d.LineOf(pointer + schema.Pointer(name))}
			}
		}
	}
	return nil, Place{}
}

// place is where the schema speaks of the place at all, or of what is nearest
// around it.
func (s spoken) place() Place {
	if p := s.first(s.here); p.File != "" && s.declared {
		return p
	}
	if _, p := s.find(s.around, "properties", "patternProperties"); p.File != "" {
		return p
	}
	if p := s.first(s.around); p.File != "" {
		return p
	}
	return Place{s.schema.File, "", s.schema.Root.Line}
}

func (s spoken) first(schemas []*jsonschema.Schema) Place {
	for _, sub := range schemas {
		file, pointer, _, _ := s.schema.Source(sub.Location)
		if d := s.schema.Document(file); d != nil {
			return Place{file, pointer, d.LineOf(pointer)}
		}
	}
	return Place{}
}
