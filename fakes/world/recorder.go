package world

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/contract/resources"
)

// Recorder writes a world's journal and holds each event against its contract
// as it passes. Both worlds report to it, so attempts, causes and checks mean
// the same in each. It is safe for concurrent use.
type Recorder struct {
	cfg       Config
	resources *resources.Set
	journal   *journal.Journal
	observer  journal.Observer

	logMu sync.Mutex
	log   func(format string, args ...any) // nil outside a test, and once the world is closed

	mu         sync.Mutex
	open       map[string][]int      // app -> seq of its deliveries without an answer
	delivered  map[int]*openDelivery // seq -> what was delivered
	unused     []*openDelivery
	events     map[string]*passed // by CloudEvents id
	deadLetter map[topicKey]bool  // topics that are a dead letter topic of somebody
	violations []contract.Violation
	expected   map[string]bool
	claimed    map[violationKey]bool
}

type topicKey struct{ pubsub, topic string }
type violationKey struct {
	rule, app, pointer, got string
	event                   contract.Ref
}

func keyOf(v contract.Violation) violationKey {
	return violationKey{v.Rule, v.App, v.Pointer, v.Got, v.Event}
}

type openDelivery struct {
	entry journal.Entry
}

func newRecorder(cfg Config, set *resources.Set, j *journal.Journal, observer journal.Observer) *Recorder {
	r := &Recorder{
		cfg: cfg, resources: set, journal: j, observer: observer,
		open: make(map[string][]int), delivered: make(map[int]*openDelivery),
		events:     make(map[string]*passed),
		deadLetter: make(map[topicKey]bool), expected: make(map[string]bool), claimed: make(map[violationKey]bool),
	}
	for _, c := range cfg.Contracts.Contracts() {
		for _, consumer := range c.Consumers {
			if consumer.DeadLetterTopic != "" {
				r.deadLetter[topicKey{c.PubSub, consumer.DeadLetterTopic}] = true
			}
		}
	}
	return r
}

// Config is the world's, defaults filled in.
func (r *Recorder) Config() Config { return r.cfg }

// Catalog may be nil: no contracts.
func (r *Recorder) Catalog() *contract.Catalog { return r.cfg.Contracts }

// Resources are the team's Dapr resources as loaded.
func (r *Recorder) Resources() *resources.Set { return r.resources }

// Journal is the world's journal.
func (r *Recorder) Journal() *journal.Journal { return r.journal }

// Subscription is a topic that an app asked for.
type Subscription struct {
	App, PubSub, Topic, DeadLetterTopic string
	Protocol                            Protocol
	Kind                                string // declarative | programmatic | streaming
}

// Logf writes to the test's log, if there is one and it still runs.
func (r *Recorder) Logf(format string, args ...any) {
	r.logMu.Lock()
	defer r.logMu.Unlock()
	if r.log != nil {
		r.log(format, args...)
	}
}

// mute ends logging: a test that has ended panics on it.
func (r *Recorder) mute() {
	r.logMu.Lock()
	defer r.logMu.Unlock()
	r.log = nil
}

// overridden names the declarative subscription that an app's own one to the
// same topic makes void, which daprd does without a word.
//
// Source: dapr v1.16.0 pkg/runtime/compstore/subscriptions.go.
func (r *Recorder) overridden(s Subscription) {
	if s.Kind != "programmatic" {
		return
	}
	for _, d := range r.resources.For(s.App).Subscriptions {
		if d.PubSub != s.PubSub || d.Topic != s.Topic {
			continue
		}
		what := fmt.Sprintf("%s: %s subscribes to %s/%s itself: this subscription is not used", d.Place, s.App, s.PubSub, s.Topic)
		if d.DeadLetterTopic != s.DeadLetterTopic {
			what += fmt.Sprintf(", nor its deadLetterTopic %q; the app states %q", d.DeadLetterTopic, s.DeadLetterTopic)
		}
		r.journal.SetHead(func(h *journal.Head) { h.Warnings = append(slices.Clone(h.Warnings), what) })
		r.Logf("daprd ignores: %s", what)
	}
}

// Subscribe records an active subscription.
func (r *Recorder) Subscribe(s Subscription, seenBy journal.Observer) {
	r.overridden(s)
	if s.DeadLetterTopic != "" {
		r.mu.Lock()
		r.deadLetter[topicKey{s.PubSub, s.DeadLetterTopic}] = true
		r.mu.Unlock()
	}
	r.journal.Append(journal.Entry{Kind: journal.Subscribed, SeenBy: seenBy, App: s.App, PubSub: s.PubSub, Topic: s.Topic,
		DeadLetterTopic: s.DeadLetterTopic, Protocol: string(s.Protocol), Note: s.Kind})
}

// Publication is an event that a sidecar took from its app.
type Publication struct {
	App, PubSub, Topic string
	Envelope           []byte // as it went to the broker
	Raw                bool   // rawPayload: no CloudEvent
	Metadata           map[string]string
	Protocol           string // http | grpc
	// Cause is the delivered entry in whose course the app published; 0: the
	// app's only open delivery, if there is just one.
	Cause int
	// Event names the event, and Note says why, where its envelope is not known:
	// it is recorded without data, and not held against its contract. Where Known
	// is set there is an envelope, and it is a CloudEvent of that name: without
	// contracts it is not read.
	Event contract.Ref
	Known bool
	Note  string
}

// Publish records a publication, holds it against its contract and returns its
// place in the journal and the event's name.
func (r *Recorder) Publish(p Publication) (seq int, event contract.Ref) {
	seq, event, _ = r.PublishUnder(p)
	return seq, event
}

// PublishUnder is [Recorder.Publish]; it also returns the cause that was recorded.
func (r *Recorder) PublishUnder(p Publication) (seq int, event contract.Ref, cause int) {
	var e contract.Event
	var err error
	if event = p.Event; p.Envelope != nil && (!p.Known || r.Catalog() != nil) {
		if e, err = r.parse(p.PubSub, p.Topic, p.Envelope, p.Raw); err == nil {
			event = r.Catalog().Ref(e)
		}
	}
	sent := p.Cause == Unknown
	r.mu.Lock()
	if p.Cause < 0 {
		p.Cause = 0
	} else if p.Cause == 0 {
		if open := r.open[p.App]; len(open) == 1 {
			p.Cause = open[0]
		}
	}
	entry := journal.Entry{Kind: journal.Published, SeenBy: r.observer, App: p.App, PubSub: p.PubSub, Topic: p.Topic,
		Event: event, Protocol: p.Protocol, Cause: p.Cause, Metadata: p.Metadata, Note: p.Note}
	r.carry(&entry, p.Envelope, p.Raw, p.Known)
	seq = r.journal.AppendValid(entry)
	if event.ID != "" {
		r.passed(event.ID).published(p.PubSub, p.Topic, seq)
	}
	deadLetter := r.deadLetter[topicKey{p.PubSub, p.Topic}]
	r.mu.Unlock()
	if r.Catalog() == nil || p.Envelope == nil {
		return seq, event, p.Cause
	}
	switch {
	case p.Raw:
		if c, _, _ := r.Catalog().Find(contract.Event{PubSub: p.PubSub, Topic: p.Topic}); c == nil || c.Schema != "none" {
			r.violateAll(seq, p.App, event, r.Catalog().CheckData(p.PubSub, p.Topic, "", p.Envelope))
		}
	case err != nil:
		r.violateAll(seq, p.App, event, []contract.Violation{{Rule: contract.RuleAttribute, What: err.Error()}})
	case !deadLetter:
		r.violateAll(seq, p.App, event, r.Catalog().Check(e))
		r.checkProducer(seq, p.App, e, event, sent)
	}
	return seq, event, p.Cause
}

// checkProducer holds the publisher against the contract; an event that the test
// sends may be of a version that the producer has left behind.
func (r *Recorder) checkProducer(seq int, app string, e contract.Event, event contract.Ref, sent bool) {
	c, version, _ := r.Catalog().Find(e)
	if c == nil || len(c.Producers) == 0 || app == Tester {
		return
	}
	i := slices.IndexFunc(c.Producers, func(p contract.Producer) bool { return p.App == app })
	if i < 0 {
		names := make([]string, len(c.Producers))
		for i, p := range c.Producers {
			names[i] = p.App
		}
		r.violateAll(seq, app, event, []contract.Violation{{Rule: contract.RuleProducer, Place: c.Producers[0].Place,
			What: fmt.Sprintf("%s publishes %s, which the contract does not let it", app, c.Event),
			Want: "a producer named in the contract: " + strings.Join(names, ", "), Got: app}})
		return
	}
	draft := slices.ContainsFunc(c.Versions, func(v contract.Version) bool { return v.Name == version && v.Status == "draft" })
	if p := c.Producers[i]; version != "" && !draft && !sent && len(p.Versions) > 0 && !slices.Contains(p.Versions, version) {
		r.violateAll(seq, app, event, []contract.Violation{{Rule: contract.RuleVersion, Place: p.Place,
			What: fmt.Sprintf("%s publishes version %s of %s, which the contract does not let it", app, version, c.Event),
			Want: "one of its versions: " + strings.Join(p.Versions, ", "), Got: version}})
	}
}

// PublishFailed records a publish that the sidecar refused.
func (r *Recorder) PublishFailed(p Publication, answer string) {
	var event contract.Ref
	if e, err := r.parse(p.PubSub, p.Topic, p.Envelope, p.Raw); err == nil {
		event = r.Catalog().Ref(e)
	}
	r.journal.Append(journal.Entry{Kind: journal.PublishFailed, SeenBy: r.observer, App: p.App, PubSub: p.PubSub, Topic: p.Topic,
		Event: event, Protocol: p.Protocol, Metadata: p.Metadata, Answer: answer})
}

// Delivery is one call of an app with an event.
type Delivery struct {
	App, PubSub, Topic, Route, Protocol string
	Envelope                            []byte // the CloudEvent's JSON
	Raw                                 bool   // the subscription is rawPayload: the sidecar made the envelope, with a new id each time
	// Event and Cause are looked up by the envelope's id where they are not given.
	Event contract.Ref
	Cause int
}

// Deliver records that a delivery begins. The attempt is counted by event,
// app and topic.
func (r *Recorder) Deliver(d Delivery) (seq, attempt int) {
	var e contract.Event
	var err error
	if d.Event == (contract.Ref{}) {
		if e, err = r.parse(d.PubSub, d.Topic, d.Envelope, false); err == nil {
			d.Event = r.Catalog().Ref(e)
		}
	}
	r.mu.Lock()
	passed := r.passed(d.Event.ID)
	attempt = passed.attempt(d.App, d.PubSub, d.Topic)
	known := passed.on(d.PubSub, d.Topic)
	if d.Cause == 0 {
		d.Cause = known
	}
	entry := journal.Entry{Kind: journal.Delivered, SeenBy: r.observer, App: d.App, PubSub: d.PubSub, Topic: d.Topic,
		Event: d.Event, Protocol: d.Protocol, Route: d.Route, Attempt: attempt, Cause: d.Cause}
	r.carry(&entry, d.Envelope, false, false)
	seq = r.journal.AppendValid(entry)
	entry.Data = nil
	r.keep(seq, entry)
	r.open[d.App] = append(r.open[d.App], seq)
	deadLetter := r.deadLetter[topicKey{d.PubSub, d.Topic}]
	r.mu.Unlock()
	if r.Catalog() != nil && !deadLetter && attempt == 1 && !d.Raw {
		if e.ID == "" && err == nil {
			e, err = r.parse(d.PubSub, d.Topic, d.Envelope, false)
		}
		if err == nil {
			if known == 0 { // not seen, and so not checked, when it was published
				r.violateAll(seq, d.App, d.Event, r.Catalog().Check(e))
			}
			r.checkConsumer(seq, d.App, e, d.Event)
		}
	}
	return seq, attempt
}

func (r *Recorder) checkConsumer(seq int, app string, e contract.Event, event contract.Ref) {
	c, version, _ := r.Catalog().Find(e)
	if c == nil {
		return
	}
	i := slices.IndexFunc(c.Consumers, func(p contract.Consumer) bool { return p.App == app })
	if i < 0 || version == "" {
		return
	}
	if p := c.Consumers[i]; len(p.Versions) > 0 && !slices.Contains(p.Versions, version) {
		r.violateAll(seq, app, event, []contract.Violation{{Rule: contract.RuleVersion, Place: p.Place,
			What: fmt.Sprintf("%s gets version %s of %s, which it does not say it reads", app, version, c.Event),
			Want: "one of its versions: " + strings.Join(p.Versions, ", "), Got: version}})
	}
}

// Answer records an app's answer to the delivery at seq.
func (r *Recorder) Answer(seq int, answer string, took time.Duration) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.take(seq)
	open := r.open[d.App]
	if i := slices.Index(open, seq); i >= 0 {
		r.open[d.App] = slices.Delete(open, i, i+1)
	}
	return r.journal.Append(journal.Entry{Kind: journal.Answered, SeenBy: r.observer, App: d.App, PubSub: d.PubSub, Topic: d.Topic,
		Event: d.Event, Protocol: d.Protocol, Route: d.Route, Attempt: d.Attempt, Answer: answer, Duration: took, Cause: seq})
}

// keep remembers a delivery until it is answered; take gives it back, empty where
// none is known. Callers hold r.mu.
func (r *Recorder) keep(seq int, entry journal.Entry) {
	d := new(openDelivery)
	if n := len(r.unused); n > 0 {
		d, r.unused = r.unused[n-1], r.unused[:n-1]
	}
	d.entry = entry
	r.delivered[seq] = d
}

func (r *Recorder) take(seq int) journal.Entry {
	d := r.delivered[seq]
	if d == nil {
		return journal.Entry{}
	}
	delete(r.delivered, seq)
	r.unused = append(r.unused, d)
	entry := d.entry
	d.entry = journal.Entry{}
	return entry
}

// Open is the number of deliveries that have no answer yet.
func (r *Recorder) Open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.delivered)
}

// PublishedSeq is the published entry of an event id, 0 where none is known.
func (r *Recorder) PublishedSeq(pubsub, id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events[id].on(pubsub, "")
}

// carry puts the event's data on its first entry; valid says that it is known to
// be JSON. Callers hold r.mu.
func (r *Recorder) carry(entry *journal.Entry, envelope []byte, raw, valid bool) {
	if envelope == nil {
		return
	}
	if id := entry.Event.ID; id != "" {
		passed := r.passed(id)
		if bytes.Equal(passed.data, envelope) {
			return
		}
		passed.data = envelope
	}
	if valid || !raw && json.Valid(envelope) {
		entry.Data = envelope
		return
	}
	entry.Data, _ = json.Marshal(string(envelope))
}

func (r *Recorder) parse(pubsub, topic string, envelope []byte, raw bool) (contract.Event, error) {
	if raw {
		return contract.Event{}, errRaw
	}
	e, err := contract.ParseEvent(envelope)
	if err != nil {
		return e, err
	}
	e.PubSub, e.Topic = pubsub, topic
	return e, nil
}

var errRaw = fmt.Errorf("a raw payload is not a CloudEvent")

// Violate records a broken rule; cause is the entry that broke it.
func (r *Recorder) Violate(cause int, v contract.Violation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.violations = append(r.violations, v)
	if cause == 0 {
		return
	}
	r.journal.Append(journal.Entry{Kind: journal.ViolationFound, SeenBy: r.observer, App: v.App, Event: v.Event, Cause: cause, Note: v.Rule})
}

// violateAll records what is wrong with the event of the entry seq.
func (r *Recorder) violateAll(seq int, app string, event contract.Ref, found []contract.Violation) {
	for _, v := range found {
		v.App, v.Event = app, event
		if !r.journal.Streamed() {
			v.Trace = journal.Story(r.journal.Entries()[:seq], event)
		}
		r.Violate(seq, v)
	}
}

func (r *Recorder) expect(rule string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expected[rule] = true
}

func (r *Recorder) claim(v contract.Violation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.claimed[keyOf(v)] = true
}

func (r *Recorder) seenViolations() []contract.Violation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.violations)
}

// verdict is what nobody expected, and what was expected and did not come.
func (r *Recorder) verdict() (unexpected []contract.Violation, missing []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := make(map[string]bool)
	for _, v := range r.violations {
		seen[v.Rule] = true
		if !r.expected[v.Rule] && !r.claimed[keyOf(v)] {
			unexpected = append(unexpected, v)
		}
	}
	for rule := range r.expected {
		if !seen[rule] {
			missing = append(missing, rule)
		}
	}
	slices.Sort(missing)
	return unexpected, missing
}
