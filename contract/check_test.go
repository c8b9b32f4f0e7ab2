package contract_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract"
)

func TestSoundEvents(t *testing.T) {
	c := load(t, files(shop))
	const ce = `"specversion":"1.0","id":"1","source":"s","type":"com.dapr.event.sent"`
	for _, tt := range []struct{ name, reason, event string }{
		{"JSON", "what daprd delivers", with(`"id":"1"`, `"id":"1"`)},
		{"charset", "a parameter that the contract does not ask for", with(`"application/json"`, `"application/json; charset=utf-8"`)},
		{"no content type", "it means JSON", with(`"datacontenttype":"application/json",`, ``)},
		{"null attribute", "null is not set", with(`"id":"1"`, `"id":"1","subject":null`)},
		{"long extension name", "20 characters are only recommended", with(`"id":"1"`, `"id":"1","averyveryverylongextensionname":"x"`)},
		{"Dapr's empty extension", "daprd writes tracestate empty", with(`"id":"1"`, `"id":"1","tracestate":"","n":-2147483648,"b":true`)},
		{"number as written", "0.1 is a multiple of 0.01", order(`"id":"ord-1","lines":[{"sku":"a","gift/wrap":true}],"total":0.1,"note":null`)},
		{"alternative", "its properties are declared by the branch that fits", order(`"id":"ord-1","lines":[{"sku":"a"}],"payment":{"kind":"card","number":"1"}`)},
		{"undeclared: allowed", "as the schema says", `{` + ce + `,"topic":"freed","data":{"seat":1}}`},
		{"no topic", "its match finds the contract", `{` + ce + `,"data":{"event_type":"order.shipped"}}`},
		{"event as its type", "no topic: the type finds it", `{"specversion":"1.0","id":"1","source":"s","type":"stock.counted","data":{}}`},
		{"JSON in base64", "decoded and checked", `{` + ce + `,"topic":"stock","datacontenttype":"application/json","data_base64":"e30="}`},
		{"text", "text data is a JSON string", `{` + ce + `,"topic":"notes","datacontenttype":"text/plain;charset=UTF-8","data":"short"}`},
		{"protobuf", "attributes only", `{` + ce + `,"topic":"blobs","datacontenttype":"application/protobuf","data_base64":"AP8="}`},
		{"whole event", "attributes are never undeclared", `{"specversion":"1.0","id":"1","source":"s","type":"price.changed","topic":"prices","subject":"x","foo":"y","data":{"price":1}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, v := range c.Check(parse(t, tt.event)) {
				t.Errorf("%s\n%s", tt.reason, v)
			}
		})
	}
}

func TestNoCatalog(t *testing.T) {
	var c *contract.Catalog
	e := contract.Event{ID: "1", Type: "t", Source: "s"}
	if v := c.Check(e); v != nil {
		t.Errorf("Check: %v", v)
	}
	if v := c.CheckData("p", "t", "", nil); v != nil {
		t.Errorf("CheckData: %v", v)
	}
	if k, version, v := c.Find(e); k != nil || version != "" || v != nil {
		t.Errorf("Find: %v %v %v", k, version, v)
	}
	if got, want := c.Ref(e), (contract.Ref{ID: "1", Type: "t", Source: "s", Identity: "1"}); got != want {
		t.Errorf("Ref = %+v, want %+v", got, want)
	}
	if c.Contracts() != nil || c.Contract("t") != nil || c.Schema("t", "1") != nil || c.Reads("t", "a") != nil || c.CheckExamples() != nil {
		t.Error("no catalog has something")
	}
	if _, err := c.Example("t", "1", "x"); err == nil {
		t.Error("Example of no catalog: want an error")
	}
}

func TestFindAndRef(t *testing.T) {
	c := load(t, files(shop))
	e := parse(t, with(`"id":"1"`, `"id":"1"`))
	k, version, violations := c.Find(e)
	if k != c.Contract("order.placed") || version != "1" || violations != nil {
		t.Errorf("Find = %v, %s, %v", k, version, violations)
	}
	if got, want := c.Ref(e), (contract.Ref{ID: "1", Type: "com.dapr.event.sent", Source: "orders", Identity: "e-1"}); got != want {
		t.Errorf("Ref = %+v, want %+v", got, want)
	}
	e.Data = json.RawMessage(`{"event_type":"order.placed","event_id":7}`)
	if got := c.Ref(e).Identity; got != "7" {
		t.Errorf("identity of a number = %q, want it as text", got)
	}
	e.Data = json.RawMessage(`{"event_type":"order.placed"}`)
	if got := c.Ref(e).Identity; got != "1" {
		t.Errorf("identity without event_id = %q, want the id", got)
	}
}

func TestVersions(t *testing.T) {
	schemas := func(yaml string) map[string]string {
		return map[string]string{"a/contract.yaml": "event: a\ntopic: t\n" + yaml, "a/v1.schema.json": "{}", "a/v2.schema.json": "{}"}
	}
	const draft = "versions: {2: {status: draft}}\n"
	for _, tt := range []struct {
		name, reason, yaml, event, want string
	}{
		{"only", "the one that is published", draft, `{}`, "1"},
		{"type", "by the map", "version: {from: type, map: {a.one: 1, a.two: 2}}\n", `{"type":"a.two"}`, "2"},
		{"dataschema", "by the map", "version: {from: dataschema, map: {https://example.com/2: 2}}\n", `{"dataschema":"https://example.com/2"}`, "2"},
		{"pointer", "the text is the version", "version: {from: /data/v}\n", `{"data":{"v":"2"}}`, "2"},
		{"number", "its text is the version", "version: {from: /data/v}\n", `{"data":{"v":2}}`, "2"},
		{"mapped pointer", "by the map", "version: {from: /data/v, map: {new: 2, true: 1}}\n", `{"data":{"v":true}}`, "1"},
		{"text that is a version, not in the map", "the map decides", "version: {from: /data/v, map: {new: 2}}\n", `{"data":{"v":"2"}}`, ""},
		{"object", "no text", "version: {from: /data/v}\n", `{"data":{"v":{}}}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := parse(t, tt.event)
			e.Topic = "t"
			_, version, violations := load(t, files(schemas(tt.yaml))).Find(e)
			if version != tt.want || (version == "") != (len(violations) > 0) {
				t.Errorf("version %q (%v), want %q: %s", version, violations, tt.want, tt.reason)
			}
		})
	}
}

func TestCheckData(t *testing.T) {
	c := load(t, files(shop))
	sound := `{` + placed + `,"order":{"id":"ord-1","lines":[{"sku":"a"}]}}`
	for _, tt := range []struct {
		name, reason, topic, contentType, data string
		want                                   []string // rule and pointer
	}{
		{"sound", "nothing to say of attributes", "orders", "application/json", sound, nil},
		{"missing", "as in an event", "orders", "application/json", strings.Replace(sound, `"id":"ord-1",`, ``, 1), []string{"EVENT_SCHEMA /data/order/id"}},
		{"bytes", "no content type is text/plain to daprd", "stock", "", `{}`, []string{"EVENT_CONTENT_TYPE /datacontenttype", "EVENT_SCHEMA /data"}},
		{"match by attribute", "the only contract of the topic", "prices", "application/json", `{"price":"1"}`, []string{"EVENT_SCHEMA /data/price"}},
		{"unknown topic", "as in an event", "nowhere", "application/json", sound, []string{"EVENT_NO_CONTRACT "}},
		{"no match", "as in an event", "orders", "application/json", `{}`, []string{"EVENT_NO_MATCH "}},
		{"duplicate key", "refused", "stock", "application/json", `{"a":1,"a":2}`, []string{"EVENT_UNSAFE /data/a"}},
		{"protobuf", "attributes only", "blobs", "application/protobuf", "\x00\xff", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, v := range c.CheckData("pubsub", tt.topic, tt.contentType, []byte(tt.data)) {
				got = append(got, v.Rule+" "+v.Pointer)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
		})
	}
}

// What only an attribute could tell, data alone cannot decide, and says so.
func TestCheckDataNeedsTheEvent(t *testing.T) {
	c := load(t, files(map[string]string{
		"a/contract.yaml": "event: a\ntopic: t\nmatch: {type: a}\n", "a/v1.schema.json": "{}",
		"b/contract.yaml": "event: b\ntopic: t\nmatch: {type: b}\n", "b/v1.schema.json": "{}",
		"d/contract.yaml": "event: d\ntopic: u\nversion: {from: type, map: {d1: 1, d2: 2}}\n", "d/v1.schema.json": "{}", "d/v2.schema.json": "{}",
	}))
	for topic, want := range map[string]string{
		"t": "data: fits several contracts of pubsub p, topic t, which only attributes tell apart: check the whole event",
		"u": "d: its version is stated at /type, which is no part of the data: check the whole event",
	} {
		v := c.CheckData("pubsub", topic, "application/json", []byte("{}"))
		if len(v) != 1 || v[0].What != strings.Replace(want, "pubsub p,", "pubsub pubsub,", 1) {
			t.Errorf("topic %s: got %v, want %s", topic, v, want)
		}
	}
}

func TestExample(t *testing.T) {
	c := load(t, files(orders), files(map[string]string{
		"b/contract.yaml":          "event: b\ntopic: t\nmatch: {type: b.happened, /kind: x}\nversion: {from: dataschema, map: {https://example.com/1: 1}}\n",
		"b/v1.schema.json":         "{}",
		"b/v1.examples/data.json":  "{}",
		"d/contract.yaml":          "event: d\ntopic: u\nschemaOf: event\n",
		"d/v1.schema.json":         "{}",
		"d/v1.examples/whole.json": `{"specversion":"1.0","id":"1","source":"s","type":"t","topic":"u"}`,
		"e/contract.yaml":          "event: e\ntopic: v\nmatch: {/data/type: e}\n",
		"e/v1.schema.json":         "{}",
		"e/v1.examples/other.json": `{"type":"f"}`,
	}))
	for _, tt := range []struct {
		name, reason, event, version, example string
		want                                  contract.Event
		err                                   string
	}{
		{name: "order", reason: "match and version are in the data", event: "order.placed", version: "1", example: "minimal", want: contract.Event{
			ID: "order.placed-v1-minimal", Source: "orders", SpecVersion: "1.0", Type: "com.dapr.event.sent", Time: "2018-04-05T17:31:00Z", DataContentType: "application/json",
			PubSub: "pubsub", Topic: "orders.order.placed", Data: json.RawMessage(orders["order.placed/v1.examples/minimal.json"])}},
		{name: "attributes", reason: "match and version set them", event: "b", version: "1", example: "data", want: contract.Event{
			ID: "b-v1-data", Source: "eventproof", SpecVersion: "1.0", Type: "b.happened", Time: "2018-04-05T17:31:00Z", DataContentType: "application/json",
			DataSchema: "https://example.com/1", PubSub: "pubsub", Topic: "t", Data: json.RawMessage("{}"), Extensions: map[string]any{"kind": "x"}}},
		{name: "event", reason: "the file is the event", event: "d", version: "1", example: "whole", want: contract.Event{ID: "1", Source: "s", SpecVersion: "1.0", Type: "t", Topic: "u"}},
		{name: "no event", reason: "a typing error", event: "order.place", version: "1", example: "minimal", err: "example order.place: no contract of that name: write order.placed"},
		{name: "no version", reason: "there are others", event: "order.placed", version: "3", example: "minimal", err: `example of order.placed: no version "3": there are 1, 2, 10`},
		{name: "no example", reason: "there are others", event: "order.placed", version: "1", example: "max", err: "example max of order.placed version 1: there are minimal"},
		{name: "no examples", reason: "there are none", event: "order.placed", version: "2", example: "max", err: "example max of order.placed version 2: it has none: write v2.examples/max.json"},
		{name: "contradiction", reason: "the data is another event's", event: "e", version: "1", example: "other", err: `e/v1.examples/other.json:1: /data/type is string "f", but match asks for e: write it in the example`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := c.Example(tt.event, tt.version, tt.example)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("%s\n got: %v\nwant: %s", tt.reason, err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
			for _, v := range c.Check(got) {
				t.Errorf("its own contract does not accept it: %s", v)
			}
		})
	}
}

func TestCheckExamples(t *testing.T) {
	c := load(t, files(map[string]string{
		"a/contract.yaml":          "event: a\ntopic: t\nversions: {2: {status: draft}}\n",
		"a/v1.schema.json":         `{"properties": {"n": {"type": "integer"}}}`,
		"a/v2.schema.json":         `{"properties": {"n": {"type": "string"}}}`,
		"a/v1.examples/ok.json":    `{"n": 1}`,
		"a/v1.examples/bad.json":   `{"n": "1"}`,
		"a/v2.examples/ok.json":    `{"n": "1"}`,
		"a/v2.examples/bad.json":   `{"n": 1}`,
		"b/contract.yaml":          "event: b\ntopic: u\nversion: {from: /data/v}\nversions: {2: {status: draft}}\n",
		"b/v1.schema.json":         `{}`,
		"b/v2.schema.json":         `{}`,
		"b/v2.examples/ok.json":    `{"v": 2}`,
		"b/v1.examples/wrong.json": `{"v": 2}`,
	}))
	want := []string{
		"a/v1.examples/bad.json: a a-v1-bad: /data/n has the wrong type",
		"a/v2.examples/bad.json: a a-v2-bad: /data/n has the wrong type",
		"/data/v is number 2, but version asks for 1: write it in the example",
	}
	var got []string
	for _, v := range c.CheckExamples() {
		got = append(got, v.What)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
