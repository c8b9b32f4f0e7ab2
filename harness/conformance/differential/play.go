package differential

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// rounds is Config.Rounds: what stays pending is looked at for so many
// redeliveries.
const rounds = 1

// horizon is for how long a world may stay unsettled. What is drawn takes seconds.
const horizon = 30 * time.Second

// Config is what a world is started with that plays the stage.
func (st *Stage) Config() world.Config {
	return world.Config{Resources: []fs.FS{st.Resources()}, Rounds: rounds, Seed: 1, Horizon: horizon}
}

// entry is a line of a journal.
type entry = journal.Entry

// cue is one publish of one act.
type cue struct{ slot, event int }

// waves are the order in which everything is published: what is in one wave
// meets at no HTTP app. What stays pending comes in the last.
func (st *Stage) waves(pending map[cue]bool) [][]cue {
	var waves [][]cue
	var last []cue
	next := make([]int, len(st.Acts))
	for more := true; more; {
		more = false
		var wave []cue
		taken := map[string]bool{}
		for slot, a := range st.Acts {
			for next[slot] < len(a.Events) && pending[cue{slot, next[slot]}] {
				last = append(last, cue{slot, next[slot]})
				next[slot]++
			}
			if next[slot] == len(a.Events) {
				continue
			}
			more = true
			if slices.ContainsFunc(a.apps, func(id string) bool { return taken[id] && strings.HasPrefix(id, KindHTTP) }) {
				continue
			}
			for _, id := range a.apps {
				taken[id] = true
			}
			wave = append(wave, cue{slot, next[slot]})
			next[slot]++
		}
		if len(wave) > 0 {
			waves = append(waves, wave)
		}
	}
	if len(last) > 0 {
		waves = append(waves, last)
	}
	return waves
}

// Play plays all acts in a world that was started with the stage's Config: the
// apps are attached, at the same time where together is true, and everything is
// published in waves. It says what was seen of each act.
func (st *Stage) Play(ctx context.Context, w *world.World, pending map[cue]bool, together bool) ([]*record, error) {
	records := make([]*record, len(st.Acts))
	for i := range records {
		records[i] = newRecord()
	}
	casts := st.casts(records)
	if err := attach(ctx, w, casts, together); err != nil {
		return nil, err
	}
	streams, end := context.WithCancel(ctx)
	var playing sync.WaitGroup
	defer playing.Wait()
	defer end()
	for _, c := range casts {
		if c.kind == KindStream {
			if err := c.listen(streams, &playing); err != nil {
				return nil, fmt.Errorf("open the streams of %s: %w", c.id, err)
			}
		}
	}
	s, err := w.Sidecar(ctx, publisher)
	if err != nil {
		return nil, err
	}
	wait(ctx, 300*time.Millisecond) // nobody tells when daprd has registered a stream
	held := &world.PendingError{}
	for _, wave := range st.waves(pending) {
		for _, c := range wave {
			wait(ctx, 1234567*time.Nanosecond) // in a bubble no time passes by itself, and lifetimes are whole seconds
			answer, err := st.Acts[c.slot].publish(ctx, s, c.event)
			if err != nil {
				return nil, fmt.Errorf("publish event %d of act %d: %w", c.event, c.slot, err)
			}
			records[c.slot].published[fmt.Sprintf("e%d", c.event)] = answer
		}
		held = &world.PendingError{}
		if err := w.Settle(ctx); err != nil && !errors.As(err, &held) {
			return nil, err
		}
	}
	return records, st.gather(ctx, w, records, held)
}

func attach(ctx context.Context, w *world.World, casts []*cast, together bool) error {
	errs := make([]error, len(casts))
	var attaching sync.WaitGroup
	for i, c := range casts {
		one := func() {
			if err := w.AttachContext(ctx, c.id, c.start); err != nil {
				errs[i] = fmt.Errorf("attach %s: %w", c.id, err)
			}
		}
		if together {
			attaching.Go(one)
		} else {
			one()
		}
	}
	attaching.Wait()
	return errors.Join(errs...)
}

// gather adds what the world knows to the records.
func (st *Stage) gather(ctx context.Context, w *world.World, records []*record, held *world.PendingError) error {
	byComponent := map[string]int{} // -> slot
	for slot, a := range st.Acts {
		for i := range a.Components {
			byComponent[a.component(i)] = slot
			for _, topic := range a.topics(i) {
				data, err := w.Topic(ctx, a.component(i), a.topic(i, topic))
				if err != nil {
					return err
				}
				name := fmt.Sprintf("%c.%s", 'a'+i, topic)
				for _, d := range data {
					records[slot].topics[name] = append(records[slot].topics[name], plain(d))
				}
				slices.Sort(records[slot].topics[name])
			}
		}
	}
	for _, e := range held.Events {
		slot, ok := byComponent[e.PubSub]
		if !ok {
			continue
		}
		if l, ok := st.Acts[slot].laneOf(e.App, e.Topic, ""); ok {
			records[slot].held[l]++
		}
	}
	for _, e := range w.Journal().Entries() {
		slot, ok := byComponent[e.PubSub]
		if !ok {
			continue
		}
		records[slot].journal = append(records[slot].journal, e)
		if l, ok := st.Acts[slot].laneOf(e.App, e.Topic, e.Event.ID); ok && e.SeenBy != journal.Proxy {
			switch e.Kind {
			case journal.Pending:
				records[slot].pending[l] = true
			case journal.Acknowledged:
				delete(records[slot].pending, l)
			}
		}
	}
	return nil
}

// laneOf is where an entry of a journal belongs.
func (a *Act) laneOf(app, topic, id string) (lane, bool) {
	_, ok := a.topicOf(topic)
	i := slices.Index(a.apps, app)
	return lane{i, strings.TrimPrefix(topic, fmt.Sprintf("s%d", a.Slot)), nameIn(id, nil)}, ok && i >= 0
}

// late are the publishes of which something is pending in the end.
func (st *Stage) late(records []*record) map[cue]bool {
	late := map[cue]bool{}
	for slot, r := range records {
		for l := range r.pending {
			var event int
			if _, err := fmt.Sscanf(l.event, "e%d", &event); err == nil {
				late[cue{slot, event}] = true
			}
		}
		for l, n := range r.held {
			for i := range st.Acts[slot].Events {
				if n > 0 && st.Acts[slot].unnamed(i) && strings.HasSuffix(l.topic, st.Acts[slot].Events[i].Topic) {
					late[cue{slot, i}] = true
				}
			}
		}
	}
	return late
}

// unnamed reports whether a publish has an event that the broker has no name for.
func (a *Act) unnamed(event int) bool {
	p := a.Events[event]
	if p.Metadata["rawPayload"] != "" {
		return true
	}
	if len(p.Entries) > 0 {
		return slices.ContainsFunc(p.Entries, func(e Entry) bool { return anonymous(e.ContentType, e.Data) })
	}
	return anonymous(p.ContentType, p.Data)
}
