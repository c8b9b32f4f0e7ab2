package scenario_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
	"github.com/eventproof/eventproof/harness/scenario"
)

// The scenarios say the same on real Dapr as on the fake.
func TestOnRealDapr(t *testing.T) {
	for _, test := range []struct {
		name      string
		reason    string
		app       *payments
		start     func(*payments) world.StartFunc
		data      map[string]any
		publish   []string
		redeliver []string
		dead      []string
		broker    []string
	}{
		{name: "sound, HTTP", reason: "nothing is found where nothing is wrong",
			app:   &payments{dedupe: "event_id", deadLetter: "orders.dead", publish: true, refuse: "RETRY"},
			start: func(p *payments) world.StartFunc { return p.http }},
		{name: "sound, gRPC", reason: "likewise; dead letters are then equal as JSON",
			app:   &payments{dedupe: "event_id", deadLetter: "orders.dead", publish: true, refuse: "RETRY"},
			start: func(p *payments) world.StartFunc { return p.sdkGRPC }},
		{name: "broken", reason: "a field undeclared, dedupe by CloudEvents id, another dead letter topic than the contract's",
			app:   &payments{dedupe: "id", deadLetter: "orders.deadletter", refuse: "RETRY"},
			start: func(p *payments) world.StartFunc { return p.http }, data: map[string]any{"card": "4111"},
			publish: []string{contract.RuleUndeclared}, redeliver: []string{contract.RuleIdempotent}, broker: []string{contract.RuleIdempotent}, dead: []string{contract.RuleDeadLetter}},
		{name: "no dedupe", reason: "each way of coming again is enough; and the poison is swallowed",
			app:       &payments{deadLetter: "orders.dead", refuse: "SUCCESS"},
			start:     func(p *payments) world.StartFunc { return p.sdkHTTP },
			redeliver: []string{contract.RuleIdempotent}, broker: []string{contract.RuleIdempotent}, dead: []string{contract.RuleRefuse}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := harness.Start(t, world.Config{Contracts: contracts(t), Resources: retries(2), Clocks: world.Clocks{RetryScale: 0.1}})
			w.Attach("payments", test.start(test.app))
			w.Attach("orders", publisher)
			check := func(want []string, findings func(context.Context, *world.World) ([]contract.Violation, error)) {
				t.Helper()
				began := time.Now()
				found, err := findings(t.Context(), w)
				require.NoError(t, err)
				require.ElementsMatch(t, want, rules(found), "%s\n%v\n%s", test.reason, found, journal.Text(w.Journal().Entries(), 0))
				t.Logf("took %s", time.Since(began).Round(time.Millisecond))
			}
			check(test.publish, scenario.Publishing{App: "orders", Want: []scenario.Want{{Event: "order.placed"}}, Log: t.Logf, Act: func(ctx context.Context) error {
				return publish{data: placed(test.data), metadata: metadata(nil)}.do(ctx, w)
			}}.Findings)
			check(test.redeliver, scenario.Redelivery{App: "payments", Events: []contract.Event{order(2, 50)}, Snapshot: test.app.snapshot, Log: t.Logf}.Findings)
			check(test.broker, scenario.Redelivery{App: "payments", Events: []contract.Event{order(5, 50)}, Snapshot: test.app.snapshot, Via: scenario.Broker, Log: t.Logf}.Findings)
			check(test.dead, scenario.DeadLetter{App: "payments", Poison: order(9, -1), Around: []contract.Event{order(3, 60), order(4, 70)}, Log: t.Logf}.Findings)
		})
	}
}
