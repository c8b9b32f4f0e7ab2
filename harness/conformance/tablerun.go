package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// tableRun is a world in which cases of one protocol are played.
type tableRun struct {
	w     *world.World
	plays []*tablePlay
	found map[string]string // by case: what became of its events
}

// TableHorizon is [world.Config].Horizon for the table: shorter than any
// processingTimeout, so that nobody waits to learn that an event stays pending.
// That it comes again is seen when it is handled in the end.
const TableHorizon = 2500 * time.Millisecond

// RunTable plays cases of one protocol in a world that was started with
// [TableResources] and [TableHorizon], and says for each case what its app saw and
// where its events ended.
//
// Events whose time to live passes are published before the apps are attached. The
// rest is played in steps of cases that do not come into each other's way. What
// stays pending is looked at, and then handled, so that it does not come again in
// the midst of another case.
func RunTable(ctx context.Context, w *world.World, cases []TableCase) (map[string]string, error) {
	r := &tableRun{w: w, found: make(map[string]string)}
	for _, c := range cases {
		r.plays = append(r.plays, newTablePlay(c))
	}
	early, steps := r.plan()
	for _, p := range early {
		if err := p.publish(ctx, w); err != nil {
			return nil, err
		}
	}
	if err := sleep(ctx, 1200*time.Millisecond); err != nil { // until a time to live of 1 s has passed
		return nil, err
	}
	streams, cancel := context.WithCancel(ctx)
	var playing sync.WaitGroup
	defer playing.Wait()
	defer cancel()
	if err := r.attach(ctx, streams, &playing); err != nil {
		return nil, err
	}
	if err := r.end(ctx, early); err != nil {
		return nil, err
	}
	for _, step := range steps {
		for _, p := range step {
			if err := p.publish(ctx, w); err != nil {
				return nil, err
			}
		}
		if err := r.end(ctx, step); err != nil {
			return nil, err
		}
	}
	return r.found, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// atOnce is how many cases a step has where they share an app.
const atOnce = 24

// plan sorts the cases into what is published early and the steps: cases that
// take long together, and no two of one HTTP app.
func (r *tableRun) plan() (early []*tablePlay, steps [][]*tablePlay) {
	rest := make(map[string][]*tablePlay)
	var apps []string
	for _, p := range r.plays {
		if p.early() {
			early = append(early, p)
			continue
		}
		if rest[p.AppID()] == nil {
			apps = append(apps, p.AppID())
		}
		rest[p.AppID()] = append(rest[p.AppID()], p)
	}
	slices.Sort(apps)
	for _, app := range apps {
		slices.SortStableFunc(rest[app], func(a, b *tablePlay) int { return a.lasts() - b.lasts() })
	}
	for len(apps) > 0 {
		var step []*tablePlay
		for _, app := range apps {
			n := 1
			if rest[app][0].Protocol != world.ProtocolHTTP {
				n = min(atOnce, len(rest[app]))
			}
			step = append(step, rest[app][:n]...)
			rest[app] = rest[app][n:]
		}
		apps = slices.DeleteFunc(apps, func(app string) bool { return len(rest[app]) == 0 })
		steps = append(steps, step)
	}
	return early, steps
}

// attach starts the apps, and opens the streams.
func (r *tableRun) attach(ctx, streams context.Context, playing *sync.WaitGroup) error {
	byApp := make(map[string]*tableApp)
	for _, p := range r.plays {
		if byApp[p.AppID()] == nil {
			byApp[p.AppID()] = &tableApp{}
		}
		byApp[p.AppID()].plays = append(byApp[p.AppID()].plays, p)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for id, app := range byApp {
		all.Go(func() {
			var sdk client.Client
			err := r.w.AttachContext(ctx, id, func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
				sdk = s.Client()
				return app.endpoint(), nil
			})
			for _, p := range app.plays {
				if p.Protocol != ProtocolStream || err != nil {
					continue
				}
				s := &tableStream{tablePlay: p, sdk: sdk}
				if err = s.open(streams); err == nil {
					playing.Go(func() { s.play(streams) })
				}
			}
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("attach %s: %w", id, err))
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// publish publishes the case's events.
func (p *tablePlay) publish(ctx context.Context, w *world.World) error {
	s, err := w.Sidecar(ctx, Publisher)
	if err != nil {
		return err
	}
	dapr := runtime.NewDaprClient(s.Client().GrpcClientConn())
	content := p.content()
	metadata := func(id string) map[string]string {
		m := map[string]string{"cloudevent.id": id}
		if ttl := lifetimes[p.row[inLifetime]].metadata; ttl != "" {
			m["ttlInSeconds"] = ttl
		}
		return m
	}
	if p.Bulk == "bulk-publish" {
		in := &runtime.BulkPublishRequest{PubsubName: p.Component(), Topic: p.Topic()}
		if content.rawPublish {
			in.Metadata = map[string]string{"rawPayload": "true"}
		}
		for i, id := range p.events() {
			in.Entries = append(in.Entries, &runtime.BulkPublishRequestEntry{EntryId: fmt.Sprint(i), Event: p.data(id), ContentType: content.contentType, Metadata: metadata(id)})
		}
		if _, err := dapr.BulkPublishEventAlpha1(ctx, in); err != nil {
			return fmt.Errorf("case %s: publish: %w", p.Name, err)
		}
		return nil
	}
	for _, id := range p.events() {
		in := &runtime.PublishEventRequest{PubsubName: p.Component(), Topic: p.Topic(), Data: p.data(id), DataContentType: content.contentType, Metadata: metadata(id)}
		if content.rawPublish {
			in.Metadata["rawPayload"] = "true"
		}
		if _, err := dapr.PublishEvent(ctx, in); err != nil {
			return fmt.Errorf("case %s: publish: %w", p.Name, err)
		}
	}
	return nil
}

func (p *tablePlay) data(id string) []byte {
	return []byte(strings.ReplaceAll(strings.ReplaceAll(p.content().data, "%[2]q", `"`+id+`"`), "%[2]s", id))
}

// end waits until the events of the cases have ended or are known to be pending,
// says what became of them, and lets what is pending be handled.
func (r *tableRun) end(ctx context.Context, plays []*tablePlay) error {
	if err := sleep(ctx, 100*time.Millisecond); err != nil {
		return err
	}
	pending, err := r.settle(ctx)
	// What stays pending comes again and again, and of several something is always at
	// its app: by then the first round of each is long over.
	for rounds := time.Now().Add(firstRound); err == nil && time.Now().Before(rounds) && slices.ContainsFunc(plays, (*tablePlay).active); {
		// Looking at Redis all the time would take from daprd what it needs.
		if err = sleep(ctx, 50*time.Millisecond); err == nil && !slices.ContainsFunc(plays, (*tablePlay).active) {
			pending, err = r.settle(ctx)
		}
	}
	// With a dead letter topic hardly anything stays pending: the horizon may have
	// passed between a dead letter and the acknowledgement that follows it.
	for looks := 0; err == nil && looks < 3 && slices.ContainsFunc(plays, func(p *tablePlay) bool { return p.DeadLetter && len(pending[p.Topic()]) > 0 }); looks++ {
		if err = sleep(ctx, 500*time.Millisecond); err == nil {
			pending, err = r.settle(ctx)
		}
	}
	if err != nil {
		return err
	}
	var left []*tablePlay
	for _, p := range plays {
		text, err := r.observe(ctx, p, pending[p.Topic()])
		if err != nil {
			return err
		}
		r.found[p.Name] = text
		if len(pending[p.Topic()]) > 0 && len(p.calls) > 0 && p.Policy != "breaker" && !p.together() {
			left = append(left, p)
		}
	}
	return r.release(ctx, left)
}

// firstRound is longer than any case's policy, and than the coming of a second stream.
const firstRound = 12 * time.Second

// active reports whether the policy may still be at it. The horizon may pass
// before it has ended.
func (p *tablePlay) active() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	longest := 400 * time.Millisecond
	switch {
	case p.reply().closes && !p.DeadLetter && len(p.calls) == 1:
		longest = 3 * p.processingTimeout() // then it comes to the next stream
	case p.Policy == "exponential":
		longest = 1200 * time.Millisecond // and a wait may last 750 ms
	case p.Policy == "timeout" && len(p.calls) > 0 && p.given[p.calls[len(p.calls)-1].event] == 1:
		longest = 2500 * time.Millisecond // the first attempt, which gets no answer
	}
	return len(p.calls) > 0 && time.Since(p.calls[len(p.calls)-1].at) < longest
}

// settle gives the events that are pending, by topic.
func (r *tableRun) settle(ctx context.Context) (map[string][]world.PendingEvent, error) {
	pending := make(map[string][]world.PendingEvent)
	err := r.w.Settle(ctx)
	var p *world.PendingError
	if errors.As(err, &p) {
		for _, e := range p.Events {
			pending[e.Topic] = append(pending[e.Topic], e)
		}
		return pending, nil
	}
	return pending, err
}

// release lets the apps handle what is pending, and waits for it.
func (r *tableRun) release(ctx context.Context, plays []*tablePlay) error {
	for _, p := range plays {
		p.mu.Lock()
		p.released = true
		p.mu.Unlock()
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		open := slices.ContainsFunc(plays, func(p *tablePlay) bool { return !r.handled(p) })
		if !open {
			break
		}
		if time.Now().After(deadline) {
			break // the case says so: see handled
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	if len(plays) == 0 {
		return nil
	}
	pending, err := r.settle(ctx)
	if err != nil {
		return err
	}
	for _, p := range plays {
		if n := len(pending[p.Topic()]); n > 0 {
			r.found[p.Name] += fmt.Sprintf("\n  still pending after SUCCESS: %d", n)
		} else {
			r.found[p.Name] += "\n  then comes again, and is handled"
		}
	}
	return nil
}

// handled reports whether everything of the case that was pending came again,
// and was answered.
func (r *tableRun) handled(p *tablePlay) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for event := range p.failing() {
		if p.after[event] == 0 {
			return false
		}
	}
	return true
}

// failing are the events that the app does not handle.
func (p *tablePlay) failing() map[string]bool {
	all := make(map[string]bool)
	for _, call := range p.calls {
		if r := p.reply(); len(r.mix) == 0 || r.of(call.event) != "SUCCESS" && r.of(call.event) != "DROP" {
			all[call.event] = true
		}
	}
	return all
}

// round are the calls with an event that came before the broker gave it out again.
func (p *tablePlay) round(event string) (calls []tableCall) {
	for _, call := range p.calls {
		if call.event != event {
			continue
		}
		if !p.reply().closes && len(calls) > 0 && call.at.Sub(calls[0].at) >= p.processingTimeout()*3/4 {
			break
		}
		calls = append(calls, call)
	}
	return calls
}

// waits names the waits between attempts that are not as the policy wants them:
// too short or, where time is virtual, too long.
func (p *tablePlay) waits(round []tableCall, virtual bool) (wrong []string) {
	if p.reply().closes {
		return nil
	}
	for i := 1; i < len(round); i++ {
		least, most := 100*time.Millisecond, 100*time.Millisecond
		switch {
		case p.Policy == "exponential" && i == 1: // 500 ms, changed by half of it at most
			least, most = 250*time.Millisecond, 750*time.Millisecond
		case p.Policy == "exponential": // maxInterval, likewise
			least, most = 50*time.Millisecond, 150*time.Millisecond
		case p.Policy == "timeout" && i == 1: // after the attempt that got no answer
			least, most = 2100*time.Millisecond, 2100*time.Millisecond
		}
		waited := round[i].at.Sub(round[i-1].at)
		if !virtual {
			least /= 2 // an attempt may reach the app late, and the next one in time
		}
		// The fake gives each call that waits for something 50 ms to itself first.
		const late = 600 * time.Millisecond
		if waited < least || virtual && waited > most+late {
			wrong = append(wrong, fmt.Sprintf("%s: attempt %d came %s after the one before: want %s to %s", round[i].event, i+1, waited, least, most))
		}
	}
	return wrong
}

// observe says what became of a case.
func (r *tableRun) observe(ctx context.Context, p *tablePlay, pending []world.PendingEvent) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrange()
	var lines, shapes, waits []string
	calls := make(map[string]int)
	for i := range p.events() {
		event := fmt.Sprintf("e%d", i+1)
		round := p.round(event)
		calls[event] = len(round)
		text := fmt.Sprintf("%s: not delivered", event)
		if len(round) > 0 {
			text = fmt.Sprintf("%s: %d at %s", event, len(round), p.named(round[0].path))
			for _, call := range round {
				if call.path != round[0].path {
					text += ", then at " + p.named(call.path)
				}
				if !slices.Contains(shapes, call.shape) && (!p.together() || len(shapes) == 0) {
					shapes = append(shapes, call.shape)
				}
			}
		}
		lines = append(lines, text)
		waits = append(waits, p.waits(round, r.w.Name() == "fake")...)
	}
	lines = append(merged(lines), waits...)
	lines = append(lines, r.answers(p, calls)...)
	ends, err := r.ends(ctx, p, pending)
	if err != nil {
		return "", err
	}
	lines = append(lines, ends...)
	slices.Sort(shapes)
	for _, shape := range shapes {
		lines = append(lines, "given "+shape)
	}
	return "  " + strings.Join(lines, "\n  "), nil
}

// arrange numbers the events of a bulk publish, which daprd publishes all at once,
// in the order in which they came to the app. The lock is held.
func (p *tablePlay) arrange() {
	if p.Bulk != "bulk-publish" {
		return
	}
	var order []string
	for _, call := range p.calls {
		if !slices.Contains(order, call.event) {
			order = append(order, call.event)
		}
	}
	if len(order) == 0 || order[0] == "e1" {
		return
	}
	p.swapped = true
	swap := map[string]string{"e1": "e2", "e2": "e1"}
	for i := range p.calls {
		p.calls[i].event = swap[p.calls[i].event]
	}
	p.given["e1"], p.given["e2"] = p.given["e2"], p.given["e1"]
}

// merged writes events of which the same is to be said in one line.
func merged(lines []string) (out []string) {
	byText := make(map[string]int)
	for _, line := range lines {
		event, text, _ := strings.Cut(line, ": ")
		if i, ok := byText[text]; ok {
			_, _, _ = strings.Cut(out[i], ": ")
			out[i] = strings.Replace(out[i], ": ", " "+event+": ", 1)
			continue
		}
		byText[text] = len(out)
		out = append(out, line)
	}
	return out
}

// atRoot reports whether the events go to the app's root, in calls which no proxy
// takes for deliveries.
func (p *tablePlay) atRoot() bool { return p.together() && p.Routing == "unrouted" }

// answers are what the journal has of the first round: for each event in their
// order, of raw payloads, which have no name, for all events together.
func (r *tableRun) answers(p *tablePlay, calls map[string]int) []string {
	if p.atRoot() {
		return nil
	}
	byEvent := make(map[string][]string)
	raw := p.content().rawRead
	delivered := make(map[string]int)
	for _, e := range r.w.Journal().Entries() {
		if e.Topic != p.Topic() || e.App != p.AppID() {
			continue
		}
		event := p.label(e.Event.ID)
		if raw {
			event = "e1 e2 e3"
		}
		switch e.Kind {
		case journal.Delivered:
			delivered[event]++
			if !raw && e.Attempt != delivered[event] {
				byEvent[event] = append(byEvent[event], fmt.Sprintf("attempt %d counted as %d", delivered[event], e.Attempt))
			}
			if want := p.Protocol; world.Protocol(e.Protocol) != want {
				byEvent[event] = append(byEvent[event], "by "+e.Protocol)
			}
		case journal.Answered:
			byEvent[event] = append(byEvent[event], e.Answer)
		}
	}
	var lines []string
	if raw {
		n := calls["e1"] + calls["e2"] + calls["e3"]
		all := byEvent["e1 e2 e3"]
		all = all[:min(n, len(all))]
		slices.Sort(all)
		if len(all) > 0 {
			lines = append(lines, "answers in all: "+strings.Join(all, ", "))
		}
		return lines
	}
	for i := range p.events() {
		event := fmt.Sprintf("e%d", i+1)
		if all := byEvent[event]; len(all) > 0 {
			all = all[:min(calls[event], len(all))]
			if p.Protocol == ProtocolStream && p.Policy == "timeout" {
				slices.Sort(all) // a proxy learns of an answer that did not come when the next attempt comes, or after it
			}
			lines = append(lines, event+": "+strings.Join(all, ", "))
		}
	}
	for i, line := range merged(lines) {
		if i == 0 {
			lines = lines[:0]
		}
		lines = append(lines, "answers of "+line)
	}
	return lines
}

// ends says where the events are at the broker, and what the journal's witness
// says of them.
func (r *tableRun) ends(ctx context.Context, p *tablePlay, pending []world.PendingEvent) ([]string, error) {
	published, err := r.w.Topic(ctx, p.Component(), p.Topic())
	if err != nil {
		return nil, err
	}
	dead, err := r.w.Topic(ctx, p.Component(), p.DeadLetterTopic())
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("of %d: %d pending, %d dead-lettered", len(published), len(pending), len(dead))
	for _, letter := range dead {
		if !slices.ContainsFunc(published, func(data []byte) bool { return string(data) == string(letter) }) {
			text += ", one of them changed"
		}
	}
	words := make(map[string]string)
	for _, e := range r.w.Journal().Entries() {
		if e.Topic != p.Topic() || e.App != p.AppID() || e.SeenBy != journal.Engine && e.SeenBy != journal.Redis || p.content().rawPublish {
			continue
		}
		event := p.label(e.Event.ID)
		switch e.Kind {
		case journal.DeadLettered:
			words[event] = "dead-lettered"
			if e.DeadLetterTopic != p.DeadLetterTopic() {
				words[event] += " to " + e.DeadLetterTopic
			}
		case journal.Acknowledged:
			if !strings.HasPrefix(words[event], "dead-lettered") {
				words[event] = "acknowledged"
			}
		case journal.Pending:
			words[event] = "pending"
		}
	}
	var lines []string
	for i := range p.events() {
		event := fmt.Sprintf("e%d", i+1)
		if words[event] == "" {
			continue
		}
		word := words[event]
		if word == "acknowledged" && !p.atRoot() && !r.success(p, event) {
			word = "acknowledged: lost"
		}
		lines = append(lines, event+": "+word)
	}
	return append([]string{text}, merged(lines)...), nil
}

// success reports whether the app's last answer about the event was SUCCESS.
func (r *tableRun) success(p *tablePlay, event string) bool {
	last := ""
	for _, e := range r.w.Journal().Entries() {
		if e.Kind == journal.Answered && e.Topic == p.Topic() && e.App == p.AppID() && p.label(e.Event.ID) == event {
			last = e.Answer
		}
	}
	return last == journal.Success
}
