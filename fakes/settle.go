package fakes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/eventproof/eventproof/fakes/world"
)

// Settle implements [world.Backend]. It is exact: it returns when no call is
// open, nothing is ready and nothing is due, and otherwise waits for the world
// to change, or for time.
func (w *backend) Settle(ctx context.Context) error {
	if w.settled() {
		return nil
	}
	cfg := w.recorder.Config()
	deadline := time.Now().Add(cfg.Horizon)
	ctx, cancel := context.WithDeadlineCause(ctx, deadline, errHorizon)
	defer cancel()
	var pending *world.PendingError
	err := w.engine.waitQuiet(ctx, func() bool {
		if w.engine.closed {
			return true
		}
		if w.busy() {
			return false
		}
		held, hopeful := w.held(cfg.Rounds, deadline)
		if w.runaway {
			pending = &world.PendingError{Events: held, After: fmt.Sprintf("a chain of %d events, each published or dead-lettered while the one before it was handled", maxChain)}
			return true
		}
		if hopeful {
			return false
		}
		if len(held) > 0 {
			pending = &world.PendingError{Events: held, After: fmt.Sprintf("%d redeliveries, or nothing due within %s", cfg.Rounds, cfg.Horizon)}
		}
		return true
	})
	if errors.Is(err, errHorizon) {
		w.engine.mu.Lock()
		held, _ := w.held(0, time.Time{})
		w.engine.mu.Unlock()
		return &world.PendingError{Events: held, After: cfg.Horizon.String()}
	}
	if err != nil {
		w.engine.mu.Lock()
		held, _ := w.held(0, time.Time{})
		w.engine.mu.Unlock()
		if len(held) > 0 {
			return fmt.Errorf("settle: %w; until then %w", err, &world.PendingError{Events: held, After: "the context ended"})
		}
		return fmt.Errorf("settle: %w", err)
	}
	if pending != nil {
		return pending
	}
	return nil
}

// settled reports whether nothing is at work and nobody holds anything, so that
// there is nothing to wait for.
func (w *backend) settled() bool {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	if w.engine.closed || w.runaway || w.busy() || len(w.under) > 0 {
		return false
	}
	for _, g := range w.broker.order {
		if !g.pending.empty() {
			return false
		}
	}
	return true
}

var errHorizon = errors.New("the horizon has passed")

// busy reports whether a call is open or could start.
func (w *backend) busy() bool {
	for _, a := range w.apps {
		if a.changesStreams() {
			return true
		}
	}
	return w.engine.open > 0 || w.again > 0 || w.relays > 0 || w.collected > 0 || w.sending > 0 || w.engine.ready.startable()
}

// held is what the broker still holds for somebody who reads, and whether
// waiting may change that: hopeful is true while one of them is due before the
// deadline and has not been redelivered often enough.
func (w *backend) held(rounds int, deadline time.Time) (held []world.PendingEvent, hopeful bool) {
	waiting := make(map[*pending]*delivery) // the one that is due first
	for d, due := range w.retries {
		if other := waiting[d.pending]; other == nil || due.Before(w.retries[other]) || due.Equal(w.retries[other]) && d.attempts > other.attempts {
			waiting[d.pending] = d
		}
	}
	for _, g := range w.broker.order {
		sub := g.left // a stream that has ended: what it left pending waits for another
		if len(g.subs) > 0 {
			sub = g.subs[0]
		}
		if sub == nil {
			continue
		}
		for p := range g.pending.all() {
			e := world.PendingEvent{App: sub.app.id, PubSub: sub.component, Topic: sub.topic, Event: p.message.event,
				Deliveries: p.deliveries, Open: p.open > 0}
			var due time.Time
			given := p.rounds >= rounds
			if d := waiting[p]; d != nil {
				due = w.retries[d]
				// A serial group gives a message up by itself.
				given = p.rounds > rounds && !g.serial
				if r := d.sub.policy.Retry; r != nil && r.MaxRetries < 0 {
					given = d.attempts > rounds
				}
			} else if g.reclaims() {
				_, due = g.reclaimer(p.read)
			} else {
				given = true // it stays for ever
			}
			if !due.IsZero() {
				e.Due = w.recorder.Journal().Since(due)
			}
			held = append(held, e)
			if !given && !due.After(deadline) {
				hopeful = true
			}
		}
	}
	// Calls that are open though the broker holds their event no more: another
	// delivery of it was answered.
	calls := slices.DeleteFunc(slices.Collect(maps.Keys(w.under)), func(d *delivery) bool { return d.again || d.group.holds(d.pending) })
	slices.SortFunc(calls, func(a, b *delivery) int { return cmp.Compare(a.seq, b.seq) })
	for _, d := range calls {
		held = append(held, world.PendingEvent{App: d.sub.app.id, PubSub: d.sub.component, Topic: d.sub.topic, Event: d.pending.message.event,
			Deliveries: d.pending.deliveries, Open: true})
	}
	return held, hopeful
}
