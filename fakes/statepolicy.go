package fakes

import (
	"context"
	"errors"
	"time"

	"github.com/eventproof/eventproof/fakes/state"
)

// underPolicy makes a call of a state store under the outbound policy of its
// component. A store in memory is never late; what fails in it (an ETag, an
// option) counts for the circuit breaker as any failure, and is tried again
// unless final says that it is not. Nothing that a store says has a code, which a
// policy's matching would look at.
//
// Sources: dapr v1.16.0 pkg/resiliency/policy.go; kit v0.16.1 retry/retry.go.
func (s *sidecar) underPolicy(ctx context.Context, store *stateStore, final func(error) bool, call func() error) error {
	w, a, name := s.world, s.app, store.component.Name
	policy := a.resources.OutboundState(a.id, name)
	if policy.Retry == nil && policy.CircuitBreaker == nil {
		return call()
	}
	began, interval := time.Now(), time.Duration(0)
	for attempt := 1; ; attempt++ {
		w.engine.mu.Lock()
		b := a.breaker(name, policy)
		generation, err := b.before(time.Now())
		w.engine.mu.Unlock()
		if err != nil {
			return err
		}
		err = call()
		w.engine.mu.Lock()
		b.after(generation, err == nil, time.Now())
		wait, again := w.backoff(policy.Retry, attempt, began, &interval)
		w.engine.mu.Unlock()
		if err == nil || !again || final(err) {
			return err
		}
		if !w.wait(ctx, wait) {
			return context.Cause(ctx)
		}
	}
}

// wait waits by the engine's clock, or reports that the caller has gone.
func (w *backend) wait(ctx context.Context, d time.Duration) bool {
	over := make(chan struct{})
	w.engine.mu.Lock()
	item := w.engine.at(time.Now().Add(d), func() { close(over) })
	w.engine.mu.Unlock()
	select {
	case <-over:
		return true
	case <-ctx.Done():
		w.engine.mu.Lock()
		w.engine.cancel(item)
		w.engine.mu.Unlock()
		return false
	}
}

// never is for calls that are tried again whatever the store says, a wrong ETag
// too.
func never(error) bool { return false }

// onlyETags reports whether the call was refused for ETags alone.
func onlyETags(err error) bool {
	var mismatch *state.ETagError
	var bulk state.BulkError
	return errors.As(err, &mismatch) && (!errors.As(err, &bulk) || len(bulk.Others()) == 0)
}

// inBulk writes or removes keys. What is tried again is what was not refused for
// its ETag.
//
// Source: dapr v1.16.0 pkg/components/state/bulk.go PerformBulkStoreOperation.
func inBulk[R any](ctx context.Context, s *sidecar, store *stateStore, requests []R, do func([]R) error) error {
	return s.underPolicy(ctx, store, onlyETags, func() error {
		err := do(requests)
		var refused state.BulkError
		if !onlyETags(err) && errors.As(err, &refused) {
			var again []R
			for _, i := range refused.Others() {
				again = append(again, requests[i])
			}
			requests = again
		}
		return err
	})
}
