package contract_test

import (
	"fmt"
	"net/http"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract"
)

// A whole contract: three lines and a schema. On disk it is a directory;
// os.DirFS("contracts") and an embed.FS load alike.
var contracts = fstest.MapFS{
	"order.placed/contract.yaml": {Data: []byte(`event: order.placed
topic: orders.order.placed
identity: /data/order_id
`)},
	"order.placed/v1.schema.json": {Data: []byte(`{
  "type": "object",
  "required": ["order_id", "total"],
  "properties": {
    "order_id": {"type": "string"},
    "total": {"type": "integer", "minimum": 0}
  }
}`)},
	"order.placed/v1.examples/minimal.json": {Data: []byte(`{"order_id": "ord-5", "total": 70}`)},
}

func ExampleLoad() {
	catalog, err := contract.Load(contracts)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range catalog.Contracts() {
		fmt.Println(c.Event, "on", c.PubSub+"/"+c.Topic, "at", c.Place)
	}
	// Output:
	// order.placed on pubsub/orders.order.placed at order.placed/contract.yaml:1
}

// Every error says where, what, and what to write instead.
func ExampleLoad_errors() {
	_, err := contract.Load(fstest.MapFS{
		"order.placed/contract.yaml":  {Data: []byte("event: order.placed\ntopik: orders\nstyle: full\n")},
		"order.placed/v1.schema.json": {Data: []byte(`{"$ref": "https://example.com/order.json"}`)},
	})
	fmt.Println(err)
	// Output:
	// order.placed/contract.yaml:1: topic is missing: write topic:, the topic it is published to
	// order.placed/contract.yaml:2: unknown field topik: write topic
	// order.placed/contract.yaml:3: style is string "full": write notification or state
}

func ExampleParseEvent() {
	e, err := contract.ParseEvent([]byte(`{"specversion":"1.0","id":"1","source":"orders","type":"com.dapr.event.sent","topic":"orders","data":{"total":12345678901234567890}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	total, _ := e.At("/data/total")
	fmt.Println(e.ID, e.Topic, total)
	// Output:
	// 1 orders 12345678901234567890
}

func ExampleParseHTTP() {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("ce-specversion", "1.0")
	h.Set("ce-id", "1")
	h.Set("ce-source", "orders")
	h.Set("ce-type", "order.placed")
	h.Set("ce-subject", "caf%C3%A9")
	e, err := contract.ParseHTTP(h, []byte(`{"order_id":"ord-5"}`))
	fmt.Println(e.Type, e.Subject, string(e.Data), err)
	// Output:
	// order.placed café {"order_id":"ord-5"} <nil>
}

func ExampleCatalog_Check() {
	catalog, err := contract.Load(contracts)
	if err != nil {
		fmt.Println(err)
		return
	}
	event, err := contract.ParseEvent([]byte(`{"specversion":"1.0","id":"7c1","source":"orders","type":"com.dapr.event.sent",
		"pubsubname":"pubsub","topic":"orders.order.placed","datacontenttype":"application/json",
		"data":{"order_id":"ord-5","totl":70}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range catalog.Check(event) {
		fmt.Println(v)
	}
	// Output:
	// order.placed ord-5 (id 7c1): /data/total is missing
	//   rule   EVENT_SCHEMA  (order.placed/v1.schema.json:3)
	//   at     /data/total
	//   (-want +got):
	//     - present
	//     + absent
	// order.placed ord-5 (id 7c1): /data/totl is not declared; the nearest property is "total"
	//   rule   EVENT_UNDECLARED  (order.placed/v1.schema.json:4)
	//   at     /data/totl
	//   (-want +got):
	//     - absent
	//     + number 70
}

func ExampleCatalog_CheckData() {
	catalog, err := contract.Load(contracts)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range catalog.CheckData("pubsub", "orders.order.placed", "application/json", []byte(`{"order_id":"ord-5","total":-1}`)) {
		fmt.Println(v.Rule, v.Pointer, "want", v.Want, "got", v.Got)
	}
	// Output:
	// EVENT_SCHEMA /data/total want >= 0 got number -1
}

func ExampleCatalog_Example() {
	catalog, err := contract.Load(contracts)
	if err != nil {
		fmt.Println(err)
		return
	}
	event, err := catalog.Example("order.placed", "1", "minimal")
	fmt.Println(event.Topic, string(event.Data), err)
	fmt.Println(catalog.Ref(event))
	// Output:
	// orders.order.placed {"order_id": "ord-5", "total": 70} <nil>
	// ord-5 (id order.placed-v1-minimal)
}
