package sample_test

import (
	"encoding/json"
	"fmt"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/sample"
	"github.com/eventproof/eventproof/contract/schema"
)

const order = `{
  "type": "object",
  "required": ["order_id", "total"],
  "properties": {
    "order_id": {"type": "string"},
    "total": {"type": "integer", "minimum": 1},
    "currency": {"enum": ["EUR", "USD"]},
    "placed_at": {"type": "string", "format": "date-time"}
  }
}`

func ExampleValues() {
	s, err := schema.Parse("order.json", []byte(order), schema.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := sample.Values(s, sample.Valid, sample.Options{N: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, one := range made.List {
		b, _ := json.Marshal(one.Value)
		fmt.Println(string(b))
	}
	// Output:
	// {"currency":"EUR","order_id":"ord-1","placed_at":"2024-01-02T12:01:00Z","total":492}
	// {"order_id":"ord-2","total":795}
	// {"currency":"EUR","order_id":"ord-3","total":83}
}

// A near miss says which keyword it violates, where that is written, and where
// in the value it applies.
func ExampleValues_nearMiss() {
	s, err := schema.Parse("order.json", []byte(order), schema.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := sample.Values(s, sample.NearMiss, sample.Options{N: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, one := range made.List {
		b, _ := json.Marshal(one.Value)
		fmt.Printf("%s %s %q: %s: %s\n", one.At(), one.Keyword, one.Pointer, one.What, b)
	}
	// Output:
	// order.json:2 type "": not of type object: "1"
	// order.json:3 required "/order_id": order_id is missing: {"total":674}
	// order.json:7 enum "/currency": a value that enum does not list: {"currency":"EUR-other","order_id":"ord-3","placed_at":"2024-01-04T12:03:00Z","total":83}
	// order.json:6 minimum "/total": just below minimum 1: {"order_id":"ord-3","total":0}
}

func ExampleEvents() {
	catalog, err := contract.Load(fstest.MapFS{
		"order.placed/contract.yaml":  {Data: []byte("event: order.placed\ntopic: orders\nidentity: /data/order_id\nproducers: [{app: shop}]\n")},
		"order.placed/v1.schema.json": {Data: []byte(order)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	made, err := sample.Events(catalog, "order.placed", "1", sample.Boundary, sample.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(made.List[0].Event.ID)
	for _, one := range made.List {
		fmt.Println(one.What, string(one.Event.Data), len(catalog.Check(one.Event)), "violations")
	}
	// Output:
	// order.placed-v1-boundary-1
	// no property that is not required {"order_id":"ord-3","total":535} 0 violations
	// the value "EUR" {"currency":"EUR","order_id":"ord-3","placed_at":"2024-01-04T12:03:00Z","total":83} 0 violations
	// at minimum 1 {"order_id":"ord-3","total":1} 0 violations
	// all properties {"currency":"EUR","order_id":"ord-3","placed_at":"2024-01-04T12:03:00Z","total":535} 0 violations
	// the value "USD" {"currency":"USD","order_id":"ord-3","placed_at":"2024-01-04T12:03:00Z","total":83} 0 violations
	// 1 inside minimum 1 {"order_id":"ord-3","total":2} 0 violations
}
