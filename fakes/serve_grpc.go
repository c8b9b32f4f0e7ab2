package fakes

import (
	"context"
	"errors"
	"maps"
	"slices"

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
		contentType: in.GetDataContentType(), data: in.GetData(), metadata: in.GetMetadata(), protocol: "grpc", cause: d.sidecar.cause(ctx)}); err != nil {
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
	if err := d.sidecar.publishBulk(in.GetPubsubName(), in.GetTopic(), in.GetMetadata(), entries, "grpc", d.sidecar.cause(ctx)); err != nil {
		return nil, err.grpc()
	}
	return &runtime.BulkPublishResponse{}, nil
}

// BulkPublishEvent is not known to daprd 1.16, which takes a method that it does
// not know for one of another app. The Go SDK falls back to the alpha method only
// on Unimplemented: its PublishEvents fails on 1.16, and so it does here.
func (d *daprServer) BulkPublishEvent(context.Context, *runtime.BulkPublishRequest) (*runtime.BulkPublishResponse, error) {
	return nil, status.Error(codes.Unknown, "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found")
}

// GetMetadata tells what a client may look for before it begins.
func (d *daprServer) GetMetadata(context.Context, *runtime.GetMetadataRequest) (*runtime.GetMetadataResponse, error) {
	w, a := d.sidecar.world, d.sidecar.app
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	out := &runtime.GetMetadataResponse{Id: a.id, RuntimeVersion: "1.16.0"}
	for _, name := range slices.Sorted(maps.Keys(a.components)) {
		c := a.components[name]
		out.RegisteredComponents = append(out.RegisteredComponents, &runtime.RegisteredComponents{Name: c.Name, Type: c.Type, Version: c.Version})
	}
	for _, c := range a.stateComponents() {
		out.RegisteredComponents = append(out.RegisteredComponents, &runtime.RegisteredComponents{Name: c.Name, Type: c.Type, Version: c.Version, Capabilities: stateCapabilities})
	}
	for _, s := range a.subscriptions() {
		sub := &runtime.PubsubSubscription{PubsubName: s.component, Topic: s.topic, DeadLetterTopic: s.deadLetter,
			Rules: &runtime.PubsubSubscriptionRules{}, Type: runtime.PubsubSubscriptionType_PROGRAMMATIC}
		switch s.kind {
		case "declarative":
			sub.Type = runtime.PubsubSubscriptionType_DECLARATIVE
		case "streaming":
			sub.Type = runtime.PubsubSubscriptionType_STREAMING
		}
		for _, r := range s.rules {
			sub.Rules.Rules = append(sub.Rules.Rules, &runtime.PubsubSubscriptionRule{Match: r.match, Path: r.path})
		}
		out.Subscriptions = append(out.Subscriptions, sub)
	}
	return out, nil
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
