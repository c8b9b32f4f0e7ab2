package conformance

import (
	"strings"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"

	"github.com/eventproof/eventproof/fakes/world"
)

// ProtocolStream is the protocol of a streaming subscription, as the journal
// writes it.
const ProtocolStream world.Protocol = "stream"

// The dimensions of the table, by their places in a row.
const (
	inAnswer = iota
	inPolicy
	inDeadLetter
	inContent
	inRouting
	inBulk
	inKind
	inLifetime
)

// unasked is the answer of an app that gets nothing.
const unasked = "unasked"

// reply is what an app does with a delivery.
type reply struct {
	says string // what that means to daprd, in a sentence

	status int    // over HTTP
	body   string // over HTTP; of a bulk delivery only where it is no status
	broken bool   // over HTTP: the connection breaks

	code   codes.Code // over gRPC; OK: status
	closes bool       // on a stream: it ends while the event is in flight
	bare   bool       // on a stream: an answer without a status

	// word is the status as HTTP writes it, for each entry of a bulk delivery, too.
	word string
	// mix are the statuses of the entries of a bulk delivery, by event; "-" leaves
	// the entry out. Only bulk deliveries have such answers.
	mix []string
}

func ofHTTP(status int, body, says string) reply {
	return reply{says: says, status: status, body: body}
}
func word(says, status string) reply { return reply{says: says, status: 200, word: status} }
func ofGRPC(code codes.Code, says string) reply {
	return reply{says: says, code: code}
}

const (
	isSuccess   = "is success"
	isFailure   = "is a failure, tried again where the policy says so, and dead-lettered after it or left pending"
	isDropped   = "is never tried again, and goes to the dead letter topic, or is lost without one"
	isForgotten = "is acknowledged without a dead letter: the event is lost"
)

// replies are the answers by protocol, in the order of the dimension.
var replies = []struct {
	name string
	reply
}{
	{"http." + unasked, reply{}},
	{"http.empty", ofHTTP(200, "", "an empty body "+isSuccess+", of a bulk delivery a failure")},
	{"http.no-status", ofHTTP(200, "{}", "a JSON body without a status "+isSuccess+", of a bulk delivery a failure of each entry")},
	{"http.text", ofHTTP(200, "all good", "a body that is not JSON "+isSuccess+", of a bulk delivery a failure")},
	{"http.success", word("SUCCESS "+isSuccess, "SUCCESS")},
	{"http.retry", word("RETRY "+isFailure+"; no matching list excludes it", "RETRY")},
	{"http.unknown-status", word("a status that Dapr does not know is like RETRY", "BANANA")},
	{"http.drop", word("DROP "+isDropped, "DROP")},
	{"http.404", ofHTTP(404, "", "404 "+isForgotten)},
	{"http.400", ofHTTP(400, `{"status":"DROP"}`, "400 "+isFailure+", whatever its body says")},
	{"http.429", ofHTTP(429, "", "429 "+isFailure)},
	{"http.500", ofHTTP(500, "", "500 "+isFailure)},
	{"http.503", ofHTTP(503, "", "503 "+isFailure)},
	{"http.301", ofHTTP(301, "", "a redirect is not followed: 301 "+isFailure)},
	{"http.broken", reply{says: "a connection that breaks " + isFailure, broken: true}},
	{"http.mixed", reply{says: "each entry has a status of its own; the policy tries again with those that failed", status: 200, mix: []string{"SUCCESS", "RETRY", "DROP"}}},
	{"http.unnamed", reply{says: "an entry that is not named, or whose status is unknown, is a failure", status: 200, mix: []string{"-", "SUCCESS", "BANANA"}}},
	{"grpc." + unasked, reply{}},
	{"grpc.success", word("SUCCESS "+isSuccess, "SUCCESS")},
	{"grpc.retry", word("RETRY "+isFailure+"; no matching list excludes it", "RETRY")},
	{"grpc.unknown-status", word("a status that Dapr does not know is like RETRY", "BANANA")},
	{"grpc.drop", word("DROP "+isDropped, "DROP")},
	{"grpc.unimplemented", ofGRPC(codes.Unimplemented, "Unimplemented "+isForgotten)},
	{"grpc.unavailable", ofGRPC(codes.Unavailable, "Unavailable "+isFailure)},
	{"grpc.invalid-argument", ofGRPC(codes.InvalidArgument, "InvalidArgument "+isFailure)},
	{"grpc.internal", ofGRPC(codes.Internal, "Internal "+isFailure)},
	{"grpc.deadline-exceeded", ofGRPC(codes.DeadlineExceeded, "DeadlineExceeded, as the app's answer, "+isFailure)},
	{"grpc.resource-exhausted", ofGRPC(codes.ResourceExhausted, "ResourceExhausted "+isFailure)},
	{"grpc.canceled", ofGRPC(codes.Canceled, "Canceled, as the app's answer, "+isFailure)},
	{"grpc.unknown", ofGRPC(codes.Unknown, "an error without a code is Unknown, and "+isFailure)},
	{"grpc.mixed", reply{says: "each entry has a status of its own; the policy tries again with those that failed", mix: []string{"SUCCESS", "RETRY", "DROP"}}},
	{"grpc.unnamed", reply{says: "an entry that is not named, or whose status is unknown, is a failure", mix: []string{"-", "SUCCESS", "BANANA"}}},
	{"stream." + unasked, reply{}},
	{"stream.success", word("SUCCESS "+isSuccess, "SUCCESS")},
	{"stream.no-status", reply{says: "an answer without a status " + isSuccess, bare: true}},
	{"stream.retry", word("RETRY "+isFailure+"; no matching list excludes it", "RETRY")},
	{"stream.unknown-status", word("a status that Dapr does not know is like RETRY", "BANANA")},
	{"stream.drop", word("DROP "+isDropped, "DROP")},
	{"stream.closed", reply{says: "a stream that ends fails what is in flight on it: dead-lettered, or given to the stream that comes next", closes: true}},
}

// statusOf is the gRPC status that a word stands for; what Dapr does not know is 7.
func statusOf(word string) runtime.TopicEventResponse_TopicEventResponseStatus {
	if s, ok := runtime.TopicEventResponse_TopicEventResponseStatus_value[word]; ok {
		return runtime.TopicEventResponse_TopicEventResponseStatus(s)
	}
	return 7
}

// policies are the inbound policies: what a component's target names, as YAML.
// Under "timeout" the first attempt gets no answer in time.
var policies = []struct{ name, inbound, says string }{
	{"none", "", "without a policy there is one attempt"},
	{"constant", "retry: constant", "a constant policy of maxRetries 2 makes three attempts"},
	{"exponential", "retry: exponential", "an exponential policy of maxRetries 2 makes three attempts, further and further apart"},
	{"matching-high", "retry: high", "a list of 429,500-599 and 8,13-14 tries again after these codes, and after failures without a code"},
	{"matching-low", "retry: low", "a list of 300-404 and 1-5 tries again after these codes, and after failures without a code"},
	{"timeout", "timeout: short, retry: constant", "an attempt that lasts longer than timeout is a failure, tried again"},
	{"breaker", "retry: constant, circuitBreaker: ", "after two failures in a row the circuit breaker is open, and ends the retries"},
}

const tablePolicies = `    timeouts: {short: 2s}
    retries:
      constant: {policy: constant, duration: 100ms, maxRetries: 2}
      exponential: {policy: exponential, maxInterval: 100ms, maxRetries: 2}
      high: {policy: constant, duration: 100ms, maxRetries: 2, matching: {httpStatusCodes: "429,500-599", gRPCStatusCodes: "8,13-14"}}
      low: {policy: constant, duration: 100ms, maxRetries: 2, matching: {httpStatusCodes: "300-404", gRPCStatusCodes: "1-5"}}
    circuitBreakers:
`

const tableBreaker = "{timeout: 60s, trip: consecutiveFailures > 1}"

// content is what is published.
type content struct {
	contentType, data, says string // data: %[1]s is the case's topic, %[2]s the event's id
	rawPublish, rawRead     bool
}

var contents = []struct {
	name string
	content
}{
	{"json", content{contentType: "application/json", data: `{"of":%[2]q,"b":[1,2.50],"a":"<&>"}`, says: "JSON goes out as a JSON value"}},
	{"json-charset", content{contentType: "application/json; charset=utf-8", data: `{"of":%[2]q}`, says: "a content type with parameters is kept, and JSON all the same"}},
	{"text", content{contentType: "text/plain", data: "text of %[2]s", says: "text goes out as a string"}},
	{"bytes", content{contentType: "application/octet-stream", data: "\x00\xff of %[2]s", says: "bytes go out as data_base64"}},
	{"xml", content{contentType: "application/xml", data: "<of>%[2]s</of>", says: "XML goes out as a string"}},
	{"vendor-json", content{contentType: "application/vnd.acme+json", data: `{"of":%[2]q}`, says: "JSON under another name goes out as a string, and a gRPC app gets no data"}},
	{"cloudevent", content{contentType: "application/cloudevents+json", data: `{"id":%[2]q,"source":"/of/an/app","type":"order.placed","specversion":"1.0","datacontenttype":"application/json","myext":"e","topic":"elsewhere","data":{"of":%[2]q}}`,
		says: "a CloudEvent of the app's own passes through; topic and pubsubname are set"}},
	{"raw-published", content{contentType: "text/plain", data: "no event: %[2]s", rawPublish: true, says: "a raw payload is no CloudEvent to a subscription that is not raw: it fails before the app is asked"}},
	{"raw", content{contentType: "text/plain", data: "raw of %[2]s", rawPublish: true, rawRead: true, says: "a raw payload reaches a raw subscription as bytes, in an envelope with a new id at each attempt"}},
}

// routings are the rules of a subscription. %[1]s is the topic; a rule's path is
// the case's with the rule's name.
var routings = []struct {
	name     string
	rules    []string // match and name in turn
	fallback string
	says     string
}{
	{"one", nil, "one", "a subscription with one route"},
	{"second", []string{`event.topic == "elsewhere"`, "first", `event.topic == "%[1]s"`, "second"}, "", "rules are asked in their order, and the first that matches decides"},
	{"first", []string{`event.topic == "%[1]s"`, "first", `event.topic != ""`, "second"}, "rest", "of two rules that match the first decides"},
	{"default", []string{`event.topic == "elsewhere"`, "first"}, "rest", "what matches no rule goes to the default"},
	{"unrouted", []string{`event.topic == "elsewhere"`, "first"}, "", "what matches no rule, without a default, is dead-lettered, or acknowledged and lost; a bulk delivery takes it to the app's root all the same"},
	{"rule-error", []string{`event.missing == "x"`, "first"}, "rest", "a rule that fails is an error: the default is not asked, and the event is dead-lettered or stays pending"},
	{"default-only", nil, "rest", "routes with nothing but a default"},
}

var bulks = []struct{ name, says string }{
	{"single", "events are published and delivered one by one"},
	{"bulk-publish", "the entries of a bulk publish are events like others"},
	{"bulk-subscribe", "what waits is delivered in one call, with a status for each entry"},
}

var kinds = []struct{ name, says string }{
	{"programmatic", "the app states its subscription"},
	{"v1alpha1", "a Subscription of dapr.io/v1alpha1"},
	{"v2alpha1", "a Subscription of dapr.io/v2alpha1"},
	{"streaming", "a stream of the app's client"},
}

var lifetimes = []struct{ name, metadata, says string }{
	{"lasting", "", "an event without a time to live"},
	{"in-time", "600", "an event that is delivered within its time to live"},
	{"overdue", "1", "an event whose time to live has passed is dead-lettered, or acknowledged and lost, before the app is asked"},
}

// dimensions are those of the table, in the order of the constants.
func dimensions() []dimension {
	names := func(n int, name func(int) string) (all []string) {
		for i := range n {
			all = append(all, name(i))
		}
		return all
	}
	return []dimension{
		{"answer", names(len(replies), func(i int) string { return replies[i].name })},
		{"policy", names(len(policies), func(i int) string { return policies[i].name })},
		{"dead letter", []string{"alive", "dead"}},
		{"content", names(len(contents), func(i int) string { return contents[i].name })},
		{"routing", names(len(routings), func(i int) string { return routings[i].name })},
		{"bulk", names(len(bulks), func(i int) string { return bulks[i].name })},
		{"kind", names(len(kinds), func(i int) string { return kinds[i].name })},
		{"lifetime", names(len(lifetimes), func(i int) string { return lifetimes[i].name })},
	}
}

// possible says which rows there are. An app that is not asked answers nothing:
// so no answer hides behind an event that never reaches it.
func possible(r row) bool {
	name, answer := replies[r[inAnswer]].name, replies[r[inAnswer]].reply
	routing, bulk, kind := routings[r[inRouting]], bulks[r[inBulk]].name, kinds[r[inKind]].name
	content := contents[r[inContent]].content
	streaming := strings.HasPrefix(name, "stream.")
	single := routing.name == "one"
	switch {
	case streaming != (kind == "streaming"): // a stream is a subscription of its own kind
		return false
	case streaming && (!single || bulk == "bulk-subscribe"): // without routes and bulk deliveries
		return false
	case kind == "v1alpha1" && !single: // has one route
		return false
	case kind == "v2alpha1" && single: // has routes
		return false
	case len(answer.mix) > 0 && bulk != "bulk-subscribe":
		return false
	case answer.closes && bulk != "single": // which of two is in flight is chance
		return false
	}
	return strings.HasSuffix(name, unasked) == neverAsked(content, routing.name, len(routing.rules) > 0, bulk, lifetimes[r[inLifetime]].name)
}

// neverAsked reports whether the app does not get the event.
func neverAsked(c content, routing string, rules bool, bulk, lifetime string) bool {
	together := bulk == "bulk-subscribe"
	switch {
	case c.rawPublish && !c.rawRead: // no CloudEvent
		return true
	case lifetime == "overdue" && !c.rawPublish: // a raw payload has no place for a time to live
		return true
	case routing == "rule-error":
		return true
	case routing == "unrouted" && !together:
		return true
	}
	return c.rawRead && together && rules // the rules of a bulk delivery see text, and fail
}
