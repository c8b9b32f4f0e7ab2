package journal

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/eventproof/eventproof/contract"
)

// Fate is what became of an event for one app. Each event has exactly one for
// each app: the first of this list that holds.
type Fate string

// The fates, the first that holds first.
const (
	FateUnexpected   Fate = "unexpected"    // delivered, though nobody published it
	FateDuplicated   Fate = "duplicated"    // handled (answered SUCCESS) more than once, by redelivery or a second publish
	FatePending      Fate = "pending"       // the broker still holds it, or the engine is still at it
	FateHandled      Fate = "handled"       // answered SUCCESS once
	FateDeadLettered Fate = "dead-lettered" // on the dead letter topic
	FateExpired      Fate = "expired"       // its time to live had passed
	FateDropped      Fate = "dropped"       // acknowledged, though not handled and without a dead letter
	FateLost         Fate = "lost"          // the broker was watched, and nothing says where it went
	FateNotWitnessed Fate = "not witnessed" // nobody was there who could have seen what became of it
)

// Fates are all fates, in the order of the ledger's columns.
func Fates() []Fate {
	return []Fate{FateHandled, FateDuplicated, FateDeadLettered, FateExpired, FateDropped,
		FatePending, FateLost, FateUnexpected, FateNotWitnessed}
}

// Line is an event and an app that subscribes to its topic.
type Line struct {
	Event              contract.Ref // as its first entry states it
	App, PubSub, Topic string
	Fate               Fate
	Published          int    // under how many CloudEvents ids it was put on the topic
	Deliveries         int    // deliveries to this app on this topic
	Successes          int    // of these, answered SUCCESS
	Why                string // what made it this fate; "" for handled

	index   *index
	entries []int // positions of all that concerns it
}

// Trace is the line's story: the publishes, and all that happened to this app. See [Story].
func (l Line) Trace() []string {
	if l.index == nil {
		return nil
	}
	return l.index.story(l.entries)
}

// String is "lost  ord-5  pubsub/orders -> payments: why".
func (l Line) String() string {
	s := fmt.Sprintf("%s  %s  %s/%s -> %s", l.Fate, l.Event, l.PubSub, l.Topic, l.App)
	if l.Why != "" {
		s += ": " + l.Why
	}
	return s
}

// Ledger accounts for every published event and every app that subscribes to
// its topic. The length of a list is the number.
type Ledger struct {
	// Published is the number of events: of identities on a topic, dead letter topics included.
	Published int

	Handled, Duplicated, DeadLettered, Expired, Dropped, Pending, Lost, NotWitnessed []Line
	// Unexpected events are not among the published.
	Unexpected []Line
	// NoSubscriber are the events on topics that no app subscribes to. They
	// have no fate, and no App.
	NoSubscriber []Line

	lines []Line
}

// Lines are all lines, in the order of publication. Those of NoSubscriber are not among them.
func (l Ledger) Lines() []Line { return slices.Clone(l.lines) }

// Ledger is [LedgerOf] of the entries so far.
func (j *Journal) Ledger() Ledger { return LedgerOf(j.Entries()) }

// LedgerOf draws up the ledger of a journal's entries.
//
// An app is a subscriber of a topic if the journal holds a [Subscribed] entry
// that says so, at whatever time; an app without such an entry is one for those
// events that reached it.
func LedgerOf(entries []Entry) Ledger {
	x := newIndex(entries)
	w := witnesses(entries)

	type eventKey struct{ pubsub, topic, name string }
	type event struct {
		eventKey
		ref  contract.Ref
		ids  []string
		puts []int
	}
	var events []*event
	onTopic := map[eventKey]*event{}
	put := func(topic string, i int) {
		e := &entries[i]
		k := eventKey{e.PubSub, topic, x.names[i]}
		v, ok := onTopic[k]
		if !ok {
			v = &event{eventKey: k, ref: x.copies[x.copyOf[i]].ref}
			v.ref.Identity = k.name
			onTopic[k] = v
			events = append(events, v)
		}
		if id := x.copies[x.copyOf[i]].id; !slices.Contains(v.ids, id) {
			v.ids = append(v.ids, id)
		}
		v.puts = append(v.puts, i)
	}
	refused := map[eventKey][]int{}
	for i := range entries {
		switch e := &entries[i]; {
		case x.copyOf[i] < 0:
		case e.Kind == PublishFailed:
			k := eventKey{e.PubSub, e.Topic, x.names[i]}
			refused[k] = append(refused[k], i)
		case e.Kind == Published:
			put(e.Topic, i)
		case e.Kind == DeadLettered && e.DeadLetterTopic != "" && e.SeenBy != Proxy:
			put(e.DeadLetterTopic, i)
		}
	}

	type lineKey struct {
		subscription
		name string
	}
	accounts := map[lineKey][]*account{}
	var order []lineKey
	for _, a := range x.accounts() {
		k := lineKey{subscription{a.app, a.pubsub, a.topic}, x.copies[a.copy].name}
		if accounts[k] == nil {
			order = append(order, k)
		}
		accounts[k] = append(accounts[k], a)
	}

	subscribers := map[[2]string][]string{} // pubsub, topic -> apps
	subscriptions, _ := x.subscriptions()
	for _, s := range subscriptions {
		t := [2]string{s.pubsub, s.topic}
		subscribers[t] = append(subscribers[t], s.app)
	}
	// An app that received an event reads its topic, whoever noted the subscription.
	receivers := map[eventKey][]string{}
	for _, k := range order {
		e := eventKey{k.pubsub, k.topic, k.name}
		if onTopic[e] != nil && !slices.Contains(subscribers[[2]string{k.pubsub, k.topic}], k.app) {
			receivers[e] = append(receivers[e], k.app)
		}
	}

	var ledger Ledger
	for _, v := range events {
		ledger.Published++
		apps := slices.Concat(subscribers[[2]string{v.pubsub, v.topic}], receivers[v.eventKey])
		if len(apps) == 0 {
			ledger.NoSubscriber = append(ledger.NoSubscriber,
				Line{Event: v.ref, PubSub: v.pubsub, Topic: v.topic, Published: len(v.ids), index: x, entries: v.puts})
		}
		for _, app := range apps {
			line := Line{Event: v.ref, App: app, PubSub: v.pubsub, Topic: v.topic, Published: len(v.ids), index: x}
			line.settle(accounts[lineKey{subscription{app, v.pubsub, v.topic}, v.name}], v.puts, refused[v.eventKey], w)
			ledger.add(line)
		}
	}
	for _, k := range order {
		e := eventKey{k.pubsub, k.topic, k.name}
		if onTopic[e] != nil {
			continue
		}
		line := Line{App: k.app, PubSub: k.pubsub, Topic: k.topic, index: x}
		line.Event = x.copies[accounts[k][0].copy].ref
		line.Event.Identity = k.name
		line.settle(accounts[k], nil, refused[e], w)
		ledger.add(line)
	}
	return ledger
}

func (l *Ledger) add(line Line) {
	l.lines = append(l.lines, line)
	list := l.of(line.Fate)
	*list = append(*list, line)
}

func (l *Ledger) of(f Fate) *[]Line {
	switch f {
	case FateHandled:
		return &l.Handled
	case FateDuplicated:
		return &l.Duplicated
	case FateDeadLettered:
		return &l.DeadLettered
	case FateExpired:
		return &l.Expired
	case FateDropped:
		return &l.Dropped
	case FatePending:
		return &l.Pending
	case FateLost:
		return &l.Lost
	case FateUnexpected:
		return &l.Unexpected
	}
	return &l.NotWitnessed
}

// witnessed says what somebody was there to see.
type witnessed struct {
	all       bool            // the engine of the fake sees everything
	broker    map[string]bool // by pubsub: what its broker holds
	calls     map[string]bool // by app: what was delivered to it and how it answered
	publishes bool            // what was published
}

func witnesses(entries []Entry) witnessed {
	w := witnessed{broker: map[string]bool{}, calls: map[string]bool{}}
	for i := range entries {
		e := &entries[i]
		switch {
		case e.SeenBy == Engine:
			w.all = true
			return w
		case e.SeenBy == Redis && e.PubSub != "":
			w.broker[e.PubSub] = true
		case (e.SeenBy == Proxy || e.SeenBy == Log) && e.App != "" && e.Kind != Published && e.Kind != PublishFailed:
			w.calls[e.App] = true
		}
		w.publishes = w.publishes || e.Kind == Published || e.Kind == PublishFailed
	}
	return w
}

// settle decides the fate, by what was noted of the app, the positions of the
// publishes and those of the refused ones.
func (l *Line) settle(accounts []*account, puts, refused []int, w witnessed) {
	var sum account
	ids := map[int]bool{}
	for _, a := range accounts {
		sum.successes += a.successes
		sum.deliveries += a.deliveries
		if a.answer != "" {
			sum.answer = a.answer
		}
		state(&sum.deadLetterTopic, a.deadLetterTopic)
		sum.acknowledged = sum.acknowledged || a.acknowledged
		sum.dropped = sum.dropped || a.dropped
		sum.expired = sum.expired || a.expired
		sum.deadLettered = sum.deadLettered || a.deadLettered
		if a.atBroker() == "pending" {
			sum.inFlight = true
			sum.due = max(sum.due, a.due)
		}
		if a.successes > 0 {
			ids[a.copy] = true
		}
		l.entries = append(l.entries, a.entries...)
	}
	l.entries = slices.Concat(l.entries, puts, refused)
	slices.Sort(l.entries)
	l.Deliveries, l.Successes = sum.deliveries, sum.successes

	answered := "was never delivered"
	switch {
	case sum.answer != "":
		answered = "answered " + sum.answer
	case sum.deliveries > 0:
		answered = "was delivered, and no answer was seen"
	}
	switch {
	case len(puts) == 0 && sum.deliveries > 0 && (w.all || w.publishes || w.broker[l.PubSub]):
		l.Fate, l.Why = FateUnexpected, "nobody published it"
		if len(refused) > 0 {
			l.Why += fmt.Sprintf("; %s of it refused", count(len(refused), "publish was", "publishes were"))
		}
	case len(puts) == 0 && sum.deliveries > 0:
		l.Fate, l.Why = FateNotWitnessed, "nobody saw what was published"
	case sum.successes > 1:
		l.Fate, l.Why = FateDuplicated, fmt.Sprintf("answered SUCCESS %d times", sum.successes)
		if len(ids) > 1 {
			l.Why += fmt.Sprintf(", under %d CloudEvents ids", len(ids))
		}
	case sum.inFlight:
		l.Fate, l.Why = FatePending, answered+"; the broker still holds it"
		if sum.due > 0 {
			l.Why += fmt.Sprintf(", due at t=%s", sum.due)
		}
	case sum.successes == 1:
		l.Fate = FateHandled
	case sum.deadLettered:
		l.Fate, l.Why = FateDeadLettered, answered+"; is on "+sum.deadLetterTopic
	case sum.expired:
		l.Fate, l.Why = FateExpired, "its time to live had passed"
	case sum.dropped, sum.acknowledged && (w.all || w.calls[l.App]):
		l.Fate, l.Why = FateDropped, answered+"; acknowledged without a dead letter"
	case sum.acknowledged:
		l.Fate, l.Why = FateNotWitnessed, "acknowledged, and nobody saw the calls to "+l.App
	case w.all || w.broker[l.PubSub]:
		l.Fate, l.Why = FateLost, answered+"; the broker holds it no more"
	default:
		l.Fate, l.Why = FateNotWitnessed, answered+"; nobody saw what the broker did"
	}
}

// worst is the order in which a ledger names lines: what was lost first.
var worst = []Fate{FateLost, FateDropped, FateDuplicated, FateUnexpected, FatePending, FateNotWitnessed, FateExpired}

// listed is how many lines [Ledger.String] names below its table.
const listed = 10

// String is a table: a row for each topic and app, a column for each fate that
// occurs; below it the lines that are neither handled nor dead-lettered, the worst first, ten at most.
func (l Ledger) String() string {
	type row struct {
		name   string
		total  int
		counts map[Fate]int
	}
	var rows []*row
	byName := map[string]*row{}
	at := func(line Line, app string) *row {
		name := fmt.Sprintf("%s/%s -> %s", line.PubSub, line.Topic, app)
		r, ok := byName[name]
		if !ok {
			r = &row{name: name, counts: map[Fate]int{}}
			byName[name] = r
			rows = append(rows, r)
		}
		r.total++
		return r
	}
	var rest []Line
	for _, line := range l.lines {
		at(line, line.App).counts[line.Fate]++
	}
	for _, fate := range worst {
		rest = append(rest, *l.of(fate)...)
	}
	for _, line := range l.NoSubscriber {
		at(line, "(nobody subscribes)")
	}
	if len(rows) == 0 {
		return "no events\n"
	}

	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	columns := slices.DeleteFunc(Fates(), func(f Fate) bool {
		return f != FateHandled && f != FateLost && len(*l.of(f)) == 0
	})
	width := 0
	for _, r := range rows {
		width = max(width, len(r.name))
	}
	fmt.Fprintf(table, "%-*s\tevents\t", width, "")
	for _, f := range columns {
		fmt.Fprintf(table, "%s\t", f)
	}
	fmt.Fprintln(table)
	for _, r := range rows {
		fmt.Fprintf(table, "%-*s\t%d\t", width, r.name, r.total)
		for _, f := range columns {
			fmt.Fprintf(table, "%d\t", r.counts[f])
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // a strings.Builder does not fail
	for i, line := range rest {
		if i == listed {
			fmt.Fprintf(&b, "… and %d more\n", len(rest)-listed)
			break
		}
		fmt.Fprintln(&b, line)
	}
	return b.String()
}
