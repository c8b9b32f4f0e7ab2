package contract_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract"
)

// files is a root in memory.
func files(m map[string]string) fs.FS {
	out := fstest.MapFS{}
	for name, text := range m {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// orders is a contract that uses every field.
var orders = map[string]string{
	"order.placed/contract.yaml": `event: order.placed
topic: orders.order.placed
pubsub: pubsub
summary: An order was accepted.
trigger: POST /orders, after the transaction committed
style: state
match: {/data/event_type: order.placed}
version: {from: /data/event_version}
schemaOf: data
draft: 7
format: assert
dataContentType: application/json
identity: /data/event_id
correlation: /data/metadata/correlation_id
compatibility: backward
undeclared: absent
metadata: {partitionKey: /data/order_id, ttlInSeconds: 60}
ordering: {by: key, key: /data/order_id, sequence: /data/sequence}
versions:
  2: {status: draft}
producers:
  - {app: orders, versions: [1], publishing: outbox}
consumers:
  - {app: payment-worker, versions: [1, 2], reads: payment-worker.reads.schema.json, deadLetterTopic: dead, maxDeliveries: 4}
  - app: shipping-worker
waivers:
  - {rule: GATE_BACKWARD, place: v10.schema.json, reason: nobody reads it yet, expires: 2026-12-31}
`,
	"order.placed/v1.schema.json": `{
  "type": "object",
  "required": ["event_id", "event_type", "event_version", "order_id"],
  "properties": {
    "event_id": {"type": "string", "minLength": 1},
    "event_type": {"const": "order.placed"},
    "event_version": {"type": "integer"},
    "order_id": {"type": "string"},
    "sequence": {"type": "integer"},
    "metadata": {
      "type": "object",
      "properties": {"correlation_id": {"type": "string"}}
    }
  }
}`,
	"order.placed/v2.schema.json":                    `{"$ref": "v1.schema.json"}`,
	"order.placed/v10.schema.json":                   `{"$ref": "v1.schema.json"}`,
	"order.placed/payment-worker.reads.schema.json":  `{"required": ["order_id"]}`,
	"order.placed/v1.examples/minimal.json":          `{"event_id": "e-1", "event_type": "order.placed", "event_version": 1, "order_id": "ord-1", "metadata": {"correlation_id": "c-1"}}`,
	"order.placed/README.md":                         `documents are welcome`,
	"consumers/audit/order.placed.reads.schema.json": `{"required": ["event_id"]}`,
	"contracts.go":                                   `package contracts`,
}

func load(t *testing.T, roots ...fs.FS) *contract.Catalog {
	t.Helper()
	c, err := contract.Load(roots...)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

func TestLoadReadsEveryField(t *testing.T) {
	c := load(t, files(orders))
	const file = "order.placed/contract.yaml"
	place := func(line int) contract.Place { return contract.Place{File: file, Line: line} }
	version := func(name, status string) contract.Version {
		return contract.Version{Name: name, Status: status, Place: contract.Place{File: "order.placed/v" + name + ".schema.json", Line: 1}}
	}
	v1 := version("1", "published")
	v1.Examples = []contract.Example{{Name: "minimal", Data: []byte(orders["order.placed/v1.examples/minimal.json"]), Place: contract.Place{File: "order.placed/v1.examples/minimal.json", Line: 1}}}
	want := &contract.Contract{
		Event: "order.placed", PubSub: "pubsub", Topic: "orders.order.placed", Summary: "An order was accepted.",
		Trigger: "POST /orders, after the transaction committed", Style: "state",
		Match:    map[string]string{"/data/event_type": "order.placed"},
		Version:  contract.VersionSource{From: "/data/event_version"},
		SchemaOf: "data", Draft: "7", Format: "assert", DataContentType: "application/json",
		Identity: "/data/event_id", Correlation: "/data/metadata/correlation_id", Compatibility: "backward", Undeclared: "absent",
		Metadata:  map[string]string{"partitionKey": "/data/order_id", "ttlInSeconds": "60"},
		Ordering:  &contract.Ordering{By: "key", Key: "/data/order_id", Sequence: "/data/sequence", Place: place(18)},
		Versions:  []contract.Version{v1, version("2", "draft"), version("10", "published")},
		Producers: []contract.Producer{{App: "orders", Versions: []string{"1"}, Publishing: "outbox", Place: place(22)}},
		Consumers: []contract.Consumer{
			{App: "payment-worker", Versions: []string{"1", "2"}, Reads: "payment-worker.reads.schema.json", DeadLetterTopic: "dead", MaxDeliveries: 4, Place: place(24)},
			{App: "shipping-worker", Versions: []string{"1", "10"}, Place: place(25)},
			{App: "audit", Versions: []string{"1", "10"}, Reads: "consumers/audit/order.placed.reads.schema.json", Place: contract.Place{File: "consumers/audit/order.placed.reads.schema.json", Line: 1}},
		},
		Waivers: []contract.Waiver{{Rule: "GATE_BACKWARD", At: "v10.schema.json", Reason: "nobody reads it yet", Expires: "2026-12-31", Place: place(27)}},
		Place:   place(1),
	}
	if diff := cmp.Diff([]*contract.Contract{want}, c.Contracts()); diff != "" {
		t.Errorf("Contracts (-want +got):\n%s", diff)
	}
	for _, app := range []string{"payment-worker", "audit"} {
		if c.Reads("order.placed", app) == nil {
			t.Errorf("Reads(%s) is nil", app)
		}
	}
	if s := c.Schema("order.placed", "10"); s == nil || s.Draft != "7" || !s.AssertFormat {
		t.Errorf("Schema(10) = %+v, want draft 7 with format asserted, as the contract says", s)
	}
}

func TestLoadFillsInDefaults(t *testing.T) {
	c := load(t, files(map[string]string{
		"a/contract.yaml":  "event: a\ntopic: t\nproducers: [{app: p}]\n",
		"a/v1.schema.json": "{}",
	}))
	want := &contract.Contract{
		Event: "a", Topic: "t", PubSub: "pubsub", Style: "state", Version: contract.VersionSource{From: "only"}, SchemaOf: "data",
		Draft: "2020-12", Format: "annotate", DataContentType: "application/json", Identity: "/id", Compatibility: "full_transitive", Undeclared: "absent",
		Versions:  []contract.Version{{Name: "1", Status: "published", Place: contract.Place{File: "a/v1.schema.json", Line: 1}}},
		Producers: []contract.Producer{{App: "p", Versions: []string{"1"}, Publishing: "direct", Place: contract.Place{File: "a/contract.yaml", Line: 3}}},
		Place:     contract.Place{File: "a/contract.yaml", Line: 1},
	}
	if diff := cmp.Diff(want, c.Contract("a")); diff != "" {
		t.Errorf("Contract (-want +got):\n%s", diff)
	}
}

func TestLoadMergesRoots(t *testing.T) {
	producer := files(map[string]string{"b/contract.yaml": "event: b\ntopic: t", "b/v1.schema.json": "{}"})
	consumer := files(map[string]string{
		"a/contract.yaml": "event: a\ntopic: u\nschema: none", "consumers/app/b.reads.schema.json": "{}",
	})
	c := load(t, producer, consumer)
	var names []string
	for _, k := range c.Contracts() {
		names = append(names, k.Event)
	}
	if diff := cmp.Diff([]string{"a", "b"}, names); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if c.Reads("b", "app") == nil {
		t.Error("the reads of the consumer's root did not reach the producer's contract")
	}
	if empty := load(t); len(empty.Contracts()) != 0 {
		t.Error("no roots: want no contracts")
	}
}

// In a directory, errors and places name files that can be opened from where
// the root was given.
func TestLoadNamesFilesOfADirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, files(orders)); err != nil {
		t.Fatal(err)
	}
	c := load(t, os.DirFS(dir))
	want := filepath.ToSlash(dir) + "/order.placed/contract.yaml:1"
	if got := c.Contract("order.placed").Place.String(); got != want {
		t.Errorf("Place = %s, want %s", got, want)
	}
}

// named is a root that says what it is called.
type named struct{ fs.FS }

func (named) Name() string { return "main:contracts" }

func TestLoadCallsARootByItsName(t *testing.T) {
	c := load(t, named{files(orders)})
	if got := c.Contract("order.placed").Place.String(); got != "main:contracts/order.placed/contract.yaml:1" {
		t.Errorf("Place = %s", got)
	}
}

// A link that leads out of the root is not followed.
func TestLoadStaysInTheRoot(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret.json"), []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, files(map[string]string{"a/contract.yaml": "event: a\ntopic: t\n"})); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "a", "v1.schema.json")
	if err := os.Symlink(filepath.Join(outside, "secret.json"), link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	_, err := contract.Load(os.DirFS(dir))
	want := filepath.ToSlash(link) + ":1: cannot be read (path escapes from parent): put the schema there"
	if err == nil || err.Error() != want {
		t.Errorf("Load\n got: %v\nwant: %s", err, want)
	}
}
