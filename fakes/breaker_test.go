package fakes_test

import (
	"bytes"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// The states and what they do are in harness/conformance, where real daprd is
// asked, too. Here is what only the fake shows.

// breakers is a circuit breaker on the inbound direction of the default pubsub.
func breakers(policy string) map[string]string {
	files := retries("{maxRetries: 0}")
	files["resiliency.yaml"] = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies: {circuitBreakers: {cb: " + policy +
		"}}\n  targets: {components: {pubsub: {inbound: {circuitBreaker: cb}}}}\n"
	return files
}

// failing answers 500 to the events of these ids, and success to all others.
func failing(ids ...string) func(http.ResponseWriter, *http.Request, contract.Event) {
	return func(w http.ResponseWriter, _ *http.Request, e contract.Event) {
		for _, id := range ids {
			if e.ID == id {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}
	}
}

func TestAnOpenBreakerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(breakers("{timeout: 10s, trip: consecutiveFailures > 0}"))})
		w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders").deadLetter("dead"), on("other")}, answer: failing("1")}).start)
		send(t, w, event("1", "orders"))
		settle(t, w)
		send(t, w, event("2", "orders"), event("3", "other"))
		settle(t, w)
		require.Equal(t, "published delivered answered(HTTP 500) dead-lettered(dead) acknowledged", told(w, "1"))
		require.Equal(t, "published dead-lettered(dead) acknowledged", told(w, "2"), "the app is not called")
		require.Equal(t, "published pending delivered answered(SUCCESS) acknowledged", told(w, "3"), "another topic of the component; it waits for the broker, and the breaker is half open by then")
		notes := make(map[string]string)
		for _, e := range w.Journal().Entries() {
			if e.Note != "" && e.Event.ID != "" {
				notes[e.Event.ID] = e.Note
			}
		}
		require.Equal(t, map[string]string{"1": "circuit breaker cb opened", "2": "circuit breaker cb: circuit breaker is open", "3": "circuit breaker cb: circuit breaker is open"}, notes)
		var lines bytes.Buffer
		_, err := w.Journal().WriteTo(&lines)
		require.NoError(t, err)
		_, err = journal.Read(&lines)
		require.NoError(t, err)
	})
}

func TestABreakerIsOneSidecarsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(breakers("{timeout: 1h, trip: consecutiveFailures > 0}")), Horizon: time.Second})
		w.Attach("broken", (&inbox{subscriptions: []subscription{on("orders")}, answer: answer(500)}).start)
		sound := &inbox{subscriptions: []subscription{on("orders")}}
		w.Attach("sound", sound.start)
		send(t, w, event("1", "orders"), event("2", "orders"))
		require.ErrorIs(t, w.Settle(t.Context()), world.ErrPending)
		require.Equal(t, []string{"1", "2"}, sound.ids())
		require.NoError(t, w.Restart(t.Context(), "broken"))
		send(t, w, event("3", "orders"))
		var pending *world.PendingError
		require.ErrorAs(t, w.Settle(t.Context()), &pending)
		require.Len(t, pending.Events, 3, "daprd runs on when its app restarts, and so does its breaker")
		require.Equal(t, []int{1, 0, 0}, []int{pending.Events[0].Deliveries, pending.Events[1].Deliveries, pending.Events[2].Deliveries}, "what the breaker refused was not delivered")
	})
}

func TestAHalfOpenBreakerLetsMaxRequestsThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(breakers("{timeout: 1s, trip: consecutiveFailures > 0}"))})
		fail := failing("1")
		app := &inbox{subscriptions: []subscription{on("orders").deadLetter("dead")}, answer: func(w http.ResponseWriter, r *http.Request, e contract.Event) {
			time.Sleep(time.Second) //nolint:forbidigo // in a bubble: longer than the fake lets one call keep the world to itself
			fail(w, r, e)
		}}
		w.Attach("consumer", app.start)
		send(t, w, event("1", "orders"))
		settle(t, w)
		time.Sleep(time.Second) //nolint:forbidigo // in a bubble: virtual time
		send(t, w, event("2", "orders"), event("3", "orders"))
		settle(t, w)
		require.Equal(t, []string{"1", "2"}, app.ids())
		require.Equal(t, "published delivered answered(SUCCESS) acknowledged", told(w, "2"))
		require.Equal(t, "published dead-lettered(dead) acknowledged", told(w, "3"), "one call is under way, and maxRequests is 1")
		send(t, w, event("4", "orders"))
		settle(t, w)
		require.Equal(t, "published delivered answered(SUCCESS) acknowledged", told(w, "4"))
	})
}

func TestAnAnswerFromBeforeTheBreakerOpenedCountsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(breakers("{timeout: 2s, trip: consecutiveFailures > 0}"))})
		w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders").deadLetter("dead")}, answer: func(w http.ResponseWriter, _ *http.Request, e contract.Event) {
			switch e.ID {
			case "slow":
				time.Sleep(3 * time.Second) //nolint:forbidigo // in a bubble: virtual time
			case "quick":
				w.WriteHeader(500)
			case "half-open":
				time.Sleep(2 * time.Second) //nolint:forbidigo // in a bubble: virtual time
			}
		}}).start)
		send(t, w, event("slow", "orders"), event("quick", "orders")) // quick opens it while slow is under way
		time.Sleep(2500 * time.Millisecond)                           //nolint:forbidigo // in a bubble: virtual time
		send(t, w, event("half-open", "orders"))                      // while this is under way slow succeeds
		time.Sleep(time.Second)                                       //nolint:forbidigo // in a bubble: virtual time
		send(t, w, event("next", "orders"))
		settle(t, w)
		require.Equal(t, "published delivered answered(SUCCESS) acknowledged", told(w, "half-open"))
		require.Equal(t, "published dead-lettered(dead) acknowledged", told(w, "next"), "the success of slow has not closed the breaker")
	})
}

func TestFaultsAreFailuresToABreaker(t *testing.T) {
	for _, f := range []faults.Fault{faults.FailDelivery{Times: 2}, faults.LoseAnswer{Times: 2}} {
		synctest.Test(t, func(t *testing.T) {
			w := fakes.Start(t, world.Config{Resources: resources(breakers("{timeout: 1h, trip: consecutiveFailures > 1}"))})
			w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders").deadLetter("dead")}}).start)
			require.NoError(t, w.Inject(t.Context(), f))
			send(t, w, event("1", "orders"), event("2", "orders"), event("3", "orders"))
			settle(t, w)
			require.Equal(t, "published dead-lettered(dead) acknowledged", told(w, "3"), f.String())
		})
	}
}

func TestATripExpressionThatDaprCannotReadIsRefused(t *testing.T) {
	_, err := fakes.New(t.Context(), world.Config{Resources: resources(breakers("{trip: consecutiveFailures >}"))})
	require.ErrorContains(t, err, `resiliency.yaml:5: circuit breaker cb: trip: "consecutiveFailures >" is no CEL expression: daprd drops the rest of this Resiliency`)
}
