package proxy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	runtimev1pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/proxy"
)

// daprd is an upstream that keeps what it is asked.
type daprd struct {
	runtimev1pb.UnimplementedDaprServer
	grpcAddr, httpAddr string

	mu        sync.Mutex
	published []*runtimev1pb.PublishEventRequest
	bulk      []*runtimev1pb.BulkPublishRequest
	requests  []seen
	refuse    error // of gRPC publishes
	status    int   // of HTTP requests; 0: 204
	body      string
	onPublish func(pubsub, topic, id string)
}

func newDaprd(t *testing.T) *daprd {
	t.Helper()
	d := new(daprd)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, func(s *grpc.Server) {
		runtimev1pb.RegisterDaprServer(s, d)
		s.RegisterService(&echoService, nil)
	})
	server := httptest.NewServer(http.HandlerFunc(d.serveHTTP))
	t.Cleanup(server.Close)
	d.grpcAddr, d.httpAddr = l.Addr().String(), server.Listener.Addr().String()
	return d
}

func (d *daprd) PublishEvent(ctx context.Context, in *runtimev1pb.PublishEventRequest) (*emptypb.Empty, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.published = append(d.published, in)
	_ = grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "t"))
	if d.onPublish != nil {
		d.onPublish(in.GetPubsubName(), in.GetTopic(), in.GetMetadata()["cloudevent.id"])
	}
	return &emptypb.Empty{}, d.refuse
}

func (d *daprd) BulkPublishEventAlpha1(_ context.Context, in *runtimev1pb.BulkPublishRequest) (*runtimev1pb.BulkPublishResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bulk = append(d.bulk, in)
	out := &runtimev1pb.BulkPublishResponse{}
	for _, entry := range in.GetEntries() {
		if entry.GetEntryId() == "fails" {
			out.FailedEntries = append(out.FailedEntries, &runtimev1pb.BulkPublishResponseFailedEntry{EntryId: "fails", Error: "no"})
		}
	}
	return out, d.refuse
}

func (d *daprd) serveHTTP(w http.ResponseWriter, r *http.Request) {
	s := see(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, s)
	if d.status == -1 {
		panic(http.ErrAbortHandler)
	}
	w.Header()["Date"] = nil
	w.Header().Set("X-Answer", "a")
	if d.status == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.WriteHeader(d.status)
	_, _ = io.WriteString(w, d.body)
}

// readBack gives the envelope that a daprd would have written.
func readBack(_ context.Context, _, topic, id string) ([]byte, error) {
	return []byte(envelope(id, topic)), nil
}

func newAPI(t *testing.T, cfg proxy.APIConfig) (*proxy.API, *world.Recorder, *daprd) {
	t.Helper()
	cfg.AppID, cfg.Recorder = "orders", newRecorder(t, world.Config{})
	if cfg.NewID == nil {
		cfg.NewID = ids()
	}
	a, err := proxy.NewAPI(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	d := newDaprd(t)
	a.SetUpstream(d.grpcAddr, d.httpAddr)
	return a, cfg.Recorder, d
}

func TestAPIPublishGRPC(t *testing.T) {
	tests := []struct {
		name     string
		opts     []client.PublishEventOption
		data     string
		wantMeta map[string]string // as daprd gets it
		wantID   string
		reason   string
	}{
		{"plain", nil, `{}`, map[string]string{"cloudevent.id": "id-1"}, "id-1", "daprd would draw an id: it is given one"},
		{"metadata", []client.PublishEventOption{client.PublishEventWithMetadata(map[string]string{"ttlInSeconds": "5"})}, `{}`,
			map[string]string{"ttlInSeconds": "5", "cloudevent.id": "id-1"}, "id-1", "what the app says stays"},
		{"own id", []client.PublishEventOption{client.PublishEventWithMetadata(map[string]string{"cloudevent.id": "mine"})}, `{}`,
			map[string]string{"cloudevent.id": "mine"}, "mine", "the app's id stands"},
		{"own ID", []client.PublishEventOption{client.PublishEventWithMetadata(map[string]string{"CloudEvent.ID": "mine"})}, `{}`,
			map[string]string{"CloudEvent.ID": "mine"}, "mine", "daprd does not mind the case of the name"},
		{"empty id", []client.PublishEventOption{client.PublishEventWithMetadata(map[string]string{"cloudevent.id": ""})}, `{}`,
			map[string]string{"cloudevent.id": "id-1"}, "id-1", "daprd would replace an empty id"},
		{"CloudEvent", []client.PublishEventOption{client.PublishEventWithContentType("Application/CloudEvents+JSON; charset=utf-8")}, `{"id":"theirs"}`,
			nil, "theirs", "the id is in the body"},
		{"raw", []client.PublishEventOption{client.PublishEventWithRawPayload()}, `bytes`,
			map[string]string{"rawPayload": "true"}, "", "raw bytes have no id"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, r, d := newAPI(t, proxy.APIConfig{Envelope: readBack})
			c, err := a.Client()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.PublishEvent(context.Background(), "pubsub", "topic", []byte(test.data), test.opts...); err != nil {
				t.Fatal(err)
			}
			if got := d.published[0]; string(got.GetData()) != test.data || !cmp.Equal(test.wantMeta, got.GetMetadata()) {
				t.Errorf("daprd got %v (%s)", got, test.reason)
			}
			wantLines(t, r, "published topic "+test.wantID)
			e := r.Journal().Entries()[0]
			if e.App != "orders" || e.PubSub != "pubsub" || e.Protocol != "grpc" {
				t.Errorf("published entry: %+v", e)
			}
			if test.wantID == "id-1" && e.Metadata["cloudevent.id"] != "" {
				t.Errorf("the journal says that the app set an id: %v", e.Metadata)
			}
			want := envelope(test.wantID, "topic")
			if test.name == "raw" {
				want = `"bytes"`
			}
			if string(e.Data) != want {
				t.Errorf("data: %s, want %s", e.Data, want)
			}
		})
	}
}

func TestAPIRefusedGRPC(t *testing.T) {
	a, r, d := newAPI(t, proxy.APIConfig{Envelope: readBack})
	d.refuse = status.Error(codes.InvalidArgument, "pubsub pubsub is not found")
	in := &runtimev1pb.PublishEventRequest{PubsubName: "pubsub", Topic: "topic", Data: []byte("{}")}
	var trailer metadata.MD
	_, err := runtimev1pb.NewDaprClient(dial(t, a.GRPCAddress())).PublishEvent(context.Background(), in, grpc.Trailer(&trailer))
	if status.Code(err) != codes.InvalidArgument || status.Convert(err).Message() != "pubsub pubsub is not found" || len(trailer["x-trailer"]) != 1 {
		t.Errorf("the app got %v, trailer %v", err, trailer)
	}
	if e := r.Journal().Entries()[0]; r.Journal().Len() != 1 || e.Kind != "publish-failed" || e.Answer != "gRPC InvalidArgument" || e.Topic != "topic" {
		t.Errorf("journal: %v", lines(r))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	a.Await(ctx, "pubsub", "topic", "id-1")
}

func TestAPINotReadBack(t *testing.T) {
	tests := []struct {
		name     string
		envelope func(context.Context, string, string, string) ([]byte, error)
		note     string
		reason   string
	}{
		{"nobody", nil, "nobody reads the broker", "without Envelope there is no data"},
		{"fails", func(context.Context, string, string, string) ([]byte, error) { return nil, errors.New("redis is down") }, "redis is down", "the reason is kept"},
		{"nothing", func(context.Context, string, string, string) ([]byte, error) { return nil, nil }, "nothing was found", "an empty envelope is none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, r, _ := newAPI(t, proxy.APIConfig{Envelope: test.envelope})
			c, err := a.Client()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.PublishEvent(context.Background(), "pubsub", "topic", "text"); err != nil {
				t.Fatal(err)
			}
			wantLines(t, r, "published topic id-1")
			if e := r.Journal().Entries()[0]; e.Data != nil || !strings.Contains(e.Note, test.note) {
				t.Errorf("data %s, note %q, want none and %q (%s)", e.Data, e.Note, test.note, test.reason)
			}
		})
	}
}

func TestAPIBulkGRPC(t *testing.T) {
	a, r, d := newAPI(t, proxy.APIConfig{Envelope: readBack})
	bulk := func(request map[string]string, entries ...*runtimev1pb.BulkPublishRequestEntry) []map[string]string {
		t.Helper()
		in := &runtimev1pb.BulkPublishRequest{PubsubName: "pubsub", Topic: "topic", Metadata: request, Entries: entries}
		c := runtimev1pb.NewDaprClient(dial(t, a.GRPCAddress()))
		if _, err := c.BulkPublishEvent(context.Background(), in); status.Code(err) != codes.Unimplemented {
			t.Fatalf("the stable method: %v", err)
		}
		if _, err := c.BulkPublishEventAlpha1(context.Background(), in); err != nil {
			t.Fatal(err)
		}
		var got []map[string]string
		for _, entry := range d.bulk[len(d.bulk)-1].GetEntries() {
			got = append(got, entry.GetMetadata())
		}
		return got
	}
	got := bulk(nil,
		&runtimev1pb.BulkPublishRequestEntry{EntryId: "1", Event: []byte("{}")},
		&runtimev1pb.BulkPublishRequestEntry{EntryId: "fails", Event: []byte("{}")},
		&runtimev1pb.BulkPublishRequestEntry{EntryId: "3", Event: []byte("{}"), Metadata: map[string]string{"cloudevent.id": "mine"}},
		&runtimev1pb.BulkPublishRequestEntry{EntryId: "4", Event: []byte(`{"id":"theirs"}`), ContentType: "application/cloudevents+json"})
	// The stable method, refused as unknown, drew id-1 and id-2.
	if diff := cmp.Diff([]map[string]string{{"cloudevent.id": "id-3"}, {"cloudevent.id": "id-4"}, {"cloudevent.id": "mine"}, nil}, got); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	wantLines(t, r, "published topic id-3", "publish-failed topic  failed entry fails", "published topic mine", "published topic theirs")
	got = bulk(map[string]string{"ttlInSeconds": "5"}, &runtimev1pb.BulkPublishRequestEntry{EntryId: "1", Event: []byte("{}")})
	if diff := cmp.Diff([]map[string]string{nil}, got); diff != "" {
		t.Errorf("an entry without metadata gets none, so that the request's does not take effect (-want +got):\n%s", diff)
	}
}

func TestAPIPublishHTTP(t *testing.T) {
	tests := []struct {
		name, path, contentType, body string
		wantURI, wantID, wantTopic    string
		reason                        string
	}{
		{"plain", "/v1.0/publish/pubsub/topic", "application/json", "{}", "/v1.0/publish/pubsub/topic?metadata.cloudevent.id=id-1", "id-1", "topic", "daprd would draw an id: it is given one"},
		{"query", "/v1.0/publish/pubsub/a/b%2Fc?metadata.ttlInSeconds=5&odd=%zz", "application/json", "{}", "/v1.0/publish/pubsub/a/b%2Fc?metadata.ttlInSeconds=5&odd=%zz&metadata.cloudevent.id=id-1", "id-1", "a/b/c", "what the app says stays"},
		{"own id", "/v1.0/publish/pubsub/topic?metadata.Cloudevent.Id=mine", "application/json", "{}", "/v1.0/publish/pubsub/topic?metadata.Cloudevent.Id=mine", "mine", "topic", "the app's id stands"},
		{"empty id", "/v1.0/publish/pubsub/topic?metadata.cloudevent.id=", "application/json", "{}", "/v1.0/publish/pubsub/topic?metadata.cloudevent.id=id-1&metadata.cloudevent.id=", "id-1", "topic", "daprd takes the first value"},
		{"CloudEvent", "/v1.0/publish/pubsub/topic", "application/cloudevents+json", `{"id":"theirs"}`, "/v1.0/publish/pubsub/topic", "theirs", "topic", "the id is in the body"},
		{"CloudEvent and more", "/v1.0/publish/pubsub/topic", "application/cloudevents+json", `{"id":"theirs"} more`, "/v1.0/publish/pubsub/topic", "theirs", "topic", "daprd reads the first JSON value, and no further"},
		{"raw", "/v1.0/publish/pubsub/topic?metadata.rawPayload=true", "application/json", "{}", "/v1.0/publish/pubsub/topic?metadata.rawPayload=true", "", "topic", "raw bytes have no id"},
	}
	for _, test := range tests {
		for _, method := range []string{http.MethodPost, http.MethodPut} {
			t.Run(test.name+"/"+method, func(t *testing.T) {
				a, r, d := newAPI(t, proxy.APIConfig{Envelope: readBack})
				request, err := http.NewRequest(method, "http://"+a.HTTPAddress(), strings.NewReader(test.body))
				if err != nil {
					t.Fatal(err)
				}
				request.URL.Opaque = test.path
				request.Header.Set("Content-Type", test.contentType)
				response, err := httpClient(t).Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_ = response.Body.Close()
				if response.StatusCode != 204 || response.Header.Get("X-Answer") != "a" {
					t.Errorf("the app got %d, %v", response.StatusCode, response.Header)
				}
				if got := d.requests[0]; got.URI != test.wantURI || got.Method != method || got.Body != test.body || got.Header.Get("Content-Type") != test.contentType {
					t.Errorf("daprd got %+v, want URI %s (%s)", got, test.wantURI, test.reason)
				}
				wantLines(t, r, "published "+test.wantTopic+" "+test.wantID)
				if e := r.Journal().Entries()[0]; e.Protocol != "http" || e.PubSub != "pubsub" || e.Metadata["cloudevent.id"] != "" {
					t.Errorf("published entry: %+v", e)
				}
			})
		}
	}
}

func TestAPIRefusedHTTP(t *testing.T) {
	tests := []struct {
		name   string
		status int
		want   string
		reason string
	}{
		{"403", 403, "HTTP 403", "daprd refused it"},
		{"broken", -1, "no answer", "daprd broke the connection: nobody knows"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, r, d := newAPI(t, proxy.APIConfig{Envelope: readBack})
			d.status, d.body = test.status, `{"errorCode":"ERR"}`
			response, err := httpClient(t).Post("http://"+a.HTTPAddress()+"/v1.0/publish/pubsub/topic", "application/json", strings.NewReader("{}"))
			if (err != nil) != (test.status == -1) {
				t.Fatalf("the app got %v (%s)", err, test.reason)
			}
			if err == nil {
				b, _ := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if response.StatusCode != test.status || string(b) != d.body {
					t.Errorf("the app got %d %s", response.StatusCode, b)
				}
			}
			if e := r.Journal().Entries()[0]; r.Journal().Len() != 1 || e.Kind != "publish-failed" || e.Answer != test.want {
				t.Errorf("journal: %v, want answer %q (%s)", lines(r), test.want, test.reason)
			}
		})
	}
}

func TestAPIBulkHTTP(t *testing.T) {
	a, r, d := newAPI(t, proxy.APIConfig{Envelope: readBack})
	d.status, d.body = 500, `{"failedEntries":[{"entryId":"2","error":"no"}],"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}`
	body := `[{"entryId":"1","event":{"n":12345678901234567890},"contentType":"application/json"},
		{"entryId":"2","event":"x","contentType":"text/plain","metadata":{"k":"v"}},
		{"entryId":"3","event":{"id":"theirs"},"contentType":"application/cloudevents+json"}]`
	response, err := httpClient(t).Post("http://"+a.HTTPAddress()+"/v1.0-alpha1/publish/bulk/pubsub/topic", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	wantLines(t, r, "published topic id-1", "publish-failed topic  HTTP 500", "published topic theirs")
	var got, want any
	if err := json.Unmarshal([]byte(d.requests[0].Body), &got); err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal([]byte(`[{"entryId":"1","event":{"n":12345678901234567890},"contentType":"application/json","metadata":{"cloudevent.id":"id-1"}},
		{"entryId":"2","event":"x","contentType":"text/plain","metadata":{"k":"v","cloudevent.id":"id-2"}},
		{"entryId":"3","event":{"id":"theirs"},"contentType":"application/cloudevents+json"}]`), &want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("daprd got (-want +got):\n%s", diff)
	}
	if !strings.Contains(d.requests[0].Body, "12345678901234567890") {
		t.Errorf("a number was rounded: %s", d.requests[0].Body)
	}
}

// TestAPIForwards: what publishes nothing passes unchanged.
func TestAPIForwards(t *testing.T) {
	a, r, d := newAPI(t, proxy.APIConfig{})
	echo(t, dial(t, a.GRPCAddress()))
	d.status, d.body = 418, "tea"
	for _, test := range []struct{ method, uri string }{
		{"GET", "/v1.0/metadata"}, {"GET", "/v1.0/publish/pubsub/topic"}, {"POST", "/v1.0/publish/pubsub"}, {"PUT", "/v1.0/invoke/a/method/x%2Fy?z=%zz"},
	} {
		ask := func(address string) (int, http.Header, string) {
			request, err := http.NewRequest(test.method, "http://"+address, strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			request.URL.Opaque, request.Host = test.uri, "localhost"
			response, err := httpClient(t).Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			b, _ := io.ReadAll(response.Body)
			return response.StatusCode, response.Header, string(b)
		}
		status, header, body := ask(d.httpAddr)
		gotStatus, gotHeader, gotBody := ask(a.HTTPAddress())
		if status != gotStatus || body != gotBody {
			t.Errorf("%s %s: the app got %d %s, want %d %s", test.method, test.uri, gotStatus, gotBody, status, body)
		}
		if diff := cmp.Diff(header, gotHeader); diff != "" {
			t.Errorf("%s %s: header (-want +got):\n%s", test.method, test.uri, diff)
		}
		n := len(d.requests)
		if diff := cmp.Diff(d.requests[n-2], d.requests[n-1]); diff != "" {
			t.Errorf("%s %s: daprd got (-want +got):\n%s", test.method, test.uri, diff)
		}
	}
	wantLines(t, r)
}

// TestAPIStreams: an HTTP body is passed as it comes, both ways.
func TestAPIStreams(t *testing.T) {
	a, _, _ := newAPI(t, proxy.APIConfig{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		buffer := make([]byte, 1)
		for {
			if _, err := io.ReadFull(r.Body, buffer); err != nil {
				return
			}
			_, _ = w.Write(buffer)
			_ = control.Flush()
		}
	}))
	defer server.Close()
	a.SetUpstream("127.0.0.1:1", server.Listener.Addr().String())
	in, out := io.Pipe()
	request, err := http.NewRequest(http.MethodPost, "http://"+a.HTTPAddress()+"/v1.0/invoke/a/method/echo", in)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = out.Write([]byte("1")) }()
	response, err := httpClient(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for i := 1; i < 4; i++ {
		got := make([]byte, 1)
		if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != fmt.Sprint(i) {
			t.Fatalf("turn %d: %q, %v", i, got, err)
		}
		if _, err := fmt.Fprint(out, i+1); err != nil {
			t.Fatal(err)
		}
	}
	_ = out.Close()
	_, _ = io.Copy(io.Discard, response.Body)
}

// TestAPIAwait: a delivery that overtakes the answer to its publish waits.
func TestAPIAwait(t *testing.T) {
	reading := make(chan struct{})
	read := make(chan struct{})
	a, r, d := newAPI(t, proxy.APIConfig{Envelope: func(ctx context.Context, pubsub, topic, id string) ([]byte, error) {
		close(reading)
		<-read
		return readBack(ctx, pubsub, topic, id)
	}})
	a.Await(context.Background(), "pubsub", "topic", "id-1") // not in flight: at once
	delivered := make(chan struct{})
	d.onPublish = func(pubsub, topic, id string) { // daprd delivers before it answers
		go func() {
			defer close(delivered)
			a.Await(context.Background(), pubsub, topic, id)
			r.Deliver(world.Delivery{App: "consumer", PubSub: pubsub, Topic: topic, Envelope: []byte(envelope(id, topic))})
		}()
	}
	c, err := a.Client()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.PublishEvent(context.Background(), "pubsub", "topic", "text") }()
	<-reading
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	a.Await(ended, "pubsub", "topic", "id-1") // its own context has ended
	select {
	case <-delivered:
		t.Error("Await did not wait")
	default:
	}
	close(read)
	<-delivered
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantLines(t, r, "published topic id-1", "delivered topic id-1")
	if cause := r.Journal().Entries()[1].Cause; cause != 1 {
		t.Errorf("the delivery's cause is %d, want 1", cause)
	}
}

// TestAPIUpstream: calls wait until daprd's address is known.
func TestAPIUpstream(t *testing.T) {
	r := newRecorder(t, world.Config{})
	a, err := proxy.NewAPI(proxy.APIConfig{AppID: "orders", Recorder: r, NewID: ids(), Envelope: readBack})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	c, err := a.Client()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	early := make(chan error, 1)
	go func() { early <- c.PublishEvent(ctx, "pubsub", "topic", "text") }()
	cancel()
	if err := <-early; status.Code(errors.Unwrap(err)) != codes.Canceled && !strings.Contains(err.Error(), "Canceled") {
		t.Errorf("a call that ended before daprd was there: %v", err)
	}
	waiting := make(chan error, 2)
	go func() { waiting <- c.PublishEvent(context.Background(), "pubsub", "topic", "text") }()
	client := httpClient(t)
	go func() {
		response, err := client.Get("http://" + a.HTTPAddress() + "/v1.0/healthz")
		if err == nil {
			_ = response.Body.Close()
		}
		waiting <- err
	}()
	d := newDaprd(t)
	a.SetUpstream(d.grpcAddr, d.httpAddr)
	for range 2 {
		if err := <-waiting; err != nil {
			t.Error(err)
		}
	}
	wantLines(t, r, "published topic id-1")
	second := newDaprd(t)
	a.SetUpstream(second.grpcAddr, second.httpAddr)
	if err := c.PublishEvent(context.Background(), "pubsub", "topic", "text"); err != nil {
		t.Error(err)
	}
	if len(d.published) != 1 || len(second.published) != 1 {
		t.Errorf("published to the first daprd %d, to the second %d; want 1 and 1", len(d.published), len(second.published))
	}
}

func TestAPIFenceClients(t *testing.T) {
	a, _, _ := newAPI(t, proxy.APIConfig{Envelope: readBack})
	old, err := a.Client()
	if err != nil {
		t.Fatal(err)
	}
	if err := old.PublishEvent(context.Background(), "pubsub", "topic", "text"); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", a.HTTPAddress())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	a.FenceClients()
	if err := old.PublishEvent(context.Background(), "pubsub", "topic", "text"); err == nil {
		t.Error("a client of an incarnation that was fenced still publishes")
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the old connection: %v", err) // nil: it was closed
	}
	next, err := a.Client()
	if err != nil {
		t.Fatal(err)
	}
	if err := next.PublishEvent(context.Background(), "pubsub", "topic", "text"); err != nil {
		t.Errorf("the next incarnation's client: %v", err)
	}
}

func TestAPIMisuse(t *testing.T) {
	r := newRecorder(t, world.Config{})
	for _, cfg := range []proxy.APIConfig{{Recorder: r, NewID: ids()}, {AppID: "a", NewID: ids()}, {AppID: "a", Recorder: r}} {
		if a, err := proxy.NewAPI(cfg); err == nil {
			_ = a.Close()
			t.Errorf("%+v was accepted", cfg)
		}
	}
	a, _, d := newAPI(t, proxy.APIConfig{})
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if _, err := a.Client(); err == nil {
		t.Error("Client after Close was accepted")
	}
	a.SetUpstream(d.grpcAddr, d.httpAddr)
}

// asked is a context that has ended, and knows whether anybody would have waited.
type asked struct {
	context.Context
	done *bool
}

func (a asked) Done() <-chan struct{} {
	*a.done = true
	return a.Context.Done()
}

// TestAPIBulkFlight: a delivery of the first event waits until all are recorded,
// or it would be taken for the cause of the others.
func TestAPIBulkFlight(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	var a *proxy.API
	waits := map[string]bool{}
	a, _, _ = newAPI(t, proxy.APIConfig{Envelope: func(ctx context.Context, pubsub, topic, id string) ([]byte, error) {
		would := false
		a.Await(asked{ended, &would}, pubsub, topic, "first")
		waits[id] = would
		return readBack(ctx, pubsub, topic, id)
	}})
	in := &runtimev1pb.BulkPublishRequest{PubsubName: "pubsub", Topic: "topic", Entries: []*runtimev1pb.BulkPublishRequestEntry{
		{EntryId: "1", Metadata: map[string]string{"cloudevent.id": "first"}}, {EntryId: "2", Metadata: map[string]string{"cloudevent.id": "second"}}}}
	if _, err := runtimev1pb.NewDaprClient(dial(t, a.GRPCAddress())).BulkPublishEventAlpha1(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bool{"first": true, "second": true}, waits); diff != "" {
		t.Errorf("would a delivery of the first event wait (-want +got):\n%s", diff)
	}
}
