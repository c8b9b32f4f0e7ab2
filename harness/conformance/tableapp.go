package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/eventproof/eventproof/fakes/world"
)

// tablePlay is a case while it is played: what its app was given.
type tablePlay struct {
	TableCase

	mu       sync.Mutex
	calls    []tableCall
	given    map[string]int // deliveries by event
	swapped  bool           // the second event came first: see arrange
	released bool           // what is pending may be handled now
	after    map[string]int // deliveries by event since then
}

// tableCall is one event in one call of the app.
type tableCall struct {
	event string // e1, e2, …
	path  string
	at    time.Time
	shape string // what it looked like, without what differs from run to run
}

func newTablePlay(c TableCase) *tablePlay {
	return &tablePlay{TableCase: c, given: make(map[string]int), after: make(map[string]int)}
}

// label is the short name of an event: by its id or, of a raw payload, by its data.
func (p *tablePlay) label(text string) string {
	for i, id := range p.events() {
		if strings.Contains(text, id) {
			return p.nth(i)
		}
	}
	return "unknown"
}

func (p *tablePlay) nth(i int) string {
	if p.swapped {
		i = 1 - i
	}
	return fmt.Sprintf("e%d", i+1)
}

// take notes a call, and reports what the app is to do with it: whether it keeps
// daprd waiting, and whether everything is handled by now.
func (p *tablePlay) take(calls ...tableCall) (slow, released bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, call := range calls {
		call.at = time.Now()
		if p.released {
			p.after[call.event]++
		} else {
			p.calls = append(p.calls, call)
		}
		p.given[call.event]++
		slow = slow || p.Policy == "timeout" && p.given[call.event] == 1 && !p.reply().closes
	}
	return slow, p.released
}

// linger keeps daprd waiting until the policy's timeout has passed for it. The
// request's own context is not minded: over gRPC it has the same deadline, and an
// answer at that moment may still be in time.
func linger() {
	limit := time.NewTimer(2500 * time.Millisecond)
	defer limit.Stop()
	<-limit.C
}

// tableApp is one app of the table: it gives each case's answer.
type tableApp struct {
	runtime.UnimplementedAppCallbackServer
	runtime.UnimplementedAppCallbackAlphaServer
	plays []*tablePlay
}

func (a *tableApp) byTopic(topic string) *tablePlay {
	for _, p := range a.plays {
		if p.Topic() == topic {
			return p
		}
	}
	return nil
}

// programmatic are the cases whose subscription the app states.
func (a *tableApp) programmatic() (plays []*tablePlay) {
	for _, p := range a.plays {
		if p.Kind == "programmatic" {
			plays = append(plays, p)
		}
	}
	return plays
}

// ServeHTTP is the app over HTTP.
func (a *tableApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		a.subscribe(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	topic, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	var p *tablePlay
	if topic == "" { // the app's root gets what a bulk delivery has no route for
		var in struct {
			Topic string `json:"topic"`
		}
		_ = json.Unmarshal(body, &in)
		topic = in.Topic
	}
	if p = a.byTopic(topic); p == nil {
		http.Error(w, "no case for "+r.URL.Path, http.StatusTeapot)
		return
	}
	if p.together() {
		p.serveBulk(w, r, body)
		return
	}
	label := p.label(string(body))
	if p.content().rawRead {
		label = p.label(decoded(body))
	}
	slow, released := p.take(tableCall{event: label, path: r.URL.Path, shape: p.shapeHTTP(r.Header, body)})
	if slow {
		linger()
	}
	if released {
		return
	}
	p.answer(w)
}

// decoded is the payload in an envelope's data_base64.
func decoded(envelope []byte) string {
	var in struct {
		Data []byte `json:"data_base64"`
	}
	_ = json.Unmarshal(envelope, &in)
	return string(in.Data)
}

// answer is the case's answer to one event, over HTTP.
func (p *tablePlay) answer(w http.ResponseWriter) {
	switch r := p.reply(); {
	case r.broken:
		panic(http.ErrAbortHandler)
	case r.word != "":
		_, _ = fmt.Fprintf(w, `{"status":%q}`, r.word)
	default:
		if r.status == http.StatusMovedPermanently {
			w.Header().Set("Location", p.path("elsewhere"))
		}
		w.WriteHeader(r.status)
		_, _ = w.Write([]byte(r.body))
	}
}

func (p *tablePlay) serveBulk(w http.ResponseWriter, r *http.Request, body []byte) {
	var in struct {
		ID      string `json:"id"`
		Entries []struct {
			EntryID string          `json:"entryId"`
			Event   json.RawMessage `json:"event"`
		} `json:"entries"`
	}
	_ = json.Unmarshal(body, &in)
	var calls []tableCall
	for _, e := range in.Entries {
		text := string(e.Event)
		if p.content().rawRead {
			var encoded []byte // JSON's []byte is base64
			_ = json.Unmarshal(e.Event, &encoded)
			text = string(encoded)
		}
		calls = append(calls, tableCall{event: p.label(text), path: r.URL.Path})
	}
	shape := p.shapeBulkHTTP(r.Header, body)
	for i := range calls {
		calls[i].shape = shape
	}
	slow, released := p.take(calls...)
	if slow {
		linger()
	}
	type entry struct {
		EntryID string `json:"entryId"`
		Status  string `json:"status"`
	}
	var out []entry
	reply := p.reply()
	for i, e := range in.Entries {
		status := reply.word
		if len(reply.mix) > 0 {
			status = reply.of(calls[i].event)
		}
		if released {
			status = "SUCCESS"
		}
		if status != "-" {
			out = append(out, entry{e.EntryID, status})
		}
	}
	if released || reply.word != "" || len(reply.mix) > 0 {
		_ = json.NewEncoder(w).Encode(map[string]any{"statuses": out})
		return
	}
	p.answer(w)
}

// of is the status of an entry.
func (r reply) of(event string) string {
	i := slices.Index([]string{"e1", "e2", "e3"}, event)
	if i < 0 {
		return "RETRY"
	}
	return r.mix[i]
}

func (a *tableApp) subscribe(w http.ResponseWriter, _ *http.Request) {
	subscriptions := []map[string]any{}
	for _, p := range a.programmatic() {
		s := map[string]any{"pubsubname": p.Component(), "topic": p.Topic()}
		rules, fallback := p.rules()
		if p.Routing == "one" {
			s["route"] = fallback
		} else {
			routes := map[string]any{"default": fallback}
			list := []map[string]string{}
			for i := 0; i < len(rules); i += 2 {
				list = append(list, map[string]string{"match": rules[i], "path": rules[i+1]})
			}
			routes["rules"] = list
			s["routes"] = routes
		}
		if p.DeadLetter {
			s["deadLetterTopic"] = p.DeadLetterTopic()
		}
		if p.content().rawRead {
			s["metadata"] = map[string]string{"rawPayload": "true"}
		}
		if p.together() {
			s["bulkSubscribe"] = map[string]any{"enabled": true, "maxMessagesCount": len(p.events()), "maxAwaitDurationMs": tableAwait}
		}
		subscriptions = append(subscriptions, s)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(subscriptions)
}

// ListTopicSubscriptions is what the app states over gRPC.
func (a *tableApp) ListTopicSubscriptions(context.Context, *emptypb.Empty) (*runtime.ListTopicSubscriptionsResponse, error) {
	out := &runtime.ListTopicSubscriptionsResponse{}
	for _, p := range a.programmatic() {
		s := &runtime.TopicSubscription{PubsubName: p.Component(), Topic: p.Topic()}
		if p.Routing != "one" {
			rules, fallback := p.rules()
			s.Routes = &runtime.TopicRoutes{Default: fallback}
			for i := 0; i < len(rules); i += 2 {
				s.Routes.Rules = append(s.Routes.Rules, &runtime.TopicRule{Match: rules[i], Path: rules[i+1]})
			}
		}
		if p.DeadLetter {
			s.DeadLetterTopic = p.DeadLetterTopic()
		}
		if p.content().rawRead {
			s.Metadata = map[string]string{"rawPayload": "true"}
		}
		if p.together() {
			s.BulkSubscribe = &runtime.BulkSubscribeConfig{Enabled: true, MaxMessagesCount: int32(len(p.events())), MaxAwaitDurationMs: tableAwait}
		}
		out.Subscriptions = append(out.Subscriptions, s)
	}
	return out, nil
}

// OnTopicEvent is one event over gRPC.
func (a *tableApp) OnTopicEvent(ctx context.Context, in *runtime.TopicEventRequest) (*runtime.TopicEventResponse, error) {
	p := a.byTopic(in.GetTopic())
	if p == nil {
		return nil, status.Error(codes.NotFound, "no case for "+in.GetTopic())
	}
	slow, released := p.take(p.callGRPC(ctx, in))
	if slow {
		linger()
	}
	if released {
		return &runtime.TopicEventResponse{}, nil
	}
	if code := p.reply().code; code != codes.OK {
		return nil, status.Error(code, "as the case wants")
	}
	return &runtime.TopicEventResponse{Status: statusOf(p.reply().word)}, nil
}

// callGRPC is what a request, or a message of a stream, gives the app.
func (p *tablePlay) callGRPC(ctx context.Context, in *runtime.TopicEventRequest) tableCall {
	label := p.label(in.GetId())
	if p.content().rawRead {
		label = p.label(string(in.GetData()))
	}
	with, _ := metadata.FromIncomingContext(ctx)
	return tableCall{event: label, path: in.GetPath(), shape: p.shapeGRPC(with, in)}
}

// OnBulkTopicEventAlpha1 is a bulk delivery over gRPC.
func (a *tableApp) OnBulkTopicEventAlpha1(ctx context.Context, in *runtime.TopicEventBulkRequest) (*runtime.TopicEventBulkResponse, error) {
	p := a.byTopic(in.GetTopic())
	if p == nil {
		return nil, status.Error(codes.NotFound, "no case for "+in.GetTopic())
	}
	var calls []tableCall
	with, _ := metadata.FromIncomingContext(ctx)
	shape := p.shapeBulkGRPC(with, in)
	for _, e := range in.GetEntries() {
		text := e.GetCloudEvent().GetId()
		if e.GetCloudEvent() == nil {
			text = string(e.GetBytes())
		}
		calls = append(calls, tableCall{event: p.label(text), path: in.GetPath(), shape: shape})
	}
	slow, released := p.take(calls...)
	if slow {
		linger()
	}
	reply := p.reply()
	if !released && reply.code != codes.OK {
		return nil, status.Error(reply.code, "as the case wants")
	}
	out := &runtime.TopicEventBulkResponse{}
	for i, e := range in.GetEntries() {
		word := reply.word
		if len(reply.mix) > 0 {
			word = reply.of(calls[i].event)
		}
		if released {
			word = "SUCCESS"
		}
		if word != "-" {
			out.Statuses = append(out.Statuses, &runtime.TopicEventBulkResponseEntry{EntryId: e.GetEntryId(), Status: statusOf(word)})
		}
	}
	return out, nil
}

// endpoint is the app as its sidecar calls it.
func (a *tableApp) endpoint() world.Endpoint {
	switch a.plays[0].Protocol {
	case world.ProtocolHTTP:
		return world.HTTP(a)
	case world.ProtocolGRPC:
		return serve(func(server *grpc.Server) {
			runtime.RegisterAppCallbackServer(server, a)
			runtime.RegisterAppCallbackAlphaServer(server, a)
		})
	}
	return world.None
}
