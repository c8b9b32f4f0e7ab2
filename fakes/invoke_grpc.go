package fakes

import (
	"context"
	"errors"
	"strconv"

	common "github.com/dapr/dapr/pkg/proto/common/v1"
	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/eventproof/eventproof/fakes/world"
)

// InvokeService calls a method of an app. Every error is tried again where the
// policy has retries: its matching is not looked at.
//
// Source: dapr v1.16.0 pkg/api/grpc/grpc.go InvokeService.
func (d *daprServer) InvokeService(ctx context.Context, in *runtime.InvokeServiceRequest) (*common.InvokeResponse, error) {
	s := d.sidecar
	leave, ok := s.enter()
	if !ok {
		return nil, status.Error(codes.Unavailable, "the sidecar is closed")
	}
	defer leave()
	if why := s.world.uninvokable(); why != "" {
		return nil, status.Error(codes.Unimplemented, why)
	}
	md, _ := metadata.FromIncomingContext(ctx)
	md = world.WithoutCause(md)
	if err := echoBaggage(ctx, md); err != nil {
		return nil, err
	}
	message := in.GetMessage()
	call := &invocation{message: message != nil, method: message.GetMethod(), contentType: message.GetContentType(), typeURL: message.GetData().GetTypeUrl(),
		data: message.GetData().GetValue(), sized: true, span: spanOfMetadata(md), cause: s.cause(ctx), metadata: metadataOf(md)}
	if extension := message.GetHttpExtension(); extension != nil {
		call.extension, call.verb, call.query = true, extension.GetVerb(), extension.GetQuerystring()
	}
	out, err := run(ctx, s.endpointPolicy(in.GetId(), in.GetId()+":"+call.method), func(ctx context.Context) (*invoked, error) {
		out, err := s.call(ctx, in.GetId(), call)
		switch {
		case err != nil:
			return nil, notInvoked(in.GetId(), err)
		case out.streamed:
			return nil, status.Error(codes.Unavailable, "daprd 1.16 panics here: its own app's stream of events cannot be an answer of InvokeService")
		}
		return out, out.grpcError()
	})
	if out != nil {
		headers := out.headers.toGRPC(call.span, true)
		if out.isHTTP() {
			headers.Set(httpStatusHeader, strconv.Itoa(out.status))
		}
		_ = grpc.SetHeader(ctx, headers)
		if !out.isHTTP() {
			_ = grpc.SetTrailer(ctx, out.trailers.toGRPC(call.span, false))
		}
	}
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return nil, status.FromContextError(err).Err()
		}
		return nil, err
	}
	answer := &common.InvokeResponse{ContentType: out.contentType}
	if len(out.data) > 0 || out.typeURL != "" { // an empty message of a type is one, too
		answer.Data = &anypb.Any{Value: out.data, TypeUrl: out.typeURL}
	}
	return answer, nil
}

// echoBaggage answers the baggage of a call, or refuses what is none.
//
// Source: dapr v1.16.0 pkg/diagnostics/grpc_tracing.go handleBaggage.
func echoBaggage(ctx context.Context, md metadata.MD) error {
	baggage := md.Get(baggageHeader)
	if len(baggage) == 0 {
		return nil
	}
	joined, err := joinBaggage(baggage)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	return grpc.SetHeader(ctx, metadata.Pairs(baggageHeader, joined))
}
