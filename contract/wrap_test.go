package contract_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract"
)

func ExampleCatalog_Wrap() {
	catalog, err := contract.Load(contracts)
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := catalog.Wrap("order.placed", "1", "made", []byte(`{"order_id": "ord-6", "total": 1}`))
	fmt.Println(e.ID, e.Topic, string(e.Data), err)
	// Output:
	// order.placed-v1-made orders.order.placed {"order_id": "ord-6", "total": 1} <nil>
}

func TestWrapErrors(t *testing.T) {
	catalog, err := contract.Load(fstest.MapFS{
		"thing/contract.yaml":  {Data: []byte("event: thing\ntopic: things\nmatch: {/data/kind: big}\n")},
		"thing/v1.schema.json": {Data: []byte(`{}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, reason, event, version, data, want string }{
		{"event", "the nearest is named", "thingg", "1", `{}`, "write thing"},
		{"version", "those that there are", "thing", "2", `{}`, "there are 1"},
		{"match", "data cannot be made to match", "thing", "1", `{"kind":"small"}`, "match asks for big"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := catalog.Wrap(tt.event, tt.version, "made", []byte(tt.data)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q: %s", err, tt.want, tt.reason)
			}
		})
	}
}
