package differential

import (
	"fmt"
	"strings"
)

// content is data with its content type.
type content struct{ contentType, data string }

// contents are those of plain events; those whose data does not name the event
// are named by their id.
var contents = []content{
	{"application/json", `{"m":"$id","n":1,"kind":"x"}`}, {"application/json", `{"m":"$id","n":2}`}, {"application/json", `{"m":"$id","n":3,"list":[1,2]}`},
	{"application/json", `{"m":"$id","kind":"y","name":"abc"}`}, {"application/json", `{"m":"$id","n":2.0,"b":true,"name":null}`},
	{"application/json; charset=utf-8", `{"m":"$id","n":2}`}, {"Application/JSON", `{"m":"$id"}`}, {"application/json;", `[1]`}, {"application/json ", `{"a":1}`},
	{"application/json", `"text"`}, {"application/json", `null`}, {"application/json", `17`}, {"application/json", `["$id",{"z":1,"a":2}]`}, {"application/json", `true`},
	{"application/json", ``}, {"application/json", `not json`}, {"application/json", `{"a":1} and more`}, {"application/json", `{"a":1}{"b":2}`},
	{"application/json", `{"n":12345678901234567890}`}, {"application/json", `{"n":1e400}`}, {"application/json", `{"n":1.10,"e":1E2,"z":-0}`}, {"application/json", `{"n":0.1e-7}`},
	{"application/json", `{"a":"<&>\u2028\ud800é"}`}, {"application/json", "{\"a\":\"\xff\"}"}, {"application/json", `{"a":1,"a":2}`}, {"application/json", `{"":1}`}, {"application/json", ` {"n" : 1 } `},
	{"text/plain", "hello $id"}, {"text/plain", ""}, {"text/html; charset=utf-8", "<b>"}, {"TEXT/csv", "a,b"}, {"", `{"n":1}`}, {"", "plain"}, {"text/plain", "\xff\xfe"},
	{"application/xml", "<a/>"}, {"application/octet-stream", "\x00\x01\xff"}, {"application/octet-stream", ""}, {"application/octet-stream; x=y", "$id"},
	{"application/vnd.acme+json", `{"n":1}`}, {"application/cloudevents+protobuf", "\x01"}, {"application/yaml", "a: 1"}, {"nonsense", "x"}, {"image/png", "\x89PNG"},
	{"application/cloudevents-batch+json", `[{"id":"$id"}]`},
}

// events are CloudEvents of the app's own. JSON's null is not among them: daprd
// 1.16 panics at it, which over gRPC ends the process.
var events = []content{
	{cloudEvents, `{"id":"$id","source":"me","type":"order.placed","specversion":"1.0","datacontenttype":"application/json","subject":"x","myext":"e","data":{"n":2,"kind":"x"}}`},
	{cloudEvents, `{"id":"$id","source":"s","type":"t","specversion":"1.0","topic":"elsewhere","pubsubname":"other","time":"2020-01-01T00:00:00Z","data":{"b":1,"a":2}}`},
	{cloudEvents, `{"id":"$id","data":{"n":1}}`}, {cloudEvents + "; charset=utf-8", `{"id":"$id","data":"text"}`}, {"Application/CloudEvents+JSON", `{"id":"$id"}`},
	{cloudEvents, `{"id":"$id","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":"x"}`},
	{cloudEvents, `{"id":"$id","traceid":"abc","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"a=b","data":1}`},
	{cloudEvents, `{"id":"$id","expiration":"1999-01-01T00:00:00Z","datacontenttype":"text/plain","data":"x"}`}, {cloudEvents, `{"id":"$id","expiration":"2099-01-01T00:00:00Z","data":"x"}`},
	{cloudEvents, `{"id":"$id","expiration":"soon","data":"x"}`}, {cloudEvents, `{"id":"$id","expiration":5,"data":"x"}`}, {cloudEvents, `{"id":"$id","expiration":"","data":"x"}`}, {cloudEvents, `{"id":"$id","expiration":null}`},
	{cloudEvents, `{"id":"$id","datacontenttype":"application/json","data":null}`}, {cloudEvents, `{"id":"$id","datacontenttype":"text/plain","data":{"n":1}}`},
	{cloudEvents, `{"id":"$id","datacontenttype":"application/xml","data":"<a/>"}`}, {cloudEvents, `{"id":"$id","datacontenttype":"application/octet-stream","data_base64":"AAEC"}`},
	{cloudEvents, `{"id":"$id","data_base64":"not base64!"}`}, {cloudEvents, `{"id":"$id","data_base64":5}`}, {cloudEvents, `{"id":"$id","datacontenttype":5,"data":"x"}`},
	{cloudEvents, `{"id":"$id","type":5,"source":["a"],"data":{"n":2}}`}, {cloudEvents, `{"id":"$id","type":null,"source":null,"specversion":null,"data":{"n":2}}`}, {cloudEvents, `{"id":"$id","specversion":"0.3","type":"","data":1}`},
	{cloudEvents, `{"m":"$id"}`}, {cloudEvents, `{"id":17,"m":"$id","data":1}`}, {cloudEvents, `{"id":"$id","a":{"b":[1,2.50]},"c":1e2,"d":true,"e":null,"data":[1]}`}, {cloudEvents, `{"ID":"$id","Data":1}`},
	{cloudEvents, `{"id":`}, {cloudEvents, `[1]`}, {cloudEvents, `"$id"`}, {cloudEvents, ``}, {cloudEvents, `{"id":"$id"} trailing`}, {cloudEvents, `{"id":"$id","n":1e400}`}, {cloudEvents, `{}`},
	{cloudEvents, `{"id":"$id","data":{"n":12345678901234567890},"datacontenttype":"application/json"}`},
}

const cloudEvents = "application/cloudevents+json"

// raws are payloads that are published as they are.
var raws = []content{
	{"", "raw $id"}, {"application/json", `{"m":"$id","n":1}`}, {"application/octet-stream", "\x00$id\xff"}, {"text/plain", "$id"},
	{"application/json", `{"id":"$id","specversion":"1.0","type":"order.placed","source":"me","datacontenttype":"application/json","data":{"n":2}}`},
	{cloudEvents, `{"id":"$id","datacontenttype":"text/plain","data":"x"}`}, {"application/json", `["$id"]`}, {"application/json", `"$id"`}, {"application/json", `{"m":"$id","expiration":"1999-01-01T00:00:00Z"}`},
	{"application/json", ` {"id" : "$id", "datacontenttype":"application/json" , "data" : {"z":1,"a":1.50} } `},
}

// metadata are pairs that may be given to a publish.
var metadata = [][2]string{
	{"partitionKey", "k1"}, {"Key", "Value"}, {"x-y_z.w", "1"}, {"cloudevent.source", "me"}, {"cloudevent.type", "order.placed"}, {"CloudEvent.Type", "order.placed"}, {"CLOUDEVENT.SOURCE", "me"},
	{"cloudevent.time", "2020-01-01T00:00:00Z"}, {"cloudevent.subject", "s"}, {"cloudevent.datacontenttype", "text/plain"}, {"cloudevent.myext", "e"}, {"cloudevent.traceid", "abc"}, {"cloudevent.topic", "elsewhere"},
	{"cloudevent.traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, {"cloudevent.tracestate", "a=b"}, {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, {"traceid", "abc"},
	{"ttlInSeconds", "3600"}, {"ttlInSeconds", "0"}, {"ttlInSeconds", "-1"}, {"ttlInSeconds", "abc"}, {"ttlInSeconds", "1h"}, {"ttlInSeconds", "1ns"}, {"ttl", "1ns"}, {"ttl", "0s"}, {"ttl", "-5s"}, {"TTL", "1ns"}, {"ttlinseconds", "1ns"}, {"ttl", "1h"}, {"ttl", "1000"}, {"ttl", " 1ns"},
	{"ttlInSeconds", "99999999999"}, {"pubsubName", "other"}, {"cloudevent.source", ""}, {"cloudevent.type", " "}, {"content-type", "text/plain"}, {"empty", ""}, {"cloudevent.traceid", ""}, {"cloudevent.tracestate", ""}, {"cloudevent.traceparent", ""}, {"with space", "1"}, {"umlaut", "ü"}, {"line", "a\nb"}, {"authorization", "x"}, {"cloudevent.", "x"},
}

func (d draw) metadata() map[string]string {
	if d.percent(45) {
		return nil
	}
	m := map[string]string{}
	for range 1 + d.IntN(2) {
		pair := of(d, metadata...)
		set(m, pair[0], pair[1])
	}
	return m
}

// named gives plain data its event's name as its id.
func (d draw) named(c content, m map[string]string) map[string]string {
	if isCloudEvent(c.contentType) {
		return m
	}
	if m == nil {
		m = map[string]string{}
	}
	set(m, of(d, "cloudevent.id", "cloudevent.id", "cloudevent.id", "CloudEvent.ID"), "$id")
	return m
}

// set gives a name that no other equals but for its case: of two such, Go's maps
// choose at random, in daprd and in the fake.
func set(m map[string]string, name, value string) {
	for other := range m {
		if strings.EqualFold(other, name) {
			delete(m, other)
		}
	}
	m[name] = value
}

func (d draw) publish(s Scenario, i int) Publish {
	p := Publish{Over: of(d, "grpc", "grpc", "http"), Component: d.IntN(len(s.Components)), Topic: of(d, "t0", "t0", "t0", "t1"), Metadata: d.metadata()}
	one := func(c content) (string, string) { return c.contentType, c.data }
	plain := func() content {
		if d.percent(25) {
			return of(d, events...)
		}
		if d.percent(50) {
			return contents[d.IntN(6)]
		}
		return of(d, contents...)
	}
	switch {
	case d.percent(12): // bulk
		if d.percent(15) {
			p.Metadata = map[string]string{"rawPayload": "true"}
		}
		for j := range 1 + d.IntN(3) {
			c := plain()
			if p.Metadata["rawPayload"] != "" {
				c = of(d, raws...)
			}
			e := Entry{ID: fmt.Sprintf("%d", j), Metadata: d.named(c, d.metadata())}
			e.ContentType, e.Data = one(c)
			for name, value := range p.Metadata {
				if e.Metadata != nil && name != "rawPayload" {
					set(e.Metadata, name, value)
				}
			}
			p.Entries = append(p.Entries, e)
		}
		if d.percent(8) {
			p.Entries[len(p.Entries)-1].ID = of(d, "", "0")
		}
	case d.percent(14):
		c := of(d, raws...)
		p.ContentType, p.Data = one(c)
		if p.Metadata == nil {
			p.Metadata = map[string]string{}
		}
		p.Metadata["rawPayload"] = of(d, "true", "true", "true", "1", "T")
	default:
		c := plain()
		p.ContentType, p.Data = one(c)
		p.Metadata = d.named(c, p.Metadata)
		if d.percent(3) {
			p.Metadata = map[string]string{"rawPayload": of(d, "maybe", "yes", "TRUE "), "cloudevent.id": "$id"}
		}
	}
	return p
}
