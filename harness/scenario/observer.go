package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/eventproof/eventproof/fakes/world"
)

// observer is an app that keeps the bytes of all that comes on some topics.
// Its own consumer group receives the whole history of each topic, so it shows
// more than the scenario: look for ids.
type observer struct {
	id string

	mu       sync.Mutex
	received map[string][][]byte // by topic
}

// observerID is the app id of the first observer in a world.
const observerID = "eventproof-dead-letters"

// observe attaches an observer to topics of a pubsub component.
func observe(ctx context.Context, w *world.World, pubsub string, topics ...string) (*observer, error) {
	o := &observer{id: observerID, received: make(map[string][][]byte)}
	for i := 2; slices.Contains(w.Apps(), o.id); i++ {
		o.id = fmt.Sprintf("%s-%d", observerID, i)
	}
	type subscription struct {
		PubSubName string `json:"pubsubname"`
		Topic      string `json:"topic"`
		Route      string `json:"route"`
	}
	var subscriptions []subscription
	mux := http.NewServeMux()
	for i, topic := range topics {
		route := fmt.Sprintf("/topic-%d", i+1)
		subscriptions = append(subscriptions, subscription{pubsub, topic, route})
		mux.HandleFunc("POST "+route, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			o.mu.Lock()
			o.received[topic] = append(o.received[topic], body)
			o.mu.Unlock()
			w.WriteHeader(http.StatusOK)
		})
	}
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(subscriptions) // to a connection that may be gone
	})
	if err := w.AttachContext(ctx, o.id, func(context.Context, world.Sidecar) (world.Endpoint, error) {
		return world.HTTP(mux), nil
	}); err != nil {
		return nil, fmt.Errorf("attach %s, which reads topics %v of pubsub %s: %w; let it in where scopes or subscriptionScopes keep it out", o.id, topics, pubsub, err)
	}
	return o, nil
}

// bodies are all that came on a topic, in order.
func (o *observer) bodies(topic string) [][]byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.received[topic])
}
