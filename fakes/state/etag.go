package state

import (
	"errors"
	"fmt"
	"strings"
)

// ETagError is a write that was refused for its ETag.
type ETagError struct{ cause error }

func (e *ETagError) Error() string {
	return "possible etag mismatch. error from state store: " + e.cause.Error()
}
func (e *ETagError) Unwrap() error { return e.cause }

// checkETag holds a request against what is there, expired or not. The store's
// lock is held.
func (s *Store) checkETag(key string, etag *string, concurrency string) error {
	is, exists := s.items[key]
	switch {
	case etag == nil || *etag == "":
		if concurrency == FirstWrite && exists {
			return &ETagError{errors.New("item already exists and no etag was passed")}
		}
	case !exists:
		return &ETagError{fmt.Errorf("state not exist or expired for key=%s", key)}
	case is.etag != *etag:
		return &ETagError{fmt.Errorf("state etag not match for key=%s: current=%s, expect=%s", key, is.etag, *etag)}
	}
	return nil
}

// BulkError is what some requests of a bulk call were refused for, in their
// order: one of those in which daprd, which makes them all at once, can say it.
// The requests that it does not speak of were carried out.
type BulkError []Refusal

// Refusal is why one request of a bulk call was not carried out.
type Refusal struct {
	Request int // its index
	Err     error
}

func (e BulkError) Error() string {
	lines := make([]string, len(e))
	for i, refusal := range e {
		lines[i] = refusal.Err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap is what each was refused for.
func (e BulkError) Unwrap() []error {
	errs := make([]error, len(e))
	for i, refusal := range e {
		errs[i] = refusal.Err
	}
	return errs
}

// Others are the requests that were not refused for their ETag.
func (e BulkError) Others() (requests []int) {
	for _, refusal := range e {
		if mismatch := (*ETagError)(nil); !errors.As(refusal.Err, &mismatch) {
			requests = append(requests, refusal.Request)
		}
	}
	return requests
}

// inBulk is the error of a bulk call: an [ETagError] of its own where all are,
// which is what a retry policy looks at.
func inBulk(refused BulkError) error {
	switch {
	case len(refused) == 0:
		return nil
	case len(refused.Others()) == 0:
		return &ETagError{refused}
	}
	return refused
}
