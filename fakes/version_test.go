package fakes_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// byVersion runs a test for each version, with what is wanted of it.
func byVersion[T any](t *testing.T, want116, want117 T, run func(t *testing.T, cfg world.Config, want T)) {
	t.Helper()
	for _, c := range []struct {
		version string
		want    T
	}{{"1.16", want116}, {"1.17", want117}} {
		t.Run(c.version, func(t *testing.T) {
			bubble(t, func(t *testing.T) { run(t, world.Config{Dapr: c.version}, c.want) })
		})
	}
}

func TestVersionsDifferInWhatRedisDoesWithAFailure(t *testing.T) {
	clocks := world.Clocks{ProcessingTimeout: time.Second, RedeliverInterval: 300 * time.Millisecond}
	for _, c := range []struct {
		name, reason     string
		answer           func(http.ResponseWriter, *http.Request, contract.Event)
		want116, want117 string
	}{
		{"a failure", "acknowledged, and lost", answer(500),
			"published delivered answered(HTTP 500) pending delivered answered(HTTP 500) pending delivered answered(HTTP 500) pending",
			"published delivered answered(HTTP 500) dropped acknowledged"},
		{"a failure after processingTimeout", "the message's context has ended: it stays pending", func(w http.ResponseWriter, r *http.Request, _ contract.Event) {
			time.Sleep(1100 * time.Millisecond) //nolint:forbidigo // in a bubble: virtual time
			w.WriteHeader(500)
		}, "published delivered answered(HTTP 500) pending delivered answered(HTTP 500) pending delivered answered(HTTP 500) pending",
			"published delivered answered(HTTP 500) pending delivered answered(HTTP 500) pending delivered answered(HTTP 500) pending"},
	} {
		t.Run(c.name, func(t *testing.T) {
			byVersion(t, c.want116, c.want117, func(t *testing.T, cfg world.Config, want string) {
				cfg.Clocks = clocks
				w := fakes.Start(t, cfg)
				w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders")}, answer: c.answer}).start)
				send(t, w, event("1", "orders"))
				err := w.Settle(t.Context())
				require.Equal(t, want, told(w, "1"), c.reason)
				if strings.HasSuffix(want, "pending") {
					require.ErrorIs(t, err, world.ErrPending)
				} else {
					require.NoError(t, err)
				}
			})
		})
	}
}

func TestVersionsDifferInWhatAPayloadThatIsNoEventBecomes(t *testing.T) {
	byVersion(t, journal.Pending, journal.Acknowledged, func(t *testing.T, cfg world.Config, want journal.Kind) {
		cfg.Horizon = time.Second
		w := fakes.Start(t, cfg)
		w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders")}}).start)
		s, err := w.Sidecar(t.Context(), "consumer")
		require.NoError(t, err)
		require.NoError(t, s.Client().PublishEvent(t.Context(), "pubsub", "orders", []byte("no JSON"), withMetadata(map[string]string{"rawPayload": "true"})))
		_ = w.Settle(t.Context())
		all := w.Journal().Entries()
		require.Equal(t, want, all[len(all)-1].Kind)
	})
}

func TestVersionsDifferInNotFound(t *testing.T) {
	byVersion(t, "published delivered answered(HTTP 404) dropped acknowledged", "published delivered answered(HTTP 404) dead-lettered(dead) acknowledged",
		func(t *testing.T, cfg world.Config, want string) {
			w := fakes.Start(t, cfg)
			w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders").deadLetter("dead")}, answer: answer(404)}).start)
			send(t, w, event("1", "orders"))
			settle(t, w)
			require.Equal(t, want, told(w, "1"))
		})
}

func TestVersionsDifferInMemory(t *testing.T) {
	type seen struct {
		deliveries        int
		header, overtaken string // publish metadata, subscription metadata
	}
	byVersion(t, seen{10, "", "subscription's"}, seen{1, "publisher's", ""}, func(t *testing.T, cfg world.Config, want seen) {
		w := startInMemory(t, cfg)
		var got seen
		on := on("orders")
		on.Metadata = map[string]string{"overtaken": "subscription's"}
		w.Attach("app", (&inbox{subscriptions: []subscription{on}, answer: func(w http.ResponseWriter, r *http.Request, _ contract.Event) {
			got.deliveries++
			got.header, got.overtaken = r.Header.Get("header"), r.Header.Get("overtaken")
			w.WriteHeader(500)
		}}).start)
		s, err := w.Sidecar(t.Context(), "app")
		require.NoError(t, err)
		require.NoError(t, s.Client().PublishEvent(t.Context(), "pubsub", "orders", "x", withMetadata(map[string]string{"header": "publisher's"})))
		settle(t, w)
		require.Equal(t, want, got)
		all := w.Journal().Entries()
		require.Equal(t, journal.Acknowledged, all[len(all)-1].Kind)
	})
}

// binary publishes a CloudEvent in binary mode, as another program puts it on
// the broker.
func binary(t *testing.T, w *world.World) {
	t.Helper()
	s, err := w.Sidecar(t.Context(), "publisher")
	require.NoError(t, err)
	require.NoError(t, s.Client().PublishEvent(t.Context(), "pubsub", "orders", []byte("\x00bytes"), withMetadata(map[string]string{
		"rawPayload": "true", "content-type": "application/octet-stream", "ce_id": "1", "CE_Type": "order.paid", "ce_source": "elsewhere"})))
}

func TestVersionsDifferInBinaryEvents(t *testing.T) {
	byVersion(t, "", "\x00bytes", func(t *testing.T, cfg world.Config, want string) {
		w := fakes.Start(t, cfg)
		got, path, contentType := "", "", ""
		subscribed := subscription{PubSub: "pubsub", Topic: "orders", DeadLetter: "dead",
			Routes: map[string]any{"rules": []map[string]string{{"match": `event.type == "order.paid"`, "path": "/paid"}}, "default": "/other"}}
		w.Attach("consumer", func(context.Context, world.Sidecar) (world.Endpoint, error) {
			mux := http.NewServeMux()
			mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode([]subscription{subscribed})
			})
			mux.HandleFunc("POST /", func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got, path, contentType = string(body), r.URL.Path, r.Header.Get("Content-Type")
			})
			return world.HTTP(mux), nil
		})
		binary(t, w)
		settle(t, w)
		require.Equal(t, want, got, "an HTTP app gets the bare data")
		if want != "" {
			require.Equal(t, "/paid", path, "the attributes are there for routing")
			require.Equal(t, "application/cloudevents+json", contentType)
			for _, e := range w.Journal().Entries() {
				if e.Kind == journal.Delivered {
					require.Equal(t, "1", e.Event.ID)
					require.Contains(t, string(e.Data), `"type":"order.paid"`)
				}
			}
		}
	})
}

// callback is a gRPC app that is not the SDK's.
type callback struct {
	runtime.UnimplementedAppCallbackServer
	bulk   bool
	got    []*runtime.TopicEventRequest
	called string
}

func (c *callback) ListTopicSubscriptions(context.Context, *emptypb.Empty) (*runtime.ListTopicSubscriptionsResponse, error) {
	return &runtime.ListTopicSubscriptionsResponse{Subscriptions: []*runtime.TopicSubscription{{PubsubName: "pubsub", Topic: "orders",
		BulkSubscribe: &runtime.BulkSubscribeConfig{Enabled: c.bulk}, DeadLetterTopic: "dead"}}}, nil
}

func (c *callback) OnTopicEvent(_ context.Context, in *runtime.TopicEventRequest) (*runtime.TopicEventResponse, error) {
	c.got = append(c.got, in)
	return &runtime.TopicEventResponse{}, nil
}

// stable knows both methods, and alpha only the older one.
type stable struct{ *callback }

func (s stable) OnBulkTopicEvent(ctx context.Context, in *runtime.TopicEventBulkRequest) (*runtime.TopicEventBulkResponse, error) {
	s.called = "stable"
	return succeed(in), nil
}

type alpha struct {
	runtime.UnimplementedAppCallbackAlphaServer
	*callback
}

func (a alpha) OnBulkTopicEventAlpha1(_ context.Context, in *runtime.TopicEventBulkRequest) (*runtime.TopicEventBulkResponse, error) {
	a.called = "alpha"
	return succeed(in), nil
}

func succeed(in *runtime.TopicEventBulkRequest) *runtime.TopicEventBulkResponse {
	out := &runtime.TopicEventBulkResponse{}
	for _, e := range in.GetEntries() {
		out.Statuses = append(out.Statuses, &runtime.TopicEventBulkResponseEntry{EntryId: e.GetEntryId()})
	}
	return out
}

// serve starts the app, of which it is all the server.
func serve(c *callback, server runtime.AppCallbackServer) world.StartFunc {
	return func(context.Context, world.Sidecar) (world.Endpoint, error) {
		listener := world.Listen()
		s := grpc.NewServer()
		runtime.RegisterAppCallbackServer(s, server)
		runtime.RegisterAppCallbackAlphaServer(s, alpha{callback: c})
		go func() { _ = s.Serve(listener) }()
		return world.GRPC(listener).OnStop(func(context.Context) error { s.Stop(); return nil }), nil
	}
}

func TestVersionsDifferInBinaryEventsForAGRPCApp(t *testing.T) {
	byVersion(t, false, true, func(t *testing.T, cfg world.Config, want bool) {
		w := fakes.Start(t, cfg)
		c := &callback{}
		w.Attach("consumer", serve(c, c))
		binary(t, w)
		settle(t, w)
		require.Equal(t, want, len(c.got) == 1)
		if want {
			e := c.got[0]
			require.Equal(t, []string{"1", "order.paid", "elsewhere", "application/octet-stream"}, []string{e.GetId(), e.GetType(), e.GetSource(), e.GetDataContentType()})
			require.Empty(t, e.GetData(), "daprd loses it: no case for bytes of this content type")
		}
	})
}

func TestVersionsDifferInAnEventThatIsSaidToBeBinary(t *testing.T) {
	byVersion(t, []string{"1", "{}"}, []string{"", ""}, func(t *testing.T, cfg world.Config, want []string) {
		w := fakes.Start(t, cfg)
		c := &callback{}
		w.Attach("consumer", serve(c, c))
		s, err := w.Sidecar(t.Context(), "publisher")
		require.NoError(t, err)
		require.NoError(t, s.Client().PublishEvent(t.Context(), "pubsub", "orders", struct{}{},
			withMetadata(map[string]string{"cloudevent.id": "1", "content-type": "application/octet-stream"})))
		settle(t, w)
		require.Len(t, c.got, 1)
		require.Equal(t, want, []string{c.got[0].GetId(), string(c.got[0].GetData())}, "1.17 looks for its attributes in the metadata")
	})
}

func TestVersionsDifferInOverrides(t *testing.T) {
	byVersion(t, "", "order 1", func(t *testing.T, cfg world.Config, want string) {
		w := fakes.Start(t, cfg)
		s, err := w.Sidecar(t.Context(), "publisher")
		require.NoError(t, err)
		require.NoError(t, s.Client().PublishEvent(t.Context(), "pubsub", "orders", "x",
			withMetadata(map[string]string{"CloudEvent.Subject": "order 1", "cloudevent.time": "1999-01-01T00:00:00Z"})))
		held, err := w.Topic(t.Context(), "pubsub", "orders")
		require.NoError(t, err)
		var event map[string]string
		require.NoError(t, json.Unmarshal(held[0], &event))
		require.Equal(t, want, event["subject"])
		require.NotEqual(t, "1999-01-01T00:00:00Z", event["time"], "of neither version")
	})
}

func TestVersionsDifferInTraceContext(t *testing.T) {
	const zeros = "00-00000000000000000000000000000000-0000000000000000-00"
	type seen struct {
		trace string
		raw   bool // in a raw payload's metadata
	}
	byVersion(t, seen{zeros, false}, seen{"", true}, func(t *testing.T, cfg world.Config, want seen) {
		w := fakes.Start(t, cfg)
		s, err := w.Sidecar(t.Context(), "publisher")
		require.NoError(t, err)
		require.NoError(t, s.Client().PublishEvent(t.Context(), "pubsub", "orders", "x"))
		require.NoError(t, s.Client().PublishEvent(t.Context(), "pubsub", "orders", "x", withMetadata(map[string]string{"rawPayload": "true"})))
		held, err := w.Topic(t.Context(), "pubsub", "orders")
		require.NoError(t, err)
		var event map[string]string
		require.NoError(t, json.Unmarshal(held[0], &event))
		all := w.Journal().Entries()
		_, raw := all[len(all)-1].Metadata["traceid"]
		require.Equal(t, want, seen{event["traceparent"], raw})
		require.Equal(t, event["traceid"], event["traceparent"])
	})
}

func TestVersionsDifferInBulkPublish(t *testing.T) {
	byVersion(t, false, true, func(t *testing.T, cfg world.Config, want bool) {
		w := fakes.Start(t, cfg)
		s, err := w.Sidecar(t.Context(), "publisher")
		require.NoError(t, err)
		out := s.Client().PublishEvents(t.Context(), "pubsub", "orders", []any{"a", "b"})
		require.Equal(t, want, out.Error == nil, "%v", out.Error)
		held, err := w.Topic(t.Context(), "pubsub", "orders")
		require.NoError(t, err)
		require.Equal(t, want, len(held) == 2)
	})
}

func TestVersionsDifferInBulkPublishOverHTTP(t *testing.T) {
	for _, c := range []struct {
		version string
		want    int
	}{{"1.16", http.StatusNotFound}, {"1.17", http.StatusNoContent}} {
		t.Run(c.version, func(t *testing.T) { // on a port, so in no bubble
			w := fakes.Start(t, world.Config{Dapr: c.version})
			s, err := w.Sidecar(t.Context(), "publisher")
			require.NoError(t, err)
			response, err := http.Post("http://"+s.HTTPAddress()+"/v1.0/publish/bulk/pubsub/orders", "application/json",
				strings.NewReader(`[{"entryId":"1","event":"a","contentType":"text/plain"}]`))
			require.NoError(t, err)
			defer response.Body.Close()
			require.Equal(t, c.want, response.StatusCode, "1.16 takes bulk for the pubsub's name")
		})
	}
}

func TestVersionsDifferInTheBulkMethodOfAnApp(t *testing.T) {
	byVersion(t, [2]string{"alpha", "alpha"}, [2]string{"stable", "alpha"}, func(t *testing.T, cfg world.Config, want [2]string) {
		w := fakes.Start(t, cfg)
		both, older := &callback{bulk: true}, &callback{bulk: true}
		w.Attach("both", serve(both, stable{both}))
		w.Attach("older", serve(older, older))
		send(t, w, event("1", "orders"))
		settle(t, w)
		require.Equal(t, want, [2]string{both.called, older.called})
	})
}

func TestVersionsDifferInWhatTheyReport(t *testing.T) {
	byVersion(t, "1.16.0", "1.17.0", func(t *testing.T, cfg world.Config, want string) {
		w := fakes.Start(t, cfg)
		s, err := w.Sidecar(t.Context(), "app")
		require.NoError(t, err)
		out, err := runtime.NewDaprClient(s.Client().GrpcClientConn()).GetMetadata(t.Context(), &runtime.GetMetadataRequest{})
		require.NoError(t, err)
		require.Equal(t, want, out.GetRuntimeVersion())
		require.Equal(t, "the fake's "+cfg.Dapr, w.Journal().Head().Versions["dapr"])
	})
}
