package fakes

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/eventproof/eventproof/fakes/state"
)

// stateError is a state call that daprd refuses, in both its protocols' terms.
//
// Sources: dapr v1.16.0 pkg/api/errors/{errors,state,pubsub}.go,
// pkg/messages/{predefined,api_error}.go, pkg/messages/errorcodes;
// kit v0.16.1 errors/errors.go.
type stateError struct {
	code    codes.Code
	status  int    // over HTTP
	tag     string // errorCode over HTTP
	message string
	// details are those over gRPC; bare errors have none over HTTP.
	details []protoadapt.MessageV1
	bare    bool
}

func (e *stateError) Error() string { return e.message }

func errorInfo(reason string, metadata map[string]string) *errdetails.ErrorInfo {
	return &errdetails.ErrorInfo{Domain: "dapr.io", Reason: reason, Metadata: metadata}
}

func stateResource(store string) *errdetails.ResourceInfo {
	return &errdetails.ResourceInfo{ResourceType: "state", ResourceName: store}
}

// ofApp is the metadata of two errors, which only the HTTP API gives.
func ofApp(app string) map[string]string {
	if app == "" {
		return nil
	}
	return map[string]string{"appID": app}
}

func storeNotConfigured(store, app string) *stateError {
	return &stateError{code: codes.FailedPrecondition, status: http.StatusInternalServerError, tag: "ERR_STATE_STORE_NOT_CONFIGURED",
		message: fmt.Sprintf("state store %s is not configured", store), details: []protoadapt.MessageV1{errorInfo("DAPR_STATE_NOT_CONFIGURED", ofApp(app))}}
}

func storeNotFound(store, app string) *stateError {
	return &stateError{code: codes.InvalidArgument, status: http.StatusBadRequest, tag: "ERR_STATE_STORE_NOT_FOUND",
		message: fmt.Sprintf("state store %s is not found", store), details: []protoadapt.MessageV1{errorInfo("DAPR_STATE_NOT_FOUND", ofApp(app))}}
}

// illegalKey is what daprd says of a key with its separator in it. Over HTTP it
// makes an error of the error, and in transactions it has lost the key by then.
func illegalKey(store, key string, err error, protocol string) *stateError {
	message := err.Error()
	if protocol == "http" {
		message = "api error: code = InvalidArgument desc = " + message
	}
	violation := &errdetails.BadRequest_FieldViolation{Field: key, Description: message}
	return &stateError{code: codes.InvalidArgument, status: http.StatusBadRequest, tag: "ERR_MALFORMED_REQUEST", message: message,
		details: []protoadapt.MessageV1{&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{violation}},
			stateResource(store), errorInfo("DAPR_STATE_ILLEGAL_KEY", nil)}}
}

func queryUnsupported(store string) *stateError {
	return &stateError{code: codes.Internal, status: http.StatusInternalServerError, tag: "ERR_STATE_STORE_NOT_SUPPORTED",
		message: "state store does not support querying", details: []protoadapt.MessageV1{stateResource(store), errorInfo("DAPR_STATE_QUERYING_NOT_SUPPORTED", nil)}}
}

func outboxFailed(app string, err error) *stateError {
	return &stateError{code: codes.Internal, status: http.StatusInternalServerError, tag: "ERR_PUBLISH_OUTBOX",
		message: fmt.Sprintf("error while publishing outbox message: %s", err),
		details: []protoadapt.MessageV1{errorInfo("DAPR_PUBSUB_OUTBOX", map[string]string{"appID": app, "error": err.Error()})}}
}

// bareError has its tag for a reason over gRPC, and no details over HTTP.
func bareError(code codes.Code, status int, tag, message string) *stateError {
	return &stateError{code: code, status: status, tag: tag, message: message, bare: true, details: []protoadapt.MessageV1{errorInfo(tag, nil)}}
}

func malformed(message string) *stateError {
	return bareError(codes.InvalidArgument, http.StatusBadRequest, "ERR_MALFORMED_REQUEST", message)
}

func operationUnsupported(operation string) *stateError {
	return bareError(codes.Unimplemented, http.StatusBadRequest, "ERR_NOT_SUPPORTED_STATE_OPERATION", fmt.Sprintf("operation type %s not supported", operation))
}

// writeFailed is what the store said to a write: a conflict where an ETag was
// wrong. Over HTTP daprd tells the first ETag that was wrong, and nothing of what
// else was; over gRPC everything.
func writeFailed(tag, doing string, err error, protocol string) *stateError {
	code, httpStatus, told := codes.Internal, http.StatusInternalServerError, err.Error()
	if e := (*state.ETagError)(nil); errors.As(err, &e) {
		code, httpStatus = codes.Aborted, http.StatusConflict
		if protocol == "http" {
			told = e.Error()
		}
	}
	return bareError(code, httpStatus, tag, doing+": "+told)
}

func getFailed(store, key string, err error) *stateError {
	return bareError(codes.Internal, http.StatusInternalServerError, "ERR_STATE_GET", fmt.Sprintf("fail to get %s from state store %s: %s", key, store, err))
}

func saveFailed(store string, err error, protocol string) *stateError {
	return writeFailed("ERR_STATE_SAVE", "failed saving state in state store "+store, err, protocol)
}

func deleteFailed(key string, err error, protocol string) *stateError {
	return writeFailed("ERR_STATE_DELETE", "failed deleting state with key "+key, err, protocol)
}

func bulkDeleteFailed(store string, err error) *stateError {
	return writeFailed("ERR_STATE_BULK_DELETE", "failed deleting state in state store "+store, err, "grpc")
}

// transactionFailed knows no conflict: an ETag that was wrong is an error as any.
func transactionFailed(err error) *stateError {
	return bareError(codes.Internal, http.StatusInternalServerError, "ERR_STATE_TRANSACTION", fmt.Sprintf("error while executing state transaction: %s", err))
}

// grpc is the error as daprd's gRPC API gives it.
func (e *stateError) grpc() error {
	s, err := status.New(e.code, e.message).WithDetails(e.details...)
	if err != nil {
		return status.Error(e.code, e.message)
	}
	return s.Err()
}

// write is the error as daprd's HTTP API gives it.
func (e *stateError) write(w http.ResponseWriter) {
	out := struct {
		Code    string `json:"errorCode"`
		Message string `json:"message"`
		Details []any  `json:"details,omitempty"`
	}{Code: e.tag, Message: e.message}
	if !e.bare {
		for _, d := range e.details {
			out.Details = append(out.Details, httpDetail(d))
		}
	}
	body, _ := json.Marshal(out) // of texts
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	_, _ = w.Write(body)
}

func httpDetail(detail protoadapt.MessageV1) map[string]any {
	const prefix = "type.googleapis.com/google.rpc."
	switch d := detail.(type) {
	case *errdetails.ErrorInfo:
		return map[string]any{"@type": prefix + "ErrorInfo", "domain": d.GetDomain(), "metadata": d.GetMetadata(), "reason": d.GetReason()}
	case *errdetails.ResourceInfo:
		return map[string]any{"@type": prefix + "ResourceInfo", "resource_type": d.GetResourceType(), "resource_name": d.GetResourceName(),
			"owner": d.GetOwner(), "description": d.GetDescription()}
	case *errdetails.BadRequest:
		return map[string]any{"@type": prefix + "BadRequest", "field_violations": d.GetFieldViolations()}
	}
	return map[string]any{"@type": "type.googleapis.com/" + string(protoadapt.MessageV2Of(detail).ProtoReflect().Descriptor().FullName())}
}
