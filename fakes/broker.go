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

// topicKey is a topic of a Redis: two components with one Redis share its topics.
type topicKey struct{ redis, topic string }
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
	subs    []*subscription  // who reads it: usually one; apps with one consumerID share it
	turn    int              // which of subs reads next
	tick    *dueItem         // the next reclaim that finds something
}

// handledMessage is a message with the entry of the delivery that was answered
// with SUCCESS, and who answered.
type handledMessage struct {
	message *message
	sub     *subscription
	seq     int
}

// pending is an entry of the group's pending entries list.
type pending struct {
	message    *message
	read       time.Time // when it was read or claimed last
	rounds     int       // how often it was claimed again
	deliveries int
	queued     int // deliveries of it that have not begun
	open       int // calls of the app with it
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

// join makes a subscription a reader of its group, in place of the one that its
// app had before.
func (g *group) join(s *subscription) {
	for i, before := range g.subs {
		if before.app == s.app && before.component == s.component {
			g.subs[i] = s
			return
		}
	}
	g.subs = append(g.subs, s)
}

// reader is whose turn it is: the members of a group share its messages.
func (g *group) reader() *subscription {
	s := g.subs[g.turn%len(g.subs)]
	g.turn++
	return s
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

// maxChain is how many events may each lead to the next. Apps that answer each
// other's events for ever would keep Settle waiting, and in a bubble time itself.
const maxChain = 1000

// read is XREADGROUP: new messages become pending, and ready to be delivered.
func (w *backend) read(g *group) {
	if len(g.subs) == 0 {
		return
	}
	for ; g.next < len(g.topic.log); g.next++ {
		p := &pending{message: g.topic.log[g.next], read: time.Now()}
		g.pending = append(g.pending, p)
		w.queue(g, p)
	}
	w.reclaimLater(g)
}

// queue makes a delivery of a pending message.
func (w *backend) queue(g *group, p *pending) {
	if p.message.depth > maxChain {
		w.runaway = true
		return
	}
	p.queued++
	w.engine.ready = append(w.engine.ready, &delivery{world: w, sub: g.reader(), group: g, pending: p, last: p.message.seq})
}

// reclaimLater asks for the first tick of the reclaim loop that finds a
// message idle for processingTimeout. The loop ticks every redeliverInterval
// from the subscription's start; either being 0 turns it off.
func (w *backend) reclaimLater(g *group) {
	w.engine.cancel(g.tick)
	g.tick = nil
	if len(g.subs) == 0 || len(g.pending) == 0 || !g.subs[0].reclaims() {
		return
	}
	oldest := g.pending[0].read
	for _, p := range g.pending {
		if p.read.Before(oldest) {
			oldest = p.read
		}
	}
	g.tick = w.engine.at(g.subs[0].reclaimAfter(oldest), func() { w.reclaim(g) })
}

// reclaim is XPENDING and XCLAIM: what was idle long enough is delivered
// again, also while an earlier delivery of it still runs. What only waits for
// its turn here is not: daprd's workers would have begun with it, while the fake
// lets one app after another run.
func (w *backend) reclaim(g *group) {
	g.tick = nil
	now := time.Now()
	for _, p := range g.pending {
		if now.Sub(p.read) < g.subs[0].processingTimeout {
			continue
		}
		p.read = now
		if p.queued == 0 {
			p.rounds++
			w.queue(g, p)
		}
	}
	w.reclaimLater(g)
}

// holds reports whether the message is still pending: an earlier or later
// delivery of it may have been acknowledged.
func (g *group) holds(p *pending) bool { return slices.Contains(g.pending, p) }

// acknowledge is XACK.
func (w *backend) acknowledge(d *delivery) {
	g := d.group
	i := slices.Index(g.pending, d.pending)
	if i < 0 {
		return
	}
	g.pending = slices.Delete(g.pending, i, i+1)
	d.last = d.record(journal.Entry{Kind: journal.Acknowledged})
	if len(g.pending) == 0 {
		w.reclaimLater(g)
	}
}
