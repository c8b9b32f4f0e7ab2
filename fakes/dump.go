package fakes

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract"
)

// Dump implements [world.Dumper]: topics with their consumer groups and pending
// entries, what waits for a worker or for its time, and the sidecars' state stores.
func (w *backend) Dump() string {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	var b strings.Builder
	at := func(t time.Time) string { return "t=" + w.recorder.Journal().Since(t).Round(time.Millisecond).String() }
	fmt.Fprintf(&b, "%s, %s\n", at(time.Now()), w.version)
	for _, key := range slices.SortedFunc(maps.Keys(w.broker.topics), byPlace) {
		w.dumpTopic(&b, w.broker.topics[key], at)
	}
	for _, g := range w.broker.order {
		if g.serial { // its topic is its own
			w.dumpTopic(&b, g.topic, at)
			w.dumpGroup(&b, g, at)
		}
	}
	fmt.Fprintf(&b, "calls: %d open, %d redeliveries, %d messages wait for their batch\n", w.engine.open, w.again, w.collected)
	waiting := slices.SortedFunc(maps.Keys(w.retries), func(a, b *delivery) int {
		return cmp.Or(w.retries[a].Compare(w.retries[b]), cmp.Compare(a.last, b.last))
	})
	for _, d := range waiting {
		due := w.retries[d]
		fmt.Fprintf(&b, "retry at %s: %s on %s for %s, after %d attempts\n", at(due), nameOf(d.pending.message.event), d.sub.topic, d.sub.app.id, d.attempts)
	}
	for _, id := range slices.Sorted(maps.Keys(w.apps)) {
		w.apps[id].dump(&b)
	}
	return b.String()
}

func byPlace(a, b topicKey) int {
	return cmp.Or(strings.Compare(a.redis, b.redis), strings.Compare(a.topic, b.topic))
}

func nameOf(e contract.Ref) string {
	if e.ID == "" {
		return "a message without an id"
	}
	return e.String()
}

func (w *backend) dumpTopic(b *strings.Builder, t *topic, at func(time.Time) string) {
	fmt.Fprintf(b, "topic %s (%s): %d messages\n", t.topicKey.topic, t.redis, t.end())
	for _, g := range t.groups {
		w.dumpGroup(b, g, at)
	}
}

func (w *backend) dumpGroup(b *strings.Builder, g *group, at func(time.Time) string) {
	fmt.Fprintf(b, "  group %s: %d read\n", cmp.Or(g.consumer, "of one subscription"), g.next)
	for _, s := range g.subs {
		fmt.Fprintf(b, "    reader %s, %s", s.app.id, s.kind)
		if s.deadLetter != "" {
			fmt.Fprintf(b, ", dead letter topic %s", s.deadLetter)
		}
		b.WriteString("\n")
	}
	for p := range g.pending.all() {
		fmt.Fprintf(b, "    pending %s: delivered %d times, read at %s", nameOf(p.message.event), p.deliveries, at(p.read))
		switch {
		case p.open > 0:
			b.WriteString(", at the app")
		case g.reclaims():
			_, due := g.reclaimer(p.read)
			fmt.Fprintf(b, ", due at %s", at(due))
		}
		b.WriteString("\n")
	}
}

// dump is the app's sidecar: its breakers that are not closed, and its state.
func (a *app) dump(b *strings.Builder) {
	running := "down"
	if a.incarnation != nil {
		running = string(cmp.Or(a.incarnation.protocol, "not called"))
	}
	fmt.Fprintf(b, "app %s: %s, %d subscriptions\n", a.id, running, len(a.subscriptions()))
	for _, name := range slices.Sorted(maps.Keys(a.breakers)) {
		if breaker := a.breakers[name]; breaker != nil && breaker.state != breakerClosed {
			fmt.Fprintf(b, "  circuit breaker of %s: %s\n", name, breaker.state)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.states)) {
		for _, key := range a.states[name].store.Keys() {
			fmt.Fprintf(b, "  state %s %s = %.200q\n", name, key, a.states[name].store.Get(key).Data)
		}
	}
}
