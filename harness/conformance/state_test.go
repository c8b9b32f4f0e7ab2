package conformance_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
	"github.com/eventproof/eventproof/harness/conformance"
)

var update = flag.Bool("update", false, "write the golden files anew, from real Dapr")

// goldenState is what daprd 1.16.0 answered.
var goldenState = filepath.Join("testdata", "state.golden")

func TestStateOnTheFake(t *testing.T) {
	w := fakes.Start(t, world.Config{Resources: conformance.StateResources()})
	want, err := os.ReadFile(goldenState)
	require.NoError(t, err, "write it with: go test ./harness/conformance -run TestStateOnRealDapr -update")
	require.Empty(t, cmp.Diff(strings.Split(string(want), "\n"), strings.Split(playState(t, w, func(s world.Sidecar) (string, grpc.ClientConnInterface) {
		return s.HTTPAddress(), s.Client().GrpcClientConn()
	}), "\n")), "-daprd +the fake")
}

func TestStateOnRealDapr(t *testing.T) {
	w := harness.Start(t, world.Config{Resources: conformance.StateResources()})
	got := playState(t, w, func(s world.Sidecar) (string, grpc.ClientConnInterface) {
		places, err := harness.Addresses(w)
		require.NoError(t, err)
		at := places.Daprd[s.AppID()]
		conn, err := grpc.NewClient("passthrough:///"+at.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, conn.Close()) })
		return at.HTTP, conn
	})
	if *update {
		require.NoError(t, os.WriteFile(goldenState, []byte(got), 0o644))
	}
	want, err := os.ReadFile(goldenState)
	require.NoError(t, err, "write it with -update")
	require.Empty(t, cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")), "-golden +daprd")
}

// playState plays the calls through the sidecars of two apps.
func playState(t *testing.T, w *world.World, of func(world.Sidecar) (http string, conn grpc.ClientConnInterface)) string {
	t.Helper()
	var all []string
	for _, p := range []struct {
		app   string
		calls []conformance.StateCall
	}{{conformance.StatePlayer, conformance.StateCalls()}, {conformance.StoreLess, conformance.StoreLessCalls()}} {
		var sidecar world.Sidecar
		require.NoError(t, w.AttachContext(t.Context(), p.app, func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
			sidecar = s
			return world.None, nil
		}))
		session := &conformance.StateSession{}
		session.HTTP, session.GRPC = of(sidecar)
		lines, err := session.Play(t.Context(), p.calls)
		require.NoError(t, err)
		all = append(all, lines...)
	}
	return strings.Join(all, "\n") + "\n"
}
