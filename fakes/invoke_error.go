package fakes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	statusproto "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
)

// invokeError is an invocation that daprd could not make, in both its
// protocols' terms.
//
// Source: dapr v1.16.0 pkg/messages/predefined.go ErrDirectInvoke.
type invokeError struct {
	code    codes.Code
	status  int
	message string
}

func (e *invokeError) Error() string              { return e.message }
func (e *invokeError) GRPCStatus() *status.Status { return status.New(e.code, e.message) }

func notInvoked(app string, err error) *invokeError {
	return &invokeError{codes.Internal, http.StatusInternalServerError, fmt.Sprintf("failed to invoke, id: %s, err: %v", app, err)}
}

func noAppID() *invokeError {
	return &invokeError{codes.NotFound, http.StatusNotFound, "failed getting app id either from the URL path or the header dapr-app-id"}
}

func (e *invokeError) write(w http.ResponseWriter) {
	body, _ := json.Marshal(struct {
		Code    string `json:"errorCode"`
		Message string `json:"message"`
	}{"ERR_DIRECT_INVOKE", e.message})
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(e.status)
	_, _ = w.Write(body)
}

// httpOf is a gRPC code as an HTTP status.
//
// Source: dapr v1.16.0 pkg/messaging/v1/util.go HTTPStatusFromCode.
func httpOf(code codes.Code) int {
	switch code {
	case codes.OK:
		return http.StatusOK
	case codes.Canceled:
		return http.StatusRequestTimeout
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		return http.StatusBadRequest
	case codes.DeadlineExceeded:
		return http.StatusGatewayTimeout
	case codes.NotFound:
		return http.StatusNotFound
	case codes.AlreadyExists, codes.Aborted:
		return http.StatusConflict
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.ResourceExhausted:
		return http.StatusTooManyRequests
	case codes.Unimplemented:
		return http.StatusNotImplemented
	case codes.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// grpcOf is an HTTP status as a gRPC code. It is not the way back from httpOf.
//
// Source: dapr v1.16.0 pkg/messaging/v1/util.go CodeFromHTTPStatus.
func grpcOf(code int) codes.Code {
	switch code {
	case http.StatusRequestTimeout:
		return codes.Canceled
	case http.StatusBadRequest:
		return codes.Internal
	case http.StatusGatewayTimeout:
		return codes.DeadlineExceeded
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusConflict:
		return codes.AlreadyExists
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusNotImplemented:
		return codes.Unimplemented
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	}
	if code >= 200 && code < 300 {
		return codes.OK
	}
	return codes.Unknown
}

// maxDetail is as much of an HTTP error's body as its details tell.
const maxDetail = 63

// grpcError is the answer as an error of InvokeService, nil for none.
//
// Source: dapr v1.16.0 pkg/messaging/v1/util.go ErrorFromHTTPResponseCode,
// ErrorFromInternalStatus.
func (i *invoked) grpcError() error {
	if !i.isHTTP() {
		return status.ErrorProto(i.proto())
	}
	code := grpcOf(i.status)
	if code == codes.OK {
		return nil
	}
	text := http.StatusText(i.status)
	body := string(i.data)
	if len(body) >= maxDetail {
		body = body[:maxDetail]
	}
	s := status.New(code, text)
	if detailed, err := s.WithDetails(&errdetails.ErrorInfo{Reason: text, Domain: "dapr.io",
		Metadata: map[string]string{"http.code": strconv.Itoa(i.status), "http.error_message": body}}); err == nil {
		s = detailed
	}
	return s.Err()
}

func (i *invoked) proto() *statusproto.Status {
	return &statusproto.Status{Code: int32(i.status), Message: i.message, Details: i.details} //nolint:gosec // a gRPC code
}

// json is the status of a gRPC app's error as Dapr's HTTP API tells it.
func (i *invoked) json() ([]byte, error) { return protojson.Marshal(i.proto()) }
