package consumer

import (
	"context"
	"database/sql"
	"log/slog"

	"github.com/dapr/go-sdk/service/common"

	"github.com/eventproof/eventproof/examples/orders/internal/biz"
	"github.com/eventproof/eventproof/examples/orders/internal/event"
	"github.com/eventproof/eventproof/examples/orders/internal/outbox"
)

// PaymentWorker captures the payment of each placed order.
type PaymentWorker struct {
	db    *sql.DB
	relay *outbox.Relay
}

// NewPaymentWorker makes the worker; the relay publishes what it tells.
func NewPaymentWorker(db *sql.DB, relay *outbox.Relay) *PaymentWorker {
	return &PaymentWorker{db: db, relay: relay}
}

// Subscribe subscribes it through a Go SDK service, HTTP or gRPC.
func (w *PaymentWorker) Subscribe(service common.Service) error {
	return service.AddTopicEventHandler(&common.Subscription{
		PubsubName:      event.PubSub,
		Topic:           event.OrderPlacedTopic,
		Route:           "/events/order-placed",
		DeadLetterTopic: "orders.order.placed.payment-worker.dead",
	}, w.orderPlaced)
}

func (w *PaymentWorker) orderPlaced(ctx context.Context, e *common.TopicEvent) (retry bool, err error) {
	var placed event.OrderPlaced
	envelope, err := decode(e.RawData, event.OrderPlacedType, &placed)
	if err == nil {
		err = once(ctx, w.db, envelope.EventID, func(tx *sql.Tx) error { return biz.CapturePayment(ctx, tx, placed) })
	}
	return settle(ctx, w.relay, e, err)
}

// settle ends the handling of an event as the Go SDK wants it: an error with
// retry false is answered with DROP, one with retry true with RETRY.
func settle(ctx context.Context, relay *outbox.Relay, e *common.TopicEvent, err error) (retry bool, _ error) {
	if err != nil {
		slog.WarnContext(ctx, "event not handled", "id", e.ID, "topic", e.Topic, "refused", hopeless(err), "error", err)
		return !hopeless(err), err
	}
	if err := relay.Publish(ctx); err != nil {
		// The event is handled, and what it led to is safe in the outbox.
		slog.WarnContext(ctx, "outbox: will try again", "error", err)
	}
	return false, nil
}
