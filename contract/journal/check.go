package journal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract"
)

// Option adds to a check. See [Places], [Contracts] and [Allow].
type Option interface {
	String() string
	apply(*settings)
}

type settings struct {
	place   func(app, pubsub, topic string) contract.Place
	allowed []string
}

type option struct {
	text string
	do   func(*settings)
}

func (o option) String() string    { return o.text }
func (o option) apply(s *settings) { o.do(s) }

// Options are options, and one option.
type Options []Option

// String is the options' texts.
func (o Options) String() string {
	texts := make([]string, len(o))
	for i := range o {
		texts[i] = o[i].String()
	}
	return strings.Join(texts, ", ")
}

func (o Options) apply(s *settings) {
	for _, one := range o {
		one.apply(s)
	}
}

// Places says where the promise to an app that subscribes to a topic is
// written. The zero Place means: nowhere.
func Places(place func(app, pubsub, topic string) contract.Place) Option {
	return option{"places", func(s *settings) { s.place = place }}
}

// Contracts are [Places] by contract: the consumer's line in the contract of the
// topic, or in that whose dead letter topic it is, else the line of the topic's contract.
func Contracts(contracts []*contract.Contract) Option {
	return option{fmt.Sprintf("%d contracts", len(contracts)), func(s *settings) {
		s.place = func(app, pubsub, topic string) contract.Place {
			var place contract.Place
			for _, c := range contracts {
				if c.PubSub != pubsub {
					continue
				}
				for _, consumer := range c.Consumers {
					if consumer.App == app && c.Topic == topic {
						return consumer.Place
					}
				}
				deadLetters := slices.IndexFunc(c.Consumers, func(consumer contract.Consumer) bool {
					return consumer.DeadLetterTopic == topic && topic != ""
				})
				switch {
				case place != (contract.Place{}):
				case c.Topic == topic:
					place = c.Place
				case deadLetters >= 0:
					place = c.Consumers[deadLetters].Place
				}
			}
			return place
		}
	}}
}

// Allow leaves out violations of these rules, such as
// [contract.RuleDuplicated] where redelivery is what is being tested.
func Allow(rules ...string) Option {
	return option{"allow " + strings.Join(rules, " "), func(s *settings) { s.allowed = append(s.allowed, rules...) }}
}

// CheckDelivered checks that every published event was handled once by each
// subscribed app, or is accounted for: dead-lettered or expired.
//
// Otherwise it is [contract.RuleLost] (lost or dropped),
// [contract.RuleDuplicated], [contract.RulePending],
// [contract.RuleUnexpected] or, where nobody could know,
// [contract.RuleNotWitnessed]: see [Fate]. A journal with publishes in which
// nobody saw any subscription proves nothing: that is not witnessed either.
func CheckDelivered(j *Journal, opts ...Option) []contract.Violation {
	var s settings
	Options(opts).apply(&s)
	if j.Streamed() {
		return []contract.Violation{{Rule: contract.RuleNotWitnessed, What: "what became of the events cannot be said from memory: the journal was streamed",
			Want: "the whole journal: journal.Read of what it was streamed to", Got: fmt.Sprintf("none of its %d entries", j.Len())}}
	}
	entries := j.Entries()
	ledger := LedgerOf(entries)
	var found []contract.Violation
	for _, line := range ledger.lines {
		v, ok := line.violation()
		if !ok || slices.Contains(s.allowed, v.Rule) {
			continue
		}
		if s.place != nil {
			v.Place = s.place(line.App, line.PubSub, line.Topic)
		}
		v.Trace = line.Trace()
		found = append(found, v)
	}
	subscribed := slices.ContainsFunc(entries, func(e Entry) bool { return e.Kind == Subscribed })
	if !subscribed && len(ledger.lines) == 0 && len(ledger.NoSubscriber) > 0 && !slices.Contains(s.allowed, contract.RuleNotWitnessed) {
		first := ledger.NoSubscriber[0]
		found = append(found, contract.Violation{
			Rule:  contract.RuleNotWitnessed,
			What:  fmt.Sprintf("nobody saw an app subscribe: whether the %s published got anywhere cannot be said", count(ledger.Published, "event", "events")),
			Event: first.Event,
			Want:  "an entry of kind subscribed",
			Got:   "none",
			Trace: first.Trace(),
		})
	}
	return found
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// violation is what the line's fate breaks, if anything.
func (l Line) violation() (contract.Violation, bool) {
	v := contract.Violation{Event: l.Event, App: l.App, Want: "handled once, dead-lettered or expired", Got: string(l.Fate) + ": " + l.Why}
	name := l.Event.Identity
	if name == "" {
		name = l.Event.String()
	}
	topic := l.PubSub + "/" + l.Topic
	switch l.Fate {
	case FateLost:
		v.Rule, v.What = contract.RuleLost, fmt.Sprintf("%s never handled %s of %s: it is lost", l.App, name, topic)
	case FateDropped:
		v.Rule, v.What = contract.RuleLost, fmt.Sprintf("%s dropped %s of %s: it is lost", l.App, name, topic)
	case FateDuplicated:
		v.Rule, v.What = contract.RuleDuplicated, fmt.Sprintf("%s handled %s of %s %d times", l.App, name, topic, l.Successes)
	case FatePending:
		v.Rule, v.What = contract.RulePending, fmt.Sprintf("%s is not done with %s of %s: the broker still holds it", l.App, name, topic)
	case FateUnexpected:
		v.Rule, v.What = contract.RuleUnexpected, fmt.Sprintf("%s received %s of %s, which nobody published", l.App, name, topic)
		v.Want = "published before it is delivered"
	case FateNotWitnessed:
		v.Rule, v.What = contract.RuleNotWitnessed, fmt.Sprintf("nobody saw what became of %s of %s for %s", name, topic, l.App)
		v.Want = "a witness"
	default:
		return contract.Violation{}, false
	}
	return v, true
}
