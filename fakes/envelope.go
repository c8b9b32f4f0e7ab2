package fakes

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// envelope makes the CloudEvent that daprd 1.16 sends to the broker for a
// publish call.
//
// Sources: dapr v1.16.0 pkg/runtime/pubsub/cloudevents.go NewCloudEvent;
// components-contrib v1.16.0 pubsub/envelope.go NewCloudEventsEnvelope,
// FromCloudEvent, ApplyMetadata.
func (w *backend) envelope(app, pubsub, topic, contentType string, data []byte, metadata map[string]string) ([]byte, error) {
	var event map[string]any
	if isContentType(contentType, "application/cloudevents+json") {
		if err := decode(data, &event); err != nil {
			return nil, err
		}
		if event == nil {
			return nil, errNull
		}
		complete(event, pubsub, topic)
	} else {
		event = w.wrap(app, pubsub, topic, contentType, data, metadata)
	}
	if lifetime, ok := timeToLive(metadata); ok {
		event["expiration"] = time.Now().UTC().Add(lifetime).Format(time.RFC3339)
	}
	return json.Marshal(event) // sorts keys at every level, escapes <, >, &
}

// errNull stands for a panic of daprd (assignment to entry in nil map, in
// FromCloudEvent), which over gRPC ends its process.
var errNull = errors.New("the CloudEvent is the JSON text null, at which daprd 1.16 panics")

// noTrace is what daprd writes where there is no span.
const noTrace = "00-00000000000000000000000000000000-0000000000000000-00"

// wrap is the envelope around plain data.
func (w *backend) wrap(app, pubsub, topic, contentType string, data []byte, metadata map[string]string) map[string]any {
	id, source, kind, trace, traceState := override(metadata, "id"), override(metadata, "source"), override(metadata, "type"),
		override(metadata, "traceid"), override(metadata, "tracestate")
	if parent := override(metadata, "traceparent"); parent != "" {
		trace = parent
	}
	if id == "" {
		id = w.newID()
	}
	if source == "" {
		source = app
		if overridden(metadata, "source") {
			source = "Dapr" // an empty one is not the app's: its envelope has another default
		}
	}
	if kind == "" {
		kind = "com.dapr.event.sent"
	}
	if trace == "" && !overridden(metadata, "traceid") {
		trace = noTrace
	}
	if contentType == "" {
		contentType = "text/plain"
	}
	event := map[string]any{
		"id": id, "source": source, "type": kind, "specversion": "1.0", "datacontenttype": contentType,
		"time": time.Now().Format(time.RFC3339), "topic": topic, "pubsubname": pubsub,
		"traceid": trace, "traceparent": trace, "tracestate": traceState,
	}
	var value any
	switch {
	case isContentType(contentType, "application/json"):
		if decode(data, &value) == nil {
			event["data"] = value
		} else {
			event["data"] = string(data)
		}
	case isContentType(contentType, "application/octet-stream"), isContentType(contentType, "application/cloudevents+protobuf"):
		event["data_base64"] = base64.StdEncoding.EncodeToString(data)
	default:
		event["data"] = string(data)
	}
	return event
}

// complete fills in what a CloudEvent of the app's own lacks; it does not add
// an id, and cloudevent.* overrides are ignored.
func complete(event map[string]any, pubsub, topic string) {
	if _, ok := event["time"]; !ok {
		event["time"] = time.Now().Format(time.RFC3339)
	}
	if _, ok := event["traceid"]; !ok {
		event["traceid"], event["traceparent"] = noTrace, noTrace
	}
	if _, ok := event["tracestate"]; !ok {
		event["tracestate"] = ""
	}
	event["topic"], event["pubsubname"] = topic, pubsub
	for attribute, value := range map[string]string{"source": "Dapr", "type": "com.dapr.event.sent", "specversion": "1.0"} {
		if event[attribute] == nil {
			event[attribute] = value
		}
	}
}

// fromRaw is the envelope that a sidecar makes at each delivery for a
// rawPayload subscription: a new id each time.
func (w *backend) fromRaw(m *message, pubsub, topic string) map[string]any {
	event := map[string]any{
		"id": w.newID(), "specversion": "1.0", "datacontenttype": "application/octet-stream", "source": "Dapr",
		"type": "com.dapr.event.sent", "topic": topic, "pubsubname": pubsub,
		"data_base64": base64.StdEncoding.EncodeToString(m.data),
	}
	inheritTrace(event, m.metadata)
	return event
}

// inheritTrace takes trace context from the message's metadata where the
// event has none.
func inheritTrace(event map[string]any, metadata map[string]string) {
	for _, attribute := range []string{"traceid", "traceparent", "tracestate"} {
		value, ok := metadata[attribute]
		if _, has := event[attribute]; has || !ok {
			continue
		}
		event[attribute] = value
		if attribute == "traceparent" {
			event["traceid"] = value
		}
	}
}

// expired reports whether the event's lifetime has passed.
func expired(event map[string]any) bool {
	e, ok := event["expiration"]
	if !ok || e == "" {
		return false
	}
	at, err := time.Parse(time.RFC3339, fmt.Sprintf("%s", e))
	return err == nil && at.UTC().Before(time.Now().UTC())
}

// override is cloudevent.<attribute>, whose case does not matter.
func override(metadata map[string]string, attribute string) string {
	return property(metadata, "cloudevent."+attribute)
}

// overridden reports whether the metadata has the attribute, be it empty.
func overridden(metadata map[string]string, attribute string) bool {
	for key := range metadata {
		if strings.EqualFold(key, "cloudevent."+attribute) {
			return true
		}
	}
	return false
}

// timeToLive reads ttl or ttlInSeconds: a Go duration or whole seconds. What
// daprd cannot read, it ignores.
//
// Source: components-contrib v1.16.0 metadata/utils.go TryGetTTL.
func timeToLive(metadata map[string]string) (time.Duration, bool) {
	text := property(metadata, "ttl")
	if text == "" {
		text = property(metadata, "ttlInSeconds")
	}
	if text == "" {
		return 0, false
	}
	if d, err := time.ParseDuration(text); err == nil {
		return max(d, 0), true
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds <= 0 {
		return 0, false
	}
	if seconds > int64(math.MaxInt64/time.Second) {
		return math.MaxInt64, true
	}
	return time.Duration(seconds) * time.Second, true
}

// property is a metadata value by name, whatever its case.
func property(metadata map[string]string, name string) string {
	if value, ok := metadata[name]; ok {
		return value
	}
	for key, value := range metadata {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// rawPayload reads the metadata of exactly that name, which must be a truth
// value.
func rawPayload(metadata map[string]string) (bool, error) {
	value := metadata["rawPayload"]
	if value == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("rawPayload value must be a valid boolean: actual is '%s'", value)
	}
	return b, nil
}

// decode keeps the text of numbers, as daprd does on publishing.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

// isContentType compares as daprd does: without parameters, not of suffixes.
func isContentType(contentType, want string) bool {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	return media == want
}
