package proxy_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	runtimev1pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/proxy"
)

// witness is an HTTP app that keeps what it sees, and answers by the event's id.
type witness struct {
	mu      sync.Mutex
	seen    []seen
	answers map[string][]string // part of the body -> answers, in turn; else SUCCESS
}

func (w *witness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	s := see(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, s)
	for part, list := range w.answers {
		if strings.Contains(s.Body, `"id":"`+part+`"`) && len(list) > 0 {
			w.answers[part] = list[1:]
			_, _ = io.WriteString(out, `{"status":"`+list[0]+`"}`)
		}
	}
}

func (w *witness) all() []seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]seen(nil), w.seen...)
}

func TestRedeliverHTTP(t *testing.T) {
	app := new(witness)
	server := httptest.NewServer(app)
	defer server.Close()
	a, r := newApp(t, world.ProtocolHTTP, proxy.AppConfig{})
	if err := a.SetEndpoint(world.Address(server.Listener.Addr().String(), world.ProtocolHTTP)); err != nil {
		t.Fatal(err)
	}
	c := httpClient(t)
	request, err := http.NewRequest(http.MethodPost, "http://"+a.Address()+"/orders?q=%2F", strings.NewReader(envelope("e1", "orders")))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"Content-Type": {"application/cloudevents+json"}, "Pubsubname": {"pubsub"}, "X-Many": {"1", "2"}, "User-Agent": {"daprd"}}
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if err := a.Redeliver(context.Background(), faults.Redeliver{App: "consumer", Event: "e1", Times: 2}); err != nil {
		t.Fatal(err)
	}
	all := app.all()
	if len(all) != 3 {
		t.Fatalf("the app saw %d requests, want 3", len(all))
	}
	for _, again := range all[1:] {
		if diff := cmp.Diff(all[0], again); diff != "" {
			t.Errorf("the repeated request differs (-want +got):\n%s", diff)
		}
	}
	fault := "fault-injected orders e1 Redeliver{App: consumer, Event: e1, Times: 2}"
	wantLines(t, r, "delivered orders e1", "answered orders e1 SUCCESS",
		fault, "delivered orders e1", "answered orders e1 SUCCESS", fault, "delivered orders e1", "answered orders e1 SUCCESS")
	for _, e := range r.Journal().Entries() {
		if e.Kind == journal.FaultInjected && e.Cause != 1 {
			t.Errorf("the fault's cause is %d, want 1, the delivery that it repeats", e.Cause)
		}
	}
	if attempt := r.Journal().Entries()[6].Attempt; attempt != 3 {
		t.Errorf("the last attempt is %d, want 3", attempt)
	}
	if err := a.Redeliver(context.Background(), faults.Redeliver{Topic: "orders"}); err != nil {
		t.Fatal(err)
	}
	// Both found what they look for: nothing is left.
	if _, _, err := deliver(t, c, a, "/orders", envelope("e2", "orders")); err != nil {
		t.Fatal(err)
	}
	if err := a.Idle(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(app.all()); n != 5 {
		t.Errorf("the app saw %d requests, want 5", n)
	}
}

func TestRedeliverArmed(t *testing.T) {
	tests := []struct {
		name    string
		fault   faults.Redeliver
		answers map[string][]string
		lose    bool
		want    map[string]int // how often each event comes to the app
		reason  string
	}{
		{"each event", faults.Redeliver{}, nil, false, map[string]int{"e1": 2, "e2": 2}, "each matching event comes once more"},
		{"one event", faults.Redeliver{Event: "e2", Times: 3}, nil, false, map[string]int{"e1": 1, "e2": 4}, "only the one that is named"},
		{"not handled", faults.Redeliver{}, map[string][]string{"e1": {"RETRY"}, "e2": {"DROP"}}, false, map[string]int{"e1": 1, "e2": 1}, "RETRY and DROP are not handled"},
		{"answer lost", faults.Redeliver{}, nil, true, map[string]int{"e1": 1, "e2": 2}, "daprd does not know that e1 was handled, and delivers it again by itself"},
		{"another app", faults.Redeliver{App: "shipping"}, nil, false, map[string]int{"e1": 1, "e2": 1}, "of another app"},
		{"another topic", faults.Redeliver{Topic: "invoices"}, nil, false, map[string]int{"e1": 1, "e2": 1}, "on another topic"},
		{"refused again", faults.Redeliver{Event: "e1"}, map[string][]string{"e1": {"SUCCESS", "RETRY"}}, false, map[string]int{"e1": 2, "e2": 1}, "what the app answers to the repetition goes nowhere"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var armed faults.Armed
			if test.lose {
				armed.Arm(faults.LoseAnswer{Event: "e1"}, 1)
			}
			app := &witness{answers: test.answers}
			a, _ := newApp(t, world.ProtocolHTTP, proxy.AppConfig{Faults: &armed})
			if err := a.SetEndpoint(world.HTTP(app)); err != nil {
				t.Fatal(err)
			}
			if err := a.Redeliver(context.Background(), test.fault); err != nil {
				t.Fatal(err)
			}
			c := httpClient(t)
			for _, id := range []string{"e1", "e2"} {
				if _, _, err := deliver(t, c, a, "/orders", envelope(id, "orders")); (err != nil) != (test.lose && id == "e1") {
					t.Fatal(err)
				}
			}
			if err := a.Idle(context.Background()); err != nil {
				t.Fatal(err)
			}
			got := map[string]int{}
			for _, s := range app.all() {
				for id := range test.want {
					if strings.Contains(s.Body, `"id":"`+id+`"`) {
						got[id]++
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("deliveries (-want +got), %s:\n%s", test.reason, diff)
			}
		})
	}
}

// TestRedeliverFenced: the app died between; the next incarnation gets it.
func TestRedeliverFenced(t *testing.T) {
	a, r := newApp(t, world.ProtocolHTTP, proxy.AppConfig{})
	first, second := new(witness), new(witness)
	if err := a.SetEndpoint(world.HTTP(first)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := deliver(t, httpClient(t), a, "/orders", envelope("e1", "orders")); err != nil {
		t.Fatal(err)
	}
	if err := a.SetEndpoint(world.HTTP(second)); err != nil {
		t.Fatal(err)
	}
	if err := a.Redeliver(context.Background(), faults.Redeliver{}); err != nil {
		t.Fatal(err)
	}
	if len(first.all()) != 1 || len(second.all()) != 1 {
		t.Errorf("the incarnations saw %d and %d, want 1 and 1", len(first.all()), len(second.all()))
	}
	a.Fence()
	before := r.Journal().Len()
	if err := a.Redeliver(context.Background(), faults.Redeliver{}); err == nil || !strings.Contains(err.Error(), "consumer is between two incarnations") {
		t.Errorf("a redelivery to nobody: %v", err)
	}
	if after := lines(r)[before:]; len(after) > 0 {
		t.Errorf("nobody was called, and the journal says %q", after)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	enough := errors.New("enough")
	cancel(enough)
	if err := a.Redeliver(ctx, faults.Redeliver{}); !errors.Is(err, enough) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestRedeliverGRPC(t *testing.T) {
	var mu sync.Mutex
	var requests []*runtimev1pb.TopicEventRequest
	var metadatas []metadata.MD
	a, r, conn := newGRPCApp(t, proxy.AppConfig{}, callback{onTopicEvent: func(ctx context.Context, in *runtimev1pb.TopicEventRequest) (*runtimev1pb.TopicEventResponse, error) {
		mu.Lock()
		defer mu.Unlock()
		md, _ := metadata.FromIncomingContext(ctx)
		requests, metadatas = append(requests, in), append(metadatas, md)
		return &runtimev1pb.TopicEventResponse{}, nil
	}})
	ctx := metadata.NewOutgoingContext(context.Background(), metadata.Pairs("pubsubname", "pubsub", "some-bin", "\x00"))
	if _, err := runtimev1pb.NewAppCallbackClient(conn).OnTopicEvent(ctx, topicEvent("e1")); err != nil {
		t.Fatal(err)
	}
	if err := a.Redeliver(context.Background(), faults.Redeliver{}); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(requests) != 2 {
		t.Fatalf("the app saw %d calls, want 2", len(requests))
	}
	if diff := cmp.Diff(requests[0], requests[1], protocmp.Transform()); diff != "" {
		t.Errorf("the repeated request differs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(metadatas[0], metadatas[1]); diff != "" {
		t.Errorf("the repeated metadata differs (-want +got):\n%s", diff)
	}
	wantLines(t, r, "delivered orders e1", "answered orders e1 SUCCESS", "fault-injected orders e1 Redeliver{}", "delivered orders e1", "answered orders e1 SUCCESS")
}

// TestRedeliverOnce: an event that daprd itself brings twice is repeated once.
func TestRedeliverOnce(t *testing.T) {
	app := new(witness)
	a, _ := newApp(t, world.ProtocolHTTP, proxy.AppConfig{})
	if err := errors.Join(a.SetEndpoint(world.HTTP(app)), a.Redeliver(context.Background(), faults.Redeliver{})); err != nil {
		t.Fatal(err)
	}
	c := httpClient(t)
	for range 2 {
		if _, _, err := deliver(t, c, a, "/orders", envelope("e1", "orders")); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Idle(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(app.all()); n != 3 {
		t.Errorf("the app saw %d requests, want 3", n)
	}
}
