package fakes

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

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
	closeIdle func()
	conn      *grpc.ClientConn // ProtocolGRPC
}

func newIncarnation(e world.Endpoint) (*incarnation, error) {
	i := &incarnation{protocol: e.Protocol, closeIdle: func() {}}
	i.ctx, i.cancel = context.WithCancel(context.Background())
	switch e.Protocol {
	case world.ProtocolHTTP:
		i.http, i.closeIdle = e.Transport()
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
	call, err := i.prepare(d)
	if err != nil {
		return outcome{kind: failed, answer: journal.NoAnswer, code: codeOf(err), grpc: i.conn != nil, note: err.Error()}
	}
	seq, _ := d.world.recorder.Deliver(world.Delivery{App: d.sub.app.id, PubSub: d.sub.component, Topic: d.sub.topic, Route: d.path,
		Protocol: string(i.protocol), Envelope: d.envelope, Event: d.pending.message.event, Cause: d.last, Raw: d.sub.rawPayload == "true"})
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
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel() // not by who answers: its answer and the end of the context would be one moment
	answers := make(chan outcome, 1)
	i.calls.Add(1)
	go func() {
		defer i.calls.Done()
		answers <- call(ctx)
	}()
	select {
	case o := <-answers:
		if ctx.Err() == nil || i.ctx.Err() != nil {
			return o
		}
	case <-ctx.Done():
	}
	return outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: "timeout of the inbound policy"}
}

// prepare makes the request, as far as that is possible without the app.
func (i *incarnation) prepare(d *delivery) (call func(context.Context) outcome, err error) {
	with := withPubSub(d.pending.message.metadata, d.sub.component)
	if i.protocol == world.ProtocolGRPC {
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
	for name, value := range with {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("publish metadata %q: %q is no HTTP header", name, value)
		}
	}
	return func(ctx context.Context) outcome { return i.callHTTP(ctx, d, with) }, nil
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
func (i *incarnation) callHTTP(ctx context.Context, d *delivery, with map[string]string) outcome {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://app/"+strings.TrimPrefix(d.path, "/"), bytes.NewReader(d.envelope))
	if err != nil {
		return outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: err.Error()}
	}
	for name, value := range with {
		if !strings.EqualFold(name, "Content-Length") {
			r.Header.Set(name, value)
		}
	}
	r.Header.Set("Content-Type", "application/cloudevents+json")
	response, err := i.http.RoundTrip(r)
	if err != nil {
		var panicked *world.PanicError
		if errors.As(err, &panicked) && panicked.Value != http.ErrAbortHandler { //nolint:errorlint // a value, as in net/http
			d.world.recorder.Logf("the handler of %s panicked: %v\n%s", d.sub.app.id, panicked.Value, panicked.Frames())
		}
		return outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: err.Error()}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: err.Error()}
	}
	switch code := response.StatusCode; {
	case code >= 200 && code <= 299:
		var answer struct {
			Status string `json:"status"`
		}
		if json.NewDecoder(bytes.NewReader(body)).Decode(&answer) != nil {
			return outcome{kind: handled, answer: journal.Success}
		}
		return byStatus(answer.Status)
	case code == http.StatusNotFound:
		return outcome{kind: forgotten, answer: "HTTP 404", code: code}
	default:
		return outcome{kind: failed, answer: fmt.Sprintf("HTTP %d", code), code: code}
	}
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
	ctx = world.ToldInMetadata(ctx)
	for name, value := range with {
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
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

// topicEventRequest is the event as a gRPC app gets it: data by content type,
// and everything that has no field of its own among the extensions.
//
// Source: dapr v1.16.0 pkg/runtime/pubsub/subscriptions.go
// GRPCEnvelopeFromSubscriptionMessage.
func topicEventRequest(d *delivery) (*runtime.TopicEventRequest, error) {
	text := func(attribute string) string { s, _ := d.event[attribute].(string); return s }
	r := &runtime.TopicEventRequest{Id: text("id"), Source: text("source"), Type: text("type"), SpecVersion: text("specversion"),
		DataContentType: text("datacontenttype"), Topic: d.sub.topic, PubsubName: d.sub.component, Path: d.path}
	if data, ok := d.event["data_base64"]; ok && data != nil {
		encoded, ok := data.(string)
		if !ok {
			return nil, errors.New("unexpected data type encountered in envelope")
		}
		var err error
		if r.Data, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, err
		}
	} else if data, ok := d.event["data"]; ok && data != nil {
		contentType := r.DataContentType
		switch {
		case strings.HasPrefix(strings.ToLower(contentType), "text/"), isContentType(contentType, "application/xml"):
			s, ok := data.(string)
			if !ok {
				return nil, errors.New("unexpected data type encountered in envelope")
			}
			r.Data = []byte(s)
		case isContentType(contentType, "application/json"), isContentType(contentType, "application/cloudevents+json"):
			r.Data, _ = json.Marshal(data)
		} // any other content type: the data is lost, as in daprd
	}
	extensions := make(map[string]any)
	for name, value := range d.event {
		switch name {
		case "id", "source", "datacontenttype", "type", "specversion", "data", "data_base64":
		default:
			extensions[name] = value
		}
	}
	encoded, err := json.Marshal(extensions)
	if err != nil {
		return nil, err
	}
	r.Extensions = new(structpb.Struct)
	return r, protojson.Unmarshal(encoded, r.Extensions)
}
