package fakes

import (
	"cmp"
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
	log    []*message
	gone   int      // messages that stood before those of log, and were let go
	groups []*group // that read it, in the order of their making
}

// at is the message that was appended as the index-th.
func (t *topic) at(index int) *message { return t.log[index-t.gone] }

// end is the index of the next message.
func (t *topic) end() int { return t.gone + len(t.log) }

// letGo drops what every group has done with from the log's beginning.
func (t *topic) letGo() {
	n := 0
	for n < len(t.log) && t.log[n].released {
		t.log[n] = nil
		n++
	}
	t.log, t.gone = t.log[n:], t.gone+n
}

// message is an entry of a stream.
type message struct {
	data     []byte            // the envelope, or the raw payload
	known                      // of data
	metadata map[string]string // of the publish call, as the component stores it
	event    contract.Ref
	seq      int // of the journal entry that put it here
	// depth counts the events that led to this one: each was published, or
	// dead-lettered, while the one before it was handled.
	depth int
	// Of a pluggable component's: the topic that it names, and where it waits for
	// the failure, or nil.
	topic string
	told  chan *string

	// In a world that lets go of messages (see [world.Config] JournalTo):
	waiting  int32 // groups that have not acknowledged it
	released bool
}

// group is a consumer group on one topic.
type group struct {
	groupKey
	topic   *topic
	next    int // index in topic.log of what is read next
	pending pendingList
	handled []handledMessage // acknowledged after SUCCESS: what a redelivery can bring again
	subs    []*subscription  // who reads it: usually one; apps with one consumerID share it
	serial  bool             // it is read one message at a time: see memory, pluggable
	blocked []*subscription  // streams that have ended and whose last read is still open: see leave
	left    *subscription    // who left last: for them it is that nobody reads
	turn    int              // which of subs claims next, of those that claim at one time
	reads   uint64           // numbers what was read, for the turns of those who read
	tick    dueItem          // the next reclaim that finds something
	by      *subscription    // who makes it
}

// handledMessage is a message with the entry of the delivery that was answered
// with SUCCESS, and who answered.
type handledMessage struct {
	message *message
	sub     *subscription
	seq     int
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
func (w *backend) group(key groupKey) *group {
	b := w.broker
	g := b.groups[key]
	if g == nil {
		g = w.newGroup(key, b.topic(key.topicKey))
		b.groups[key] = g
		g.topic.groups = append(g.topic.groups, g)
		g.next = g.topic.gone
		for _, m := range g.topic.log {
			m.waiting++
		}
	}
	return g
}

func (w *backend) newGroup(key groupKey, on *topic) *group {
	g := &group{groupKey: key, topic: on}
	g.tick = dueItem{index: -1, do: func() { w.reclaim(g) }}
	w.broker.order = append(w.broker.order, g)
	return g
}

// ownGroup is a group of one subscription alone, on a topic that nobody else has
// and that is read one message at a time.
func (w *backend) ownGroup(key topicKey, s *subscription) *group {
	g := w.newGroup(groupKey{key, ""}, &topic{topicKey: key})
	g.serial, g.subs = true, []*subscription{s}
	return g
}

// join makes a subscription a reader of its group, in place of the one that its
// app had before.
func (g *group) join(s *subscription) {
	for i, before := range g.subs {
		if before.stream == nil && s.stream == nil && before.app == s.app && before.component == s.component && before.outbox == s.outbox {
			g.subs[i] = s
			return
		}
	}
	g.reads++
	s.read = g.reads
	g.subs = append(g.subs, s)
}

// leave ends the subscription of a stream: what is pending stays pending, for
// who reads the group next. The component's last read is not ended by that: it
// waits in Redis without a limit, takes the next message when its turn comes, and
// drops it. That message is pending, and comes again after processingTimeout, to
// who reads the group then. (Observed with daprd 1.16.0 and Redis 7, each time.)
//
// Source: components-contrib v1.16.0 pubsub/redis/redis.go pollNewMessagesLoop;
// go-redis v9 does not end a blocking command with its context.
func (w *backend) leave(s *subscription) {
	g := w.group(groupKey{topicKey{s.app.components[s.component].redis, s.topic}, s.app.consumer(s.component)})
	g.subs = slices.DeleteFunc(g.subs, func(other *subscription) bool { return other == s })
	g.left = s
	g.blocked = append(g.blocked, s)
	w.reclaimLater(g)
}

// reader is whose turn it is: the members of a group share its messages. Redis
// gives a message to who has waited longest for one.
func (g *group) reader() *subscription {
	s := slices.MinFunc(g.subs, earlier)
	g.reads++
	s.read = g.reads
	return s
}

// earlier orders readers by their latest turn.
func earlier(a, b *subscription) int { return cmp.Compare(a.read, b.read) }

// swallowed takes the message for a stream that has ended, if it is the turn of
// its last read.
func (g *group) swallowed() (by *subscription) {
	if len(g.blocked) == 0 {
		return nil
	}
	first := slices.MinFunc(g.blocked, earlier)
	if len(g.subs) > 0 && earlier(slices.MinFunc(g.subs, earlier), first) < 0 {
		return nil
	}
	g.blocked = slices.DeleteFunc(g.blocked, func(s *subscription) bool { return s == first })
	return first
}

// reclaims reports whether somebody claims what stays pending.
func (g *group) reclaims() bool { return len(g.subs) > 0 && g.subs[0].reclaims() }

// reclaimer is who will claim first what was read at the given time, and when.
func (g *group) reclaimer(read time.Time) (first *subscription, at time.Time) {
	for i := range g.subs {
		s := g.subs[(g.turn+i)%len(g.subs)]
		if t := s.reclaimAfter(read); first == nil || t.Before(at) {
			first, at = s, t
		}
	}
	return first, at
}

// append is XADD, and lets each group that is read take the message.
func (w *backend) append(key topicKey, m *message) {
	t := w.broker.topic(key)
	t.log = append(t.log, m)
	m.waiting = int32(len(t.groups))
	if w.letsGo {
		w.recorder.Hold(m.event.ID)
	}
	for _, g := range t.groups {
		w.read(g)
	}
}

// maxChain is how many events may each lead to the next. Apps that answer each
// other's events for ever would keep Settle waiting, and in a bubble time itself.
const maxChain = 1000

// read is XREADGROUP: new messages become pending, and ready to be delivered.
func (w *backend) read(g *group) {
	for ; g.next < g.topic.end() && len(g.subs)+len(g.blocked) > 0; g.next++ {
		if g.serial && !g.pending.empty() {
			return
		}
		p := &pending{message: g.topic.at(g.next), read: time.Now()}
		g.pending.add(p)
		if by := g.swallowed(); by != nil {
			d := &delivery{world: w, sub: by, group: g, pending: p, last: p.message.seq, outcome: outcome{note: "read for a stream that has ended"}}
			d.stay()
			continue
		}
		w.queue(g, p, g.reader())
	}
	if g.serial && g.next == g.topic.end() { // nobody reads it again
		clear(g.topic.log)
		g.topic.log, g.topic.gone, g.next = g.topic.log[:0], 0, 0
	}
	w.reclaimLater(g)
}

// queue makes a delivery of a pending message.
func (w *backend) queue(g *group, p *pending, to *subscription) {
	if p.message.depth > maxChain {
		w.runaway = true
		return
	}
	p.queued++
	w.engine.ready.message(g, p, to)
}

// reclaimLater asks for the first tick of the reclaim loop that finds a
// message idle for processingTimeout. The loop ticks every redeliverInterval
// from the subscription's start; either being 0 turns it off.
func (w *backend) reclaimLater(g *group) {
	oldest := g.pending.longestIdle()
	if oldest == nil || !g.reclaims() {
		w.engine.cancel(&g.tick)
		return
	}
	var at time.Time
	g.by, at = g.reclaimer(oldest.read)
	w.engine.ask(&g.tick, at)
}

// reclaim is XPENDING and XCLAIM: what was idle long enough is delivered
// again, also while an earlier delivery of it still runs. What only waits for
// its turn here is not: daprd's workers would have begun with it, while the fake
// lets one app after another run.
func (w *backend) reclaim(g *group) {
	by := g.by
	g.turn++
	now := time.Now()
	for p := range g.pending.all() {
		if now.Sub(p.read) < by.processingTimeout {
			continue
		}
		g.touch(p, now)
		if p.queued == 0 {
			p.rounds++
			w.queue(g, p, by)
		}
	}
	w.reclaimLater(g)
}

// holds reports whether the message is still pending: an earlier or later
// delivery of it may have been acknowledged.
func (g *group) holds(p *pending) bool { return p.held }

// touch says that the message was read or claimed now.
func (g *group) touch(p *pending, now time.Time) { g.pending.touch(p, now) }

// acknowledge is XACK.
func (w *backend) acknowledge(d *delivery) {
	g := d.group
	if d.pending.held {
		g.pending.remove(d.pending)
		d.pending.message.waiting--
		d.last = d.record(journal.Entry{Kind: journal.Acknowledged})
		if g.pending.empty() {
			w.reclaimLater(g)
		}
		d.sub.broker().acknowledged(w, d)
	}
	w.release(g.topic, d.pending)
}

// release lets go of a message that all groups have acknowledged, in a world that
// does so. A delivery that is slow, or has not begun, still needs it, and asks again.
func (w *backend) release(t *topic, p *pending) {
	m := p.message
	if !w.letsGo || m.waiting > 0 || m.released || p.open > 0 || p.queued > 0 {
		return
	}
	m.released = true
	w.recorder.Release(m.event.ID)
	t.letGo()
}
