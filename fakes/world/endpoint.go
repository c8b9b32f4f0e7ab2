package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"reflect"

	"github.com/dapr/go-sdk/service/common"
	"github.com/go-chi/chi/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// Protocol is how a sidecar calls its app: daprd's --app-protocol.
type Protocol string

// The protocols of an app channel.
const (
	ProtocolHTTP Protocol = "http"
	ProtocolGRPC Protocol = "grpc"
)

// Endpoint is where an app can be called. Make one with [HTTP], [HTTPService],
// [GRPC], [Address], [Command] or [None].
type Endpoint struct {
	// Protocol is empty for an app that is not called at all.
	Protocol Protocol
	// Handler is called directly where it is set.
	Handler http.Handler
	// Dial connects to the app where it is set.
	Dial func(context.Context) (net.Conn, error)
	// Command is started by the world and called at APP_PORT.
	Command *exec.Cmd

	stop []func(context.Context) error
	err  error
}

// HTTP is an app whose handler is called in this process, without a port.
func HTTP(handler http.Handler) Endpoint {
	if handler == nil {
		return Endpoint{err: errors.New("world.HTTP: the handler is nil; use world.None for an app that only publishes")}
	}
	return Endpoint{Protocol: ProtocolHTTP, Handler: handler}
}

// HTTPService is an app written with the Go SDK's HTTP service:
//
//	mux := chi.NewRouter()
//	service := daprhttp.NewServiceWithMux(world.NoPort, mux)
//	// … service.AddTopicEventHandler …
//	return world.HTTPService(service, mux), nil
//
// The SDK registers /dapr/subscribe only in Start, which then listens. On the
// address [NoPort] listening fails at once and opens no port, so Start is
// called here for what it registers.
func HTTPService(service common.Service, mux *chi.Mux) Endpoint {
	const remedy = "make it with daprhttp.NewServiceWithMux(world.NoPort, mux), and give the same mux here"
	if mux == nil {
		return Endpoint{err: errors.New("world.HTTPService: the mux is nil; " + remedy)}
	}
	// Start would block on a port that can be opened. The SDK's service does
	// not say its address; it is a field of that name.
	if v := reflect.Indirect(reflect.ValueOf(service)); v.Kind() == reflect.Struct {
		if address := v.FieldByName("address"); address.Kind() == reflect.String && address.String() != NoPort {
			return Endpoint{err: fmt.Errorf("world.HTTPService: the service listens on %s; %s", address.String(), remedy)}
		}
	}
	err := service.Start()
	var failed *net.OpError
	if !errors.As(err, &failed) {
		return Endpoint{err: fmt.Errorf("world.HTTPService: start service: %w; %s", err, remedy)}
	}
	return HTTP(mux)
}

// NoPort is an address on which nothing can listen. See [HTTPService].
const NoPort = "127.0.0.1:-1"

// Listen makes an in-memory listener for a gRPC app:
//
//	listener := world.Listen()
//	service := daprgrpc.NewServiceWithListener(listener)
//	go service.Start()
//	return world.GRPC(listener), nil
func Listen() *bufconn.Listener { return bufconn.Listen(1 << 20) }

// GRPC is an app that serves Dapr's AppCallback on a listener: one from
// [Listen], or any other, which is then dialled at its address.
func GRPC(listener net.Listener) Endpoint {
	if listener == nil {
		return Endpoint{err: errors.New("world.GRPC: the listener is nil; make one with world.Listen()")}
	}
	e := Endpoint{Protocol: ProtocolGRPC}
	if inMemory, ok := listener.(interface {
		DialContext(context.Context) (net.Conn, error)
	}); ok {
		e.Dial = inMemory.DialContext
	} else {
		e.Dial = dialTCP(listener.Addr().String())
	}
	return e.OnStop(func(context.Context) error { return ignoreClosed(listener.Close()) })
}

// Address is an app that listens on a port of its own: "127.0.0.1:5005".
func Address(address string, protocol Protocol) Endpoint {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return Endpoint{err: fmt.Errorf("world.Address: want host:port: %w", err)}
	}
	return Endpoint{Protocol: protocol, Dial: dialTCP(address)}
}

// Command is an app that is a program: it is started with the sidecar's
// environment (see [Sidecar].Env) added to its own, and must listen on APP_PORT.
// Its output goes to the command's Stdout and Stderr; where they are nil its
// last lines are shown when the test fails. It is killed at the end.
func Command(cmd *exec.Cmd, protocol Protocol) Endpoint {
	return Endpoint{Protocol: protocol, Command: cmd}
}

// None is an app that is not called: it only publishes.
var None = Endpoint{}

// OnStop adds what to do when this incarnation of the app ends, at a restart
// or at the end of the test; functions run last in, first out.
func (e Endpoint) OnStop(stop func(context.Context) error) Endpoint {
	e.stop = append(e.stop[:len(e.stop):len(e.stop)], stop)
	return e
}

// Callable reports whether a sidecar can deliver to this endpoint.
func (e Endpoint) Callable() bool { return e.Protocol != "" }

// Transport calls an HTTP app. Requests go to whatever host; the caller closes
// idle connections by calling the returned function.
func (e Endpoint) Transport() (http.RoundTripper, func()) {
	if e.Handler != nil {
		return handlerTransport{e.Handler}, func() {}
	}
	t := &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return e.Dial(ctx) },
		MaxIdleConnsPerHost: 16,
		DisableCompression:  true,
	}
	return t, t.CloseIdleConnections
}

// DialGRPC makes a connection to a gRPC app. It connects at the first call.
func (e Endpoint) DialGRPC(opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///app", append([]grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return e.Dial(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithIdleTimeout(0), // its timer is of no use, and keeps a synctest bubble from ending
	}, opts...)...)
}

func dialTCP(address string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
