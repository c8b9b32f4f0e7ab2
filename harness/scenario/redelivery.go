package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// Redelivery checks that an event takes effect once, however often it comes.
//
// Each sample event is published and handled. Then it comes again in the two
// ways in which Dapr and its users make it come again:
//
//  1. redelivered after it was handled, as after a sidecar that died before its
//     acknowledgement reached the broker;
//  2. published a second time under a new CloudEvents id with the same identity,
//     as an outbox relay that died after publishing does. Where the contract's
//     identity is the id itself, as it is without a contract, nothing says that
//     the two are one event, and this part is skipped.
//
// After each the app's state (Snapshot) and all that it published must be what
// they were after one delivery: DELIVERY_AT_LEAST_ONCE. Publications are
// compared by topic, type, identity and data, not by the envelope's id, time
// and trace.
//
// An event that the app does not handle proves nothing: one that never reaches
// it, or that it drops, is EVENT_LOST; one that it refuses is an error. So is an
// app of which nothing can be seen: one that publishes nothing needs a Snapshot.
type Redelivery struct {
	// App is the consumer.
	App string
	// Events are samples that the app handles. An id that is empty is filled in;
	// topic and pubsub are the contract's where they are empty.
	Events []contract.Event
	// Snapshot is the app's state as far as it matters: rows, balances. It is
	// compared with go-cmp and must be a value of its own, not a view of the
	// living state. Nil: only what the app publishes is compared, so that it
	// must publish something.
	Snapshot func(ctx context.Context) (any, error)
	// Via is how the event comes again. Default: [Repeat].
	Via Via
	// Options are for go-cmp, which compares the states.
	Options cmp.Options
	// Log takes notes: what was skipped and why, and expected waits. Run sets
	// it to t.Logf.
	Log func(format string, args ...any)

	_ struct{}
}

// Via is how [Redelivery] makes an event come again.
type Via string

const (
	// Repeat is the default: the handled event is delivered again at once
	// ([faults.Redeliver]).
	Repeat Via = "repeat"
	// Broker loses the app's first answer, so that Dapr redelivers the event
	// itself: by the retry policy or, without one, when the broker's pending
	// clock runs out. It takes as long as they say. Where the app has a dead
	// letter topic and no retry policy, Dapr never redelivers, and the scenario
	// is skipped.
	Broker Via = "broker"
)

// Run is [Redelivery.Findings] as a test: each finding fails t.
func (s Redelivery) Run(t testing.TB, w *world.World) {
	t.Helper()
	if s.Log == nil {
		s.Log = t.Logf
	}
	found, err := s.Findings(t.Context(), w)
	report(t, w, found, err)
}

// Findings makes each event come again and returns what changed.
func (s Redelivery) Findings(ctx context.Context, w *world.World) ([]contract.Violation, error) {
	stage, err := newStage("Redelivery", w, s.App, s.Log)
	if err != nil {
		return nil, err
	}
	if len(s.Events) == 0 {
		return nil, errors.New("Redelivery: Events is empty; give one event or more that " + s.App + " handles")
	}
	if s.Via != "" && s.Via != Repeat && s.Via != Broker {
		return nil, fmt.Errorf("Redelivery: Via is %q; use scenario.Repeat or scenario.Broker", s.Via)
	}
	var found []contract.Violation
	for _, e := range s.Events {
		more, err := s.one(ctx, stage, e)
		if err != nil {
			return found, fmt.Errorf("Redelivery: %w", err)
		}
		found = append(found, more...)
	}
	return found, nil
}

// one checks one event. Each step's finding ends it: what follows would only
// say the same again.
func (s Redelivery) one(ctx context.Context, stage *stage, event contract.Event) ([]contract.Violation, error) {
	e, err := stage.sample(event)
	if err != nil {
		return nil, err
	}
	subscription, err := stage.subscription(e)
	if err != nil {
		return nil, err
	}
	stage.begin()
	before, err := s.observe(ctx, stage)
	if err != nil {
		return nil, err
	}
	var once *outcome
	if s.Via == Broker {
		once, err = s.byBroker(ctx, stage, e, subscription)
	} else {
		once, err = s.repeat(ctx, stage, e)
	}
	var finding *unusable
	if errors.As(err, &finding) {
		return finding.found, nil
	}
	if err != nil {
		return nil, err
	}
	if same, err := s.difference(before, once); s.Snapshot != nil && err == nil && same == (changes{}) {
		stage.log("%s: the first delivery changed nothing that the snapshot shows and published nothing, so that a second changes nothing proves little", e.name())
	}
	twice, err := s.observe(ctx, stage)
	if err != nil {
		return nil, err
	}
	v, err := s.compare(stage, e, once, twice, "redelivering "+e.name())
	if v != nil || err != nil {
		return v, err
	}
	if s.Snapshot == nil && len(once.published) == 0 {
		return nil, fmt.Errorf("%s handled %s and published nothing, and without Snapshot nothing else of it is seen: this proves nothing; set Snapshot: a function that returns what %s changes in %s, such as the rows it writes",
			stage.app, e.name(), e.name(), stage.app)
	}

	again := stage.under(e, stage.freshID(e.ID+"-again"))
	if e.ref.Identity == "" || again.ref.Identity != e.ref.Identity {
		why := "its contract's identity is the CloudEvents id"
		switch {
		case e.contract == nil:
			why = "no contract says what its identity is"
		case e.contract.Identity != "/id":
			why = "it has nothing at " + e.contract.Identity + ", its contract's identity"
		}
		stage.log("%s: not published a second time under a new CloudEvents id: %s", e.name(), why)
		return nil, nil
	}
	if err := stage.publish(ctx, again); err != nil {
		return nil, err
	}
	if pending, err := stage.settle(ctx, again); len(pending) > 0 || err != nil {
		return pending, err
	}
	switch answers := stage.deliveries(again); {
	case len(answers) == 0:
		return stage.handled(again)
	case count(answers, journal.Success) == 0:
		return []contract.Violation{stage.unrecognised(again, answers, "when it is published again under a new CloudEvents id")}, nil
	}
	thrice, err := s.observe(ctx, stage)
	if err != nil {
		return nil, err
	}
	// The trace is that of the identity: both ids.
	return s.compare(stage, e, once, thrice, "publishing "+e.name()+" again under a new CloudEvents id")
}

// unusable ends the check of an event with findings that came before it.
type unusable struct{ found []contract.Violation }

func (u *unusable) Error() string { return "the event was not handled" }

// repeat publishes the event, notes what it did, and has it delivered again.
func (s Redelivery) repeat(ctx context.Context, stage *stage, e sample) (*outcome, error) {
	if err := stage.publish(ctx, e); err != nil {
		return nil, err
	}
	if err := settleHandled(ctx, stage, e); err != nil {
		return nil, err
	}
	once, err := s.observe(ctx, stage)
	if err != nil {
		return nil, err
	}
	if err := stage.w.Inject(ctx, faults.Redeliver{App: s.App, Topic: e.Topic, Event: e.ID}); err != nil {
		return nil, err
	}
	return once, settleAgain(ctx, stage, e)
}

// byBroker loses the first answer and lets Dapr redeliver the event. The
// outcome is taken between the two deliveries.
func (s Redelivery) byBroker(ctx context.Context, stage *stage, e sample, subscription journal.Entry) (*outcome, error) {
	policy := stage.policy(e.PubSub)
	var wait time.Duration
	switch attempts := policy.Attempts(); {
	case attempts != 1:
		wait = retryWait(policy.Retry, 2, stage.w.Config().Clocks)
		stage.log("expected wait: up to %s, until Dapr redelivers by %s", wait, describePolicy(policy))
	case subscription.DeadLetterTopic != "":
		return nil, fmt.Errorf("with this setup Dapr dead-letters %s to %s at the first failure and never redelivers it (%s); use scenario.Repeat: %w",
			e.name(), subscription.DeadLetterTopic, describePolicy(policy), errors.ErrUnsupported)
	default:
		var ok bool
		if wait, ok = stage.pendingWait(e.PubSub); !ok {
			return nil, fmt.Errorf("pubsub %s never redelivers: its processingTimeout or redeliverInterval is 0: %w", e.PubSub, errors.ErrUnsupported)
		}
		stage.log("expected wait: up to %s, until the broker redelivers what was not acknowledged", wait)
	}
	if err := stage.w.Inject(ctx, faults.LoseAnswer{App: s.App, Topic: e.Topic, Event: e.ID}); err != nil {
		return nil, err
	}
	if err := stage.publish(ctx, e); err != nil {
		return nil, err
	}
	lost := func(entries []journal.Entry) bool {
		for _, entry := range entries[stage.mark:] {
			if entry.Kind == journal.FaultInjected && entry.App == s.App && entry.Event.ID == e.ID {
				return true
			}
		}
		return false
	}
	// Bounded by Settle: where the event does not reach the app at all, no
	// answer is lost, and the world settles.
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	settled := make(chan error, 1)
	go func() {
		err := stage.w.Settle(waiting)
		cancel()
		settled <- err
	}()
	waited := stage.w.Journal().Wait(waiting, lost)
	var once *outcome
	var err error
	if waited == nil {
		once, err = s.observe(ctx, stage)
	}
	deliveries := len(stage.deliveries(e))
	if settleErr := <-settled; settleErr != nil && !errors.Is(settleErr, world.ErrPending) {
		return nil, fmt.Errorf("settle: %w", settleErr)
	}
	switch {
	case err != nil:
		return nil, err
	case waited != nil && len(stage.deliveries(e)) < 2: // nothing came, or no answer was lost
		if err := settleHandled(ctx, stage, e); err != nil {
			return nil, err
		}
		return nil, settleAgain(ctx, stage, e)
	case waited != nil || deliveries > 1:
		return nil, fmt.Errorf("%s was redelivered before its first outcome could be noted; give the retry policy a longer duration, or use scenario.Repeat", e.name())
	}
	if first := stage.deliveries(e)[0]; first != journal.Success && first != journal.NoAnswer {
		return nil, stage.refused(e, []string{first})
	}
	return once, settleAgain(ctx, stage, e)
}

// settleHandled settles and returns an *unusable unless the app handled the event.
func settleHandled(ctx context.Context, stage *stage, e sample) error {
	found, err := stage.settle(ctx, e)
	if err == nil && len(found) == 0 {
		found, err = stage.handled(e)
	}
	if err == nil && len(found) > 0 {
		err = &unusable{found}
	}
	return err
}

// settleAgain settles and returns an *unusable unless the event came again.
func settleAgain(ctx context.Context, stage *stage, e sample) error {
	found, err := stage.settle(ctx, e)
	if err != nil {
		return err
	}
	answers := stage.deliveries(e)
	switch {
	case len(found) > 0:
	case len(answers) < 2:
		v := stage.violation(contract.RuleNotWitnessed, e, "nobody saw %s come to %s again", e.name(), stage.app)
		v.Want, v.Got = "2 deliveries", answered(answers)
		found = []contract.Violation{v}
	case answers[1] != journal.Success:
		found = []contract.Violation{stage.unrecognised(e, answers[1:], "at the second delivery")}
	default:
		return nil
	}
	return &unusable{found}
}

// unrecognised is an event that the app handled and then refuses: Dapr would
// dead-letter it, or bring it again and again.
func (s *stage) unrecognised(e sample, answers []string, when string) contract.Violation {
	v := s.violation(contract.RuleIdempotent, e, "%s is not idempotent: it handled %s, and refuses it %s", s.app, e.name(), when)
	v.Want, v.Got = journal.Success, explained(answers)
	v.Trace = s.storyOf(e)
	return v
}

// handled is a finding unless the app answered SUCCESS.
func (s *stage) handled(e sample) ([]contract.Violation, error) {
	answers := s.deliveries(e)
	switch {
	case count(answers, journal.Success) > 0:
		return nil, nil
	case len(answers) == 0, answers[len(answers)-1] == "HTTP 404", answers[len(answers)-1] == "gRPC Unimplemented":
		v := s.violation(contract.RuleLost, e, "%s never handled %s: it is lost", s.app, e.name())
		v.Want, v.Got = journal.Success, answered(answers)
		return []contract.Violation{v}, nil
	}
	return nil, s.refused(e, answers)
}

func (s *stage) refused(e sample, answers []string) error {
	if unanswered(answers) {
		return fmt.Errorf("%s does not answer when it gets %s (%s): %s", s.app, e.name(), answered(answers), broken)
	}
	return fmt.Errorf("%s refuses %s (%s); give sample events that it handles", s.app, e.name(), answered(answers))
}

// outcome is the app's state and what it published since the event.
type outcome struct {
	state any
	text  []byte // the state's JSON when it was taken, to notice that it changed since
	// published counts what went out, named without what is drawn anew for
	// each: the envelope's id, time and trace. Counts, not a list: go-cmp is free
	// to call any of several equal elements the new one.
	published map[string]int
}

func (s Redelivery) observe(ctx context.Context, stage *stage) (*outcome, error) {
	o := &outcome{published: make(map[string]int)}
	for _, entry := range stage.entries() {
		if entry.Kind == journal.Published && entry.App == s.App {
			o.published[stage.read(entry).text()]++
		}
	}
	if s.Snapshot == nil {
		return o, nil
	}
	var err error
	if o.state, err = s.Snapshot(ctx); err != nil {
		return nil, fmt.Errorf("take snapshot: %w", err)
	}
	o.text, _ = json.Marshal(o.state) // what JSON cannot say is not watched
	return o, nil
}

// changes are two diffs; both empty where nothing changed.
type changes struct{ state, published string }

func (s Redelivery) difference(want, got *outcome) (c changes, err error) {
	if text, err := json.Marshal(want.state); err == nil && want.text != nil && !bytes.Equal(text, want.text) {
		return c, errors.New("the Snapshot function returns the living state: what it returned first has changed since; return a copy")
	}
	if c.state, err = s.diff(want.state, got.state); err != nil {
		return c, err
	}
	c.published, err = s.diff(want.published, got.published)
	return c, err
}

// diff is go-cmp's, with plain spaces: go-cmp varies them so that nobody relies
// on its output.
func (s Redelivery) diff(want, got any) (text string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("compare snapshots: %v; let Snapshot return a value of exported fields and maps, or set Options", v)
		}
	}()
	return strings.ReplaceAll(cmp.Diff(want, got, s.Options...), "\u00a0", " "), nil
}

// compare returns the finding that the outcome changed, or nil.
func (s Redelivery) compare(stage *stage, e sample, once, now *outcome, did string) ([]contract.Violation, error) {
	c, err := s.difference(once, now)
	if err != nil || c == (changes{}) {
		return nil, err
	}
	effect := "changed its state"
	diff := c.state
	switch {
	case c.state == "":
		effect, diff = "published again", c.published
	case c.published != "":
		effect += " and published again"
		diff = "state:\n" + c.state + "published:\n" + c.published
	}
	v := stage.violation(contract.RuleIdempotent, e, "%s is not idempotent: %s %s", stage.app, did, effect)
	v.Diff = diff
	v.Trace = stage.storyOf(e)
	for i := len(v.Trace) - 1; i >= 0; i-- {
		if strings.Contains(v.Trace[i], "deliver ") {
			v.Trace[i] += "   <- " + effect
			break
		}
	}
	return []contract.Violation{v}, nil
}

// storyOf is what happened to an identity at the app, under all its ids. That
// an event was redelivered it says itself: the fault is left out.
func (s *stage) storyOf(e sample) []string {
	var own []journal.Entry
	for _, entry := range s.entries() {
		if (entry.App == s.app || entry.App == "" || entry.Kind == journal.Published) && !strings.HasPrefix(entry.Fault, "Redeliver") {
			own = append(own, entry)
		}
	}
	return journal.Story(own, e.ref)
}
