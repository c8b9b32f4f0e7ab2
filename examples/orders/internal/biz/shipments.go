package biz

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"github.com/eventproof/eventproof/examples/orders/internal/event"
	"github.com/eventproof/eventproof/examples/orders/internal/outbox"
)

// RequestShipment asks the warehouse to send a paid order, and tells of it.
func RequestShipment(ctx context.Context, tx *sql.Tx, p event.PaymentCaptured) error {
	if p.OrderID == "" {
		return Refuse("order_id is missing")
	}
	if err := money(p.AmountCents, p.Currency); err != nil {
		return err
	}
	shipmentID := uuid.NewString()
	if _, err := tx.ExecContext(ctx, `INSERT INTO shipments (shipment_id, order_id) VALUES (?, ?)`, shipmentID, p.OrderID); err != nil {
		return fmt.Errorf("insert shipment: %w", err)
	}
	e, err := event.New(event.ShipmentRequestedType, event.ShipmentRequested{OrderID: p.OrderID, ShipmentID: shipmentID})
	if err != nil {
		return err
	}
	return outbox.Append(ctx, tx, event.ShipmentRequestedTopic, e)
}
