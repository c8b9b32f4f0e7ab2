package journal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
)

var paid = contract.Ref{ID: "id-5", Identity: "ord-5", Type: "order.paid"}

func TestStory(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		write        func(r *run)
		want         []string
	}{
		{"handled", "a delivery and its answer are one line; the acknowledgement goes without saying", func(r *run) {
			p := r.published(topic, paid)
			r.delivered(app, topic, paid, 1, p, journal.Success)
			r.broker(journal.Acknowledged, app, topic, paid, p)
		}, []string{
			"t=1s  publish  order.paid ord-5 by orders",
			"t=2s  deliver  order.paid ord-5 to payments  attempt 1  -> SUCCESS",
		}},
		{"redelivered by a fault", "the fault is told with what it struck", func(r *run) {
			p := r.published(topic, paid)
			a := r.delivered(app, topic, paid, 1, p, journal.Success)
			r.add(journal.Entry{Kind: journal.FaultInjected, Fault: "redeliver", Cause: a})
			r.add(journal.Entry{Kind: journal.Delivered, At: time.Minute, App: app, Topic: topic, Event: paid, Attempt: 2, Cause: p})
		}, []string{
			"t=1s   publish    order.paid ord-5 by orders",
			"t=2s   deliver    order.paid ord-5 to payments  attempt 1  -> SUCCESS   <- fault: redeliver",
			"t=60s  redeliver  order.paid ord-5 to payments  attempt 2",
		}},
		{"dead-lettered", "the retries between are what the redeliveries say", func(r *run) {
			p := r.published(topic, paid)
			for n := range 3 {
				r.delivered(app, topic, paid, n+1, p, journal.Retry)
				if n < 2 {
					r.broker(journal.Retried, app, topic, paid, p)
				}
			}
			r.broker(journal.DeadLettered, app, topic, paid, p)
			r.broker(journal.Acknowledged, app, topic, paid, p)
		}, []string{
			"t=1s   publish      order.paid ord-5 by orders",
			"t=2s   deliver      order.paid ord-5 to payments  attempt 1  -> RETRY",
			"t=5s   redeliver    order.paid ord-5 to payments  attempt 2  -> RETRY",
			"t=8s   redeliver    order.paid ord-5 to payments  attempt 3  -> RETRY",
			"t=10s  dead-letter  order.paid ord-5 to payments  -> orders.dead",
		}},
		{"many redeliveries", "more than two equal ones are one line", func(r *run) {
			p := r.published(topic, paid)
			for n := range 100 {
				r.delivered(app, topic, paid, n+1, p, "HTTP 500")
				r.broker(journal.Retried, app, topic, paid, p)
			}
			r.add(journal.Entry{Kind: journal.Pending, App: app, Topic: topic, Event: paid, Due: 400 * time.Second})
			r.add(journal.Entry{Kind: journal.Pending, App: app, Topic: topic, Event: paid, Due: 90 * time.Minute})
		}, []string{
			"t=1s        publish    order.paid ord-5 by orders",
			"t=2s        deliver    order.paid ord-5 to payments  attempt 1  -> HTTP 500",
			"t=5s..299s  redeliver  order.paid ord-5 to payments  attempts 2 to 100  -> HTTP 500  (99 times)",
			"t=301s      retry      order.paid ord-5 to payments",
			"t=303s      pending    order.paid ord-5 to payments  -> due at t=1h30m0s",
		}},
		{"two ids", "they are told apart", func(r *run) {
			second := paid
			second.ID = "id-6"
			r.delivered(app, topic, paid, 1, r.published(topic, paid), journal.Success)
			r.delivered(app, topic, second, 1, r.published(topic, second), journal.Success)
		}, []string{
			"t=1s  publish  order.paid ord-5 (id id-5) by orders",
			"t=2s  deliver  order.paid ord-5 (id id-5) to payments  attempt 1  -> SUCCESS",
			"t=4s  publish  order.paid ord-5 (id id-6) by orders",
			"t=5s  deliver  order.paid ord-5 (id id-6) to payments  attempt 1  -> SUCCESS",
		}},
		{"all the rest", "each kind has its line; an acknowledgement after a failure is news", func(r *run) {
			e := contract.Ref{ID: "id-5", Identity: "ord-5", Type: "com.dapr.event.sent"}
			r.subscribed(app, topic, "")
			r.add(journal.Entry{Kind: journal.PublishFailed, App: "orders", Topic: topic, Event: e, Answer: "HTTP 500"})
			p := r.published(topic, e)
			r.add(journal.Entry{Kind: journal.ViolationFound, Event: e, Cause: p, Note: contract.RuleSchema})
			r.delivered(app, topic, e, 1, p, "HTTP 404")
			r.broker(journal.Acknowledged, app, topic, e, p)
			r.broker(journal.Dropped, "shipping", topic, e, p)
			r.broker(journal.Expired, "worker", topic, e, p)
			r.add(journal.Entry{Kind: journal.FaultInjected, Topic: topic, Event: e, Fault: "crash"})
			r.published(topic, ref("another", "id-7"))
		}, []string{
			"t=2s   publish      orders ord-5 by orders  -> HTTP 500",
			"t=3s   publish      orders ord-5 by orders   <- EVENT_SCHEMA",
			"t=5s   deliver      orders ord-5 to payments  attempt 1  -> HTTP 404",
			"t=7s   acknowledge  orders ord-5 to payments",
			"t=8s   drop         orders ord-5 to shipping",
			"t=9s   expire       orders ord-5 to worker",
			"t=10s  fault        orders ord-5  -> crash",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRun(journal.Engine)
			c.write(r)
			assert.Equal(t, c.want, journal.Story(r.Entries(), ref("ord-5", "")), c.reason)
			assert.Equal(t, c.want, journal.Story(r.Entries(), contract.Ref{ID: "id-5"}), "by the id of one of its copies")
		})
	}
}

func TestStoryFitsAScreen(t *testing.T) {
	r := newRun(journal.Engine)
	p := r.published(topic, paid)
	for n := range 50 { // never two equal ones in a row
		r.delivered(app, topic, paid, n+1, p, fmt.Sprintf("HTTP %d", 500+n%2))
	}
	story := journal.Story(r.Entries(), paid)
	require.Len(t, story, 20)
	assert.Equal(t, "… 32 steps left out …", story[10])
	assert.Contains(t, story[0], "publish")
	assert.Contains(t, story[19], "attempt 50")
}

func TestStoryOfNothing(t *testing.T) {
	r := newRun(journal.Engine)
	r.published(topic, paid)
	assert.Empty(t, journal.Story(r.Entries(), ref("unknown", "")))
	assert.Empty(t, journal.Story(r.Entries(), contract.Ref{}))
	assert.Empty(t, journal.Story(nil, paid))
}

func TestStoryOfAPartOfAJournal(t *testing.T) {
	r := newRun(journal.Engine)
	r.subscribed(app, topic, "")
	before := r.Len()
	r.delivered(app, topic, paid, 1, r.published(topic, paid), journal.Success)
	assert.Len(t, journal.Story(r.Entries()[before:], paid), 2, "Seqs do not begin at 1 there")
	assert.Len(t, journal.Story(r.Entries()[before+1:], paid), 1, "nor need a cause be there")
}

func TestText(t *testing.T) {
	entries := full().Entries()
	golden(t, "text.golden", journal.Text(entries, 0))
	golden(t, "text-cut.golden", journal.Text(entries, 6))
	assert.Equal(t, "", journal.Text(nil, 5))
	all := journal.Text(random(1, 100).fake.Entries(), 0)
	for limit := 1; limit < 12; limit++ {
		cut := journal.Text(random(1, 100).fake.Entries(), limit)
		require.Equal(t, limit, strings.Count(cut, "\n"))
		var left int
		for line := range strings.Lines(cut) {
			_, _ = fmt.Sscanf(line, "… %d entries left out …", &left)
		}
		require.Equal(t, strings.Count(all, "\n"), limit-1+left, "what is shown and what is left out is all")
	}
}

func TestChildrenAndWalk(t *testing.T) {
	r := newRun(journal.Engine)
	first := r.published(topic, ref("a", "1"))                                                                // 1
	r.delivered(app, topic, ref("a", "1"), 1, first, "")                                                      // 2
	r.add(journal.Entry{Kind: journal.Published, App: app, Topic: "parcels", Event: ref("b", "2"), Cause: 2}) // 3
	r.published(topic, ref("c", "3"))                                                                         // 4
	r.delivered("worker", topic, ref("a", "1"), 1, first, "")                                                 // 5
	entries := r.Entries()
	seqs := func(entries []journal.Entry) []int {
		var s []int
		for _, e := range entries {
			s = append(s, e.Seq)
		}
		return s
	}
	assert.Equal(t, []int{1, 4}, seqs(journal.Children(entries, 0)))
	assert.Equal(t, []int{2, 5}, seqs(journal.Children(entries, 1)))
	assert.Equal(t, []int{3}, seqs(journal.Children(entries, 2)))
	assert.Empty(t, journal.Children(entries, 4))
	assert.Equal(t, []int{2, 4, 5}, seqs(journal.Children(entries[1:], 0)), "a cause that is not there makes a root")

	walk := func(entries []journal.Entry, pruned int) string {
		var b strings.Builder
		journal.Walk(entries, func(e journal.Entry, depth int) bool {
			fmt.Fprintf(&b, "%s%d ", strings.Repeat(">", depth), e.Seq)
			return e.Seq != pruned
		})
		return b.String()
	}
	assert.Equal(t, "1 >2 >>3 >5 4 ", walk(entries, 0))
	assert.Equal(t, "1 >2 >5 4 ", walk(entries, 2), "what entry 2 led to is passed over")
	assert.Equal(t, "2 >3 4 5 ", walk(entries[1:], 0))
}

func TestSteps(t *testing.T) {
	r := newRun(journal.Engine)
	r.add(journal.Entry{Kind: journal.Started, App: app, Attempt: 1})
	r.subscribed(app, topic, "orders.dead")
	r.subscribed(app, "parcels", "")
	first := r.published(topic, ref("a", "id-a"))
	r.broker(journal.Retried, app, topic, ref("a", "id-a"), first)
	second := r.published(topic, ref("b", "id-b"))
	r.delivered(app, topic, ref("b", "id-b"), 1, second, journal.Success)
	r.add(journal.Entry{Kind: journal.FaultInjected, Fault: "stop"})
	r.add(journal.Entry{Kind: journal.Started, App: app, Attempt: 2})
	var steps []string
	for _, line := range journal.Steps(r.Entries()) {
		_, step, _ := strings.Cut(line, "  ")
		steps = append(steps, strings.TrimSpace(step))
	}
	assert.Equal(t, []string{
		"start      payments",
		"subscribe  pubsub/orders by payments  -> dead letters to orders.dead",
		"subscribe  pubsub/parcels by payments  -> no dead letter topic",
		"publish    orders a by orders",
		"retry      orders a to payments",
		"publish    orders b by orders",
		"deliver    orders b to payments  attempt 1  -> SUCCESS",
		"fault      stop",
		"start      payments  -> incarnation 2",
	}, steps, "a delivery of one event hides no retry of another, and one id each needs no telling apart")
	assert.Empty(t, journal.Steps(nil))
}
