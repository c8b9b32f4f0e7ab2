package contract

import (
	"encoding/json"
	"mime"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/schema"
)

var (
	attributeName = regexp.MustCompile(`^[a-z0-9]+$`)
	// uriCharacters are those of RFC 3986, which net/url does not insist on.
	uriCharacters = regexp.MustCompile(`^(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$`)
)

// attributes checks what CloudEvents 1.0 asks of every event:
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#context-attributes.
// That extension names have at most 20 characters is only recommended there,
// and not asked here.
func (k *check) attributes() {
	e := k.event
	for _, name := range []string{"id", "source", "specversion", "type"} {
		if _, odd := e.Extensions[name]; *e.attribute(name) == "" && !odd {
			k.attribute(name, "is missing", "a non-empty string", "absent")
		}
	}
	form := func(name, text, want string, ok bool) {
		if text != "" && !ok {
			k.attribute(name, "is malformed", want, schema.Describe(text))
		}
	}
	form("specversion", e.SpecVersion, "1.0", e.SpecVersion == "1.0")
	form("source", e.Source, "a URI reference (RFC 3986)", isURIReference(e.Source))
	form("time", e.Time, "a timestamp (RFC 3339), such as 2025-01-31T12:00:00Z", jsonschema.Formats["date-time"](e.Time))
	form("dataschema", e.DataSchema, "an absolute URI (RFC 3986)", isURIReference(e.DataSchema) && hasScheme(e.DataSchema))
	_, _, err := mime.ParseMediaType(e.DataContentType)
	form("datacontenttype", e.DataContentType, "a media type (RFC 2046)", err == nil && strings.Contains(e.DataContentType, "/"))
	for _, name := range attributeNames {
		k.characters(name, *e.attribute(name))
	}
	for _, name := range sortedKeys(e.Extensions) {
		k.extension(name, e.Extensions[name])
	}
	if e.Data != nil && e.DataBase64 != nil {
		k.attribute("data_base64", "is there together with data", "absent", "present")
	}
}

func (k *check) extension(name string, v any) {
	switch {
	case name == "data_base64":
		k.attribute(name, "is malformed", "base64 (RFC 4648) in a string, padded", schema.Describe(v))
		return
	case k.event.attribute(name) != nil:
		if v == nil { // the JSON format allows null for an attribute that is not set
			switch name {
			case "id", "source", "specversion", "type":
				k.attribute(name, "is missing", "a non-empty string", "null")
			}
			return
		}
		k.attribute(name, "is malformed", "a non-empty string", schema.Describe(v))
		return
	case name == "data" || !attributeName.MatchString(name):
		k.attribute(name, "is no attribute name", "lower-case letters and digits", strconv.Quote(name))
	}
	switch v := v.(type) {
	case nil, bool:
	case string:
		k.characters(name, v)
	case json.Number:
		if _, err := strconv.ParseInt(v.String(), 10, 32); err != nil {
			k.attribute(name, "is malformed", "a 32-bit integer, a string or a boolean", schema.Describe(v))
		}
	default:
		k.attribute(name, "is malformed", "a string, a boolean or an integer", schema.Describe(v))
	}
}

// characters refuses the control characters that CloudEvents excludes from strings.
func (k *check) characters(name, text string) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		k.attribute(name, "holds a control character", "text without control characters", schema.Describe(text))
	}
}

func (k *check) attribute(name, what, want, got string) {
	k.violation(RuleAttribute, schema.Pointer(name), what, want, got, Place{})
}

func isURIReference(s string) bool {
	_, err := url.Parse(s)
	return err == nil && uriCharacters.MatchString(s)
}

func hasScheme(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != ""
}
