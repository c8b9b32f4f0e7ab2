package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/eventproof/eventproof/fakes/world"
)

// serveHTTP is what the app calls.
func (a *API) serveHTTP(w http.ResponseWriter, r *http.Request) {
	u, err := a.wait(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	pubsub, topic, bulk, ok := publishPath(r)
	if !ok {
		passThrough(w)
		a.reverse(u).ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the app is gone
	}
	in := r.Clone(r.Context())
	var publish request
	if bulk {
		publish = a.readBulkHTTP(in, pubsub, topic, body)
	} else {
		publish = a.readHTTP(in, pubsub, topic, body)
	}
	in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(publish.payload)), int64(len(publish.payload))
	if in.Header.Get("Content-Length") != "" {
		in.Header.Set("Content-Length", fmt.Sprint(len(publish.payload)))
	}
	in.TransferEncoding = nil
	defer a.begin(publish)() // also where the answer breaks: abort unwinds
	onward := a.reverse(u)
	onward.ModifyResponse = func(resp *http.Response) error {
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			return err // reported by the error handler
		}
		_ = resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(answer))
		a.concludeHTTP(r.Context(), publish, resp.StatusCode, answer)
		return nil
	}
	onward.ErrorHandler = func(http.ResponseWriter, *http.Request, error) {
		for _, p := range publish.events {
			a.refused(p, "no answer")
		}
		abort()
	}
	passThrough(w)
	onward.ServeHTTP(w, in)
}

// reverse passes requests to daprd; a daprd that breaks the connection breaks
// the app's.
func (a *API) reverse(u *upstream) *httputil.ReverseProxy {
	return reverse(u.transport, u.httpAddr, func(http.ResponseWriter, *http.Request, error) { abort() })
}

// publishPath reads POST|PUT /v1.0/publish/{pubsub}/{topic…} and
// /v1.0-alpha1/publish/bulk/{pubsub}/{topic…}, in later versions /v1.0 too:
// dapr v1.16.0 pkg/api/http/http.go constructPubSubEndpoints.
func publishPath(r *http.Request) (pubsub, topic string, bulk, ok bool) {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return "", "", false, false
	}
	path := r.URL.EscapedPath()
	var rest string
	for _, prefix := range []string{"/v1.0-alpha1/publish/bulk/", "/v1.0/publish/bulk/", "/v1.0/publish/"} {
		if rest, ok = strings.CutPrefix(path, prefix); ok {
			bulk = strings.HasSuffix(prefix, "bulk/")
			break
		}
	}
	if !ok {
		return "", "", false, false
	}
	pubsub, topic, _ = strings.Cut(rest, "/")
	if pubsub == "" || topic == "" {
		return "", "", false, false // daprd has no such route
	}
	if name, err := url.PathUnescape(pubsub); err == nil {
		pubsub = name
	}
	if name, err := url.PathUnescape(topic); err == nil {
		topic = name
	}
	return pubsub, topic, bulk, true
}

// queryMetadata is publish metadata: dapr v1.16.0 pkg/api/http/http.go
// getMetadataFromRequest.
func queryMetadata(r *http.Request) map[string]string {
	var metadata map[string]string
	for key, values := range r.URL.Query() {
		if name, ok := strings.CutPrefix(key, "metadata."); ok {
			if metadata == nil {
				metadata = map[string]string{}
			}
			metadata[name] = values[0]
		}
	}
	return metadata
}

// readHTTP reads a publish and gives the event an id, in in's query, if daprd
// would draw one.
func (a *API) readHTTP(in *http.Request, pubsub, topic string, body []byte) request {
	p := &publication{pubsub: pubsub, topic: topic, protocol: world.ProtocolHTTP, metadata: queryMetadata(in), data: body}
	p.raw = isRaw(p.metadata)
	r := request{payload: body, events: []*publication{p}}
	switch {
	case p.raw:
	case isCloudEvent(in.Header.Get("Content-Type")):
		p.id = bodyID(body)
	case statedID(p.metadata) != "":
		p.id = statedID(p.metadata)
	default:
		p.id = a.cfg.NewID()
		added := "metadata." + idKey + "=" + url.QueryEscape(p.id)
		switch {
		case in.URL.RawQuery == "":
			in.URL.RawQuery = added
		case hasKey(p.metadata, idKey):
			// An empty id is one that daprd replaces; of two values it takes the first.
			in.URL.RawQuery = added + "&" + in.URL.RawQuery
		default:
			in.URL.RawQuery += "&" + added
		}
	}
	return r
}

func hasKey(m map[string]string, key string) bool { _, ok := m[key]; return ok }

// readBulkHTTP reads a bulk publish and gives its entries ids as [API.readHTTP]
// does.
func (a *API) readBulkHTTP(in *http.Request, pubsub, topic string, body []byte) request {
	r := request{payload: body, entries: []string{}}
	var entries []map[string]json.RawMessage
	if json.Unmarshal(body, &entries) != nil {
		return request{payload: body} // daprd refuses it
	}
	query := queryMetadata(in)
	changed := false
	for _, entry := range entries {
		var id, contentType string
		var metadata map[string]string
		_ = json.Unmarshal(entry["entryId"], &id)
		_ = json.Unmarshal(entry["contentType"], &contentType)
		_ = json.Unmarshal(entry["metadata"], &metadata)
		p := &publication{pubsub: pubsub, topic: topic, protocol: world.ProtocolHTTP, raw: isRaw(query), metadata: effective(query, metadata), data: entry["event"]}
		if p.raw {
			p.data = nil // daprd makes bytes of the JSON value, by its content type
		}
		r.events, r.entries = append(r.events, p), append(r.entries, id)
		var draw string
		if p.id, draw = a.entryID(p, query, metadata != nil, isCloudEvent(contentType)); draw != "" {
			if metadata == nil {
				metadata = map[string]string{}
			}
			metadata[idKey] = draw
			entry["metadata"], _ = json.Marshal(metadata) // a map of strings does not fail
			changed = true
		}
	}
	if changed {
		if payload, err := json.Marshal(entries); err == nil {
			r.payload = payload
		}
	}
	return r
}

// concludeHTTP records what came of a publish.
func (a *API) concludeHTTP(ctx context.Context, r request, code int, body []byte) {
	// A bulk publish of which some entries failed is answered with 500 and
	// their ids; the others were published.
	var partial struct {
		FailedEntries []struct {
			EntryID string `json:"entryId"`
		} `json:"failedEntries"`
	}
	failed := map[string]bool{}
	if r.entries != nil && code >= 300 && json.Unmarshal(body, &partial) == nil {
		for _, entry := range partial.FailedEntries {
			failed[entry.EntryID] = true
		}
	}
	for i, p := range r.events {
		switch {
		case code >= 200 && code < 300:
			a.published(ctx, p)
		case len(failed) > 0 && !failed[r.entries[i]]:
			a.published(ctx, p)
		default:
			a.refused(p, fmt.Sprintf("HTTP %d", code))
		}
	}
}
