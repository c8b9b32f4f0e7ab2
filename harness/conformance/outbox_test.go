package conformance_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
	"github.com/eventproof/eventproof/harness/conformance"
)

// singleWorker is an outbox over a pubsub that delivers one message at a time.
func singleWorker() []fs.FS {
	const component = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: %s\nspec:\n  type: %s\n  version: v1\n  metadata:\n%s"
	return []fs.FS{fstest.MapFS{
		"pubsub.yaml": {Data: fmt.Appendf(nil, component, "pubsub", "pubsub.redis", "  - {name: redisHost, value: \"localhost:6379\"}\n  - {name: concurrency, value: \"1\"}\n")},
		"store.yaml": {Data: fmt.Appendf(nil, component, "store", "state.in-memory", "  - {name: outboxPublishPubsub, value: pubsub}\n"+
			"  - {name: outboxPublishTopic, value: "+conformance.OutboxTopic+"}\n  - {name: outboxDiscardWhenMissingState, value: \"true\"}\n")},
	}}
}

// failTransaction tells what an app gets before and after a transaction of its
// that is not carried out.
func failTransaction(t *testing.T, w *world.World) (before, after string) {
	t.Helper()
	received := make(chan string, 10)
	var sdk client.Client
	require.NoError(t, w.AttachContext(t.Context(), conformance.StatePlayer, func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
		sdk = s.Client()
		mux := http.NewServeMux()
		mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `[{"pubsubname":"pubsub","topic":%q,"route":"/events"}]`, conformance.OutboxTopic)
		})
		mux.HandleFunc("POST /events", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			received <- "an event"
		})
		return world.HTTP(mux), nil
	}))
	get := func(within time.Duration) string {
		select {
		case what := <-received:
			return what
		case <-time.After(within):
			return "nothing"
		}
	}
	require.NoError(t, sdk.PublishEvent(t.Context(), "pubsub", conformance.OutboxTopic, []byte("first")))
	before = get(20 * time.Second)
	require.Error(t, sdk.ExecuteStateTransaction(t.Context(), "store", nil, []*client.StateOperation{
		{Type: client.StateOperationTypeUpsert, Item: &client.SetStateItem{Key: "k", Value: []byte("v"), Etag: &client.ETag{Value: "none"}}}}))
	require.Equal(t, "nothing", get(13*time.Second)) // a second, and ten that daprd means to be patient for
	require.NoError(t, sdk.PublishEvent(t.Context(), "pubsub", conformance.OutboxTopic, []byte("second")))
	return before, get(3 * time.Second)
}

// A transaction that is not carried out costs daprd 1.16 a worker for ever,
// outboxDiscardWhenMissingState or not.
func TestAFailedTransactionOnTheFake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := failTransaction(t, fakes.Start(t, world.Config{Resources: singleWorker()}))
		require.Equal(t, "an event", before)
		require.Equal(t, "nothing", after)
	})
}

func TestAFailedTransactionOnRealDapr(t *testing.T) {
	before, after := failTransaction(t, harness.Start(t, world.Config{Resources: singleWorker()}))
	require.Equal(t, "an event", before)
	require.Equal(t, "nothing", after)
}
