package world

import "slices"

// passed is what a recorder knows of the events with one CloudEvents id. They are
// few: lists that are searched take less room than maps.
type passed struct {
	held     int    // messages of the broker with the id: see Hold
	data     []byte // what the journal holds of the event, last
	place    place  // the latest, where there is one
	others   []place
	attempts []attempts
}

// place is a topic that the event was published on.
type place struct {
	pubsub, topic string
	seq           int // of the latest entry
}

// attempts count the deliveries of the event to an app on a topic.
type attempts struct {
	app, pubsub, topic string
	n                  int
}

// passed is what is known of the events with the id. The lock is held.
func (r *Recorder) passed(id string) *passed {
	p := r.events[id]
	if p == nil {
		p = new(passed)
		r.events[id] = p
	}
	return p
}

// Hold and Release count the messages with the id that a broker holds. What is
// known of an event is forgotten when the last one is released, so that a world
// that lets go of messages does not grow without end.
func (r *Recorder) Hold(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passed(id).held++
}

// Release is said of a message for which [Recorder.Hold] was.
func (r *Recorder) Release(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.passed(id); p.held > 1 {
		p.held--
	} else {
		delete(r.events, id)
	}
}

// published says that the event was published.
func (p *passed) published(pubsub, topic string, seq int) {
	if latest := p.place; latest.seq != 0 && (latest.pubsub != pubsub || latest.topic != topic) {
		p.others = slices.DeleteFunc(p.others, func(at place) bool { return at.pubsub == pubsub && at.topic == topic })
		p.others = append(p.others, latest)
	}
	p.place = place{pubsub, topic, seq}
}

// on is the latest published entry on the topic or, where there is none, on any of
// the pubsub: then the event was dead-lettered from another topic. It is 0 where
// none is known.
func (p *passed) on(pubsub, topic string) (latest int) {
	if p == nil {
		return 0
	}
	for i := range len(p.others) + 1 {
		at := p.place
		if i < len(p.others) {
			at = p.others[i]
		}
		if at.pubsub != pubsub {
			continue
		}
		if at.topic == topic {
			return at.seq
		}
		latest = max(latest, at.seq)
	}
	return latest
}

// attempt counts a delivery.
func (p *passed) attempt(app, pubsub, topic string) int {
	for i := range p.attempts {
		if a := &p.attempts[i]; a.app == app && a.pubsub == pubsub && a.topic == topic {
			a.n++
			return a.n
		}
	}
	p.attempts = append(p.attempts, attempts{app, pubsub, topic, 1})
	return 1
}
