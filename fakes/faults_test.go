package fakes_test

import (
	"net/http"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		fault        faults.Fault
		late         bool // injected after the event was handled
		deadLetter   string
		want         string
	}{
		{name: "lost answer, dead letter topic", reason: "daprd saw a failure, and there is no policy: dead-lettered at once, though the app worked",
			fault: faults.LoseAnswer{Event: "1"}, deadLetter: "dead",
			want: "published delivered answered(SUCCESS) fault-injected dead-lettered(dead) acknowledged"},
		{name: "lost answer", reason: "without a dead letter topic it comes again",
			fault: faults.LoseAnswer{App: "consumer", Topic: "orders"},
			want:  "published delivered answered(SUCCESS) fault-injected pending delivered answered(SUCCESS) acknowledged"},
		{name: "failed delivery", reason: "the app is not called",
			fault: faults.FailDelivery{}, deadLetter: "dead",
			want: "published fault-injected dead-lettered(dead) acknowledged"},
		{name: "redelivery, armed", reason: "as soon as it was handled",
			fault: faults.Redeliver{Event: "1", Times: 2}, deadLetter: "dead",
			want: "published delivered answered(SUCCESS) acknowledged fault-injected fault-injected delivered answered(SUCCESS) delivered answered(SUCCESS)"},
		{name: "redelivery, at once", reason: "it was handled already",
			fault: faults.Redeliver{Event: "1"}, late: true,
			want: "published delivered answered(SUCCESS) acknowledged fault-injected delivered answered(SUCCESS)"},
		{name: "another event", reason: "a fault strikes what it names",
			fault: faults.LoseAnswer{Event: "2"}, want: "published delivered answered(SUCCESS) acknowledged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{})
				w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders").deadLetter(c.deadLetter)}}).start)
				if !c.late {
					require.NoError(t, w.Inject(t.Context(), c.fault))
				}
				send(t, w, event("1", "orders"))
				settle(t, w)
				if c.late {
					require.NoError(t, w.Inject(t.Context(), c.fault))
					settle(t, w)
				}
				require.Equal(t, c.want, told(w, "1"), c.reason)
			})
		})
	}
}

func TestAPanicOfAHandlerIsAResetConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders").deadLetter("dead")},
			answer: func(http.ResponseWriter, *http.Request, contract.Event) { panic("a bug in the app") }}).start)
		send(t, w, event("1", "orders"))
		settle(t, w)
		require.Equal(t, "published delivered answered(no answer) dead-lettered(dead) acknowledged", told(w, "1"))
	})
}

var placed = fstest.MapFS{
	"order.placed/contract.yaml": {Data: []byte("event: order.placed\ntopic: orders\nidentity: /data/order_id\nproducers:\n  - {app: shop, versions: [1]}\n")},
	"order.placed/v1.schema.json": {Data: []byte(`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
  "properties":{"order_id":{"type":"string"},"total":{"type":"integer","minimum":0}},"required":["order_id","total"]}`)},
}

func TestContractsAreHeldAgainstWhatPasses(t *testing.T) {
	catalog, err := contract.Load(placed)
	require.NoError(t, err)
	for _, c := range []struct {
		name, reason, from, data string
		want                     []string
	}{
		{"sound", "as the contract says", "shop", `{"order_id":"o1","total":1}`, nil},
		{"wrong type", "the schema does not accept it", "shop", `{"order_id":"o1","total":"1"}`, []string{contract.RuleSchema}},
		{"undeclared", "properties that the schema does not declare are not sent", "shop", `{"order_id":"o1","total":1,"note":"x"}`, []string{contract.RuleUndeclared}},
		{"no producer", "the contract names who may publish", "intruder", `{"order_id":"o1","total":1}`, []string{contract.RuleProducer}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{Contracts: catalog})
				for _, rule := range c.want {
					w.Expect(rule)
				}
				require.NoError(t, w.SendFrom(t.Context(), c.from, contract.Event{Topic: "orders", Data: []byte(c.data)}))
				settle(t, w)
				var rules []string
				for _, v := range w.Violations() {
					rules = append(rules, v.Rule)
					require.Equal(t, c.from, v.App)
					require.Equal(t, "o1", v.Event.Identity)
				}
				require.Equal(t, c.want, rules, c.reason)
			})
		})
	}
}

func TestWhatIsNotSimulatedIsRefused(t *testing.T) {
	_, err := fakes.New(t.Context(), world.Config{Dapr: "1.15"})
	require.ErrorContains(t, err, `Config.Dapr is "1.15": the fake shows the behaviour of 1.16 or 1.17`)
	w, err := fakes.New(t.Context(), world.Config{})
	require.NoError(t, err)
	require.ErrorContains(t, w.AttachContext(t.Context(), "bulk", (&inbox{subscriptions: []subscription{{PubSub: "pubsub", Topic: "t", Route: "/t",
		Metadata: map[string]string{}}, {PubSub: "elsewhere", Topic: "t", Route: "/t"}}}).start), `topic t of pubsub "elsewhere", which is not defined for it`)
	require.NoError(t, w.Close())
}
