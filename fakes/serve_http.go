package fakes

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"
)

// httpAPI is Dapr's HTTP API: publish, state, invocation, health, metadata, shutdown.
//
// Source: dapr v1.16.0 pkg/api/http.
func (s *sidecar) httpAPI() http.Handler {
	r := chi.NewRouter()
	s.invokeRoutes(r)
	s.stateRoutes(r)
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		r.MethodFunc(method, "/v1.0/publish/{pubsub}/*", s.servePublish)
		r.MethodFunc(method, "/v1.0-alpha1/publish/bulk/{pubsub}/*", s.serveBulk)
		if s.world.version.stableBulk {
			r.MethodFunc(method, "/v1.0/publish/bulk/{pubsub}/*", s.serveBulk)
		}
	}
	r.Get("/v1.0/healthz", s.serveHealth)
	r.Get("/v1.0/healthz/outbound", s.serveOutboundHealth)
	r.Get("/v1.0/metadata", s.serveMetadata)
	r.Put("/v1.0/metadata/{key}", s.servePutMetadata)
	r.Post("/v1.0/shutdown", s.serveShutdown)
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
		writeError(w, badEvents(pubsub, topic, s.app.id, "DAPR_PUBSUB_UNMARSHAL_EVENTS", "when unmarshaling the request", asDaprds(err)))
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
	if failed, err := s.publishBulk(pubsub, topic, queryMetadata(r), entries, "http", 0); err != nil {
		if err.tag == publishFailed("", "", err).tag {
			writeFailedEntries(w, failed, err)
			return
		}
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// asDaprds names the type of an entry as daprd's error does.
func asDaprds(err error) error {
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		return errors.New(strings.ReplaceAll(err.Error(), "fakes.bulkPublishMessageEntry", "http.bulkPublishMessageEntry"))
	}
	return err
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
// gave up: the entries that failed, with what stopped them.
//
// Source: dapr v1.16.0 pkg/api/http/http.go onBulkPublish.
func writeFailedEntries(w http.ResponseWriter, failed []failedEntry, err *publishError) {
	out := struct {
		FailedEntries []failedEntry `json:"failedEntries"`
		ErrorCode     string        `json:"errorCode"`
	}{failed, err.tag}
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
