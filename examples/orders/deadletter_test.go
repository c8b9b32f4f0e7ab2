package orders_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/examples/orders/internal/event"
	"github.com/eventproof/eventproof/harness/scenario"
)

// Each poison event keeps its contract, and is one that the worker can never
// handle.

func TestAnOrderInAForeignCurrencyIsDeadLettered(t *testing.T) {
	onEachWorld(t, func(t *testing.T, s *shop) {
		s.attachPaymentWorker()
		scenario.DeadLetter{
			App:    "payment-worker",
			Poison: envelope(t, event.OrderPlacedType, event.OrderPlaced{OrderID: "ord-9", CustomerID: "anna", AmountCents: 500000, Currency: "JPY"}),
			Around: []contract.Event{s.example(t, "order.placed", "affordable"), s.example(t, "order.placed", "too-expensive")},
		}.Run(t, s.World)
	})
}

func TestAPaymentInAForeignCurrencyIsDeadLettered(t *testing.T) {
	onEachWorld(t, func(t *testing.T, s *shop) {
		s.attachShippingWorker()
		scenario.DeadLetter{
			App:    "shipping-worker",
			Poison: envelope(t, event.PaymentCapturedType, event.PaymentCaptured{OrderID: "ord-9", PaymentID: "pay-9", AmountCents: 500000, Currency: "JPY"}),
			Around: []contract.Event{s.example(t, "payment.captured", "minimal")},
		}.Run(t, s.World)
	})
}

func TestAPaymentOfNoOrderIsDeadLettered(t *testing.T) {
	onEachWorld(t, func(t *testing.T, s *shop) {
		s.insertOrder(t, "ord-1")
		s.attachOrdersWorker()
		scenario.DeadLetter{
			App:    "orders-worker",
			Poison: envelope(t, event.PaymentCapturedType, event.PaymentCaptured{OrderID: "ord-9", PaymentID: "pay-9", AmountCents: 4200, Currency: "EUR"}),
			Around: []contract.Event{s.example(t, "payment.captured", "minimal")},
		}.Run(t, s.World)
	})
}

// envelope is an event as the shop's services write it.
func envelope(t *testing.T, eventType string, payload any) contract.Event {
	t.Helper()
	e, err := event.New(eventType, payload)
	require.NoError(t, err)
	data, err := json.Marshal(e)
	require.NoError(t, err)
	topic := map[string]string{event.OrderPlacedType: event.OrderPlacedTopic, event.PaymentCapturedType: event.PaymentCapturedTopic}[eventType]
	return contract.Event{Topic: topic, Data: data}
}
