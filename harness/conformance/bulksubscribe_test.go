package conformance_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
	"github.com/eventproof/eventproof/harness/conformance"
)

func TestBulkSubscribeOnTheFake(t *testing.T) {
	eachBulk(t, conformance.Bulks(), func(t *testing.T, c conformance.BulkCase, p world.Protocol) {
		got, _ := bulkOnTheFake(t, c, p)
		require.Equal(t, c.Want, got, "%s (%s)", c.Explanation, c.Source)
	})
}

func TestBulkSubscribeOnRealDapr(t *testing.T) {
	t.Parallel()
	inWorlds(t, 3, conformance.Bulks(), func(t *testing.T, cases []conformance.BulkCase) {
		w := harness.Start(t, world.Config{Resources: conformance.BulkResources()})
		eachBulk(t, cases, func(t *testing.T, c conformance.BulkCase, p world.Protocol) {
			got, shape, err := conformance.PlayBulk(t.Context(), w, c, p)
			require.NoError(t, err)
			require.Equal(t, c.Want, got, "%s (%s)", c.Explanation, c.Source)
			_, simulated := bulkOnTheFake(t, c, p)
			require.Equal(t, shape, simulated, "what the app is given")
		})
	})
}

func eachBulk(t *testing.T, cases []conformance.BulkCase, test func(*testing.T, conformance.BulkCase, world.Protocol)) {
	t.Helper()
	for _, c := range cases {
		for _, p := range []world.Protocol{world.ProtocolHTTP, world.ProtocolGRPC} {
			if c.Protocol == "" || c.Protocol == p {
				t.Run(string(p)+"."+c.Name, func(t *testing.T) { test(t, c, p) })
			}
		}
	}
}

func bulkOnTheFake(t *testing.T, c conformance.BulkCase, p world.Protocol) (lines, shape []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: conformance.BulkResources()})
		var err error
		lines, shape, err = conformance.PlayBulk(t.Context(), w, c, p)
		require.NoError(t, err)
	})
	return lines, shape
}
