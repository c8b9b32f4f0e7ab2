package main

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/examples/broken"
)

func TestTheTourShowsTheBugAndItsTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		require.NoError(t, tour(t.Context(), &out))
		assert.Contains(t, out.String(), "   FAIL points is not idempotent")
		assert.Contains(t, out.String(), "examples/broken/contracts/order.paid/contract.yaml:11")
		assert.Contains(t, out.String(), "\n   PASS nodedupe/sound: nothing found\n")
	})
}

func TestEachServiceCanBeCheckedByName(t *testing.T) {
	for _, p := range broken.Pairs() {
		t.Run(p.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				found, err := report(t.Context(), &out, p.Name+"/bug")
				require.NoError(t, err)
				assert.Equal(t, 1, found)
				assert.Contains(t, out.String(), "rule   "+p.Rule+"  ")
				assert.Contains(t, out.String(), "reproduce: go -C examples run ./demo -check "+p.Name+"/bug\n")

				found, err = report(t.Context(), &out, p.Name+"/sound")
				require.NoError(t, err)
				assert.Zero(t, found)
			})
		})
	}
}

func TestAnUnknownServiceIsAnError(t *testing.T) {
	_, err := report(t.Context(), new(bytes.Buffer), "nodedup/bug")
	require.EqualError(t, err, `there is no service "nodedup/bug"; there are nodedupe/bug, nodedupe/sound, deadletter/bug, deadletter/sound, undeclared/bug, undeclared/sound`)
}
