package valueset_test

import (
	"encoding/json"
	"fmt"

	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

func set(text string) valueset.Set {
	s, err := schema.Parse("order.schema.json", []byte(text), schema.Options{})
	if err != nil {
		panic(err)
	}
	return valueset.Of(s)
}

func ExampleSet_Example() {
	old := set(`{"type": "object", "properties": {"qty": {"type": "integer", "minimum": 0}}, "required": ["qty"]}`)
	new := set(`{"type": "object", "properties": {"qty": {"type": "integer", "minimum": 1}}, "required": ["qty"]}`)

	lost := valueset.And(old, valueset.Not(new)).Example(valueset.Budget{}, 0)
	v, _ := json.Marshal(lost.Value)
	fmt.Println(lost.Verdict == valueset.Nonempty, string(v))

	gained := valueset.And(new, valueset.Not(old)).Example(valueset.Budget{}, 0)
	fmt.Println(gained.Verdict == valueset.Empty)
	// Output:
	// true {"qty":0}
	// true
}

func ExampleSet_Contains() {
	even := set(`{"multipleOf": 2}`)
	fmt.Println(even.Contains(json.Number("4.0")), even.Contains(json.Number("4.5")))
	// Output: true false
}

func ExampleOr() {
	either := valueset.Or(set(`{"const": 1}`), set(`{"const": "x"}`))
	rest := valueset.And(either, valueset.Not(set(`{"type": "string"}`)))
	fmt.Println(rest.Example(valueset.Budget{}, 0).Value)
	// Output: 1
}

func ExampleClosed() {
	s, err := schema.Parse("order.schema.json", []byte(`{"type": "object", "allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}`), schema.Options{})
	if err != nil {
		panic(err)
	}
	sent := valueset.Closed(s)
	fmt.Println(sent.Contains(map[string]any{"a": "", "b": ""}), sent.Contains(map[string]any{"c": ""}))
	// Output: true false
}
