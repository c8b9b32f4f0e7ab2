package sample

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// types is a set of JSON types.
type types uint8

const (
	object types = 1 << iota
	array
	text
	number
	boolean
	null
	anything = object | array | text | number | boolean | null
)

var typeNames = map[string]types{"object": object, "array": array, "string": text, "number": number, "integer": number, "boolean": boolean, "null": null}

// inOrder is the order in which types are tried where nothing else decides.
var inOrder = []types{text, number, object, array, boolean, null}

func typeOf(v any) types {
	switch v.(type) {
	case nil:
		return null
	case bool:
		return boolean
	case string:
		return text
	case []any:
		return array
	case map[string]any:
		return object
	case json.Number:
		return number
	}
	return 0
}

// typesOf are the types that the schema's own keywords allow.
func typesOf(s *jsonschema.Schema) types {
	t := anything
	if len(s.Types) > 0 {
		t = 0
		for _, name := range s.Types {
			t |= typeNames[name]
		}
	}
	listed := func(values []any) {
		if len(values) > 0 {
			var some types
			for _, v := range values {
				some |= typeOf(v)
			}
			t &= some
		}
	}
	listed(s.Constant)
	listed(s.Enum)
	return t
}

// wholeOnly: of numbers, the schema's type keyword allows integers only.
func wholeOnly(s *jsonschema.Schema) bool {
	whole := false
	for _, name := range s.Types {
		if name == "number" {
			return false
		}
		whole = whole || name == "integer"
	}
	return whole
}

// concerns are the types that the schema's keywords speak about, where it does
// not say a type.
func concerns(s *jsonschema.Schema) types {
	var t types
	if len(s.Properties) > 0 || len(s.Required) > 0 || s.MinProperties > 0 || s.MaxProperties >= 0 || s.PropertyNames != nil || len(s.PatternProperties) > 0 ||
		s.AdditionalProperties != nil || len(s.Dependencies) > 0 || len(s.DependentRequired) > 0 || len(s.DependentSchemas) > 0 || s.UnevaluatedProperties != nil {
		t |= object
	}
	if s.Items != nil || s.Items2020 != nil || len(s.PrefixItems) > 0 || s.MinItems > 0 || s.MaxItems >= 0 || s.UniqueItems || s.Contains != nil || s.UnevaluatedItems != nil {
		t |= array
	}
	if s.Pattern != nil || s.MinLength > 0 || s.MaxLength >= 0 || s.Format != "" {
		t |= text
	}
	if s.Minimum != nil || s.Maximum != nil || s.ExclusiveMinimum != nil || s.ExclusiveMaximum != nil || s.MultipleOf != nil {
		t |= number
	}
	return t
}

// textOf is a value as one text that equal values share: 1 and 1.0 are equal.
func textOf(v any) string { return string(appendText(nil, v)) }

func appendText(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return strconv.AppendQuote(b, v)
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") || v == "-0" {
			if r := ratOf(v); r != nil {
				return append(b, r.RatString()...)
			}
		}
		return append(b, v...)
	case []any:
		b = append(b, '[')
		for _, item := range v {
			b = append(appendText(b, item), ',')
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			b = append(strconv.AppendQuote(b, name), ':')
			b = append(appendText(b, v[name]), ',')
		}
		return append(b, '}')
	}
	return append(b, '?') // no JSON value
}
