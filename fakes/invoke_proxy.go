package fakes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/eventproof/eventproof/fakes/world"
)

// frame is a message of a call that is proxied, as it is on the wire.
type frame struct{ payload []byte }

// frameCodec leaves frames alone; all else is protobuf.
type frameCodec struct{ encoding.CodecV2 }

func newFrameCodec() frameCodec { return frameCodec{encoding.GetCodecV2(grpcproto.Name)} }

func (c frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(*frame); ok {
		return mem.BufferSlice{mem.SliceBuffer(f.payload)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c frameCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if f, ok := v.(*frame); ok {
		f.payload = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// proxied serves a method that Dapr does not know: one of the app that the
// metadata name.
//
// Sources: dapr v1.16.0 pkg/messaging/grpc_proxy.go, pkg/api/grpc/proxy/handler.go,
// pkg/diagnostics/grpc_tracing.go GRPCTraceStreamServerInterceptor.
func (s *sidecar) proxied(_ any, stream grpc.ServerStream) error {
	leave, ok := s.enter()
	if !ok {
		return status.Error(codes.Unavailable, "the sidecar is closed")
	}
	defer leave()
	method, _ := grpc.MethodFromServerStream(stream)
	md, _ := metadata.FromIncomingContext(stream.Context())
	p := &proxy{sidecar: s, stream: stream, method: method, cause: s.cause(stream.Context()), metadata: world.WithoutCause(md)}
	if err := echoBaggage(stream.Context(), p.metadata); err != nil {
		return err
	}
	callee := slices.Concat(p.metadata.Get(calleeHeader), p.metadata.Get(appHeader))
	if len(callee) == 0 {
		if !strings.HasPrefix(method, "/dapr.proto.runtime.v1.") {
			return fmt.Errorf("cannot proxy request: missing %s or %s metadata", calleeHeader, appHeader)
		}
		_ = stream.SetHeader(metadata.Pairs(traceBinHeader, spanOfMetadata(p.metadata).binary()))
		return fmt.Errorf("failed to proxy request: required metadata %s or %s not found", calleeHeader, appHeader)
	}
	if why := s.world.uninvokable(); why != "" {
		return status.Error(codes.Unimplemented, why)
	}
	return p.serve(callee[0])
}

// proxy is one call that is proxied.
type proxy struct {
	sidecar  *sidecar
	stream   grpc.ServerStream
	method   string
	cause    int
	metadata metadata.MD

	replay      chan *frame // the message, kept for the next attempt; nil: none is made
	headersSent atomic.Bool
}

// errRetryOnStream is for a policy with retries and a call of more than one
// message.
var errRetryOnStream = status.Error(codes.FailedPrecondition, "cannot use resiliency policies with retries on streaming RPCs")

// serve makes the call as the policy wants it. Of a call that says dapr-stream
// the policy is only for its beginning.
func (p *proxy) serve(callee string) error {
	ctx := p.stream.Context()
	policy := endpointPolicy{world: p.sidecar.world}
	// Only dapr-app-id has a policy, and only another app.
	if named := p.metadata.Get(appHeader); len(named) > 0 {
		if to, err := p.sidecar.target(ctx, named[0]); err == nil && to.id != p.sidecar.app.id {
			policy = p.sidecar.endpointPolicy(named[0], named[0]+":"+p.method)
		}
	}
	long := false
	if values := p.metadata.Get("dapr-stream"); len(values) > 0 {
		long = truthy(values[0])
	}
	if !long && policy.retry != nil && policy.retry.MaxRetries != 0 {
		p.replay = make(chan *frame, 1)
	}
	begun, err := run(ctx, policy, func(ctx context.Context) (func() error, error) {
		if long {
			ctx = p.stream.Context() // it outlives its beginning
		}
		pass, err := p.open(ctx, callee)
		if err != nil || long {
			return pass, err
		}
		err = pass()
		switch s, ok := status.FromError(err); {
		case err == nil:
			return nil, nil
		case errors.Is(err, errRetryOnStream):
			return nil, errors.Join(errNoRetry, err)
		case ok:
			return nil, &codeError{int(s.Code()), err}
		}
		return nil, err
	})
	var coded *codeError
	switch {
	case errors.Is(err, errNoRetry):
		return errRetryOnStream
	case errors.As(err, &coded):
		return coded.err
	case err != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)):
		return status.FromContextError(err).Err()
	case err != nil:
		return err
	case begun != nil:
		return begun()
	}
	return nil
}

// truthy is a yes as daprd reads it.
//
// Source: kit v0.16.1 strings/strings.go IsTruthy.
func truthy(text string) bool {
	switch strings.TrimSpace(strings.ToLower(text)) {
	case "y", "yes", "true", "t", "on", "1":
		return true
	}
	return false
}

// open begins the call of the app. pass then passes its messages on.
func (p *proxy) open(ctx context.Context, callee string) (pass func() error, err error) {
	to, err := p.sidecar.target(ctx, callee)
	if err != nil {
		return nil, err
	}
	w := p.sidecar.world
	if to.url != "" {
		return nil, status.Errorf(codes.Unavailable, "%s is not simulated by the fake: a gRPC call is proxied to an app of the world", to.url)
	}
	md := p.metadata.Copy()
	md.Delete(appHeader)
	if to.id != p.sidecar.app.id {
		md.Append(traceBinHeader, spanOfMetadata(p.metadata).binary())
		md.Append(callerHeader, p.sidecar.app.id)
		md.Append(calleeHeader, to.id)
	}
	protocol, i := w.channel(to.app)
	if protocol == world.ProtocolHTTP && i != nil {
		i.leave()
		return nil, status.Error(codes.Unavailable, `connection error: desc = "error reading server preface: http2: failed reading the frame payload: `+
			`http2: frame too large, note that the frame header looked like an HTTP/1.1 header"`)
	}
	if i == nil {
		return nil, status.Error(codes.Unavailable, notDialled(w.refused(to.app)))
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(i.ctx, cancel)
	done := sync.OnceFunc(func() { stop(); cancel(); i.leave() })
	context.AfterFunc(p.stream.Context(), done) // where nobody passes anything
	out := metadata.NewOutgoingContext(ctx, md)
	if p.cause > 0 {
		out = world.ToldInMetadata(world.InDelivery(out, to.id, p.cause))
	}
	stream, err := i.conn.NewStream(out, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, p.method,
		grpc.CallContentSubtype(grpcproto.Name), grpc.ForceCodecV2(newFrameCodec()), grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage))
	if err != nil {
		done()
		return nil, err
	}
	return func() error {
		defer done()
		err := p.pass(ctx, stream)
		if i.fenced() {
			return status.Error(codes.Unavailable, "error reading from server: EOF")
		}
		return err
	}, nil
}

// pass passes messages in both directions until the app has ended the call.
func (p *proxy) pass(ctx context.Context, app grpc.ClientStream) error {
	sent, answered := make(chan error, 1), make(chan error, 1)
	go func() { sent <- p.passUp(app) }()
	go func() { answered <- p.passDown(app) }()
	for {
		select {
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		case err := <-sent:
			sent = nil
			switch {
			case err == nil: // the app has ended the call: its answer says why
			case errors.Is(err, io.EOF):
				_ = app.CloseSend()
			default:
				if _, ok := status.FromError(err); ok {
					return err
				}
				return status.Error(codes.Internal, "failed proxying server-to-client: "+err.Error())
			}
		case err := <-answered:
			p.stream.SetTrailer(app.Trailer())
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// passUp passes the caller's messages to the app, first the one that an earlier
// attempt has had.
func (p *proxy) passUp(app grpc.ClientStream) error {
	select {
	case f := <-p.replay:
		err := app.SendMsg(f)
		p.replay <- f
		if err != nil {
			return err
		}
	default:
	}
	for {
		f := new(frame)
		err := p.stream.RecvMsg(f)
		if p.replay != nil {
			select {
			case p.replay <- f:
			default:
				if err == nil {
					err = errRetryOnStream
				}
			}
		}
		if err != nil {
			return err
		}
		if app.SendMsg(f) != nil {
			return nil
		}
	}
}

// passDown passes the app's messages to the caller. Of an app that answers none
// its headers are lost.
func (p *proxy) passDown(app grpc.ClientStream) error {
	for {
		var f frame
		if err := app.RecvMsg(&f); err != nil {
			return err
		}
		if p.headersSent.CompareAndSwap(false, true) {
			header, err := app.Header()
			if err == nil {
				err = p.stream.SendHeader(header)
			}
			if err != nil {
				return err
			}
		}
		if err := p.stream.SendMsg(&f); err != nil {
			return err
		}
	}
}
