package schema_test

import (
	"testing"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract/schema"
)

func TestSource(t *testing.T) {
	files := fstest.MapFS{
		"order.json": {Data: []byte("{\n\"properties\": {\n\"a/b %\": {\"$ref\": \"money.json#/$defs/amount\"}}}")},
		"money.json": {Data: []byte("{\"$defs\": {\n\"amount\": {\"$id\": \"https://example.com/amount\",\n\"allOf\": [{\"type\": \"number\"}]}}}")},
	}
	s, problems := schema.NewLibrary(files, nil).Compile("order.json", schema.Options{})
	if problems != nil {
		t.Fatal(problems)
	}
	property := s.Compiled.Properties["a/b %"]
	for _, tt := range []struct {
		reason, location, file, pointer string
		line                            int
	}{
		{"the whole", s.Compiled.Location, "order.json", "", 1},
		{"a name that is escaped", property.Location, "order.json", "/properties/a~1b %", 3},
		{"an embedded resource, in another file", property.Ref.AllOf[0].Location, "money.json", "/$defs/amount/allOf/0", 3},
		{"not ours", "https://json-schema.org/draft/2020-12/schema#/type", "", "", 0},
	} {
		file, pointer, line, n := s.Source(tt.location)
		if file != tt.file || pointer != tt.pointer || line != tt.line || (n == nil) != (tt.file == "") {
			t.Errorf("%s: %s is at %s %s, want %s %s", tt.reason, tt.location, file, pointer, tt.file, tt.pointer)
		}
		if d := s.Document(file); (d == nil) != (tt.file == "") || d != nil && d.LineOf(pointer) != tt.line {
			t.Errorf("%s: %s %s is not found in its document at line %d", tt.reason, file, pointer, tt.line)
		}
	}
}
