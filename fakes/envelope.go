package fakes

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract"
)

// sealed is an event as it goes to the broker.
type sealed struct {
	data []byte
	known
	event contract.Ref // its name, where it is known
}

// known is where the data of an envelope ends; 0 where the envelope is to be read.
// One that is known is of daprd's own making; nothing in it is to be looked at more
// closely (see canonical: same), it does not expire, and its attributes are plain
// texts.
type known int

// envelope makes the CloudEvent that daprd 1.16 sends to the broker for a
// publish call.
//
// Sources: dapr v1.16.0 pkg/runtime/pubsub/cloudevents.go NewCloudEvent;
// components-contrib v1.16.0 pubsub/envelope.go NewCloudEventsEnvelope,
// FromCloudEvent, ApplyMetadata.
func (w *backend) envelope(a *app, pubsub, topic, contentType string, data []byte, metadata map[string]string) (sealed, error) {
	own := a.components[pubsub].handlesTTL()
	if !isContentType(contentType, "application/cloudevents+json") {
		return w.wrap(a.id, pubsub, topic, contentType, data, metadata, own), nil
	}
	var event map[string]any
	if err := decode(data, &event); err != nil {
		return sealed{}, err
	}
	if event == nil {
		return sealed{}, errNull
	}
	complete(event, pubsub, topic, w.version.noTrace)
	if expiration := expires(metadata); expiration != "" && !own {
		event["expiration"] = expiration
	}
	out, err := json.Marshal(event) // sorts keys at every level, escapes <, >, &
	return sealed{data: out}, err
}

// overrides are metadata that set an attribute: cloudevent.<attribute>, whose case
// does not matter.
var overrides = [...]string{"cloudevent.id", "cloudevent.source", "cloudevent.type", "cloudevent.traceid", "cloudevent.traceparent", "cloudevent.tracestate"}

// errNull stands for a panic of daprd (assignment to entry in nil map, in
// FromCloudEvent), which over gRPC ends its process.
var errNull = errors.New("the CloudEvent is the JSON text null, at which daprd 1.16 panics")

// overriding is what a message's metadata says of each of the overrides.
type overriding struct {
	values [len(overrides)]string
	has    [len(overrides)]bool // be it empty
	count  int                  // of them that are there as they are written above
}

func overridden(metadata map[string]string) (o overriding) {
	for i, name := range overrides {
		value, ok := metadata[name]
		if o.values[i], o.has[i] = value, ok; ok {
			o.count++
		}
	}
	if o.count < len(metadata) { // there are others
		for i, name := range overrides {
			o.values[i], o.has[i] = lookUp(metadata, name)
		}
	}
	return o
}

// expires is when the event's lifetime ends, "" where it has none.
func expires(metadata map[string]string) string {
	if lifetime, ok := timeToLive(metadata); ok {
		return time.Now().UTC().Add(lifetime).Format(time.RFC3339)
	}
	return ""
}

// wrap is the envelope around plain data: the members in the order that
// encoding/json gives them. Where the component minds lifetimes itself, the
// envelope has none.
func (w *backend) wrap(app, pubsub, topic, contentType string, data []byte, metadata map[string]string, ownTTL bool) sealed {
	o := overridden(metadata)
	id, source, kind, trace, traceState := o.values[0], o.values[1], o.values[2], o.values[3], o.values[5]
	if parent := o.values[4]; parent != "" {
		trace = parent
	}
	if id == "" {
		id = w.newID()
	}
	if source == "" && o.has[1] {
		source = "Dapr" // an empty one is not the app's: its envelope has another default
	}
	source, kind = cmp.Or(source, app), cmp.Or(kind, "com.dapr.event.sent")
	if trace == "" && !o.has[3] {
		trace = w.version.noTrace
	}
	contentType = cmp.Or(contentType, "text/plain")
	expiration := ""
	if len(metadata) > o.count && !ownTTL {
		expiration = expires(metadata)
	}
	subject := ""
	if len(metadata) > o.count && w.version.subjectOverride {
		subject = property(metadata, "cloudevent.subject")
	}

	binary := isContentType(contentType, "application/octet-stream") || isContentType(contentType, "application/cloudevents+protobuf")
	size := len(data)
	if binary {
		size = base64.StdEncoding.EncodedLen(size)
	}
	e := envelopeWriter{out: make([]byte, 0, roomBeside+size+len(contentType)+len(id)+len(pubsub)+len(source)+len(topic)+2*len(trace)+len(traceState)+len(kind)+len(subject)), plain: expiration == "" && subject == ""}
	switch {
	case isContentType(contentType, "application/json"):
		e.json("{\"data\":", data)
	case binary:
		e.out = append(e.out, "{\"data_base64\":\""...)
		e.out = append(base64.StdEncoding.AppendEncode(e.out, data), '"')
	default:
		e.out, _ = appendText(append(e.out, "{\"data\":"...), string(data))
	}
	end := len(e.out)
	e.text(",\"datacontenttype\":", contentType)
	if expiration != "" {
		e.text(",\"expiration\":", expiration)
	}
	e.text(",\"id\":", id)
	e.text(",\"pubsubname\":", pubsub)
	e.text(",\"source\":", source)
	e.out = append(e.out, ",\"specversion\":\"1.0\""...)
	if subject != "" {
		e.text(",\"subject\":", subject)
	}
	e.out = append(e.out, ",\"time\":\""...)
	e.out = append(time.Now().AppendFormat(e.out, time.RFC3339), '"')
	e.text(",\"topic\":", topic)
	e.text(",\"traceid\":", trace)
	e.text(",\"traceparent\":", trace)
	e.text(",\"tracestate\":", traceState)
	e.text(",\"type\":", kind)
	e.out = append(e.out, '}')
	return sealed{data: e.out, event: contract.Ref{ID: id, Type: kind, Source: source, Identity: id}, known: e.known(end)}
}

// roomBeside is what an envelope takes beside its values where nothing is escaped:
// an envelope that waits is to hold no more room than it needs.
const roomBeside = 208

// envelopeWriter writes an envelope, and remembers whether all of it was plain.
type envelopeWriter struct {
	out   []byte
	plain bool
}

func (e *envelopeWriter) known(end int) known {
	if !e.plain {
		return 0
	}
	return known(end)
}

func (e *envelopeWriter) text(name, value string) {
	var plain bool
	e.out, plain = appendText(append(e.out, name...), value)
	e.plain = e.plain && plain
}

// json writes data as daprd does: what cannot be read as JSON becomes a text.
func (e *envelopeWriter) json(name string, data []byte) {
	e.out = append(e.out, name...)
	if out, same, ok := canonical(e.out, data); ok {
		e.out, e.plain = out, e.plain && same
		return
	}
	e.plain = false
	var value any
	if decode(data, &value) != nil {
		value = string(data)
	}
	text, _ := json.Marshal(value) // what was read as JSON is written as JSON
	e.out = append(e.out, text...)
}

// complete fills in what a CloudEvent of the app's own lacks; it does not add
// an id, and cloudevent.* overrides are ignored.
func complete(event map[string]any, pubsub, topic, noTrace string) {
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

// timeToLive reads ttl or ttlInSeconds: a Go duration or whole seconds. What
// daprd cannot read, it ignores.
//
// Source: components-contrib v1.16.0 metadata/utils.go TryGetTTL.
func timeToLive(metadata map[string]string) (time.Duration, bool) {
	if len(metadata) == 0 {
		return 0, false
	}
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
	value, _ := lookUp(metadata, name)
	return value
}

// lookUp is property, and whether it is there at all.
func lookUp(metadata map[string]string, name string) (string, bool) {
	if value, ok := metadata[name]; ok {
		return value, true
	}
	for key, value := range metadata {
		if len(key) >= len(name) && strings.EqualFold(key, name) { // longer: K has another form of two bytes more
			return value, true
		}
	}
	return "", false
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
