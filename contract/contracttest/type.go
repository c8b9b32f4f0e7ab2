package contracttest

import (
	"testing"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/gotype"
)

// CheckType fails the test with each violation of [gotype.Check]: with everything
// by which T and a version of an event's contract disagree.
func CheckType[T any](t testing.TB, c *contract.Catalog, event, version string, options ...gotype.Option) {
	t.Helper()
	report(t, gotype.Check[T](c, event, version, options...))
}
