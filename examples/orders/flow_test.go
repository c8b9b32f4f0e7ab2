package orders_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/examples/orders/internal/biz"
	"github.com/eventproof/eventproof/examples/orders/internal/event"
	"github.com/eventproof/eventproof/examples/orders/internal/store"
	"github.com/eventproof/eventproof/fakes/faults"
)

func TestFromOrderToShipment(t *testing.T) {
	tests := []struct {
		name, order, reason string
		want                biz.Status
	}{
		{"affordable", `{"customer_id": "anna", "amount_cents": 4200, "currency": "EUR"}`, "it is paid and sent", biz.Shipping},
		{"too expensive", `{"customer_id": "anna", "amount_cents": 500000, "currency": "EUR"}`, "the credit limit is 1,000 euros", biz.Cancelled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			onEachWorld(t, func(t *testing.T, s *shop) {
				s.attachAll()
				answer := s.place(t.Context(), tt.order)
				require.Equal(t, http.StatusCreated, answer.Code, answer.Body)
				require.NoError(t, s.Settle(t.Context()))

				var placed biz.Order
				require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &placed))
				order, found, err := biz.FindOrder(t.Context(), s.orders, placed.OrderID)
				require.NoError(t, err)
				require.True(t, found)
				require.Equal(t, tt.want, order.Status, tt.reason)
				require.Empty(t, journal.CheckDelivered(s.Journal()), "every event reached every subscriber once")
			})
		})
	}
}

// A worker that dies after its transaction and before its relay published
// leaves the event in the outbox: its next incarnation publishes it.
func TestAPaymentSurvivesACrash(t *testing.T) {
	onEachWorld(t, func(t *testing.T, s *shop) {
		s.attachPaymentWorker()
		s.attachShippingWorker()
		require.NoError(t, store.InTx(t.Context(), s.payments, func(tx *sql.Tx) error {
			return biz.CapturePayment(t.Context(), tx, event.OrderPlaced{OrderID: "ord-1", CustomerID: "anna", AmountCents: 4200, Currency: "EUR"})
		}))

		require.NoError(t, s.Restart(t.Context(), "payment-worker"))
		waiting, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		require.NoError(t, s.Journal().Wait(waiting, published(event.ShipmentRequestedTopic)))
		require.NoError(t, s.Settle(t.Context()))

		shipments, err := rows(s.shipping, `SELECT order_id FROM shipments`)(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"ord-1"}, shipments)
	})
}

// What a worker remembers of the events that it handled is not in its memory.
func TestAnEventFromBeforeARestartIsKnown(t *testing.T) {
	onEachWorld(t, func(t *testing.T, s *shop) {
		s.attachPaymentWorker()
		require.NoError(t, s.Send(t.Context(), s.example(t, "order.placed", "affordable")))
		require.NoError(t, s.Settle(t.Context()))

		require.NoError(t, s.Restart(t.Context(), "payment-worker"))
		require.NoError(t, s.Inject(t.Context(), faults.Redeliver{App: "payment-worker"}))
		require.NoError(t, s.Settle(t.Context()))

		delivered := 0
		for _, e := range s.Journal().Entries() {
			if e.Kind == journal.Delivered && e.App == "payment-worker" {
				delivered++
			}
		}
		require.Equal(t, 2, delivered)
		payments, err := rows(s.payments, `SELECT order_id FROM payments`)(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"ord-1"}, payments)
	})
}

// published is a condition for Journal.Wait.
func published(topic string) func([]journal.Entry) bool {
	return func(entries []journal.Entry) bool {
		return slices.ContainsFunc(entries, func(e journal.Entry) bool { return e.Kind == journal.Published && e.Topic == topic })
	}
}
