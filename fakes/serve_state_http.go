package fakes

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"google.golang.org/grpc/codes"

	"github.com/eventproof/eventproof/fakes/state"
)

// stateRoutes are Dapr's HTTP API of state stores.
//
// Source: dapr v1.16.0 pkg/api/http/http.go constructStateEndpoints.
func (s *sidecar) stateRoutes(r chi.Router) {
	store := func(serve func(http.ResponseWriter, *http.Request, *stateStore)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := unescapeParameters(r); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			store, refused := s.app.stateStore(chi.URLParam(r, "store"), s.app.id)
			if refused != nil {
				refused.write(w)
				return
			}
			r.Body = &limitedBody{ReadCloser: r.Body, left: maxMessage}
			serve(w, r, store)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		r.MethodFunc(method, "/v1.0/state/{store}", store(s.serveSaveState))
		r.MethodFunc(method, "/v1.0/state/{store}/bulk", store(s.serveBulkState))
		r.MethodFunc(method, "/v1.0/state/{store}/transaction", store(s.serveStateTransaction))
		r.MethodFunc(method, "/v1.0-alpha1/state/{store}/query", s.serveQueryState)
	}
	r.Get("/v1.0/state/{store}/{key}", store(s.serveGetState))
	r.Delete("/v1.0/state/{store}/{key}", store(s.serveDeleteState))
}

// unescapeParameters reads the parameters of a route as daprd does: as those of
// a query, where + is a space.
//
// Source: dapr v1.16.0 pkg/api/http/server.go.
func unescapeParameters(r *http.Request) (err error) {
	params := &chi.RouteContext(r.Context()).URLParams
	for i, key := range params.Keys {
		if params.Values[i], err = url.QueryUnescape(params.Values[i]); err != nil {
			return fmt.Errorf("failed to unescape request parameter %q. Error: %w", key, err)
		}
	}
	return nil
}

// limitedBody ends a body that is too long in daprd's words.
//
// Source: kit v0.16.1 streams/limitreadcloser.go.
type limitedBody struct {
	io.ReadCloser
	left int
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return n - 1, errTooLarge
	}
	return n, err
}

func noContent(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }

func (s *sidecar) serveGetState(w http.ResponseWriter, r *http.Request, store *stateStore) {
	key, err := store.key(s.app.id, chi.URLParam(r, "key"))
	if err != nil {
		illegalKey(store.component.Name, chi.URLParam(r, "key"), err, "http").write(w)
		return
	}
	value, err := s.getState(r.Context(), store, key)
	if err != nil {
		getFailed(store.component.Name, chi.URLParam(r, "key"), err).write(w)
		return
	}
	if value.Data == nil {
		noContent(w)
		return
	}
	w.Header().Set("Content-Type", "application/json") // whatever it is
	w.Header().Set("ETag", value.ETag)
	for name, text := range stateMetadata(value) {
		w.Header().Set("metadata."+name, text)
	}
	_, _ = w.Write(value.Data)
}

// stateMetadata is what daprd says of a value besides its ETag.
func stateMetadata(value state.Value) map[string]string {
	if value.Expires.IsZero() {
		return nil
	}
	return map[string]string{"ttlExpireTime": value.Expires.UTC().Format(time.RFC3339)}
}

func (s *sidecar) serveDeleteState(w http.ResponseWriter, r *http.Request, store *stateStore) {
	key, err := store.key(s.app.id, chi.URLParam(r, "key"))
	if err != nil {
		illegalKey(store.component.Name, chi.URLParam(r, "key"), err, "http").write(w)
		return
	}
	query := r.URL.Query()
	request := state.DeleteRequest{Key: key, Options: state.SetStateOption{Concurrency: query.Get("concurrency"), Consistency: query.Get("consistency")}}
	if _, ok := r.Header["If-Match"]; ok {
		etag := r.Header.Get("If-Match")
		request.ETag = &etag
	}
	if err := s.underPolicy(r.Context(), store, never, func() error { return store.store.Delete(request) }); err != nil {
		deleteFailed(chi.URLParam(r, "key"), err, "http").write(w)
		return
	}
	noContent(w)
}

func (s *sidecar) serveSaveState(w http.ResponseWriter, r *http.Request, store *stateStore) {
	requests := []state.SetRequest{}
	if err := json.NewDecoder(r.Body).Decode(&requests); err != nil {
		malformed(err.Error()).write(w)
		return
	}
	metadata := queryMetadata(r)
	for i := range requests {
		request := &requests[i]
		if request.Key == "" {
			malformed(`"key" is a required field`).write(w)
			return
		}
		request.Metadata = withMetadata(request.Metadata, metadata)
		key, err := store.key(s.app.id, request.Key)
		if err != nil {
			illegalKey(store.component.Name, request.Key, err, "http").write(w)
			return
		}
		request.Key, request.Value = key, store.sealed(request.Value)
	}
	if len(requests) == 0 {
		noContent(w)
		return
	}
	if err := inBulk(r.Context(), s, store, requests, store.store.SetAll); err != nil {
		saveFailed(store.component.Name, err, "http").write(w)
		return
	}
	noContent(w)
}

// withMetadata is a request's metadata with that of the query, which wins.
func withMetadata(of, query map[string]string) map[string]string {
	if of == nil {
		return query
	}
	for name, text := range query {
		of[name] = text
	}
	return of
}

// bulkGetRequest is the body of a bulk get. Its metadata makes no difference to
// a store in memory, nor does parallelism.
type bulkGetRequest struct {
	Metadata    map[string]string `json:"metadata"`
	Keys        []string          `json:"keys"`
	Parallelism int               `json:"parallelism"`
}

func (s *sidecar) serveBulkState(w http.ResponseWriter, r *http.Request, store *stateStore) {
	type item struct {
		Key      string            `json:"key"`
		Data     json.RawMessage   `json:"data,omitempty"`
		ETag     string            `json:"etag,omitempty"`
		Metadata map[string]string `json:"metadata,omitempty"`
	}
	var in bulkGetRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		malformed("failed deserializing HTTP body: " + daprTypes.Replace(err.Error())).write(w)
		return
	}
	keys := make([]string, len(in.Keys))
	for i, key := range in.Keys {
		var err error
		if keys[i], err = store.key(s.app.id, key); err != nil {
			illegalKey(store.component.Name, key, err, "http").write(w)
			return
		}
	}
	values, err := s.getStates(r.Context(), store, keys)
	if err != nil {
		bareError(codes.Internal, http.StatusInternalServerError, "ERR_STATE_BULK_GET", err.Error()).write(w)
		return
	}
	out := make([]item, len(keys))
	for i, value := range values {
		out[i] = item{appKey(keys[i]), value.Data, value.ETag, stateMetadata(value)}
	}
	w.Header().Set("Content-Type", "application/json")
	// A value that is no JSON, saved over gRPC, leaves nothing of the answer, as in daprd.
	_ = json.NewEncoder(w).Encode(out)
}

// daprTypes are the names of daprd's types in errors of malformed JSON.
var daprTypes = strings.NewReplacer("fakes.bulkGetRequest", "http.BulkGetRequest", "bulkGetRequest", "BulkGetRequest",
	"fakes.stateTransaction", "http.stateTransaction")

// serveQueryState reads the whole body before it looks for the store.
func (s *sidecar) serveQueryState(w http.ResponseWriter, r *http.Request) {
	if err := unescapeParameters(r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if _, err := io.Copy(io.Discard, &limitedBody{ReadCloser: r.Body, left: maxMessage}); err != nil {
		e := malformed("failed to read request body: " + err.Error())
		e.tag = "ERR_BODY_READ"
		e.write(w)
		return
	}
	s.app.queryState(chi.URLParam(r, "store")).write(w)
}

// queryState is daprd's answer to a query of a store in memory: none can.
//
// Source: dapr v1.16.0 pkg/api/universal/state_query.go.
func (a *app) queryState(store string) *stateError {
	if _, err := a.stateStore(store, ""); err != nil {
		return err
	}
	return queryUnsupported(store)
}
