package fakes_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// outboxed is a state store whose transactions publish to the topic orders.
func outboxed(metadata ...string) map[string]string {
	return map[string]string{
		"pubsub.yaml": redis("pubsub"),
		"state.yaml":  stateYAML("store", "in-memory", append([]string{item("outboxPublishPubsub", "pubsub"), item("outboxPublishTopic", "orders")}, metadata...)...),
	}
}

// sender is an app that writes state, in the course of a delivery too, and gets
// what its outbox publishes.
type sender struct {
	inbox
	client client.Client
}

func (s *sender) start(ctx context.Context, sidecar world.Sidecar) (world.Endpoint, error) {
	s.client = sidecar.Client()
	return s.inbox.start(ctx, sidecar)
}

func upsert(key, value string, metadata ...string) *client.StateOperation {
	item := &client.SetStateItem{Key: key, Value: []byte(value), Metadata: make(map[string]string)}
	for i := 0; i < len(metadata); i += 2 {
		item.Metadata[metadata[i]] = metadata[i+1]
	}
	return &client.StateOperation{Type: client.StateOperationTypeUpsert, Item: item}
}

// conflict is an operation that no transaction with it is carried out for.
func conflict() *client.StateOperation {
	o := upsert("conflict", "v")
	o.Item.Etag = &client.ETag{Value: "none"}
	return o
}

func (s *sender) transact(ctx context.Context, operations ...*client.StateOperation) error {
	return s.client.ExecuteStateTransaction(ctx, "store", nil, operations)
}

// outboxEntries are the journal's entries about the events of outboxes.
func outboxEntries(w *world.World) (all []journal.Entry) {
	for _, e := range w.Journal().Entries() {
		if len(e.Event.ID) > 7 && e.Event.ID[:7] == "outbox-" {
			all = append(all, e)
		}
	}
	return all
}

func TestTheOutboxPublishesWhatATransactionWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(outboxed())})
		app := &sender{inbox: inbox{subscriptions: []subscription{on("orders")}}}
		w.Attach("a", app.start)
		began := time.Now()
		require.NoError(t, app.transact(t.Context(), upsert("k", `{"n":1}`, "contentType", "application/json", "k", "v"), &client.StateOperation{Type: client.StateOperationTypeDelete, Item: &client.SetStateItem{Key: "l"}}))
		require.Empty(t, outboxEntries(w))
		settle(t, w)
		require.Len(t, app.ids(), 1)
		entries := outboxEntries(w)
		require.Equal(t, journal.Published, entries[0].Kind)
		require.Equal(t, time.Second, (entries[0].At - w.Journal().Since(began)).Truncate(time.Millisecond), "the sidecar waits a second for the transaction")
		require.Equal(t, "outbox of store", entries[0].Note)
		var e map[string]any
		require.NoError(t, json.Unmarshal(entries[0].Data, &e))
		require.Equal(t, map[string]any{"id": app.ids()[0], "source": "a", "type": "com.dapr.event.sent", "specversion": "1.0", "datacontenttype": "application/json", "data": map[string]any{"n": 1.0},
			"contentType": "application/json", "k": "v", "topic": "orders", "pubsubname": "pubsub", "time": began.Format(time.RFC3339),
			"traceid": "00-00000000000000000000000000000000-0000000000000000-00", "traceparent": "", "tracestate": ""}, e)
		require.Empty(t, journal.CheckDelivered(w.Journal()))
	})
}

func TestSettleWaitsForTheOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := outboxed()
		files["pubsub.yaml"] = redis("pubsub", item("processingTimeout", "0"))
		w := fakes.Start(t, world.Config{Resources: resources(files)})
		app := &sender{inbox: inbox{subscriptions: []subscription{on("orders")}}}
		w.Attach("a", app.start)
		require.NoError(t, app.transact(t.Context(), upsert("k", "v")))
		settle(t, w)
		require.Len(t, app.ids(), 1, "though nothing that is pending would come again")
	})
}

func TestTheMarkerIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(outboxed(item("keyPrefix", "none")))})
		app := &sender{inbox: inbox{subscriptions: []subscription{on("orders")}}}
		w.Attach("a", app.start)
		require.NoError(t, app.transact(t.Context(), upsert("k", "v")))
		synctest.Wait()
		time.Sleep(time.Second - 1) //nolint:forbidigo // in a bubble: virtual time
		require.Empty(t, app.ids())
		settle(t, w)
		marker, err := app.client.GetState(t.Context(), "store", app.ids()[0], nil)
		require.NoError(t, err)
		require.Nil(t, marker.Value)
	})
}

// What led to a transaction led to its events.
func TestAnOutboxEventHasTheCauseOfItsTransaction(t *testing.T) {
	for name, within := range map[string]func(*http.Request) context.Context{
		"told by the context": (*http.Request).Context,
		"the only one open":   func(*http.Request) context.Context { return context.Background() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{Resources: resources(outboxed())})
				app := &sender{inbox: inbox{subscriptions: []subscription{on("commands"), on("orders")}}}
				app.answer = func(rw http.ResponseWriter, r *http.Request, e contract.Event) {
					if e.Topic == "commands" {
						if err := app.transact(within(r), upsert("k", e.ID)); err != nil {
							rw.WriteHeader(http.StatusInternalServerError)
						}
					}
				}
				w.Attach("a", app.start)
				send(t, w, event("command", "commands"))
				settle(t, w)
				published := outboxEntries(w)[0]
				require.NotZero(t, published.Cause)
				cause := w.Journal().Entries()[published.Cause-1]
				require.Equal(t, journal.Delivered, cause.Kind)
				require.Equal(t, "command", cause.Event.ID)
			})
		})
	}
}

func TestATransactionThatFailsCostsAWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := outboxed(item("outboxDiscardWhenMissingState", "true"))
		files["pubsub.yaml"] = redis("pubsub", item("concurrency", "1"))
		w := fakes.Start(t, world.Config{Resources: resources(files)})
		app := &sender{inbox: inbox{subscriptions: []subscription{on("orders")}}}
		w.Attach("a", app.start)
		began := time.Now()
		require.Error(t, app.transact(t.Context(), upsert("k", "v"), conflict()))
		err := w.Settle(t.Context())
		require.ErrorIs(t, err, world.ErrPending)
		require.NotContains(t, told(w, outboxEntries(w)[0].Event.ID), "published")
		pending := outboxEntries(w)[0]
		require.Equal(t, journal.Pending, pending.Kind)
		require.Equal(t, "defaultaordersoutbox", pending.Topic)
		require.Contains(t, pending.Note, "for ever")
		after := pending.At - w.Journal().Since(began)
		require.True(t, after > 8*time.Second && after <= 11*time.Second, "it looks for ten seconds, in waits of up to three: %s", after)
		send(t, w, event("later", "orders"))
		require.ErrorIs(t, w.Settle(t.Context()), world.ErrPending)
		require.Empty(t, app.ids(), "its one worker looks for the marker")
	})
}

func TestAnOutboxSlowerThanProcessingTimeoutPublishesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(outboxed()), Clocks: world.Clocks{ProcessingTimeout: 900 * time.Millisecond, RedeliverInterval: 300 * time.Millisecond}})
		app := &sender{inbox: inbox{subscriptions: []subscription{on("orders")}}}
		w.Attach("a", app.start)
		require.NoError(t, app.transact(t.Context(), upsert("k", "v")))
		require.ErrorIs(t, w.Settle(t.Context()), world.ErrPending)
		require.Empty(t, app.ids())
		require.Equal(t, journal.PublishFailed, outboxEntries(w)[0].Kind)
	})
}

// What was sent while the app was not there, or before its sidecar read its own
// topic, is published too.
func TestTheOutboxNeedsNoApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(outboxed())})
		app := &sender{}
		var early error
		w.Attach("a", func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
			app.client = s.Client()
			early = app.transact(ctx, upsert("k", "v"))
			return world.None, nil
		})
		require.NoError(t, early)
		reader := &inbox{subscriptions: []subscription{on("orders")}}
		w.Attach("b", reader.start)
		settle(t, w)
		require.Len(t, reader.ids(), 1)
	})
}

func TestTwoOutboxesOfOneTopicTakeEachOthersEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := outboxed()
		files["other.yaml"] = stateYAML("other", "in-memory", item("outboxPublishPubsub", "pubsub"), item("outboxPublishTopic", "orders"))
		w := fakes.Start(t, world.Config{Resources: resources(files)})
		app := &sender{inbox: inbox{subscriptions: []subscription{on("orders")}}}
		w.Attach("a", app.start)
		for range 4 {
			require.NoError(t, app.transact(t.Context(), upsert("k", "v")))
		}
		time.Sleep(20 * time.Second) //nolint:forbidigo // in a bubble: virtual time
		synctest.Wait()
		require.Len(t, app.ids(), 2, "the others are looked for in the other store")
		settle(t, w)
		require.Len(t, app.ids(), 4, "until Redis gives them to the other subscription")
	})
}

func TestATransactionThatDaprdPanicsAt(t *testing.T) {
	w := fakes.Start(t, world.Config{Resources: resources(outboxed())})
	var at string
	app := &sender{}
	w.Attach("a", func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
		at, app.client = "http://"+s.HTTPAddress(), s.Client()
		return world.None, nil
	})
	const body = `{"operations":[{"operation":"upsert","request":{"key":"k"}},{"operation":"upsert","request":{"key":"k","metadata":{"outbox.projection":"true"}}},` +
		`{"operation":"upsert","request":{"key":"l","metadata":{"outbox.projection":"true"}}}]}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/v1.0/state/store/transaction", strings.NewReader(body))
	require.NoError(t, err)
	_, err = http.DefaultTransport.RoundTrip(request) //nolint:bodyclose // there is none
	require.True(t, errors.Is(err, io.EOF), "%v", err)
	err = app.transact(t.Context(), upsert("k", "v"), upsert("k", "e", "outbox.projection", "true"), upsert("l", "e", "outbox.projection", "true"))
	require.ErrorContains(t, err, "put an operation that is none last")
}

func TestOutboxEventsAreHeldAgainstTheirContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		catalog, err := contract.Load(fstest.MapFS{
			"order/contract.yaml":  {Data: []byte("event: order\ntopic: orders\nidentity: /id\nproducers:\n  - {app: a}\n")},
			"order/v1.schema.json": {Data: []byte(`{"type":"object","properties":{"id":{"type":"string"}},"required":["id"]}`)},
		})
		require.NoError(t, err)
		w := fakes.Start(t, world.Config{Resources: resources(outboxed()), Contracts: catalog})
		w.Expect(contract.RuleSchema)
		w.Expect(contract.RuleAttribute) // contentType is an attribute of the event, and no name of one
		rules := func() (rules []string) {
			for _, v := range w.Violations() {
				rules = append(rules, v.Rule)
			}
			return rules
		}
		app := &sender{inbox: inbox{subscriptions: []subscription{on("orders")}}}
		w.Attach("a", app.start)
		require.NoError(t, app.transact(t.Context(), upsert("k", `{"id":"o1"}`, "contentType", "application/json")))
		settle(t, w)
		require.Equal(t, []string{contract.RuleAttribute}, rules())
		require.NoError(t, app.transact(t.Context(), upsert("k", `{"id":1}`, "contentType", "application/json")))
		settle(t, w)
		require.Contains(t, rules(), contract.RuleSchema)
	})
}
