package outbox_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/examples/orders/internal/event"
	"github.com/eventproof/eventproof/examples/orders/internal/outbox"
	"github.com/eventproof/eventproof/examples/orders/internal/store"
)

// publisherFunc is a publisher that is asked for the event_id only.
type publisherFunc func(ctx context.Context, eventID string) error

func (f publisherFunc) PublishEvent(ctx context.Context, _, _ string, data any, _ ...client.PublishEventOption) error {
	var e event.Envelope
	if err := json.Unmarshal(data.([]byte), &e); err != nil {
		return err
	}
	return f(ctx, e.EventID)
}

func waiting(t *testing.T, eventIDs ...string) *sql.DB {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, store.InTx(t.Context(), db, func(tx *sql.Tx) error {
		for _, id := range eventIDs {
			if err := outbox.Append(t.Context(), tx, "topic", event.Envelope{EventID: id}); err != nil {
				return err
			}
		}
		return nil
	}))
	return db
}

func TestAnEventOfARolledBackTransactionIsNeverPublished(t *testing.T) {
	db := waiting(t)
	err := store.InTx(t.Context(), db, func(tx *sql.Tx) error {
		require.NoError(t, outbox.Append(t.Context(), tx, "topic", event.Envelope{EventID: "a"}))
		return errors.New("changed my mind")
	})
	require.EqualError(t, err, "changed my mind")
	relay := outbox.NewRelay(db, publisherFunc(func(_ context.Context, id string) error {
		t.Errorf("published %s", id)
		return nil
	}))
	require.NoError(t, relay.Publish(t.Context()))
}

func TestPublishedOnceInTheOrderWritten(t *testing.T) {
	db := waiting(t, "a", "b", "c")
	var got []string
	relay := outbox.NewRelay(db, publisherFunc(func(_ context.Context, id string) error {
		got = append(got, id)
		return nil
	}))
	require.NoError(t, relay.Publish(t.Context()))
	require.NoError(t, relay.Publish(t.Context()))
	assert.Equal(t, []string{"a", "b", "c"}, got)
}

func TestTwoRelaysShareTheWork(t *testing.T) {
	db := waiting(t, "a", "b", "c")
	var got []string
	second := outbox.NewRelay(db, publisherFunc(func(_ context.Context, id string) error {
		got = append(got, "second published "+id)
		return nil
	}))
	first := outbox.NewRelay(db, publisherFunc(func(ctx context.Context, id string) error {
		got = append(got, "first published "+id)
		return second.Publish(ctx) // while the first one holds its claim
	}))
	require.NoError(t, first.Publish(t.Context()))
	assert.Equal(t, []string{"first published a", "first published b", "first published c"}, got)
}

func TestAFailedPublishIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := waiting(t, "a", "b")
		ctx, stop := context.WithCancel(t.Context())
		var got []string
		relay := outbox.NewRelay(db, publisherFunc(func(_ context.Context, id string) error {
			if got = append(got, id); len(got) == 2 {
				return errors.New("the sidecar is restarting")
			}
			if len(got) == 3 {
				stop() // between publishing and noting it: noted all the same
			}
			return nil
		}))
		began := time.Now()
		relay.Run(ctx)
		assert.Equal(t, []string{"a", "b", "b"}, got)
		assert.Equal(t, time.Second, time.Since(began), "the virtual time until the next sweep")
		require.NoError(t, relay.Publish(t.Context()))
		assert.Equal(t, []string{"a", "b", "b"}, got)
	})
}

func TestTheClaimOfACrashedRelayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := waiting(t, "a")
		crashed := outbox.NewRelay(db, publisherFunc(func(context.Context, string) error { panic("crash") }))
		assert.PanicsWithValue(t, "crash", func() { _ = crashed.Publish(t.Context()) })
		ctx, stop := context.WithCancel(t.Context())
		began := time.Now()
		outbox.NewRelay(db, publisherFunc(func(context.Context, string) error {
			stop()
			return nil
		})).Run(ctx)
		assert.Equal(t, 31*time.Second, time.Since(began), "the lease of 30 s, and the next sweep")
	})
}
