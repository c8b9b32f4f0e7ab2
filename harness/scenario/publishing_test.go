package scenario_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"testing"

	"github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/scenario"
)

// publisher is an app that only publishes.
func publisher(context.Context, world.Sidecar) (world.Endpoint, error) { return world.None, nil }

// placed is the data of a sound order.placed, and its metadata.
func placed(change map[string]any) map[string]any {
	data := map[string]any{"event_id": "ord-1", "event_type": "order.placed", "event_version": "1", "correlation_id": "c-1", "order_id": "o-1", "amount": 50}
	for key, value := range change {
		if data[key] = value; value == nil {
			delete(data, key)
		}
	}
	return data
}

func metadata(change map[string]string) map[string]string {
	m := map[string]string{"partitionKey": "o-1", "ttlInSeconds": "3600"}
	maps.Copy(m, change)
	maps.DeleteFunc(m, func(_, value string) bool { return value == "" })
	return m
}

// publish is one publish call.
type publish struct {
	app, topic string // default orders, orders
	data       any
	metadata   map[string]string
}

func (p publish) do(ctx context.Context, w *world.World) error {
	if p.app == "" {
		p.app = "orders"
	}
	if p.topic == "" {
		p.topic = "orders"
	}
	s, err := w.Sidecar(ctx, p.app)
	if err != nil {
		return err
	}
	return s.Client().PublishEvent(ctx, "pubsub", p.topic, p.data, client.PublishEventWithMetadata(p.metadata))
}

func TestPublishing(t *testing.T) {
	asBytes, _ := json.Marshal(placed(nil))
	sound := publish{data: placed(nil), metadata: metadata(nil)}
	once := []scenario.Want{{Event: "order.placed"}}
	for _, test := range []struct {
		name, reason string
		publish      []publish
		contracts    []string // changes; nil: as they are
		none         bool     // no contracts
		wanted       []scenario.Want
		want         []string
		text         string // in the finding
		place        string
	}{
		{name: "sound", reason: "all as the contract says", publish: []publish{sound}, wanted: once},
		{name: "sound, nothing wanted in particular", reason: "one event or more of any contract", publish: []publish{sound, sound}},
		{name: "by topic", reason: "a topic names an event too", publish: []publish{sound}, wanted: []scenario.Want{{Event: "orders"}}},
		{name: "twice", reason: "two are wanted", publish: []publish{sound, sound}, wanted: []scenario.Want{{Event: "order.placed", Times: 2}}},
		{name: "any number", reason: "one or more are wanted", publish: []publish{sound, sound, sound}, wanted: []scenario.Want{{Event: "order.placed", Times: -1}}},
		{name: "nothing, as wanted", reason: "an action that must be silent", wanted: []scenario.Want{}},
		{name: "nothing", reason: "an action that publishes nothing proves nothing",
			want: []string{contract.RuleMissing}, text: "orders does not publish anything"},
		{name: "missing", reason: "it is wanted and does not come", wanted: once,
			want: []string{contract.RuleMissing}, text: "orders does not publish order.placed", place: "order.placed/contract.yaml:11"},
		{name: "missing once", reason: "one of two comes", publish: []publish{sound}, wanted: []scenario.Want{{Event: "order.placed", Times: 2}},
			want: []string{contract.RuleMissing}, text: "order.placed, 2 times"},
		{name: "misspelt", reason: "the event that goes out is the one that is meant: one mistake, one finding", publish: []publish{sound}, wanted: []scenario.Want{{Event: "order.palced"}},
			want: []string{contract.RuleMissing}, text: "no contract describes order.palced: did you mean order.placed?"},
		{name: "misspelt, nothing published", reason: "it would be missed under its right name, too", wanted: []scenario.Want{{Event: "orderplaced"}},
			want: []string{contract.RuleMissing}, text: "did you mean order.placed?"},
		{name: "unknown", reason: "near nothing: what went out is another event", publish: []publish{sound}, wanted: []scenario.Want{{Event: "invoice.sent"}},
			want: []string{contract.RuleExtra, contract.RuleMissing}, text: "nobody asked for"},
		{name: "nothing, no contracts", reason: "no name is known", none: true, wanted: once,
			want: []string{contract.RuleMissing}, text: "orders published nothing until the world had settled"},
		{name: "too often", reason: "a relay that publishes each row three times; one finding", publish: []publish{sound, sound, sound}, wanted: once,
			want: []string{contract.RuleExtra}, text: "3 times", place: "order.placed/contract.yaml:11"},
		{name: "extra", reason: "an event that nobody asked for", publish: []publish{sound}, wanted: []scenario.Want{},
			want: []string{contract.RuleExtra}, text: "nobody asked for"},
		{name: "wrong topic", reason: "the missing event is the one without a contract: one mistake, one finding",
			publish: []publish{{topic: "order", data: placed(nil), metadata: metadata(nil)}}, wanted: once, want: []string{contract.RuleNoContract}, text: "pubsub/orders"},
		{name: "wrong match", reason: "as for the topic",
			publish: []publish{{data: placed(map[string]any{"event_type": "order.place"}), metadata: metadata(nil)}}, wanted: once, want: []string{contract.RuleNoMatch}, text: "order.place"},
		{name: "bytes", reason: "the Go SDK sends a []byte as text/plain; all else that is wrong follows from that",
			publish: []publish{{data: asBytes, metadata: metadata(nil)}}, wanted: once, want: []string{contract.RuleContentType}, text: "PublishEventWithContentType"},
		{name: "bytes, without match", reason: "here the contract is found, and says so itself", contracts: []string{"match: {/data/event_type: order.placed}", "", "version: {from: /data/event_version}\n", ""},
			publish: []publish{{data: asBytes, metadata: metadata(nil)}}, wanted: once, want: []string{contract.RuleContentType}, text: "/datacontenttype"},
		{name: "bytes, no contract", reason: "needs no contract", none: true,
			publish: []publish{{data: asBytes}}, want: []string{contract.RuleContentType}, text: "text/plain"},
		{name: "text, no contract", reason: "a text that is no JSON may be meant", none: true, publish: []publish{{data: []byte("hello")}}},
		{name: "schema", reason: "amount is a number",
			publish: []publish{{data: placed(map[string]any{"amount": "50"}), metadata: metadata(nil)}}, wanted: once, want: []string{contract.RuleSchema}, text: "/data/amount", place: "order.placed/v1.schema.json:10"},
		{name: "undeclared", reason: "a property that the schema does not know",
			publish: []publish{{data: placed(map[string]any{"card": "4111"}), metadata: metadata(nil)}}, wanted: once, want: []string{contract.RuleUndeclared}, text: "/data/card"},
		{name: "identity", reason: "nobody could tell a second publish from a second order",
			publish: []publish{{data: placed(map[string]any{"event_id": nil}), metadata: metadata(nil)}}, wanted: once, want: []string{contract.RuleIdentity}, text: "/data/event_id"},
		{name: "correlation", reason: "the flow could not be followed",
			publish: []publish{{data: placed(map[string]any{"correlation_id": nil}), metadata: metadata(nil)}}, wanted: once, want: []string{contract.RuleCorrelation}, text: "/data/correlation_id"},
		{name: "draft", reason: "version 2 may still change",
			publish: []publish{{data: placed(map[string]any{"event_version": "2"}), metadata: metadata(nil)}}, wanted: once, want: []string{contract.RuleDraft}, text: "draft"},
		{name: "producer", reason: "billing is not named as a producer",
			publish: []publish{sound, {app: "billing", data: placed(nil), metadata: metadata(nil)}}, wanted: once, want: []string{contract.RuleProducer}, text: "billing"},
		{name: "other partition key", reason: "the key is the order's", wanted: once,
			publish: []publish{{data: placed(nil), metadata: metadata(map[string]string{"partitionKey": "o-2"})}}, want: []string{contract.RuleMetadata}, text: "partitionKey: o-2", place: "order.placed/contract.yaml:1"},
		{name: "no ttl", reason: "the event would be kept for ever", wanted: once,
			publish: []publish{{data: placed(nil), metadata: metadata(map[string]string{"ttlInSeconds": ""})}}, want: []string{contract.RuleMetadata}, text: "no ttlInSeconds"},
		{name: "undeclared metadata", reason: "nothing undeclared", wanted: once,
			publish: []publish{{data: placed(nil), metadata: metadata(map[string]string{"priority": "9"})}}, want: []string{contract.RuleMetadata}, text: "priority: 9"},
		{name: "overrides", reason: "cloudevent.* shape the event and are no metadata of it", wanted: once,
			publish: []publish{{data: placed(nil), metadata: metadata(map[string]string{"cloudevent.id": "my-id"})}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			onFake(t, func(t testing.TB) world.Config {
				if test.none {
					return world.Config{}
				}
				return world.Config{Contracts: contracts(t, test.contracts...)}
			}, func(t *testing.T, w *world.World) {
				w.Attach("orders", publisher)
				found, err := scenario.Publishing{App: "orders", Want: test.wanted, Act: func(ctx context.Context) error {
					for _, p := range test.publish {
						if err := p.do(ctx, w); err != nil {
							return err
						}
					}
					return nil
				}}.Findings(t.Context(), w)
				require.NoError(t, err)
				require.ElementsMatch(t, test.want, rules(found), "%s\n%v", test.reason, found)
				if len(found) > 0 {
					require.Contains(t, found[0].String(), test.text)
					require.NotEmpty(t, found[0].Trace)
				}
				if test.place != "" {
					require.Equal(t, test.place, found[0].Place.String())
				}
			})
		})
	}
}

func TestPublishingReadsItsOwnPartOfTheJournal(t *testing.T) {
	onFake(t, func(t testing.TB) world.Config { return world.Config{Contracts: contracts(t)} }, func(t *testing.T, w *world.World) {
		w.Attach("orders", publisher)
		sound := publish{data: placed(nil), metadata: metadata(nil)}
		for range 2 {
			found, err := scenario.Publishing{App: "orders", Want: []scenario.Want{{Event: "order.placed"}},
				Act: func(ctx context.Context) error { return sound.do(ctx, w) }}.Findings(t.Context(), w)
			require.NoError(t, err)
			require.Empty(t, found)
		}
	})
}

func TestPublishingWithAConsumerThatNeverFinishes(t *testing.T) {
	onFake(t, func(t testing.TB) world.Config { return world.Config{Contracts: contracts(t)} }, func(t *testing.T, w *world.World) {
		w.Attach("orders", publisher)
		w.Attach("payments", answering("HTTP 500").http)
		found, err := scenario.Publishing{App: "orders",
			Act: func(ctx context.Context) error { return publish{data: placed(nil), metadata: metadata(nil)}.do(ctx, w) }}.Findings(t.Context(), w)
		require.NoError(t, err)
		require.Equal(t, []string{contract.RulePending}, rules(found))
		require.Equal(t, "payments", found[0].App)
	})
}

func TestPublishingToAConsumerThatHasNotAnswered(t *testing.T) {
	onFake(t, func(t testing.TB) world.Config { return world.Config{Contracts: contracts(t)} }, func(t *testing.T, w *world.World) {
		w.Attach("orders", publisher)
		w.Attach("payments", (&payments{onEvent: func(ctx context.Context, _ contract.Event, _ orderData) (string, bool) {
			<-ctx.Done()
			return "DROP", true
		}}).http)
		found, err := scenario.Publishing{App: "orders",
			Act: func(ctx context.Context) error { return publish{data: placed(nil), metadata: metadata(nil)}.do(ctx, w) }}.Findings(t.Context(), w)
		require.NoError(t, err)
		require.Equal(t, []string{contract.RulePending}, rules(found))
		require.Regexp(t, "^payments has not answered attempt [0-9]+ of order.placed$", found[0].What)
	})
}

func TestPublishingMisuse(t *testing.T) {
	for _, test := range []struct {
		name, reason string
		scenario     scenario.Publishing
		want         string
	}{
		{"no act", "nothing would be done", scenario.Publishing{App: "orders"}, "Act is nil; set it to what makes orders publish"},
		{"no app", "whose events?", scenario.Publishing{}, "App is empty"},
		{"failing act", "its events would be those of half an action", scenario.Publishing{App: "orders", Act: func(context.Context) error { return errors.New("out of stock") }}, "act: out of stock"},
	} {
		t.Run(test.name, func(t *testing.T) {
			onFake(t, func(testing.TB) world.Config { return world.Config{} }, func(t *testing.T, w *world.World) {
				w.Attach("orders", publisher)
				_, err := test.scenario.Findings(t.Context(), w)
				require.ErrorContains(t, err, test.want, test.reason)
			})
		})
	}
}
