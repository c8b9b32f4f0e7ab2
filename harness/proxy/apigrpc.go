package proxy

import (
	"context"
	"maps"

	runtimev1pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/eventproof/eventproof/fakes/world"
)

// serveGRPC is what the app calls.
func (a *API) serveGRPC(_ any, stream grpc.ServerStream) error {
	u, err := a.wait(stream.Context())
	if err != nil {
		return status.Error(codes.Unavailable, err.Error())
	}
	method, _ := grpc.MethodFromServerStream(stream)
	switch method {
	case runtimev1pb.Dapr_PublishEvent_FullMethodName:
		return a.publishGRPC(stream, method, u, a.readPublish)
	case runtimev1pb.Dapr_BulkPublishEventAlpha1_FullMethodName, runtimev1pb.Dapr_BulkPublishEvent_FullMethodName:
		return a.publishGRPC(stream, method, u, a.readBulkPublish)
	case runtimev1pb.Dapr_SubscribeTopicEventsAlpha1_FullMethodName:
		return a.streamGRPC(stream, method, u)
	}
	return forward(stream, method, u.conn)
}

// request is a publish as it goes on to daprd.
type request struct {
	payload []byte // the app's own, or with an id added
	events  []*publication
	entries []string // entry ids of a bulk publish
}

// publishGRPC passes a publish and records what came of it before the app
// hears of it.
func (a *API) publishGRPC(stream grpc.ServerStream, method string, u *upstream, read func([]byte) request) error {
	var f frame
	if err := stream.RecvMsg(&f); err != nil {
		return err
	}
	r := read(f.payload)
	md, _ := metadata.FromIncomingContext(stream.Context())
	cause := a.cfg.Recorder.TakeCause(a.cfg.AppID, md)
	for _, p := range r.events {
		p.cause = cause
	}
	defer a.begin(r)()
	ctx, opts := onward(stream.Context())
	got := unary(ctx, u.conn, method, r.payload, opts...)
	a.concludeGRPC(ctx, r, got)
	return got.pass(stream)
}

func (a *API) concludeGRPC(ctx context.Context, r request, got unaryAnswer) {
	// An old daprd does not know the stable bulk publish, and the SDK falls back
	// to the alpha one: not a publish that failed.
	unknown := status.Code(got.err) == codes.Unimplemented
	failed := map[string]bool{}
	if r.entries != nil && got.err == nil {
		var response runtimev1pb.BulkPublishResponse
		_ = proto.Unmarshal(got.payload, &response) // an unreadable answer names no failure to the app either
		for _, entry := range response.GetFailedEntries() {
			failed[entry.GetEntryId()] = true
		}
	}
	for i, p := range r.events {
		switch {
		case unknown && r.entries != nil:
		case got.err != nil:
			a.refused(p, "gRPC "+status.Code(got.err).String())
		case r.entries != nil && failed[r.entries[i]]:
			a.refused(p, "failed entry "+r.entries[i])
		default:
			a.published(ctx, p)
		}
	}
}

// readPublish reads a PublishEvent and gives the event an id if daprd would
// draw one.
func (a *API) readPublish(payload []byte) request {
	var in runtimev1pb.PublishEventRequest
	if proto.Unmarshal(payload, &in) != nil {
		return request{payload: payload} // daprd refuses it
	}
	p := &publication{pubsub: in.GetPubsubName(), topic: in.GetTopic(), protocol: world.ProtocolGRPC,
		raw: isRaw(in.GetMetadata()), metadata: maps.Clone(in.GetMetadata()), data: in.GetData()}
	r := request{payload: payload, events: []*publication{p}}
	if p.raw {
		return r
	}
	if isCloudEvent(in.GetDataContentType()) {
		p.id = bodyID(in.GetData())
		return r
	}
	if p.id = statedID(in.GetMetadata()); p.id != "" {
		return r
	}
	id := a.cfg.NewID()
	if in.Metadata == nil {
		in.Metadata = map[string]string{}
	}
	in.Metadata[idKey] = id
	if changed, err := proto.Marshal(&in); err == nil {
		r.payload, p.id = changed, id
	}
	return r
}

// readBulkPublish does the same for each entry.
func (a *API) readBulkPublish(payload []byte) request {
	var in runtimev1pb.BulkPublishRequest
	if proto.Unmarshal(payload, &in) != nil {
		return request{payload: payload} // daprd refuses it
	}
	r := request{payload: payload, entries: []string{}}
	raw, changed := isRaw(in.GetMetadata()), false
	for _, entry := range in.GetEntries() {
		p := &publication{pubsub: in.GetPubsubName(), topic: in.GetTopic(), protocol: world.ProtocolGRPC, raw: raw, data: entry.GetEvent()}
		r.events, r.entries = append(r.events, p), append(r.entries, entry.GetEntryId())
		var id string
		p.metadata = effective(in.GetMetadata(), entry.GetMetadata())
		if p.id, id = a.entryID(p, in.GetMetadata(), entry.GetMetadata() != nil, isCloudEvent(entry.GetContentType())); id != "" {
			if entry.Metadata == nil {
				entry.Metadata = map[string]string{}
			}
			entry.Metadata[idKey], changed = id, true
		}
	}
	if !changed {
		return r
	}
	if payload, err := proto.Marshal(&in); err == nil {
		r.payload = payload
	}
	return r
}

// effective is the metadata of an entry of a bulk publish: that of the request
// reaches it only where it has some of its own (dapr v1.16.0
// pkg/api/grpc/grpc.go BulkPublishEventAlpha1).
func effective(request, entry map[string]string) map[string]string {
	if entry == nil {
		return nil
	}
	merged := maps.Clone(request)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, entry)
	return merged
}

// entryID is the id of an entry, and, where the entry must be given one, that
// same id again. An entry without metadata gets none if the request has some: with
// metadata of its own, that of the request would take effect.
func (a *API) entryID(p *publication, request map[string]string, hasMetadata, cloudEvent bool) (id, draw string) {
	switch {
	case p.raw:
		return "", ""
	case cloudEvent:
		return bodyID(p.data), ""
	case statedID(p.metadata) != "":
		return statedID(p.metadata), ""
	case !hasMetadata && len(request) > 0:
		return "", ""
	}
	id = a.cfg.NewID()
	return id, id
}
