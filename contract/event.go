package contract

import "encoding/json"

// Event is a CloudEvent 1.0, in the shape that Dapr delivers.
//
// Nothing is interpreted that need not be: Data is the JSON text of the data
// member as it was written, numbers included, and Time is the text of the
// attribute. An Event from [ParseEvent] that is marshalled again is equal, as
// JSON, to what was parsed.
type Event struct {
	ID              string
	Source          string
	SpecVersion     string // "1.0"
	Type            string // Dapr's own publishes carry com.dapr.event.sent
	Subject         string
	Time            string // RFC 3339
	DataContentType string
	DataSchema      string

	// Data is the JSON text of the "data" member: a JSON string where the
	// payload is text. Nil where there is none.
	Data json.RawMessage
	// DataBase64 is the decoded "data_base64" member. Nil where there is none.
	DataBase64 []byte

	// PubSub and Topic are Dapr's extension attributes pubsubname and topic.
	PubSub string
	Topic  string

	// Extensions are all other attributes, by name: traceparent, tracestate,
	// expiration, … Values are string, bool or json.Number; a value that
	// CloudEvents does not allow is kept, and [Catalog.Check] names it.
	Extensions map[string]any
}
