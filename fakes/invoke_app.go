package fakes

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	common "github.com/dapr/dapr/pkg/proto/common/v1"
	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/eventproof/eventproof/fakes/world"
)

// callApp calls the app over its channel, once, and leaves the incarnation. A
// caller that gives up does not wait for the app; an HTTP app's context ends
// then, while a gRPC app's does not, as with daprd.
func (w *backend) callApp(ctx context.Context, a *app, protocol world.Protocol, i *incarnation, in *invocation, with metadataOf) (*invoked, error) {
	base := "http://" + w.address(a)
	if i == nil { // between two incarnations: nobody listens
		refused := w.refused(a)
		if protocol == world.ProtocolGRPC {
			return &invoked{status: int(codes.Unavailable), message: notDialled(refused)}, nil
		}
		return in.callHTTP(ctx, transportFunc(func(*http.Request) (*http.Response, error) { return nil, refused }), false, base, with)
	}
	if err := i.health.refuses(); err != nil {
		i.leave()
		return nil, status.Error(codes.Internal, err.Error())
	}
	appCtx := i.ctx
	if in.cause > 0 {
		appCtx = world.InDelivery(appCtx, a.id, in.cause)
	}
	appCtx, cancel := context.WithCancel(appCtx)
	type answer struct {
		out *invoked
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		defer i.leave()
		defer cancel()
		var got answer
		if protocol == world.ProtocolGRPC {
			got.out, got.err = in.callGRPC(appCtx, i.conn, with)
		} else {
			stop := context.AfterFunc(ctx, cancel)
			defer stop()
			got.out, got.err = in.callHTTP(appCtx, i.http, i.handler != nil, base, with)
		}
		var panicked *world.PanicError
		if errors.As(got.err, &panicked) && panicked.Value != http.ErrAbortHandler { //nolint:errorlint // a value, as in net/http
			w.recorder.Logf("the handler of %s panicked: %v\n%s", a.id, panicked.Value, panicked.Frames())
		}
		answers <- got
	}()
	crashed := func() (*invoked, error) {
		if protocol == world.ProtocolGRPC {
			return &invoked{status: int(codes.Unavailable), message: "error reading from server: EOF"}, nil
		}
		return in.callHTTP(ctx, transportFunc(func(*http.Request) (*http.Response, error) { return nil, io.EOF }), false, base, with)
	}
	select {
	case got := <-answers:
		switch {
		case i.fenced():
			return crashed()
		case errors.Is(got.err, world.ErrReset):
			var u *url.Error
			if errors.As(got.err, &u) {
				u.Err = io.EOF
			}
		}
		return got.out, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-i.ctx.Done():
		return crashed()
	}
}

// address is where daprd would find the app: APP_PORT where that was asked for.
func (w *backend) address(a *app) string {
	w.engine.mu.Lock()
	s := a.sidecar
	w.engine.mu.Unlock()
	port := "0"
	if s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.appPort != "" {
			port = s.appPort
		}
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// refused is what daprd's system says of an app that does not listen.
func (w *backend) refused(a *app) error {
	host, port, _ := net.SplitHostPort(w.address(a))
	n, _ := strconv.Atoi(port)
	return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.ParseIP(host), Port: n}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

// notDialled is what a gRPC connection says of an app that does not listen.
func notDialled(err error) string {
	return fmt.Sprintf("connection error: desc = %q", "transport: Error while dialing: "+err.Error())
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// callURL calls a URL that stands in place of an app id.
//
// Source: dapr v1.16.0 pkg/messaging/direct_messaging.go invokeHTTPEndpoint.
func (in *invocation) callURL(ctx context.Context, base string, with metadataOf) (*invoked, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, DisableCompression: true}
	return in.callHTTP(ctx, transport, false, base, with)
}

// callHTTP makes the request of an HTTP app. direct says that the transport is
// the app's handler itself.
//
// Source: dapr v1.16.0 pkg/channel/http/http_channel.go InvokeMethod,
// constructRequest, parseChannelResponse.
func (in *invocation) callHTTP(ctx context.Context, transport http.RoundTripper, direct bool, base string, with metadataOf) (*invoked, error) {
	switch {
	case !in.extension:
		return nil, status.Error(codes.InvalidArgument, "missing HTTP extension field")
	case in.verb == common.HTTPExtension_NONE, in.verb == common.HTTPExtension_CONNECT:
		return nil, status.Error(codes.InvalidArgument, "invalid HTTP verb")
	}
	uri := base
	if !strings.HasPrefix(in.method, "/") && in.method != "" {
		uri += "/"
	}
	uri += in.method
	if in.query != "" {
		uri += "?" + in.query
	}
	r, err := in.request(ctx, uri, with)
	if err != nil {
		return nil, err
	}
	events := acceptsEvents(r.Header)
	if events {
		r.Header.Set("Accept", "text/event-stream")
	}
	unzip := r.Header.Get("Accept-Encoding") == "" && r.Header.Get("Range") == "" && r.Method != http.MethodHead
	if unzip { // as net/http's transport, which daprd's app channel is
		r.Header.Set("Accept-Encoding", "gzip")
	}
	asked := r.URL.Redacted()
	failed := func(err error) error {
		return &url.Error{Op: r.Method[:1] + strings.ToLower(r.Method[1:]), URL: asked, Err: err}
	}
	cut := false
	if direct {
		cut = asReceived(r, in.data)
	}
	response, err := transport.RoundTrip(r)
	switch {
	case in.tooLarge:
		if err == nil {
			_ = response.Body.Close()
		}
		return nil, failed(errTooLarge)
	case err == nil && (response.StatusCode < 100 || response.StatusCode > 999):
		err = io.EOF // net/http's server panics at such a status
	case err == nil && cut:
		err = fmt.Errorf("net/http: HTTP/1.x transport connection broken: http: ContentLength=%d with Body length %d", r.ContentLength, len(in.data))
	}
	if err != nil {
		return nil, failed(err)
	}
	defer response.Body.Close()
	if direct {
		asSent(response)
	}
	body, _ := io.ReadAll(response.Body) // what breaks off is passed as it came
	if unzip && strings.EqualFold(response.Header.Get("Content-Encoding"), "gzip") {
		if plain, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, _ = io.ReadAll(plain)
			response.Header.Del("Content-Encoding")
			response.Header.Del("Content-Length")
		}
	}
	if r.Method == http.MethodHead {
		body = nil
	}
	headers := make(metadataOf, len(response.Header))
	for name, values := range response.Header {
		if len(values) > 0 {
			headers[name] = values
		}
	}
	return &invoked{status: response.StatusCode, contentType: response.Header.Get("Content-Type"), data: body, headers: headers, streamed: events}, nil
}

// request is the request as daprd makes it.
func (in *invocation) request(ctx context.Context, uri string, with metadataOf) (*http.Request, error) {
	var body io.Reader = bytes.NewReader(in.data)
	if in.tooLarge {
		body = io.MultiReader(body, brokenOff{})
	}
	if !in.sized {
		body = struct{ io.Reader }{body} // a stream: net/http does not know its length
	}
	r, err := http.NewRequestWithContext(ctx, in.verb.String(), uri, body)
	if err != nil {
		return nil, err
	}
	with.toHTTP(in.span, r.Header.Add)
	contentType := in.contentType
	if in.typeURL != "" {
		contentType = protobufType
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	} else {
		r.Header.Del("Content-Type")
	}
	if length := r.Header.Get("Content-Length"); length != "" {
		if r.ContentLength, err = strconv.ParseInt(length, 10, 64); err != nil {
			return nil, err
		}
	}
	if in.span.known() {
		r.Header.Set(traceparentHeader, in.span.text())
	}
	if in.span.state != "" {
		r.Header.Set(tracestateHeader, in.span.state)
	}
	return r, nil
}

// asReceived makes a request that the app's handler is called with what it would
// be on a connection, where net/http writes and reads it. It reports whether the
// body is shorter than was announced.
func asReceived(r *http.Request, data []byte) (cut bool) {
	r.URL = &url.URL{Path: cmp.Or(r.URL.Path, "/"), RawPath: r.URL.RawPath, ForceQuery: r.URL.ForceQuery, RawQuery: r.URL.RawQuery}
	for _, name := range []string{"Host", "Transfer-Encoding", "Trailer", "Content-Length"} {
		r.Header.Del(name)
	}
	if len(r.Header["User-Agent"]) == 0 {
		r.Header.Set("User-Agent", "Go-http-client/1.1")
	}
	usuallyHasBody := slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, r.Method)
	switch {
	case r.ContentLength > int64(len(data)):
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data), brokenOff{}))
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
		return true
	case r.ContentLength > 0, r.Body == http.NoBody && usuallyHasBody:
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	case r.Body != nil && r.Body != http.NoBody && (usuallyHasBody || len(data) > 0):
		r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
	default:
		r.Body, r.ContentLength = http.NoBody, 0
	}
	return false
}

// brokenOff is the end of a body whose sender broke off.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// asSent adds to a handler's answer what net/http's server adds.
func asSent(response *http.Response) {
	h := response.Header
	if _, ok := h["Date"]; !ok {
		h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	if response.StatusCode == http.StatusNoContent || response.StatusCode == http.StatusNotModified {
		h.Del("Content-Length")
		return
	}
	if _, ok := h["Content-Type"]; !ok && h.Get("Content-Encoding") == "" && response.ContentLength > 0 {
		start, _ := io.ReadAll(response.Body)
		h.Set("Content-Type", http.DetectContentType(start))
		response.Body = io.NopCloser(bytes.NewReader(start))
	}
}

// callGRPC is AppCallback.OnInvoke. Whatever it ends with is an answer.
//
// Source: dapr v1.16.0 pkg/channel/grpc/grpc_channel.go invokeMethodV1.
func (in *invocation) callGRPC(ctx context.Context, conn *grpc.ClientConn, with metadataOf) (*invoked, error) {
	switch {
	case !in.message:
		return nil, errors.New("message is nil")
	case in.tooLarge:
		return nil, errTooLarge
	}
	request := &common.InvokeRequest{Method: in.method, ContentType: in.contentType, Data: &anypb.Any{Value: in.data, TypeUrl: in.typeURL}}
	if in.extension {
		request.HttpExtension = &common.HTTPExtension{Verb: in.verb, Querystring: in.query}
	}
	ctx = world.ToldInMetadata(metadata.NewOutgoingContext(ctx, with.toGRPC(in.span, true)))
	var header, trailer metadata.MD
	response, err := runtime.NewAppCallbackClient(conn).OnInvoke(ctx, request, grpc.Header(&header), grpc.Trailer(&trailer),
		grpc.MaxCallSendMsgSize(maxMessage), grpc.MaxCallRecvMsgSize(maxMessage))
	out := &invoked{headers: metadataOf(header), trailers: metadataOf(trailer)}
	if err != nil {
		s := status.Convert(err)
		out.status, out.message, out.details = int(s.Code()), s.Message(), s.Proto().GetDetails()
		return out, nil
	}
	out.contentType, out.typeURL, out.data = response.GetContentType(), response.GetData().GetTypeUrl(), response.GetData().GetValue()
	return out, nil
}
