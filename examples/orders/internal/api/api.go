// Package api is the HTTP API of the shop.
package api

import (
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/eventproof/eventproof/examples/orders/internal/biz"
	"github.com/eventproof/eventproof/examples/orders/internal/outbox"
	"github.com/eventproof/eventproof/examples/orders/internal/store"
)

// maxBody bounds what is read of a request.
const maxBody = 64 << 10

type api struct {
	db    *sql.DB
	relay *outbox.Relay
}

// New serves POST /orders and GET /orders/{id}.
func New(db *sql.DB, relay *outbox.Relay) http.Handler {
	a := &api{db: db, relay: relay}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", a.place)
	mux.HandleFunc("GET /orders/{id}", a.show)
	return mux
}

func (a *api) place(w http.ResponseWriter, r *http.Request) {
	var request struct {
		CustomerID  string `json:"customer_id"`
		AmountCents int64  `json:"amount_cents"`
		Currency    string `json:"currency"`
	}
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	body.DisallowUnknownFields()
	if err := body.Decode(&request); err != nil {
		answer(w, r, http.StatusBadRequest, problem{"the body is not an order: " + err.Error()})
		return
	}
	var order biz.Order
	err := store.InTx(r.Context(), a.db, func(tx *sql.Tx) (err error) {
		order, err = biz.PlaceOrder(r.Context(), tx, request.CustomerID, request.AmountCents, request.Currency)
		return err
	})
	var refused *biz.RefusedError
	switch {
	case errors.As(err, &refused):
		answer(w, r, http.StatusUnprocessableEntity, problem{refused.Error()})
		return
	case err != nil:
		slog.ErrorContext(r.Context(), "order not placed", "error", err)
		answer(w, r, http.StatusInternalServerError, problem{"the order could not be placed"})
		return
	}
	if err := a.relay.Publish(r.Context()); err != nil {
		// The order is accepted, and its event is safe in the outbox.
		slog.WarnContext(r.Context(), "outbox: will try again", "error", err)
	}
	w.Header().Set("Location", "/orders/"+order.OrderID)
	answer(w, r, http.StatusCreated, order)
}

func (a *api) show(w http.ResponseWriter, r *http.Request) {
	order, found, err := biz.FindOrder(r.Context(), a.db, r.PathValue("id"))
	switch {
	case err != nil:
		slog.ErrorContext(r.Context(), "order not read", "error", err)
		answer(w, r, http.StatusInternalServerError, problem{"the order could not be read"})
	case !found:
		answer(w, r, http.StatusNotFound, problem{"there is no such order"})
	default:
		answer(w, r, http.StatusOK, order)
	}
}

type problem struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, r *http.Request, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.WarnContext(r.Context(), "answer not written", "error", err)
	}
}
