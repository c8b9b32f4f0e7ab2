package fakes

import (
	"context"
	"errors"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// daprServer is Dapr's gRPC API. What is not here answers Unimplemented.
type daprServer struct {
	runtime.UnimplementedDaprServer
	sidecar *sidecar
}

func (d *daprServer) PublishEvent(ctx context.Context, in *runtime.PublishEventRequest) (*emptypb.Empty, error) {
	if err := d.sidecar.world.publish(d.sidecar.app, publishCall{pubsub: in.GetPubsubName(), topic: in.GetTopic(),
		contentType: in.GetDataContentType(), data: in.GetData(), metadata: d.sidecar.world.version.withTrace(in.GetMetadata()), protocol: "grpc", cause: d.sidecar.cause(ctx)}); err != nil {
		return nil, err.grpc()
	}
	return &emptypb.Empty{}, nil
}

// BulkPublishEventAlpha1 publishes one after another, in their order: one of
// the orders that daprd, which publishes them concurrently, can make.
func (d *daprServer) BulkPublishEventAlpha1(ctx context.Context, in *runtime.BulkPublishRequest) (*runtime.BulkPublishResponse, error) {
	entries := make([]bulkEntry, len(in.GetEntries()))
	for i, e := range in.GetEntries() {
		entries[i] = bulkEntry{id: e.GetEntryId(), data: e.GetEvent(), contentType: e.GetContentType(), metadata: e.GetMetadata()}
	}
	failed, err := d.sidecar.publishBulk(in.GetPubsubName(), in.GetTopic(), in.GetMetadata(), entries, "grpc", d.sidecar.cause(ctx))
	if err != nil {
		return nil, err.grpc()
	}
	out := &runtime.BulkPublishResponse{}
	for _, e := range failed {
		out.FailedEntries = append(out.FailedEntries, &runtime.BulkPublishResponseFailedEntry{EntryId: e.EntryID, Error: e.Error})
	}
	return out, nil
}

// BulkPublishEvent is not known to daprd 1.16, which takes a method that it does
// not know for one of another app. The Go SDK falls back to the alpha method only
// on Unimplemented: its PublishEvents fails on 1.16, and so it does here.
func (d *daprServer) BulkPublishEvent(ctx context.Context, in *runtime.BulkPublishRequest) (*runtime.BulkPublishResponse, error) {
	if d.sidecar.world.version.stableBulk {
		return d.BulkPublishEventAlpha1(ctx, in)
	}
	return nil, status.Error(codes.Unknown, "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found")
}

// cause is the delivery in whose course a call is made.
func (s *sidecar) cause(ctx context.Context) int {
	in, _ := metadata.FromIncomingContext(ctx)
	return s.world.recorder.TakeCause(s.app.id, in)
}

// bulkEntry is one event of a bulk publish.
type bulkEntry struct {
	id          string
	data        []byte
	contentType string
	metadata    map[string]string
}

var errEntryID = errors.New("entryId is duplicated or not present for entry")
