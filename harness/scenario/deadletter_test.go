package scenario_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/scenario"
)

func TestDeadLetter(t *testing.T) {
	dead := "orders.dead"
	for _, test := range []struct {
		name, reason  string
		app           *payments
		none          bool // no contracts
		retries       int  // -1: no policy
		max           int
		want          []string
		text          string
		place         string
		withoutAround bool
		nothing       bool // is published
	}{
		{name: "refused by DROP", reason: "DROP ends it at the first delivery, whatever the policy", app: &payments{deadLetter: dead}, retries: 2},
		{name: "refused by RETRY", reason: "three deliveries, as policy and contract say", app: &payments{deadLetter: dead, refuse: "RETRY"}, retries: 2},
		{name: "refused by 500", reason: "likewise", app: &payments{deadLetter: dead, refuse: "HTTP 500"}, retries: 2},
		{name: "unknown status", reason: "daprd retries a status that it does not know", app: &payments{deadLetter: dead, refuse: "BANANA"}, retries: 2},
		{name: "no policy, no contract", reason: "without a policy the first failure is the last", app: &payments{deadLetter: dead, refuse: "RETRY"}, none: true, retries: -1},
		{name: "no neighbours", reason: "they are not needed", app: &payments{deadLetter: dead}, retries: 2, withoutAround: true},
		{name: "acknowledged", reason: "the app swallows what it cannot use", app: &payments{deadLetter: dead, refuse: "SUCCESS"}, retries: 2,
			want: []string{contract.RuleRefuse}, text: "payments acknowledges ord-9, which it must refuse", place: "order.placed/contract.yaml:13"},
		{name: "too few retries", reason: "the contract says 3, the policy 2; both parts see it, one says so", app: &payments{deadLetter: dead, refuse: "RETRY"}, retries: 1,
			want: []string{contract.RuleDeliveries}, text: "2 deliveries: RETRY (2 times)", place: "order.placed/contract.yaml:13"},
		{name: "too few retries, DROP", reason: "the app hides it, the part that breaks the deliveries shows it", app: &payments{deadLetter: dead}, retries: 1,
			want: []string{contract.RuleDeliveries}, text: "retry policy inbound: 2 deliveries (resiliency.yaml:"},
		{name: "too many, no contract", reason: "MaxDeliveries says 1", app: &payments{deadLetter: dead, refuse: "RETRY"}, none: true, retries: 2, max: 1,
			want: []string{contract.RuleDeliveries}, text: "3 deliveries", place: "resiliency.yaml:10"},
		{name: "other topic", reason: "the subscription names another topic than the contract", app: &payments{deadLetter: "orders.deadletter"}, retries: 2,
			want: []string{contract.RuleDeadLetter}, text: "+ orders.deadletter", place: "order.placed/contract.yaml:13"},
		{name: "no topic in the subscription", reason: "DROP without a dead letter topic is lost", app: &payments{}, retries: 2,
			want: []string{contract.RuleDeadLetter}, text: "- deadLetterTopic orders.dead in the subscription\n    + none\n", nothing: true},
		{name: "no topic in the subscription, retried", reason: "what is refused there never settles, which nobody should wait for", app: &payments{refuse: "RETRY"}, retries: -2,
			want: []string{contract.RuleDeadLetter}, text: "subscribe  pubsub/orders by payments  -> no dead letter topic", nothing: true},
		{name: "no topic at all", reason: "nothing says where it should go", app: &payments{}, none: true, retries: 2,
			want: []string{contract.RuleDeadLetter}, text: "payments has no dead letter topic for pubsub/orders", nothing: true},
		{name: "404", reason: "daprd 1.16 acknowledges it without a dead letter", app: &payments{deadLetter: dead, refuse: "HTTP 404"}, retries: 2,
			want: []string{contract.RuleDeadLetter}, text: "HTTP 404, which daprd 1.16 acknowledges without a dead letter"},
		{name: "under another id", reason: "an app that moves it itself, and answers 404 so that Dapr does not, loses its id", app: moving(nil), retries: 2,
			want: []string{contract.RuleAltered}, text: "ord-9 arrives on orders.dead under another id"},
		{name: "rewritten", reason: "an app that moves it itself sends other bytes", app: moving(map[string]string{"cloudevent.id": "orders-1"}), retries: 2,
			want: []string{contract.RuleAltered}, text: "ord-9 is altered on its way"},
		{name: "stuck", reason: "what follows the poison is refused too", app: &payments{deadLetter: dead, stuck: true}, retries: 2,
			want: []string{contract.RuleUnharmed}, text: "payments harms ord-2, which is published around the poison ord-9"},
		{name: "for ever", reason: "a policy without a limit never dead-letters", app: &payments{deadLetter: dead, refuse: "RETRY"}, retries: -2,
			want: []string{contract.RulePending}, text: "payments never finishes ord-9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			onFake(t, func(t testing.TB) world.Config {
				cfg := world.Config{}
				if !test.none {
					cfg.Contracts = contracts(t)
				}
				switch {
				case test.retries == -2:
					cfg.Resources = retries(-1)
				case test.retries >= 0:
					cfg.Resources = retries(test.retries)
				}
				return cfg
			}, func(t *testing.T, w *world.World) {
				w.Attach("payments", test.app.http)
				s := scenario.DeadLetter{App: "payments", Poison: order(9, -1), Around: []contract.Event{order(1, 50), order(2, 60)}, MaxDeliveries: test.max, Log: t.Logf}
				if test.withoutAround {
					s.Around = nil
				}
				found, err := s.Findings(t.Context(), w)
				require.NoError(t, err)
				require.ElementsMatch(t, test.want, rules(found), "%s\n%v\n%s", test.reason, found, journal.Text(w.Journal().Entries(), 0))
				if len(found) > 0 {
					require.Contains(t, found[0].String(), test.text)
					require.NotEmpty(t, found[0].Trace)
				}
				if slices.Contains(test.want, contract.RulePending) {
					require.NotContains(t, journal.Text(w.Journal().Entries(), 0), "FailDelivery", "what never settles once is not tried again")
				}
				if test.nothing {
					require.NotContains(t, journal.Text(w.Journal().Entries(), 0), "published")
				}
				if test.place != "" {
					require.Equal(t, test.place, found[0].Place.String())
				}
			})
		})
	}
}

// moving is an app that publishes what it refuses to the dead letter topic
// itself, and answers so that daprd 1.16 does not.
func moving(metadata map[string]string) *payments {
	p := &payments{deadLetter: "orders.dead"}
	p.onEvent = func(ctx context.Context, e contract.Event, d orderData) (string, bool) {
		if d.Amount >= 0 {
			return "", false
		}
		err := p.client.PublishEvent(ctx, "pubsub", "orders.dead", e.Data,
			client.PublishEventWithContentType("application/json"), client.PublishEventWithMetadata(metadata))
		if err != nil {
			return "RETRY", true
		}
		return "HTTP 404", true
	}
	return p
}

func TestDeadLetterOverEveryTransport(t *testing.T) {
	for _, transport := range []string{"http", "sdk-http", "sdk-grpc"} {
		for _, refuse := range []string{"DROP", "RETRY"} {
			t.Run(transport+"/"+refuse, func(t *testing.T) {
				onFake(t, func(t testing.TB) world.Config { return world.Config{Contracts: contracts(t), Resources: retries(2)} }, func(t *testing.T, w *world.World) {
					app := &payments{deadLetter: "orders.dead", refuse: refuse}
					w.Attach("payments", app.transports()[transport])
					scenario.DeadLetter{App: "payments", Poison: order(9, -1), Around: []contract.Event{order(1, 50), order(2, 60), order(3, 70)}}.Run(t, w)
					require.Equal(t, 180, app.total, "the neighbours take effect, and the broken delivery does not")
				})
			})
		}
	}
}

func TestDeadLetterRunsTwiceInAWorld(t *testing.T) {
	onFake(t, func(t testing.TB) world.Config { return world.Config{Contracts: contracts(t), Resources: retries(2)} }, func(t *testing.T, w *world.World) {
		w.Attach("payments", (&payments{deadLetter: "orders.dead"}).http)
		for range 2 {
			scenario.DeadLetter{App: "payments", Poison: order(9, -1), Around: []contract.Event{order(1, 50)}}.Run(t, w)
		}
		require.Equal(t, []string{"payments", "orders"}, w.Apps(), "the scenario attaches no app of its own")
	})
}

func TestDeadLetterTellsTheWaitFirst(t *testing.T) {
	onFake(t, func(t testing.TB) world.Config { return world.Config{Resources: retries(2)} }, func(t *testing.T, w *world.World) {
		w.Attach("payments", (&payments{deadLetter: "orders.dead", refuse: "RETRY"}).http)
		var notes []string
		found, err := scenario.DeadLetter{App: "payments", Poison: order(9, -1), Log: func(format string, args ...any) {
			notes = append(notes, fmt.Sprintf(format, args...))
		}}.Findings(t.Context(), w)
		require.NoError(t, err)
		require.Empty(t, found)
		require.Len(t, notes, 2)
		require.Contains(t, notes[0], "expected wait for the poison event: up to 2s (retry policy inbound: 3 deliveries (resiliency.yaml:")
	})
}

func TestDeadLetterAllowsAPoisonThatBreaksItsContract(t *testing.T) {
	onFake(t, func(t testing.TB) world.Config { return world.Config{Contracts: contracts(t)} }, func(t *testing.T, w *world.World) {
		w.Attach("payments", (&payments{deadLetter: "orders.dead"}).http)
		poison := order(9, -1)
		poison.Data = []byte(`{"event_id":"ord-9","event_type":"order.placed","event_version":"1","correlation_id":"c","order_id":"o","amount":"-1"}`)
		scenario.DeadLetter{App: "payments", Poison: poison, MaxDeliveries: 1}.Run(t, w)
		require.NotEmpty(t, w.Violations(), "the world saw it, and was told to expect it")
	})
}

// A subscription of the app's own takes the place of the one in the team's
// YAML, dead letter topic and all.
func TestDeadLetterOfAnOverriddenSubscription(t *testing.T) {
	yaml := func(deadLetterTopic, scopes string) world.Config {
		return world.Config{Resources: []fs.FS{fstest.MapFS{"subscriptions.yaml": {Data: fmt.Appendf(nil, `apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: orders}
spec:
  pubsubname: pubsub
  topic: orders
  %s
  routes: {default: /orders}
scopes: [%s]
`, deadLetterTopic, scopes)}}}}
	}
	silent := func(context.Context, world.Sidecar) (world.Endpoint, error) {
		mux := http.NewServeMux()
		mux.HandleFunc("POST /orders", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		return world.HTTP(mux), nil
	}
	for _, test := range []struct {
		name, reason string
		cfg          world.Config
		app          world.StartFunc
		what, got    string
	}{
		{"programmatic", "the app asks for the topic without a dead letter topic", yaml("deadLetterTopic: orders.dead", "payments"), (&payments{}).http,
			"payments subscribes to orders itself, without a dead letter topic; the one in subscriptions.yaml:2 (orders.dead) is therefore not used: set DeadLetterTopic in common.Subscription", "none"},
		{"SDK", "likewise", yaml("deadLetterTopic: orders.dead", "payments"), (&payments{}).sdkGRPC,
			"payments subscribes to orders itself, without a dead letter topic; the one in subscriptions.yaml:2 (orders.dead) is therefore not used: set DeadLetterTopic in common.Subscription", "none"},
		{"another app's", "what is not for the app is no remedy", yaml("deadLetterTopic: orders.dead", "other"), (&payments{}).http,
			"payments has no dead letter topic for pubsub/orders: what it refuses is lost, or comes again for ever", "none"},
		{"declarative", "the YAML is to be changed", yaml("", "payments"), silent,
			"payments has no dead letter topic for pubsub/orders: what it refuses is lost, or comes again for ever", "none in subscriptions.yaml:2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			onFake(t, func(t testing.TB) world.Config {
				cfg := test.cfg
				cfg.Contracts = contracts(t)
				return cfg
			}, func(t *testing.T, w *world.World) {
				w.Attach("payments", test.app)
				found, err := scenario.DeadLetter{App: "payments", Poison: order(9, -1)}.Findings(t.Context(), w)
				require.NoError(t, err)
				require.Equal(t, []string{contract.RuleDeadLetter}, rules(found), test.reason)
				require.Equal(t, test.what, found[0].What)
				require.Equal(t, test.got, found[0].Got)
			})
		})
	}
}

func TestDeadLetterOfAHandlerThatPanics(t *testing.T) {
	panicking := func(amount int) *payments {
		return &payments{deadLetter: "orders.dead", onEvent: func(_ context.Context, _ contract.Event, d orderData) (string, bool) {
			if d.Amount == amount {
				panic(http.ErrAbortHandler)
			}
			return "", false
		}}
	}
	onFake(t, func(t testing.TB) world.Config { return world.Config{Contracts: contracts(t), Resources: retries(2)} }, func(t *testing.T, w *world.World) {
		w.Attach("payments", panicking(-1).http)
		var notes strings.Builder
		found, err := scenario.DeadLetter{App: "payments", Poison: order(9, -1), Log: func(format string, args ...any) { fmt.Fprintf(&notes, format+"\n", args...) }}.Findings(t.Context(), w)
		require.NoError(t, err)
		require.Empty(t, found)
		require.Contains(t, notes.String(), "payments does not refuse ord-9, it does not answer (no answer (3 times)): its handler panics or the connection breaks")
	})
	onFake(t, func(t testing.TB) world.Config { return world.Config{Contracts: contracts(t), Resources: retries(2)} }, func(t *testing.T, w *world.World) {
		w.Attach("payments", panicking(50).http)
		found, err := scenario.DeadLetter{App: "payments", Poison: order(9, -1), Around: []contract.Event{order(1, 50)}}.Findings(t.Context(), w)
		require.NoError(t, err)
		require.Equal(t, []string{contract.RuleUnharmed}, rules(found))
		require.Contains(t, found[0].Got, "no answer (3 times): its handler panics or the connection breaks")
	})
}

func TestDeadLetterMisuse(t *testing.T) {
	for _, test := range []struct {
		name, reason string
		scenario     scenario.DeadLetter
		want         string
	}{
		{"no poison", "nothing would be refused", scenario.DeadLetter{App: "payments"}, "Poison is empty; give an event that payments must refuse"},
		{"negative", "not a number of deliveries", scenario.DeadLetter{App: "payments", Poison: order(9, -1), MaxDeliveries: -1}, "MaxDeliveries is -1"},
		{"other topic", "the app does not read it", scenario.DeadLetter{App: "payments", Poison: contract.Event{Topic: "order"}}, "payments does not subscribe to pubsub/order"},
		{"one id twice", "the two could not be told apart", scenario.DeadLetter{App: "payments", Poison: contract.Event{ID: "a", Topic: "other", Data: []byte("{}")},
			Around: []contract.Event{{ID: "a", Topic: "other", Data: []byte("{}")}}}, "two events have the id a"},
		{"own topic", "the event would come again for ever", scenario.DeadLetter{App: "payments", Poison: order(9, -1)}, "the dead letter topic of orders is the topic itself"},
	} {
		t.Run(test.name, func(t *testing.T) {
			onFake(t, func(testing.TB) world.Config { return world.Config{} }, func(t *testing.T, w *world.World) {
				w.Attach("payments", subscriber("orders", "orders", "other", "other.dead"))
				_, err := test.scenario.Findings(t.Context(), w)
				require.ErrorContains(t, err, test.want, test.reason)
				require.NotErrorIs(t, err, errors.ErrUnsupported)
			})
		})
	}
}

// subscriber takes all that comes on topics, each given with its dead letter topic.
func subscriber(topics ...string) world.StartFunc {
	return func(context.Context, world.Sidecar) (world.Endpoint, error) {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
			var all []map[string]string
			for i := 0; i < len(topics); i += 2 {
				all = append(all, map[string]string{"pubsubname": "pubsub", "topic": topics[i], "route": "/all", "deadLetterTopic": topics[i+1]})
			}
			_ = json.NewEncoder(w).Encode(all)
		})
		mux.HandleFunc("POST /all", func(http.ResponseWriter, *http.Request) {})
		return world.HTTP(mux), nil
	}
}

func TestExpectedWait(t *testing.T) {
	for _, test := range []struct {
		name, reason, policy string
		scale                float64
		want                 string
	}{
		{"constant", "two waits of a second", "{policy: constant, duration: 1s, maxRetries: 2}", 0, "up to 2s"},
		{"scaled", "Clocks shortens them", "{policy: constant, duration: 1s, maxRetries: 2}", 0.5, "up to 1s"},
		{"exponential", "0.5, 0.6 and 0.6 s, each up to half as long again", "{policy: exponential, maxInterval: 600ms, maxRetries: 3}", 0, "up to 2.55s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			onFake(t, func(testing.TB) world.Config {
				root := retries(2)[0].(fstest.MapFS)
				root["resiliency.yaml"].Data = bytes.ReplaceAll(root["resiliency.yaml"].Data, []byte("{policy: constant, duration: 1s, maxRetries: 2}"), []byte(test.policy))
				return world.Config{Resources: []fs.FS{root}, Clocks: world.Clocks{RetryScale: test.scale}}
			}, func(t *testing.T, w *world.World) {
				w.Attach("payments", (&payments{deadLetter: "orders.dead"}).http)
				var notes strings.Builder
				found, err := scenario.DeadLetter{App: "payments", Poison: order(9, -1), Log: func(format string, args ...any) { fmt.Fprintf(&notes, format, args...) }}.Findings(t.Context(), w)
				require.NoError(t, err)
				require.Empty(t, found)
				require.Contains(t, notes.String(), test.want, test.reason)
			})
		})
	}
}
