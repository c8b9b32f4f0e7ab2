package fakes

import (
	"errors"
	"fmt"

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
	// wired: an entry of a bulk call, looked at before; data is as it goes to the
	// broker, and raw is what the request, not the entry, says of it.
	wired, raw bool
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

// depthUnder is how many events led to the one whose published entry is seq.
// The lock is held.
func (w *backend) depthUnder(seq int) int {
	cause := w.recorder.Journal().Entries()[seq-1].Cause
	for d := range w.under {
		if d.seq == cause && cause != 0 {
			return d.pending.message.depth + 1
		}
	}
	return 0
}

// publish takes an event from an app: daprd's checks, the envelope, the journal,
// the broker.
func (w *backend) publish(a *app, p publishCall) *publishError {
	failed := func(err *publishError) *publishError { return w.publishFailed(a, p, err) }
	raw, data := p.raw, p.data
	if !p.wired {
		if err := w.check(a, p); err != nil {
			return failed(err)
		}
		if raw, _ = rawPayload(p.metadata); !raw {
			var err error
			if data, err = w.envelope(a.id, p.pubsub, p.topic, p.contentType, p.data, p.metadata); err != nil {
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
	seq, event := w.recorder.Publish(world.Publication{App: a.id, PubSub: p.pubsub, Topic: p.topic, Envelope: data, Raw: raw,
		Metadata: p.metadata, Protocol: p.protocol, Cause: p.cause})
	w.append(topicKey{a.components[p.pubsub].redis, p.topic}, &message{data: data, metadata: p.metadata, event: event, seq: seq, depth: w.depthUnder(seq)})
	w.engine.startSoon()
	w.engine.wake()
	return nil
}

// publishFailed records what was refused.
func (w *backend) publishFailed(a *app, p publishCall, err *publishError) *publishError {
	w.recorder.PublishFailed(world.Publication{App: a.id, PubSub: p.pubsub, Topic: p.topic, Envelope: p.data, Raw: true,
		Metadata: p.metadata, Protocol: p.protocol}, fmt.Sprintf("HTTP %d, gRPC %s: %s", err.status, err.code, err.message))
	return err
}
