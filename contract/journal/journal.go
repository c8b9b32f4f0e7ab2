package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Journal is an append-only list of entries, safe for use by many goroutines.
//
// Entries are values and are never changed. Reading blocks appending only while
// what was appended since the last reading is put together.
type Journal struct {
	mu      sync.Mutex
	head    Head
	start   time.Time
	entries entries
	dropped bool // the entries: see StreamOnly
	streams []*stream
	changed chan struct{} // closed and replaced at each append while somebody waits
}

// New starts a journal: its clock starts at head.Started, or now where that is
// zero. The format of the head is set.
func New(head Head) *Journal {
	if head.Started.IsZero() {
		head.Started = time.Now()
	}
	j := &Journal{head: head, start: head.Started}
	j.head.Format = Format
	// What is written has no monotonic clock and no name of a time zone; the
	// journal's own clock keeps them.
	j.head.Started = head.Started.Round(0).UTC()
	return j
}

// Head is the first line.
func (j *Journal) Head() Head {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.head
}

// SetHead lets a world that learns its versions late complete the head. The
// format and the start stay as they are. change must not call the journal.
func (j *Journal) SetHead(change func(*Head)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	started := j.head.Started
	change(&j.head)
	j.head.Format, j.head.Started = Format, started
	for _, s := range j.streams {
		s.write(j.head)
	}
}

// Since is the time on the journal's clock: what [Entry.At] counts.
func (j *Journal) Since(t time.Time) time.Duration { return t.Sub(j.start) }

// Append records a fact, gives it the next Seq and, unless it has one, the
// present time, and returns its Seq. Data that is not JSON becomes a JSON
// string.
//
// It panics if the cause does not lie before the entry.
func (j *Journal) Append(e Entry) int {
	if len(e.Data) > 0 && !json.Valid(e.Data) {
		e.Data, _ = encode(string(e.Data)) // a string is always encoded
	}
	return j.AppendValid(e)
}

// AppendValid is [Journal.Append] for data that the caller knows to be JSON: it
// is not looked at.
func (j *Journal) AppendValid(e Entry) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.At == 0 {
		e.At = time.Since(j.start)
	}
	e.Seq = j.entries.n + 1
	if e.Cause < 0 || e.Cause >= e.Seq {
		panic(fmt.Sprintf("journal: cause %d of a %s entry is not the Seq of an entry before it (it would be %d); consider the Seq that Append returned, or 0 for none",
			e.Cause, e.Kind, e.Seq))
	}
	if j.dropped {
		j.entries.n++
	} else {
		j.entries.add(&e)
	}
	for _, s := range j.streams {
		s.entry(&e)
	}
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
	return e.Seq
}

// Entries are all entries so far. The slice is the caller's to read, not to change.
//
// It panics where they are not kept: see [Journal.StreamOnly].
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.all()
}

func (j *Journal) all() []Entry {
	if j.dropped {
		panic("journal: " + errStreamed.Error())
	}
	return j.entries.all()
}

// Streamed reports whether the entries are written and not kept: see
// [Journal.StreamOnly].
func (j *Journal) Streamed() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped
}

// Len is the number of entries so far. It marks a place in the journal: what
// happened after it is Entries()[n:].
func (j *Journal) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.entries.n
}

// Wait returns when done reports true for the entries so far; it is asked
// first at once, then after each append. Where the context ends first, it
// returns its cause ([context.Cause]). It panics where entries are not kept.
func (j *Journal) Wait(ctx context.Context, done func([]Entry) bool) error {
	for {
		j.mu.Lock()
		if j.dropped {
			j.mu.Unlock()
			panic("journal: " + errStreamed.Error())
		}
		entries := j.entries.all()
		if j.changed == nil {
			j.changed = make(chan struct{})
		}
		changed := j.changed
		j.mu.Unlock()
		if done(entries) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
