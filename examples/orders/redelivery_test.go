package orders_test

import (
	"testing"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/harness/scenario"
)

func TestAPaymentIsTakenOnce(t *testing.T) {
	onEachWorld(t, func(t *testing.T, s *shop) {
		s.attachPaymentWorker()
		scenario.Redelivery{
			App:      "payment-worker",
			Events:   []contract.Event{s.example(t, "order.placed", "affordable"), s.example(t, "order.placed", "too-expensive")},
			Snapshot: rows(s.payments, `SELECT payment_id || ' ' || order_id || ' ' || outcome FROM payments ORDER BY payment_id`),
		}.Run(t, s.World)
	})
}

func TestAShipmentIsRequestedOnce(t *testing.T) {
	onEachWorld(t, func(t *testing.T, s *shop) {
		s.attachShippingWorker()
		scenario.Redelivery{
			App:      "shipping-worker",
			Events:   []contract.Event{s.example(t, "payment.captured", "minimal")},
			Snapshot: rows(s.shipping, `SELECT shipment_id || ' ' || order_id FROM shipments ORDER BY shipment_id`),
		}.Run(t, s.World)
	})
}

func TestAnOrderAdvancesOnce(t *testing.T) {
	onEachWorld(t, func(t *testing.T, s *shop) {
		s.insertOrder(t, "ord-1")
		s.insertOrder(t, "ord-2")
		s.attachOrdersWorker()
		scenario.Redelivery{
			App:      "orders-worker",
			Events:   []contract.Event{s.example(t, "payment.captured", "minimal"), s.example(t, "shipment.requested", "minimal"), s.example(t, "payment.failed", "credit-limit")},
			Snapshot: rows(s.orders, `SELECT order_id || ' ' || status FROM orders ORDER BY order_id`),
		}.Run(t, s.World)
	})
}
