package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes/world"
)

// idKey is the publish metadata by which daprd lets an app set the event's id.
const idKey = "cloudevent.id"

// publication is one event on its way to daprd.
type publication struct {
	pubsub, topic string
	protocol      world.Protocol
	raw           bool
	id            string            // "" where it cannot be known
	metadata      map[string]string // as the app gave it
	data          []byte            // what the app published
	cause         int               // the delivery in whose course the app published; 0: not known
}

// isRaw is daprd's own test: components-contrib v1.16.0 metadata/utils.go
// IsRawPayload. What is not a boolean daprd refuses.
func isRaw(metadata map[string]string) bool {
	raw, err := strconv.ParseBool(metadata["rawPayload"])
	return err == nil && raw
}

// statedID is the id that publish metadata gives to an event. daprd decodes it
// with mapstructure: the exact name first, then any in another case (dapr
// v1.16.0 pkg/runtime/pubsub/cloudevents.go).
func statedID(metadata map[string]string) string {
	if id, ok := metadata[idKey]; ok {
		return id
	}
	for _, name := range slices.Sorted(maps.Keys(metadata)) {
		if strings.EqualFold(name, idKey) {
			return metadata[name]
		}
	}
	return ""
}

// bodyID is the id of an event that the app published as a CloudEvent.
func bodyID(data []byte) string {
	var e struct {
		ID string `json:"id"`
	}
	_ = json.NewDecoder(bytes.NewReader(data)).Decode(&e) // daprd, too, reads the first value only, and refuses what it cannot read
	return e.ID
}

// begin starts the flight of a request's events: from here until the returned
// function is called, [API.Await] waits for them. All of a bulk publish end
// together: a delivery that began in between would be taken for the cause of
// those that are recorded after it.
func (a *API) begin(r request) (end func()) {
	var ends []func()
	for _, p := range r.events {
		if p.id != "" {
			ends = append(ends, a.flights.begin(flight{p.pubsub, p.topic, p.id}))
		}
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// published records an event that daprd took. The app may be gone by now; the
// event is not.
func (a *API) published(ctx context.Context, p *publication) {
	out := world.Publication{App: a.cfg.AppID, PubSub: p.pubsub, Topic: p.topic, Raw: p.raw, Metadata: p.metadata, Protocol: string(p.protocol), Cause: p.cause}
	var err error
	switch {
	case p.raw && p.data != nil:
		out.Envelope = p.data // daprd writes the bytes as they are, without an envelope
	case p.id == "":
		err = fmt.Errorf("it has no id by which to find it")
	case a.cfg.Envelope == nil:
		err = fmt.Errorf("nobody reads the broker")
	default:
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readBackTimeout)
		out.Envelope, err = a.cfg.Envelope(ctx, p.pubsub, p.topic, p.id)
		cancel()
		if err == nil && len(out.Envelope) == 0 {
			err = fmt.Errorf("nothing was found")
		}
	}
	if err != nil {
		// What daprd wrote is not made up: the event is recorded without data.
		out.Envelope, out.Event = nil, contract.Ref{ID: p.id}
		out.Note = "the envelope was not read back from the broker: " + err.Error()
	}
	a.cfg.Recorder.Publish(out)
}

const readBackTimeout = 10 * time.Second

// refused records an event that daprd did not take.
func (a *API) refused(p *publication, answer string) {
	a.cfg.Recorder.PublishFailed(world.Publication{App: a.cfg.AppID, PubSub: p.pubsub, Topic: p.topic, Raw: p.raw, Metadata: p.metadata,
		Protocol: string(p.protocol)}, answer)
}

// flight is an event that is being published.
type flight struct{ pubsub, topic, id string }

// flights are the events that are being published.
type flights struct {
	mu   sync.Mutex
	open map[flight][]chan struct{}
}

// begin starts one; the function that it returns ends it.
func (f *flights) begin(key flight) func() {
	done := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		f.open = make(map[flight][]chan struct{})
	}
	f.open[key] = append(f.open[key], done)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		left := slices.DeleteFunc(slices.Clone(f.open[key]), func(c chan struct{}) bool { return c == done })
		if len(left) == 0 {
			delete(f.open, key)
		} else {
			f.open[key] = left
		}
		close(done)
	}
}

// wait returns when those that are open now have ended.
func (f *flights) wait(ctx context.Context, key flight) {
	f.mu.Lock()
	open := f.open[key]
	f.mu.Unlock()
	for _, done := range open {
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}
