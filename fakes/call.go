package fakes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"golang.org/x/net/http/httpguts"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// incarnation is an app between its start and its end. Calls that are open
// when it ends are answered by nobody.
type incarnation struct {
	protocol world.Protocol
	ctx      context.Context
	cancel   context.CancelFunc
	ended    atomic.Bool
	calls    sync.WaitGroup

	http      http.RoundTripper // ProtocolHTTP
	handler   http.Handler      // the same app where it is in this process, else nil
	closeIdle func()
	urls      sync.Map         // path -> *url.URL
	conn      *grpc.ClientConn // ProtocolGRPC

	health *appHealth // nil: it is taken to be well
}

func newIncarnation(e world.Endpoint) (*incarnation, error) {
	i := &incarnation{protocol: e.Protocol, closeIdle: func() {}}
	i.ctx, i.cancel = context.WithCancel(context.Background())
	switch e.Protocol {
	case world.ProtocolHTTP:
		i.http, i.closeIdle = e.Transport()
		i.handler = e.Handler
	case world.ProtocolGRPC:
		conn, err := e.DialGRPC()
		if err != nil {
			return nil, fmt.Errorf("dial app: %w", err)
		}
		i.conn = conn
	}
	return i, nil
}

func (i *incarnation) fenced() bool { return i.ended.Load() }

// end fences the incarnation and waits for its calls.
func (i *incarnation) end() error {
	i.ended.Store(true)
	i.cancel()
	var err error
	if !waitFor(&i.calls) {
		err = fmt.Errorf("a handler still runs %s after its request's context ended: what it does now would reach the app's next incarnation; make it return when the context ends", goodbye)
	}
	i.closeIdle()
	if i.conn != nil {
		err = errors.Join(err, i.conn.Close())
	}
	return err
}

// call gives the event to the app, once. A call that the sidecar cannot even
// make leaves d.seq 0.
func (i *incarnation) call(d *delivery) outcome {
	if err := i.health.refuses(); err != nil {
		return outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: err.Error()}
	}
	call, err := i.prepare(d)
	if err != nil {
		return outcome{kind: failed, answer: journal.NoAnswer, code: codeOf(err), grpc: i.conn != nil, note: err.Error()}
	}
	seq, _ := d.world.recorder.Deliver(world.Delivery{App: d.sub.app.id, PubSub: d.sub.component, Topic: d.sub.topic, Route: d.path,
		Protocol: string(i.protocol), Envelope: d.shown(), Event: d.pending.message.event, Cause: d.last, Raw: d.sub.rawPayload == "true"})
	d.world.engine.mu.Lock()
	d.seq = seq
	d.world.engine.mu.Unlock()
	ctx := world.InDelivery(i.ctx, d.sub.app.id, seq)
	began := time.Now()
	o := i.within(ctx, d.sub.policy.Timeout, call)
	o.took = time.Since(began)
	return o
}

// within gives up on a call at the policy's timeout, whether the handler minds
// its context or not: the next attempt then runs beside it, as with daprd.
func (i *incarnation) within(ctx context.Context, timeout time.Duration, call func(context.Context) outcome) outcome {
	if timeout <= 0 {
		return call(ctx)
	}
	deadline := time.Now().Add(timeout)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel() // not when the call returns: its answer would look like one that is too late
	answers := make(chan outcome, 1)
	i.calls.Add(1)
	go func() {
		defer i.calls.Done()
		answers <- call(ctx)
	}()
	select {
	case o := <-answers:
		// Not by ctx: at that instant gRPC's own timers may be first.
		if time.Now().Before(deadline) || i.ctx.Err() != nil {
			return o
		}
	case <-ctx.Done():
	}
	return outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: timedOutNote}
}

const timedOutNote = "timeout of the inbound policy"

// prepare makes the request, as far as that is possible without the app.
func (i *incarnation) prepare(d *delivery) (call func(context.Context) outcome, err error) {
	if i.protocol == world.ProtocolGRPC {
		with := withPubSub(d.pending.message.metadata, d.sub.component)
		request, err := topicEventRequest(d)
		if err != nil {
			return nil, err
		}
		for name, value := range with {
			if err := validMetadata(name, value); err != nil {
				return nil, err
			}
		}
		return func(ctx context.Context) outcome { return i.callGRPC(ctx, request, with) }, nil
	}
	header, err := headers(d)
	if err != nil {
		return nil, err
	}
	path, err := i.url(d.path)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) outcome { return i.callHTTP(ctx, d, path, header) }, nil
}

// headers are those of a delivery over HTTP: the message's metadata, the
// component's name, and the content type.
func headers(d *delivery) (http.Header, error) {
	metadata := d.pending.message.metadata
	header := make(http.Header, len(metadata)+2)
	values := make([]string, 0, len(metadata)+2)
	set := func(name, value string) error {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return fmt.Errorf("publish metadata %q: %q is no HTTP header", name, value)
		}
		if !strings.EqualFold(name, "Content-Length") {
			values = append(values, textproto.TrimString(value)) // as net/http writes it
			header[headerKey(name)] = values[len(values)-1 : len(values) : len(values)]
		}
		return nil
	}
	for name, value := range metadata {
		if name == "pubsubName" {
			continue // the component's name, below
		}
		if err := set(name, value); err != nil {
			return nil, err
		}
	}
	if err := set("pubsubName", d.sub.component); err != nil {
		return nil, err
	}
	return header, set("Content-Type", "application/cloudevents+json")
}

// headerKey is [http.CanonicalHeaderKey], which makes what it does not know anew
// each time.
func headerKey(name string) string {
	switch name {
	case "pubsubName":
		return "Pubsubname"
	case "cloudevent.id":
		return "Cloudevent.id"
	case "cloudevent.source":
		return "Cloudevent.source"
	case "cloudevent.type":
		return "Cloudevent.type"
	}
	return http.CanonicalHeaderKey(name)
}

// url is that of a path of the app; it is made once.
func (i *incarnation) url(path string) (*url.URL, error) {
	if known, ok := i.urls.Load(path); ok {
		return known.(*url.URL), nil
	}
	u, err := url.Parse("http://app/" + strings.TrimPrefix(path, "/"))
	if err == nil {
		i.urls.Store(path, u)
	}
	return u, err
}

// validMetadata is grpc-go's own test of what it sends as a header: an illegal
// one fails the call with Internal.
//
// Source: google.golang.org/grpc internal/metadata/metadata.go ValidatePair.
func validMetadata(name, value string) error {
	name = strings.ToLower(name)
	if name == "" || strings.Trim(name, "0123456789abcdefghijklmnopqrstuvwxyz._-") != "" {
		return status.Errorf(codes.Internal, "header key %q contains illegal characters not in [0-9a-z-_.]", name)
	}
	if strings.HasSuffix(name, "-bin") {
		return nil
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r > 0x7E }) {
		return status.Errorf(codes.Internal, "header key %q contains value with non-printable ASCII characters", name)
	}
	return nil
}

func codeOf(err error) int {
	if s, ok := status.FromError(err); ok {
		return int(s.Code())
	}
	return noCode
}

// callHTTP is a POST of the CloudEvent.
//
// Source: dapr v1.16.0 pkg/runtime/subscription/postman/http/http.go Deliver.
func (i *incarnation) callHTTP(ctx context.Context, d *delivery, path *url.URL, header http.Header) outcome {
	status, answered, err := i.post(ctx, d.envelope, path, header)
	if err != nil {
		var panicked *world.PanicError
		if errors.As(err, &panicked) && panicked.Value != http.ErrAbortHandler { //nolint:errorlint // a value, as in net/http
			d.world.recorder.Logf("the handler of %s panicked: %v\n%s", d.sub.app.id, panicked.Value, panicked.Frames())
		}
		return outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: err.Error()}
	}
	switch code := status; {
	case code >= 200 && code <= 299:
		var answer struct {
			Status string `json:"status"`
		}
		if len(answered) == 0 || json.NewDecoder(bytes.NewReader(answered)).Decode(&answer) != nil {
			return outcome{kind: handled, answer: journal.Success}
		}
		return byStatus(answer.Status)
	case code == http.StatusNotFound && d.world.version.notFoundIsDrop:
		return outcome{kind: refused, answer: "HTTP 404", code: code}
	case code == http.StatusNotFound:
		return outcome{kind: forgotten, answer: "HTTP 404", code: code}
	default:
		return outcome{kind: failed, answer: fmt.Sprintf("HTTP %d", code), code: code, body: string(answered)}
	}
}

// posted is what a call of a handler in this process needs of its own.
type posted struct {
	bytes.Reader // the body
	url          url.URL
}

func (*posted) Close() error { return nil }

// aRequest is what is alike in all requests.
var aRequest = &http.Request{Method: http.MethodPost, Host: "app", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}

// post makes the request, once.
func (i *incarnation) post(ctx context.Context, envelope []byte, path *url.URL, header http.Header) (status int, answer []byte, err error) {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	body := &posted{url: *path}
	body.Reset(envelope)
	r := aRequest.WithContext(within)
	r.URL, r.Header, r.Body, r.ContentLength = &body.url, header, body, int64(len(envelope))
	if i.handler != nil {
		status, _, answer, err = world.Serve(i.handler, r)
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return status, answer, err
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(envelope)), nil }
	response, err := i.http.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// byStatus reads the status of an answer; its case matters.
func byStatus(text string) outcome {
	switch text {
	case "", journal.Success:
		return outcome{kind: handled, answer: journal.Success}
	case journal.Drop:
		return outcome{kind: refused, answer: journal.Drop}
	default: // RETRY, and what daprd does not know
		return outcome{kind: failed, answer: text, code: noCode}
	}
}

// callGRPC is AppCallback.OnTopicEvent.
//
// Source: dapr v1.16.0 pkg/runtime/subscription/postman/grpc/grpc.go Deliver.
func (i *incarnation) callGRPC(ctx context.Context, request *runtime.TopicEventRequest, with map[string]string) outcome {
	pairs := make([]string, 0, 2*len(with))
	for name, value := range with {
		pairs = append(pairs, name, value)
	}
	ctx = metadata.AppendToOutgoingContext(world.ToldInMetadata(ctx), pairs...)
	response, err := runtime.NewAppCallbackClient(i.conn).OnTopicEvent(ctx, request)
	if err != nil {
		code := status.Code(err)
		o := outcome{kind: failed, answer: "gRPC " + code.String(), code: int(code), grpc: true, note: status.Convert(err).Message()}
		if code == codes.Unimplemented {
			o.kind = forgotten
		}
		if code == codes.Unavailable && i.fenced() {
			o.answer = journal.NoAnswer
		}
		return o
	}
	switch s := response.GetStatus(); s {
	case runtime.TopicEventResponse_SUCCESS, runtime.TopicEventResponse_RETRY, runtime.TopicEventResponse_DROP:
		return byStatus(s.String())
	default:
		return outcome{kind: failed, answer: fmt.Sprintf("status %d", s), code: noCode}
	}
}
