package orders_test

import (
	"context"
	"database/sql"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	daprgrpc "github.com/dapr/go-sdk/service/grpc"
	daprhttp "github.com/dapr/go-sdk/service/http"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/examples/orders/internal/api"
	"github.com/eventproof/eventproof/examples/orders/internal/consumer"
	"github.com/eventproof/eventproof/examples/orders/internal/outbox"
	"github.com/eventproof/eventproof/examples/orders/internal/store"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
)

// shop is the services' databases and the world in which they run.
type shop struct {
	*world.World
	orders, payments, shipping *sql.DB
	api                        http.Handler
}

// onEachWorld runs a test on the fake, in a bubble of virtual time, and on real
// Dapr, where that is possible. Tests run beside each other: each has a world and
// databases of its own.
func onEachWorld(t *testing.T, test func(t *testing.T, s *shop)) {
	t.Helper()
	t.Parallel()
	run := func(t *testing.T, start func(testing.TB, world.Config) *world.World) {
		catalog, err := contract.Load(os.DirFS("contracts"))
		require.NoError(t, err)
		// The databases are opened before the world begins, and so are closed after it ended.
		s := &shop{orders: database(t, "orders"), payments: database(t, "payments"), shipping: database(t, "shipping")}
		s.World = start(t, world.Config{Contracts: catalog, Resources: []fs.FS{os.DirFS("configs/dapr")}})
		test(t, s)
	}
	t.Run("fake", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { run(t, fakes.Start) })
	})
	t.Run("real", func(t *testing.T) { run(t, harness.Start) })
}

func database(t *testing.T, name string) *sql.DB {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), name+".db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// The apps are wired as cmd/orders and cmd/worker wire them.

func (s *shop) attachAll() {
	s.attachOrders()
	s.attachPaymentWorker()
	s.attachShippingWorker()
	s.attachOrdersWorker()
}

func (s *shop) attachOrders() {
	s.Attach("orders", func(ctx context.Context, sidecar world.Sidecar) (world.Endpoint, error) {
		relay := outbox.NewRelay(s.orders, sidecar.Client())
		s.api = api.New(s.orders, relay)
		return world.HTTP(s.api).OnStop(start(ctx, relay)), nil
	})
}

func (s *shop) attachPaymentWorker() {
	s.Attach("payment-worker", func(ctx context.Context, sidecar world.Sidecar) (world.Endpoint, error) {
		relay := outbox.NewRelay(s.payments, sidecar.Client())
		mux := chi.NewRouter()
		service := daprhttp.NewServiceWithMux(world.NoPort, mux)
		if err := consumer.NewPaymentWorker(s.payments, relay).Subscribe(service); err != nil {
			return world.None, err
		}
		return world.HTTPService(service, mux).OnStop(start(ctx, relay)), nil
	})
}

func (s *shop) attachShippingWorker() {
	s.Attach("shipping-worker", func(ctx context.Context, sidecar world.Sidecar) (world.Endpoint, error) {
		relay := outbox.NewRelay(s.shipping, sidecar.Client())
		listener := world.Listen()
		service := daprgrpc.NewServiceWithListener(listener)
		if err := consumer.NewShippingWorker(s.shipping, relay).Subscribe(service); err != nil {
			return world.None, err
		}
		stopped := make(chan error, 1)
		go func() { stopped <- service.Start() }()
		return world.GRPC(listener).OnStop(start(ctx, relay)).OnStop(func(context.Context) error {
			if err := service.Stop(); err != nil {
				return err
			}
			return <-stopped
		}), nil
	})
}

func (s *shop) attachOrdersWorker() {
	s.Attach("orders-worker", func(context.Context, world.Sidecar) (world.Endpoint, error) {
		return world.HTTP(consumer.NewOrdersWorker(s.orders)), nil
	})
}

// start runs a relay and returns a function that waits for its end.
func start(ctx context.Context, relay *outbox.Relay) func(context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		relay.Run(ctx)
	}()
	return func(context.Context) error {
		<-done
		return nil
	}
}

// place posts an order.
func (s *shop) place(ctx context.Context, order string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	s.api.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodPost, "/orders", strings.NewReader(order)))
	return answer
}

// example is an event of the contracts directory.
func (s *shop) example(t *testing.T, event, name string) contract.Event {
	t.Helper()
	c := s.Config().Contracts.Contract(event)
	require.NotNil(t, c, "no contract %s", event)
	for _, e := range c.Versions[0].Examples {
		if e.Name == name {
			return contract.Event{PubSub: c.PubSub, Topic: c.Topic, Data: e.Data}
		}
	}
	t.Fatalf("%s has no example %s", event, name)
	return contract.Event{}
}

// insertOrder puts a placed order into the database, as if it had come by the API.
func (s *shop) insertOrder(t *testing.T, orderID string) {
	t.Helper()
	_, err := s.orders.ExecContext(t.Context(),
		`INSERT INTO orders (order_id, customer_id, amount_cents, currency, status, progress) VALUES (?, 'anna', 4200, 'EUR', 'placed', 0)`, orderID)
	require.NoError(t, err)
}

// rows are what a query finds, each row as a text.
func rows(db *sql.DB, query string, args ...any) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		found, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			return nil, err
		}
		defer found.Close()
		all := []string{}
		for found.Next() {
			var row string
			if err := found.Scan(&row); err != nil {
				return nil, err
			}
			all = append(all, row)
		}
		return all, found.Err()
	}
}
