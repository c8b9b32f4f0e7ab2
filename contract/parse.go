package contract

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract/schema"
)

// EventError is the error of [ParseEvent] and [ParseHTTP] for what is no
// event at all: text that is not a JSON object, a key that occurs twice, an
// attribute value that cannot be handled exactly, headers without ce-id.
type EventError struct {
	Violation Violation // Rule is EVENT_UNSAFE or EVENT_ATTRIBUTE
}

func (e *EventError) Error() string { return e.Violation.What }

func unsafeEvent(pointer, format string, args ...any) error {
	return &EventError{Violation{Rule: RuleUnsafe, Pointer: pointer, What: "event: " + fmt.Sprintf(format, args...)}}
}

// ParseEvent reads a CloudEvent in the JSON format (structured mode), such as
// daprd's envelope. The data member is kept as written and looked at only by
// [Catalog.Check]; so are attributes whose value CloudEvents does not allow
// (an id that is a number, base64 that is none), in Extensions. The error is
// an *[EventError].
func ParseEvent(b []byte) (Event, error) {
	if !json.Valid(b) {
		_, err := schema.ReadJSON(b)
		r := refusals(err)[0]
		return Event{}, unsafeEvent("", "line %d: %s: %s", r.Line, r.What, r.Remedy)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	first, err := d.Token()
	if err != nil || first != json.Delim('{') {
		return Event{}, unsafeEvent("", "a CloudEvent is a JSON object: write {\"specversion\":\"1.0\",\"id\":…}")
	}
	var e Event
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return Event{}, unsafeEvent("", "%v", err)
		}
		name := key.(string)
		if seen[name] {
			return Event{}, unsafeEvent(schema.Pointer(name), "duplicate key %q: keep one of them", name)
		}
		seen[name] = true
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return Event{}, unsafeEvent(schema.Pointer(name), "%v", err)
		}
		if err := e.set(name, raw); err != nil {
			return Event{}, err
		}
	}
	return e, nil
}

// refusals are those of an error of schema.ReadJSON; there is at least one.
func refusals(err error) schema.Refused {
	var r schema.Refused
	if errors.As(err, &r) && len(r) > 0 {
		return r
	}
	return schema.Refused{{Line: 1, What: "it cannot be read", Remedy: "correct the syntax"}}
}

// attribute is the field of an attribute that has one, nil for an extension.
func (e *Event) attribute(name string) *string {
	switch name {
	case "id":
		return &e.ID
	case "source":
		return &e.Source
	case "specversion":
		return &e.SpecVersion
	case "type":
		return &e.Type
	case "subject":
		return &e.Subject
	case "time":
		return &e.Time
	case "datacontenttype":
		return &e.DataContentType
	case "dataschema":
		return &e.DataSchema
	case "pubsubname":
		return &e.PubSub
	case "topic":
		return &e.Topic
	}
	return nil
}

// attributeNames are the attributes that have a field, in the order written.
var attributeNames = []string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "pubsubname", "topic"}

func (e *Event) set(name string, raw json.RawMessage) error {
	if name == "data" {
		e.Data = slices.Clone(raw)
		return nil
	}
	n, err := schema.ReadJSON(raw)
	if err != nil {
		r := refusals(err)[0]
		return unsafeEvent(schema.Pointer(name)+r.Pointer, "attribute %s: %s: %s", name, r.What, r.Remedy)
	}
	v := n.Value()
	text, isText := v.(string)
	if name == "data_base64" && isText {
		if decoded, err := base64.StdEncoding.Strict().DecodeString(text); err == nil && !strings.ContainsAny(text, "\r\n") {
			e.DataBase64 = decoded
			return nil
		}
	}
	if field := e.attribute(name); field != nil && isText && text != "" {
		*field = text
		return nil
	}
	e.extend(name, v)
	return nil
}

func (e *Event) extend(name string, v any) {
	if e.Extensions == nil {
		e.Extensions = map[string]any{}
	}
	e.Extensions[name] = v
}

// UnmarshalJSON is [ParseEvent].
func (e *Event) UnmarshalJSON(b []byte) error {
	parsed, err := ParseEvent(b)
	if err != nil {
		return err
	}
	*e = parsed
	return nil
}

// MarshalJSON writes the event in the JSON format of CloudEvents: the
// attributes, the extensions by name, then the data as it is.
func (e Event) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	member := func(name string, value []byte) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		key, _ := json.Marshal(name) // a string is always encoded
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	for _, name := range attributeNames {
		if text := *e.attribute(name); text != "" {
			value, err := json.Marshal(text)
			if err != nil {
				return nil, fmt.Errorf("marshal attribute %s: %w", name, err)
			}
			member(name, value)
		}
	}
	for _, name := range sortedKeys(e.Extensions) {
		if e.has(name) {
			return nil, fmt.Errorf("marshal extension %s: the event has an attribute of that name too", name)
		}
		value, err := json.Marshal(e.Extensions[name])
		if err != nil {
			return nil, fmt.Errorf("marshal extension %s: %w", name, err)
		}
		member(name, value)
	}
	if e.DataBase64 != nil {
		value, _ := json.Marshal(e.DataBase64) // bytes are always encoded
		member("data_base64", value)
	}
	if e.Data != nil {
		if !json.Valid(e.Data) {
			return nil, errors.New("marshal data: it is not JSON; a text must be a JSON string")
		}
		member("data", e.Data)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// has reports whether a member of that name is written from a field.
func (e *Event) has(name string) bool {
	switch name {
	case "data":
		return e.Data != nil
	case "data_base64":
		return e.DataBase64 != nil
	}
	field := e.attribute(name)
	return field != nil && *field != ""
}

// At finds a value by a JSON Pointer (RFC 6901) that starts at the event: /id,
// /traceparent, /data/order_id. Numbers are json.Number. Data of a JSON content
// type that travels as data_base64 is found under /data.
func (e Event) At(pointer string) (any, bool) {
	if pointer == "/data_base64" && e.DataBase64 != nil {
		return base64.StdEncoding.EncodeToString(e.DataBase64), true
	}
	withData := pointer == "" || pointer == "/data" || strings.HasPrefix(pointer, "/data/")
	tree, _ := e.tree(withData)
	return schema.Resolve(tree, pointer)
}

// tree is the event as a decoded JSON value. Data that cannot be handled is
// left out, and said.
func (e *Event) tree(withData bool) (map[string]any, schema.Refused) {
	tree := maps.Clone(e.Extensions)
	if tree == nil {
		tree = map[string]any{}
	}
	for _, name := range attributeNames {
		if text := *e.attribute(name); text != "" {
			tree[name] = text
		}
	}
	if !withData {
		return tree, nil
	}
	text := []byte(e.Data)
	if e.Data == nil {
		if e.DataBase64 == nil {
			return tree, nil
		}
		if !isJSON(e.DataContentType) {
			tree["data_base64"] = base64.StdEncoding.EncodeToString(e.DataBase64)
			return tree, nil
		}
		text = e.DataBase64
	}
	n, err := schema.ReadJSON(text)
	if err != nil {
		return tree, refusals(err)
	}
	tree["data"] = n.Value()
	return tree, nil
}
