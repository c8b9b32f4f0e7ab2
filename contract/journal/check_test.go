package journal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
)

var contracts = []*contract.Contract{
	{Event: "parcel.sent", PubSub: "pubsub", Topic: "parcels", Place: contract.Place{File: "contracts/parcel.sent/contract.yaml", Line: 1}},
	{Event: "order.paid", PubSub: "pubsub", Topic: topic, Place: contract.Place{File: "contracts/order.paid/contract.yaml", Line: 1},
		Consumers: []contract.Consumer{
			{App: "worker", Place: contract.Place{File: "contracts/order.paid/contract.yaml", Line: 13}},
			{App: app, DeadLetterTopic: topic + ".dead", Place: contract.Place{File: "contracts/order.paid/contract.yaml", Line: 14}},
		}},
	{Event: "order.cancelled", PubSub: "pubsub", Topic: topic, Place: contract.Place{File: "contracts/order.cancelled/contract.yaml", Line: 1}},
}

func TestContractsGiveThePlace(t *testing.T) {
	for _, c := range []struct {
		name, reason, app, pubsub, topic, want string
	}{
		{"consumer", "its own line", app, "pubsub", topic, "contracts/order.paid/contract.yaml:14"},
		{"other app", "the line of the topic's first contract", "stranger", "pubsub", topic, "contracts/order.paid/contract.yaml:1"},
		{"dead letter topic", "the line that declares it", "undertaker", "pubsub", topic + ".dead", "contracts/order.paid/contract.yaml:14"},
		{"other topic", "nowhere", app, "pubsub", "unknown", ""},
		{"other pubsub", "nowhere", app, "kafka", topic, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := journal.New(journal.Head{})
			j.Append(journal.Entry{Kind: journal.Subscribed, SeenBy: journal.Engine, App: c.app, PubSub: c.pubsub, Topic: c.topic})
			j.Append(journal.Entry{Kind: journal.Published, SeenBy: journal.Engine, App: "orders", PubSub: c.pubsub, Topic: c.topic, Event: paid})
			found := journal.CheckDelivered(j, journal.Contracts(contracts))
			require.Len(t, found, 1)
			assert.Equal(t, c.want, found[0].Place.String(), c.reason)
			assert.Empty(t, journal.CheckDelivered(j)[0].Place)
			asked := ""
			found = journal.CheckDelivered(j, journal.Places(func(app, pubsub, topic string) contract.Place {
				asked = app + " " + pubsub + " " + topic
				return contract.Place{File: "x"}
			}))
			assert.Equal(t, "x", found[0].Place.File)
			assert.Equal(t, c.app+" "+c.pubsub+" "+c.topic, asked)
		})
	}
}

func TestAllow(t *testing.T) {
	r := newRun(journal.Engine)
	r.subscribed(app, topic, "")
	lost, twice := ref("lost", "1"), ref("twice", "2")
	r.published(topic, lost)
	p := r.published(topic, twice)
	r.delivered(app, topic, twice, 1, p, journal.Success)
	r.delivered(app, topic, twice, 2, p, journal.Success)
	rules := func(opts ...journal.Option) (rules []string) {
		for _, v := range journal.CheckDelivered(r.Journal, opts...) {
			rules = append(rules, v.Rule)
		}
		return rules
	}
	assert.Equal(t, []string{contract.RuleLost, contract.RuleDuplicated}, rules())
	assert.Equal(t, []string{contract.RuleLost}, rules(journal.Allow(contract.RuleDuplicated)))
	all := journal.Options{journal.Allow(contract.RuleDuplicated), journal.Allow(contract.RuleLost), journal.Contracts(contracts)}
	assert.Empty(t, rules(all))
	assert.Equal(t, "allow EVENT_DUPLICATED, allow EVENT_LOST, 3 contracts", all.String())
	assert.Equal(t, "places", journal.Places(nil).String())
}

func TestCheckDeliveredWithoutSubscriptions(t *testing.T) {
	r := newRun(journal.Proxy)
	assert.Empty(t, journal.CheckDelivered(r.Journal), "nothing was published")
	r.published(topic, paid)
	r.published(topic, ref("ord-6", "id-6"))
	found := journal.CheckDelivered(r.Journal)
	require.Len(t, found, 1)
	assert.Equal(t, contract.RuleNotWitnessed, found[0].Rule)
	assert.Contains(t, found[0].What, "2 events")
	assert.NotEmpty(t, found[0].Trace)
	assert.Empty(t, journal.CheckDelivered(r.Journal, journal.Allow(contract.RuleNotWitnessed)))
	r.subscribed(app, "parcels", "")
	assert.Empty(t, journal.CheckDelivered(r.Journal), "somebody watched, and nobody subscribes to this topic")
}

// A golden of each failure as a person reads it.
func TestViolationsAsPrinted(t *testing.T) {
	var b strings.Builder
	for _, c := range fateCases {
		if c.rule == "" {
			continue
		}
		r := newRun(c.seenBy)
		r.subscribed(app, topic, topic+".dead")
		c.write(r, paid)
		for _, v := range journal.CheckDelivered(r.Journal, journal.Contracts(contracts)) {
			fmt.Fprintf(&b, "=== %s: %s\n%s\n\n", c.name, c.reason, v)
		}
	}
	golden(t, "violations.golden", b.String())
}

// A trace is what concerns the app, not what concerns the others.
func TestTraceIsOfOneApp(t *testing.T) {
	r := newRun(journal.Engine)
	r.subscribed(app, topic, "")
	r.subscribed("worker", topic, "")
	p := r.published(topic, paid)
	r.delivered("worker", topic, paid, 1, p, journal.Success)
	r.delivered(app, topic, paid, 1, p, "HTTP 404")
	r.broker(journal.Dropped, app, topic, paid, p)
	found := journal.CheckDelivered(r.Journal)
	require.Len(t, found, 1)
	assert.Equal(t, []string{
		"t=3s  publish  order.paid ord-5 by orders",
		"t=6s  deliver  order.paid ord-5 to payments  attempt 1  -> HTTP 404",
		"t=8s  drop     order.paid ord-5 to payments",
	}, found[0].Trace)
}
