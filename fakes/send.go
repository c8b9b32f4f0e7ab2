package fakes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	components "github.com/dapr/dapr/pkg/proto/components/v1"

	"github.com/eventproof/eventproof/contract/resources"
)

// send hands what is published to a component in a process of its own, under
// the outbound policy. The fake's own kinds refuse nothing: they take it in store,
// once it is in the journal. The lock is held, but not while the component works.
//
// Source: dapr v1.16.0 pkg/runtime/pubsub/publisher/publisher.go.
func (w *backend) send(a *app, name, topic string, m *message) error {
	p, ok := a.components[name].kind.(*pluggable)
	if !ok {
		return nil
	}
	return w.outbound(a, p, func(ctx context.Context) error {
		_, err := p.client.Publish(ctx, &components.PublishRequest{PubsubName: name, Topic: topic, Data: m.data, Metadata: m.metadata})
		return err
	})
}

// outbound makes a call of a component under the app's outbound policy: each
// attempt has the timeout and passes the circuit breaker, whose refusal ends it. The
// lock is held, but not while the component works or the policy waits.
func (w *backend) outbound(a *app, p *pluggable, call func(context.Context) error) error {
	policy := a.resources.Outbound(a.id, p.name)
	began, interval := time.Now(), time.Duration(0)
	w.sending++
	defer func() {
		w.sending--
		w.engine.wake()
	}()
	for attempts := 1; ; attempts++ {
		b := a.breaker(p.name, policy)
		generation, err := b.before(time.Now())
		if err != nil {
			return err
		}
		w.unlocked(func() { err = once(p.ctx, policy.Timeout, call) })
		b.after(generation, err == nil, time.Now())
		if err == nil {
			return nil
		}
		wait, again := w.backoff(policy.Retry, attempts, began, &interval)
		if !again {
			return err
		}
		w.unlocked(func() {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-p.ctx.Done():
				err = fmt.Errorf("%w; the sidecar ends", err)
				again = false
			}
		})
		if !again {
			return err
		}
	}
}

// sendBulk publishes a bulk call: in one call of a component that can, else
// each entry by itself. An entry that a component names as failed, without failing
// itself, is not tried again, and over HTTP the app is not told of it.
//
// Sources: dapr v1.16.0 pkg/runtime/pubsub/{bulkpublish_resiliency,default_bulkpub}.go.
func (s *sidecar) sendBulk(p *pluggable, topic string, metadata map[string]string, entries []bulkEntry, calls []publishCall) ([]failedEntry, *publishError) {
	w, pubsub := s.world, p.name
	if !s.app.mayPublish(pubsub, topic) {
		refused := forbidden(pubsub, topic, s.app.id)
		for _, call := range calls {
			w.publishFailed(s.app, call, refused)
		}
		return nil, refused
	}
	left := make([]*components.BulkMessageEntry, len(calls))
	for i, call := range calls {
		calls[i].sent, calls[i].passed = true, true
		left[i] = &components.BulkMessageEntry{EntryId: entries[i].id, Event: call.event.data, ContentType: call.contentType}
		if own := entries[i].metadata; own != nil {
			left[i].Metadata = make(map[string]string)
			maps.Copy(left[i].Metadata, metadata)
			maps.Copy(left[i].Metadata, own)
		}
	}
	failed := make(map[string]string)
	attempt := func(ctx context.Context) (err error) {
		clear(failed)
		if slices.Contains(p.able, "BULK_PUBSUB") {
			out, err := p.client.BulkPublish(ctx, &components.BulkPublishRequest{PubsubName: pubsub, Topic: topic, Entries: left, Metadata: metadata})
			for _, e := range out.GetFailedEntries() {
				failed[e.GetEntryId()] = e.GetError()
			}
			return err
		}
		left, err = p.publishEach(ctx, pubsub, topic, left, failed)
		return err
	}
	w.engine.mu.Lock()
	err := w.outbound(s.app, p, attempt)
	w.engine.mu.Unlock()
	if err != nil && len(failed) == 0 {
		for _, e := range left {
			failed[e.GetEntryId()] = err.Error()
		}
	}
	var told []failedEntry
	for i, call := range calls {
		text, bad := failed[entries[i].id]
		if !bad {
			if refused := w.publish(s.app, call); refused != nil {
				return nil, refused
			}
			continue
		}
		told = append(told, failedEntry{entries[i].id, text})
		w.publishFailed(s.app, call, publishFailed(pubsub, topic, errors.New(text)))
	}
	if err != nil {
		return told, publishFailed(pubsub, topic, err)
	}
	return told, nil
}

// publishEach publishes the entries at the same time, a hundred at most, and
// gives back those that failed, with the first error.
func (p *pluggable) publishEach(ctx context.Context, pubsub, topic string, entries []*components.BulkMessageEntry, failed map[string]string) (left []*components.BulkMessageEntry, first error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, 100)
	for _, e := range entries {
		slots <- struct{}{}
		all.Add(1)
		go func() {
			defer func() { <-slots; all.Done() }()
			_, err := p.client.Publish(ctx, &components.PublishRequest{PubsubName: pubsub, Topic: topic, Data: e.GetEvent(), Metadata: e.GetMetadata()})
			if err == nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			left, failed[e.GetEntryId()] = append(left, e), err.Error()
			if first == nil {
				first = err
			}
		}()
	}
	all.Wait()
	return left, first
}

// once is one attempt.
func once(ctx context.Context, timeout time.Duration, call func(context.Context) error) error {
	if timeout <= 0 {
		return call(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := call(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

// unlocked lets go of the engine's lock for a while.
func (w *backend) unlocked(do func()) {
	w.engine.mu.Unlock()
	defer w.engine.mu.Lock()
	do()
}

// backoff is the wait before the attempt after so many, and false where the
// policy gives up.
//
// Sources: kit retry/retry.go, cenkalti/backoff v4.
func (w *backend) backoff(r *resources.Retry, attempts int, began time.Time, interval *time.Duration) (time.Duration, bool) {
	if r == nil || (r.MaxRetries >= 0 && attempts > r.MaxRetries) {
		return 0, false
	}
	scale := w.recorder.Config().Clocks.RetryScale
	if scale == 0 {
		scale = 1
	}
	if r.Policy != resources.PolicyExponential {
		return time.Duration(float64(r.Duration) * scale), true
	}
	if *interval == 0 {
		*interval = r.InitialInterval
	}
	spread := r.RandomizationFactor * float64(*interval)
	wait := float64(*interval) - spread + w.random.Float64()*(2*spread+1)
	if r.MaxElapsedTime > 0 && time.Since(began)+time.Duration(wait) > r.MaxElapsedTime {
		return 0, false
	}
	*interval = time.Duration(math.Min(float64(*interval)*r.Multiplier, float64(r.MaxInterval)*scale))
	return time.Duration(wait), true
}
