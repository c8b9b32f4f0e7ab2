package world

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/dapr/go-sdk/client"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/faults"
)

// World is a set of apps, each beside a sidecar of its own, on one broker.
// fakes.Start makes one in this process, harness.Start one of real Dapr;
// everything else is the same for both.
//
// It is safe for use by many goroutines, but for Attach and Restart of the
// same app.
type World struct {
	t        testing.TB // nil outside a test
	recorder *Recorder
	backend  Backend
	// stopJournal ends the journal's way to Config.JournalTo.
	stopJournal func() error

	mu     sync.Mutex
	apps   map[string]*app
	order  []string
	closed bool
}

// StartFunc wires one app: it is the team's own main, less the waiting. It is
// called again by [World.Restart]; what was in memory is gone then. The
// context ends when this incarnation of the app ends.
type StartFunc func(ctx context.Context, s Sidecar) (Endpoint, error)

type app struct {
	id    string
	start StartFunc
	ready chan struct{} // closed when the first incarnation runs, or could not

	changing  sync.Mutex // held while an incarnation begins or ends
	cancel    context.CancelFunc
	sidecar   Sidecar
	endpoint  Endpoint
	process   *process
	incarnate int
}

// Open makes a world of a backend. It is for the makers of worlds: a test
// calls fakes.Start or harness.Start. With t, the world is closed by t's
// clean-up, and violations that were not expected fail t then.
func Open(ctx context.Context, t testing.TB, name string, cfg Config, observer journal.Observer, open func(context.Context, *Recorder) (Backend, error)) (*World, error) {
	cfg = cfg.withDefaults()
	if cfg.Seed == 0 {
		cfg.Seed = seed(t)
	}
	set, err := resources.Load(cfg.Resources...)
	if err != nil {
		return nil, fmt.Errorf("load resources: %w", err)
	}
	head := journal.Head{World: name, Seed: cfg.Seed}
	for _, w := range set.Warnings {
		head.Warnings = append(head.Warnings, fmt.Sprintf("%s: %s: %s", w.Place, w.Rule, w.What))
	}
	w := &World{t: t, recorder: newRecorder(cfg, set, journal.New(head), observer), apps: make(map[string]*app)}
	if cfg.JournalTo != nil {
		if observer != journal.Engine {
			return nil, fmt.Errorf("Config.JournalTo: the world of name %q reads its own journal, and keeps it; leave the field out, or use fakes.Start", name)
		}
		w.stopJournal = w.recorder.journal.StreamOnly(cfg.JournalTo)
	}
	if t != nil {
		w.recorder.log = t.Logf
	}
	w.backend, err = open(ctx, w.recorder)
	if err != nil {
		return nil, err
	}
	if t != nil {
		t.Helper()
		for _, warning := range head.Warnings {
			t.Logf("daprd ignores: %s", warning)
		}
		t.Cleanup(w.finish)
	}
	return w, nil
}

// seed is EVENTPROOF_SEED, or follows from the test's name.
func seed(t testing.TB) int64 {
	if s, err := strconv.ParseInt(os.Getenv("EVENTPROOF_SEED"), 10, 64); err == nil {
		return s
	}
	if t == nil {
		return 1
	}
	h := fnv.New64a()
	h.Write([]byte(t.Name()))
	return int64(h.Sum64() >> 1)
}

// Attach starts an app beside a sidecar of its own and returns when its
// subscriptions are active. It ends the test where that fails.
func (w *World) Attach(appID string, start StartFunc) {
	if w.t != nil {
		w.t.Helper()
	}
	if err := w.AttachContext(context.Background(), appID, start); err != nil {
		w.fatalf("attach %s: %v", appID, err)
	}
}

// AttachContext is [World.Attach] for use outside a test.
func (w *World) AttachContext(ctx context.Context, appID string, start StartFunc) error {
	if appID == "" {
		return errors.New("the app id is empty")
	}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return errClosed
	}
	if _, ok := w.apps[appID]; ok {
		w.mu.Unlock()
		return fmt.Errorf("app %q %w; Restart starts it anew", appID, errAttached)
	}
	a := &app{id: appID, start: start, ready: make(chan struct{})}
	w.apps[appID] = a
	w.order = append(w.order, appID)
	w.mu.Unlock()
	a.changing.Lock()
	defer a.changing.Unlock()
	defer close(a.ready)
	if err := w.begin(ctx, a); err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.apps, appID)
		w.order = slices.DeleteFunc(w.order, func(id string) bool { return id == appID })
		return err
	}
	return nil
}

var (
	errClosed   = errors.New("the world is closed")
	errAttached = errors.New("is attached already")
)

// begin starts one incarnation. The app's changing is held.
func (w *World) begin(ctx context.Context, a *app) (err error) {
	s, err := w.backend.Sidecar(ctx, a.id)
	if err != nil {
		return fmt.Errorf("start sidecar: %w", err)
	}
	w.mu.Lock()
	a.sidecar = s
	closed := w.closed
	w.mu.Unlock()
	if closed {
		return errors.Join(errClosed, w.end(context.WithoutCancel(ctx), a))
	}
	a.incarnate++
	w.recorder.journal.Append(journal.Entry{Kind: journal.Started, SeenBy: w.recorder.observer, App: a.id, Attempt: a.incarnate})
	appCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.cancel = cancel
	defer func() {
		if err != nil {
			_ = w.end(context.WithoutCancel(ctx), a)
		}
	}()
	a.endpoint, err = a.start(appCtx, s)
	if err != nil {
		return fmt.Errorf("start app: %w", err)
	}
	if a.endpoint.err != nil {
		return a.endpoint.err
	}
	if a.endpoint.Command != nil {
		a.process, err = startProcess(ctx, a.endpoint.Command, s.Env())
		if err != nil {
			return fmt.Errorf("start app: %w", err)
		}
		a.endpoint.Dial = dialTCP(a.process.address)
	}
	if err := w.backend.Connect(ctx, a.id, a.endpoint); err != nil {
		return fmt.Errorf("connect app: %w", err)
	}
	return nil
}

// end ends an incarnation: fenced first, so that nothing of it takes effect
// while it goes.
func (w *World) end(ctx context.Context, a *app) error {
	errs := []error{w.backend.Disconnect(ctx, a.id)}
	if a.cancel != nil {
		a.cancel()
	}
	for i := len(a.endpoint.stop) - 1; i >= 0; i-- {
		errs = append(errs, a.endpoint.stop[i](ctx))
	}
	if a.process != nil {
		errs = append(errs, a.process.kill())
		a.process = nil
	}
	a.endpoint = Endpoint{}
	return errors.Join(errs...)
}

// Restart ends an app as a crash would and starts it anew with its
// [StartFunc]. A delivery that is open ends without an answer.
func (w *World) Restart(ctx context.Context, appID string) error {
	a, err := w.app(appID)
	if err != nil {
		return err
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	w.mu.Lock()
	closed := w.closed
	w.mu.Unlock()
	if closed {
		return errClosed
	}
	if err := w.end(ctx, a); err != nil {
		return fmt.Errorf("stop %s: %w", appID, err)
	}
	if err := w.begin(ctx, a); err != nil {
		return fmt.Errorf("restart %s: %w", appID, err)
	}
	return nil
}

func (w *World) app(appID string) (*app, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a, ok := w.apps[appID]; ok {
		return a, nil
	}
	if len(w.order) == 0 {
		return nil, fmt.Errorf("no app is attached, and so no %q; call Attach first", appID)
	}
	return nil, fmt.Errorf("no app %q is attached; attached are %v", appID, w.order)
}

// Sidecar is that of an attached app. An app that is not attached gets one to
// publish through, as if it had been attached with [None].
func (w *World) Sidecar(ctx context.Context, appID string) (Sidecar, error) {
	for {
		a, err := w.app(appID)
		if err == nil {
			select {
			case <-a.ready:
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
			w.mu.Lock()
			s := a.sidecar
			w.mu.Unlock()
			return s, nil
		}
		err = w.AttachContext(ctx, appID, func(context.Context, Sidecar) (Endpoint, error) { return None, nil })
		if err != nil && !errors.Is(err, errAttached) { // by another goroutine, just now
			return nil, err
		}
	}
}

// Apps are the ids of the attached apps, in the order of attachment.
func (w *World) Apps() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.order)
}

// Tester is the app id of [World.Send] where no contract names a producer.
const Tester = "eventproof"

// Send publishes an event as the producer that its contract names first, or as
// [Tester]. See [World.SendFrom].
func (w *World) Send(ctx context.Context, e contract.Event) error {
	from := Tester
	if c, _, _ := w.recorder.Catalog().Find(e); c != nil {
		if len(c.Producers) > 0 {
			from = c.Producers[0].App
		}
	}
	return w.SendFrom(ctx, from, e)
}

// SendFrom publishes an event through the sidecar of an app, as a call of the Go
// SDK's client does; the fake's sidecar takes it without a connection. An event that has only an id, a source or a type is published as
// plain data, with Dapr's cloudevent.* overrides; one with further attributes
// as a CloudEvent of its own. Without an id the sidecar draws one.
func (w *World) SendFrom(ctx context.Context, appID string, e contract.Event) error {
	c, _, _ := w.recorder.Catalog().Find(e)
	if c != nil {
		if e.PubSub == "" {
			e.PubSub = c.PubSub
		}
		if e.Topic == "" {
			e.Topic = c.Topic
		}
		if e.DataContentType == "" {
			e.DataContentType = c.DataContentType
		}
	}
	if e.PubSub == "" {
		e.PubSub = DefaultPubSub
	}
	if e.Topic == "" {
		return errors.New("send event: it states no topic, and no contract does")
	}
	s, err := w.Sidecar(ctx, appID)
	if err != nil {
		return fmt.Errorf("send event: %w", err)
	}
	data, contentType, metadata, err := publication(e)
	if err != nil {
		return fmt.Errorf("send event: %w", err)
	}
	if ok, err := direct(ctx, s, e, contentType, data, metadata); err != nil {
		return fmt.Errorf("send event: %w", err)
	} else if ok {
		return nil
	}
	if err := s.Client().PublishEvent(context.WithValue(ctx, byTest{}, true), e.PubSub, e.Topic, data,
		client.PublishEventWithContentType(contentType), client.PublishEventWithMetadata(metadata)); err != nil {
		return fmt.Errorf("send event: %w", err)
	}
	return nil
}

// DefaultPubSub is the pubsub component's name where nothing states one.
const DefaultPubSub = "pubsub"

// Settle waits until nothing is in flight and nothing is due. What can never
// settle is reported as [ErrPending].
func (w *World) Settle(ctx context.Context) error {
	w.mu.Lock()
	closed := w.closed
	w.mu.Unlock()
	if closed {
		return errClosed
	}
	return w.backend.Settle(ctx)
}

// Inject arms a fault, or performs it where it can strike at once. What this
// world cannot do is refused with an error that is [errors.ErrUnsupported].
func (w *World) Inject(ctx context.Context, f faults.Fault) error {
	if err := w.backend.Inject(ctx, f); err != nil {
		return fmt.Errorf("inject %s: %w", f, err)
	}
	return nil
}

// Topic is the data of all that the broker holds on a topic, oldest first, byte
// for byte: envelopes, or raw payloads. A Redis stream keeps what was acknowledged.
func (w *World) Topic(ctx context.Context, pubsub, topic string) ([][]byte, error) {
	data, err := w.backend.Topic(ctx, pubsub, topic)
	if err != nil {
		return nil, fmt.Errorf("read topic %s of %s: %w", topic, pubsub, err)
	}
	return data, nil
}

// Dump draws the world as text, for a failure's log: topics, consumer groups and
// their pending entries, what waits for its time, the sidecars' state. The text is
// for people and may change; on real Dapr it says where else to look.
func (w *World) Dump() string {
	if d, ok := w.backend.(Dumper); ok {
		return d.Dump()
	}
	return "no picture of " + w.recorder.journal.Head().World + ": ask its Redis (XINFO GROUPS, XPENDING), and see the journal\n"
}

// Journal is what happened so far.
func (w *World) Journal() *journal.Journal { return w.recorder.journal }

// Config is what the world was made of, defaults filled in.
func (w *World) Config() Config { return w.recorder.cfg }

// Resources are the Dapr resources as loaded.
func (w *World) Resources() *resources.Set { return w.recorder.resources }

// Name says which world this is: "fake", "containers".
func (w *World) Name() string { return w.recorder.journal.Head().World }

// Expect announces a rule that this test breaks on purpose: its violations do
// not fail the test, and the test fails if none comes.
func (w *World) Expect(rule string) { w.recorder.expect(rule) }

// Claim takes over a violation that the world found: whoever claims it reports
// it, and it does not fail the test a second time. It is for scenarios, which say
// more about a violation than the world can.
func (w *World) Claim(v contract.Violation) { w.recorder.claim(v) }

// Violations are the contract violations seen so far, expected ones too.
func (w *World) Violations() []contract.Violation { return w.recorder.seenViolations() }

// Close ends the apps and what the world started. It is idempotent, and is
// called by the test's clean-up.
func (w *World) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	order := append([]string(nil), w.order...)
	w.mu.Unlock()
	ctx := context.Background()
	var errs []error
	for i := len(order) - 1; i >= 0; i-- {
		a, err := w.app(order[i])
		if err != nil {
			continue // it could not be attached after all
		}
		a.changing.Lock()
		if err := w.end(ctx, a); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", order[i], err))
		}
		a.changing.Unlock()
	}
	errs = append(errs, w.backend.Close(ctx))
	if w.stopJournal != nil {
		errs = append(errs, w.stopJournal())
	}
	w.recorder.mute()
	return errors.Join(errs...)
}

// finish is the end of a test: violations that nobody expected fail it.
func (w *World) finish() {
	w.t.Helper()
	report := func(found []contract.Violation) {
		w.t.Helper()
		for _, v := range found {
			v.Reproduce = Reproduce(w.t, w.Name())
			w.t.Errorf("%s", v)
		}
	}
	// Before the world is closed, which then knows that the test has failed.
	unexpected, _ := w.recorder.verdict()
	report(unexpected)
	if err := w.Close(); err != nil {
		w.t.Errorf("close the world: %v", err)
	}
	all, missing := w.recorder.verdict()
	report(all[len(unexpected):])
	for _, rule := range missing {
		w.t.Errorf("rule %s was expected to be broken, and was not", rule)
	}
}

func (w *World) fatalf(format string, args ...any) {
	if w.t == nil {
		panic(fmt.Sprintf("world: "+format+" (use AttachContext outside a test)", args...))
	}
	w.t.Helper()
	w.t.Fatalf(format, args...)
}
