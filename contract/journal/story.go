package journal

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract"
)

// storyLines is how many lines a story has at most: what fits a screen beside the rest of a failure.
const storyLines = 20

// Story is the shortest account of what happened to one event, a line a step,
// as a failure prints it:
//
//	t=0s   publish    order.paid ord-5 by orders
//	t=0s   deliver    order.paid ord-5 to payments  attempt 1  -> SUCCESS
//	t=60s  redeliver  order.paid ord-5 to payments  attempt 2  -> SUCCESS   <- fault: redeliver
//
// The event is that with ref's identity or, where it has none, with its id.
// A delivery and its answer are one line; retries that led to a delivery and
// acknowledgements that the answer implies are left out; more than two equal
// redeliveries in a row are one line, and a story of more than 20 lines is cut
// in its middle. The lines are not numbered: [contract.Violation] does that.
func Story(entries []Entry, event contract.Ref) []string {
	x := newIndex(entries)
	names := []string{event.Identity}
	if event.Identity == "" {
		names = nil
		for i := range entries {
			if event.ID != "" && entries[i].Event.ID == event.ID && x.names[i] != "" {
				names = append(names, x.names[i])
			}
		}
		slices.Sort(names)
		names = slices.Compact(names)
	}
	var positions []int
	for i, name := range x.names {
		if name != "" && slices.Contains(names, name) {
			positions = append(positions, i)
		}
	}
	return x.story(positions)
}

// Steps is the account of all that these entries tell, of whatever event and
// app, in the style of [Story]; subscriptions and starts are lines of it too:
//
//	t=0s  start      payments
//	t=0s  subscribe  pubsub/orders by payments  -> no dead letter topic
//	t=0s  publish    order.paid ord-5 by orders
func Steps(entries []Entry) []string {
	positions := make([]int, len(entries))
	for i := range positions {
		positions[i] = i
	}
	return newIndex(entries).story(positions)
}

// step is a line of a story.
type step struct {
	at, last    time.Duration
	verb        string
	event       string
	app         string // "to payments"
	attempt, to int    // attempts from and to
	times       int
	result      string
	mark        string
	topic       string
	gone        bool // left out: what followed says it
}

func (s step) same(o step) bool {
	return s.verb == "redeliver" && o.verb == s.verb && s.event == o.event && s.app == o.app &&
		s.topic == o.topic && s.result == o.result && s.mark == "" && o.mark == ""
}

// story tells of the entries at these positions, which are ascending.
func (x *index) story(positions []int) []string {
	ids := map[string]map[string]bool{} // by the event's name
	for _, i := range positions {
		if c := x.copyOf[i]; c >= 0 && x.copies[c].id != "" {
			if ids[x.names[i]] == nil {
				ids[x.names[i]] = map[string]bool{}
			}
			ids[x.names[i]][x.copies[c].id] = true
		}
	}
	var steps []*step
	bySeq := map[int]*step{} // the step that tells of an entry
	for _, i := range positions {
		e := &x.entries[i]
		if e.Kind == FaultInjected || e.Kind == ViolationFound {
			if struck, ok := bySeq[e.Cause]; ok {
				if e.Kind == ViolationFound {
					struck.marked(e.Note)
				}
				continue // faults are told with what they struck
			}
		}
		s := x.step(i, len(ids[x.names[i]]) > 1)
		earlier := func(verbs ...string) *step {
			for k := len(steps) - 1; k >= 0; k-- {
				if p := steps[k]; !p.gone && p.event == s.event && p.app == s.app && p.topic == s.topic && slices.Contains(verbs, p.verb) {
					return p
				}
			}
			return nil
		}
		switch e.Kind {
		case Answered:
			if d, ok := bySeq[e.Cause]; ok && d.result == "" && strings.HasSuffix(d.verb, "deliver") {
				d.result = e.Answer
				bySeq[e.Seq] = d
				x.markFaults(d, e.Seq)
				continue
			}
		case Delivered:
			if retry := earlier("retry", "deliver", "redeliver"); retry != nil && retry.verb == "retry" {
				retry.gone = true
			}
		case Acknowledged:
			if p := earlier("deliver", "redeliver", "dead-letter", "drop", "expire", "acknowledge"); p != nil &&
				(p.result == Success || !strings.HasSuffix(p.verb, "deliver")) {
				bySeq[e.Seq] = p
				continue
			}
		case Pending:
			if p := earlier("pending"); p != nil {
				p.gone = true
			}
		}
		bySeq[e.Seq] = s
		x.markFaults(s, e.Seq)
		steps = append(steps, s)
	}
	steps = slices.DeleteFunc(steps, func(s *step) bool { return s.gone })
	return lines(collapse(steps))
}

// step begins the step that tells of entry i; withID: also under which CloudEvents id.
func (x *index) step(i int, withID bool) *step {
	e := &x.entries[i]
	s := &step{at: e.At, last: e.At, topic: e.PubSub + "/" + e.Topic, attempt: e.Attempt, to: e.Attempt, times: 1}
	s.event = x.told(i, withID)
	if e.App != "" {
		s.app = "to " + e.App
	}
	switch e.Kind {
	case Started:
		s.verb, s.event, s.app, s.attempt, s.to = "start", e.App, "", 0, 0
		if e.Attempt > 1 {
			s.result = fmt.Sprintf("incarnation %d", e.Attempt)
		}
	case Subscribed:
		s.verb, s.event, s.app, s.result = "subscribe", s.topic, "by "+e.App, "no dead letter topic"
		if e.DeadLetterTopic != "" {
			s.result = "dead letters to " + e.DeadLetterTopic
		}
	case Published, PublishFailed:
		s.verb, s.result = "publish", e.Answer
		if e.Kind == PublishFailed && e.Answer == "" {
			s.result = "refused"
		}
		if e.App != "" {
			s.app = "by " + e.App
		}
	case Delivered:
		s.verb = "deliver"
		if e.Attempt > 1 {
			s.verb = "redeliver"
		}
	case Answered:
		s.verb, s.result = "answer", e.Answer
	case Retried:
		s.verb = "retry"
	case DeadLettered:
		s.verb, s.result = "dead-letter", e.DeadLetterTopic
	case Dropped:
		s.verb, s.result = "drop", e.Note
	case Expired:
		s.verb = "expire"
	case Acknowledged:
		s.verb = "acknowledge"
	case Pending:
		s.verb = "pending"
	case FaultInjected:
		s.verb, s.result = "fault", e.Fault
	case ViolationFound:
		s.verb, s.result = "violation", e.Note
	}
	if s.event == "" { // a fault that struck none
		s.event, s.result = s.result, ""
	}
	if e.Due > 0 && s.result == "" {
		s.result = "due at t=" + clock(e.Due)
	}
	return s
}

// told is how the step of entry i calls its event: by type or topic, and name.
func (x *index) told(i int, withID bool) string {
	kind, event := "", contract.Ref{Identity: x.names[i]}
	if c := x.copyOf[i]; c >= 0 {
		kind = x.copies[c].ref.Type
		if withID {
			event.ID = x.copies[c].id
		}
	}
	if kind == "" || kind == daprType {
		kind = x.entries[i].Topic
	}
	return strings.TrimSpace(kind + " " + event.String())
}

// daprType is the CloudEvents type of everything that daprd wraps; it says
// nothing (components-contrib v1.16.0 pubsub/envelope.go, DefaultCloudEventType).
const daprType = "com.dapr.event.sent"

func (s *step) marked(text string) {
	if s.mark != "" {
		text = s.mark + ", " + text
	}
	s.mark = text
}

func (x *index) markFaults(s *step, seq int) {
	for _, f := range x.faults[seq] {
		s.marked("fault: " + x.entries[f].Fault)
	}
}

// collapse makes one step of more than two equal redeliveries in a row.
func collapse(steps []*step) []step {
	var told []step
	for i := 0; i < len(steps); {
		end := i + 1
		for end < len(steps) && steps[i].same(*steps[end]) {
			end++
		}
		if end-i < 3 {
			for _, s := range steps[i:end] {
				told = append(told, *s)
			}
		} else {
			s := *steps[i]
			s.last, s.to, s.times = steps[end-1].at, steps[end-1].attempt, end-i
			told = append(told, s)
		}
		i = end
	}
	return told
}

func lines(steps []step) []string {
	times := make([]string, len(steps))
	timeWidth, verbWidth := 0, 0
	for i, s := range steps {
		times[i] = clock(s.at)
		if s.times > 1 {
			times[i] += ".." + clock(s.last)
		}
		timeWidth = max(timeWidth, len(times[i]))
		verbWidth = max(verbWidth, len(s.verb))
	}
	told := make([]string, len(steps))
	for i, s := range steps {
		var b strings.Builder
		fmt.Fprintf(&b, "t=%-*s  %-*s  %s", timeWidth, times[i], verbWidth, s.verb, s.event)
		if s.app != "" {
			b.WriteString(" " + s.app)
		}
		switch {
		case s.times > 1:
			fmt.Fprintf(&b, "  attempts %d to %d", s.attempt, s.to)
		case s.attempt > 0:
			fmt.Fprintf(&b, "  attempt %d", s.attempt)
		}
		if s.result != "" {
			b.WriteString("  -> " + s.result)
		}
		if s.times > 1 {
			fmt.Fprintf(&b, "  (%d times)", s.times)
		}
		if s.mark != "" {
			b.WriteString("   <- " + s.mark)
		}
		told[i] = b.String()
	}
	return cut(told, storyLines, "steps")
}

// cut leaves the middle out of more than limit lines and says how many there were.
func cut(lines []string, limit int, what string) []string {
	if limit <= 0 || len(lines) <= limit {
		return lines
	}
	head := limit / 2
	tail := max(limit-1-head, 0)
	left := len(lines) - head - tail
	return slices.Concat(lines[:head], []string{fmt.Sprintf("… %d %s left out …", left, what)}, lines[len(lines)-tail:])
}

// clock is a time since the journal's start, to the millisecond: "60s", "0.101s".
func clock(d time.Duration) string {
	d = d.Round(time.Millisecond)
	if d.Abs() >= time.Hour {
		return d.String()
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}
