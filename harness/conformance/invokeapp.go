package conformance

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	common "github.com/dapr/dapr/pkg/proto/common/v1"
	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/eventproof/eventproof/fakes/world"
)

// invokedApp is called by the invocation cases: it says what it saw, or answers
// as the method asks.
type invokedApp struct {
	runtime.UnimplementedAppCallbackServer

	mu     sync.Mutex
	counts map[string]int
}

// count is which call of this key it is, from 1.
func (a *invokedApp) count(key string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == nil {
		a.counts = make(map[string]int)
	}
	a.counts[key]++
	return a.counts[key]
}

func (a *invokedApp) startHTTP(context.Context, world.Sidecar) (world.Endpoint, error) {
	return world.HTTP(a), nil
}

func (a *invokedApp) startGRPC(context.Context, world.Sidecar) (world.Endpoint, error) {
	listener := world.Listen()
	server := grpc.NewServer(grpc.UnknownServiceHandler(a.serve), grpc.MaxSendMsgSize(8<<20), grpc.MaxRecvMsgSize(8<<20))
	runtime.RegisterAppCallbackServer(server, a)
	go func() { _ = server.Serve(listener) }() // ends with the listener
	return world.GRPC(listener).OnStop(func(context.Context) error { server.Stop(); return nil }), nil
}

// ServeHTTP is the HTTP app.
func (a *invokedApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	part := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	number := func(i int) int { n, _ := strconv.Atoi(part[min(i, len(part)-1)]); return n }
	asked := func(name string) int { n, _ := strconv.Atoi(r.URL.Query().Get(name)); return n }
	body, err := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "text/plain")
	switch part[0] {
	case "dapr":
		w.WriteHeader(http.StatusNotFound)
	case "code":
		w.Header().Set("X-Code", part[1])
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(number(1))
		_, _ = io.WriteString(w, "answered "+part[1])
	case "fail":
		call := a.count(r.URL.Path)
		if call > number(2) {
			_, _ = fmt.Fprintf(w, "call %d, body %q", call, body)
			return
		}
		if number(3) == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(number(3))
		_, _ = fmt.Fprintf(w, "call %d failed, body %q", call, body)
	case "slow":
		call := a.count(r.URL.Path)
		if call <= number(2) {
			patience := time.NewTimer(invokePause)
			defer patience.Stop()
			select {
			case <-r.Context().Done():
			case <-patience.C:
			}
		}
		_, _ = fmt.Fprintf(w, "call %d, body %q", call, body)
	case "panic":
		panic(http.ErrAbortHandler)
	case "headers":
		for _, h := range []string{"X-Multi: 1", "X-Multi: 2", "Dapr-Foo: f", "X-Foo-Bin: AAA", "Grpc-Foo: g", "Cache-Control: no-store", "Destination-App-Id: d", "Etag: e"} {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Add(name, value)
		}
		w.Header().Set("Content-Type", "application/vnd.x+json; v=1")
		_, _ = io.WriteString(w, "{}")
	case "untyped":
		w.Header()["Content-Type"] = nil
		if code := asked("code"); code != 0 {
			w.WriteHeader(code)
		}
		_, _ = io.WriteString(w, "plain")
	case "bytes":
		if code := asked("code"); code != 0 {
			w.WriteHeader(code)
		}
		_, _ = io.WriteString(w, strings.Repeat("y", asked("n")))
	case "long":
		w.WriteHeader(number(1))
		_, _ = io.WriteString(w, strings.Repeat("y", 100))
	case "gzip":
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = io.WriteString(zip, "unzipped")
		_ = zip.Close()
	case "size":
		_, _ = fmt.Fprintf(w, "%d bytes, error %v", len(body), err)
	default:
		h := r.Header.Clone()
		for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "Dapr-Authority"} {
			if values := h[name]; len(values) > 0 {
				values[len(values)-1] = "set"
			}
		}
		if strings.HasPrefix(h.Get("User-Agent"), "grpc-go/") {
			h.Set("User-Agent", "grpc-go")
		}
		lines := append([]string{r.Method + " " + r.RequestURI, fmt.Sprintf("length %d %v body %q", r.ContentLength, r.TransferEncoding, body)}, told(h)...)
		_, _ = io.WriteString(w, strings.Join(lines, "\n"))
	}
}

// ListTopicSubscriptions is asked at the start.
func (a *invokedApp) ListTopicSubscriptions(context.Context, *emptypb.Empty) (*runtime.ListTopicSubscriptionsResponse, error) {
	return &runtime.ListTopicSubscriptionsResponse{}, nil
}

// OnInvoke is the gRPC app.
func (a *invokedApp) OnInvoke(ctx context.Context, in *common.InvokeRequest) (*common.InvokeResponse, error) {
	part := strings.Split(in.GetMethod(), "/")
	number := func(i int) int { n, _ := strconv.Atoi(part[min(i, len(part)-1)]); return n }
	answer := func(text string) (*common.InvokeResponse, error) {
		return &common.InvokeResponse{ContentType: "text/plain", Data: &anypb.Any{Value: []byte(text)}}, nil
	}
	switch part[0] {
	case "code":
		detailed, err := status.New(codes.Code(number(1)), "answered "+part[1]).WithDetails(wrapperspb.String("detail"))
		if err != nil {
			return nil, err
		}
		return nil, detailed.Err()
	case "fail":
		call := a.count(in.GetMethod())
		if call > number(2) {
			return answer(fmt.Sprintf("call %d, body %q", call, in.GetData().GetValue()))
		}
		return nil, status.Errorf(codes.Code(number(3)), "call %d failed, body %q", call, in.GetData().GetValue())
	case "typed":
		return &common.InvokeResponse{ContentType: "application/json", Data: &anypb.Any{TypeUrl: "t", Value: []byte("v")}}, nil
	case "empty":
		return &common.InvokeResponse{}, nil
	case "size":
		return answer(fmt.Sprintf("%d bytes", len(in.GetData().GetValue())))
	case "bytes":
		return answer(strings.Repeat("y", number(1)))
	case "headers":
		err := grpc.SetHeader(ctx, metadata.Pairs("x-multi", "1", "x-multi", "2", "dapr-foo", "f", "x-foo-bin", "AAA", "cache-control", "no-store"))
		if err == nil {
			err = grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "t", "x-trailer-bin", "BBB"))
		}
		if err != nil {
			return nil, err
		}
		return answer("headers")
	case "echo":
		lines := append([]string{"OnInvoke " + in.GetMethod(), fmt.Sprintf("%v %q", in.GetHttpExtension().GetVerb(), in.GetHttpExtension().GetQuerystring()),
			fmt.Sprintf("%s body %q type URL %q", in.GetContentType(), in.GetData().GetValue(), in.GetData().GetTypeUrl())}, seen(ctx)...)
		return answer(strings.Join(lines, "\n"))
	}
	return nil, status.Errorf(codes.NotFound, "no method %q", in.GetMethod())
}

// seen is the metadata of a call, in lines.
func seen(ctx context.Context) []string {
	md, _ := metadata.FromIncomingContext(ctx)
	for name, values := range md {
		switch {
		case slices.Contains([]string{"forwarded", "x-forwarded-for", "x-forwarded-host", ":authority", "user-agent"}, name):
			values[len(values)-1] = "set"
		case name == "grpc-accept-encoding":
			delete(md, name) // of the client library
		}
	}
	return metadataLines("metadata", md)
}

// serve is the service of the app's own.
func (a *invokedApp) serve(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	service, method, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	if service != "eventproof.Echo" {
		return status.Errorf(codes.Unimplemented, "unknown service %s", service)
	}
	if method != "Fail" {
		if err := stream.SetHeader(metadata.Pairs("x-header", "h", "x-header-bin", "AAA")); err != nil {
			return err
		}
	}
	stream.SetTrailer(metadata.Pairs("x-trailer", "t"))
	for {
		var in wrapperspb.StringValue
		switch err := stream.RecvMsg(&in); {
		case err == io.EOF: //nolint:errorlint // as grpc-go returns it
			return nil
		case err != nil:
			return err
		}
		text := in.GetValue()
		switch method {
		case "Wait": // for the caller's end, so that no answer comes before it
			<-stream.Context().Done()
			return stream.Context().Err()
		case "Say":
			text = strings.Join(append([]string{"said " + text}, seen(stream.Context())...), "\n")
		case "Fail":
			part := strings.Fields(text)
			most, _ := strconv.Atoi(part[1])
			code, _ := strconv.Atoi(part[2])
			if call := a.count(part[0]); call <= most {
				return status.Errorf(codes.Code(code), "call %d failed", call)
			} else {
				text = fmt.Sprintf("call %d", call)
			}
		}
		if err := stream.SendMsg(wrapperspb.String(text)); err != nil {
			return err
		}
	}
}
