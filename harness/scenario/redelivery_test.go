package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/scenario"
)

func TestRedelivery(t *testing.T) {
	for _, test := range []struct {
		name, reason string
		app          *payments
		contracts    bool
		want         []string
		what         string
	}{
		{name: "by event id", reason: "an app that knows each identity takes effect once",
			app: &payments{dedupe: "event_id", publish: true}, contracts: true},
		{name: "no dedupe", reason: "the balance is doubled by the redelivery, and the second publish would say the same again",
			app: &payments{}, contracts: true, want: []string{contract.RuleIdempotent}, what: "redelivering ord-1 changed its state"},
		{name: "no dedupe, publishing", reason: "state and publications are told in one finding",
			app: &payments{publish: true}, contracts: true, want: []string{contract.RuleIdempotent}, what: "changed its state and published again"},
		{name: "by CloudEvents id", reason: "an outbox relay that publishes twice gets two ids from daprd",
			app: &payments{dedupe: "id"}, contracts: true, want: []string{contract.RuleIdempotent}, what: "publishing ord-1 again under a new CloudEvents id changed its state"},
		{name: "by CloudEvents id, no contract", reason: "without a contract the identity is the id: there is no second publish",
			app: &payments{dedupe: "id"}},
		{name: "no dedupe, no contract", reason: "the redelivery needs no contract",
			app: &payments{}, want: []string{contract.RuleIdempotent}},
		{name: "publishes again", reason: "the state is kept, and the event goes out twice",
			app: republishing(), contracts: true, want: []string{contract.RuleIdempotent}, what: "published again"},
		{name: "refuses the second", reason: "a unique key that fails as an error makes Dapr dead-letter a handled event",
			app: refusingRepeats(), contracts: true, want: []string{contract.RuleIdempotent}, what: "it handled ord-1, and refuses it at the second delivery"},
		{name: "refuses the second publish", reason: "likewise, where the id decides",
			app: refusingNewIDs("orders.dead"), contracts: true, want: []string{contract.RuleIdempotent}, what: "refuses it when it is published again under a new CloudEvents id"},
		{name: "refuses the second publish for ever", reason: "and without a dead letter topic it comes again and again",
			app: refusingNewIDs(""), contracts: true, want: []string{contract.RulePending}},
		{name: "no route", reason: "404 is acknowledged by daprd 1.16: the event is lost",
			app: answering("HTTP 404"), contracts: true, want: []string{contract.RuleLost}},
		{name: "never ready", reason: "without a dead letter topic a failing event comes again for ever",
			app: answering("HTTP 500"), contracts: true, want: []string{contract.RulePending}},
	} {
		t.Run(test.name, func(t *testing.T) {
			onFake(t, func(t testing.TB) world.Config {
				if !test.contracts {
					return world.Config{}
				}
				return world.Config{Contracts: contracts(t)}
			}, func(t *testing.T, w *world.World) {
				w.Attach("payments", test.app.http)
				found, err := scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 50)}, Snapshot: test.app.snapshot, Log: t.Logf}.Findings(t.Context(), w)
				require.NoError(t, err)
				require.ElementsMatch(t, test.want, rules(found), "%s\n%v", test.reason, found)
				if len(found) > 0 {
					require.Contains(t, found[0].What, test.what)
					require.NotEmpty(t, found[0].Trace)
					if test.contracts {
						require.Equal(t, "order.placed/contract.yaml:13", found[0].Place.String(), "the consumer's line")
					}
				}
			})
		})
	}
}

func republishing() *payments {
	p := &payments{dedupe: "event_id"}
	p.onEvent = func(ctx context.Context, _ contract.Event, d orderData) (string, bool) {
		err := p.client.PublishEvent(ctx, "pubsub", "payments", map[string]any{"order_id": d.OrderID})
		return "RETRY", err != nil
	}
	return p
}

func refusingRepeats() *payments {
	seen := map[string]bool{}
	return &payments{onEvent: func(_ context.Context, _ contract.Event, d orderData) (string, bool) {
		repeat := seen[d.EventID]
		seen[d.EventID] = true
		return "RETRY", repeat
	}}
}

// refusingNewIDs takes each CloudEvents id as often as it comes, without an
// effect, and each event_id under one id only.
func refusingNewIDs(deadLetter string) *payments {
	ids := map[string]string{}
	return &payments{deadLetter: deadLetter, onEvent: func(_ context.Context, e contract.Event, d orderData) (string, bool) {
		if ids[d.EventID] == "" {
			ids[d.EventID] = e.ID
		}
		if ids[d.EventID] == e.ID {
			return "SUCCESS", true
		}
		return "HTTP 500", true
	}}
}

func answering(answer string) *payments {
	return &payments{onEvent: func(context.Context, contract.Event, orderData) (string, bool) { return answer, true }}
}

func TestRedeliveryOverEveryTransport(t *testing.T) {
	for _, transport := range []string{"http", "sdk-http", "sdk-grpc"} {
		for _, test := range []struct {
			name, reason string
			app          *payments
			want         []string
		}{
			{"sound", "each event_id is taken once", &payments{dedupe: "event_id", publish: true}, nil},
			{"broken", "one finding for each sample", &payments{dedupe: "id", publish: true}, []string{contract.RuleIdempotent, contract.RuleIdempotent}},
		} {
			t.Run(transport+"/"+test.name, func(t *testing.T) {
				onFake(t, func(t testing.TB) world.Config { return world.Config{Contracts: contracts(t)} }, func(t *testing.T, w *world.World) {
					w.Attach("payments", test.app.transports()[transport])
					found, err := scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 50), order(2, 60)},
						Snapshot: test.app.snapshot}.Findings(t.Context(), w)
					require.NoError(t, err)
					require.ElementsMatch(t, test.want, rules(found), "%s: %v", test.reason, found)
				})
			})
		}
	}
}

func TestRedeliveryByTheBroker(t *testing.T) {
	for _, test := range []struct {
		name, reason string
		app          *payments
		retries      int // -1: no policy
		want         []string
		wait         string
		took         time.Duration
	}{
		{name: "retry policy", reason: "the policy redelivers after a second",
			app: &payments{}, retries: 2, want: []string{contract.RuleIdempotent}, wait: "up to 1s", took: time.Second},
		{name: "retry policy, sound", reason: "it is deduped",
			app: &payments{dedupe: "event_id"}, retries: 2, wait: "up to 1s", took: time.Second},
		{name: "pending clock", reason: "Redis redelivers when the message was idle for processingTimeout, at the first tick of redeliverInterval (15 s) after that",
			app: &payments{}, retries: -1, want: []string{contract.RuleIdempotent}, wait: "up to 1m15s", took: 75 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			onFake(t, func(t testing.TB) world.Config {
				cfg := world.Config{Contracts: contracts(t)}
				if test.retries >= 0 {
					cfg.Resources = retries(test.retries)
				}
				return cfg
			}, func(t *testing.T, w *world.World) {
				w.Attach("payments", test.app.http)
				var log strings.Builder
				began := time.Now()
				found, err := scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 50)}, Snapshot: test.app.snapshot, Via: scenario.Broker,
					Log: func(format string, args ...any) {
						require.Zero(t, time.Since(began).Round(time.Millisecond), "the wait is told before it begins")
						fmt.Fprintf(&log, format+"\n", args...)
					}}.Findings(t.Context(), w)
				require.NoError(t, err)
				require.Equal(t, test.want, slices.Compact(append([]string(nil), rules(found)...)), test.reason)
				require.Contains(t, log.String(), "expected wait: "+test.wait)
				require.Equal(t, test.took, time.Since(began).Round(time.Millisecond))
			})
		})
	}
}

func TestRedeliveryByTheBrokerNeedsOneThatRedelivers(t *testing.T) {
	onFake(t, func(testing.TB) world.Config { return world.Config{} }, func(t *testing.T, w *world.World) {
		app := &payments{deadLetter: "orders.dead"}
		w.Attach("payments", app.http)
		_, err := scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 50)}, Via: scenario.Broker}.Findings(t.Context(), w)
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.ErrorContains(t, err, "dead-letters orders-1 to orders.dead at the first failure")

		skipped := &witness{TB: t}
		scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 50)}, Via: scenario.Broker}.Run(skipped, w)
		require.Contains(t, skipped.skipped, "use scenario.Repeat", "what a world cannot do is skipped, with the reason")
		require.Empty(t, skipped.failed)
	})
}

func TestRedeliveryByTheBrokerNeedsAnEventThatIsHandled(t *testing.T) {
	onFake(t, func(testing.TB) world.Config { return world.Config{Resources: retries(2)} }, func(t *testing.T, w *world.World) {
		w.Attach("payments", (&payments{deadLetter: "orders.dead", refuse: "RETRY"}).http)
		_, err := scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, -1)}, Via: scenario.Broker}.Findings(t.Context(), w)
		require.ErrorContains(t, err, "payments refuses orders-1 (RETRY); give sample events that it handles")
	})
}

func TestRedeliveryNotes(t *testing.T) {
	onFake(t, func(testing.TB) world.Config { return world.Config{} }, func(t *testing.T, w *world.World) {
		w.Attach("payments", (&payments{}).http)
		var notes []string
		unmoved := func(context.Context) (any, error) { return "the wrong table", nil }
		found, err := scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 50)}, Snapshot: unmoved, Log: func(format string, args ...any) {
			notes = append(notes, fmt.Sprintf(format, args...))
		}}.Findings(t.Context(), w)
		require.NoError(t, err)
		require.Empty(t, found)
		require.Equal(t, []string{
			"orders-1: the first delivery changed nothing that the snapshot shows and published nothing, so that a second changes nothing proves little",
			"orders-1: not published a second time under a new CloudEvents id: no contract says what its identity is",
		}, notes)
	})
}

// What a handler did that never answers is not known: it is neither a bad
// sample nor an event that comes again and again.
func TestRedeliveryOfWhatIsNotAnswered(t *testing.T) {
	redeliver := func(t *testing.T, w *world.World, app *payments) ([]contract.Violation, error) {
		w.Attach("payments", app.http)
		return scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 50)}, Snapshot: app.snapshot}.Findings(t.Context(), w)
	}
	panics := func(context.Context, contract.Event, orderData) (string, bool) { panic(http.ErrAbortHandler) }
	t.Run("panic, dead-lettered", func(t *testing.T) {
		onFake(t, func(testing.TB) world.Config { return world.Config{Resources: retries(2)} }, func(t *testing.T, w *world.World) {
			_, err := redeliver(t, w, &payments{deadLetter: "orders.dead", onEvent: panics})
			require.EqualError(t, err, "Redelivery: payments does not answer when it gets orders-1 (no answer (3 times)): its handler panics or the connection breaks")
		})
	})
	t.Run("panic, pending", func(t *testing.T) {
		onFake(t, func(testing.TB) world.Config { return world.Config{} }, func(t *testing.T, w *world.World) {
			found, err := redeliver(t, w, &payments{onEvent: panics})
			require.NoError(t, err)
			require.Equal(t, []string{contract.RulePending}, rules(found))
			require.Equal(t, "payments never finishes orders-1: it comes again and again", found[0].What)
			require.Equal(t, "still pending after 3 deliveries: no answer (3 times): its handler panics or the connection breaks", found[0].Got)
		})
	})
	t.Run("open", func(t *testing.T) {
		onFake(t, func(testing.TB) world.Config { return world.Config{} }, func(t *testing.T, w *world.World) {
			hangs := func(ctx context.Context, _ contract.Event, _ orderData) (string, bool) {
				<-ctx.Done()
				return "DROP", true
			}
			found, err := redeliver(t, w, &payments{onEvent: hangs})
			require.NoError(t, err)
			require.Equal(t, []string{contract.RulePending}, rules(found))
			// Redis hands out again what is pending, answered or not.
			require.Regexp(t, `^payments has not answered attempt [0-9]+ of orders-1$`, found[0].What)
			require.Regexp(t, `^still pending after [0-9]+ deliver(y|ies): no answer yet( \([0-9]+ times\))?$`, found[0].Got)
		})
	})
}

func TestRedeliveryMisuse(t *testing.T) {
	living := map[string]int{}
	for _, test := range []struct {
		name, reason string
		scenario     scenario.Redelivery
		want         string
	}{
		{"no app", "the app cannot be guessed", scenario.Redelivery{Events: []contract.Event{order(1, 1)}}, "App is empty; set it to the Dapr app id, one of payments"},
		{"unknown app", "a typing error would pass for a sound app", scenario.Redelivery{App: "payment", Events: []contract.Event{order(1, 1)}}, `no app "payment" is attached; attached are payments`},
		{"no events", "nothing would be checked", scenario.Redelivery{App: "payments"}, "Events is empty"},
		{"no topic", "the event cannot be sent", scenario.Redelivery{App: "payments", Events: []contract.Event{{ID: "1"}}}, "states no topic"},
		{"other topic", "the app would never get it", scenario.Redelivery{App: "payments", Events: []contract.Event{{ID: "1", Topic: "order"}}}, "payments does not subscribe to pubsub/order of event 1; it subscribes to pubsub/orders"},
		{"refused", "an event that is refused is not redelivered after it was handled", scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, -1)}}, "payments refuses orders-1 (DROP)"},
		{"no snapshot", "payments publishes nothing, and nobody looks at its state", scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 1)}}, "this proves nothing; set Snapshot: "},
		{"via", "an unknown way", scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 1)}, Via: "mail"}, `Via is "mail"`},
		{"living snapshot", "what is compared with itself never differs", scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 1)},
			Snapshot: func(context.Context) (any, error) { living["calls"]++; return living, nil }}, "the Snapshot function returns the living state"},
		{"unexported", "go-cmp panics at unexported fields", scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 1)},
			Snapshot: func(context.Context) (any, error) { return struct{ total int }{}, nil }}, "let Snapshot return a value of exported fields"},
		{"failing snapshot", "the store is down", scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 1)},
			Snapshot: func(context.Context) (any, error) { return nil, errors.New("no such table") }}, "take snapshot: no such table"},
	} {
		t.Run(test.name, func(t *testing.T) {
			onFake(t, func(testing.TB) world.Config { return world.Config{} }, func(t *testing.T, w *world.World) {
				w.Attach("payments", (&payments{}).http)
				_, err := test.scenario.Findings(t.Context(), w)
				require.ErrorContains(t, err, test.want, test.reason)
			})
		})
	}
}
