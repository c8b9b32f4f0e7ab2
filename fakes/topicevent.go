package fakes

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

// topicEventRequest is the event as a gRPC app gets it: data by content type,
// and everything that has no field of its own among the extensions.
//
// Source: dapr v1.16.0 pkg/runtime/pubsub/subscriptions.go
// GRPCEnvelopeFromSubscriptionMessage.
func topicEventRequest(d *delivery) (*runtime.TopicEventRequest, error) {
	if d.event == nil {
		return knownTopicEvent(d)
	}
	text := func(attribute string) string { s, _ := d.event[attribute].(string); return s }
	r := &runtime.TopicEventRequest{Id: text("id"), Source: text("source"), Type: text("type"), SpecVersion: text("specversion"),
		DataContentType: text("datacontenttype"), Topic: d.topic(), PubsubName: d.sub.component, Path: d.path}
	if data, ok := d.event["data_base64"]; ok && data != nil {
		encoded, ok := data.(string)
		if !ok {
			return nil, errors.New("unexpected data type encountered in envelope")
		}
		var err error
		if r.Data, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, err
		}
	} else if data, ok := d.event["data"]; ok && data != nil {
		contentType := r.DataContentType
		switch {
		case strings.HasPrefix(strings.ToLower(contentType), "text/"), isContentType(contentType, "application/xml"):
			s, ok := data.(string)
			if !ok {
				return nil, errors.New("unexpected data type encountered in envelope")
			}
			r.Data = []byte(s)
		case isContentType(contentType, "application/json"), isContentType(contentType, "application/cloudevents+json"):
			r.Data, _ = json.Marshal(data)
		} // any other content type: the data is lost, as in daprd
	}
	extensions := make(map[string]any)
	for name, value := range d.event {
		switch name {
		case "id", "source", "datacontenttype", "type", "specversion", "data", "data_base64":
		default:
			extensions[name] = value
		}
	}
	encoded, err := json.Marshal(extensions)
	if err != nil {
		return nil, err
	}
	r.Extensions = new(structpb.Struct)
	return r, protojson.Unmarshal(encoded, r.Extensions)
}

// knownTopicEvent is topicEventRequest for an envelope that is known: its data is
// what reading and writing it again would make of it.
func knownTopicEvent(d *delivery) (*runtime.TopicEventRequest, error) {
	m := d.pending.message
	r := &runtime.TopicEventRequest{Topic: d.topic(), PubsubName: d.sub.component, Path: d.path, SpecVersion: "1.0"}
	const most = 6 // of the attributes that have no field
	values, texts := make([]structpb.Value, 0, most), make([]structpb.Value_StringValue, 0, most)
	r.Extensions = &structpb.Struct{Fields: make(map[string]*structpb.Value, most)}
	for rest := m.data[m.known:]; len(rest) > 1; { // ,"name":"value"
		name, value, after := attribute(rest)
		rest = after
		switch name {
		case "id":
			r.Id = value
		case "source":
			r.Source = value
		case "type":
			r.Type = value
		case "datacontenttype":
			r.DataContentType = value
		case "specversion":
		default:
			texts = append(texts, structpb.Value_StringValue{StringValue: value})
			values = append(values, structpb.Value{Kind: &texts[len(texts)-1]})
			r.Extensions.Fields[name] = &values[len(values)-1]
		}
	}
	data := m.data[len(`{"data":`):m.known]
	if encoded, ok := bytes.CutPrefix(m.data[:m.known], []byte(`{"data_base64":`)); ok {
		var err error
		r.Data, err = base64.StdEncoding.DecodeString(string(encoded[1 : len(encoded)-1]))
		return r, err
	}
	switch contentType := r.GetDataContentType(); {
	case string(data) == "null":
	case strings.HasPrefix(strings.ToLower(contentType), "text/"), isContentType(contentType, "application/xml"):
		var text string
		if json.Unmarshal(data, &text) != nil {
			return nil, errors.New("unexpected data type encountered in envelope")
		}
		r.Data = []byte(text)
	case isContentType(contentType, "application/json"), isContentType(contentType, "application/cloudevents+json"):
		r.Data = data
	} // any other content type: the data is lost, as in daprd
	return r, nil
}

// attribute reads the next member of a known envelope after its data.
func attribute(members []byte) (name, value string, rest []byte) {
	name, rest = quoted(members[1:])
	value, rest = quoted(rest[1:])
	return name, value, rest
}

// quoted reads a text without escapes.
func quoted(text []byte) (inside string, rest []byte) {
	end := 1 + bytes.IndexByte(text[1:], '"')
	return string(text[1:end]), text[end+1:]
}
