package fakes_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	common "github.com/dapr/dapr/pkg/proto/common/v1"
	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	daprcommon "github.com/dapr/go-sdk/service/common"
	daprgrpc "github.com/dapr/go-sdk/service/grpc"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// attach is an app that is a handler, and subscribes to nothing.
func attach(w *world.World, id string, handler http.HandlerFunc) {
	w.Attach(id, func(context.Context, world.Sidecar) (world.Endpoint, error) {
		return world.HTTP(unsubscribed(handler)), nil
	})
}

func unsubscribed(handler http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/dapr/subscribe" {
			http.NotFound(w, r)
			return
		}
		handler(w, r)
	})
}

// caller is the client of an app that is not called.
func caller(t *testing.T, w *world.World) client.Client {
	t.Helper()
	s, err := w.Sidecar(t.Context(), "caller")
	require.NoError(t, err)
	return s.Client()
}

func resiliency(policies, targets string) map[string]string {
	return map[string]string{"resiliency.yaml": "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies: " + policies + "\n  targets: {apps: " + targets + "}\n"}
}

func TestInvokeMethodOfTheGoSDK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		attach(w, "http-app", func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = fmt.Fprintf(w, "%s %s %s %s from %s", r.Method, r.URL, r.Header.Get("Content-Type"), body, r.Header.Get("Dapr-Caller-App-Id"))
		})
		w.Attach("grpc-app", func(context.Context, world.Sidecar) (world.Endpoint, error) {
			listener := world.Listen()
			service := daprgrpc.NewServiceWithListener(listener)
			err := service.AddServiceInvocationHandler("pay", func(_ context.Context, in *daprcommon.InvocationEvent) (*daprcommon.Content, error) {
				return &daprcommon.Content{ContentType: "text/plain", Data: fmt.Appendf(nil, "%s %s %s %s", in.Verb, in.QueryString, in.ContentType, in.Data)}, nil
			})
			go func() { _ = service.Start() }()
			return world.GRPC(listener).OnStop(func(context.Context) error { return service.Stop() }), err
		})
		dapr := caller(t, w)
		answer, err := dapr.InvokeMethod(t.Context(), "http-app", "orders?id=5", "get")
		require.NoError(t, err)
		require.Equal(t, "GET /orders?id=5   from caller", string(answer))
		content := &client.DataContent{ContentType: "application/json", Data: []byte(`{}`)}
		answer, err = dapr.InvokeMethodWithContent(t.Context(), "http-app", "orders", "put", content)
		require.NoError(t, err)
		require.Equal(t, "PUT /orders application/json {} from caller", string(answer))
		answer, err = dapr.InvokeMethodWithContent(t.Context(), "grpc-app", "pay?id=5", "post", content)
		require.NoError(t, err)
		require.Equal(t, "POST id=5 application/json {}", string(answer))
		_, err = dapr.InvokeMethod(t.Context(), "nobody", "orders", "get")
		require.ErrorContains(t, err, "failed to invoke, id: nobody, err: couldn't find service: nobody")
	})
}

func TestRetriesOfAnInvocationTakeVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(resiliency(
			"{retries: {hourly: {policy: constant, duration: 1h, maxRetries: 5}, growing: {policy: exponential, maxRetries: 3}}}",
			"{callee: {retry: hourly}, other: {retry: growing}}"))})
		var calls atomic.Int32
		failing := func(w http.ResponseWriter, _ *http.Request) {
			if calls.Add(1) <= 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}
		attach(w, "callee", failing)
		attach(w, "other", failing)
		began := time.Now()
		_, err := caller(t, w).InvokeMethod(t.Context(), "callee", "x", "post")
		require.NoError(t, err)
		require.EqualValues(t, 4, calls.Load())
		require.Equal(t, 3*time.Hour, time.Since(began))
		calls.Store(-1) // four failures: one more than there are attempts
		began = time.Now()
		_, err = caller(t, w).InvokeMethod(t.Context(), "other", "x", "post")
		require.Equal(t, codes.Unavailable, status.Code(err))
		require.EqualValues(t, 3, calls.Load())
		require.InDelta(t, 2375*time.Millisecond, time.Since(began), float64(1200*time.Millisecond), "500 ms, 750 ms, 1125 ms, each by half more or less")
	})
}

func TestTimeoutOfAnInvocationEndsTheAppsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(resiliency("{timeouts: {short: 2s}}", "{callee: {timeout: short}}"))})
		ended := make(chan time.Duration, 1)
		began := time.Now()
		attach(w, "callee", func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			ended <- time.Since(began)
		})
		_, err := caller(t, w).InvokeMethod(t.Context(), "callee", "x", "post")
		require.Equal(t, codes.DeadlineExceeded, status.Code(err))
		require.Equal(t, 2*time.Second, <-ended)
	})
}

func TestACallerThatGivesUpEndsTheAppsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		ended := make(chan struct{})
		attach(w, "callee", func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			close(ended)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := caller(t, w).InvokeMethod(ctx, "callee", "x", "post")
		require.Equal(t, codes.DeadlineExceeded, status.Code(err))
		<-ended
	})
}

func TestABreakerOfAnInvocationClosesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(resiliency(
			"{circuitBreakers: {fragile: {timeout: 30s, trip: consecutiveFailures > 1}}}", "{callee: {circuitBreaker: fragile}}"))})
		healthy := false
		calls := 0
		attach(w, "callee", func(w http.ResponseWriter, _ *http.Request) {
			calls++
			if !healthy {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
		dapr := caller(t, w)
		for range 4 {
			_, err := dapr.InvokeMethod(t.Context(), "callee", "x", "post")
			require.Error(t, err)
		}
		require.Equal(t, 2, calls, "it opened at the second failure")
		healthy = true
		time.Sleep(29 * time.Second) //nolint:forbidigo // in a bubble
		_, err := dapr.InvokeMethod(t.Context(), "callee", "x", "post")
		require.ErrorContains(t, err, "circuit breaker is open")
		time.Sleep(time.Second) //nolint:forbidigo // in a bubble
		_, err = dapr.InvokeMethod(t.Context(), "callee", "x", "post")
		require.NoError(t, err)
	})
}

func TestACrashBreaksAnInvocation(t *testing.T) {
	for _, protocol := range []world.Protocol{world.ProtocolHTTP, world.ProtocolGRPC} {
		t.Run(string(protocol), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{})
				entered := make(chan struct{}, 1)
				starts := 0
				release := make(chan struct{})
				var down error
				w.Attach("callee", func(ctx context.Context, _ world.Sidecar) (world.Endpoint, error) {
					if starts++; starts > 1 { // between two incarnations
						_, down = caller(t, w).InvokeMethod(ctx, "callee", "x", "post")
						close(release)
					}
					held := func(ctx context.Context) {
						if starts == 1 {
							entered <- struct{}{}
							<-ctx.Done()
						}
					}
					if protocol == world.ProtocolHTTP {
						return world.HTTP(unsubscribed(func(_ http.ResponseWriter, r *http.Request) { held(r.Context()) })), nil
					}
					listener := world.Listen()
					service := daprgrpc.NewServiceWithListener(listener)
					err := service.AddServiceInvocationHandler("x", func(ctx context.Context, _ *daprcommon.InvocationEvent) (*daprcommon.Content, error) {
						held(ctx)
						return &daprcommon.Content{}, nil
					})
					go func() { _ = service.Start() }()
					return world.GRPC(listener).OnStop(func(context.Context) error { return service.Stop() }), err
				})
				answered := make(chan error, 1)
				dapr := caller(t, w)
				go func() {
					_, err := dapr.InvokeMethod(t.Context(), "callee", "x", "post")
					answered <- err
				}()
				<-entered
				require.NoError(t, w.Restart(t.Context(), "callee"))
				<-release
				broke := <-answered
				_, after := dapr.InvokeMethod(t.Context(), "callee", "x", "post")
				require.NoError(t, after)
				if protocol == world.ProtocolHTTP {
					require.ErrorContains(t, broke, `failed to invoke, id: callee, err: rpc error: code = Internal desc = error invoking app channel: Post "http://127.0.0.1:0/x": EOF`)
					require.ErrorContains(t, down, `Post "http://127.0.0.1:0/x": dial tcp 127.0.0.1:0: connect: connection refused`)
				} else {
					require.ErrorContains(t, broke, "code = Unavailable desc = error reading from server: EOF")
					require.ErrorContains(t, down, `code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:0: connect: connection refused"`)
				}
			})
		})
	}
}

func TestClosingAWorldEndsInvocations(t *testing.T) {
	for _, from := range []string{"caller", "callee"} {
		t.Run("of "+from, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{})
				entered := make(chan struct{}, 2)
				w.Attach("callee", (&onInvoke{hold: func(ctx context.Context) {
					entered <- struct{}{}
					<-ctx.Done()
				}}).start)
				s, err := w.Sidecar(t.Context(), from)
				require.NoError(t, err)
				answered := make(chan error, 2)
				go func() {
					_, err := s.Client().InvokeMethod(t.Context(), "callee", "x", "post")
					answered <- err
				}()
				go func() {
					ctx := metadata.AppendToOutgoingContext(t.Context(), "dapr-app-id", "callee")
					answered <- s.Client().GrpcClientConn().Invoke(ctx, runtime.AppCallback_OnInvoke_FullMethodName, &common.InvokeRequest{}, &common.InvokeResponse{})
				}()
				<-entered
				<-entered
				began := time.Now()
				require.NoError(t, w.Close())
				require.Error(t, <-answered)
				require.Error(t, <-answered)
				require.Zero(t, time.Since(began), "nobody waits for a handler that minds its context")
			})
		})
	}
}

// TestAPublishInAnInvokedHandlerKeepsItsCause: a delivery calls another app,
// which publishes.
func TestAPublishInAnInvokedHandlerKeepsItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		start := func(handler func(world.Sidecar, http.ResponseWriter, *http.Request)) world.StartFunc {
			return func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
				return world.HTTP(unsubscribed(func(w http.ResponseWriter, r *http.Request) { handler(s, w, r) })), nil
			}
		}
		w.Attach("payments", start(func(s world.Sidecar, w http.ResponseWriter, r *http.Request) {
			if err := s.Client().PublishEvent(r.Context(), "pubsub", "paid", "x", withMetadata(map[string]string{"cloudevent.id": "2"})); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}))
		var called client.Client
		orders := &inbox{subscriptions: []subscription{on("orders")}, answer: func(w http.ResponseWriter, r *http.Request, _ contract.Event) {
			if _, err := called.InvokeMethod(r.Context(), "payments", "pay", "post"); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}}
		w.Attach("orders", func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
			called = s.Client()
			return orders.start(ctx, s)
		})
		send(t, w, event("1", "orders"))
		settle(t, w)
		require.Equal(t, "published delivered answered(SUCCESS) acknowledged", told(w, "1"))
		delivered := 0
		for _, e := range w.Journal().Entries() {
			switch {
			case e.Kind == journal.Delivered && e.Event.ID == "1":
				delivered = e.Seq
			case e.Kind == journal.Published && e.Event.ID == "2":
				require.Equal(t, "payments", e.App)
				require.NotZero(t, delivered)
				require.Equal(t, delivered, e.Cause)
				return
			}
		}
		t.Fatal("nothing was published")
	})
}

func TestADeliveryThatWaitsForAnotherThroughAnInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		seen := make(chan struct{})
		w.Attach("reader", (&inbox{subscriptions: []subscription{on("second")}, answer: func(http.ResponseWriter, *http.Request, contract.Event) { close(seen) }}).start)
		attach(w, "waiter", func(http.ResponseWriter, *http.Request) { <-seen })
		var orders client.Client
		w.Attach("orders", func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
			orders = s.Client()
			return (&inbox{subscriptions: []subscription{on("first")}, answer: func(_ http.ResponseWriter, r *http.Request, _ contract.Event) {
				_, _ = orders.InvokeMethod(r.Context(), "waiter", "x", "post")
			}}).start(ctx, s)
		})
		send(t, w, event("1", "first"), event("2", "second"))
		settle(t, w)
		require.Equal(t, "published delivered answered(SUCCESS) acknowledged", told(w, "2"))
	})
}

func TestAnAppsOwnGRPCServiceThroughTheProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		w.Attach("callee", (&onInvoke{}).start)
		conn := caller(t, w).GrpcClientConn()
		ctx := metadata.AppendToOutgoingContext(t.Context(), "dapr-app-id", "callee")
		var out common.InvokeResponse
		require.NoError(t, conn.Invoke(ctx, runtime.AppCallback_OnInvoke_FullMethodName, &common.InvokeRequest{Method: "x", Data: &anypb.Any{Value: []byte("b")}}, &out))
		require.Equal(t, `x "b" from caller`, string(out.GetData().GetValue()))
		err := conn.Invoke(t.Context(), "/orders.Orders/Get", wrapperspb.String("x"), &out)
		require.EqualError(t, err, "rpc error: code = Unknown desc = cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata")
	})
}

// onInvoke is a gRPC app without the Go SDK.
type onInvoke struct {
	runtime.UnimplementedAppCallbackServer
	hold func(context.Context)
}

func (o *onInvoke) OnInvoke(ctx context.Context, in *common.InvokeRequest) (*common.InvokeResponse, error) {
	if o.hold != nil {
		o.hold(ctx)
	}
	md, _ := metadata.FromIncomingContext(ctx)
	return &common.InvokeResponse{Data: &anypb.Any{Value: fmt.Appendf(nil, "%s %q from %s", in.GetMethod(), in.GetData().GetValue(), strings.Join(md.Get("dapr-caller-app-id"), " "))}}, nil
}

func (o *onInvoke) start(context.Context, world.Sidecar) (world.Endpoint, error) {
	listener := world.Listen()
	server := grpcServer(o)
	go func() { _ = server.Serve(listener) }()
	return world.GRPC(listener).OnStop(func(context.Context) error { server.Stop(); return nil }), nil
}

func TestInvocationIsRefusedByNameWhereAConfigurationDecidesOnIt(t *testing.T) {
	w := fakes.Start(t, world.Config{Resources: resources(map[string]string{
		"config.yaml": "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: guarded}\nspec: {accessControl: {defaultAction: deny}}\n"})})
	attach(w, "callee", func(http.ResponseWriter, *http.Request) {})
	dapr := caller(t, w)
	const why = "Configuration guarded (config.yaml:2) states accessControl, which decides on service invocation and is not simulated by the fake; take it out of the test's resources"
	_, err := dapr.InvokeMethod(t.Context(), "callee", "x", "post")
	require.ErrorContains(t, err, "code = Unimplemented desc = "+why)
	s, err := w.Sidecar(t.Context(), "caller")
	require.NoError(t, err)
	response, err := http.Post("http://"+s.HTTPAddress()+"/v1.0/invoke/callee/method/x", "text/plain", http.NoBody)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotImplemented, response.StatusCode)
	require.Equal(t, why+"\n", string(body))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "dapr-app-id", "callee")
	require.ErrorContains(t, dapr.GrpcClientConn().Invoke(ctx, "/a.B/C", wrapperspb.String("x"), &wrapperspb.StringValue{}), why)
}

func TestOtherBuildingBlocksAreNoInvocation(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	s, err := w.Sidecar(t.Context(), "caller")
	require.NoError(t, err)
	for path, want := range map[string]int{
		"/v1.0/actors/a/b/method/c": http.StatusNotImplemented,
		"/v1.0-beta1/workflows/x/y": http.StatusNotImplemented,
		"/v1.0/elsewhere/x":         http.StatusNotFound,
		"/v1.0/publish/pubsub/t":    http.StatusNotImplemented, // by GET
	} {
		response, err := http.Get("http://" + s.HTTPAddress() + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, path)
	}
}

func grpcServer(o *onInvoke) *grpc.Server {
	server := grpc.NewServer()
	runtime.RegisterAppCallbackServer(server, o)
	return server
}
