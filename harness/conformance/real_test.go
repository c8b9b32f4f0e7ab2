package conformance_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
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

func TestBothWorldsMakeTheSameOfAPublish(t *testing.T) {
	t.Parallel()
	cases := conformance.Publishes()
	dapr := harness.Start(t, world.Config{Resources: conformance.Resources()})
	got, err := conformance.Publish(t.Context(), dapr, cases)
	require.NoError(t, err)
	fake := fakes.Start(t, world.Config{Resources: conformance.Resources()})
	simulated, err := conformance.Publish(t.Context(), fake, cases)
	require.NoError(t, err)
	want, have := got.Lines(), simulated.Lines()
	for _, line := range want {
		if !slices.Contains(have, line) {
			t.Errorf("only daprd: %s", line)
		}
	}
	for _, line := range have {
		if !slices.Contains(want, line) {
			t.Errorf("only the fake: %s", line)
		}
	}
}
