package conformance_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
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

// goldenState and goldenOutbox are what daprd 1.16.0 answered.
var (
	goldenState  = "testdata/state.golden"
	goldenOutbox = "testdata/outbox.golden"
)

func TestStateOnTheFake(t *testing.T) {
	w := fakes.Start(t, world.Config{Resources: conformance.StateResources()})
	asDaprd(t, goldenState, playState(t, w, ofTheFake))
}

func TestStateOnRealDapr(t *testing.T) {
	w := harness.Start(t, world.Config{Resources: conformance.StateResources()})
	keep(t, goldenState, playState(t, w, ofDaprd(t, w)))
}

func TestOutboxOnTheFake(t *testing.T) {
	w := fakes.Start(t, world.Config{Resources: conformance.OutboxResources()})
	asDaprd(t, goldenOutbox, playOutbox(t, w, ofTheFake))
}

func TestOutboxOnRealDapr(t *testing.T) {
	w := harness.Start(t, world.Config{Resources: conformance.OutboxResources()})
	keep(t, goldenOutbox, playOutbox(t, w, ofDaprd(t, w)))
}

// asDaprd holds the fake's answers against daprd's.
func asDaprd(t *testing.T, golden, got string) {
	t.Helper()
	want, err := recorded.ReadFile(golden)
	require.NoError(t, err, "write it with: go test ./harness/conformance -run OnRealDapr -update")
	require.Empty(t, cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")), "-daprd +the fake")
}

// keep holds daprd's answers against those of another time, or keeps them.
func keep(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := recorded.ReadFile(golden)
	require.NoError(t, err, "write it with -update")
	require.Empty(t, cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")), "-golden +daprd")
}

// at says where a sidecar's API is: daprd's own, past the proxy.
type at func(world.Sidecar) (http string, conn grpc.ClientConnInterface)

func ofTheFake(s world.Sidecar) (string, grpc.ClientConnInterface) {
	return s.HTTPAddress(), s.Client().GrpcClientConn()
}

func ofDaprd(t *testing.T, w *world.World) at {
	return func(s world.Sidecar) (string, grpc.ClientConnInterface) {
		places, err := harness.Addresses(w)
		require.NoError(t, err)
		daprd := places.Daprd[s.AppID()]
		conn, err := grpc.NewClient("passthrough:///"+daprd.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, conn.Close()) })
		return daprd.HTTP, conn
	}
}

// playState plays the calls through the sidecars of two apps.
func playState(t *testing.T, w *world.World, where at) string {
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
		session.HTTP, session.GRPC = where(sidecar)
		lines, err := session.Play(t.Context(), p.calls)
		require.NoError(t, err)
		all = append(all, lines...)
	}
	return strings.Join(all, "\n") + "\n"
}

// playOutbox plays the calls through the sidecar of an app that gets what comes of them.
func playOutbox(t *testing.T, w *world.World, where at) string {
	t.Helper()
	received := make(chan []byte, 100)
	var sidecar world.Sidecar
	require.NoError(t, w.AttachContext(t.Context(), conformance.StatePlayer, func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
		sidecar = s
		mux := http.NewServeMux()
		mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `[{"pubsubname":"pubsub","topic":%q,"route":"/events"}]`, conformance.OutboxTopic)
		})
		mux.HandleFunc("POST /events", func(_ http.ResponseWriter, r *http.Request) {
			data, _ := io.ReadAll(r.Body)
			received <- data
		})
		return world.HTTP(mux), nil
	}))
	session := &conformance.StateSession{}
	session.HTTP, session.GRPC = where(sidecar)
	lines, err := session.PlayOutbox(t.Context(), conformance.OutboxCalls(), received)
	require.NoError(t, err)
	return strings.Join(lines, "\n") + "\n"
}
