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
	messages map[string][]message // by topic, in order
	told     map[fact]bool
	claimed  map[[2]string]bool // dead letters that have been told: topic, id in the stream
	putBy    map[[2]string]int  // dead letter topic, event -> seq of its dead-lettered entry
}

// fact is told once.
type fact struct {
	kind               journal.Kind
	app, pubsub, topic string
	id                 string // in the stream
}

// read takes up what is new on the topics.
func (b *backend) read(ctx context.Context) error {
	all, err := topics(ctx, b.db)
	if err != nil {
		return err
	}
	for _, topic := range all {
		for {
			from := "-"
			known := b.past.messages[topic]
			if len(known) > 0 {
				from = "(" + known[len(known)-1].id
			}
			page, err := b.db.XRangeN(ctx, topic, from, "+", 1000).Result()
			if err != nil {
				return fmt.Errorf("read topic %s: %w", topic, err)
			}
			for _, m := range page {
				known = append(known, newMessage(m))
			}
			b.past.messages[topic] = known
			if len(page) < 1000 {
				break
			}
		}
	}
	return nil
}

// message is an entry by its id, read from Redis where it is not known yet.
func (b *backend) message(topic, id string) (message, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	find := func() (message, bool) {
		known := b.past.messages[topic]
		i, ok := slices.BinarySearchFunc(known, id, func(m message, id string) int { return compareIDs(m.id, id) })
		if !ok {
			return message{}, false
		}
		return known[i], true
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

// subscriptions are those that the journal holds: what daprd listed.
func (b *backend) subscriptions() []world.Subscription {
	var all []world.Subscription
	for _, e := range b.recorder.Journal().Entries() {
		if e.Kind != journal.Subscribed {
			continue
		}
		s := world.Subscription{App: e.App, PubSub: e.PubSub, Topic: e.Topic, DeadLetterTopic: e.DeadLetterTopic}
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// subscriber is whose subscription a consumer group is.
func (b *backend) subscriber(g groupKey) (world.Subscription, bool) {
	for _, s := range b.subscriptions() {
		if s.Topic != g.topic {
			continue
		}
		if name := groupOf(b.recorder.Resources(), s.App, s.PubSub); name == g.group || name == "" {
			return s, true
		}
	}
	return world.Subscription{}, false
}

// witness tells the journal what Redis knows of each event for each subscribed
// app: dead-lettered, acknowledged or pending. Each fact is told once.
func (b *backend) witness(ctx context.Context, s standing) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.read(ctx); err != nil {
		return err
	}
	subscriptions := b.subscriptions()
	groups := make([]groupState, len(subscriptions))
	for i, sub := range subscriptions {
		for key, state := range s.groups {
			if name := groupOf(b.recorder.Resources(), sub.App, sub.PubSub); key.topic == sub.Topic && (key.group == name || name == "") {
				groups[i] = state
			}
		}
	}
	// Dead letters before acknowledgements, as daprd does it; so that what
	// they cause is told after them, dead letter topics come last.
	b.deadLetters(subscriptions, groups)
	now := b.now()
	for i, sub := range subscriptions {
		for _, m := range b.past.messages[sub.Topic] {
			kind := journal.Acknowledged
			switch {
			case m.event == "" || groups[i].last == "" || compareIDs(m.id, groups[i].last) > 0:
				continue // it has no name, or was not read
			case groups[i].pending[m.id]:
				kind = journal.Pending
			}
			e := b.entry(kind, sub, m)
			if kind == journal.Pending {
				for _, w := range s.waiting {
					if w.id == m.id && w.topic == sub.Topic {
						e.Due = max(b.due(sub, w, now), 0)
					}
				}
			}
			b.tell(e, m.id)
		}
	}
	return nil
}

func (b *backend) entry(kind journal.Kind, sub world.Subscription, m message) journal.Entry {
	cause := b.past.putBy[[2]string{sub.Topic, m.event}]
	if cause == 0 {
		cause = b.recorder.PublishedSeq(sub.PubSub, m.event)
	}
	return journal.Entry{Kind: kind, SeenBy: journal.Redis, App: sub.App, PubSub: sub.PubSub, Topic: sub.Topic, Event: b.ref(m), Cause: cause}
}

// tell appends an entry unless it was told before, and returns its seq or 0.
func (b *backend) tell(e journal.Entry, id string) int {
	f := fact{e.Kind, e.App, e.PubSub, e.Topic, id}
	if b.past.told[f] {
		return 0
	}
	b.past.told[f] = true
	return b.recorder.Journal().Append(e)
}

// deadLetters tells which acknowledged events are on the dead letter topic of
// their subscription: daprd puts the same bytes there.
//
// Where several apps share a dead letter topic Redis does not show whose it is:
// it is that of an app that did not answer SUCCESS last.
func (b *backend) deadLetters(subscriptions []world.Subscription, groups []groupState) {
	type claim struct {
		sub world.Subscription
		m   message
	}
	claims := make(map[[2]string][]claim) // dead letter topic, event -> who may have put it there
	var keys [][2]string
	for i, sub := range subscriptions {
		if sub.DeadLetterTopic == "" {
			continue
		}
		for _, m := range b.past.messages[sub.Topic] {
			if m.event == "" || groups[i].last == "" || groups[i].pending[m.id] || compareIDs(m.id, groups[i].last) > 0 ||
				b.past.told[fact{journal.DeadLettered, sub.App, sub.PubSub, sub.Topic, m.id}] {
				continue
			}
			key := [2]string{sub.DeadLetterTopic, m.event}
			if claims[key] == nil {
				keys = append(keys, key)
			}
			claims[key] = append(claims[key], claim{sub, m})
		}
	}
	answers := b.lastAnswers()
	for _, key := range keys {
		list := claims[key]
		sort.SliceStable(list, func(i, j int) bool {
			return answers[callKey{list[i].sub.App, list[i].sub.Topic, key[1]}] != journal.Success &&
				answers[callKey{list[j].sub.App, list[j].sub.Topic, key[1]}] == journal.Success
		})
		for _, letter := range b.past.messages[key[0]] {
			letterKey := [2]string{key[0], letter.id}
			if letter.event != key[1] || b.past.claimed[letterKey] || len(list) == 0 {
				continue
			}
			b.past.claimed[letterKey] = true
			e := b.entry(journal.DeadLettered, list[0].sub, list[0].m)
			e.DeadLetterTopic = key[0]
			if seq := b.tell(e, list[0].m.id); seq != 0 {
				b.past.putBy[key] = seq
			}
			list = list[1:]
		}
	}
}

func (b *backend) lastAnswers() map[callKey]string {
	last := make(map[callKey]string)
	for _, e := range b.recorder.Journal().Entries() {
		if e.Kind == journal.Answered {
			last[callKey{e.App, e.Topic, e.Event.ID}] = e.Answer
		}
	}
	return last
}
