package fakes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"
	"google.golang.org/grpc"
)

// metrics are the counters of a sidecar's /metrics, by daprd's names: the errors
// that its APIs answered, what was published and what was delivered. daprd has many
// more, about its own inside.
//
// Sources: dapr v1.16.0 pkg/diagnostics/{errorcode_monitoring,component_monitoring}.go.
type metrics struct {
	app    string
	errors bool // count error codes

	mu     sync.Mutex
	counts map[string]int // by the name and labels of a sample
}

func newMetrics(app string, errorCodes bool) *metrics {
	return &metrics{app: app, errors: errorCodes, counts: make(map[string]int)}
}

// counters are those of the app's sidecar; nil in a world, where nobody reads them.
func (a *app) counters() *metrics {
	if a.process == nil {
		return nil
	}
	return a.process.metrics
}

// count adds one to a sample. Labels come in pairs, in the order of their names.
func (m *metrics) count(name string, labels ...string) {
	if m == nil {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s{app_id=%q", name, m.app)
	for i := 0; i < len(labels); i += 2 {
		fmt.Fprintf(&b, ",%s=%q", labels[i], labels[i+1])
	}
	b.WriteString("}")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[b.String()]++
}

// egress counts an event that was published, ingress one that was delivered.
func (m *metrics) egress(component, topic string, success bool) {
	m.count("dapr_component_pubsub_egress_count", "component", component, "namespace", "", "success", fmt.Sprint(success), "topic", topic)
}

func (m *metrics) ingress(component, topic, process, status string) {
	m.count("dapr_component_pubsub_ingress_count", "component", component, "namespace", "", "process_status", process, "status", status, "topic", topic)
}

// bulkEgress counts a bulk publish.
func (m *metrics) bulkEgress(component, topic string, success bool) {
	m.count("dapr_component_pubsub_egress_bulk_count", "component", component, "namespace", "", "success", fmt.Sprint(success), "topic", topic)
}

// failed counts an error of an API.
func (m *metrics) failed(code, category string) {
	if m == nil || !m.errors || code == "" || category == "" {
		return
	}
	m.count("dapr_error_code_total", "category", category, "error_code", code)
}

// ServeHTTP is /metrics, in Prometheus' text format.
func (m *metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	family := ""
	for _, sample := range slices.Sorted(maps.Keys(m.counts)) {
		name, _, _ := strings.Cut(sample, "{")
		if name != family {
			family = name
			_, _ = fmt.Fprintf(w, "# TYPE %s counter\n", name)
		}
		_, _ = fmt.Fprintf(w, "%s %d\n", sample, m.counts[sample])
	}
}

// categoryOf is the category of an error code. ERR_MALFORMED_REQUEST is of the
// state API where the error has details, else common to all.
//
// Source: dapr v1.16.0 pkg/messages/errorcodes/errorcodes.go.
func categoryOf(code string, detailed bool) string {
	switch {
	case code == "ERR_MALFORMED_REQUEST" && detailed, strings.Contains(code, "STATE"):
		return "state"
	case strings.HasPrefix(code, "ERR_PUBSUB_"), code == "ERR_TOPIC_NAME_EMPTY", code == "ERR_PUBLISH_OUTBOX":
		return "pubsub"
	case code == "ERR_DIRECT_INVOKE":
		return "service-invocation"
	case strings.Contains(code, "_HEALTH_"):
		return "health"
	default:
		return "common"
	}
}

// coded is an error that has a code of daprd's.
type coded interface {
	error
	errorCode() (code string, detailed bool)
}

func (m *metrics) unary(ctx context.Context, in any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	out, err := handle(ctx, in)
	var known coded
	if errors.As(err, &known) {
		code, detailed := known.errorCode()
		m.failed(code, categoryOf(code, detailed))
	}
	return out, err
}

// counting counts the errors that the HTTP API answers. What an app answered to an
// invocation is not the API's.
func (m *metrics) counting(api http.Handler) http.Handler {
	if m == nil || !m.errors {
		return api
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1.0/invoke/") || r.Header.Get("dapr-app-id") != "" {
			api.ServeHTTP(w, r)
			return
		}
		seen := &errorBody{ResponseWriter: w}
		api.ServeHTTP(seen, r)
		var body struct {
			Code    string            `json:"errorCode"`
			Details []json.RawMessage `json:"details"`
		}
		if json.Unmarshal(seen.body.Bytes(), &body) == nil {
			m.failed(body.Code, categoryOf(body.Code, len(body.Details) > 0))
		}
	})
}

// errorBody keeps the body of an answer that is an error.
type errorBody struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *errorBody) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *errorBody) Write(b []byte) (int, error) {
	if w.status >= http.StatusBadRequest {
		w.body.Write(b)
	}
	return w.ResponseWriter.Write(b)
}

// publicAPI is health and metadata alone, as on daprd's public port.
func (s *sidecar) publicAPI() http.Handler {
	r := chi.NewRouter()
	r.Get("/v1.0/healthz", s.serveHealth)
	r.Get("/v1.0/healthz/outbound", s.serveOutboundHealth)
	r.Get("/v1.0/metadata", s.serveMetadata)
	return r
}
