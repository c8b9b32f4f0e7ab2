// Command demo shows what eventproof is for, in a minute, without Docker: a
// service with a well-known bug, what eventproof says of it, and the same
// service without the bug.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/examples/broken"
	"github.com/eventproof/eventproof/fakes"
)

// exitFindings is the exit code of -check where something is found, the same
// as that of the command line.
const exitFindings = 100

func main() {
	check := flag.String("check", "", "check one service only, as nodedupe/bug or nodedupe/sound, and exit with 100 if something is found")
	flag.Parse()
	found, err := 0, error(nil)
	if *check != "" {
		found, err = report(context.Background(), os.Stdout, *check)
	} else {
		err = tour(context.Background(), os.Stdout)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	case found > 0:
		os.Exit(exitFindings)
	}
}

// tour is the demonstration. It fails unless the bug is found, and nothing else.
func tour(ctx context.Context, out io.Writer) error {
	fmt.Fprint(out, `A shop's points service gives a customer one point for each euro paid: it
consumes the event order.paid. Dapr promises to deliver each event at least
once, which means: now and then twice.

eventproof publishes order.paid to the service, lets it handle it, and delivers
the same event again, in a Dapr that runs inside this program: no Docker, no
broker, no sidecar.

1. The service as it was written first (examples/broken/nodedupe/bug). It adds
   points for each delivery. eventproof must find that, and does:

`)
	if found, err := report(ctx, out, "nodedupe/bug"); err != nil {
		return err
	} else if found != 1 {
		return fmt.Errorf("%d findings in nodedupe/bug, want 1", found)
	}
	fmt.Fprint(out, `
   Read it from the top: what is wrong, the rule and the line of the contract
   that says so, the customer's points after one delivery (-) and after two (+),
   what happened, step by step, and a command that shows it again.

2. The same service with a few lines more (examples/broken/nodedupe/sound): it
   notes the event_id of what it handled, and does nothing the second time.

`)
	if found, err := report(ctx, out, "nodedupe/sound"); err != nil {
		return err
	} else if found != 0 {
		return fmt.Errorf("%d findings in nodedupe/sound, want none", found)
	}
	fmt.Fprint(out, `
Two more bugs wait for you: a dead letter topic that nobody reads, and a card
number that every consumer gets.

   go -C examples run ./demo -check deadletter/bug
   go -C examples run ./demo -check undeclared/bug

examples/README.md goes on from here.
`)
	return nil
}

// report checks one service in a fake Dapr of its own and prints the outcome.
func report(ctx context.Context, out io.Writer, name string) (findings int, err error) {
	service, err := find(name)
	if err != nil {
		return 0, err
	}
	found, err := check(ctx, service)
	if err != nil {
		return 0, fmt.Errorf("check %s: %w", name, err)
	}
	for _, v := range found {
		v.Place.File = "examples/broken/contracts/" + v.Place.File // they are embedded
		v.Reproduce = "go -C examples run ./demo -check " + name
		fmt.Fprintf(out, "   FAIL %s\n", strings.ReplaceAll(v.String(), "\n", "\n   "))
	}
	if len(found) == 0 {
		fmt.Fprintf(out, "   PASS %s: nothing found\n", name)
	}
	return len(found), nil
}

func check(ctx context.Context, service broken.Service) (_ []contract.Violation, err error) {
	cfg, err := service.Config()
	if err != nil {
		return nil, err
	}
	w, err := fakes.New(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	return service.Check(ctx, w)
}

func find(name string) (broken.Service, error) {
	var names []string
	for _, p := range broken.Pairs() {
		switch name {
		case p.Name + "/bug":
			return p.Broken, nil
		case p.Name + "/sound":
			return p.Sound, nil
		}
		names = append(names, p.Name+"/bug", p.Name+"/sound")
	}
	return broken.Service{}, fmt.Errorf("there is no service %q; there are %s", name, strings.Join(names, ", "))
}
