package conformance_test

import (
	_ "embed" // of testdata
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
	"github.com/eventproof/eventproof/harness/conformance"
)

const tableFile = "testdata/table.golden"

//go:embed testdata/table.golden
var tableGolden string

var tableProtocols = []world.Protocol{world.ProtocolHTTP, world.ProtocolGRPC, conformance.ProtocolStream}

// tableOf are the cases of one protocol.
func tableOf(p world.Protocol) []conformance.TableCase {
	return slices.DeleteFunc(conformance.Table(), func(c conformance.TableCase) bool { return c.Protocol != p })
}

func tableConfig(cases []conformance.TableCase) world.Config {
	return world.Config{Resources: conformance.TableResources(cases), Rounds: 1, Horizon: conformance.TableHorizon}
}

// golden is what real Dapr did, by case.
func golden() map[string]string {
	all := make(map[string]string)
	for _, block := range strings.Split(tableGolden, "\n\n") {
		name, text, ok := strings.Cut(strings.Trim(block, "\n"), "\n")
		if ok && !strings.HasPrefix(name, "#") {
			all[name] = text
		}
	}
	return all
}

// compareTable holds what a world did against the golden file, case by case.
func compareTable(t *testing.T, cases []conformance.TableCase, got map[string]string) {
	t.Helper()
	want := golden()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if diff := cmp.Diff(want[c.Name], got[c.Name]); diff != "" {
				t.Errorf("real Dapr does something else (-want +got):\n%s\n%s: %s (%s)", diff, c.Rule, c.Explanation, c.Source)
			}
		})
	}
}

func TestTableHasEnoughCasesOfTheirOwn(t *testing.T) {
	cases := conformance.Table()
	require.GreaterOrEqual(t, len(cases), 150)
	seen := make(map[string]bool)
	for _, c := range cases {
		require.False(t, seen[c.Name], c.Name)
		seen[c.Name] = true
		require.NotEmpty(t, c.Rule, c.Name)
		require.NotEmpty(t, c.Explanation, c.Name)
		require.NotEmpty(t, c.Source, c.Name)
	}
	for name := range golden() {
		require.True(t, seen[name], "the golden file has a case that the table has not: %s", name)
	}
}

func TestTableOnTheFake(t *testing.T) {
	for _, p := range tableProtocols {
		t.Run(string(p), func(t *testing.T) {
			cases := tableOf(p)
			var got map[string]string
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, tableConfig(cases))
				var err error
				got, err = conformance.RunTable(t.Context(), w, cases)
				require.NoError(t, err)
			})
			compareTable(t, cases, got)
		})
	}
}

// It has the machine to itself: its worlds are many daprds, and late answers would
// be taken for what daprd does.
func TestTableOnRealDapr(t *testing.T) {
	var mu sync.Mutex
	found := make(map[string]string)
	t.Cleanup(func() {
		if *update && !t.Failed() {
			writeGolden(t, found)
		}
	})
	for _, p := range tableProtocols {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			cases := tableOf(p)
			got, err := conformance.RunTable(t.Context(), harness.Start(t, tableConfig(cases)), cases)
			require.NoError(t, err)
			if !*update {
				compareTable(t, cases, got)
			}
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(found, got)
		})
	}
}

func writeGolden(t *testing.T, found map[string]string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("# What daprd 1.16 and Redis do, written by go test -run TestTableOnRealDapr -update.\n")
	for _, c := range conformance.Table() {
		fmt.Fprintf(&b, "\n%s\n%s\n", c.Name, found[c.Name])
	}
	require.NoError(t, os.WriteFile(tableFile, []byte(b.String()), 0o600))
}
