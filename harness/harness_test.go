package harness_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"
	daprgrpc "github.com/dapr/go-sdk/service/grpc"
	"go.uber.org/goleak"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// app is an HTTP app that subscribes to topics, each with a dead letter topic
// if one is given, and answers as it is told.
type app struct {
	topics map[string]string // topic -> dead letter topic
	answer func(topic string, body []byte) (status int, answer string)
}

func (a app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/dapr/subscribe" {
		var all []map[string]string
		for topic, deadLetter := range a.topics {
			s := map[string]string{"pubsubname": "pubsub", "topic": topic, "route": "/on/" + topic}
			if deadLetter != "" {
				s["deadLetterTopic"] = deadLetter
			}
			all = append(all, s)
		}
		_ = json.NewEncoder(w).Encode(all)
		return
	}
	topic, ok := strings.CutPrefix(r.URL.Path, "/on/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	var event json.RawMessage
	_ = json.NewDecoder(r.Body).Decode(&event)
	status, answer := a.answer(topic, event)
	w.WriteHeader(status)
	fmt.Fprint(w, answer)
}

func (a app) start(context.Context, world.Sidecar) (world.Endpoint, error) {
	return world.HTTP(a), nil
}

func succeed(string, []byte) (int, string) { return http.StatusOK, "" }

func event(topic, id string) contract.Event {
	return contract.Event{ID: id, Topic: topic, Data: json.RawMessage(`{"n":1}`)}
}

// kinds are the entries of one event for one app, without its publish, shortly.
func kinds(w *world.World, app, topic, id string) []string {
	var all []string
	for _, e := range w.Journal().Entries() {
		if e.App == app && e.Topic == topic && e.Event.ID == id && e.Kind != journal.Published {
			text := fmt.Sprintf("%s by %s", e.Kind, e.SeenBy)
			if e.Answer != "" {
				text += " " + e.Answer
			}
			all = append(all, text)
		}
	}
	return all
}

func settle(t *testing.T, w *world.World) {
	t.Helper()
	if err := w.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func send(t *testing.T, w *world.World, e contract.Event) {
	t.Helper()
	if err := w.Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, got, want []string, reason string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant %q\n got %q", reason, want, got)
	}
}

func TestFatesAreReadFromRedis(t *testing.T) {
	w := harness.Start(t, world.Config{})
	w.Attach("worker", app{
		topics: map[string]string{"orders": "orders.dead", "orders.dead": ""},
		answer: func(topic string, body []byte) (int, string) {
			if topic == "orders" && strings.Contains(string(body), "poison") {
				return http.StatusInternalServerError, ""
			}
			return http.StatusOK, ""
		},
	}.start)
	send(t, w, event("orders", "ord-1"))
	poison := event("orders", "ord-2")
	poison.Data = json.RawMessage(`"poison"`)
	send(t, w, poison)
	settle(t, w)
	settle(t, w) // tells nothing twice

	expect(t, kinds(w, "worker", "orders", "ord-1"),
		[]string{"delivered by proxy", "answered by proxy SUCCESS", "acknowledged by redis"}, "a handled event")
	expect(t, kinds(w, "worker", "orders", "ord-2"),
		[]string{"delivered by proxy", "answered by proxy HTTP 500", "dead-lettered by redis", "acknowledged by redis"}, "a refused event")
	expect(t, kinds(w, "worker", "orders.dead", "ord-2"),
		[]string{"delivered by proxy", "answered by proxy SUCCESS", "acknowledged by redis"}, "its dead letter, to which the app subscribes too")
	for _, e := range w.Journal().Entries() {
		if e.SeenBy == journal.Redis && e.Cause == 0 {
			t.Errorf("entry %d (%s of %s on %s) has no cause", e.Seq, e.Kind, e.Event, e.Topic)
		}
	}
	head := w.Journal().Head()
	for _, of := range []string{"dapr", "redis", "images"} {
		if head.Versions[of] == "" {
			t.Errorf("the head names no version of %s: %v", of, head.Versions)
		}
	}
	if !strings.Contains(strings.Join(head.Substitutions, "\n"), "cloudevent.id") {
		t.Errorf("the head does not say that the proxy sets cloudevent.id: %q", head.Substitutions)
	}
}

func TestRestartKeepsTheSubscriptions(t *testing.T) {
	w := harness.Start(t, world.Config{})
	var incarnation atomic.Int32
	var seen [2]atomic.Int32
	w.Attach("worker", func(context.Context, world.Sidecar) (world.Endpoint, error) {
		me := incarnation.Add(1) - 1
		return world.HTTP(app{topics: map[string]string{"orders": ""}, answer: func(string, []byte) (int, string) {
			seen[me].Add(1)
			return http.StatusOK, ""
		}}), nil
	})
	send(t, w, event("orders", "ord-1"))
	settle(t, w)
	if err := w.Restart(t.Context(), "worker"); err != nil {
		t.Fatal(err)
	}
	send(t, w, event("orders", "ord-2"))
	settle(t, w)
	if a, b := seen[0].Load(), seen[1].Load(); a != 1 || b != 1 {
		t.Errorf("want one delivery to each incarnation, got %d and %d", a, b)
	}
	subscribed := 0
	for _, e := range w.Journal().Entries() {
		if e.Kind == journal.Subscribed {
			subscribed++
		}
	}
	if subscribed != 1 {
		t.Errorf("want one subscription in the journal, got %d", subscribed)
	}
}

func TestPendingIsGivenUp(t *testing.T) {
	tests := []struct {
		name       string
		cfg        world.Config
		deliveries int
		after      string
		reason     string
	}{
		{"rounds", world.Config{Rounds: 1, Clocks: world.Clocks{ProcessingTimeout: 300 * time.Millisecond, RedeliverInterval: 100 * time.Millisecond}},
			2, "Config.Rounds", "it came once, and once more by the broker"},
		{"horizon", world.Config{Horizon: 10 * time.Second}, 1, "nothing comes again before", "the first redelivery is due after a minute, which nobody waits for"},
		{"endless policy", world.Config{Rounds: 2, Resources: []fs.FS{fstest.MapFS{"resiliency.yaml": {Data: []byte(endless)}}}},
			3, "Config.Rounds", "the policy retries for ever; the broker never comes to it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := harness.Start(t, test.cfg)
			w.Attach("worker", app{
				topics: map[string]string{"orders": ""},
				answer: func(string, []byte) (int, string) { return http.StatusInternalServerError, "" },
			}.start)
			send(t, w, event("orders", "ord-1"))
			err := w.Settle(t.Context())
			var pending *world.PendingError
			if !errors.As(err, &pending) || !errors.Is(err, world.ErrPending) {
				t.Fatalf("want ErrPending, got %v (%s)", err, test.reason)
			}
			p := pending.Events[0]
			if len(pending.Events) != 1 || p.App != "worker" || p.Topic != "orders" || p.PubSub != "pubsub" || p.Event.ID != "ord-1" ||
				p.Deliveries < test.deliveries || p.Due == 0 || !strings.Contains(pending.After, test.after) {
				t.Errorf("%s: got %+v", test.reason, pending)
			}
			if got := kinds(w, "worker", "orders", "ord-1"); got[len(got)-1] != "pending by redis" {
				t.Errorf("want the journal to end with what Redis says, got %q", got)
			}
		})
	}
}

const endless = `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata:
  name: endless
spec:
  policies:
    retries:
      always: {policy: constant, duration: 100ms}
  targets:
    components:
      pubsub:
        inbound: {retry: always}
`

func TestProtocolChangeReplacesDaprd(t *testing.T) {
	w := harness.Start(t, world.Config{})
	none := true
	w.Attach("worker", func(context.Context, world.Sidecar) (world.Endpoint, error) {
		if none {
			none = false
			return world.None, nil
		}
		return world.HTTP(app{topics: map[string]string{"orders": ""}, answer: succeed}), nil
	})
	if err := w.Restart(t.Context(), "worker"); err != nil {
		t.Fatal(err)
	}
	send(t, w, event("orders", "ord-1"))
	settle(t, w)
	expect(t, kinds(w, "worker", "orders", "ord-1"),
		[]string{"delivered by proxy", "answered by proxy SUCCESS", "acknowledged by redis"}, "the second incarnation is called, the first was not")
}

func TestGRPCApp(t *testing.T) {
	w := harness.Start(t, world.Config{})
	w.Attach("worker", func(context.Context, world.Sidecar) (world.Endpoint, error) {
		listener := world.Listen()
		service := daprgrpc.NewServiceWithListener(listener)
		err := service.AddTopicEventHandler(&common.Subscription{PubsubName: "pubsub", Topic: "orders", DeadLetterTopic: "orders.dead"},
			func(_ context.Context, e *common.TopicEvent) (bool, error) {
				if e.ID == "ord-2" {
					return false, errors.New("refused")
				}
				return false, nil
			})
		if err != nil {
			return world.Endpoint{}, err
		}
		go func() { _ = service.Start() }()
		return world.GRPC(listener), nil
	})
	send(t, w, event("orders", "ord-1"))
	send(t, w, event("orders", "ord-2"))
	settle(t, w)
	expect(t, kinds(w, "worker", "orders", "ord-1"),
		[]string{"delivered by proxy", "answered by proxy SUCCESS", "acknowledged by redis"}, "a handled event")
	expect(t, kinds(w, "worker", "orders", "ord-2"),
		[]string{"delivered by proxy", "answered by proxy DROP", "dead-lettered by redis", "acknowledged by redis"}, "an error without retry is DROP")
}

// An app may subscribe at any time over its own connection to daprd.
func TestStreamingSubscription(t *testing.T) {
	w := harness.Start(t, world.Config{})
	w.Attach("worker", func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) { return world.None, nil })
	s, err := w.Sidecar(t.Context(), "worker")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	stop, err := s.Client().SubscribeWithHandler(t.Context(), client.SubscriptionOptions{PubsubName: "pubsub", Topic: "orders"},
		func(e *common.TopicEvent) common.SubscriptionResponseStatus {
			got <- e.ID
			return common.SubscriptionResponseStatusSuccess
		})
	if err != nil {
		t.Fatal(err)
	}
	send(t, w, event("orders", "ord-1"))
	select {
	case id := <-got:
		if id != "ord-1" {
			t.Errorf("want ord-1, got %s", id)
		}
	case <-t.Context().Done():
	}
	settle(t, w)
	if err := stop(); err != nil {
		t.Error(err)
	}
	all := kinds(w, "worker", "orders", "ord-1")
	if len(all) == 0 || all[len(all)-1] != "acknowledged by redis" {
		t.Errorf("want what Redis knows of it, got %q", all)
	}
}
