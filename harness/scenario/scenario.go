package scenario

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// report gives a scenario's outcome to a test.
func report(t testing.TB, w *world.World, found []contract.Violation, err error) {
	t.Helper()
	for _, v := range found {
		v.Reproduce = world.Reproduce(t, w.Name())
		t.Errorf("%s", v)
	}
	switch {
	case err == nil:
	case errors.Is(err, errors.ErrUnsupported):
		t.Skipf("skipped: %v", err)
	default:
		t.Fatal(err)
	}
}

// stage is what the scenarios share: a world, the app in question, and the
// place in the journal where the scenario began.
type stage struct {
	w    *world.World
	app  string
	log  func(format string, args ...any)
	mark int
	seen int // violations that the world had found before

	drawn map[string]bool // ids that were drawn, and may not be in the journal yet
}

func newStage(scenario string, w *world.World, app string, log func(string, ...any)) (*stage, error) {
	if w == nil {
		return nil, fmt.Errorf("%s: the world is nil; make one with fakes.Start or harness.Start", scenario)
	}
	if app == "" {
		return nil, fmt.Errorf("%s: App is empty; set it to the Dapr app id, one of %s", scenario, strings.Join(w.Apps(), ", "))
	}
	if !slices.Contains(w.Apps(), app) {
		return nil, fmt.Errorf("%s: no app %q is attached; attached are %s", scenario, app, strings.Join(w.Apps(), ", "))
	}
	if log == nil {
		log = func(string, ...any) {}
	}
	s := &stage{w: w, app: app, log: log, drawn: make(map[string]bool)}
	s.begin()
	return s, nil
}

// begin marks the place from which on the world is read.
func (s *stage) begin() { s.mark, s.seen = s.w.Journal().Len(), len(s.w.Violations()) }

// entries are what was written to the journal since the scenario began.
func (s *stage) entries() []journal.Entry { return s.w.Journal().Entries()[s.mark:] }

func (s *stage) catalog() *contract.Catalog { return s.w.Config().Contracts }

// sample is an event that a scenario publishes, with all that its contract
// says filled in.
type sample struct {
	contract.Event
	ref      contract.Ref
	contract *contract.Contract // nil: none
	consumer *contract.Consumer // the app's in the contract; nil: none
}

// sample fills in the event's pubsub, topic and id, which the scenario must know.
func (s *stage) sample(e contract.Event) (sample, error) {
	c, _, _ := s.catalog().Find(e)
	if c != nil {
		if e.PubSub == "" {
			e.PubSub = c.PubSub
		}
		if e.Topic == "" {
			e.Topic = c.Topic
		}
	}
	if e.PubSub == "" {
		e.PubSub = world.DefaultPubSub
	}
	if e.Topic == "" {
		return sample{}, fmt.Errorf("event %s states no topic, and no contract does; set its Topic", s.catalog().Ref(e))
	}
	if e.ID == "" {
		e.ID = s.freshID(e.Topic)
	}
	all := sample{Event: e, ref: s.catalog().Ref(e), contract: c}
	if c != nil {
		if i := slices.IndexFunc(c.Consumers, func(c contract.Consumer) bool { return c.App == s.app }); i >= 0 {
			all.consumer = &c.Consumers[i]
		}
	}
	return all, nil
}

// under is the same event under another CloudEvents id.
func (s *stage) under(of sample, id string) sample {
	of.ID = id
	of.ref = s.catalog().Ref(of.Event)
	return of
}

// freshID is an id that nobody used yet, the same in each run.
func (s *stage) freshID(base string) string {
	taken := maps.Clone(s.drawn)
	for _, e := range s.w.Journal().Entries() {
		taken[e.Event.ID] = true
	}
	for i := 1; ; i++ {
		if id := fmt.Sprintf("%s-%d", base, i); !taken[id] {
			s.drawn[id] = true
			return id
		}
	}
}

// name is how a finding calls the event: what the user knows it by.
func (e sample) name() string {
	if e.ref.Identity != "" {
		return e.ref.Identity
	}
	return e.ID
}

// place is the consumer's line in the contract, or the contract's, or none.
func (e sample) place() contract.Place {
	switch {
	case e.consumer != nil:
		return e.consumer.Place
	case e.contract != nil:
		return e.contract.Place
	}
	return contract.Place{}
}

// violation begins a finding about an event.
func (s *stage) violation(rule string, e sample, format string, args ...any) contract.Violation {
	return contract.Violation{Rule: rule, What: fmt.Sprintf(format, args...), Place: e.place(), Event: e.ref, App: s.app, Trace: s.trace(e)}
}

// trace is the story of one CloudEvents id, as far as it concerns the app.
func (s *stage) trace(e sample) []string {
	var own []journal.Entry
	for _, entry := range s.entries() {
		if entry.Event.ID == e.ID && (entry.App == s.app || entry.App == "" || entry.Kind == journal.Published) {
			if strings.HasPrefix(entry.Fault, "FailDelivery") {
				entry.Cause = 0 // a step of its own: the app sees nothing that it could be told with
			}
			own = append(own, entry)
		}
	}
	return journal.Story(own, e.ref)
}

// meant tells the world that an event's violations are no findings: its
// contract is broken on purpose.
func (s *stage) meant(e sample) {
	for _, v := range s.w.Violations()[s.seen:] {
		if v.Event.ID == e.ID {
			s.w.Claim(v)
		}
	}
}

// settle waits for the world; an event of the scenario that never settles for
// the app is a finding.
func (s *stage) settle(ctx context.Context, events ...sample) ([]contract.Violation, error) {
	err := s.w.Settle(ctx)
	var pending *world.PendingError
	if !errors.As(err, &pending) {
		if err != nil {
			return nil, fmt.Errorf("settle: %w", err)
		}
		return nil, nil
	}
	var found []contract.Violation
	for _, p := range pending.Events {
		i := slices.IndexFunc(events, func(e sample) bool { return e.ID == p.Event.ID && e.Topic == p.Topic })
		if i < 0 || p.App != s.app {
			s.log("%s is still pending for %s, which this scenario is not about", p.Event, p.App)
			continue
		}
		answers := s.deliveries(events[i])
		p.Open = p.Open && slices.Contains(answers, "") // it may be another event's that is open
		v := s.violation(contract.RulePending, events[i], "%s", neverFinishes(p, events[i].name()))
		v.Want, v.Got = "handled, or on a dead letter topic", stillPending(p, answers)
		found = append(found, v)
	}
	return found, nil
}

// neverFinishes says what is the matter with an event that is pending: an app
// that has not answered yet is another one than an app that refuses it.
func neverFinishes(p world.PendingEvent, name string) string {
	if p.Open {
		return fmt.Sprintf("%s has not answered attempt %d of %s", p.App, max(p.Deliveries, 1), name)
	}
	return fmt.Sprintf("%s never finishes %s: it comes again and again", p.App, name)
}

// stillPending is what a finding about such an event got.
func stillPending(p world.PendingEvent, answers []string) string {
	text := "still pending after " + plural(p.Deliveries, "delivery", "deliveries")
	if len(answers) > 0 {
		text += ": " + explained(answers)
	}
	return text
}

// publish sends an event as its contract's first producer.
func (s *stage) publish(ctx context.Context, e sample) error {
	if err := s.w.Send(ctx, e.Event); err != nil {
		return fmt.Errorf("publish %s: %w", e.name(), err)
	}
	return nil
}

// subscription is the app's subscription to the event's topic.
func (s *stage) subscription(e sample) (journal.Entry, error) {
	var topics []string
	entries := s.w.Journal().Entries()
	for i := len(entries) - 1; i >= 0; i-- { // the latest: a restart may change it
		entry := entries[i]
		if entry.Kind != journal.Subscribed || entry.App != s.app {
			continue
		}
		if entry.PubSub == e.PubSub && entry.Topic == e.Topic {
			return entry, nil
		}
		topics = append(topics, entry.PubSub+"/"+entry.Topic)
	}
	slices.Sort(topics)
	topics = slices.Compact(topics)
	if topics == nil {
		topics = []string{"nothing"}
	}
	return journal.Entry{}, fmt.Errorf("%s does not subscribe to %s/%s of event %s; it subscribes to %s",
		s.app, e.PubSub, e.Topic, e.name(), strings.Join(topics, ", "))
}

// deliveries are the app's answers to the deliveries of one CloudEvents id, in
// order; "" for one without an answer yet.
func (s *stage) deliveries(e sample) []string {
	var answers []string
	position := make(map[int]int)
	for _, entry := range s.entries() {
		if entry.App != s.app || entry.Event.ID != e.ID || entry.PubSub != e.PubSub || entry.Topic != e.Topic {
			continue
		}
		switch entry.Kind {
		case journal.Delivered:
			position[entry.Seq] = len(answers)
			answers = append(answers, "")
		case journal.Answered:
			if i, ok := position[entry.Cause]; ok {
				answers[i] = entry.Answer
			}
		}
	}
	return answers
}

func count(answers []string, answer string) int {
	n := 0
	for _, a := range answers {
		if a == answer {
			n++
		}
	}
	return n
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// answered is the list of answers as a text: "HTTP 500 (4 times)".
func answered(answers []string) string {
	if len(answers) == 0 {
		return "never delivered"
	}
	var parts []string
	for i := 0; i < len(answers); {
		n := i
		for n < len(answers) && answers[n] == answers[i] {
			n++
		}
		part := answers[i]
		if part == "" {
			part = "no answer yet"
		}
		if n-i > 1 {
			part += fmt.Sprintf(" (%d times)", n-i)
		}
		parts = append(parts, part)
		i = n
	}
	return strings.Join(parts, ", then ")
}

// broken is what the lack of an answer means: nothing that another sample
// event would put right.
const broken = "its handler panics or the connection breaks"

// unanswered reports whether no delivery at all got an answer.
func unanswered(answers []string) bool {
	return len(answers) > 0 && count(answers, journal.NoAnswer) == len(answers)
}

// explained is answered, and what it means where the app never answers.
func explained(answers []string) string {
	if unanswered(answers) {
		return answered(answers) + ": " + broken
	}
	return answered(answers)
}
