// Package consumer is the three workers: what each subscribes to, how it tells
// Dapr what became of an event, and the inbox that makes a second delivery of
// the same event do nothing.
package consumer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/eventproof/eventproof/examples/orders/internal/biz"
	"github.com/eventproof/eventproof/examples/orders/internal/event"
	"github.com/eventproof/eventproof/examples/orders/internal/store"
)

// once applies an event in one transaction with the note that it was applied.
// An event that was applied before changes nothing.
func once(ctx context.Context, db *sql.DB, eventID string, apply func(*sql.Tx) error) error {
	return store.InTx(ctx, db, func(tx *sql.Tx) error {
		noted, err := tx.ExecContext(ctx, `INSERT INTO inbox (event_id, handled_at) VALUES (?, ?) ON CONFLICT DO NOTHING`,
			eventID, time.Now().UnixMilli())
		if err != nil {
			return fmt.Errorf("note event %s in the inbox: %w", eventID, err)
		}
		isNew, err := noted.RowsAffected()
		if err != nil {
			return fmt.Errorf("note event %s in the inbox: %w", eventID, err)
		}
		if isNew == 0 {
			return nil
		}
		return apply(tx)
	})
}

// decode reads an event; what cannot be read is refused.
func decode(body []byte, eventType string, payload any) (event.Envelope, error) {
	e, err := event.Decode(body, eventType, payload)
	if err != nil {
		return e, biz.Refuse("%v", err)
	}
	return e, nil
}

// hopeless reports that trying again cannot help: the event belongs on the
// dead letter topic.
func hopeless(err error) bool {
	var refused *biz.RefusedError
	var tooLarge *http.MaxBytesError
	return errors.As(err, &refused) || errors.As(err, &tooLarge)
}
