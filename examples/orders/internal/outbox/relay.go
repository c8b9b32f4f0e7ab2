package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/google/uuid"

	"github.com/eventproof/eventproof/examples/orders/internal/event"
)

// Publisher is the part of the Go SDK's client that a relay needs.
type Publisher interface {
	PublishEvent(ctx context.Context, pubsub, topic string, data any, options ...client.PublishEventOption) error
}

const (
	batch    = 20               // rows claimed at a time
	lease    = 30 * time.Second // how long a claim holds; far longer than publishing a batch takes
	patience = 5 * time.Second  // how long the sidecar may take for one event
	sweep    = time.Second      // how often Run looks for what Publish left behind
)

// Relay publishes the events in an outbox table. Any number of relays may work
// on one table: each claims its rows first. Events of one relay leave in the
// order in which they were written; of several, no order is promised.
type Relay struct {
	db        *sql.DB
	publisher Publisher
	name      string        // claims are in this name
	turn      chan struct{} // holds one token: a relay publishes one batch at a time
}

// NewRelay makes a relay. It does nothing until Publish or Run is called.
func NewRelay(db *sql.DB, publisher Publisher) *Relay {
	r := &Relay{db: db, publisher: publisher, name: uuid.NewString(), turn: make(chan struct{}, 1)}
	r.turn <- struct{}{}
	return r
}

// Run publishes what is waiting, now and every second, until the context ends.
// The event in hand is published and noted first.
func (r *Relay) Run(ctx context.Context) {
	ticker := time.NewTicker(sweep)
	defer ticker.Stop()
	for {
		if err := r.Publish(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "outbox: will try again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Publish publishes what is waiting. It is called after each commit, so that an
// event leaves at once; what fails here, Run publishes later.
func (r *Relay) Publish(ctx context.Context) error {
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		claimed, err := r.claim(ctx)
		if err != nil || len(claimed) == 0 {
			return err
		}
		for i, m := range claimed {
			if err := r.publish(ctx, m); err != nil {
				return errors.Join(err, r.release(ctx, claimed[i:]))
			}
		}
	}
}

type message struct {
	position int64
	topic    string
	payload  []byte
}

// claim takes the oldest waiting rows that nobody holds. One statement: no
// other relay can come between finding and taking them.
func (r *Relay) claim(ctx context.Context) ([]message, error) {
	now := time.Now()
	rows, err := r.db.QueryContext(ctx, `
		UPDATE outbox SET claimed_by = ?, claimed_until = ?
		WHERE position IN (
			SELECT position FROM outbox
			WHERE published_at IS NULL AND (claimed_until IS NULL OR claimed_until < ?)
			ORDER BY position LIMIT ?)
		RETURNING position, topic, payload`,
		r.name, now.Add(lease).UnixMilli(), now.UnixMilli(), batch)
	if err != nil {
		return nil, fmt.Errorf("claim outbox rows: %w", err)
	}
	defer rows.Close()
	var claimed []message
	for rows.Next() {
		var m message
		if err := rows.Scan(&m.position, &m.topic, &m.payload); err != nil {
			return nil, fmt.Errorf("read outbox row: %w", err)
		}
		claimed = append(claimed, m)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("claim outbox rows: %w", err)
	}
	// RETURNING promises no order.
	slices.SortFunc(claimed, func(a, b message) int { return cmp.Compare(a.position, b.position) })
	return claimed, nil
}

func (r *Relay) publish(ctx context.Context, m message) error {
	sending, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// The content type must be said: the Go SDK sends bytes as text/plain.
	if err := r.publisher.PublishEvent(sending, event.PubSub, m.topic, m.payload,
		client.PublishEventWithContentType("application/json")); err != nil {
		return fmt.Errorf("publish outbox row %d: %w", m.position, err)
	}
	// It is published: that is noted even if the context ended meanwhile.
	if _, err := r.db.ExecContext(context.WithoutCancel(ctx),
		`UPDATE outbox SET published_at = ? WHERE position = ? AND claimed_by = ?`,
		time.Now().UnixMilli(), m.position, r.name); err != nil {
		return fmt.Errorf("note outbox row %d as published: %w", m.position, err)
	}
	return nil
}

// release gives claimed rows back at once instead of when the lease ends.
func (r *Relay) release(ctx context.Context, claimed []message) error {
	for _, m := range claimed {
		if _, err := r.db.ExecContext(context.WithoutCancel(ctx),
			`UPDATE outbox SET claimed_by = NULL, claimed_until = NULL WHERE position = ? AND claimed_by = ? AND published_at IS NULL`,
			m.position, r.name); err != nil {
			return fmt.Errorf("release outbox row %d: %w", m.position, err)
		}
	}
	return nil
}
