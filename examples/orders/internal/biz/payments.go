package biz

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"github.com/eventproof/eventproof/examples/orders/internal/event"
	"github.com/eventproof/eventproof/examples/orders/internal/outbox"
)

// creditLimitCents is what a customer may spend in one order.
const creditLimitCents = 1_000_00

// CapturePayment takes the money for an order, or finds that it cannot be
// taken, and tells of either.
func CapturePayment(ctx context.Context, tx *sql.Tx, o event.OrderPlaced) error {
	if o.OrderID == "" {
		return Refuse("order_id is missing")
	}
	if err := money(o.AmountCents, o.Currency); err != nil {
		return err
	}
	paymentID := uuid.NewString()
	topic, outcome := event.PaymentCapturedTopic, "captured"
	e, err := event.New(event.PaymentCapturedType, event.PaymentCaptured{
		OrderID: o.OrderID, PaymentID: paymentID, AmountCents: o.AmountCents, Currency: o.Currency})
	if o.AmountCents > creditLimitCents {
		topic, outcome = event.PaymentFailedTopic, "failed"
		e, err = event.New(event.PaymentFailedType, event.PaymentFailed{OrderID: o.OrderID, Reason: "credit_limit"})
	}
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx,
		`INSERT INTO payments (payment_id, order_id, amount_cents, currency, outcome) VALUES (?, ?, ?, ?, ?)`,
		paymentID, o.OrderID, o.AmountCents, o.Currency, outcome); err != nil {
		return fmt.Errorf("insert payment: %w", err)
	}
	return outbox.Append(ctx, tx, topic, e)
}
