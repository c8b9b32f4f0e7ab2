package fakes

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// bulk collects the messages of a bulk subscription. Redis has no bulk
// subscribe of its own: each of the component's workers hands its message in and
// waits for the batch, so that a batch never holds more messages than the
// component's concurrency (default 10), whatever maxMessagesCount says. What is
// there goes out at each tick of maxAwaitDurationMs since the subscription began.
//
// Source: dapr v1.16.0 pkg/runtime/pubsub/default_bulksub.go.
type bulk struct {
	most  int
	await time.Duration

	collected []*delivery
	tick      *dueItem
	under     *batch    // the one that is at the app
	since     time.Time // when it went out
}

// newBulk is a bulk subscription's collector with daprd's defaults, nil where
// it is not enabled.
func newBulk(enabled bool, most, awaitMs int) *bulk {
	if !enabled {
		return nil
	}
	b := &bulk{most: most, await: time.Duration(awaitMs) * time.Millisecond}
	if b.most <= 0 {
		b.most = 100
	}
	if b.await <= 0 {
		b.await = time.Second
	}
	return b
}

// hand is a worker taking the message; the engine's lock is held.
func (d *delivery) hand() {
	d.taken = time.Now()
	d.pending.queued--
	d.group.touch(d.pending, d.taken)
	d.sub.app.busy[d.sub.component]++
}

// collect adds a message. The engine's lock is held.
func (b *bulk) collect(d *delivery) {
	b.collected = append(b.collected, d)
	d.world.collected++
	b.next(d.world, d.sub)
}

// next lets a batch go out where one is full, or sees to the next tick.
func (b *bulk) next(w *backend, s *subscription) {
	switch {
	case b.under != nil || len(b.collected) == 0:
	case len(b.collected) >= b.most:
		b.flush(w, s)
	case b.tick == nil:
		passed := time.Since(s.started) / b.await
		b.tick = w.engine.at(s.started.Add((passed+1)*b.await), func() {
			b.tick = nil
			if b.under == nil && len(b.collected) > 0 {
				b.flush(w, s)
			}
		})
	}
}

// flush sends out what is there.
func (b *bulk) flush(w *backend, s *subscription) {
	w.engine.cancel(b.tick)
	b.tick = nil
	n := min(len(b.collected), b.most)
	t := &batch{world: w, sub: s, index: make(map[string]int, n)}
	for i, d := range b.collected[:n] {
		e := &bulkMessage{d: d, id: w.newID(), lost: fmt.Sprintf("%s acknowledges it, since another path's entries were answered first", w.version)}
		t.entries = append(t.entries, e)
		t.index[e.id] = i
	}
	b.collected = append([]*delivery(nil), b.collected[n:]...)
	w.collected -= n
	b.under, b.since = t, time.Now()
	t.sort()
	t.proceed()
}

// flushed is called when a batch has ended. A tick that came meanwhile counts.
func (b *bulk) flushed(w *backend, s *subscription) {
	ticks := func(at time.Time) time.Duration { return at.Sub(s.started) / b.await }
	b.under = nil
	if len(b.collected) > 0 && ticks(time.Now()) > ticks(b.since) {
		b.flush(w, s)
		return
	}
	b.next(w, s)
}

// batch is the messages that go out together: to each path in a call of its
// own, one path after another, each call under the inbound policy.
//
// daprd goes through the paths in the random order of a Go map; here they come in
// the order of their first message.
//
// Sources: dapr v1.16.0 pkg/runtime/subscription/{bulksubscription,bulkresiliency}.go,
// pkg/runtime/subscription/todo.
type batch struct {
	world   *backend
	sub     *subscription
	entries []*bulkMessage
	index   map[string]int // of an entry by its id
	paths   []*bulkPath
	at      int // the path under way

	anyError bool // of daprd's hasAnyError and err: they decide what becomes of the rest
	err      bool
	crash    string // what daprd would die of: nothing is acknowledged then
}

// bulkPath is the messages for one path, fewer after each attempt.
type bulkPath struct {
	path    string
	members []*bulkMessage
}

// bulkMessage is one message of a batch, with daprd's response entry for it.
type bulkMessage struct {
	d           *delivery
	id          string // the entry id, new in each batch
	event       any    // the CloudEvent, or the base64 of a raw payload
	contentType string

	touched, failed bool
	note            string // of a failure
	lost            string // why it is acknowledged though nobody handled it
	seq             int    // of its delivered entry in this attempt
}

func (e *bulkMessage) set(failed bool, note string) { e.touched, e.failed, e.note = true, failed, note }

// bulkAnswer is what an app's answer to a batch says, in its order.
type bulkAnswer struct {
	statuses []bulkStatus
	texts    []string // for the journal, by member
}

type bulkStatus struct {
	id   string
	kind outcomeKind // handled, refused, forgotten, failed
	note string
}

// sort decodes the messages and puts each to its path. The engine's lock is held.
func (t *batch) sort() {
	raw, err := rawPayload(map[string]string{"rawPayload": t.sub.rawPayload})
	for _, e := range t.entries {
		if err != nil {
			e.set(true, err.Error())
			t.anyError, t.err = true, true
			continue
		}
		m := e.d.pending.message
		var subject any = string(m.data) // of a routing rule
		e.event, e.contentType = base64.StdEncoding.EncodeToString(m.data), "application/octet-stream"
		if !raw {
			var event map[string]any
			decoding := json.Unmarshal(m.data, &event)
			t.err = decoding != nil // of the last one that was decoded, as in daprd
			if decoding != nil {
				e.set(true, "not a CloudEvent: "+decoding.Error())
				t.anyError = true
				continue
			}
			if expired(event) {
				e.d.last = e.d.record(journal.Entry{Kind: journal.Expired})
				e.deadLetter()
				e.set(false, "")
				e.lost = ""
				continue
			}
			subject, e.event, e.contentType = event, event, "application/cloudevents+json"
			e.d.event = maps.Clone(event)
			delete(e.d.event, "data_base64") // lost on a gRPC app: D16 pkg/runtime/pubsub/subscriptions.go extractCloudEvent
		}
		path, ok, routing := t.sub.route(subject)
		if routing != nil {
			e.set(true, "routing rule: "+routing.Error())
			t.anyError = true
			continue
		}
		if !ok {
			// Dead-lettered, and sent to the app's root all the same.
			e.d.outcome.note = "no routing rule matches"
			e.deadLetter()
			e.set(false, "")
			path = ""
		}
		e.d.path = path
		t.add(path, e)
	}
}

func (t *batch) add(path string, e *bulkMessage) {
	for _, p := range t.paths {
		if p.path == path {
			p.members = append(p.members, e)
			return
		}
	}
	t.paths = append(t.paths, &bulkPath{path, []*bulkMessage{e}})
}

// proceed makes the next path's call ready, or ends the batch.
func (t *batch) proceed() {
	if t.at == len(t.paths) {
		t.conclude()
		return
	}
	first := t.paths[t.at].members[0].d
	// A delivery of its own carries the call through the engine and the policy.
	t.world.engine.ready.push(&delivery{world: t.world, sub: t.sub, group: first.group, batch: t,
		pending: &pending{message: first.pending.message}})
}

// begin is called under the engine's lock when the call is chosen.
func (t *batch) begin(c *delivery) {
	c.incarnation = t.sub.app.incarnation
	if c.incarnation != nil {
		c.incarnation.calls.Add(1)
	}
	c.seq, c.outcome, c.passed = 0, outcome{}, false
	c.attempts++
	if c.taken.IsZero() {
		c.taken = time.Now()
	}
	for _, e := range t.paths[t.at].members {
		e.seq, e.d.seq = 0, 0
		e.d.attempts++
		e.d.pending.open++
		t.world.under[e.d] = true
	}
}

// run makes the call. No lock is held.
func (t *batch) run(c *delivery) {
	if c.incarnation != nil {
		defer c.incarnation.calls.Done()
	}
	members := t.paths[t.at].members
	if !c.pass() {
		return
	}
	t.world.engine.mu.Lock()
	for _, e := range members {
		e.d.pending.deliveries++
	}
	t.world.engine.mu.Unlock()
	if c.incarnation == nil {
		c.outcome = broken(c, members, "the app is down")
		return
	}
	app, topic := t.sub.app.id, t.sub.topic
	var lost *faults.LoseAnswer
	for _, e := range members {
		ref := e.d.pending.message.event
		if f, ok := faults.Strike[faults.FailDelivery](&t.world.armed, app, topic, ref.ID, ref.Identity); ok {
			e.d.last = e.d.record(journal.Entry{Kind: journal.FaultInjected, Fault: f.String()})
			c.outcome = broken(c, members, "fault")
			return
		}
		if lost == nil {
			if f, ok := faults.Strike[faults.LoseAnswer](&t.world.armed, app, topic, ref.ID, ref.Identity); ok {
				lost = &f
			}
		}
	}
	call, err := t.prepare(c.incarnation, members)
	if err != nil {
		c.outcome = outcome{kind: failed, code: noCode, note: err.Error()}
		return
	}
	for _, e := range members {
		envelope, _ := json.Marshal(e.event)
		seq, _ := t.world.recorder.Deliver(world.Delivery{App: app, PubSub: t.sub.component, Topic: topic, Route: e.d.path,
			Protocol: string(c.incarnation.protocol), Envelope: envelope, Event: e.d.pending.message.event, Cause: e.d.last, Raw: t.sub.rawPayload == "true"})
		t.world.engine.mu.Lock()
		e.seq, e.d.seq = seq, seq
		t.world.engine.mu.Unlock()
	}
	began := time.Now()
	c.outcome = c.incarnation.within(c.incarnation.ctx, t.sub.policy.Timeout, call)
	c.outcome.took = time.Since(began)
	if c.incarnation.fenced() {
		took := c.outcome.took
		c.outcome = broken(c, members, "the app ended")
		c.outcome.took = took
	}
	t.answered(c)
	if lost != nil {
		for _, e := range members {
			if ref := e.d.pending.message.event; lost.Target().Matches(app, topic, ref.ID, ref.Identity) {
				e.d.last = e.seq
				e.d.last = e.d.record(journal.Entry{Kind: journal.FaultInjected, Fault: lost.String()})
			}
		}
		c.outcome = broken(c, members, "fault")
	}
}

// broken is what daprd sees of a connection that breaks.
func broken(c *delivery, members []*bulkMessage, note string) outcome {
	o := c.broken(note)
	o.bulk = all(members, failed, journal.NoAnswer, note)
	return o
}

// abandoned is for a call whose goroutine the app ended.
func (t *batch) abandoned(c *delivery) {
	c.outcome = broken(c, t.paths[t.at].members, "the handler ended its goroutine (runtime.Goexit, t.FailNow)")
	t.answered(c)
}

func (t *batch) answered(c *delivery) {
	for i, e := range t.paths[t.at].members {
		if e.seq == 0 {
			continue
		}
		text := c.outcome.answer
		if c.outcome.bulk != nil {
			text = c.outcome.bulk.texts[i]
		}
		e.d.last = t.world.recorder.Answer(e.seq, text, c.outcome.took)
	}
}

// finish decides what follows a call. The engine's lock is held.
func (t *batch) finish(c *delivery) {
	p := t.paths[t.at]
	for _, e := range p.members {
		e.d.pending.open--
		delete(t.world.under, e.d)
	}
	if answer := c.outcome.bulk; answer != nil {
		t.take(p, answer)
	}
	if t.crash != "" {
		t.conclude()
		return
	}
	c.count()
	wrong := c.outcome.kind != handled
	if c.outcome.kind == failed {
		if wait, ok := c.retry(); ok {
			t.again(c, p, wait)
			return
		}
	}
	for _, e := range t.entries {
		if !e.touched { // after a timeout or an open breaker, and of every path: as in daprd
			e.set(wrong, c.outcome.note)
		}
	}
	if wrong {
		t.anyError, t.err = true, true
	}
	t.at++
	t.proceed()
}

// take reads the statuses into daprd's response entries, and leaves the path
// those that failed.
func (t *batch) take(p *bulkPath, answer *bulkAnswer) {
	attempted := p.members
	for _, s := range answer.statuses {
		i := t.index[s.id]
		e := t.entries[i]
		e.set(s.kind == failed, s.note)
		e.lost = ""
		switch s.kind {
		case refused:
			e.lost = "the app answered DROP, and there is no dead letter topic"
			if t.sub.deadLetter == "" {
				break
			}
			// daprd takes the entry's place in the whole batch for its place in this
			// call: after a retry, or with several paths, it is another's.
			e.lost = fmt.Sprintf("the app answered DROP, and %s dead-letters another entry of the batch in its place", t.world.version)
			if i >= len(attempted) {
				t.crash = fmt.Sprintf("%s panics at the DROP of entry %d of the batch, since this call had %d", t.world.version, i+1, len(attempted))
				t.world.recorder.Logf("%s answered DROP to entry %d of a bulk delivery on %s, of which this call had %d: %s panics here (index out of range)",
					t.sub.app.id, i+1, t.sub.topic, len(attempted), t.world.version)
				break
			}
			victim := attempted[i]
			if !victim.deadLetter() {
				e.lost = "the app answered DROP, and the dead letter could not be published"
				break
			}
			if victim == e {
				e.lost = ""
			}
		case forgotten:
			e.lost = s.note
		}
	}
	p.members = nil
	for _, e := range attempted {
		if e.failed {
			p.members = append(p.members, e)
		}
	}
}

// again waits for the policy with the entries that failed.
func (t *batch) again(c *delivery, p *bulkPath, wait time.Duration) {
	at := time.Now().Add(wait)
	members := p.members
	for _, e := range members {
		e.d.last = e.d.record(journal.Entry{Kind: journal.Retried, Due: t.world.recorder.Journal().Since(at)})
		t.world.retries[e.d] = at
	}
	t.world.engine.at(at, func() {
		for _, e := range members {
			delete(t.world.retries, e.d)
		}
		t.world.engine.ready.push(c)
	})
}

// conclude ends the batch: with an error anywhere, all that failed is
// dead-lettered in one bulk publish, or stays pending.
func (t *batch) conclude() {
	var bad []*bulkMessage
	for _, e := range t.entries {
		if t.crash != "" {
			e.failed, e.note, t.anyError, t.err = true, t.crash, false, true
		}
		if e.failed {
			bad = append(bad, e)
		}
	}
	buried := t.anyError && t.buryAll(bad)
	for _, e := range t.entries {
		t.sub.app.busy[t.sub.component]--
		e.d.outcome.note = e.note
		switch {
		case e.failed && buried:
		case e.failed && t.err:
			e.d.failed()
			continue
		case e.failed:
			e.d.drop(fmt.Sprintf("%s; %s acknowledges it with the rest of its batch", e.note, t.world.version))
		case e.lost != "":
			e.d.drop(e.lost)
		}
		t.world.acknowledge(e.d)
	}
	t.sub.bulk.flushed(t.world, t.sub)
}

// buryAll puts what failed on the dead letter topic, if there is one.
func (t *batch) buryAll(bad []*bulkMessage) bool {
	if t.sub.deadLetter == "" || !t.sub.app.mayPublish(t.sub.component, t.sub.deadLetter) {
		return false
	}
	if err := t.sub.app.publishes(t.sub.component, nil); err != nil {
		for _, e := range bad {
			e.note = strings.TrimPrefix(fmt.Sprintf("%s; not dead-lettered to %s: %v", e.note, t.sub.deadLetter, err), "; ")
		}
		return false
	}
	buried := true
	for _, e := range bad {
		e.d.outcome.note = e.note
		if !e.d.bury(e.d.pending.message.metadata) {
			buried, e.note = false, e.d.outcome.note
		}
	}
	return buried
}

// deadLetter is one entry's dead letter, without the pubsub's name that one
// delivered alone has in its metadata.
func (e *bulkMessage) deadLetter() bool {
	return e.d.mayBury() && e.d.bury(e.d.pending.message.metadata)
}

// onlyBulk reports whether all subscriptions that a fault is for are bulk ones.
func (w *backend) onlyBulk(target faults.Target) bool {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	found := false
	for _, g := range w.broker.order {
		for _, s := range g.subs {
			if !target.Matches(s.app.id, s.topic, target.Event, "") {
				continue
			}
			if s.bulk == nil {
				return false
			}
			found = true
		}
	}
	return found
}
