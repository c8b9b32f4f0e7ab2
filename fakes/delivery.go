package fakes

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
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

	prepared bool
	event    map[string]any // decoded as daprd decodes it; nil where the message is known
	envelope []byte         // what the app gets
	path     string
	attempts int           // calls so far in this run of the policy
	taken    time.Time     // when a worker began with it; it holds the worker until the policy ends
	interval time.Duration // of an exponential policy, next

	// Of the call under way:
	incarnation *incarnation // nil where the app is down
	seq         int          // of its delivered entry; 0 where the app is not called
	outcome     outcome
	stalled     bool
	patient     dueItem // when the engine stops waiting for the call: see patience
	last        int     // seq of the latest entry about it: the cause of the next
	passed      bool    // the circuit breaker let it pass, in this generation
	generation  int
	batch       *batch // it only carries the call of this one: see batch
	unread      bool   // its stream had ended when a worker began with it
}

// outcome is what daprd makes of a call.
type outcome struct {
	kind   outcomeKind
	answer string // as the journal writes it
	code   int    // HTTP status or gRPC code that a policy's matching looks at; noCode: always retried
	grpc   bool
	took   time.Duration
	note   string
	body   string      // of an HTTP answer that is a failure
	bulk   *bulkAnswer // of a batch's call; nil where there was none in time
}

type outcomeKind int

const (
	handled   outcomeKind = iota // acknowledged
	refused                      // the app will never handle it: DROP
	forgotten                    // HTTP 404, gRPC Unimplemented: acknowledged, and lost
	failed                       // tried again where the policy says so
	barred                       // the circuit breaker is open: no retry policy applies
	unusable                     // the sidecar cannot deliver it: no retry policy applies
	unrouted                     // no rule matches
	overdue                      // its lifetime has passed
	unread                       // its stream had ended before the sidecar began with it: it stays pending
)

// noCode is the code of a failure without one: a matching list never excludes it.
const noCode = -1

// broken is what daprd sees of a connection that breaks: over HTTP an error
// without a code, over gRPC Unavailable.
func (d *delivery) broken(note string) outcome {
	o := outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: note}
	if d.sub.protocol == world.ProtocolGRPC {
		o.code, o.grpc = int(codes.Unavailable), true
	}
	return o
}

// mayStart reports whether a worker is free for it. The engine's lock is held.
func (d *delivery) mayStart() bool { return d.needsNoWorker() || d.sub.hasWorker() }

// needsNoWorker reports whether it has one, or is none of a worker's.
func (d *delivery) needsNoWorker() bool { return !d.taken.IsZero() || d.again || d.batch != nil }

// begin is called under the engine's lock when the delivery is chosen.
func (d *delivery) begin() {
	switch {
	case d.batch != nil:
		d.batch.begin(d)
		return
	case d.sub.bulk != nil:
		d.hand()
		return
	case d.sub.outbox != nil:
		d.relay()
		return
	}
	d.incarnation = nil
	if d.sub.stream == nil {
		d.incarnation = d.sub.app.incarnation
	}
	if d.incarnation != nil {
		d.incarnation.calls.Add(1)
	}
	d.world.under[d] = true
	d.seq, d.outcome, d.passed = 0, outcome{}, false
	d.attempts++
	d.pending.deliveries++
	d.pending.open++
	if d.taken.IsZero() {
		d.taken = time.Now()
		if !d.again {
			d.pending.queued--
			d.group.touch(d.pending, d.taken) // daprd's workers would not have let it wait: see reclaim
			d.sub.app.busy[d.sub.component]++
			d.unread = d.sub.takes()
		}
	}
}

// run makes the call. No lock is held.
func (d *delivery) run() {
	switch {
	case d.batch != nil:
		d.batch.run(d)
		return
	case d.sub.bulk != nil:
		return // see finish
	case d.sub.outbox != nil:
		return // see relay
	}
	if d.incarnation != nil {
		defer d.incarnation.calls.Done()
	}
	if d.unread {
		d.outcome = outcome{kind: unread, note: "subscription is closed"}
		return
	}
	if !d.prepared {
		if d.outcome = d.prepare(); d.outcome.kind != handled {
			return
		}
	}
	if !d.pass() {
		return
	}
	if d.incarnation == nil && d.sub.stream == nil {
		d.outcome = d.broken("the app is down")
		return
	}
	var lost faults.LoseAnswer
	losesAnswer := false
	if m := d.pending.message; !d.again { // the fault that made a redelivery is enough
		app, topic := d.sub.app.id, d.sub.topic
		if f, ok := faults.Strike[faults.FailDelivery](&d.world.armed, app, topic, m.event.ID, m.event.Identity); ok {
			d.last = d.record(journal.Entry{Kind: journal.FaultInjected, Fault: f.String()})
			d.outcome = d.broken("fault")
			d.sub.stream.breakOff(d.world)
			return
		}
		lost, losesAnswer = faults.Strike[faults.LoseAnswer](&d.world.armed, app, topic, m.event.ID, m.event.Identity)
	}
	if d.sub.stream != nil {
		d.outcome = d.sub.stream.call(d)
	} else {
		d.outcome = d.incarnation.call(d)
	}
	if d.seq == 0 {
		return // the sidecar could not make the call
	}
	if d.incarnation != nil && d.incarnation.fenced() {
		took := d.outcome.took
		d.outcome = d.broken("the app ended")
		d.outcome.took = took
	}
	d.answered()
	if losesAnswer {
		d.last = d.seq
		d.last = d.record(journal.Entry{Kind: journal.FaultInjected, Fault: lost.String()})
		d.outcome = d.broken("fault")
		d.sub.stream.breakOff(d.world)
	}
}

func (d *delivery) answered() {
	d.last = d.world.recorder.Answer(d.seq, d.outcome.answer, d.outcome.took)
}

// abandoned is for a call whose goroutine the app ended: a test's FailNow in a
// handler does that. net/http would close the connection.
func (d *delivery) abandoned() {
	if d.batch != nil {
		d.batch.abandoned(d)
		return
	}
	d.outcome = d.broken("the handler ended its goroutine (runtime.Goexit, t.FailNow)")
	if d.seq != 0 {
		d.answered()
	}
}

// prepare decodes the message and chooses the path.
func (d *delivery) prepare() outcome {
	m := d.pending.message
	if path, ok := d.sub.onlyPath(); ok && m.known > 0 && !d.world.version.isBinary(m) {
		d.prepared, d.envelope, d.path = true, m.data, path
		return outcome{kind: handled}
	}
	raw, err := rawPayload(map[string]string{"rawPayload": d.sub.rawPayload})
	if err != nil {
		return outcome{kind: unusable, note: err.Error()}
	}
	var event map[string]any
	switch {
	case raw:
		event = d.world.fromRaw(m, d.sub.component, d.topic())
		if d.envelope, err = json.Marshal(event); err != nil {
			return outcome{kind: unusable, note: err.Error()}
		}
	case d.world.version.isBinary(m):
		event, d.envelope = fromBinary(m), m.data
	default:
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
	d.prepared, d.event, d.path = true, event, path
	return outcome{kind: handled}
}

// finish decides what follows. The engine's lock is held.
func (d *delivery) finish() {
	switch {
	case d.batch != nil:
		d.batch.finish(d)
		return
	case d.sub.bulk != nil:
		d.sub.bulk.collect(d)
		return
	case d.sub.outbox != nil:
		return // see relay
	}
	d.pending.open--
	delete(d.world.under, d)
	if d.again {
		d.world.again--
		return
	}
	if d.sub.app.dead {
		d.sub.app.busy[d.sub.component]--
		d.outcome.note = "the sidecar was killed"
		d.stay()
		return
	}
	d.tally()
	// DROP is dead-lettered inside the policy, which tries again where that
	// fails; only what comes after the policy is bound to processingTimeout.
	if d.outcome.kind == refused && d.sub.deadLetter != "" && !d.deadLetter() {
		d.outcome.kind, d.outcome.code = failed, noCode
	}
	d.count()
	if d.outcome.kind == failed {
		if wait, ok := d.retry(); ok {
			at := time.Now().Add(wait)
			d.last = d.record(journal.Entry{Kind: journal.Retried, Due: d.world.recorder.Journal().Since(at)})
			d.world.retries[d] = at
			d.world.engine.at(at, func() {
				delete(d.world.retries, d)
				d.world.engine.ready.push(d)
			})
			return
		}
	}
	d.sub.app.busy[d.sub.component]--
	defer d.world.release(d.group.topic, d.pending)
	if !d.unread {
		defer d.world.lets(d.sub)
	}
	switch d.outcome.kind {
	case handled:
		d.world.acknowledge(d)
		d.handled()
	case refused:
		if d.sub.deadLetter == "" {
			d.drop("the app answered " + d.outcome.answer + ", and there is no dead letter topic")
		}
		d.world.acknowledge(d)
	case forgotten:
		d.drop(fmt.Sprintf("%s: %s acknowledges it without a dead letter", d.outcome.answer, d.world.version))
		d.world.acknowledge(d)
	case overdue:
		d.last = d.record(journal.Entry{Kind: journal.Expired})
		d.deadLetter()
		d.world.acknowledge(d)
	case unrouted:
		if !d.deadLetter() {
			d.drop(d.outcome.note)
		}
		d.world.acknowledge(d)
	case unread:
		d.failed()
	case unusable, failed, barred:
		if d.expiredAtBroker() || !d.deadLetter() {
			d.tallyEnd("retry")
			d.failed()
			return
		}
		d.tallyEnd("drop")
		d.world.acknowledge(d)
	}
}

// tally counts, in the sidecar's metrics, what an attempt came to.
func (d *delivery) tally() {
	process, status := "", ""
	switch d.outcome.kind {
	case handled:
		process, status = "success", "success"
	case refused, unrouted:
		process, status = "drop", "success"
	case forgotten, overdue:
		process, status = "drop", "drop"
	case failed:
		process, status = "retry", "retry"
	default:
		return
	}
	d.sub.app.counters().ingress(d.sub.component, d.sub.topic, process, status)
}

// tallyEnd counts what a message that failed comes to: a dead letter or not.
func (d *delivery) tallyEnd(process string) {
	d.sub.app.counters().ingress(d.sub.component, d.sub.topic, process, process)
}

// expiredAtBroker reports whether the component's own timeout of this message
// has passed: what daprd publishes with it then, such as the dead letter of a
// policy that ran longer, fails, and the message stays pending.
//
// Source: components-contrib v1.16.0 pubsub/redis/redis.go processMessage.
func (d *delivery) expiredAtBroker() bool {
	if !d.sub.reclaims() || time.Since(d.taken) < d.sub.processingTimeout {
		return false
	}
	if d.sub.deadLetter != "" {
		d.outcome.note = fmt.Sprintf("not dead-lettered: processingTimeout (%s) passed before the policy ended", d.sub.processingTimeout)
		if d.sub.app.mayPublish(d.sub.component, d.sub.deadLetter) {
			_ = d.sub.app.publishes(d.sub.component, context.DeadlineExceeded)
		}
	}
	return true
}

// retry asks the inbound policy for another attempt and the wait before it.
//
// Source: dapr v1.16.0 pkg/resiliency/policy.go.
func (d *delivery) retry() (time.Duration, bool) {
	r := d.sub.policy.Retry
	if r != nil && d.outcome.code != noCode && !r.Matches(d.outcome.code, d.outcome.grpc) {
		return 0, false
	}
	return d.world.backoff(r, d.attempts, d.taken, &d.interval)
}

// handled keeps the message for a redelivery, and makes those that are armed.
func (d *delivery) handled() {
	h := handledMessage{d.pending.message, d.sub, d.seq}
	if d.pending.handled {
		return // by an earlier delivery that was slow
	}
	d.pending.handled = true
	if d.world.letsGo {
		return
	}
	d.group.handled = append(d.group.handled, h)
	for _, armed := range d.world.redeliveries {
		if armed.strikes(h) {
			d.world.deliverAgain(d.group, h, armed.fault)
		}
	}
}

// drop records that the message is acknowledged though nobody handled it.
func (d *delivery) drop(why string) {
	d.last = d.record(journal.Entry{Kind: journal.Dropped, Note: why})
}

// failed leaves it to the component what becomes of the message.
func (d *delivery) failed() { d.sub.broker().failed(d.world, d) }

// stay leaves the message pending: the component does not acknowledge it, and
// claims it again later.
func (d *delivery) stay() {
	if !d.group.holds(d.pending) {
		return // another delivery of it was acknowledged meanwhile
	}
	e := journal.Entry{Kind: journal.Pending, Note: d.outcome.note}
	if d.group.reclaims() {
		_, at := d.group.reclaimer(d.pending.read)
		e.Due = d.world.recorder.Journal().Since(at)
	}
	d.last = d.record(e)
}

// deadLetter publishes the message as it is to the dead letter topic, if there
// is one; the CloudEvent's own topic and id stay.
//
// Source: dapr v1.16.0 pkg/runtime/subscription/subscription.go sendToDeadLetter.
func (d *delivery) deadLetter() bool {
	return d.mayBury() && d.bury(withPubSub(d.pending.message.metadata, d.sub.component))
}

// mayBury reports whether there is a dead letter topic, and the outbound policy
// lets the dead letter pass.
func (d *delivery) mayBury() bool {
	if d.sub.deadLetter == "" {
		return false
	}
	if !d.sub.app.mayPublish(d.sub.component, d.sub.deadLetter) {
		d.outcome.note = fmt.Sprintf("the app may not publish to its dead letter topic %s", d.sub.deadLetter)
		return false
	}
	if err := d.sub.app.publishes(d.sub.component, nil); err != nil {
		d.outcome.note = strings.TrimPrefix(fmt.Sprintf("%s; not dead-lettered to %s: %v", d.outcome.note, d.sub.deadLetter, err), "; ")
		return false
	}
	return true
}

// topic is where the message comes from: of a wildcard subscription that is the
// subscription's topic, unless the component names another.
func (d *delivery) topic() string { return cmp.Or(d.pending.message.topic, d.sub.topic) }

// bury puts the message on the dead letter topic.
func (d *delivery) bury(metadata map[string]string) bool {
	m := *d.pending.message
	m.metadata, m.released = metadata, false
	m.depth++
	if err := d.world.send(d.sub.app, d.sub.component, d.sub.deadLetter, &m); err != nil {
		d.outcome.note = strings.TrimPrefix(fmt.Sprintf("%s; not dead-lettered to %s: %v", d.outcome.note, d.sub.deadLetter, err), "; ")
		return false
	}
	d.last = d.record(journal.Entry{Kind: journal.DeadLettered, DeadLetterTopic: d.sub.deadLetter, Note: d.outcome.note})
	m.seq = d.last
	c := d.sub.pubsub()
	c.kind.store(d.world, c, d.sub.deadLetter, &m)
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
