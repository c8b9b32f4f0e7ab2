package world

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/eventproof/eventproof/contract"
)

// Direct is a [Sidecar] in this process that takes what a test sends without a
// connection, and does with it what it does with a publish call of the Go SDK's
// client. ok is false where it leaves it to that client.
type Direct interface {
	PublishDirect(pubsub, topic, contentType string, data []byte, metadata map[string]string) (ok bool, err error)
}

// direct publishes without the client, where the sidecar can and nothing in the
// context asks for the client.
func direct(ctx context.Context, s Sidecar, e contract.Event, contentType string, data []byte, metadata map[string]string) (ok bool, err error) {
	d, ok := s.(Direct)
	if !ok || ctx.Err() != nil || causedByDelivery(ctx) {
		return false, nil
	}
	if ok, err = d.PublishDirect(e.PubSub, e.Topic, contentType, data, metadata); err != nil {
		err = fmt.Errorf("error publishing event unto %s topic: %w", e.Topic, err) // as the Go SDK says it
	}
	return ok, err
}

// publication turns an event into a publish call.
func publication(e contract.Event) (data []byte, contentType string, metadata map[string]string, err error) {
	if e.Subject != "" || e.Time != "" || e.DataSchema != "" || len(e.Extensions) > 0 {
		// daprd ignores the cloudevent.* overrides for these, and passes what
		// the event carries: components-contrib pubsub/envelope.go FromCloudEvent.
		if e.SpecVersion == "" {
			e.SpecVersion = "1.0"
		}
		if e.ID == "" {
			return nil, "", nil, fmt.Errorf("an event with a subject, a time, a dataschema or extensions is published as a CloudEvent of its own, to which daprd gives no id: set ID")
		}
		data, err = json.Marshal(e)
		return data, "application/cloudevents+json", nil, err
	}
	state := func(key, value string) {
		if value != "" {
			if metadata == nil {
				metadata = make(map[string]string, 3)
			}
			metadata[key] = value
		}
	}
	state("cloudevent.id", e.ID)
	state("cloudevent.source", e.Source)
	state("cloudevent.type", e.Type)
	contentType = e.DataContentType
	if e.DataBase64 != nil {
		if contentType == "" {
			contentType = "application/octet-stream"
		}
		return e.DataBase64, contentType, metadata, nil
	}
	if contentType == "" {
		contentType = "application/json"
	}
	data = e.Data
	if !isJSON(contentType) {
		var text string
		if json.Unmarshal(e.Data, &text) == nil {
			data = []byte(text) // the data member of a text payload is a JSON string
		}
	}
	return data, contentType, metadata, nil
}

// isJSON reports what daprd takes for JSON: components-contrib
// contenttype/contenttype.go. application/vnd.x+json is not.
func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "application/json")
}
