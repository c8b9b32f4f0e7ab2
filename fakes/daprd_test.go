package fakes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// What random scenarios on daprd 1.16.0 and on the fake had found: see
// harness/conformance/differential.

// An answer that comes before the policy's timeout counts, each time: the call's
// own context ends with it, and must not be taken for the timeout.
func TestAnAnswerBeforeTheTimeoutCounts(t *testing.T) {
	files := retries("{policy: constant, duration: 10ms, maxRetries: 1}")
	files["resiliency.yaml"] = strings.Replace(files["resiliency.yaml"], "policies:\n", "policies:\n    timeouts: {short: 400ms}\n", 1)
	files["resiliency.yaml"] = strings.Replace(files["resiliency.yaml"], "retry: again", "retry: again, timeout: short", 1)
	require.Contains(t, files["resiliency.yaml"], "timeout: short")
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(files)})
		app := &inbox{subscriptions: []subscription{on("orders")}}
		w.Attach("worker", app.start)
		for i := range 100 {
			id := fmt.Sprintf("e%d", i)
			send(t, w, event(id, "orders"))
			settle(t, w)
			require.Equal(t, "published delivered answered(SUCCESS) acknowledged", told(w, id))
		}
	})
}

// An override that is empty is one all the same, and what is then missing is
// filled in by the envelope: not with the app's id.
//
// Source: dapr v1.16.0 pkg/runtime/pubsub/cloudevents.go NewCloudEvent;
// components-contrib v1.16.0 pubsub/envelope.go NewCloudEventsEnvelope.
func TestEmptyOverrides(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	s, err := w.Sidecar(t.Context(), "publisher")
	require.NoError(t, err)
	_, err = s.Client().GrpcClient().PublishEvent(t.Context(), &runtime.PublishEventRequest{PubsubName: world.DefaultPubSub, Topic: "orders", DataContentType: "application/json",
		Data: []byte(`{}`), Metadata: map[string]string{"cloudevent.id": "e1", "CloudEvent.Source": "", "cloudevent.type": "", "cloudevent.traceid": ""}})
	require.NoError(t, err)
	data, err := w.Topic(t.Context(), world.DefaultPubSub, "orders")
	require.NoError(t, err)
	require.Len(t, data, 1)
	var e map[string]any
	require.NoError(t, json.Unmarshal(data[0], &e))
	require.Equal(t, "Dapr", e["source"])
	require.Equal(t, "com.dapr.event.sent", e["type"])
	require.Empty(t, e["traceid"])
	require.Empty(t, e["traceparent"])
}

// net/http writes headers without spaces around them, and so daprd's apps get
// publish metadata.
func TestMetadataIsTrimmedOverHTTP(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	app := &inbox{subscriptions: []subscription{on("orders")}}
	got := ""
	app.answer = func(_ http.ResponseWriter, r *http.Request, _ contract.Event) { got = r.Header.Get("key") }
	w.Attach("worker", app.start)
	s, err := w.Sidecar(t.Context(), "publisher")
	require.NoError(t, err)
	_, err = s.Client().GrpcClient().PublishEvent(t.Context(), &runtime.PublishEventRequest{PubsubName: world.DefaultPubSub, Topic: "orders", DataContentType: "application/json",
		Data: []byte(`{}`), Metadata: map[string]string{"key": " value "}})
	require.NoError(t, err)
	settle(t, w)
	require.Equal(t, "value", got)
}

// daprd's errors of decoding name its own type.
//
// Source: dapr v1.16.0 pkg/api/http/http.go bulkPublishMessageEntry.
func TestABulkPublishThatCannotBeDecoded(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	s, err := w.Sidecar(t.Context(), "publisher")
	require.NoError(t, err)
	answer := httptest.NewRecorder()
	s.(interface{ HTTPHandler() http.Handler }).HTTPHandler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPost,
		"/v1.0-alpha1/publish/bulk/pubsub/orders", strings.NewReader(`[{"entryId":"1","contentType":"application/json","event":{"n":1e400}}]`)))
	require.Equal(t, http.StatusBadRequest, answer.Code)
	require.Contains(t, answer.Body.String(), "cannot unmarshal number 1e400 into Go struct field bulkPublishMessageEntry.event of type float64")
	require.Contains(t, answer.Body.String(), `"metadata":{"appID":"publisher"}`)
}

// daprd looks at all entries before it publishes one.
//
// Source: dapr v1.16.0 pkg/api/grpc/grpc.go BulkPublishEventAlpha1.
func TestABulkPublishIsRefusedAsAWhole(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	s, err := w.Sidecar(t.Context(), "publisher")
	require.NoError(t, err)
	_, err = s.Client().GrpcClient().BulkPublishEventAlpha1(t.Context(), &runtime.BulkPublishRequest{PubsubName: world.DefaultPubSub, Topic: "orders", Entries: []*runtime.BulkPublishRequestEntry{
		{EntryId: "1", ContentType: "application/json", Event: []byte(`{}`)}, {EntryId: "2", ContentType: "application/cloudevents+json", Event: []byte(`{"id":`)}}})
	require.ErrorContains(t, err, "cannot create cloudevent")
	data, err := w.Topic(t.Context(), world.DefaultPubSub, "orders")
	require.NoError(t, err)
	require.Empty(t, data)
}

// Of a raw bulk publish, too, an entry has the request's metadata only where it
// has some of its own; and its own rawPayload is only a header.
//
// Source: dapr v1.16.0 pkg/api/grpc/grpc.go BulkPublishEventAlpha1.
func TestMetadataOfARawBulkPublish(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	app := &inbox{subscriptions: []subscription{{PubSub: world.DefaultPubSub, Topic: "orders", Route: "/orders", Metadata: map[string]string{"rawPayload": "true"}}}}
	var got []string
	app.answer = func(_ http.ResponseWriter, r *http.Request, _ contract.Event) {
		got = append(got, r.Header.Get("rawPayload"))
	}
	w.Attach("worker", app.start)
	s, err := w.Sidecar(t.Context(), "publisher")
	require.NoError(t, err)
	_, err = s.Client().GrpcClient().BulkPublishEventAlpha1(t.Context(), &runtime.BulkPublishRequest{PubsubName: world.DefaultPubSub, Topic: "orders", Metadata: map[string]string{"rawPayload": "1"},
		Entries: []*runtime.BulkPublishRequestEntry{{EntryId: "1", Event: []byte("a")}, {EntryId: "2", Event: []byte("b"), Metadata: map[string]string{"key": "value"}},
			{EntryId: "3", Event: []byte("c"), Metadata: map[string]string{"rawPayload": "maybe"}}}})
	require.NoError(t, err)
	settle(t, w)
	require.Equal(t, []string{"", "1", "maybe"}, got)
}

// daprd 1.16 panics at it: the connection breaks over HTTP, as was seen with the
// binary, and over gRPC nothing recovers, so that the process ends.
func TestACloudEventThatIsNullIsRefused(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	s, err := w.Sidecar(t.Context(), "publisher")
	require.NoError(t, err)
	_, err = s.Client().GrpcClient().PublishEvent(t.Context(), &runtime.PublishEventRequest{PubsubName: world.DefaultPubSub, Topic: "orders",
		DataContentType: "application/cloudevents+json", Data: []byte(`null`)})
	require.ErrorContains(t, err, "cannot create cloudevent")
	data, err := w.Topic(t.Context(), world.DefaultPubSub, "orders")
	require.NoError(t, err)
	require.Empty(t, data)
}
