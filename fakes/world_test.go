package fakes_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// subscriber is a plain HTTP app: it subscribes as told and answers by path.
type subscriber struct {
	subscriptions []map[string]any
	answer        func(w http.ResponseWriter, r *http.Request)
}

func (s subscriber) start(context.Context, world.Sidecar) (world.Endpoint, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(s.subscriptions)
	})
	mux.HandleFunc("POST /", s.answer)
	return world.HTTP(mux), nil
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func kinds(entries []journal.Entry) (all []string) {
	for _, e := range entries {
		s := fmt.Sprintf("%s %s %s", e.At, e.Kind, e.App)
		if e.Answer != "" {
			s += " " + e.Answer
		}
		all = append(all, s)
	}
	return all
}

func TestAFailingEventWithoutADeadLetterTopicComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		w.Attach("consumer", subscriber{
			subscriptions: []map[string]any{{"pubsubname": "pubsub", "topic": "orders", "route": "/orders"}},
			answer:        status(500),
		}.start)
		require.NoError(t, w.SendFrom(t.Context(), "producer", contract.Event{ID: "1", Topic: "orders", Data: []byte(`{"a":1}`)}))
		err := w.Settle(t.Context())
		require.ErrorIs(t, err, world.ErrPending)
		var pending *world.PendingError
		require.ErrorAs(t, err, &pending)
		require.Len(t, pending.Events, 1)
		require.Equal(t, 3, pending.Events[0].Deliveries)
		var at []time.Duration
		for _, e := range w.Journal().Entries() {
			if e.Kind == journal.Delivered {
				at = append(at, e.At)
			}
		}
		require.Equal(t, []time.Duration{0, 60 * time.Second, 120 * time.Second}, at, "%v", kinds(w.Journal().Entries()))
		require.Equal(t, 180*time.Second, pending.Events[0].Due)
	})
}

func TestEventsAreDeliveredOnceInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		var got []string
		w.Attach("consumer", subscriber{
			subscriptions: []map[string]any{{"pubsubname": "pubsub", "topic": "orders", "route": "/orders"}},
			answer: func(_ http.ResponseWriter, r *http.Request) {
				var e contract.Event
				if err := json.NewDecoder(r.Body).Decode(&e); err == nil {
					got = append(got, e.ID)
				}
			},
		}.start)
		var want []string
		for i := range 100 {
			id := fmt.Sprint(i)
			want = append(want, id)
			require.NoError(t, w.SendFrom(t.Context(), "producer", contract.Event{ID: id, Topic: "orders", Data: []byte(`{}`)}))
		}
		require.NoError(t, w.Settle(t.Context()))
		require.Equal(t, want, got)
		require.Zero(t, time.Since(w.Journal().Head().Started))
	})
}

func TestAHandlerThatSleepsLetsOthersRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		w.Attach("consumer", subscriber{
			subscriptions: []map[string]any{{"pubsubname": "pubsub", "topic": "slow", "route": "/slow"}, {"pubsubname": "pubsub", "topic": "fast", "route": "/fast"}},
			answer: func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/slow" {
					select {
					case <-time.After(time.Hour):
					case <-r.Context().Done():
					}
				}
			},
		}.start)
		require.NoError(t, w.SendFrom(t.Context(), "producer", contract.Event{ID: "s", Topic: "slow", Data: []byte(`{}`)}))
		require.NoError(t, w.SendFrom(t.Context(), "producer", contract.Event{ID: "f", Topic: "fast", Data: []byte(`{}`)}))
		require.NoError(t, w.Journal().Wait(t.Context(), func(entries []journal.Entry) bool {
			return slices.ContainsFunc(entries, func(e journal.Entry) bool { return e.Kind == journal.Answered && e.Topic == "fast" })
		}))
		require.Less(t, time.Since(w.Journal().Head().Started), time.Second)
	})
}
