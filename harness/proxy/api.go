package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// APIConfig is what an [API] needs.
type APIConfig struct {
	AppID    string
	Recorder *world.Recorder
	// NewID draws the ids of events that the app publishes without one.
	NewID func() string
	// Envelope reads back what daprd wrote to the broker. Without it, or where
	// it fails, a publish is recorded without data.
	Envelope func(ctx context.Context, pubsub, topic, id string) ([]byte, error)
	// Faults strike the deliveries of streaming subscriptions; nil: none.
	Faults *faults.Armed
	// Published is as in [AppConfig], for those deliveries. Default: [API.Await].
	Published func(ctx context.Context, pubsub, topic, id string)
	// Subscribed, if set, is told of each streaming subscription that daprd took.
	Subscribed func(world.Subscription)
}

// API stands between one app and the API of its daprd, gRPC and HTTP. It
// outlives the app's incarnations and daprd. It is safe for concurrent use.
type API struct {
	cfg     APIConfig
	flights flights
	grpc    *grpc.Server
	http    *http.Server
	grpcAt  *trackedListener
	httpAt  *trackedListener
	serving sync.WaitGroup
	ctx     context.Context // ends at Close
	cancel  context.CancelFunc

	mu       sync.Mutex
	upstream *upstream
	set      chan struct{} // closed when upstream is set
	clients  []client.Client
	closed   bool
}

// upstream is daprd.
type upstream struct {
	conn      *grpc.ClientConn
	transport *http.Transport
	httpAddr  string
	err       error // of making conn
}

func (u *upstream) close() error {
	if u == nil {
		return nil
	}
	u.transport.CloseIdleConnections()
	if u.conn == nil {
		return nil
	}
	return u.conn.Close()
}

// UpstreamTimeout is how long a call waits for [API.SetUpstream] at most.
const UpstreamTimeout = 30 * time.Second

// NewAPI opens two ports on 127.0.0.1, for gRPC and for HTTP.
func NewAPI(cfg APIConfig) (*API, error) {
	switch {
	case cfg.AppID == "":
		return nil, errors.New("proxy: APIConfig.AppID is empty")
	case cfg.Recorder == nil:
		return nil, errors.New("proxy: APIConfig.Recorder is nil")
	case cfg.NewID == nil:
		return nil, errors.New("proxy: APIConfig.NewID is nil")
	}
	a := &API{cfg: cfg, set: make(chan struct{})}
	if a.cfg.Faults == nil {
		a.cfg.Faults = new(faults.Armed)
	}
	if a.cfg.Subscribed == nil {
		a.cfg.Subscribed = func(world.Subscription) {}
	}
	if a.cfg.Published == nil {
		a.cfg.Published = a.Await
	}
	var err error
	if a.grpcAt, err = listenTracked(); err != nil {
		return nil, fmt.Errorf("proxy: listen for the app: %w", err)
	}
	if a.httpAt, err = listenTracked(); err != nil {
		return nil, errors.Join(fmt.Errorf("proxy: listen for the app: %w", err), a.grpcAt.Close())
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.grpc = newFrameServer(a.serveGRPC)
	a.http = &http.Server{Handler: http.HandlerFunc(a.serveHTTP), ErrorLog: log.New(io.Discard, "", 0)}
	// Both end at Close; a failing Accept shows as an app that cannot call.
	a.serving.Go(func() { _ = a.grpc.Serve(a.grpcAt) })
	a.serving.Go(func() { _ = a.http.Serve(a.httpAt) })
	return a, nil
}

// GRPCAddress is host:port for the app's gRPC clients.
func (a *API) GRPCAddress() string { return a.grpcAt.Addr().String() }

// HTTPAddress is host:port for the app's HTTP clients.
func (a *API) HTTPAddress() string { return a.httpAt.Addr().String() }

// SetUpstream says where daprd's APIs are, as host:port. Calls that came before
// have waited for it, up to [UpstreamTimeout]. Called again, for a daprd that
// was started anew, it breaks the calls to the one before.
func (a *API) SetUpstream(grpcAddr, httpAddr string) {
	next := &upstream{httpAddr: httpAddr, transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}}
	next.conn, next.err = grpc.NewClient("passthrough:///"+grpcAddr, append(frameDialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	a.mu.Lock()
	last := a.upstream
	if a.closed {
		last = next
	} else {
		a.upstream = next
		if last == nil {
			close(a.set)
		}
	}
	a.mu.Unlock()
	_ = last.close() // fails only where it was closed before
}

var errNoUpstream = fmt.Errorf("daprd is not there: its address was not known within %s of the call", UpstreamTimeout)

// wait is daprd, once it is known.
func (a *API) wait(ctx context.Context) (*upstream, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, UpstreamTimeout, errNoUpstream)
	defer cancel()
	select {
	case <-a.set:
	case <-a.ctx.Done():
		return nil, errClosed
	case <-ctx.Done():
		if cause := context.Cause(ctx); errors.Is(cause, errNoUpstream) {
			return nil, cause
		}
		return nil, fmt.Errorf("daprd is not there: its address was not known when the call ended: %w", context.Cause(ctx))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.upstream, a.upstream.err
}

// Client is a new client of the Go SDK, connected through this proxy. It lives
// until [API.FenceClients] or [API.Close].
func (a *API) Client() (client.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, errClosed
	}
	conn, err := grpc.NewClient("passthrough:///"+a.GRPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithIdleTimeout(0),
		grpc.WithChainUnaryInterceptor(world.CarryCause))
	if err != nil {
		return nil, fmt.Errorf("proxy: make a client: %w", err)
	}
	c := client.NewClientWithConnection(conn)
	a.clients = append(a.clients, c)
	return c, nil
}

// FenceClients ends what an incarnation of the app holds: clients from
// [API.Client] fail from now on, and every connection that is open is broken.
// (A client that the app made itself may connect again.)
func (a *API) FenceClients() {
	a.mu.Lock()
	clients := a.clients
	a.clients = nil
	a.mu.Unlock()
	for _, c := range clients {
		c.Close()
	}
	a.grpcAt.breakAll()
	a.httpAt.breakAll()
}

// Await returns when a publish of the event that is under way has been
// recorded, at once if none is, or when ctx ends.
func (a *API) Await(ctx context.Context, pubsub, topic, id string) {
	a.flights.wait(ctx, flight{pubsub, topic, id})
}

// Close ends the clients, stops listening and waits for what it started. It is
// idempotent.
func (a *API) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	last := a.upstream
	a.mu.Unlock()
	a.cancel()
	a.FenceClients()
	err := errors.Join(a.http.Close(), last.close())
	a.grpc.Stop()
	a.serving.Wait()
	return err
}

// trackedListener knows its open connections.
type trackedListener struct {
	net.Listener
	mu    sync.Mutex
	conns map[*trackedConn]struct{}
}

func listenTracked() (*trackedListener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &trackedListener{Listener: l, conns: make(map[*trackedConn]struct{})}, nil
}

func (l *trackedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	t := &trackedConn{Conn: c, listener: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[t] = struct{}{}
	return t, nil
}

func (l *trackedListener) breakAll() {
	l.mu.Lock()
	conns := l.conns
	l.conns = make(map[*trackedConn]struct{})
	l.mu.Unlock()
	for c := range conns {
		_ = c.Conn.Close() // the other end may have closed it
	}
}

type trackedConn struct {
	net.Conn
	listener *trackedListener
}

func (c *trackedConn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.conns, c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}
