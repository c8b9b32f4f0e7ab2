package harness

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/proxy"
)

// backend is the world.Backend of real Dapr.
type backend struct {
	t        testing.TB // nil outside a test
	site     *site
	dbs      databases
	recorder *world.Recorder
	faults   faults.Armed
	files    map[string][]byte // what daprd gets: the team's resources, substituted
	configs  []string
	newID    func() string

	forget       func()
	stopWatching func() bool

	mu      sync.Mutex
	apps    map[string]*sidecarOf
	order   []string
	known   map[world.Subscription]bool // those that the journal holds
	digest  *digest
	past    history
	trouble bool // the world itself failed at something
	closed  bool

	logging sync.Mutex
	ended   bool // nothing may be logged any more
}

// sidecarOf is all that stands around one app.
type sidecarOf struct {
	id    string
	api   *proxy.API
	proxy *proxy.App // nil until the app can be called
	daprd *daprd     // nil until the first incarnation is connected
}

func newBackend(ctx context.Context, t testing.TB, r *world.Recorder) (_ *backend, err error) {
	b := &backend{
		t: t, recorder: r, newID: ids(r.Config().Seed), forget: func() {},
		apps: make(map[string]*sidecarOf), known: make(map[world.Subscription]bool), past: newHistory(),
	}
	b.digest = newDigest(b.dbs.stream)
	if b.dbs.numbers, err = allot(r.Resources(), b.pubsubs()); err != nil {
		return nil, err
	}
	listed := b.substitute()
	if r.Config().StrictResources {
		if err := strict(r.Resources(), b.pubsubs()); err != nil {
			return nil, err
		}
	}
	e, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	b.site, err = newSite(ctx, e)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	b.dbs.connect(b.site.redisAddr)
	r.Journal().SetHead(func(h *journal.Head) { b.describe(h, listed) })
	return b, nil
}

// ids are the CloudEvents ids that the proxies give: from the seed, so that
// they are the same in each run of a test.
func ids(seed int64) func() string {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], uint64(seed))
	source := rand.NewChaCha8(key)
	var mu sync.Mutex
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return uuid.Must(uuid.NewRandomFromReader(source)).String() // its Read never fails
	}
}

// substitute makes the resources that daprd gets.
func (b *backend) substitute() (listed []string) {
	cfg := b.recorder.Config()
	set := b.recorder.Resources()
	topics := map[string]bool{}
	for _, c := range cfg.Contracts.Contracts() {
		topics[c.Topic] = true
	}
	for _, s := range set.Subscriptions {
		topics[s.Topic] = true
	}
	b.files, listed = resources.Substitute(set, resources.Substitution{
		RedisHost: redisHost,
		RedisDBs:  b.dbs.numbers,
		// What an app subscribes to in its code is not known before its daprd
		// runs. Connections are opened when they are needed.
		PoolSize:          resources.PoolSize(len(topics) + 50),
		ProcessingTimeout: cfg.Clocks.ProcessingTimeout,
		RedeliverInterval: cfg.Clocks.RedeliverInterval,
		RetryScale:        cfg.Clocks.RetryScale,
		PubSubs:           b.pubsubs(),
	})
	if b.files == nil {
		b.files = make(map[string][]byte)
	}
	for i, c := range set.Configurations {
		name := fmt.Sprintf("../config/%d.yaml", i)
		b.files[name] = bytes.Clone(c.Data)
		b.configs = append(b.configs, fmt.Sprintf("/eventproof/config/%d.yaml", i))
	}
	return listed
}

// pubsubs are the components that contracts and subscriptions name, or the
// default one where nothing names or defines any.
func (b *backend) pubsubs() []string {
	named := map[string]bool{}
	for _, c := range b.recorder.Catalog().Contracts() {
		named[c.PubSub] = true
	}
	for _, s := range b.recorder.Resources().Subscriptions {
		named[s.PubSub] = true
	}
	if len(named) == 0 && len(b.recorder.Resources().PubSubs()) == 0 {
		named[world.DefaultPubSub] = true
	}
	return slices.Sorted(maps.Keys(named))
}

// strict refuses what would make the test speak of another system than the
// team's: another broker, secrets, TLS, a component that nobody defined. That
// the address is another one cannot be helped.
func strict(set *resources.Set, named []string) error {
	var errs []error
	for _, name := range named {
		if _, ok := set.PubSub(name); !ok {
			errs = append(errs, fmt.Errorf("pubsub %s is defined nowhere; define it as pubsub.redis", name))
		}
	}
	for _, c := range set.PubSubs() {
		if !c.IsRedis() {
			errs = append(errs, fmt.Errorf("%s: pubsub %s is %s, and would become pubsub.redis", c.Place, c.Name, c.Type))
			continue
		}
		for _, m := range c.Metadata {
			tls := strings.EqualFold(m.Name, "enableTLS") && m.Value == "true"
			auth := slices.ContainsFunc([]string{"redisPassword", "redisUsername"}, func(n string) bool { return strings.EqualFold(n, m.Name) && m.Value != "" })
			if m.SecretRef.Name != "" || tls || auth {
				errs = append(errs, fmt.Errorf("%s: pubsub %s: %s would be dropped", m.Place, c.Name, m.Name))
			}
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("StrictResources refuses to substitute; leave it unset, or write resources of the test's own:\n%w", errors.Join(errs...))
	}
	return nil
}

// describe fills in the journal's head.
func (b *backend) describe(h *journal.Head, listed []string) {
	set := b.recorder.Resources()
	for _, c := range set.Components {
		h.Resources = append(h.Resources, fmt.Sprintf("Component/%s (%s)", c.Name, c.Place))
	}
	for _, s := range set.Subscriptions {
		h.Resources = append(h.Resources, fmt.Sprintf("Subscription/%s (%s)", s.Name, s.Place))
	}
	for _, r := range set.Resiliencies {
		h.Resources = append(h.Resources, fmt.Sprintf("Resiliency/%s (%s)", r.Name, r.Place))
	}
	for _, c := range set.Configurations {
		h.Resources = append(h.Resources, fmt.Sprintf("Configuration/%s (%s)", c.Name, c.Place))
	}
	h.Substitutions = append(h.Substitutions, listed...)
	h.Substitutions = append(h.Substitutions, "publish metadata: the proxy sets cloudevent.id where the app sets none, so that the event can be followed; daprd would draw it")
	h.Versions = map[string]string{"images": fmt.Sprintf("%s, %s", b.site.images.daprd.name, b.site.images.redis.name)}
	for _, image := range []chosen{b.site.images.daprd, b.site.images.redis} {
		if image.note != "" {
			h.Substitutions = append(h.Substitutions, fmt.Sprintf("image %s: %s", image.name, image.note))
		}
	}
	if info, err := b.dbs.clients[0].Info(context.Background(), "server").Result(); err == nil {
		for line := range strings.Lines(info) {
			if v, ok := strings.CutPrefix(line, "redis_version:"); ok {
				h.Versions["redis"] = strings.TrimSpace(v)
			}
		}
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(build.Deps, &build.Main) {
			switch m.Path {
			case "github.com/dapr/go-sdk":
				h.Versions["go-sdk"] = m.Version
			case "github.com/eventproof/eventproof":
				h.Versions["eventproof"] = m.Version
			}
		}
	}
}

// attached are the apps, in the order in which they came.
func (b *backend) attached() []sidecarOf {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]sidecarOf, 0, len(b.order))
	for _, id := range b.order {
		all = append(all, *b.apps[id])
	}
	return all
}

// Sidecar makes what an app sees of Dapr. daprd itself is started when it is
// known how the app is called; a call before that waits.
func (b *backend) Sidecar(_ context.Context, app string) (_ world.Sidecar, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { b.trouble = b.trouble || err != nil }()
	if b.closed {
		return nil, errClosed
	}
	a := b.apps[app]
	if a == nil {
		api, err := proxy.NewAPI(proxy.APIConfig{AppID: app, Recorder: b.recorder, NewID: b.newID,
			Envelope: func(ctx context.Context, pubsub, topic, id string) ([]byte, error) {
				return envelope(ctx, b.dbs.of(pubsub), topic, id)
			}, Faults: &b.faults, Published: b.published, Subscribed: b.streaming})
		if err != nil {
			return nil, err
		}
		a = &sidecarOf{id: app, api: api}
		b.apps[app] = a
		b.order = append(b.order, app)
	}
	c, err := a.api.Client()
	if err != nil {
		return nil, fmt.Errorf("connect to the sidecar of %s: %w", app, err)
	}
	return newSidecar(a.id, a.api, c)
}

var errClosed = errors.New("the world is closed")

// Connect gives a started app to its daprd, which is started for the first
// incarnation, and anew where the protocol is another one.
func (b *backend) Connect(ctx context.Context, app string, e world.Endpoint) error {
	return b.note(b.connect(ctx, app, e))
}

func (b *backend) connect(ctx context.Context, app string, e world.Endpoint) error {
	b.mu.Lock()
	a := b.apps[app]
	b.mu.Unlock()
	if a.daprd != nil && a.daprd.options.protocol == e.Protocol {
		if a.proxy == nil {
			return nil
		}
		return a.proxy.SetEndpoint(e)
	}
	if a.daprd != nil {
		if err := b.replace(ctx, a); err != nil {
			return err
		}
	}
	o := daprdOptions{app: app, protocol: e.Protocol, files: b.files, configs: b.configs}
	if e.Callable() {
		p, err := proxy.NewApp(proxy.AppConfig{AppID: app, Recorder: b.recorder, Faults: &b.faults,
			ListenHost: b.site.app.listen, Published: b.published, Logf: b.logf})
		if err != nil {
			return err
		}
		if err := errors.Join(p.Listen(e.Protocol), p.SetEndpoint(e)); err != nil {
			return errors.Join(err, p.Close())
		}
		b.mu.Lock()
		a.proxy = p
		b.mu.Unlock()
		o.appPort = p.Port()
	}
	d, err := b.site.startDaprd(ctx, o)
	if err != nil {
		return err
	}
	b.mu.Lock()
	a.daprd = d
	b.mu.Unlock()
	m, err := b.site.ready(ctx, &b.dbs, b.recorder.Resources(), d, func() { a.api.SetUpstream(d.grpc, d.http) })
	if err != nil {
		return err
	}
	if text := otherVersion(b.recorder.Config().Dapr, m.RuntimeVersion); text != "" {
		b.recorder.Logf("%s", text)
	}
	b.recorder.Journal().SetHead(func(h *journal.Head) {
		versions := maps.Clone(h.Versions) // a head that was read stays as it was
		versions["dapr"] = m.RuntimeVersion
		h.Versions = versions
	})
	b.subscribed(m, a.id, e.Protocol)
	return nil
}

// subscribed tells the journal of the subscriptions that daprd lists, each once.
func (b *backend) subscribed(m metadata, app string, p world.Protocol) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range m.subscriptions(app, p) {
		b.learn(s)
	}
}

// streaming tells the journal of a streaming subscription that daprd took.
func (b *backend) streaming(s world.Subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.learn(s)
}

// learn keeps a subscription, and tells the journal of it once. The lock is held.
func (b *backend) learn(s world.Subscription) {
	if !b.known[s] {
		b.known[s] = true
		b.recorder.Subscribe(s, journal.Daprd)
	}
}

// ask is what a running app's daprd says of itself.
func (b *backend) ask(ctx context.Context, a sidecarOf) (metadata, error) {
	var m metadata
	var dead error
	// The engine knows of its end a moment after nobody answers.
	err := eventually(ctx, 2*time.Second, func(ctx context.Context) (err error) {
		if m, err = a.daprd.metadata(ctx); err == nil {
			return nil
		}
		if dead = b.dead(ctx, a); dead != nil {
			return fatal{dead}
		}
		return err
	})
	switch {
	case dead != nil:
		return m, dead
	case err != nil:
		return m, fmt.Errorf("ask daprd of %s for its subscriptions: %w", a.id, err)
	}
	return m, nil
}

// dead is an error if the app's daprd runs no more. Nobody starts it again.
func (b *backend) dead(ctx context.Context, a sidecarOf) error {
	if a.daprd == nil {
		return nil
	}
	if err := stopped(ctx, a.daprd.container); err != nil {
		return fmt.Errorf("daprd of %s has ended: %w%s", a.id, err, b.site.logTail(ctx, a.daprd.container))
	}
	return nil
}

// note remembers that the world failed at something, so that its logs are shown
// if the test fails, too.
func (b *backend) note(err error) error {
	if err != nil {
		b.mu.Lock()
		b.trouble = true
		b.mu.Unlock()
	}
	return err
}

// logf logs to the test, until the world is closed.
func (b *backend) logf(format string, args ...any) {
	b.logging.Lock()
	defer b.logging.Unlock()
	if b.t != nil && !b.ended {
		b.t.Logf(format, args...)
	}
}

// refresh asks each daprd again: an app may have opened a streaming
// subscription, or ended one, at any time.
func (b *backend) refresh(ctx context.Context) error {
	for _, a := range b.attached() {
		if a.daprd == nil {
			continue
		}
		m, err := b.ask(ctx, a)
		if err != nil {
			return err
		}
		b.subscribed(m, a.id, a.daprd.options.protocol)
	}
	return nil
}

// replace ends an app's daprd, for another one.
func (b *backend) replace(ctx context.Context, a *sidecarOf) error {
	if a.proxy != nil {
		if err := a.proxy.Close(); err != nil {
			return err
		}
	}
	if err := b.site.terminate(ctx, a.daprd.container); err != nil {
		return fmt.Errorf("end daprd of %s: %w", a.id, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	a.proxy, a.daprd = nil, nil
	return nil
}

// published waits until a publish that is under way at any app is recorded, so
// that a delivery never stands in the journal before its publish.
func (b *backend) published(ctx context.Context, pubsub, topic, id string) {
	for _, a := range b.attached() {
		a.api.Await(ctx, pubsub, topic, id)
	}
}

// Disconnect fences an incarnation.
func (b *backend) Disconnect(_ context.Context, app string) error {
	b.mu.Lock()
	a := b.apps[app]
	b.mu.Unlock()
	if a == nil {
		return nil
	}
	if a.proxy != nil {
		a.proxy.Fence()
	}
	a.api.FenceClients()
	return nil
}

// Inject arms or performs a fault at the proxies.
func (b *backend) Inject(ctx context.Context, f faults.Fault) error {
	switch f := f.(type) {
	case faults.LoseAnswer:
		b.faults.Arm(f, times(f.Times))
	case faults.FailDelivery:
		b.faults.Arm(f, times(f.Times))
	case faults.Redeliver:
		struck := false
		for _, a := range b.attached() {
			if a.proxy == nil || (f.App != "" && f.App != a.id) {
				continue
			}
			struck = true
			if err := a.proxy.Redeliver(ctx, f); err != nil {
				return err
			}
		}
		if !struck {
			return fmt.Errorf("no attached app %q is called by Dapr", f.App)
		}
	default:
		return fmt.Errorf("real Dapr in containers cannot do this: %w", errors.ErrUnsupported)
	}
	return nil
}

func times(n int) int {
	if n == 0 {
		return 1
	}
	return n
}

// Close ends everything. What a failed test wants to see is kept first.
func (b *backend) Close(ctx context.Context) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	stop := b.stopWatching
	b.mu.Unlock()
	if stop != nil {
		stop()
	}
	b.forget()
	defer func() {
		b.logging.Lock()
		defer b.logging.Unlock()
		b.ended = true
	}()
	var last *lastWords
	if b.t != nil && b.t.Failed() {
		last = b.collect(ctx)
	}
	var errs []error
	var mu sync.Mutex
	keep := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	}
	// The containers first: a daprd that loses its app would go on trying.
	var all sync.WaitGroup
	all.Go(func() { keep(b.site.remove(ctx)) })
	for _, a := range b.attached() {
		all.Go(func() {
			if a.proxy != nil {
				keep(a.proxy.Close())
			}
			keep(a.api.Close())
		})
	}
	all.Wait()
	keep(b.dbs.close())
	keep(b.site.Close())
	err := errors.Join(errs...)
	if last != nil {
		last.show(b, err != nil)
	}
	return err
}

var _ world.Backend = (*backend)(nil)
