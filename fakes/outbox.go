package fakes

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/state"
	"github.com/eventproof/eventproof/fakes/world"
)

// outbox publishes an event for each value that a transaction writes, if it is
// carried out. An event goes to a topic of the sidecar's own first, and a marker is
// written in the transaction; who reads that topic, a subscription of the sidecar
// itself, publishes the event once it finds the marker, which it removes.
//
// The journal has the event when it is published, caused by the delivery in whose
// course the transaction was; what is on the sidecar's own topic is in it only
// where it stays there.
//
// Source: dapr v1.16.0 pkg/runtime/pubsub/outbox.go.
type outbox struct {
	store          string // the state component's name
	pubsub, topic  string // where its events are published
	internalPubSub string
}

// outboxOf is the outbox of a state component, nil for none. Its names are not
// filled in, and are read exactly as written. outboxDiscardWhenMissingState says
// what to do once daprd has given up: see search for why it never does.
func outboxOf(set *resources.Set, c resources.Component) *outbox {
	o := &outbox{store: c.Name}
	for _, original := range set.Components {
		if original.Name != c.Name || original.Type != c.Type || original.Place != c.Place {
			continue
		}
		for _, m := range original.Metadata {
			switch m.Name {
			case "outboxPublishPubsub":
				o.pubsub = m.Value
			case "outboxPublishTopic":
				o.topic = m.Value
			case "outboxPubsub":
				o.internalPubSub = m.Value
			}
		}
	}
	if o.pubsub == "" || o.topic == "" {
		return nil
	}
	if o.internalPubSub == "" {
		o.internalPubSub = o.pubsub
	}
	return o
}

// internalTopic is the sidecar's own topic; default is daprd's namespace where
// none is set.
func (o *outbox) internalTopic(app string) string { return "default" + app + o.topic + "outbox" }

// errDaprdPanics is what a transaction gets that daprd 1.16 panics at.
var errDaprdPanics = errors.New("daprd 1.16 panics at this transaction: its last operation is a projection, and not the only one; put an operation that is none last")

// sendOutbox puts the events of a transaction on the sidecar's own topic and
// returns what is left of the transaction, with the markers. Where it fails, what it
// has sent stays sent.
func (w *backend) sendOutbox(a *app, o *outbox, operations []state.Operation, cause int) ([]state.Operation, error) {
	operations, projections, err := takeProjections(operations)
	if err != nil {
		w.recorder.Logf("%s: %v", a.id, err)
		return nil, err
	}
	all := slices.Clone(operations)
	for _, operation := range operations {
		set, ok := operation.(state.SetRequest)
		if !ok {
			continue
		}
		from := set
		if p, ok := projections[set.Key]; ok {
			from = p
		}
		marker := state.SetRequest{Key: "outbox-" + w.newID(), Value: "0"}
		envelope, err := w.outboxEvent(a.id, o, marker.Key, from, set.Metadata)
		if err != nil {
			return nil, err
		}
		if err := w.sendInternal(a, o, envelope, cause); err != nil {
			return nil, err
		}
		all = append(all, marker)
	}
	return all, nil
}

// takeProjections takes the operations out of a transaction that only say what
// the event of a key is to hold. daprd does so while it goes through the list, and
// so passes over what follows each of them, and sees the last operation again.
func takeProjections(operations []state.Operation) (rest []state.Operation, projections map[string]state.SetRequest, err error) {
	projections = make(map[string]state.SetRequest)
	seen := slices.Clone(operations) // what daprd goes through
	left := len(seen)
	for i := range seen {
		set, ok := seen[i].(state.SetRequest)
		if !ok || !isTruthy(set.Metadata["outbox.projection"]) {
			continue
		}
		projections[set.Key] = set
		if i+1 > left {
			return nil, nil, errDaprdPanics
		}
		copy(seen[i:], seen[i+1:left])
		left--
	}
	return seen[:left], projections, nil
}

// isTruthy reads a truth value as daprd does.
//
// Source: kit v0.16.1 strings/strings.go IsTruthy.
func isTruthy(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "y", "yes", "true", "t", "on", "1":
		return true
	}
	return false
}

// outboxEvent is the CloudEvent of a value. A value that came as JSON and is of no
// stated content type is written as Go formats it. All metadata of the operation
// become attributes, daprd's own names too.
func (w *backend) outboxEvent(app string, o *outbox, id string, from state.SetRequest, metadata map[string]string) ([]byte, error) {
	contentType := from.Metadata["contentType"]
	if from.ContentType != nil {
		contentType = *from.ContentType
	}
	data, ok := from.Value.([]byte)
	switch {
	case ok:
	case strings.EqualFold(contentType, "application/json"):
		var err error
		if data, err = json.Marshal(from.Value); err != nil {
			return nil, err
		}
	default:
		data = []byte(fmt.Sprintf("%v", from.Value))
	}
	var event map[string]any
	if err := decode(w.wrap(app, o.internalPubSub, "", contentType, data, map[string]string{"cloudevent.id": id}, false).data, &event); err != nil {
		return nil, err
	}
	event["traceparent"] = ""
	for name, value := range metadata {
		if name != "data" && name != "id" {
			event[name] = value
		}
	}
	return json.Marshal(event)
}

// sendInternal publishes to the sidecar's own topic, with the app's scopes and
// outbound policy.
func (w *backend) sendInternal(a *app, o *outbox, envelope []byte, cause int) error {
	topic := o.internalTopic(a.id)
	if err := a.publishable(o.internalPubSub, topic); err != nil {
		return err
	}
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	if w.engine.closed {
		return errors.New("the world is closed")
	}
	if err := a.publishes(o.internalPubSub, nil); err != nil {
		return err
	}
	if cause == 0 {
		cause = w.underway(a)
	}
	m := &message{data: envelope, seq: max(cause, 0)}
	for d := range w.under {
		if cause > 0 && d.seq == cause {
			m.depth = d.pending.message.depth + 1
		}
	}
	if e, err := contract.ParseEvent(envelope); err == nil {
		e.PubSub, e.Topic = o.pubsub, o.topic
		m.event = w.recorder.Catalog().Ref(e)
	}
	if err := w.send(a, o.internalPubSub, topic, m); err != nil {
		return err
	}
	c := a.components[o.internalPubSub]
	c.kind.store(w, c, topic, m)
	w.engine.startSoon()
	w.engine.wake()
	return nil
}

// publishable says why the sidecar cannot publish there, in its own words.
func (a *app) publishable(pubsub, topic string) error {
	if _, ok := a.components[pubsub]; !ok {
		return fmt.Errorf("pubsub '%s' not found", pubsub)
	}
	if !a.mayPublish(pubsub, topic) {
		return fmt.Errorf("topic %s is not allowed for app id %s", topic, a.id)
	}
	return nil
}

// underway is the app's only open delivery, 0 where there are none or several.
// The engine's lock is held.
func (w *backend) underway(a *app) (seq int) {
	for d := range w.under {
		if d.sub.app != a || d.seq == 0 {
			continue
		}
		if seq != 0 {
			return 0
		}
		seq = d.seq
	}
	return seq
}

// beginOutboxes subscribes the sidecar to its own topics. The engine's lock is held.
func (w *backend) beginOutboxes(a *app, now time.Time) {
	if a.outboxes != nil {
		return
	}
	a.outboxes = []*subscription{}
	for _, name := range slices.Sorted(maps.Keys(a.states)) {
		s := a.states[name]
		if s.outbox == nil {
			continue
		}
		c, ok := a.components[s.outbox.internalPubSub]
		if !ok {
			w.recorder.Logf("%s: could not subscribe to internal outbox topic: outbox pubsub %s not loaded", a.id, s.outbox.internalPubSub)
			continue
		}
		sub := &subscription{app: a, component: c.Name, topic: s.outbox.internalTopic(a.id), kind: "outbox", outbox: s, started: now,
			processingTimeout: c.processingTimeout, redeliverInterval: c.redeliverInterval, concurrency: c.concurrency}
		a.outboxes = append(a.outboxes, sub)
		sub.lane = a.lane(&w.engine.ready, c.Name)
		c.kind.join(w, sub)
	}
}

// The waits of who looks for a marker: first outboxDelay, then those of an
// exponential backoff.
const (
	outboxDelay       = time.Second
	outboxFirstWait   = 500 * time.Millisecond
	outboxMultiplier  = 3
	outboxLongestWait = 3 * time.Second
	outboxSpread      = 0.1
	outboxPatience    = 10 * time.Second
)

// relay is an event on its way from the sidecar's own topic: a delivery to the
// sidecar itself, which holds a worker of the component as any does.
type relay struct {
	*delivery
	*stateStore
	marker string
	began  time.Time
	wait   time.Duration
}

// relay takes a message from the sidecar's own topic. The engine's lock is held.
func (d *delivery) relay() {
	now := time.Now()
	d.taken, d.pending.read = now, now
	d.pending.queued--
	d.sub.app.busy[d.sub.component]++
	r := &relay{delivery: d, stateStore: d.sub.outbox, marker: d.pending.message.event.ID}
	d.world.relays++
	d.world.engine.at(now.Add(outboxDelay), func() {
		r.began, r.wait = time.Now(), outboxFirstWait
		r.search()
	})
}

// search looks for the marker. After ten seconds daprd means to give up and does
// not: the backoff's Stop is 0 in it, not -1, so that it looks again at once, for
// ever, and holds its worker and a processor with that. (Observed with daprd
// 1.16.0; neither what outboxDiscardWhenMissingState says nor the other comes.)
//
// Source: cenkalti/backoff v4.3.0 exponential.go NextBackOff, retry.go.
func (r *relay) search() {
	if r.sub.closed { // the sidecar has ended: the next one that reads the topic goes on
		r.world.relays--
		r.outcome.note = "the sidecar has ended"
		r.stay()
		return
	}
	if len(r.store.Get(r.marker).Data) > 0 {
		r.done(r.publish())
		return
	}
	now, spread := time.Now(), outboxSpread*float64(r.wait)
	next := time.Duration(float64(r.wait) - spread + r.world.random.Float64()*(2*spread+1))
	if r.wait = min(r.wait*outboxMultiplier, outboxLongestWait); now.Sub(r.began)+next <= outboxPatience {
		r.world.engine.at(now.Add(next), r.search)
		return
	}
	r.world.relays--
	r.outcome.note = "the transaction was not carried out: daprd 1.16 looks for its marker for ever, and has a worker less for " + r.sub.component
	r.failed()
}

// publish puts the event on the outbox's topic and removes its marker.
func (r *relay) publish() error {
	o, a, w := r.stateStore.outbox, r.sub.app, r.world
	m := r.pending.message
	var event map[string]any
	if err := json.Unmarshal(m.data, &event); err != nil {
		return err
	}
	event["topic"], event["pubsubname"] = o.topic, o.pubsub
	envelope, err := json.Marshal(event)
	if err != nil {
		return err
	}
	p := world.Publication{App: a.id, PubSub: o.pubsub, Topic: o.topic, Envelope: envelope, Cause: m.seq, Note: "outbox of " + o.store}
	if m.seq == 0 {
		p.Cause = world.NoDelivery
	}
	err = a.publishable(o.pubsub, o.topic)
	if err == nil {
		if r.sub.reclaims() && time.Since(r.taken) >= r.sub.processingTimeout {
			err = fmt.Errorf("processingTimeout (%s) has passed: context deadline exceeded", r.sub.processingTimeout)
		}
		err = a.publishes(o.pubsub, err)
	}
	published := &message{data: envelope, depth: m.depth}
	if err == nil {
		err = w.send(a, o.pubsub, o.topic, published)
	}
	if err != nil {
		w.recorder.PublishFailed(p, err.Error())
		return err
	}
	published.seq, published.event = w.recorder.Publish(p)
	c := a.components[o.pubsub]
	c.kind.store(w, c, o.topic, published)
	return r.store.Delete(state.DeleteRequest{Key: r.marker})
}

// done ends the delivery: acknowledged, or pending where it failed.
func (r *relay) done(err error) {
	r.world.relays--
	r.sub.app.busy[r.sub.component]--
	if err != nil {
		r.outcome.note = "outbox: " + err.Error()
		r.failed()
		return
	}
	if g := r.group; g.holds(r.pending) {
		g.pending.remove(r.pending)
		if g.pending.empty() {
			r.world.reclaimLater(g)
		}
	}
	r.sub.pubsub().kind.acknowledged(r.world, r.delivery)
}
