package fakes

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

// httpAPI is Dapr's HTTP API: publish, health, metadata.
//
// Source: dapr v1.16.0 pkg/api/http.
func (s *sidecar) httpAPI() http.Handler {
	r := chi.NewRouter()
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		r.MethodFunc(method, "/v1.0/publish/{pubsub}/*", s.servePublish)
		r.MethodFunc(method, "/v1.0-alpha1/publish/bulk/{pubsub}/*", s.serveBulk)
	}
	empty := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	r.Get("/v1.0/healthz", empty)
	r.Get("/v1.0/healthz/outbound", empty)
	r.Get("/v1.0/metadata", s.serveMetadata)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, fmt.Sprintf("%s %s is not simulated by the fake", r.Method, r.URL.Path), http.StatusNotImplemented)
	})
	return r
}

func (s *sidecar) servePublish(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		writeError(w, publishFailed(chi.URLParam(r, "pubsub"), chi.URLParam(r, "*"), err))
		return
	}
	pubsub, topic := named(r)
	if err := s.world.publish(s.app, publishCall{pubsub: pubsub, topic: topic,
		contentType: r.Header.Get("Content-Type"), data: body, metadata: queryMetadata(r), protocol: "http"}); err != nil {
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *sidecar) serveBulk(w http.ResponseWriter, r *http.Request) {
	// Named as in daprd: errors of decoding tell the name.
	type bulkPublishMessageEntry struct {
		EntryID     string            `json:"entryId"`
		Event       any               `json:"event"`
		ContentType string            `json:"contentType"`
		Metadata    map[string]string `json:"metadata"`
	}
	var in []bulkPublishMessageEntry
	pubsub, topic := named(r)
	if err := s.world.check(s.app, publishCall{pubsub: pubsub, topic: topic, metadata: queryMetadata(r), protocol: "http"}); err != nil {
		writeError(w, err)
		return
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxMessage)).Decode(&in); err != nil {
		writeError(w, badEvents(pubsub, topic, s.app.id, "DAPR_PUBSUB_UNMARSHAL_EVENTS", "when unmarshaling the request", err))
		return
	}
	entries := make([]bulkEntry, len(in))
	seen := make(map[string]bool)
	for i, e := range in {
		data, err := eventBytes(e.Event, e.ContentType)
		if err != nil {
			writeError(w, badEvents(pubsub, topic, s.app.id, "DAPR_PUBSUB_MARSHAL_ENVELOPE", "when marshalling cloud event envelope", err))
			return
		}
		if e.EntryID == "" || seen[e.EntryID] {
			writeError(w, badEvents(pubsub, topic, s.app.id, "DAPR_PUBSUB_MARSHAL_EVENTS", "marshaling events to bytes", errEntryID))
			return
		}
		seen[e.EntryID] = true
		entries[i] = bulkEntry{id: e.EntryID, data: data, contentType: e.ContentType, metadata: e.Metadata}
	}
	if err := s.publishBulk(pubsub, topic, queryMetadata(r), entries, "http", 0); err != nil {
		if err.tag == publishFailed("", "", err).tag {
			writeFailedEntries(w, entries, err)
			return
		}
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// named are the pubsub and the topic of a request's path.
func named(r *http.Request) (pubsub, topic string) {
	unescaped := func(name string) string {
		text := chi.URLParam(r, name)
		if plain, err := url.PathUnescape(text); err == nil {
			return plain
		}
		return text
	}
	return unescaped("pubsub"), unescaped("*")
}

// eventBytes is the payload of a bulk entry by its content type.
//
// Source: dapr v1.16.0 pkg/api/http/util.go ConvertEventToBytes.
func eventBytes(event any, contentType string) ([]byte, error) {
	text, isText := event.(string)
	switch {
	case isContentType(contentType, "application/octet-stream"):
		if isText {
			return base64.StdEncoding.DecodeString(text)
		}
	case strings.HasPrefix(strings.ToLower(contentType), "text/"), isContentType(contentType, "application/xml"):
		if isText {
			return []byte(text), nil
		}
	case isContentType(contentType, "application/json"), isContentType(contentType, "application/cloudevents+json"):
		return json.Marshal(event)
	}
	return nil, fmt.Errorf("error: mismatch between contentType and event")
}

func (s *sidecar) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	type component struct {
		Name         string   `json:"name"`
		Type         string   `json:"type"`
		Version      string   `json:"version"`
		Capabilities []string `json:"capabilities"`
	}
	type rule struct {
		Match string `json:"match,omitempty"`
		Path  string `json:"path,omitempty"`
	}
	type subscription struct {
		PubSub     string `json:"pubsubname"`
		Topic      string `json:"topic"`
		Rules      []rule `json:"rules,omitempty"`
		DeadLetter string `json:"deadLetterTopic"`
		Type       string `json:"type"`
	}
	out := struct {
		ID            string         `json:"id"`
		Version       string         `json:"runtimeVersion"`
		Components    []component    `json:"components"`
		Subscriptions []subscription `json:"subscriptions"`
	}{ID: s.app.id, Version: "1.16.0", Components: []component{}}
	s.world.engine.mu.Lock()
	for _, name := range slices.Sorted(maps.Keys(s.app.components)) {
		c := s.app.components[name]
		out.Components = append(out.Components, component{c.Name, c.Type, c.Version, []string{}})
	}
	for _, sub := range s.app.subscriptions() {
		listed := subscription{PubSub: sub.component, Topic: sub.topic, DeadLetter: sub.deadLetter, Type: strings.ToUpper(sub.kind)}
		for _, r := range sub.rules {
			listed.Rules = append(listed.Rules, rule{r.match, r.path})
		}
		out.Subscriptions = append(out.Subscriptions, listed)
	}
	s.world.engine.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

// queryMetadata is the publish metadata of an HTTP call: metadata.<name>=value.
func queryMetadata(r *http.Request) map[string]string {
	metadata := make(map[string]string)
	for key, values := range r.URL.Query() {
		if name, ok := strings.CutPrefix(key, "metadata."); ok {
			metadata[name] = values[0]
		}
	}
	return metadata
}

// writeFailedEntries is the answer to a bulk call that the outbound policy
// gave up: every entry, with what stopped it.
//
// Source: dapr v1.16.0 pkg/api/http/http.go onBulkPublish.
func writeFailedEntries(w http.ResponseWriter, entries []bulkEntry, err *publishError) {
	type failedEntry struct {
		EntryID string `json:"entryId"`
		Error   string `json:"error"`
	}
	out := struct {
		FailedEntries []failedEntry `json:"failedEntries"`
		ErrorCode     string        `json:"errorCode"`
	}{[]failedEntry{}, err.tag}
	for _, e := range entries {
		out.FailedEntries = append(out.FailedEntries, failedEntry{e.id, err.metadata["error"]})
	}
	body, _ := json.Marshal(out)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(err.status)
	_, _ = w.Write(body)
}

func writeError(w http.ResponseWriter, err *publishError) {
	body, _ := json.Marshal(err.body())
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(err.status)
	_, _ = w.Write(body)
}
