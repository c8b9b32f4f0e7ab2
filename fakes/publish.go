package fakes

import (
	"fmt"
	"net/http"

	"google.golang.org/grpc/codes"

	"github.com/eventproof/eventproof/fakes/world"
)

// publishError is a publish that daprd refuses, in both its protocols' terms.
//
// Source: dapr v1.16.0 pkg/api/errors/pubsub.go, pkg/messages/errorcodes.
type publishError struct {
	code    codes.Code
	status  int
	tag     string
	message string
}

func (e *publishError) Error() string { return e.message }

// publishCall is what an app asks of its sidecar.
type publishCall struct {
	pubsub, topic, contentType string
	data                       []byte
	metadata                   map[string]string
	protocol                   string
}

// check refuses what daprd refuses before it looks at the data.
func (w *backend) check(a *app, p publishCall) *publishError {
	if p.pubsub == "" {
		return &publishError{codes.InvalidArgument, http.StatusNotFound, "ERR_PUBSUB_EMPTY", "pubsub name is empty"}
	}
	if len(a.components) == 0 {
		return &publishError{codes.FailedPrecondition, http.StatusBadRequest, "ERR_PUBSUB_NOT_CONFIGURED", fmt.Sprintf("pubsub %s is not configured", p.pubsub)}
	}
	if _, ok := a.components[p.pubsub]; !ok {
		return &publishError{codes.InvalidArgument, http.StatusNotFound, "ERR_PUBSUB_NOT_FOUND", fmt.Sprintf("pubsub %s is not found", p.pubsub)}
	}
	if p.topic == "" {
		return &publishError{codes.InvalidArgument, http.StatusNotFound, "ERR_TOPIC_NAME_EMPTY", "topic is empty in pubsub " + p.pubsub}
	}
	if _, err := rawPayload(p.metadata); err != nil {
		return &publishError{codes.InvalidArgument, http.StatusBadRequest, "ERR_PUBSUB_REQUEST_METADATA", "failed deserializing metadata. Error: " + err.Error()}
	}
	return nil
}

// publish takes an event from an app: daprd's checks, the envelope, the journal,
// the broker.
func (w *backend) publish(a *app, p publishCall) *publishError {
	failed := func(err *publishError) *publishError {
		w.recorder.PublishFailed(world.Publication{App: a.id, PubSub: p.pubsub, Topic: p.topic, Envelope: p.data, Raw: true,
			Metadata: p.metadata, Protocol: p.protocol}, fmt.Sprintf("HTTP %d, gRPC %s: %s", err.status, err.code, err.message))
		return err
	}
	if err := w.check(a, p); err != nil {
		return failed(err)
	}
	raw, _ := rawPayload(p.metadata)
	data := p.data
	if !raw {
		var err error
		if data, err = w.envelope(a.id, p.pubsub, p.topic, p.contentType, p.data, p.metadata); err != nil {
			return failed(&publishError{codes.InvalidArgument, http.StatusInternalServerError, "ERR_PUBSUB_CLOUD_EVENTS_SER", "cannot create cloudevent"})
		}
	}
	if !a.mayPublish(p.pubsub, p.topic) {
		return failed(&publishError{codes.PermissionDenied, http.StatusForbidden, "ERR_PUBSUB_FORBIDDEN", fmt.Sprintf("topic %s is not allowed for app id %s", p.topic, a.id)})
	}
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	if w.engine.closed {
		return &publishError{codes.Unavailable, http.StatusServiceUnavailable, "ERR_PUBSUB_PUBLISH_MESSAGE", "the world is closed"}
	}
	seq, event := w.recorder.Publish(world.Publication{App: a.id, PubSub: p.pubsub, Topic: p.topic, Envelope: data, Raw: raw,
		Metadata: p.metadata, Protocol: p.protocol})
	w.append(topicKey{p.pubsub, p.topic}, &message{data: data, metadata: p.metadata, event: event, seq: seq, raw: raw})
	w.engine.start()
	w.engine.wake()
	return nil
}
