package orders_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/eventproof/eventproof/harness/scenario"
)

func TestAnAcceptedOrderIsPublished(t *testing.T) {
	onEachWorld(t, func(t *testing.T, s *shop) {
		s.attachOrders()
		scenario.Publishing{
			App:  "orders",
			Act:  s.placing(http.StatusCreated, `{"customer_id": "anna", "amount_cents": 4200, "currency": "EUR"}`),
			Want: []scenario.Want{{Event: "order.placed"}},
		}.Run(t, s.World)
	})
}

func TestARefusedOrderIsNotPublished(t *testing.T) {
	onEachWorld(t, func(t *testing.T, s *shop) {
		s.attachOrders()
		scenario.Publishing{
			App:  "orders",
			Act:  s.placing(http.StatusUnprocessableEntity, `{"customer_id": "anna", "amount_cents": 0, "currency": "EUR"}`),
			Want: []scenario.Want{},
		}.Run(t, s.World)
	})
}

// placing posts an order and wants an answer.
func (s *shop) placing(status int, order string) func(context.Context) error {
	return func(ctx context.Context) error {
		if answer := s.place(ctx, order); answer.Code != status {
			return fmt.Errorf("POST /orders answered %d %s, want %d", answer.Code, answer.Body, status)
		}
		return nil
	}
}
