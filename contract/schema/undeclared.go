package schema

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Undeclared are the properties that no schema which applies to their object
// declares, sorted by pointer: what "unevaluatedProperties": false at every
// object would refuse. Where they are placed is the list of properties that
// closes the object.
//
// An object is closed when some schema that applies to it lists properties or
// patternProperties; a mere {"type": "object"} stays open. properties,
// patternProperties, additionalProperties and unevaluatedProperties (unless
// false) declare, across $ref, allOf, and those branches of anyOf, oneOf,
// if/then/else and dependentSchemas that accept the value; contains declares
// for the items that it accepts, but closes nothing. Where no branch of an anyOf or oneOf
// accepts, the object is left open: the failure itself is for [Schema.Validate].
//
// $dynamicRef and $recursiveRef are followed to where they point in their own
// document, not to an extension of it.
func (s *Schema) Undeclared(v any) (failures []Failure) {
	defer func() {
		if p := recover(); p != nil { // Validate reports the same panic
			failures = nil
		}
	}()
	u := &undeclared{translator: translator{library: s.library, value: v}}
	u.value(v, "", []applied{{s.Compiled, true}})
	slices.SortFunc(u.found, func(a, b Failure) int { return strings.Compare(a.Pointer, b.Pointer) })
	return u.found
}

type undeclared struct {
	translator
	found []Failure
}

// applied is a schema that applies to a value. Under contains it does not close.
type applied struct {
	schema *jsonschema.Schema
	closes bool
}

func (u *undeclared) value(v any, at string, roots []applied) {
	object, isObject := v.(map[string]any)
	array, isArray := v.([]any)
	if !isObject && !isArray {
		return
	}
	all, open := inPlace(v, roots)
	if isArray {
		for i, item := range array {
			u.value(item, at+Pointer(strconv.Itoa(i)), itemSchemas(all, i, item))
		}
		return
	}
	closer := ""
	var names []string
	for _, a := range all {
		names = slices.AppendSeq(names, maps.Keys(a.schema.Properties))
		switch {
		case closer != "" || !a.closes:
		case len(a.schema.Properties) > 0:
			closer = a.schema.Location + "/properties"
		case len(a.schema.PatternProperties) > 0:
			closer = a.schema.Location + "/patternProperties"
		}
	}
	slices.Sort(names)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		schemas, declared := propertySchemas(all, name)
		if !declared && closer != "" && !open {
			u.found = append(u.found, u.undeclared(closer, at, name, names, object[name]))
			continue
		}
		u.value(object[name], at+Pointer(name), schemas)
	}
}

func (u *undeclared) undeclared(closer, at, name string, names []string, v any) Failure {
	f := u.place(closer, closer[strings.LastIndexByte(closer, '/')+1:])
	f.Pointer, f.What, f.Want, f.Got = at+Pointer(name), "is not declared", "absent", Describe(v)
	if near := Nearest(name, names); near != "" {
		f.What += "; the nearest property is " + quote(near)
	}
	return f
}

// inPlace adds to the schemas those that apply to the same value through them.
// open: some choice was not made, so what it would have declared is unknown.
func inPlace(v any, roots []applied) (all []applied, open bool) {
	seen := map[applied]bool{}
	var add func(s *jsonschema.Schema, closes bool)
	add = func(s *jsonschema.Schema, closes bool) {
		a := applied{s, closes}
		if s == nil || s.Always != nil || seen[a] {
			return
		}
		seen[a] = true
		all = append(all, a)
		add(s.Ref, closes)
		add(s.RecursiveRef, closes)
		add(s.DynamicRef, closes)
		for _, sub := range s.AllOf {
			add(sub, closes)
		}
		for _, branches := range [][]*jsonschema.Schema{s.AnyOf, s.OneOf} {
			chosen := len(branches) == 0
			for _, sub := range branches {
				if accepts(sub, v) {
					chosen = true
					add(sub, closes)
				}
			}
			open = open || !chosen
		}
		if s.If != nil {
			if accepts(s.If, v) {
				add(s.If, closes)
				add(s.Then, closes)
			} else {
				add(s.Else, closes)
			}
		}
		object, _ := v.(map[string]any)
		for name, sub := range s.DependentSchemas {
			if _, there := object[name]; there {
				add(sub, closes)
			}
		}
		for name, dependency := range s.Dependencies {
			if sub, isSchema := dependency.(*jsonschema.Schema); isSchema {
				if _, there := object[name]; there {
					add(sub, closes)
				}
			}
		}
	}
	for _, root := range roots {
		add(root.schema, root.closes)
	}
	return all, open
}

// propertySchemas are the schemas for a property; declared: some schema names
// it, or says something of properties that it does not name.
func propertySchemas(all []applied, name string) (schemas []applied, declared bool) {
	for _, a := range all {
		s, own := a.schema, false
		if sub, ok := s.Properties[name]; ok {
			own = true
			schemas = append(schemas, applied{sub, a.closes})
		}
		for pattern, sub := range s.PatternProperties {
			if pattern.MatchString(name) {
				own = true
				schemas = append(schemas, applied{sub, a.closes})
			}
		}
		if own {
			declared = true
			continue
		}
		switch additional := s.AdditionalProperties.(type) {
		case bool:
			declared = declared || additional
		case *jsonschema.Schema:
			declared = true
			schemas = append(schemas, applied{additional, a.closes})
		}
	}
	if declared {
		return schemas, true
	}
	for _, a := range all {
		if sub := a.schema.UnevaluatedProperties; sub != nil && (sub.Always == nil || *sub.Always) {
			declared = true
			schemas = append(schemas, applied{sub, a.closes})
		}
	}
	return schemas, declared
}

// itemSchemas are the schemas for the item at i.
func itemSchemas(all []applied, i int, item any) (schemas []applied) {
	for _, a := range all {
		s := a.schema
		switch items := s.Items.(type) {
		case *jsonschema.Schema:
			schemas = append(schemas, applied{items, a.closes})
		case []*jsonschema.Schema:
			if i < len(items) {
				schemas = append(schemas, applied{items[i], a.closes})
			} else if additional, ok := s.AdditionalItems.(*jsonschema.Schema); ok {
				schemas = append(schemas, applied{additional, a.closes})
			}
		}
		if i < len(s.PrefixItems) {
			schemas = append(schemas, applied{s.PrefixItems[i], a.closes})
		} else if s.Items2020 != nil {
			schemas = append(schemas, applied{s.Items2020, a.closes})
		}
		if s.Contains != nil && accepts(s.Contains, item) {
			schemas = append(schemas, applied{s.Contains, false})
		}
	}
	if len(schemas) > 0 {
		return schemas
	}
	for _, a := range all {
		if a.schema.UnevaluatedItems != nil {
			schemas = append(schemas, applied{a.schema.UnevaluatedItems, a.closes})
		}
	}
	return schemas
}
