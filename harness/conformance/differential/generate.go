package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// draw makes the choices of a scenario, from its seed alone.
type draw struct{ *rand.Rand }

func (d draw) percent(p int) bool { return d.IntN(100) < p }

// of draws one; texts that are there twice are drawn twice as often.
func of[T any](d draw, all ...T) T { return all[d.IntN(len(all))] }

// Generate is the scenario of a seed, always the same.
func Generate(seed uint64) Scenario {
	d := draw{rand.New(rand.NewPCG(seed, 0x9E3779B97F4A7C15))}
	s := Scenario{Seed: seed}
	for range of(d, 1, 1, 1, 2) {
		s.Components = append(s.Components, d.component())
	}
	kinds := []string{KindHTTP, KindHTTP, KindHTTP, KindGRPC, KindGRPC, KindGRPC, KindStream}
	for i := range of(d, 1, 1, 1, 2, 2, 3) {
		s.Apps = append(s.Apps, d.app(s, of(d, kinds...), i))
	}
	for i := range 1 + d.IntN(6) {
		s.Events = append(s.Events, d.publish(s, i))
	}
	s.settle()
	for i := range s.Apps {
		for j := range s.Apps[i].Subscriptions {
			sub := &s.Apps[i].Subscriptions[j]
			sub.Answers = d.answers(s, s.Apps[i].Kind, *sub)
		}
	}
	return s
}

// settle makes what must hold together do so.
func (s *Scenario) settle() {
	for i := range s.Components {
		c := &s.Components[i]
		c.ProcessingTimeout = 800 + int(c.Inbound.patience().Milliseconds())*3/2
		for _, e := range s.Events {
			if len(e.Entries) > 0 && e.Component == i {
				c.Concurrency = 1     // HTTP deliveries of one app must not meet
				c.Inbound.Breaker = 0 // their order is chance, and so is which of them it bars
			}
		}
	}
	if slices.ContainsFunc(s.Apps, func(a App) bool { return a.Kind == KindStream }) {
		// daprd tells the answers on a stream apart by id: of two without one that
		// meet there, one is waited for without end.
		for i := range s.Events {
			e := &s.Events[i]
			if anonymous(e.ContentType, e.Data) {
				e.ContentType, e.Data = cloudEvents, `{"id":"$id"}`
			}
			for j := range e.Entries {
				if anonymous(e.Entries[j].ContentType, e.Entries[j].Data) {
					e.Entries[j].ContentType, e.Entries[j].Data = cloudEvents, `{"id":"$id"}`
				}
			}
		}
	}
	for i := range s.Apps {
		for j := range s.Apps[i].Subscriptions {
			sub := &s.Apps[i].Subscriptions[j]
			sub.Bulk = sub.Bulk && (!s.together(*sub) || !s.undecodable(sub.Component))
		}
	}
}

// anonymous reports whether an event has no id of its own.
func anonymous(contentType, data string) bool {
	return isCloudEvent(contentType) && !strings.Contains(data, `"id":"$id"`)
}

// undecodable reports whether something is published that is no CloudEvent.
func (s Scenario) undecodable(component int) bool {
	return slices.ContainsFunc(s.Events, func(e Publish) bool {
		return e.Component == component && (e.Metadata["rawPayload"] != "" || strings.Contains(fmt.Sprint(e), "1e400"))
	})
}

// together reports whether a bulk subscription may get several events in one
// batch: which ones, and in which order, is chance, so that what depends on it is
// not asked for. What is pending comes with others, too.
func (s Scenario) together(sub Subscription) bool {
	return sub.DeadLetter == "" || slices.ContainsFunc(s.Events, func(e Publish) bool { return e.Component == sub.Component && len(e.Entries) > 0 })
}

func (d draw) component() Component {
	c := Component{}
	if d.percent(60) {
		p := &c.Inbound
		switch d.IntN(10) {
		case 0:
			p.Retry, p.MaxRetries = "exponential", 1+d.IntN(2)
		case 1:
			p.Breaker = 1 + d.IntN(3)
			if d.percent(50) {
				p.Retry, p.Duration, p.MaxRetries = "constant", 20, d.IntN(4)
			}
		case 2:
			p.Timeout = 400
			if d.percent(70) {
				p.Retry, p.Duration, p.MaxRetries = "constant", 50, d.IntN(3)
			}
		default:
			p.Retry, p.Duration, p.MaxRetries = "constant", of(d, 20, 50, 100), d.IntN(4)
		}
		if p.Retry != "" && d.percent(35) {
			p.MatchHTTP = of(d, "500", "429,500-599", "400-499", "404", "100-599", "502-504,400", "")
			p.MatchGRPC = of(d, "14", "1-4,14", "2", "5,13", "0-16", "12", "")
		}
	}
	if d.percent(8) {
		c.Denied = append(c.Denied, of(d, "t1", "dead0", "dead1"))
	}
	return c
}

// paths are those that a subscription's rules lead to.
var paths = []string{"/a", "/b", "/c/d", "e", "/f?x=1"}

// matches are routing rules. What is not true or false is an error.
var matches = []string{
	`event.type == "order.placed"`, `event.type == 'com.dapr.event.sent'`, `event.source == "me"`,
	`event.data.n > 1`, `event.data.n == 2.0`, `event.data.kind == "x"`, `has(event.data.kind) && event.data.kind == "x"`,
	`has(event.data.n)`, `event.data == "text"`, `event.type`, `event.missing == "x"`, `size(event.data) > 0`,
	`event.id.endsWith("0")`, `event.datacontenttype == "application/json"`, `true`, `false`, `!(event.data.n > 1)`,
	`event.data.list[0] == 1`, `event.data.n in [1, 2, 3]`, `order == "order.placed"`, `event["type"] == "order.placed"`,
	`event.time > "1999"`, `event.data.n == 1 || event.data.kind == "x"`, `event.myext == "e"`, `int(event.data.n) == 2`,
	`event.pubsubname != ""`, `event.data.name.matches("^a")`, `event.data.b ? true : false`, `event.subject == "x"`,
}

func (d draw) rules(kind string) []Rule {
	if kind == KindStream {
		return nil
	}
	var rules []Rule
	if d.percent(40) {
		for i := range 1 + d.IntN(2) {
			rules = append(rules, Rule{Match: of(d, matches...), Path: paths[i]})
		}
		if d.percent(50) {
			return rules
		}
	}
	return append(rules, Rule{Path: of(d, "/z", "/z", "z", "/z/")})
}

func (d draw) app(s Scenario, kind string, i int) App {
	a := App{Kind: kind}
	dead := fmt.Sprintf("dead%d", i)
	subscribe := func(component int, topic string) *Subscription {
		sub := Subscription{Component: component, Topic: topic, Rules: d.rules(kind)}
		if kind != KindStream {
			sub.Declarative = of(d, "", "", "v1alpha1", "v2alpha1")
			sub.Bulk = d.percent(10)
		}
		if sub.Declarative == "v1alpha1" {
			sub.Rules = []Rule{{Path: of(d, "/z", "z")}}
		}
		if d.percent(10) {
			sub.RawPayload = of(d, "true", "true", "false", "1", "maybe")
		}
		a.Subscriptions = append(a.Subscriptions, sub)
		return &a.Subscriptions[len(a.Subscriptions)-1]
	}
	for component := range s.Components {
		topics := of(d, []string{"t0"}, []string{"t0"}, []string{"t0", "t1"})
		if component > 0 && d.percent(50) {
			continue
		}
		buried := false
		for _, topic := range topics {
			if d.percent(60) && !buried { // Redis does not tell whose of two a dead letter is
				subscribe(component, topic).DeadLetter = dead
				buried = true
				continue
			}
			subscribe(component, topic)
		}
		if buried && d.percent(35) {
			sub := subscribe(component, dead)
			if d.percent(30) {
				sub.DeadLetter = dead + ".dead"
			}
		}
	}
	return a
}

// answers are those of a subscription, to events that may come to it.
func (d draw) answers(s Scenario, kind string, sub Subscription) map[string][]string {
	p := s.Components[sub.Component].Inbound
	one := func() string {
		if sub.Bulk && s.together(sub) {
			if p.Retry == "" && d.percent(20) {
				return "DROP"
			}
			return of(d, "SUCCESS", "RETRY", "BANANA", AnswerNone, AnswerEmpty)
		}
		if p.Timeout > 0 && d.percent(35) {
			return AnswerSlow
		}
		switch kind {
		case KindHTTP:
			if sub.Bulk && d.percent(15) {
				return AnswerNone
			}
			return of(d, "SUCCESS", "SUCCESS", "RETRY", "RETRY", "DROP", "DROP", "BANANA", "retry", "", AnswerEmpty, AnswerText, AnswerBroken,
				"HTTP 500", "HTTP 500", "HTTP 503", "HTTP 404", "HTTP 404", "HTTP 400", "HTTP 429", "HTTP 201", "HTTP 204", "HTTP 302", "HTTP 422", "HTTP 599")
		case KindGRPC:
			if sub.Bulk && d.percent(15) {
				return AnswerNone
			}
			return of(d, "SUCCESS", "SUCCESS", "RETRY", "RETRY", "DROP", "DROP", "BANANA", AnswerEmpty,
				"gRPC 2", "gRPC 13", "gRPC 13", "gRPC 14", "gRPC 14", "gRPC 12", "gRPC 12", "gRPC 5", "gRPC 3", "gRPC 4", "gRPC 1", "gRPC 16", "gRPC 8")
		default:
			return of(d, "SUCCESS", "SUCCESS", "RETRY", "RETRY", "DROP", "DROP", "BANANA", AnswerEmpty)
		}
	}
	list := func() []string {
		all := []string{one()}
		// Rounds+1 attempts are seen, even without a policy.
		for len(all) < rounds+1 && d.percent(45) {
			all = append(all, one())
		}
		return all
	}
	answers := map[string][]string{}
	for i, e := range s.Events {
		if e.Component != sub.Component {
			continue
		}
		names := []string{fmt.Sprintf("e%d", i)}
		if len(e.Entries) > 0 {
			names = nil
			for j := range e.Entries {
				names = append(names, fmt.Sprintf("e%d.%d", i, j))
			}
		}
		for _, name := range names {
			if d.percent(65) {
				answers[name] = list()
			}
		}
	}
	return answers
}
