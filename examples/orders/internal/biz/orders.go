package biz

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/eventproof/eventproof/examples/orders/internal/event"
	"github.com/eventproof/eventproof/examples/orders/internal/outbox"
)

// Status says where an order is.
type Status string

// The statuses of an order. It goes from Placed to Cancelled, or by way of Paid
// to Shipping.
const (
	Placed    Status = "placed"
	Paid      Status = "paid"
	Shipping  Status = "shipping"
	Cancelled Status = "cancelled"
)

// progress orders the statuses: events of different topics come in any order,
// and an order never goes back.
var progress = map[Status]int{Placed: 0, Paid: 1, Shipping: 2, Cancelled: 3}

// Order is what a customer ordered.
type Order struct {
	OrderID     string `json:"order_id"`
	CustomerID  string `json:"customer_id"`
	AmountCents int64  `json:"amount_cents"`
	Currency    string `json:"currency"`
	Status      Status `json:"status"`
}

// PlaceOrder accepts an order and tells of it.
func PlaceOrder(ctx context.Context, tx *sql.Tx, customerID string, amountCents int64, currency string) (Order, error) {
	if customerID == "" {
		return Order{}, Refuse("customer_id is missing")
	}
	if err := money(amountCents, currency); err != nil {
		return Order{}, err
	}
	o := Order{OrderID: uuid.NewString(), CustomerID: customerID, AmountCents: amountCents, Currency: currency, Status: Placed}
	if _, err := tx.ExecContext(ctx,
		`INSERT INTO orders (order_id, customer_id, amount_cents, currency, status, progress) VALUES (?, ?, ?, ?, ?, ?)`,
		o.OrderID, o.CustomerID, o.AmountCents, o.Currency, o.Status, progress[o.Status]); err != nil {
		return Order{}, fmt.Errorf("insert order: %w", err)
	}
	e, err := event.New(event.OrderPlacedType, event.OrderPlaced{
		OrderID: o.OrderID, CustomerID: o.CustomerID, AmountCents: o.AmountCents, Currency: o.Currency})
	if err != nil {
		return Order{}, err
	}
	return o, outbox.Append(ctx, tx, event.OrderPlacedTopic, e)
}

// FindOrder returns an order; found is false where there is none.
func FindOrder(ctx context.Context, db *sql.DB, orderID string) (o Order, found bool, err error) {
	err = db.QueryRowContext(ctx, `SELECT order_id, customer_id, amount_cents, currency, status FROM orders WHERE order_id = ?`, orderID).
		Scan(&o.OrderID, &o.CustomerID, &o.AmountCents, &o.Currency, &o.Status)
	if errors.Is(err, sql.ErrNoRows) {
		return Order{}, false, nil
	}
	if err != nil {
		return Order{}, false, fmt.Errorf("read order %s: %w", orderID, err)
	}
	return o, true, nil
}

// Advance moves an order on to a status; one that is there or further stays.
func Advance(ctx context.Context, tx *sql.Tx, orderID string, to Status) error {
	var exists bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM orders WHERE order_id = ?)`, orderID).Scan(&exists); err != nil {
		return fmt.Errorf("find order %s: %w", orderID, err)
	}
	if !exists {
		// Orders are committed before anything is told of them: it will never be here.
		return Refuse("order %q does not exist", orderID)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE orders SET status = ?, progress = ? WHERE order_id = ? AND progress < ?`,
		to, progress[to], orderID, progress[to]); err != nil {
		return fmt.Errorf("advance order %s to %s: %w", orderID, to, err)
	}
	return nil
}
