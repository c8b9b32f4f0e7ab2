package fakes_test

import (
	"bytes"
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

// deliveredAt are the times of the deliveries, on the journal's clock.
func deliveredAt(w *world.World) (at []time.Duration) {
	for _, e := range w.Journal().Entries() {
		if e.Kind == journal.Delivered {
			at = append(at, e.At.Round(time.Millisecond))
		}
	}
	return at
}

func TestEventsAreDeliveredOnceInOrderAndInNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("orders")}}
		w.Attach("consumer", app.start)
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprint(i))
			send(t, w, event(fmt.Sprint(i), "orders"))
		}
		settle(t, w)
		require.Equal(t, want, app.ids())
		require.Less(t, time.Since(w.Journal().Head().Started), time.Microsecond)
	})
}

func TestANewConsumerGroupReadsTheWholeHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		send(t, w, event("1", "orders"), event("2", "orders"))
		app := &inbox{subscriptions: []subscription{on("orders")}}
		w.Attach("consumer", app.start)
		settle(t, w)
		require.Equal(t, []string{"1", "2"}, app.ids())
	})
}

func TestAFailingEventWithoutADeadLetterTopicComesAgainForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("orders")}, answer: answer(500)}
		w.Attach("consumer", app.start)
		send(t, w, event("1", "orders"))
		var pending *world.PendingError
		require.ErrorAs(t, w.Settle(t.Context()), &pending)
		require.ErrorIs(t, pending, world.ErrPending)
		require.Len(t, pending.Events, 1)
		require.Equal(t, 3, pending.Events[0].Deliveries, "Rounds is 2: delivered once and twice again")
		require.Equal(t, []time.Duration{0, 75 * time.Second, 135 * time.Second}, deliveredAt(w), "at the first tick of redeliverInterval (15 s) that finds it idle for processingTimeout (60 s)")
		require.Equal(t, 195*time.Second, pending.Events[0].Due.Truncate(time.Millisecond))
		require.Contains(t, pending.Error(), "1 on pubsub/orders for consumer: 3 deliveries, due again at t=3m15s")
	})
}

func TestTheHorizonEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Horizon: 30 * time.Second})
		w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders")}, answer: answer(500)}).start)
		send(t, w, event("1", "orders"))
		require.ErrorIs(t, w.Settle(t.Context()), world.ErrPending)
		require.Less(t, time.Since(w.Journal().Head().Started), time.Microsecond, "what is due after the horizon is not waited for")
	})
}

func TestRetryPolicies(t *testing.T) {
	for _, c := range []struct {
		name, policy, reason string
		answer               int
		deliveries           int
		last                 time.Duration // of the last delivery; 0: not looked at
	}{
		{"constant", "{policy: constant, duration: 100ms, maxRetries: 3}", "N retries are N+1 deliveries, duration apart", 500, 4, 300 * time.Millisecond},
		{"default duration", "{maxRetries: 1}", "constant and 5 s are daprd's defaults", 500, 2, 5 * time.Second},
		{"exponential", "{policy: exponential, maxInterval: 1s, maxRetries: 5}", "six deliveries, jittered", 500, 6, 0},
		{"matching", "{policy: constant, duration: 1s, maxRetries: 3, matching: {httpStatusCodes: \"500-599\"}}", "a code that is not listed is not retried", 400, 1, 0},
		{"matched", "{policy: constant, duration: 1s, maxRetries: 3, matching: {httpStatusCodes: \"500-599\"}}", "one that is listed is", 503, 4, 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{Resources: resources(retries(c.policy))})
				w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders").deadLetter("dead")}, answer: answer(c.answer)}).start)
				send(t, w, event("1", "orders"))
				settle(t, w)
				at := deliveredAt(w)
				require.Len(t, at, c.deliveries, c.reason)
				if c.last != 0 {
					require.Equal(t, c.last, at[len(at)-1], c.reason)
				}
				require.Contains(t, told(w, "1"), "dead-lettered(dead) acknowledged")
			})
		})
	}
}

func TestATimeoutOfThePolicyIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := retries("{maxRetries: 0}")
		files["resiliency.yaml"] = "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies: {timeouts: {short: 2s}}\n  targets: {components: {pubsub: {inbound: {timeout: short}}}}\n"
		w := fakes.Start(t, world.Config{Resources: resources(files)})
		w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders").deadLetter("dead")},
			answer: func(_ http.ResponseWriter, r *http.Request, _ contract.Event) { <-r.Context().Done() }}).start)
		send(t, w, event("1", "orders"))
		settle(t, w)
		require.Equal(t, "published delivered answered(no answer) dead-lettered(dead) acknowledged", told(w, "1"))
		require.Equal(t, 2*time.Second, time.Since(w.Journal().Head().Started).Truncate(time.Millisecond))
	})
}

func TestASlowHandlerIsDeliveredToConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Clocks: world.Clocks{ProcessingTimeout: time.Second, RedeliverInterval: 300 * time.Millisecond}})
		app := &inbox{subscriptions: []subscription{on("orders")}, answer: func(_ http.ResponseWriter, r *http.Request, _ contract.Event) {
			select {
			case <-time.After(2500 * time.Millisecond):
			case <-r.Context().Done():
			}
		}}
		w.Attach("consumer", app.start)
		send(t, w, event("1", "orders"))
		settle(t, w)
		require.Equal(t, []time.Duration{0, 1200 * time.Millisecond, 2400 * time.Millisecond}, deliveredAt(w),
			"claimed again by the reclaim loop while the first delivery still runs")
	})
}

func TestAnExpiredEventIsNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		s, err := w.Sidecar(t.Context(), "publisher")
		require.NoError(t, err)
		require.NoError(t, s.Client().PublishEvent(t.Context(), "pubsub", "orders", map[string]int{"a": 1},
			withMetadata(map[string]string{"ttlInSeconds": "10", "cloudevent.id": "1"})))
		time.Sleep(11 * time.Second) //nolint:forbidigo // in a bubble: virtual time
		app := &inbox{subscriptions: []subscription{on("orders").deadLetter("dead")}}
		w.Attach("consumer", app.start)
		settle(t, w)
		require.Empty(t, app.ids())
		require.Equal(t, "published expired dead-lettered(dead) acknowledged", told(w, "1"))
	})
}

func TestRoutingRules(t *testing.T) {
	for _, c := range []struct {
		name, match, reason, want string
	}{
		{"matches", `event.type == "com.dapr.event.sent"`, "the first rule that matches", "/special"},
		{"does not match", `event.type == "other"`, "else the default", "/default"},
		{"data", `has(event.data.id) && event.data.id == "1"`, "data is the decoded JSON", "/special"},
		{"missing key", `event.data.nowhere == "1"`, "an error is no fall-through to the default", ""},
		{"no boolean", `event.type`, "a result that is no boolean is an error", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{})
				path := ""
				w.Attach("consumer", (&inbox{
					subscriptions: []subscription{{PubSub: "pubsub", Topic: "orders", DeadLetter: "dead",
						Routes: map[string]any{"rules": []map[string]string{{"match": c.match, "path": "/special"}}, "default": "/default"}}},
					answer: func(_ http.ResponseWriter, r *http.Request, _ contract.Event) { path = r.URL.Path },
				}).start)
				send(t, w, event("1", "orders"))
				settle(t, w)
				require.Equal(t, c.want, path, c.reason)
				if c.want == "" {
					require.Equal(t, "published dead-lettered(dead) acknowledged", told(w, "1"), c.reason)
				}
			})
		})
	}
}

func TestTheSameSeedMakesTheSameJournal(t *testing.T) {
	play := func(seed int64) (text string) {
		synctest.Test(t, func(t *testing.T) {
			w := fakes.Start(t, world.Config{Seed: seed, Resources: resources(retries("{policy: exponential, maxRetries: 4}"))})
			w.Attach("consumer", (&inbox{subscriptions: []subscription{on("a").deadLetter("dead"), on("b"), on("dead")},
				answer: func(w http.ResponseWriter, r *http.Request, _ contract.Event) {
					if r.URL.Path == "/a" {
						w.WriteHeader(500)
					}
				}}).start)
			for range 5 {
				send(t, w, contract.Event{Topic: "a", Data: []byte("1")}, contract.Event{Topic: "b", Data: []byte("2")})
			}
			settle(t, w)
			var b bytes.Buffer
			_, err := w.Journal().WriteTo(&b)
			require.NoError(t, err)
			text = b.String()
		})
		return text
	}
	first := play(7)
	require.True(t, first == play(7), "the journals differ")
	require.NotEqual(t, first, play(8), "ids and jitter are drawn from the seed")
}

// Three defects of Dapr's own in-memory component that a fake must not have.

func TestEndingOneSubscriberLeavesTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		one, other := &inbox{subscriptions: []subscription{on("orders")}}, &inbox{subscriptions: []subscription{on("orders")}}
		w.Attach("one", one.start)
		w.Attach("other", other.start)
		require.NoError(t, w.Restart(t.Context(), "one"))
		send(t, w, event("1", "orders"))
		settle(t, w)
		require.Equal(t, []string{"1"}, one.ids())
		require.Equal(t, []string{"1"}, other.ids())
	})
}

func TestAHandlerMayPublishToItsOwnTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("orders")}}
		app.answer = func(rw http.ResponseWriter, r *http.Request, e contract.Event) {
			if e.ID == "1" {
				if err := w.SendFrom(r.Context(), "consumer", event("2", "orders")); err != nil {
					http.Error(rw, err.Error(), 500)
				}
			}
		}
		w.Attach("consumer", app.start)
		send(t, w, event("1", "orders"))
		settle(t, w)
		require.Equal(t, []string{"1", "2"}, app.ids())
		i := slices.IndexFunc(w.Journal().Entries(), func(e journal.Entry) bool { return e.Kind == journal.Published && e.Event.ID == "2" })
		cause := w.Journal().Entries()[w.Journal().Entries()[i].Cause-1]
		require.Equal(t, journal.Delivered, cause.Kind, "the delivery in whose course it was published is its cause")
	})
}

func TestPublishDoesNotWaitForTheConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		release := make(chan struct{})
		w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders")}, answer: func(http.ResponseWriter, *http.Request, contract.Event) { <-release }}).start)
		send(t, w, event("1", "orders"), event("2", "orders"), event("3", "orders"))
		require.Less(t, time.Since(w.Journal().Head().Started), time.Microsecond)
		close(release)
		settle(t, w)
	})
}

func TestEventsThatLeadToEachOtherForEverAreCut(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		sub          subscription
		answer       func(w *world.World) func(http.ResponseWriter, *http.Request, contract.Event)
	}{
		{"its own dead letter topic", "the failing event is dead-lettered onto the topic that it came from", on("orders").deadLetter("orders"),
			func(*world.World) func(http.ResponseWriter, *http.Request, contract.Event) { return answer(500) }},
		{"an echo", "the handler publishes what it gets", on("orders"), func(w *world.World) func(http.ResponseWriter, *http.Request, contract.Event) {
			return func(_ http.ResponseWriter, r *http.Request, _ contract.Event) {
				_ = w.SendFrom(r.Context(), "consumer", contract.Event{Topic: "orders", Data: []byte("1")})
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{})
				w.Attach("consumer", (&inbox{subscriptions: []subscription{c.sub}, answer: c.answer(w)}).start)
				send(t, w, event("1", "orders"))
				err := w.Settle(t.Context())
				require.ErrorIs(t, err, world.ErrPending, c.reason)
				require.ErrorContains(t, err, "after a chain of 1000 events")
			})
		})
	}
}
