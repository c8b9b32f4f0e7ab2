package fakes

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// backend is the fake behind a world: a broker, and a sidecar for each app.
// Its fields are guarded by the engine's lock, but for what never changes.
type backend struct {
	recorder *world.Recorder
	engine   *engine
	armed    faults.Armed // has a lock of its own

	broker  *broker
	apps    map[string]*app
	retries map[*delivery]time.Time // deliveries that wait for their policy
	// redeliveries wait for a matching event to be handled.
	redeliveries []faults.Redeliver
	under        map[*delivery]bool // deliveries whose app is at work
	runaway      bool               // a chain of events was cut: see maxChain
	again        int                // redeliveries of handled events that have not ended
	random       *rand.Rand

	idMu sync.Mutex // ids are drawn while no engine lock is held, too
	ids  *rand.ChaCha8
}

// app is an app's place in the world; it outlives the app's incarnations.
type app struct {
	id          string
	resources   *resources.Set
	components  map[string]component
	sidecar     *sidecar
	incarnation *incarnation // nil before the first and between two
	open        int          // calls under way
	subscribed  []*subscription
}

// component is a pubsub component as this app's sidecar has it.
type component struct {
	resources.Component
	processingTimeout, redeliverInterval time.Duration
	concurrency                          int
}

func (a *app) consumer(name string) string {
	if c, ok := a.components[name]; ok && c.Name != "" {
		return c.ConsumerID(a.id)
	}
	return a.id
}

func (a *app) mayPublish(name, topic string) bool {
	c, ok := a.components[name]
	return ok && c.MayPublish(a.id, topic)
}

func open(ctx context.Context, recorder *world.Recorder) (world.Backend, error) {
	cfg := recorder.Config()
	if cfg.Dapr != "1.16" {
		return nil, fmt.Errorf("Config.Dapr is %q: the fake shows the behaviour of 1.16", cfg.Dapr)
	}
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(cfg.Seed))
	w := &backend{
		recorder: recorder, engine: newEngine(), broker: newBroker(), apps: make(map[string]*app), retries: make(map[*delivery]time.Time), under: make(map[*delivery]bool),
		random: rand.New(rand.NewPCG(uint64(cfg.Seed), 1)), ids: rand.NewChaCha8(seed),
	}
	if err := w.refuse(recorder.Resources()); err != nil {
		return nil, err
	}
	_, listed := resources.Substitute(recorder.Resources(), w.substitution())
	if cfg.StrictResources && len(listed) > 0 {
		return nil, fmt.Errorf("StrictResources: the resources would have to be substituted:\n  %s", strings.Join(listed, "\n  "))
	}
	recorder.Journal().SetHead(func(h *journal.Head) {
		h.Substitutions = listed
		h.Versions = map[string]string{"dapr": "the fake's " + cfg.Dapr}
	})
	return w, nil
}

// substitution is what the fake changes in the team's resources: every pubsub
// is Redis, as in the harness.
func (w *backend) substitution() resources.Substitution {
	clocks := w.recorder.Config().Clocks
	return resources.Substitution{PubSubs: w.pubsubs(), ProcessingTimeout: clocks.ProcessingTimeout,
		RedeliverInterval: clocks.RedeliverInterval, RetryScale: clocks.RetryScale}
}

// pubsubs are the names that something refers to and that must exist.
func (w *backend) pubsubs() []string {
	var names []string
	set := w.recorder.Resources()
	for _, s := range set.Subscriptions {
		names = append(names, s.PubSub)
	}
	for _, c := range w.recorder.Catalog().Contracts() {
		names = append(names, c.PubSub)
	}
	if len(set.PubSubs()) == 0 {
		names = append(names, world.DefaultPubSub)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// refuse names what the resources ask for and the fake does not do.
func (w *backend) refuse(set *resources.Set) error {
	var errs []error
	for _, r := range set.Resiliencies {
		for name, target := range r.Components {
			if target.Inbound.CircuitBreaker != "" || target.Outbound.CircuitBreaker != "" {
				errs = append(errs, notSimulated(target.Place.String(), fmt.Sprintf("the circuit breaker of component %s", name)))
			}
		}
	}
	return errors.Join(errs...)
}

// app returns the app's place, and makes it if need be. The lock is held.
func (w *backend) app(id string) *app {
	a := w.apps[id]
	if a != nil {
		return a
	}
	a = &app{id: id, resources: w.recorder.Resources().For(id), components: make(map[string]component)}
	clocks := w.recorder.Config().Clocks
	add := func(c resources.Component, settings resources.RedisSettings) {
		known := component{Component: c, processingTimeout: settings.ProcessingTimeout, redeliverInterval: settings.RedeliverInterval,
			concurrency: max(settings.Concurrency, 1)}
		if clocks.ProcessingTimeout != 0 {
			known.processingTimeout = clocks.ProcessingTimeout
		}
		if clocks.RedeliverInterval != 0 {
			known.redeliverInterval = clocks.RedeliverInterval
		}
		a.components[c.Name] = known
	}
	for _, c := range a.resources.PubSubs() {
		add(c, c.Redis())
	}
	for _, name := range w.pubsubs() {
		if _, ok := a.components[name]; !ok && !w.definedElsewhere(name) {
			c := resources.Component{Name: name, Type: "pubsub.redis", Version: "v1"}
			add(c, c.Redis())
		}
	}
	w.apps[id] = a
	return a
}

// definedElsewhere reports whether the pubsub exists, but not in this app's
// scope: then it does not exist for this app.
func (w *backend) definedElsewhere(name string) bool {
	_, ok := w.recorder.Resources().PubSub(name)
	return ok
}

// newID draws a version 4 UUID from the world's seed.
func (w *backend) newID() string {
	w.idMu.Lock()
	defer w.idMu.Unlock()
	id, _ := uuid.NewRandomFromReader(w.ids)
	return id.String()
}

// Sidecar implements [world.Backend].
func (w *backend) Sidecar(_ context.Context, id string) (world.Sidecar, error) {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	a := w.app(id)
	a.sidecar = newSidecar(w, a)
	return a.sidecar, nil
}

// Connect implements [world.Backend]: it reads the app's subscriptions and
// lets deliveries begin.
func (w *backend) Connect(ctx context.Context, id string, e world.Endpoint) error {
	w.engine.mu.Lock()
	a := w.app(id)
	w.engine.mu.Unlock()
	i, err := newIncarnation(e)
	if err != nil {
		return err
	}
	var subs []*subscription
	if e.Callable() {
		if subs, err = w.subscriptions(ctx, a, i); err != nil {
			return errors.Join(err, i.end())
		}
	}
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	a.incarnation, a.subscribed = i, subs
	now := time.Now()
	for _, s := range subs {
		c := a.components[s.component]
		s.app, s.protocol, s.started = a, e.Protocol, now
		s.processingTimeout, s.redeliverInterval, s.concurrency = c.processingTimeout, c.redeliverInterval, c.concurrency
		s.policy = a.resources.Inbound(id, s.component)
		w.recorder.Subscribe(world.Subscription{App: id, PubSub: s.component, Topic: s.topic, DeadLetterTopic: s.deadLetter,
			Protocol: e.Protocol, Kind: s.kind}, journal.Engine)
		g := w.broker.group(groupKey{topicKey{s.component, s.topic}, a.consumer(s.component)})
		g.sub = s
		for _, d := range w.waiting() {
			if d.group == g {
				d.sub = s // read before the restart, delivered after it
			}
		}
		w.read(g)
	}
	w.engine.startSoon()
	w.engine.wake()
	return nil
}

// waiting are the deliveries that are not under way.
func (w *backend) waiting() []*delivery {
	all := slices.Clone(w.engine.ready)
	for d := range w.retries {
		all = append(all, d)
	}
	return all
}

// Disconnect implements [world.Backend]. The sidecar and what it read stay.
func (w *backend) Disconnect(_ context.Context, id string) error {
	w.engine.mu.Lock()
	a := w.app(id)
	i, s := a.incarnation, a.sidecar
	a.incarnation, a.sidecar = nil, nil
	w.engine.mu.Unlock()
	var err error
	if s != nil {
		err = s.close()
	}
	if i != nil {
		err = errors.Join(err, i.end())
	}
	return err
}

// Inject implements [world.Backend].
func (w *backend) Inject(_ context.Context, f faults.Fault) error {
	switch f := f.(type) {
	case faults.LoseAnswer:
		w.armed.Arm(f, times(f.Times))
	case faults.FailDelivery:
		w.armed.Arm(f, times(f.Times))
	case faults.Redeliver:
		w.redeliver(f)
	default:
		return fmt.Errorf("%w by the fake", errors.ErrUnsupported)
	}
	return nil
}

func times(n int) int {
	if n == 0 {
		return 1
	}
	return n
}

// redeliver brings the events again that were handled, and arms the fault for
// one that was not.
func (w *backend) redeliver(f faults.Redeliver) {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	found := false
	for _, g := range w.broker.order {
		for _, h := range g.handled {
			if g.sub != nil && f.Target().Matches(g.sub.app.id, g.topicKey.topic, h.message.event.ID, h.message.event.Identity) {
				found = true
				w.deliverAgain(g, h, f)
			}
		}
	}
	if !found {
		w.redeliveries = append(w.redeliveries, f)
	}
	w.engine.startSoon()
}

// deliverAgain gives a handled message to the app as often as the fault says, as
// after a sidecar that died before its acknowledgement; the lock is held.
func (w *backend) deliverAgain(g *group, h handledMessage, f faults.Redeliver) {
	for range max(1, f.Times) {
		d := newDelivery(w, g.sub, &pending{message: h.message})
		d.again = true
		d.last = w.recorder.Journal().Append(journal.Entry{Kind: journal.FaultInjected, SeenBy: journal.Engine, App: g.sub.app.id,
			PubSub: g.component, Topic: g.topicKey.topic, Event: h.message.event, Fault: f.String(), Cause: h.seq})
		w.again++
		w.engine.ready = append(w.engine.ready, d)
	}
}

// Topic implements [world.Backend].
func (w *backend) Topic(_ context.Context, pubsub, name string) ([][]byte, error) {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	t := w.broker.topics[topicKey{pubsub, name}]
	if t == nil {
		return nil, nil
	}
	data := make([][]byte, len(t.log))
	for i, m := range t.log {
		data[i] = m.data
	}
	return data, nil
}

// Close implements [world.Backend].
func (w *backend) Close(context.Context) error {
	w.engine.mu.Lock()
	var ids []string
	for id := range w.apps {
		ids = append(ids, id)
	}
	w.engine.mu.Unlock()
	slices.Sort(ids)
	var errs []error
	for _, id := range ids {
		errs = append(errs, w.Disconnect(context.Background(), id))
	}
	w.engine.close()
	return errors.Join(errs...)
}
