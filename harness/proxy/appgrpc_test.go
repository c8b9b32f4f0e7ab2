package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	runtimev1pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/service/common"
	daprgrpc "github.com/dapr/go-sdk/service/grpc"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/proxy"
)

// callback is an app over gRPC, less the SDK: it sees and says anything.
type callback struct {
	runtimev1pb.UnimplementedAppCallbackServer
	onTopicEvent func(context.Context, *runtimev1pb.TopicEventRequest) (*runtimev1pb.TopicEventResponse, error)
	list         *runtimev1pb.ListTopicSubscriptionsResponse
}

func (c callback) OnTopicEvent(ctx context.Context, in *runtimev1pb.TopicEventRequest) (*runtimev1pb.TopicEventResponse, error) {
	return c.onTopicEvent(ctx, in)
}

func (c callback) ListTopicSubscriptions(context.Context, *emptypb.Empty) (*runtimev1pb.ListTopicSubscriptionsResponse, error) {
	if c.list == nil {
		return nil, status.Error(codes.Unimplemented, "none")
	}
	return c.list, nil
}

// serve starts a gRPC server and stops it with the test.
func serve(t *testing.T, l net.Listener, register func(*grpc.Server)) {
	t.Helper()
	s := grpc.NewServer(grpc.WaitForHandlers(true))
	register(s)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-done })
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithIdleTimeout(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// newGRPCApp is the proxy of a callback, and a connection as daprd has one.
func newGRPCApp(t *testing.T, cfg proxy.AppConfig, app callback) (*proxy.App, *world.Recorder, *grpc.ClientConn) {
	t.Helper()
	l := world.Listen()
	serve(t, l, func(s *grpc.Server) { runtimev1pb.RegisterAppCallbackServer(s, app) })
	a, r := newApp(t, world.ProtocolGRPC, cfg)
	if err := a.SetEndpoint(world.GRPC(l)); err != nil {
		t.Fatal(err)
	}
	return a, r, dial(t, a.Address())
}

func topicEvent(id string) *runtimev1pb.TopicEventRequest {
	return &runtimev1pb.TopicEventRequest{Id: id, Source: "orders", Type: "com.dapr.event.sent", SpecVersion: "1.0", DataContentType: "application/json",
		Data: []byte(`{"n":1}`), Topic: "orders", PubsubName: "pubsub", Path: "/orders"}
}

func TestAppGRPCAnswers(t *testing.T) {
	detailed, err := status.New(codes.ResourceExhausted, "too much").WithDetails(wrapperspb.String("of everything"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		status int32
		err    error
		want   string
		reason string
	}{
		{"success", 0, nil, "SUCCESS", "zero is success"},
		{"retry", 1, nil, "RETRY", "said so"},
		{"drop", 2, nil, "DROP", "said so"},
		{"unknown status", 7, nil, "status 7", "daprd retries an unknown number"},
		{"unavailable", 0, status.Error(codes.Unavailable, "busy"), "gRPC Unavailable", "said by the app, not by a broken connection"},
		{"unimplemented", 0, status.Error(codes.Unimplemented, "no such topic"), "gRPC Unimplemented", "daprd acknowledges it, which is not success"},
		{"details", 0, detailed.Err(), "gRPC ResourceExhausted", "the details pass too"},
		{"plain error", 0, io.ErrUnexpectedEOF, "gRPC Unknown", "what grpc-go makes of it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var mu sync.Mutex
			var got *runtimev1pb.TopicEventRequest
			var gotMD metadata.MD
			app := callback{onTopicEvent: func(ctx context.Context, in *runtimev1pb.TopicEventRequest) (*runtimev1pb.TopicEventResponse, error) {
				mu.Lock()
				defer mu.Unlock()
				got = in
				gotMD, _ = metadata.FromIncomingContext(ctx)
				_ = grpc.SetHeader(ctx, metadata.Pairs("x-header", "h"))
				_ = grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "t", "x-bin", "\x00\xff"))
				return &runtimev1pb.TopicEventResponse{Status: runtimev1pb.TopicEventResponse_TopicEventResponseStatus(test.status)}, test.err
			}}
			_, r, conn := newGRPCApp(t, proxy.AppConfig{}, app)
			var header, trailer metadata.MD
			ctx := metadata.NewOutgoingContext(context.Background(), metadata.Pairs("traceparent", "00-1", "many", "1", "many", "2", "some-bin", "\x00\x01"))
			sent := topicEvent("e1")
			answer, err := runtimev1pb.NewAppCallbackClient(conn).OnTopicEvent(ctx, sent, grpc.Header(&header), grpc.Trailer(&trailer))
			if want, _ := status.FromError(test.err); status.Code(err) != want.Code() || int32(answer.GetStatus()) != test.status {
				t.Errorf("daprd got %v, %v (%s)", answer, err, test.reason)
			}
			if test.name == "details" {
				if diff := cmp.Diff(detailed.Proto(), status.Convert(err).Proto(), protocmp.Transform()); diff != "" {
					t.Errorf("status (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff([]string{"t"}, trailer["x-trailer"]); diff != "" {
				t.Errorf("trailer (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"h"}, header["x-header"]); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			mu.Lock()
			defer mu.Unlock()
			if diff := cmp.Diff(sent, got, protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			for key, want := range map[string][]string{"traceparent": {"00-1"}, "many": {"1", "2"}, "some-bin": {"\x00\x01"}, "content-type": {"application/grpc"}, ":authority": {conn.CanonicalTarget()[len("passthrough:///"):]}} {
				if diff := cmp.Diff(want, gotMD[key]); diff != "" {
					t.Errorf("metadata %s (-want +got):\n%s", key, diff)
				}
			}
			wantLines(t, r, "delivered orders e1", "answered orders e1 "+test.want)
			if e := r.Journal().Entries()[0]; e.PubSub != "pubsub" || e.Route != "/orders" || e.Protocol != "grpc" || e.Event.Type != "com.dapr.event.sent" {
				t.Errorf("delivered entry: %+v", e)
			}
		})
	}
}

// TestAppGRPCService is an app made with the Go SDK.
func TestAppGRPCService(t *testing.T) {
	l := world.Listen()
	service := daprgrpc.NewServiceWithListener(l)
	sub := &common.Subscription{PubsubName: "pubsub", Topic: "orders", DeadLetterTopic: "orders.dead"}
	if err := service.AddTopicEventHandler(sub, func(context.Context, *common.TopicEvent) (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = service.Start() }()
	t.Cleanup(func() { _ = service.Stop(); <-done })
	a, r := newApp(t, world.ProtocolGRPC, proxy.AppConfig{})
	if err := a.SetEndpoint(world.GRPC(l)); err != nil {
		t.Fatal(err)
	}
	daprd := runtimev1pb.NewAppCallbackClient(dial(t, a.Address()))
	list, err := daprd.ListTopicSubscriptions(context.Background(), &emptypb.Empty{})
	if err != nil || len(list.GetSubscriptions()) != 1 {
		t.Fatalf("list: %v, %v", list, err)
	}
	want := []world.Subscription{{App: "consumer", PubSub: "pubsub", Topic: "orders", DeadLetterTopic: "orders.dead", Protocol: world.ProtocolGRPC, Kind: "programmatic"}}
	if diff := cmp.Diff(want, a.Subscriptions()); diff != "" {
		t.Errorf("subscriptions (-want +got):\n%s", diff)
	}
	event := topicEvent("e1")
	event.Path = ""
	if answer, err := daprd.OnTopicEvent(context.Background(), event); err != nil || answer.GetStatus() != 0 {
		t.Errorf("deliver: %v, %v", answer, err)
	}
	wantLines(t, r, "delivered orders e1", "answered orders e1 SUCCESS")
	if response, err := runtimev1pb.NewAppCallbackHealthCheckClient(dial(t, a.Address())).HealthCheck(context.Background(), &emptypb.Empty{}); status.Code(err) != codes.Unknown {
		t.Errorf("health check: %v, %v; want what the app says", response, err)
	}
}

func TestAppGRPCBreaks(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	tests := []struct {
		name     string
		endpoint world.Endpoint
		reason   string
	}{
		{"refused", world.Address(closed.Addr().String(), world.ProtocolGRPC), "nothing listens"},
		{"reset", world.Address(resetter(t), world.ProtocolGRPC), "the app closes the connection"},
		{"nobody", world.None, "no incarnation of the app is there"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, r := newApp(t, world.ProtocolGRPC, proxy.AppConfig{})
			if err := a.SetEndpoint(test.endpoint); err != nil {
				t.Fatal(err)
			}
			daprd := runtimev1pb.NewAppCallbackClient(dial(t, a.Address()))
			if _, err := daprd.OnTopicEvent(context.Background(), topicEvent("e1")); status.Code(err) != codes.Unavailable {
				t.Errorf("daprd got %v, want Unavailable (%s)", err, test.reason)
			}
			if _, err := daprd.ListTopicSubscriptions(context.Background(), &emptypb.Empty{}); status.Code(err) != codes.Unavailable {
				t.Errorf("daprd got %v, want Unavailable (%s)", err, test.reason)
			}
			if test.name == "nobody" {
				wantLines(t, r) // the app was not called
				return
			}
			wantLines(t, r, "delivered orders e1", "answered orders e1 no answer")
		})
	}
}

func TestAppGRPCFence(t *testing.T) {
	called, release := make(chan struct{}), make(chan struct{})
	a, r, conn := newGRPCApp(t, proxy.AppConfig{}, callback{onTopicEvent: func(context.Context, *runtimev1pb.TopicEventRequest) (*runtimev1pb.TopicEventResponse, error) {
		close(called)
		<-release
		return &runtimev1pb.TopicEventResponse{}, nil
	}})
	failed := make(chan error, 1)
	go func() {
		_, err := runtimev1pb.NewAppCallbackClient(conn).OnTopicEvent(context.Background(), topicEvent("e1"))
		failed <- err
	}()
	<-called
	a.Fence()
	if err := <-failed; status.Code(err) != codes.Unavailable {
		t.Errorf("daprd got %v, want Unavailable", err)
	}
	close(release)
	wantLines(t, r, "delivered orders e1", "answered orders e1 no answer")
}

func TestAppGRPCFaults(t *testing.T) {
	var armed faults.Armed
	var calls atomic.Int32
	_, r, conn := newGRPCApp(t, proxy.AppConfig{Faults: &armed}, callback{onTopicEvent: func(context.Context, *runtimev1pb.TopicEventRequest) (*runtimev1pb.TopicEventResponse, error) {
		calls.Add(1)
		return &runtimev1pb.TopicEventResponse{}, nil
	}})
	daprd := runtimev1pb.NewAppCallbackClient(conn)
	for _, f := range []faults.Fault{faults.LoseAnswer{}, faults.FailDelivery{}} {
		armed.Arm(f, 1)
		if _, err := daprd.OnTopicEvent(context.Background(), topicEvent("e1")); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), f.String()) {
			t.Errorf("%s: daprd got %v, want Unavailable that names the fault", f, err)
		}
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("the app was called %d times, want once", n)
	}
	wantLines(t, r, "delivered orders e1", "answered orders e1 SUCCESS", "fault-injected orders e1 LoseAnswer{}", "fault-injected orders e1 FailDelivery{}")
}

// TestAppGRPCPasses: methods and streams that the proxy knows nothing of.
func TestAppGRPCPasses(t *testing.T) {
	l := world.Listen()
	serve(t, l, func(s *grpc.Server) { s.RegisterService(&echoService, nil) })
	a, r := newApp(t, world.ProtocolGRPC, proxy.AppConfig{})
	if err := a.SetEndpoint(world.GRPC(l)); err != nil {
		t.Fatal(err)
	}
	echo(t, dial(t, a.Address()))
	wantLines(t, r)
}

// echoService has one method of each kind, with messages of a type of its own.
var echoService = grpc.ServiceDesc{ServiceName: "test.Echo", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{{
	StreamName: "Both", ServerStreams: true, ClientStreams: true,
	Handler: func(_ any, stream grpc.ServerStream) error {
		if err := stream.SendHeader(metadata.Pairs("x-header", "early")); err != nil {
			return err
		}
		stream.SetTrailer(metadata.Pairs("x-trailer", "late"))
		for {
			var in wrapperspb.StringValue
			if err := stream.RecvMsg(&in); errors.Is(err, io.EOF) {
				return status.Error(codes.DataLoss, "that was all")
			} else if err != nil {
				return err
			}
			if err := stream.SendMsg(wrapperspb.String("echo " + in.GetValue())); err != nil {
				return err
			}
		}
	},
}}}

// echo talks to an echoService in turns, so that each message must pass before
// the next is sent.
func echo(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	stream, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/test.Echo/Both")
	if err != nil {
		t.Fatal(err)
	}
	if header, err := stream.Header(); err != nil || len(header["x-header"]) != 1 {
		t.Errorf("header before the first message: %v, %v", header, err)
	}
	var got wrapperspb.StringValue
	for i := range 3 {
		if err := stream.SendMsg(wrapperspb.String(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(&got); err != nil || got.GetValue() != fmt.Sprint("echo ", i) {
			t.Fatalf("message %d: %q, %v", i, got.GetValue(), err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(&got); status.Code(err) != codes.DataLoss || status.Convert(err).Message() != "that was all" {
		t.Errorf("end: %v", err)
	}
	if trailer := stream.Trailer(); len(trailer["x-trailer"]) != 1 {
		t.Errorf("trailer: %v", trailer)
	}
	if err := conn.Invoke(context.Background(), "/test.Echo/Nothing", &emptypb.Empty{}, &emptypb.Empty{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("unknown method: %v", err)
	}
}

// TestAppGRPCDeadLetter: daprd says the subscribed topic; the event keeps the
// name under which it was published.
func TestAppGRPCDeadLetter(t *testing.T) {
	waited := make(chan string, 4)
	r := newRecorder(t, world.Config{})
	r.Publish(world.Publication{App: "orders", PubSub: "pubsub", Topic: "orders", Envelope: []byte(envelope("e1", "orders"))})
	_, _, conn := newGRPCApp(t, proxy.AppConfig{Recorder: r, Published: func(_ context.Context, _, topic, _ string) { waited <- topic }},
		callback{onTopicEvent: func(context.Context, *runtimev1pb.TopicEventRequest) (*runtimev1pb.TopicEventResponse, error) {
			return &runtimev1pb.TopicEventResponse{}, nil
		}})
	event := topicEvent("e1")
	event.Topic, event.Source = "orders.dead", "not the name under which it was published"
	event.Extensions, _ = structpb.NewStruct(map[string]any{"topic": "orders"})
	if _, err := runtimev1pb.NewAppCallbackClient(conn).OnTopicEvent(context.Background(), event); err != nil {
		t.Fatal(err)
	}
	wantLines(t, r, "published orders e1", "delivered orders.dead e1", "answered orders.dead e1 SUCCESS")
	if first, second := <-waited, <-waited; first != "orders.dead" || second != "orders" {
		t.Errorf("waited for %s and %s, want both topics", first, second)
	}
	if e := r.Journal().Entries()[1]; e.Cause != 1 || e.Event != r.Journal().Entries()[0].Event {
		t.Errorf("delivered entry: %+v", e)
	}
}

func TestAppGRPCBulk(t *testing.T) {
	l := world.Listen()
	serve(t, l, func(s *grpc.Server) { runtimev1pb.RegisterAppCallbackAlphaServer(s, bulkCallback{}) })
	a, r := newApp(t, world.ProtocolGRPC, proxy.AppConfig{})
	if err := a.SetEndpoint(world.GRPC(l)); err != nil {
		t.Fatal(err)
	}
	bulk := &runtimev1pb.TopicEventBulkRequest{Id: "b", Topic: "orders", PubsubName: "pubsub", Path: "/bulk"}
	for i := range 3 {
		bulk.Entries = append(bulk.Entries, &runtimev1pb.TopicEventBulkRequestEntry{EntryId: fmt.Sprint(i),
			Event: &runtimev1pb.TopicEventBulkRequestEntry_CloudEvent{CloudEvent: &runtimev1pb.TopicEventCERequest{Id: fmt.Sprint("e", i), Type: "t"}}})
	}
	if _, err := runtimev1pb.NewAppCallbackAlphaClient(dial(t, a.Address())).OnBulkTopicEventAlpha1(context.Background(), bulk); err != nil {
		t.Fatal(err)
	}
	wantLines(t, r, "delivered orders e0", "delivered orders e1", "delivered orders e2",
		"answered orders e0 SUCCESS", "answered orders e1 DROP", "answered orders e2 RETRY")
}

type bulkCallback struct {
	runtimev1pb.UnimplementedAppCallbackAlphaServer
}

func (bulkCallback) OnBulkTopicEventAlpha1(context.Context, *runtimev1pb.TopicEventBulkRequest) (*runtimev1pb.TopicEventBulkResponse, error) {
	return &runtimev1pb.TopicEventBulkResponse{Statuses: []*runtimev1pb.TopicEventBulkResponseEntry{
		{EntryId: "0"}, {EntryId: "1", Status: runtimev1pb.TopicEventResponse_DROP}}}, nil
}
