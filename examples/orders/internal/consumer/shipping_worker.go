package consumer

import (
	"context"
	"database/sql"

	"github.com/dapr/go-sdk/service/common"

	"github.com/eventproof/eventproof/examples/orders/internal/biz"
	"github.com/eventproof/eventproof/examples/orders/internal/event"
	"github.com/eventproof/eventproof/examples/orders/internal/outbox"
)

// ShippingWorker requests a shipment for each captured payment.
type ShippingWorker struct {
	db    *sql.DB
	relay *outbox.Relay
}

// NewShippingWorker makes the worker; the relay publishes what it tells.
func NewShippingWorker(db *sql.DB, relay *outbox.Relay) *ShippingWorker {
	return &ShippingWorker{db: db, relay: relay}
}

// Subscribe subscribes it through a Go SDK service, HTTP or gRPC.
func (w *ShippingWorker) Subscribe(service common.Service) error {
	return service.AddTopicEventHandler(&common.Subscription{
		PubsubName:      event.PubSub,
		Topic:           event.PaymentCapturedTopic,
		Route:           "/events/payment-captured",
		DeadLetterTopic: "payments.payment.captured.shipping-worker.dead",
	}, w.paymentCaptured)
}

func (w *ShippingWorker) paymentCaptured(ctx context.Context, e *common.TopicEvent) (retry bool, err error) {
	var captured event.PaymentCaptured
	envelope, err := decode(e.RawData, event.PaymentCapturedType, &captured)
	if err == nil {
		err = once(ctx, w.db, envelope.EventID, func(tx *sql.Tx) error { return biz.RequestShipment(ctx, tx, captured) })
	}
	return settle(ctx, w.relay, e, err)
}
