package fakes_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The fake must not pull in Docker.
func TestImportsGoDownOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./...").Output()
	require.NoError(t, err)
	packages := strings.Fields(string(out))
	require.Contains(t, packages, "github.com/dapr/go-sdk/client")
	for _, pkg := range packages {
		for _, above := range []string{"github.com/testcontainers/", "github.com/docker/", "github.com/eventproof/eventproof/harness"} {
			if strings.HasPrefix(pkg, above) {
				t.Errorf("fakes/... depends on %s", pkg)
			}
		}
	}
}
