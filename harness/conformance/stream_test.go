package conformance_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
	"github.com/eventproof/eventproof/harness/conformance"
)

// streamsOnTheFake plays the cases in a bubble.
func streamsOnTheFake(t *testing.T, cases []conformance.StreamCase) (j *journal.Journal) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: conformance.StreamResources()})
		require.NoError(t, conformance.RunStreams(t.Context(), w, cases))
		j = w.Journal()
	})
	return j
}

func streamVerdicts(t *testing.T, cases []conformance.StreamCase, j *journal.Journal) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			for _, difference := range conformance.Verdict(c.Case, j.Entries()) {
				t.Errorf("%s\n%s (%s)", difference, c.Explanation, c.Source)
			}
		})
	}
}

func TestTheFakeDoesOnStreamsWhatWasObserved(t *testing.T) {
	cases := conformance.Streamed()
	streamVerdicts(t, cases, streamsOnTheFake(t, cases))
}

func TestBothWorldsDoTheSameOnStreams(t *testing.T) {
	t.Parallel()
	cases := conformance.Streamed()
	w := harness.Start(t, world.Config{Resources: conformance.StreamResources()})
	require.NoError(t, conformance.RunStreams(t.Context(), w, cases))
	streamVerdicts(t, cases, w.Journal())
	for _, difference := range journal.Compare(streamsOnTheFake(t, cases), w.Journal()) {
		t.Error(difference)
	}
}
