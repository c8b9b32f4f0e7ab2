package contract_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A service that only checks contracts must not pull in Dapr, gRPC or Docker.
func TestImportsGoDownOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./...").Output()
	require.NoError(t, err)
	packages := strings.Fields(string(out))
	require.Contains(t, packages, "github.com/eventproof/eventproof/contract/journal")
	for _, pkg := range packages {
		for _, above := range []string{"google.golang.org/grpc", "github.com/dapr/", "github.com/testcontainers/", "github.com/docker/",
			"github.com/eventproof/eventproof/fakes", "github.com/eventproof/eventproof/harness"} {
			if strings.HasPrefix(pkg, above) {
				t.Errorf("contract/... depends on %s", pkg)
			}
		}
	}
}
