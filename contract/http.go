package contract

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ParseHTTP reads a CloudEvent from an HTTP request, as the HTTP binding of
// CloudEvents 1.0 says: in structured mode by its content type
// application/cloudevents+json, otherwise in binary mode from the ce- headers
// (percent-decoded) with the body as data. A body that is not JSON though its
// content type says so becomes a JSON string, as daprd does; a body that is
// neither JSON nor text, data_base64. The error is an *[EventError].
func ParseHTTP(h http.Header, body []byte) (Event, error) {
	contentType := h.Get("Content-Type")
	media, _, err := mime.ParseMediaType(contentType)
	if err == nil && strings.HasPrefix(media, "application/cloudevents") {
		if media != "application/cloudevents+json" {
			return Event{}, badHeader("", "%s is not read: send application/cloudevents+json, one event a request", media)
		}
		return ParseEvent(body)
	}
	e := Event{DataContentType: contentType}
	names := sortedKeys(h)
	for _, name := range names {
		attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !ok {
			continue
		}
		if len(h[name]) != 1 {
			return Event{}, badHeader(attribute, "header %s is there %d times: send it once", strings.ToLower(name), len(h[name]))
		}
		value := decodeHeader(h[name][0])
		if !utf8.ValidString(value) {
			return Event{}, badHeader(attribute, "header %s is not UTF-8 once it is percent-decoded: encode it as UTF-8", strings.ToLower(name))
		}
		if attribute == "datacontenttype" || attribute == "data" {
			return Event{}, badHeader(attribute, "header %s is not allowed: it is Content-Type, and the body", strings.ToLower(name))
		}
		if field := e.attribute(attribute); field != nil && value != "" {
			*field = value
		} else {
			e.extend(attribute, value)
		}
	}
	if e.SpecVersion == "" && e.ID == "" {
		return Event{}, badHeader("", "the request is no CloudEvent: send Content-Type: application/cloudevents+json, or the ce-id, ce-source, ce-specversion and ce-type headers")
	}
	e.setBody(body)
	return e, nil
}

func badHeader(attribute, format string, args ...any) error {
	err := unsafeEvent("", format, args...).(*EventError) //nolint:errorlint // it returns no other
	err.Violation.Rule = RuleAttribute
	if attribute != "" {
		err.Violation.Pointer = "/" + attribute
	}
	return err
}

// setBody makes bytes of the event's content type its data.
func (e *Event) setBody(body []byte) {
	media, _, _ := mime.ParseMediaType(e.DataContentType)
	switch {
	case len(body) == 0:
	case (media == "" || isJSON(media)) && json.Valid(body):
		e.Data = slices.Clone(body)
	case (isJSON(media) || isText(media)) && utf8.Valid(body):
		e.Data, _ = json.Marshal(string(body)) // a string is always encoded
	default:
		e.DataBase64 = slices.Clone(body)
	}
}

func isText(media string) bool {
	return strings.HasPrefix(media, "text/") || media == "application/xml" || strings.HasSuffix(media, "+xml")
}

// isJSON reports whether a content type says that the data is JSON; without
// one it is, in the JSON format of CloudEvents.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

// decodeHeader undoes the encoding of an attribute in a header: quotes, then
// one round of percent-decoding. A % that encodes nothing stays.
func decodeHeader(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		var b strings.Builder
		for i := 1; i < len(s)-1; i++ {
			if s[i] == '\\' && i+1 < len(s)-1 {
				i++
			}
			b.WriteByte(s[i])
		}
		s = b.String()
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
