// Package faults is the vocabulary of what can go wrong between a broker, a
// sidecar and an app, as data.
//
// A fault is a value: it is printed in a journal and in a failure, and it is
// interpreted by the fake directly and by the harness for real Dapr, so a
// scenario that uses it is written once. What a world cannot do is refused
// with an error that is [errors.ErrUnsupported].
//
// # Two faults that look alike
//
// [LoseAnswer]: the app worked, and the sidecar saw a failure, so resiliency
// policy and dead letter topic apply. With a dead letter topic and no policy
// the event is dead-lettered at once and never redelivered.
//
// [Redeliver]: an event that was handled and acknowledged comes again, as
// after a sidecar that died before its acknowledgement reached the broker.
// Idempotency is about this one.
package faults

import (
	"fmt"
	"strings"
)

// A Fault is one thing that goes wrong. The set is closed.
type Fault interface {
	// String prints the fault as it is written: LoseAnswer{App: a, Times: 2}.
	String() string
	// Target says which deliveries it strikes.
	Target() Target
}

// Target chooses deliveries. Empty fields match everything.
type Target struct {
	App   string // Dapr app id
	Topic string
	Event string // CloudEvents id or identity
}

// Matches reports whether a delivery is struck.
func (t Target) Matches(app, topic, id, identity string) bool {
	return (t.App == "" || t.App == app) && (t.Topic == "" || t.Topic == topic) &&
		(t.Event == "" || t.Event == id || t.Event == identity)
}

// LoseAnswer lets the app work and breaks the connection before its answer
// reaches the sidecar.
type LoseAnswer struct {
	App, Topic, Event string
	Times             int // how many deliveries are struck; 0 means 1, -1 every one
}

// FailDelivery breaks the connection before the app is called: it never
// learns of the delivery, as when its process is down.
type FailDelivery struct {
	App, Topic, Event string
	Times             int // as in LoseAnswer
}

// Redeliver brings a handled event again: at once where it was handled
// already, else as soon as it is. Each matching event comes Times more often.
type Redeliver struct {
	App, Topic, Event string
	Times             int // 0 means 1
}

func (f LoseAnswer) String() string   { return text("LoseAnswer", f.Target(), f.Times) }
func (f FailDelivery) String() string { return text("FailDelivery", f.Target(), f.Times) }
func (f Redeliver) String() string    { return text("Redeliver", f.Target(), f.Times) }

func (f LoseAnswer) Target() Target   { return Target{f.App, f.Topic, f.Event} }
func (f FailDelivery) Target() Target { return Target{f.App, f.Topic, f.Event} }
func (f Redeliver) Target() Target    { return Target{f.App, f.Topic, f.Event} }

func text(name string, t Target, times int) string {
	var parts []string
	for _, p := range [][2]string{{"App", t.App}, {"Topic", t.Topic}, {"Event", t.Event}} {
		if p[1] != "" {
			parts = append(parts, p[0]+": "+p[1])
		}
	}
	if times != 0 {
		parts = append(parts, fmt.Sprintf("Times: %d", times))
	}
	return name + "{" + strings.Join(parts, ", ") + "}"
}
