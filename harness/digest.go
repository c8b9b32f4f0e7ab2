package harness

import (
	"slices"
	"time"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// digest is what the harness needs of the journal. It reads only what is new.
type digest struct {
	where func(pubsub, topic string) stream

	read          int                  // entries
	subscriptions []world.Subscription // what daprd listed
	calls         map[callKey]calls
	published     map[copyKey][]int // seqs of the published entries
}

// callKey is an event for an app.
type callKey struct{ app, pubsub, topic, event string }

// copyKey is an event on a topic.
type copyKey struct {
	stream
	event string
}

// calls are the deliveries of one event to one app.
type calls struct {
	begun, answered int
	last            string        // answer
	lastAt          time.Duration // when it came, on the journal's clock
	reached         int           // seq of the last entry that shows that it came to this app
}

func newDigest(where func(pubsub, topic string) stream) *digest {
	return &digest{where: where, calls: make(map[callKey]calls), published: make(map[copyKey][]int)}
}

// update reads on.
func (d *digest) update(j *journal.Journal) {
	all := j.Entries()
	for _, e := range all[d.read:] {
		key := callKey{e.App, e.PubSub, e.Topic, e.Event.ID}
		c := d.calls[key]
		switch e.Kind {
		case journal.Subscribed:
			s := world.Subscription{App: e.App, PubSub: e.PubSub, Topic: e.Topic, DeadLetterTopic: e.DeadLetterTopic}
			// A later one of the same topic takes the place of the one before.
			if i := slices.IndexFunc(d.subscriptions, func(o world.Subscription) bool {
				return o.App == s.App && o.PubSub == s.PubSub && o.Topic == s.Topic
			}); i >= 0 {
				d.subscriptions[i] = s
			} else {
				d.subscriptions = append(d.subscriptions, s)
			}
			continue
		case journal.Published:
			k := copyKey{d.where(e.PubSub, e.Topic), e.Event.ID}
			d.published[k] = append(d.published[k], e.Seq)
			continue
		case journal.Delivered:
			c.begun++
			c.reached = e.Seq
		case journal.FaultInjected: // it may have kept the event from the app
			c.reached = e.Seq
		case journal.Answered:
			c.answered++
			c.last, c.lastAt = e.Answer, e.At
		default:
			continue
		}
		d.calls[key] = c
	}
	d.read = len(all)
}

func (d *digest) of(sub world.Subscription, event string) calls {
	return d.calls[callKey{sub.App, sub.PubSub, sub.Topic, event}]
}

// holder is which of the subscriptions of one consumer group has an event: Redis
// gives it to one of the apps, the one to which it was seen to come last. Where
// that was not seen it is the first.
func (d *digest) holder(group []world.Subscription, event string) world.Subscription {
	found := group[0]
	for _, sub := range group[1:] {
		if d.of(sub, event).reached > d.of(found, event).reached {
			found = sub
		}
	}
	return found
}
