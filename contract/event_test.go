package contract_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract"
)

// envelope is what daprd 1.16 delivers for a JSON publish.
const envelope = `{"data":{"n":12345678901234567890,"a/b":{"~":[1,2.50]}},"datacontenttype":"application/json","id":"5929aaac-a5e2-4ca1-859c-edfe73f11565",` +
	`"pubsubname":"pubsub","source":"orders","specversion":"1.0","time":"2025-01-31T12:00:00Z","topic":"orders","traceid":"00-0-0-00","traceparent":"00-0-0-00",` +
	`"tracestate":"","type":"com.dapr.event.sent"}`

func parse(t *testing.T, text string) contract.Event {
	t.Helper()
	e, err := contract.ParseEvent([]byte(text))
	if err != nil {
		t.Fatalf("ParseEvent(%s): %v", text, err)
	}
	return e
}

func TestParseEventReadsDaprsEnvelope(t *testing.T) {
	want := contract.Event{
		ID: "5929aaac-a5e2-4ca1-859c-edfe73f11565", Source: "orders", SpecVersion: "1.0", Type: "com.dapr.event.sent", Time: "2025-01-31T12:00:00Z",
		DataContentType: "application/json", PubSub: "pubsub", Topic: "orders",
		Data:       json.RawMessage(`{"n":12345678901234567890,"a/b":{"~":[1,2.50]}}`),
		Extensions: map[string]any{"traceid": "00-0-0-00", "traceparent": "00-0-0-00", "tracestate": ""},
	}
	if diff := cmp.Diff(want, parse(t, envelope)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEventIsTheSameAgain(t *testing.T) {
	for _, tt := range []struct{ name, reason, text string }{
		{"envelope", "what daprd delivers", envelope},
		{"text", "a JSON string", `{"id":"1","data":"a \"b\""}`},
		{"null data", "null is data", `{"id":"1","data":null}`},
		{"bytes", "base64", `{"id":"1","data_base64":"AP8="}`},
		{"no bytes", "present and empty", `{"id":"1","data_base64":""}`},
		{"bad base64", "kept for Check to name", `{"id":"1","data_base64":"?"}`},
		{"base64 on two lines", "RFC 4648 has no line breaks", `{"id":"1","data_base64":"AP\n8="}`},
		{"odd attributes", "kept for Check to name", `{"id":7,"source":"","type":null,"subject":{"a":[1]},"UPPER":1.50}`},
		{"huge number", "data is not looked at", `{"data":1e999999}`},
		{"nothing", "no attributes at all", `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := parse(t, tt.text)
			b, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decode(t, []byte(tt.text)), decode(t, b)); diff != "" {
				t.Errorf("as JSON (-want +got), %s:\n%s", tt.reason, diff)
			}
			var again contract.Event
			if err := json.Unmarshal(b, &again); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e, again); diff != "" {
				t.Errorf("as an Event (-want +got), %s:\n%s", tt.reason, diff)
			}
		})
	}
}

func TestMarshalRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		event        contract.Event
		want         string
	}{
		{"text as data", "it would not be JSON", contract.Event{Data: json.RawMessage("hello")}, "marshal data: it is not JSON; a text must be a JSON string"},
		{"attribute twice", "a key would occur twice", contract.Event{ID: "1", Extensions: map[string]any{"id": "2"}}, "marshal extension id: the event has an attribute of that name too"},
		{"function as extension", "it has no JSON", contract.Event{Extensions: map[string]any{"f": func() {}}}, "marshal extension f: json: unsupported type: func()"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.event.MarshalJSON()
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s: %s", err, tt.want, tt.reason)
			}
		})
	}
}

func TestAt(t *testing.T) {
	e := parse(t, envelope)
	base64 := contract.Event{DataContentType: "application/json", DataBase64: []byte(`{"n":1}`)}
	broken := contract.Event{ID: "1", Data: json.RawMessage(`{"a":1,"a":2}`)}
	for _, tt := range []struct {
		name, reason string
		event        contract.Event
		pointer      string
		want         any
		found        bool
	}{
		{"attribute", "by its name", e, "/topic", "orders", true},
		{"extension", "by its name", e, "/traceid", "00-0-0-00", true},
		{"number", "as written", e, "/data/n", json.Number("12345678901234567890"), true},
		{"escaped", "~1 is /, ~0 is ~", e, "/data/a~1b/~0/1", json.Number("2.50"), true},
		{"absent attribute", "not set", e, "/subject", nil, false},
		{"index beyond the end", "two items", e, "/data/a~1b/~0/2", nil, false},
		{"index with a leading zero", "RFC 6901 has none", e, "/data/a~1b/~0/01", nil, false},
		{"into a scalar", "nothing is in there", e, "/id/x", nil, false},
		{"no pointer", "it must begin with /", e, "data", nil, false},
		{"bad escape", "~2 is none", e, "/data/~2", nil, false},
		{"base64 JSON", "decoded under data", base64, "/data/n", json.Number("1"), true},
		{"base64", "as it travels", base64, "/data_base64", "eyJuIjoxfQ==", true},
		{"refused data", "which a?", broken, "/data/a", nil, false},
		{"attribute beside refused data", "it can be read", broken, "/id", "1", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, found := tt.event.At(tt.pointer)
			if found != tt.found || !cmp.Equal(got, tt.want) {
				t.Errorf("At(%s) = %v, %v, want %v, %v: %s", tt.pointer, got, found, tt.want, tt.found, tt.reason)
			}
		})
	}
}

func TestParseHTTP(t *testing.T) {
	header := func(more ...string) http.Header {
		h := http.Header{}
		for _, pair := range [][2]string{{"ce-id", "1"}, {"ce-source", "s"}, {"ce-specversion", "1.0"}, {"ce-type", "t"}} {
			h.Set(pair[0], pair[1])
		}
		for i := 0; i+1 < len(more); i += 2 {
			h.Set(more[i], more[i+1])
		}
		return h
	}
	event := func(change func(*contract.Event)) contract.Event {
		e := contract.Event{ID: "1", Source: "s", SpecVersion: "1.0", Type: "t"}
		change(&e)
		return e
	}
	for _, tt := range []struct {
		name, reason string
		header       http.Header
		body         string
		want         contract.Event
	}{
		{"structured", "by its content type", http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}, `{"id":"1"}`, contract.Event{ID: "1"}},
		{"binary JSON", "the body is data", header("Content-Type", "application/json"), `{"a":1}`,
			event(func(e *contract.Event) { e.DataContentType, e.Data = "application/json", json.RawMessage(`{"a":1}`) })},
		{"binary, no content type", "JSON if it is", header(), `{"a":1}`, event(func(e *contract.Event) { e.Data = json.RawMessage(`{"a":1}`) })},
		{"binary text", "a JSON string", header("Content-Type", "text/plain"), `hi`,
			event(func(e *contract.Event) { e.DataContentType, e.Data = "text/plain", json.RawMessage(`"hi"`) })},
		{"binary, JSON that is none", "a string, as daprd does", header("Content-Type", "application/json"), `hi`,
			event(func(e *contract.Event) { e.DataContentType, e.Data = "application/json", json.RawMessage(`"hi"`) })},
		{"binary bytes", "neither JSON nor text", header("Content-Type", "application/octet-stream"), "\x00",
			event(func(e *contract.Event) { e.DataContentType, e.DataBase64 = "application/octet-stream", []byte{0} })},
		{"no body", "no data", header("Content-Type", "application/json"), ``, event(func(e *contract.Event) { e.DataContentType = "application/json" })},
		{"percent-decoded", "one round; a lone % stays", header("ce-subject", "Euro %E2%82%AC %F0%9F%98%80 100% %2541"), ``,
			event(func(e *contract.Event) { e.Subject = "Euro € 😀 100% %41" })},
		{"quoted", "quotes are no part of the value", header("ce-subject", `"a \"b\""`), ``, event(func(e *contract.Event) { e.Subject = `a "b"` })},
		{"extension", "a string", header("ce-partitionkey", "7"), ``, event(func(e *contract.Event) { e.Extensions = map[string]any{"partitionkey": "7"} })},
		{"Dapr's extensions", "fields of their own", header("ce-topic", "o", "ce-pubsubname", "p"), ``, event(func(e *contract.Event) { e.Topic, e.PubSub = "o", "p" })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := contract.ParseHTTP(tt.header, []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
		})
	}
}
