package harness_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
)

// A world outside a test. It needs a container engine, so this example is
// compiled and not run.
func ExampleNew() {
	ctx := context.Background()
	w, err := harness.New(ctx, world.Config{})
	var missing *harness.UnavailableError
	if errors.As(err, &missing) {
		fmt.Println("not here:", missing.Reason)
		fmt.Println("what to do:", missing.Remedy)
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
}

// Redis and daprd alone, for a test that brings its own clients.
func ExampleAddresses() {
	w, err := harness.New(context.Background(), world.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Sidecar(context.Background(), "orders"); err != nil {
		log.Fatal(err)
	}
	places, err := harness.Addresses(w)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(places.Redis, places.Daprd["orders"].GRPC, places.Daprd["orders"].HTTP)
}
