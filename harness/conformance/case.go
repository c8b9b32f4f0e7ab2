package conformance

import (
	"net/http"
	"strings"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// Case is one thing that Dapr does with the answer of an app.
type Case struct {
	// Name is unique, and is the topic that the case is played on.
	Name string
	// Explanation says in a sentence what Dapr does, and Source in which of its files.
	Explanation, Source string

	Protocol   world.Protocol
	Answer     Answer
	Retries    bool // under an inbound policy of maxRetries 3
	DeadLetter bool // with a dead letter topic

	Want Want
}

// Answer is what the app answers to each delivery.
type Answer struct {
	HTTP func(http.ResponseWriter)
	GRPC func() (*runtime.TopicEventResponse, error)
}

// Want is what becomes of the event.
type Want struct {
	Deliveries int    // in one round of the broker
	Answer     string // as the journal writes it
	State      State
}

// State is where an event ends.
type State string

// The states that a broker can tell apart.
const (
	Acknowledged State = "acknowledged"
	DeadLettered State = "dead-lettered"
	Pending      State = "pending"
)

// Topic is the case's topic, DeadLetterTopic the one beside it.
func (c Case) Topic() string           { return c.Name }
func (c Case) DeadLetterTopic() string { return c.Name + ".dead" }

// EventID is the CloudEvents id of the case's one event.
func (c Case) EventID() string { return "event-of-" + c.Name }

// Component is the pubsub component that the case is played on: the policy is
// the component's.
func (c Case) Component() string {
	if c.Retries {
		return Retrying
	}
	return Plain
}

// AppID is the app that gets the event. An HTTP case that stays pending has an
// app, and so a daprd, of its own: see Run.
func (c Case) AppID() string {
	if c.Protocol == world.ProtocolHTTP && c.Want.State == Pending {
		return "conformance-" + strings.ReplaceAll(c.Name, ".", "-") // daprd takes no dots
	}
	return "conformance-" + string(c.Protocol)
}

// Retries is maxRetries of the policy on the component [Retrying].
const Retries = 3

// The two components that cases are played on.
const (
	Plain    = "plain"
	Retrying = "retrying"
)

// The source files that the observed cases come from.
const (
	httpSource   = "D16 pkg/runtime/subscription/postman/http/http.go"
	grpcSource   = "D16 pkg/runtime/subscription/postman/grpc/grpc.go"
	policySource = "D16 pkg/runtime/subscription/subscription.go"
)

// Observed are the rows of what was observed with the daprd 1.16.0 binary over
// HTTP, and what corresponds to them over gRPC, each without a policy and under
// maxRetries 3.
func Observed() []Case {
	var cases []Case
	add := func(c Case) {
		for _, retries := range []bool{false, true} {
			c := c
			c.Retries = retries
			suffix := ".once"
			if retries {
				suffix = ".retried"
				if c.Want.Deliveries < 0 {
					c.Want.Deliveries = 1 + Retries
				}
			}
			if c.Want.Deliveries < 0 {
				c.Want.Deliveries = 1
			}
			c.Name = string(c.Protocol) + "." + c.Name + suffix
			cases = append(cases, c)
		}
	}
	const tried = -1 // once without the policy, 1+Retries with it
	for _, c := range []Case{
		{Name: "empty", DeadLetter: true, Answer: body(200, ""), Want: Want{1, journal.Success, Acknowledged}, Source: httpSource,
			Explanation: "200 with an empty body is success"},
		{Name: "no-status", DeadLetter: true, Answer: body(200, "{}"), Want: Want{1, journal.Success, Acknowledged}, Source: httpSource,
			Explanation: "200 with a JSON body that states no status is success"},
		{Name: "not-json", DeadLetter: true, Answer: body(200, "all good"), Want: Want{1, journal.Success, Acknowledged}, Source: httpSource,
			Explanation: "200 with a body that is not JSON is success"},
		{Name: "retry", DeadLetter: true, Answer: body(200, `{"status":"RETRY"}`), Want: Want{tried, journal.Retry, DeadLettered}, Source: httpSource,
			Explanation: "RETRY is tried again by the policy, and dead-lettered after it"},
		{Name: "unknown-status", DeadLetter: true, Answer: body(200, `{"status":"BANANA"}`), Want: Want{tried, "BANANA", DeadLettered}, Source: httpSource,
			Explanation: "a status that Dapr does not know is like RETRY"},
		{Name: "drop", DeadLetter: true, Answer: body(200, `{"status":"DROP"}`), Want: Want{1, journal.Drop, DeadLettered}, Source: policySource,
			Explanation: "DROP is never tried again, and goes to the dead letter topic"},
		{Name: "404", DeadLetter: true, Answer: body(404, ""), Want: Want{1, "HTTP 404", Acknowledged}, Source: httpSource,
			Explanation: "404 is acknowledged without a dead letter: the event is lost"},
		{Name: "400", DeadLetter: true, Answer: body(400, ""), Want: Want{tried, "HTTP 400", DeadLettered}, Source: httpSource,
			Explanation: "400 is an error like any other: tried again, then dead-lettered"},
		{Name: "500", DeadLetter: true, Answer: body(500, ""), Want: Want{tried, "HTTP 500", DeadLettered}, Source: httpSource,
			Explanation: "500 is tried again by the policy, and dead-lettered after it"},
		{Name: "500-no-dead-letter", Answer: body(500, ""), Want: Want{tried, "HTTP 500", Pending}, Source: "C16 pubsub/redis/redis.go",
			Explanation: "without a dead letter topic a failed event stays pending, and comes again after processingTimeout"},
		{Name: "drop-no-dead-letter", Answer: body(200, `{"status":"DROP"}`), Want: Want{1, journal.Drop, Acknowledged}, Source: policySource,
			Explanation: "DROP without a dead letter topic is acknowledged: the event is lost"},
		{Name: "no-answer", DeadLetter: true, Answer: Answer{HTTP: func(http.ResponseWriter) { panic(http.ErrAbortHandler) }},
			Want: Want{tried, journal.NoAnswer, DeadLettered}, Source: httpSource,
			Explanation: "an answer that is lost is a failure: with a dead letter topic and no policy the event is dead-lettered at once"},
		{Name: "no-answer-no-dead-letter", Answer: Answer{HTTP: func(http.ResponseWriter) { panic(http.ErrAbortHandler) }},
			Want: Want{tried, journal.NoAnswer, Pending}, Source: httpSource,
			Explanation: "an answer that is lost is a failure: without a dead letter topic the event comes again"},
	} {
		c.Protocol = world.ProtocolHTTP
		add(c)
	}
	for _, c := range []Case{
		{Name: "success", DeadLetter: true, Answer: says(runtime.TopicEventResponse_SUCCESS), Want: Want{1, journal.Success, Acknowledged}, Source: grpcSource,
			Explanation: "SUCCESS, which is also what an empty response says"},
		{Name: "retry", DeadLetter: true, Answer: says(runtime.TopicEventResponse_RETRY), Want: Want{tried, journal.Retry, DeadLettered}, Source: grpcSource,
			Explanation: "RETRY is tried again by the policy, and dead-lettered after it"},
		{Name: "unknown-status", DeadLetter: true, Answer: says(7), Want: Want{tried, "status 7", DeadLettered}, Source: grpcSource,
			Explanation: "a status that Dapr does not know is like RETRY"},
		{Name: "drop", DeadLetter: true, Answer: says(runtime.TopicEventResponse_DROP), Want: Want{1, journal.Drop, DeadLettered}, Source: policySource,
			Explanation: "DROP is never tried again, and goes to the dead letter topic"},
		{Name: "unimplemented", DeadLetter: true, Answer: fails(codes.Unimplemented), Want: Want{1, "gRPC Unimplemented", Acknowledged}, Source: grpcSource,
			Explanation: "Unimplemented is acknowledged without a dead letter, as 404 over HTTP: the event is lost"},
		{Name: "invalid-argument", DeadLetter: true, Answer: fails(codes.InvalidArgument), Want: Want{tried, "gRPC InvalidArgument", DeadLettered}, Source: grpcSource,
			Explanation: "InvalidArgument is an error like any other: tried again, then dead-lettered"},
		{Name: "internal", DeadLetter: true, Answer: fails(codes.Internal), Want: Want{tried, "gRPC Internal", DeadLettered}, Source: grpcSource,
			Explanation: "an error is tried again by the policy, and dead-lettered after it"},
		{Name: "internal-no-dead-letter", Answer: fails(codes.Internal), Want: Want{tried, "gRPC Internal", Pending}, Source: "C16 pubsub/redis/redis.go",
			Explanation: "without a dead letter topic a failed event stays pending, and comes again after processingTimeout"},
		{Name: "drop-no-dead-letter", Answer: says(runtime.TopicEventResponse_DROP), Want: Want{1, journal.Drop, Acknowledged}, Source: policySource,
			Explanation: "DROP without a dead letter topic is acknowledged: the event is lost"},
	} {
		c.Protocol = world.ProtocolGRPC
		add(c)
	}
	return cases
}

func body(status int, text string) Answer {
	return Answer{HTTP: func(w http.ResponseWriter) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}}
}

func says(s runtime.TopicEventResponse_TopicEventResponseStatus) Answer {
	return Answer{GRPC: func() (*runtime.TopicEventResponse, error) { return &runtime.TopicEventResponse{Status: s}, nil }}
}

func fails(code codes.Code) Answer {
	return Answer{GRPC: func() (*runtime.TopicEventResponse, error) { return nil, status.Error(code, "as the case wants") }}
}
