package fakes

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/cel"

	"github.com/eventproof/eventproof/contract/resources"
)

// breaker is a component's circuit breaker in one app's sidecar. daprd keeps
// one for each component, whichever direction asks first: where inbound and
// outbound both name one, an app that fails stops its own publishing, and what it
// publishes counts as a success. All topics share it, dead letter topics included.
// It is guarded by the engine's lock, and its times are the world's.
//
// Sources: dapr v1.16.0 pkg/resiliency/resiliency.go circuitBreakerInstances,
// pkg/resiliency/breaker/circuitbreaker.go; sony/gobreaker v0.5.0 gobreaker.go.
type breaker struct {
	name        string
	maxRequests int
	interval    time.Duration
	timeout     time.Duration
	trip        cel.Program

	state      breakerState
	generation int // of the counts: an answer from before a change of state counts no more
	counts     breakerCounts
	expiry     time.Time // of the counts while closed, of the open state; zero: never
}

type breakerState string

const (
	breakerClosed   breakerState = "closed"
	breakerOpen     breakerState = "open"
	breakerHalfOpen breakerState = "half-open"
)

type breakerCounts struct {
	requests, successes, failures, consecutiveSuccesses, consecutiveFailures int64
}

// What an open circuit breaker answers, in daprd's words. No retry follows.
var (
	errBreakerOpen     = errors.New("circuit breaker is open")
	errTooManyRequests = errors.New("too many requests")
)

func newBreaker(of *resources.CircuitBreaker, now time.Time) *breaker {
	// That it compiles was looked at when the world was opened.
	trip, _ := compile(of.Trip)
	b := &breaker{name: of.Name, maxRequests: max(of.MaxRequests, 1), interval: of.Interval, timeout: of.Timeout, trip: trip, state: breakerClosed}
	b.renew(now)
	return b
}

// breaker is the component's circuit breaker as a policy names it, nil for
// none. Who asks first decides its settings. The engine's lock is held.
func (a *app) breaker(component string, policy resources.Policy) *breaker {
	if policy.CircuitBreaker == nil {
		return nil
	}
	b := a.breakers[component]
	if b == nil {
		b = newBreaker(policy.CircuitBreaker, time.Now())
		if a.breakers == nil {
			a.breakers = make(map[string]*breaker)
		}
		a.breakers[component] = b
	}
	return b
}

// publishes passes what is published to the component, a dead letter included,
// through the outbound circuit breaker. The fake's broker refuses nothing: done is
// nil but where the caller knows better. The engine's lock is held.
//
// Source: dapr v1.16.0 pkg/runtime/pubsub/publisher/publisher.go.
func (a *app) publishes(component string, done error) error {
	if _, remote := a.components[component].kind.(*pluggable); remote {
		return done // it has its policy around each call: see send
	}
	b := a.breaker(component, a.outbound(component))
	if b == nil {
		return done
	}
	generation, err := b.before(time.Now())
	if err != nil {
		return err
	}
	b.after(generation, done == nil, time.Now())
	return done
}

// outbound is the component's outbound policy, which is read once.
func (a *app) outbound(component string) resources.Policy {
	policy, ok := a.outbounds[component]
	if !ok {
		policy = a.resources.Outbound(a.id, component)
		if a.outbounds == nil {
			a.outbounds = make(map[string]resources.Policy)
		}
		a.outbounds[component] = policy
	}
	return policy
}

// before asks to make a call; the generation is for after. A nil breaker lets
// everything pass.
func (b *breaker) before(now time.Time) (generation int, err error) {
	if b == nil {
		return 0, nil
	}
	b.advance(now)
	switch {
	case b.state == breakerOpen:
		return b.generation, errBreakerOpen
	case b.state == breakerHalfOpen && b.counts.requests >= int64(b.maxRequests):
		return b.generation, errTooManyRequests
	}
	b.counts.requests++
	return b.generation, nil
}

// after counts a call that before let pass, and reports whether it opened the
// breaker.
func (b *breaker) after(generation int, success bool, now time.Time) (opened bool) {
	if b == nil {
		return false
	}
	if b.advance(now); generation != b.generation {
		return false
	}
	if success {
		b.counts.successes++
		b.counts.consecutiveSuccesses++
		b.counts.consecutiveFailures = 0
		if b.state == breakerHalfOpen && b.counts.consecutiveSuccesses >= int64(b.maxRequests) {
			b.become(breakerClosed, now)
		}
		return false
	}
	b.counts.failures++
	b.counts.consecutiveFailures++
	b.counts.consecutiveSuccesses = 0
	if b.state == breakerHalfOpen || b.trips() {
		b.become(breakerOpen, now)
		return true
	}
	return false
}

// trips asks the expression, which is not true where it fails or is no boolean.
func (b *breaker) trips() bool {
	out, _, err := b.trip.Eval(map[string]any{
		"requests": b.counts.requests, "totalSuccesses": b.counts.successes, "totalFailures": b.counts.failures,
		"consecutiveSuccesses": b.counts.consecutiveSuccesses, "consecutiveFailures": b.counts.consecutiveFailures,
	})
	if err != nil {
		return false
	}
	yes, isBool := out.Value().(bool)
	return isBool && yes
}

// advance does what time alone does. A moment that is exactly the expiry is past
// it: in daprd a retry whose duration is the breaker's timeout comes a little
// after the breaker was opened, here at the same instant.
func (b *breaker) advance(now time.Time) {
	if b.expiry.IsZero() || now.Before(b.expiry) {
		return
	}
	switch b.state {
	case breakerClosed:
		b.renew(now)
	case breakerOpen:
		b.become(breakerHalfOpen, now)
	}
}

func (b *breaker) become(state breakerState, now time.Time) {
	b.state = state
	b.renew(now)
}

// renew begins a new generation of counts.
func (b *breaker) renew(now time.Time) {
	b.generation++
	b.counts, b.expiry = breakerCounts{}, time.Time{}
	switch {
	case b.state == breakerClosed && b.interval > 0:
		b.expiry = now.Add(b.interval)
	case b.state == breakerOpen:
		b.expiry = now.Add(b.timeout)
	}
}

// checkBreakers refuses a trip expression that daprd cannot read.
//
// Source: dapr v1.16.0 pkg/resiliency/resiliency.go decodePolicies.
func checkBreakers(set *resources.Set) error {
	var errs []error
	for _, r := range set.Resiliencies {
		for _, name := range slices.Sorted(maps.Keys(r.CircuitBreakers)) {
			b := r.CircuitBreakers[name]
			if _, err := compile(b.Trip); err != nil {
				errs = append(errs, fmt.Errorf("%s: circuit breaker %s: trip: %q is no CEL expression: daprd drops the rest of this Resiliency; "+
					"write one such as consecutiveFailures > 5, over requests, totalSuccesses, totalFailures, consecutiveSuccesses, consecutiveFailures: %w", b.Place, name, b.Trip, err))
			}
		}
	}
	return errors.Join(errs...)
}

// pass asks the inbound circuit breaker to let the call be made. A redelivery of
// a handled event is made by a sidecar that has just started. No lock is held.
func (d *delivery) pass() bool {
	if d.again {
		return true
	}
	if d.sub.policy.CircuitBreaker == nil {
		return true
	}
	d.world.engine.mu.Lock()
	defer d.world.engine.mu.Unlock()
	b := d.sub.app.breaker(d.sub.component, d.sub.policy)
	generation, err := b.before(time.Now())
	if err != nil {
		d.pending.deliveries-- // the app is not called
		d.outcome = outcome{kind: barred, note: fmt.Sprintf("circuit breaker %s: %v", b.name, err)}
		return false
	}
	d.passed, d.generation = true, generation
	return true
}

// count tells the inbound circuit breaker what came of the call. The engine's
// lock is held.
//
// Source: dapr v1.16.0 pkg/resiliency/policy.go: whatever is no error is a
// success, an answer of DROP or 404 too; what a matching list excludes from
// retrying is a failure all the same.
func (d *delivery) count() {
	if !d.passed {
		return
	}
	d.passed = false
	b := d.sub.app.breaker(d.sub.component, d.sub.policy)
	if b.after(d.generation, d.outcome.kind != failed, time.Now()) {
		d.outcome.note = strings.TrimPrefix(fmt.Sprintf("%s; circuit breaker %s opened", d.outcome.note, b.name), "; ")
	}
}
