package schema

import (
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// mostApplied is how many schemas may be applied to one value, or four times as
// many as there are, where those are more. The validator applies each as often as
// ways lead to it, so that thirty levels of an allOf that names the next level
// twice would take it hours. GitHub's webhooks, one large oneOf, need 559.
const mostApplied = 10_000

// beyondCounting is where counting ends.
const beyondCounting = 1 << 40

// applications counts the schemas that the validator applies to one value, the
// most for a part of the schema, and says for which part, and whether those are
// too many.
func applications(root *jsonschema.Schema) (worst *jsonschema.Schema, times int, tooMany bool) {
	counted := map[*jsonschema.Schema]int{}
	var count func(s *jsonschema.Schema) int
	count = func(s *jsonschema.Schema) int {
		if s == nil {
			return 0
		}
		if n, known := counted[s]; known {
			return n // of a loop, which only $dynamicRef makes: once
		}
		counted[s] = 1
		n := 1
		here, elsewhere := parts(s)
		for _, sub := range here {
			n = min(n+count(sub), beyondCounting)
		}
		counted[s] = n
		if n > times || n == times && s.Location < worst.Location { // members come in no order
			worst, times = s, n
		}
		for _, sub := range elsewhere {
			count(sub)
		}
		return n
	}
	count(root)
	return worst, times, times > max(mostApplied, 4*len(counted))
}

// parts are the schemas that a schema applies to the value itself, and those
// that it applies to items, members and names.
func parts(s *jsonschema.Schema) (here, elsewhere []*jsonschema.Schema) {
	here = append(here, s.Ref, s.RecursiveRef, s.DynamicRef, s.Not, s.If, s.Then, s.Else)
	here = append(append(append(here, s.AllOf...), s.AnyOf...), s.OneOf...)
	for _, sub := range s.DependentSchemas {
		here = append(here, sub)
	}
	for _, d := range s.Dependencies {
		if sub, ok := d.(*jsonschema.Schema); ok {
			here = append(here, sub)
		}
	}
	elsewhere = append(elsewhere, s.PropertyNames, s.UnevaluatedProperties, s.UnevaluatedItems, s.Contains, s.Items2020)
	elsewhere = append(elsewhere, s.PrefixItems...)
	for _, sub := range s.Properties {
		elsewhere = append(elsewhere, sub)
	}
	for _, sub := range s.PatternProperties {
		elsewhere = append(elsewhere, sub)
	}
	for _, v := range []any{s.Items, s.AdditionalItems, s.AdditionalProperties} {
		switch v := v.(type) {
		case *jsonschema.Schema:
			elsewhere = append(elsewhere, v)
		case []*jsonschema.Schema:
			elsewhere = append(elsewhere, v...)
		}
	}
	return here, elsewhere
}

func many(times int) string {
	if times >= beyondCounting {
		return "over a million million"
	}
	return strconv.Itoa(times)
}
