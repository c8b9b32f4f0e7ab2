package journal_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
)

// recorded is a small run: ord-1 is handled twice, ord-2 is dropped.
func recorded() *journal.Journal {
	j := journal.New(journal.Head{World: "fake", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	add := func(kind journal.Kind, at time.Duration, app string, event contract.Ref, cause int, answer string) int {
		e := journal.Entry{Kind: kind, SeenBy: journal.Engine, At: at, App: app, PubSub: "pubsub", Topic: "orders", Event: event, Cause: cause, Answer: answer}
		if kind == journal.Delivered {
			e.Attempt = 1
			if at >= time.Minute {
				e.Attempt = 2
			}
		}
		return j.Append(e)
	}
	one := contract.Ref{ID: "7f01", Type: "order.paid", Identity: "ord-1"}
	two := contract.Ref{ID: "7f02", Type: "order.paid", Identity: "ord-2"}
	add(journal.Subscribed, 1*time.Millisecond, "payments", contract.Ref{}, 0, "")
	first := add(journal.Published, 1*time.Second, "orders", one, 0, "")
	d := add(journal.Delivered, 1*time.Second, "payments", one, first, "")
	add(journal.Answered, 1*time.Second, "payments", one, d, journal.Success)
	second := add(journal.Published, 2*time.Second, "orders", two, 0, "")
	d = add(journal.Delivered, 2*time.Second, "payments", two, second, "")
	add(journal.Answered, 2*time.Second, "payments", two, d, "HTTP 404")
	add(journal.Dropped, 2*time.Second, "payments", two, d, "")
	d = add(journal.Delivered, 61*time.Second, "payments", one, first, "")
	add(journal.Answered, 61*time.Second, "payments", one, d, journal.Success)
	return j
}

func Example() {
	for _, v := range journal.CheckDelivered(recorded()) {
		fmt.Println(v)
	}
	// Output:
	// payments handled ord-1 of pubsub/orders 2 times
	//   rule   EVENT_DUPLICATED
	//   (-want +got):
	//     - handled once, dead-lettered or expired
	//     + duplicated: answered SUCCESS 2 times
	//   trace
	//      1  t=1s   publish    order.paid ord-1 by orders
	//      2  t=1s   deliver    order.paid ord-1 to payments  attempt 1  -> SUCCESS
	//      3  t=61s  redeliver  order.paid ord-1 to payments  attempt 2  -> SUCCESS
	// payments dropped ord-2 of pubsub/orders: it is lost
	//   rule   EVENT_LOST
	//   (-want +got):
	//     - handled once, dead-lettered or expired
	//     + dropped: answered HTTP 404; acknowledged without a dead letter
	//   trace
	//      1  t=2s  publish  order.paid ord-2 by orders
	//      2  t=2s  deliver  order.paid ord-2 to payments  attempt 1  -> HTTP 404
	//      3  t=2s  drop     order.paid ord-2 to payments
}

func ExampleCheckDelivered() {
	found := journal.CheckDelivered(recorded(),
		journal.Allow(contract.RuleDuplicated), // redelivery is what is being tested
		journal.Places(func(app, pubsub, topic string) contract.Place {
			return contract.Place{File: "contracts/order.paid/contract.yaml", Line: 14}
		}))
	for _, v := range found {
		fmt.Println(v.Rule, v.Place, v.What)
	}
	// Output:
	// EVENT_LOST contracts/order.paid/contract.yaml:14 payments dropped ord-2 of pubsub/orders: it is lost
}

func ExampleContracts() {
	contracts := []*contract.Contract{{ // of a Catalog
		Event: "order.paid", PubSub: "pubsub", Topic: "orders",
		Consumers: []contract.Consumer{{App: "payments", Place: contract.Place{File: "contracts/order.paid/contract.yaml", Line: 14}}},
	}}
	for _, v := range journal.CheckDelivered(recorded(), journal.Contracts(contracts)) {
		fmt.Println(v.Rule, v.Place)
	}
	// Output:
	// EVENT_DUPLICATED contracts/order.paid/contract.yaml:14
	// EVENT_LOST contracts/order.paid/contract.yaml:14
}

func ExampleJournal_Ledger() {
	ledger := recorded().Ledger()
	fmt.Println(len(ledger.Handled), "handled,", len(ledger.Duplicated), "duplicated,", len(ledger.Lost), "lost")
	fmt.Print(ledger)
	// Output:
	// 0 handled, 1 duplicated, 0 lost
	//                              events  handled  duplicated  dropped  lost
	//   pubsub/orders -> payments       2        0           1        1     0
	// dropped  ord-2 (id 7f02)  pubsub/orders -> payments: answered HTTP 404; acknowledged without a dead letter
	// duplicated  ord-1 (id 7f01)  pubsub/orders -> payments: answered SUCCESS 2 times
}

func ExampleLedgerOf() {
	for _, line := range journal.LedgerOf(recorded().Entries()[:5]).Lines() { // the first half
		fmt.Println(line)
	}
	// Output:
	// handled  ord-1 (id 7f01)  pubsub/orders -> payments
	// lost  ord-2 (id 7f02)  pubsub/orders -> payments: was never delivered; the broker holds it no more
}

func ExampleStory() {
	for _, line := range journal.Story(recorded().Entries(), contract.Ref{Identity: "ord-1"}) {
		fmt.Println(line)
	}
	// Output:
	// t=1s   publish    order.paid ord-1 by orders
	// t=1s   deliver    order.paid ord-1 to payments  attempt 1  -> SUCCESS
	// t=61s  redeliver  order.paid ord-1 to payments  attempt 2  -> SUCCESS
}

func ExampleSteps() {
	for _, line := range journal.Steps(recorded().Entries()[:2]) {
		fmt.Println(line)
	}
	// Output:
	// t=0.001s  subscribe  pubsub/orders by payments  -> no dead letter topic
	// t=1s      publish    order.paid ord-1 by orders
}

func ExampleText() {
	fmt.Print(journal.Text(recorded().Entries(), 5))
	// Output:
	// 1   t=0.001s  engine  subscribed  payments  pubsub/orders  -
	// 2   t=1s      engine  published   orders    pubsub/orders  ord-1 (id 7f01)
	// … 6 entries left out …
	// 9   t=61s     engine  delivered   payments  pubsub/orders  ord-1 (id 7f01)  attempt 2  cause 2
	// 10  t=61s     engine  answered    payments  pubsub/orders  ord-1 (id 7f01)  -> SUCCESS  cause 9
}

func ExampleCompare() {
	sound := journal.New(recorded().Head())
	for _, e := range recorded().Entries() {
		if e.Answer == "HTTP 404" {
			e.Answer = "HTTP 500"
		}
		sound.Append(e)
	}
	for _, difference := range journal.Compare(recorded(), sound) {
		fmt.Println(difference)
	}
	// Output:
	// ord-2 (id 7f02) on pubsub/orders, payments, entry 2 of 2: answer: fake (first) says HTTP 404, fake (second) says HTTP 500 (its entry 7, its entry 7)
}

func ExampleWalk() {
	journal.Walk(recorded().Entries(), func(e journal.Entry, depth int) bool {
		fmt.Printf("%s%d %s\n", strings.Repeat("  ", depth), e.Seq, e.Kind)
		return true
	})
	// Output:
	// 1 subscribed
	// 2 published
	//   3 delivered
	//     4 answered
	//   9 delivered
	//     10 answered
	// 5 published
	//   6 delivered
	//     7 answered
	//     8 dropped
}

func ExampleChildren() {
	for _, e := range journal.Children(recorded().Entries(), 2) {
		fmt.Println(e.Seq, e.Kind, e.Event)
	}
	// Output:
	// 3 delivered ord-1 (id 7f01)
	// 9 delivered ord-1 (id 7f01)
}

func ExampleJournal_WriteTo() {
	j := journal.New(journal.Head{World: "fake", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seed: 42})
	j.Append(journal.Entry{Kind: journal.Started, SeenBy: journal.Engine, At: 1500 * time.Millisecond, App: "payments", Attempt: 1})
	_, _ = j.WriteTo(os.Stdout)
	// Output:
	// {"eventproofJournal":"1","world":"fake","started":"2026-01-02T03:04:05Z","seed":42}
	// {"seq":1,"at":"1.5s","kind":"started","seenBy":"engine","app":"payments","attempt":1}
}

func ExampleJournal_StreamTo() {
	j := journal.New(journal.Head{World: "fake", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	stop := j.StreamTo(os.Stdout)
	j.Append(journal.Entry{Kind: journal.Started, SeenBy: journal.Engine, At: time.Second, App: "payments", Attempt: 1})
	fmt.Println(stop())
	// Output:
	// {"eventproofJournal":"1","world":"fake","started":"2026-01-02T03:04:05Z"}
	// {"seq":1,"at":"1s","kind":"started","seenBy":"engine","app":"payments","attempt":1}
	// <nil>
}

func ExampleRead() {
	j, err := journal.Read(strings.NewReader(`{"eventproofJournal":"1","world":"fake","started":"2026-01-02T03:04:05Z"}
{"seq":1,"at":"1.5s","kind":"delivred","seenBy":"engine"}
`))
	fmt.Println(j, err)
	// Output:
	// <nil> line 2: unknown kind "delivred"; did you mean "delivered"?
}
