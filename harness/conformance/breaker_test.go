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

func TestBreakersOnTheFake(t *testing.T) {
	for _, c := range conformance.Breakers() {
		t.Run(c.Name, func(t *testing.T) {
			got := breakerOnTheFake(t, c)
			require.Equal(t, c.Want, got, "%s (%s)", c.Explanation, c.Source)
		})
	}
}

func TestBreakersOnRealDapr(t *testing.T) {
	t.Parallel()
	inWorlds(t, 3, conformance.Breakers(), func(t *testing.T, cases []conformance.BreakerCase) {
		w := harness.Start(t, world.Config{Resources: conformance.BreakerResources(cases), Rounds: conformance.BreakerRounds})
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				got, err := conformance.PlayBreaker(t.Context(), w, c)
				require.NoError(t, err)
				require.Equal(t, c.Want, got, "%s (%s)", c.Explanation, c.Source)
			})
		}
	})
}

// breakerOnTheFake plays a case in a bubble where that is possible, and looks
// whether its journal is as its schema wants it.
func breakerOnTheFake(t *testing.T, c conformance.BreakerCase) (got []string) {
	t.Helper()
	play := func(t *testing.T, rounds int) {
		w := fakes.Start(t, world.Config{Resources: conformance.BreakerResources([]conformance.BreakerCase{c}), Rounds: rounds})
		var err error
		got, err = conformance.PlayBreaker(t.Context(), w, c)
		require.NoError(t, err)
		if t.Failed() {
			t.Log(journal.Text(w.Journal().Entries(), 0))
		}
	}
	if c.Ported() {
		play(t, 1)
	} else {
		synctest.Test(t, func(t *testing.T) { play(t, conformance.BreakerRounds) })
	}
	return got
}
