package main

import "testing"

// TestAQueuedEventTakesLittleRoom keeps what the fake holds of an event that waits
// (its message, its place in the pending entries list, its journal entry, what the
// recorder knows of it) under 1 kB beyond the envelope.
func TestAQueuedEventTakesLittleRoom(t *testing.T) {
	q, err := measureQueue(20_000, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", q.bytes)
	if q.bytes > 1000 {
		t.Errorf("an event that waits takes %d bytes beyond its envelope, want 1000 at most", q.bytes)
	}
}
