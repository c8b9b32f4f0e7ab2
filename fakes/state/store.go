package state

import (
	"slices"
	"sync"
	"time"
)

// Store holds keys and values. Make one with [New]; it is safe for concurrent use.
type Store struct {
	newETag func() string
	started time.Time

	mu    sync.Mutex
	items map[string]item
	swept time.Time // the cleaner's latest turn that was made up for
}

type item struct {
	data    []byte
	etag    string
	expires time.Time // zero: never
}

func (i item) expired(now time.Time) bool { return !i.expires.IsZero() && now.After(i.expires) }

// Value is what a key has. The zero Value is that of a key that does not exist.
type Value struct {
	Data []byte
	ETag string
	// Expires is when the value's time to live ends, zero for never.
	Expires time.Time
}

// New is an empty store, which draws an ETag for each write. State.in-memory's
// are version 4 UUIDs.
func New(newETag func() string) *Store {
	now := time.Now()
	return &Store{newETag: newETag, started: now, swept: now, items: make(map[string]item)}
}

// cleans is how often daprd's cleaner comes by.
const cleans = time.Second

// now is the time, after the cleaner's turns up to it. The lock is held.
func (s *Store) now() time.Time {
	now := time.Now()
	turn := s.started.Add(now.Sub(s.started).Truncate(cleans))
	if turn.After(s.swept) {
		s.swept = turn
		for key, i := range s.items {
			if i.expired(turn) {
				delete(s.items, key)
			}
		}
	}
	return now
}

// Get is the value of a key.
func (s *Store) Get(key string) Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.items[key]
	if i.expired(s.now()) {
		delete(s.items, key)
		return Value{}
	}
	return i.value()
}

// Keys are the keys that have a value, sorted.
func (s *Store) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var keys []string
	for key, i := range s.items {
		if !i.expired(now) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// GetAll is the value of each key, at one moment.
func (s *Store) GetAll(keys []string) []Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	values := make([]Value, len(keys))
	for n, key := range keys {
		if i := s.items[key]; !i.expired(now) {
			values[n] = i.value() // what has expired is left to the cleaner
		}
	}
	return values
}

func (i item) value() Value { return Value{Data: i.data, ETag: i.etag, Expires: i.expires} }

// Set writes a key, or says why not: an [ETagError], or an option or a time to
// live that cannot be read.
func (s *Store) Set(r SetRequest) error {
	w, err := prepare(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if err := s.checkETag(r.Key, r.ETag, r.Options.Concurrency); err != nil {
		return err
	}
	s.put(w, now)
	return nil
}

// write is a SetRequest, read.
type write struct {
	SetRequest
	data []byte
	ttl  int // in seconds
}

func prepare(r SetRequest) (w write, err error) {
	w.SetRequest = r
	if err = r.Options.check(); err != nil {
		return w, err
	}
	if w.ttl, err = r.seconds(); err != nil {
		return w, err
	}
	w.data, err = r.bytes()
	return w, err
}

func (s *Store) put(w write, now time.Time) {
	i := item{data: w.data, etag: s.newETag()}
	if w.ttl > 0 {
		i.expires = now.Add(time.Duration(w.ttl) * time.Second)
	}
	s.items[w.Key] = i
}

// Delete removes a key, or says why not: an [ETagError] or an unknown option.
func (s *Store) Delete(r DeleteRequest) error {
	if err := r.Options.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now()
	if err := s.checkETag(r.Key, r.ETag, r.Options.Concurrency); err != nil {
		return err
	}
	delete(s.items, r.Key)
	return nil
}

// SetAll writes keys, each for itself. The error speaks of those that were
// refused: see [BulkError].
func (s *Store) SetAll(requests []SetRequest) error { return all(requests, s.Set) }

// DeleteAll removes keys, each for itself, with errors as those of SetAll.
func (s *Store) DeleteAll(requests []DeleteRequest) error { return all(requests, s.Delete) }

func all[R any](requests []R, do func(R) error) error {
	if len(requests) == 1 {
		return do(requests[0])
	}
	var refused BulkError
	for i, r := range requests {
		if err := do(r); err != nil {
			refused = append(refused, Refusal{i, err})
		}
	}
	return inBulk(refused)
}

// Transact carries out all operations or none. The options of a DeleteRequest
// are not looked at but for first-write, as in daprd.
func (s *Store) Transact(operations []Operation) error {
	writes := make([]write, len(operations))
	for n, o := range operations {
		if r, ok := o.(SetRequest); ok {
			var err error
			if writes[n], err = prepare(r); err != nil {
				return err
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, o := range operations {
		var err error
		switch r := o.(type) {
		case SetRequest:
			err = s.checkETag(r.Key, r.ETag, r.Options.Concurrency)
		case DeleteRequest:
			err = s.checkETag(r.Key, r.ETag, r.Options.Concurrency)
		}
		if err != nil {
			return err
		}
	}
	for n, o := range operations {
		switch r := o.(type) {
		case SetRequest:
			s.put(writes[n], now)
		case DeleteRequest:
			delete(s.items, r.Key)
		}
	}
	return nil
}
