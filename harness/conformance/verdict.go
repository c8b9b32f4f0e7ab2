package conformance

import (
	"fmt"

	"github.com/eventproof/eventproof/contract/journal"
)

// Verdict says in which points a journal is not what a case wants; empty: in
// none. Whether an event was acknowledged or is pending is believed only of
// those who can know: the fake's engine, and Redis.
func Verdict(c Case, entries []journal.Entry) (differences []string) {
	deliveries, answers := 0, []string{}
	state := State("")
	dead := ""
	for _, e := range entries {
		if e.Event.ID != c.EventID() || e.Topic != c.Topic() {
			continue
		}
		knows := e.SeenBy == journal.Engine || e.SeenBy == journal.Redis
		switch {
		case e.Kind == journal.Delivered:
			deliveries++
		case e.Kind == journal.Answered:
			answers = append(answers, e.Answer)
		case e.Kind == journal.DeadLettered && knows:
			dead = e.DeadLetterTopic
		case e.Kind == journal.Acknowledged && knows:
			state = Acknowledged
		case e.Kind == journal.Pending && knows:
			state = Pending
		}
	}
	if dead != "" && state == Acknowledged {
		state = DeadLettered
	}
	differ := func(what string, want, got any) {
		differences = append(differences, fmt.Sprintf("%s: %s: want %v, got %v", c.Name, what, want, got))
	}
	if state != c.Want.State {
		differ("final state", c.Want.State, state)
	}
	if dead != "" && dead != c.DeadLetterTopic() {
		differ("dead letter topic", c.DeadLetterTopic(), dead)
	}
	switch {
	case c.Want.State == Pending && deliveries < 2*c.Want.Deliveries: // of the last round some may be still to come
		differ("deliveries", fmt.Sprintf("two rounds or more of %d", c.Want.Deliveries), deliveries)
	case c.Want.State != Pending && deliveries != c.Want.Deliveries:
		differ("deliveries", c.Want.Deliveries, deliveries)
	}
	for _, answer := range answers {
		if answer != c.Want.Answer {
			differ("answer", c.Want.Answer, answer)
			break
		}
	}
	return differences
}
