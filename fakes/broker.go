package fakes

import (
	"slices"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
)

// A broker of Redis Streams as Dapr's component uses it: topics are logs that
// keep everything, each consumer group reads each of them from its beginning,
// and what it read stays pending until it is acknowledged.
//
// Source: components-contrib v1.16.0 pubsub/redis/redis.go.
type broker struct {
	topics map[topicKey]*topic
	groups map[groupKey]*group
	order  []*group // in the order of their making, so that walks are deterministic
}

type topicKey struct{ component, topic string }
type groupKey struct {
	topicKey
	consumer string
}

// topic is a stream: XADD appends, nothing is deleted.
type topic struct {
	topicKey
	log []*message
}

// message is an entry of a stream.
type message struct {
	data     []byte            // the envelope, or the raw payload
	metadata map[string]string // of the publish call, as the component stores it
	event    contract.Ref
	seq      int // of the journal entry that put it here
	raw      bool
	// depth counts the events that led to this one: each was published, or
	// dead-lettered, while the one before it was handled.
	depth int
}

// group is a consumer group on one topic.
type group struct {
	groupKey
	topic   *topic
	next    int // index in topic.log of what is read next
	pending []*pending
	handled []handledMessage // acknowledged after SUCCESS: what a redelivery can bring again
	sub     *subscription    // who reads now; nil while nobody does
	tick    *dueItem         // the next reclaim that finds something
}

// handledMessage is a message with the entry of the delivery that was answered
// with SUCCESS.
type handledMessage struct {
	message *message
	seq     int
}

// pending is an entry of the group's pending entries list.
type pending struct {
	message    *message
	read       time.Time // when it was read or claimed last
	rounds     int       // how often it was claimed again
	deliveries int
}

func newBroker() *broker {
	return &broker{topics: make(map[topicKey]*topic), groups: make(map[groupKey]*group)}
}

func (b *broker) topic(key topicKey) *topic {
	t := b.topics[key]
	if t == nil {
		t = &topic{topicKey: key}
		b.topics[key] = t
	}
	return t
}

// maxChain is how many events may each lead to the next. Apps that answer each
// other's events for ever would keep Settle waiting, and in a bubble time itself.
const maxChain = 1000

// group is XGROUP CREATE … 0 MKSTREAM: a new group begins at the stream's
// beginning.
func (b *broker) group(key groupKey) *group {
	g := b.groups[key]
	if g == nil {
		g = &group{groupKey: key, topic: b.topic(key.topicKey)}
		b.groups[key] = g
		b.order = append(b.order, g)
	}
	return g
}

// append is XADD, and lets each group that is read take the message.
func (w *backend) append(key topicKey, m *message) {
	t := w.broker.topic(key)
	t.log = append(t.log, m)
	for _, g := range w.broker.order {
		if g.topic == t {
			w.read(g)
		}
	}
}

// read is XREADGROUP: new messages become pending, and ready to be delivered.
func (w *backend) read(g *group) {
	if g.sub == nil {
		return
	}
	for ; g.next < len(g.topic.log); g.next++ {
		p := &pending{message: g.topic.log[g.next], read: time.Now()}
		g.pending = append(g.pending, p)
		if p.message.depth > maxChain {
			w.runaway = true
			continue
		}
		w.engine.ready = append(w.engine.ready, newDelivery(w, g.sub, p))
	}
	w.reclaimLater(g)
}

// reclaimLater asks for the first tick of the reclaim loop that finds a
// message idle for processingTimeout. The loop ticks every redeliverInterval
// from the subscription's start; either being 0 turns it off.
func (w *backend) reclaimLater(g *group) {
	w.engine.cancel(g.tick)
	g.tick = nil
	if g.sub == nil || len(g.pending) == 0 || !g.sub.reclaims() {
		return
	}
	oldest := g.pending[0].read
	for _, p := range g.pending {
		if p.read.Before(oldest) {
			oldest = p.read
		}
	}
	g.tick = w.engine.at(g.sub.reclaimAfter(oldest), func() { w.reclaim(g) })
}

// reclaim is XPENDING and XCLAIM: what was idle long enough is delivered
// again, also while an earlier delivery of it still runs.
func (w *backend) reclaim(g *group) {
	g.tick = nil
	if g.sub == nil {
		return
	}
	now := time.Now()
	for _, p := range g.pending {
		if now.Sub(p.read) < g.sub.processingTimeout {
			continue
		}
		p.read = now
		p.rounds++
		w.engine.ready = append(w.engine.ready, newDelivery(w, g.sub, p))
	}
	w.reclaimLater(g)
}

// acknowledge is XACK.
func (w *backend) acknowledge(g *group, p *pending, cause int) {
	i := slices.Index(g.pending, p)
	if i < 0 {
		return // by an earlier delivery of the same message
	}
	g.pending = slices.Delete(g.pending, i, i+1)
	w.recorder.Journal().Append(journal.Entry{Kind: journal.Acknowledged, SeenBy: journal.Engine,
		App: g.consumer, PubSub: g.component, Topic: g.topicKey.topic, Event: p.message.event, Cause: cause})
	if len(g.pending) == 0 {
		w.reclaimLater(g)
	}
}
