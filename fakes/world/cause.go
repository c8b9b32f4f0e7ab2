package world

import (
	"context"
	"fmt"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/eventproof/eventproof/contract"
)

// An app that is called in this process gets the delivery with its context. A
// handler that passes its context on when it publishes, as it should, thereby
// tells what led to the publish; the sidecar's client carries it to the sidecar.
type inDelivery struct{}

// InDelivery is the context of a call of an app, for the makers of worlds: what
// is published with it was caused by the delivery that seq is the entry of.
func InDelivery(ctx context.Context, app string, seq int) context.Context {
	return context.WithValue(ctx, inDelivery{}, delivery{app, seq})
}

type delivery struct {
	app string
	seq int
}

const (
	causeApp = "eventproof-delivered-to"
	causeSeq = "eventproof-delivery"
	// sentByTest is on calls of World.Send and SendFrom.
	sentByTest = "eventproof-sent-by-test"
)

// ToldInMetadata adds the delivery to the metadata of a call of a gRPC app: a
// Go SDK handler finds it in its context, and passes it on with that.
func ToldInMetadata(ctx context.Context) context.Context {
	if d, ok := ctx.Value(inDelivery{}).(delivery); ok {
		return metadata.AppendToOutgoingContext(ctx, causeApp, d.app, causeSeq, strconv.Itoa(d.seq))
	}
	return ctx
}

// byTest marks what a test publishes itself; see [World.SendFrom].
type byTest struct{}

// CarryCause is for a sidecar's client connection: it sends along in whose
// course a call is made.
func CarryCause(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if d, ok := ctx.Value(inDelivery{}).(delivery); ok {
		ctx = metadata.AppendToOutgoingContext(ctx, causeApp, d.app, causeSeq, strconv.Itoa(d.seq))
	} else if in, ok := metadata.FromIncomingContext(ctx); ok && len(in.Get(causeApp)) == 1 && len(in.Get(causeSeq)) == 1 {
		ctx = metadata.AppendToOutgoingContext(ctx, causeApp, in.Get(causeApp)[0], causeSeq, in.Get(causeSeq)[0])
	}
	if ctx.Value(byTest{}) != nil {
		ctx = metadata.AppendToOutgoingContext(ctx, sentByTest, "1")
	}
	return invoke(ctx, method, req, reply, conn, opts...)
}

// causedByDelivery reports whether [CarryCause] would tell the sidecar a cause.
func causedByDelivery(ctx context.Context) bool {
	if _, ok := ctx.Value(inDelivery{}).(delivery); ok {
		return true
	}
	in, ok := metadata.FromIncomingContext(ctx)
	return ok && len(in.Get(causeApp)) == 1 && len(in.Get(causeSeq)) == 1
}

// WithoutCause is a call's metadata as the sidecar itself is to see it: a copy
// without what [CarryCause] added.
func WithoutCause(in metadata.MD) metadata.MD {
	rest := in.Copy()
	rest.Delete(causeApp)
	rest.Delete(causeSeq)
	rest.Delete(sentByTest)
	return rest
}

// Unknown is a cause that nobody could tell, and that is not to be guessed.
const Unknown = -1

// NoDelivery is the cause of what no delivery led to.
const NoDelivery = -2

// TakeCause is for a sidecar's server: the entry of the delivery in whose course
// a call with this metadata is made, 0 where it is not known, [Unknown] where the
// test itself made it.
// A call made through another app's sidecar is recorded as a violation: the Go
// SDK's NewClient gives one client to a whole process, so that in one process
// every app would publish as the first.
func (r *Recorder) TakeCause(sidecarOf string, in metadata.MD) (seq int) {
	apps, seqs := in.Get(causeApp), in.Get(causeSeq)
	if len(apps) == 0 || len(seqs) == 0 {
		if len(in.Get(sentByTest)) > 0 {
			return Unknown
		}
		return 0
	}
	seq, err := strconv.Atoi(seqs[0])
	if err != nil || seq < 1 || seq > r.journal.Len() {
		return 0
	}
	if apps[0] != sidecarOf {
		r.Violate(seq, contract.Violation{Rule: contract.RuleForeignApp, App: apps[0],
			What: fmt.Sprintf("%s calls Dapr through the sidecar of %s", apps[0], sidecarOf),
			Want: "the client that its StartFunc was given (Sidecar.Client)", Got: "the client of " + sidecarOf + "; client.NewClient() is one for the whole process"})
	}
	return seq
}
