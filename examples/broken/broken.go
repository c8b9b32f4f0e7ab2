// Package broken holds three small services with one bug each, and beside each
// its sound twin: the same service with the few lines that make it right. They
// show what eventproof says of a bug that real teams make, and that it says
// nothing where there is none.
//
//	nodedupe    counts an event twice that Dapr delivers twice
//	deadletter  sends what it refuses to a dead letter topic that nobody reads
//	undeclared  publishes a field that its contract does not declare
//
// In each directory, compare bug and sound:
//
//	diff -r nodedupe/bug nodedupe/sound
package broken

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/examples/broken/contracts"
	deadletterbug "github.com/eventproof/eventproof/examples/broken/deadletter/bug"
	deadlettersound "github.com/eventproof/eventproof/examples/broken/deadletter/sound"
	nodedupebug "github.com/eventproof/eventproof/examples/broken/nodedupe/bug"
	nodedupesound "github.com/eventproof/eventproof/examples/broken/nodedupe/sound"
	undeclaredbug "github.com/eventproof/eventproof/examples/broken/undeclared/bug"
	undeclaredsound "github.com/eventproof/eventproof/examples/broken/undeclared/sound"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/scenario"
)

// Pair is a service with a bug, and its sound twin.
type Pair struct {
	Name string // the directory
	Bug  string // what is wrong, in a sentence
	Rule string // the rule that the bug breaks
	// Broken and Sound are the two.
	Broken, Sound Service
}

// Service is one of the two.
type Service struct {
	// Resources are its Dapr resources.
	Resources []fs.FS
	// Check attaches the service to a world and runs each scenario that
	// concerns it.
	Check func(context.Context, *world.World) ([]contract.Violation, error)
}

// Pairs are all of them.
func Pairs() []Pair {
	return []Pair{
		{
			Name: "nodedupe", Rule: contract.RuleIdempotent,
			Bug:    "It adds points for each delivery, and Dapr delivers at least once: sometimes twice.",
			Broken: points(nodedupebug.Resources, func() stateful { p := nodedupebug.New(); return stateful{p, p.Balances} }),
			Sound:  points(nodedupesound.Resources, func() stateful { p := nodedupesound.New(); return stateful{p, p.Balances} }),
		},
		{
			Name: "deadletter", Rule: contract.RuleDeadLetter,
			Bug:    "Its subscription names another dead letter topic than its contract: what it refuses ends where nobody looks.",
			Broken: invoices(deadletterbug.Resources, func() stateful { i := deadletterbug.New(); return stateful{i, i.Amounts} }),
			Sound:  invoices(deadlettersound.Resources, func() stateful { i := deadlettersound.New(); return stateful{i, i.Amounts} }),
		},
		{
			Name: "undeclared", Rule: contract.RuleUndeclared,
			Bug:    "It publishes the card number too, which the contract does not declare: every consumer gets it.",
			Broken: publisher(func(s world.Sidecar) http.Handler { return undeclaredbug.New(s.Client()) }),
			Sound:  publisher(func(s world.Sidecar) http.Handler { return undeclaredsound.New(s.Client()) }),
		},
	}
}

// Config is what the worlds of a service are made of.
func (s Service) Config() (world.Config, error) {
	catalog, err := contract.Load(contracts.FS)
	if err != nil {
		return world.Config{}, err
	}
	return world.Config{Contracts: catalog, Resources: s.Resources}, nil
}

// stateful is a consumer and what it remembers.
type stateful struct {
	http.Handler
	state func() map[string]int
}

func points(resources fs.FS, build func() stateful) Service {
	return consumer("points", resources, build)
}
func invoices(resources fs.FS, build func() stateful) Service {
	return consumer("invoices", resources, build)
}

// consumer is checked for redelivery and for dead letters.
func consumer(app string, resources fs.FS, build func() stateful) Service {
	return Service{Resources: []fs.FS{resources}, Check: func(ctx context.Context, w *world.World) ([]contract.Violation, error) {
		service := build()
		mux := http.NewServeMux()
		mux.Handle("POST /events/order-paid", service)
		if err := w.AttachContext(ctx, app, func(context.Context, world.Sidecar) (world.Endpoint, error) {
			return world.HTTP(mux), nil
		}); err != nil {
			return nil, err
		}
		small, large, foreign := example(w, "small"), example(w, "large"), example(w, "foreign-currency")
		found, err := scenario.Redelivery{
			App:      app,
			Events:   []contract.Event{small},
			Snapshot: func(context.Context) (any, error) { return service.state(), nil },
		}.Findings(ctx, w)
		if err != nil {
			return found, err
		}
		more, err := scenario.DeadLetter{App: app, Poison: foreign, Around: []contract.Event{large}}.Findings(ctx, w)
		return append(found, more...), err
	}}
}

// publisher is checked for what it publishes.
func publisher(build func(world.Sidecar) http.Handler) Service {
	return Service{Check: func(ctx context.Context, w *world.World) ([]contract.Violation, error) {
		var api http.Handler
		if err := w.AttachContext(ctx, "shop", func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
			api = build(s)
			return world.HTTP(api), nil
		}); err != nil {
			return nil, err
		}
		return scenario.Publishing{
			App:  "shop",
			Want: []scenario.Want{{Event: "order.paid"}},
			Act: func(ctx context.Context) error {
				answer := httptest.NewRecorder()
				api.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodPost, "/orders/ord-1/pay",
					strings.NewReader(`{"customer_id": "anna", "card_number": "4111 1111 1111 1111", "amount": 20}`)))
				if answer.Code != http.StatusNoContent {
					return fmt.Errorf("pay answered %d: %s", answer.Code, answer.Body)
				}
				return nil
			},
		}.Findings(ctx, w)
	}}
}

// example is an event of the contracts directory.
func example(w *world.World, name string) contract.Event {
	c := w.Config().Contracts.Contract("order.paid")
	for _, e := range c.Versions[0].Examples {
		if e.Name == name {
			return contract.Event{PubSub: c.PubSub, Topic: c.Topic, Data: e.Data}
		}
	}
	panic(errors.New("order.paid has no example " + name))
}
