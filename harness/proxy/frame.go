package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"

	"github.com/eventproof/eventproof/fakes/world"
)

// frame is one gRPC message as it is on the wire.
type frame struct{ payload []byte }

// frameCodec leaves messages alone, so that a call passes byte for byte.
type frameCodec struct{}

var _ encoding.CodecV2 = frameCodec{}

// Name is empty, so that the content type stays application/grpc, as Dapr's
// own clients write it.
func (frameCodec) Name() string { return "" }

func (frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*frame)
	if !ok {
		return nil, fmt.Errorf("proxy: marshal %T, want a frame", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(f.payload)}, nil
}

func (frameCodec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return fmt.Errorf("proxy: unmarshal into %T, want a frame", v)
	}
	f.payload = data.Materialize()
	return nil
}

// newFrameServer serves every method by handler. It sets no limits of its own:
// what is too large, or pings too often, is for the two ends to say.
func newFrameServer(handler grpc.StreamHandler) *grpc.Server {
	return grpc.NewServer(
		grpc.ForceServerCodecV2(frameCodec{}),
		grpc.UnknownServiceHandler(handler),
		grpc.MaxRecvMsgSize(math.MaxInt32), grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.MaxConcurrentStreams(math.MaxUint32),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Millisecond, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
	)
}

// frameDialOptions are for the connections on which frames go on.
func frameDialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(frameCodec{}),
			grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32),
		),
		grpc.WithStatsHandler(answerWatch{}),
		grpc.WithDisableRetry(), // a retry would be a second call that the caller did not make
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0),
	}
}

// onward is the context of the call that goes on: deadline and metadata are
// the caller's.
func onward(ctx context.Context) (context.Context, []grpc.CallOption) {
	md, ok := metadata.FromIncomingContext(ctx)
	if !ok {
		return ctx, nil
	}
	var opts []grpc.CallOption
	if types := md.Get("content-type"); len(types) == 1 {
		if subtype, found := strings.CutPrefix(types[0], "application/grpc+"); found {
			opts = append(opts, grpc.CallContentSubtype(subtype))
		}
	}
	if authority := md.Get(":authority"); len(authority) == 1 {
		opts = append(opts, grpc.CallAuthority(authority[0]))
	}
	return metadata.NewOutgoingContext(ctx, world.WithoutCause(md)), opts
}

// forward passes a call of any kind, messages one by one, as they come.
func forward(stream grpc.ServerStream, method string, conn *grpc.ClientConn) error {
	pass := func([]byte) error { return nil }
	return forwardWatched(stream, method, conn, pass, pass)
}

// forwardWatched shows each message of either direction before it is passed. An
// error ends the call with it, for the caller, and breaks the call that went on.
func forwardWatched(stream grpc.ServerStream, method string, conn *grpc.ClientConn, up, down func([]byte) error) error {
	ctx, opts := onward(stream.Context())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method, opts...)
	if err != nil {
		return err
	}
	stopped := make(chan error, 1)
	go func() {
		for {
			var f frame
			switch err := stream.RecvMsg(&f); {
			case errors.Is(err, io.EOF):
				_ = out.CloseSend() // its error comes out of RecvMsg too
				return
			case err != nil:
				cancel()
				return
			}
			if err := up(f.payload); err != nil {
				stopped <- err
				cancel()
				return
			}
			if out.SendMsg(&f) != nil {
				return // the other end has answered already
			}
		}
	}()
	header, err := out.Header()
	if err == nil && header != nil {
		if err := stream.SendHeader(header); err != nil {
			return err
		}
	}
	for {
		var f frame
		if err := out.RecvMsg(&f); err != nil {
			select {
			case err := <-stopped:
				return err
			default:
			}
			stream.SetTrailer(out.Trailer())
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := down(f.payload); err != nil {
			return err
		}
		if err := stream.SendMsg(&f); err != nil {
			return err
		}
	}
}

// unaryAnswer is what came of a unary call.
type unaryAnswer struct {
	payload         []byte
	header, trailer metadata.MD
	err             error // a status error
	answered        bool  // the other end itself sent the status
}

// unary makes one call with one message.
func unary(ctx context.Context, conn *grpc.ClientConn, method string, payload []byte, opts ...grpc.CallOption) unaryAnswer {
	var a unaryAnswer
	var out frame
	watch := new(atomic.Bool)
	ctx = context.WithValue(ctx, watchKey{}, watch)
	a.err = conn.Invoke(ctx, method, &frame{payload}, &out, append(opts, grpc.Header(&a.header), grpc.Trailer(&a.trailer))...)
	a.payload, a.answered = out.payload, watch.Load()
	return a
}

// pass gives the answer to the caller.
func (a unaryAnswer) pass(stream grpc.ServerStream) error {
	stream.SetTrailer(a.trailer)
	if a.header != nil {
		if err := stream.SetHeader(a.header); err != nil {
			return err
		}
	}
	if a.err != nil {
		return a.err
	}
	return stream.SendMsg(&frame{a.payload})
}

// answerWatch notes whether a status was sent by the other end: a connection
// that broke has one too, made by the client library.
type answerWatch struct{}

type watchKey struct{}

func (answerWatch) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (answerWatch) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, ok := s.(*stats.InTrailer); !ok {
		return
	}
	if watch, ok := ctx.Value(watchKey{}).(*atomic.Bool); ok {
		watch.Store(true)
	}
}
func (answerWatch) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (answerWatch) HandleConn(context.Context, stats.ConnStats)                       {}
