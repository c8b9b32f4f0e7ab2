package world

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dapr/go-sdk/client"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes/faults"
)

// Sidecar is Dapr as one app sees it.
type Sidecar interface {
	// AppID is the app's Dapr app id.
	AppID() string
	// Client is the Go SDK's real client, connected to this sidecar. It is
	// the sidecar's: closed at the end of the app's incarnation.
	Client() client.Client
	// GRPCAddress and HTTPAddress are host:port of Dapr's APIs. Asking for
	// one opens a loopback port on the fake.
	GRPCAddress() string
	HTTPAddress() string
	// Env is what daprd's own run command sets for an app: DAPR_GRPC_PORT,
	// DAPR_HTTP_PORT, DAPR_GRPC_ENDPOINT, DAPR_HTTP_ENDPOINT, APP_ID and
	// APP_PORT, a free loopback port for an app that must open one.
	Env() []string
}

// Backend is what makes a world: the fake, or real Dapr. It reports what
// happens to the [Recorder] that it was opened with.
type Backend interface {
	// Sidecar is called once for each incarnation of an app, before the app starts.
	Sidecar(ctx context.Context, app string) (Sidecar, error)
	// Connect gives a started app to its sidecar: subscriptions are read and
	// deliveries begin. It returns when the subscriptions are active.
	Connect(ctx context.Context, app string, e Endpoint) error
	// Disconnect ends an incarnation: answers that are still to come are
	// discarded, and its sidecar's client fails from now on.
	Disconnect(ctx context.Context, app string) error
	// Settle returns when nothing is in flight and nothing is due, or with a
	// *PendingError.
	Settle(ctx context.Context) error
	// Inject arms or performs a fault; one that this backend cannot do is
	// refused with an error that is errors.ErrUnsupported.
	Inject(ctx context.Context, f faults.Fault) error
	// Topic is the data of all that the broker holds on a topic, oldest first.
	Topic(ctx context.Context, pubsub, topic string) ([][]byte, error)
	// Close ends everything that the backend started.
	Close(ctx context.Context) error
}

// Dumper is a [Backend] that can draw what it holds.
type Dumper interface{ Dump() string }

// PendingEvent is an event that the broker still holds for a consumer group.
type PendingEvent struct {
	App, PubSub, Topic string
	Event              contract.Ref
	Deliveries         int           // so far
	Due                time.Duration // when it comes again, on the journal's clock; 0: not known
	Open               bool          // a delivery has not been answered yet
}

// PendingError says what can never settle: see [ErrPending].
type PendingError struct {
	Events []PendingEvent
	After  string // what ended the wait
}

// ErrPending is what [World.Settle] returns, wrapped, when events remain that
// no waiting will settle: a failing event without a dead letter topic comes
// again and again.
var ErrPending = errors.New("events are still pending")

// Is makes errors.Is(err, ErrPending) true.
func (e *PendingError) Is(target error) bool { return target == ErrPending }

// Error lists the events.
func (e *PendingError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v after %s:", ErrPending, e.After)
	for i, p := range e.Events {
		if i == 10 {
			fmt.Fprintf(&b, "\n  … and %d more", len(e.Events)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s on %s/%s for %s: %d deliveries", p.Event, p.PubSub, p.Topic, p.App, p.Deliveries)
		switch {
		case p.Open:
			b.WriteString(", one not answered yet")
		case p.Due != 0:
			fmt.Fprintf(&b, ", due again at t=%s", p.Due.Round(time.Millisecond))
		}
	}
	b.WriteString("\n  remedy: let the handler answer DROP or give the subscription a deadLetterTopic; raise Config.Rounds or Config.Horizon to wait longer")
	return b.String()
}
