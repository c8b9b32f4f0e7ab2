package scenario_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"
	daprgrpc "github.com/dapr/go-sdk/service/grpc"
	daprhttp "github.com/dapr/go-sdk/service/http"
	"github.com/go-chi/chi/v5"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// contracts are order.placed, which orders publishes and payments reads, and
// payment.taken, which payments publishes.
func contracts(t testing.TB, change ...string) *contract.Catalog {
	t.Helper()
	placed := `event: order.placed
topic: orders
match: {/data/event_type: order.placed}
version: {from: /data/event_version}
identity: /data/event_id
correlation: /data/correlation_id
metadata: {partitionKey: /data/order_id, ttlInSeconds: "3600"}
versions:
  2: {status: draft}
producers:
  - {app: orders}
consumers:
  - app: payments
    deadLetterTopic: orders.dead
    maxDeliveries: 3
`
	taken := `event: payment.taken
topic: payments
producers:
  - {app: payments}
`
	catalog, err := contract.Load(fstest.MapFS{
		"order.placed/contract.yaml":  {Data: []byte(strings.NewReplacer(change...).Replace(placed))},
		"order.placed/v1.schema.json": {Data: []byte(orderSchema)},
		"order.placed/v2.schema.json": {Data: []byte(orderSchema)},
		"payment.taken/contract.yaml": {Data: []byte(taken)},
		"payment.taken/v1.schema.json": {Data: []byte(`{"type": "object", "required": ["order_id"],
			"properties": {"order_id": {"type": "string"}, "amount": {"type": "integer"}}}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

const orderSchema = `{
  "type": "object",
  "required": ["order_id", "amount"],
  "properties": {
    "event_id": {"type": "string"},
    "event_type": {"type": "string"},
    "event_version": {"type": "string"},
    "correlation_id": {"type": "string"},
    "order_id": {"type": "string"},
    "amount": {"type": "integer"}
  }
}
`

// retries is a resiliency policy of that many retries, a second apart.
func retries(n int) []fs.FS {
	return []fs.FS{fstest.MapFS{"pubsub.yaml": {Data: []byte(`apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec:
  type: pubsub.redis
  version: v1
  metadata: [{name: redisHost, value: "localhost:6379"}]
`)}, "resiliency.yaml": {Data: fmt.Appendf(nil, `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: resiliency}
spec:
  policies:
    retries:
      inbound: {policy: constant, duration: 1s, maxRetries: %d}
  targets:
    components:
      pubsub: {inbound: {retry: inbound}}
`, n)}}}
}

// order is an order.placed event.
func order(n, amount int) contract.Event {
	return contract.Event{Topic: "orders", Data: fmt.Appendf(nil, `{"event_id":"ord-%d","event_type":"order.placed","event_version":"1",`+
		`"correlation_id":"c-%d","order_id":"o-%d","amount":%d}`, n, n, n, amount)}
}

type orderData struct {
	EventID string `json:"event_id"`
	OrderID string `json:"order_id"`
	Amount  int    `json:"amount"`
}

// payments is a consumer of orders: it adds up amounts and refuses negative
// ones. How it tells events apart, and what it does wrong, can be chosen.
type payments struct {
	dedupe     string // "" not at all | id: by the CloudEvents id | event_id
	deadLetter string
	publish    bool   // payment.taken for each order taken; by default also without dedupe once
	refuse     string // how a negative amount is answered: status (default DROP), "HTTP 500", …
	// forget makes it answer in the wrong way to all that follows a refused order.
	stuck   bool
	onEvent func(ctx context.Context, e contract.Event, d orderData) (answer string, done bool)

	mu      sync.Mutex
	client  client.Client
	total   int
	seen    map[string]bool
	refused int
}

// handle takes an order and says how to answer: SUCCESS, RETRY, DROP, HTTP 500.
func (p *payments) handle(ctx context.Context, body []byte) string {
	e, err := contract.ParseEvent(body)
	if err != nil {
		return "DROP"
	}
	return p.take(ctx, e)
}

func (p *payments) take(ctx context.Context, e contract.Event) string {
	var d orderData
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return "DROP"
	}
	if p.onEvent != nil {
		if answer, done := p.onEvent(ctx, e, d); done {
			return answer
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	if d.Amount < 0 {
		p.refused++
		if p.refuse == "" {
			return "DROP"
		}
		return p.refuse
	}
	if p.stuck && p.refused > 0 {
		return "DROP"
	}
	key := map[string]string{"id": e.ID, "event_id": d.EventID}[p.dedupe]
	if key != "" && p.seen[key] {
		return "SUCCESS"
	}
	p.seen[key] = true
	p.total += d.Amount
	if p.publish {
		if err := p.client.PublishEvent(ctx, "pubsub", "payments", map[string]any{"order_id": d.OrderID, "amount": d.Amount}); err != nil {
			return "RETRY"
		}
	}
	return "SUCCESS"
}

func (p *payments) snapshot(context.Context) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return map[string]int{"total": p.total}, nil
}

// http is payments as a plain HTTP app.
func (p *payments) http(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
	p.client = s.Client()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode([]map[string]any{{"pubsubname": "pubsub", "topic": "orders", "route": "/orders", "deadLetterTopic": p.deadLetter}})
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer := p.handle(r.Context(), body)
		var code int
		if _, err := fmt.Sscanf(answer, "HTTP %d", &code); err == nil {
			w.WriteHeader(code)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"status": answer})
	})
	return world.HTTP(mux), nil
}

func (p *payments) subscription() *common.Subscription {
	return &common.Subscription{PubsubName: "pubsub", Topic: "orders", Route: "/orders", DeadLetterTopic: p.deadLetter}
}

func (p *payments) sdk(ctx context.Context, e *common.TopicEvent) (retry bool, err error) {
	event := contract.Event{ID: e.ID, Type: e.Type, Source: e.Source, Data: e.RawData}
	switch answer := p.take(ctx, event); answer {
	case "SUCCESS":
		return false, nil
	case "DROP":
		return false, fmt.Errorf("refused %s", e.ID)
	default:
		return true, fmt.Errorf("refused %s", e.ID)
	}
}

// sdkHTTP is payments as an HTTP service of the Go SDK.
func (p *payments) sdkHTTP(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
	p.client = s.Client()
	mux := chi.NewRouter()
	service := daprhttp.NewServiceWithMux(world.NoPort, mux)
	if err := service.AddTopicEventHandler(p.subscription(), p.sdk); err != nil {
		return world.Endpoint{}, err
	}
	return world.HTTPService(service, mux), nil
}

// sdkGRPC is payments as a gRPC service of the Go SDK.
func (p *payments) sdkGRPC(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
	p.client = s.Client()
	listener := world.Listen()
	service := daprgrpc.NewServiceWithListener(listener)
	if err := service.AddTopicEventHandler(p.subscription(), p.sdk); err != nil {
		return world.Endpoint{}, err
	}
	go func() { _ = service.Start() }() // ends when the listener closes
	return world.GRPC(listener), nil
}

// transports are all ways to write the app.
func (p *payments) transports() map[string]world.StartFunc {
	return map[string]world.StartFunc{"http": p.http, "sdk-http": p.sdkHTTP, "sdk-grpc": p.sdkGRPC}
}

// onFake runs a test on the fake, in a bubble.
func onFake(t *testing.T, cfg func(testing.TB) world.Config, test func(t *testing.T, w *world.World)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, fakes.Start(t, cfg(t))) })
}

// rules are the rule ids of findings, in order.
func rules(found []contract.Violation) []string {
	ids := []string{}
	for _, v := range found {
		ids = append(ids, v.Rule)
	}
	return ids
}
