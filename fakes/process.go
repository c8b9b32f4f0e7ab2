package fakes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/world"
)

// Host runs sidecars as daprd's processes are run: at ports that are told, on the
// wall clock, in front of an app that is somewhere else. It is what the program
// fakedaprd is made of; a test has [Start].
//
// The sidecars of one host share its broker, as daprds share a Redis.
type Host struct {
	world   *world.World
	backend *backend
}

// NewHost makes a host without a sidecar. Close it in the end.
//
// Without a Seed, and without EVENTPROOF_SEED, ids differ from run to run, as daprd's do.
func NewHost(ctx context.Context, cfg world.Config) (*Host, error) {
	h := &Host{}
	if cfg.Seed == 0 && os.Getenv("EVENTPROOF_SEED") == "" {
		cfg.Seed = int64(rand.Uint64()>>1) | 1
	}
	w, err := world.Open(ctx, nil, "fakedaprd", cfg, journal.Engine, func(ctx context.Context, r *world.Recorder) (world.Backend, error) {
		made, err := open(ctx, r)
		if err != nil {
			return nil, err
		}
		h.backend = made.(*backend)
		h.backend.engine.concurrent = true
		r.Journal().SetHead(func(head *journal.Head) { head.Substitutions = nil }) // each sidecar brings its own components
		return made, nil
	})
	if err != nil {
		return nil, err
	}
	h.world = w
	return h, nil
}

// Journal is what has happened at all of the host's sidecars.
func (h *Host) Journal() *journal.Journal { return h.world.Journal() }

// Close ends the broker. The sidecars must have ended before.
func (h *Host) Close() error { return h.world.Close() }

// Process is one sidecar that a [Host] runs, in the terms of daprd's flags.
type Process struct {
	AppID string
	// AppAddress is the app's host:port; empty for an app that is not called.
	AppAddress  string
	AppProtocol world.Protocol
	// AppMaxConcurrency limits the calls of the app that are open at a time; 0 or
	// less: no limit.
	AppMaxConcurrency int
	// AppHealth, if set, has the app asked whether it is well; it gets no events
	// while it is not.
	AppHealth *AppHealth
	// Resources are the directories of daprd's --resources-path.
	Resources []fs.FS
	// Sockets is the directory of the sockets of pluggable components; empty: that of
	// DAPR_COMPONENTS_SOCKETS_FOLDER, or /tmp/dapr-components-sockets.
	Sockets string
	// GRPC and HTTP are where Dapr's APIs are served, Public health and metadata
	// alone, Metrics /metrics; nil: not at all. Run closes them.
	GRPC, HTTP, Public, Metrics net.Listener
	// RecordErrorCodes has /metrics count the errors that the APIs answer.
	RecordErrorCodes bool
	// BlockShutdown, if positive, is how long the APIs go on once the sidecar is told to
	// end and takes no more events, or until the app is not well.
	BlockShutdown time.Duration
	// GracefulShutdown is how long calls that are open may take to end.
	// 0: no limit.
	GracefulShutdown time.Duration
	// Log gets daprd's own lines; nil: nobody.
	Log func(level, message string)

	_ struct{}
}

// ErrForced is that calls were still open when [Process].GracefulShutdown had passed.
var ErrForced = errors.New("graceful shutdown timeout exceeded, forcing shutdown")

// process is a sidecar that is run.
type process struct {
	Process
	host    *Host
	app     *app
	sidecar *sidecar
	health  *appHealth // nil: the app is taken to be well
	ready   readiness
	metrics *metrics

	once   sync.Once
	asked  chan struct{} // closed when the API is asked to shut down
	server []func(context.Context) error
}

func (p *process) shutdown() { p.once.Do(func() { close(p.asked) }) }

func (p *process) logf(level, format string, args ...any) {
	if p.Log != nil {
		p.Log(level, fmt.Sprintf(format, args...))
	}
}

// Run runs a sidecar until the context ends or its API is asked to shut down, and
// then ends it gracefully. An app id runs once at a time.
func (h *Host) Run(ctx context.Context, cfg Process) error {
	p := &process{Process: cfg, host: h, asked: make(chan struct{})}
	p.metrics = newMetrics(cfg.AppID, cfg.RecordErrorCodes)
	defer p.closeListeners()
	set, err := resources.Load(cfg.Resources...)
	if err != nil {
		return loading(err)
	}
	for _, w := range set.Warnings {
		p.logf("warning", "%s", w)
	}
	k := kinds{keep: true}
	if k.sockets, err = discover(ctx, cfg.Sockets); err != nil {
		p.logf("error", "could not initialize pluggable components: %s", err)
	}
	plugged, err := k.plug(ctx, cfg.AppID, set.For(cfg.AppID))
	if err != nil {
		return err
	}
	if err := h.start(p, set, k, plugged); err != nil {
		return err
	}
	p.serve()
	ended := make(chan error, 1)
	connecting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { ended <- p.connect(connecting) }()
	select {
	case <-ctx.Done():
	case <-p.asked:
	}
	cancel()
	if err := <-ended; err != nil {
		p.logf("error", "%s", err)
	}
	return p.end()
}

// loading is daprd's own text where it has one.
//
// Source: dapr v1.16.0 pkg/internal/loader/disk/disk.go.
func loading(err error) error {
	var duplicate *resources.DuplicateComponentError
	if errors.As(err, &duplicate) {
		named := func(c resources.Component) string { return fmt.Sprintf("%s (%s/%s)", c.Name, c.Type, c.Version) }
		return fmt.Errorf("failed to load components: duplicate definition of Component name %s with existing %s; %w", named(duplicate.Component), named(duplicate.Existing), err)
	}
	return fmt.Errorf("failed to load components: %w", err)
}

// categories are what daprd knows of a component's type before its first dot.
//
// Source: dapr v1.16.0 pkg/components/category.go.
var categories = []string{"bindings", "pubsub", "secretstores", "state", "workflowbackend", "middleware", "configuration", "crypto", "lock", "nameresolution", "conversation"}

// checkTypes refuses components that daprd cannot even tell the category of.
//
// Source: dapr v1.16.0 pkg/runtime/processor/processor.go.
func checkTypes(set *resources.Set) error {
	var errs []error
	for _, c := range set.Components {
		if category, _, _ := strings.Cut(c.Type, "."); !slices.Contains(categories, category) {
			errs = append(errs, fmt.Errorf("process component %s error: incorrect type %s (%s)", c.Name, c.Type, c.Place))
		}
	}
	return errors.Join(errs...)
}

// Kill ends a sidecar as a daprd that is killed: nothing that is under way is
// answered or acknowledged any more. Run returns. An app id that does not run is
// ignored.
func (h *Host) Kill(appID string) {
	w := h.backend
	w.engine.mu.Lock()
	a := w.apps[appID]
	if a == nil || a.process == nil {
		w.engine.mu.Unlock()
		return
	}
	a.dead = true
	for _, s := range a.subscriptions() {
		s.broker().leave(w, s)
	}
	a.subscribed = nil
	p := a.process
	w.engine.mu.Unlock()
	p.shutdown()
}

// start makes the app's place and its sidecar.
func (h *Host) start(p *process, set *resources.Set, k kinds, plugged map[string]*pluggable) error {
	w := h.backend
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	if w.engine.closed {
		return errors.New("the host is closed")
	}
	if before := w.apps[p.AppID]; before != nil && before.process != nil {
		return fmt.Errorf("app id %q is run already", p.AppID)
	}
	delete(w.apps, p.AppID)
	if err := checkBreakers(set); err != nil {
		return err
	}
	a := w.newApp(p.AppID, set, k, plugged)
	if err := errors.Join(checkStates(set), checkTypes(set)); err != nil {
		return err
	}
	a.states = w.stateStores(a, set)
	a.process, p.app = p, a
	w.apps[p.AppID] = a
	a.connection = &runtime.AppConnectionProperties{Protocol: string(p.AppProtocol), MaxConcurrency: int32(p.AppMaxConcurrency)}
	if host, port, err := net.SplitHostPort(p.AppAddress); err == nil {
		number, _ := net.LookupPort("tcp", port)
		a.connection.ChannelAddress, a.connection.Port = host, int32(number)
	}
	if h := p.AppHealth; h != nil {
		a.connection.Health = &runtime.AppConnectionHealthProperties{HealthProbeInterval: h.Interval.String(), HealthProbeTimeout: h.Timeout.String(), HealthThreshold: int32(h.Threshold)}
		if p.AppProtocol != world.ProtocolGRPC {
			a.connection.Health.HealthCheckPath = h.Path
		}
	}
	for _, c := range a.components {
		p.logf("info", "Component loaded: %s (%s/%s)", c.Name, c.Type, c.Version)
	}
	declared, err := w.declared(a, p.AppProtocol)
	if err != nil {
		p.logf("error", "%s", err)
	}
	a.declared = declared
	a.sidecar = newSidecar(w, a)
	p.sidecar, a.protocol = a.sidecar, p.AppProtocol
	_, p.sidecar.appPort, _ = net.SplitHostPort(p.AppAddress)
	return nil
}

// serve opens the APIs.
func (p *process) serve() {
	api := p.metrics.counting(p.sidecar.httpAPI())
	if p.GRPC != nil {
		p.sidecar.serve(func() error { return p.sidecar.server.Serve(p.GRPC) })
		p.logf("info", "API gRPC server is running on %s", p.GRPC.Addr())
	}
	serve := func(l net.Listener, handler http.Handler) {
		if l == nil {
			return
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		p.sidecar.serve(func() error { return server.Serve(l) })
		p.server = append(p.server, func(ctx context.Context) error {
			if err := server.Shutdown(ctx); err != nil {
				return errors.Join(err, server.Close())
			}
			return nil
		})
	}
	serve(p.HTTP, api)
	serve(p.Public, p.sidecar.publicAPI())
	serve(p.Metrics, p.metrics)
	if p.HTTP != nil {
		p.logf("info", "HTTP server is running on %s", p.HTTP.Addr())
	}
}

// awaited is how often the app's port is tried, and dialed how long one try may take.
//
// Source: dapr v1.16.0 pkg/runtime/runtime.go blockUntilAppIsReady.
const awaited, dialed = 100 * time.Millisecond, 500 * time.Millisecond

// connect waits until the app listens, and starts its subscriptions; the API is
// served meanwhile.
func (p *process) connect(ctx context.Context) error {
	p.ready.outbound.Store(true)
	if p.AppAddress != "" {
		p.logf("info", "application protocol: %s. waiting on port %s.  This will block until the app is listening on that port.", p.AppProtocol, p.AppAddress)
		if !p.awaitApp(ctx) {
			return nil
		}
		p.logf("info", "application discovered on port %s", p.AppAddress)
		i, err := newIncarnation(world.Address(p.AppAddress, p.AppProtocol))
		if err != nil {
			return err
		}
		w := p.host.backend
		w.engine.mu.Lock()
		p.app.incarnation = i
		w.engine.mu.Unlock()
		if p.AppHealth != nil {
			p.health = newAppHealth(*p.AppHealth, i, p)
			p.health.probe(ctx)
			p.becomeReady()
			return nil
		}
		p.subscribe(ctx)
	} else {
		w := p.host.backend
		w.engine.mu.Lock()
		w.beginOutboxes(p.app, time.Now())
		w.engine.mu.Unlock()
	}
	p.becomeReady()
	return nil
}

func (p *process) becomeReady() {
	p.logf("info", "dapr initialized. Status: Running.")
	p.ready.ready.Store(true)
}

// awaitApp returns when somebody listens at the app's port, or with false.
func (p *process) awaitApp(ctx context.Context) bool {
	wait := time.NewTicker(awaited)
	defer wait.Stop()
	for {
		dialer := net.Dialer{Timeout: dialed}
		if conn, err := dialer.DialContext(ctx, "tcp", p.AppAddress); err == nil {
			_ = conn.Close()
			return true
		}
		select {
		case <-wait.C:
		case <-ctx.Done():
			return false
		}
	}
}

// subscribe starts the app's subscriptions. What is wrong with them is logged, as
// daprd does, and the rest goes on.
func (p *process) subscribe(ctx context.Context) {
	w, a := p.host.backend, p.app
	w.engine.mu.Lock()
	i, known := a.incarnation, a.programmatic
	configured := a.configured
	a.configured = true
	w.engine.mu.Unlock()
	if !configured && i.http != nil {
		i.configure(ctx, p.AppID)
	}
	if known == nil && len(a.components) > 0 { // daprd asks once
		var err error
		if known, err = w.ask(ctx, a, i); err != nil {
			p.logf("warning", "failed to subscribe to topics: %s", err)
			return
		}
		if known == nil {
			known = []*subscription{}
		}
	}
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	a.programmatic = known
	subs, ignored := a.merge(known, a.declared)
	for _, why := range ignored {
		p.logf("error", "Failed to start subscription: %s", why)
	}
	w.beginOutboxes(a, time.Now())
	a.subscribed = nil
	for _, s := range subs {
		fresh := *s // of the same subscription one that was stopped may still be ending
		if s.bulk != nil {
			fresh.bulk = &bulk{most: s.bulk.most, await: s.bulk.await}
		}
		w.begin(a, &fresh, p.AppProtocol, time.Now())
		a.subscribed = append(a.subscribed, &fresh)
		p.logf("info", "app is subscribed to topic %s through pubsub=%s", s.topic, s.component)
	}
	w.engine.startSoon()
	w.engine.wake()
}

// configure is GET /dapr/config, for actors: daprd asks every app for it once, and
// what it answers does not matter here.
//
// Source: dapr v1.16.0 pkg/channel/http/http_channel.go GetAppConfig.
func (i *incarnation) configure(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://app/dapr/config", http.NoBody)
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("dapr-app-id", id)
	if response, err := i.http.RoundTrip(r); err == nil {
		_ = response.Body.Close()
	}
}

// unsubscribe stops the app's subscriptions and, where it is for ever, its streams'
// too, and returns when they have.
func (p *process) unsubscribe(ctx context.Context, forever bool) {
	w, a := p.host.backend, p.app
	w.engine.mu.Lock()
	left := 0
	stopping := a.subscribed
	a.subscribed = nil
	if forever {
		a.ending = true
		for _, st := range a.streams {
			stopping = append(stopping, st.sub)
		}
	}
	for _, s := range stopping {
		left++
		w.stop(s, func() { left-- })
	}
	w.engine.mu.Unlock()
	_ = w.engine.wait(ctx, func() bool { return left == 0 })
}

// end ends the sidecar gracefully.
func (p *process) end() error {
	if p.dead() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = p.close(ctx)
		return errors.New("killed")
	}
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if p.BlockShutdown > 0 {
		p.logf("info", "Blocking graceful shutdown for %s or until app reports unhealthy...", p.BlockShutdown)
		p.unsubscribe(ctx, true)
		var unwell <-chan struct{} // an app that is never asked is never unwell
		if p.health != nil {
			unwell = p.health.unwell()
		}
		timer := time.NewTimer(p.BlockShutdown)
		select {
		case <-timer.C:
			p.logf("info", "Block shutdown period expired, entering shutdown...")
		case <-unwell:
			p.logf("info", "App reported unhealthy, entering shutdown...")
		}
		timer.Stop()
	}
	p.logf("info", "Dapr is shutting down")
	if p.GracefulShutdown > 0 {
		ctx, cancel = context.WithTimeoutCause(ctx, p.GracefulShutdown, ErrForced)
	}
	defer cancel()
	if p.health != nil {
		p.health.close()
	}
	p.unsubscribe(ctx, true)
	err := p.close(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else {
		p.logf("info", "Dapr runtime stopped")
	}
	return err
}

func (p *process) dead() bool {
	p.host.backend.engine.mu.Lock()
	defer p.host.backend.engine.mu.Unlock()
	return p.app.dead
}

// close ends the APIs, waiting for the calls that are open.
func (p *process) close(ctx context.Context) error {
	w := p.host.backend
	close(p.sidecar.ending)
	var errs []error
	for _, shutdown := range p.server {
		errs = append(errs, shutdown(ctx))
	}
	stopped := make(chan struct{})
	go func() {
		p.sidecar.server.GracefulStop()
		close(stopped)
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		p.sidecar.server.Stop()
		<-stopped
	}
	errs = append(errs, w.Disconnect(ctx, p.AppID))
	p.app.unplug()
	w.engine.mu.Lock()
	for _, s := range p.app.outboxes {
		s.closed = true
		s.broker().leave(w, s)
	}
	p.app.process = nil
	w.engine.mu.Unlock()
	return errors.Join(errs...)
}

func (p *process) closeListeners() {
	for _, l := range []net.Listener{p.GRPC, p.HTTP, p.Public, p.Metrics} {
		if l != nil {
			_ = l.Close() // closed already where it was served
		}
	}
}
