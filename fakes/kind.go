package fakes

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract/resources"
)

// kind is what a pubsub component's type decides: who gets a message, and what
// becomes of one that nobody handled. What the sidecar itself does with a message is
// the same for all of them. The engine's lock is held in every call.
type kind interface {
	// features are what the component says that it does itself.
	features() []string
	// join makes the subscription a reader of its topic, and lets it read.
	join(w *backend, s *subscription)
	// leave ends the subscription of a stream.
	leave(w *backend, s *subscription)
	// store takes a message that the sidecar has published.
	store(w *backend, c component, topic string, m *message)
	// acknowledged is told that the broker no longer holds d's message.
	acknowledged(w *backend, d *delivery)
	// failed decides about a message that daprd's handler returned an error for.
	failed(w *backend, d *delivery)
}

// kinds says which components keep their type. By default none does: a pubsub
// of another broker becomes Redis, as in the harness. The fake as a program keeps
// what daprd has without a broker, and what is on a socket.
type kinds struct {
	keep    bool
	sockets map[string]*pluggableClient // by the component's type: see discover
}

const memoryType = "pubsub.in-memory"

// kept is the kind of a component that keeps its type, and false for one that is
// Redis, or becomes it.
func (k kinds) kept(c resources.Component) bool {
	if !k.keep {
		return false
	}
	return strings.EqualFold(c.Type, memoryType) || k.sockets[strings.ToLower(c.Type)] != nil
}

// substituted lists the pubsub components that become Redis although others keep
// their type.
func (k kinds) substituted(set *resources.Set) (listed []string) {
	for _, c := range set.PubSubs() {
		if !c.IsRedis() && !k.kept(c) {
			listed = append(listed, fmt.Sprintf("%s: %s: type %s -> pubsub.redis", c.Place, c.Name, c.Type))
		}
	}
	return listed
}

// component is the component as the app's sidecar has it. The lock is held.
func (w *backend) component(a *app, c resources.Component) component {
	if a.kinds.kept(c) {
		// No limit of its own: each subscription is given one message at a time.
		known := component{Component: c, concurrency: math.MaxInt, redis: fmt.Sprintf("%s of %s", c.Name, a.id), kind: memory{}}
		if p := a.plugged[c.Name]; p != nil {
			known.kind = p
		}
		return known
	}
	settings, clocks := c.Redis(), w.recorder.Config().Clocks
	known := component{Component: c, processingTimeout: settings.ProcessingTimeout, redeliverInterval: settings.RedeliverInterval,
		concurrency: max(settings.Concurrency, 1), redis: redisOf(c), kind: redisStreams{}}
	if clocks.ProcessingTimeout != 0 {
		known.processingTimeout = clocks.ProcessingTimeout
	}
	if clocks.RedeliverInterval != 0 {
		known.redeliverInterval = clocks.RedeliverInterval
	}
	return known
}

// pubsub is the subscription's component.
func (s *subscription) pubsub() component { return s.app.components[s.component] }

// broker is what its component's type decides.
func (s *subscription) broker() kind { return s.app.components[s.component].kind }

// handlesTTL reports whether the component minds a message's time to live; where
// it does not, daprd does.
func (c component) handlesTTL() bool {
	return c.kind != nil && slices.Contains(c.kind.features(), "MESSAGE_TTL")
}

// redisStreams is pubsub.redis: see broker.
type redisStreams struct{}

func (redisStreams) features() []string { return []string{} }

func (redisStreams) join(w *backend, s *subscription) {
	g := w.group(groupKey{topicKey{s.pubsub().redis, s.topic}, s.app.consumer(s.component)})
	g.join(s)
	w.read(g)
}

func (redisStreams) leave(w *backend, s *subscription) { w.leave(s) }

func (redisStreams) store(w *backend, c component, topic string, m *message) {
	w.append(topicKey{c.redis, topic}, m)
}

func (redisStreams) acknowledged(*backend, *delivery) {}

// failed leaves the message pending, or as of 1.17 acknowledges it all the same:
// but for one whose context has ended, at processingTimeout or with the
// subscription.
func (redisStreams) failed(w *backend, d *delivery) {
	if !w.version.redisAcknowledgesErrors || d.contextEnded() {
		d.stay()
		return
	}
	if d.group.holds(d.pending) {
		d.drop(strings.TrimPrefix(fmt.Sprintf("%s; the Redis component of %s acknowledges what failed", d.outcome.note, w.version), "; "))
		w.acknowledge(d)
	}
}

// contextEnded reports whether the context has ended that the component gave to
// the handler.
func (d *delivery) contextEnded() bool {
	if d.sub.reclaims() && time.Since(d.taken) >= d.sub.processingTimeout {
		return true
	}
	st := d.sub.stream
	return st != nil && st.ended && !slices.Contains(d.sub.app.stopping, st)
}
