package scenario_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"testing/fstest"

	"github.com/dapr/go-sdk/client"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/scenario"
)

// The examples use Findings, outside a test. In a test it is one line:
//
//	scenario.Publishing{App: "shop", Act: …}.Run(t, w)

func ExamplePublishing() {
	contracts, err := contract.Load(fstest.MapFS{
		"cart.emptied/contract.yaml":  {Data: []byte("event: cart.emptied\ntopic: carts\nproducers:\n  - {app: shop}\n")},
		"cart.emptied/v1.schema.json": {Data: []byte(`{"type": "object", "required": ["cart"], "properties": {"cart": {"type": "string"}}}`)},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	w, err := fakes.New(ctx, world.Config{Contracts: contracts})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	var dapr client.Client
	w.Attach("shop", func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
		dapr = s.Client()
		return world.None, nil
	})

	found, err := scenario.Publishing{
		App: "shop",
		Act: func(ctx context.Context) error {
			return dapr.PublishEvent(ctx, "pubsub", "carts", map[string]any{"cart": "c-7", "secret": "hunter2"})
		},
		Want: []scenario.Want{{Event: "cart.emptied"}},
	}.Findings(ctx, w)
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range found {
		fmt.Println(v.Rule, v.Pointer, v.Place)
	}
	// Output:
	// EVENT_UNDECLARED /data/secret cart.emptied/v1.schema.json:1
}

// counter is an app that counts what comes on topic carts, each time.
type counter struct {
	count int
	dlq   string
}

func (c *counter) start(context.Context, world.Sidecar) (world.Endpoint, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `[{"pubsubname": "pubsub", "topic": "carts", "route": "/carts", "deadLetterTopic": %q}]`, c.dlq)
	})
	mux.HandleFunc("POST /carts", func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Data struct{ Cart string } }
		if json.NewDecoder(r.Body).Decode(&event) != nil || event.Data.Cart == "" {
			return // 200: an app that swallows what it cannot read
		}
		c.count++
	})
	return world.HTTP(mux), nil
}

func ExampleRedelivery() {
	ctx := context.Background()
	w, err := fakes.New(ctx, world.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	app := &counter{}
	w.Attach("counter", app.start)

	found, err := scenario.Redelivery{
		App:      "counter",
		Events:   []contract.Event{{ID: "e-1", Topic: "carts", Data: []byte(`{"cart": "c-7"}`)}},
		Snapshot: func(context.Context) (any, error) { return app.count, nil },
	}.Findings(ctx, w)
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range found {
		fmt.Println(v.What)
	}
	// Output:
	// counter is not idempotent: redelivering e-1 changed its state
}

func ExampleDeadLetter() {
	ctx := context.Background()
	w, err := fakes.New(ctx, world.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	w.Attach("counter", (&counter{dlq: "carts.dead"}).start)

	found, err := scenario.DeadLetter{
		App:    "counter",
		Poison: contract.Event{ID: "bad", Topic: "carts", Data: []byte(`{"cart": ""}`)},
		Around: []contract.Event{{ID: "good", Topic: "carts", Data: []byte(`{"cart": "c-7"}`)}},
	}.Findings(ctx, w)
	if err != nil {
		log.Fatal(err)
	}
	for _, v := range found {
		fmt.Println(v.Rule+":", v.What)
	}
	// Output:
	// DEAD_LETTER_ACKNOWLEDGED: counter acknowledges bad, which it must refuse
}
