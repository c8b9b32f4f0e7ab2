package fakes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	common "github.com/dapr/dapr/pkg/proto/common/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/eventproof/eventproof/fakes/world"
)

// invocation is a call of an app's method, as one daprd passes it to another.
// It is called once for each attempt.
type invocation struct {
	message     bool // there is a message: InvokeService may come without one
	method      string
	extension   bool // it states a verb
	verb        common.HTTPExtension_Verb
	query       string
	contentType string
	typeURL     string
	data        []byte
	tooLarge    bool // data breaks off at daprd's limit
	sized       bool // the length of the data is known without a Content-Length
	span        spanContext
	cause       int // the delivery in whose course the call is made

	mu       sync.Mutex
	metadata metadataOf
}

// invoked is what an app answered.
type invoked struct {
	status            int // of HTTP from 100 on, of gRPC below
	message           string
	details           []*anypb.Any
	contentType       string
	typeURL           string
	data              []byte
	headers, trailers metadataOf
	streamed          bool // it is a stream of events, as it came
}

func (i *invoked) isHTTP() bool { return i.status >= 100 }

// mediaType is the content type as Dapr's HTTP API tells it.
//
// Source: dapr v1.16.0 pkg/messaging/v1/invoke_method_response.go ContentType.
func (i *invoked) mediaType() string {
	if i.typeURL != "" {
		return protobufType
	}
	return i.contentType
}

const protobufType = "application/x-protobuf"

// namespace of every daprd that is told no other.
const namespace = "default"

// target is the app that is called. An app that is a URL is called without a
// sidecar of its own.
type target struct {
	id, url string
	app     *app
	local   bool
}

// target resolves an app id. A namespace is read and then passed over by mDNS;
// but the sidecar's own id with another one is another app.
//
// Sources: dapr v1.16.0 pkg/messaging/direct_messaging.go getRemoteApp,
// requestAppIDAndNamespace, Invoke.
func (s *sidecar) target(ctx context.Context, id string) (target, error) {
	if id == "" {
		return target{}, errors.New("app id is empty")
	}
	if isURL(id) {
		return target{id: id, url: id}, nil
	}
	name, in, qualified := strings.Cut(id, ".")
	if strings.Contains(in, ".") {
		return target{}, fmt.Errorf("invalid app id %s", id)
	}
	a, err := s.resolve(ctx, name)
	return target{id: name, app: a, local: name == s.app.id && (!qualified || in == namespace)}, err
}

func isURL(id string) bool {
	return strings.HasPrefix(id, "http://") || strings.HasPrefix(id, "https://")
}

// Of the lookup of an app id that nobody announces.
//
// Source: components-contrib v1.16.0 nameresolution/mdns/mdns.go.
const (
	browseTime    = time.Second             // browseOneTimeout
	subscribeTime = 2 * time.Second         // subscriberTimeout
	browsedFor    = 2500 * time.Millisecond // subscriberCleanupWait
)

// resolve finds an app of the world, as mDNS finds one of the network. The first
// who looks for an app that is not there waits until nobody answered; who looks
// for it again soon after that waits in vain for the first.
//
// Source: components-contrib v1.16.0 nameresolution/mdns/mdns.go ResolveID.
func (s *sidecar) resolve(ctx context.Context, id string) (*app, error) {
	e := s.world.engine
	e.mu.Lock()
	a := s.world.apps[id]
	if a != nil {
		e.mu.Unlock()
		return a, nil
	}
	now := time.Now()
	wait, err := browseTime, fmt.Errorf("couldn't find service: %s", id)
	switch began, before := s.app.lookups[id]; {
	case !before || now.Sub(began) >= browseTime+browsedFor:
		if s.app.lookups == nil {
			s.app.lookups = make(map[string]time.Time)
		}
		s.app.lookups[id] = now
	case now.Sub(began) < browseTime:
		wait = browseTime - now.Sub(began)
	default:
		wait, err = subscribeTime, fmt.Errorf("timeout waiting for address for app id %s", id)
	}
	e.mu.Unlock()
	if cut := pause(ctx, wait); cut != nil {
		return nil, cut
	}
	return nil, err
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call passes an invocation on, once: to the sidecar's own app, to that of
// another sidecar, or to a URL.
//
// daprd tries again where the other sidecar cannot be reached
// (DaprBuiltInServiceRetries). In a world every sidecar can: an app that is down
// leaves its sidecar behind, whose answer, Internal, is not tried again.
//
// Source: dapr v1.16.0 pkg/messaging/direct_messaging.go Invoke.
func (s *sidecar) call(ctx context.Context, id string, in *invocation) (*invoked, error) {
	to, err := s.target(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case to.url != "":
		return in.callURL(ctx, to.url, in.metadata)
	case to.local:
		protocol, i := s.world.channel(to.app)
		if protocol == "" {
			return nil, errors.New("cannot invoke local endpoint: app channel not initialized")
		}
		return s.world.callApp(ctx, to.app, protocol, i, in, in.metadata)
	}
	return s.callRemote(ctx, to, in)
}

// errTooLarge is for a body beyond daprd's limit, of which the app sees a part.
// Where it is beyond by one byte, daprd, by the luck of its reads, may lose that
// byte instead.
//
// Source: kit v0.16.1 streams/limitreadcloser.go.
var errTooLarge = errors.New("stream too large")

// callRemote is the sidecar of another app, called by this one.
//
// Sources: dapr v1.16.0 pkg/messaging/direct_messaging.go invokeRemote,
// pkg/api/grpc/daprinternal.go CallLocalStream.
func (s *sidecar) callRemote(ctx context.Context, to target, in *invocation) (*invoked, error) {
	with := in.forwarded(s.app.id, to.id)
	protocol, i := s.world.channel(to.app)
	if protocol == "" {
		return nil, status.Error(codes.Internal, "app channel is not initialized")
	}
	there := in.received()
	if !there.message {
		i.leave()
		return nil, status.Error(codes.InvalidArgument, "parsing InternalInvokeRequest error: request does not contain the required fields in the leading chunk")
	}
	out, err := s.world.callApp(ctx, to.app, protocol, i, there, with)
	switch {
	case ctx.Err() != nil:
		return nil, status.FromContextError(ctx.Err()).Err()
	case there.tooLarge:
		return nil, errTooLarge
	case err != nil:
		return nil, status.Errorf(codes.Internal, "error invoking app channel: %s", err)
	case out.streamed:
		return nil, status.Error(codes.Internal, "error invoking app channel: no response received from stream")
	}
	return out, nil
}

// received is the invocation as the other sidecar has it: in chunks, and without
// a trace state.
func (in *invocation) received() *invocation {
	span := in.span
	span.state = ""
	return &invocation{message: in.message, method: in.method, extension: in.extension, verb: in.verb, query: in.query, contentType: in.contentType,
		typeURL: in.typeURL, data: in.data, tooLarge: in.tooLarge, span: span, cause: in.cause}
}

// The machine of a world, as its sidecars tell it to the apps. daprd tells its
// host's outward address and name.
const (
	hostAddress = "127.0.0.1"
	hostName    = "localhost"
)

// forwarded adds who calls whom to the metadata, and returns them. The
// X-Forwarded headers are added once more for each attempt, as by daprd.
//
// Source: dapr v1.16.0 pkg/messaging/direct_messaging.go
// addForwardedHeadersToMetadata, addCallerAndCalleeAppIDHeaderToMetadata.
func (in *invocation) forwarded(caller, callee string) metadataOf {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.metadata == nil {
		in.metadata = make(metadataOf)
	}
	add := func(name, value string) {
		in.metadata[name] = append(slices.Clone(in.metadata[name]), value)
	}
	add("X-Forwarded-For", hostAddress)
	add("X-Forwarded-Host", hostName)
	add("Forwarded", "for="+hostAddress+";by="+hostAddress+";host="+hostName)
	in.metadata[destinationHeader] = []string{callee}
	in.metadata[callerNamespaceHeader] = []string{namespace}
	in.metadata[callerHeader] = []string{caller}
	in.metadata[calleeHeader] = []string{callee}
	return maps.Clone(in.metadata)
}

// channel is how an app's sidecar calls it, "" for an app that it does not, and
// the incarnation that is there, nil for none. It must be left after the call.
func (w *backend) channel(a *app) (world.Protocol, *incarnation) {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	if a.protocol == "" || a.incarnation == nil || w.engine.closed {
		return a.protocol, nil
	}
	a.incarnation.calls.Add(1)
	return a.protocol, a.incarnation
}

// leave ends a call of the incarnation.
func (i *incarnation) leave() {
	if i != nil {
		i.calls.Done()
	}
}

// uninvokable says why an invocation would not be answered as by daprd, "" where
// it would.
func (w *backend) uninvokable() string {
	for _, c := range w.recorder.Resources().Configurations {
		if len(c.Invocation) > 0 {
			return fmt.Sprintf("Configuration %s (%s) states %s, which decides on service invocation and is not simulated by the fake; take it out of the test's resources",
				c.Name, c.Place, strings.Join(c.Invocation, ", "))
		}
	}
	return ""
}

// verbOf is a verb of HTTP; one that daprd does not know is POST.
//
// Source: dapr v1.16.0 pkg/messaging/v1/invoke_method_request.go WithHTTPExtension.
func verbOf(method string) common.HTTPExtension_Verb {
	if verb, ok := common.HTTPExtension_Verb_value[strings.ToUpper(method)]; ok {
		return common.HTTPExtension_Verb(verb)
	}
	return common.HTTPExtension_POST
}

// acceptsEvents reports whether a request asks for a stream of events.
//
// Source: dapr v1.16.0 pkg/channel/http/http_channel.go isSSE.
func acceptsEvents(h http.Header) bool {
	return strings.HasPrefix(h.Get("Accept"), "text/event-stream")
}
