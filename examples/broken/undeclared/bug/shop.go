// Package undeclared is a shop that tells of each paid order.
package undeclared

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/dapr/go-sdk/client"
)

type orderPaid struct {
	OrderID    string `json:"order_id"`
	CustomerID string `json:"customer_id"`
	Amount     int    `json:"amount"`
	Currency   string `json:"currency"`
	CardNumber string `json:"card_number"`
}

type payment struct {
	CustomerID string `json:"customer_id"`
	CardNumber string `json:"card_number"`
	Amount     int    `json:"amount"`
}

// New serves POST /orders/{id}/pay.
func New(dapr client.Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}/pay", func(w http.ResponseWriter, r *http.Request) {
		var p payment
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		id := r.PathValue("id")
		paid := orderPaid{
			OrderID: id, CustomerID: p.CustomerID, Amount: p.Amount, Currency: "EUR", CardNumber: p.CardNumber,
		}
		err := dapr.PublishEvent(r.Context(), "pubsub", "orders.order.paid", map[string]any{
			"event_id": "paid-" + id, "event_type": "order.paid", "event_version": "1",
			"timestamp": time.Now().UTC(), "data": paid,
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}
