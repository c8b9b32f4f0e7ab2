package consumer

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"

	"github.com/eventproof/eventproof/examples/orders/internal/biz"
	"github.com/eventproof/eventproof/examples/orders/internal/event"
)

// maxBody bounds what is read of a request.
const maxBody = 1 << 20

// NewOrdersWorker keeps the status of each order. It is a plain HTTP handler:
// the routes are those of configs/dapr/subscriptions.yaml.
func NewOrdersWorker(db *sql.DB) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /events/payment-captured", onEvent(db, event.PaymentCapturedType,
		func(p event.PaymentCaptured) (string, biz.Status) { return p.OrderID, biz.Paid }))
	mux.Handle("POST /events/payment-failed", onEvent(db, event.PaymentFailedType,
		func(p event.PaymentFailed) (string, biz.Status) { return p.OrderID, biz.Cancelled }))
	mux.Handle("POST /events/shipment-requested", onEvent(db, event.ShipmentRequestedType,
		func(p event.ShipmentRequested) (string, biz.Status) { return p.OrderID, biz.Shipping }))
	return mux
}

// onEvent advances the order that an event names, and answers as Dapr reads
// it: SUCCESS, RETRY, or DROP for what can never be handled.
func onEvent[P any](db *sql.DB, eventType string, means func(P) (orderID string, to biz.Status)) http.HandlerFunc {
	handle := func(ctx context.Context, body []byte) error {
		var cloudEvent struct {
			Data json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(body, &cloudEvent); err != nil {
			return biz.Refuse("decode CloudEvent: %v", err)
		}
		var payload P
		envelope, err := decode(cloudEvent.Data, eventType, &payload)
		if err != nil {
			return err
		}
		orderID, to := means(payload)
		return once(ctx, db, envelope.EventID, func(tx *sql.Tx) error { return biz.Advance(ctx, tx, orderID, to) })
	}
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err == nil {
			err = handle(r.Context(), body)
		}
		status := "SUCCESS"
		if err != nil {
			status = "RETRY"
			if hopeless(err) {
				status = "DROP"
			}
			slog.WarnContext(r.Context(), "event not handled", "type", eventType, "answer", status, "error", err)
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(map[string]string{"status": status}); err != nil {
			slog.WarnContext(r.Context(), "answer not written", "error", err)
		}
	}
}
