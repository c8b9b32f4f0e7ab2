package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing/fstest"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// StateCall is one call of Dapr's state API. In its texts {etag} stands for the
// ETag that was seen last.
type StateCall struct {
	Name string // unique

	// Over HTTP: "POST /v1.0/state/store", a body, and If-Match where it is not "-".
	HTTP, Body string
	IfMatch    string

	// Over gRPC: a request of the runtime's API.
	GRPC func(etag string) proto.Message

	// Again is the answer until which the call is made again, ten seconds at
	// most: what takes time.
	Again string
}

// StatePlayer is the app that state calls are made for, StoreLess one whose
// sidecar has no state store.
const (
	StatePlayer = "state-player"
	StoreLess   = "store-less"
)

// StateResources have stores in memory, whose names say what is special about them.
func StateResources() []fs.FS {
	store := func(name string, metadata ...string) *fstest.MapFile {
		text := "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: " + name + "\nspec:\n  type: state.in-memory\n  version: v1\n  metadata:\n"
		if len(metadata) == 0 {
			text += "  - {name: ignored, value: x}\n"
		}
		for i := 0; i < len(metadata); i += 2 {
			text += fmt.Sprintf("  - {name: %s, value: %q}\n", metadata[i], metadata[i+1])
		}
		return &fstest.MapFile{Data: []byte(text + "scopes: [" + StatePlayer + "]\n")}
	}
	return []fs.FS{fstest.MapFS{
		"store.yaml":     store("store"),
		"by-name.yaml":   store("by-name", "keyPrefix", "name"),
		"by-app.yaml":    store("by-app", "KeyPrefix", "AppId"),
		"none.yaml":      store("none", "keyPrefix", "none"),
		"namespace.yaml": store("by-namespace", "keyPrefix", "namespace"),
		"team.yaml":      store("by-text", "keyPrefix", "Team"),
		"filled.yaml":    store("by-filled-text", "keyPrefix", "x-{appID}"),
		"cut.yaml":       store("cut"),
		"again.yaml":     store("again"),
		"policies.yaml": {Data: []byte("apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata:\n  name: policies\nspec:\n  policies:\n" +
			"    retries:\n      again: {policy: constant, duration: 100ms, maxRetries: 2}\n" +
			"    circuitBreakers:\n      cut: {trip: consecutiveFailures > 1, timeout: 1h}\n" +
			"  targets:\n    components:\n      cut: {outbound: {circuitBreaker: cut}}\n      again: {outbound: {retry: again}}\n")},
		"pubsub.yaml": {Data: []byte("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: pubsub\nspec:\n  type: pubsub.redis\n  version: v1\n  metadata:\n  - {name: redisHost, value: \"localhost:6379\"}\n")},
	}}
}

// StateSession makes state calls one after another, and tells each answer in a
// line, in which what is drawn or is a time has a number or a name instead.
type StateSession struct {
	HTTP string // the sidecar's, host:port
	GRPC grpc.ClientConnInterface

	etag  string
	uuids map[string]int
}

// Play makes the calls; a line is the call's name and the answer.
func (s *StateSession) Play(ctx context.Context, calls []StateCall) ([]string, error) {
	var lines []string
	for _, c := range calls {
		answer, err := s.call(ctx, c)
		for deadline := time.Now().Add(10 * time.Second); err == nil && c.Again != "" && answer != c.Again && time.Now().Before(deadline); {
			answer, err = s.call(ctx, c)
		}
		if err != nil {
			return lines, fmt.Errorf("%s: %w", c.Name, err)
		}
		lines = append(lines, c.Name+"\n    "+answer)
	}
	return lines, nil
}

func (s *StateSession) call(ctx context.Context, c StateCall) (string, error) {
	if c.GRPC != nil {
		return s.overGRPC(ctx, c.GRPC(s.etag))
	}
	return s.overHTTP(ctx, c)
}

func (s *StateSession) overHTTP(ctx context.Context, c StateCall) (string, error) {
	fill := func(text string) string { return strings.ReplaceAll(text, "{etag}", s.etag) }
	method, target, _ := strings.Cut(c.HTTP, " ")
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.HTTP+target, strings.NewReader(fill(c.Body)))
	if err != nil {
		return "", err
	}
	if c.IfMatch != "" {
		request.Header.Set("If-Match", strings.TrimPrefix(fill(c.IfMatch), "-"))
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if errors.Is(err, io.EOF) {
		return "connection closed", nil
	}
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if etag := response.Header.Get("ETag"); etag != "" {
		s.etag = etag
	}
	line := fmt.Sprint(response.StatusCode)
	for _, name := range []string{"Content-Type", "ETag", "Metadata.ttlexpiretime"} {
		if text := response.Header.Get(name); text != "" {
			line += fmt.Sprintf(" %s=%s", name, text)
		}
	}
	if len(body) > 0 {
		line += " " + strings.ReplaceAll(string(body), "\n", "\\n")
	}
	return s.told(line), nil
}

// methods are the runtime's methods by what they are asked with.
var methods = map[protoreflect.Name]string{
	"GetStateRequest": "GetState", "GetBulkStateRequest": "GetBulkState", "SaveStateRequest": "SaveState", "DeleteStateRequest": "DeleteState",
	"DeleteBulkStateRequest": "DeleteBulkState", "ExecuteStateTransactionRequest": "ExecuteStateTransaction", "QueryStateRequest": "QueryStateAlpha1",
}

func (s *StateSession) overGRPC(ctx context.Context, in proto.Message) (string, error) {
	var out proto.Message
	switch in.(type) {
	case *runtime.GetStateRequest:
		out = &runtime.GetStateResponse{}
	case *runtime.GetBulkStateRequest:
		out = &runtime.GetBulkStateResponse{}
	default:
		out = &runtime.QueryStateResponse{} // or an empty message
	}
	err := s.GRPC.Invoke(ctx, "/dapr.proto.runtime.v1.Dapr/"+methods[in.ProtoReflect().Descriptor().Name()], in, out)
	if err != nil {
		is := status.Convert(err)
		line := fmt.Sprintf("%s %q", is.Code(), is.Message())
		for _, detail := range is.Details() {
			line += " " + toldDetail(detail)
		}
		return s.told(line), nil
	}
	switch out := out.(type) {
	case *runtime.GetStateResponse:
		s.etag = out.GetEtag()
		return s.told(fmt.Sprintf("OK %q etag=%s %v", out.GetData(), out.GetEtag(), out.GetMetadata())), nil
	case *runtime.GetBulkStateResponse:
		line := "OK"
		for _, i := range out.GetItems() {
			line += fmt.Sprintf(" [%s %q etag=%s %v %s]", i.GetKey(), i.GetData(), i.GetEtag(), i.GetMetadata(), i.GetError())
		}
		return s.told(line), nil
	}
	return "OK", nil
}

func toldDetail(detail any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	switch d := detail.(type) {
	case *errdetails.ErrorInfo:
		_ = encoder.Encode([]any{"ErrorInfo", d.GetDomain(), d.GetReason(), d.GetMetadata()})
	case *errdetails.ResourceInfo:
		_ = encoder.Encode([]any{"ResourceInfo", d.GetResourceType(), d.GetResourceName(), d.GetOwner(), d.GetDescription()})
	case *errdetails.BadRequest:
		line := []any{"BadRequest"}
		for _, v := range d.GetFieldViolations() {
			line = append(line, v.GetField(), v.GetDescription())
		}
		_ = encoder.Encode(line)
	default:
		return fmt.Sprintf("%T", detail)
	}
	return strings.TrimSpace(text.String())
}

var (
	uuids      = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
	timestamps = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
)

// told numbers the UUIDs in the order in which they came, and hides times.
func (s *StateSession) told(line string) string {
	if s.uuids == nil {
		s.uuids = make(map[string]int)
	}
	line = uuids.ReplaceAllStringFunc(line, func(id string) string {
		if s.uuids[id] == 0 {
			s.uuids[id] = len(s.uuids) + 1
		}
		return fmt.Sprintf("<uuid %d>", s.uuids[id])
	})
	return timestamps.ReplaceAllString(line, "<time>")
}
