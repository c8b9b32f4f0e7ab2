package contracttest

import (
	"testing"

	"github.com/eventproof/eventproof/contract"
)

// Example is an example file of a contract as the contract's event: see
// [contract.Catalog.Example]. It ends the test where there is none.
func Example(t testing.TB, c *contract.Catalog, event, version, name string) contract.Event {
	t.Helper()
	e, err := c.Example(event, version, name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
