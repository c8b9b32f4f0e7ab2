package fakes

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/eventproof/eventproof/fakes/world"
)

// publishCall is what an app asks of its sidecar.
type publishCall struct {
	pubsub, topic, contentType string
	data                       []byte
	metadata                   map[string]string
	protocol                   string
	cause                      int  // the delivery in whose course it is made; 0: not known
	passed                     bool // the outbound policy let it pass already, as an entry of a bulk call
	// wired: an entry of a bulk call, looked at before; event is as it goes to the
	// broker, and raw is what the request, not the entry, says of it.
	wired, raw bool
	event      sealed
	sent       bool // a pluggable component took it already, in a bulk call
}

// check refuses what daprd refuses before it looks at the data.
//
// Source: dapr v1.16.0 pkg/api/{grpc/grpc,http/http}.go validateAndGetPubsubAndTopic.
func (w *backend) check(a *app, p publishCall) *publishError {
	told := p.metadata // of the error; the gRPC API leaves it out of two of them
	if p.protocol == "grpc" {
		told = nil
	}
	if len(a.components) == 0 {
		return notConfigured(p.pubsub, told)
	}
	if p.pubsub == "" {
		return nameEmpty(p.metadata)
	}
	if _, ok := a.components[p.pubsub]; !ok {
		return notFound(p.pubsub, told)
	}
	if p.topic == "" {
		return topicEmpty(p.pubsub, p.metadata)
	}
	if _, err := rawPayload(p.metadata); err != nil {
		return badMetadata(p.pubsub, p.metadata, err)
	}
	return nil
}

// depthUnder is how many events led to one that was published in the course of
// the delivery whose entry is cause; 0: of none. The lock is held.
func (w *backend) depthUnder(cause int) int {
	if cause == 0 {
		return 0
	}
	for d := range w.under {
		if d.seq == cause {
			return d.pending.message.depth + 1
		}
	}
	return 0
}

// publish takes an event from an app: daprd's checks, the envelope, the journal,
// the broker.
func (w *backend) publish(a *app, p publishCall) *publishError {
	failed := func(err *publishError) *publishError { return w.publishFailed(a, p, err) }
	raw, event := p.raw, p.event
	if !p.wired {
		if err := w.check(a, p); err != nil {
			return failed(err)
		}
		event = sealed{data: p.data}
		if raw, _ = rawPayload(p.metadata); !raw {
			var err error
			if event, err = w.envelope(a, p.pubsub, p.topic, p.contentType, p.data, p.metadata); err != nil {
				return failed(noCloudEvent(p.pubsub, a.id, err))
			}
		}
	}
	if !a.mayPublish(p.pubsub, p.topic) {
		return failed(forbidden(p.pubsub, p.topic, a.id))
	}
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	if w.engine.closed {
		return publishFailed(p.pubsub, p.topic, errors.New("the world is closed"))
	}
	if !p.passed {
		if err := a.publishes(p.pubsub, nil); err != nil {
			return failed(publishFailed(p.pubsub, p.topic, err))
		}
	}
	published := &message{data: event.data, known: event.known, metadata: p.metadata}
	if !p.sent {
		if err := w.send(a, p.pubsub, p.topic, published); err != nil {
			a.counters().egress(p.pubsub, p.topic, false)
			return failed(publishFailed(p.pubsub, p.topic, err))
		}
	}
	if !p.wired {
		a.counters().egress(p.pubsub, p.topic, true)
	}
	seq, ref, cause := w.recorder.PublishUnder(world.Publication{App: a.id, PubSub: p.pubsub, Topic: p.topic, Envelope: event.data, Raw: raw,
		Event: event.event, Known: event.known > 0, Metadata: p.metadata, Protocol: p.protocol, Cause: p.cause})
	published.event, published.seq, published.depth = ref, seq, w.depthUnder(cause)
	c := a.components[p.pubsub]
	c.kind.store(w, c, p.topic, published)
	w.engine.startSoon()
	w.engine.wake()
	return nil
}

// PublishDirect implements [world.Direct]. What cannot go through gRPC is left to
// it to refuse, and so is all once the sidecar is closed.
func (s *sidecar) PublishDirect(pubsub, topic, contentType string, data []byte, metadata map[string]string) (ok bool, err error) {
	size := len(data)
	valid := utf8.ValidString(pubsub) && utf8.ValidString(topic) && utf8.ValidString(contentType)
	for name, value := range metadata {
		size += len(name) + len(value)
		valid = valid && utf8.ValidString(name) && utf8.ValidString(value)
	}
	if !valid || size > maxMessage/2 || s.isClosed() {
		return false, nil
	}
	if err := s.world.publish(s.app, publishCall{pubsub: pubsub, topic: topic, contentType: contentType, data: data, metadata: metadata,
		protocol: "grpc", cause: world.Unknown}); err != nil {
		return true, err.GRPCStatus().Err()
	}
	return true, nil
}

// publishFailed records what was refused.
func (w *backend) publishFailed(a *app, p publishCall, err *publishError) *publishError {
	w.recorder.PublishFailed(world.Publication{App: a.id, PubSub: p.pubsub, Topic: p.topic, Envelope: p.data, Raw: true,
		Metadata: p.metadata, Protocol: p.protocol}, fmt.Sprintf("HTTP %d, gRPC %s: %s", err.status, err.code, err.message))
	return err
}
