package gotype_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/gotype"
)

type (
	line struct {
		SKU      string `json:"sku"`
		Quantity int32  `json:"quantity"`
	}
	order struct {
		ID    string    `json:"id"`
		Lines []line    `json:"lines"`
		Total price2    `json:"total"`
		At    time.Time `json:"at"`
	}
	price2   struct{ cents int64 }
	boxed    struct{ Any any }
	numbered struct {
		Big float64 `json:"big"`
	}
	exactly struct {
		Big int64 `json:"big"`
	}
	timed struct {
		At time.Time `json:"at"`
	}
	badType struct {
		C chan int
	}
	panics struct {
		P panicking `json:"p"`
	}
	panicking struct{}
	node      struct {
		Name string  `json:"name"`
		Next *node   `json:"next,omitempty"`
		Sons []node2 `json:"sons,omitempty"`
	}
	node2 struct {
		Name string `json:"nom"`
	}
	envelope struct {
		SpecVersion string  `json:"specversion"`
		ID          string  `json:"id"`
		Type        string  `json:"type"`
		Source      string  `json:"source"`
		Data        orderID `json:"data"`
	}
)

func (p price2) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "\"%d\"", p.cents), nil }
func (p *price2) UnmarshalJSON(b []byte) error {
	_, err := fmt.Sscanf(string(b), "\"%d\"", &p.cents)
	return err
}
func (p *panicking) UnmarshalJSON([]byte) error { panic("no mood") }

const orderSchema = `{
  "type": "object",
  "required": ["id", "lines", "total", "at"],
  "properties": {
    "id": {"type": "string", "minLength": 1, "pattern": "^ord-[0-9]+$"},
    "lines": {"type": "array", "minItems": 1, "items": {
      "type": "object",
      "required": ["sku", "quantity"],
      "properties": {
        "sku": {"type": "string"},
        "quantity": {"type": "integer", "minimum": 1, "maximum": 999}
      }
    }},
    "total": {"type": "string", "pattern": "^[1-9][0-9]{0,5}$"},
    "at": {"type": "string", "format": "date-time"}
  }
}`

type (
	kind        string
	version     string
	placedEvent struct {
		EventID   string    `json:"event_id"`
		EventType kind      `json:"event_type"`
		Version   version   `json:"event_version"`
		Timestamp time.Time `json:"timestamp"`
		Data      struct {
			OrderID     string  `json:"order_id"`
			AmountCents int64   `json:"amount_cents"`
			Currency    string  `json:"currency"`
			Coupon      *string `json:"coupon,omitempty"`
		} `json:"data"`
	}
)

const shopSchema = `{
  "type": "object",
  "required": ["event_id", "event_type", "event_version", "timestamp", "data"],
  "properties": {
    "event_id": {"type": "string", "format": "uuid"},
    "event_type": {"const": "order.placed"},
    "event_version": {"const": "1"},
    "timestamp": {"type": "string", "format": "date-time"},
    "data": {
      "type": "object",
      "required": ["order_id", "amount_cents", "currency"],
      "properties": {
        "order_id": {"type": "string", "minLength": 1},
        "amount_cents": {"type": "integer", "exclusiveMinimum": 0},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "coupon": {"type": "string"}
      }
    }
  }
}`

// Each option, and each reason not to know, by what is found: the rule and the place.
func TestCheck(t *testing.T) {
	total := gotype.SchemaOf[price2](`{"type": "string", "pattern": "^[1-9][0-9]{0,5}$"}`)
	for _, tt := range []struct {
		name, reason string
		schema, more string
		check        check
		want         string
	}{
		{"limits", "a nil slice is null: that is no limit; lengths and counts are", orderSchema, "", with[order](total), "TYPE_ENCODES /data/lines"},
		{"reader", "what it writes is not asked", orderSchema, "", with[order](gotype.Reader), ""},
		{"writer", "what it reads is not asked", `{"type": "object", "properties": {"big": {"type": "integer", "maximum": 9223372036854775807, "minimum": 0}}, "required": ["big"]}`, "",
			with[numbered](gotype.Writer), "TYPE_ENCODES /data/big"},
		{"asked for limits", "all that the validator refuses", orderSchema, "", with[order](total, gotype.Limits, gotype.Writer),
			"TYPE_ENCODES /data/id, TYPE_ENCODES /data/lines, TYPE_ENCODES /data/lines/0/quantity"},
		{"unknown", "a MarshalJSON of which nobody said what it writes", orderSchema, "", with[order](gotype.Writer), "TYPE_ENCODES /data/lines, TYPE_UNDECIDED /data/total"},
		{"open", "an any may be anything, and here nothing is asked of it", `{"type": "object", "properties": {"Any": {}}, "required": ["Any"]}`, "", with[boxed](), ""},
		{"not open", "an any may be anything", `{"type": "object", "properties": {"Any": {"type": "string"}}, "required": ["Any"]}`, "", with[boxed](), "TYPE_ENCODES /data/Any"},
		{"shop", "an envelope as services have them: its constants are stated, its limits are the code's own", shopSchema, "format: assert\n",
			with[placedEvent](gotype.Values(kind("order.placed")), gotype.Values(version("1"))), ""},
		{"shop, unstated", "a string holds any text", shopSchema, "format: assert\n",
			with[placedEvent](gotype.Values(kind("order.placed"))), "TYPE_ENCODES /data/event_version"},
		{"float64", "it holds all integers that JSON readers agree on", `{"type": "object", "properties": {"big": {"type": "number"}}, "required": ["big"]}`, "", with[numbered](), ""},
		{"float64 beyond", "the schema asks for 64 bits", `{"type": "object", "properties": {"big": {"type": "integer", "maximum": 9223372036854775807, "minimum": 0}}, "required": ["big"]}`, "",
			with[numbered](gotype.Reader), "TYPE_ROUND_TRIP /data/big"},
		{"int64 beyond", "64 bits are there", `{"type": "object", "properties": {"big": {"type": "integer", "maximum": 9223372036854775807, "minimum": -9223372036854775808}}, "required": ["big"]}`, "",
			with[exactly](), ""},
		{"uint64 wanted", "one bit is missing", `{"type": "object", "properties": {"big": {"type": "integer", "maximum": 18446744073709551615, "minimum": 0}}, "required": ["big"]}`, "",
			with[exactly](gotype.Reader), "TYPE_DECODE /data/big"},
		{"times", "another text for the same time is not drawn", `{"type": "object", "properties": {"at": {"enum": ["2024-01-31T12:30:00.50Z", "2024-01-31T12:30:00Z"]}}, "required": ["at"]}`, "",
			with[timed](gotype.Reader), ""},
		{"undeclared allowed", "a field that the schema leaves open", `{"type": "object", "properties": {"order_id": {"type": "string"}, "customer": {"type": "string"}}, "required": ["order_id"]}`, "undeclared: allowed\n",
			with[extra](gotype.Writer), ""},
		{"closed", "additionalProperties: false is the schema's own word", `{"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"], "additionalProperties": false}`, "undeclared: allowed\n",
			with[extra](gotype.Writer), "TYPE_ENCODES /data/internal"},
		{"recursive", "found however deep, and once", `{"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "required": ["name"], "properties": {
			"name": {"type": "string"}, "next": {"$ref": "#/$defs/node"}, "sons": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/node"}}}}}}`, "",
			with[node](gotype.Reader), "TYPE_DECODE /data/next/sons/0/name, TYPE_DECODE /data/next/sons/0/next, TYPE_ROUND_TRIP /data/next/sons/0/nom, TYPE_DECODE /data/next/sons/0/sons, " +
				"TYPE_DECODE /data/sons/0/name, TYPE_DECODE /data/sons/0/next, TYPE_ROUND_TRIP /data/sons/0/nom, TYPE_DECODE /data/sons/0/sons"},
		{"channel", "no JSON at all", `{}`, "", with[badType](), "TYPE_UNDECIDED /data"},
		{"panic", "a type that panics ends no test run", `{"type": "object", "properties": {"p": {"type": "object"}}, "required": ["p"]}`, "", with[panics](gotype.Reader), "TYPE_DECODE /data/p"},
		{"nothing", "a schema that accepts nothing", `{"type": "object", "properties": {"big": {"not": {}}}, "required": ["big"]}`, "", with[exactly](gotype.Reader), "TYPE_UNDECIDED /data"},
		{"none", "no schema", "", "schema: none\n", with[exactly](), "TYPE_UNDECIDED /data"},
		{"whole event", "under schemaOf: event the type is the event's", `{"type": "object", "required": ["specversion", "id", "type", "source", "data"], "properties": {
			"specversion": {"type": "string"}, "id": {"type": "string"}, "type": {"type": "string"}, "source": {"type": "string"},
			"data": {"type": "object", "required": ["order_id"], "properties": {"order_id": {"type": "string"}}}}}`, "schemaOf: event\n",
			with[envelope](), "TYPE_ROUND_TRIP /data/customer, TYPE_ENCODES /data/customer"},
		{"both halves", "an error, not nothing", `{}`, "", with[exactly](gotype.Reader, gotype.Writer), "TYPE_UNDECIDED "},
		{"stated twice", "which of them?", `{}`, "", with[enumSound](gotype.Values(placed), gotype.Values(paid)), "TYPE_UNDECIDED "},
		{"values of string", "it would bind every string", `{}`, "", with[enumSound](gotype.Values("a")), "TYPE_UNDECIDED "},
		{"no values", "nothing was stated", `{}`, "", with[enumSound](gotype.Values[status]()), "TYPE_UNDECIDED "},
		{"no schema stated", "it is no JSON", `{}`, "", with[enumSound](gotype.SchemaOf[status](`{"type"`)), "TYPE_UNDECIDED "},
		{"schema with $ref", "it stands alone", `{}`, "", with[enumSound](gotype.SchemaOf[status](`{"$ref": "#/x"}`)), "TYPE_UNDECIDED "},
		{"schema is none", "no such type", `{"type": "object", "properties": {"status": {"type": "string"}}}`, "", with[enumSound](gotype.SchemaOf[status](`{"type": "text"}`)), "TYPE_UNDECIDED /data"},
		{"wrong event", "a typing error", `{}`, "", func(c *contract.Catalog) []contract.Violation { return gotype.Check[exactly](c, "order.place", "1") }, "TYPE_UNDECIDED "},
		{"wrong version", "a typing error", `{}`, "", func(c *contract.Catalog) []contract.Violation { return gotype.Check[exactly](c, "order.placed", "2") }, "TYPE_UNDECIDED /data"},
		{"no catalog", "nothing was checked, which is no pass", `{}`, "", func(*contract.Catalog) []contract.Violation { return gotype.Check[exactly](nil, "order.placed", "1") }, "TYPE_UNDECIDED "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := fstest.MapFS{"order.placed/contract.yaml": {Data: []byte("event: order.placed\ntopic: orders\n" + tt.more)}}
			if tt.schema != "" {
				files["order.placed/v1.schema.json"] = &fstest.MapFile{Data: []byte(tt.schema)}
			}
			c, err := contract.Load(files)
			if err != nil {
				t.Fatal(err)
			}
			var got, said []string
			for _, v := range tt.check(c) {
				got, said = append(got, v.Rule+" "+v.Pointer), append(said, v.String())
			}
			got = slices.Compact(got) // several keywords at one place
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("%s: found\n  %s\nwant\n  %s\n%s", tt.reason, strings.Join(got, ", "), tt.want, strings.Join(said, "\n"))
			}
		})
	}
}

// The messages of what is not known.
func TestUndecidedSaysWhy(t *testing.T) {
	c := catalog(t, orderSchema, "")
	var b strings.Builder
	for _, run := range []check{
		with[order](gotype.Writer), with[badType](), with[order](gotype.Reader, gotype.Writer), with[enumSound](gotype.Values("a")),
		func(c *contract.Catalog) []contract.Violation { return gotype.Check[exactly](c, "order.place", "1") },
		func(c *contract.Catalog) []contract.Violation { return gotype.Check[exactly](c, "order.placed", "2") },
	} {
		for _, v := range run(c) {
			b.WriteString(v.String() + "\n")
		}
	}
	golden(t, "undecided", "each says what would make it known", b.String())
}

// Every drift of a type is reported at once, and twice the same.
func TestAllDriftsAtOnce(t *testing.T) {
	type drifted struct {
		A int8           `json:"a"`
		B *string        `json:"b"`
		C string         `json:"c,omitempty"`
		D string         `json:"d"`
		E map[string]int `json:"e"`
		F json.Number    `json:"f"`
		G string         `json:"g"`
	}
	c := catalog(t, `{
  "type": "object",
  "required": ["a", "b", "c", "d", "e", "f"],
  "properties": {
    "a": {"type": "integer"},
    "b": {"type": "string"},
    "c": {"type": "string"},
    "d": {"enum": ["x", "y"]},
    "e": {"type": "object", "additionalProperties": {"type": "integer", "maximum": 32767, "minimum": -32768}},
    "f": {"type": "integer"}
  },
  "additionalProperties": false
}`, "")
	print := func() string {
		var b strings.Builder
		for _, v := range with[drifted]()(c) {
			b.WriteString(v.String() + "\n")
		}
		return b.String()
	}
	first := print()
	golden(t, "all", "one run shows all", first)
	if again := print(); again != first {
		t.Errorf("another run says\n%s", again)
	}
}

func TestSchemaSaysWhatCannotBeEncoded(t *testing.T) {
	if _, err := gotype.Schema[badType](); err == nil || !strings.Contains(err.Error(), `C: chan int cannot be encoded as JSON: take the field out`) {
		t.Errorf("got %v", err)
	}
	if _, err := gotype.Schema[map[struct{}]int](); err == nil || !strings.Contains(err.Error(), "its keys are struct {}") {
		t.Errorf("got %v", err)
	}
}

func ExampleCheck() {
	type OrderPlaced struct {
		OrderID string `json:"order_id"`
		Total   int32  `json:"total"`
	}
	c, err := contract.Load(fstest.MapFS{
		"order.placed/contract.yaml":  {Data: []byte("event: order.placed\ntopic: orders\n")},
		"order.placed/v1.schema.json": {Data: []byte(`{"type": "object", "properties": {"order_id": {"type": "string"}, "total": {"type": "integer"}}, "required": ["order_id", "total"]}`)},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	for _, v := range gotype.Check[OrderPlaced](c, "order.placed", "1") {
		fmt.Println(v)
	}
	// Output:
	// order.placed version 1: gotype_test.OrderPlaced does not decode /total
	//   rule   TYPE_DECODE  (order.placed/v1.schema.json:1)
	//   at     /data/total
	//   (-want +got):
	//     - a Go type that holds number 2147483648
	//     + int32 (does not hold a number 2147483648)
	//   trace
	//      1  the schema accepts  {"order_id":"","total":2147483648}
}

func ExampleSchema() {
	type Paid struct {
		At   time.Time `json:"at"`
		Note *string   `json:"note,omitempty"`
	}
	text, err := gotype.Schema[Paid]()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Printf("%s", text)
	// Output:
	// {
	//   "$schema": "https://json-schema.org/draft/2020-12/schema",
	//   "type": "object",
	//   "required": [
	//     "at"
	//   ],
	//   "properties": {
	//     "at": {
	//       "type": "string",
	//       "format": "date-time"
	//     },
	//     "note": {
	//       "type": "string"
	//     }
	//   },
	//   "additionalProperties": false
	// }
}

func ExampleValues() {
	type Status string
	const (
		Placed Status = "placed"
		Paid   Status = "paid"
	)
	fmt.Println(gotype.Values(Placed, Paid))
	// Output: Values[gotype_test.Status]("placed", "paid")
}
