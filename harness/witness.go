package harness

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// history is what has been read of the topics so far.
type history struct {
	topics   map[stream]*topicLog
	progress map[callKey]*progress // of no event: what is subscribed to
	putBy    map[messageKey]int    // dead letter -> seq of the dead-lettered entry
	letters  map[copyKey]int       // how many of them there are
}

func newHistory() history {
	return history{make(map[stream]*topicLog), make(map[callKey]*progress), make(map[messageKey]int), make(map[copyKey]int)}
}

// topicLog is one topic's events.
type topicLog struct {
	messages []message // in order
	byEvent  map[string][]int
}

// messageKey is one entry of a stream.
type messageKey struct {
	stream
	id string
}

// progress is how far a subscription's fates have been told: all before next,
// but for those that are open.
type progress struct {
	next int
	open []unfinished
}

// unfinished is a message that was not acknowledged when it was last looked at.
type unfinished struct {
	message
	told bool // that it is pending
}

// read takes up what is new on the topics. Callers hold b.mu.
func (b *backend) read(ctx context.Context) error {
	all, err := b.dbs.streams(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		log := b.past.topics[s]
		if log == nil {
			log = &topicLog{byEvent: make(map[string][]int)}
			b.past.topics[s] = log
		}
		for {
			from := "-"
			if n := len(log.messages); n > 0 {
				from = "(" + log.messages[n-1].id
			}
			page, err := b.dbs.clients[s.db].XRangeN(ctx, s.topic, from, "+", 1000).Result()
			if err != nil {
				return fmt.Errorf("read topic %s: %w", s.topic, err)
			}
			for _, raw := range page {
				m := newMessage(raw)
				log.byEvent[m.event] = append(log.byEvent[m.event], len(log.messages))
				log.messages = append(log.messages, m)
			}
			if len(page) < 1000 {
				break
			}
		}
	}
	return nil
}

// message is an entry by its id, read from Redis where it is not known yet.
// Callers hold b.mu.
func (b *backend) message(s stream, id string) (message, bool) {
	find := func() (message, bool) {
		log := b.past.topics[s]
		if log == nil {
			return message{}, false
		}
		i, ok := slices.BinarySearchFunc(log.messages, id, func(m message, id string) int { return compareIDs(m.id, id) })
		if !ok {
			return message{}, false
		}
		return log.messages[i], true
	}
	m, ok := find()
	if !ok {
		if b.read(context.Background()) != nil {
			return message{}, false
		}
		m, ok = find()
	}
	return m, ok
}

// members are the subscriptions that read as one consumer group: several where
// apps have the same consumerID. Callers hold b.mu and have updated b.digest.
func (b *backend) members(g groupKey) []world.Subscription {
	var all []world.Subscription
	for _, s := range b.digest.subscriptions {
		if b.dbs.stream(s.PubSub, s.Topic) != g.stream {
			continue
		}
		if name := groupOf(b.recorder.Resources(), s.App, s.PubSub); name == g.group || name == "" {
			all = append(all, s)
		}
	}
	return all
}

// finding is what is known of one message for one subscription.
type finding struct {
	kind journal.Kind
	message
}

// witness tells the journal what Redis knows of each event for each subscribed
// app: dead-lettered, acknowledged or pending. Each fact is told once.
func (b *backend) witness(ctx context.Context, s standing) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.read(ctx); err != nil {
		return err
	}
	b.digest.update(b.recorder.Journal())
	subscriptions := b.digest.subscriptions
	found := make([][]finding, len(subscriptions))
	for i, sub := range subscriptions {
		name, where := groupOf(b.recorder.Resources(), sub.App, sub.PubSub), b.dbs.stream(sub.PubSub, sub.Topic)
		for key, state := range s.groups {
			if key.stream == where && (key.group == name || name == "") {
				found[i] = b.look(sub, b.members(key), state)
				break
			}
		}
	}
	// Dead letters before acknowledgements, as daprd does it; and before what
	// they cause.
	b.deadLetters(subscriptions, found)
	now := b.now()
	for i, sub := range subscriptions {
		for _, f := range found[i] {
			e := b.entry(f.kind, sub, f.message)
			if f.kind == journal.Pending {
				for _, w := range s.waiting {
					if w.id == f.id && w.stream == b.dbs.stream(sub.PubSub, sub.Topic) {
						e.Due = max(b.due(sub, w, now), 0)
					}
				}
			}
			b.recorder.Journal().Append(e)
		}
	}
	return nil
}

// look goes on from where the subscription's fates were told, and finds what is
// to be told now.
func (b *backend) look(sub world.Subscription, group []world.Subscription, state groupState) (found []finding) {
	log := b.past.topics[b.dbs.stream(sub.PubSub, sub.Topic)]
	if log == nil || state.last == "" {
		return nil
	}
	key := callKey{app: sub.App, pubsub: sub.PubSub, topic: sub.Topic}
	p := b.past.progress[key]
	if p == nil {
		p = new(progress)
		b.past.progress[key] = p
	}
	candidates := p.open
	for p.next < len(log.messages) && compareIDs(log.messages[p.next].id, state.last) <= 0 {
		candidates = append(candidates, unfinished{message: log.messages[p.next]})
		p.next++
	}
	p.open = nil
	for _, c := range candidates {
		if c.event == "" {
			continue // it has no name
		}
		mine := len(group) < 2 || b.digest.holder(group, c.event) == sub
		if !state.pending[c.id] {
			if mine {
				found = append(found, finding{journal.Acknowledged, c.message})
			}
			continue
		}
		if mine && !c.told {
			c.told = true
			found = append(found, finding{journal.Pending, c.message})
		}
		p.open = append(p.open, c)
	}
	return found
}

func (b *backend) entry(kind journal.Kind, sub world.Subscription, m message) journal.Entry {
	return journal.Entry{Kind: kind, SeenBy: journal.Redis, App: sub.App, PubSub: sub.PubSub, Topic: sub.Topic, Event: b.ref(m),
		Cause: b.cause(b.dbs.stream(sub.PubSub, sub.Topic), m)}
}

// cause is what put a message on its topic: daprd, as a dead letter, or an app.
// 0 where that was not seen, or where several entries may be it.
func (b *backend) cause(s stream, m message) int {
	if seq := b.past.putBy[messageKey{s, m.id}]; seq != 0 {
		return seq
	}
	key := copyKey{s, m.event}
	put := b.digest.published[key]
	if len(put) == 1 && len(b.past.topics[s].byEvent[m.event])-b.past.letters[key] == 1 {
		return put[0]
	}
	return 0
}

// deadLetters tells which of the events that were acknowledged now are on the
// dead letter topic of their subscription: daprd puts the same bytes there
// before it acknowledges. What apps themselves published there under the same
// id is none.
//
// Where several apps share a dead letter topic Redis does not show whose it is:
// it is that of an app that did not answer SUCCESS last.
func (b *backend) deadLetters(subscriptions []world.Subscription, found [][]finding) {
	type claim struct {
		sub world.Subscription
		message
	}
	claims := make(map[copyKey][]claim) // on the dead letter topic -> who may have put it there
	var keys []copyKey
	for i, sub := range subscriptions {
		if sub.DeadLetterTopic == "" {
			continue
		}
		for _, f := range found[i] {
			if f.kind != journal.Acknowledged {
				continue
			}
			key := copyKey{b.dbs.stream(sub.PubSub, sub.DeadLetterTopic), f.event}
			if claims[key] == nil {
				keys = append(keys, key)
			}
			claims[key] = append(claims[key], claim{sub, f.message})
		}
	}
	for _, key := range keys {
		log := b.past.topics[key.stream]
		if log == nil {
			continue
		}
		list := claims[key]
		handled := func(c claim) bool { return b.digest.of(c.sub, key.event).last == journal.Success }
		sort.SliceStable(list, func(i, j int) bool { return !handled(list[i]) && handled(list[j]) })
		for _, c := range list {
			if len(log.byEvent[key.event])-len(b.digest.published[key])-b.past.letters[key] <= 0 {
				break // the apps published the rest
			}
			letter := b.letter(key, log, c.data)
			e := b.entry(journal.DeadLettered, c.sub, c.message)
			e.DeadLetterTopic = key.topic
			b.past.putBy[messageKey{key.stream, letter.id}] = b.recorder.Journal().Append(e)
			b.past.letters[key]++
		}
	}
}

// letter is the first message of an event on its dead letter topic that nobody
// claimed, one of the same bytes before others. There is one.
func (b *backend) letter(key copyKey, log *topicLog, data string) message {
	var free []message
	for _, i := range log.byEvent[key.event] {
		m := log.messages[i]
		if b.past.putBy[messageKey{key.stream, m.id}] != 0 {
			continue
		}
		if m.data == data {
			return m
		}
		free = append(free, m)
	}
	return free[0]
}
