package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// BreakerCase is a course of events under a circuit breaker. The breaker's state
// is what the case is about, so each case has a component and an app of its own.
type BreakerCase struct {
	Name                string // unique; the component's name, too
	Explanation, Source string

	Breaker string // the policy's YAML
	Retry   string // the inbound retry policy's YAML; "": none
	// Inbound and Outbound say which directions name the breaker.
	Inbound, Outbound bool
	// ByDefault leaves the component out of the targets: the breaker is
	// DefaultComponentCircuitBreakerPolicy, for both directions.
	ByDefault bool

	DeadLetter bool // the topic "events" has the dead letter topic "dead"
	DeadReader bool // the app reads "dead", too
	// Answers are the HTTP status or the answer's status text of each delivery of
	// an event on "events", the last for all that follow; none: success.
	Answers map[string][]string
	Steps   []BreakerStep

	Want []string // as Lines gives them
}

// BreakerStep is a thing that the case does; exactly one field is set.
type BreakerStep struct {
	Send    string        // publish this event to "events", and let the world settle
	Publish string        // publish it as the app itself to a topic that nobody reads
	Bulk    string        // the same in a bulk call of three entries over gRPC
	Posted  string        // the same in a bulk call over HTTP, which no bubble can hold: see Ported
	Pause   time.Duration // let time pass
}

const breakerSource = "D16 pkg/resiliency/policy.go, breaker/circuitbreaker.go"

// BreakerRounds is [world.Config].Rounds for these cases: an event that stays
// pending is to be waited for until the breaker lets it pass.
const BreakerRounds = 6

func sends(ids ...string) (steps []BreakerStep) {
	for _, id := range ids {
		steps = append(steps, BreakerStep{Send: id})
	}
	return steps
}

// Breakers are the cases of circuit breakers.
func Breakers() []BreakerCase {
	always := func(answer string, ids ...string) map[string][]string {
		answers := make(map[string][]string)
		for _, id := range ids {
			answers[id] = []string{answer}
		}
		return answers
	}
	pause := func(d time.Duration) BreakerStep { return BreakerStep{Pause: d} }
	return []BreakerCase{
		{Name: "breaker-trips", Breaker: "{timeout: 60s, trip: consecutiveFailures > 1}", Inbound: true, DeadLetter: true, Source: breakerSource,
			Explanation: "after the failures that the trip expression counts, deliveries fail at once: the app is not called, and the event goes to the dead letter topic",
			Answers:     always("500", "e1", "e2"), Steps: sends("e1", "e2", "e3", "e4"),
			Want: []string{"e1: HTTP 500, dead-lettered", "e2: HTTP 500, dead-lettered", "e3: dead-lettered", "e4: dead-lettered"}},
		{Name: "breaker-recovers", Breaker: "{timeout: 2s, trip: consecutiveFailures > 1}", Inbound: true, DeadLetter: true, Source: breakerSource,
			Explanation: "after timeout one delivery is let through, and its success closes the breaker",
			Answers:     always("500", "e1", "e2"), Steps: append(sends("e1", "e2", "e3"), pause(2200*time.Millisecond), BreakerStep{Send: "e4"}, BreakerStep{Send: "e5"}),
			Want: []string{"e1: HTTP 500, dead-lettered", "e2: HTTP 500, dead-lettered", "e3: dead-lettered", "e4: SUCCESS, acknowledged", "e5: SUCCESS, acknowledged"}},
		{Name: "breaker-reopens", Breaker: "{timeout: 2s, maxRequests: 3, trip: consecutiveFailures > 1}", Inbound: true, DeadLetter: true, Source: breakerSource,
			Explanation: "when half open a single failure opens it again, whatever the trip expression says",
			Answers:     always("500", "e1", "e2", "e3"), Steps: append(sends("e1", "e2"), pause(2200*time.Millisecond), BreakerStep{Send: "e3"}, BreakerStep{Send: "e4"}),
			Want: []string{"e1: HTTP 500, dead-lettered", "e2: HTTP 500, dead-lettered", "e3: HTTP 500, dead-lettered", "e4: dead-lettered"}},
		{Name: "breaker-half-open", Breaker: "{timeout: 2s, maxRequests: 3, trip: consecutiveFailures > 1}", Inbound: true, DeadLetter: true, Source: breakerSource,
			Explanation: "it closes after maxRequests successes; a failure before that opens it again",
			Answers:     always("500", "e1", "e2", "e4"),
			Steps:       append(sends("e1", "e2"), pause(2200*time.Millisecond), BreakerStep{Send: "e3"}, BreakerStep{Send: "e4"}, BreakerStep{Send: "e5"}),
			Want:        []string{"e1: HTTP 500, dead-lettered", "e2: HTTP 500, dead-lettered", "e3: SUCCESS, acknowledged", "e4: HTTP 500, dead-lettered", "e5: dead-lettered"}},
		{Name: "breaker-retry", Breaker: "{timeout: 60s, trip: consecutiveFailures > 1}", Retry: "{policy: constant, duration: 100ms, maxRetries: 5}", Inbound: true, DeadLetter: true, Source: breakerSource,
			Explanation: "each attempt counts, and the attempt that finds the breaker open ends the retries",
			Answers:     always("500", "e1", "e2"), Steps: sends("e1", "e2"),
			Want: []string{"e1: HTTP 500, HTTP 500, dead-lettered", "e2: dead-lettered"}},
		{Name: "breaker-ends-retries", Breaker: "{timeout: 1s, trip: consecutiveFailures > 0}", Retry: "{policy: constant, duration: 300ms, maxRetries: 5}", Inbound: true, DeadLetter: true, Source: breakerSource,
			Explanation: "the attempt that finds the breaker open is the last, though the breaker would be half open before the policy has ended",
			Answers:     always("500", "e1"), Steps: sends("e1"),
			Want: []string{"e1: HTTP 500, dead-lettered"}},
		{Name: "breaker-short-timeout", Breaker: "{timeout: 100ms, trip: consecutiveFailures > 0}", Retry: "{policy: constant, duration: 200ms, maxRetries: 2}", Inbound: true, DeadLetter: true, Source: breakerSource,
			Explanation: "a breaker whose timeout is shorter than the wait between attempts ends nothing",
			Answers:     map[string][]string{"e1": {"500", "500", "200"}}, Steps: sends("e1"),
			Want: []string{"e1: HTTP 500, HTTP 500, SUCCESS, acknowledged"}},
		{Name: "breaker-no-dead-letter", Breaker: "{timeout: 3s, trip: consecutiveFailures > 0}", Inbound: true, Source: breakerSource,
			Explanation: "without a dead letter topic the event stays pending: it comes again after processingTimeout, without reaching the app, until the breaker is half open",
			Answers:     map[string][]string{"e1": {"500", "200"}}, Steps: sends("e1"),
			Want: []string{"e1: HTTP 500, SUCCESS, acknowledged"}},
		{Name: "breaker-default", Breaker: "{timeout: 60s}", Retry: "{policy: constant, duration: 100ms, maxRetries: 9}", Inbound: true, DeadLetter: true, Source: breakerSource,
			Explanation: "without a trip expression six failures in a row open it",
			Answers:     always("500", "e1"), Steps: sends("e1"),
			Want: []string{"e1: HTTP 500, HTTP 500, HTTP 500, HTTP 500, HTTP 500, HTTP 500, dead-lettered"}},
		{Name: "breaker-expression", Breaker: "{timeout: 60s, trip: \"requests >= 4 && totalFailures * 2 >= requests\"}", Inbound: true, DeadLetter: true, Source: breakerSource,
			Explanation: "the expression is asked at failures only, of all that was counted; DROP and 404 are successes, RETRY is a failure",
			Answers:     map[string][]string{"e1": {"RETRY"}, "e2": {"DROP"}, "e3": {"404"}, "e4": {"500"}},
			Steps:       sends("e1", "e2", "e3", "e4", "e5"),
			Want:        []string{"e1: RETRY, dead-lettered", "e2: DROP, dead-lettered", "e3: HTTP 404, acknowledged", "e4: HTTP 500, dead-lettered", "e5: dead-lettered"}},
		{Name: "breaker-successes", Breaker: "{timeout: 60s, trip: consecutiveFailures > 1}", Inbound: true, DeadLetter: true, Source: breakerSource,
			Explanation: "DROP and 404 are successes to the breaker: each ends a row of failures",
			Answers:     map[string][]string{"e1": {"500"}, "e2": {"DROP"}, "e3": {"500"}, "e4": {"404"}, "e5": {"500"}},
			Steps:       sends("e1", "e2", "e3", "e4", "e5", "e6"),
			Want: []string{"e1: HTTP 500, dead-lettered", "e2: DROP, dead-lettered", "e3: HTTP 500, dead-lettered", "e4: HTTP 404, acknowledged",
				"e5: HTTP 500, dead-lettered", "e6: SUCCESS, acknowledged"}},
		{Name: "breaker-never", Breaker: "{timeout: 60s, trip: \"failures > 0\"}", Inbound: true, DeadLetter: true, Source: breakerSource,
			Explanation: "an expression over a count that does not exist never opens it",
			Answers:     always("500", "e1", "e2"), Steps: sends("e1", "e2", "e3"),
			Want: []string{"e1: HTTP 500, dead-lettered", "e2: HTTP 500, dead-lettered", "e3: SUCCESS, acknowledged"}},
		{Name: "breaker-interval", Breaker: "{timeout: 60s, interval: 1500ms, trip: totalFailures > 1}", Inbound: true, DeadLetter: true, Source: breakerSource,
			Explanation: "while closed the counts are cleared after interval",
			Answers:     always("500", "e1", "e2", "e3"), Steps: []BreakerStep{{Send: "e1"}, pause(1700 * time.Millisecond), {Send: "e2"}, {Send: "e3"}, {Send: "e4"}},
			Want: []string{"e1: HTTP 500, dead-lettered", "e2: HTTP 500, dead-lettered", "e3: HTTP 500, dead-lettered", "e4: dead-lettered"}},
		{Name: "breaker-dead-reader", Breaker: "{timeout: 3s, trip: consecutiveFailures > 0}", Inbound: true, DeadLetter: true, DeadReader: true, Source: breakerSource,
			Explanation: "one breaker for all topics of the component: the dead letter does not reach its reader either, before the breaker is half open",
			Answers:     always("500", "e1"), Steps: sends("e1"),
			Want: []string{"e1 on dead: SUCCESS, acknowledged, not at once", "e1: HTTP 500, dead-lettered"}},
		{Name: "breaker-both", Breaker: "{timeout: 3s, trip: consecutiveFailures > 0}", Inbound: true, Outbound: true, DeadLetter: true, Source: "D16 pkg/resiliency/resiliency.go circuitBreakerInstances",
			Explanation: "both directions share one breaker: an app that fails can publish nothing, a dead letter neither, and the event stays pending",
			Answers:     map[string][]string{"e1": {"500", "200"}},
			Steps:       []BreakerStep{{Publish: "p1"}, {Send: "e1"}, {Publish: "p2"}},
			Want:        []string{"e1: HTTP 500, SUCCESS, acknowledged", "p1: published", "p2: published"}},
		{Name: "breaker-publish", Breaker: "{timeout: 60s, trip: consecutiveFailures > 0}", Inbound: true, Outbound: true, Source: "D16 pkg/resiliency/resiliency.go circuitBreakerInstances",
			Explanation: "while it is open the app's publish is refused; a bulk publish over HTTP names every entry",
			Answers:     always("500", "e1"),
			Steps:       []BreakerStep{{Publish: "p1"}, {Send: "e1"}, {Publish: "p2"}, {Bulk: "p3"}, {Posted: "p4"}},
			Want: []string{"e1: HTTP 500, pending", "p1: published",
				`p2: rpc error: code = Internal desc = error when publishing to topic out in pubsub breaker-publish: circuit breaker is open`,
				`p3: rpc error: code = Internal desc = error when publishing to topic out in pubsub breaker-publish: circuit breaker is open`,
				`p4: HTTP 500 {"failedEntries":[{"entryId":"p4","error":"circuit breaker is open"}],"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}`}},
		{Name: "breaker-publish-counts", Breaker: "{timeout: 60s, trip: consecutiveFailures > 1}", Inbound: true, Outbound: true, DeadLetter: true, Source: "D16 pkg/resiliency/resiliency.go circuitBreakerInstances",
			Explanation: "a dead letter that is published is a success between two failures: the breaker never opens",
			Answers:     always("500", "e1", "e2", "e3"), Steps: sends("e1", "e2", "e3", "e4"),
			Want: []string{"e1: HTTP 500, dead-lettered", "e2: HTTP 500, dead-lettered", "e3: HTTP 500, dead-lettered", "e4: SUCCESS, acknowledged"}},
		{Name: "breaker-bulk", Breaker: "{timeout: 60s, trip: requests > 2}", Inbound: true, Outbound: true, DeadLetter: true, Source: "D16 pkg/runtime/pubsub/bulkpublish_resiliency.go",
			Explanation: "a bulk publish is one request, however many entries it has",
			Answers:     always("500", "e1"), Steps: []BreakerStep{{Bulk: "p1"}, {Send: "e1"}, {Send: "e2"}},
			Want: []string{"e1: HTTP 500, dead-lettered", "e2: SUCCESS, acknowledged", "p1: published"}},
		{Name: "breaker-half-open-drop", Breaker: "{timeout: 2s, trip: consecutiveFailures > 0}", Inbound: true, Outbound: true, DeadLetter: true, Source: "D16 pkg/runtime/subscription/subscription.go",
			Explanation: "when half open the dead letter of a DROP is a second request, more than maxRequests: the DROP becomes a failure, and the event stays pending",
			Answers:     map[string][]string{"e1": {"500", "DROP", "200"}}, Steps: sends("e1"),
			Want: []string{"e1: HTTP 500, DROP, SUCCESS, acknowledged"}},
		{Name: "breaker-by-default", ByDefault: true, DeadLetter: true, Source: "D16 pkg/resiliency/resiliency.go getDefaultPolicy",
			Explanation: "DefaultComponentCircuitBreakerPolicy is for components that are no target, in both directions: the dead letter is refused",
			Answers:     map[string][]string{"e1": {"500", "200"}}, Steps: sends("e1"),
			Want: []string{"e1: HTTP 500, SUCCESS, acknowledged"}},
	}
}

// BreakerResources are the resources of all cases: a Redis component for each.
func BreakerResources(cases []BreakerCase) []fs.FS {
	root := fstest.MapFS{}
	breakers, retries, targets := "      DefaultComponentCircuitBreakerPolicy: {timeout: 3s, trip: consecutiveFailures > 0}\n", "", ""
	for _, c := range cases {
		root[c.Name+".yaml"] = &fstest.MapFile{Data: []byte("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: " + c.Name +
			"\nspec:\n  type: pubsub.redis\n  version: v1\n  metadata:\n  - {name: redisHost, value: \"localhost:6379\"}\n" +
			"  - {name: processingTimeout, value: \"1000ms\"}\n  - {name: redeliverInterval, value: \"300\"}\nscopes: [" + c.AppID() + ", " + Publisher + "]\n")}
		if c.ByDefault {
			continue
		}
		breakers += "      " + c.Name + ": " + c.Breaker + "\n"
		var inbound, outbound []string
		if c.Retry != "" {
			retries += "      " + c.Name + ": " + c.Retry + "\n"
			inbound = append(inbound, "retry: "+c.Name)
		}
		if c.Inbound {
			inbound = append(inbound, "circuitBreaker: "+c.Name)
		}
		if c.Outbound {
			outbound = append(outbound, "circuitBreaker: "+c.Name)
		}
		targets += "      " + c.Name + ": {inbound: {" + strings.Join(inbound, ", ") + "}, outbound: {" + strings.Join(outbound, ", ") + "}}\n"
	}
	if retries != "" {
		retries = "    retries:\n" + retries
	}
	root["resiliency.yaml"] = &fstest.MapFile{Data: []byte("apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata:\n  name: breakers\nspec:\n" +
		"  policies:\n" + retries + "    circuitBreakers:\n" + breakers + "  targets:\n    components:\n" + targets)}
	return []fs.FS{root}
}

// AppID is the app that gets the events.
func (c BreakerCase) AppID() string { return "of-" + c.Name }

// Topic is one of the case's topics: the cases share a Redis.
func (c BreakerCase) topic(name string) string { return name + "-of-" + c.Name }

// breakerApp answers as its case says.
type breakerApp struct {
	BreakerCase

	mu    sync.Mutex
	given map[string]int
}

func (a *breakerApp) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		events := map[string]string{"pubsubname": a.Name, "topic": a.topic("events"), "route": "/events"}
		if a.DeadLetter {
			events["deadLetterTopic"] = a.topic("dead")
		}
		subscriptions := []map[string]string{events}
		if a.DeadReader {
			subscriptions = append(subscriptions, map[string]string{"pubsubname": a.Name, "topic": a.topic("dead"), "route": "/dead"})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(subscriptions)
	})
	mux.HandleFunc("POST /dead", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /events", func(w http.ResponseWriter, r *http.Request) {
		var e struct {
			ID string `json:"id"`
		}
		_ = json.NewDecoder(r.Body).Decode(&e)
		switch answer := a.next(e.ID); answer {
		case "RETRY", "DROP":
			_, _ = fmt.Fprintf(w, `{"status":%q}`, answer)
		default:
			var status int
			_, _ = fmt.Sscan(answer, &status)
			w.WriteHeader(status)
		}
	})
	return mux
}

func (a *breakerApp) next(id string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	answers := a.Answers[strings.TrimSuffix(id, "-of-"+a.Name)]
	if len(answers) == 0 {
		return "200"
	}
	answer := answers[min(a.given[id], len(answers)-1)]
	a.given[id]++
	return answer
}

// PlayBreaker plays a case, in a world that was started with
// [BreakerResources] and [BreakerRounds], and says what became of each event: the
// answers of its deliveries and where it ended.
func PlayBreaker(ctx context.Context, w *world.World, c BreakerCase) (lines []string, err error) {
	app := &breakerApp{BreakerCase: c, given: make(map[string]int)}
	if err := w.AttachContext(ctx, c.AppID(), func(context.Context, world.Sidecar) (world.Endpoint, error) {
		return world.HTTP(app.handler()), nil
	}); err != nil {
		return nil, fmt.Errorf("attach %s: %w", c.AppID(), err)
	}
	var sent []string
	for _, step := range c.Steps {
		switch {
		case step.Pause != 0:
			select {
			case <-time.After(step.Pause):
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		case step.Send != "":
			sent = append(sent, step.Send)
			// Another app's daprd publishes: its breaker is not this one.
			if err := w.SendFrom(ctx, Publisher, c.event(step.Send, "events")); err != nil {
				return nil, err
			}
			if err := w.Settle(ctx); err != nil && !errors.Is(err, world.ErrPending) {
				return nil, err
			}
		case step.Publish != "":
			lines = append(lines, step.Publish+": "+published(w.SendFrom(ctx, c.AppID(), c.event(step.Publish, "out")), c))
		case step.Bulk != "":
			s, err := w.Sidecar(ctx, c.AppID())
			if err != nil {
				return nil, err
			}
			_, err = s.Client().GrpcClient().BulkPublishEventAlpha1(ctx, &runtime.BulkPublishRequest{PubsubName: c.Name, Topic: c.topic("out"),
				Entries: []*runtime.BulkPublishRequestEntry{
					{EntryId: "1", Event: []byte("{}"), ContentType: "application/json"},
					{EntryId: "2", Event: []byte("{}"), ContentType: "application/json"},
					{EntryId: "3", Event: []byte("{}"), ContentType: "application/json"}}})
			lines = append(lines, step.Bulk+": "+published(err, c))
		case step.Posted != "":
			answer, err := c.post(ctx, w, step.Posted)
			if err != nil {
				return nil, err
			}
			lines = append(lines, step.Posted+": "+answer)
		}
	}
	for _, id := range sent {
		for _, topic := range []string{"events", "dead"} {
			if line, ok := c.line(w.Journal().Entries(), id, topic); ok {
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(lines)
	return lines, nil
}

func (c BreakerCase) event(id, topic string) contract.Event {
	return contract.Event{ID: id + "-of-" + c.Name, PubSub: c.Name, Topic: c.topic(topic), Data: json.RawMessage(`{}`)}
}

func published(err error, c BreakerCase) string {
	if err == nil {
		return "published"
	}
	text := strings.ReplaceAll(err.Error(), c.topic("out"), "out")
	if _, cause, ok := strings.Cut(text, "rpc error"); ok {
		return "rpc error" + cause
	}
	return text
}

// Ported reports whether the case needs an address: it is not played in a bubble.
func (c BreakerCase) Ported() bool {
	return slices.ContainsFunc(c.Steps, func(s BreakerStep) bool { return s.Posted != "" })
}

// post is a bulk publish of one event over the app's own HTTP API.
func (c BreakerCase) post(ctx context.Context, w *world.World, id string) (string, error) {
	s, err := w.Sidecar(ctx, c.AppID())
	if err != nil {
		return "", err
	}
	address := fmt.Sprintf("http://%s/v1.0-alpha1/publish/bulk/%s/%s", s.HTTPAddress(), c.Name, c.topic("out"))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(fmt.Sprintf(`[{"entryId":%q,"event":{},"contentType":"application/json"}]`, id)))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return fmt.Sprintf("HTTP %d %s", response.StatusCode, strings.TrimSpace(string(body))), err
}

// line says what became of an event on a topic; ok is false where there is
// nothing to say.
func (c BreakerCase) line(entries []journal.Entry, id, topic string) (text string, ok bool) {
	state, dead := "", false
	var words []string
	var deadAt, firstAt time.Duration
	for _, e := range entries {
		if e.Event.ID != id+"-of-"+c.Name || e.App != c.AppID() {
			continue
		}
		knows := e.SeenBy == journal.Engine || e.SeenBy == journal.Redis
		switch {
		case topic == "dead" && e.Topic == c.topic("events") && e.Kind == journal.Answered && deadAt == 0:
			deadAt = e.At
		case e.Topic != c.topic(topic):
		case e.Kind == journal.Answered:
			words = append(words, e.Answer)
			if firstAt == 0 {
				firstAt = e.At
			}
		case e.Kind == journal.DeadLettered && knows:
			dead = true
		case e.Kind == journal.Acknowledged && knows:
			state = "acknowledged"
		case e.Kind == journal.Pending && knows:
			state = "pending"
		}
	}
	if dead && state == "acknowledged" {
		state = "dead-lettered"
	}
	if state == "" && len(words) == 0 {
		return "", false
	}
	text = id
	if topic != "events" {
		text += " on " + topic
	}
	text += ": " + strings.Join(append(words, state), ", ")
	if topic == "dead" && firstAt-deadAt > time.Second {
		text += ", not at once"
	}
	return text, true
}
