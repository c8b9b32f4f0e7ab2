package conformance_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/conformance"
)

// onTheFake plays the cases in a bubble: seconds of processingTimeout cost nothing.
func onTheFake(t *testing.T, cases []conformance.Case) (j *journal.Journal) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: conformance.Resources()})
		require.NoError(t, conformance.Run(t.Context(), w, cases))
		j = w.Journal()
	})
	return j
}

func TestTheFakeDoesWhatWasObserved(t *testing.T) {
	cases := conformance.Observed()
	j := onTheFake(t, cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			for _, difference := range conformance.Verdict(c, j.Entries()) {
				t.Errorf("%s\n%s (%s)", difference, c.Explanation, c.Source)
			}
		})
	}
}

func TestPublishOnTheFake(t *testing.T) {
	w := fakes.Start(t, world.Config{Resources: conformance.PublishResources()})
	got, err := conformance.Publish(t.Context(), w, conformance.Publishes())
	require.NoError(t, err)
	require.Equal(t, goldenPublishes(), got.Lines())
}
