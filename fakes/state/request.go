package state

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// The names of types and fields are those of daprd, because its errors of
// malformed JSON say them.

// SetRequest writes a key.
type SetRequest struct {
	Key string `json:"key"`
	// Value is kept as it is where it is a []byte, and as JSON otherwise.
	Value any `json:"value"`
	// ETag is the one that the key must have; nil and "" for any.
	ETag *string `json:"etag,omitempty"`
	// Metadata is read for ttlInSeconds, a whole number; 0, less, and none: for ever.
	Metadata map[string]string `json:"metadata,omitempty"`
	Options  SetStateOption    `json:"options,omitempty"`
	// ContentType is for who publishes the value: the store does not look at it.
	ContentType *string `json:"contentType,omitempty"`
}

// DeleteRequest removes a key. One that does not exist is removed too, unless
// the request has an ETag.
type DeleteRequest struct {
	Key      string
	ETag     *string
	Metadata map[string]string
	Options  SetStateOption
}

// SetStateOption is how a write treats others.
type SetStateOption struct {
	Concurrency string // first-write | last-write | "", which is last-write
	Consistency string // strong | eventual | "": no difference in memory
}

// The values of Concurrency and Consistency.
const (
	FirstWrite = "first-write"
	LastWrite  = "last-write"
	Strong     = "strong"
	Eventual   = "eventual"
)

// check refuses other words.
func (o SetStateOption) check() error {
	switch o.Consistency {
	case "", Strong, Eventual:
	default:
		return fmt.Errorf("unrecognized consistency model '%s'", o.Consistency)
	}
	switch o.Concurrency {
	case "", FirstWrite, LastWrite:
		return nil
	}
	return fmt.Errorf("unrecognized concurrency model '%s'", o.Concurrency)
}

// Operation is a [SetRequest] or a [DeleteRequest], in a transaction.
type Operation interface{ isOperation() }

func (SetRequest) isOperation()    {}
func (DeleteRequest) isOperation() {}

// bytes are what is kept of the value.
func (r SetRequest) bytes() ([]byte, error) {
	if data, ok := r.Value.([]byte); ok {
		return data, nil
	}
	return json.Marshal(r.Value)
}

// seconds are the time to live, 0 for ever.
func (r SetRequest) seconds() (int, error) {
	text := r.Metadata["ttlInSeconds"]
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	return max(n, 0), err
}
