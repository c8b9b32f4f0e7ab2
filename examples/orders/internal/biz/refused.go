// Package biz is what the shop does: it accepts orders, captures payments and
// requests shipments. Each step is a function that works in its caller's
// transaction, so that a step and the events that tell of it are one.
//
// It knows nothing of Dapr.
package biz

import "fmt"

// RefusedError says that a request or event can never be accepted, however
// often it is tried. Any other error may go away.
type RefusedError struct{ reason string }

func (e *RefusedError) Error() string { return e.reason }

// Refuse makes a [RefusedError].
func Refuse(format string, args ...any) error {
	return &RefusedError{fmt.Sprintf(format, args...)}
}

// money refuses an amount that cannot be paid.
func money(amountCents int64, currency string) error {
	if amountCents <= 0 {
		return Refuse("amount_cents is %d; it must be positive", amountCents)
	}
	switch currency {
	case "EUR", "USD":
		return nil
	}
	return Refuse("currency is %q; EUR and USD are accepted", currency)
}
