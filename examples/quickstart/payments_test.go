package quickstart_test

import (
	"context"
	"io/fs"
	"os"
	"testing"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/contracttest"
	"github.com/eventproof/eventproof/examples/quickstart"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
	"github.com/eventproof/eventproof/harness/scenario"
)

// README: first test
func TestPayments(t *testing.T) {
	catalog := contracttest.Load(t, os.DirFS("contracts"))
	w := fakes.Start(t, world.Config{Contracts: catalog, Resources: []fs.FS{os.DirFS("dapr")}})

	payments := quickstart.New()
	w.Attach("payments", func(context.Context, world.Sidecar) (world.Endpoint, error) {
		return world.HTTP(payments.Handler()), nil
	})

	scenario.Redelivery{
		App:      "payments",
		Events:   []contract.Event{contracttest.Example(t, catalog, "order.placed", "1", "plain")},
		Snapshot: func(context.Context) (any, error) { return payments.Charged(), nil },
	}.Run(t, w)
}

// README: end

// README: both worlds
func TestPaymentsDeadLetter(t *testing.T) {
	for _, on := range []struct {
		name  string
		start func(testing.TB, world.Config) *world.World
	}{{"fake", fakes.Start}, {"dapr", harness.Start}} {
		t.Run(on.name, func(t *testing.T) {
			catalog := contracttest.Load(t, os.DirFS("contracts"))
			w := on.start(t, world.Config{Contracts: catalog, Resources: []fs.FS{os.DirFS("dapr")}})
			w.Attach("payments", func(context.Context, world.Sidecar) (world.Endpoint, error) {
				return world.HTTP(quickstart.New().Handler()), nil
			})

			scenario.DeadLetter{
				App:    "payments",
				Poison: contracttest.Example(t, catalog, "order.placed", "1", "poison"),
				Around: []contract.Event{contracttest.Example(t, catalog, "order.placed", "1", "plain")},
			}.Run(t, w)
		})
	}
}

// README: end
