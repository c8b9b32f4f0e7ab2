package contract_test

import (
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"github.com/eventproof/eventproof/contract"
)

// badContracts are what a person may get wrong on disk. Each set of files is
// laid over a sound contract; an empty text deletes a file.
var badContracts = []struct {
	name, reason string
	files        map[string]string
	other        map[string]string // a second root
}{
	{name: "broken YAML", reason: "an unclosed bracket", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nmatch: {type: x\n"}},
	{name: "tab in YAML", reason: "YAML forbids tabs as indentation", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nversion:\n\tfrom: only\n"}},
	{name: "empty contract", reason: "a file made by touch", files: map[string]string{"a/contract.yaml": "\n"}},
	{name: "list as contract", reason: "not a map", files: map[string]string{"a/contract.yaml": "- event: a\n"}},
	{name: "two documents", reason: "the second would be ignored", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\n---\nevent: b\n"}},
	{name: "duplicate field", reason: "one of the two would win silently", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\ntopic: u\n"}},
	{name: "merge key", reason: "fields from elsewhere hide what the contract says", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nversion: &v {from: only}\nordering: {<<: *v, by: none}\n"}},
	{name: "alias bomb", reason: "aliases of aliases grow without bound", files: map[string]string{"a/contract.yaml": aliasBomb()}},
	{name: "unknown field", reason: "a typing error", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\ncorelation: /data/c\n"}},
	{name: "unknown field far from all", reason: "no name is near: list them", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nordering: {by: none, xyzzy: 1}\n"}},
	{name: "unknown field in a list", reason: "the line is that of the field", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nconsumers:\n  - app: c\n    deadletterTopic: d\n"}},
	{name: "missing topic", reason: "required", files: map[string]string{"a/contract.yaml": "event: a\n"}},
	{name: "missing app", reason: "required, in a list", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nproducers:\n  - {publishing: direct}\n"}},
	{name: "wrong type", reason: "a text where a map belongs", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nmatch: order.placed\n"}},
	{name: "unknown style", reason: "not one of the values", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nstyle: stateful\n"}},
	{name: "unknown draft", reason: "draft 5 never was", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\ndraft: 5\n"}},
	{name: "bad event name", reason: "a slash", files: map[string]string{"a/contract.yaml": "event: a/b\ntopic: t\n"}},
	{name: "several fields wrong", reason: "all are named at once", files: map[string]string{"a/contract.yaml": "event: a\nstyle: x\ncompatibility: y\nfoo: 1\n"}},
	{name: "bad pointer", reason: "a path that is no JSON Pointer", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nidentity: data.order_id\n"}},
	{name: "bad escape in a pointer", reason: "~ is ~0", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\ncorrelation: /data/a~b\n"}},
	{name: "bad match", reason: "neither pointer nor attribute", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nmatch: {data.type: x}\n"}},
	{name: "bad version source", reason: "neither a word nor a pointer", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nversion: {from: header}\n"}},
	{name: "version source without map", reason: "a type is never a version's name", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nversion: {from: type}\n"}},
	{name: "map to no version", reason: "the version has no schema", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nversion: {from: type, map: {a.v7: 7}}\n"}},
	{name: "map without source", reason: "it would be ignored", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nversion: {from: only, map: {a: 1}}\n"}},
	{name: "bad version key", reason: "v2 where 2 belongs", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nversions: {v2: {status: draft}}\n"}},
	{name: "version without schema", reason: "a version that is not there", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nversions:\n  3: {status: draft}\n"}},
	{name: "producer of no version", reason: "a version that is not there", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nproducers: [{app: p, versions: [9]}]\n"}},
	{name: "waiver without an end", reason: "it would hold for ever", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nwaivers: [{rule: GATE_BACKWARD, reason: r}]\n"}},
	{name: "waiver to no day", reason: "February has no 30th", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nwaivers: [{rule: GATE_BACKWARD, reason: r, expires: 2026-02-30}]\n"}},
	{name: "waiver of no rule", reason: "ids are in capitals", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nwaivers: [{rule: backward, reason: r, expires: 2026-02-03}]\n"}},
	{name: "consumer twice", reason: "its settings could differ", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nconsumers: [{app: c}, {app: c}]\n"}},
	{name: "two versions, one source", reason: "nothing tells them apart", files: map[string]string{"a/v2.schema.json": "{}"}},
	{name: "fraction of a delivery", reason: "an integer", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nconsumers: [{app: c, maxDeliveries: 1.5}]\n"}},
	{name: "ordering by key without key", reason: "which key?", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nordering: {by: key}\n"}},

	{name: "event in another directory", reason: "the name is said twice, differently", files: map[string]string{"a/contract.yaml": "event: b\ntopic: t\n"}},
	{name: "duplicate event", reason: "the same contract in two roots", other: map[string]string{"a/contract.yaml": "event: a\ntopic: t\n", "a/v1.schema.json": "{}"}},
	{name: "shared topic without match", reason: "nothing tells the events apart", other: map[string]string{"b/contract.yaml": "event: b\ntopic: t\n", "b/v1.schema.json": "{}"}},
	{name: "shared topic with overlapping match", reason: "one event may fit both", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nmatch: {type: x}\n"},
		other: map[string]string{"b/contract.yaml": "event: b\ntopic: t\nmatch: {/data/kind: b}\n", "b/v1.schema.json": "{}"}},
	{name: "shared topic with the same match", reason: "one event fits both", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nmatch: {type: x}\n"},
		other: map[string]string{"b/contract.yaml": "event: b\ntopic: t\nmatch: {type: x}\n", "b/v1.schema.json": "{}"}},
	{name: "nothing in the root", reason: "nearly always a wrong path", other: map[string]string{"README.md": "hello"}},
	{name: "root one level too high", reason: "the contracts lie deeper", other: map[string]string{"api/contracts/b/contract.yaml": "event: b\ntopic: u\n"}},
	{name: "root one level too low", reason: "the event directory itself", other: map[string]string{"contract.yaml": "event: b\ntopic: u\n"}},
	{name: "contract.yml", reason: "the name is contract.yaml", files: map[string]string{"b/contract.yml": "event: b\n"}},
	{name: "schema without contract", reason: "contract.yaml was forgotten", files: map[string]string{"b/v1.schema.json": "{}"}},

	{name: "missing schema", reason: "a contract has one, or says none", files: map[string]string{"a/v1.schema.json": ""}},
	{name: "schema beside none", reason: "it would be ignored", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nschema: none\n"}},
	{name: "schema in YAML", reason: "it would be ignored", files: map[string]string{"a/v2.schema.yaml": "type: object"}},
	{name: "schema with another name", reason: "it would be ignored", files: map[string]string{"a/schema.json": "{}"}},
	{name: "schema that is not JSON", reason: "a trailing comma", files: map[string]string{"a/v1.schema.json": "{\n  \"type\": \"object\",\n}"}},
	{name: "schema with a duplicate key", reason: "one of the two would win silently", files: map[string]string{"a/v1.schema.json": "{\n  \"type\": \"object\",\n  \"type\": \"array\"\n}"}},
	{name: "schema with misspelt keywords", reason: "the validator would pass over them", files: map[string]string{"a/v1.schema.json": "{\n  \"requird\": [\"a\"],\n  \"additionalPropertys\": false,\n  \"minLenght\": 1,\n  \"enumm\": [1],\n  \"x-enumm\": 1,\n  \"tsType\": 1,\n  \"tsAdditionalProperties\": false\n}"}},
	{name: "schema with nullable", reason: "null would be refused, whatever its author thinks", files: map[string]string{"a/v1.schema.json": "{\n  \"properties\": {\"nullable\": {\"type\": \"boolean\"}, \"b\": {\"nullable\": false},\n  \"a\": {\"type\": \"string\", \"nullable\": true}}\n}"}},
	{name: "schema of a version in capitals", reason: "it would be a version for no one", files: map[string]string{"a/V2.schema.json": "{}"}},
	{name: "schema that doubles at each level", reason: "the validator would never end", files: map[string]string{"a/v1.schema.json": doubling(30)}},
	{name: "schema with a misused keyword", reason: "the draft's meta-schema refuses it", files: map[string]string{"a/v1.schema.json": "{\n  \"type\": \"objekt\",\n  \"required\": true\n}"}},
	{name: "schema that is not UTF-8", reason: "saved as Latin-1", files: map[string]string{"a/v1.schema.json": "{\n\"title\": \"\xe4\"}"}},
	{name: "remote $ref", reason: "nothing is read from the network", files: map[string]string{"a/v1.schema.json": "{\n  \"$ref\": \"https://example.com/money.json\"\n}"}},
	{name: "file $ref", reason: "nothing is read from outside the root", files: map[string]string{"a/v1.schema.json": "{\n  \"$ref\": \"file:///etc/passwd\"\n}"}},
	{name: "path outside the root", reason: "a relative path that climbs out", files: map[string]string{"a/v1.schema.json": "{\n  \"$ref\": \"../../etc/money.schema.json\"\n}"}},
	{name: "$ref to no file", reason: "a typing error", files: map[string]string{"a/v1.schema.json": "{\"properties\": {\n  \"x\": {\"$ref\": \"money.schema.json#/$defs/m\"}}}"}},
	{name: "$ref to nothing", reason: "a typing error in the pointer", files: map[string]string{"a/v1.schema.json": "{\"properties\": {\n  \"x\": {\"$ref\": \"#/$defs/mony\"}}, \"$defs\": {\"money\": {}}}"}},
	{name: "$ref moved by $id", reason: "$id changes what a relative $ref means", files: map[string]string{"a/v1.schema.json": "{\"$id\": \"https://example.com/a/v1\",\n  \"$ref\": \"money.schema.json\"}"}},
	{name: "$ref to an unknown anchor", reason: "the validator finds it out", files: map[string]string{"a/v1.schema.json": "{\"$ref\": \"#money\"}"}},
	{name: "$ref in a circle", reason: "a schema that is itself", files: map[string]string{"a/v1.schema.json": "{\"$ref\": \"#\"}"}},
	{name: "$id twice", reason: "a reference to it would be a guess", files: map[string]string{"a/v1.schema.json": "{\"$id\": \"https://example.com/m\"}", "a/m.schema.json": "{\n\"$id\": \"https://example.com/m\"}"}},
	{name: "wrong draft", reason: "draft 3 is not read", files: map[string]string{"a/v1.schema.json": "{\n  \"$schema\": \"http://json-schema.org/draft-03/schema#\"\n}"}},
	{name: "empty enum", reason: "the validator would accept everything", files: map[string]string{"a/v1.schema.json": "{\"properties\": {\n  \"x\": {\"enum\": []}}}"}},
	{name: "dependencies under 2020-12", reason: "the validator would enforce what the draft dropped", files: map[string]string{"a/v1.schema.json": "{\n  \"dependencies\": {\"a\": [\"b\"]}\n}"}},
	{name: "look-ahead", reason: "patterns are RE2", files: map[string]string{"a/v1.schema.json": "{\"properties\": {\"x\": {\n  \"pattern\": \"^(?!a)\"}}}"}},
	{name: "pattern of a property that is not RE2", reason: "the validator would panic", files: map[string]string{"a/v1.schema.json": "{\"patternProperties\": {\n  \"(\": {}}}"}},
	{name: "format that nothing checks", reason: "asserted, it would accept everything", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nformat: assert\n", "a/v1.schema.json": "{\n  \"format\": \"currency\"\n}"}},
	{name: "huge count", reason: "it would overflow", files: map[string]string{"a/v1.schema.json": "{\n  \"maxLength\": 9223372036854775808\n}"}},
	{name: "huge exponent in a schema", reason: "it would take gigabytes to compare", files: map[string]string{"a/v1.schema.json": "{\n  \"maximum\": 1e999999999\n}"}},
	{name: "deep schema", reason: "the validator would recurse", files: map[string]string{"a/v1.schema.json": strings.Repeat(`{"not":`, 300) + "{}" + strings.Repeat("}", 300)}},

	{name: "reads that is not there", reason: "a typing error", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nconsumers:\n  - {app: c, reads: d.reads.schema.json}\n", "a/c.reads.schema.json": "{}"}},
	{name: "reads that nobody names", reason: "it would be ignored", files: map[string]string{"a/c.reads.schema.json": "{}"}},
	{name: "reads of no event", reason: "a typing error in the file name", files: map[string]string{"consumers/c/aa.reads.schema.json": "{}"}},
	{name: "reads stated twice", reason: "the two could differ", files: map[string]string{"a/contract.yaml": "event: a\ntopic: t\nconsumers: [{app: c, reads: c.reads.schema.json}]\n", "a/c.reads.schema.json": "{}", "consumers/c/a.reads.schema.json": "{}"}},
	{name: "reads with another name", reason: "it would be ignored", files: map[string]string{"consumers/c/a.schema.yaml": "{}"}},
	{name: "examples of no version", reason: "they would be ignored", files: map[string]string{"a/v9.examples/x.json": "{}"}},
	{name: "example that is not JSON", reason: "cut short", files: map[string]string{"a/v1.examples/x.json": "{\n\"a\":"}},
	{name: "example with another name", reason: "it would be ignored", files: map[string]string{"a/v1.examples/x.yaml": "{}"}},
}

func aliasBomb() string {
	var b strings.Builder
	b.WriteString("event: a\ntopic: t\nx0: &x0 [a]\n")
	for i := 1; i <= 20; i++ {
		fmt.Fprintf(&b, "x%d: &x%d [*x%d, *x%d, *x%d]\n", i, i, i-1, i-1, i-1)
	}
	return b.String()
}

func badRoots(over, other map[string]string) []fs.FS {
	m := map[string]string{"a/contract.yaml": "event: a\ntopic: t\n", "a/v1.schema.json": "{}"}
	maps.Copy(m, over)
	maps.DeleteFunc(m, func(_, text string) bool { return text == "" })
	roots := []fs.FS{files(m)}
	if other != nil {
		roots = append(roots, files(other))
	}
	return roots
}

// Every defect on disk is an error that says where, what and what to write
// instead. The file of errors is read by people before it is accepted.
func TestBadContracts(t *testing.T) {
	k := &book{file: "bad_contracts.golden"}
	for _, tt := range badContracts {
		t.Run(tt.name, func(t *testing.T) {
			if tt.reason == "" {
				t.Fatal("a case needs a reason")
			}
			c, err := contract.Load(badRoots(tt.files, tt.other)...)
			if err == nil {
				t.Fatalf("Load accepts it, want an error: %s", tt.reason)
			}
			if c != nil {
				t.Error("Load returns a catalog together with an error")
			}
			k.page(t, tt.name+" ("+tt.reason+")", err.Error())
		})
	}
	k.close(t, len(badContracts))
}

// doubling is a schema each of whose levels names the next one twice.
func doubling(levels int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{\n\"$ref\": \"#/$defs/l0\",\n\"$defs\": {\n")
	for i := range levels {
		fmt.Fprintf(&b, "\"l%d\": {\"allOf\": [{\"$ref\": \"#/$defs/l%d\"}, {\"$ref\": \"#/$defs/l%d\"}]},\n", i, i+1, i+1)
	}
	fmt.Fprintf(&b, "\"l%d\": {\"minLength\": 2}}}", levels)
	return b.String()
}
