package journal_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/journal"
)

func TestAppendByMany(t *testing.T) {
	j := journal.New(journal.Head{World: "fake"})
	var everyone sync.WaitGroup
	for range 8 {
		everyone.Go(func() {
			for range 100 {
				n := j.Append(journal.Entry{Kind: journal.Started, SeenBy: journal.Engine})
				assert.Equal(t, n, j.Entries()[n-1].Seq)
			}
		})
	}
	everyone.Wait()
	assert.Equal(t, 800, j.Len())
	for i, e := range j.Entries() {
		require.Equal(t, i+1, e.Seq)
	}
}

func TestEntriesDoNotChange(t *testing.T) {
	j := journal.New(journal.Head{})
	for range 3 { // so that there is room behind them
		j.Append(journal.Entry{Kind: journal.Started})
	}
	before := j.Entries()
	j.Append(journal.Entry{Kind: journal.Subscribed})
	assert.Len(t, before, 3)
	_ = append(before, journal.Entry{Kind: journal.Dropped}) // must not reach the journal
	assert.Equal(t, journal.Subscribed, j.Entries()[3].Kind)
	assert.Len(t, j.Entries()[len(before):], 1, "what happened after a place")
}

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.New(journal.Head{})
		<-time.After(3 * time.Second)
		j.Append(journal.Entry{Kind: journal.Started})
		j.Append(journal.Entry{Kind: journal.Started, At: time.Second})
		assert.Equal(t, 3*time.Second, j.Entries()[0].At, "the present time")
		assert.Equal(t, time.Second, j.Entries()[1].At, "its own time")
		assert.Equal(t, 3*time.Second, j.Since(time.Now()))
	})
}

func TestAppendPanicsAtACauseThatIsNoneBefore(t *testing.T) {
	j := journal.New(journal.Head{})
	j.Append(journal.Entry{Kind: journal.Started})
	for _, cause := range []int{2, 3, -1} {
		assert.PanicsWithValue(t, "journal: cause "+map[int]string{2: "2", 3: "3", -1: "-1"}[cause]+
			" of a delivered entry is not the Seq of an entry before it (it would be 2); consider the Seq that Append returned, or 0 for none",
			func() { j.Append(journal.Entry{Kind: journal.Delivered, Cause: cause}) })
	}
	assert.Equal(t, 2, j.Append(journal.Entry{Kind: journal.Delivered, Cause: 1}), "and goes on working")
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journal.New(journal.Head{})
		two := func(entries []journal.Entry) bool { return len(entries) >= 2 }
		asked := 0
		result := make(chan error, 1)
		go func() {
			result <- j.Wait(t.Context(), func(entries []journal.Entry) bool { asked++; return two(entries) })
		}()
		synctest.Wait()
		assert.Equal(t, 1, asked, "asked at once")
		j.Append(journal.Entry{})
		synctest.Wait()
		assert.Equal(t, 2, asked, "asked after an append")
		j.Append(journal.Entry{})
		require.NoError(t, <-result)

		gaveUp := errors.New("gave up")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { result <- j.Wait(ctx, func([]journal.Entry) bool { return false }) }()
		synctest.Wait()
		cancel(gaveUp)
		require.ErrorIs(t, <-result, gaveUp, "the context's cause")
	})
}
