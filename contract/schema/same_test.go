package schema_test

import (
	"testing"

	"github.com/eventproof/eventproof/contract/schema"
)

func TestSame(t *testing.T) {
	for _, tt := range []struct {
		reason, a, b string
		want         bool
	}{
		{"annotations", `{"title": "a", "properties": {"x": {"type": "string", "description": "b", "x-mine": 1}}}`, `{"properties": {"x": {"type": "string", "examples": ["c"]}}, "default": {}}`, true},
		{"a property that is called like one", `{"properties": {"title": {"type": "string"}}}`, `{"properties": {}}`, false},
		{"a required property that is called like one", `{"required": ["title"]}`, `{"required": []}`, false},
		{"a value that holds one", `{"const": {"title": 1}}`, `{"const": {}}`, false},
		{"the order of members", `{"type": "object", "required": ["a"], "properties": {"a": {}, "b": {}}}`, `{"properties": {"b": {}, "a": {}}, "required": ["a"], "type": "object"}`, true},
		{"the order of items", `{"prefixItems": [true, false]}`, `{"prefixItems": [false, true]}`, false},
		{"another keyword", `{"minLength": 1}`, `{"minLength": 1, "maxLength": 2}`, false},
		{"an unknown keyword", `{"unit": "m"}`, `{"unit": "km"}`, false},
		{"references within", `{"$id": "https://example.com/a", "$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}}`, `{"$id": "https://example.com/b", "$ref": "#/$defs/x", "$defs": {"x": {"type": "string", "title": "x"}}}`, true},
		{"a reference into an annotation", `{"$ref": "#/default", "default": {"type": "string"}}`, `{"$ref": "#/default", "default": {"type": "number"}}`, false},
		{"another URL within", `{"$defs": {"x": {"$id": "https://example.com/x"}}}`, `{"$defs": {"x": {"$id": "https://example.com/x"}}}`, false},
		{"conditions", `{"if": {"title": "a", "required": ["a"]}, "then": false}`, `{"if": {"required": ["a"]}, "then": false}`, true},
		{"dependencies by name", `{"dependentRequired": {"a": ["b"]}}`, `{"dependentRequired": {"a": ["c"]}}`, false},
	} {
		a, err := schema.Parse("a", []byte(tt.a), schema.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := schema.Parse("b", []byte(tt.b), schema.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, back := a.Same(b), b.Same(a); got != tt.want || back != tt.want {
			t.Errorf("%s: %v and %v, want %v: %s, %s", tt.reason, got, back, tt.want, tt.a, tt.b)
		}
	}
	seven, err := schema.Parse("a", []byte(`{}`), schema.Options{Draft: "7"})
	if err != nil {
		t.Fatal(err)
	}
	if other, err := schema.Parse("b", []byte(`{}`), schema.Options{}); err != nil || seven.Same(other) {
		t.Errorf("another draft is the same (%v)", err)
	}
}
