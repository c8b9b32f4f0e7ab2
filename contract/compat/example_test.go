package compat_test

import (
	"encoding/json"
	"fmt"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

func ExampleCompare() {
	old, _ := schema.Parse("v1.schema.json", []byte(`{"type": "object", "properties": {"qty": {"type": "integer", "examples": [2]}}}`), schema.Options{})
	new, _ := schema.Parse("v2.schema.json", []byte(`{"type": "object", "properties": {"qty": {"type": "integer"}, "currency": {"type": "string"}}, "required": ["currency"]}`), schema.Options{})

	r := compat.Compare(old, new, compat.Policy{Undeclared: compat.Absent})
	witness, _ := json.Marshal(r.Backward.Witness)
	fmt.Println("backward:", r.Backward.Verdict, string(witness))
	fmt.Println("forward:", r.Forward.Verdict)
	// Output:
	// backward: incompatible {}
	// forward: compatible
}

func ExampleContained() {
	writer, _ := schema.Parse("v1.schema.json", []byte(`{"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}`), schema.Options{})
	reader, _ := schema.Parse("reads.schema.json", []byte(`{"properties": {"id": {}, "note": {"type": "string"}}, "required": ["id"]}`), schema.Options{})

	// As written, v1 allows a note of any type; absent says that it sends none.
	fmt.Println(compat.Contained(writer, reader, compat.Policy{}).Verdict)
	fmt.Println(compat.Contained(writer, reader, compat.Policy{Undeclared: compat.Absent}).Verdict)
	// Output:
	// incompatible
	// compatible
}
