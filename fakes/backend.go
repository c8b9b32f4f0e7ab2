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

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/google/uuid"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/state"
	"github.com/eventproof/eventproof/fakes/world"
)

// backend is the fake behind a world: a broker, and a sidecar for each app.
// Its fields are guarded by the engine's lock, but for what never changes.
type backend struct {
	recorder *world.Recorder
	version  version
	kinds    kinds                            // of its apps
	plugged  map[string]map[string]*pluggable // by app: made before its place is
	sending  int                              // publish calls that wait for a component's own process
	engine   *engine
	armed    faults.Armed // has a lock of its own

	broker  *broker
	apps    map[string]*app
	retries map[*delivery]time.Time // deliveries that wait for their policy
	// redeliveries wait for matching events to be handled.
	redeliveries []*redelivery
	under        map[*delivery]bool      // deliveries whose app is at work
	relays       int                     // events of outboxes that are on their way
	states       map[string]*state.Store // those that apps share, by what they lie in
	runaway      bool                    // a chain of events was cut: see maxChain
	letsGo       bool                    // of messages that all groups have acknowledged: see world.Config JournalTo
	collected    int                     // messages that wait for their batch
	again        int                     // redeliveries of handled events that have not ended
	random       *rand.Rand

	idMu sync.Mutex // ids are drawn while no engine lock is held, too
	ids  *rand.ChaCha8
}

// app is an app's place in the world; it outlives the app's incarnations.
type app struct {
	id          string
	resources   *resources.Set
	kinds       kinds
	plugged     map[string]*pluggable // by component
	components  map[string]component
	sidecar     *sidecar
	incarnation *incarnation     // nil before the first and between two
	busy        map[string]int   // by component: workers that a delivery holds, retry waits included
	lanes       map[string]*lane // by component
	outbounds   map[string]resources.Policy
	breakers    map[string]*breaker // by component
	subscribed  []*subscription
	streams     []*stream      // that are open
	stopping    []*stream      // that have ended, and of which a delivery has not
	joining     int            // streams that are asked for and have not begun
	protocol    world.Protocol // that subscribed was read with
	states      map[string]*stateStore
	outboxes    []*subscription // of the sidecar itself, to the topics of its outboxes; nil: it has not begun

	// Of a sidecar that is run as a process: see Host.
	process      *process
	declared     []*subscription // by its resources, whether they stand or not
	programmatic []*subscription // that the app asked for; nil: it was not asked yet
	configured   bool            // it was asked for its configuration
	ending       bool            // it subscribes to nothing any more
	dead         bool            // it was killed
	connection   *runtime.AppConnectionProperties
	extended     map[string]string // that was set beside its metadata

	endpoints map[string]*breaker  // by method of an app that it invokes
	lookups   map[string]time.Time // when it began to look for an app that is not there
}

// component is a pubsub component as this app's sidecar has it.
type component struct {
	resources.Component
	kind                                 kind
	redis                                string // which Redis, or other place: components of one redisHost and redisDB share it
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
	if !ok || len(c.Metadata) == 0 { // without settings everyone may
		return ok
	}
	return c.MayPublish(a.id, topic)
}

func open(ctx context.Context, recorder *world.Recorder) (world.Backend, error) {
	return kinds{}.open(ctx, recorder)
}

// open makes a world in which these kinds of components keep their type.
func (k kinds) open(_ context.Context, recorder *world.Recorder) (world.Backend, error) {
	cfg := recorder.Config()
	v, err := versionNamed(cfg.Dapr)
	if err != nil {
		return nil, err
	}
	w := &backend{
		recorder: recorder, version: v, kinds: k, plugged: make(map[string]map[string]*pluggable), broker: newBroker(), apps: make(map[string]*app), retries: make(map[*delivery]time.Time), under: make(map[*delivery]bool),
		random: rand.New(rand.NewPCG(uint64(cfg.Seed), 1)), ids: newIDs(cfg.Seed),
	}
	w.engine, w.letsGo = newEngine(w), cfg.JournalTo != nil
	if err := errors.Join(checkBreakers(recorder.Resources()), checkStates(recorder.Resources())); err != nil {
		return nil, err
	}
	listed := k.substituted(recorder.Resources())
	if !k.keep {
		_, listed = resources.Substitute(recorder.Resources(), w.substitution())
	}
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
		RedeliverInterval: clocks.RedeliverInterval, RetryScale: clocks.RetryScale, StatesInMemory: true}
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
	if w.kinds.keep {
		return nil // as daprd, which makes up none
	}
	if len(set.PubSubs()) == 0 {
		names = append(names, world.DefaultPubSub)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// app returns the app's place, and makes it if need be. The lock is held.
func (w *backend) app(id string) *app {
	a := w.apps[id]
	if a != nil {
		return a
	}
	a = w.newApp(id, w.recorder.Resources(), w.kinds, w.plugged[id])
	for _, name := range w.pubsubs() {
		if _, ok := a.components[name]; !ok && !w.definedElsewhere(name) {
			a.components[name] = w.component(a, resources.Component{Name: name, Type: "pubsub.redis", Version: "v1"})
		}
	}
	a.states = w.stateStores(a, w.recorder.Resources())
	w.apps[id] = a
	return a
}

// newApp makes an app's place with what the set has for it.
func (w *backend) newApp(id string, set *resources.Set, k kinds, plugged map[string]*pluggable) *app {
	a := &app{id: id, resources: set.For(id), kinds: k, plugged: plugged, components: make(map[string]component), busy: make(map[string]int)}
	for _, c := range a.resources.PubSubs() {
		a.components[c.Name] = w.component(a, c)
	}
	return a
}

// redisOf says which Redis a component uses: that of its redisHost and redisDB
// where the team's YAML states the host, else one of its own.
func redisOf(c resources.Component) string {
	host, ok := c.Value("redisHost")
	if !ok || !c.IsRedis() || host == "" {
		return "the Redis of " + c.Name
	}
	db, _ := c.Value("redisDB")
	return host + "/" + db
}

// definedElsewhere reports whether the pubsub exists, but not in this app's
// scope: then it does not exist for this app.
func (w *backend) definedElsewhere(name string) bool {
	_, ok := w.recorder.Resources().PubSub(name)
	return ok
}

// newIDs is what a world's ids are drawn from.
func newIDs(seed int64) *rand.ChaCha8 {
	var from [32]byte
	binary.LittleEndian.PutUint64(from[:], uint64(seed))
	return rand.NewChaCha8(from)
}

// newID draws a version 4 UUID from the world's seed.
func (w *backend) newID() string {
	w.idMu.Lock()
	defer w.idMu.Unlock()
	id, _ := uuid.NewRandomFromReader(w.ids)
	return id.String()
}

// Sidecar implements [world.Backend].
func (w *backend) Sidecar(ctx context.Context, id string) (world.Sidecar, error) {
	if err := w.plugIn(ctx, id); err != nil {
		return nil, err
	}
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	if w.engine.closed {
		return nil, errors.New("the world is closed")
	}
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
	if w.engine.closed {
		return errors.Join(errors.New("the world is closed"), i.end())
	}
	a.incarnation = i
	w.beginOutboxes(a, time.Now())
	if a.subscribed != nil && a.protocol == e.Protocol {
		// daprd runs on and asks once: it keeps calling what it knows.
		if was, is := describe(a.subscribed), describe(subs); was != is {
			w.recorder.Logf("%s states other subscriptions after its restart, which daprd does not ask for again:\n  before: %s\n  now:    %s", id, was, is)
		}
		w.engine.startSoon()
		w.engine.wake()
		return nil
	}
	a.subscribed, a.protocol = subs, e.Protocol
	now := time.Now()
	for _, s := range subs {
		w.begin(a, s, e.Protocol, now)
	}
	w.engine.startSoon()
	w.engine.wake()
	return nil
}

// begin starts a subscription: it joins its consumer group and reads. The lock
// is held.
func (w *backend) begin(a *app, s *subscription, p world.Protocol, now time.Time) {
	c := a.components[s.component]
	s.app, s.protocol, s.started = a, p, now
	s.processingTimeout, s.redeliverInterval, s.concurrency = c.processingTimeout, c.redeliverInterval, c.concurrency
	s.policy = a.resources.Inbound(a.id, s.component)
	s.lane = a.lane(&w.engine.ready, s.component)
	a.breaker(s.component, s.policy) // made now: see its interval
	w.recorder.Subscribe(world.Subscription{App: a.id, PubSub: s.component, Topic: s.topic, DeadLetterTopic: s.deadLetter,
		Protocol: p, Kind: s.kind}, journal.Engine)
	c.kind.join(w, s)
}

// describe lists subscriptions in a line.
func describe(subs []*subscription) string {
	var all []string
	for _, s := range subs {
		text := s.component + "/" + s.topic
		for _, r := range s.rules {
			text += " " + r.match + "->" + r.path
		}
		if s.deadLetter != "" {
			text += " dead letter " + s.deadLetter
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// Disconnect implements [world.Backend]. daprd stays: until the next incarnation
// is there, it finds nobody at its app's address.
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
		if w.letsGo {
			return fmt.Errorf("%w by the fake with Config.JournalTo: it lets go of what was handled", errors.ErrUnsupported)
		}
		if w.onlyBulk(f.Target()) {
			return fmt.Errorf("%w by the fake: %s: its deliveries are bulk deliveries, which are not repeated", errors.ErrUnsupported, f)
		}
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
	armed := &redelivery{fault: f, had: make(map[string]bool), done: make(map[redelivered]bool)}
	for _, g := range w.broker.order {
		for _, h := range g.handled {
			if armed.strikes(h) {
				w.deliverAgain(g, h, f)
				defer func() { armed.had[h.sub.app.id] = true }() // not before all of its events had their turn
			}
		}
	}
	w.redeliveries = append(w.redeliveries, armed)
	w.engine.startSoon()
}

// redelivery is a fault that waits for events to be handled: for each app that
// had handled none when it was injected.
type redelivery struct {
	fault faults.Redeliver
	had   map[string]bool
	done  map[redelivered]bool
}

type redelivered struct{ app, component, topic, id string }

// strikes reports whether the handled event is to come again, once for each app.
func (r *redelivery) strikes(h handledMessage) bool {
	e := h.message.event
	key := redelivered{h.sub.app.id, h.sub.component, h.sub.topic, e.ID}
	if r.had[h.sub.app.id] || r.done[key] || !r.fault.Target().Matches(h.sub.app.id, h.sub.topic, e.ID, e.Identity) {
		return false
	}
	r.done[key] = true
	return true
}

// deliverAgain gives a handled message to the app as often as the fault says, as
// after a sidecar that died before its acknowledgement; the lock is held.
func (w *backend) deliverAgain(g *group, h handledMessage, f faults.Redeliver) {
	for range max(1, f.Times) {
		d := &delivery{world: w, sub: h.sub, group: g, pending: &pending{message: h.message}, again: true, last: h.seq}
		d.last = d.record(journal.Entry{Kind: journal.FaultInjected, Fault: f.String()})
		w.again++
		w.engine.ready.push(d)
	}
}

// redisNamed is the Redis of a component by its name alone.
func (w *backend) redisNamed(pubsub string) string {
	if c, ok := w.recorder.Resources().PubSub(pubsub); ok {
		return redisOf(c)
	}
	return redisOf(resources.Component{Name: pubsub})
}

// Topic implements [world.Backend].
func (w *backend) Topic(_ context.Context, pubsub, name string) ([][]byte, error) {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	if c, ok := w.recorder.Resources().PubSub(pubsub); ok && w.kinds.kept(c) {
		return nil, fmt.Errorf("a component of type %s keeps nothing that could be read: %w", c.Type, errors.ErrUnsupported)
	}
	t := w.broker.topics[topicKey{w.redisNamed(pubsub), name}]
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
	for id, a := range w.apps {
		ids = append(ids, id)
		defer a.unplug()
	}
	w.engine.mu.Unlock()
	slices.Sort(ids)
	var errs []error
	for _, id := range ids {
		errs = append(errs, w.Disconnect(context.Background(), id))
	}
	if err := errors.Join(errs...); err != nil {
		w.engine.abandon()
		return err
	}
	if !w.engine.close() {
		return fmt.Errorf("a handler still runs %s after the world was closed", goodbye)
	}
	return nil
}
