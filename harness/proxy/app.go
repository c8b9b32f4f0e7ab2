package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// AppConfig is what an [App] needs.
type AppConfig struct {
	AppID    string
	Recorder *world.Recorder
	// Faults strike deliveries; nil: none.
	Faults *faults.Armed
	// ListenHost is the address to listen on: one that daprd's container
	// reaches. Default 127.0.0.1.
	ListenHost string
	// Logf, if set, is told of a handler that panicked, with the app's part of
	// its stack: the sidecar sees only a connection that broke. It may be called
	// by any goroutine, until Close has returned, and later by a handler for which
	// Close did not wait.
	Logf func(format string, args ...any)
	// Published, if set, waits until a publish of this event that is under way
	// has been recorded: see [API.Await].
	Published func(ctx context.Context, pubsub, topic, id string)
}

// App stands between daprd and one app: daprd calls it, and it calls the app.
// It outlives the app's incarnations. It is safe for concurrent use.
type App struct {
	cfg         AppConfig
	declarative []resources.Subscription

	mu         sync.Mutex
	protocol   world.Protocol
	listener   net.Listener
	http       *http.Server
	grpc       *grpc.Server
	served     chan struct{} // closed when the server has returned
	current    *incarnation
	past       []*incarnation // fenced; some of their calls may still run
	open       int            // deliveries that daprd waits for
	running    int            // redeliveries under way
	idle       chan struct{}  // closed when open and running are 0, while somebody waits
	programmed []subscription // what the app answered
	handled    []*handled
	armed      []*armedRedeliver
	closed     bool
	ctx        context.Context // ends at Close
	cancel     context.CancelFunc
}

// NewApp makes the proxy of one app. Nothing listens before [App.Listen].
func NewApp(cfg AppConfig) (*App, error) {
	if cfg.AppID == "" {
		return nil, errors.New("proxy: AppConfig.AppID is empty")
	}
	if cfg.Recorder == nil {
		return nil, errors.New("proxy: AppConfig.Recorder is nil")
	}
	if cfg.Faults == nil {
		cfg.Faults = new(faults.Armed)
	}
	if cfg.ListenHost == "" {
		cfg.ListenHost = "127.0.0.1"
	}
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	if cfg.Published == nil {
		cfg.Published = func(context.Context, string, string, string) {}
	}
	a := &App{cfg: cfg, declarative: cfg.Recorder.Resources().For(cfg.AppID).Subscriptions}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a, nil
}

// Listen opens the port that daprd is told to call (--app-port), speaking p.
// Calling it again for the same protocol does nothing.
func (a *App) Listen(p world.Protocol) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return errClosed
	case a.listener != nil && a.protocol == p:
		return nil
	case a.listener != nil:
		return fmt.Errorf("proxy: %s is called by %s already, and cannot change to %s", a.cfg.AppID, a.protocol, p)
	case p != world.ProtocolHTTP && p != world.ProtocolGRPC:
		return fmt.Errorf("proxy: unknown app protocol %q: want %q or %q", p, world.ProtocolHTTP, world.ProtocolGRPC)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(a.cfg.ListenHost, "0"))
	if err != nil {
		return fmt.Errorf("proxy: listen for daprd: %w", err)
	}
	a.listener, a.protocol, a.served = listener, p, make(chan struct{})
	serve := func() error { return a.grpc.Serve(listener) }
	if p == world.ProtocolHTTP {
		a.http = &http.Server{Handler: http.HandlerFunc(a.serveHTTP), ErrorLog: log.New(io.Discard, "", 0)}
		serve = func() error { return a.http.Serve(listener) }
	} else {
		a.grpc = newFrameServer(a.serveGRPC)
	}
	go func(done chan struct{}) {
		defer close(done)
		_ = serve() // ends at Close; a failing Accept shows as a daprd that cannot call
	}(a.served)
	return nil
}

var errClosed = errors.New("proxy: closed")

// Address is host:port for daprd; "" before [App.Listen].
func (a *App) Address() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.listener == nil {
		return ""
	}
	return a.listener.Addr().String()
}

// Port is the port for daprd's --app-port; 0 before [App.Listen].
func (a *App) Port() int {
	_, port, err := net.SplitHostPort(a.Address())
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(port) // of a listener: always a number
	return n
}

// SetEndpoint gives calls to a new incarnation of the app from now on; the one
// before is fenced. An endpoint that is not callable ([world.None]) leaves none.
func (a *App) SetEndpoint(e world.Endpoint) error {
	var in *incarnation
	if e.Callable() {
		var err error
		if in, err = newIncarnation(e); err != nil {
			return fmt.Errorf("proxy: connect to %s: %w", a.cfg.AppID, err)
		}
	}
	a.Fence()
	a.mu.Lock()
	defer a.mu.Unlock()
	var err error
	switch {
	case a.closed:
		err = errClosed
	case in != nil && a.listener != nil && a.protocol != in.protocol:
		err = fmt.Errorf("proxy: %s is called by %s, and its endpoint speaks %s", a.cfg.AppID, a.protocol, in.protocol)
	}
	if err != nil {
		if in != nil {
			in.fence()
		}
		return err
	}
	a.current = in
	return nil
}

// Fence ends the current incarnation for daprd: calls that are open end as a
// broken connection, recorded as [journal.NoAnswer], and what the app still
// answers to them is discarded. It does not wait for the app. Until the next
// [App.SetEndpoint] a call finds nobody, as when the app's process is down.
func (a *App) Fence() {
	a.mu.Lock()
	in := a.current
	a.current = nil
	if in != nil {
		a.past = append(a.past, in)
	}
	a.mu.Unlock()
	if in != nil {
		in.fence()
	}
}

// Open is the number of deliveries that daprd waits for.
func (a *App) Open() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open
}

// Idle returns when no delivery is open and no redelivery is under way, or
// with the context's error when that ends first.
func (a *App) Idle(ctx context.Context) error {
	for {
		a.mu.Lock()
		if a.open == 0 && a.running == 0 {
			a.mu.Unlock()
			return nil
		}
		if a.idle == nil {
			a.idle = make(chan struct{})
		}
		idle := a.idle
		a.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// count changes a number that Idle waits for.
func (a *App) count(n *int, by int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*n += by
	if a.open == 0 && a.running == 0 && a.idle != nil {
		close(a.idle)
		a.idle = nil
	}
}

// Close fences the app, stops listening and waits for what it started: also
// for handlers of the app that were called and have not returned, 10 s at most.
// It is idempotent.
func (a *App) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	server, callback, served := a.http, a.grpc, a.served
	a.mu.Unlock()
	a.Fence()
	a.cancel()
	var errs []error
	if server != nil {
		errs = append(errs, server.Close())
	}
	if callback != nil {
		callback.Stop()
	}
	if served != nil {
		<-served
	}
	errs = append(errs, a.Idle(context.Background()))
	a.mu.Lock()
	past := a.past
	a.past = nil
	a.mu.Unlock()
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		for _, in := range past {
			in.end()
		}
	}()
	timeout := time.NewTimer(handlerTimeout)
	defer timeout.Stop()
	select {
	case <-returned:
	case <-timeout.C:
		errs = append(errs, fmt.Errorf("proxy: a handler of %s was called and has not returned %s after its request's context ended; it must return then", a.cfg.AppID, handlerTimeout))
	}
	return errors.Join(errs...)
}

// handlerTimeout is how long Close waits for handlers of the app.
const handlerTimeout = 10 * time.Second

// incarnation is one life of the app.
type incarnation struct {
	protocol  world.Protocol
	ctx       context.Context // ends when it is fenced
	cancel    context.CancelFunc
	transport http.RoundTripper
	release   func() // idle connections
	conn      *grpc.ClientConn
	calls     sync.WaitGroup // calls that the app has not returned from
}

func newIncarnation(e world.Endpoint) (*incarnation, error) {
	if e.Handler == nil && e.Dial == nil {
		return nil, errors.New("the endpoint has neither a Handler nor a Dial: a command must be started first")
	}
	in := &incarnation{protocol: e.Protocol}
	in.ctx, in.cancel = context.WithCancel(context.Background())
	switch e.Protocol {
	case world.ProtocolHTTP:
		in.transport, in.release = e.Transport()
	case world.ProtocolGRPC:
		if e.Dial == nil {
			in.cancel()
			return nil, errors.New("a gRPC endpoint needs a Dial")
		}
		var err error
		if in.conn, err = e.DialGRPC(frameDialOptions()...); err != nil {
			in.cancel()
			return nil, err
		}
	default:
		in.cancel()
		return nil, fmt.Errorf("unknown app protocol %q: want %q or %q", e.Protocol, world.ProtocolHTTP, world.ProtocolGRPC)
	}
	return in, nil
}

// fence ends the calls and lets go of the connections.
func (in *incarnation) fence() {
	in.cancel()
	if in.release != nil {
		in.release()
	}
	if in.conn != nil {
		_ = in.conn.Close() // fails only where it was closed before
	}
}

// end fences and waits until the app returned from all calls.
func (in *incarnation) end() {
	in.fence()
	in.calls.Wait()
	if in.release != nil {
		in.release() // a connection may have become idle since
	}
}

// errFenced is the cause of a call that ended because its incarnation did.
var errFenced = errors.New("the app's incarnation ended")

// within is ctx, ended too when the incarnation is fenced.
func (in *incarnation) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(in.ctx, func() { cancel(errFenced) })
	return ctx, func() { stop(); cancel(context.Canceled) }
}
