package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// DeadLetter checks that an event that the app refuses ends on the app's dead
// letter topic, and nowhere else.
//
// The poison event is published among its neighbours, and the app must
//
//   - refuse it: an app that answers SUCCESS is DEAD_LETTER_ACKNOWLEDGED;
//   - get it as often as the resiliency policy says, or until it answers DROP or
//     a code that the policy does not retry: DEAD_LETTER_DELIVERIES;
//   - have it on the dead letter topic of the contract (without one, of the
//     subscription): DEAD_LETTER_MISSING, which is found before anything is
//     published where the subscription names none; with its id and, byte for
//     byte, as it was published: DEAD_LETTER_ALTERED;
//   - handle each event around it once: DEAD_LETTER_NEIGHBOUR.
//
// Then the same is asked of the policy alone: a copy of the first neighbour, or
// of the poison, is published under a new id, and its deliveries are broken
// before they reach the app ([faults.FailDelivery]), which has no say in what
// becomes of it.
//
// What arrived is read from the broker itself: the app's subscriptions say what
// Dapr should do, and only the broker what it did.
//
// A poison event may break its contract: that is no violation then.
type DeadLetter struct {
	// App is the consumer.
	App string
	// Poison is an event that the app must refuse.
	Poison contract.Event
	// Around are events that the app handles: the first half is published
	// before the poison, the rest after it.
	Around []contract.Event
	// MaxDeliveries is how often the poison may be delivered before it is
	// dead-lettered. Default: maxDeliveries of the consumer in the contract, else
	// what the resiliency policy in the world's resources says.
	MaxDeliveries int
	// Log takes notes: what was skipped and why, and expected waits. Run sets
	// it to t.Logf.
	Log func(format string, args ...any)

	_ struct{}
}

// Run is [DeadLetter.Findings] as a test: each finding fails t.
func (s DeadLetter) Run(t testing.TB, w *world.World) {
	t.Helper()
	if s.Log == nil {
		s.Log = t.Logf
	}
	found, err := s.Findings(t.Context(), w)
	report(t, w, found, err)
}

// Findings publishes the events and returns what became of them that should not.
func (s DeadLetter) Findings(ctx context.Context, w *world.World) ([]contract.Violation, error) {
	stage, err := newStage("DeadLetter", w, s.App, s.Log)
	if err != nil {
		return nil, err
	}
	found, err := s.findings(ctx, stage)
	if err != nil {
		err = fmt.Errorf("DeadLetter: %w", err)
	}
	return found, err
}

func (s DeadLetter) findings(ctx context.Context, stage *stage) ([]contract.Violation, error) {
	if s.MaxDeliveries < 0 {
		return nil, fmt.Errorf("MaxDeliveries is %d; it is a number of deliveries, 1 or more", s.MaxDeliveries)
	}
	if reflect.DeepEqual(s.Poison, contract.Event{}) {
		return nil, errors.New("Poison is empty; give an event that " + s.App + " must refuse")
	}
	poison, err := stage.sample(s.Poison)
	if err != nil {
		return nil, err
	}
	subscription, err := stage.subscription(poison)
	if err != nil {
		return nil, err
	}
	c := &deadLetterCheck{stage: stage, subscribed: subscription.DeadLetterTopic, topic: subscription.DeadLetterTopic}
	if poison.consumer != nil && poison.consumer.DeadLetterTopic != "" {
		c.topic = poison.consumer.DeadLetterTopic
	}
	if c.subscribed == "" {
		// What the app refuses would come again for ever, or be lost: no need to
		// wait for that.
		return []contract.Violation{c.none(poison, subscription)}, nil
	}
	if c.topic == poison.Topic {
		return nil, fmt.Errorf("the dead letter topic of %s is the topic itself: what %s refuses would come again for ever", poison.Topic, stage.app)
	}
	c.limit(s.MaxDeliveries, poison)
	found, err := c.refused(ctx, poison, s.Around)
	if err != nil || slices.ContainsFunc(found, func(v contract.Violation) bool { return v.Rule == contract.RulePending }) {
		return found, err
	}
	forced, err := c.forced(ctx, poison, s.Around)
	for _, v := range forced {
		// What the first part found is the same mistake.
		if !slices.ContainsFunc(found, func(o contract.Violation) bool { return o.Rule == v.Rule }) {
			found = append(found, v)
		}
	}
	return found, err
}

// deadLetterCheck is one run of the scenario.
type deadLetterCheck struct {
	*stage
	subscribed string // the subscription's dead letter topic
	topic      string // the declared one
	deliveries int    // how often at most; -1 without end
	source     string // who says so
	place      contract.Place

	// What the broker holds on the event's topic and on the declared one.
	original, arrivals [][]byte
}

// none is the finding that the app's subscription names no dead letter topic,
// with the remedy at the subscription that counts. Where an app subscribes to a
// topic itself, daprd passes over the declarative subscription to it.
//
// Source: dapr v1.16.0 pkg/runtime/compstore/subscriptions.go.
func (c *deadLetterCheck) none(e sample, subscription journal.Entry) contract.Violation {
	v := c.violation(contract.RuleDeadLetter, e, "%s has no dead letter topic for %s/%s: what it refuses is lost, or comes again for ever", c.app, e.PubSub, e.Topic)
	v.Want, v.Got = "a dead letter topic in the subscription", "none"
	if c.topic != "" {
		v.Want = "deadLetterTopic " + c.topic + " in the subscription"
	}
	itself := subscription.Note != "declarative"
	for _, declared := range c.w.Resources().For(c.app).Subscriptions {
		if declared.PubSub != e.PubSub || declared.Topic != e.Topic {
			continue
		}
		switch {
		case itself && declared.DeadLetterTopic != "":
			v.What = fmt.Sprintf("%s subscribes to %s itself, without a dead letter topic; the one in %s (%s) is therefore not used: set DeadLetterTopic in common.Subscription",
				c.app, e.Topic, declared.Place, declared.DeadLetterTopic)
		case !itself && declared.DeadLetterTopic == "":
			v.Got = "none in " + declared.Place.String()
		}
	}
	v.Trace = journal.Steps([]journal.Entry{subscription})
	return v
}

// read asks the broker what it holds.
func (c *deadLetterCheck) read(ctx context.Context, e sample) (err error) {
	if c.original, err = c.w.Topic(ctx, e.PubSub, e.Topic); err != nil {
		return err
	}
	c.arrivals, err = c.w.Topic(ctx, e.PubSub, c.topic)
	return err
}

// limit decides how often an event is delivered at most.
func (c *deadLetterCheck) limit(stated int, poison sample) {
	policy := c.policy(poison.PubSub)
	c.deliveries, c.source, c.place = policy.Attempts(), describePolicy(policy), policy.Place
	switch {
	case stated > 0:
		c.deliveries, c.source = stated, fmt.Sprintf("MaxDeliveries %d; %s", stated, c.source)
	case poison.consumer != nil && poison.consumer.MaxDeliveries > 0:
		n := poison.consumer.MaxDeliveries
		c.deliveries, c.source = n, fmt.Sprintf("maxDeliveries %d in the contract; %s", n, c.source)
	}
}

func (c *deadLetterCheck) logWait(poison sample, what string) {
	policy := c.policy(poison.PubSub)
	if n := policy.Attempts(); n > 1 {
		c.log("expected wait for %s: up to %s (%s)", what, retryWait(policy.Retry, n, c.w.Config().Clocks), describePolicy(policy))
	}
}

// refused is the first part: the app itself refuses the poison.
func (c *deadLetterCheck) refused(ctx context.Context, poison sample, around []contract.Event) ([]contract.Violation, error) {
	var neighbours []sample
	for _, e := range around {
		n, err := c.sample(e)
		if err != nil {
			return nil, err
		}
		if n.ID == poison.ID || slices.ContainsFunc(neighbours, func(o sample) bool { return o.ID == n.ID }) {
			return nil, fmt.Errorf("two events have the id %s; give each its own, or none", n.ID)
		}
		neighbours = append(neighbours, n)
	}
	c.logWait(poison, "the poison event")
	c.begin()
	all := slices.Clone(neighbours)
	all = slices.Insert(all, (len(all)+1)/2, poison)
	for _, e := range all {
		if err := c.publish(ctx, e); err != nil {
			return nil, err
		}
	}
	found, err := c.settle(ctx, all...)
	if err != nil {
		return nil, err
	}
	c.meant(poison)
	if err := c.read(ctx, poison); err != nil {
		return nil, err
	}
	pending := func(e sample) bool {
		return slices.ContainsFunc(found, func(v contract.Violation) bool { return v.Event.ID == e.ID })
	}
	answers := c.stage.deliveries(poison)
	switch {
	case pending(poison):
	case count(answers, journal.Success) > 0:
		v := c.violation(contract.RuleRefuse, poison, "%s acknowledges %s, which it must refuse", c.app, poison.name())
		v.Want, v.Got = "an answer other than SUCCESS: "+poison.name()+" ends on "+c.topic, answered(answers)
		found = append(found, v)
	default:
		if unanswered(answers) {
			c.log("%s does not refuse %s, it does not answer (%s): %s", c.app, poison.name(), answered(answers), broken)
		}
		found = append(found, c.delivered(poison, len(answers), answers)...)
		found = append(found, c.arrived(poison, answers)...)
	}
	for _, n := range neighbours {
		if pending(n) {
			continue
		}
		answers := c.stage.deliveries(n)
		if len(answers) == 1 && answers[0] == journal.Success && c.deadLettered(n) == "" {
			continue
		}
		v := c.violation(contract.RuleUnharmed, n, "%s harms %s, which is published around the poison %s", c.app, n.name(), poison.name())
		v.Want, v.Got = "delivered once and handled", explained(answers)
		if topic := c.deadLettered(n); topic != "" {
			v.Got += ", dead-lettered to " + topic
		}
		found = append(found, v)
	}
	return found, nil
}

// forced is the second part: every delivery fails before it reaches the app.
func (c *deadLetterCheck) forced(ctx context.Context, poison sample, around []contract.Event) ([]contract.Violation, error) {
	e := poison
	if len(around) > 0 {
		healthy, err := c.sample(around[0])
		if err != nil {
			return nil, err
		}
		if healthy.PubSub == poison.PubSub && healthy.Topic == poison.Topic {
			e = healthy
		}
	}
	e = c.under(e, c.freshID(e.ID+"-undelivered"))
	fault := faults.FailDelivery{App: c.app, Topic: e.Topic, Event: e.ID, Times: -1}
	if err := c.w.Inject(ctx, fault); err != nil {
		if errors.Is(err, errors.ErrUnsupported) {
			c.log("the policy alone was not checked: %v", err)
			return nil, nil
		}
		return nil, err
	}
	c.logWait(e, "the event whose deliveries are broken")
	c.begin()
	if err := c.publish(ctx, e); err != nil {
		return nil, err
	}
	found, err := c.settle(ctx, e)
	c.meant(e)
	if err != nil || len(found) > 0 {
		return found, err
	}
	if err := c.read(ctx, e); err != nil {
		return nil, err
	}
	// Whoever breaks the delivery says so each time; the app sees none.
	broken := 0
	for _, entry := range c.entries() {
		if entry.Kind == journal.FaultInjected && entry.Fault == fault.String() {
			broken++
		}
	}
	found = c.delivered(e, max(broken, len(c.stage.deliveries(e))), nil)
	return append(found, c.arrived(e, nil)...), nil
}

// delivered holds the number of deliveries against what is promised.
func (c *deadLetterCheck) delivered(e sample, n int, answers []string) []contract.Violation {
	want := endsAt(answers, c.deliveries, c.policy(e.PubSub))
	if want < 0 || n == want {
		return nil
	}
	often := "more"
	if n < want {
		often = "less"
	}
	v := c.violation(contract.RuleDeliveries, e, "%s gets %s %s often than it should before it is dead-lettered", c.app, e.name(), often)
	if v.Place == (contract.Place{}) {
		v.Place = c.place
	}
	v.Want = fmt.Sprintf("%s (%s)", plural(want, "delivery", "deliveries"), c.source)
	v.Got = plural(n, "delivery", "deliveries")
	if len(answers) > 0 {
		v.Got += ": " + explained(answers)
	}
	return []contract.Violation{v}
}

// deadLettered is the topic that the event was dead-lettered to, as far as
// somebody saw it who could know; "" for none.
func (c *deadLetterCheck) deadLettered(e sample) string {
	topic := ""
	for _, entry := range c.entries() {
		if entry.Kind == journal.DeadLettered && entry.SeenBy != journal.Proxy && entry.Event.ID == e.ID &&
			entry.PubSub == e.PubSub && (entry.App == c.app || entry.App == "") {
			if topic = entry.DeadLetterTopic; topic == c.topic {
				return topic
			}
		}
	}
	return topic
}

// arrived looks for the event on the dead letter topic. Answers say, in a
// finding, what the app said to it.
func (c *deadLetterCheck) arrived(e sample, answers []string) []contract.Violation {
	var same, others [][]byte // with the event's id; with its identity or data under another id
	for _, body := range c.arrivals {
		event, err := contract.ParseEvent(body)
		switch {
		case err != nil:
		case event.ID == e.ID:
			same = append(same, body)
		case c.resembles(event, e):
			others = append(others, body)
		}
	}
	to := c.deadLettered(e)
	found := func(rule, want, got, format string, args ...any) []contract.Violation {
		v := c.violation(rule, e, format, args...)
		v.Want, v.Got = want, got
		return []contract.Violation{v}
	}
	switch {
	case len(same) > 0:
		return c.unchanged(e, same)
	case len(others) > 0 && to == "":
		event, _ := contract.ParseEvent(others[0])
		return found(contract.RuleAltered, "id "+e.ID, "id "+event.ID, "%s arrives on %s under another id", e.name(), c.topic)
	case to != "" && to != c.topic:
		v := found(contract.RuleDeadLetter, c.topic, to, "%s has %s dead-lettered to %s, not to %s", c.app, e.name(), to, c.topic)
		return v
	}
	got := "not there"
	if c.subscribed != c.topic {
		got = "the subscription says " + c.subscribed
	}
	if len(answers) > 0 {
		got += "; " + c.app + " answered " + explained(answers)
		if last := answers[len(answers)-1]; last == "HTTP 404" || last == "gRPC Unimplemented" {
			got += ", which daprd 1.16 acknowledges without a dead letter"
		}
	}
	return found(contract.RuleDeadLetter, e.name()+" on "+c.topic, got, "%s never arrives on the dead letter topic %s of %s", e.name(), c.topic, c.app)
}

// resembles says whether an event on the dead letter topic is the other one
// under a new id: of the same identity or, where that is the id, with the same data.
func (c *deadLetterCheck) resembles(event contract.Event, e sample) bool {
	// Neither topic nor pubsub counts: a copy that the app made has those of
	// the dead letter topic.
	event.PubSub, event.Topic = e.PubSub, e.Topic
	if ref := c.catalog().Ref(event); ref.Identity != "" && ref.Identity == e.ref.Identity {
		return true
	}
	return len(e.Data) > 0 && bytes.Equal(bytes.TrimSpace(event.Data), bytes.TrimSpace(e.Data))
}

// unchanged holds what arrived against what was published, byte for byte: daprd
// puts the message that it read onto the dead letter topic as it is.
func (c *deadLetterCheck) unchanged(e sample, copies [][]byte) []contract.Violation {
	i := slices.IndexFunc(c.original, func(body []byte) bool {
		event, err := contract.ParseEvent(body)
		return err == nil && event.ID == e.ID
	})
	if i < 0 {
		v := c.violation(contract.RuleNotWitnessed, e, "the broker holds no %s on its topic %s: whether it is unchanged on %s cannot be said", e.name(), e.Topic, c.topic)
		v.Want, v.Got = "its bytes on "+e.Topic, "none"
		return []contract.Violation{v}
	}
	for _, body := range copies {
		if !bytes.Equal(c.original[i], body) {
			v := c.violation(contract.RuleAltered, e, "%s is altered on its way to the dead letter topic %s", e.name(), c.topic)
			v.Diff = diffJSON(c.original[i], body)
			return []contract.Violation{v}
		}
	}
	return nil
}

// diffJSON is the difference of two events as values or, where they are equal
// as such, as texts.
func diffJSON(want, got []byte) string {
	var none Redelivery
	x, errX := decode(want)
	y, errY := decode(got)
	if errX == nil && errY == nil && !reflect.DeepEqual(x, y) {
		if text, err := none.diff(x, y); err == nil {
			return text
		}
	}
	text, err := none.diff(strings.TrimSpace(string(want)), strings.TrimSpace(string(got)))
	if err != nil || text == "" {
		return "- " + string(want) + "\n+ " + string(got)
	}
	return text
}
