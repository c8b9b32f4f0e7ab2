// Package outbox publishes events that were written in the transaction that
// made them true.
//
// [Append] writes an event beside the change that it tells of: both happen or
// neither. A [Relay] publishes what is waiting. An event is published at least
// once: a relay that ends between publishing and noting it publishes again, and
// so consumers know an event by its event_id.
package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/eventproof/eventproof/examples/orders/internal/event"
)

// Append writes an event into the outbox, in the caller's transaction.
func Append(ctx context.Context, tx *sql.Tx, topic string, e event.Envelope) error {
	payload, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode %s: %w", e.EventType, err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO outbox (topic, payload) VALUES (?, ?)`, topic, payload); err != nil {
		return fmt.Errorf("write %s into the outbox: %w", e.EventType, err)
	}
	return nil
}
