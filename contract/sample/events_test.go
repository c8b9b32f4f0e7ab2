package sample_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/sample"
)

func load(tb testing.TB, files map[string]string) *contract.Catalog {
	tb.Helper()
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	c, err := contract.Load(fs.FS(root))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

const orderSchema = `{
  "type": "object",
  "required": ["order_id", "total", "currency", "version"],
  "properties": {
    "order_id": {"type": ["string", "null"], "maxLength": 12},
    "version": {"type": ["string", "integer"]},
    "total": {"type": "integer", "minimum": 1, "maximum": 100000},
    "currency": {"enum": ["EUR", "USD"]},
    "customer": {"type": "object", "required": ["email"], "properties": {
      "email": {"type": "string", "format": "email"}, "name": {"type": "string", "minLength": 2}}},
    "note": {"type": "string"},
    "lines": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["sku"], "properties": {
      "sku": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"}, "quantity": {"type": "integer", "minimum": 1}}}}
  }
}`

// Contracts that ask for something of the data, of the event, or of nothing.
var contracts = []struct {
	name, reason string
	files        map[string]string
	event        string
	version      string
	err          string // part of the error; "": samples
}{
	{"data", "the usual contract: identity in the data, undeclared absent", map[string]string{
		"order.placed/contract.yaml": "event: order.placed\ntopic: orders\nidentity: /data/order_id\n", "order.placed/v1.schema.json": orderSchema}, "order.placed", "1", ""},
	{"version pointer", "the data states its version, as a text or a number", map[string]string{
		"order.placed/contract.yaml": "event: order.placed\ntopic: orders\nidentity: /data/order_id\nversion: {from: /data/version}\n", "order.placed/v1.schema.json": orderSchema, "order.placed/v2.schema.json": orderSchema}, "order.placed", "2", ""},
	{"match in the data", "the data says which contract of the topic it is", map[string]string{
		"order.placed/contract.yaml": "event: order.placed\ntopic: orders\nmatch: {/data/currency: USD}\ncorrelation: /data/customer/email\n", "order.placed/v1.schema.json": orderSchema,
		"order.other/contract.yaml": "event: order.other\ntopic: orders\nmatch: {/data/currency: EUR}\n", "order.other/v1.schema.json": orderSchema}, "order.placed", "", ""},
	{"identity in an array", "the first line's sku", map[string]string{
		"order.placed/contract.yaml": "event: order.placed\ntopic: orders\nidentity: /data/lines/0/sku\n", "order.placed/v1.schema.json": orderSchema}, "order.placed", "1", ""},
	{"attributes", "match and version are attributes, which the wrapping sets", map[string]string{
		"order.placed/contract.yaml": "event: order.placed\ntopic: orders\nmatch: {type: order.placed}\nversion: {from: dataschema, map: {\"https://example.com/v1\": \"1\"}}\n", "order.placed/v1.schema.json": orderSchema}, "order.placed", "1", ""},
	{"whole event", "the schema is of the event", map[string]string{
		"thing/contract.yaml": "event: thing\ntopic: things\nschemaOf: event\nidentity: /data/id\nmatch: {type: com.example.thing}\n",
		"thing/v1.schema.json": `{"type":"object","required":["id","type","data"],"properties":{"id":{"type":"string"},"type":{"type":"string"},"subject":{"type":"string"},
			"data":{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"size":{"type":"integer","maximum":10}}}}}`}, "thing", "1", ""},
	{"draft", "a draft's own events, though nobody may publish them", map[string]string{
		"thing/contract.yaml":  "event: thing\ntopic: things\nversions: {\"2\": {status: draft}}\n",
		"thing/v1.schema.json": `{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}`,
		"thing/v2.schema.json": `{"type":"object","required":["b"],"properties":{"b":{"type":"string"}}}`}, "thing", "2", ""},
	{"no room for identity", "undeclared absent, and the identity is not declared", map[string]string{
		"thing/contract.yaml":  "event: thing\ntopic: things\nidentity: /data/id\n",
		"thing/v1.schema.json": `{"type":"object","properties":{"name":{"type":"string"}}}`}, "thing", "1", "identity finds something at /data/id"},
	{"no room for match", "the schema rules out what match asks for", map[string]string{
		"thing/contract.yaml":  "event: thing\ntopic: things\nmatch: {/data/kind: big}\n",
		"thing/v1.schema.json": `{"type":"object","required":["kind"],"properties":{"kind":{"enum":["small"]}}}`}, "thing", "1", "match asks for big at /data/kind"},
	{"nothing at all", "the schema is empty", map[string]string{
		"thing/contract.yaml":  "event: thing\ntopic: things\n",
		"thing/v1.schema.json": `{"type":"string","minLength":3,"maxLength":2}`}, "thing", "1", "accepts no value"},
	{"no schema", "there is nothing to sample from", map[string]string{
		"thing/contract.yaml": "event: thing\ntopic: things\nschema: none\n"}, "thing", "", "schema: none"},
	{"unknown event", "the nearest is named", map[string]string{
		"thing/contract.yaml": "event: thing\ntopic: things\n", "thing/v1.schema.json": `{}`}, "thingg", "", "write thing"},
	{"unknown version", "those that there are", map[string]string{
		"thing/contract.yaml": "event: thing\ntopic: things\n", "thing/v1.schema.json": `{}`}, "thing", "3", "there are 1"},
	{"version with v", "as the file is called", map[string]string{
		"thing/contract.yaml": "event: thing\ntopic: things\n", "thing/v1.schema.json": `{}`}, "thing", "v1", "write 1"},
}

// Every event is checked by the catalog, which knows nothing of samples.
func TestEvents(t *testing.T) {
	for _, tt := range contracts {
		t.Run(tt.name, func(t *testing.T) {
			c := load(t, tt.files)
			ids := map[string]bool{}
			for _, kind := range sample.Kinds() {
				made, err := sample.Events(c, tt.event, tt.version, kind, sample.Options{})
				if tt.err != "" {
					if err == nil || !strings.Contains(err.Error(), tt.err) {
						t.Fatalf("%s: error %v, want one with %q: %s", kind, err, tt.err, tt.reason)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v: %s", kind, err, tt.reason)
				}
				if len(made.List) == 0 {
					t.Errorf("no %s samples: %s", kind, tt.reason)
				}
				for _, one := range made.List {
					if ids[one.Event.ID] && one.Event.ID != "" && c.Contract(tt.event).SchemaOf == "data" {
						t.Errorf("two events have the id %s", one.Event.ID)
					}
					ids[one.Event.ID] = true
					checkEvent(t, c, one)
				}
				for _, w := range made.Without {
					if !w.Proven && w.Keyword != "properties" {
						t.Logf("%s without: %s", kind, w)
					}
				}
			}
		})
	}
}

func checkEvent(t *testing.T, c *contract.Catalog, one sample.Sample) {
	t.Helper()
	b, err := one.Event.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	e, err := contract.ParseEvent(b) // as it arrives
	if err != nil {
		t.Fatal(err)
	}
	violations := slices.DeleteFunc(c.Check(e), func(v contract.Violation) bool { return v.Rule == contract.RuleDraft })
	if k, version, _ := c.Find(e); k != nil && k.Version.From == "only" && fmt.Sprintf("%s-v%s-%s-1", k.Event, version, one.Kind) != one.Event.ID && !strings.Contains(one.Event.ID, "-v"+version+"-") && k.SchemaOf == "data" {
		return // of a draft: the catalog holds it against the published version
	}
	if one.Kind != sample.NearMiss {
		for _, v := range violations {
			t.Errorf("%s %s: %s\n%v", one.Kind, b, one.What, v)
		}
		return
	}
	if len(violations) == 0 {
		t.Errorf("near miss of %s accepted: %s", one.Place, b)
	}
	named := false
	for _, v := range violations {
		named = named || v.Rule == contract.RuleSchema && v.Pointer == one.Pointer && v.Place.String() == one.At()
		if v.Rule != contract.RuleSchema && v.Rule != contract.RuleUndeclared {
			t.Errorf("near miss of %s breaks more: %v", one.Place, v)
		}
	}
	if !named {
		t.Errorf("near miss of %s at %s (%s): not named: %v", one.Place, one.Pointer, one.At(), violations)
	}
}

func TestUnknownKind(t *testing.T) {
	c := load(t, contracts[0].files)
	_, err := sample.Events(c, "order.placed", "1", "near_miss", sample.Options{})
	if err == nil || !strings.Contains(err.Error(), "write near-miss") {
		t.Errorf("got %v, want the nearest kind", err)
	}
}

func TestErrors(t *testing.T) {
	c := load(t, contracts[9].files)
	if _, err := sample.Events(c, "thing", "1", sample.Valid, sample.Options{}); !errors.Is(err, sample.ErrEmpty) {
		t.Errorf("got %v, want ErrEmpty", err)
	}
}
