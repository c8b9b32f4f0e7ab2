package journal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract"
)

// Compare says in what two journals of the same run in different worlds
// differ; empty: in nothing that both could have seen.
//
// It compares what a proxy sees (published, refused, delivered, answered) by
// kind, app, topic, event, attempt, answer and cause, and what became of each
// event at the broker for each app: acknowledged, pending or
// dead-lettered(topic). Times are not compared, nor is the order of entries of
// different apps, topics or events.
//
// An event of one journal is that of the other with the same CloudEvents id;
// of the rest, that with the same identity; of the rest, the one that first
// appears in the same place (the nth published by the app to the topic). What
// both state of it (type, source, identity where it is not the id) must be equal.
//
// What only one of the worlds can see is reduced to what both can: a cause is
// followed up to the publish (for a delivery) or to the delivery (for an answer
// and a publish); what Redis saw published counts where no proxy saw it;
// dropped, and expired without a dead letter, are acknowledged. A delivery on a dead letter
// topic that states no cause has that of the dead letter. An event that is pending
// in both comes again for as long as somebody looks: its entries are compared as far
// as both journals go.
func Compare(a, b *Journal) []string {
	left, right := newView(a), newView(b)
	if left.world == right.world {
		left.world, right.world = left.world+" (first)", right.world+" (second)"
	}
	differences := match(left, right)
	left.fill()
	right.fill()

	for _, g := range left.groupOrder {
		differences = append(differences, differ(left, right, g)...)
	}
	for _, g := range right.groupOrder {
		if left.groups[g] == nil {
			differences = append(differences, differ(left, right, g)...)
		}
	}
	stateOrder := slices.Clone(left.stateOrder)
	for _, g := range right.stateOrder {
		if left.states[g] == "" {
			stateOrder = append(stateOrder, g)
		}
	}
	for _, g := range stateOrder {
		if l, r := left.states[g], right.states[g]; l != r {
			differences = append(differences, fmt.Sprintf("%s: final state: %s says %s, %s says %s",
				left.group(g), left.world, said(l), right.world, said(r)))
		}
	}
	return differences
}

func said(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// view is one of the two journals, as the other world could have seen it.
type view struct {
	world     string
	index     *index
	visible   []bool      // by position: what a proxy sees
	insteadOf map[int]int // a publish that Redis saw as well -> the one that a proxy saw
	published map[int]int // by copy: the position of its first visible publish
	// Copies that were put on a topic by a dead letter, and by a visible publish.
	deadLetters, publishedOn map[publish]bool

	pairs  []int    // by copy: the number it shares with its counterpart
	names  []string // by number: how it is called in a difference
	groups map[group][]fact
	states map[group]string // at the broker
	at     map[int]int      // by position: its place in its group, from 1

	groupOrder, stateOrder []group // the keys, in order of appearance
}

type publish struct {
	copy  int
	topic string
}

// group is where order counts.
type group struct {
	app, pubsub, topic string
	pair               int
}

// fact is what is compared of an entry.
type fact struct {
	kind     Kind
	attempt  int
	answer   string
	cause    string
	event    string // where the entry states another event than the rest of its event's entries
	position int
}

func newView(j *Journal) *view {
	x := newIndex(j.Entries())
	v := &view{
		world: j.Head().World, index: x,
		visible: make([]bool, len(x.entries)), insteadOf: map[int]int{}, pairs: make([]int, len(x.copies)),
		deadLetters: map[publish]bool{}, publishedOn: map[publish]bool{}, published: map[int]int{},
		groups: map[group][]fact{}, states: map[group]string{}, at: map[int]int{},
	}
	if v.world == "" {
		v.world = "a journal"
	}
	seen := map[publish]int{}
	for i := range x.entries {
		e := &x.entries[i]
		switch {
		case x.copyOf[i] < 0:
		case e.Kind == DeadLettered:
			v.deadLetters[publish{x.copyOf[i], e.DeadLetterTopic}] = true
		case e.Kind == Published && calls(e.SeenBy):
			if _, ok := seen[publish{x.copyOf[i], e.Topic}]; !ok {
				seen[publish{x.copyOf[i], e.Topic}] = i
			}
		}
	}
	for i := range x.entries {
		e := &x.entries[i]
		if x.copyOf[i] < 0 {
			continue
		}
		switch e.Kind {
		case PublishFailed, Delivered, Answered:
			v.visible[i] = calls(e.SeenBy)
		case Published:
			k := publish{x.copyOf[i], e.Topic}
			if above, ok := x.at(e.Cause); ok && x.entries[above].Kind == DeadLettered {
				continue // the sidecar's own publish
			}
			if calls(e.SeenBy) {
				v.visible[i] = true
			} else if first, ok := seen[k]; ok {
				v.insteadOf[i] = first
			} else {
				v.visible[i] = !v.deadLetters[k]
			}
			if v.visible[i] {
				v.publishedOn[k] = true
				if _, ok := v.published[k.copy]; !ok {
					v.published[k.copy] = i
				}
			}
		}
	}
	return v
}

// calls says whether the observer sees calls.
func calls(o Observer) bool { return o == Engine || o == Proxy || o == Log }

// match numbers the events of both journals so that counterparts have the same
// number, and says in what counterparts differ.
func match(a, b *view) []string {
	open := func(v *view) []int {
		var copies []int
		used := map[int]bool{}
		for i := range v.index.entries {
			c := v.index.copyOf[i]
			if c < 0 || used[c] {
				continue
			}
			used[c] = true
			copies = append(copies, c)
		}
		return copies
	}
	left, right := open(a), open(b)
	var differences []string
	pairs := 0
	var names []string
	pair := func(key func(*view, int) string, compareIdentity bool) {
		waiting := map[string][]int{}
		for _, c := range right {
			if k := key(b, c); k != "" {
				waiting[k] = append(waiting[k], c)
			}
		}
		paired := map[int]bool{}
		left = slices.DeleteFunc(left, func(c int) bool {
			k := key(a, c)
			if k == "" || len(waiting[k]) == 0 {
				return false
			}
			other := waiting[k][0]
			waiting[k] = waiting[k][1:]
			paired[other] = true
			a.pairs[c], b.pairs[other] = pairs, pairs
			pairs++
			name := a.index.copies[c].called()
			names = append(names, name)
			differences = append(differences, stated(a, b, name, a.index.copies[c].ref, b.index.copies[other].ref, compareIdentity)...)
			return true
		})
		right = slices.DeleteFunc(right, func(c int) bool { return paired[c] })
	}
	pair(func(v *view, c int) string {
		if v.index.copies[c].id == "" {
			return ""
		}
		return v.index.copies[c].pubsub + "\x00" + v.index.copies[c].id
	}, true)
	pair(func(v *view, c int) string {
		r := v.index.copies[c].ref
		if r.Identity == "" || r.Identity == r.ID {
			return ""
		}
		return v.index.copies[c].pubsub + "\x00" + r.Identity
	}, true)
	pair(func(v *view, c int) string {
		e := &v.index.entries[v.index.copies[c].first]
		return strings.Join([]string{string(e.Kind), e.App, e.PubSub, e.Topic}, "\x00")
	}, false)
	for _, c := range left {
		a.pairs[c] = pairs
		pairs++
		names = append(names, a.index.copies[c].called())
	}
	for _, c := range right {
		b.pairs[c] = pairs
		pairs++
		names = append(names, b.index.copies[c].called())
	}
	a.names, b.names = names, names
	return differences
}

func (c copied) called() string {
	return contract.Ref{ID: c.id, Identity: c.name}.String()
}

// stated compares what both journals state of an event.
func stated(a, b *view, name string, l, r contract.Ref, identity bool) []string {
	var differences []string
	different := func(what, l, r string) {
		if l != "" && r != "" && l != r {
			differences = append(differences, fmt.Sprintf("%s: %s: %s says %s, %s says %s", name, what, a.world, l, b.world, r))
		}
	}
	different("type", l.Type, r.Type)
	different("source", l.Source, r.Source)
	if identity && l.Identity != l.ID && r.Identity != r.ID {
		different("identity", l.Identity, r.Identity)
	}
	return differences
}

// fill makes the groups; the events have their numbers.
func (v *view) fill() {
	x := v.index
	groupOf := func(i int) group {
		e := &x.entries[i]
		return group{e.App, e.PubSub, e.Topic, v.pairs[x.copyOf[i]]}
	}
	places := map[group]int{}
	for i := range x.entries {
		if v.visible[i] {
			g := groupOf(i)
			places[g]++
			v.at[i] = places[g]
		}
	}
	for i := range x.entries {
		if !v.visible[i] {
			continue
		}
		e, g := &x.entries[i], groupOf(i)
		f := fact{kind: e.Kind, attempt: e.Attempt, position: i, cause: "none"}
		if e.Kind == Answered || e.Kind == PublishFailed {
			f.answer = e.Answer
		}
		if cause, ok := v.cause(i); ok {
			kind, at := x.entries[cause].Kind, v.at[cause]
			switch {
			case at == 0: // not seen by a proxy
			case groupOf(cause) == g:
				f.cause = fmt.Sprintf("%s %d before it", kind, v.at[i]-at)
			default:
				f.cause = fmt.Sprintf("%s %d of %s", kind, at, v.group(groupOf(cause)))
			}
			if f.attempt == 0 && e.Kind == Answered {
				f.attempt = x.entries[cause].Attempt
			}
		}
		f.event = x.aberration(i)
		if v.groups[g] == nil {
			v.groupOrder = append(v.groupOrder, g)
		}
		v.groups[g] = append(v.groups[g], f)
	}
	for _, a := range x.accounts() {
		if s := a.atBroker(); s != "" {
			g := group{a.app, a.pubsub, a.topic, v.pairs[a.copy]}
			v.states[g] = s
			v.stateOrder = append(v.stateOrder, g)
		}
	}
}

// cause is the position of what led to entry i, as a proxy could tell.
func (v *view) cause(i int) (int, bool) {
	x := v.index
	e := &x.entries[i]
	var c int
	var ok bool
	switch e.Kind {
	case Answered, Published, PublishFailed:
		c, ok = x.up(i, Delivered)
	case Delivered:
		c, ok = x.up(i, Published)
		if !ok && e.Cause == 0 {
			c, ok = v.deadLetterOf(i)
		}
	}
	if instead, dropped := v.insteadOf[c]; ok && dropped {
		c = instead
	}
	return c, ok
}

// deadLetterOf is the publish of the event that reached entry i as a dead letter.
func (v *view) deadLetterOf(i int) (int, bool) {
	k := publish{v.index.copyOf[i], v.index.entries[i].Topic}
	if !v.deadLetters[k] || v.publishedOn[k] {
		return 0, false
	}
	first, ok := v.published[k.copy]
	return first, ok
}

// aberration is what entry i states otherwise than the rest of its event's entries.
func (x *index) aberration(i int) string {
	own, all := x.entries[i].Event, x.copies[x.copyOf[i]].ref
	var other []string
	for _, part := range [][3]string{
		{"type", own.Type, all.Type}, {"source", own.Source, all.Source}, {"identity", own.Identity, all.Identity},
	} {
		if part[1] != "" && part[1] != part[2] {
			other = append(other, part[0]+" "+part[1])
		}
	}
	return strings.Join(other, ", ")
}

func (v *view) group(g group) string {
	return fmt.Sprintf("%s on %s/%s, %s", v.names[g.pair], g.pubsub, g.topic, g.app)
}

// differ compares the entries of one group, one by one where there are as many of
// each; else what stands between what is equal at the beginning and at the end.
func differ(a, b *view, g group) []string {
	left, right := a.groups[g], b.groups[g]
	if a.states[g] == "pending" && b.states[g] == "pending" {
		both := min(len(left), len(right))
		left, right = left[:both], right[:both]
	}
	name := a.group(g)
	var differences []string
	if len(left) == len(right) {
		for n := range left {
			l, r := left[n], right[n]
			different := func(what, l, r string) {
				if l != r {
					differences = append(differences, fmt.Sprintf("%s, entry %d of %d: %s: %s says %s, %s says %s (its entry %d, its entry %d)",
						name, n+1, len(left), what, a.world, said(l), b.world, said(r), a.seq(left[n]), b.seq(right[n])))
				}
			}
			different("kind", string(l.kind), string(r.kind))
			different("attempt", fmt.Sprint(l.attempt), fmt.Sprint(r.attempt))
			different("answer", l.answer, r.answer)
			different("cause", l.cause, r.cause)
			different("event", l.event, r.event)
		}
		return differences
	}
	for len(left) > 0 && len(right) > 0 && left[0].equal(right[0]) {
		left, right = left[1:], right[1:]
	}
	for len(left) > 0 && len(right) > 0 && left[len(left)-1].equal(right[len(right)-1]) {
		left, right = left[:len(left)-1], right[:len(right)-1]
	}
	only := func(v *view, all []fact) {
		for _, f := range all {
			differences = append(differences, fmt.Sprintf("%s: only %s has %s (its entry %d)", name, v.world, f, v.seq(f)))
		}
	}
	only(a, left)
	only(b, right)
	return differences
}

func (v *view) seq(f fact) int { return v.index.entries[f.position].Seq }

func (f fact) equal(o fact) bool {
	o.position = f.position
	return f == o
}

func (f fact) String() string {
	s := string(f.kind)
	if f.attempt > 0 {
		s += fmt.Sprintf(", attempt %d", f.attempt)
	}
	if f.answer != "" {
		s += " " + f.answer
	}
	if f.cause != "none" {
		s += ", caused by " + f.cause
	}
	return s
}
