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

func ExampleExplain() {
	old, _ := schema.Parse("v1.schema.json", []byte(`{"type": "object", "properties": {"status": {"enum": ["new", "paid"]}}}`), schema.Options{})
	new, _ := schema.Parse("v2.schema.json", []byte(`{"type": "object", "properties": {"status": {"enum": ["new", "paid", "lost"]}}, "required": ["status"]}`), schema.Options{})

	r := compat.Compare(old, new, compat.Policy{Undeclared: compat.Absent})
	e := compat.Explain(old, new, r, compat.Names{Old: "v1", New: "v2", Base: "/data"})
	for _, c := range e.Changes {
		witness, _ := json.Marshal(c.Witness)
		fmt.Printf("%s (%s -> %s)\n  %s\n  %s\n  %s\n", c.Rule, c.Old, c.New, c.What, c.Remedy, witness)
	}
	fmt.Println(e.Step)
	// Output:
	// COMPAT_REQUIRED_ADDED (v1.schema.json:1 -> v2.schema.json:1)
	//   consumers on v2 cannot read events of v1 without /data/status: v2 requires it, v1 does not
	//   keep /data/status optional, and require it only in a new event type or once no event without it is left
	//   {}
	// COMPAT_VALUE_ADDED (v1.schema.json:1 -> v2.schema.json:1)
	//   consumers on v1 cannot read events of v2 in which /data/status is "lost": v1 says enum ["new","paid"], v2 says ["new","paid","lost"]
	//   move every consumer to v2 before a producer sends it, or make a new event type
	//   {"status":"lost"}
	// major
}

func ExampleRules() {
	fmt.Println(compat.Rules()["COMPAT_REQUIRED_ADDED"])
	// Output: A property is required that was not.
}
