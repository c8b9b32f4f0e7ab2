package proxy

import (
	"context"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// delivery is one call of daprd with an event, in a form that can be repeated.
type delivery struct {
	record world.Delivery
	// stated is the topic that the event itself names.
	stated string
	// call makes the call, byte for byte as daprd made it. It must not return
	// before the app did.
	call func(context.Context, *incarnation) answer
}

// answer is what came of a call of the app.
type answer struct {
	text string // as the journal has it; journal.NoAnswer: nobody answered
	http *httpAnswer
	grpc *unaryAnswer
}

// broken is the answer of a connection that broke.
var broken = answer{text: journal.NoAnswer}

// deliver records a delivery, lets faults strike it and calls the app. The
// second result is the fault that keeps the answer from daprd, if one does.
//
// Between two incarnations nobody is called: nothing is recorded, and no fault
// is used up.
func (a *App) deliver(ctx context.Context, d *delivery) (answer, faults.Fault) {
	a.await(ctx, d.record.PubSub, d.record.Topic, d.stated, d.record.Event.ID)
	a.name(d)
	in := a.begin()
	if in == nil {
		return broken, nil
	}
	event := d.record.Event
	if f, ok := faults.Strike[faults.FailDelivery](a.cfg.Faults, a.cfg.AppID, d.record.Topic, event.ID, event.Identity); ok {
		in.calls.Done()
		a.injected(d, f, a.cfg.Recorder.PublishedSeq(d.record.PubSub, d.record.Event.ID))
		return broken, f
	}
	lose, lost := faults.Strike[faults.LoseAnswer](a.cfg.Faults, a.cfg.AppID, d.record.Topic, event.ID, event.Identity)
	seq, got := a.call(ctx, in, d)
	if lost {
		a.injected(d, lose, seq)
		return broken, lose
	}
	if got.text == journal.Success {
		a.wasHandled(d, seq)
	}
	return got, nil
}

// await lets a publish of the event be recorded before its delivery: what led
// to an entry comes before it.
func (a *App) await(ctx context.Context, pubsub, topic, stated, id string) {
	if id == "" {
		return
	}
	a.cfg.Published(ctx, pubsub, topic, id)
	if stated != "" && stated != topic {
		a.cfg.Published(ctx, pubsub, stated, id)
	}
}

// name gives the event the name under which it was published, if that was
// seen: a dead letter keeps its identity on a topic that has no contract.
func (a *App) name(d *delivery) {
	seq := a.cfg.Recorder.PublishedSeq(d.record.PubSub, d.record.Event.ID)
	if seq == 0 {
		return
	}
	if event := a.cfg.Recorder.Journal().Entries()[seq-1].Event; event.ID == d.record.Event.ID {
		d.record.Event = event
	}
}

func (a *App) injected(d *delivery, f faults.Fault, cause int) {
	r := d.record
	a.cfg.Recorder.Journal().Append(journal.Entry{Kind: journal.FaultInjected, SeenBy: journal.Proxy, App: r.App, PubSub: r.PubSub,
		Topic: r.Topic, Event: r.Event, Protocol: r.Protocol, Route: r.Route, Fault: f.String(), Cause: cause})
}

// call records a delivery, calls an incarnation that [App.begin] gave and
// records its answer. It returns when the app answered, when the incarnation is
// fenced, or when daprd does not wait any longer.
func (a *App) call(ctx context.Context, in *incarnation, d *delivery) (seq int, got answer) {
	start := time.Now()
	seq, _ = a.cfg.Recorder.Deliver(d.record)
	got = in.run(world.InDelivery(ctx, d.record.App, seq), d)
	a.cfg.Recorder.Answer(seq, got.text, time.Since(start))
	return seq, got
}

// deliverBulk is deliver for a call that brings several events. A fault that
// matches one of them strikes the call.
func (a *App) deliverBulk(ctx context.Context, list []*delivery, call func(context.Context, *incarnation) (answer, []string)) (answer, faults.Fault) {
	for _, d := range list {
		a.await(ctx, d.record.PubSub, d.record.Topic, d.stated, d.record.Event.ID)
		a.name(d)
	}
	in := a.begin()
	if in == nil {
		return broken, nil
	}
	var lose faults.Fault
	for _, d := range list {
		r := &d.record
		if f, ok := faults.Strike[faults.FailDelivery](a.cfg.Faults, r.App, r.Topic, r.Event.ID, r.Event.Identity); ok {
			in.calls.Done()
			a.injected(d, f, a.cfg.Recorder.PublishedSeq(d.record.PubSub, d.record.Event.ID))
			return broken, f
		}
		if f, ok := faults.Strike[faults.LoseAnswer](a.cfg.Faults, r.App, r.Topic, r.Event.ID, r.Event.Identity); ok && lose == nil {
			lose = f
		}
	}
	start := time.Now()
	seqs := make([]int, len(list))
	for i, d := range list {
		seqs[i], _ = a.cfg.Recorder.Deliver(d.record)
	}
	texts := same(journal.NoAnswer, len(list))
	var each []string
	got := in.run(ctx, &delivery{call: func(ctx context.Context, in *incarnation) answer {
		got, texts := call(ctx, in)
		each = texts
		return got
	}})
	if got.http != nil || got.grpc != nil { // else each may still be written
		texts = each
	}
	for i, seq := range seqs {
		a.cfg.Recorder.Answer(seq, texts[i], time.Since(start))
	}
	if lose != nil {
		for i, d := range list {
			if lose.Target().Matches(d.record.App, d.record.Topic, d.record.Event.ID, d.record.Event.Identity) {
				a.injected(d, lose, seqs[i])
			}
		}
		return broken, lose
	}
	return got, nil
}

// begin is the present incarnation with a call counted, or nil.
func (a *App) begin() *incarnation {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current != nil {
		a.current.calls.Add(1)
	}
	return a.current
}

// run makes the call in a goroutine of its own, so that a handler that does
// not return cannot keep a fenced incarnation alive for daprd.
func (in *incarnation) run(ctx context.Context, d *delivery) answer {
	ctx, cancel := in.within(ctx)
	answers := make(chan answer, 1)
	go func() {
		defer in.calls.Done()
		defer cancel()
		answers <- d.call(ctx, in)
	}()
	select {
	case got := <-answers:
		if in.ctx.Err() != nil {
			return broken
		}
		return got
	case <-ctx.Done():
		// The call may have returned and ended ctx itself.
		select {
		case got := <-answers:
			if in.ctx.Err() == nil {
				return got
			}
		default:
		}
		return broken
	}
}

// named is the event's name as the contracts have it.
func (a *App) named(e contract.Event) contract.Ref {
	return a.cfg.Recorder.Catalog().Ref(e)
}
