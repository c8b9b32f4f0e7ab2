package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/fakes/world"
)

// Publishing checks that what an action publishes is exactly what the
// contracts say, and exactly what is wanted.
//
// Every event that is published while the action runs and until the world has
// settled, by whatever app, is held against its contract: topic, match,
// version, schema, content type, identity, correlation, producer, publish
// metadata. What App publishes is also counted: see Want.
//
// An outbox relay that runs on a clock of its own is part of the action: let
// Act run it, or wait for it.
//
// The rules are those of a single event (EVENT_…) and PUBLISH_PRODUCER,
// PUBLISH_MISSING, PUBLISH_EXTRA and PUBLISH_METADATA. Violations that the
// world itself found in these events are reported by the scenario, once: the
// world is told to expect them.
type Publishing struct {
	// App is the app that acts.
	App string
	// Act does what makes the app publish: calls its API, runs its job.
	Act func(ctx context.Context) error
	// Want is all that App may publish, in any order. Nil: one event at least,
	// and any that a contract describes. Not nil and empty: nothing.
	Want []Want
	// Log takes notes: what was skipped and why. Run sets it to t.Logf.
	Log func(format string, args ...any)

	_ struct{}
}

// Want is a kind of event, and how often it is published.
type Want struct {
	// Event is the event type that a contract states: order.placed. Of an
	// event without a contract, its CloudEvents type or its topic.
	Event string
	// Times is how often; 0 means once, -1 once or more.
	Times int
}

func (w Want) String() string {
	switch {
	case w.Times < 0:
		return w.Event + ", once or more"
	case w.Times <= 1:
		return w.Event + ", once"
	}
	return fmt.Sprintf("%s, %d times", w.Event, w.Times)
}

// Run is [Publishing.Findings] as a test: each finding fails t.
func (s Publishing) Run(t testing.TB, w *world.World) {
	t.Helper()
	if s.Log == nil {
		s.Log = t.Logf
	}
	found, err := s.Findings(t.Context(), w)
	report(t, w, found, err)
}

// Findings acts, waits until the world has settled and returns what was
// published against a contract or not as wanted. An action that fails is an error.
func (s Publishing) Findings(ctx context.Context, w *world.World) ([]contract.Violation, error) {
	stage, err := newStage("Publishing", w, s.App, s.Log)
	if err != nil {
		return nil, err
	}
	if s.Act == nil {
		return nil, errors.New("Publishing: Act is nil; set it to what makes " + s.App + " publish")
	}
	if err := s.Act(ctx); err != nil {
		return nil, fmt.Errorf("Publishing: act: %w", err)
	}
	settled := w.Settle(ctx)
	var pending *world.PendingError
	if settled != nil && !errors.As(settled, &pending) {
		return nil, fmt.Errorf("Publishing: settle: %w", settled)
	}

	published := stage.publications()
	var found []contract.Violation
	for _, p := range published {
		broken := stage.broken(p)
		found = append(found, broken...)
		found = append(found, stage.metadata(p, len(broken) > 0)...)
	}
	found = append(found, stage.counted(s.Want, published)...)
	if pending != nil {
		found = append(found, stage.unfinished(pending, published)...)
	}
	return found, nil
}

// publication is a published entry, read.
type publication struct {
	journal.Entry
	event    contract.Event
	parsed   bool
	contract *contract.Contract // nil: none describes it
	sidecar  []contract.Violation
}

// publications are what was published since the scenario began, each with the
// violations that the world found in it.
func (s *stage) publications() []publication {
	var published []publication
	for _, entry := range s.entries() {
		if entry.Kind == journal.Published {
			published = append(published, s.read(entry))
		}
	}
	for _, v := range s.w.Violations()[s.seen:] {
		// The latest with that id: the world checks an event before the next is published.
		for i := len(published) - 1; i >= 0; i-- {
			if p := &published[i]; p.Event == v.Event && (p.App == v.App || v.Event != contract.Ref{}) {
				if !slices.ContainsFunc(p.sidecar, func(o contract.Violation) bool {
					return o.Rule == v.Rule && o.Pointer == v.Pointer && o.App == v.App && o.Got == v.Got
				}) {
					p.sidecar = append(p.sidecar, v)
				}
				break
			}
		}
	}
	return published
}

// read parses the event of a published entry. The journal carries the data of
// an event once, on its first entry.
func (s *stage) read(entry journal.Entry) publication {
	p := publication{Entry: entry}
	data := entry.Data
	if data == nil && entry.Event.ID != "" {
		for _, e := range s.w.Journal().Entries() {
			if e.Event.ID == entry.Event.ID && e.Data != nil {
				data = e.Data
				break
			}
		}
	}
	if event, err := contract.ParseEvent(data); err == nil {
		event.PubSub, event.Topic = entry.PubSub, entry.Topic
		p.event, p.parsed = event, true
		p.contract, _, _ = s.catalog().Find(event)
	}
	return p
}

// name is what a finding calls the publication, and names are all that a
// [Want] may call it.
func (p publication) name() string { return p.names()[0] }

func (p publication) names() []string {
	if p.contract != nil {
		return []string{p.contract.Event, p.event.Type, p.Topic}
	}
	if p.event.Type != "" && p.event.Type != plainType {
		return []string{p.event.Type, p.Topic}
	}
	return []string{p.Topic, plainType}
}

// plainType is the CloudEvents type of whatever daprd wraps itself.
// Source: components-contrib v1.16.0 pubsub/envelope.go DefaultCloudEventType.
const plainType = "com.dapr.event.sent"

func (p publication) place() contract.Place {
	if p.contract == nil {
		return contract.Place{}
	}
	for _, producer := range p.contract.Producers {
		if producer.App == p.App {
			return producer.Place
		}
	}
	return p.contract.Place
}

// text names the publication by what makes it the same as another: not by the
// envelope's id, time and trace.
func (p publication) text() string {
	text := p.PubSub + "/" + p.Topic
	if p.event.Type != "" && p.event.Type != plainType {
		text += " " + p.event.Type
	}
	if p.Event.Identity != p.Event.ID {
		text += " " + p.Event.Identity
	}
	data := []byte(p.event.Data)
	switch {
	case !p.parsed:
		data = p.Data
	case p.event.DataBase64 != nil:
		data = p.event.DataBase64
	}
	if value, err := decode(data); err == nil {
		if sorted, err := json.Marshal(value); err == nil {
			data = sorted
		}
	}
	return text + " " + string(data)
}

func (s *stage) published(p publication, v contract.Violation) contract.Violation {
	v.App, v.Event = p.App, p.Event
	v.Trace = s.storyFor(v.Rule, p.Event)
	return v
}

// storyFor is an event's story that marks where it broke one rule, and leaves
// out others.
func (s *stage) storyFor(rule string, event contract.Ref) []string {
	own := slices.DeleteFunc(slices.Clone(s.entries()), func(e journal.Entry) bool {
		return e.Kind == journal.ViolationFound && e.Note != rule
	})
	return journal.Story(own, event)
}

// follow are the rules that an event which breaks another one breaks as well:
// they say nothing more.
var follow = map[string][]string{
	contract.RuleContentType: {contract.RuleNoMatch, contract.RuleVersion, contract.RuleSchema, contract.RuleUndeclared,
		contract.RuleIdentity, contract.RuleCorrelation},
	contract.RuleDraft: {contract.RuleVersion}, // no producer may publish a draft
}

// broken is what is wrong with one event: what the world found, and JSON that
// went out as text.
func (s *stage) broken(p publication) []contract.Violation {
	found := slices.Clone(p.sidecar)
	for i := range found {
		s.w.Claim(found[i])
		if found[i].Event != (contract.Ref{}) {
			found[i].Trace = s.storyFor(found[i].Rule, p.Event)
		}
	}
	typed := slices.ContainsFunc(found, func(v contract.Violation) bool { return v.Rule == contract.RuleContentType })
	if json, ok := p.jsonAsText(); ok && !typed {
		v := s.published(p, contract.Violation{Rule: contract.RuleContentType, Place: p.place(),
			What:    fmt.Sprintf("%s publishes JSON as text to %s: a []byte needs client.PublishEventWithContentType", p.App, p.Topic),
			Pointer: "/datacontenttype", Want: "application/json", Got: p.event.DataContentType + ", with the data " + json})
		if v.Place == (contract.Place{}) && len(found) > 0 {
			v.Place = found[0].Place // of the contract whose match the text does not fit
		}
		found = append(found, v)
	}
	for _, v := range slices.Clone(found) {
		found = slices.DeleteFunc(found, func(o contract.Violation) bool { return slices.Contains(follow[v.Rule], o.Rule) })
	}
	return found
}

// jsonAsText reports whether the event's data is a text that is a JSON object
// or array, though its contract does not ask for text.
func (p publication) jsonAsText() (text string, ok bool) {
	if !p.parsed || !strings.HasPrefix(strings.ToLower(p.event.DataContentType), "text/plain") ||
		p.contract != nil && strings.HasPrefix(strings.ToLower(p.contract.DataContentType), "text/") {
		return "", false
	}
	if json.Unmarshal(p.event.Data, &text) != nil {
		return "", false
	}
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") || !json.Valid([]byte(trimmed)) {
		return "", false
	}
	return short(trimmed), true
}

// short cuts a text to what fits a line.
func short(text string) string {
	const most = 120
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}

// metadata holds the publish metadata against the contract's. Dapr's own
// cloudevent.* overrides shape the event, and are checked there. In a broken
// event a value that is taken from it may well be missing.
func (s *stage) metadata(p publication, broken bool) []contract.Violation {
	if p.contract == nil {
		return nil
	}
	got := make(map[string]string)
	for key, value := range p.Metadata {
		got[strings.TrimPrefix(key, "metadata.")] = value
	}
	var found []contract.Violation
	add := func(what, want, got string) {
		found = append(found, s.published(p, contract.Violation{Rule: contract.RuleMetadata, Place: p.contract.Place, What: what, Want: want, Got: got}))
	}
	declared := make([]string, 0, len(p.contract.Metadata))
	for key := range p.contract.Metadata {
		declared = append(declared, key)
	}
	slices.Sort(declared)
	for _, key := range declared {
		want, ok := p.promised(p.contract.Metadata[key])
		if !ok && broken {
			continue
		}
		if !ok {
			add(fmt.Sprintf("%s publishes %s without what its metadata %s is taken from", p.App, p.contract.Event, key),
				"a value at "+p.contract.Metadata[key], "none")
			continue
		}
		sent, present := lookup(got, key)
		if text := key + ": " + sent; !present || sent != want {
			if !present {
				text = "no " + key
			}
			add(fmt.Sprintf("%s publishes %s with other metadata than its contract says", p.App, p.contract.Event), key+": "+want, text)
		}
	}
	var undeclared []string
	for key := range got {
		if _, ok := lookup(p.contract.Metadata, key); !ok && !strings.HasPrefix(strings.ToLower(key), "cloudevent.") {
			undeclared = append(undeclared, key)
		}
	}
	slices.Sort(undeclared)
	for _, key := range undeclared {
		add(fmt.Sprintf("%s publishes %s with metadata that its contract does not declare", p.App, p.contract.Event),
			"no "+key+", or "+key+" under metadata: in the contract", key+": "+got[key])
	}
	return found
}

// promised is a declared metadata value: itself, or, for a pointer, the text
// at that place of the event.
func (p publication) promised(declared string) (string, bool) {
	if !strings.HasPrefix(declared, "/") {
		return declared, true
	}
	text, err := json.Marshal(p.event)
	if err != nil {
		return "", false
	}
	event, err := decode(text)
	if err != nil {
		return "", false
	}
	switch value, ok := schema.Resolve(event, declared); value := value.(type) {
	case string:
		return value, ok
	case json.Number:
		return value.String(), ok
	case bool:
		return fmt.Sprint(value), ok
	}
	return "", false
}

// lookup finds a metadata key as Dapr does, whatever its case.
// Source: components-contrib v1.16.0 metadata/utils.go GetMetadataProperty.
func lookup(metadata map[string]string, key string) (string, bool) {
	for k, value := range metadata {
		if strings.EqualFold(k, key) {
			return value, true
		}
	}
	return "", false
}

// decode reads JSON with its numbers as they are written.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	err := d.Decode(&value)
	return value, err
}

// counted compares how often what was published with what is wanted.
//
// An event of the app that fits no contract is a finding already. It is not
// reported as extra too, and one that is missing is taken to be it: one mistake
// in a topic or a match is one finding.
func (s *stage) counted(want []Want, published []publication) []contract.Violation {
	got := make([]int, len(want))
	strays, total := 0, 0
	var found []contract.Violation
	for _, p := range published {
		if p.App != s.app {
			continue
		}
		total++
		stray := p.contract == nil && len(p.sidecar) > 0
		i := slices.IndexFunc(want, func(w Want) bool { return slices.Contains(p.names(), w.Event) })
		switch {
		case want == nil:
		case i < 0 && stray:
			strays++
		case i < 0 && slices.ContainsFunc(want, func(w Want) bool { return s.meantName(w) == p.name() }):
			// Misspelt in Want: one finding, that of what is missing.
		case i < 0:
			found = append(found, s.published(p, contract.Violation{Rule: contract.RuleExtra, Place: p.place(),
				What: fmt.Sprintf("%s publishes %s, which nobody asked for", s.app, p.name()),
				Want: wanted(want), Got: p.name()}))
		default:
			if got[i]++; want[i].Times >= 0 && got[i] == max(want[i].Times, 1)+1 {
				found = append(found, s.published(p, contract.Violation{Rule: contract.RuleExtra, Place: p.place(),
					What: fmt.Sprintf("%s publishes %s too often", s.app, p.name()),
					Want: want[i].String(), Got: plural(countOf(published, s.app, want[i]), "time", "times")}))
			}
		}
	}
	missing := func(name, want, got string) {
		v := contract.Violation{Rule: contract.RuleMissing, App: s.app, Want: want, Got: got,
			What: fmt.Sprintf("%s does not publish %s", s.app, name), Trace: s.actions()}
		if c := s.catalog().Contract(name); c != nil {
			v.Place = publication{Entry: journal.Entry{App: s.app}, contract: c}.place()
		}
		found = append(found, v)
	}
	if want == nil && total == 0 {
		missing("anything", "one event or more", "nothing")
	}
	for i, w := range want {
		lacking := max(w.Times, 1) - got[i]
		for lacking > 0 && strays > 0 {
			lacking--
			strays--
		}
		if lacking > 0 {
			text := "not published"
			switch meant := s.meantName(w); {
			case got[i] > 0:
				text = plural(got[i], "time", "times")
			case meant != "":
				text = "no contract describes " + w.Event + ": did you mean " + meant + "?"
			case total == 0:
				text = s.app + " published nothing until the world had settled"
			}
			missing(w.Event, w.String(), text)
		}
	}
	return found
}

// meantName is the known event whose name is near that of a [Want] which names
// none; "" for a want that is known, or near nothing. What no contract describes
// may also be wanted by its CloudEvents type or topic.
func (s *stage) meantName(w Want) string {
	var events []string
	for _, c := range s.catalog().Contracts() {
		if w.Event == c.Event || w.Event == c.Topic {
			return ""
		}
		events = append(events, c.Event)
	}
	return schema.Nearest(w.Event, events)
}

func countOf(published []publication, app string, w Want) int {
	n := 0
	for _, p := range published {
		if p.App == app && slices.Contains(p.names(), w.Event) {
			n++
		}
	}
	return n
}

func wanted(want []Want) string {
	if len(want) == 0 {
		return "nothing"
	}
	texts := make([]string, len(want))
	for i, w := range want {
		texts[i] = w.String()
	}
	return strings.Join(texts, "; ")
}

// actions is what the app did: the trace of what is missing. Of an app that did
// nothing it is how it began.
func (s *stage) actions() []string {
	own := func(entries []journal.Entry) []journal.Entry {
		return slices.DeleteFunc(slices.Clone(entries), func(e journal.Entry) bool { return e.App != s.app || e.Kind == journal.ViolationFound })
	}
	if lines := journal.Steps(own(s.entries())); len(lines) > 0 {
		return lines
	}
	return journal.Steps(own(s.w.Journal().Entries()[:s.mark]))
}

// unfinished are the published events that somebody never finishes.
func (s *stage) unfinished(pending *world.PendingError, published []publication) []contract.Violation {
	var found []contract.Violation
	for _, held := range pending.Events {
		i := slices.IndexFunc(published, func(p publication) bool { return p.Event.ID == held.Event.ID && p.Topic == held.Topic })
		if i < 0 {
			s.log("%s is still pending for %s, and was not published by this action", held.Event, held.App)
			continue
		}
		v := s.published(published[i], contract.Violation{Rule: contract.RulePending, Place: published[i].place(),
			What: neverFinishes(held, published[i].name()),
			Want: "handled, or on a dead letter topic", Got: stillPending(held, nil)})
		v.App = held.App
		found = append(found, v)
	}
	return found
}
