package fakes

import (
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

// publishError is a publish that daprd refuses, in both its protocols' terms.
//
// Sources: dapr v1.16.0 pkg/api/errors/pubsub.go, pkg/messages/errorcodes;
// kit v0.16.1 errors/errors.go.
type publishError struct {
	code     codes.Code
	status   int               // over HTTP
	tag      string            // errorCode over HTTP
	reason   string            // of the google.rpc.ErrorInfo
	resource *string           // of the google.rpc.ResourceInfo; nil: none
	metadata map[string]string // of the google.rpc.ErrorInfo
	message  string
}

func (e *publishError) Error() string { return e.message }

func nameEmpty(metadata map[string]string) *publishError {
	return &publishError{codes.InvalidArgument, http.StatusNotFound, "ERR_PUBSUB_EMPTY", "DAPR_PUBSUB_NAME_EMPTY", new(string), metadata, "pubsub name is empty"}
}

func notConfigured(pubsub string, metadata map[string]string) *publishError {
	return &publishError{codes.FailedPrecondition, http.StatusBadRequest, "ERR_PUBSUB_NOT_CONFIGURED", "DAPR_PUBSUB_NOT_CONFIGURED", nil, metadata,
		fmt.Sprintf("pubsub %s is not configured", pubsub)}
}

func notFound(pubsub string, metadata map[string]string) *publishError {
	return &publishError{codes.InvalidArgument, http.StatusNotFound, "ERR_PUBSUB_NOT_FOUND", "DAPR_PUBSUB_NOT_FOUND", nil, metadata,
		fmt.Sprintf("pubsub %s is not found", pubsub)}
}

func topicEmpty(pubsub string, metadata map[string]string) *publishError {
	return &publishError{codes.InvalidArgument, http.StatusNotFound, "ERR_TOPIC_NAME_EMPTY", "DAPR_PUBSUB_TOPIC_NAME_EMPTY", &pubsub, metadata,
		"topic is empty in pubsub " + pubsub}
}

func badMetadata(pubsub string, metadata map[string]string, err error) *publishError {
	return &publishError{codes.InvalidArgument, http.StatusBadRequest, "ERR_PUBSUB_REQUEST_METADATA", "DAPR_PUBSUB_METADATA_DESERIALIZATION", &pubsub, metadata,
		"failed deserializing metadata. Error: " + err.Error()}
}

func noCloudEvent(pubsub, app string, err error) *publishError {
	return &publishError{codes.InvalidArgument, http.StatusInternalServerError, "ERR_PUBSUB_CLOUD_EVENTS_SER", "DAPR_PUBSUB_CLOUD_EVENT_CREATION", &pubsub,
		map[string]string{"appID": app, "error": err.Error()}, "cannot create cloudevent"}
}

func forbidden(pubsub, topic, app string) *publishError {
	message := fmt.Sprintf("topic %s is not allowed for app id %s", topic, app)
	return &publishError{codes.PermissionDenied, http.StatusForbidden, "ERR_PUBSUB_FORBIDDEN", "DAPR_PUBSUB_FORBIDDEN", &pubsub,
		map[string]string{"topic": topic, "error": message}, message}
}

func publishFailed(pubsub, topic string, err error) *publishError {
	return &publishError{codes.Internal, http.StatusInternalServerError, "ERR_PUBSUB_PUBLISH_MESSAGE", "DAPR_PUBSUB_PUBLISH_MESSAGE", &pubsub,
		map[string]string{"topic": topic, "error": err.Error()}, fmt.Sprintf("error when publishing to topic %s in pubsub %s: %s", topic, pubsub, err)}
}

// badEvents is what is wrong with the events of a bulk call.
func badEvents(pubsub, topic, app, reason, doing string, err error) *publishError {
	metadata := map[string]string{"appID": app, "error": err.Error()}
	if strings.HasPrefix(doing, "when unmarshaling") {
		delete(metadata, "error") // daprd's WithAppError has none there: pkg/api/http/http.go onBulkPublish
	}
	return &publishError{codes.InvalidArgument, http.StatusBadRequest, "ERR_PUBSUB_EVENTS_SER", reason, &pubsub, metadata, fmt.Sprintf("error %s for topic %s pubsub %s%s%s", doing, topic, pubsub, bulkSeparator(doing), err)}
}

// bulkSeparator is what daprd writes before the cause: it differs by message.
func bulkSeparator(doing string) string {
	if strings.HasPrefix(doing, "marshaling") {
		return ". error: "
	}
	return ": "
}

// grpc is the error as daprd's gRPC API gives it.
func (e *publishError) grpc() error { return e }

// GRPCStatus is how gRPC reads an error.
func (e *publishError) GRPCStatus() *status.Status {
	info := &errdetails.ErrorInfo{Reason: e.reason, Domain: "dapr.io", Metadata: e.metadata}
	details := []protoadapt.MessageV1{info}
	if e.resource != nil {
		details = []protoadapt.MessageV1{&errdetails.ResourceInfo{ResourceType: "pubsub", ResourceName: *e.resource, Description: e.message}, info}
	}
	plain := status.New(e.code, e.message)
	if s, err := plain.WithDetails(details...); err == nil {
		return s
	}
	return plain
}

// errorCode implements [coded].
func (e *publishError) errorCode() (string, bool) { return e.tag, true }

// body is the error as daprd's HTTP API gives it.
func (e *publishError) body() any {
	type resourceInfo struct {
		Type         string `json:"@type"`
		Description  string `json:"description"`
		Owner        string `json:"owner"`
		ResourceName string `json:"resource_name"`
		ResourceType string `json:"resource_type"`
	}
	type errorInfo struct {
		Type     string            `json:"@type"`
		Domain   string            `json:"domain"`
		Metadata map[string]string `json:"metadata"`
		Reason   string            `json:"reason"`
	}
	var details []any
	if e.resource != nil {
		details = append(details, resourceInfo{"type.googleapis.com/google.rpc.ResourceInfo", e.message, "", *e.resource, "pubsub"})
	}
	details = append(details, errorInfo{"type.googleapis.com/google.rpc.ErrorInfo", "dapr.io", e.metadata, e.reason})
	return struct {
		Code    string `json:"errorCode"`
		Message string `json:"message"`
		Details []any  `json:"details,omitempty"`
	}{e.tag, e.message, details}
}
