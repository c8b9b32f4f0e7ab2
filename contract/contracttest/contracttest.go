// Package contracttest is package contract for tests: the same checks, taking
// a testing.TB.
//
//	func TestPublished(t *testing.T) {
//		catalog := contracttest.Load(t, os.DirFS("../contracts"))
//		contracttest.Check(t, catalog, event)
//	}
package contracttest

import (
	"io/fs"
	"testing"

	"github.com/eventproof/eventproof/contract"
)

// Load is [contract.Load]; it ends the test with everything that is wrong
// where the contracts cannot be read.
func Load(t testing.TB, roots ...fs.FS) *contract.Catalog {
	t.Helper()
	c, err := contract.Load(roots...)
	if err != nil {
		t.Fatalf("the contracts cannot be read:\n%v", err)
	}
	return c
}

// Check fails the test with each violation of [contract.Catalog.Check].
func Check(t testing.TB, c *contract.Catalog, e contract.Event) {
	t.Helper()
	report(t, c.Check(e))
}

// CheckData fails the test with each violation of [contract.Catalog.CheckData].
func CheckData(t testing.TB, c *contract.Catalog, pubsub, topic, contentType string, data []byte) {
	t.Helper()
	report(t, c.CheckData(pubsub, topic, contentType, data))
}

// CheckExamples fails the test with each example file that breaks its contract.
func CheckExamples(t testing.TB, c *contract.Catalog) {
	t.Helper()
	report(t, c.CheckExamples())
}

func report(t testing.TB, violations []contract.Violation) {
	t.Helper()
	for _, v := range violations {
		t.Error(v.String())
	}
}
