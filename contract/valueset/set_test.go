package valueset_test

import (
	"encoding/json"
	"testing"

	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// One property of the algebra a row: whether the schema accepts anything, as it
// takes reasoning over several keywords to see.
func TestEmptiness(t *testing.T) {
	for _, tt := range []struct {
		name, schema, reason string
		want                 valueset.Verdict
	}{
		{"interval without an integer", `{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":1}`, "between 0 and 1", valueset.Empty},
		{"open interval of numbers", `{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1}`, "0.5", valueset.Nonempty},
		{"grid within a grid", `{"type":"number","multipleOf":4,"not":{"multipleOf":2}}`, "each multiple of 4 is one of 2", valueset.Empty},
		{"two grids", `{"type":"number","multipleOf":0.6,"allOf":[{"multipleOf":0.4}],"exclusiveMinimum":0,"maximum":1.2}`, "1.2 is the least common multiple", valueset.Nonempty},
		{"two grids, less room", `{"type":"number","multipleOf":0.6,"allOf":[{"multipleOf":0.4}],"exclusiveMinimum":0,"exclusiveMaximum":1.2}`, "1.2 is left out", valueset.Empty},
		{"pattern against length", `{"type":"string","pattern":"^a{3}$","maxLength":2}`, "aaa is longer", valueset.Empty},
		{"more unique booleans than there are", `{"type":"array","items":{"type":"boolean"},"uniqueItems":true,"minItems":3}`, "true and false", valueset.Empty},
		{"as many unique booleans as there are", `{"type":"array","items":{"type":"boolean"},"uniqueItems":true,"minItems":2}`, "[true, false]", valueset.Nonempty},
		{"unique items matched by position", `{"type":"array","prefixItems":[{"enum":[1,2]},{"enum":[1]},{"enum":[1,2]}],"minItems":3,"uniqueItems":true}`, "three places, two values", valueset.Empty},
		{"contains within maxContains", `{"type":"array","contains":{"type":"integer"},"maxContains":1,"minItems":2,"items":{"type":"integer"}}`, "both items count", valueset.Empty},
		{"contains shared by one item", `{"type":"array","allOf":[{"contains":{"minimum":1}},{"contains":{"maximum":1}}],"maxItems":1,"items":{"type":"number"}}`, "1 is in both", valueset.Nonempty},
		{"contains not shared", `{"type":"array","allOf":[{"contains":{"minimum":2}},{"contains":{"maximum":1}}],"maxItems":1,"items":{"type":"number"}}`, "no number is in both", valueset.Empty},
		{"too few names", `{"type":"object","propertyNames":{"pattern":"^[ab]$"},"minProperties":3}`, "a and b", valueset.Empty},
		{"names left by patterns", `{"type":"object","patternProperties":{"^a":false},"propertyNames":{"pattern":"^(a.*|b)$"},"minProperties":1}`, "b", valueset.Nonempty},
		{"required but forbidden", `{"type":"object","required":["x"],"patternProperties":{"^x":{"type":"string"}},"properties":{"x":{"type":"null"}}}`, "x is a string and null", valueset.Empty},
		{"infinite only", `{"$defs":{"n":{"type":"object","required":["next"],"properties":{"next":{"$ref":"#/$defs/n"}}}},"$ref":"#/$defs/n"}`, "no finite value", valueset.Empty},
		{"finite way out", `{"$defs":{"n":{"type":"object","required":["next"],"properties":{"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}}}},"$ref":"#/$defs/n"}`, "next: null", valueset.Nonempty},
		{"mutually infinite", `{"$defs":{"a":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/b"}},"b":{"type":"object","required":["a"],"properties":{"a":{"$ref":"#/$defs/a"}}}},"$ref":"#/$defs/b"}`, "neither ends", valueset.Empty},
		{"unevaluated across anyOf", `{"type":"object","anyOf":[{"properties":{"a":{}}},{"required":["b"],"properties":{"b":{}}}],"required":["b","c"],"unevaluatedProperties":false}`, "nothing evaluates c", valueset.Empty},
		{"unevaluated, evaluated by a branch", `{"type":"object","anyOf":[{"properties":{"a":{}}},{"required":["b"],"properties":{"b":{}}}],"required":["b"],"unevaluatedProperties":false}`, "b: evaluated where the branch holds", valueset.Nonempty},
		{"dependency chain", `{"type":"object","dependentRequired":{"a":["b"],"b":["c"]},"required":["a"],"maxProperties":2}`, "a needs b needs c", valueset.Empty},
		{"one number that repeats", `{"type":"array","items":{"const":1},"minItems":2,"not":{"uniqueItems":true}}`, "[1, 1]", valueset.Nonempty},
		{"no number that repeats", `{"type":"array","prefixItems":[{"const":1},{"const":2}],"items":false,"not":{"uniqueItems":true}}`, "1 and 2 differ", valueset.Empty},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := schema.Parse("s.json", []byte(tt.schema), schema.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := valueset.Of(s).Example(valueset.Budget{}, 0)
			if got.Verdict != tt.want {
				v, _ := json.Marshal(got.Value)
				t.Errorf("verdict %d (%s %v), want %d: %s", got.Verdict, v, got.Reason, tt.want, tt.reason)
			}
			if got.Verdict == valueset.Nonempty && len(s.Validate(got.Value)) > 0 {
				t.Errorf("the validator refuses %v: %v", got.Value, s.Validate(got.Value))
			}
		})
	}
}

// Where a format's language would be needed, the answer is undecided, never a guess.
func TestFormat(t *testing.T) {
	for _, tt := range []struct {
		name, schema, reason string
		want                 valueset.Verdict
	}{
		{"itself", `{"type":"string","format":"date","not":{"format":"date"}}`, "the same format", valueset.Empty},
		{"a sample fits", `{"type":"string","format":"date"}`, "a date is known", valueset.Nonempty},
		{"other types", `{"type":"integer","format":"date"}`, "formats are of strings", valueset.Nonempty},
		{"language needed", `{"type":"string","format":"date","pattern":"^[0-9]{4}-13"}`, "no month 13, but that is not known here", valueset.Undecided},
		{"no string left", `{"type":"string","format":"date","pattern":"^a$","maxLength":0}`, "empty without the format", valueset.Empty},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := schema.Parse("s.json", []byte(tt.schema), schema.Options{AssertFormat: true})
			if err != nil {
				t.Fatal(err)
			}
			got := valueset.Of(s).Example(valueset.Budget{}, 0)
			if got.Verdict != tt.want || got.Verdict == valueset.Undecided && got.Reason.Keyword != "format" {
				t.Errorf("verdict %d (%v %v), want %d: %s", got.Verdict, got.Value, got.Reason, tt.want, tt.reason)
			}
		})
	}
}

// A budget that is spent is an answer, too, and the same one each time.
func TestBudget(t *testing.T) {
	s, err := schema.Parse("s.json", []byte(`{"type":"object","required":["a"],"properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}}}`), schema.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []valueset.Budget{{Steps: 3}, {Memory: 500}} {
		if got := valueset.Of(s).Example(b, 0); got.Verdict != valueset.Undecided || got.Reason.What == "" {
			t.Errorf("with %+v: verdict %d, reason %v; want undecided with a reason", b, got.Verdict, got.Reason)
		}
	}
}
