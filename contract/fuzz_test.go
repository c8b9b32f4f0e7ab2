package contract_test

import (
	"encoding/json"
	"testing"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract"
)

// Whatever lies on disk, Load returns a catalog or an error that says where;
// and what it returns can be used.
func FuzzLoad(f *testing.F) {
	for _, tt := range badContracts {
		f.Add([]byte(tt.files["a/contract.yaml"]), []byte(tt.files["a/v1.schema.json"]), []byte(`{}`))
	}
	f.Add([]byte(orders["order.placed/contract.yaml"]), []byte(orders["order.placed/v1.schema.json"]), []byte(orders["order.placed/v1.examples/minimal.json"]))
	f.Fuzz(func(t *testing.T, yaml, schema, example []byte) {
		c, err := contract.Load(fstest.MapFS{"a/contract.yaml": {Data: yaml}, "a/v1.schema.json": {Data: schema}, "a/v1.examples/x.json": {Data: example}})
		if (c == nil) == (err == nil) {
			t.Fatalf("Load = %v, %v", c, err)
		}
		for _, k := range c.Contracts() {
			for _, v := range c.CheckExamples() {
				if v.Rule == "" || v.What == "" {
					t.Errorf("a violation that says nothing: %+v", v)
				}
			}
			if _, err := c.Example(k.Event, "1", "x"); err != nil && err.Error() == "" {
				t.Error("an error that says nothing")
			}
		}
	})
}

// Whatever arrives, ParseEvent and Check say something definite of it; and an
// event that was read is written as the same event.
func FuzzEvent(f *testing.F) {
	for _, tt := range badEvents {
		f.Add([]byte(tt.event))
	}
	f.Add([]byte(envelope))
	c, err := contract.Load(files(shop))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := contract.ParseEvent(text)
		if err != nil {
			return
		}
		for _, v := range c.Check(e) {
			if v.Rule == "" || v.What == "" || v.String() == "" {
				t.Errorf("a violation that says nothing: %+v", v)
			}
		}
		first, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("Marshal: %v", err)
		}
		again, err := contract.ParseEvent(first)
		if err != nil {
			t.Fatalf("ParseEvent of %s: %v", first, err)
		}
		second, err := json.Marshal(again)
		if err != nil || string(first) != string(second) {
			t.Errorf("not the same again:\n%s\n%s (%v)", first, second, err)
		}
	})
}
