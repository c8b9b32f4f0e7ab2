package fakes_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"

	"github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"
	daprhttp "github.com/dapr/go-sdk/service/http"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

func withMetadata(metadata map[string]string) client.PublishEventOption {
	return client.PublishEventWithMetadata(metadata)
}

var sub = &common.Subscription{PubsubName: "pubsub", Topic: "orders", Route: "/orders", DeadLetterTopic: "dead"}

func TestGoSDKServices(t *testing.T) {
	for _, c := range []struct {
		name   string
		start  func(handler common.TopicEventHandler) world.StartFunc
		failed string // the answer to an error that may be retried
	}{
		{"http", func(handler common.TopicEventHandler) world.StartFunc {
			return func(context.Context, world.Sidecar) (world.Endpoint, error) {
				mux := chi.NewRouter()
				service := daprhttp.NewServiceWithMux(world.NoPort, mux)
				err := service.AddTopicEventHandler(sub, handler)
				return world.HTTPService(service, mux), err
			}
		}, "RETRY"},
		{"grpc", grpcConsumer, "gRPC Unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{})
				var got []string
				w.Attach("consumer", c.start(func(_ context.Context, e *common.TopicEvent) (bool, error) {
					got = append(got, e.ID)
					switch e.ID {
					case "drop":
						return false, errors.New("never")
					case "retry":
						return true, errors.New("not now")
					}
					return false, nil
				}))
				send(t, w, event("fine", "orders"), event("drop", "orders"), event("retry", "orders"))
				settle(t, w)
				require.Equal(t, []string{"fine", "drop", "retry"}, got)
				require.Equal(t, "published delivered answered(SUCCESS) acknowledged", told(w, "fine"))
				require.Equal(t, "published delivered answered(DROP) dead-lettered(dead) acknowledged", told(w, "drop"))
				require.Equal(t, "published delivered answered("+c.failed+") dead-lettered(dead) acknowledged", told(w, "retry"))
			})
		})
	}
}

func TestAnAppThatListensByItself(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	app := &inbox{subscriptions: []subscription{on("orders")}}
	e, err := app.start(t.Context(), nil)
	require.NoError(t, err)
	server := httptest.NewServer(e.Handler)
	t.Cleanup(server.Close)
	w.Attach("consumer", func(context.Context, world.Sidecar) (world.Endpoint, error) {
		return world.Address(server.Listener.Addr().String(), world.ProtocolHTTP), nil
	})
	send(t, w, event("1", "orders"))
	settle(t, w)
	require.Equal(t, []string{"1"}, app.ids())
}

// TestAppProgram is the program of TestACommand: not a test of its own.
func TestAppProgram(t *testing.T) {
	if os.Getenv("EVENTPROOF_TEST_PROGRAM") == "" {
		t.Skip("run by TestACommand")
	}
	port, daprPort := os.Getenv("APP_PORT"), os.Getenv("DAPR_HTTP_PORT")
	app := &inbox{subscriptions: []subscription{on("orders")}, answer: func(w http.ResponseWriter, r *http.Request, _ contract.Event) {
		response, err := http.Post("http://127.0.0.1:"+daprPort+"/v1.0/publish/pubsub/paid?metadata.cloudevent.id=2", "application/json", nil)
		if err != nil || response.StatusCode != http.StatusNoContent {
			http.Error(w, "publish failed", http.StatusInternalServerError)
		}
	}}
	e, _ := app.start(t.Context(), nil)
	_ = http.ListenAndServe("127.0.0.1:"+port, e.Handler)
}

func TestACommand(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	w.Attach("program", func(context.Context, world.Sidecar) (world.Endpoint, error) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAppProgram$")
		cmd.Env = append(os.Environ(), "EVENTPROOF_TEST_PROGRAM=1")
		return world.Command(cmd, world.ProtocolHTTP), nil
	})
	paid := &inbox{subscriptions: []subscription{on("paid")}}
	w.Attach("consumer", paid.start)
	send(t, w, event("1", "orders"))
	settle(t, w)
	require.Equal(t, "published delivered answered(SUCCESS) acknowledged", told(w, "1"))
	require.Equal(t, []string{"2"}, paid.ids())
}

func TestAProgramThatEndsIsNamed(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	err := w.AttachContext(t.Context(), "program", func(context.Context, world.Sidecar) (world.Endpoint, error) {
		return world.Command(exec.Command(os.Args[0], "-test.run=^$", "-test.v"), world.ProtocolHTTP), nil
	})
	require.ErrorContains(t, err, "ended before it listened on APP_PORT")
	require.NoError(t, w.AttachContext(t.Context(), "program", func(context.Context, world.Sidecar) (world.Endpoint, error) { return world.None, nil }),
		"an app that could not be attached can be attached again")
}

func TestRestartForgetsWhatWasInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		starts := 0
		var old client.Client
		entered := make(chan struct{}, 1)
		w.Attach("consumer", func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
			starts++
			incarnation := starts
			if incarnation == 1 {
				old = s.Client()
			}
			return (&inbox{subscriptions: []subscription{on("orders")}, answer: func(_ http.ResponseWriter, r *http.Request, _ contract.Event) {
				if incarnation == 1 {
					entered <- struct{}{}
					<-r.Context().Done()
				}
			}}).start(ctx, s)
		})
		send(t, w, event("1", "orders"))
		<-entered
		require.NoError(t, w.Restart(t.Context(), "consumer"))
		settle(t, w)
		require.Equal(t, 2, starts)
		require.Equal(t, "published delivered answered(no answer) pending delivered answered(SUCCESS) acknowledged", told(w, "1"))
		require.Error(t, old.PublishEvent(t.Context(), "pubsub", "orders", "late"), "the sidecar of an incarnation that ended is gone")
	})
}

func TestMisuseOfAttach(t *testing.T) {
	none := func(context.Context, world.Sidecar) (world.Endpoint, error) { return world.None, nil }
	w := fakes.Start(t, world.Config{})
	require.NoError(t, w.AttachContext(t.Context(), "a", none))
	require.EqualError(t, w.AttachContext(t.Context(), "a", none), `app "a" is attached already; Restart starts it anew`)
	require.EqualError(t, w.AttachContext(t.Context(), "", none), "the app id is empty")
	require.EqualError(t, w.Restart(t.Context(), "b"), `no app "b" is attached; attached are [a]`)
	require.ErrorContains(t, w.AttachContext(t.Context(), "nil", func(context.Context, world.Sidecar) (world.Endpoint, error) { return world.HTTP(nil), nil }), "the handler is nil")
	require.ErrorContains(t, w.AttachContext(t.Context(), "own port", func(context.Context, world.Sidecar) (world.Endpoint, error) {
		return world.Address("5005", world.ProtocolHTTP), nil
	}), "want host:port")
	require.NoError(t, w.Close())
	require.EqualError(t, w.AttachContext(t.Context(), "late", none), "the world is closed")
}

func TestAPublishThroughAnotherAppsSidecarIsAFinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		var shared client.Client // what client.NewClient() would give both apps
		app := func(topic string) world.StartFunc {
			return func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
				if shared == nil {
					shared = s.Client()
				}
				return (&inbox{subscriptions: []subscription{on(topic)}, answer: func(_ http.ResponseWriter, r *http.Request, _ contract.Event) {
					if topic != "done" {
						_ = shared.PublishEvent(r.Context(), "pubsub", "done", "x")
					}
				}}).start(ctx, s)
			}
		}
		w.Attach("first", app("a"))
		w.Attach("second", app("b"))
		send(t, w, event("1", "a"))
		settle(t, w)
		require.Empty(t, w.Violations())
		w.Expect(contract.RuleForeignApp)
		send(t, w, event("2", "b"))
		settle(t, w)
		require.Len(t, w.Violations(), 1)
		require.Equal(t, "second calls Dapr through the sidecar of first", w.Violations()[0].What)
	})
}
