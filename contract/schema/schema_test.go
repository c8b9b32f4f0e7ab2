package schema_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/schema"
)

func value(t *testing.T, text string) any {
	t.Helper()
	n, err := schema.ReadJSON([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return n.Value()
}

func parse(t *testing.T, text string, o schema.Options) *schema.Schema {
	t.Helper()
	s, err := schema.Parse("s.json", []byte(text), o)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// Whether format is asserted is what Options say, whatever the draft, and
// whether the schema or the options state it.
func TestFormat(t *testing.T) {
	urls := map[string]string{"4": "http://json-schema.org/draft-04/schema#", "6": "http://json-schema.org/draft-06/schema#", "7": "http://json-schema.org/draft-07/schema#",
		"2019-09": "https://json-schema.org/draft/2019-09/schema", "2020-12": "https://json-schema.org/draft/2020-12/schema"}
	for _, draft := range schema.Drafts {
		for _, assert := range []bool{false, true} {
			for _, stated := range []bool{false, true} {
				t.Run(fmt.Sprintf("draft %s, assert %v, stated %v", draft, assert, stated), func(t *testing.T) {
					text, o := `{"format": "date", "pattern": "^x"}`, schema.Options{Draft: draft, AssertFormat: assert}
					if stated {
						text, o.Draft = `{"$schema": "`+urls[draft]+`", "format": "date", "pattern": "^x"}`, ""
					}
					s := parse(t, text, o)
					if s.Draft != draft || s.AssertFormat != assert {
						t.Errorf("draft %s, assert %v", s.Draft, s.AssertFormat)
					}
					var keywords []string
					for _, f := range s.Validate("no date") {
						keywords = append(keywords, f.Keyword)
					}
					want := "pattern"
					if assert {
						want = "pattern format"
					}
					if got := strings.Join(keywords, " "); got != want {
						t.Errorf("failed: %s, want %s", got, want)
					}
				})
			}
		}
	}
}

// The draft decides what a keyword means.
func TestDrafts(t *testing.T) {
	for _, tt := range []struct {
		name, reason, draft, schema, value string
		valid                              bool
	}{
		{"exclusiveMinimum of draft 4", "a boolean beside minimum", "4", `{"minimum": 1, "exclusiveMinimum": true}`, `1`, false},
		{"const in draft 4", "no keyword yet", "4", `{"const": 1}`, `2`, true},
		{"const in draft 6", "a keyword", "6", `{"const": 1}`, `2`, false},
		{"if in draft 6", "no keyword yet", "6", `{"if": true, "then": false}`, `2`, true},
		{"if in draft 7", "a keyword", "7", `{"if": true, "then": false}`, `2`, false},
		{"beside $ref in draft 7", "$ref hides what is beside it", "7", `{"definitions": {"a": {}}, "$ref": "#/definitions/a", "type": "null"}`, `2`, true},
		{"beside $ref in 2019-09", "both apply", "2019-09", `{"$defs": {"a": {}}, "$ref": "#/$defs/a", "type": "null"}`, `2`, false},
		{"dependencies in draft 7", "a keyword", "7", `{"dependencies": {"a": ["b"]}}`, `{"a": 1}`, false},
		{"list of items in 2019-09", "for each position", "2019-09", `{"items": [{"type": "null"}]}`, `[1]`, false},
		{"prefixItems in 2020-12", "for each position", "", `{"prefixItems": [{"type": "null"}]}`, `[1]`, false},
		{"content in draft 7", "never asserted", "7", `{"contentEncoding": "base64", "contentMediaType": "application/json"}`, `"?"`, true},
		{"integer that is written as a fraction", "1.0 is an integer", "", `{"type": "integer"}`, `1.0`, true},
		{"large integers", "not rounded", "", `{"const": 12345678901234567890}`, `12345678901234567891`, false},
		{"small steps", "not rounded", "", `{"multipleOf": 0.01}`, `0.07`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			failures := parse(t, tt.schema, schema.Options{Draft: tt.draft}).Validate(value(t, tt.value))
			if (len(failures) == 0) != tt.valid {
				t.Errorf("failures %v, want valid %v: %s", failures, tt.valid, tt.reason)
			}
		})
	}
}

func TestValidateFindsPointerAndLine(t *testing.T) {
	for _, tt := range []struct{ name, reason, schema, value, want string }{
		{"required", "each missing name", "{\n\"required\": [\"a\", \"b\", \"c\"]}", `{"b": 1}`, "/a required s.json:2, /c required s.json:2"},
		{"odd names", "escaped in the pointer", "{\n\"properties\": {\n\"a/b~c%20 ü\": {\n\"type\": \"null\"}}}", `{"a/b~c%20 ü": 1}`, "/a~1b~0c%20 ü type s.json:4"},
		{"through $ref", "where the keyword is written", "{\"$ref\": \"#/$defs/x\",\n\"$defs\": {\n\"x\": {\n\"type\": \"null\"}}}", `1`, " type s.json:4"},
		{"additionalProperties", "each name too many", "{\"properties\": {\"a\": {}}, \"patternProperties\": {\"^x\": {}},\n\"additionalProperties\": false}", `{"a": 1, "b": 2, "c": 3, "x": 4}`,
			"/b additionalProperties s.json:2, /c additionalProperties s.json:2"},
		{"unevaluatedProperties", "each name too many", "{\"properties\": {\"a\": {}},\n\"unevaluatedProperties\": false}", `{"a": 1, "b": 2}`, "/b unevaluatedProperties s.json:2"},
		{"propertyNames", "the name", "{\n\"propertyNames\": {\n\"maxLength\": 1}}", `{"ab": 1}`, "/ab maxLength s.json:3"},
		{"dependentRequired", "what is missing", "{\n\"dependentRequired\": {\n\"a\": [\n\"b\"]}}", `{"a": 1}`, "/b dependentRequired s.json:4"},
		{"allOf", "each leaf", "{\"allOf\": [\n{\"minimum\": 5},\n{\"multipleOf\": 2}]}", `1`, " minimum s.json:2,  multipleOf s.json:3"},
		{"same twice", "reached by two ways", "{\"$defs\": {\"a\": {\"type\": \"null\"}},\n\"allOf\": [{\"$ref\": \"#/$defs/a\"}, {\"$ref\": \"#/$defs/a\"}]}", `1`, " type s.json:1"},
		{"oneOf fits twice", "the choice", "{\n\"oneOf\": [{}, true]}", `1`, " oneOf s.json:2"},
		{"false", "nothing is allowed", "{\"properties\": {\n\"a\": false}}", `{"a": 1}`, "/a a s.json:2"},
		{"not", "the keyword", "{\n\"not\": {}}", `1`, " not s.json:2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range parse(t, tt.schema, schema.Options{}).Validate(value(t, tt.value)) {
				got = append(got, fmt.Sprintf("%s %s %s:%d", f.Pointer, f.Keyword, f.File, f.Line))
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
		})
	}
}

func TestUndeclared(t *testing.T) {
	for _, tt := range []struct{ name, reason, schema, value, want string }{
		{"declared", "nothing to say", `{"properties": {"a": {}}}`, `{"a": 1}`, ""},
		{"undeclared", "no schema names it", `{"properties": {"a": {}}}`, `{"a": 1, "b": 2}`, "/b"},
		{"required is no declaration", "unevaluatedProperties says so too", `{"properties": {"a": {}}, "required": ["b"]}`, `{"a": 1, "b": 2}`, "/b"},
		{"open object", "no properties are listed", `{"type": "object"}`, `{"a": {"b": 1}}`, ""},
		{"map", "additionalProperties declares", `{"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}`, `{"a": 1, "b": 2}`, ""},
		{"additionalProperties: true", "it declares", `{"properties": {"a": {}}, "additionalProperties": true}`, `{"b": 2}`, ""},
		{"patterns", "they declare, and close", `{"patternProperties": {"^x": {}}}`, `{"x1": 1, "y": 2}`, "/y"},
		{"nested", "at every depth", `{"properties": {"a": {"properties": {"b": {"items": {"properties": {"c": {}}}}}}}}`, `{"a": {"b": [{"c": 1}, {"d": 2}]}}`, "/a/b/1/d"},
		{"under what is undeclared", "the top is enough", `{"properties": {"a": {}}}`, `{"b": {"c": 1}}`, "/b"},
		{"in a map", "its values are closed", `{"additionalProperties": {"properties": {"a": {}}}}`, `{"k": {"b": 1}}`, "/k/b"},
		{"$ref", "followed", `{"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"a": {}}}}}`, `{"a": 1, "b": 2}`, "/b"},
		{"recursion", "followed as far as the value goes", `{"properties": {"next": {"$ref": "#"}}}`, `{"next": {"next": {"x": 1}}}`, "/next/next/x"},
		{"allOf", "the union", `{"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}`, `{"a": 1, "b": 2, "c": 3}`, "/c"},
		{"anyOf", "branches that accept", `{"anyOf": [{"properties": {"a": {"type": "integer"}}}, {"required": ["z"], "properties": {"b": {}}}]}`, `{"a": 1, "b": 2}`, "/b"},
		{"no branch", "unknown: left to Validate", `{"properties": {"k": {}}, "oneOf": [{"required": ["x"]}, {"required": ["y"]}]}`, `{"k": 1, "b": 2}`, ""},
		{"if then", "the branch that is taken", `{"properties": {"k": {}}, "if": {"properties": {"k": {"const": 1}}}, "then": {"properties": {"a": {}}}, "else": {"properties": {"b": {}}}}`, `{"k": 1, "a": 1, "b": 2}`, "/b"},
		{"if else", "the branch that is taken", `{"properties": {"k": {}}, "if": {"properties": {"k": {"const": 1}}}, "then": {"properties": {"a": {}}}, "else": {"properties": {"b": {}}}}`, `{"k": 2, "a": 1, "b": 2}`, "/a"},
		{"dependentSchemas", "where the property is there", `{"properties": {"k": {}}, "dependentSchemas": {"k": {"properties": {"a": {}}}}}`, `{"k": 1, "a": 1, "b": 1}`, "/b"},
		{"not", "declares nothing", `{"properties": {"a": {}}, "not": {"properties": {"b": {"const": 1}}, "required": ["b"]}}`, `{"b": 2}`, "/b"},
		{"contains", "declares, closes nothing", `{"contains": {"properties": {"a": {}}}}`, `[{"a": 1, "b": 2}]`, ""},
		{"contains beside items", "what it declares is declared", `{"items": {"properties": {"a": {}}}, "contains": {"required": ["b"], "properties": {"b": {}}}}`, `[{"a": 1, "b": 2}, {"c": 3}]`, "/1/c"},
		{"unevaluatedProperties: true", "it declares", `{"properties": {"a": {}}, "unevaluatedProperties": true}`, `{"b": 1}`, ""},
		{"additionalProperties: false", "Validate refuses it as well", `{"properties": {"a": {}}, "additionalProperties": false}`, `{"b": 1}`, "/b"},
		{"positions", "prefixItems, then items", `{"prefixItems": [{"properties": {"a": {}}}], "items": {"properties": {"b": {}}}}`, `[{"b": 1}, {"a": 1}]`, "/0/b /1/a"},
		{"scalar", "nothing is in there", `{"properties": {"a": {}}}`, `1`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range parse(t, tt.schema, schema.Options{}).Undeclared(value(t, tt.value)) {
				got = append(got, f.Pointer)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
		})
	}
}

// A reference reaches another file by its path, and a schema by its $id; the
// place of a failure is in that file.
func TestReferences(t *testing.T) {
	l := schema.NewLibrary(fstest.MapFS{
		"a/v1.schema.json":         {Data: []byte(`{"properties": {"path": {"$ref": "../shared/money.schema.json#/$defs/amount"}, "id": {"$ref": "https://example.com/money"}, "anchor": {"$ref": "../shared/money.schema.json#cents"}, "inner": {"$ref": "https://example.com/inner"}}}`)},
		"shared/money.schema.json": {Data: []byte("{\"$id\": \"https://example.com/money\",\n\"type\": \"object\", \"$defs\": {\n\"amount\": {\"type\": \"integer\"},\n\"cents\": {\"$anchor\": \"cents\", \"maximum\": 99},\n\"inner\": {\"$id\": \"inner\", \"type\": \"null\"}}}")},
	}, func(p string) string { return "root/" + p })
	if problems := l.Add("shared/money.schema.json"); problems != nil {
		t.Fatal(problems)
	}
	s, problems := l.Compile("a/v1.schema.json", schema.Options{})
	if problems != nil {
		t.Fatal(problems[0])
	}
	var got []string
	for _, f := range s.Validate(value(t, `{"path": "x", "id": 1, "anchor": 100, "inner": 1}`)) {
		got = append(got, fmt.Sprintf("%s %s %s:%d", f.Pointer, f.Keyword, f.File, f.Line))
	}
	want := []string{"/anchor maximum root/shared/money.schema.json:4", "/id type root/shared/money.schema.json:2", "/inner type root/shared/money.schema.json:5", "/path type root/shared/money.schema.json:3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNodeKeepsWhatWasWritten(t *testing.T) {
	n, err := schema.ReadJSON([]byte("{\n  \"b\": [1.50,\n    {\"x\": null}],\n  \"a\\u002f\": true\n}"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := n.JSON(), `{"b":[1.50,{"x":null}],"a/":true}`; got != want {
		t.Errorf("JSON = %s, want %s: in the order written, numbers as written", got, want)
	}
	for pointer, line := range map[string]int{"": 1, "/b": 2, "/b/0": 2, "/b/1": 3, "/b/1/x": 3, "/a~1": 4, "/b/1/y": 3, "/c": 1, "b": 1} {
		if got := n.LineOf(pointer); got != line {
			t.Errorf("LineOf(%q) = %d, want %d", pointer, got, line)
		}
	}
	if n.At("/b/1/x").Kind != schema.Null || n.At("/b/2") != nil || n.Get("b").Get("x") != nil {
		t.Error("At finds what is not there, or not what is")
	}
}

func TestReadYAML(t *testing.T) {
	n, err := schema.ReadYAML([]byte("a: &x [1, 0x10, '1', 2025-01-31, yes, True, ~]\nb: *x\n2: {1.10: v}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := n.JSON(), `{"a":[1,16,"1","2025-01-31","yes",true,null],"b":[1,16,"1","2025-01-31","yes",true,null],"2":{"1.10":"v"}}`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for text, want := range map[string]string{
		"a: .inf":                "line 1: number .inf is not one of JSON: write it in decimal digits, or in quotes",
		"? [a]\n: 1":             "line 1: a key that is a list or a map: use a text as key",
		"a: !!binary aGk=":       "line 1: tag !!binary: write a plain value",
		"a: 1\na: 2":             `line 2: duplicate key "a" (first on line 1): keep one of them`,
		"a: &a [*a]":             "line 1: nested deeper than 256: flatten it",
		strings.Repeat("[", 300): "",
		"a: 1e-500":              "line 1: number 1e-500 has an exponent beyond ±400: use a smaller number, or a string",
	} {
		_, err := schema.ReadYAML([]byte(text))
		if err == nil || want != "" && err.Error() != want {
			t.Errorf("ReadYAML(%.40s)\n got: %v\nwant: %s", text, err, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"topic", "trigger", "correlation", "id"}
	for _, tt := range []struct{ name, reason, want string }{
		{"topik", "one letter", "topic"}, {"tpoic", "two swapped", "topic"}, {"corelation", "one missing", "correlation"}, {"i", "one of two", "id"},
		{"xyzzy", "far from all", ""}, {"", "nothing", ""},
	} {
		if got := schema.Nearest(tt.name, names); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q: %s", tt.name, got, tt.want, tt.reason)
		}
	}
}

func ExampleParse() {
	s, err := schema.Parse("order.schema.json", []byte(`{
  "required": ["id"],
  "properties": {"total": {"type": "integer"}}
}`), schema.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := schema.ReadJSON([]byte(`{"total": "12"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range s.Validate(n.Value()) {
		fmt.Printf("%s %s: want %s, got %s (%s:%d)\n", f.Pointer, f.What, f.Want, f.Got, f.File, f.Line)
	}
	// Output:
	// /id is missing: want present, got absent (order.schema.json:2)
	// /total has the wrong type: want integer, got string "12" (order.schema.json:3)
}
