package sample_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/sample"
	"github.com/eventproof/eventproof/contract/schema"
)

func parse(tb testing.TB, text string, o schema.Options) *schema.Schema {
	tb.Helper()
	s, err := schema.Parse("s.json", []byte(text), o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// described are samples as lines: what: value.
func described(made sample.Samples) []string {
	var lines []string
	for _, one := range made.List {
		b, _ := json.Marshal(one.Value)
		lines = append(lines, fmt.Sprintf("%s: %s: %s", one.Keyword, one.What, b))
	}
	for _, w := range made.Without {
		lines = append(lines, fmt.Sprintf("%s: %s: none: %s", w.Keyword, w.What, w.Why))
	}
	return lines
}

// The samples of one keyword each, in full: what is just inside and just outside.
func TestKeywords(t *testing.T) {
	for _, tt := range []struct {
		name, reason, schema string
		boundary, miss       []string
	}{
		{"minimum", "integers step by one", `{"type":"integer","minimum":5}`,
			[]string{"minimum: at minimum 5: 5", "minimum: 1 inside minimum 5: 6"}, []string{`type: not of type integer: "1"`, "minimum: just below minimum 5: 4"}},
		{"maximum", "numbers step by a hundredth, or by the bound's own places", `{"type":"number","maximum":0.125}`,
			[]string{"maximum: at maximum 0.125: 0.125", "maximum: 0.001 inside maximum 0.125: 0.124"}, []string{`type: not of type number: "1"`, "maximum: just above maximum 0.125: 0.126"}},
		{"exclusive", "the bound itself is outside", `{"type":"integer","exclusiveMinimum":5}`,
			[]string{"exclusiveMinimum: 1 inside exclusiveMinimum 5: 6", "exclusiveMinimum: 2 inside exclusiveMinimum 5: 7"}, []string{`type: not of type integer: "1"`, "exclusiveMinimum: at exclusiveMinimum 5: 5"}},
		{"lengths", "in characters", `{"type":"string","minLength":2,"maxLength":4}`,
			[]string{`minLength: at minLength 2: "te"`, `maxLength: at maxLength 4: "text"`, `minLength: one inside minLength 2: "tex"`, `maxLength: one inside maxLength 4: "tex"`},
			[]string{"type: not of type string: 1", `minLength: one character less than minLength 2: "t"`, `maxLength: one character more than maxLength 4: "text-"`}},
		{"enum", "each value", `{"enum":["a",1,null]}`,
			[]string{`enum: the value "a": "a"`, "enum: the value 1: 1", "enum: the value null: null"}, []string{`enum: a value that enum does not list: "a-other"`}},
		{"redundant", "what no value shows is said", `{"enum":["a","b"],"maxLength":3}`,
			[]string{`enum: the value "a": "a"`, `maxLength: at maxLength 3: none: no value that is accepted lies there (proven)`, `enum: the value "b": "b"`, `maxLength: one inside maxLength 3: none: no value that is accepted lies there (proven)`},
			[]string{`enum: a value that enum does not list: "A"`, "maxLength: one character more than maxLength 3: none: it alone refuses nothing (proven)"}},
		{"multiple", "next to 0", `{"type":"integer","multipleOf":5}`,
			[]string{"multipleOf: the step 5 itself: 5", "multipleOf: the step 5 twice: 10"}, []string{`type: not of type integer: "1"`, "multipleOf: no multiple of 5: 6"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := parse(t, tt.schema, schema.Options{})
			for kind, want := range map[sample.Kind][]string{sample.Boundary: tt.boundary, sample.NearMiss: tt.miss} {
				made, err := sample.Values(s, kind, sample.Options{})
				if err != nil {
					t.Fatal(err)
				}
				got := described(made)
				slices.Sort(got)
				want = slices.Sorted(slices.Values(want))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got): %s\n%s", kind, tt.reason, diff)
				}
			}
		})
	}
}

// What is written in the schema comes before what is made up.
func TestReadable(t *testing.T) {
	for _, tt := range []struct{ name, reason, schema, want string }{
		{"examples", "the author's own", `{"type":"string","examples":["Berlin Mitte"]}`, `"Berlin Mitte"`},
		{"default", "the author's own", `{"type":"integer","default":42}`, `42`},
		{"example that does not fit", "is not taken", `{"type":"string","examples":[1,"ok"]}`, `"ok"`},
		{"const", "the only one", `{"const":{"a":[1]}}`, `{"a":[1]}`},
		{"names", "words by name", `{"type":"object","required":["order_id","email","currency","created_at","url","id"],"properties":{"order_id":{"type":"string"},"email":{"type":"string"},"currency":{"type":"string"},"created_at":{"type":"string"},"url":{"type":"string"},"id":{"type":"string"}}}`,
			`{"created_at":"2024-01-02T12:01:00Z","currency":"EUR","email":"user1@example.com","id":"id-1","order_id":"ord-1","url":"https://example.com/1"}`},
		{"formats", "words by format", `{"type":"array","prefixItems":[{"format":"uuid"},{"format":"ipv4"},{"format":"date"}],"minItems":3,"maxItems":3}`,
			`["00000000-0000-4000-8000-000000000001","192.0.2.1","2024-01-02"]`},
		{"pattern that a word fits", "a word before a made-up one", `{"type":"object","required":["order_id"],"properties":{"order_id":{"type":"string","pattern":"^ord-[0-9]+$"}}}`, `{"order_id":"ord-1"}`},
		{"recursion", "ends", `{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","required":["next"],"properties":{"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}}}}}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made, err := sample.Values(parse(t, tt.schema, schema.Options{}), sample.Valid, sample.Options{N: 1})
			if err != nil {
				t.Fatal(err)
			}
			if got := text(made.List[0].Value); tt.want != "" && got != tt.want {
				t.Errorf("got %s, want %s: %s", got, tt.want, tt.reason)
			}
		})
	}
}

// The same seed makes the same bytes, another seed others.
func TestDeterminism(t *testing.T) {
	const of = `{"type":"object","required":["id","kind"],"dependentRequired":{"a":["b"]},"patternProperties":{"^x_":{"type":"integer"}},
		"properties":{"id":{"type":"string"},"kind":{"oneOf":[{"const":"a"},{"const":"b"},{"type":"integer"}]},"a":{"type":"number"},"b":{"type":"array","uniqueItems":true,"items":{"enum":["p","q","r"]}}}}`
	made := func(kind sample.Kind, seed uint64) string {
		list, err := sample.Values(parse(t, of, schema.Options{}), kind, sample.Options{Seed: seed, N: 40})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(described(list), "\n")
	}
	for _, kind := range sample.Kinds() {
		first := made(kind, 1)
		for range 5 {
			if diff := cmp.Diff(first, made(kind, 1)); diff != "" {
				t.Fatalf("%s differs (-first +again):\n%s", kind, diff)
			}
		}
		if first == made(kind, 2) {
			t.Errorf("%s: seeds 1 and 2 make the same", kind)
		}
	}
}

// No two valid samples are equal, and there are fewer where the set is small.
func TestDistinct(t *testing.T) {
	for _, tt := range []struct {
		name, reason, schema string
		want                 int
	}{
		{"three", "the set has three values", `{"enum":[1,1.0,2,"a"]}`, 3},
		{"many", "a string is never the last", `{"type":"object","required":["id"],"properties":{"id":{"type":"string"}}}`, 200},
		{"by a pattern", "twenty of these exist", `{"type":"string","pattern":"^[ab][0-9]$"}`, 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made, err := sample.Values(parse(t, tt.schema, schema.Options{}), sample.Valid, sample.Options{N: 200})
			if err != nil {
				t.Fatal(err)
			}
			distinct := map[string]bool{}
			for _, one := range made.List {
				distinct[text(one.Value)] = true
			}
			if len(distinct) != tt.want || len(made.List) != tt.want {
				t.Errorf("%d values, %d of them different, want %d: %s", len(made.List), len(distinct), tt.want, tt.reason)
			}
		})
	}
}

// Closed samples have no property that the schema does not declare, even where
// it must have more properties.
func TestClosed(t *testing.T) {
	const open = `{"type":"object","minProperties":2,"properties":{"a":{"type":"string"}}}`
	s := parse(t, open, schema.Options{})
	if _, err := sample.Values(s, sample.Valid, sample.Options{Closed: true}); !errors.Is(err, sample.ErrEmpty) || !strings.Contains(err.Error(), "does not declare") {
		t.Errorf("closed: got %v, want ErrEmpty for the property that is not declared", err)
	}
	made, err := sample.Values(s, sample.Valid, sample.Options{N: 5})
	if err != nil || len(made.List) != 5 {
		t.Errorf("open: %d samples, %v", len(made.List), err)
	}
	s = parse(t, `{"type":"object","properties":{"a":{"type":"string"}},"examples":[{"a":"x","b":1}]}`, schema.Options{})
	made, err = sample.Values(s, sample.Valid, sample.Options{Closed: true})
	if err != nil || len(made.List) == 0 {
		t.Fatalf("an example that is not closed: %d samples, %v", len(made.List), err)
	}
	for _, one := range made.List {
		if found := s.Undeclared(one.Value); len(found) > 0 {
			t.Errorf("closed: %s has %s", text(one.Value), found[0].Pointer)
		}
	}
}

// Where nothing is known, the error says what stopped the search.
func TestUndecided(t *testing.T) {
	s := parse(t, `{"type":"string","format":"date","pattern":"^[0-9]{4}-13"}`, schema.Options{AssertFormat: true})
	_, err := sample.Values(s, sample.Valid, sample.Options{})
	if !errors.Is(err, sample.ErrUndecided) || !strings.Contains(err.Error(), "format") {
		t.Errorf("got %v, want ErrUndecided for format", err)
	}
}
