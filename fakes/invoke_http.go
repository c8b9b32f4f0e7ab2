package fakes

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"
	"golang.org/x/net/http/httpguts"
	"google.golang.org/grpc/codes"
)

// invokeRoutes has every request that is no other route's, of whatever verb,
// taken for an invocation. It comes before the other routes: what daprd does to
// all requests is done here.
//
// Source: dapr v1.16.0 pkg/api/http/server.go StartNonBlocking, handle.
func (s *sidecar) invokeRoutes(r *chi.Mux) {
	r.Use(routeCleaned, traceResponses, allowOrigins)
	r.Handle("/v1.0/invoke/*", http.HandlerFunc(s.serveInvoke))
	r.NotFound(s.serveUnrouted)
	r.MethodNotAllowed(s.serveUnrouted)
}

// routeCleaned routes by the path without its dots and doubled slashes.
//
// Source: dapr v1.16.0 pkg/api/http/middlewares.go CleanPathMiddleware.
func routeCleaned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chi.RouteContext(r.Context()).RoutePath = path.Clean(r.URL.EscapedPath())
		next.ServeHTTP(w, r)
	})
}

// allowOrigins is daprd's CORS, which allows every origin.
//
// Source: dapr v1.16.0 pkg/api/http/server.go useCors; rs/cors v1.11 cors.go.
func allowOrigins(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		asked := r.Header.Get("Access-Control-Request-Method")
		if r.Method == http.MethodOptions && asked != "" {
			h["Vary"] = []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}
			if r.Header.Get("Origin") != "" {
				h.Set("Access-Control-Allow-Origin", "*")
				h.Set("Access-Control-Allow-Methods", strings.ToUpper(asked))
				if headers := r.Header.Get("Access-Control-Request-Headers"); headers != "" {
					h.Set("Access-Control-Allow-Headers", headers)
				}
			}
			w.WriteHeader(http.StatusOK)
			return
		}
		h.Set("Vary", "Origin")
		if r.Header.Get("Origin") != "" {
			h.Set("Access-Control-Allow-Origin", "*")
		}
		next.ServeHTTP(w, r)
	})
}

// traceResponses answers with the trace context and the baggage that the request
// came with.
//
// Source: dapr v1.16.0 pkg/diagnostics/http_tracing.go HTTPTraceMiddleware.
func traceResponses(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/healthz") {
			next.ServeHTTP(w, r)
			return
		}
		if baggage := r.Header.Values(baggageHeader); len(baggage) > 0 {
			joined, err := joinBaggage(baggage)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			w.Header().Set(baggageHeader, joined)
		}
		next.ServeHTTP(&tracedWriter{ResponseWriter: w, span: spanOfRequest(r.Header)}, r)
	})
}

// joinBaggage is the baggage of a call, or an error where it is none.
//
// Source: go.opentelemetry.io/otel baggage/baggage.go Parse.
func joinBaggage(values []string) (string, error) {
	joined := strings.Join(values, ",")
	for _, member := range strings.Split(joined, ",") {
		pair, _, _ := strings.Cut(member, ";")
		key, _, ok := strings.Cut(pair, "=")
		if !ok {
			return "", fmt.Errorf("invalid baggage header: invalid baggage list-member: %q", pair)
		}
		if key = strings.TrimSpace(key); !httpguts.ValidHeaderFieldName(key) {
			return "", fmt.Errorf("invalid baggage header: invalid key: %q", key)
		}
	}
	return joined, nil
}

// tracedWriter adds the trace context to an answer that has none.
type tracedWriter struct {
	http.ResponseWriter
	span  spanContext
	begun bool
}

func (w *tracedWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	if w.Header().Get(traceparentHeader) == "" {
		w.span.toHTTP(w.Header().Set)
	}
}

func (w *tracedWriter) WriteHeader(code int) {
	w.begin()
	w.ResponseWriter.WriteHeader(code)
}

func (w *tracedWriter) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// ReadFrom keeps net/http's own way to copy, by which it decides on the length
// of an answer.
func (w *tracedWriter) ReadFrom(r io.Reader) (int64, error) {
	w.begin()
	return io.Copy(w.ResponseWriter, r)
}

func (w *tracedWriter) Flush() {
	w.begin()
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap is for http.ResponseController.
func (w *tracedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// buildingBlocks are the first words of daprd's other routes, which are not an
// invocation whatever their headers say.
//
// Source: dapr v1.16.0 pkg/api/http, the routes of APIEndpoints.
var buildingBlocks = []string{"actors", "bindings", "configuration", "conversation", "crypto", "jobs", "lock", "metadata", "publish", "secrets",
	"shutdown", "state", "subtlecrypto", "unlock", "workflows"}

// serveUnrouted takes a request that no route is for.
func (s *sidecar) serveUnrouted(w http.ResponseWriter, r *http.Request) {
	version, rest, _ := strings.Cut(strings.TrimPrefix(path.Clean(r.URL.EscapedPath()), "/"), "/")
	block, rest, _ := strings.Cut(rest, "/")
	if strings.HasPrefix(version, "v1.0") && rest != "" && slices.Contains(buildingBlocks, block) {
		http.Error(w, fmt.Sprintf("%s %s is not simulated by the fake", r.Method, r.URL.Path), http.StatusNotImplemented)
		return
	}
	s.serveInvoke(w, r)
}

// serveInvoke calls a method of an app.
//
// Source: dapr v1.16.0 pkg/api/http/directmessaging.go onDirectMessage.
func (s *sidecar) serveInvoke(w http.ResponseWriter, r *http.Request) {
	leave, ok := s.enter()
	if !ok {
		http.Error(w, "the sidecar is closed", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	app, method := invokedBy(r)
	if app == "" {
		noAppID().write(w)
		return
	}
	if why := s.world.uninvokable(); why != "" {
		http.Error(w, why, http.StatusNotImplemented)
		return
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, maxMessage+1))
	if err != nil {
		return // the caller is gone
	}
	tooLarge := len(data) > maxMessage
	data = data[:min(len(data), maxMessage)]
	call := &invocation{message: true, method: method, extension: true, verb: verbOf(r.Method), query: r.URL.RawQuery, contentType: r.Header.Get("Content-Type"),
		data: data, tooLarge: tooLarge, span: spanOfRequest(r.Header), metadata: metadataOf(r.Header.Clone())}
	separator := ":"
	if isURL(app) {
		separator = "/"
	}
	out, err := run(r.Context(), s.endpointPolicy(app, app+separator+method), func(ctx context.Context) (*invoked, error) {
		out, err := s.call(ctx, app, call)
		switch {
		case err != nil:
			return nil, notInvoked(app, err)
		case out.isHTTP() && !out.streamed && (out.status < 200 || out.status > 399):
			return out, &codeError{out.status, errors.New("received non-successful status code in response: " + strconv.Itoa(out.status))}
		}
		return out, nil
	})
	var coded *codeError
	var direct *invokeError
	switch {
	case err == nil:
		out.write(w, call.span)
	case errors.As(err, &coded) && out != nil:
		out.writeError(w, call.span)
	case errors.As(err, &direct):
		direct.write(w)
	default: // of the policy
		notInvoked(app, err).write(w)
	}
}

// write is the answer as the caller gets it.
func (i *invoked) write(w http.ResponseWriter, span spanContext) {
	if i.streamed { // as it came, but for its status and its other headers
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Connection", "keep-alive")
		_, _ = w.Write(i.data)
		_ = http.NewResponseController(w).Flush()
		return
	}
	code, body := i.status, i.data
	if !i.isHTTP() {
		code = httpOf(codes.Code(i.status)) //nolint:gosec // a gRPC code
		if code != http.StatusOK {
			body, _ = i.json()
		}
	}
	i.headers.toHTTP(span, w.Header().Add)
	if contentType := i.mediaType(); contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	w.WriteHeader(code)
	_, _ = io.Copy(w, struct{ io.Reader }{bytes.NewReader(body)})
}

// writeError is the answer where its status is an error.
func (i *invoked) writeError(w http.ResponseWriter, span spanContext) {
	i.headers.toHTTP(span, w.Header().Add)
	h := w.Header()
	if i.contentType != "" {
		h.Set("Content-Type", i.contentType)
	} else if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	if h.Get("Content-Length") == "" {
		h.Set("Content-Length", strconv.Itoa(len(i.data)))
	}
	w.WriteHeader(i.status)
	_, _ = w.Write(i.data)
}

// invokedBy finds the app id and the method: by the header dapr-app-id, by a
// basic authentication whose user is dapr-app-id, or by the path.
//
// Source: dapr v1.16.0 pkg/api/http/directmessaging.go findTargetIDAndMethod.
func invokedBy(r *http.Request) (app, method string) {
	requested := r.URL.RawPath
	if requested == "" {
		requested = r.URL.Path
	}
	cleaned := strings.TrimPrefix(path.Clean(requested), "/")
	if app := r.Header.Get(appHeader); app != "" {
		r.Header.Del(appHeader)
		return app, cleaned
	}
	if credentials, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Basic "); ok {
		if text, err := base64.StdEncoding.DecodeString(credentials); err == nil {
			if pair := strings.Split(string(text), ":"); len(pair) == 2 && strings.EqualFold(pair[0], appHeader) {
				return pair[1], cleaned
			}
		}
	}
	rest, ok := afterSegments(requested, "v1.0", "invoke")
	if !ok {
		return "", ""
	}
	app, method, ok = strings.Cut(rest, "/method/")
	if !ok || app == "" {
		return "", ""
	}
	if plain, err := url.QueryUnescape(app); err == nil && plain != "" {
		app = plain
	}
	return app, method
}

// afterSegments is what follows the first segments of a path, however many
// slashes are between them.
func afterSegments(path string, segments ...string) (rest string, ok bool) {
	for _, segment := range segments {
		path = strings.TrimLeft(path, "/")
		if path, ok = strings.CutPrefix(path, segment); !ok || !strings.HasPrefix(path, "/") {
			return "", false
		}
	}
	return strings.TrimLeft(path, "/"), true
}
