package fakes

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

// metadataOf are the headers or the gRPC metadata of a call between sidecars.
// Names keep their case, by which daprd tells where they come from: those of HTTP
// are written Like-This, those of gRPC like-this.
type metadataOf map[string][]string

const (
	daprHeader            = "dapr-"
	destinationHeader     = "destination-app-id"
	callerNamespaceHeader = daprHeader + "caller-namespace"
	callerHeader          = daprHeader + "caller-app-id"
	calleeHeader          = daprHeader + "callee-app-id"
	appHeader             = daprHeader + "app-id"
	httpStatusHeader      = daprHeader + "http-status"
	contentTypeHeader     = "content-type"
	traceparentHeader     = "traceparent"
	tracestateHeader      = "tracestate"
	baggageHeader         = "baggage"
	traceBinHeader        = "grpc-trace-bin"
)

// permanentHeaders get the prefix dapr- when they become gRPC metadata.
//
// Source: dapr v1.16.0 pkg/messaging/v1/util.go isPermanentHTTPHeader.
var permanentHeaders = []string{
	"Accept", "Accept-Charset", "Accept-Language", "Accept-Ranges", "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade",
	"Cache-Control", "Content-Type", "Content-Length", "Cookie", "Date", "Expect", "From", "Host", "If-Match", "If-Modified-Since", "If-None-Match",
	"If-Schedule-Tag-Match", "If-Unmodified-Since", "Max-Forwards", "Origin", "Pragma", "Referer", "Via", "Warning",
}

// fromGRPC reports whether the metadata are of a gRPC call.
func (m metadataOf) fromGRPC() bool {
	values := m[contentTypeHeader]
	return len(values) > 0 && strings.HasPrefix(values[0], "application/grpc")
}

// traced takes the trace context out of the metadata.
func (m metadataOf) traced() (traceparent, tracestate, binary string) {
	for name, values := range m {
		if len(values) == 0 {
			continue
		}
		switch strings.ToLower(name) {
		case traceparentHeader:
			traceparent = values[0]
		case tracestateHeader:
			tracestate = values[0]
		case traceBinHeader:
			binary = values[0]
		}
	}
	return traceparent, tracestate, binary
}

// notPassed are the names that toHTTP and toGRPC do not pass as they are.
func notPassed(name string) bool {
	return slices.Contains([]string{traceparentHeader, tracestateHeader, traceBinHeader, destinationHeader}, name)
}

// toHTTP adds the metadata to headers.
//
// Source: dapr v1.16.0 pkg/messaging/v1/util.go InternalMetadataToHTTPHeader.
func (m metadataOf) toHTTP(span spanContext, add func(name, value string)) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		name, values := strings.ToLower(key), m[key]
		switch {
		case len(values) == 0, notPassed(name), strings.HasSuffix(name, "-bin"), name == contentTypeHeader:
			continue
		case name == baggageHeader:
			values = values[:1]
		case slices.Contains([]string{":method", ":scheme", ":path", ":authority"}, name):
			name = daprHeader + name[1:]
		case strings.HasPrefix(name, "grpc-"):
			name = daprHeader + name
		}
		for _, value := range values {
			add(name, value)
		}
	}
	traceparent, tracestate, binary := m.traced()
	switch {
	case m.fromGRPC():
		if sent, ok := spanOfBinary(binary); ok {
			span = sent
		}
		span.toHTTP(add)
	case traceparent == "":
		span.toHTTP(add)
	default:
		add(traceparentHeader, traceparent)
		if tracestate != "" {
			add(tracestateHeader, tracestate)
		}
	}
}

// toGRPC is the metadata as those of gRPC; those of HTTP headers that gRPC
// reserves get a prefix where that is asked for.
//
// Source: dapr v1.16.0 pkg/messaging/v1/util.go InternalMetadataToGrpcMetadata.
func (m metadataOf) toGRPC(span spanContext, prefixed bool) metadata.MD {
	md := make(metadata.MD)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		name := strings.ToLower(key)
		if notPassed(name) {
			continue
		}
		if prefixed && slices.Contains(permanentHeaders, key) {
			name = daprHeader + name
		}
		md.Append(name, m[key]...)
	}
	traceparent, tracestate, binary := m.traced()
	set := func(name, value string) { md.Set(name, value) }
	switch {
	case m.fromGRPC() && binary != "":
		if sent, ok := spanOfBinary(binary); ok {
			sent.toHTTP(set)
		}
		md.Set(traceBinHeader, binary)
		return md
	case !m.fromGRPC():
		if sent, ok := spanOfText(traceparent); ok {
			span = sent
			span.state = traceStateOf(tracestate)
		}
	}
	span.toHTTP(set)
	md.Set(traceBinHeader, span.binary())
	return md
}

// spanContext is the trace context of a call. daprd draws no ids of its own
// where no exporter is configured, and tells zeros where it was told nothing.
//
// Sources: dapr v1.16.0 pkg/diagnostics/{tracing,http_tracing,grpc_tracing}.go,
// pkg/diagnostics/utils/trace_utils.go.
type spanContext struct {
	trace [16]byte
	span  [8]byte
	flags byte
	state string
}

func (s spanContext) known() bool { return s.trace != [16]byte{} }

func (s spanContext) text() string { return fmt.Sprintf("00-%x-%x-%02x", s.trace, s.span, s.flags) }

func (s spanContext) binary() string {
	b := append([]byte{0, 0}, s.trace[:]...)
	b = append(append(b, 1), s.span[:]...)
	return string(append(b, 2, s.flags))
}

func (s spanContext) toHTTP(set func(name, value string)) {
	set(traceparentHeader, s.text())
	if s.state != "" && len(s.state) <= maxTracestate {
		set(tracestateHeader, s.state)
	}
}

const maxTracestate = 512

// spanOfText reads a traceparent.
func spanOfText(text string) (s spanContext, ok bool) {
	parts := strings.Split(text, "-")
	if len(parts) < 4 || len(parts[0]) != 2 || len(parts[1]) != 32 || len(parts[2]) != 16 || strings.ToLower(parts[1]+parts[2]) != parts[1]+parts[2] {
		return spanContext{}, false
	}
	version, err := hex.DecodeString(parts[0])
	if err != nil || version[0] > 254 || version[0] == 0 && len(parts) != 4 {
		return spanContext{}, false
	}
	trace, err1 := hex.DecodeString(parts[1])
	span, err2 := hex.DecodeString(parts[2])
	flags, err3 := hex.DecodeString(parts[3])
	if err1 != nil || err2 != nil || err3 != nil || len(flags) == 0 {
		return spanContext{}, false
	}
	s = spanContext{trace: [16]byte(trace), span: [8]byte(span), flags: flags[0]}
	return s, s.known() && s.span != [8]byte{}
}

// spanOfBinary reads a grpc-trace-bin.
func spanOfBinary(b string) (s spanContext, ok bool) {
	if len(b) < 18 || b[0] != 0 || b[1] != 0 {
		return spanContext{}, false
	}
	copy(s.trace[:], b[2:])
	if b = b[18:]; len(b) >= 9 && b[0] == 1 {
		copy(s.span[:], b[1:])
		b = b[9:]
	}
	if len(b) >= 2 && b[0] == 2 {
		s.flags = b[1]
	}
	return s, true
}

// traceStateOf reads a tracestate, "" where it is none.
func traceStateOf(text string) string {
	var members []string
	for _, member := range strings.Split(text, ",") {
		if member = strings.TrimSpace(member); member == "" {
			continue
		}
		if key, _, ok := strings.Cut(member, "="); !ok || key == "" {
			return ""
		}
		members = append(members, member)
	}
	return strings.Join(members, ",")
}

// spanOfRequest is the trace context that a call over HTTP comes with.
func spanOfRequest(h http.Header) spanContext {
	s, ok := spanOfText(h.Get(traceparentHeader))
	if !ok {
		return spanContext{}
	}
	s.state = traceStateOf(h.Get(tracestateHeader))
	return s
}

// spanOfMetadata is the trace context that a call over gRPC comes with. daprd
// loses its state.
func spanOfMetadata(md metadata.MD) spanContext {
	if binary := md.Get(traceBinHeader); len(binary) > 0 {
		s, _ := spanOfBinary(binary[0])
		return s
	}
	if text := md.Get(traceparentHeader); len(text) > 0 {
		if s, ok := spanOfText(text[0]); ok {
			return s
		}
	}
	return spanContext{}
}
