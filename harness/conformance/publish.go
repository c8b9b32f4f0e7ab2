package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing/fstest"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/eventproof/eventproof/fakes/world"
)

// PublishCase is one publish call: what the sidecar answers to it, and what an
// HTTP and a gRPC app then get.
type PublishCase struct {
	Name        string // unique; the id of the event, and its topic where Topic is empty
	Explanation string
	Topic       string
	Component   string // default Plain
	ContentType string
	Data        string
	Metadata    map[string]string
}

// Publishes are calls of every kind of content that daprd tells apart, and
// calls that it refuses.
func Publishes() []PublishCase {
	return []PublishCase{
		{Name: "json", ContentType: "application/json", Data: `{"b":1,"a":{"d":[1,2.50,1e2],"c":"<&>"}}`, Explanation: "keys are sorted at every level, <, > and & escaped, number texts kept"},
		{Name: "json-charset", ContentType: "application/json; charset=utf-8", Data: `{"a":1}`, Explanation: "the content type is kept as it was written"},
		{Name: "json-upper", ContentType: "Application/JSON", Data: `{"a":1}`, Explanation: "content types are compared without case"},
		{Name: "json-duplicate-key", ContentType: "application/json", Data: `{"a":1,"a":2}`, Explanation: "of duplicate keys the last stands"},
		{Name: "json-large-number", ContentType: "application/json", Data: `{"n":12345678901234567890}`, Explanation: "over HTTP the number is kept, over gRPC it loses precision"},
		{Name: "json-scalar", ContentType: "application/json", Data: `"text"`, Explanation: "data may be any JSON value"},
		{Name: "json-null", ContentType: "application/json", Data: `null`, Explanation: "data is null; a gRPC app gets none"},
		{Name: "json-invalid", ContentType: "application/json", Data: `not json`, Explanation: "data that is not JSON goes out as a string, without an error"},
		{Name: "json-empty", ContentType: "application/json", Data: ``, Explanation: "no data is an empty string"},
		{Name: "json-trailing", ContentType: "application/json", Data: `{"a":1} and more`, Explanation: "what follows the first JSON value is lost"},
		{Name: "text", ContentType: "text/plain", Data: "hello", Explanation: "text is a string"},
		{Name: "no-content-type", Data: `{"a":1}`, Explanation: "no content type is text/plain"},
		{Name: "xml", ContentType: "application/xml", Data: "<a/>", Explanation: "XML is a string"},
		{Name: "binary", ContentType: "application/octet-stream", Data: "\x00\x01\xff", Explanation: "bytes go out as data_base64"},
		{Name: "vendor-json", ContentType: "application/vnd.acme+json", Data: `{"a":1}`, Explanation: "JSON under another name is a string, and a gRPC app gets no data at all"},
		{Name: "metadata", ContentType: "application/json", Data: `{}`, Metadata: map[string]string{"partitionKey": "k1"}, Explanation: "publish metadata reaches the app as headers"},
		{Name: "overrides", ContentType: "application/json", Data: `{}`, Metadata: map[string]string{"cloudevent.source": "me", "CloudEvent.Type": "order.placed",
			"cloudevent.time": "2020-01-01T00:00:00Z", "cloudevent.subject": "s"}, Explanation: "source and type can be set, in any case; time and subject can not"},
		{Name: "trace-override", ContentType: "application/json", Data: `{}`, Metadata: map[string]string{"cloudevent.traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
			"cloudevent.traceid": "other", "cloudevent.tracestate": "a=b"}, Explanation: "traceparent wins over traceid"},
		{Name: "cloudevent", ContentType: "application/cloudevents+json", Explanation: "a CloudEvent of the app's own passes through; topic and pubsubname are set",
			Data: `{"id":"cloudevent","source":"s","type":"t","specversion":"1.0","datacontenttype":"application/json","subject":"x","myext":"e","topic":"elsewhere","time":"2020-01-01T00:00:00Z","data":{"b":1,"a":2}}`},
		{Name: "cloudevent-bare", ContentType: "application/cloudevents+json; charset=utf-8", Data: `{"id":"cloudevent-bare","data":{"a":1}}`,
			Explanation: "missing source, type, specversion and time are filled in; without datacontenttype a gRPC app gets no data"},
		{Name: "cloudevent-trace", ContentType: "application/cloudevents+json", Explanation: "without traceid a supplied traceparent is overwritten",
			Data: `{"id":"cloudevent-trace","source":"s","type":"t","specversion":"1.0","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":"x"}`},
		{Name: "cloudevent-invalid", ContentType: "application/cloudevents+json", Data: `{"id":`, Explanation: "a CloudEvent that is not JSON is refused"},
		{Name: "raw-bad", ContentType: "application/json", Data: `{}`, Metadata: map[string]string{"rawPayload": "maybe"}, Explanation: "rawPayload must be a truth value"},
		{Name: "scoped-open", Component: Scoped, ContentType: "application/json", Data: `{}`, Explanation: "an app publishes to the topics of its scope"},
		{Name: "scoped-closed", Component: Scoped, ContentType: "application/json", Data: `{}`, Explanation: "a topic that is not in the app's scope is refused"},
		{Name: "scoped-elsewhere", Component: Scoped, ContentType: "application/json", Data: `{}`, Explanation: "a topic that is not among allowedTopics is refused"},
		{Name: "unknown-pubsub", Component: "nowhere", ContentType: "application/json", Data: `{}`, Explanation: "a pubsub that is not defined is refused"},
	}
}

// Scoped is a component that lets [Publisher] publish to one topic.
const Scoped = "scoped"

// PublishResources are [Resources] with a component more: [Scoped].
func PublishResources() []fs.FS {
	return append(Resources(), fstest.MapFS{"scoped.yaml": {Data: []byte("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: " + Scoped +
		"\nspec:\n  type: pubsub.redis\n  version: v1\n  metadata:\n  - {name: redisHost, value: \"localhost:6379\"}\n" +
		"  - {name: publishingScopes, value: \"" + Publisher + "=publish.scoped-open,publish.scoped-elsewhere\"}\n" +
		"  - {name: allowedTopics, value: \"publish.scoped-open,publish.scoped-closed\"}\n")}})
}

func (c PublishCase) topic() string {
	if c.Topic != "" {
		return c.Topic
	}
	return "publish." + c.Name
}

func (c PublishCase) component() string {
	if c.Component != "" {
		return c.Component
	}
	return Plain
}

// Received is what came of publish calls, by "case over protocol", as text
// without what differs from run to run.
type Received struct {
	mu  sync.Mutex
	got map[string][]string
}

func (r *Received) add(key, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.got == nil {
		r.got = make(map[string][]string)
	}
	r.got[key] = append(r.got[key], text)
}

// Lines are all that came, sorted.
func (r *Received) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []string
	for key, texts := range r.got {
		for _, text := range texts {
			// The text of a protobuf message has one space or two, as its program has it.
			lines = append(lines, key+": "+strings.Join(strings.Fields(text), " "))
		}
	}
	slices.Sort(lines)
	return lines
}

// Publish plays the calls over both of Dapr's APIs, with an HTTP and a gRPC app
// subscribed to each topic.
func Publish(ctx context.Context, w *world.World, cases []PublishCase) (*Received, error) {
	got := &Received{}
	if err := w.AttachContext(ctx, "publish-http", func(context.Context, world.Sidecar) (world.Endpoint, error) {
		return world.HTTP(recordingHTTP(cases, got)), nil
	}); err != nil {
		return nil, err
	}
	if err := w.AttachContext(ctx, "publish-grpc", func(context.Context, world.Sidecar) (world.Endpoint, error) {
		return recordingGRPC(cases, got), nil
	}); err != nil {
		return nil, err
	}
	s, err := w.Sidecar(ctx, Publisher)
	if err != nil {
		return nil, err
	}
	for _, c := range cases {
		for _, over := range []string{"grpc", "http"} {
			metadata := maps.Clone(c.Metadata)
			if metadata == nil {
				metadata = make(map[string]string)
			}
			metadata["cloudevent.id"] = c.Name + "-over-" + over
			data := strings.Replace(c.Data, `"id":"`+c.Name+`"`, `"id":"`+c.Name+"-over-"+over+`"`, 1)
			answer := ""
			if over == "grpc" {
				_, err := runtime.NewDaprClient(s.Client().GrpcClientConn()).PublishEvent(ctx, &runtime.PublishEventRequest{
					PubsubName: c.component(), Topic: c.topic(), Data: []byte(data), DataContentType: c.ContentType, Metadata: metadata})
				answer = fmt.Sprintf("%s %s %v", status.Code(err), status.Convert(err).Message(), status.Convert(err).Details())
			} else if answer, err = publishHTTP(ctx, s, c, data, metadata); err != nil {
				return nil, err
			}
			got.add(c.Name+" published over "+over, answer)
		}
	}
	return got, w.Settle(ctx)
}

func publishHTTP(ctx context.Context, s world.Sidecar, c PublishCase, data string, metadata map[string]string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.HTTPAddress()+"/v1.0/publish/"+c.component()+"/"+c.topic(), strings.NewReader(data))
	if err != nil {
		return "", err
	}
	query := r.URL.Query()
	for name, value := range metadata {
		query.Set("metadata."+name, value)
	}
	r.URL.RawQuery = query.Encode()
	if c.ContentType != "" {
		r.Header.Set("Content-Type", c.ContentType)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %s", response.StatusCode, bytes.TrimSpace(body)), nil
}

func recordingHTTP(cases []PublishCase, got *Received) http.Handler {
	mux := http.NewServeMux()
	subscriptions := []map[string]string{}
	for _, c := range cases {
		if c.component() != Plain {
			continue
		}
		subscriptions = append(subscriptions, map[string]string{"pubsubname": Plain, "topic": c.topic(), "route": "/" + c.Name, "deadLetterTopic": c.topic() + ".dead"})
		mux.HandleFunc("POST /"+c.Name, func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			var headers []string
			for name, values := range r.Header {
				switch name {
				case "Accept-Encoding", "User-Agent", "Content-Length", "Traceparent", "Tracestate", "Grpc-Trace-Bin", "Connection":
				default:
					headers = append(headers, name+"="+strings.Join(values, ","))
				}
			}
			slices.Sort(headers)
			got.add(c.Name+" got over http", fmt.Sprintf("%s %s %s", r.URL.Path, strings.Join(headers, " "), withoutTime(body)))
		})
	}
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(subscriptions)
	})
	return mux
}

// withoutTime blanks the envelope's time, which is the sidecar's clock, unless
// the case gave it.
func withoutTime(body []byte) []byte {
	const name = `"time":"`
	i := bytes.Index(body, []byte(name))
	if i < 0 || bytes.HasPrefix(body[i+len(name):], []byte("2020-")) {
		return body
	}
	end := bytes.IndexByte(body[i+len(name):], '"')
	if end < 0 {
		return body
	}
	return slices.Concat(body[:i+len(name)], []byte("now"), body[i+len(name)+end:])
}

type recorder struct {
	runtime.UnimplementedAppCallbackServer
	cases []PublishCase
	got   *Received
}

func recordingGRPC(cases []PublishCase, got *Received) world.Endpoint {
	return serveGRPC(recorder{cases: cases, got: got})
}

func (a recorder) ListTopicSubscriptions(context.Context, *emptypb.Empty) (*runtime.ListTopicSubscriptionsResponse, error) {
	out := &runtime.ListTopicSubscriptionsResponse{}
	for _, c := range a.cases {
		if c.component() == Plain {
			out.Subscriptions = append(out.Subscriptions, &runtime.TopicSubscription{PubsubName: Plain, Topic: c.topic(), DeadLetterTopic: c.topic() + ".dead"})
		}
	}
	return out, nil
}

func (a recorder) OnTopicEvent(_ context.Context, in *runtime.TopicEventRequest) (*runtime.TopicEventResponse, error) {
	name := strings.TrimPrefix(in.GetTopic(), "publish.")
	extensions := in.GetExtensions()
	if f := extensions.GetFields()["time"]; f != nil && !strings.HasPrefix(f.GetStringValue(), "2020-") {
		delete(extensions.Fields, "time")
	}
	text, _ := protojson.Marshal(extensions)
	var sorted any
	_ = json.Unmarshal(text, &sorted)
	text, _ = json.Marshal(sorted)
	a.got.add(name+" got over grpc", fmt.Sprintf("id=%s source=%s type=%s specversion=%s datacontenttype=%s topic=%s pubsub=%s path=%s data=%q extensions=%s",
		in.GetId(), in.GetSource(), in.GetType(), in.GetSpecVersion(), in.GetDataContentType(), in.GetTopic(), in.GetPubsubName(), in.GetPath(), in.GetData(), text))
	return &runtime.TopicEventResponse{}, nil
}
