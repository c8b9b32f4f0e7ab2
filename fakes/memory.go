package fakes

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract/journal"
)

// memory is pubsub.in-memory. It has no consumer groups: each subscription of the
// sidecar gets each message that is published while it is there, one at a time. It
// keeps nothing: what fails is given to the sidecar again a few times, and is gone.
// Each sidecar has a memory of its own for each component.
//
// daprd's own has defects that are left out here: a publish waits until the
// subscription is done with the message before, so that a handler which publishes
// to its own topic stops for ever; a stream that ends takes the first subscription to
// its topic with it, which may be another's.
//
// Source: components-contrib v1.16.0 pubsub/in-memory/in-memory.go,
// common/eventbus/eventbus.go.
type memory struct{}

// memoryPause is how long the component waits after each attempt that failed,
// the last one included.
const memoryPause = 100 * time.Millisecond

func (memory) features() []string { return []string{"SUBSCRIBE_WILDCARDS"} }

func (memory) join(w *backend, s *subscription) {
	key := topicKey{s.pubsub().redis, s.topic}
	for _, g := range w.broker.order {
		// daprd is replaced: what it had in memory is gone.
		if g.serial && g.topicKey == key && s.stream == nil && len(g.subs) > 0 && g.subs[0].stream == nil {
			for p := range g.pending.all() {
				g.pending.remove(p)
			}
			g.subs[0], g.topic.log, g.topic.gone, g.next = s, nil, 0, 0
			return
		}
	}
	w.ownGroup(key, s)
}

// leave loses what the stream had not been given.
func (memory) leave(w *backend, s *subscription) {
	w.broker.order = slices.DeleteFunc(w.broker.order, func(g *group) bool {
		if !slices.Contains(g.subs, s) {
			return false
		}
		for ; g.next < g.topic.end(); g.next++ {
			m := g.topic.at(g.next)
			d := &delivery{world: w, sub: s, group: g, pending: &pending{message: m}, last: m.seq}
			d.drop("its stream had ended")
		}
		g.subs, g.topic.log, g.topic.gone, g.next = nil, nil, 0, 0
		return true
	})
}

func (memory) store(w *backend, c component, topic string, m *message) {
	for _, g := range slices.Clone(w.broker.order) {
		if !g.serial || g.redis != c.redis || len(g.subs) == 0 || !matchesTopic(g.topicKey.topic, topic) {
			continue
		}
		one := *m
		if !w.version.memoryKeepsMetadata {
			one.metadata = g.subs[0].metadata
		}
		g.topic.log = append(g.topic.log, &one)
		w.read(g)
	}
}

// matchesTopic reports whether a subscription's topic takes a message: "a*"
// takes what begins with a, but not a itself.
func matchesTopic(subscribed, topic string) bool {
	if subscribed == topic {
		return true
	}
	prefix, wild := strings.CutSuffix(subscribed, "*")
	return wild && strings.HasPrefix(topic, prefix) && topic != prefix
}

func (memory) acknowledged(w *backend, d *delivery) { w.read(d.group) }

// failed gives the message to the sidecar again, or gives it up.
func (memory) failed(w *backend, d *delivery) {
	if !d.group.holds(d.pending) {
		return // daprd was replaced meanwhile
	}
	attempts := d.pending.rounds + 1
	switch {
	case d.sub.stream != nil && d.sub.stream.ended:
		d.drop(strings.TrimPrefix(d.outcome.note+"; its stream has ended", "; "))
		w.acknowledge(d)
		return
	case attempts >= w.version.memoryAttempts:
		times := fmt.Sprintf("%d attempts", attempts)
		if attempts == 1 {
			times = "its only attempt"
		}
		d.drop(strings.TrimPrefix(fmt.Sprintf("%s; %s of %s gives it up after %s", d.outcome.note, memoryType, w.version, times), "; "))
		if w.version.memoryAttempts == 1 {
			w.acknowledge(d)
			return
		}
		d.pause(func() { w.acknowledge(d) })
	default:
		at := d.pause(func() {
			if d.group.holds(d.pending) {
				d.pending.rounds++
				w.queue(d.group, d.pending, d.sub)
			}
		})
		d.last = d.record(journal.Entry{Kind: journal.Pending, Note: d.outcome.note, Due: w.recorder.Journal().Since(at)})
	}
}

// pause does something after the component's pause.
func (d *delivery) pause(then func()) (at time.Time) {
	at = time.Now().Add(memoryPause)
	d.world.retries[d] = at
	d.world.engine.at(at, func() {
		delete(d.world.retries, d)
		then()
	})
	return at
}
