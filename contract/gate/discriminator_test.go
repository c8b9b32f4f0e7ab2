package gate_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/gate"
)

// What tells versions apart differs between them by definition, and is no
// break; what else differs is.
func TestDiscriminators(t *testing.T) {
	const (
		contract = "event: e\ntopic: t\ncompatibility: full\n"
		stated   = contract + "version: {from: /data/v}\n"
		both     = "GATE_BACKWARD /data/v; GATE_FORWARD /data/v"
	)
	object := func(v string, more ...string) string {
		return `{"type": "object", "required": ["v"` + strings.Join(more, "") + `], "properties": {"v": ` + v + `, "id": {"type": "string"}}}`
	}
	for _, tt := range []struct{ name, reason, contract, v1, v2, want string }{
		{"constant", "nothing but the version differs", stated, object(`{"const": "1"}`), object(`{"type": "string", "description": "d", "const": "2"}`), ""},
		{"list", "a list of one is the same", stated, object(`{"enum": ["1"]}`), object(`{"enum": ["2"]}`), ""},
		{"reference", "said in a definition of its own", stated, object(`{"const": "1"}`), object(`{"$ref": "#/$defs/v"}, "w": {"$ref": "#/$defs/w"}`)[:len(object(`{"$ref": "#/$defs/v"}, "w": {"$ref": "#/$defs/w"}`))-1] + `, "$defs": {"v": {"const": "2"}, "w": {}}}`, ""},
		{"shared reference", "the definition says the same of another property", stated, object(`{"const": "1"}, "w": {"const": "1"}`), object(`{"$ref": "#/$defs/v"}, "w": {"$ref": "#/$defs/v"}`)[:len(object(`{"$ref": "#/$defs/v"}, "w": {"$ref": "#/$defs/v"}`))-1] + `, "$defs": {"v": {"const": "2"}}}`,
			"GATE_BACKWARD /data/w; GATE_FORWARD /data/w"},
		{"shared envelope", "what is left out of it would be left out of the event before too", contract + "version: {from: /data/meta/v}\n", `{"properties": {"meta": {"$ref": "#/$defs/m"}, "before": {"$ref": "#/$defs/m"}}, "$defs": {"m": ` + object(`{"const": "1"}`) + `}}`,
			`{"properties": {"meta": {"$ref": "#/$defs/m"}, "before": {"$ref": "#/$defs/m"}}, "$defs": {"m": ` + object(`{"const": "2"}`) + `}}`, "GATE_BACKWARD /data/before/v; GATE_FORWARD /data/before/v"},
		{"envelope", "deeper, through allOf", contract + "version: {from: /data/meta/v}\n", `{"allOf": [{"properties": {"meta": ` + object(`{"const": "1"}`) + `}}]}`, `{"properties": {"meta": ` + object(`{"const": "2"}`) + `}}`, ""},
		{"map", "texts that stand for versions", contract + "version: {from: /data/v, map: {one: 1, two: 2}}\n", object(`{"const": "one"}`), object(`{"const": "two"}`), ""},
		{"number", "a version may be a number", stated, object(`{"type": "integer", "const": 1}`), object(`{"type": "integer", "const": 2}`), ""},
		{"the whole event", "pointers start at the event", strings.Replace(stated, "compatibility", "schemaOf: event\ncompatibility", 1), `{"required": ["data"], "properties": {"data": ` + object(`{"const": "1"}`) + `}}`, `{"required": ["data"], "properties": {"data": ` + object(`{"const": "2"}`) + `}}`, ""},
		{"attribute", "of the whole event, the type may say it", contract + "schemaOf: event\nversion: {from: type, map: {e.1: 1, e.2: 2}}\n", `{"properties": {"type": {"const": "e.1"}}}`, `{"properties": {"type": {"const": "e.2"}}}`, ""},
		{"attribute, of the data", "no place in the data is meant", contract + "version: {from: type, map: {e.1: 1, e.2: 2}}\n", object(`{"const": "1"}`), object(`{"const": "2"}`), both},
		{"type", "how the version is written is read by everybody", stated, object(`{"type": "integer", "const": 1}`), object(`{"type": "string", "const": "2"}`), both},
		{"match", "events of other types are not this contract's", stated + "match: {/data/id: a}\n", `{"properties": {"v": {}, "id": {"enum": ["a", "b"]}}}`, `{"properties": {"v": {}, "id": {"const": "a"}}}`, ""},
		{"other match", "no event of v2 has what tells the event type", stated + "match: {/data/id: a}\n", `{"properties": {"v": {}, "id": {"const": "a"}}}`, `{"properties": {"v": {}, "id": {"const": "b"}}}`, "GATE_BACKWARD /data/id; GATE_FORWARD /data/id"},
		{"more than values", "a pattern is read too", stated, object(`{"const": "1"}`), object(`{"const": "2", "pattern": "2"}`), "GATE_BACKWARD /data/v; " + both},
		{"only one lists", "v2 takes any version", stated, object(`{"const": "1"}`), object(`{"type": "string"}`), "GATE_FORWARD /data/v"},
		{"not in the schema", "then nothing is left out", contract + "version: {from: /data/version}\n", object(`{"const": "1"}`), object(`{"const": "2"}`), both},
		{"another version's value", "no event of v2 says 3", stated, object(`{"const": "1"}`), object(`{"const": "3"}`), both},
		{"required too", "the other change is found, not the constant", stated, object(`{"const": "1"}`), object(`{"const": "2"}`, `, "id"`), "GATE_BACKWARD /data/id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"contract.yaml": tt.contract, "v1.schema.json": tt.v1, "v2.schema.json": tt.v2} {
				if err := os.MkdirAll(filepath.Join(dir, "e"), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "e", name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := check(t, gate.Config{Head: directory(t, dir)})
			var all []string
			for _, f := range got.Findings {
				all = append(all, f.Rule+" "+f.Pointer)
				if left := strings.Contains(f.String(), "the version's own value at /data/v is left out: it tells the versions apart"); left != slices.Contains([]string{"required too", "type", "shared reference"}, tt.name) {
					t.Errorf("%s: the trace says that the version is left out: %v\n%s", tt.reason, left, f)
				}
				if tt.name == "required too" && !strings.Contains(f.String(), `v1 allows {"v":"1"}`) {
					t.Errorf("%s: the witness is no event of v1:\n%s", tt.reason, f)
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(all, "; ")); diff != "" {
				t.Errorf("%s: findings (-want +got):\n%s\n%s", tt.reason, diff, page(got))
			}
		})
	}
	t.Run("only", func(t *testing.T) { // of one published version: nothing to compare, and nothing to leave out
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(testdata, "..", "..", "..", "examples", "orders", "contracts"))); err != nil {
			t.Fatal(err)
		}
		if got := check(t, gate.Config{Head: directory(t, dir)}); len(got.Findings) > 0 {
			t.Errorf("the examples' contracts have findings:\n%s", page(got))
		}
	})
}
