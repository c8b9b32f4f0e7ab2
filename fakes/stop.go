package fakes

import (
	"errors"
	"time"
)

// afterLast is how long daprd waits after the last delivery of a subscription
// that it stops, for the result to reach the broker.
//
// Source: dapr v1.16.0 pkg/runtime/subscription/subscription.go Stop.
const afterLast = 400 * time.Millisecond

// stop ends a subscription: from now on it takes nothing, and once its last
// delivery has ended, retries included, it leaves its consumer group. Meanwhile it
// still reads: what it reads fails with "subscription is closed". The lock is held.
//
// A bulk subscription leaves at once, and what is at the app goes on.
func (w *backend) stop(s *subscription, stopped func()) {
	if s.closed {
		return
	}
	s.closed, s.held, s.stopped = true, s.holding > 0, stopped
	w.mayLeave(s)
}

// mayLeave lets a subscription that was stopped leave once its deliveries have
// ended. The lock is held.
func (w *backend) mayLeave(s *subscription) {
	if !s.closed || s.holding > 0 {
		return
	}
	if s.stream != nil {
		s.stream.finish(errors.New("stream closed"))
	}
	leave := func() {
		s.broker().leave(w, s)
		if s.stopped != nil {
			s.stopped()
		}
		w.engine.wake()
	}
	if !s.held {
		leave()
		return
	}
	w.engine.at(time.Now().Add(afterLast), leave)
}

// takes counts a delivery that a worker begins with. A subscription that was
// stopped takes nothing: what it reads stays pending. The lock is held.
func (s *subscription) takes() (closed bool) {
	if !s.closed {
		s.holding++
	}
	return s.closed
}

// lets counts one whose policy has ended. The lock is held.
func (w *backend) lets(s *subscription) {
	s.holding--
	w.mayLeave(s)
}
