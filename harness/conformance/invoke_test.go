package conformance_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
	"github.com/eventproof/eventproof/harness/conformance"
)

var update = flag.Bool("update", false, "write the golden files anew, from what real Dapr does")

const answersFile = "testdata/invoke.txt"

func TestInvocationsOnTheFake(t *testing.T) {
	w := fakes.Start(t, world.Config{Resources: conformance.InvokeResources()})
	invocations(t, w, answers(t))
}

func TestInvocationsOnRealDapr(t *testing.T) {
	w := harness.Start(t, world.Config{Resources: conformance.InvokeResources()})
	if !*update {
		invocations(t, w, answers(t))
		return
	}
	require.NoError(t, conformance.StartInvocations(t.Context(), w))
	// One after another: what is written is in the order of the table.
	var out bytes.Buffer
	for _, c := range conformance.Invocations() {
		lines, err := conformance.PlayInvocation(t.Context(), w, c)
		require.NoError(t, err, c.Name)
		fmt.Fprintf(&out, "== %s\n%s\n", c.Name, strings.Join(lines, "\n"))
	}
	require.NoError(t, os.WriteFile(answersFile, out.Bytes(), 0o644))
}

func invocations(t *testing.T, w *world.World, want map[string]string) {
	t.Helper()
	require.NoError(t, conformance.StartInvocations(t.Context(), w))
	names := make(map[string]bool)
	for _, c := range conformance.Invocations() {
		require.False(t, names[c.Name], "%s is there twice", c.Name)
		names[c.Name] = true
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			lines, err := conformance.PlayInvocation(t.Context(), w, c)
			require.NoError(t, err)
			require.Equal(t, want[c.Name], strings.Join(lines, "\n")+"\n", "%s (%s)", c.Explanation, c.Source)
		})
	}
	require.Len(t, want, len(names))
}

// answers is what daprd 1.16.0 answered, by case.
func answers(t *testing.T) map[string]string {
	t.Helper()
	text, err := recorded.ReadFile(answersFile)
	require.NoError(t, err)
	all := make(map[string]string)
	for _, part := range strings.Split(string(text), "== ")[1:] {
		name, lines, _ := strings.Cut(part, "\n")
		all[name] = lines
	}
	return all
}
