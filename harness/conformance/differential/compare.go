package differential

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract/journal"
)

// Difference is one thing that two worlds do otherwise.
type Difference struct {
	What  string // what is looked at: a lane, a topic
	Left  []string
	Right []string
}

func (d Difference) text(left, right string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", d.What)
	for i := range max(len(d.Left), len(d.Right)) {
		if i == 4 {
			fmt.Fprintf(&b, "  … and more\n")
			break
		}
		l, r := at(d.Left, i), at(d.Right, i)
		from := 0
		for from < min(len(l), len(r)) && l[from] == r[from] {
			from++
		}
		fmt.Fprintf(&b, "  %-7s %s\n  %-7s %s\n", left, around(l, from), right, around(r, from))
	}
	return b.String()
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "nothing"
}

// around is a line near a place in it, and its end.
func around(line string, place int) string {
	const before, after, end = 100, 160, 60
	from, to := max(0, place-before), min(len(line), place+after)
	text := line[from:to]
	if from > 0 {
		text = line[:min(from, 50)] + " … " + text
	}
	switch rest := line[to:]; {
	case len(rest) > end:
		text += " … " + rest[len(rest)-end:]
	default:
		text += rest
	}
	return strings.ToValidUTF8(text, "?")
}

// compare says in what two plays of an act differ.
func (a *Act) compare(left, right *record) (differences []Difference) {
	for i, e := range a.Events {
		name := fmt.Sprintf("e%d", i)
		if l, r := left.published[name], right.published[name]; l != r {
			differences = append(differences, Difference{fmt.Sprintf("the answer to the publish of %s over %s", name, e.Over), []string{l}, []string{r}})
		}
	}
	for _, l := range union(left.lanes(), right.lanes()) {
		mine, theirs := left.deliveries[l], right.deliveries[l]
		both := a.pends(left, l) && a.pends(right, l)
		if l.event == "" {
			slices.Sort(mine)
			slices.Sort(theirs)
		}
		if both { // it comes again for as long as somebody looks
			n := min(len(mine), len(theirs))
			mine, theirs = mine[:n], theirs[:n]
		}
		if !slices.Equal(mine, theirs) {
			equal := 0
			for equal < min(len(mine), len(theirs)) && mine[equal] == theirs[equal] {
				equal++
			}
			differences = append(differences, Difference{fmt.Sprintf("deliveries of %s, %d and %d, after %d equal ones", l, len(mine), len(theirs), equal), mine[equal:], theirs[equal:]})
		}
	}
	for _, name := range union(slices.Sorted(maps.Keys(left.topics)), slices.Sorted(maps.Keys(right.topics))) {
		if l, r := left.topics[name], right.topics[name]; !slices.Equal(l, r) {
			differences = append(differences, Difference{"what only one has on " + name, without(l, r), without(r, l)})
		}
	}
	for _, l := range union(slices.Collect(maps.Keys(left.held)), slices.Collect(maps.Keys(right.held))) {
		if left.held[l] != right.held[l] {
			differences = append(differences, Difference{"how many are pending: " + l.String(), []string{fmt.Sprint(left.held[l])}, []string{fmt.Sprint(right.held[l])}})
		}
	}
	for _, text := range journal.Compare(a.journal("left", left.journal), a.journal("right", right.journal)) {
		differences = append(differences, Difference{What: "the journals: " + text})
	}
	return differences
}

// without is what is in all more often than in others.
func without(all, others []string) (left []string) {
	others = slices.Clone(others)
	for _, one := range all {
		if i := slices.Index(others, one); i >= 0 {
			others = slices.Delete(others, i, i+1)
			continue
		}
		left = append(left, one)
	}
	return left
}

// union is what is in either, each once.
func union[T comparable](left, right []T) []T {
	all := slices.Clone(left)
	for _, r := range right {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// pends reports whether the event is pending there; of one that the broker has
// no name for, whether it may be.
func (a *Act) pends(r *record, l lane) bool {
	if a.hasNoName(l.event) {
		return r.held[lane{l.app, l.topic, ""}] > 0
	}
	return r.pending[l]
}

// hasNoName reports whether the broker has no name for an event.
func (a *Act) hasNoName(event string) bool {
	var i int
	n, _ := fmt.Sscanf(event, "e%d", &i)
	return n == 0 || i >= len(a.Events) || a.unnamed(i)
}

// journal is the act's part of a journal, less what only one of two worlds
// names: payloads without an envelope, and refusals, whose answers are compared
// as the publisher got them.
func (a *Act) journal(name string, entries []entry) *journal.Journal {
	j := journal.New(journal.Head{World: name})
	moved := map[int]int{}
	for _, e := range entries {
		if e.Kind == journal.PublishFailed || e.Kind == journal.Subscribed || a.nameless(e) {
			moved[e.Seq] = moved[e.Cause]
			continue
		}
		seq := e.Seq
		e.Cause, e.Data = moved[e.Cause], nil
		moved[seq] = j.Append(e)
	}
	return j
}

// nameless reports whether the worlds give the entry's event different names:
// payloads without an envelope have one only where something in them looks like
// an id. An entry of a bulk delivery that no rule matches is given to the app's
// root, which no proxy takes for a delivery.
func (a *Act) nameless(e entry) bool {
	if a.hasNoName(nameIn(e.Event.ID, nil)) {
		return true
	}
	topic, _ := a.topicOf(e.Topic)
	for _, app := range a.Apps {
		for _, sub := range app.Subscriptions {
			odd := sub.RawPayload != "" || sub.Bulk && !slices.ContainsFunc(sub.Rules, func(r Rule) bool { return r.Match == "" })
			if odd && sub.Topic == topic && (e.Kind == journal.Delivered || e.Kind == journal.Answered) {
				return true
			}
		}
	}
	return false
}
