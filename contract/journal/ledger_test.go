package journal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
)

const (
	app   = "payments"
	topic = "orders"
)

// fateCases are one event "e" and one app each.
var fateCases = []struct {
	name   string
	reason string
	seenBy journal.Observer // of calls; with proxy, Redis tells of the broker
	write  func(r *run, e contract.Ref)
	want   journal.Fate
	rule   string // of CheckDelivered; "" for none
}{
	{"handled", "answered SUCCESS once and acknowledged", journal.Engine, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), journal.Success)
		r.broker(journal.Acknowledged, app, topic, e, 0)
	}, journal.FateHandled, ""},
	{"handled seen by a proxy", "a SUCCESS is a call: no broker need be watched", journal.Proxy, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), journal.Success)
	}, journal.FateHandled, ""},
	{"handled at the second attempt", "a failure before it does not count", journal.Engine, func(r *run, e contract.Ref) {
		p := r.published(topic, e)
		r.delivered(app, topic, e, 1, p, journal.Retry)
		r.delivered(app, topic, e, 2, p, journal.Success)
	}, journal.FateHandled, ""},
	{"redelivered", "SUCCESS twice by redelivery", journal.Engine, func(r *run, e contract.Ref) {
		p := r.published(topic, e)
		r.delivered(app, topic, e, 1, p, journal.Success)
		r.broker(journal.Acknowledged, app, topic, e, 0)
		r.delivered(app, topic, e, 2, p, journal.Success)
	}, journal.FateDuplicated, contract.RuleDuplicated},
	{"published twice", "a second publish under a new id is the same event", journal.Engine, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), journal.Success)
		second := e
		second.ID = "another id"
		r.delivered(app, topic, second, 1, r.published(topic, second), journal.Success)
	}, journal.FateDuplicated, contract.RuleDuplicated},
	{"published twice, handled once", "a consumer that refuses the second one has handled the event", journal.Engine, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), journal.Success)
		second := e
		second.ID = "another id"
		r.delivered(app, topic, second, 1, r.published(topic, second), journal.Drop)
		r.broker(journal.Dropped, app, topic, second, 0)
	}, journal.FateHandled, ""},
	{"dead-lettered", "accounted for", journal.Engine, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), "HTTP 500")
		r.broker(journal.DeadLettered, app, topic, e, 0)
		r.broker(journal.Acknowledged, app, topic, e, 0)
	}, journal.FateDeadLettered, ""},
	{"dead-lettered, by an unnamed app", "Redis sees the stream, not who wrote to it", journal.Proxy, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), "HTTP 500")
		r.add(journal.Entry{Kind: journal.DeadLettered, SeenBy: journal.Redis, Event: contract.Ref{ID: e.ID}, DeadLetterTopic: topic + ".dead"})
	}, journal.FateDeadLettered, ""},
	{"dead-lettered, says the proxy", "a proxy cannot know", journal.Proxy, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), "HTTP 500")
		r.add(journal.Entry{Kind: journal.DeadLettered, SeenBy: journal.Proxy, App: app, Topic: topic, Event: e, DeadLetterTopic: topic + ".dead"})
	}, journal.FateNotWitnessed, contract.RuleNotWitnessed},
	{"expired", "accounted for", journal.Engine, func(r *run, e contract.Ref) {
		r.published(topic, e)
		r.broker(journal.Expired, app, topic, e, 0)
	}, journal.FateExpired, ""},
	{"expired to the dead letter topic", "where it went says more than why", journal.Engine, func(r *run, e contract.Ref) {
		r.published(topic, e)
		r.broker(journal.Expired, app, topic, e, 0)
		r.broker(journal.DeadLettered, app, topic, e, 0)
	}, journal.FateDeadLettered, ""},
	{"dropped", "HTTP 404 on 1.16: acknowledged without a dead letter", journal.Engine, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), "HTTP 404")
		r.broker(journal.Dropped, app, topic, e, 0)
	}, journal.FateDropped, contract.RuleLost},
	{"dropped on real Dapr", "Redis says only acknowledged; no answer was SUCCESS", journal.Proxy, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), "gRPC Unimplemented")
		r.broker(journal.Acknowledged, app, topic, e, 0)
	}, journal.FateDropped, contract.RuleLost},
	{"no route", "acknowledged without a call", journal.Proxy, func(r *run, e contract.Ref) {
		r.published(topic, e)
		r.broker(journal.Acknowledged, app, topic, e, 0)
	}, journal.FateDropped, contract.RuleLost},
	{"acknowledged, says the proxy", "a proxy cannot know", journal.Proxy, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), "HTTP 404")
		r.add(journal.Entry{Kind: journal.Acknowledged, SeenBy: journal.Proxy, App: app, Topic: topic, Event: e})
	}, journal.FateNotWitnessed, contract.RuleNotWitnessed},
	{"acknowledged, calls not seen", "only Redis was watched: it may have been handled", journal.Redis, func(r *run, e contract.Ref) {
		r.published(topic, e)
		r.broker(journal.Acknowledged, app, topic, e, 0)
	}, journal.FateNotWitnessed, contract.RuleNotWitnessed},
	{"pending", "the broker says it holds it", journal.Proxy, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), "HTTP 500")
		r.broker(journal.Pending, app, topic, e, 0)
	}, journal.FatePending, contract.RulePending},
	{"pending after SUCCESS", "the acknowledgement was lost: it comes again", journal.Proxy, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), journal.Success)
		r.broker(journal.Pending, app, topic, e, 0)
	}, journal.FatePending, contract.RulePending},
	{"pending, then acknowledged", "the last word counts", journal.Proxy, func(r *run, e contract.Ref) {
		p := r.published(topic, e)
		r.delivered(app, topic, e, 1, p, "HTTP 500")
		r.broker(journal.Pending, app, topic, e, p)
		r.delivered(app, topic, e, 2, p, journal.Success)
		r.broker(journal.Acknowledged, app, topic, e, p)
	}, journal.FateHandled, ""},
	{"one of two with one id pending", "the causes tell the publishes apart", journal.Proxy, func(r *run, e contract.Ref) {
		first := r.published(topic, e)
		second := r.published(topic, e)
		r.delivered(app, topic, e, 1, first, "HTTP 500")
		r.delivered(app, topic, e, 2, second, journal.Success)
		r.broker(journal.Pending, app, topic, e, first)
		r.broker(journal.Acknowledged, app, topic, e, second)
	}, journal.FatePending, contract.RulePending},
	{"in flight", "the engine began a delivery and has not ended it", journal.Engine, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), "")
	}, journal.FatePending, contract.RulePending},
	{"waiting for a retry", "the engine says it comes again", journal.Engine, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), "HTTP 500")
		r.broker(journal.Retried, app, topic, e, 0)
	}, journal.FatePending, contract.RulePending},
	{"lost", "the engine sees everything, and saw nothing", journal.Engine, func(r *run, e contract.Ref) {
		r.published(topic, e)
	}, journal.FateLost, contract.RuleLost},
	{"lost by Redis", "Redis was watched, and holds nothing", journal.Proxy, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), "HTTP 500")
		other := ref("other", "other")
		r.delivered(app, topic, other, 1, r.published(topic, other), journal.Success)
		r.broker(journal.Acknowledged, app, topic, other, 0)
	}, journal.FateLost, contract.RuleLost},
	{"lost or pending", "nobody watched the broker", journal.Proxy, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, e), "HTTP 500")
	}, journal.FateNotWitnessed, contract.RuleNotWitnessed},
	{"unexpected", "delivered, though nobody published it", journal.Engine, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, 0, journal.Success)
	}, journal.FateUnexpected, contract.RuleUnexpected},
	{"unexpected after a refused publish", "the sidecar said no", journal.Proxy, func(r *run, e contract.Ref) {
		r.add(journal.Entry{Kind: journal.PublishFailed, App: "orders", Topic: topic, Event: e, Answer: "HTTP 500"})
		r.delivered(app, topic, e, 1, 0, journal.Success)
	}, journal.FateUnexpected, contract.RuleUnexpected},
	{"publishers not seen", "no publish was seen at all: who knows", journal.Proxy, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, 0, journal.Success)
	}, journal.FateNotWitnessed, contract.RuleNotWitnessed},
	{"held by the broker, publish not seen", "what Redis holds is not passed over", journal.Redis, func(r *run, e contract.Ref) {
		r.broker(journal.Pending, app, topic, e, 0)
	}, journal.FatePending, contract.RulePending},
	{"identity by cause", "an answer that states no event is that of its delivery", journal.Engine, func(r *run, e contract.Ref) {
		d := r.delivered(app, topic, e, 1, r.published(topic, e), "")
		r.add(journal.Entry{Kind: journal.Answered, App: app, Topic: topic, Cause: d, Answer: journal.Success})
	}, journal.FateHandled, ""},
	{"identity by id", "Redis knows only the id", journal.Proxy, func(r *run, e contract.Ref) {
		r.delivered(app, topic, e, 1, r.published(topic, contract.Ref{ID: e.ID}), "HTTP 404")
		r.broker(journal.Acknowledged, app, topic, contract.Ref{ID: e.ID}, 0)
	}, journal.FateDropped, contract.RuleLost},
	{"raw payload", "a new id at each delivery", journal.Engine, func(r *run, e contract.Ref) {
		r.delivered(app, topic, ref("made up", "made up"), 1, r.published(topic, e), journal.Success)
	}, journal.FateHandled, ""},
}

func TestFates(t *testing.T) {
	for _, c := range fateCases {
		t.Run(c.name, func(t *testing.T) {
			r := newRun(c.seenBy)
			r.subscribed(app, topic, topic+".dead")
			e := ref("ord-5", "id-5")
			c.write(r, e)
			line := lineOf(t, r.Ledger(), "ord-5")
			assert.Equal(t, c.want, line.Fate, c.reason+"\n"+line.String())
			if c.want != journal.FateHandled {
				assert.NotEmpty(t, line.Why)
			}
			var rules []string
			for _, v := range journal.CheckDelivered(r.Journal) {
				if v.Event.Identity == "ord-5" {
					rules = append(rules, v.Rule)
					assert.NotEmpty(t, v.Trace)
					assert.Equal(t, app, v.App)
				}
			}
			if c.rule == "" {
				assert.Empty(t, rules, c.reason)
			} else {
				assert.Equal(t, []string{c.rule}, rules, c.reason)
			}
		})
	}
}

func lineOf(t *testing.T, ledger journal.Ledger, identity string) journal.Line {
	t.Helper()
	for _, l := range ledger.Lines() {
		if l.Event.Identity == identity && l.Topic == topic {
			return l
		}
	}
	require.FailNow(t, "no line for "+identity, ledger.String())
	return journal.Line{}
}

func TestLedgerOfDeadLetterTopic(t *testing.T) {
	r := newRun(journal.Engine)
	r.subscribed(app, topic, topic+".dead")
	r.subscribed("undertaker", topic+".dead", "")
	e := ref("ord-5", "id-5")
	p := r.published(topic, e)
	r.delivered(app, topic, e, 1, p, "HTTP 500")
	r.broker(journal.DeadLettered, app, topic, e, p)

	ledger := r.Ledger()
	require.Len(t, ledger.Lost, 1, "the dead letter is an event on its topic, and its subscriber never got it\n%s", ledger)
	assert.Equal(t, topic+".dead", ledger.Lost[0].Topic)
	assert.Equal(t, "undertaker", ledger.Lost[0].App)

	r.delivered("undertaker", topic+".dead", e, 1, p, journal.Success)
	ledger = r.Ledger()
	assert.Empty(t, ledger.Lost)
	assert.Len(t, ledger.Handled, 1)
	assert.Empty(t, ledger.Unexpected, "a dead letter is published by being dead-lettered")
}

func TestLedgerSubscribers(t *testing.T) {
	r := newRun(journal.Engine)
	before := ref("before", "1")
	p := r.published(topic, before)
	alone := ref("alone", "2")
	r.published("nobody's", alone)
	r.subscribed(app, topic, "")
	r.subscribed(app, topic, "") // the app was restarted
	r.delivered("unannounced", topic, before, 1, p, journal.Success)

	ledger := r.Ledger()
	assert.Equal(t, 2, ledger.Published)
	require.Len(t, ledger.Lost, 1, "a new group receives the whole history: it counts, once\n%s", ledger)
	assert.Equal(t, "before", ledger.Lost[0].Event.Identity)
	require.Len(t, ledger.Handled, 1, "who receives an event reads its topic")
	assert.Equal(t, "unannounced", ledger.Handled[0].App)
	require.Len(t, ledger.NoSubscriber, 1)
	assert.Equal(t, "alone", ledger.NoSubscriber[0].Event.Identity)
	assert.NotEmpty(t, ledger.NoSubscriber[0].Trace())
}

func TestLedgerKeepsTopicsAndPubsubsApart(t *testing.T) {
	r := newRun(journal.Engine)
	r.subscribed(app, topic, "")
	e := ref("ord-5", "id-5")
	r.delivered(app, topic, e, 1, r.published(topic, e), journal.Success)
	r.Append(journal.Entry{Kind: journal.Subscribed, SeenBy: journal.Engine, App: app, PubSub: "other", Topic: topic})
	r.Append(journal.Entry{Kind: journal.Published, SeenBy: journal.Engine, App: "orders", PubSub: "other", Topic: topic, Event: e})
	ledger := r.Ledger()
	assert.Len(t, ledger.Handled, 1)
	require.Len(t, ledger.Lost, 1)
	assert.Equal(t, "other", ledger.Lost[0].PubSub)
}

func TestLedgerWithoutIDs(t *testing.T) {
	r := newRun(journal.Engine)
	r.subscribed(app, topic, "")
	p := r.published(topic, contract.Ref{})
	r.published(topic, contract.Ref{})
	r.delivered(app, topic, contract.Ref{}, 1, p, journal.Success)
	ledger := r.Ledger()
	assert.Equal(t, 2, ledger.Published, "daprd gives a CloudEvent that has none no id: each publish is its own event")
	assert.Len(t, ledger.Handled, 1)
	assert.Len(t, ledger.Lost, 1)
}

func TestLedgerOneIDForSeveralEvents(t *testing.T) {
	r := newRun(journal.Engine)
	r.subscribed(app, topic, "")
	for _, identity := range []string{"a", "b"} {
		e := ref(identity, "constant")
		r.delivered(app, topic, e, 1, r.published(topic, e), journal.Success)
	}
	r.broker(journal.Pending, app, topic, contract.Ref{ID: "constant"}, 0)
	ledger := r.Ledger()
	assert.Len(t, ledger.Handled, 2, "an id that several identities share identifies none")
	require.Len(t, ledger.Pending, 1, "and what states nothing else is its own event")
	assert.Equal(t, "constant", ledger.Pending[0].Event.Identity)
}

func TestLineNumbers(t *testing.T) {
	r := newRun(journal.Engine)
	r.subscribed(app, topic, "")
	second := ref(paid.Identity, "id-6")
	p := r.published(topic, paid)
	r.published(topic, second)
	r.published(topic, second) // the id is the producer's own
	r.delivered(app, topic, paid, 1, p, journal.Retry)
	r.add(journal.Entry{Kind: journal.Retried, App: app, Topic: topic, Event: paid, Due: time.Minute})
	line := lineOf(t, r.Ledger(), "ord-5")
	assert.Equal(t, 2, line.Published, "ids, not publishes")
	assert.Equal(t, 1, line.Deliveries)
	assert.Equal(t, 0, line.Successes)
	assert.Equal(t, "answered RETRY; the broker still holds it, due at t=1m0s", line.Why)
	r.delivered(app, topic, paid, 2, p, journal.Success)
	line = lineOf(t, r.Ledger(), "ord-5")
	assert.Equal(t, 2, line.Deliveries)
	assert.Equal(t, 1, line.Successes)
}

// Entries made by hand may have causes that Append and Read refuse; no check may hang on them.
func TestCausesThatGoInCircles(t *testing.T) {
	entries := []journal.Entry{
		{Seq: 1, Kind: journal.Pending, SeenBy: journal.Redis, App: app, PubSub: "pubsub", Topic: topic, Event: paid, Cause: 2},
		{Seq: 2, Kind: journal.Delivered, SeenBy: journal.Proxy, App: app, PubSub: "pubsub", Topic: topic, Event: paid, Cause: 1},
		{Seq: 3, Kind: journal.Answered, SeenBy: journal.Proxy, App: app, PubSub: "pubsub", Topic: topic, Event: paid, Cause: 3},
	}
	assert.Len(t, journal.LedgerOf(entries).Lines(), 1)
	assert.NotEmpty(t, journal.Story(entries, paid))
	visited := 0
	journal.Walk(entries, func(journal.Entry, int) bool { visited++; return true })
	assert.Equal(t, 3, visited)
}

// Every published event has, for each subscribed app, exactly one fate, and it is the one that was made to happen.
func TestLedgerAddsUp(t *testing.T) {
	seen := map[journal.Fate]int{}
	for seed := range uint64(60) {
		w := random(seed, 30)
		for world, r := range map[string]*run{"fake": w.fake, "containers": w.real} {
			ledger := r.Ledger()
			got := map[fateKey]journal.Fate{}
			for _, l := range ledger.Lines() {
				k := fateKey{l.App, l.Topic, l.Event.Identity}
				require.NotContains(t, got, k, "seed %d, %s: two fates", seed, world)
				got[k] = l.Fate
			}
			want := map[fateKey]journal.Fate{}
			for k, fate := range w.fates {
				if fate == journal.FateExpired && world == "containers" {
					fate = journal.FateDropped // Redis cannot tell why it was acknowledged
				}
				want[k] = fate
			}
			require.Equal(t, want, got, "seed %d, %s", seed, world)
			lists := 0
			for _, list := range [][]journal.Line{ledger.Handled, ledger.Duplicated, ledger.DeadLettered, ledger.Expired,
				ledger.Dropped, ledger.Pending, ledger.Lost, ledger.NotWitnessed, ledger.Unexpected} {
				lists += len(list)
				for _, l := range list {
					seen[l.Fate]++
				}
			}
			require.Equal(t, len(want), lists, "seed %d, %s", seed, world)
			require.Equal(t, 30, ledger.Published-len(ledger.NoSubscriber))
		}
	}
	for _, fate := range journal.Fates() {
		if fate == journal.FateUnexpected || fate == journal.FateNotWitnessed {
			continue // made by TestFates
		}
		assert.Greater(t, seen[fate], 50, "the runs make too few %s", fate)
	}
}

func TestLedgerString(t *testing.T) {
	w := random(7, 40)
	golden(t, "ledger.golden", w.fake.Ledger().String())
	assert.Equal(t, "no events\n", journal.LedgerOf(nil).String())
	assert.Equal(t, 10, strings.Count(w.fake.Ledger().String(), ": "), "ten lines at most are named")
}
