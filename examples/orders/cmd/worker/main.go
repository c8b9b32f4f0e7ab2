// Command worker is one of the shop's three workers:
//
//	dapr run --app-id payment-worker --app-port 6001 --resources-path configs/dapr -- go run ./cmd/worker -name payment-worker
//	dapr run --app-id shipping-worker --app-port 6002 --app-protocol grpc --resources-path configs/dapr -- go run ./cmd/worker -name shipping-worker
//	dapr run --app-id orders-worker --app-port 6003 --resources-path configs/dapr -- go run ./cmd/worker -name orders-worker -database orders.db
//
// It ends on SIGINT and SIGTERM, when the events under way are answered.
package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"
	daprgrpc "github.com/dapr/go-sdk/service/grpc"
	daprhttp "github.com/dapr/go-sdk/service/http"
	"golang.org/x/sync/errgroup"

	"github.com/eventproof/eventproof/examples/orders/internal/consumer"
	"github.com/eventproof/eventproof/examples/orders/internal/outbox"
	"github.com/eventproof/eventproof/examples/orders/internal/store"
)

func main() {
	name := flag.String("name", "", "payment-worker, shipping-worker or orders-worker")
	address := flag.String("address", ":"+cmp.Or(os.Getenv("APP_PORT"), "6001"), "where to listen for Dapr; by default at APP_PORT, which dapr run sets")
	database := flag.String("database", "", "the SQLite file (default: the worker's name and .db)")
	flag.Parse()
	if *database == "" {
		*database = *name + ".db"
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *name, *address, *database)
	stop()
	if err != nil {
		slog.Error("worker", "name", *name, "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name, address, database string) (err error) {
	start, ok := map[string]func(context.Context, *sql.DB, string) error{
		"payment-worker":  runPaymentWorker,
		"shipping-worker": runShippingWorker,
		"orders-worker":   runOrdersWorker,
	}[name]
	if !ok {
		return fmt.Errorf("-name is %q; it must be payment-worker, shipping-worker or orders-worker", name)
	}
	db, err := store.Open(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return start(ctx, db, address)
}

func runPaymentWorker(ctx context.Context, db *sql.DB, address string) error {
	return withRelay(ctx, db, func(ctx context.Context, relay *outbox.Relay) error {
		service := daprhttp.NewService(address)
		if err := consumer.NewPaymentWorker(db, relay).Subscribe(service); err != nil {
			return err
		}
		return serve(ctx, service)
	})
}

func runShippingWorker(ctx context.Context, db *sql.DB, address string) error {
	return withRelay(ctx, db, func(ctx context.Context, relay *outbox.Relay) error {
		service, err := daprgrpc.NewService(address)
		if err != nil {
			return err
		}
		if err := consumer.NewShippingWorker(db, relay).Subscribe(service); err != nil {
			return err
		}
		return serve(ctx, service)
	})
}

func runOrdersWorker(ctx context.Context, db *sql.DB, address string) error {
	server := &http.Server{Addr: address, Handler: consumer.NewOrdersWorker(db), ReadHeaderTimeout: 5 * time.Second}
	return untilDone(ctx, server.ListenAndServe, func() error {
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return server.Shutdown(patience)
	})
}

// withRelay runs work beside a relay, and ends both when either ends.
func withRelay(ctx context.Context, db *sql.DB, work func(context.Context, *outbox.Relay) error) error {
	dapr, err := client.NewClient()
	if err != nil {
		return err
	}
	defer dapr.Close()
	relay := outbox.NewRelay(db, dapr)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		relay.Run(ctx)
		return nil
	})
	group.Go(func() error { return work(ctx, relay) })
	return group.Wait()
}

// serve runs a Go SDK service until the context ends.
func serve(ctx context.Context, service common.Service) error {
	return untilDone(ctx, service.Start, service.GracefulStop)
}

// untilDone runs start until the context ends, then stop, which makes start return.
func untilDone(ctx context.Context, start, stop func() error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := start(); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return stop()
	})
	return group.Wait()
}
