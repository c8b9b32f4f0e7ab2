package sample

import (
	"reflect"
	"regexp"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// copier copies what the validator compiled, so that a keyword of it can be
// taken out for one question without the schema itself being touched, and
// without compiling it again.
type copier struct {
	made map[*jsonschema.Schema]*jsonschema.Schema
	// dynamic: there is a $dynamicRef, whose targets the validator keeps to
	// itself, so that a copy does not do what the original does.
	dynamic bool
}

func (c *copier) of(s *jsonschema.Schema) *jsonschema.Schema {
	if s == nil {
		return nil
	}
	if t := c.made[s]; t != nil {
		return t
	}
	t := new(jsonschema.Schema)
	*t = *s
	c.made[s] = t
	c.dynamic = c.dynamic || s.DynamicRef != nil
	t.Ref, t.RecursiveRef, t.DynamicRef = c.of(s.Ref), c.of(s.RecursiveRef), c.of(s.DynamicRef)
	t.Not, t.If, t.Then, t.Else = c.of(s.Not), c.of(s.If), c.of(s.Then), c.of(s.Else)
	t.AllOf, t.AnyOf, t.OneOf, t.PrefixItems = c.list(s.AllOf), c.list(s.AnyOf), c.list(s.OneOf), c.list(s.PrefixItems)
	t.PropertyNames, t.UnevaluatedProperties, t.UnevaluatedItems = c.of(s.PropertyNames), c.of(s.UnevaluatedProperties), c.of(s.UnevaluatedItems)
	t.Items2020, t.Contains, t.ContentSchema = c.of(s.Items2020), c.of(s.Contains), c.of(s.ContentSchema)
	t.Properties, t.DependentSchemas = c.named(s.Properties), c.named(s.DependentSchemas)
	if s.PatternProperties != nil {
		t.PatternProperties = make(map[*regexp.Regexp]*jsonschema.Schema, len(s.PatternProperties))
		for pattern, sub := range s.PatternProperties {
			t.PatternProperties[pattern] = c.of(sub)
		}
	}
	if s.Dependencies != nil {
		t.Dependencies = make(map[string]any, len(s.Dependencies))
		for name, d := range s.Dependencies {
			if sub, ok := d.(*jsonschema.Schema); ok {
				d = c.of(sub)
			}
			t.Dependencies[name] = d
		}
	}
	t.AdditionalProperties, t.AdditionalItems, t.Items = c.either(s.AdditionalProperties), c.either(s.AdditionalItems), c.either(s.Items)
	return t
}

func (c *copier) list(subs []*jsonschema.Schema) []*jsonschema.Schema {
	if subs == nil {
		return nil
	}
	copied := make([]*jsonschema.Schema, len(subs))
	for i, s := range subs {
		copied[i] = c.of(s)
	}
	return copied
}

func (c *copier) named(subs map[string]*jsonschema.Schema) map[string]*jsonschema.Schema {
	if subs == nil {
		return nil
	}
	copied := make(map[string]*jsonschema.Schema, len(subs))
	for name, s := range subs {
		copied[name] = c.of(s)
	}
	return copied
}

// either copies what is a schema, a list of them, or neither.
func (c *copier) either(v any) any {
	switch v := v.(type) {
	case *jsonschema.Schema:
		return c.of(v)
	case []*jsonschema.Schema:
		return c.list(v)
	}
	return v
}

// edit changes one schema of a copy. It replaces fields and changes nothing
// that they point to.
type edit func(s *jsonschema.Schema)

// edited does something while a schema of a copy is changed.
func edited(s *jsonschema.Schema, change edit, do func()) {
	old := *s
	defer func() { *s = old }()
	change(s)
	do()
}

// withoutFormat drops the format, which the validator keeps in a field that is
// not exported, by keeping only those that are.
func withoutFormat(s *jsonschema.Schema) {
	bare := jsonschema.Schema{}
	from, to := reflect.ValueOf(s).Elem(), reflect.ValueOf(&bare).Elem()
	for i := range from.NumField() {
		if from.Type().Field(i).IsExported() {
			to.Field(i).Set(from.Field(i))
		}
	}
	bare.Format = ""
	*s = bare
}
