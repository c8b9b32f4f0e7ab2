//go:build integration

// Package upstream is Dapr's integration suite as a test program of this module.
package upstream

import (
	"fmt"
	"os"
	"testing"

	"github.com/dapr/dapr/tests/integration"
	"github.com/dapr/dapr/tests/integration/framework/binary"
	"github.com/dapr/dapr/tests/integration/suite"
)

// TestSuite is Dapr's own integration suite: each case a subtest of its name.
func TestSuite(t *testing.T) {
	if binary.EnvValue("daprd") == "" {
		t.Skipf("%s names no sidecar; the suite is run by the command: go -C harness/conformance/daprsuite run . PROGRAM", binary.EnvKey("daprd"))
	}
	integration.RunIntegrationTests(t)
}

// TestCases prints the names of all cases, each on a line of its own.
func TestCases(t *testing.T) {
	for _, c := range suite.All(t) {
		fmt.Fprintln(os.Stdout, "case: "+c.Name())
	}
}
