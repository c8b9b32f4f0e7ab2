package fakes

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/faults"
)

// delivery is one message on its way to one app: read once from the broker,
// given to the app as often as the inbound policy says, and then acknowledged,
// dead-lettered or left pending.
//
// Source: dapr v1.16.0 pkg/runtime/subscription/subscription.go.
type delivery struct {
	world   *backend
	sub     *subscription
	group   *group
	pending *pending
	// again marks a redelivery of a handled event: its answer goes nowhere.
	again bool

	event    map[string]any // decoded as daprd decodes it; nil before that
	envelope []byte         // what the app gets
	path     string
	attempts int           // calls so far in this run of the policy
	elapsed  time.Time     // when the policy began
	interval time.Duration // of an exponential policy, next

	// Of the call under way:
	incarnation *incarnation
	seq         int // of its delivered entry; 0 where the app is not called
	outcome     outcome
	stalled     bool
	patience    *dueItem
	last        int // seq of the latest entry about it: the cause of the next
}

// outcome is what daprd makes of a call.
type outcome struct {
	kind   outcomeKind
	answer string // as the journal writes it
	code   int    // HTTP status or gRPC code that a policy's matching looks at; -1: none, always retried
	grpc   bool
	took   time.Duration
	note   string
	// called says that the app was called.
	called bool
}

type outcomeKind int

const (
	handled   outcomeKind = iota // acknowledged
	refused                      // the app will never handle it: DROP
	forgotten                    // HTTP 404, gRPC Unimplemented: acknowledged, and lost
	failed                       // tried again where the policy says so
	unusable                     // the sidecar cannot deliver it: no retry policy applies
	unrouted                     // no rule matches
	overdue                      // its lifetime has passed
)

func newDelivery(w *backend, sub *subscription, p *pending) *delivery {
	g := w.broker.group(groupKey{topicKey{sub.component, sub.topic}, sub.app.consumer(sub.component)})
	return &delivery{world: w, sub: sub, group: g, pending: p, last: p.message.seq}
}

// mayStart reports whether its app is there. The engine's lock is held.
func (d *delivery) mayStart() bool {
	return d.sub.app.incarnation != nil && d.sub.app.open < d.sub.concurrency
}

// begin is called under the engine's lock when the delivery is chosen.
func (d *delivery) begin() {
	d.incarnation = d.sub.app.incarnation
	d.incarnation.calls.Add(1)
	d.world.under[d] = true
	d.sub.app.open++
	d.seq, d.outcome = 0, outcome{}
	d.attempts++
	d.pending.deliveries++
	if d.elapsed.IsZero() {
		d.elapsed = time.Now()
	}
}

// run makes the call. No lock is held.
func (d *delivery) run() {
	defer d.incarnation.calls.Done()
	if d.event == nil {
		if d.outcome = d.prepare(); d.outcome.kind != handled {
			return
		}
	}
	m := d.pending.message
	app, topic := d.sub.app.id, d.sub.topic
	rec := d.world.recorder
	if d.again { // the fault that made it is enough
		d.outcome = d.incarnation.call(d)
		d.last = rec.Answer(d.seq, d.outcome.answer, d.outcome.took)
		return
	}
	if f, ok := faults.Strike[faults.FailDelivery](&d.world.armed, app, topic, m.event.ID, m.event.Identity); ok {
		d.last = rec.Journal().Append(journal.Entry{Kind: journal.FaultInjected, SeenBy: journal.Engine, App: app, PubSub: d.sub.component,
			Topic: topic, Event: m.event, Fault: f.String(), Cause: d.last})
		d.outcome = outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: "fault"}
		return
	}
	lost, losesAnswer := faults.Strike[faults.LoseAnswer](&d.world.armed, app, topic, m.event.ID, m.event.Identity)
	d.outcome = d.incarnation.call(d)
	if d.incarnation.fenced() {
		d.outcome.kind, d.outcome.answer, d.outcome.code = failed, journal.NoAnswer, noCode
	}
	d.last = rec.Answer(d.seq, d.outcome.answer, d.outcome.took)
	if losesAnswer {
		d.last = rec.Journal().Append(journal.Entry{Kind: journal.FaultInjected, SeenBy: journal.Engine, App: app, PubSub: d.sub.component,
			Topic: topic, Event: m.event, Fault: lost.String(), Cause: d.seq})
		d.outcome.kind, d.outcome.code = failed, noCode
	}
}

// noCode is the code of a failure without one: a matching list never excludes it.
const noCode = -1

// prepare decodes the message and chooses the path.
func (d *delivery) prepare() outcome {
	m := d.pending.message
	raw, err := rawPayload(map[string]string{"rawPayload": d.sub.rawPayload})
	if err != nil {
		return outcome{kind: unusable, note: err.Error()}
	}
	var event map[string]any
	if raw {
		event = d.world.fromRaw(m, d.sub.topic, d.sub.component)
		if d.envelope, err = json.Marshal(event); err != nil {
			return outcome{kind: unusable, note: err.Error()}
		}
	} else {
		// Without UseNumber, as daprd: a number beyond a float64 fails here.
		if err := json.Unmarshal(m.data, &event); err != nil {
			return outcome{kind: unusable, note: "not a CloudEvent: " + err.Error()}
		}
		d.envelope = m.data
		if event == nil {
			event = make(map[string]any)
		}
		inheritTrace(event, m.metadata)
	}
	if expired(event) {
		return outcome{kind: overdue}
	}
	path, ok, err := d.sub.route(event)
	if err != nil {
		return outcome{kind: unusable, note: "routing rule: " + err.Error()}
	}
	if !ok {
		return outcome{kind: unrouted, note: "no routing rule matches"}
	}
	d.event, d.path = event, path
	return outcome{kind: handled}
}

// finish decides what follows. The engine's lock is held.
func (d *delivery) finish() {
	d.sub.app.open--
	delete(d.world.under, d)
	if d.again {
		d.world.again--
		return
	}
	switch d.outcome.kind {
	case handled:
		d.settle()
		d.handled()
	case refused:
		if !d.deadLetter() {
			d.drop("the app answered DROP, and there is no dead letter topic")
		}
		d.settle()
	case forgotten:
		d.drop(d.outcome.answer + ": daprd 1.16 acknowledges it without a dead letter")
		d.settle()
	case overdue:
		d.last = d.record(journal.Entry{Kind: journal.Expired})
		d.deadLetter()
		d.settle()
	case unrouted:
		if !d.deadLetter() {
			d.drop(d.outcome.note)
		}
		d.settle()
	case unusable:
		if d.deadLetter() {
			d.settle()
		} else {
			d.stay()
		}
	case failed:
		if wait, ok := d.retry(); ok {
			at := time.Now().Add(wait)
			d.last = d.record(journal.Entry{Kind: journal.Retried, Due: d.world.recorder.Journal().Since(at)})
			d.world.retries[d] = at
			d.world.engine.at(at, func() {
				delete(d.world.retries, d)
				d.world.engine.ready = append(d.world.engine.ready, d)
			})
		} else if d.deadLetter() {
			d.settle()
		} else {
			d.stay()
		}
	}
}

// retry asks the inbound policy for another attempt and the wait before it.
//
// Sources: kit retry/retry.go, cenkalti/backoff v4; dapr v1.16.0
// pkg/resiliency/policy.go.
func (d *delivery) retry() (time.Duration, bool) {
	r := d.sub.policy.Retry
	if r == nil || (r.MaxRetries >= 0 && d.attempts > r.MaxRetries) {
		return 0, false
	}
	if d.outcome.code != noCode && !r.Matches(d.outcome.code, d.outcome.grpc) {
		return 0, false
	}
	scale := d.world.recorder.Config().Clocks.RetryScale
	if scale == 0 {
		scale = 1
	}
	if r.Policy != resources.PolicyExponential {
		return time.Duration(float64(r.Duration) * scale), true
	}
	if d.interval == 0 {
		d.interval = r.InitialInterval
	}
	spread := r.RandomizationFactor * float64(d.interval)
	wait := float64(d.interval) - spread + d.world.random.Float64()*2*spread
	if r.MaxElapsedTime > 0 && time.Since(d.elapsed)+time.Duration(wait) > r.MaxElapsedTime {
		return 0, false
	}
	d.interval = time.Duration(math.Min(float64(d.interval)*r.Multiplier, float64(r.MaxInterval)*scale))
	return time.Duration(wait), true
}

// settle acknowledges the message at the broker.
func (d *delivery) settle() { d.world.acknowledge(d.group, d.pending, d.last) }

// handled keeps the message for a redelivery, and makes those that are armed.
func (d *delivery) handled() {
	m := d.pending.message
	if slices.ContainsFunc(d.group.handled, func(h handledMessage) bool { return h.message == m }) {
		return // by an earlier delivery that was slow
	}
	h := handledMessage{m, d.seq}
	d.group.handled = append(d.group.handled, h)
	d.world.redeliveries = slices.DeleteFunc(d.world.redeliveries, func(f faults.Redeliver) bool {
		if !f.Target().Matches(d.sub.app.id, d.sub.topic, m.event.ID, m.event.Identity) {
			return false
		}
		d.world.deliverAgain(d.group, h, f)
		return f.Event != ""
	})
}

// drop records that the message is acknowledged though nobody handled it.
func (d *delivery) drop(why string) {
	d.last = d.record(journal.Entry{Kind: journal.Dropped, Note: why})
}

// stay leaves the message pending: the component does not acknowledge it, and
// claims it again later.
func (d *delivery) stay() {
	e := journal.Entry{Kind: journal.Pending, Note: d.outcome.note}
	if d.sub.reclaims() {
		e.Due = d.world.recorder.Journal().Since(d.sub.reclaimAfter(d.pending.read))
	}
	d.last = d.record(e)
}

// deadLetter publishes the message as it is to the dead letter topic, if there
// is one; the CloudEvent's own topic and id stay.
//
// Source: dapr v1.16.0 pkg/runtime/subscription/subscription.go sendToDeadLetter.
func (d *delivery) deadLetter() bool {
	if d.sub.deadLetter == "" {
		return false
	}
	if !d.sub.app.mayPublish(d.sub.component, d.sub.deadLetter) {
		d.outcome.note = fmt.Sprintf("the app may not publish to its dead letter topic %s", d.sub.deadLetter)
		return false
	}
	d.last = d.record(journal.Entry{Kind: journal.DeadLettered, DeadLetterTopic: d.sub.deadLetter, Note: d.outcome.note})
	m := *d.pending.message
	m.metadata = withPubSub(m.metadata, d.sub.component)
	m.seq = d.last
	m.depth++
	d.world.append(topicKey{d.sub.component, d.sub.deadLetter}, &m)
	return true
}

// record writes an entry about this delivery.
func (d *delivery) record(e journal.Entry) int {
	e.SeenBy, e.App, e.PubSub, e.Topic = journal.Engine, d.sub.app.id, d.sub.component, d.sub.topic
	e.Event, e.Cause, e.Protocol = d.pending.message.event, d.last, string(d.sub.protocol)
	return d.world.recorder.Journal().Append(e)
}

// withPubSub is what the app sees of a message's metadata.
func withPubSub(metadata map[string]string, component string) map[string]string {
	with := make(map[string]string, len(metadata)+1)
	for key, value := range metadata {
		with[key] = value
	}
	with["pubsubName"] = component
	return with
}
