package proxy

import (
	"context"
	"fmt"
	"slices"

	"github.com/eventproof/eventproof/fakes/faults"
)

// handled is a delivery that the app answered with SUCCESS, and daprd heard.
type handled struct {
	delivery *delivery
	seq      int // its delivered entry
}

// armedRedeliver is a [faults.Redeliver] that waits for events to be handled.
type armedRedeliver struct {
	fault faults.Redeliver
	done  map[eventKey]bool // events that came again already
}

type eventKey struct{ pubsub, topic, id string }

func keyOf(d *delivery) eventKey {
	return eventKey{d.record.PubSub, d.record.Topic, d.record.Event.ID}
}

func matches(f faults.Redeliver, d *delivery) bool {
	r := d.record
	return f.Target().Matches(r.App, r.Topic, r.Event.ID, r.Event.Identity)
}

// Redeliver brings events again that the app handled (answered SUCCESS, and
// daprd heard it): the request is repeated byte for byte, recorded as a delivery
// and an answer like any other, and the answer goes nowhere. It returns when all
// that were handled already have been answered again.
//
// Each matching event comes again f.Times times. If none was handled yet, the
// fault is armed: each comes again as soon as it is handled, and [App.Idle]
// waits for that. The request goes to the incarnation that is there then; where
// there is none it is an error, and nothing is recorded.
func (a *App) Redeliver(ctx context.Context, f faults.Redeliver) error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return errClosed
	}
	armed := &armedRedeliver{fault: f, done: make(map[eventKey]bool)}
	var again []*handled
	for _, h := range a.handled {
		if key := keyOf(h.delivery); matches(f, h.delivery) && !armed.done[key] {
			armed.done[key] = true
			again = append(again, h)
		}
	}
	if len(again) == 0 {
		a.armed = append(a.armed, armed)
	}
	a.running++
	a.mu.Unlock()
	defer a.count(&a.running, -1)
	for _, h := range again {
		if err := a.repeat(ctx, h, f); err != nil {
			return err
		}
	}
	return nil
}

// wasHandled keeps a delivery to be repeated, and repeats it if that was asked for.
func (a *App) wasHandled(d *delivery, seq int) {
	h := &handled{d, seq}
	key := keyOf(d)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.handled = append(a.handled, h)
	var due []faults.Redeliver
	for _, armed := range a.armed {
		if matches(armed.fault, d) && !armed.done[key] {
			armed.done[key] = true
			due = append(due, armed.fault)
		}
	}
	a.armed = slices.DeleteFunc(a.armed, func(armed *armedRedeliver) bool { return armed.fault.Event != "" && len(armed.done) > 0 })
	if len(due) == 0 || a.closed {
		return
	}
	a.running++
	go func() {
		defer a.count(&a.running, -1)
		for _, f := range due {
			if a.repeat(a.ctx, h, f) != nil {
				return // closed, or there is nobody
			}
		}
	}()
}

// repeat makes the delivery again, as often as the fault says.
func (a *App) repeat(ctx context.Context, h *handled, f faults.Redeliver) error {
	for range max(1, f.Times) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if a.ctx.Err() != nil {
			return errClosed
		}
		in := a.begin()
		if in == nil {
			return fmt.Errorf("proxy: %s is between two incarnations, so nothing can be redelivered to it; consider doing it after Restart has returned", a.cfg.AppID)
		}
		a.injected(h.delivery, f, h.seq)
		a.call(ctx, in, h.delivery)
	}
	return nil
}
