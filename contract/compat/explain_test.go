package compat_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

type explained struct {
	name, reason string
	old, new     string
	draft        string
	absent       bool
	assert       bool // format
}

// object is an object schema with these properties, each on a line of its own.
func object(properties string, more ...string) string {
	lines := append([]string{`"type": "object"`, "\"properties\": {\n    " + strings.ReplaceAll(properties, "; ", ",\n    ") + "\n  }"}, more...)
	return "{\n  " + strings.Join(lines, ",\n  ") + "\n}"
}

// pairsExplained have a pair for each rule and for each keyword that can refuse
// something. What narrows in one direction widens in the other.
var pairsExplained = []explained{
	{"equal", "nothing to be explained", object(`"id": {"type": "string"}`), `{"properties": {"id": {"type": ["string"]}}, "type": "object"}`, "", false, false},
	{"undecided", "there is no step without a verdict", `{"format": "uri"}`, `{"format": "iri"}`, "", false, true},
	{"required", "added and removed", object(`"id": {"type": "string"}; "total": {"type": "number"}`, `"required": ["id"]`), object(`"id": {"type": "string"}; "total": {"type": "number"}`, "\"required\": [\n    \"total\"\n  ]"), "", true, false},
	{"required, one or the other", "not both at once are missing", object(`"a": {}; "b": {}`, `"anyOf": [{"required": ["a"]}, {"required": ["b"]}]`), object(`"a": {}; "b": {}`, `"required": ["a", "b"]`), "", true, false},
	{"required under a condition", "an alternative, and a condition", object(`"a": {}; "b": {}`), object(`"a": {}; "b": {}`, `"oneOf": [{"type": "object", "required": ["a"]}, {"type": "null"}]`, `"if": {"required": ["a"]}`, `"then": {"required": ["b"]}`), "", true, false},
	{"required and undeclared", "a name that the other side does not know", object(`"id": {"type": "string"}`), object(`"id": {"type": "string"}; "currency": {"examples": ["EUR"]}`, `"required": ["currency"]`), "", true, false},
	{"several", "all of them are found, those behind others too", object(`"id": {"type": ["string", "number"]}; "total": {"type": "number"}; "lines": {"items": {"type": "object"}}`),
		object(`"id": {"type": "string", "minLength": 3}; "total": {"type": "number", "minimum": 0, "multipleOf": 0.5}; "lines": {"type": "array", "items": {"type": "object", "required": ["sku"]}}`, `"required": ["id", "total", "currency"]`), "", true, false},
	{"property, undeclared allowed", "a note of any type was allowed", object(`"id": {"type": "string"}`), object(`"id": {"type": "string"}; "note": {"type": "object", "properties": {"text": {"type": "string"}}}`), "", false, false},
	{"property, undeclared absent", "nobody breaks", object(`"id": {"type": "string"}; "old": {}`), object(`"id": {"type": "string"}; "note": {"type": "string", "default": "x"}`), "", true, false},
	{"property of a closed object", "a closed reader refuses what it does not know", object(`"id": {}; "old": {}`, `"additionalProperties": false`), object(`"id": {}; "note": {}`, `"additionalProperties": false`), "", true, false},
	{"object closed", "undeclared properties are refused", object(`"id": {}`), object(`"id": {}`, `"unevaluatedProperties": false`), "", false, false},
	{"property forbidden", "false is no declaration", object(`"id": {}; "total": {}`), object(`"id": {}; "total": false`), "", true, false},
	{"additional properties", "a map of another type", `{"additionalProperties": {"type": "string"}}`, `{"additionalProperties": {"type": "number"}}`, "", true, false},
	{"pattern properties", "names of a pattern", `{"patternProperties": {"^x": {"type": "string"}}}`, `{"patternProperties": {"^x": false}}`, "", true, false},
	{"property names", "the name is refused", `{}`, `{"propertyNames": {"maxLength": 3, "pattern": "^a"}}`, "", false, false},
	{"no property names", "no name at all", `{}`, `{"propertyNames": false}`, "", false, false},
	{"property count", "at least and at most", `{"type": "object"}`, `{"type": "object", "minProperties": 1, "maxProperties": 2}`, "", false, false},
	{"dependency", "of 2019-09 and later", object(`"card": {}; "address": {}`), object(`"card": {}; "address": {}`, `"dependentRequired": {"card": ["address"]}`), "", true, false},
	{"dependency, draft 7", "of names and of a schema", object(`"card": {}; "address": {}`), object(`"card": {}; "address": {}`, `"dependencies": {"card": ["address"], "address": {"required": ["card"]}}`), "7", true, false},
	{"dependent schema", "asked for where another one is there", object(`"card": {}; "address": {}`), object(`"card": {}; "address": {}`, `"dependentSchemas": {"card": {"properties": {"address": {"type": "string"}}}}`), "", true, false},
	{"type changed", "either side has its own", object(`"total": {"type": "number"}`), object(`"total": {"type": "string"}`), "", true, false},
	{"type narrowed", "null is gone", object(`"total": {"type": ["number", "null"]}`), object(`"total": {"type": "integer"}`), "", true, false},
	{"type of an item", "a place in an array", object(`"tags": {"type": "array", "items": {"type": "string"}}`), object(`"tags": {"type": "array", "items": {"type": "object"}}`), "", true, false},
	{"values", "some are gone, one is new", object(`"status": {"enum": ["new", "paid", "sent", "lost"]}`), object(`"status": {"enum": ["new", "refunded"]}`), "", true, false},
	{"const", "another value", object(`"kind": {"const": "a"}`), object(`"kind": {"const": "b"}`), "", true, false},
	{"enum added", "there was no list", object(`"status": {"type": "string"}`), object(`"status": {"type": "string", "enum": ["new"]}`), "", true, false},
	{"number", "each bound", object(`"a": {"type": "number"}`), object(`"a": {"type": "number", "minimum": 1, "maximum": 8, "multipleOf": 2}`), "", true, false},
	{"number, exclusive", "each bound", object(`"a": {"type": "number", "exclusiveMinimum": 0}`), object(`"a": {"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 8}`), "", true, false},
	{"number, draft 4", "where exclusive is a boolean", object(`"a": {"type": "number"}`), object(`"a": {"type": "number", "minimum": 1, "exclusiveMinimum": true, "maximum": 8, "exclusiveMaximum": true}`), "4", true, false},
	{"length", "shorter and longer", object(`"id": {"type": "string", "minLength": 1}`), object(`"id": {"type": "string", "minLength": 2, "maxLength": 36}`), "", true, false},
	{"pattern", "another one", object(`"id": {"type": "string", "pattern": "^ord-"}`), object(`"id": {"type": "string", "pattern": "^order-"}`), "", true, false},
	{"format", "asserted", object(`"at": {"type": "string"}`), object(`"at": {"type": "string", "format": "date-time"}`), "", true, true},
	{"items", "fewer, more, equal", object(`"a": {"type": "array"}`), object(`"a": {"type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": true}`), "", true, false},
	{"contains", "one, too few, too many", object(`"a": {"type": "array"}; "b": {"type": "array"}; "c": {"type": "array"}`), object(`"a": {"type": "array", "contains": {"type": "string"}}; "b": {"type": "array", "contains": {"const": 1}, "minContains": 2}; "c": {"type": "array", "contains": {"const": 1}, "minContains": 0, "maxContains": 2}`), "", true, false},
	{"prefix items", "more are refused", object(`"a": {"type": "array"}; "b": {"type": "array"}; "c": {"type": "array"}`), object(`"a": {"type": "array", "prefixItems": [{}], "items": false}; "b": {"type": "array", "prefixItems": [false]}; "c": {"type": "array", "prefixItems": [{}], "unevaluatedItems": false}`), "", true, false},
	{"items, draft 7", "more are refused", object(`"a": {"type": "array"}; "b": {"type": "array"}`), object(`"a": {"type": "array", "items": [{}], "additionalItems": false}; "b": {"type": "array", "items": false}`), "7", true, false},
	{"alternatives", "several were meant", object(`"pay": {"type": "object", "properties": {"card": {}, "bank": {}}}`), object(`"pay": {"anyOf": [{"properties": {"card": {}}, "required": ["card"]}, {"properties": {"bank": {}}, "required": ["bank"]}]}`), "", true, false},
	{"alternatives by type", "none has the type", object(`"a": {"type": ["string", "null", "boolean"]}`), object(`"a": {"oneOf": [{"type": "string"}, {"type": "null"}]}`), "", true, false},
	{"one alternative is meant", "its own failure is the reason", object(`"a": {"type": ["string", "null"]}`), object(`"a": {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 2}]}`), "", true, false},
	{"more than one alternative", "oneOf takes exactly one", object(`"a": {"type": "number"}`), object(`"a": {"type": "number", "oneOf": [{"minimum": 0}, {"maximum": 10}]}`), "", true, false},
	{"all of", "a keyword in a part", object(`"a": {"type": "string"}`), object(`"a": {"allOf": [{"type": "string"}, {"maxLength": 3}]}`), "", true, false},
	{"condition", "then and else", object(`"kind": {"enum": ["a", "b"]}; "x": {}`), object(`"kind": {"enum": ["a", "b"]}; "x": {}`, `"if": {"properties": {"kind": {"const": "a"}}, "required": ["kind"]}, "then": {"required": ["x"]}, "else": {"maxProperties": 1}`), "", true, false},
	{"not", "a value is ruled out", object(`"a": {"type": "string"}`), object(`"a": {"type": "string", "not": {"const": ""}}`), "", true, false},
	{"nothing", "false accepts nothing", `{"type": "string"}`, `false`, "", false, false},
	{"recursion", "at any depth", object(`"child": {"$ref": "#"}; "name": {"type": "string"}`), object(`"child": {"$ref": "#"}; "name": {"type": "string"}`, `"required": ["name"]`), "", true, false},
	{"reference", "said in a definition", object(`"a": {"$ref": "#/$defs/money"}`, `"$defs": {"money": {"type": "number"}}`), object(`"a": {"$ref": "#/$defs/money"}`, "\"$defs\": {\n    \"money\": {\"type\": \"number\", \"minimum\": 0}\n  }"), "", true, false},
	{"many", "more than are named", object(`"a": {}; "b": {}; "c": {}; "d": {}; "e": {}; "f": {}; "g": {}; "h": {}; "i": {}; "j": {}; "k": {}`), object(`"a": {}; "b": {}; "c": {}; "d": {}; "e": {}; "f": {}; "g": {}; "h": {}; "i": {}; "j": {}; "k": {}`, `"required": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]`), "", true, false},
	{"meta-schema", "the keyword is in no file of ours", object(`"a": {"type": "object", "properties": {"type": {}}}`), object(`"a": {"$ref": "http://json-schema.org/draft-07/schema#"}`), "7", true, false},
}

func (e explained) parse(tb testing.TB) (old, new *schema.Schema, policy compat.Policy) {
	tb.Helper()
	o := schema.Options{Draft: e.draft, AssertFormat: e.assert}
	old, err := schema.Parse("v1.json", []byte(e.old), o)
	if err != nil {
		tb.Fatal(err)
	}
	new, err = schema.Parse("v2.json", []byte(e.new), o)
	if err != nil {
		tb.Fatal(err)
	}
	if e.absent {
		policy.Undeclared = compat.Absent
	}
	return old, new, policy
}

// The whole text of each explanation, and each witness confirmed.
func TestExplain(t *testing.T) {
	var golden strings.Builder
	rules := map[string]bool{}
	keywords := map[string]bool{}
	for _, tt := range pairsExplained {
		old, new, policy := tt.parse(t)
		r := compat.Compare(old, new, policy)
		e := compat.Explain(old, new, r, compat.Names{Old: "v1", New: "v2", Base: "/data"})
		confirmExplanation(t, tt.name, old, new, r, e)
		fmt.Fprintf(&golden, "== %s (%s)\nbackward %s, forward %s, step %q: %s\n", tt.name, tt.reason, r.Backward.Verdict, r.Forward.Verdict, e.Step, e.Step.Sentence())
		for _, c := range e.Changes {
			rules[c.Rule] = true
			keywords[c.Keyword] = true
			fmt.Fprintf(&golden, "%s  %s %s (%s) -> %s (%s)\n  %s\n  %s\n  %s\n", c.Rule, c.Pointer, c.Old, c.Old.Pointer, c.New, c.New.Pointer, c.What, c.Remedy, jsonOf(c.Witness))
		}
		if e.More {
			golden.WriteString("and more\n")
		}
		r = compat.Compare(new, old, policy)
		e = compat.Explain(new, old, r, compat.Names{Old: "v2", New: "v1"})
		confirmExplanation(t, tt.name+", the other way", new, old, r, e)
		for _, c := range e.Changes {
			if rules[c.Rule] = true; c.Breaks == compat.Forward {
				fmt.Fprintf(&golden, "the other way %s\n  %s\n  %s\n", c.Rule, c.What, c.Remedy)
			}
		}
		golden.WriteString("\n")
	}
	old, new, policy := explained{old: `{"enum": [1, 2]}`, new: `{"const": 1}`}.parse(t)
	for _, c := range compat.Explain(old, new, compat.Compare(old, new, policy), compat.Names{Consumer: "payments"}).Changes {
		rules[c.Rule] = true // what only an app's reads have
	}
	for rule, sentence := range compat.Rules() {
		if sentence == "" || !rules[rule] && !strings.HasPrefix(rule, "COMPAT_SCHEMA_") { // of no keyword that is known
			t.Errorf("%s: sentence %q, no pair of the table has it", rule, sentence)
		}
	}
	for rule := range rules {
		if compat.Rules()[rule] == "" {
			t.Errorf("%s has no sentence", rule)
		}
	}
	for _, k := range strings.Fields(`type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern format
		additionalItems unevaluatedItems items contains minContains maxContains maxItems minItems uniqueItems
		additionalProperties unevaluatedProperties required maxProperties minProperties dependencies dependentRequired anyOf oneOf not`) {
		if !keywords[k] {
			t.Errorf("no pair of the table is refused by %s", k)
		}
	}
	compareGolden(t, "explain.golden", golden.String())
}

// confirmExplanation holds an explanation against the validator and the files.
func confirmExplanation(t *testing.T, name string, old, new *schema.Schema, r compat.Result, e compat.Explanation) {
	t.Helper()
	for _, d := range []struct {
		breaks         compat.Direction
		answer         compat.Answer
		writer, reader *schema.Schema
	}{{compat.Backward, r.Backward, old, new}, {compat.Forward, r.Forward, new, old}} {
		n := 0
		for _, c := range e.Changes {
			if c.Breaks != d.breaks {
				continue
			}
			n++
			if fs := d.writer.Validate(c.Witness); len(fs) > 0 {
				t.Errorf("%s: %s: the writer refuses the witness %s: %v", name, c.Rule, jsonOf(c.Witness), fs)
			}
			if len(d.reader.Validate(c.Witness)) == 0 {
				t.Errorf("%s: %s: the reader accepts the witness %s", name, c.Rule, jsonOf(c.Witness))
			}
			if r.Policy.Undeclared == compat.Absent && len(d.writer.Undeclared(c.Witness)) > 0 {
				t.Errorf("%s: %s: the witness %s has undeclared properties", name, c.Rule, jsonOf(c.Witness))
			}
		}
		if (n > 0) != (d.answer.Verdict == compat.Incompatible) {
			t.Errorf("%s: %s is %s, with %d changes", name, d.breaks, d.answer.Verdict, n)
		}
	}
	for _, c := range e.Changes {
		for _, at := range []struct {
			place compat.Place
			in    *schema.Schema
		}{{c.Old, old}, {c.New, new}} {
			d := at.in.Document(at.place.File)
			if d == nil || d.At(at.place.Pointer) == nil && !strings.HasSuffix(at.place.Pointer, "ontains") {
				t.Errorf("%s: %s: there is no %s %s", name, c.Rule, at.place.File, at.place.Pointer)
			} else if d.LineOf(at.place.Pointer) != at.place.Line {
				t.Errorf("%s: %s: %s is not line %d of %s", name, c.Rule, at.place.Pointer, at.place.Line, at.place.File)
			}
		}
		if c.What == "" || c.Remedy == "" && c.Breaks != "" || compat.Rules()[c.Rule] == "" {
			t.Errorf("%s: something is missing in %+v", name, c)
		}
	}
	if len(e.Changes) > 20 || e.Step == compat.Major && len(e.Changes) == 0 {
		t.Errorf("%s: %d changes", name, len(e.Changes))
	}
	if breaks := slices.ContainsFunc(e.Changes, func(c compat.Change) bool { return c.Breaks != "" }); breaks != (e.Step == compat.Major) && r.Backward.Verdict != "" && r.Forward.Verdict != "" {
		t.Errorf("%s: the step is %q with the changes %v", name, e.Step, e.Changes)
	}
}

// What an app reads is said of the app.
func TestExplainReads(t *testing.T) {
	for _, tt := range []struct{ reason, version, reads, want, remedy string }{
		{"a required name", `{"properties": {"id": {}}}`, `{"required": ["id"]}`, "payments cannot read events of v1 without /data/id: payments requires it, v1 does not",
			"let payments do without /data/id, or read only versions that require it"},
		{"a type", `{"properties": {"id": {}}}`, `{"properties": {"id": {"type": "string"}}}`, "payments cannot read events of v1 in which /data/id is a number: payments says type \"string\", v1 has no type there",
			"let payments accept what v1 allows, or read only versions that are narrower"},
		{"a value", `{"properties": {"c": {"enum": ["web", "phone"]}}}`, `{"properties": {"c": {"enum": ["web", "app"]}}}`, "payments cannot read events of v1 in which /data/c is \"phone\": payments says enum [\"web\",\"app\"], v1 says [\"web\",\"phone\"]",
			"let payments accept \"phone\" (or ignore such events), or do not publish it"},
		{"two values", `{"properties": {"c": {"enum": ["web", "phone", "fax"]}}}`, `{"properties": {"c": {"const": "web"}}}`, "payments cannot read events of v1 in which /data/c is \"phone\" or \"fax\": payments says const \"web\", v1 says [\"web\",\"phone\",\"fax\"]",
			"let payments accept \"phone\" and \"fax\" (or ignore such events), or do not publish them"},
		{"any value", `{"properties": {"c": {"type": "string"}}}`, `{"properties": {"c": {"enum": ["web"]}}}`, "payments cannot read events of v1 in which /data/c is none of the values listed: payments says enum [\"web\"], v1 has no enum there",
			"let payments accept any value of /data/c (or ignore such events), or list in v1 the only values that are published"},
		{"a property", `{"properties": {"c": {"type": "string"}}}`, `{"additionalProperties": false}`, "payments cannot read events of v1 with /data/c: payments refuses what it does not declare, v1 declares it",
			"let payments ignore what it does not read (take out additionalProperties)"},
		{"a property that is false", `{"properties": {"c": {"type": "string"}}}`, `{"properties": {"c": false}}`, "payments cannot read events of v1 with /data/c: payments does not allow it, v1 declares it",
			"let payments allow /data/c, or read only versions without it"},
	} {
		version, reads, policy := explained{old: tt.version, new: tt.reads, absent: true}.parse(t)
		r := compat.Result{Policy: policy, Backward: compat.Contained(version, reads, policy)}
		e := compat.Explain(version, reads, r, compat.Names{Old: "v1", Consumer: "payments", Base: "/data"})
		if len(e.Changes) != 1 || e.Changes[0].What != tt.want || e.Changes[0].Remedy != tt.remedy || e.Changes[0].Keyword == "c" || e.Step != "" {
			t.Errorf("%s: step %q, changes %+v", tt.reason, e.Step, e.Changes)
		}
	}
}

// A reader that fills in defaults breaks only by what they do not cure.
func TestExplainDefaultsFill(t *testing.T) {
	old, new, policy := explained{old: object(`"a": {}; "b": {}; "c": {}`), new: object(`"a": {"default": 1}; "b": {}; "c": {"type": "string", "default": "x"}`, `"required": ["a", "b"]`), absent: true}.parse(t)
	policy.DefaultsFill = true
	e := compat.Explain(old, new, compat.Compare(old, new, policy), compat.Names{})
	var all []string
	for _, c := range e.Changes {
		all = append(all, c.Rule+" "+c.Pointer)
	}
	if diff := cmp.Diff([]string{"COMPAT_REQUIRED_ADDED /b", "COMPAT_TYPE_NARROWED /c"}, all); diff != "" || e.More {
		t.Errorf("-want +got:\n%s\n%+v", diff, e)
	}
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test -update writes it):\n%s", name, diff)
	}
}
