package journal_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
)

// The same run in two worlds: other ids, other observers, other times, the
// engine's own entries in one and Redis' in the other.
func TestCompareFindsNoDifferenceBetweenWorlds(t *testing.T) {
	for seed := range uint64(60) {
		w := random(seed, 30)
		require.Empty(t, journal.Compare(w.fake.Journal, w.real.Journal), "seed %d", seed)
		require.Empty(t, journal.Compare(w.real.Journal, w.fake.Journal), "seed %d, the other way round", seed)
	}
}

// changed is j with its entries changed, read again.
func changed(j *journal.Journal, change func(entries []journal.Entry) []journal.Entry) *journal.Journal {
	other := journal.New(j.Head())
	for _, e := range change(append([]journal.Entry(nil), j.Entries()...)) {
		other.Append(e)
	}
	return other
}

// flow is a run with a consequence, a failure, a dead letter and something pending.
func flow() *worlds {
	w := newWorlds()
	w.subscribed("payments", "orders", "orders.dead")
	w.subscribed("shipping", "parcels", "")
	w.subscribed("undertaker", "orders.dead", "")
	copies := func(identity string) copyOf {
		return copyOf{ref(identity, "fake "+identity), ref(identity, "real "+identity)}
	}
	do := func(steps []func() seqs) (last seqs) {
		for _, step := range steps {
			last = step()
		}
		return last
	}
	publish := func(by, topic string, c copyOf, cause seqs) seqs {
		return w.call(journal.Entry{Kind: journal.Published, App: by, Topic: topic}, c, cause)
	}
	good, bad, parcel := copies("ord-1"), copies("ord-2"), copies("parcel-1")
	p := publish("orders", "orders", good, seqs{})
	attempt := w.attempt("payments", "orders", good, 1, p, journal.Success)
	delivered := attempt[0]()
	q := publish("payments", "parcels", parcel, delivered)
	do(attempt[1:])
	w.acknowledge("payments", "orders", good)()

	p = publish("orders", "orders", bad, seqs{})
	do(w.attempt("payments", "orders", bad, 1, p, "HTTP 500"))
	w.engine(journal.Entry{Kind: journal.Retried, App: "payments", Topic: "orders"}, bad, p.fake)
	answered := do(w.attempt("payments", "orders", bad, 2, p, "HTTP 500"))
	dead := journal.Entry{Kind: journal.DeadLettered, App: "payments", Topic: "orders", DeadLetterTopic: "orders.dead"}
	d := w.engine(dead, bad, answered.fake)
	w.later(dead, bad)
	// The fake's cause is the dead letter; the proxy knows the event by its id, or not at all.
	do(w.attempt("undertaker", "orders.dead", bad, 1, seqs{d, 0}, journal.Success))
	w.acknowledge("undertaker", "orders.dead", bad)()

	do(w.attempt("shipping", "parcels", parcel, 1, q, "HTTP 404"))
	w.engine(journal.Entry{Kind: journal.Dropped, App: "shipping", Topic: "parcels"}, parcel, q.fake)
	w.later(journal.Entry{Kind: journal.Acknowledged, App: "shipping", Topic: "parcels"}, parcel)
	w.call(journal.Entry{Kind: journal.PublishFailed, App: "orders", Topic: "forbidden", Answer: "HTTP 403"}, copies("ord-3"), seqs{})
	w.end()
	return w
}

func TestCompareSeesEachChange(t *testing.T) {
	w := flow()
	require.Empty(t, journal.Compare(w.fake.Journal, w.real.Journal))

	is := func(e journal.Entry, kind journal.Kind, app, identity string) bool {
		return e.Kind == kind && e.App == app && e.Event.Identity == identity
	}
	for _, c := range []struct {
		name, reason string
		kind         journal.Kind
		app          string
		identity     string
		change       func(e *journal.Entry)
		want         string // in one of the differences
	}{
		{"kind of a publish", "refused is not published", journal.Published, "orders", "ord-1",
			func(e *journal.Entry) { e.Kind = journal.PublishFailed }, "kind"},
		{"kind of an answer", "a delivery is not an answer", journal.Answered, "payments", "ord-1",
			func(e *journal.Entry) { e.Kind = journal.Delivered }, "kind"},
		{"app of a publish", "published by another", journal.Published, "payments", "parcel-1",
			func(e *journal.Entry) { e.App = "orders" }, "only"},
		{"app of a delivery", "delivered to another", journal.Delivered, "shipping", "parcel-1",
			func(e *journal.Entry) { e.App = "payments" }, "only"},
		{"topic of a publish", "published elsewhere", journal.Published, "orders", "ord-1",
			func(e *journal.Entry) { e.Topic = "parcels" }, "only"},
		{"topic of an answer", "answered elsewhere", journal.Answered, "shipping", "parcel-1",
			func(e *journal.Entry) { e.Topic = "orders" }, "only"},
		{"pubsub", "another broker", journal.Delivered, "payments", "ord-1",
			func(e *journal.Entry) { e.PubSub = "kafka" }, "only"},
		{"event id of a delivery", "another event was delivered", journal.Delivered, "payments", "ord-1",
			func(e *journal.Entry) { e.Event = ref("ord-9", "other") }, "ord-9"},
		{"only the id", "the same identity under another id", journal.Delivered, "payments", "ord-1",
			func(e *journal.Entry) { e.Event.ID = "other" }, "only"},
		{"only the identity", "the id of one event with the identity of another", journal.Answered, "payments", "ord-1",
			func(e *journal.Entry) { e.Event.Identity = "ord-9" }, "ord-9"},
		{"event id of a publish", "another event was published", journal.Published, "orders", "ord-2",
			func(e *journal.Entry) { e.Event = ref("ord-9", "other") }, "ord-9"},
		{"attempt of a delivery", "counted otherwise", journal.Delivered, "payments", "ord-2",
			func(e *journal.Entry) { e.Attempt += 5 }, "attempt"},
		{"attempt of an answer", "counted otherwise", journal.Answered, "payments", "ord-2",
			func(e *journal.Entry) { e.Attempt += 5 }, "attempt"},
		{"answer", "SUCCESS is not RETRY", journal.Answered, "payments", "ord-1",
			func(e *journal.Entry) { e.Answer = journal.Retry }, "answer"},
		{"answer of a refused publish", "403 is not 500", journal.PublishFailed, "orders", "ord-3",
			func(e *journal.Entry) { e.Answer = "HTTP 500" }, "answer"},
		{"cause of a publish", "published by itself", journal.Published, "payments", "parcel-1",
			func(e *journal.Entry) { e.Cause = 0 }, "cause"},
		{"cause of a first publish", "published because of a delivery", journal.Published, "orders", "ord-2",
			func(e *journal.Entry) { e.Cause = 5 }, "cause"},
		{"cause of a delivery", "nobody knows whence", journal.Delivered, "payments", "ord-1",
			func(e *journal.Entry) { e.Cause = 0 }, "cause"},
		{"cause of a delivery, another one", "from another publish", journal.Delivered, "shipping", "parcel-1",
			func(e *journal.Entry) { e.Cause = 4 }, "cause"},
		{"cause of an answer", "to another delivery", journal.Answered, "shipping", "parcel-1",
			func(e *journal.Entry) { e.Cause = 5 }, "cause"},
		{"final state: acknowledged", "it is still there", journal.Acknowledged, "payments", "ord-1",
			func(e *journal.Entry) { e.Kind = journal.Pending }, "final state"},
		{"final state: not said", "an acknowledgement is missing", journal.Acknowledged, "payments", "ord-1",
			func(e *journal.Entry) { e.Kind = journal.Started }, "final state"},
		{"final state: dead-lettered", "it was only dropped", journal.DeadLettered, "payments", "ord-2",
			func(e *journal.Entry) { e.Kind = journal.Dropped }, "final state"},
		{"final state: elsewhere", "another dead letter topic", journal.DeadLettered, "payments", "ord-2",
			func(e *journal.Entry) { e.DeadLetterTopic = "graveyard" }, "final state"},
		{"final state: of another app", "another group acknowledged it", journal.Acknowledged, "undertaker", "ord-2",
			func(e *journal.Entry) { e.App = "payments" }, "final state"},
		{"type", "stated in both worlds", journal.Published, "orders", "ord-1",
			func(e *journal.Entry) { e.Event.Type = "order.cancelled" }, "type"},
		{"type of a delivery", "not what was published", journal.Delivered, "payments", "ord-1",
			func(e *journal.Entry) { e.Event.Type = "order.cancelled" }, "event"},
		{"source", "stated in both worlds", journal.Published, "orders", "ord-1",
			func(e *journal.Entry) { e.Event.Source = "elsewhere" }, "source"},
	} {
		t.Run(c.name, func(t *testing.T) {
			same := func(j *journal.Journal, change func(e *journal.Entry)) *journal.Journal {
				return changed(j, func(entries []journal.Entry) []journal.Entry {
					found := false
					for i := range entries {
						if entries[i].Kind == journal.Published {
							state(&entries[i].Event.Type, "order.paid")
							state(&entries[i].Event.Source, "orders")
						}
						if !found && is(entries[i], c.kind, c.app, c.identity) {
							change(&entries[i])
							found = true
						}
					}
					require.True(t, found)
					return entries
				})
			}
			nothing := func(*journal.Entry) {}
			fake, dapr := same(w.fake.Journal, nothing), same(w.real.Journal, nothing)
			require.Empty(t, journal.Compare(fake, dapr))
			found := journal.Compare(same(w.fake.Journal, c.change), dapr)
			require.NotEmpty(t, found, c.reason)
			assert.Contains(t, strings.Join(found, "\n"), c.want)
			// A redis entry of the real journal tells the same as the fake's.
			switch c.kind {
			case journal.DeadLettered, journal.Acknowledged, journal.Published:
				if strings.HasPrefix(c.name, "cause") {
					break
				}
				require.NotEmpty(t, journal.Compare(fake, same(w.real.Journal, c.change)), c.reason)
			}
		})
	}
}

func state(to *string, text string) {
	if *to == "" {
		*to = text
	}
}

func TestCompareSeesWhatIsMissing(t *testing.T) {
	w := flow()
	for i, e := range w.real.Entries() {
		if e.Kind == journal.Subscribed {
			continue
		}
		shorter := changed(w.real.Journal, func(entries []journal.Entry) []journal.Entry {
			// Not taken out, so that the causes stay: made something that is not compared.
			entries[i] = journal.Entry{Kind: journal.Started, SeenBy: journal.Proxy, Cause: entries[i].Cause}
			return entries
		})
		assert.NotEmpty(t, journal.Compare(w.fake.Journal, shorter), "without entry %d, %s of %s to %s", i+1, e.Kind, e.Event, e.App)
		assert.NotEmpty(t, journal.Compare(shorter, w.fake.Journal), "without entry %d, the other way round", i+1)
	}
}

func TestCompareMatchesByOrderOfPublication(t *testing.T) {
	writtenBy := func(prefix string, answers ...string) *journal.Journal {
		r := newRun(journal.Engine)
		for n, answer := range answers {
			id := contract.Ref{ID: prefix + string(rune('a'+n))} // no identity: nothing in common but the order
			r.delivered(app, topic, id, 1, r.published(topic, id), answer)
		}
		return r.Journal
	}
	assert.Empty(t, journal.Compare(writtenBy("x", journal.Success, journal.Drop), writtenBy("y", journal.Success, journal.Drop)))
	found := journal.Compare(writtenBy("x", journal.Success, journal.Drop), writtenBy("y", journal.Drop, journal.Success))
	assert.Len(t, found, 4, "the second is not the first: two answers, and what is still in flight after them")
	assert.Equal(t, []string{
		"yc on pubsub/orders, orders: only fake (second) has published (its entry 7)",
		"yc on pubsub/orders, payments: only fake (second) has delivered, attempt 1, caused by published 1 of yc on pubsub/orders, orders (its entry 8)",
		"yc on pubsub/orders, payments: only fake (second) has answered, attempt 1 SUCCESS, caused by delivered 1 before it (its entry 9)",
	}, journal.Compare(writtenBy("x", journal.Success, journal.Drop), writtenBy("y", journal.Success, journal.Drop, journal.Success)))
}

func TestCompareDoesNotCompareOrderAcrossEventsNorTimes(t *testing.T) {
	a, b := newRun(journal.Engine), newRun(journal.Engine)
	one, two := ref("one", "1"), ref("two", "2")
	p, q := a.published(topic, one), a.published(topic, two)
	a.delivered(app, topic, one, 1, p, journal.Success)
	a.delivered(app, topic, two, 1, q, journal.Success)
	q, p = b.published(topic, two), b.published(topic, one)
	b.delivered(app, topic, two, 1, q, journal.Success)
	b.add(journal.Entry{Kind: journal.Started, At: time.Hour, App: app})
	b.delivered(app, topic, one, 1, p, journal.Success)
	assert.Empty(t, journal.Compare(a.Journal, b.Journal))
}

func TestCompareSeesOrderWithinOneEvent(t *testing.T) {
	writtenBy := func(answers ...string) *journal.Journal {
		r := newRun(journal.Engine)
		p := r.published(topic, paid)
		for n, answer := range answers {
			r.delivered(app, topic, paid, n+1, p, answer)
		}
		return r.Journal
	}
	found := journal.Compare(writtenBy(journal.Retry, journal.Drop), writtenBy(journal.Drop, journal.Retry))
	require.Len(t, found, 2)
	assert.Equal(t, "ord-5 (id id-5) on pubsub/orders, payments, entry 2 of 4: answer: fake (first) says RETRY, fake (second) says DROP (its entry 3, its entry 3)", found[0])
}

func TestCompareNamesOnlyWhatIsMissing(t *testing.T) {
	writtenBy := func(attempts ...int) *journal.Journal {
		r := newRun(journal.Engine)
		p := r.published(topic, paid)
		for _, n := range attempts {
			r.delivered(app, topic, paid, n, p, journal.Retry)
		}
		r.Append(journal.Entry{Kind: journal.Acknowledged, SeenBy: journal.Engine, App: app, PubSub: "pubsub", Topic: topic, Event: paid})
		return r.Journal
	}
	for _, c := range []struct {
		reason string
		fewer  []int
		want   int
	}{
		{"the last delivery and its answer", []int{1, 2}, 2},
		{"the first ones", []int{2, 3}, 2},
		{"those in the middle", []int{1, 3}, 2},
		{"all", nil, 6},
	} {
		assert.Len(t, journal.Compare(writtenBy(1, 2, 3), writtenBy(c.fewer...)), c.want, c.reason)
	}
}

func TestCompareIdentityOfOneID(t *testing.T) {
	writtenBy := func(identity string) *journal.Journal {
		r := newRun(journal.Engine)
		r.published(topic, ref(identity, "1"))
		return r.Journal
	}
	assert.Empty(t, journal.Compare(writtenBy("a"), writtenBy("a")))
	assert.Len(t, journal.Compare(writtenBy("a"), writtenBy("b")), 1, "both state it, and not the same")
	assert.Empty(t, journal.Compare(writtenBy("a"), writtenBy("")), "one world knows no contract")
	assert.Empty(t, journal.Compare(writtenBy("a"), writtenBy("1")), "one world knows only the default, the id")
}

// What Redis saw published is a publish where the publisher had no proxy, and
// nothing more where it had one.
func TestCompareWithPublishesSeenByRedis(t *testing.T) {
	fake := newRun(journal.Engine)
	fake.delivered(app, topic, paid, 1, fake.published(topic, paid), journal.Success)
	redis := func(proxied bool) *journal.Journal {
		r := newRun(journal.Proxy)
		e := journal.Entry{Kind: journal.Published, SeenBy: journal.Redis, App: "orders", Topic: topic, Event: paid}
		p := r.add(e)
		if proxied {
			r.published(topic, paid)
		}
		r.delivered(app, topic, paid, 1, p, journal.Success)
		return r.Journal
	}
	assert.Empty(t, journal.Compare(fake.Journal, redis(false)))
	assert.Empty(t, journal.Compare(fake.Journal, redis(true)))
}

// The publish of a dead letter is the sidecar's own: no proxy sees it, the
// engine and Redis may or may not note it.
func TestCompareWithPublishesOfDeadLetters(t *testing.T) {
	dead := func(seenBy journal.Observer, noted bool) *journal.Journal {
		r := newRun(seenBy)
		p := r.published(topic, paid)
		r.delivered(app, topic, paid, 1, p, "HTTP 500")
		d := r.broker(journal.DeadLettered, app, topic, paid, p)
		if noted {
			e := journal.Entry{Kind: journal.Published, App: app, Topic: topic + ".dead", Event: paid}
			if seenBy == journal.Engine {
				e.Cause = d
			} else {
				e.SeenBy = journal.Redis
			}
			r.add(e)
		}
		return r.Journal
	}
	for _, a := range []*journal.Journal{dead(journal.Engine, false), dead(journal.Engine, true)} {
		for _, b := range []*journal.Journal{dead(journal.Proxy, false), dead(journal.Proxy, true)} {
			assert.Empty(t, journal.Compare(a, b))
		}
	}
}

func TestCompareTakesTheAttemptOfAnAnswerFromItsDelivery(t *testing.T) {
	w := flow()
	bare := changed(w.real.Journal, func(entries []journal.Entry) []journal.Entry {
		for i := range entries {
			if entries[i].Kind == journal.Answered {
				entries[i].Attempt = 0
			}
		}
		return entries
	})
	assert.Empty(t, journal.Compare(w.fake.Journal, bare))
}

func TestCompareSurvivesWriting(t *testing.T) {
	w := flow()
	text := written(t, w.real.Journal)
	read, err := journal.Read(strings.NewReader(text))
	require.NoError(t, err)
	assert.Empty(t, journal.Compare(w.fake.Journal, read))
	assert.True(t, json.Valid([]byte(strings.SplitN(text, "\n", 2)[0])))
}

func TestCompareOfWhatIsPendingGoesAsFarAsBothJournals(t *testing.T) {
	rounds := func(n int, answer string, last journal.Kind) *journal.Journal {
		j := journal.New(journal.Head{World: "fake"})
		e := journal.Entry{SeenBy: journal.Engine, App: "payments", PubSub: "pubsub", Topic: "orders", Event: contract.Ref{ID: "1"}}
		with := func(kind journal.Kind, change func(*journal.Entry)) int {
			e := e
			e.Kind = kind
			change(&e)
			return j.Append(e)
		}
		p := with(journal.Published, func(e *journal.Entry) { e.App = "shop" })
		for i := range n {
			d := with(journal.Delivered, func(e *journal.Entry) { e.Attempt, e.Cause = i+1, p })
			with(journal.Answered, func(e *journal.Entry) { e.Attempt, e.Cause, e.Answer = i+1, d, answer })
		}
		with(last, func(e *journal.Entry) { e.Cause = p })
		return j
	}
	for _, c := range []struct {
		name, reason string
		a, b         *journal.Journal
		differ       bool
	}{
		{"pending", "it comes again as long as somebody looks", rounds(3, "HTTP 500", journal.Pending), rounds(5, "HTTP 500", journal.Pending), false},
		{"pending, another answer", "what both have is compared", rounds(3, "HTTP 500", journal.Pending), rounds(5, "HTTP 400", journal.Pending), true},
		{"acknowledged", "here the number of deliveries counts", rounds(3, "HTTP 404", journal.Acknowledged), rounds(5, "HTTP 404", journal.Acknowledged), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.differ, len(journal.Compare(c.a, c.b)) > 0, c.reason)
		})
	}
}
