package fakes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// What an answer leads to is in harness/conformance, where real daprd is asked,
// too. Here is what only the fake shows: time, faults, and the resources.

// inBulk answers each bulk call with the statuses that answer gives to its
// events, and keeps the ids of the calls with their times.
type inBulk struct {
	subscription map[string]any
	answer       func(http.ResponseWriter, []string) map[string]string // nil: all SUCCESS
	calls        []string
	at           []time.Duration
	started      time.Time
}

func (a *inBulk) start(context.Context, world.Sidecar) (world.Endpoint, error) {
	a.started = time.Now()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		if a.subscription == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode([]any{a.subscription})
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Entries []struct {
				EntryID string         `json:"entryId"`
				Event   contract.Event `json:"event"`
			} `json:"entries"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			panic(err)
		}
		var ids []string
		for _, e := range in.Entries {
			ids = append(ids, e.Event.ID)
		}
		a.calls = append(a.calls, fmt.Sprint(ids))
		a.at = append(a.at, time.Since(a.started).Round(time.Millisecond))
		given := map[string]string{}
		if a.answer != nil {
			given = a.answer(w, ids)
		}
		var statuses []map[string]string
		for _, e := range in.Entries {
			status := given[e.Event.ID]
			if status == "" {
				status = "SUCCESS"
			}
			statuses = append(statuses, map[string]string{"entryId": e.EntryID, "status": status})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"statuses": statuses})
	})
	return world.HTTP(mux), nil
}

// bulkOrders is a bulk subscription to orders with dead letters.
func bulkOrders(settings map[string]any) map[string]any {
	bulk := map[string]any{"enabled": true}
	for key, value := range settings {
		bulk[key] = value
	}
	return map[string]any{"pubsubname": "pubsub", "topic": "orders", "route": "/orders", "deadLetterTopic": "dead", "bulkSubscribe": bulk}
}

func orders(from, to int) (events []contract.Event) {
	for i := from; i <= to; i++ {
		events = append(events, event(fmt.Sprint(i), "orders"))
	}
	return events
}

func TestABatchGoesOutAtATickOrWhenItIsFull(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		settings     map[string]any
		components   map[string]string
		sent         int
		calls        []string
		at           []time.Duration
	}{
		{"defaults", "a second after the subscription began", nil, nil, 3, []string{"[1 2 3]"}, []time.Duration{time.Second}},
		{"await", "maxAwaitDurationMs", map[string]any{"maxAwaitDurationMs": 250}, nil, 2, []string{"[1 2]"}, []time.Duration{250 * time.Millisecond}},
		{"most", "maxMessagesCount is reached at once, the rest waits for the tick", map[string]any{"maxMessagesCount": 2}, nil, 5,
			[]string{"[1 2]", "[3 4]", "[5]"}, []time.Duration{0, 0, time.Second}},
		{"concurrency", "a batch holds a worker for each message, and the component has ten", nil, nil, 12,
			[]string{"[1 2 3 4 5 6 7 8 9 10]", "[11 12]"}, []time.Duration{time.Second, 2 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{})
				app := &inBulk{subscription: bulkOrders(c.settings)}
				w.Attach("consumer", app.start)
				send(t, w, orders(1, c.sent)...)
				settle(t, w)
				require.Equal(t, c.calls, app.calls, c.reason)
				require.Equal(t, c.at, app.at, c.reason)
			})
		})
	}
}

func TestADeclaredBulkSubscription(t *testing.T) {
	for _, spec := range []string{
		"apiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata: {name: s}\nspec: {pubsubname: pubsub, topic: orders, route: /orders, bulkSubscribe: {enabled: true, maxMessagesCount: 2}}\n",
		"apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: s}\nspec: {pubsubname: pubsub, topic: orders, routes: {default: /orders}, bulkSubscribe: {enabled: true, maxMessagesCount: 2}}\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"subscription.yaml": spec})})
			app := &inBulk{}
			w.Attach("consumer", app.start)
			send(t, w, orders(1, 4)...)
			settle(t, w)
			require.Equal(t, []string{"[1 2]", "[3 4]"}, app.calls, spec)
		})
	}
}

func TestFaultsOfOneEntryStrikeTheBatch(t *testing.T) {
	for _, c := range []struct {
		fault  faults.Fault
		calls  []string
		first  string
		reason string
	}{
		{faults.FailDelivery{Event: "1"}, []string{"[1 2]"}, "published fault-injected retried delivered answered(SUCCESS) acknowledged", "the app was not called, and then was"},
		{faults.LoseAnswer{Event: "1"}, []string{"[1 2]", "[1 2]"}, "published delivered answered(SUCCESS) fault-injected retried delivered answered(SUCCESS) acknowledged", "the app was called twice"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := fakes.Start(t, world.Config{Resources: resources(retries("{policy: constant, duration: 100ms, maxRetries: 3}"))})
			app := &inBulk{subscription: bulkOrders(nil)}
			w.Attach("consumer", app.start)
			require.NoError(t, w.Inject(t.Context(), c.fault))
			send(t, w, orders(1, 2)...)
			settle(t, w)
			require.Equal(t, c.calls, app.calls, c.reason)
			require.Equal(t, c.first, told(w, "1"), c.reason)
		})
	}
}

func TestABatchUnderAPolicysTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := retries("{maxRetries: 0}")
		files["resiliency.yaml"] = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies: {timeouts: {short: 2s}}\n  targets: {components: {pubsub: {inbound: {timeout: short}}}}\n"
		w := fakes.Start(t, world.Config{Resources: resources(files)})
		app := &inBulk{subscription: bulkOrders(nil), answer: func(http.ResponseWriter, []string) map[string]string {
			time.Sleep(3 * time.Second) //nolint:forbidigo // in a bubble: virtual time
			return nil
		}}
		w.Attach("consumer", app.start)
		send(t, w, orders(1, 2)...)
		settle(t, w)
		require.Equal(t, "published delivered answered(no answer) dead-lettered(dead) acknowledged", told(w, "1"))
		require.Equal(t, "published delivered answered(no answer) dead-lettered(dead) acknowledged", told(w, "2"))
	})
}

func TestABreakerCountsABatchOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(breakers("{timeout: 1h, trip: consecutiveFailures > 1}"))})
		app := &inBulk{subscription: bulkOrders(nil), answer: func(w http.ResponseWriter, _ []string) map[string]string {
			w.WriteHeader(http.StatusInternalServerError)
			return nil
		}}
		w.Attach("consumer", app.start)
		for i := range 3 {
			send(t, w, orders(2*i+1, 2*i+2)...)
			settle(t, w)
		}
		require.Equal(t, []string{"[1 2]", "[3 4]"}, app.calls, "two failures open it")
		require.Equal(t, "published dead-lettered(dead) acknowledged", told(w, "5"))
		require.Equal(t, "published dead-lettered(dead) acknowledged", told(w, "6"))
	})
}

func TestADropThatMakesDaprdPanicLeavesTheBatchPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(retries("{policy: constant, duration: 100ms, maxRetries: 3}"))})
		first := true
		app := &inBulk{subscription: bulkOrders(nil), answer: func(http.ResponseWriter, []string) map[string]string {
			if first {
				first = false
				return map[string]string{"2": "RETRY"}
			}
			return map[string]string{"2": "DROP"}
		}}
		w.Attach("consumer", app.start)
		send(t, w, orders(1, 2)...)
		settle(t, w)
		require.Equal(t, []string{"[1 2]", "[2]", "[1 2]"}, app.calls, "they come again after processingTimeout")
		require.Contains(t, told(w, "1"), "published delivered answered(SUCCESS) pending ", "a daprd that panics acknowledges nothing")
		require.Contains(t, told(w, "2"), "published delivered answered(RETRY) retried delivered answered(DROP) pending ")
		for _, e := range w.Journal().Entries() {
			if e.Kind == "pending" {
				require.Equal(t, "daprd 1.16 panics at the DROP of entry 2 of the batch, since this call had 1", e.Note)
				break
			}
		}
	})
}

func TestBulkDeliveriesAreNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		w.Attach("consumer", (&inBulk{subscription: bulkOrders(nil)}).start)
		require.ErrorIs(t, w.Inject(t.Context(), faults.Redeliver{App: "consumer"}), errors.ErrUnsupported)
		w.Attach("single", (&inbox{subscriptions: []subscription{on("orders")}}).start)
		require.NoError(t, w.Inject(t.Context(), faults.Redeliver{Event: "1"}))
		send(t, w, event("1", "orders"))
		settle(t, w)
		require.Equal(t, 3, strings.Count(told(w, "1"), "delivered "), "in bulk once, alone twice")
	})
}

func TestWhatABatchsOrderDecides(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		first        bool
		dead         string
		pending      int
	}{
		{"undecodable first", "daprd's error is that of the last message that it decoded: none, and all are acknowledged", true, "", 0},
		{"undecodable last", "the error is of the batch, and the message stays", false, "", 1},
		{"dead letter topic", "then the order does not matter", true, "dead", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{})
				s := bulkOrders(nil)
				s["deadLetterTopic"] = c.dead
				app := &inBulk{subscription: s}
				w.Attach("consumer", app.start)
				raw := func() {
					sidecar, err := w.Sidecar(t.Context(), "publisher")
					require.NoError(t, err)
					require.NoError(t, sidecar.Client().PublishEvent(t.Context(), "pubsub", "orders", []byte("no event"), client.PublishEventWithRawPayload()))
				}
				if c.first {
					raw()
				}
				send(t, w, event("1", "orders"))
				if !c.first {
					raw()
				}
				var pending *world.PendingError
				if err := w.Settle(t.Context()); c.pending > 0 {
					require.ErrorAs(t, err, &pending, c.reason)
					require.Len(t, pending.Events, c.pending, c.reason)
				} else {
					require.NoError(t, err, c.reason)
				}
				require.Equal(t, []string{"[1]"}, app.calls[:1])
				dead, err := w.Topic(t.Context(), "pubsub", "dead")
				require.NoError(t, err)
				require.Equal(t, c.dead != "", len(dead) == 1, c.reason)
			})
		})
	}
}
