package differential

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/harness"
)

// onTheFake plays a stage in a bubble: first to see what stays pending, then
// with that last. It says which publishes those are.
func onTheFake(t *testing.T, st *Stage) (records []*record, late map[cue]bool) {
	t.Helper()
	play := func() {
		synctest.Test(t, func(t *testing.T) {
			var err error
			records, err = st.Play(t.Context(), fakes.Start(t, st.Config()), late, false)
			require.NoError(t, err)
		})
	}
	play()
	if late = st.late(records); len(late) > 0 {
		play()
	}
	return records, late
}

// onRealDapr plays a stage in the same order.
func onRealDapr(t *testing.T, st *Stage, late map[cue]bool) []*record {
	t.Helper()
	records, err := st.Play(t.Context(), harness.Start(t, st.Config()), late, true)
	require.NoError(t, err)
	return records
}

// drawn are the scenarios of some seeds.
func drawnFrom(seed uint64, count int) (all []Scenario) {
	for i := range count {
		all = append(all, Generate(seed+uint64(i)))
	}
	return all
}
