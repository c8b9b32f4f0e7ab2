package fakes

import (
	"context"
	"errors"
	"time"

	"github.com/eventproof/eventproof/contract/resources"
)

// endpointPolicy is the Resiliency around calling a method of an app, as one
// call has it.
type endpointPolicy struct {
	world   *backend
	timeout time.Duration
	retry   *resources.Retry
	breaker *breaker
}

// endpointPolicy is that of the sidecar's app for the endpoint. Each endpoint
// has a circuit breaker of its own. daprd keeps the last hundred; here they are
// kept all.
//
// Source: dapr v1.16.0 pkg/resiliency/resiliency.go EndpointPolicy.
func (s *sidecar) endpointPolicy(app, endpoint string) endpointPolicy {
	policy := s.app.resources.Endpoint(s.app.id, app)
	p := endpointPolicy{world: s.world, timeout: policy.Timeout, retry: policy.Retry}
	if policy.CircuitBreaker == nil {
		return p
	}
	s.world.engine.mu.Lock()
	defer s.world.engine.mu.Unlock()
	key := app + "\n" + endpoint
	if s.app.endpoints == nil {
		s.app.endpoints = make(map[string]*breaker)
	}
	if s.app.endpoints[key] == nil {
		s.app.endpoints[key] = newBreaker(policy.CircuitBreaker, time.Now())
	}
	p.breaker = s.app.endpoints[key]
	return p
}

// codeError is an answer with a status code that is an error, by which a retry
// policy's matching decides.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

// run does an operation as the policy wants it: each attempt has its timeout and
// passes the circuit breaker. What the last attempt returned comes with its error.
//
// Sources: dapr v1.16.0 pkg/resiliency/policy.go NewRunnerWithOptions; kit v0.16.1
// retry/retry.go; cenkalti/backoff v4 retry.go.
func run[T any](ctx context.Context, p endpointPolicy, operation func(context.Context) (T, error)) (T, error) {
	waits := waits{policy: p, began: time.Now()}
	for {
		out, err := attempt(ctx, p, operation)
		if err == nil || p.retry == nil || errors.Is(err, errBreakerOpen) || errors.Is(err, errTooManyRequests) || errors.Is(err, errNoRetry) {
			return out, err
		}
		var coded *codeError
		if errors.As(err, &coded) && !p.retry.Matches(coded.code, false) {
			return out, err
		}
		wait, ok := waits.next()
		if ended := ctx.Err(); ended != nil {
			return out, ended
		}
		if !ok {
			return out, err
		}
		if ended := pause(ctx, wait); ended != nil {
			return out, ended
		}
	}
}

// errNoRetry is in an error after which no policy tries again.
var errNoRetry = errors.New("no retry")

// attempt is one attempt.
func attempt[T any](ctx context.Context, p endpointPolicy, operation func(context.Context) (T, error)) (out T, err error) {
	if p.breaker == nil {
		return timed(ctx, p.timeout, operation)
	}
	mu := &p.world.engine.mu
	mu.Lock()
	generation, err := p.breaker.before(time.Now())
	mu.Unlock()
	if err != nil {
		return out, err
	}
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		p.breaker.after(generation, err == nil, time.Now())
	}()
	return timed(ctx, p.timeout, operation)
}

// timed gives up on an operation at its timeout, whether it minds its context
// or not.
func timed[T any](ctx context.Context, timeout time.Duration, operation func(context.Context) (T, error)) (T, error) {
	if timeout <= 0 {
		return operation(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	type result struct {
		out T
		err error
	}
	done := make(chan result, 1)
	go func() {
		out, err := operation(ctx)
		done <- result{out, err}
	}()
	var none T
	select {
	case r := <-done:
		if ctx.Err() != nil {
			return none, ctx.Err() // it returned because of that
		}
		return r.out, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// waits are those between the attempts of one call.
type waits struct {
	policy   endpointPolicy
	began    time.Time
	retries  int
	interval time.Duration // of an exponential policy, next
}

func (w *waits) next() (time.Duration, bool) {
	w.retries++
	world := w.policy.world
	world.engine.mu.Lock()
	defer world.engine.mu.Unlock()
	return world.backoff(w.policy.retry, w.retries, w.began, &w.interval)
}
