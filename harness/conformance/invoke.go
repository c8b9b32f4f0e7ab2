package conformance

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing/fstest"
	"time"
	"unicode/utf8"

	common "github.com/dapr/dapr/pkg/proto/common/v1"
	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/eventproof/eventproof/fakes/world"
)

// The apps of the invocation cases. The callers differ in their Resiliency.
const (
	InvokedHTTP = "invoked-http" // an HTTP app
	InvokedGRPC = "invoked-grpc" // a gRPC app
	InvokedNone = "invoked-none" // without an app channel; it calls the others
	retrying    = "invokes-retrying"
	timing      = "invokes-timing"
	breaking    = "invokes-breaking"
	defaulting  = "invokes-defaulting"
)

// InvokeCase is one or more calls of an app through a sidecar, and the rule that
// decides what they are answered. What daprd 1.16 answered is in
// testdata/invoke.txt.
type InvokeCase struct {
	Name        string
	Explanation string
	Source      string // D16 is dapr v1.16.0
	From        string // the app whose sidecar is asked
	Calls       []InvokeCall
}

// InvokeCall is a call in one of three forms: over Dapr's HTTP API (Path), by
// InvokeService (Service), or of a service of the app's own (Method), which
// daprd proxies.
type InvokeCall struct {
	Verb, Path, Body string
	Header           []string // "Name: value", for gRPC the metadata
	Size             int      // of a body that is made up
	Chunked          bool     // its length is not announced

	Service *runtime.InvokeServiceRequest

	Method   string // "/service/method"
	Messages []string
}

// InvokeResources are the resources of all cases: a Resiliency for each caller
// that has one.
func InvokeResources() []fs.FS {
	root := fstest.MapFS{}
	resiliency := func(app, policies, targets string) {
		root[app+".yaml"] = &fstest.MapFile{Data: []byte("apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata:\n  name: " + app +
			"\nscopes: [" + app + "]\nspec:\n  policies:\n" + policies + targets)}
	}
	both := func(names string) string {
		return "  targets:\n    apps:\n      " + InvokedHTTP + ": " + names + "\n      " + InvokedGRPC + ": " + names + "\n"
	}
	resiliency(retrying, "    retries:\n      some: {policy: constant, duration: 20ms, maxRetries: 2, matching: {httpStatusCodes: \"500-503\", gRPCStatusCodes: \"2,14\"}}\n", both("{retry: some}"))
	resiliency(timing, "    timeouts:\n      short: 1s\n    retries:\n      once: {policy: constant, duration: 20ms, maxRetries: 1}\n", both("{timeout: short, retry: once}"))
	resiliency(breaking, "    circuitBreakers:\n      fragile: {timeout: 60s, trip: consecutiveFailures > 1}\n", both("{circuitBreaker: fragile}"))
	resiliency(defaulting, "    retries:\n      DefaultAppRetryPolicy: {policy: constant, duration: 20ms, maxRetries: 1}\n      DefaultRetryPolicy: {policy: constant, duration: 20ms, maxRetries: 3}\n", "")
	return []fs.FS{root}
}

const (
	sourceHTTP     = "D16 pkg/api/http/directmessaging.go"
	sourceService  = "D16 pkg/api/grpc/grpc.go InvokeService"
	sourceMessages = "D16 pkg/messaging/direct_messaging.go"
	sourceMetadata = "D16 pkg/messaging/v1/util.go"
	sourceChannel  = "D16 pkg/channel/http/http_channel.go"
	sourceAppGRPC  = "D16 pkg/channel/grpc/grpc_channel.go"
	sourceProxy    = "D16 pkg/messaging/grpc_proxy.go, pkg/api/grpc/proxy/handler.go"
	sourcePolicy   = "D16 pkg/resiliency/resiliency.go EndpointPolicy, pkg/resiliency/policy.go"
)

func over(app, method string) string { return "/v1.0/invoke/" + app + "/method/" + method }

func get(path string, header ...string) []InvokeCall {
	return []InvokeCall{{Verb: http.MethodGet, Path: path, Header: header}}
}

func post(path, body string, header ...string) []InvokeCall {
	return []InvokeCall{{Verb: http.MethodPost, Path: path, Body: body, Header: header}}
}

// service is a call by InvokeService; verb "" leaves the HTTP extension out.
func service(app, method, verb, body string, header ...string) []InvokeCall {
	message := &common.InvokeRequest{Method: method, ContentType: "application/json", Data: &anypb.Any{Value: []byte(body)}}
	if verb != "" {
		message.HttpExtension = &common.HTTPExtension{Verb: common.HTTPExtension_Verb(common.HTTPExtension_Verb_value[verb]), Querystring: "q=1&q=2"}
	}
	return []InvokeCall{{Service: &runtime.InvokeServiceRequest{Id: app, Message: message}, Header: header}}
}

func proxied(method string, messages []string, header ...string) []InvokeCall {
	return []InvokeCall{{Method: method, Messages: messages, Header: header}}
}

func times(n int, calls []InvokeCall) []InvokeCall { return slices.Repeat(calls, n) }

const (
	traceparent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	toGRPC      = "dapr-app-id: " + InvokedGRPC
)

// Invocations are the cases.
func Invocations() []InvokeCase {
	cases := []InvokeCase{
		{"invoke-get", "a request reaches the app with who calls, who is called, and who forwarded it", sourceMessages, InvokedNone, get(over(InvokedHTTP, "echo/x?a=1&b=%20"))},
		{"invoke-post", "the body, its length and its content type pass", sourceHTTP, InvokedNone, post(over(InvokedHTTP, "echo/x"), `{"a":1}`, "Content-Type: application/json; charset=utf-8")},
		{"invoke-post-empty", "an empty body of a POST", sourceChannel, InvokedNone, post(over(InvokedHTTP, "echo/x"), "")},
		{"invoke-put", "PUT stays PUT", sourceHTTP, InvokedNone, []InvokeCall{{Verb: http.MethodPut, Path: over(InvokedHTTP, "echo/x"), Body: "b"}}},
		{"invoke-delete", "DELETE stays DELETE", sourceHTTP, InvokedNone, []InvokeCall{{Verb: http.MethodDelete, Path: over(InvokedHTTP, "echo/x")}}},
		{"invoke-patch", "PATCH stays PATCH", sourceHTTP, InvokedNone, []InvokeCall{{Verb: http.MethodPatch, Path: over(InvokedHTTP, "echo/x"), Body: "b"}}},
		{"invoke-head", "HEAD has the headers of its answer", sourceHTTP, InvokedNone, []InvokeCall{{Verb: http.MethodHead, Path: over(InvokedHTTP, "headers")}}},
		{"invoke-options", "OPTIONS that is no preflight passes", sourceHTTP, InvokedNone, []InvokeCall{{Verb: http.MethodOptions, Path: over(InvokedHTTP, "echo/x")}}},
		{"invoke-verb-unknown", "a verb that daprd does not know becomes POST", "D16 pkg/messaging/v1/invoke_method_request.go WithHTTPExtension", InvokedNone, []InvokeCall{{Verb: "BREW", Path: over(InvokedHTTP, "echo/x"), Body: "b"}}},
		{"invoke-path-as-is", "a path after /method/ is not cleaned", sourceHTTP + " findTargetIDAndMethod", InvokedNone, get(over(InvokedHTTP, "echo//a/../b/"))},
		{"invoke-path-above", "nor where it leads above the app's root", sourceHTTP + " findTargetIDAndMethod", InvokedNone, get(over(InvokedHTTP, "../echo"))},
		{"invoke-path-out", "but a path that leads out of /v1.0/invoke is another route", "D16 pkg/api/http/middlewares.go CleanPathMiddleware", InvokedNone, get("/v1.0/invoke/x/method/../../../healthz")},
		{"invoke-path-slashes", "more than one slash before the app id counts as one", sourceHTTP + " pathHasPrefix", InvokedNone, get("/v1.0////invoke//" + InvokedHTTP + "/method//echo/x")},
		{"invoke-path-escaped", "an escaped slash stays one", sourceHTTP, InvokedNone, get(over(InvokedHTTP, "echo/a%2Fb%20c"))},
		{"invoke-path-question", "an escaped question mark begins a query", sourceHTTP, InvokedNone, get(over(InvokedHTTP, "echo/a%3Fb"))},
		{"invoke-method-empty", "an empty method is the root", sourceHTTP, InvokedNone, get(over(InvokedHTTP, ""))},
		{"invoke-method-missing", "without /method/ there is no app id", sourceHTTP, InvokedNone, get("/v1.0/invoke/" + InvokedHTTP)},
		{"invoke-header", "dapr-app-id on any path; the path is cleaned, the header taken out", sourceHTTP, InvokedNone, get("/echo//a/../b/", "dapr-app-id: "+InvokedHTTP)},
		{"invoke-basic", "dapr-app-id as a user of basic authentication, which the app sees", sourceHTTP, InvokedNone, get("/echo/x", "Authorization: Basic ZGFwci1hcHAtaWQ6aW52b2tlZC1odHRw")},
		{"invoke-nowhere", "a path that is no route and names no app", sourceHTTP, InvokedNone, get("/nowhere")},
		{"invoke-unknown", "an app that nobody announces", "C16 nameresolution/mdns/mdns.go browseOne", InvokedNone, get(over("nobody-1", "echo"))},
		{"invoke-unknown-again", "who looks for it again waits for another who does", "C16 nameresolution/mdns/mdns.go ResolveID", InvokedNone, times(2, get(over("nobody-2", "echo")))},
		{"invoke-invalid-id", "an app id has at most one dot", sourceMessages + " requestAppIDAndNamespace", InvokedNone, get(over("a.b.c", "echo"))},
		{"invoke-namespace", "a namespace is passed over by mDNS", sourceMessages + " requestAppIDAndNamespace", InvokedNone, get(over(InvokedHTTP+".production", "echo/x"))},
		{"invoke-none", "an app without an app channel", "D16 pkg/api/grpc/daprinternal.go CallLocalStream", InvokedHTTP, get(over(InvokedNone, "echo"))},
		{"invoke-none-self", "and through its own sidecar", sourceMessages + " invokeLocal", InvokedNone, get(over(InvokedNone, "echo"))},
		{"invoke-self", "an app's own sidecar adds nothing", sourceMessages + " invokeLocal", InvokedHTTP, post(over(InvokedHTTP, "echo/x"), "b")},
		{"invoke-self-namespace", "its own id with another namespace is another app", sourceMessages + " Invoke", InvokedHTTP, get(over(InvokedHTTP+".production", "echo/x"))},
		{"invoke-external", "a URL as the app id is called directly, without a name resolution", sourceMessages + " invokeHTTPEndpoint", InvokedNone, get(over("http://127.0.0.1:1", "echo"))},
		{"invoke-headers", "what passes: all but -bin headers; baggage and trace context come back", sourceMetadata + " InternalMetadataToHTTPHeader", InvokedNone,
			get(over(InvokedHTTP, "echo/x"), traceparent, "tracestate: a=b", "baggage: k=v", "Dapr-Foo: f", "X-Multi: 1", "X-Multi: 2", "X-Foo-Bin: AAA", "X-Forwarded-For: 1.2.3.4", "Grpc-Foo: g")},
		{"invoke-headers-self", "and to oneself, with the trace state", sourceMetadata + " InternalMetadataToHTTPHeader", InvokedHTTP,
			get(over(InvokedHTTP, "echo/x"), traceparent, "tracestate: a=b", "Destination-App-Id: x")},
		{"invoke-traceparent-invalid", "a trace context that is none passes as it is", sourceMetadata, InvokedNone, get(over(InvokedHTTP, "echo/x"), "traceparent: nonsense")},
		{"invoke-baggage-invalid", "baggage that is none is refused", "D16 pkg/diagnostics/http_tracing.go handleHTTPBaggage", InvokedNone, get(over(InvokedHTTP, "echo/x"), "baggage: nonsense")},
		{"invoke-origin", "an Origin is allowed by daprd's own CORS", "D16 pkg/api/http/server.go useCors", InvokedNone, get(over(InvokedHTTP, "headers"), "Origin: http://example.com")},
		{"invoke-preflight", "a preflight is answered by daprd", "D16 pkg/api/http/server.go useCors", InvokedNone, []InvokeCall{{Verb: http.MethodOptions, Path: over(InvokedHTTP, "echo/x"),
			Header: []string{"Origin: http://example.com", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: X-A"}}}},
		{"invoke-answer", "the headers of an answer", sourceMetadata + " InternalMetadataToHTTPHeader", InvokedNone, get(over(InvokedHTTP, "headers"))},
		{"invoke-untyped", "an answer without a content type", sourceHTTP, InvokedNone, get(over(InvokedHTTP, "untyped"))},
		{"invoke-untyped-500", "of an error it is JSON", "D16 pkg/api/http/responses.go respondWithHTTPRawResponse", InvokedNone, get(over(InvokedHTTP, "untyped?code=500"))},
		{"invoke-204", "no content", sourceHTTP, InvokedNone, post(over(InvokedHTTP, "code/204"), "b")},
		{"invoke-302", "a redirection is the caller's to follow", "D16 pkg/runtime/channels/channels.go CheckRedirect", InvokedNone, get(over(InvokedHTTP, "code/302"))},
		{"invoke-404", "an error passes with its headers and body", sourceHTTP, InvokedNone, post(over(InvokedHTTP, "code/404"), "b")},
		{"invoke-500", "as do those of the app, of which none is tried again", sourceHTTP, InvokedNone, post(over(InvokedHTTP, "fail/plain/9/500"), "b")},
		{"invoke-panic", "an app that closes the connection without an answer", "D16 pkg/api/grpc/daprinternal.go", InvokedNone, post(over(InvokedHTTP, "panic"), "b")},
		{"invoke-panic-self", "and one's own", sourceMessages + " invokeLocal", InvokedHTTP, post(over(InvokedHTTP, "panic"), "b")},
		{"invoke-sse", "a stream of events has no answer from another app", "D16 pkg/channel/http/http_channel.go isSSE", InvokedNone, get(over(InvokedHTTP, "echo/x"), "Accept: text/event-stream")},
		{"invoke-sse-self", "and one's own is 200 whatever the app says", "D16 pkg/channel/http/http_channel.go isSSE", InvokedHTTP, get(over(InvokedHTTP, "code/404"), "Accept: text/event-stream")},
		{"invoke-large", "a body as large as daprd's limit passes", "D16 pkg/api/http/middlewares.go MaxBodySizeMiddleware", InvokedNone, []InvokeCall{{Verb: "POST", Path: over(InvokedHTTP, "size"), Size: 4 << 20}}},
		{"invoke-too-large", "one that is larger does not", "D16 pkg/api/http/middlewares.go MaxBodySizeMiddleware", InvokedNone, []InvokeCall{{Verb: "POST", Path: over(InvokedHTTP, "size"), Size: 6 << 20}}},
		{"invoke-too-large-chunked", "nor where its length is not announced", "D16 pkg/api/http/middlewares.go MaxBodySizeMiddleware", InvokedNone, []InvokeCall{{Verb: "POST", Path: over(InvokedHTTP, "size"), Size: 6 << 20, Chunked: true}}},
		{"invoke-too-large-self", "nor to oneself", "D16 pkg/api/http/middlewares.go MaxBodySizeMiddleware", InvokedHTTP, []InvokeCall{{Verb: "POST", Path: over(InvokedHTTP, "size"), Size: 6 << 20}}},
		{"invoke-too-large-grpc-app", "nor to a gRPC app", "D16 pkg/api/http/middlewares.go MaxBodySizeMiddleware", InvokedNone, []InvokeCall{{Verb: "POST", Path: over(InvokedGRPC, "size"), Size: 6 << 20}}},
		{"invoke-large-grpc-app", "a message of 4 MiB is too large for a gRPC app", sourceAppGRPC, InvokedNone, []InvokeCall{{Verb: "POST", Path: over(InvokedGRPC, "size"), Size: 4 << 20}}},
		{"invoke-gzip", "an answer that is zipped is unzipped for a caller who did not ask for it", sourceChannel, InvokedNone, get(over(InvokedHTTP, "gzip"))},
		{"invoke-gzip-asked", "and left as it is for one who did", sourceChannel, InvokedNone, get(over(InvokedHTTP, "gzip"), "Accept-Encoding: gzip")},
		{"invoke-large-answer", "an answer may be larger", sourceChannel, InvokedNone, get(over(InvokedHTTP, "bytes?n=5000000"))},

		{"invoke-grpc-app", "OnInvoke gets the verb, the query and the headers", sourceAppGRPC, InvokedNone, post(over(InvokedGRPC, "echo/x?a=1"), `{"a":1}`, "Content-Type: application/json", "X-Multi: 1", "X-Multi: 2", "Dapr-Foo: f", "Cookie: c=1", traceparent)},
		{"invoke-grpc-app-get", "a GET has no content type", sourceAppGRPC, InvokedNone, get(over(InvokedGRPC, "echo//a/../x"))},
		{"invoke-grpc-app-self", "one's own", sourceAppGRPC, InvokedGRPC, post(over(InvokedGRPC, "echo/x"), "b")},
		{"invoke-grpc-app-typed", "an answer with a type URL is protobuf", sourceAppGRPC, InvokedNone, get(over(InvokedGRPC, "typed"))},
		{"invoke-grpc-app-empty", "an empty answer", sourceAppGRPC, InvokedNone, get(over(InvokedGRPC, "empty"))},
		{"invoke-grpc-app-headers", "metadata of an answer; trailers are lost", sourceMetadata, InvokedNone, get(over(InvokedGRPC, "headers"))},
		{"invoke-grpc-large-answer", "an answer of more than 4 MiB is an error of the app's", sourceAppGRPC, InvokedNone, get(over(InvokedGRPC, "bytes/5000000"))},

		{"service-http", "gRPC to HTTP: metadata become headers, the user agent too", sourceService, InvokedNone, service(InvokedHTTP, "echo/x", "POST", `{"a":1}`, "x-multi: 1", "x-multi: 2", "dapr-foo: f", "x-foo-bin: AAA", "cookie: c=1")},
		{"service-http-traced", "the trace context passes", sourceMetadata, InvokedNone, service(InvokedHTTP, "echo/x", "GET", "", traceparent)},
		{"service-http-self", "one's own", sourceService, InvokedHTTP, service(InvokedHTTP, "echo/x", "PUT", "b")},
		{"service-http-no-extension", "an HTTP app wants a verb", sourceChannel, InvokedNone, service(InvokedHTTP, "echo/x", "", "b")},
		{"service-http-no-verb", "NONE is none", sourceChannel, InvokedHTTP, service(InvokedHTTP, "echo/x", "NONE", "b")},
		{"service-http-answer", "the headers of an answer become metadata", sourceService, InvokedNone, service(InvokedHTTP, "headers", "GET", "")},
		{"service-http-204", "no content", sourceService, InvokedNone, service(InvokedHTTP, "code/204", "POST", "")},
		{"service-http-302", "a redirection is an unknown error", "D16 pkg/messaging/v1/util.go CodeFromHTTPStatus", InvokedNone, service(InvokedHTTP, "code/302", "GET", "")},
		{"service-http-panic", "an app that closes the connection", sourceService, InvokedNone, service(InvokedHTTP, "panic", "POST", "")},
		{"service-http-long-error", "63 bytes of an error's body are told", "D16 pkg/messaging/v1/util.go ErrorFromHTTPResponseCode", InvokedNone, service(InvokedHTTP, "long/400", "GET", "")},
		{"service-http-type-url", "data with a type URL is protobuf", "D16 pkg/messaging/v1/invoke_method_request.go ContentType", InvokedNone,
			[]InvokeCall{{Service: &runtime.InvokeServiceRequest{Id: InvokedHTTP, Message: &common.InvokeRequest{Method: "echo/x", ContentType: "application/json",
				Data: &anypb.Any{TypeUrl: "t", Value: []byte("v")}, HttpExtension: &common.HTTPExtension{Verb: common.HTTPExtension_POST}}}}}},
		{"service-unknown", "an app that nobody announces", sourceService, InvokedNone, service("nobody-3", "echo", "GET", "")},
		{"service-no-id", "no app id", sourceMessages, InvokedNone, service("", "echo", "GET", "")},
		{"service-none", "an app without an app channel", sourceService, InvokedHTTP, service(InvokedNone, "echo", "GET", "")},
		{"service-grpc", "gRPC to gRPC: the message as it is", sourceService, InvokedNone, service(InvokedGRPC, "echo/x", "POST", `{"a":1}`, "x-multi: 1", "x-multi: 2", "x-foo-bin: AAA", "cookie: c=1", traceparent)},
		{"service-grpc-self", "one's own, without an HTTP extension", sourceService, InvokedGRPC, service(InvokedGRPC, "echo/x", "", "b")},
		{"service-grpc-typed", "an answer with a type URL", sourceService, InvokedNone, service(InvokedGRPC, "typed", "", "b")},
		{"service-grpc-headers", "metadata and trailers of an answer", sourceService, InvokedNone, service(InvokedGRPC, "headers", "", "")},
		{"service-grpc-method-empty", "no method", sourceService, InvokedNone, service(InvokedGRPC, "", "", "")},

		{"retry-http", "a code of the list is tried again, with the whole body", sourcePolicy, retrying, post(over(InvokedHTTP, "fail/retry/2/500"), "whole")},
		{"retry-http-exhausted", "after the last attempt its answer is the caller's", sourcePolicy, retrying, post(over(InvokedHTTP, "fail/exhausted/9/503"), "whole")},
		{"retry-http-unlisted", "a code that is not listed is not", sourcePolicy, retrying, post(over(InvokedHTTP, "fail/unlisted/9/504"), "whole")},
		{"retry-http-panic", "an answer that never came is", sourcePolicy, retrying, post(over(InvokedHTTP, "fail/panic/2/0"), "whole")},
		{"retry-http-unknown", "an app that nobody announces is looked for again", sourcePolicy, defaulting, get(over("nobody-4", "echo"))},
		{"retry-http-grpc-app", "an error of a gRPC app is an answer over HTTP, and not tried again", sourceHTTP, retrying, post(over(InvokedGRPC, "fail/over-http/2/14"), "whole")},
		{"retry-service-http", "by InvokeService every error is tried again, listed or not", sourceService, retrying, service(InvokedHTTP, "fail/service-unlisted/2/404", "POST", "whole")},
		{"retry-service-grpc", "and of a gRPC app", sourceService, retrying, service(InvokedGRPC, "fail/service-grpc/2/14", "POST", "whole")},
		{"retry-service-exhausted", "the last attempt's error is the caller's", sourceService, retrying, service(InvokedGRPC, "fail/service-exhausted/9/5", "POST", "whole")},
		{"retry-default", "DefaultAppRetryPolicy goes before DefaultRetryPolicy", sourcePolicy + " getDefaultPolicy", defaulting, post(over(InvokedHTTP, "fail/default/9/418"), "whole")},
		{"retry-default-self", "also for one's own app id", sourcePolicy, defaulting, post(over(defaulting, "echo"), "whole")},
		{"timeout-http", "each attempt has its timeout", sourcePolicy, timing, post(over(InvokedHTTP, "slow/http/1"), "whole")},
		{"timeout-http-exhausted", "after the last it is an error", sourcePolicy, timing, post(over(InvokedHTTP, "slow/http-exhausted/9"), "whole")},
		{"timeout-service", "by InvokeService too", sourcePolicy, timing, service(InvokedHTTP, "slow/service/1", "POST", "whole")},
		{"timeout-service-exhausted", "and its error is that of a deadline", sourcePolicy, timing, service(InvokedHTTP, "slow/service-exhausted/9", "POST", "whole")},
		{"breaker-http", "after two failures the method of the app is not called", sourcePolicy, breaking, times(4, post(over(InvokedHTTP, "fail/breaker/9/500"), "b"))},
		{"breaker-http-other-method", "while another method is", sourcePolicy, breaking, append(times(3, post(over(InvokedHTTP, "fail/broken/9/404"), "b")), get(over(InvokedHTTP, "code/204"))...)},
		{"breaker-service", "by InvokeService", sourcePolicy, breaking, times(3, service(InvokedGRPC, "fail/breaker/9/5", "POST", "b"))},

		{"proxy", "a service of the app's own is called as it is", sourceProxy, InvokedNone, proxied("/eventproof.Echo/Say", []string{"hello"}, toGRPC, "x-multi: 1", "x-multi: 2", "x-foo-bin: AAA", traceparent)},
		{"proxy-callee", "dapr-callee-app-id names the app too", sourceProxy, InvokedNone, proxied("/eventproof.Echo/Say", []string{"hello"}, "dapr-callee-app-id: "+InvokedGRPC)},
		{"proxy-self", "one's own app sees no caller", sourceProxy, InvokedGRPC, proxied("/eventproof.Echo/Say", []string{"hello"}, toGRPC)},
		{"proxy-stream", "messages pass in both directions", sourceProxy, InvokedNone, proxied("/eventproof.Echo/Chat", []string{"a", "b", "c"}, toGRPC, "dapr-stream: true")},
		{"proxy-error", "an error passes, with its details", sourceProxy, InvokedNone, proxied("/eventproof.Echo/Fail", []string{"proxy-error 9 9"}, toGRPC)},
		{"proxy-unimplemented", "a method that the app does not have", sourceProxy, InvokedNone, proxied("/eventproof.Other/Say", []string{"hello"}, toGRPC)},
		{"proxy-unknown-app", "an app that nobody announces", sourceProxy, InvokedNone, proxied("/eventproof.Echo/Say", []string{"hello"}, "dapr-app-id: nobody-5")},
		{"proxy-http-app", "an app that does not speak gRPC", sourceProxy, InvokedNone, proxied("/eventproof.Echo/Say", []string{"hello"}, "dapr-app-id: "+InvokedHTTP)},
		{"proxy-none", "an app without an app channel", sourceProxy, InvokedHTTP, proxied("/eventproof.Echo/Say", []string{"hello"}, "dapr-app-id: "+InvokedNone)},
		{"proxy-no-app", "no app id", "D16 pkg/diagnostics/grpc_tracing.go GRPCTraceStreamServerInterceptor", InvokedNone, proxied("/eventproof.Echo/Say", []string{"hello"})},
		{"proxy-no-app-dapr", "nor for a method of Dapr's that 1.16 does not know", sourceProxy, InvokedNone, proxied("/dapr.proto.runtime.v1.Dapr/NotYet", []string{"hello"})},
		{"proxy-retry", "a listed code is tried again", sourceProxy, retrying, proxied("/eventproof.Echo/Fail", []string{"proxy-retry 2 14"}, toGRPC)},
		{"proxy-retry-unlisted", "one that is not listed is not", sourceProxy, retrying, proxied("/eventproof.Echo/Fail", []string{"proxy-unlisted 2 5"}, toGRPC)},
		{"proxy-retry-stream", "a second message cannot be tried again", sourceProxy, retrying, proxied("/eventproof.Echo/Wait", []string{"a", "b"}, toGRPC)},
		{"proxy-breaker", "after two failures the method is not called", sourceProxy, breaking, times(3, proxied("/eventproof.Echo/Fail", []string{"proxy-breaker 9 5"}, toGRPC))},
	}
	for _, code := range []int{400, 401, 403, 408, 409, 429, 500, 501, 503, 504, 418} {
		cases = append(cases, InvokeCase{fmt.Sprintf("service-http-%d", code), "an HTTP status as a gRPC code, the status and the body in its details",
			"D16 pkg/messaging/v1/util.go CodeFromHTTPStatus", InvokedNone, service(InvokedHTTP, fmt.Sprintf("code/%d", code), "POST", "b")})
	}
	for code := 1; code <= 16; code++ {
		cases = append(cases, InvokeCase{fmt.Sprintf("invoke-grpc-app-code-%d", code), "a gRPC code as an HTTP status, the status as JSON",
			"D16 pkg/messaging/v1/util.go HTTPStatusFromCode", InvokedNone, post(over(InvokedGRPC, fmt.Sprintf("code/%d", code)), "b")})
	}
	return cases
}

// StartInvocations attaches the apps of the cases.
func StartInvocations(ctx context.Context, w *world.World) error {
	apps := []struct {
		id    string
		start world.StartFunc
	}{
		{InvokedHTTP, (&invokedApp{}).startHTTP}, {InvokedGRPC, (&invokedApp{}).startGRPC},
		{InvokedNone, noApp}, {retrying, noApp}, {timing, noApp}, {breaking, noApp}, {defaulting, noApp},
	}
	for _, app := range apps {
		if err := w.AttachContext(ctx, app.id, app.start); err != nil {
			return fmt.Errorf("attach %s: %w", app.id, err)
		}
	}
	return nil
}

func noApp(context.Context, world.Sidecar) (world.Endpoint, error) { return world.None, nil }

// PlayInvocation makes the calls of a case in a world with [StartInvocations],
// and says what each was answered, in lines.
func PlayInvocation(ctx context.Context, w *world.World, c InvokeCase) ([]string, error) {
	s, err := w.Sidecar(ctx, c.From)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, call := range c.Calls {
		var answer []string
		switch {
		case call.Service != nil:
			answer = call.invoke(ctx, s.Client().GrpcClientConn())
		case call.Method != "":
			answer, err = call.proxy(ctx, s.Client().GrpcClientConn())
		default:
			answer, err = call.request(ctx, s.HTTPAddress())
		}
		if err != nil {
			return nil, err
		}
		lines = append(lines, answer...)
	}
	return lines, nil
}

// request is a call over HTTP.
func (c InvokeCall) request(ctx context.Context, address string) ([]string, error) {
	body := c.Body
	if c.Size > 0 {
		body = strings.Repeat("x", c.Size)
	}
	// Not parsed: the path goes out as it is written.
	r, err := http.NewRequestWithContext(ctx, c.Verb, "http://"+address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if c.Chunked {
		r.ContentLength = -1
	}
	path, query, _ := strings.Cut(c.Path, "?")
	r.URL.Opaque, r.URL.RawQuery = "//"+address+path, query
	r.Header.Set("User-Agent", "conformance")
	for _, h := range c.Header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("HTTP %d", answer.StatusCode)}
	if anonymous(string(text)) != string(text) || isStatus(text) || strings.Contains(string(text), "deadline exceeded") {
		answer.Header.Del("Content-Length") // of what anonymous replaces, or of blanks that protojson adds
	}
	return append(append(lines, told(answer.Header, "Date", "Connection")...), bodyLines(text)...), nil
}

// invoke is a call by InvokeService.
func (c InvokeCall) invoke(ctx context.Context, conn *grpc.ClientConn) []string {
	var header, trailer metadata.MD
	answer, err := runtime.NewDaprClient(conn).InvokeService(c.outgoing(ctx), c.Service, grpc.Header(&header), grpc.Trailer(&trailer))
	lines := statusLines(err)
	if err == nil {
		lines = append(lines, "content type "+answer.GetContentType(), "type URL "+answer.GetData().GetTypeUrl())
		lines = append(lines, bodyLines(answer.GetData().GetValue())...)
	}
	return append(append(lines, metadataLines("header", header)...), metadataLines("trailer", trailer)...)
}

// proxy is a call of the app's own service.
func (c InvokeCall) proxy(ctx context.Context, conn *grpc.ClientConn) ([]string, error) {
	ctx, cancel := context.WithCancel(c.outgoing(ctx))
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, c.Method)
	if err != nil {
		return nil, err
	}
	for _, m := range c.Messages {
		if stream.SendMsg(wrapperspb.String(m)) != nil {
			break // the answer says why
		}
	}
	_ = stream.CloseSend()
	var lines []string
	for {
		var out wrapperspb.StringValue
		if err = stream.RecvMsg(&out); err != nil {
			break
		}
		lines = append(lines, strings.Split(strings.TrimSpace(out.GetValue()), "\n")...)
	}
	if err == io.EOF { //nolint:errorlint // as grpc-go returns it
		err = nil
	}
	header, _ := stream.Header()
	lines = append(statusLines(err), lines...)
	return append(append(lines, metadataLines("header", header)...), metadataLines("trailer", stream.Trailer())...), nil
}

func (c InvokeCall) outgoing(ctx context.Context) context.Context {
	for _, h := range c.Header {
		name, value, _ := strings.Cut(h, ": ")
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	return ctx
}

func statusLines(err error) []string {
	s := status.Convert(err)
	if strings.Contains(s.Message(), "code = DeadlineExceeded") {
		s = status.FromContextError(context.DeadlineExceeded) // see anonymous
	}
	lines := []string{strings.TrimSpace(fmt.Sprintf("gRPC %s %s", s.Code(), anonymous(s.Message())))}
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			lines = append(lines, fmt.Sprintf("detail %s, %s, %v", info.GetReason(), info.GetDomain(), info.GetMetadata()))
		}
	}
	return lines
}

// told are headers as lines, in their order.
func told(h http.Header, without ...string) []string {
	var lines []string
	for name, values := range h {
		if !slices.Contains(without, name) {
			lines = append(lines, name+": "+strings.Join(values, " | "))
		}
	}
	slices.Sort(lines)
	return lines
}

func metadataLines(kind string, md metadata.MD) []string {
	var lines []string
	for name, values := range md {
		switch {
		case name == "dapr-date", name == "grpc-status-details-bin":
			continue
		case strings.HasSuffix(name, "-bin"):
			lines = append(lines, fmt.Sprintf("%s %s: %x", kind, name, values))
		default:
			lines = append(lines, fmt.Sprintf("%s %s: %s", kind, name, strings.Join(values, " | ")))
		}
	}
	slices.Sort(lines)
	return lines
}

// isStatus reports whether a body is a gRPC status as JSON.
func isStatus(body []byte) bool { return strings.HasPrefix(string(body), `{"code":`) }

func bodyLines(body []byte) []string {
	switch {
	case len(body) == 0:
		return nil
	case len(body) > 4<<10, !utf8.Valid(body):
		return []string{fmt.Sprintf("%d bytes", len(body))}
	case isStatus(body):
		return []string{strings.NewReplacer(", ", ",", `: `, ":").Replace(anonymous(string(body)))} // protojson adds blanks at random
	}
	return strings.Split(strings.TrimSpace(anonymous(string(body))), "\n")
}

var addresses = regexp.MustCompile(`http://(host\.docker\.internal|127\.0\.0\.1):(0|\d\d+)`)

var (
	reading = regexp.MustCompile(`readfrom tcp \S+: `)
	expired = regexp.MustCompile(`rpc error: code = DeadlineExceeded desc = [^"]*`)
)

// anonymous leaves out of an error where the app listens, and which of two
// deadlines that end at once daprd saw first: its own, or that of its call.
func anonymous(text string) string {
	text = addresses.ReplaceAllString(text, "http://app")
	return expired.ReplaceAllString(reading.ReplaceAllString(text, ""), "context deadline exceeded")
}

// invokePause is how long a slow app may hold a request that nobody ends.
const invokePause = 5 * time.Second
