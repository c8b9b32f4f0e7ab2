// Command orders is the shop's HTTP API.
//
//	dapr run --app-id orders --app-port 8080 --resources-path configs/dapr -- go run ./cmd/orders
//
// It ends on SIGINT and SIGTERM, when the requests under way are answered.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/dapr/go-sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/eventproof/eventproof/examples/orders/internal/api"
	"github.com/eventproof/eventproof/examples/orders/internal/outbox"
	"github.com/eventproof/eventproof/examples/orders/internal/store"
)

func main() {
	address := flag.String("address", ":"+cmp.Or(os.Getenv("APP_PORT"), "8080"), "where to listen; by default at APP_PORT, which dapr run sets")
	database := flag.String("database", "orders.db", "the SQLite file, shared with orders-worker")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *address, *database)
	stop()
	if err != nil {
		slog.Error("orders", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address, database string) (err error) {
	db, err := store.Open(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	dapr, err := client.NewClient()
	if err != nil {
		return err
	}
	defer dapr.Close()

	relay := outbox.NewRelay(db, dapr)
	server := &http.Server{Addr: address, Handler: api.New(db, relay), ReadHeaderTimeout: 5 * time.Second}

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		relay.Run(ctx)
		return nil
	})
	group.Go(func() error {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return server.Shutdown(patience)
	})
	return group.Wait()
}
