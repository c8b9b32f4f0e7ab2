package fakes

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/eventproof/eventproof/contract"
)

// canonicalSeeds are texts that canonical and encoding/json could differ on.
var canonicalSeeds = []string{
	`{}`, `[]`, `null`, `true`, `false`, `0`, `-0`, `1.50`, `1E5`, `123456789012345`, `1234567890123456`, `1e400`, `01`, `1.`, `-`, `.5`, `+1`,
	`{"b":1,"a":2}`, `{"a":1,"a":2}`, `{"a":{"y":1,"x":2},"a":{"z":3}}`, `{"b":{"d":[{"z":1,"y":2}],"c":null},"a":"x","b":7}`,
	`{"a":1,"b":2,"a":3,"c":4,"b":5}`, `{"":1," ":2}`, `{"A":1,"a":2,"Z":3}`, `{"é":1,"z":2,"e":3}`, `{"a\u0062":1,"ab":2}`, `{"<":1,";":2}`,
	`"<b>&amp;</b>"`, `"\u003c"`, `"a\/b"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\b\f\n\r\t\u0000\u001f\u007f"`, `"<x>\n<y>"`, "\"\u2028 \u2029\"", `"\u2028"`,
	"\"\xff\"", "\"a\tb\"", `"unended`, `"x\`, `{"a":1,}`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{a:1}`, ` { "a" : [ 1 , 2 ] } `, `{"a":1} trailing`, `{"a":1}{"b":2}`,
	`tru`, `nulll`, "", " ", strings.Repeat("[", 99) + strings.Repeat("]", 99), strings.Repeat("[", 200) + strings.Repeat("]", 200), "\ufeff{}",
}

// FuzzCanonical holds canonical against encoding/json: what it takes it writes
// byte for byte as decoding with UseNumber and encoding again do, and what it calls
// the same is not changed by float64 numbers either.
func FuzzCanonical(f *testing.F) {
	for _, seed := range canonicalSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, same, ok := canonical([]byte("before"), text)
		if !ok {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("canonical takes %q, which is not JSON", text)
		}
		var value any
		if err := decode(text, &value); err != nil {
			t.Fatalf("canonical takes %q: %v", text, err)
		}
		want, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if want = append([]byte("before"), want...); !bytes.Equal(want, got) {
			t.Fatalf("canonical(%q):\nwant %s\ngot  %s", text, want, got)
		}
		if !same {
			return
		}
		var floats any
		if err := json.Unmarshal(text, &floats); err != nil {
			t.Fatalf("canonical says that float64 gives back %q: %v", text, err)
		}
		if again, _ := json.Marshal(floats); !bytes.Equal(want[len("before"):], again) {
			t.Fatalf("canonical says that float64 gives back %q:\nwant %s\ngot  %s", text, want[len("before"):], again)
		}
	})
}

// TestCanonicalTakesWhatIsUsual keeps the fast way in use: what it declines is
// still written, and only slower.
func TestCanonicalTakesWhatIsUsual(t *testing.T) {
	for _, text := range []string{
		`{"order_id":"ord-1","amount":42.50,"note":"a \"quoted\" <word>\n","lines":[{"sku":"x","n":1}],"none":null,"ok":true}`,
		`{"name":"Zoë","größe":"ß"}`, `[]`, `"text"`, `-1e-7`, " {\n\t\"b\": 1,\r\n\"a\": 2 } ",
	} {
		if _, _, ok := canonical(nil, []byte(text)); !ok {
			t.Errorf("canonical declines %s", text)
		}
	}
	for _, text := range []string{`{"a":1} trailing`, `{`, ``, `{"a\n":1}`, `nul`} {
		if _, _, ok := canonical(nil, []byte(text)); ok {
			t.Errorf("canonical takes %q", text)
		}
	}
}

// reference is the envelope around plain data as encoding/json makes it of a map.
func reference(t *testing.T, got map[string]any, app, pubsub, topic, contentType string, data []byte, metadata map[string]string) []byte {
	t.Helper()
	event := map[string]any{
		"id": property(metadata, "cloudevent.id"), "source": property(metadata, "cloudevent.source"), "type": property(metadata, "cloudevent.type"), "specversion": "1.0",
		"datacontenttype": contentType, "time": got["time"], "topic": topic, "pubsubname": pubsub,
	}
	trace := property(metadata, "cloudevent.traceid")
	if parent := property(metadata, "cloudevent.traceparent"); parent != "" {
		trace = parent
	}
	if trace == "" {
		trace = versions["1.16"].noTrace
	}
	event["traceid"], event["traceparent"], event["tracestate"] = trace, trace, property(metadata, "cloudevent.tracestate")
	if _, has := metadata["cloudevent.source"]; has {
		app = "Dapr" // an empty override: see wrap
	}
	for attribute, value := range map[string]any{"id": got["id"], "source": app, "type": "com.dapr.event.sent"} {
		if event[attribute] == "" {
			event[attribute] = value
		}
	}
	if contentType == "" {
		event["datacontenttype"] = "text/plain"
	}
	if _, ok := timeToLive(metadata); ok {
		event["expiration"] = got["expiration"]
	}
	var value any
	switch {
	case isContentType(contentType, "application/json"):
		if event["data"] = string(data); decode(data, &value) == nil {
			event["data"] = value
		}
	case isContentType(contentType, "application/octet-stream"), isContentType(contentType, "application/cloudevents+protobuf"):
		event["data_base64"] = base64.StdEncoding.EncodeToString(data)
	default:
		event["data"] = string(data)
	}
	out, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAnEnvelopeHoldsNoRoomThatItDoesNotNeed keeps what waits small.
func TestAnEnvelopeHoldsNoRoomThatItDoesNotNeed(t *testing.T) {
	w := &backend{ids: newIDs(1)}
	for _, contentType := range []string{"application/json", "application/octet-stream", "text/plain"} {
		data := bytes.Repeat([]byte("1"), 300)
		out, err := w.envelope(&app{id: "app"}, "pubsub", "orders", contentType, data, map[string]string{"cloudevent.type": "order.placed"})
		if err != nil {
			t.Fatal(err)
		}
		if spare := cap(out.data) - len(out.data); spare > 128 {
			t.Errorf("%s: %d bytes of room for %d", contentType, cap(out.data), len(out.data))
		}
	}
}

// FuzzEnvelope holds the envelope around plain data against the one that
// encoding/json makes, and what is said to be known of it against what reading it
// says.
func FuzzEnvelope(f *testing.F) {
	f.Add("application/json", []byte(`{"b":1,"a":"<x>"}`), "orders", "ord-1", "order.placed", "shop", "", "", "")
	f.Add("application/json", []byte(`{"a":1} trailing`), "orders", "ord-1", "", "", "vendor=1", "", "60")
	f.Add("application/json", []byte(`not JSON`), "orders", "", "", "", "", "00-1-2-01", "")
	f.Add("application/json", []byte(`{"n":1e400}`), "orders", "ord-1", "", "", "", "", "")
	f.Add("application/json; charset=utf-8", []byte(`null`), "o<r>", "é", "\xff", "a\"b", "\n", "", "")
	f.Add("application/octet-stream", []byte{0, 1, 255}, "orders", "", "", "", "", "", "1s")
	f.Add("", []byte("text \u2028 \xff"), "", "", "", "", "", "", "")
	f.Add("application/vnd.x+json", []byte(`{}`), "orders", "", "", "", "", "", "")
	f.Fuzz(func(t *testing.T, contentType string, data []byte, topic, id, kind, source, state, parent, ttl string) {
		if isContentType(contentType, "application/cloudevents+json") {
			return
		}
		metadata := map[string]string{"cloudevent.id": id, "CloudEvent.Type": kind, "cloudevent.source": source, "cloudevent.tracestate": state,
			"cloudevent.traceparent": parent, "ttlInSeconds": ttl}
		w := &backend{ids: newIDs(1), version: versions["1.16"]}
		out, err := w.envelope(&app{id: "app"}, "pubsub", topic, contentType, data, metadata)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := decode(out.data, &got); err != nil {
			t.Fatalf("%s: %v", out.data, err)
		}
		if at, err := time.Parse(time.RFC3339, got["time"].(string)); err != nil || time.Since(at) > time.Hour {
			t.Fatalf("time %v: %v", got["time"], err)
		}
		if want := reference(t, got, "app", "pubsub", topic, contentType, data, metadata); !bytes.Equal(want, out.data) {
			t.Fatalf("the envelope:\nwant %s\ngot  %s", want, out.data)
		}
		if out.known == 0 {
			return
		}
		e, err := contract.ParseEvent(out.data)
		if err != nil {
			t.Fatalf("known, and no event: %v\n%s", err, out.data)
		}
		var catalog *contract.Catalog
		if want := catalog.Ref(e); want != out.event {
			t.Fatalf("its name: want %+v, got %+v", want, out.event)
		}
		var floats map[string]any
		if err := json.Unmarshal(out.data, &floats); err != nil || expired(floats) {
			t.Fatalf("known, and not to be delivered: %v\n%s", err, out.data)
		}
	})
}
