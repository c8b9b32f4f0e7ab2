package harness_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/dapr/go-sdk/client"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
)

// component is a Redis component as a team writes it.
func component(name, metadata string) string {
	return "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: " + name + "}\nspec:\n  type: pubsub.redis\n  version: v1\n  metadata: [" + metadata + "]\n"
}

func files(texts ...string) []fs.FS {
	dir := fstest.MapFS{}
	for i, text := range texts {
		dir[fmt.Sprintf("%d.yaml", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	return []fs.FS{dir}
}

// on subscribes to one topic of one component.
func on(pubsub, topic, deadLetter string, handle http.HandlerFunc) world.StartFunc {
	return func(context.Context, world.Sidecar) (world.Endpoint, error) {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode([]map[string]string{{"pubsubname": pubsub, "topic": topic, "route": "/on", "deadLetterTopic": deadLetter}})
		})
		mux.HandleFunc("POST /on", handle)
		return world.HTTP(mux), nil
	}
}

func handled(http.ResponseWriter, *http.Request) {}

func TestAPublisherWithADeclarativeSubscriptionIsNotWaitedFor(t *testing.T) {
	const subscription = "apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: orders}\nspec: {pubsubname: pubsub, topic: orders, routes: {default: /on}}\nscopes: [publisher, " + world.Tester + "]\n"
	w := harness.Start(t, world.Config{Resources: files(subscription)})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := w.AttachContext(ctx, "publisher", func(context.Context, world.Sidecar) (world.Endpoint, error) { return world.None, nil }); err != nil {
		t.Fatal(err)
	}
	send(t, w, event("orders", "ord-1")) // as the implicit publisher
	settle(t, w)
	for _, e := range w.Journal().Entries() {
		if e.Kind == journal.Subscribed {
			t.Errorf("%s has no app channel, so daprd started no subscription; the journal has one", e.App)
		}
	}
}

func TestStartInABubbleFails(t *testing.T) {
	r := &recorded{TB: t}
	synctest.Test(t, func(*testing.T) {
		r.run(func() { harness.Start(r, world.Config{}) })
	})
	if want := "harness.Start needs real time; call it outside synctest.Test"; r.failed != want {
		t.Errorf("want %q, got %q", want, r.failed)
	}
}

func TestAPanicOfTheAppIsLogged(t *testing.T) {
	harness.Start(t, world.Config{}) // skips where there is no engine
	r := &recorded{TB: t}
	r.run(func() {
		w := harness.Start(r, world.Config{})
		w.Attach("worker", on("pubsub", "orders", "orders.dead", func(http.ResponseWriter, *http.Request) { panic("boom") }))
		send(t, w, event("orders", "ord-1"))
		settle(t, w)
	})
	got := r.logged.String()
	if !strings.Contains(got, "worker: its handler panicked: boom\n") || !strings.Contains(got, "reported_test.go:") {
		t.Errorf("want the panic and where it was, got:\n%s", got)
	}
	if n := strings.Count(got, "\n"); n > 16 {
		t.Errorf("want at most 16 lines, got %d:\n%s", n, got)
	}
}

// daprd 1.16 panics at a trace id that is no text: dapr
// pkg/runtime/subscription/postman/http/http.go Deliver.
func TestSettleTellsThatDaprdHasEnded(t *testing.T) {
	w := harness.Start(t, world.Config{Horizon: 5 * time.Minute})
	w.Attach("worker", on("pubsub", "orders", "", handled))
	s, err := w.Sidecar(t.Context(), "publisher")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Client().PublishEvent(t.Context(), "pubsub", "orders",
		[]byte(`{"id":"x","source":"s","type":"t","specversion":"1.0","traceid":5,"traceparent":5,"data":1}`),
		client.PublishEventWithContentType("application/cloudevents+json")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = w.Settle(ctx)
	if err == nil || !strings.Contains(err.Error(), "daprd of worker has ended") || !strings.Contains(err.Error(), "panic") {
		t.Errorf("want an error that says that daprd of worker has ended, with its log, got %v", err)
	}
}

func TestComponentsHaveDatabasesOfTheirOwn(t *testing.T) {
	one, two := `{name: redisHost, value: "a:6379"}`, `{name: redisHost, value: "b:6379"}`
	w := harness.Start(t, world.Config{Resources: files(component("one", one), component("two", two), component("same", one))})
	for _, pubsub := range []string{"one", "two", "same"} {
		w.Attach("on-"+pubsub, on(pubsub, "orders", "", handled))
	}
	e := event("orders", "ord-1")
	e.PubSub = "one"
	send(t, w, e)
	settle(t, w)
	expect(t, kinds(w, "on-one", "orders", "ord-1"), []string{"delivered by proxy", "answered by proxy SUCCESS", "acknowledged by redis"}, "it was published there")
	expect(t, kinds(w, "on-same", "orders", "ord-1"), []string{"delivered by proxy", "answered by proxy SUCCESS", "acknowledged by redis"}, "the team's YAML says that it is the same broker")
	expect(t, kinds(w, "on-two", "orders", "ord-1"), nil, "another broker's topic")
	for pubsub, want := range map[string]int{"one": 1, "two": 0, "same": 1} {
		if held, err := w.Topic(t.Context(), pubsub, "orders"); err != nil || len(held) != want {
			t.Errorf("want %d events on the topic of %s, got %d, %v", want, pubsub, len(held), err)
		}
	}
	if listed := strings.Join(w.Journal().Head().Substitutions, "\n"); !strings.Contains(listed, "two: redisDB") {
		t.Errorf("want the database among the substitutions, got\n%s", listed)
	}
}

func TestMoreComponentsThanDatabases(t *testing.T) {
	var all []string
	for i := range 17 {
		all = append(all, component(fmt.Sprint("bus-", i), fmt.Sprintf(`{name: redisHost, value: "h%d:6379"}`, i)))
	}
	_, err := harness.New(t.Context(), world.Config{Resources: files(all...)})
	if err == nil || !strings.Contains(err.Error(), "17 pubsub components") || !strings.Contains(err.Error(), "a Redis has 16") {
		t.Errorf("want an error that says that there are 16 databases, got %v", err)
	}
}

func TestAppsOfOneConsumerGroupShareItsEvents(t *testing.T) {
	w := harness.Start(t, world.Config{Resources: files(component("pubsub", `{name: redisHost, value: "a:6379"}, {name: consumerID, value: workers}`))})
	for _, app := range []string{"one", "two"} {
		w.Attach(app, on("pubsub", "orders", "", handled))
	}
	const events = 6
	for i := range events {
		send(t, w, event("orders", fmt.Sprint("ord-", i)))
	}
	settle(t, w)
	acknowledged := 0
	for _, app := range []string{"one", "two"} {
		for i := range events {
			got := kinds(w, app, "orders", fmt.Sprint("ord-", i))
			if slices.Contains(got, "acknowledged by redis") {
				acknowledged++
				if got[0] != "delivered by proxy" {
					t.Errorf("ord-%d never came to %s, and is acknowledged for it: %q", i, app, got)
				}
			}
		}
	}
	if acknowledged != events {
		t.Errorf("want %d acknowledgements, one for each event, got %d", events, acknowledged)
	}
}

func TestAnOwnPublishOnTheDeadLetterTopicIsNoDeadLetter(t *testing.T) {
	w := harness.Start(t, world.Config{})
	w.Attach("worker", app{topics: map[string]string{"orders": "orders.dead", "orders.dead": ""}, answer: func(topic string, body []byte) (int, string) {
		if topic == "orders" && strings.Contains(string(body), "poison") {
			return http.StatusInternalServerError, ""
		}
		return http.StatusOK, ""
	}}.start)
	send(t, w, event("orders", "ord-1"))
	send(t, w, event("orders.dead", "ord-1"))
	poison := event("orders", "ord-2")
	poison.Data = json.RawMessage(`"poison"`)
	send(t, w, event("orders.dead", "ord-2"))
	send(t, w, poison)
	settle(t, w)
	expect(t, kinds(w, "worker", "orders", "ord-1"),
		[]string{"delivered by proxy", "answered by proxy SUCCESS", "acknowledged by redis"}, "an app published its namesake on the dead letter topic")
	expect(t, kinds(w, "worker", "orders", "ord-2"),
		[]string{"delivered by proxy", "answered by proxy HTTP 500", "dead-lettered by redis", "acknowledged by redis"}, "daprd did, beside the app's namesake")
	entries := w.Journal().Entries()
	var causes []string
	for _, e := range entries {
		if e.Kind == journal.Acknowledged {
			cause := "none"
			if e.Cause > 0 {
				c := entries[e.Cause-1]
				cause = fmt.Sprintf("%s %s on %s", c.Kind, c.Event.ID, c.Topic)
			}
			causes = append(causes, fmt.Sprintf("%s on %s: %s", e.Event.ID, e.Topic, cause))
		}
	}
	slices.Sort(causes)
	expect(t, causes, []string{
		"ord-1 on orders.dead: published ord-1 on orders.dead",
		"ord-1 on orders: published ord-1 on orders",
		"ord-2 on orders.dead: dead-lettered ord-2 on orders",
		"ord-2 on orders.dead: published ord-2 on orders.dead",
		"ord-2 on orders: published ord-2 on orders",
	}, "each by what put it on its topic")
}

// Two publishes of one id on one topic: nobody can say which is acknowledged.
func TestAnAmbiguousCauseIsNone(t *testing.T) {
	w := harness.Start(t, world.Config{})
	w.Attach("worker", on("pubsub", "orders", "", handled))
	send(t, w, event("orders", "ord-1"))
	send(t, w, event("orders", "ord-1"))
	send(t, w, event("other", "ord-1"))
	send(t, w, event("orders", "ord-2"))
	settle(t, w)
	send(t, w, event("orders", "ord-3"))
	settle(t, w)
	acknowledged := map[string][]bool{}
	for _, e := range w.Journal().Entries() {
		if e.Kind == journal.Acknowledged {
			acknowledged[e.Event.ID] = append(acknowledged[e.Event.ID], e.Cause > 0)
		}
	}
	for id, want := range map[string][]bool{"ord-1": {false, false}, "ord-2": {true}, "ord-3": {true}} {
		if got := acknowledged[id]; !slices.Equal(got, want) {
			t.Errorf("%s: want acknowledgements with a cause %v, got %v", id, want, got)
		}
	}
}

// What a failed test is shown of its world depends on whether it says why.
func TestAFailureShowsTheLogsOnlyWhereTheyHelp(t *testing.T) {
	harness.Start(t, world.Config{}) // skips where there is no engine
	tests := []struct {
		name   string
		answer int
		fail   bool
		shown  bool
		reason string
	}{
		{"assertion", http.StatusOK, true, false, "all events arrived and the world did its work"},
		{"pending", http.StatusInternalServerError, true, true, "why it stays pending may be in daprd's log"},
		{"passed", http.StatusInternalServerError, false, false, "nothing of a test that passes is kept"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			r := &recorded{TB: t}
			r.run(func() {
				w := harness.Start(r, world.Config{Horizon: 5 * time.Second})
				w.Attach("worker", on("pubsub", "orders", "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(test.answer) }))
				send(t, w, contract.Event{ID: "ord-1", Topic: "orders", Data: json.RawMessage(`{}`)})
				_ = w.Settle(t.Context())
				if test.fail {
					r.Errorf("on purpose")
				}
			})
			got := r.logged.String()
			if shown := strings.Contains(got, "daprd of worker (whole: "); shown != test.shown {
				t.Errorf("want the logs shown: %t (%s), got:\n%s", test.shown, test.reason, got)
			}
			if !test.shown && test.fail && (strings.Count(got, "\n") != 1 || !strings.Contains(got, os.TempDir())) {
				t.Errorf("want one line with the path, got:\n%s", got)
			}
			kept, err := filepath.Glob(filepath.Join(os.TempDir(), "eventproof-*", "journal.jsonl"))
			if err != nil || len(kept) > 0 != test.fail {
				t.Errorf("want a folder kept: %t, got %v, %v", test.fail, kept, err)
			}
		})
	}
}
