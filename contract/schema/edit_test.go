package schema_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract/schema"
)

func TestWith(t *testing.T) {
	files := fstest.MapFS{
		"order.json": {Data: []byte("{\n\"type\": \"object\",\n\"required\": [\"id\", \"total\"],\n\"properties\": {\"total\": {\"$ref\": \"money.json#/$defs/amount\"}}}")},
		"money.json": {Data: []byte(`{"$id": "https://example.com/money", "$defs": {"amount": {"minimum": 1, "allOf": [{"multipleOf": 2}, true]}}}`)},
	}
	s, problems := schema.NewLibrary(files, nil).Compile("order.json", schema.Options{})
	if problems != nil {
		t.Fatal(problems)
	}
	node := func(text string) *schema.Node {
		n, err := schema.ReadJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, tt := range []struct {
		reason, file, pointer string
		value                 *schema.Node
		accepts, refuses      string
		err                   string
	}{
		{"a keyword is taken out", "order.json", "/type", nil, `[]`, `{"id": 1}`, ""},
		{"an item is taken out", "order.json", "/required/1", nil, `{"id": 1}`, `{}`, ""},
		{"a value is replaced", "order.json", "/required", node(`["id"]`), `{"id": 1}`, `{}`, ""},
		{"in a file that is referred to", "money.json", "/$defs/amount/minimum", nil, `{"id": 1, "total": 0}`, `{"id": 1, "total": 1}`, ""},
		{"deeper", "money.json", "/$defs/amount/allOf/0/multipleOf", node("3"), `{"id": 1, "total": 3}`, `{"id": 1, "total": 4}`, ""},
		{"no such file", "other.json", "/type", nil, "", "", "other.json is no file of the schema order.json"},
		{"no such place", "order.json", "/maxLength", nil, "", "", `order.json has nothing at "/maxLength" to be replaced`},
		{"no such item", "order.json", "/required/2", nil, "", "", "nothing at"},
		{"into a string", "order.json", "/type/0", nil, "", "", "nothing at"},
		{"the whole file cannot be taken out", "order.json", "", nil, "", "", "nothing at"},
		{"no pointer", "order.json", "type", nil, "", "", "type"},
		{"the result is no schema", "order.json", "/type", node(`"thing"`), "", "", "order.json:2"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			changed, err := s.With(tt.file, tt.pointer, tt.value)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var in, out any
			for text, v := range map[string]*any{tt.accepts: &in, tt.refuses: &out} {
				d := json.NewDecoder(strings.NewReader(text))
				d.UseNumber()
				if err := d.Decode(v); err != nil {
					t.Fatal(err)
				}
			}
			if f := changed.Validate(in); f != nil || s.Validate(in) == nil {
				t.Errorf("%s: changed: %v, want that only the unchanged schema refuses it", tt.accepts, f)
			}
			if changed.Validate(out) == nil {
				t.Errorf("%s: accepted, want refused", tt.refuses)
			}
		})
	}
}

// A failure names the keyword that failed so that it can be taken out.
func TestFailurePlace(t *testing.T) {
	s, err := schema.Parse("s.json", []byte(`{"properties": {"a/b": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"maximum": 1}}}`), schema.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := map[string]any{"a/b": json.Number("2")}
	failures := s.Validate(v)
	if len(failures) != 1 || failures[0].Place != "/$defs/n/maximum" || failures[0].Pointer != "/a~1b" {
		t.Fatalf("got %+v", failures)
	}
	changed, err := s.With(failures[0].File, failures[0].Place, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f := changed.Validate(v); f != nil {
		t.Errorf("without it: %+v", f)
	}
}
