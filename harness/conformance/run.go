package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"testing/fstest"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes/world"
)

// Resources are the Dapr resources that the cases are played with: two Redis
// components, one of them under a policy of maxRetries 3 that retries after 100 ms.
func Resources() []fs.FS {
	component := func(name string) string {
		return "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: " + name +
			"\nspec:\n  type: pubsub.redis\n  version: v1\n  metadata:\n" +
			"  - {name: redisHost, value: \"localhost:6379\"}\n" +
			"  - {name: processingTimeout, value: \"2000ms\"}\n  - {name: redeliverInterval, value: \"300\"}\n"
	}
	return []fs.FS{fstest.MapFS{
		"plain.yaml":    {Data: []byte(component(Plain))},
		"retrying.yaml": {Data: []byte(component(Retrying))},
		"resiliency.yaml": {Data: []byte("apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata:\n  name: conformance\nspec:\n" +
			"  policies:\n    retries:\n      three:\n        policy: constant\n        duration: 100ms\n        maxRetries: 3\n" +
			"  targets:\n    components:\n      " + Retrying + ":\n        inbound:\n          retry: three\n")},
	}}
}

// Publisher is the app that publishes each case's event.
const Publisher = "conformance-publisher"

// Run plays the cases in a world that was started with [Resources]: it attaches
// the apps, publishes one event for each case and waits until the world is
// settled. That some events stay pending is no error.
func Run(ctx context.Context, w *world.World, cases []Case) error {
	byApp := make(map[string][]Case)
	var apps []string
	for _, c := range cases {
		if byApp[c.AppID()] == nil {
			apps = append(apps, c.AppID())
		}
		byApp[c.AppID()] = append(byApp[c.AppID()], c)
	}
	for _, id := range apps {
		played := byApp[id]
		start := func(context.Context, world.Sidecar) (world.Endpoint, error) { return world.HTTP(httpApp(played)), nil }
		if played[0].Protocol == world.ProtocolGRPC {
			start = func(context.Context, world.Sidecar) (world.Endpoint, error) { return grpcApp(played), nil }
		}
		if err := w.AttachContext(ctx, id, start); err != nil {
			return fmt.Errorf("attach %s: %w", id, err)
		}
	}
	send := func(c Case) error {
		e := contract.Event{ID: c.EventID(), PubSub: c.Component(), Topic: c.Topic(), DataContentType: "application/json",
			Data: json.RawMessage(fmt.Sprintf(`{"case":%q}`, c.Name))}
		if err := w.SendFrom(ctx, Publisher, e); err != nil {
			return fmt.Errorf("case %s: %w", c.Name, err)
		}
		return nil
	}
	// One HTTP delivery at a time: daprd 1.16 keeps the handler of a request in a
	// field that all requests of the app share (D16 pkg/middleware/http/pipeline.go
	// http), so that of two at the same moment one may get the other's outcome.
	// What stays pending comes last, each in an app of its own.
	var last []Case
	for _, c := range cases {
		if c.Want.State == Pending || c.Protocol == world.ProtocolGRPC {
			last = append(last, c)
			continue
		}
		if err := send(c); err != nil {
			return err
		}
		if err := w.Settle(ctx); err != nil {
			return fmt.Errorf("case %s: %w", c.Name, err)
		}
	}
	for _, c := range last {
		if err := send(c); err != nil {
			return err
		}
	}
	if err := w.Settle(ctx); err != nil && !errors.Is(err, world.ErrPending) {
		return err
	}
	return nil
}

func httpApp(cases []Case) http.Handler {
	mux := http.NewServeMux()
	type subscription struct {
		PubSub     string `json:"pubsubname"`
		Topic      string `json:"topic"`
		Route      string `json:"route"`
		DeadLetter string `json:"deadLetterTopic,omitempty"`
	}
	var subscriptions []subscription
	for _, c := range cases {
		s := subscription{PubSub: c.Component(), Topic: c.Topic(), Route: "/" + c.Name}
		if c.DeadLetter {
			s.DeadLetter = c.DeadLetterTopic()
		}
		subscriptions = append(subscriptions, s)
		mux.HandleFunc("POST "+s.Route, func(w http.ResponseWriter, _ *http.Request) { c.Answer.HTTP(w) })
	}
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(subscriptions)
	})
	return mux
}

// callback is the gRPC app: Dapr's own interface, since the Go SDK's service
// cannot give every answer.
type callback struct {
	runtime.UnimplementedAppCallbackServer
	cases []Case
}

func grpcApp(cases []Case) world.Endpoint { return serveGRPC(callback{cases: cases}) }

// serveGRPC is an app that answers Dapr's own interface.
func serveGRPC(app runtime.AppCallbackServer) world.Endpoint {
	return serve(func(server *grpc.Server) { runtime.RegisterAppCallbackServer(server, app) })
}

// serve is an app with what register adds to its server.
func serve(register func(*grpc.Server)) world.Endpoint {
	listener := world.Listen()
	server := grpc.NewServer()
	register(server)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	return world.GRPC(listener).OnStop(func(context.Context) error {
		server.Stop()
		<-done
		return nil
	})
}

func (a callback) ListTopicSubscriptions(context.Context, *emptypb.Empty) (*runtime.ListTopicSubscriptionsResponse, error) {
	out := &runtime.ListTopicSubscriptionsResponse{}
	for _, c := range a.cases {
		s := &runtime.TopicSubscription{PubsubName: c.Component(), Topic: c.Topic()}
		if c.DeadLetter {
			s.DeadLetterTopic = c.DeadLetterTopic()
		}
		out.Subscriptions = append(out.Subscriptions, s)
	}
	return out, nil
}

func (a callback) OnTopicEvent(_ context.Context, in *runtime.TopicEventRequest) (*runtime.TopicEventResponse, error) {
	for _, c := range a.cases {
		if c.Topic() == in.GetTopic() {
			return c.Answer.GRPC()
		}
	}
	return nil, fmt.Errorf("no case for topic %s", in.GetTopic())
}
