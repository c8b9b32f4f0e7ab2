package fakes_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// inbox is a plain HTTP app: it subscribes as told, keeps the ids it was given
// and answers by path.
type inbox struct {
	subscriptions []subscription
	answer        func(w http.ResponseWriter, r *http.Request, e contract.Event)

	mu  sync.Mutex
	got []string
}

type subscription struct {
	PubSub     string            `json:"pubsubname"`
	Topic      string            `json:"topic"`
	Route      string            `json:"route,omitempty"`
	Routes     map[string]any    `json:"routes,omitempty"`
	DeadLetter string            `json:"deadLetterTopic,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
}

// on is a subscription to a topic of the default pubsub, routed to its name.
func on(topic string) subscription {
	return subscription{PubSub: world.DefaultPubSub, Topic: topic, Route: "/" + topic}
}

func (s subscription) deadLetter(topic string) subscription { s.DeadLetter = topic; return s }

func (a *inbox) start(context.Context, world.Sidecar) (world.Endpoint, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(a.subscriptions)
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		var e contract.Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a.mu.Lock()
		a.got = append(a.got, e.ID)
		a.mu.Unlock()
		if a.answer != nil {
			a.answer(w, r, e)
		}
	})
	return world.HTTP(mux), nil
}

func (a *inbox) ids() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.got)
}

func answer(status int) func(http.ResponseWriter, *http.Request, contract.Event) {
	return func(w http.ResponseWriter, _ *http.Request, _ contract.Event) { w.WriteHeader(status) }
}

func event(id, topic string) contract.Event {
	return contract.Event{ID: id, Topic: topic, Data: []byte(`{"id":"` + id + `"}`)}
}

// resources are Dapr resources in memory: file name -> YAML.
func resources(files map[string]string) []fs.FS {
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return []fs.FS{root}
}

// retries is a resiliency resource with one inbound retry policy on the default pubsub.
func retries(policy string) map[string]string {
	return map[string]string{
		"pubsub.yaml": "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: pubsub}\nspec:\n  type: pubsub.redis\n  version: v1\n  metadata:\n  - {name: redisHost, value: \"localhost:6379\"}\n",
		"resiliency.yaml": "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies:\n    retries:\n      again: " + policy +
			"\n  targets: {components: {pubsub: {inbound: {retry: again}}}}\n",
	}
}

// told is what the journal says of one event, an entry a word.
func told(w *world.World, id string) string {
	var words []string
	for _, e := range w.Journal().Entries() {
		if e.Event.ID != id {
			continue
		}
		word := string(e.Kind)
		if e.Answer != "" {
			word += "(" + e.Answer + ")"
		}
		if e.Kind == journal.DeadLettered {
			word += "(" + e.DeadLetterTopic + ")"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func send(t *testing.T, w *world.World, events ...contract.Event) {
	t.Helper()
	for _, e := range events {
		if err := w.SendFrom(t.Context(), "publisher", e); err != nil {
			t.Fatal(err)
		}
	}
}

func settle(t *testing.T, w *world.World) {
	t.Helper()
	if err := w.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}
