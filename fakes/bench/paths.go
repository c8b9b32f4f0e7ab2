package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/dapr/components-contrib/pubsub"
	inmemory "github.com/dapr/components-contrib/pubsub/in-memory"
	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"github.com/dapr/kit/logger"
	gocloud "gocloud.dev/pubsub"
	"gocloud.dev/pubsub/mempubsub"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// path is one way of an event from a publisher to a handler.
type path struct {
	name string
	// carries is what its handler is handed.
	carries carried
	// open makes the path. handle is called with what the handler is handed.
	open func(envelope []byte, handle func([]byte)) (*opened, error)
}

// carried is what a handler is handed: the envelope but for the paths of gRPC, of
// which one's handler is handed the envelope's members in fields.
type carried int

const (
	theEnvelope carried = iota
	dataAlone
	nothing
)

// opened is a path that is ready.
type opened struct {
	publish func() error // one event
	// settled returns when all n events that were published so far are handled and
	// acknowledged; nil where publish does that itself.
	settled func(n int) error
	close   func() error
}

const (
	topic = "orders"
	data  = `{"amount":4200,"currency":"EUR","customer":{"id":"c-9","name":"Ada"},"lines":[{"count":2,"sku":"a-1"},{"count":1,"sku":"b-2"}],"order_id":"ord-17"}`
)

// event is the one that all paths carry.
var event = contract.Event{Type: "order.placed", Source: "orders", Topic: topic, Data: []byte(data)}

// paths are all, the fake's first.
func paths() []path {
	return []path{
		{"fake, direct", theEnvelope, fakeDirect},
		{"fake, direct, with its contract", theEnvelope, fakeWithContract},
		{"Watermill GoChannel", theEnvelope, watermillChannel},
		{"go-cloud mempubsub", theEnvelope, memPubSub},
		{"Dapr pubsub.in-memory", theEnvelope, daprInMemory},
		{"bare unary call", theEnvelope, bareCall},
		{"two bare calls", dataAlone, twoBareCalls},
		{"fake, go-sdk publish alone", nothing, fakePublish},
		{"fake, go-sdk publish to gRPC handler", dataAlone, fakeGRPC},
	}
}

// envelopeOf is the envelope that the fake hands a handler: the payload of all others.
func envelopeOf() ([]byte, error) {
	var got []byte
	p, err := fakeDirect(nil, func(b []byte) { got = bytes.Clone(b) })
	if err != nil {
		return nil, err
	}
	if err := p.publish(); err != nil {
		return nil, err
	}
	if err := p.settled(1); err != nil {
		return nil, err
	}
	return got, p.close()
}

// httpApp is an app that subscribes to the topic over HTTP.
func httpApp(handle func([]byte)) world.StartFunc {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"pubsubname":"pubsub","topic":"`+topic+`","route":"/orders"}]`)
	})
	var body bytes.Buffer // one call at a time
	mux.HandleFunc("POST /orders", func(_ http.ResponseWriter, r *http.Request) {
		body.Reset()
		_, _ = body.ReadFrom(r.Body)
		handle(body.Bytes())
	})
	return func(context.Context, world.Sidecar) (world.Endpoint, error) { return world.HTTP(mux), nil }
}

func open(cfg world.Config, app world.StartFunc) (*world.World, error) {
	ctx := context.Background()
	w, err := fakes.New(ctx, cfg)
	if err == nil && app != nil {
		err = w.AttachContext(ctx, "consumer", app)
	}
	return w, err
}

func fakeDirect(_ []byte, handle func([]byte)) (*opened, error) {
	return sending(world.Config{}, handle)
}

func sending(cfg world.Config, handle func([]byte)) (*opened, error) {
	w, err := open(cfg, httpApp(handle))
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	return &opened{close: w.Close, publish: func() error { return w.Send(ctx, event) }, settled: func(int) error { return w.Settle(ctx) }}, nil
}

func fakeWithContract(_ []byte, handle func([]byte)) (*opened, error) {
	catalog, err := contracts()
	if err != nil {
		return nil, err
	}
	return sending(world.Config{Contracts: catalog}, handle)
}

func watermillChannel(envelope []byte, handle func([]byte)) (*opened, error) {
	channel := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
	messages, err := channel.Subscribe(context.Background(), topic)
	if err != nil {
		return nil, err
	}
	var acknowledged tally
	go func() {
		for m := range messages {
			handle(m.Payload)
			m.Ack()
			acknowledged.add()
		}
	}()
	return &opened{close: channel.Close, settled: acknowledged.reach, publish: func() error {
		return channel.Publish(topic, message.NewMessage(watermill.NewUUID(), envelope))
	}}, nil
}

func memPubSub(envelope []byte, handle func([]byte)) (*opened, error) {
	ctx := context.Background()
	t := mempubsub.NewTopic()
	sub := mempubsub.NewSubscription(t, time.Minute)
	var acknowledged tally
	go func() {
		for {
			m, err := sub.Receive(ctx)
			if err != nil {
				return
			}
			handle(m.Body)
			m.Ack()
			acknowledged.add()
		}
	}()
	return &opened{
		publish: func() error { return t.Send(ctx, &gocloud.Message{Body: envelope}) },
		settled: acknowledged.reach,
		close: func() error {
			if err := t.Shutdown(ctx); err != nil {
				return err
			}
			return sub.Shutdown(ctx)
		}}, nil
}

func quietLogger() logger.Logger {
	l := logger.NewLogger("bench")
	l.SetOutputLevel(logger.FatalLevel)
	return l
}

func daprInMemory(envelope []byte, handle func([]byte)) (*opened, error) {
	ctx := context.Background()
	component := inmemory.New(quietLogger())
	if err := component.Init(ctx, pubsub.Metadata{}); err != nil {
		return nil, err
	}
	var acknowledged tally
	err := component.Subscribe(ctx, pubsub.SubscribeRequest{Topic: topic}, func(_ context.Context, m *pubsub.NewMessage) error {
		handle(m.Data)
		acknowledged.add()
		return nil
	})
	return &opened{close: component.Close, settled: acknowledged.reach, publish: func() error {
		return component.Publish(ctx, &pubsub.PublishRequest{Topic: topic, Data: envelope})
	}}, err
}

// bareServer answers the calls of both sides, and does nothing else.
type bareServer struct {
	runtime.UnimplementedDaprServer
	runtime.UnimplementedAppCallbackServer
	handle func([]byte)
}

func (s *bareServer) PublishEvent(_ context.Context, in *runtime.PublishEventRequest) (*emptypb.Empty, error) {
	s.handle(in.GetData())
	return &emptypb.Empty{}, nil
}

func (s *bareServer) OnTopicEvent(_ context.Context, in *runtime.TopicEventRequest) (*runtime.TopicEventResponse, error) {
	s.handle(in.GetData())
	return &runtime.TopicEventResponse{}, nil
}

// bare is a connection of its own to a bareServer, on a listener such as a
// sidecar has.
func bare(handle func([]byte)) (*grpc.ClientConn, func() error, error) {
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	runtime.RegisterDaprServer(server, &bareServer{handle: handle})
	runtime.RegisterAppCallbackServer(server, &bareServer{handle: handle})
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///bare",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithIdleTimeout(0))
	return conn, func() error {
		err := conn.Close()
		server.Stop()
		return err
	}, err
}

// bareCall is the call that the go-sdk's client makes, to a server that does
// nothing. What it carries is the envelope.
func bareCall(envelope []byte, handle func([]byte)) (*opened, error) {
	conn, end, err := bare(handle)
	if err != nil {
		return nil, err
	}
	dapr := runtime.NewDaprClient(conn)
	return &opened{close: end, publish: func() error { return publishTo(dapr, envelope) }}, nil
}

func publishTo(dapr runtime.DaprClient, data []byte) error {
	_, err := dapr.PublishEvent(context.Background(), &runtime.PublishEventRequest{PubsubName: "pubsub", Topic: topic, Data: data,
		DataContentType: "application/json", Metadata: metadata})
	return err
}

// twoBareCalls are the calls that a publish and its delivery are made of, with
// what they carry, to servers that do nothing.
func twoBareCalls(_ []byte, handle func([]byte)) (*opened, error) {
	sidecar, endSidecar, err := bare(func([]byte) {})
	if err != nil {
		return nil, err
	}
	app, endApp, err := bare(handle)
	if err != nil {
		return nil, errors.Join(err, endSidecar())
	}
	dapr, callback := runtime.NewDaprClient(sidecar), runtime.NewAppCallbackClient(app)
	return &opened{close: func() error { return errors.Join(endSidecar(), endApp()) }, publish: func() error {
		if err := publishTo(dapr, []byte(data)); err != nil {
			return err
		}
		_, err := callback.OnTopicEvent(delivered(context.Background()), topicEvent())
		return err
	}}, nil
}

// delivered is a context with the headers of a delivery by daprd.
func delivered(ctx context.Context) context.Context {
	pairs := []string{"pubsubName", "pubsub"}
	for name, value := range metadata {
		pairs = append(pairs, name, value)
	}
	return grpcmetadata.AppendToOutgoingContext(ctx, pairs...)
}

// topicEvent is the event as a gRPC app gets it.
func topicEvent() *runtime.TopicEventRequest {
	const noTrace = "00-00000000000000000000000000000000-0000000000000000-00"
	text := structpb.NewStringValue
	return &runtime.TopicEventRequest{Id: "6f1a6f0e-5c0f-4a7e-9a57-0d3a0f6f2b11", Source: event.Source, Type: event.Type, SpecVersion: "1.0", DataContentType: "application/json",
		Data: []byte(data), Topic: topic, PubsubName: "pubsub", Path: "", Extensions: &structpb.Struct{Fields: map[string]*structpb.Value{
			"pubsubname": text("pubsub"), "time": text("2026-01-01T00:00:00Z"), "topic": text(topic), "traceid": text(noTrace),
			"traceparent": text(noTrace), "tracestate": text("")}}}
}

// metadata makes the event that of World.Send; the sidecar draws its id.
var metadata = map[string]string{"cloudevent.type": event.Type, "cloudevent.source": event.Source}

func publishing(w *world.World) (func() error, error) {
	ctx := context.Background()
	s, err := w.Sidecar(ctx, "orders")
	if err != nil {
		return nil, err
	}
	return func() error {
		return s.Client().PublishEvent(ctx, "pubsub", topic, []byte(data), client.PublishEventWithContentType("application/json"),
			client.PublishEventWithMetadata(metadata))
	}, nil
}

// fakePublish is a publish of which nobody reads the topic.
func fakePublish(_ []byte, _ func([]byte)) (*opened, error) {
	w, err := open(world.Config{}, nil)
	if err != nil {
		return nil, err
	}
	publish, err := publishing(w)
	return &opened{publish: publish, close: w.Close}, err
}

// appServer is an app with a gRPC handler.
type appServer struct {
	runtime.UnimplementedAppCallbackServer
	handle func([]byte)
}

func (s *appServer) ListTopicSubscriptions(context.Context, *emptypb.Empty) (*runtime.ListTopicSubscriptionsResponse, error) {
	return &runtime.ListTopicSubscriptionsResponse{Subscriptions: []*runtime.TopicSubscription{{PubsubName: "pubsub", Topic: topic}}}, nil
}

func (s *appServer) OnTopicEvent(_ context.Context, in *runtime.TopicEventRequest) (*runtime.TopicEventResponse, error) {
	if in.GetType() != event.Type {
		return nil, fmt.Errorf("event of type %s", in.GetType())
	}
	s.handle(in.GetData()) // a gRPC app gets the envelope as fields
	return &runtime.TopicEventResponse{}, nil
}

func fakeGRPC(_ []byte, handle func([]byte)) (*opened, error) {
	w, err := open(world.Config{}, func(context.Context, world.Sidecar) (world.Endpoint, error) {
		listener := world.Listen()
		server := grpc.NewServer()
		runtime.RegisterAppCallbackServer(server, &appServer{handle: handle})
		go func() { _ = server.Serve(listener) }()
		return world.GRPC(listener).OnStop(func(context.Context) error { server.Stop(); return nil }), nil
	})
	if err != nil {
		return nil, err
	}
	publish, err := publishing(w)
	return &opened{close: w.Close, publish: publish, settled: func(int) error { return w.Settle(context.Background()) }}, err
}

// tally counts what was acknowledged.
type tally struct {
	mu      sync.Mutex
	n, want int
	reached chan struct{}
}

func (t *tally) add() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n++; t.n == t.want {
		close(t.reached)
	}
}

// reach returns when n were acknowledged.
func (t *tally) reach(n int) error {
	t.mu.Lock()
	if t.n >= n {
		t.mu.Unlock()
		return nil
	}
	t.want, t.reached = n, make(chan struct{})
	t.mu.Unlock()
	<-t.reached
	return nil
}
