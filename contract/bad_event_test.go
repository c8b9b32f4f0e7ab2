package contract_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/eventproof/eventproof/contract"
)

// shop are the contracts that the events below are held against.
var shop = map[string]string{
	"order.placed/contract.yaml": `event: order.placed
topic: orders
match: {/data/event_type: order.placed}
version: {from: /data/event_version}
identity: /data/event_id
correlation: /data/metadata/correlation_id
versions:
  2: {status: draft}
`,
	"order.placed/v1.schema.json": `{
  "type": "object",
  "required": ["event_id", "event_type", "event_version", "order"],
  "properties": {
    "event_id": {"type": "string", "minLength": 1},
    "event_type": {"const": "order.placed"},
    "event_version": {"type": "integer"},
    "order": {
      "type": "object",
      "required": ["id", "lines"],
      "properties": {
        "id": {"type": "string", "pattern": "^ord-"},
        "total": {"type": "number", "minimum": 0, "multipleOf": 0.01},
        "currency": {"enum": ["EUR", "USD"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "lines": {
          "type": "array",
          "minItems": 1,
          "items": {
            "required": ["sku"],
            "properties": {"sku": {"type": "string"}, "gift/wrap": {"type": "boolean"}}
          }
        },
        "payment": {
          "oneOf": [
            {"required": ["kind", "iban"], "properties": {"kind": {"const": "sepa"}, "iban": {"type": "string"}}},
            {"required": ["kind", "number"], "properties": {"kind": {"const": "card"}, "number": {"type": "string"}}}
          ]
        }
      }
    },
    "metadata": {"type": "object", "properties": {"correlation_id": {"type": "string"}}}
  }
}`,
	"order.placed/v2.schema.json": `{"$ref": "v1.schema.json"}`,
	"order.shipped/contract.yaml": `event: order.shipped
topic: orders
match: {/data/event_type: order.shipped}
`,
	"order.shipped/v1.schema.json": `{"properties": {"event_type": {}, "at": {}}}`,
	"price.changed/contract.yaml": `event: price.changed
topic: prices
match: {type: price.changed}
schemaOf: event
`,
	"price.changed/v1.schema.json": `{
  "required": ["subject"],
  "properties": {"data": {"properties": {"price": {"type": "number"}}}}
}`,
	"note.added/contract.yaml": `event: note.added
topic: notes
dataContentType: text/plain; charset=utf-8
`,
	"note.added/v1.schema.json":    `{"type": "string", "maxLength": 5}`,
	"stock.counted/contract.yaml":  "event: stock.counted\ntopic: stock\n",
	"stock.counted/v1.schema.json": `{"type": "object"}`,
	"seat.taken/contract.yaml":     "event: seat.taken\ntopic: seats\n",
	"seat.taken/v1.schema.json":    `{"properties": {"row": {}}, "additionalProperties": false}`,
	"seat.freed/contract.yaml":     "event: seat.freed\ntopic: freed\nundeclared: allowed\n",
	"seat.freed/v1.schema.json":    `{"properties": {"row": {}}}`,
	"blob.stored/contract.yaml": `event: blob.stored
topic: blobs
schema: none
dataContentType: application/protobuf
`,
}

const (
	attributes = `"specversion":"1.0","id":"1","source":"orders","type":"com.dapr.event.sent","datacontenttype":"application/json","pubsubname":"pubsub","topic":"orders"`
	placed     = `"event_id":"e-1","event_type":"order.placed","event_version":1,"metadata":{"correlation_id":"c"}`
)

// order is a sound event with the given members of its order.
func order(members string) string {
	return `{` + attributes + `,"data":{` + placed + `,"order":{` + members + `}}}`
}

// with is a sound event in which one text is another.
func with(old, text string) string {
	sound := order(`"id":"ord-1","lines":[{"sku":"a"}]`)
	if !strings.Contains(sound, old) {
		panic(old)
	}
	return strings.Replace(sound, old, text, 1)
}

var badEvents = []struct{ name, reason, event string }{
	{"not JSON", "cut short", "{\n\"id\":"},
	{"empty", "nothing was sent", ""},
	{"array", "a batch is not an event", "[]"},
	{"not UTF-8", "sent as Latin-1", "{\"id\":\"\xe4\"}"},
	{"duplicate attribute", "one of the two would win silently", with(`"id":"1"`, `"id":"1","id":"2"`)},
	{"huge number in an extension", "it cannot be handled exactly", with(`"id":"1"`, `"id":"1","n":1e999`)},
	{"no attributes", "not a CloudEvent", `{"data":{}}`},
	{"empty id", "attributes are non-empty", with(`"id":"1"`, `"id":""`)},
	{"null id", "null is not set", with(`"id":"1"`, `"id":null`)},
	{"number as id", "attributes are strings", with(`"id":"1"`, `"id":1`)},
	{"old specversion", "0.3 is another format", with(`"1.0"`, `"0.3"`)},
	{"space in source", "a URI reference has none", with(`"source":"orders"`, `"source":"my orders"`)},
	{"date as time", "a timestamp is RFC 3339", with(`"id":"1"`, `"id":"1","time":"2025-01-31"`)},
	{"relative dataschema", "it is absolute", with(`"id":"1"`, `"id":"1","dataschema":"schemas/v1"`)},
	{"bad content type", "a media type has a slash", with(`"application/json"`, `"json"`)},
	{"upper-case extension", "names are lower-case letters and digits", with(`"id":"1"`, `"id":"1","traceParent":"x"`)},
	{"object as extension", "extensions are scalars", with(`"id":"1"`, `"id":"1","trace":{"id":"x"}`)},
	{"fraction as extension", "numbers are 32-bit integers", with(`"id":"1"`, `"id":"1","n":1.5`)},
	{"large number as extension", "numbers are 32-bit integers", with(`"id":"1"`, `"id":"1","n":2147483648`)},
	{"base64 on two lines", "it has no line breaks", with(`"data":{`, `"data_base64":"AP\n8=","data":{`)},
	{"control character", "excluded from strings", with(`"id":"1"`, `"id":"a\u0000b"`)},
	{"bad base64", "URL-safe base64 is another", with(`"data":{`, `"data_base64":"_-8=","data":{`)},
	{"data twice", "data and data_base64 exclude each other", with(`"data":{`, `"data_base64":"AAA=","data":{`)},
	{"duplicate key in data", "one of the two would win silently", order(`"id":"ord-1","id":"ord-2","lines":[{"sku":"a"}]`)},
	{"huge exponent in data", "it would take gigabytes to compare", order(`"id":"ord-1","lines":[{"sku":"a"}],"total":1e999999999`)},
	{"huge number in data", "more digits than are handled", order(`"id":"ord-1","lines":[{"sku":"a"}],"total":1` + strings.Repeat("0", 1000))},
	{"deep data", "the validator would recurse", order(`"id":"ord-1","lines":` + strings.Repeat("[", 300) + strings.Repeat("]", 300))},
	{"unknown topic", "a typing error", with(`"topic":"orders"`, `"topic":"order"`)},
	{"unknown pubsub", "another component", with(`"pubsubname":"pubsub"`, `"pubsubname":"kafka"`)},
	{"no match", "an event that the topic's contracts do not know", with(`"order.placed"`, `"order.lost"`)},
	{"no topic, no match", "an event that is not from Dapr", `{"specversion":"1.0","id":"1","source":"s","type":"x"}`},
	{"unknown version", "a version without schema", with(`"event_version":1`, `"event_version":7`)},
	{"no version", "it is stated nowhere", with(`"event_version":1,`, ``)},
	{"draft version", "nobody may publish it", with(`"event_version":1`, `"event_version":2`)},
	{"text/plain", "a []byte published without content type", with(`"application/json"`, `"text/plain"`)},
	{"no data", "the schema describes data", `{` + strings.Replace(attributes, `"topic":"orders"`, `"topic":"notes"`, 1) + `}`},
	{"JSON as text", "daprd makes a string of what is not valid JSON", `{"specversion":"1.0","id":"1","source":"orders","type":"x","datacontenttype":"application/json","topic":"stock","data":"{\"count\":"}`},
	{"missing property", "required", order(`"lines":[{"sku":"a"}]`)},
	{"missing properties", "each is a violation of its own", order(``)},
	{"missing in an item", "the pointer names the item", order(`"id":"ord-1","lines":[{"sku":"a"},{}]`)},
	{"wrong type", "a number where a text belongs", order(`"id":7,"lines":[{"sku":"a"}]`)},
	{"wrong constants and bounds", "all are named at once", order(`"id":"x","lines":[],"total":-0.001,"currency":"GBP"`)},
	{"none of two types", "the choice is the failure", order(`"id":"ord-1","lines":[{"sku":"a"}],"note":5`)},
	{"the alternative that is meant", "what the others lack is no news", order(`"id":"ord-1","lines":[{"sku":"a"}],"payment":{"kind":"card"}`)},
	{"no alternative", "all are ruled out", order(`"id":"ord-1","lines":[{"sku":"a"}],"payment":{"kind":"cash"}`)},
	{"undeclared", "a property that no schema declares", order(`"id":"ord-1","lines":[{"sku":"a","gift":true}],"extra":{"a":1}`)},
	{"undeclared in an alternative", "the other one declares it", order(`"id":"ord-1","lines":[{"sku":"a"}],"payment":{"kind":"card","number":"1","iban":"x"}`)},
	{"refused by additionalProperties", "said once, not as undeclared too", `{"specversion":"1.0","id":"1","source":"s","type":"t","topic":"seats","data":{"rows":1}}`},
	{"another charset", "the contract asks for one", `{"specversion":"1.0","id":"1","source":"s","type":"t","datacontenttype":"text/plain; charset=latin1","topic":"notes","data":"short"}`},
	{"no identity", "null tells nothing apart", with(`"event_id":"e-1"`, `"event_id":null`)},
	{"no correlation", "the pointer finds nothing", with(`{"correlation_id":"c"}`, `{}`)},
	{"attribute that the schema requires", "schemaOf: event describes attributes too", `{"specversion":"1.0","id":"1","source":"orders","type":"price.changed","pubsubname":"pubsub","topic":"prices","data":{"price":1,"sale":true}}`},
	{"long text", "text data is a JSON string", `{"specversion":"1.0","id":"1","source":"n","type":"t","datacontenttype":"text/plain; charset=utf-8","topic":"notes","data":"too long"}`},
	{"JSON where protobuf belongs", "schema: none still checks the content type", `{"specversion":"1.0","id":"1","source":"n","type":"t","topic":"blobs","data":{}}`},
}

// found prints violations, or the error of parsing.
func found(c *contract.Catalog, parse func() (contract.Event, error)) string {
	e, err := parse()
	var bad *contract.EventError
	if errors.As(err, &bad) {
		return "(cannot be read)\n" + bad.Violation.String()
	}
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, v := range c.Check(e) {
		all = append(all, v.String())
	}
	return strings.Join(all, "\n")
}

// Every bad event is a list of violations with rule, pointer, want, got and
// the line of the promise that it breaks.
func TestBadEvents(t *testing.T) {
	c := load(t, files(shop))
	k := &book{file: "bad_events.golden"}
	for _, tt := range badEvents {
		t.Run(tt.name, func(t *testing.T) {
			got := found(c, func() (contract.Event, error) { return contract.ParseEvent([]byte(tt.event)) })
			if got == "" {
				t.Fatalf("nothing found: %s", tt.reason)
			}
			k.page(t, tt.name+" ("+tt.reason+")", got)
		})
	}
	k.close(t, len(badEvents))
}

var badRequests = []struct {
	name, reason, body string
	header             http.Header
}{
	{"no event", "an ordinary request", `{}`, http.Header{"Content-Type": {"application/json"}}},
	{"batch", "one event a request", `[]`, http.Header{"Content-Type": {"application/cloudevents-batch+json"}}},
	{"header twice", "which of the two?", `{}`, http.Header{"Ce-Id": {"1", "2"}, "Ce-Specversion": {"1.0"}}},
	{"header not UTF-8", "percent-encoded Latin-1", `{}`, http.Header{"Ce-Id": {"%e4"}}},
	{"content type as ce header", "it is Content-Type", `{}`, http.Header{"Ce-Id": {"1"}, "Ce-Datacontenttype": {"application/json"}}},
	{"structured, not JSON", "cut short", `{`, http.Header{"Content-Type": {"application/cloudevents+json"}}},
	{"binary, no type", "required", `{}`, http.Header{"Ce-Id": {"1"}, "Ce-Specversion": {"1.0"}, "Ce-Source": {"s"}}},
	{"binary, body not JSON", "the content type says it is", `{"event_type":`, http.Header{"Ce-Id": {"1"}, "Ce-Specversion": {"1.0"}, "Ce-Source": {"s"}, "Ce-Type": {"t"}, "Ce-Topic": {"orders"}, "Content-Type": {"application/json"}}},
}

func TestBadRequests(t *testing.T) {
	c := load(t, files(shop))
	k := &book{file: "bad_requests.golden"}
	for _, tt := range badRequests {
		t.Run(tt.name, func(t *testing.T) {
			got := found(c, func() (contract.Event, error) { return contract.ParseHTTP(tt.header, []byte(tt.body)) })
			if got == "" {
				t.Fatalf("nothing found: %s", tt.reason)
			}
			k.page(t, tt.name+" ("+tt.reason+")", got)
		})
	}
	k.close(t, len(badRequests))
}
