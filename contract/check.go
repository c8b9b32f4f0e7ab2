package contract

import (
	"encoding/json"
	"fmt"
	"mime"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract/schema"
)

// Check returns everything by which an event breaks CloudEvents 1.0 or its
// contract, nil where it breaks nothing:
//
//   - its attributes are those of CloudEvents (EVENT_ATTRIBUTE);
//   - it falls under a contract and one of its versions ([Catalog.Find]);
//   - its content type is the contract's;
//   - the version's schema accepts it, or its data (EVENT_SCHEMA), and
//     declares each of its properties unless the contract says undeclared:
//     allowed (EVENT_UNDECLARED; CloudEvents attributes are never undeclared);
//   - the identity and correlation pointers find something.
//
// Data that cannot be handled exactly is named (EVENT_UNSAFE) and not
// validated. A pointer at which the schema failed already is not reported
// again by another rule.
func (c *Catalog) Check(e Event) []Violation {
	if c == nil {
		return nil
	}
	k := newCheck(c, e)
	// The contract first, so that what else is found can name it.
	k.find()
	k.unread()
	k.attributes()
	k.content()
	k.body()
	return k.violations
}

// unread takes back what find said of data that is refused and so unread.
func (k *check) unread() {
	if k.refused != nil {
		k.violations = slices.DeleteFunc(k.violations, func(v Violation) bool { return v.Rule == RuleNoMatch || v.Rule == RuleVersion })
	}
}

// CheckData checks data as [Catalog.Check] checks an event, for those who
// test where they hand it to Dapr and have no CloudEvent yet. contentType is
// that of the publish; "" is text/plain, as daprd takes it. What only the
// attributes of an event could say is left out; where a contract's match or
// version needs them, and the data alone does not decide, that is a violation.
func (c *Catalog) CheckData(pubsub, topic, contentType string, data []byte) []Violation {
	if c == nil {
		return nil
	}
	if contentType == "" {
		contentType = "text/plain" // components-contrib@v1.16.0 pubsub/envelope.go, NewCloudEventsEnvelope
	}
	e := Event{PubSub: pubsub, Topic: topic, DataContentType: contentType}
	e.setBody(data)
	k := newCheck(c, e)
	k.dataOnly = true
	k.find()
	k.unread()
	k.content()
	k.body()
	return k.violations
}

// content checks the content type.
func (k *check) content() {
	if k.entry == nil {
		return
	}
	want := k.entry.contract.DataContentType
	got := k.event.DataContentType
	if got == "" {
		if k.event.Data == nil && k.event.DataBase64 == nil {
			return
		}
		if isJSON(want) && k.event.Data != nil {
			return // what no datacontenttype means in the JSON format
		}
	}
	if !sameMedia(want, got) {
		what := "is not the contract's"
		if strings.HasPrefix(got, "text/plain") && isJSON(want) {
			what += " (daprd takes a []byte or string without a content type for text/plain)"
		}
		k.violation(RuleContentType, "/datacontenttype", what, want, orNone(got), k.entry.at("/dataContentType"))
	}
}

// sameMedia compares media types; parameters only where want has them.
func sameMedia(want, got string) bool {
	wantMedia, wantParameters, err := mime.ParseMediaType(want)
	if err != nil {
		return want == got
	}
	gotMedia, gotParameters, err := mime.ParseMediaType(got)
	if err != nil || wantMedia != gotMedia {
		return false
	}
	for name, value := range wantParameters {
		if !strings.EqualFold(gotParameters[name], value) {
			return false
		}
	}
	return true
}

// body checks the data, or the whole event under schemaOf: event.
func (k *check) body() {
	for _, r := range k.refused {
		k.violation(RuleUnsafe, "/data"+r.Pointer, "is refused: "+r.What, r.Remedy, r.What, Place{})
	}
	if k.entry == nil || k.refused != nil {
		return
	}
	failed := k.schema()
	k.pointer(RuleIdentity, "identity", k.entry.contract.Identity, failed)
	k.pointer(RuleCorrelation, "correlation", k.entry.contract.Correlation, failed)
}

// schema validates and returns the pointers at which that failed.
func (k *check) schema() (failed []string) {
	c := k.entry.contract
	s := k.entry.schemas[k.version]
	if s == nil {
		return nil // schema: none, or no version
	}
	base, value := "/data", k.tree["data"]
	if c.SchemaOf == "event" {
		base, value = "", any(k.tree)
	} else if _, there := k.tree["data"]; !there {
		got := "absent"
		if k.event.DataBase64 != nil {
			got = fmt.Sprintf("data_base64 of content type %s", orNone(k.event.DataContentType))
		}
		k.violation(RuleSchema, "/data", "is missing", "data", got, Place{s.File, s.Root.Line})
		return []string{"/data"}
	}
	for _, f := range s.Validate(value) {
		pointer := base + f.Pointer
		if k.dataOnly && !inData(pointer) {
			continue
		}
		failed = append(failed, pointer)
		what := f.What
		if pointer == "/data" && f.Keyword == "type" {
			what += k.whyText(value)
		}
		at := Place{f.File, f.Line}
		if f.File == "" {
			at = Place{s.File, 1}
		}
		k.violation(RuleSchema, pointer, what, f.Want, f.Got, at)
	}
	if c.Undeclared == "allowed" {
		return failed
	}
	for _, f := range s.Undeclared(value) {
		pointer := base + f.Pointer
		if slices.Contains(failed, pointer) || !inData(pointer) {
			continue
		}
		failed = append(failed, pointer)
		k.violation(RuleUndeclared, pointer, f.What, f.Want, f.Got, Place{f.File, f.Line})
	}
	return failed
}

// whyText explains data that is a text where JSON was meant: daprd's ways to it.
// See components-contrib@v1.16.0 pubsub/envelope.go, NewCloudEventsEnvelope.
func (k *check) whyText(v any) string {
	text, ok := v.(string)
	media, _, err := mime.ParseMediaType(k.event.DataContentType)
	switch {
	case !ok || err != nil:
		return ""
	case media == "application/json" && !json.Valid([]byte(text)):
		return " (daprd sends a payload that is not valid JSON as a string)"
	case media != "application/json" && json.Valid([]byte(text)):
		return " (daprd sends JSON of content type " + media + " as a string)"
	}
	return ""
}

// pointer checks that identity or correlation finds something, unless the
// schema failed there, or above, already.
func (k *check) pointer(rule, name, pointer string, failed []string) {
	if pointer == "" || k.dataOnly && !inData(pointer) {
		return
	}
	v, ok := schema.Resolve(k.tree, pointer)
	if ok {
		if _, ok = identityText(v); ok {
			return
		}
	}
	for _, f := range failed {
		if f == pointer || strings.HasPrefix(pointer, f+"/") {
			return
		}
	}
	if pointer == "/id" && rule == RuleIdentity {
		return // EVENT_ATTRIBUTE says so
	}
	got := "absent"
	if v != nil || ok {
		got = schema.Describe(v)
	}
	k.violation(rule, pointer, "finds no "+name, "a value", got, k.entry.at("/"+name))
}
