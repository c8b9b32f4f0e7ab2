package conformance_test

import (
	_ "embed" // of testdata
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
	"github.com/eventproof/eventproof/harness/conformance"
)

func TestBothWorldsDoWhatWasObserved(t *testing.T) {
	t.Parallel()
	cases := conformance.Observed()
	w := harness.Start(t, world.Config{Resources: conformance.Resources()})
	require.NoError(t, conformance.Run(t.Context(), w, cases))
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			for _, difference := range conformance.Verdict(c, w.Journal().Entries()) {
				t.Errorf("%s\n%s (%s)", difference, c.Explanation, c.Source)
			}
		})
	}
	for _, difference := range journal.Compare(onTheFake(t, cases), w.Journal()) {
		t.Error(difference)
	}
}

const publishFile = "testdata/publish.golden"

//go:embed testdata/publish.golden
var publishGolden string // also where this program runs without its sources

// goldenPublishes is what real Dapr made of the publish calls.
func goldenPublishes() []string { return strings.Split(strings.TrimSpace(publishGolden), "\n") }

func TestBothWorldsMakeTheSameOfAPublish(t *testing.T) {
	t.Parallel()
	w := harness.Start(t, world.Config{Resources: conformance.PublishResources()})
	got, err := conformance.Publish(t.Context(), w, conformance.Publishes())
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(publishFile, []byte(strings.Join(got.Lines(), "\n")+"\n"), 0o600))
		return
	}
	require.Equal(t, goldenPublishes(), got.Lines())
}
