package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing/fstest"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// BulkCase is events that are delivered together, to an HTTP and to a gRPC app.
type BulkCase struct {
	Name                string // unique; part of the topics' names
	Explanation, Source string

	Retries, DeadLetter bool
	Raw                 bool // rawPayload, of the publish and of the subscription
	Most                int  // maxMessagesCount; 0: the default
	// Rules are match and path in turn, over HTTP and gRPC; none: one path.
	Rules []string

	// Events are what is published, in this order: by id the data.
	Events []BulkEvent
	// Answers are the statuses of an entry in each call, by event id, the last for
	// all that follow; none: SUCCESS. "-": the answer leaves the entry out.
	Answers map[string][]string
	// Code is answered to the first calls instead, over HTTP and over gRPC; "text"
	// is an answer that is not what daprd looks for (HTTP only).
	Code     []string
	Protocol world.Protocol // "": both
	// ByPlace names the events p1, p2, … by their places in the first call: daprd's
	// workers hand their messages in at once, in any order.
	ByPlace bool
	// CountDead gives the number of dead letters, of messages without an id too.
	CountDead bool

	Want []string // as PlayBulk gives them, for each protocol
}

// BulkEvent is one publish.
type BulkEvent struct {
	ID, Data, ContentType string
	Metadata              map[string]string
}

const bulkSource = "D16 pkg/runtime/subscription/bulksubscription.go, bulkresiliency.go"

// bulkAwait is maxAwaitDurationMs: with the retries of a policy well below
// processingTimeout, after which Redis brings an event again.
const bulkAwait = 300

func eventsOf(ids ...string) (events []BulkEvent) {
	for _, id := range ids {
		events = append(events, BulkEvent{ID: id, Data: `{"of":"` + id + `"}`, ContentType: "application/json"})
	}
	return events
}

// Bulks are the cases of bulk subscribe.
func Bulks() []BulkCase {
	return []BulkCase{
		{Name: "success", Events: eventsOf("e1", "e2", "e3"), Source: bulkSource, Explanation: "what waits goes out in one call",
			Want: []string{"call 1: e1 e2 e3", "e1: SUCCESS, acknowledged", "e2: SUCCESS, acknowledged", "e3: SUCCESS, acknowledged"}},
		{Name: "most", Most: 2, Events: eventsOf("e1", "e2", "e3", "e4"), Source: "D16 pkg/runtime/pubsub/default_bulksub.go", Explanation: "a batch has no more than maxMessagesCount entries",
			Want: []string{"call 1: 2 entries", "call 2: 2 entries", "e1: SUCCESS, acknowledged", "e2: SUCCESS, acknowledged", "e3: SUCCESS, acknowledged", "e4: SUCCESS, acknowledged"}},
		{Name: "statuses", DeadLetter: true, Events: eventsOf("e1", "e2", "e3", "e4", "e5"), Source: bulkSource,
			Explanation: "a status for each entry: DROP is dead-lettered, what has none or an unknown one is a failure, dead-lettered after the policy",
			Answers:     map[string][]string{"e2": {"RETRY"}, "e3": {"DROP"}, "e4": {"BANANA"}, "e5": {"-"}},
			Want:        []string{"call 1: e1 e2 e3 e4 e5", "e1: SUCCESS, acknowledged", "e2: RETRY, dead-lettered", "e3: DROP, dead-lettered", "e4: unknown, dead-lettered", "e5: RETRY, dead-lettered"}},
		{Name: "retries", Retries: true, DeadLetter: true, Events: eventsOf("e1", "e2", "e3"), Source: bulkSource,
			Explanation: "the policy tries again with the entries that failed, and no others",
			Answers:     map[string][]string{"e2": {"RETRY", "SUCCESS"}, "e3": {"RETRY"}},
			Want:        []string{"call 1: e1 e2 e3", "call 2: e2 e3", "call 3: e3", "call 4: e3", "e1: SUCCESS, acknowledged", "e2: RETRY, SUCCESS, acknowledged", "e3: RETRY, RETRY, RETRY, RETRY, dead-lettered"}},
		{Name: "wrong-drop", Retries: true, DeadLetter: true, Events: eventsOf("e1", "e2", "e3", "e4"), Source: "D16 pkg/runtime/subscription/postman/http/http.go DeliverBulk",
			Explanation: "a DROP after a retry dead-letters the entry that is at its place of the whole batch: another one, here; the one that was dropped is lost",
			ByPlace:     true, Answers: map[string][]string{"p1": {"SUCCESS"}, "p2": {"RETRY", "DROP"}, "p3": {"RETRY", "SUCCESS"}, "p4": {"RETRY", "SUCCESS"}},
			Want: []string{"call 1: p1 p2 p3 p4", "call 2: p2 p3 p4", "p1: SUCCESS, acknowledged", "p2: RETRY, DROP, acknowledged", "p3: RETRY, SUCCESS, dead-lettered", "p4: RETRY, SUCCESS, acknowledged"}},
		{Name: "drop", Events: eventsOf("e1", "e2"), Source: bulkSource, Explanation: "DROP without a dead letter topic is acknowledged: the event is lost",
			Answers: map[string][]string{"e2": {"DROP"}},
			Want:    []string{"call 1: e1 e2", "e1: SUCCESS, acknowledged", "e2: DROP, acknowledged"}},
		{Name: "pending", Events: eventsOf("e1", "e2"), Source: bulkSource, Explanation: "without a dead letter topic the entries that failed stay pending, and come again in another batch",
			Answers: map[string][]string{"e2": {"RETRY", "SUCCESS"}},
			Want:    []string{"call 1: e1 e2", "call 2: e2", "e1: SUCCESS, acknowledged", "e2: RETRY, SUCCESS, acknowledged"}},
		{Name: "error", Retries: true, DeadLetter: true, Events: eventsOf("e1", "e2"), Code: []string{"500"}, Source: bulkSource,
			Explanation: "an error is one of every entry",
			Want:        []string{"call 1: e1 e2", "call 2: e1 e2", "e1: error, SUCCESS, acknowledged", "e2: error, SUCCESS, acknowledged"}},
		{Name: "error-dead", DeadLetter: true, Events: eventsOf("e1", "e2"), Code: []string{"500"}, Source: bulkSource,
			Explanation: "without a policy the first error dead-letters the batch",
			Want:        []string{"call 1: e1 e2", "e1: error, dead-lettered", "e2: error, dead-lettered"}},
		{Name: "unknown", DeadLetter: true, Retries: true, Events: eventsOf("e1", "e2"), Code: []string{"404"}, Source: bulkSource,
			Explanation: "404 and Unimplemented are acknowledged without a dead letter: the whole batch is lost",
			Want:        []string{"call 1: e1 e2", "e1: unknown path, acknowledged", "e2: unknown path, acknowledged"}},
		{Name: "text", DeadLetter: true, Events: eventsOf("e1", "e2"), Code: []string{"text"}, Protocol: world.ProtocolHTTP, Source: "D16 pkg/runtime/subscription/postman/http/http.go DeliverBulk",
			Explanation: "200 with a body that is not JSON is a failure, other than for a single event",
			Want:        []string{"call 1: e1 e2", "e1: RETRY, dead-lettered", "e2: RETRY, dead-lettered"}},
		{Name: "redirect", DeadLetter: true, Events: eventsOf("e1", "e2"), Code: []string{"301"}, Protocol: world.ProtocolHTTP, Source: "D16 pkg/runtime/subscription/postman/http/http.go DeliverBulk",
			Explanation: "a redirect is not followed, and an error of every entry",
			Want:        []string{"call 1: e1 e2", "e1: HTTP 301, dead-lettered", "e2: HTTP 301, dead-lettered"}},
		{Name: "empty", DeadLetter: true, Events: eventsOf("e1", "e2"), Code: []string{"empty"}, Source: "D16 pkg/runtime/subscription/postman",
			Explanation: "an empty answer names no entry: each is a failure",
			Want:        []string{"call 1: e1 e2", "e1: RETRY, dead-lettered", "e2: RETRY, dead-lettered"}},
		{Name: "routes", DeadLetter: true, Rules: []string{`event.data.of == "e2"`, "/two", `event.data.of == "e3"`, "/three"}, Events: eventsOf("e1", "e2", "e3"), Source: bulkSource,
			Explanation: "each path has a call of its own; what matches no rule is dead-lettered, and given to the app's root all the same",
			Want:        []string{"call: e1 at /", "call: e2 at /two", "call: e3 at /three", "e1: dead-lettered", "e2: acknowledged", "e3: acknowledged"}},
		{Name: "rule-error", Rules: []string{`event.data.missing == "x"`, "/x", "", "/rest"}, Events: eventsOf("e1", "e2"), Source: bulkSource,
			Explanation: "an entry whose rule fails is acknowledged without a dead letter topic, other than a single event",
			Want:        []string{"e1: acknowledged", "e2: acknowledged"}},
		{Name: "undecodable", DeadLetter: true, CountDead: true, Events: append([]BulkEvent{{ID: "e1", Data: "no event", Metadata: map[string]string{"rawPayload": "true"}}}, eventsOf("e2")...), Source: bulkSource,
			Explanation: "a message that is no CloudEvent is dead-lettered, the others of its batch are delivered",
			Want:        []string{"call 1: e2", "dead letters: 1", "e2: SUCCESS, acknowledged"}},
		{Name: "one", Events: []BulkEvent{{ID: "e1", Data: `{"n":12345678901234567890}`, ContentType: "application/json"}}, Source: bulkSource,
			Explanation: "the envelope of a batch; numbers lose precision over HTTP, too",
			Want:        []string{"call 1: e1", "e1: SUCCESS, acknowledged"}},
		{Name: "bytes", Events: []BulkEvent{{ID: "e1", Data: "aGk=", ContentType: "application/octet-stream", Metadata: map[string]string{"cloudevent.id": "BYTES", "key": "value"}}},
			Source: "D16 pkg/runtime/pubsub/subscriptions.go extractCloudEvent", Explanation: "data_base64 reaches an HTTP app, and is lost on a gRPC app",
			Want: []string{"call 1: BYTES"}},
		{Name: "raw", Raw: true, Events: []BulkEvent{{ID: "e1", Data: "hello", Metadata: map[string]string{"rawPayload": "true", "key": "value"}}}, Source: bulkSource,
			Explanation: "a raw payload is base64 over HTTP, and bytes over gRPC",
			Want:        []string{"call 1: raw"}},
	}
}

// BulkResources are the resources of all cases.
func BulkResources() []fs.FS {
	root := fstest.MapFS{}
	maps.Copy(root, Resources()[0].(fstest.MapFS))
	return []fs.FS{root}
}

func (c BulkCase) component() string {
	if c.Retries {
		return Retrying
	}
	return Plain
}

// bulkApp is one case's app over one protocol.
type bulkApp struct {
	runtime.UnimplementedAppCallbackServer
	runtime.UnimplementedAppCallbackAlphaServer
	BulkCase
	protocol world.Protocol

	mu    sync.Mutex
	calls []string // "path entries", in their order
	given map[string]int
	place map[string]string
	shape []string // what an entry and the envelope look like, without what differs from run to run
}

func (a *bulkApp) id() string { return "bulk-" + string(a.protocol) + "-" + a.Name }
func (a *bulkApp) topic(name string) string {
	return "bulk." + string(a.protocol) + "." + a.Name + "." + name
}
func (a *bulkApp) eventID(id string) string { return id + "-" + a.id() }

// answer is what a call with these entries gets: a code, or statuses.
func (a *bulkApp) answer(path string, events []string) (code string, statuses []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var ids []string
	for _, id := range events {
		ids = append(ids, strings.TrimSuffix(id, "-"+a.id()))
	}
	for i, id := range ids {
		if a.ByPlace {
			if a.place[id] == "" {
				a.place[id] = fmt.Sprintf("p%d", len(a.place)+1)
			}
			ids[i] = a.place[id]
		}
	}
	a.calls = append(a.calls, strings.Join(ids, " ")+" at "+path)
	if n := len(a.calls) - 1; n < len(a.Code) {
		return a.Code[n], nil
	}
	for _, id := range ids {
		all := a.Answers[id]
		status := "SUCCESS"
		if len(all) > 0 {
			status = all[min(a.given[id], len(all)-1)]
		}
		a.given[id]++
		statuses = append(statuses, status)
	}
	return "", statuses
}

func (a *bulkApp) looks(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shape = append(a.shape, strings.ReplaceAll(text, a.id(), "app"))
}

func (a *bulkApp) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		bulk := map[string]any{"enabled": true, "maxAwaitDurationMs": bulkAwait}
		if a.Most > 0 {
			bulk["maxMessagesCount"] = a.Most
		}
		s := map[string]any{"pubsubname": a.component(), "topic": a.topic("events"), "bulkSubscribe": bulk}
		if a.DeadLetter {
			s["deadLetterTopic"] = a.topic("dead")
		}
		if a.Raw {
			s["metadata"] = map[string]string{"rawPayload": "true"}
		}
		if len(a.Rules) == 0 {
			s["route"] = "/events"
		} else {
			var rules []map[string]string
			for i := 0; i < len(a.Rules); i += 2 {
				rules = append(rules, map[string]string{"match": a.Rules[i], "path": a.Rules[i+1]})
			}
			s["routes"] = map[string]any{"rules": rules}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode([]any{s})
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var in struct {
			ID      string `json:"id"`
			Entries []struct {
				EntryID string          `json:"entryId"`
				Event   json.RawMessage `json:"event"`
			} `json:"entries"`
		}
		_ = json.Unmarshal(body, &in)
		var events []string
		text := strings.ReplaceAll(string(body), in.ID, "ID")
		for _, e := range in.Entries {
			var event struct {
				ID   string `json:"id"`
				Time string `json:"time"`
			}
			if json.Unmarshal(e.Event, &event) != nil {
				event.ID = "raw"
			}
			text = strings.ReplaceAll(text, e.EntryID, "ENTRY")
			if event.Time != "" {
				text = strings.ReplaceAll(text, event.Time, "TIME")
			}
			events = append(events, event.ID)
		}
		a.looks(fmt.Sprintf("%s pubsubName=%s %s", r.Header.Get("Content-Type"), r.Header.Get("pubsubName"), text))
		code, statuses := a.answer(r.URL.Path, events)
		switch code {
		case "":
			type entry struct {
				EntryID string `json:"entryId"`
				Status  string `json:"status"`
			}
			var out []entry
			for i, s := range statuses {
				if s != "-" {
					out = append(out, entry{in.Entries[i].EntryID, s})
				}
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"statuses": append(out, entry{"nobody's", "SUCCESS"})})
		case "text":
			_, _ = w.Write([]byte("all good"))
		case "empty":
			_, _ = w.Write([]byte("{}"))
		default:
			var status int
			_, _ = fmt.Sscan(code, &status)
			w.WriteHeader(status)
		}
	})
	return mux
}

func (a *bulkApp) ListTopicSubscriptions(context.Context, *emptypb.Empty) (*runtime.ListTopicSubscriptionsResponse, error) {
	s := &runtime.TopicSubscription{PubsubName: a.component(), Topic: a.topic("events"),
		BulkSubscribe: &runtime.BulkSubscribeConfig{Enabled: true, MaxMessagesCount: int32(a.Most), MaxAwaitDurationMs: bulkAwait}}
	if a.DeadLetter {
		s.DeadLetterTopic = a.topic("dead")
	}
	if a.Raw {
		s.Metadata = map[string]string{"rawPayload": "true"}
	}
	if len(a.Rules) > 0 {
		s.Routes = &runtime.TopicRoutes{}
		for i := 0; i < len(a.Rules); i += 2 {
			s.Routes.Rules = append(s.Routes.Rules, &runtime.TopicRule{Match: a.Rules[i], Path: a.Rules[i+1]})
		}
	}
	return &runtime.ListTopicSubscriptionsResponse{Subscriptions: []*runtime.TopicSubscription{s}}, nil
}

func (a *bulkApp) OnBulkTopicEventAlpha1(_ context.Context, in *runtime.TopicEventBulkRequest) (*runtime.TopicEventBulkResponse, error) {
	var events []string
	encoded, _ := protojson.Marshal(in)
	var plain map[string]any // protojson's spaces differ from run to run
	_ = json.Unmarshal(encoded, &plain)
	encoded, _ = json.Marshal(plain)
	text := strings.ReplaceAll(string(encoded), in.GetId(), "ID")
	for _, e := range in.GetEntries() {
		text = strings.ReplaceAll(text, e.GetEntryId(), "ENTRY")
		if ce := e.GetCloudEvent(); ce != nil {
			events = append(events, ce.GetId())
			text = strings.ReplaceAll(text, ce.GetExtensions().GetFields()["time"].GetStringValue(), "TIME")
		} else {
			events = append(events, "raw")
		}
	}
	a.looks(text)
	path := in.GetPath()
	if path == "" && len(a.Rules) > 0 {
		path = "/"
	}
	code, statuses := a.answer(path, events)
	switch code {
	case "":
	case "empty":
		return &runtime.TopicEventBulkResponse{}, nil
	case "404":
		return nil, status.Error(codes.Unimplemented, "as the case wants")
	default:
		return nil, status.Error(codes.Internal, "as the case wants")
	}
	out := &runtime.TopicEventBulkResponse{Statuses: []*runtime.TopicEventBulkResponseEntry{{EntryId: "nobody's"}}}
	for i, s := range statuses {
		if s == "-" {
			continue
		}
		value, known := runtime.TopicEventResponse_TopicEventResponseStatus_value[s]
		if !known {
			value = 7
		}
		out.Statuses = append(out.Statuses, &runtime.TopicEventBulkResponseEntry{EntryId: in.GetEntries()[i].GetEntryId(), Status: runtime.TopicEventResponse_TopicEventResponseStatus(value)})
	}
	return out, nil
}

// PlayBulk plays a case over a protocol in a world that was started with
// [BulkResources]: what is published waits for the app's first start, so that all
// of it is there at once. It gives the calls, what became of each event, and, of
// a case with one event, what the calls looked like.
func PlayBulk(ctx context.Context, w *world.World, c BulkCase, p world.Protocol) (lines, shape []string, err error) {
	a := &bulkApp{BulkCase: c, protocol: p, given: make(map[string]int), place: make(map[string]string)}
	for _, e := range c.Events {
		with := contract.Event{ID: a.eventID(e.ID), PubSub: c.component(), Topic: a.topic("events"), DataContentType: e.ContentType, Data: json.RawMessage(e.Data)}
		if e.Metadata == nil {
			err = w.SendFrom(ctx, Publisher, with)
		} else {
			err = publishRaw(ctx, w, with, e)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	start := func(context.Context, world.Sidecar) (world.Endpoint, error) { return world.HTTP(a.handler()), nil }
	if p == world.ProtocolGRPC {
		start = func(context.Context, world.Sidecar) (world.Endpoint, error) { return serveBulkGRPC(a), nil }
	}
	if err := w.AttachContext(ctx, a.id(), start); err != nil {
		return nil, nil, fmt.Errorf("attach %s: %w", a.id(), err)
	}
	if err := w.Settle(ctx); err != nil && !errors.Is(err, world.ErrPending) {
		return nil, nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, call := range a.calls {
		ids, path, _ := strings.Cut(call, " at ")
		switch {
		case c.Most > 0:
			lines = append(lines, fmt.Sprintf("call %d: %d entries", i+1, len(strings.Fields(ids))))
		case len(c.Rules) > 0: // in any order
			lines = append(lines, fmt.Sprintf("call: %s at %s", ids, path))
		default:
			lines = append(lines, fmt.Sprintf("call %d: %s", i+1, sortedWords(ids)))
		}
	}
	for _, e := range c.Events {
		if line := a.became(w.Journal().Entries(), e.ID); line != "" {
			lines = append(lines, line)
		}
	}
	if c.CountDead {
		dead, err := w.Topic(ctx, c.component(), a.topic("dead"))
		if err != nil {
			return nil, nil, err
		}
		lines = append(lines, fmt.Sprintf("dead letters: %d", len(dead)))
	}
	slices.Sort(lines)
	if len(c.Events) > 1 {
		return lines, nil, nil // in any order
	}
	return lines, a.shape, nil
}

func sortedWords(text string) string {
	words := strings.Fields(text)
	slices.Sort(words) // daprd's workers hand their messages in at once
	return strings.Join(words, " ")
}

func publishRaw(ctx context.Context, w *world.World, with contract.Event, e BulkEvent) error {
	s, err := w.Sidecar(ctx, Publisher)
	if err != nil {
		return err
	}
	_, err = s.Client().GrpcClient().PublishEvent(ctx, &runtime.PublishEventRequest{PubsubName: with.PubSub, Topic: with.Topic,
		Data: []byte(e.Data), DataContentType: e.ContentType, Metadata: e.Metadata})
	return err
}

// became says what the journal knows of an event, in words that both protocols share.
func (a *bulkApp) became(entries []journal.Entry, id string) string {
	var words []string
	state, dead := "", false
	for _, e := range entries {
		if e.Event.ID != a.eventID(id) || e.App != a.id() || e.Topic != a.topic("events") {
			continue
		}
		knows := e.SeenBy == journal.Engine || e.SeenBy == journal.Redis
		switch {
		case e.Kind == journal.Answered:
			words = append(words, map[string]string{"HTTP 500": "error", "gRPC Internal": "error", "HTTP 404": "unknown path", "gRPC Unimplemented": "unknown path",
				"BANANA": "unknown", "status 7": "unknown"}[e.Answer])
			if words[len(words)-1] == "" {
				words[len(words)-1] = e.Answer
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
		return ""
	}
	if len(a.Rules) > 0 {
		words = nil // the calls say it, one to the app's root included, which no proxy takes for a delivery
	}
	if a.ByPlace {
		id = a.place[id]
	}
	return id + ": " + strings.Join(append(words, state), ", ")
}

// serveBulkGRPC is an app that answers Dapr's own interfaces, bulk deliveries too.
func serveBulkGRPC(a *bulkApp) world.Endpoint {
	return serve(func(server *grpc.Server) {
		runtime.RegisterAppCallbackServer(server, a)
		runtime.RegisterAppCallbackAlphaServer(server, a)
	})
}
