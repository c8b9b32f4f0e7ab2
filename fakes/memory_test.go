package fakes_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// Each of these was seen with daprd 1.16.0, but for what is said to be left out.

// inMemory are in-memory pubsub components.
func inMemory(names ...string) map[string]string {
	files := make(map[string]string)
	for _, name := range names {
		files[name+".yaml"] = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: " + name + "}\nspec: {type: pubsub.in-memory, version: v1}\n"
	}
	return files
}

func startInMemory(t *testing.T, cfg world.Config, names ...string) *world.World {
	t.Helper()
	cfg.Resources = resources(inMemory(append(names, "pubsub")...))
	return fakes.StartKept(t, cfg, "")
}

// sendFrom publishes as the app itself: no other sidecar shares its memory.
func sendFrom(t *testing.T, w *world.World, app string, events ...contract.Event) {
	t.Helper()
	for _, e := range events {
		require.NoError(t, w.SendFrom(t.Context(), app, e))
	}
}

func TestInMemoryGivesAMessageUpAfterTenAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := startInMemory(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("orders")}, answer: answer(500)}
		w.Attach("app", app.start)
		sendFrom(t, w, "app", event("1", "orders"), event("2", "orders"))
		settle(t, w)
		var want []time.Duration
		for i := range 20 {
			want = append(want, time.Duration(i)*100*time.Millisecond)
		}
		require.Equal(t, want, deliveredAt(w), "100 ms apart, and the next message after the last pause")
		require.Equal(t, []string{"1", "1", "2"}, []string{app.ids()[0], app.ids()[9], app.ids()[10]})
		last := w.Journal().Entries()
		require.Equal(t, journal.Acknowledged, last[len(last)-1].Kind)
		require.Equal(t, "pubsub.in-memory of daprd 1.16 gives it up after 10 attempts", last[len(last)-2].Note)
		require.Equal(t, journal.Dropped, last[len(last)-2].Kind)
		require.Equal(t, 2*time.Second, last[len(last)-1].At.Round(time.Millisecond))
	})
}

func TestInMemoryRunsThePolicyInEachAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := retries("{policy: constant, duration: 10ms, maxRetries: 2}")
		files["pubsub.yaml"] = inMemory("pubsub")["pubsub.yaml"]
		w := fakes.StartKept(t, world.Config{Resources: resources(files)}, "")
		w.Attach("app", (&inbox{subscriptions: []subscription{on("orders")}, answer: answer(500)}).start)
		sendFrom(t, w, "app", event("1", "orders"))
		settle(t, w)
		at := deliveredAt(w)
		require.Len(t, at, 30)
		require.Equal(t, []time.Duration{0, 10 * time.Millisecond, 20 * time.Millisecond, 120 * time.Millisecond}, at[:4])
	})
}

func TestInMemoryDeadLettersAtTheFirstFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := startInMemory(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("orders").deadLetter("dead"), on("dead")}, answer: func(w http.ResponseWriter, r *http.Request, _ contract.Event) {
			if r.URL.Path == "/orders" {
				w.WriteHeader(500)
			}
		}}
		w.Attach("app", app.start)
		sendFrom(t, w, "app", event("1", "orders"))
		settle(t, w)
		require.Equal(t, "published delivered answered(HTTP 500) dead-lettered(dead) acknowledged delivered answered(SUCCESS) acknowledged", told(w, "1"))
	})
}

func TestInMemoryHasNoHistoryAndNoGroups(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := startInMemory(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("orders")}}
		var stream rawStream
		w.Attach("app", func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
			require.NoError(t, s.Client().PublishEvent(ctx, "pubsub", "orders", "early", withMetadata(map[string]string{"cloudevent.id": "early"})))
			var err error
			stream, err = open(t, s.Client(), &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "pubsub", Topic: "orders"})
			require.NoError(t, err)
			return app.start(ctx, s)
		})
		sendFrom(t, w, "app", event("1", "orders"))
		in, err := stream.Recv()
		require.NoError(t, err)
		require.Equal(t, "1", in.GetEventMessage().GetId())
		require.NoError(t, stream.answer("1", says(runtime.TopicEventResponse_SUCCESS)))
		settle(t, w)
		require.Equal(t, []string{"1"}, app.ids(), "each subscription gets it, and nobody what was published before")
		require.Equal(t, "published", told(w, "early"))
	})
}

func TestInMemoryIsOneForEachSidecarAndComponent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := startInMemory(t, world.Config{}, "other")
		one, two := &inbox{subscriptions: []subscription{on("orders")}}, &inbox{subscriptions: []subscription{on("orders")}}
		w.Attach("one", one.start)
		w.Attach("two", two.start)
		elsewhere := event("3", "orders")
		elsewhere.PubSub = "other"
		sendFrom(t, w, "one", event("1", "orders"), elsewhere)
		send(t, w, event("2", "orders"))
		settle(t, w)
		require.Equal(t, []string{"1"}, one.ids())
		require.Empty(t, two.ids())
	})
}

func TestInMemoryWildcards(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := startInMemory(t, world.Config{})
		app := &inbox{subscriptions: []subscription{{PubSub: "pubsub", Topic: "orders*", Route: "/wild"}}}
		w.Attach("app", app.start)
		sendFrom(t, w, "app", event("1", "orders.placed"), event("2", "orders"), event("3", "order"))
		settle(t, w)
		require.Equal(t, []string{"1"}, app.ids(), "what begins with it, but not it itself")
		for _, e := range w.Journal().Entries() {
			if e.Kind == journal.Delivered {
				require.Equal(t, "orders*", e.Topic, "the topic that daprd tells is the subscription's")
			}
		}
	})
}

func TestInMemoryFillsABulkWithOneMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := startInMemory(t, world.Config{})
		app := &inBulk{subscription: bulkOrders(map[string]any{"maxMessagesCount": 3, "maxAwaitDurationMs": 400})}
		w.Attach("app", app.start)
		sendFrom(t, w, "app", orders(1, 3)...)
		settle(t, w)
		require.Equal(t, []string{"[1]", "[2]", "[3]"}, app.calls)
		require.Equal(t, []time.Duration{400 * time.Millisecond, 800 * time.Millisecond, 1200 * time.Millisecond}, app.at)
	})
}

// What daprd's own gets wrong is left out.

func TestInMemoryStreamThatEndsLeavesTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := startInMemory(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("orders")}}
		var stream rawStream
		w.Attach("app", func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
			e, err := app.start(ctx, s)
			require.NoError(t, err)
			stream, err = open(t, s.Client(), &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "pubsub", Topic: "orders"})
			return e, err
		})
		sendFrom(t, w, "app", event("1", "orders"), event("2", "orders"))
		_, err := stream.Recv()
		require.NoError(t, err)
		require.NoError(t, stream.CloseSend())
		settle(t, w)
		sendFrom(t, w, "app", event("3", "orders"))
		settle(t, w)
		require.Equal(t, []string{"1", "2", "3"}, app.ids())
		require.Contains(t, told(w, "1"), "dropped", "the stream's copy is lost")
		require.Contains(t, told(w, "2"), "dropped")
	})
}

func TestInMemoryLosesWhatAStreamHadNotBegunWith(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := startInMemory(t, world.Config{})
		var stream rawStream
		ended := make(chan struct{})
		app := &inbox{subscriptions: []subscription{on("first")}, answer: func(_ http.ResponseWriter, r *http.Request, _ contract.Event) {
			require.NoError(t, w.SendFrom(r.Context(), "app", event("1", "orders")))
			require.NoError(t, w.SendFrom(r.Context(), "app", event("2", "orders")))
			require.NoError(t, stream.CloseSend())
			_, err := stream.Recv() // its end: nothing else runs while this handler does
			require.Error(t, err)
			close(ended)
		}}
		w.Attach("app", func(ctx context.Context, s world.Sidecar) (_ world.Endpoint, err error) {
			stream, err = open(t, s.Client(), &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "pubsub", Topic: "orders"})
			require.NoError(t, err)
			return app.start(ctx, s)
		})
		sendFrom(t, w, "app", event("0", "first"))
		<-ended
		settle(t, w)
		require.Equal(t, "published dropped acknowledged", told(w, "1"))
		require.Equal(t, "published dropped", told(w, "2"))
	})
}

func TestInMemoryHandlerMayPublishToItsOwnTopic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := startInMemory(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("orders")}}
		app.answer = func(rw http.ResponseWriter, r *http.Request, e contract.Event) {
			if e.ID == "1" {
				require.NoError(t, w.SendFrom(r.Context(), "app", event("2", "orders")))
			}
		}
		w.Attach("app", app.start)
		sendFrom(t, w, "app", event("1", "orders"))
		settle(t, w)
		require.Equal(t, []string{"1", "2"}, app.ids())
	})
}

func TestInMemoryBecomesRedisInAnOrdinaryWorld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(inMemory("pubsub"))})
		require.Contains(t, fmt.Sprint(w.Journal().Head().Substitutions), "pubsub.in-memory -> pubsub.redis")
		app := &inbox{subscriptions: []subscription{on("orders")}}
		send(t, w, event("1", "orders"))
		w.Attach("app", app.start)
		settle(t, w)
		require.Equal(t, []string{"1"}, app.ids(), "Redis keeps a history")
	})
}

func TestAnotherBrokerBecomesRedisWhereKindsAreKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := inMemory("mem")
		files["kafka.yaml"] = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: kafka}\nspec: {type: pubsub.kafka, version: v1}\n"
		w := fakes.StartKept(t, world.Config{Resources: resources(files)}, "")
		require.Equal(t, "[kafka.yaml:2: kafka: type pubsub.kafka -> pubsub.redis]", fmt.Sprint(w.Journal().Head().Substitutions))
		_, err := w.Topic(t.Context(), "mem", "orders")
		require.ErrorContains(t, err, "keeps nothing that could be read")
	})
}

func TestCapabilitiesAreTheComponents(t *testing.T) {
	w := startInMemory(t, world.Config{})
	s, err := w.Sidecar(t.Context(), "app")
	require.NoError(t, err)
	response, err := http.Get("http://" + s.HTTPAddress() + "/v1.0/metadata")
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var out struct {
		Components json.RawMessage `json:"components"`
	}
	require.NoError(t, json.Unmarshal(body, &out))
	require.JSONEq(t, `[{"name":"pubsub","type":"pubsub.in-memory","version":"v1","capabilities":["SUBSCRIBE_WILDCARDS"]}]`, string(out.Components))
}
