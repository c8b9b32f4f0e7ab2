package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	runtimev1pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// serveGRPC is what daprd calls.
func (a *App) serveGRPC(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	switch method {
	case runtimev1pb.AppCallback_OnTopicEvent_FullMethodName:
		return a.deliverGRPC(stream, method)
	case runtimev1pb.AppCallback_OnBulkTopicEvent_FullMethodName, runtimev1pb.AppCallbackAlpha_OnBulkTopicEventAlpha1_FullMethodName:
		return a.deliverBulkGRPC(stream, method)
	}
	in := a.begin()
	if in == nil {
		return a.nobody()
	}
	defer in.calls.Done()
	ctx, cancel := in.within(stream.Context())
	defer cancel()
	if method != runtimev1pb.AppCallback_ListTopicSubscriptions_FullMethodName {
		return a.unlessFenced(in, forward(withContext{stream, ctx}, method, in.conn))
	}
	var request frame
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	ctx, opts := onward(ctx)
	got := unary(ctx, in.conn, method, request.payload, opts...)
	switch {
	case got.err == nil:
		a.learnGRPC(got.payload)
	case status.Code(got.err) == codes.Unimplemented:
		a.learn([]subscription{})
	}
	return a.unlessFenced(in, got.pass(stream))
}

// withContext is a stream with a context that ends earlier.
type withContext struct {
	grpc.ServerStream
	ctx context.Context
}

func (s withContext) Context() context.Context { return s.ctx }

// nobody is what a caller sees of an app whose process is down.
func (a *App) nobody() error {
	return status.Errorf(codes.Unavailable, "the app %s is not there", a.cfg.AppID)
}

func (a *App) unlessFenced(in *incarnation, err error) error {
	if in.ctx.Err() != nil {
		return a.nobody()
	}
	return err
}

// grpcRequest is a call of daprd's, kept to be made, and made again.
type grpcRequest struct {
	method  string
	payload []byte
	md      metadata.MD // as it came in
}

func keepCall(stream grpc.ServerStream, method string) (*grpcRequest, error) {
	var f frame
	if err := stream.RecvMsg(&f); err != nil {
		return nil, err
	}
	md, _ := metadata.FromIncomingContext(stream.Context())
	return &grpcRequest{method, f.payload, md.Copy()}, nil
}

func (k *grpcRequest) send(ctx context.Context, in *incarnation) *unaryAnswer {
	ctx, opts := onward(metadata.NewIncomingContext(ctx, k.md))
	got := unary(ctx, in.conn, k.method, k.payload, opts...)
	return &got
}

// deliverGRPC passes one event.
func (a *App) deliverGRPC(stream grpc.ServerStream, method string) error {
	a.count(&a.open, 1)
	defer a.count(&a.open, -1)
	request, err := keepCall(stream, method)
	if err != nil {
		return err
	}
	var in runtimev1pb.TopicEventRequest
	if err := proto.Unmarshal(request.payload, &in); err != nil {
		return status.Errorf(codes.Internal, "eventproof cannot read daprd's TopicEventRequest: %v", err)
	}
	d := &delivery{record: world.Delivery{App: a.cfg.AppID, PubSub: in.GetPubsubName(), Topic: in.GetTopic(), Route: in.GetPath(),
		Protocol: string(world.ProtocolGRPC), Raw: a.isRawTopic(in.GetPubsubName(), in.GetTopic())}}
	// The envelope is not in the call, and is not made up: data, as daprd
	// decoded it, serves only to find the event's identity.
	d.record.Event = a.named(grpcEvent(&in))
	d.stated = in.GetExtensions().GetFields()["topic"].GetStringValue()
	d.call = func(ctx context.Context, in *incarnation) answer {
		got := request.send(ctx, in)
		return answer{text: grpcText(got), grpc: got}
	}
	got, fault := a.deliver(stream.Context(), d)
	return a.passGRPC(stream, got, fault)
}

func (a *App) passGRPC(stream grpc.ServerStream, got answer, fault faults.Fault) error {
	if fault != nil {
		return status.Errorf(codes.Unavailable, "connection broken by eventproof: %s", fault)
	}
	if got.grpc == nil {
		return a.nobody()
	}
	return got.grpc.pass(stream)
}

// grpcEvent is the event with what its name may be made of.
func grpcEvent(in *runtimev1pb.TopicEventRequest) contract.Event {
	e := contract.Event{ID: in.GetId(), Source: in.GetSource(), Type: in.GetType(), SpecVersion: in.GetSpecVersion(),
		DataContentType: in.GetDataContentType(), PubSub: in.GetPubsubName(), Topic: in.GetTopic()}
	if json.Valid(in.GetData()) {
		e.Data = in.GetData()
	}
	for name, value := range in.GetExtensions().GetFields() {
		if name == "topic" || name == "pubsubname" {
			continue
		}
		if e.Extensions == nil {
			e.Extensions = map[string]any{}
		}
		e.Extensions[strings.ToLower(name)] = value.AsInterface()
	}
	return e
}

// grpcText reads an answer as daprd does: dapr v1.16.0
// pkg/runtime/subscription/postman/grpc/grpc.go.
func grpcText(got *unaryAnswer) string {
	if got.err != nil {
		if !got.answered {
			return journal.NoAnswer
		}
		return "gRPC " + status.Code(got.err).String()
	}
	var response runtimev1pb.TopicEventResponse
	if proto.Unmarshal(got.payload, &response) != nil {
		return "gRPC " + codes.Internal.String() // what daprd's client makes of it
	}
	return grpcStatus(response.GetStatus())
}

func grpcStatus(s runtimev1pb.TopicEventResponse_TopicEventResponseStatus) string {
	switch s {
	case runtimev1pb.TopicEventResponse_SUCCESS:
		return journal.Success
	case runtimev1pb.TopicEventResponse_RETRY:
		return journal.Retry
	case runtimev1pb.TopicEventResponse_DROP:
		return journal.Drop
	}
	return fmt.Sprintf("status %d", int32(s))
}

// deliverBulkGRPC passes a bulk delivery and records each of its events.
func (a *App) deliverBulkGRPC(stream grpc.ServerStream, method string) error {
	a.count(&a.open, 1)
	defer a.count(&a.open, -1)
	request, err := keepCall(stream, method)
	if err != nil {
		return err
	}
	var bulk runtimev1pb.TopicEventBulkRequest
	if err := proto.Unmarshal(request.payload, &bulk); err != nil {
		return status.Errorf(codes.Internal, "eventproof cannot read daprd's TopicEventBulkRequest: %v", err)
	}
	var deliveries []*delivery
	var ids []string
	for _, entry := range bulk.GetEntries() {
		one := &runtimev1pb.TopicEventRequest{PubsubName: bulk.GetPubsubName(), Topic: bulk.GetTopic()}
		if ce := entry.GetCloudEvent(); ce != nil {
			one.Id, one.Source, one.Type, one.SpecVersion = ce.GetId(), ce.GetSource(), ce.GetType(), ce.GetSpecVersion()
			one.DataContentType, one.Data, one.Extensions = ce.GetDataContentType(), ce.GetData(), ce.GetExtensions()
		}
		deliveries = append(deliveries, &delivery{stated: one.GetExtensions().GetFields()["topic"].GetStringValue(),
			record: world.Delivery{App: a.cfg.AppID, PubSub: bulk.GetPubsubName(), Topic: bulk.GetTopic(), Route: bulk.GetPath(),
				Protocol: string(world.ProtocolGRPC), Raw: entry.GetCloudEvent() == nil, Event: a.named(grpcEvent(one))}})
		ids = append(ids, entry.GetEntryId())
	}
	got, fault := a.deliverBulk(stream.Context(), deliveries, func(ctx context.Context, in *incarnation) (answer, []string) {
		got := request.send(ctx, in)
		return answer{text: grpcText(got), grpc: got}, bulkGRPCTexts(got, ids)
	})
	return a.passGRPC(stream, got, fault)
}

// bulkGRPCTexts reads the answer to each entry as daprd does: one that is not
// mentioned is to come again.
func bulkGRPCTexts(got *unaryAnswer, ids []string) []string {
	if got.err != nil {
		return same(grpcText(got), len(ids))
	}
	var response runtimev1pb.TopicEventBulkResponse
	texts := same(journal.Retry, len(ids))
	if proto.Unmarshal(got.payload, &response) != nil {
		return texts
	}
	for _, s := range response.GetStatuses() {
		for i, id := range ids {
			if id == s.GetEntryId() {
				texts[i] = grpcStatus(s.GetStatus())
			}
		}
	}
	return texts
}
