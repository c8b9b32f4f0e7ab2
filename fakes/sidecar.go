package fakes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"

	"github.com/eventproof/eventproof/fakes/world"
)

// sidecar is Dapr's API for one incarnation of an app: a real gRPC server on an
// in-memory listener, and on loopback ports where addresses are asked for.
type sidecar struct {
	world *backend
	app   *app

	server *grpc.Server
	memory *bufconn.Listener
	conn   *grpc.ClientConn
	client client.Client
	served sync.WaitGroup
	ending chan struct{} // closed when the sidecar is about to end
	// streams are the streaming subscriptions that are served.
	streams sync.WaitGroup

	mu          sync.Mutex
	grpcAddress string
	httpAddress string
	httpServer  *http.Server
	appPort     string
	closed      bool
}

func newSidecar(w *backend, a *app) *sidecar {
	s := &sidecar{world: w, app: a, memory: bufconn.Listen(1 << 20), ending: make(chan struct{})}
	options := []grpc.ServerOption{grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage), grpc.UnknownServiceHandler(s.proxied), grpc.ForceServerCodecV2(newFrameCodec())}
	if a.process != nil {
		options = append(options, grpc.ChainUnaryInterceptor(a.process.metrics.unary))
	}
	s.server = grpc.NewServer(options...)
	runtime.RegisterDaprServer(s.server, &daprServer{sidecar: s})
	s.serve(func() error { return s.server.Serve(s.memory) })
	// The connection is made at the first call.
	s.conn, _ = grpc.NewClient("passthrough:///dapr",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.memory.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithIdleTimeout(0), grpc.WithChainUnaryInterceptor(world.CarryCause),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	s.client = client.NewClientWithConnection(s.conn)
	return s
}

// maxMessage is daprd's default of --max-body-size.
const maxMessage = 4 << 20

func (s *sidecar) serve(run func() error) {
	s.served.Add(1)
	go func() {
		defer s.served.Done()
		_ = run() // ends with close
	}()
}

func (s *sidecar) AppID() string         { return s.app.id }
func (s *sidecar) Client() client.Client { return s.client }

func (s *sidecar) GRPCAddress() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.grpcAddress == "" {
		listener := mustListen()
		s.grpcAddress = listener.Addr().String()
		s.serve(func() error { return s.server.Serve(listener) })
	}
	return s.grpcAddress
}

func (s *sidecar) HTTPAddress() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.httpAddress == "" {
		listener := mustListen()
		s.httpAddress = listener.Addr().String()
		s.httpServer = &http.Server{Handler: s.httpAPI(), ReadHeaderTimeout: 10 * time.Second}
		s.serve(func() error { return s.httpServer.Serve(listener) })
	}
	return s.httpAddress
}

// HTTPHandler is Dapr's HTTP API without a port, which a testing/synctest bubble
// cannot have.
func (s *sidecar) HTTPHandler() http.Handler { return s.httpAPI() }

func (s *sidecar) Env() []string {
	grpcAddress, httpAddress := s.GRPCAddress(), s.HTTPAddress()
	_, grpcPort, _ := net.SplitHostPort(grpcAddress)
	_, httpPort, _ := net.SplitHostPort(httpAddress)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.appPort == "" {
		// Free now; the app opens it next.
		listener := mustListen()
		_, s.appPort, _ = net.SplitHostPort(listener.Addr().String())
		_ = listener.Close()
	}
	return []string{"APP_ID=" + s.app.id, "APP_PORT=" + s.appPort, "DAPR_GRPC_PORT=" + grpcPort, "DAPR_HTTP_PORT=" + httpPort,
		"DAPR_GRPC_ENDPOINT=http://" + grpcAddress, "DAPR_HTTP_ENDPOINT=http://" + httpAddress}
}

// mustListen opens a loopback port. That none is free is no state in which a
// test could go on.
func mustListen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("fakes: open a loopback port for the sidecar: %v", err))
	}
	return listener
}

func (s *sidecar) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// enter counts a streaming subscription, which close waits for.
func (s *sidecar) enter() (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false
	}
	s.streams.Add(1)
	return s.streams.Done, true
}

// close ends the API: calls of this incarnation fail from now on.
func (s *sidecar) close() error {
	s.mu.Lock()
	httpServer := s.httpServer
	s.closed = true
	s.mu.Unlock()
	var err error
	s.client.Close()
	s.server.Stop()
	if httpServer != nil {
		err = httpServer.Close()
	}
	s.served.Wait()
	s.streams.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
