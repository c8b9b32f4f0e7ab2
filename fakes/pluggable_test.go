package fakes_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	components "github.com/dapr/dapr/pkg/proto/components/v1"
	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// plugged is a pubsub component on a socket: what it is published it keeps, and
// what it is told to it sends, one message after another.
type plugged struct {
	components.UnimplementedPubSubServer
	able     []string
	initFail error

	mu         sync.Mutex
	init       map[string]string
	instance   []string
	fail       []error // of the next publish calls
	published  []*components.PublishRequest
	bulks      []*components.BulkPublishRequest
	bulkFail   error
	failed     []string // entries that a bulk call is said to fail for
	subscribed chan *components.Topic
	send       chan *components.PullMessagesResponse
	answers    chan *components.PullMessagesRequest
}

func (p *plugged) Init(ctx context.Context, in *components.PubSubInitRequest) (*components.PubSubInitResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.init = in.GetMetadata().GetProperties()
	head, _ := metadata.FromIncomingContext(ctx)
	p.instance = head.Get("x-component-instance")
	return &components.PubSubInitResponse{}, p.initFail
}

func (p *plugged) Features(context.Context, *components.FeaturesRequest) (*components.FeaturesResponse, error) {
	return &components.FeaturesResponse{Features: p.able}, nil
}

func (p *plugged) Publish(_ context.Context, in *components.PublishRequest) (*components.PublishResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.published = append(p.published, in)
	if len(p.fail) > 0 {
		err := p.fail[0]
		p.fail = p.fail[1:]
		return nil, err
	}
	return &components.PublishResponse{}, nil
}

func (p *plugged) BulkPublish(_ context.Context, in *components.BulkPublishRequest) (*components.BulkPublishResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bulks = append(p.bulks, in)
	out := &components.BulkPublishResponse{}
	for _, id := range p.failed {
		out.FailedEntries = append(out.FailedEntries, &components.BulkPublishResponseFailedEntry{EntryId: id, Error: "no room"})
	}
	return out, p.bulkFail
}

func (p *plugged) PullMessages(stream components.PubSub_PullMessagesServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	p.subscribed <- first.GetTopic()
	go func() {
		for {
			select {
			case m := <-p.send:
				if stream.Send(m) != nil {
					return
				}
			case <-stream.Context().Done():
				return
			}
		}
	}()
	for {
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		p.answers <- answer
	}
}

func (p *plugged) calls() []*components.PublishRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.published)
}

// onSocket serves gRPC services on a socket, with reflection, and gives the folder.
func onSocket(t *testing.T, name string, register func(*grpc.Server)) (folder string) {
	t.Helper()
	folder, err := os.MkdirTemp("", "sockets") //nolint:usetesting // a short name: a socket's may have a hundred bytes
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	listen(t, filepath.Join(folder, name), register)
	return folder
}

func listen(t *testing.T, socket string, register func(*grpc.Server)) {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	server := grpc.NewServer()
	register(server)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { server.Stop(); <-served })
}

func newPlugged() *plugged {
	return &plugged{subscribed: make(chan *components.Topic, 10), send: make(chan *components.PullMessagesResponse, 10), answers: make(chan *components.PullMessagesRequest, 10)}
}

// plug starts a world with the component as its pubsub.
func plug(t *testing.T, p *plugged, cfg world.Config, more map[string]string) *world.World {
	t.Helper()
	folder := onSocket(t, "Shop.sock", func(s *grpc.Server) { components.RegisterPubSubServer(s, p); reflection.Register(s) })
	files := map[string]string{"p.yaml": "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: pubsub}\nspec:\n  type: pubsub.shop\n  version: v1\n  metadata:\n  - {name: color, value: red}\n"}
	maps.Copy(files, more)
	cfg.Resources = resources(files)
	return fakes.StartKept(t, cfg, folder)
}

// within fails the test where nothing comes.
func within[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came within 10 s")
	}
	return value
}

func cloudEvent(id string) []byte {
	return []byte(`{"data":{"id":"` + id + `"},"datacontenttype":"application/json","id":"` + id + `","pubsubname":"pubsub","source":"elsewhere","specversion":"1.0","topic":"orders","type":"com.dapr.event.sent"}`)
}

func pulled(id string) *components.PullMessagesResponse {
	return &components.PullMessagesResponse{Id: "m" + id, Data: cloudEvent(id), TopicName: "orders", Metadata: map[string]string{"header": "from the broker"}}
}

func TestPluggableComponentsAreFoundByTheirServices(t *testing.T) {
	folder := onSocket(t, "Shop.v1.sock", func(s *grpc.Server) {
		components.RegisterPubSubServer(s, newPlugged())
		components.RegisterStateStoreServer(s, struct {
			components.UnimplementedStateStoreServer
		}{})
		reflection.Register(s)
	})
	socket := filepath.Join(folder, "Shop.v1.sock")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "readme"), nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "folder.sock"), 0o700))
	found, err := fakes.Discovered(t.Context(), folder)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"pubsub.shop.v1": socket, "state.shop.v1": socket}, found)
	t.Setenv("DAPR_COMPONENTS_SOCKETS_FOLDER", folder)
	found, err = fakes.Discovered(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, found, 2)
	found, err = fakes.Discovered(t.Context(), filepath.Join(folder, "nowhere"))
	require.NoError(t, err)
	require.Empty(t, found)
	listen(t, filepath.Join(folder, "mute.sock"), func(s *grpc.Server) { components.RegisterPubSubServer(s, newPlugged()) })
	_, err = fakes.Discovered(t.Context(), folder)
	require.ErrorContains(t, err, "mute.sock (it must serve gRPC reflection): rpc error: code = Unimplemented")
}

func TestPluggableIsInitialisedWithItsMetadata(t *testing.T) {
	p := newPlugged()
	p.able = []string{"MESSAGE_TTL"}
	w := plug(t, p, world.Config{}, nil)
	s, err := w.Sidecar(t.Context(), "app")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"color": "red", "consumerID": "app"}, p.init)
	require.Equal(t, []string{"pubsub"}, p.instance)
	out, err := runtime.NewDaprClient(s.Client().GrpcClientConn()).GetMetadata(t.Context(), &runtime.GetMetadataRequest{})
	require.NoError(t, err)
	require.Equal(t, "pubsub.shop", out.GetRegisteredComponents()[0].GetType())
	require.Equal(t, []string{"MESSAGE_TTL"}, out.GetRegisteredComponents()[0].GetCapabilities())
}

func TestPluggableThatRefusesInitFailsTheStart(t *testing.T) {
	p := newPlugged()
	p.initFail = errors.New("no broker")
	w := plug(t, p, world.Config{}, nil)
	_, err := w.Sidecar(t.Context(), "app")
	require.ErrorContains(t, err, "init component pubsub (pubsub.shop/v1) on ")
	require.ErrorContains(t, err, "no broker")
}

func TestPluggableIsPublishedTo(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		able         []string
		expiration   bool
	}{
		{"without time to live", "daprd minds the time to live itself", nil, true},
		{"with time to live", "the component does", []string{"MESSAGE_TTL"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlugged()
			p.able = c.able
			w := plug(t, p, world.Config{}, nil)
			s, err := w.Sidecar(t.Context(), "app")
			require.NoError(t, err)
			require.NoError(t, s.Client().PublishEvent(t.Context(), "pubsub", "orders", "x", withMetadata(map[string]string{"ttlInSeconds": "10"})))
			require.Len(t, p.calls(), 1)
			in := p.calls()[0]
			require.Equal(t, []string{"pubsub", "orders"}, []string{in.GetPubsubName(), in.GetTopic()})
			require.Equal(t, map[string]string{"ttlInSeconds": "10"}, in.GetMetadata())
			require.Empty(t, in.GetContentType(), "daprd leaves it out")
			require.Contains(t, string(in.GetData()), `"data":"x"`)
			if c.expiration {
				require.Contains(t, string(in.GetData()), `"expiration"`, c.reason)
			} else {
				require.NotContains(t, string(in.GetData()), `"expiration"`, c.reason)
			}
			require.Equal(t, journal.Published, w.Journal().Entries()[w.Journal().Len()-1].Kind)
		})
	}
}

func TestPluggableThatFailsToPublish(t *testing.T) {
	outbound := func(policies string) map[string]string {
		return map[string]string{"r.yaml": "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies:\n    retries: {twice: {policy: constant, duration: 1ms, maxRetries: 2}}\n" +
			"    circuitBreakers: {once: {trip: consecutiveFailures >= 1}}\n  targets: {components: {pubsub: {outbound: {" + policies + "}}}}\n"}
	}
	broken := errors.New("broken")
	for _, c := range []struct {
		name, reason string
		files        map[string]string
		fail         []error
		calls        int
		want         string // the error, "" for none
	}{
		{"no policy", "one attempt", nil, []error{broken}, 1, "error when publishing to topic orders in pubsub pubsub: rpc error: code = Unknown desc = broken"},
		{"retried", "until it works", outbound("retry: twice"), []error{broken, broken}, 3, ""},
		{"retried in vain", "two retries are three attempts", outbound("retry: twice"), []error{broken, broken, broken, broken}, 3, "desc = broken"},
		{"breaker", "open after one failure, which ends the retries", outbound("retry: twice, circuitBreaker: once"), []error{broken}, 1, "circuit breaker is open"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlugged()
			p.fail = c.fail
			w := plug(t, p, world.Config{}, c.files)
			s, err := w.Sidecar(t.Context(), "app")
			require.NoError(t, err)
			err = s.Client().PublishEvent(t.Context(), "pubsub", "orders", "x")
			last := w.Journal().Entries()[w.Journal().Len()-1]
			if c.want == "" {
				require.NoError(t, err, c.reason)
				require.Equal(t, journal.Published, last.Kind)
			} else {
				require.ErrorContains(t, err, c.want, c.reason)
				require.Equal(t, journal.PublishFailed, last.Kind)
			}
			require.Len(t, p.calls(), c.calls, c.reason)
		})
	}
}

func TestPluggableBulkPublish(t *testing.T) {
	entries := &runtime.BulkPublishRequest{PubsubName: "pubsub", Topic: "orders", Metadata: map[string]string{"all": "1"}, Entries: []*runtime.BulkPublishRequestEntry{
		{EntryId: "a", Event: []byte("1"), ContentType: "text/plain", Metadata: map[string]string{"own": "2"}}, {EntryId: "b", Event: []byte("2"), ContentType: "text/plain"}}}
	bulk := func(t *testing.T, p *plugged) (*world.World, *runtime.BulkPublishResponse, error) {
		w := plug(t, p, world.Config{}, nil)
		s, err := w.Sidecar(t.Context(), "app")
		require.NoError(t, err)
		out, err := runtime.NewDaprClient(s.Client().GrpcClientConn()).BulkPublishEventAlpha1(t.Context(), entries)
		return w, out, err
	}
	kinds := func(w *world.World) (kinds []journal.Kind) {
		for _, e := range w.Journal().Entries() {
			if e.Kind == journal.Published || e.Kind == journal.PublishFailed {
				kinds = append(kinds, e.Kind)
			}
		}
		return kinds
	}
	t.Run("in one call", func(t *testing.T) {
		p := newPlugged()
		p.able, p.failed = []string{"BULK_PUBSUB"}, []string{"b"}
		w, out, err := bulk(t, p)
		require.NoError(t, err, "what the component names as failed is no error")
		require.Len(t, out.GetFailedEntries(), 1)
		require.Equal(t, "b", out.GetFailedEntries()[0].GetEntryId())
		require.Equal(t, "no room", out.GetFailedEntries()[0].GetError())
		require.Len(t, p.bulks, 1)
		require.Equal(t, map[string]string{"all": "1"}, p.bulks[0].GetMetadata())
		require.Equal(t, map[string]string{"all": "1", "own": "2"}, p.bulks[0].GetEntries()[0].GetMetadata())
		require.Empty(t, p.bulks[0].GetEntries()[1].GetMetadata(), "the request's reaches only an entry that has some of its own")
		require.Contains(t, string(p.bulks[0].GetEntries()[0].GetEvent()), `"data":"1"`)
		require.Equal(t, []journal.Kind{journal.Published, journal.PublishFailed}, kinds(w))
	})
	t.Run("in one call that fails", func(t *testing.T) {
		p := newPlugged()
		p.able, p.bulkFail = []string{"BULK_PUBSUB"}, errors.New("broken")
		w := plug(t, p, world.Config{}, nil)
		s, err := w.Sidecar(t.Context(), "app")
		require.NoError(t, err)
		response, err := http.Post("http://"+s.HTTPAddress()+"/v1.0-alpha1/publish/bulk/pubsub/orders", "application/json",
			strings.NewReader(`[{"entryId":"a","event":"1","contentType":"text/plain"},{"entryId":"b","event":"2","contentType":"text/plain"}]`))
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, http.StatusInternalServerError, response.StatusCode)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.JSONEq(t, `{"failedEntries":[{"entryId":"a","error":"rpc error: code = Unknown desc = broken"},{"entryId":"b","error":"rpc error: code = Unknown desc = broken"}],
			"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}`, string(body))
		require.Equal(t, []journal.Kind{journal.PublishFailed, journal.PublishFailed}, kinds(w))
	})
	t.Run("one by one", func(t *testing.T) {
		p := newPlugged()
		p.fail = []error{errors.New("broken")}
		w, _, err := bulk(t, p)
		require.ErrorContains(t, err, "desc = broken")
		require.Len(t, p.calls(), 2, "all are tried")
		require.ElementsMatch(t, []journal.Kind{journal.Published, journal.PublishFailed}, kinds(w))
	})
}

func TestPluggableIsToldWhatBecameOfAMessage(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		data         []byte
		answer       func(http.ResponseWriter)
		want         string // the failure, "" for an acknowledgement
		told         string
	}{
		{"success", "acknowledged", nil, func(http.ResponseWriter) {}, "", "delivered answered(SUCCESS) acknowledged"},
		{"drop", "acknowledged too", nil, func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"status":"DROP"}`)) }, "", "delivered answered(DROP) dropped acknowledged"},
		{"error", "in daprd's words", nil, func(w http.ResponseWriter) { w.WriteHeader(500); _, _ = w.Write([]byte("sorry")) },
			"retriable error occurred: retriable error returned from app while processing pub/sub event 1, topic: orders, body: sorry. status code returned: 500", "delivered answered(HTTP 500) pending"},
		{"retry", "in daprd's words", nil, func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"status":"RETRY"}`)) },
			"RETRY status returned from app while processing pub/sub event 1: retriable error occurred", "delivered answered(RETRY) pending"},
		{"unknown", "in daprd's words", nil, func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"status":"BANANA"}`)) },
			"unknown status returned from app while processing pub/sub event 1, status: BANANA, err: retriable error occurred", "delivered answered(BANANA) pending"},
		{"no event", "it cannot be decoded", []byte("no JSON"), nil, "invalid character 'o' in literal null (expecting 'u')", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlugged()
			w := plug(t, p, world.Config{}, nil)
			header := ""
			w.Attach("app", (&inbox{subscriptions: []subscription{{PubSub: "pubsub", Topic: "orders", Route: "/orders", Metadata: map[string]string{"of": "subscription"}}},
				answer: func(rw http.ResponseWriter, r *http.Request, _ contract.Event) {
					header = r.Header.Get("header")
					c.answer(rw)
				}}).start)
			topic := within(t, p.subscribed)
			require.Equal(t, "orders", topic.GetName())
			require.Equal(t, map[string]string{"of": "subscription"}, topic.GetMetadata())
			m := pulled("1")
			if c.data != nil {
				m.Data = c.data
			}
			p.send <- m
			got := within(t, p.answers)
			require.Equal(t, "m1", got.GetAckMessageId())
			require.Equal(t, c.want == "", got.GetAckError() == nil, c.reason)
			require.Equal(t, c.want, got.GetAckError().GetMessage(), c.reason)
			require.NoError(t, w.Settle(t.Context()), "a failure is the component's affair")
			if c.data == nil {
				require.Equal(t, c.told, told(w, "1"))
				require.Equal(t, "from the broker", header)
			}
		})
	}
}

func TestPluggableDeadLettersThroughTheComponent(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		data         []byte
		fail         []error
		failure      string
		told         string
	}{
		{"taken", "acknowledged", cloudEvent("1"), nil, "", "delivered answered(HTTP 500) dead-lettered(dead) acknowledged"},
		{"refused", "the failure of the delivery is told", cloudEvent("1"), []error{errors.New("broken")}, "retriable error occurred: retriable error returned from app while " +
			"processing pub/sub event 1, topic: orders, body: . status code returned: 500", "delivered answered(HTTP 500) pending"},
		{"no event", "and nothing else", []byte("no JSON"), []error{errors.New("broken")}, "invalid character 'o' in literal null (expecting 'u')", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlugged()
			p.fail = c.fail
			w := plug(t, p, world.Config{}, nil)
			w.Attach("app", (&inbox{subscriptions: []subscription{on("orders").deadLetter("dead")}, answer: answer(500)}).start)
			within(t, p.subscribed)
			m := pulled("1")
			m.Data = c.data
			p.send <- m
			got := within(t, p.answers)
			require.Equal(t, c.failure, got.GetAckError().GetMessage(), c.reason)
			require.Equal(t, c.told, told(w, "1"))
			require.Len(t, p.calls(), 1)
			require.Equal(t, "dead", p.calls()[0].GetTopic())
			require.Equal(t, c.data, p.calls()[0].GetData())
			require.Equal(t, map[string]string{"header": "from the broker", "pubsubName": "pubsub"}, p.calls()[0].GetMetadata())
		})
	}
}

func TestPluggableMessagesComeOneAfterAnother(t *testing.T) {
	p := newPlugged()
	w := plug(t, p, world.Config{}, nil)
	entered, release := make(chan string, 3), make(chan struct{})
	w.Attach("app", (&inbox{subscriptions: []subscription{on("orders")}, answer: func(_ http.ResponseWriter, _ *http.Request, e contract.Event) {
		entered <- e.ID
		<-release
	}}).start)
	within(t, p.subscribed)
	p.send <- pulled("1")
	p.send <- pulled("2")
	require.Equal(t, "1", within(t, entered))
	select {
	case id := <-entered:
		t.Fatalf("%s is delivered while 1 is", id)
	case <-time.After(200 * time.Millisecond): // longer than the engine's patience
	}
	close(release)
	require.Equal(t, "2", within(t, entered))
	require.Equal(t, "m1", within(t, p.answers).GetAckMessageId())
	require.Equal(t, "m2", within(t, p.answers).GetAckMessageId())
}

func TestPluggableStreamSubscription(t *testing.T) {
	p := newPlugged()
	w := plug(t, p, world.Config{}, nil)
	c := streaming(w, "app")
	stream, err := open(t, c, &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "pubsub", Topic: "orders"})
	require.NoError(t, err)
	within(t, p.subscribed)
	p.send <- pulled("1")
	in, err := stream.Recv()
	require.NoError(t, err)
	require.Equal(t, "1", in.GetEventMessage().GetId())
	require.NoError(t, stream.answer("1", says(runtime.TopicEventResponse_RETRY)))
	require.Equal(t, "RETRY status returned from app while processing pub/sub event 1: retriable error occurred", within(t, p.answers).GetAckError().GetMessage())
	require.NoError(t, stream.CloseSend())
	for range 2 { // its end, told as an error
		if _, err = stream.Recv(); err != nil {
			break
		}
	}
	require.Error(t, err)
	settle(t, w)
}

func TestPluggableIsRefusedOnceTheSidecarShutsDown(t *testing.T) {
	p := newPlugged()
	w := plug(t, p, world.Config{}, nil)
	entered, release := make(chan struct{}, 1), make(chan struct{})
	w.Attach("app", (&inbox{subscriptions: []subscription{on("orders")}, answer: func(http.ResponseWriter, *http.Request, contract.Event) {
		entered <- struct{}{}
		<-release
	}}).start)
	within(t, p.subscribed)
	p.send <- pulled("1")
	within(t, entered)
	fakes.StopReading(w, "app")
	close(release)
	got := within(t, p.answers)
	require.Nil(t, got.GetAckError(), "what is being delivered goes on")
	p.send <- pulled("2")
	require.Equal(t, "subscription is closed", within(t, p.answers).GetAckError().GetMessage())
	require.Empty(t, told(w, "2"))
}
