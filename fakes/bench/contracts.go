package main

import (
	"testing/fstest"

	"github.com/eventproof/eventproof/contract"
)

// contracts is the contract of event.
func contracts() (*contract.Catalog, error) {
	return contract.Load(fstest.MapFS{
		"order.placed/contract.yaml": {Data: []byte("event: order.placed\ntopic: " + topic + "\npubsub: pubsub\nmatch: {type: order.placed}\n")},
		"order.placed/v1.schema.json": {Data: []byte(`{
			"$schema": "https://json-schema.org/draft/2020-12/schema",
			"type": "object",
			"required": ["order_id", "amount"],
			"properties": {
				"order_id": {"type": "string"}, "amount": {"type": "integer"}, "currency": {"type": "string"},
				"customer": {"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"}}},
				"lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}, "count": {"type": "integer"}}}}
			}}`)},
	})
}
