package conformance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/google/uuid"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
)

// A shape is what the app was given, as text that is the same in each run: the
// case's own names are written as such, and an attribute that is as it always is
// (see usual) is left out. One that is missing is named.

// usualTrace is what daprd writes where there is no span.
const usualTrace = "00-00000000000000000000000000000000-0000000000000000-00"

// usual are the attributes of an envelope that are left out where they have
// these values. The time is left out where it is one.
func (p *tablePlay) usual() map[string]string {
	return map[string]string{"source": Publisher, "specversion": "1.0", "type": "com.dapr.event.sent", "topic": p.Topic(), "pubsubname": p.Component(),
		"traceid": usualTrace, "traceparent": usualTrace, "tracestate": ""}
}

const missing = "MISSING"

// compact leaves out of an envelope what is usual.
func (p *tablePlay) compact(event map[string]any) map[string]any {
	event = maps.Clone(event)
	for name, value := range p.usual() {
		switch got, ok := event[name]; {
		case !ok:
			event[name] = missing
		case got == value:
			delete(event, name)
		}
	}
	id, ok := event["id"].(string)
	switch _, err := uuid.Parse(id); {
	case !ok:
		event["id"] = missing
	case slices.Contains(p.events(), id):
		delete(event, "id")
	case err == nil:
		event["id"] = "A NEW ID"
	}
	if encoded, ok := event["data_base64"].(string); ok {
		if data, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			event["data_base64"] = fmt.Sprintf("base64 of %+q", data)
		}
	}
	stamp := func(name string) (at time.Time, ok bool) {
		text, _ := event[name].(string)
		at, err := time.Parse(time.RFC3339, text)
		return at, err == nil
	}
	if _, ok := event["time"]; !ok {
		event["time"] = missing
	} else if _, ok := stamp("time"); ok {
		delete(event, "time")
	}
	if at, ok := stamp("expiration"); ok {
		event["expiration"] = "IN THE PAST"
		if at.After(time.Now()) {
			event["expiration"] = "IN THE FUTURE"
		}
	}
	return event
}

// named writes the case's own names as such.
func (p *tablePlay) named(text string) string {
	for _, id := range p.events() {
		text = strings.ReplaceAll(text, id, "EVENT")
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, p.Name, "CASE"), p.Component(), "PUBSUB")
}

func encode(value any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(value)
	return strings.TrimSpace(b.String())
}

// decodeEnvelope keeps the text of numbers. What is no object is under "".
func decodeEnvelope(body []byte) map[string]any {
	var event map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&event) != nil {
		return map[string]any{"": string(body)}
	}
	return event
}

// headers are those that daprd's own delivery sets.
func (p *tablePlay) headers(h http.Header) string {
	var all []string
	for name, values := range h {
		switch name {
		case "Accept-Encoding", "User-Agent", "Content-Length", "Traceparent", "Tracestate", "Grpc-Trace-Bin", "Connection":
		default:
			all = append(all, name+"="+strings.Join(values, ","))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (p *tablePlay) shapeHTTP(h http.Header, body []byte) string {
	escaped := ""
	if bytes.ContainsAny(body, "<>&") {
		escaped = " not escaped"
	}
	return p.named(fmt.Sprintf("%s %s%s", p.headers(h), encode(p.compact(decodeEnvelope(body))), escaped))
}

func (p *tablePlay) shapeBulkHTTP(h http.Header, body []byte) string {
	all := decodeEnvelope(body)
	entries, _ := all["entries"].([]any)
	var shapes []string
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		if id, _ := entry["entryId"].(string); id != "" {
			delete(entry, "entryId")
		}
		if event, ok := entry["event"].(map[string]any); ok {
			entry["event"] = p.compact(event)
		} else if text, ok := entry["event"].(string); ok && p.content().rawRead {
			entry["event"] = "base64: " + decoded([]byte(`{"data_base64":`+encode(text)+`}`))
		}
		shapes = append(shapes, encode(entry))
	}
	delete(all, "entries")
	if id, _ := all["id"].(string); id != "" {
		delete(all, "id")
	}
	return p.named(p.headers(h)+" "+encode(all)) + " " + p.counted(shapes)
}

// counted names shapes that are the same once.
func (p *tablePlay) counted(shapes []string) string {
	for i := range shapes {
		shapes[i] = p.named(shapes[i])
	}
	slices.Sort(shapes)
	var parts []string
	for i := 0; i < len(shapes); {
		n := 1
		for i+n < len(shapes) && shapes[i+n] == shapes[i] {
			n++
		}
		parts = append(parts, fmt.Sprintf("%dx %s", n, shapes[i]))
		i += n
	}
	return strings.Join(parts, " ")
}

// metadataOf is what came with a gRPC call; of a stream's message nothing does.
func metadataOf(with metadata.MD) string {
	var all []string
	for name, values := range with {
		switch {
		case name == ":authority", name == "content-type", name == "user-agent", name == "traceparent", name == "tracestate",
			strings.HasPrefix(name, "grpc-"), strings.HasPrefix(name, "eventproof-"), strings.HasPrefix(name, "dapr-"):
		default:
			all = append(all, name+"="+strings.Join(values, ","))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// requested is what any of the gRPC messages with an event has.
type requested interface {
	GetId() string
	GetSource() string
	GetType() string
	GetSpecVersion() string
	GetDataContentType() string
	GetData() []byte
}

// eventGRPC is an event of a gRPC message as if it were an envelope.
func (p *tablePlay) eventGRPC(in requested, extensions []byte) string {
	event := decodeEnvelope(extensions)
	event["id"], event["source"], event["type"], event["specversion"], event["datacontenttype"] = in.GetId(), in.GetSource(), in.GetType(), in.GetSpecVersion(), in.GetDataContentType()
	return encode(p.compact(event)) + fmt.Sprintf(" data=%q", in.GetData())
}

func (p *tablePlay) shapeGRPC(with metadata.MD, in *runtime.TopicEventRequest) string {
	extensions, _ := protojson.Marshal(in.GetExtensions())
	return p.named(strings.TrimSpace(fmt.Sprintf("%s %s pubsub=%s", metadataOf(with), p.eventGRPC(in, extensions), in.GetPubsubName())))
}

func (p *tablePlay) shapeBulkGRPC(with metadata.MD, in *runtime.TopicEventBulkRequest) string {
	var shapes []string
	for _, e := range in.GetEntries() {
		text := fmt.Sprintf("contenttype=%q metadata=%s", e.GetContentType(), encode(e.GetMetadata()))
		if ce := e.GetCloudEvent(); ce != nil {
			extensions, _ := protojson.Marshal(ce.GetExtensions())
			text += " " + p.eventGRPC(ce, extensions)
		} else {
			text += fmt.Sprintf(" bytes=%q", e.GetBytes())
		}
		if e.GetEntryId() == "" {
			text += " without an entry id"
		}
		shapes = append(shapes, text)
	}
	return p.named(strings.TrimSpace(fmt.Sprintf("%s pubsub=%s type=%s metadata=%s ", metadataOf(with), in.GetPubsubName(), in.GetType(), encode(in.GetMetadata())))) + " " + p.counted(shapes)
}
