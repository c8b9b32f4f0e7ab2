package compat_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// What a keyword's value holds, in any draft.
const (
	holdsSchema  = "a schema"
	holdsSchemas = "schemas"
	holdsNamed   = "schemas by name"
)

var holds = map[string]string{
	"not": holdsSchema, "if": holdsSchema, "then": holdsSchema, "else": holdsSchema, "contains": holdsSchema, "propertyNames": holdsSchema,
	"additionalItems": holdsSchema, "additionalProperties": holdsSchema, "unevaluatedItems": holdsSchema, "unevaluatedProperties": holdsSchema,
	"items": holdsSchema, "allOf": holdsSchemas, "anyOf": holdsSchemas, "oneOf": holdsSchemas, "prefixItems": holdsSchemas,
	"properties": holdsNamed, "patternProperties": holdsNamed, "definitions": holdsNamed, "$defs": holdsNamed, "dependentSchemas": holdsNamed, "dependencies": holdsNamed,
}

// rewritten is a copy of a schema document in which change has replaced each
// schema, those inside one first. path is a JSON pointer.
func rewritten(schema any, path string, change func(path string, schema any) any) any {
	s, isObject := schema.(map[string]any)
	if !isObject {
		return change(path, schema)
	}
	made := make(map[string]any, len(s))
	for _, keyword := range slices.Sorted(maps.Keys(s)) {
		value, at := s[keyword], path+"/"+keyword
		switch list, isList := value.([]any); {
		case isList && (holds[keyword] == holdsSchemas || keyword == "items"):
			all := make([]any, len(list))
			for i, sub := range list {
				all[i] = rewritten(sub, at+"/-", change)
			}
			value = all
		case holds[keyword] == holdsSchema:
			value = rewritten(value, at, change)
		case holds[keyword] == holdsNamed:
			if named, ok := value.(map[string]any); ok {
				all := make(map[string]any, len(named))
				for _, name := range slices.Sorted(maps.Keys(named)) {
					if _, names := named[name].([]any); names && keyword == "dependencies" {
						all[name] = named[name]
					} else {
						all[name] = rewritten(named[name], at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), change)
					}
				}
				value = all
			}
		}
		made[keyword] = value
	}
	return change(path, made)
}

// schemasIn calls visit with each schema of a document that is an object.
func schemasIn(schema any, visit func(path string, schema map[string]any)) {
	rewritten(schema, "", func(path string, s any) any {
		if object, ok := s.(map[string]any); ok {
			visit(path, object)
		}
		return s
	})
}

// decoded is JSON text as a value, numbers as written.
func decoded(tb testing.TB, text []byte) any {
	tb.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		tb.Fatal(err)
	}
	return v
}

// encoded is a value as JSON text.
func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
