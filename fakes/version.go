package fakes

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// version is what differs between the versions of Dapr whose behaviour the fake
// can show. Everything else is the same in all of them.
//
// Sources: dapr v1.16.0 and v1.17.0, components-contrib v1.16.0. What a line says of
// components-contrib v1.17.0, whose module is not served, is what its git tag says;
// only 1.16 is compared with the real daprd.
type version struct {
	// release is what the metadata API reports.
	release string
	// redisAcknowledgesErrors: the Redis component acknowledges a message also
	// where its handler returned an error, unless the message's context has ended.
	// Source: components-contrib v1.17.0 pubsub/redis/redis.go processMessage.
	redisAcknowledgesErrors bool
	// notFoundIsDrop: HTTP 404 is DROP, so that it is dead-lettered.
	// Source: pkg/runtime/subscription/postman/http/http.go Deliver.
	notFoundIsDrop bool
	// memoryAttempts is how often pubsub.in-memory gives a message to the sidecar.
	// Source: components-contrib pubsub/in-memory/in-memory.go Subscribe.
	memoryAttempts int
	// memoryKeepsMetadata: a message of pubsub.in-memory has its publisher's
	// metadata, instead of that of the subscription. Source: the same.
	memoryKeepsMetadata bool
	// binaryEvents: a message whose metadata states the content type
	// application/octet-stream is a CloudEvent in binary mode, its attributes in
	// the metadata's ce_ keys. Source: pkg/runtime/subscription/subscription.go.
	binaryEvents bool
	// subjectOverride: cloudevent.subject is an override. (cloudevent.time is none
	// in either.) Source: pkg/runtime/pubsub/cloudevents.go.
	subjectOverride bool
	// stableBulk: BulkPublishEvent and POST /v1.0/publish/bulk are there, and an
	// app is asked for OnBulkTopicEvent before OnBulkTopicEventAlpha1.
	// Sources: pkg/api/grpc/grpc.go, pkg/api/http/http.go,
	// pkg/runtime/subscription/postman/grpc/grpc.go DeliverBulk.
	stableBulk bool
	// rawTrace: the gRPC API writes trace context into the metadata of a raw
	// payload. Source: pkg/api/grpc/grpc.go PublishEvent.
	rawTrace bool
	// noTrace is the trace context where there is no span.
	// Source: pkg/diagnostics/tracing.go TraceIDAndStateFromSpan.
	noTrace string
}

// versions are those that world.Config.Dapr may name.
var versions = map[string]version{
	"1.16": {release: "1.16.0", memoryAttempts: 10, noTrace: "00-00000000000000000000000000000000-0000000000000000-00"},
	"1.17": {release: "1.17.0", memoryAttempts: 1, redisAcknowledgesErrors: true, notFoundIsDrop: true, memoryKeepsMetadata: true,
		binaryEvents: true, subjectOverride: true, stableBulk: true, rawTrace: true},
}

func versionNamed(name string) (version, error) {
	v, ok := versions[name]
	if !ok {
		return v, fmt.Errorf("Config.Dapr is %q: the fake shows the behaviour of %s", name, strings.Join(slices.Sorted(maps.Keys(versions)), " or "))
	}
	return v, nil
}

// String is how a text names it.
func (v version) String() string { return "daprd " + strings.TrimSuffix(v.release, ".0") }

// contentTypeKey is the metadata in which a message's content type is looked
// for, in exactly this case.
const contentTypeKey = "content-type"

// isBinary reports whether the message is a CloudEvent in binary mode.
func (v version) isBinary(m *message) bool {
	return v.binaryEvents && isContentType(m.metadata[contentTypeKey], "application/octet-stream")
}

// fromBinary puts the CloudEvent together from the message's metadata. Only
// routing rules and a gRPC app's fields see it: the body of an HTTP delivery is the
// bare data, and a gRPC app gets no data at all, as of any content type that is
// neither text nor JSON.
//
// Source: dapr v1.17.0 pkg/runtime/subscription/subscription.go.
func fromBinary(m *message) map[string]any {
	event := map[string]any{}
	for key, value := range m.metadata {
		if attribute, ok := strings.CutPrefix(strings.ToLower(key), "ce_"); ok {
			event[attribute] = value
		}
	}
	event["data"], event["datacontenttype"] = m.data, m.metadata[contentTypeKey]
	return event
}

// withTrace adds the trace context that the gRPC API gives to a raw payload.
func (v version) withTrace(metadata map[string]string) map[string]string {
	if raw, err := rawPayload(metadata); err != nil || !raw || !v.rawTrace {
		return metadata
	}
	metadata = maps.Clone(metadata)
	metadata["traceid"], metadata["tracestate"] = v.noTrace, ""
	return metadata
}

// shown is the event as the journal writes it: a binary one has no JSON of its own.
func (d *delivery) shown() []byte {
	if !d.world.version.isBinary(d.pending.message) || d.sub.rawPayload == "true" {
		return d.envelope
	}
	text, err := json.Marshal(d.event)
	if err != nil {
		return d.envelope
	}
	return text
}
