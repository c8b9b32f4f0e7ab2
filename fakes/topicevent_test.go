package fakes

import (
	"testing"

	"google.golang.org/protobuf/proto"
)

// TestAKnownEventIsTheOneThatIsRead holds what a gRPC app gets of an envelope that is
// known against what reading the envelope makes of it.
func TestAKnownEventIsTheOneThatIsRead(t *testing.T) {
	w := &backend{ids: newIDs(1)}
	for _, c := range []struct{ contentType, data string }{
		{"application/json", `{"b":[1,-0,{"z":"<é>","a":null}],"a":"x\ny"}`},
		{"application/json", `null`},
		{"application/json", `"text"`},
		{"application/json; charset=utf-8", `123456789012345`},
		{"application/octet-stream", "\x00\x01\xff"},
		{"text/plain", "<a> \"quoted\" \u2028 text"},
		{"", "text"},
		{"application/xml", "<a/>"},
		{"application/vnd.x+json", `{}`},
		{"application/json", ``},
		{"text/plain", ``},
	} {
		out, err := w.envelope(&app{id: "app"}, "pubsub", "orders", c.contentType, []byte(c.data), map[string]string{"cloudevent.type": "order.placed", "cloudevent.tracestate": "a=b"})
		if err != nil {
			t.Fatal(err)
		}
		if out.known == 0 {
			if c.data != "" {
				t.Errorf("%s %q: the envelope is not known", c.contentType, c.data)
			}
			continue
		}
		sub := &subscription{component: "pubsub", topic: "orders", rules: []rule{{path: "/orders"}}}
		d := &delivery{world: w, sub: sub, pending: &pending{message: &message{data: out.data, known: out.known}}}
		if o := d.prepare(); o.kind != handled || d.event != nil || d.path != "/orders" {
			t.Fatalf("%s %q: prepared as %+v", c.contentType, c.data, o)
		}
		got, err := topicEventRequest(d)
		if err != nil {
			t.Fatal(err)
		}
		read := &delivery{world: w, sub: sub, pending: &pending{message: &message{data: out.data}}}
		if o := read.prepare(); o.kind != handled || read.event == nil {
			t.Fatalf("%s %q: prepared as %+v", c.contentType, c.data, o)
		}
		want, err := topicEventRequest(read)
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(want, got) {
			t.Errorf("%s %q:\nwant %v\ngot  %v", c.contentType, c.data, want, got)
		}
	}
}
