package quickstart_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"

	"github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"
	daprgrpc "github.com/dapr/go-sdk/service/grpc"
	daprhttp "github.com/dapr/go-sdk/service/http"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/contracttest"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/examples/quickstart"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/scenario"
)

// worker is payments as a service of the Go SDK: what its main sets up.
type worker struct{ payments *quickstart.Payments }

var orders = &common.Subscription{PubsubName: "pubsub", Topic: "orders", Route: "/orders", DeadLetterTopic: "orders.payments.dead"}

// handle hands an order to the plain service: one way to charge is enough here.
func (s worker) handle(ctx context.Context, e *common.TopicEvent) (retry bool, err error) {
	body, err := json.Marshal(map[string]json.RawMessage{"data": e.RawData})
	if err != nil {
		return false, err
	}
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/orders", bytes.NewReader(body))
	answer := httptest.NewRecorder()
	s.payments.Handler().ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		return true, errors.New(answer.Body.String())
	}
	return false, nil
}

// README: attach the SDK's services
func (s worker) overHTTP(context.Context, world.Sidecar) (world.Endpoint, error) {
	mux := chi.NewRouter()
	service := daprhttp.NewServiceWithMux(world.NoPort, mux) // no port is opened
	if err := service.AddTopicEventHandler(orders, s.handle); err != nil {
		return world.Endpoint{}, err
	}
	return world.HTTPService(service, mux), nil
}

func (s worker) overGRPC(context.Context, world.Sidecar) (world.Endpoint, error) {
	listener := world.Listen() // in memory
	service := daprgrpc.NewServiceWithListener(listener)
	if err := service.AddTopicEventHandler(orders, s.handle); err != nil {
		return world.Endpoint{}, err
	}
	go func() { _ = service.Start() }() // ends when the world closes the listener
	return world.GRPC(listener), nil
}

// README: end

// README: an app that publishes
func TestShop(t *testing.T) {
	w := fakes.Start(t, world.Config{Contracts: contracttest.Load(t, os.DirFS("contracts"))})

	var dapr client.Client
	w.Attach("shop", func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
		dapr = s.Client()
		return world.None, nil // nothing calls it; one that is called returns its handler
	})

	scenario.Publishing{
		App: "shop",
		Act: func(ctx context.Context) error {
			return dapr.PublishEvent(ctx, "pubsub", "orders", map[string]any{"order_id": "ord-7", "customer": "ada", "cents": 900})
		},
		Want: []scenario.Want{{Event: "order.placed"}},
	}.Run(t, w)
}

// README: end

// README: in a bubble
func TestPaymentsInABubble(t *testing.T) { synctest.Test(t, TestPayments) }

// README: end

// README: a flow
func TestAnOrderIsCharged(t *testing.T) {
	catalog := contracttest.Load(t, os.DirFS("contracts"))
	w := fakes.Start(t, world.Config{Contracts: catalog, Resources: []fs.FS{os.DirFS("dapr")}})
	payments := quickstart.New()
	w.Attach("payments", worker{payments}.overGRPC)

	require.NoError(t, w.Send(t.Context(), contracttest.Example(t, catalog, "order.placed", "1", "plain")))
	require.NoError(t, w.Settle(t.Context()))
	require.Equal(t, map[string]int{"ada": 7000, "bob": 0}, payments.Charged())
	require.Empty(t, journal.CheckDelivered(w.Journal()))
}

// README: end

func TestTheWorkerIsIdempotentOverBothProtocols(t *testing.T) {
	for _, on := range []struct {
		name  string
		start func(worker) world.StartFunc
	}{
		{"http", func(s worker) world.StartFunc { return s.overHTTP }},
		{"grpc", func(s worker) world.StartFunc { return s.overGRPC }},
	} {
		t.Run(on.name, func(t *testing.T) {
			catalog := contracttest.Load(t, os.DirFS("contracts"))
			w := fakes.Start(t, world.Config{Contracts: catalog, Resources: []fs.FS{os.DirFS("dapr")}})
			payments := quickstart.New()
			w.Attach("payments", on.start(worker{payments}))
			scenario.Redelivery{
				App:      "payments",
				Events:   []contract.Event{contracttest.Example(t, catalog, "order.placed", "1", "plain")},
				Snapshot: func(context.Context) (any, error) { return payments.Charged(), nil },
			}.Run(t, w)
		})
	}
}

// An app on a port of its own; Restart gives it a new one, and forgets.
func TestRestart(t *testing.T) {
	catalog := contracttest.Load(t, os.DirFS("contracts"))
	w := fakes.Start(t, world.Config{Contracts: catalog, Resources: []fs.FS{os.DirFS("dapr")}})
	var payments *quickstart.Payments
	w.Attach("payments", func(context.Context, world.Sidecar) (world.Endpoint, error) {
		payments = quickstart.New()
		server := httptest.NewServer(payments.Handler())
		return world.Address(server.Listener.Addr().String(), world.ProtocolHTTP).OnStop(func(context.Context) error {
			server.Close()
			return nil
		}), nil
	})
	require.NoError(t, w.Send(t.Context(), contracttest.Example(t, catalog, "order.placed", "1", "plain")))
	require.NoError(t, w.Settle(t.Context()))
	require.Equal(t, 7000, payments.Charged()["ada"])
	require.NoError(t, w.Restart(t.Context(), "payments"))
	require.Equal(t, 0, payments.Charged()["ada"], "what was in memory is gone")
}
