package journal_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run with -update to write it")
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

var started = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// run writes a journal by hand: one entry a second, all on pubsub "pubsub".
type run struct {
	*journal.Journal
	seenBy journal.Observer
}

func newRun(seenBy journal.Observer) *run {
	return &run{journal.New(journal.Head{World: "fake", Started: started}), seenBy}
}

func (r *run) add(e journal.Entry) int {
	if e.SeenBy == "" {
		e.SeenBy = r.seenBy
	}
	e.PubSub = "pubsub"
	if e.At == 0 {
		e.At = time.Duration(r.Len()+1) * time.Second
	}
	return r.Append(e)
}

func ref(identity, id string) contract.Ref { return contract.Ref{ID: id, Identity: identity} }

func (r *run) subscribed(app, topic, deadLetterTopic string) int {
	return r.add(journal.Entry{Kind: journal.Subscribed, App: app, Topic: topic, DeadLetterTopic: deadLetterTopic})
}

func (r *run) published(topic string, event contract.Ref) int {
	return r.add(journal.Entry{Kind: journal.Published, App: "orders", Topic: topic, Event: event})
}

// delivered is a delivery and its answer; none where answer is "".
func (r *run) delivered(app, topic string, event contract.Ref, attempt, cause int, answer string) int {
	d := r.add(journal.Entry{Kind: journal.Delivered, App: app, Topic: topic, Event: event, Attempt: attempt, Cause: cause})
	if answer == "" {
		return d
	}
	return r.add(journal.Entry{Kind: journal.Answered, App: app, Topic: topic, Event: event, Attempt: attempt, Cause: d, Answer: answer})
}

func (r *run) broker(kind journal.Kind, app, topic string, event contract.Ref, cause int) int {
	e := journal.Entry{Kind: kind, App: app, Topic: topic, Event: event, Cause: cause}
	if r.seenBy == journal.Proxy {
		e.SeenBy = journal.Redis
	}
	if kind == journal.DeadLettered {
		e.DeadLetterTopic = topic + ".dead"
	}
	return r.add(e)
}

// worlds is one and the same run as the fake and as real Dapr journal it:
// the fake knows all at once; the proxy sees calls, and Redis is read at the end.
type worlds struct {
	fake, real *run
	redis      []func()
	fates      map[fateKey]journal.Fate // what the fake must find
}

type fateKey struct{ app, topic, identity string }

// copyOf is an event under one id in each world; the ids are random in both.
type copyOf struct{ fake, real contract.Ref }

type seqs struct{ fake, real int }

func newWorlds() *worlds {
	w := &worlds{fake: newRun(journal.Engine), real: newRun(journal.Proxy), fates: map[fateKey]journal.Fate{}}
	w.real.SetHead(func(h *journal.Head) { h.World = "containers" })
	return w
}

func (w *worlds) subscribed(app, topic, deadLetterTopic string) {
	w.fake.subscribed(app, topic, deadLetterTopic)
	w.real.subscribed(app, topic, deadLetterTopic)
}

func (w *worlds) call(e journal.Entry, c copyOf, cause seqs) seqs {
	e.Event, e.Cause = c.fake, cause.fake
	f := w.fake.add(e)
	e.Event, e.Cause = c.real, cause.real
	return seqs{f, w.real.add(e)}
}

func (w *worlds) engine(e journal.Entry, c copyOf, cause int) int {
	e.Event, e.Cause = c.fake, cause
	return w.fake.add(e)
}

func (w *worlds) later(e journal.Entry, c copyOf) {
	w.redis = append(w.redis, func() {
		e.Event, e.SeenBy = c.real, journal.Redis
		w.real.add(e)
	})
}

func (w *worlds) end() {
	for _, tell := range w.redis {
		tell()
	}
	w.redis = nil
}

// attempts delivers until the last answer; the fake's retries are told as well.
func (w *worlds) attempt(app, topic string, c copyOf, n int, publish seqs, answer string) []func() seqs {
	var delivered seqs
	return []func() seqs{
		func() seqs {
			delivered = w.call(journal.Entry{Kind: journal.Delivered, App: app, Topic: topic, Attempt: n}, c, publish)
			return delivered
		},
		func() seqs {
			return w.call(journal.Entry{Kind: journal.Answered, App: app, Topic: topic, Attempt: n, Answer: answer}, c, delivered)
		},
	}
}

// random is a run of events to three apps in which everything happens that may
// happen to an event, in a random order; the seed decides.
func random(seed uint64, events int) *worlds {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := newWorlds()
	apps := []string{"worker", "payments", "shipping"}[:1+rng.IntN(3)]
	topics := []string{"orders", "parcels"}[:1+rng.IntN(2)]
	subscribe := func() {
		for _, app := range apps {
			for _, topic := range topics {
				w.subscribed(app, topic, topic+".dead")
			}
		}
	}
	early := rng.IntN(2) == 0 // or only after everything was published: a new group gets the history
	if early {
		subscribe()
	}
	var scripts [][]func() seqs // each in its own order; between them, any
	for n := range events {
		topic := topics[rng.IntN(len(topics))]
		identity := fmt.Sprintf("ord-%d", n)
		first := copyOf{ref(identity, fmt.Sprintf("f%d", rng.Uint64())), ref(identity, fmt.Sprintf("r%d", rng.Uint64()))}
		publish := w.call(journal.Entry{Kind: journal.Published, App: "orders", Topic: topic}, first, seqs{})
		var second *copyOf
		var again seqs
		if rng.IntN(6) == 0 { // the relay publishes twice
			second = &copyOf{ref(identity, fmt.Sprintf("f%d", rng.Uint64())), ref(identity, fmt.Sprintf("r%d", rng.Uint64()))}
			again = w.call(journal.Entry{Kind: journal.Published, App: "orders", Topic: topic}, *second, seqs{})
		}
		for _, app := range apps {
			script, fate := w.script(rng, app, topic, first, publish)
			if second != nil {
				// The second copy is always handled.
				more := w.attempt(app, topic, *second, 1, again, journal.Success)
				more = append(more, w.acknowledge(app, topic, *second))
				script = append(script, more...)
				switch fate {
				case journal.FateHandled:
					fate = journal.FateDuplicated
				case journal.FateDuplicated, journal.FatePending:
				default:
					fate = journal.FateHandled
				}
			}
			w.fates[fateKey{app, topic, identity}] = fate
			scripts = append(scripts, script)
		}
	}
	if !early {
		subscribe()
	}
	for len(scripts) > 0 {
		i := rng.IntN(len(scripts))
		if len(scripts[i]) == 0 {
			scripts = append(scripts[:i], scripts[i+1:]...)
			continue
		}
		scripts[i][0]()
		scripts[i] = scripts[i][1:]
	}
	w.end()
	return w
}

func (w *worlds) acknowledge(app, topic string, c copyOf) func() seqs {
	return func() seqs {
		e := journal.Entry{Kind: journal.Acknowledged, App: app, Topic: topic}
		w.engine(e, c, 0)
		w.later(e, c)
		return seqs{}
	}
}

// script is what becomes of one event for one app.
func (w *worlds) script(rng *rand.Rand, app, topic string, c copyOf, publish seqs) ([]func() seqs, journal.Fate) {
	on := func(kind journal.Kind) journal.Entry { return journal.Entry{Kind: kind, App: app, Topic: topic} }
	var script []func() seqs
	attempt := func(n int, answer string) { script = append(script, w.attempt(app, topic, c, n, publish, answer)...) }
	fails := func() int { // some failing attempts with the fake's retries between
		times := 1 + rng.IntN(3)
		for n := range times {
			attempt(n+1, "HTTP 500")
			if n+1 < times {
				script = append(script, func() seqs { w.engine(on(journal.Retried), c, publish.fake); return seqs{} })
			}
		}
		return times
	}
	switch rng.IntN(8) {
	case 0:
		fails()
		attempt(9, journal.Success)
		return append(script, w.acknowledge(app, topic, c)), journal.FateHandled
	case 1:
		attempt(1, journal.Success)
		script = append(script, w.acknowledge(app, topic, c))
		attempt(2, journal.Success)
		return script, journal.FateDuplicated
	case 2:
		fails()
		return append(script, func() seqs {
			e := on(journal.DeadLettered)
			e.DeadLetterTopic = topic + ".dead"
			w.engine(e, c, publish.fake)
			w.later(e, c)
			w.later(on(journal.Acknowledged), c)
			return seqs{}
		}), journal.FateDeadLettered
	case 3:
		attempt(1, "HTTP 404")
		return append(script, func() seqs {
			w.engine(on(journal.Dropped), c, publish.fake)
			w.later(on(journal.Acknowledged), c)
			return seqs{}
		}), journal.FateDropped
	case 4:
		fails()
		return append(script, func() seqs {
			w.engine(on(journal.Pending), c, publish.fake)
			w.later(on(journal.Pending), c)
			return seqs{}
		}), journal.FatePending
	case 5:
		return append(script, func() seqs {
			w.engine(on(journal.Expired), c, publish.fake)
			w.later(on(journal.Acknowledged), c)
			return seqs{}
		}), journal.FateExpired
	case 6: // the broker forgot it; Redis says nothing either
		return nil, journal.FateLost
	}
	attempt(1, journal.Success)
	return append(script, w.acknowledge(app, topic, c)), journal.FateHandled
}
