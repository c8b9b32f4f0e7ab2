package gotype_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/gotype"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

// catalog has one contract, order.placed, with one schema.
func catalog(t testing.TB, schema, more string) *contract.Catalog {
	t.Helper()
	c, err := contract.Load(fstest.MapFS{
		"order.placed/contract.yaml":  {Data: []byte("event: order.placed\ntopic: orders\n" + more)},
		"order.placed/v1.schema.json": {Data: []byte(schema)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type check = func(*contract.Catalog) []contract.Violation

func with[T any](options ...gotype.Option) check {
	return func(c *contract.Catalog) []contract.Violation {
		return gotype.Check[T](c, "order.placed", "1", options...)
	}
}

type status string

const (
	placed status = "placed"
	paid   status = "paid"
)

type (
	renamed struct {
		OrderID  string `json:"orderId"`
		Customer string
	}
	orderID struct {
		OrderID  string `json:"order_id"`
		Customer string `json:"customer"`
	}
	noNote struct {
		OrderID string `json:"order_id"`
	}
	withNote struct {
		OrderID string  `json:"order_id"`
		Note    *string `json:"note,omitempty"`
	}
	narrow struct {
		Total int32 `json:"total"`
		Price int64 `json:"price"`
		Count int64 `json:"count"`
	}
	wide struct {
		Total int64   `json:"total"`
		Price float64 `json:"price"`
		Count int32   `json:"count"`
	}
	omitted struct {
		Total int64 `json:"total,omitempty"`
	}
	total struct {
		Total int64 `json:"total"`
	}
	enumDrifted struct {
		Status status `json:"status"`
	}
	enumSound struct {
		Status status `json:"status"`
	}
	unstatedDrifted struct {
		Status status `json:"status"`
	}
	unstatedSound struct {
		Status status `json:"status"`
	}
	nullDrifted struct {
		Note *string `json:"note"`
		Memo string  `json:"memo"`
	}
	nullSound struct {
		Note string  `json:"note"`
		Memo *string `json:"memo"`
	}
	timeDrifted struct {
		On time.Time `json:"on"`
		At time.Time `json:"at"`
	}
	timeSound struct {
		On string    `json:"on"`
		At time.Time `json:"at"`
	}
	extra struct {
		OrderID  string `json:"order_id"`
		Internal string `json:"internal,omitempty"`
	}
	hidden struct {
		OrderID  string `json:"order_id"`
		Internal string `json:"-"`
	}
)

// Each kind of drift, with what is printed, and the type that is right.
func TestDrift(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		schema       string
		drifted      check
		sound        check
	}{
		{"renamed-tag", "orderId is another name, and so is Customer, though encoding/json reads customer into it",
			`{
  "type": "object",
  "required": ["order_id", "customer"],
  "properties": {
    "order_id": {"type": "string"},
    "customer": {"type": "string"}
  }
}`,
			with[renamed](),
			with[orderID]()},
		{"missing-field", "the schema has a note, and the type has none",
			`{
  "type": "object",
  "required": ["order_id"],
  "properties": {
    "order_id": {"type": "string"},
    "note": {"type": "string"}
  }
}`,
			with[noNote](),
			with[withNote]()},
		{"number-width", "an integer without bounds does not fit in 32 bits, nor a fraction in an integer",
			`{
  "type": "object",
  "required": ["total", "price", "count"],
  "properties": {
    "total": {"type": "integer"},
    "price": {"type": "number"},
    "count": {"type": "integer", "maximum": 2147483647, "minimum": -2147483648}
  }
}`,
			with[narrow](),
			with[wide]()},
		{"omitempty", "a total of 0 is left out, though the schema requires it",
			`{
  "type": "object",
  "required": ["total"],
  "properties": {
    "total": {"type": "integer"}
  }
}`,
			with[omitted](),
			with[total]()},
		{"enum", "paid is not among the constants, and lost is not in the schema",
			`{
  "type": "object",
  "required": ["status"],
  "properties": {
    "status": {"enum": ["placed", "paid"]}
  }
}`,
			with[enumDrifted](gotype.Values(placed, status("lost"))),
			with[enumSound](gotype.Values(placed, paid))},
		{"enum-unstated", "a string holds any text",
			`{
  "type": "object",
  "required": ["status"],
  "properties": {
    "status": {"enum": ["placed", "paid"]}
  }
}`,
			with[unstatedDrifted](),
			with[unstatedSound](gotype.Values(placed, paid))},
		{"pointer-null", "a nil pointer is null, which the schema refuses; and null is no string",
			`{
  "type": "object",
  "required": ["note", "memo"],
  "properties": {
    "note": {"type": "string"},
    "memo": {"type": ["string", "null"]}
  }
}`,
			with[nullDrifted](),
			with[nullSound]()},
		{"time-format", "a date is no time.Time",
			`{
  "type": "object",
  "required": ["on", "at"],
  "properties": {
    "on": {"type": "string", "format": "date"},
    "at": {"type": "string", "format": "date-time"}
  }
}`,
			with[timeDrifted](),
			with[timeSound]()},
		{"extra-field", "internal is written, and nowhere declared",
			`{
  "type": "object",
  "required": ["order_id"],
  "properties": {
    "order_id": {"type": "string"}
  }
}`,
			with[extra](),
			with[hidden]()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, more := range []string{"", "format: assert\n"} {
				c := catalog(t, tt.schema, more)
				for _, v := range tt.sound(c) {
					t.Errorf("the sound twin (%s):\n%s", strings.TrimSpace(more), v)
				}
				var b strings.Builder
				for _, v := range tt.drifted(c) {
					b.WriteString(v.String() + "\n")
				}
				name := tt.name
				if more != "" && tt.name == "time-format" {
					name += "-asserted"
				}
				golden(t, name, tt.reason, b.String())
			}
		})
	}
}

func golden(t *testing.T, name, reason, text string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if text == "" {
		t.Errorf("nothing was found: %s", reason)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got):\n%s", reason, diff)
	}
}
