package journal

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/eventproof/eventproof/contract"
)

// index says for each entry of a journal, or of a part of one, of which event
// it speaks. Entries are known by their position; causes are Seqs.
type index struct {
	entries []Entry
	names   []string // the event's identity, or what stands for it; "" without event
	copies  []copied
	copyOf  []int         // position in copies; -1 without event
	faults  map[int][]int // Seq of a cause -> positions of the faults that struck it
}

// copied is an event as one CloudEvents id: an event that was published again
// under a new id has two.
type copied struct {
	copyKey
	ref   contract.Ref // each part from the first entry that states it
	first int          // position of the first entry
}

type copyKey struct{ pubsub, name, id string }

type idKey struct{ pubsub, id string }

func newIndex(entries []Entry) *index {
	x := &index{
		entries: entries,
		names:   make([]string, len(entries)),
		copyOf:  make([]int, len(entries)),
		faults:  map[int][]int{},
	}
	identities := map[idKey]string{}
	for i := range entries {
		e := &entries[i]
		if e.Event.ID == "" || e.Event.Identity == "" {
			continue
		}
		k := idKey{e.PubSub, e.Event.ID}
		if known, ok := identities[k]; ok && known != e.Event.Identity {
			identities[k] = "" // one id, several events: it identifies none
		} else if !ok {
			identities[k] = e.Event.Identity
		}
	}
	byKey := map[copyKey]int{}
	for i := range entries {
		e := &entries[i]
		x.copyOf[i] = -1
		if e.Kind == FaultInjected && e.Cause != 0 {
			x.faults[e.Cause] = append(x.faults[e.Cause], i)
		}
		x.names[i] = x.nameOf(i, identities)
		if x.names[i] == "" {
			continue
		}
		k := copyKey{e.PubSub, x.names[i], e.Event.ID}
		if parent, ok := x.parent(i); ok && x.names[parent] == k.name {
			state(&k.id, x.copies[x.copyOf[parent]].id)
		}
		c, ok := byKey[k]
		if !ok {
			c = len(x.copies)
			byKey[k] = c
			x.copies = append(x.copies, copied{copyKey: k, first: i})
		}
		x.copyOf[i] = c
		ref := &x.copies[c].ref
		state(&ref.ID, e.Event.ID)
		state(&ref.Type, e.Event.Type)
		state(&ref.Source, e.Event.Source)
		state(&ref.Identity, e.Event.Identity)
	}
	return x
}

func state(to *string, text string) {
	if *to == "" {
		*to = text
	}
}

func (x *index) nameOf(i int, identities map[idKey]string) string {
	e := &x.entries[i]
	switch {
	case e.Kind == Subscribed || e.Kind == Started:
		return ""
	case e.Event.Identity != "" && e.Event.Identity != e.Event.ID:
		return e.Event.Identity
	}
	if parent, ok := x.parent(i); ok {
		return x.names[parent]
	}
	if e.Event.Identity != "" {
		return e.Event.Identity
	}
	if id := e.Event.ID; id != "" {
		if identity := identities[idKey{e.PubSub, id}]; identity != "" {
			return identity
		}
		return id
	}
	switch e.Kind {
	case Published, PublishFailed, Delivered:
		return fmt.Sprintf("(no id, entry %d)", e.Seq)
	}
	return ""
}

// parent is the position of the entry that led to entry i and speaks of the
// same event. A publish begins an event: what led to it was another one. A
// delivery is of what was published, also under another id: daprd makes a new
// one at each delivery of a raw payload (components-contrib v1.16.0
// pubsub/envelope.go, FromRawPayload).
func (x *index) parent(i int) (int, bool) {
	e := &x.entries[i]
	if e.Cause == 0 || e.Kind == Published || e.Kind == PublishFailed {
		return 0, false
	}
	p, ok := x.at(e.Cause)
	if !ok || p >= i || x.names[p] == "" {
		return 0, false
	}
	if e.Kind == Delivered && x.entries[p].Kind == Published {
		return p, true
	}
	if id := x.entries[p].Event.ID; id != "" && e.Event.ID != "" && id != e.Event.ID {
		return 0, false
	}
	return p, true
}

// at is the position of the entry with that Seq.
func (x *index) at(seq int) (int, bool) {
	n := len(x.entries)
	if n == 0 || seq <= 0 {
		return 0, false
	}
	if i := seq - x.entries[0].Seq; i >= 0 && i < n && x.entries[i].Seq == seq {
		return i, true
	}
	i := sort.Search(n, func(i int) bool { return x.entries[i].Seq >= seq })
	return i, i < n && x.entries[i].Seq == seq
}

// up is the position of the nearest entry above i, by cause, of one of the kinds.
func (x *index) up(i int, kinds ...Kind) (int, bool) {
	for {
		above, ok := x.at(x.entries[i].Cause)
		if !ok || above >= i {
			return 0, false
		}
		if slices.Contains(kinds, x.entries[above].Kind) {
			return above, true
		}
		i = above
	}
}

// account is what a journal says about one copy of an event and one app on one topic.
type account struct {
	accountKey
	deliveries, successes int
	answer                string // the last one
	acknowledged          bool
	dropped, expired      bool
	deadLettered          bool
	deadLetterTopic       string
	pending               []int // Seqs of the publishes that the broker still holds; 0 where they are not known
	inFlight              bool  // the engine began a delivery and has not said how it ended
	due                   time.Duration
	entries               []int // positions
}

type accountKey struct {
	app, pubsub, topic string
	copy               int
}

type subscription struct{ app, pubsub, topic string }

// subscriptions are those of the journal, each once, in order of appearance,
// with the dead letter topic that each stated last.
func (x *index) subscriptions() ([]subscription, map[subscription]string) {
	var order []subscription
	deadLetterTopics := map[subscription]string{}
	for i := range x.entries {
		e := &x.entries[i]
		if e.Kind != Subscribed {
			continue
		}
		s := subscription{e.App, e.PubSub, e.Topic}
		if _, ok := deadLetterTopics[s]; !ok {
			order = append(order, s)
		}
		deadLetterTopics[s] = e.DeadLetterTopic
	}
	return order, deadLetterTopics
}

// accounts are all accounts, in order of appearance.
func (x *index) accounts() []*account {
	var all []*account
	byKey := map[accountKey]*account{}
	of := func(k accountKey) *account {
		a, ok := byKey[k]
		if !ok {
			a = &account{accountKey: k}
			byKey[k] = a
			all = append(all, a)
		}
		return a
	}
	subscriptions, deadLetterTopics := x.subscriptions()
	for i := range x.entries {
		e := &x.entries[i]
		switch e.Kind {
		case Delivered, Answered, Retried, DeadLettered, Dropped, Expired, Acknowledged, Pending:
		default:
			continue
		}
		if x.copyOf[i] < 0 {
			continue
		}
		if e.App != "" || e.Kind != DeadLettered {
			of(accountKey{e.App, e.PubSub, e.Topic, x.copyOf[i]}).add(x, i)
			continue
		}
		// Redis shows an event on a dead letter stream, not who put it there.
		for _, s := range subscriptions {
			if s.pubsub == e.PubSub && deadLetterTopics[s] == e.DeadLetterTopic && (e.Topic == "" || e.Topic == s.topic) {
				of(accountKey{s.app, s.pubsub, s.topic, x.copyOf[i]}).add(x, i)
			}
		}
	}
	return all
}

// knowsBroker says whether what the observer says of the broker is knowledge.
func knowsBroker(o Observer) bool { return o == Engine || o == Redis }

func (a *account) add(x *index, i int) {
	e := &x.entries[i]
	a.entries = append(a.entries, i)
	switch e.Kind {
	case Delivered:
		a.deliveries++
		a.inFlight = a.inFlight || e.SeenBy == Engine
		return
	case Answered:
		a.answer = e.Answer
		if e.Answer == Success {
			a.successes++
			a.inFlight = false
		}
		return
	case Retried:
		if e.SeenBy == Engine {
			a.inFlight, a.due = true, e.Due
		}
		return
	case Acknowledged, Pending:
		if !knowsBroker(e.SeenBy) {
			return
		}
	default:
		if e.SeenBy == Proxy {
			return
		}
	}
	root := 0
	if r, ok := x.up(i, Published, DeadLettered); ok {
		root = x.entries[r].Seq
	}
	if e.Kind == Pending {
		a.due = e.Due
		if !slices.Contains(a.pending, root) {
			a.pending = append(a.pending, root)
		}
		return
	}
	a.pending = slices.DeleteFunc(a.pending, func(p int) bool { return root == 0 || p == 0 || p == root })
	a.inFlight = false
	switch e.Kind {
	case Acknowledged:
		a.acknowledged = true
	case Dropped:
		a.dropped = true
	case Expired:
		a.expired = true
	case DeadLettered:
		a.deadLettered, a.deadLetterTopic = true, e.DeadLetterTopic
	}
}

// atBroker is the copy's final state at the broker, "" where nobody said.
// Dropped and expired without a dead letter are acknowledgements to the broker.
func (a *account) atBroker() string {
	switch {
	case len(a.pending) > 0:
		return "pending"
	case a.deadLettered:
		return "dead-lettered(" + a.deadLetterTopic + ")"
	case a.acknowledged, a.dropped, a.expired:
		return "acknowledged"
	case a.inFlight:
		return "pending"
	}
	return ""
}
