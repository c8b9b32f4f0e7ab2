package conformance

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"github.com/eventproof/eventproof/fakes/world"
)

// TableCase is a row of the table: one value of each dimension in which what
// Dapr does with an event may differ.
type TableCase struct {
	// Name is unique, and is the topic that the case is played on.
	Name string
	// Rule names what decides the case, Explanation says it, and Source names the
	// file of Dapr that it was read in.
	Rule, Explanation, Source string

	Protocol   world.Protocol // "stream" for a streaming subscription
	DeadLetter bool
	// The values, by name.
	Answer, Policy, Content, Routing, Bulk, Kind, Lifetime string

	row    row
	number int
	lane   int // over HTTP: see lanes
}

// tableSeed draws the rows of the table. Another seed makes another table.
const tableSeed = 1

// Table is a set of cases in which every two values that can meet do meet.
func Table() []TableCase {
	dimensions := dimensions()
	var cases []TableCase
	for i, r := range cover(dimensions, possible, tableSeed) {
		value := func(d int) string { return dimensions[d].values[r[d]] }
		protocol, answer, _ := strings.Cut(value(inAnswer), ".")
		c := TableCase{Protocol: world.Protocol(protocol), Answer: answer, Policy: value(inPolicy), DeadLetter: value(inDeadLetter) == "dead",
			Content: value(inContent), Routing: value(inRouting), Bulk: value(inBulk), Kind: value(inKind), Lifetime: value(inLifetime), row: r, number: i}
		words := []string{protocol, answer, c.Policy}
		if c.DeadLetter {
			words = append(words, "dead-letter")
		}
		c.Name = strings.Join(append(words, c.Content, c.Routing, c.Bulk, c.Kind, c.Lifetime), ".")
		c.Rule, c.Explanation, c.Source = c.rule()
		cases = append(cases, c)
	}
	// Cases of equal length follow each other, each in another lane.
	slices.SortFunc(cases, func(a, b TableCase) int { return cmp.Or(a.lasts()-b.lasts(), strings.Compare(a.Name, b.Name)) })
	lane := 0
	for i, c := range cases {
		if c.Protocol == world.ProtocolHTTP && !c.early() {
			cases[i].lane = lane % lanes
			lane++
		}
	}
	slices.SortFunc(cases, func(a, b TableCase) int { return strings.Compare(a.Name, b.Name) })
	return cases
}

// rule is what decides the case: the first that daprd comes to.
func (c TableCase) rule() (rule, explanation, source string) {
	content := contents[c.row[inContent]].content
	file := policySource
	if c.together() {
		file = bulkSource
	}
	switch {
	case content.rawPublish && !content.rawRead:
		return "raw payload", content.says, file
	case c.Lifetime == "overdue" && !content.rawPublish:
		return "time to live", lifetimes[c.row[inLifetime]].says, "C16 pubsub/envelope.go HasExpired; " + file
	case c.Answer == unasked && c.Routing != "unrouted" && c.Routing != "rule-error":
		return "routing", "the rules of a raw bulk subscription see the payload as text, and fail", file
	case c.Answer == unasked:
		return "routing", routings[c.row[inRouting]].says, file
	case c.Policy == "timeout":
		return "timeout", policies[c.row[inPolicy]].says + "; then " + replies[c.row[inAnswer]].says, "D16 pkg/resiliency/policy.go"
	}
	source = map[world.Protocol]string{world.ProtocolHTTP: httpSource, world.ProtocolGRPC: grpcSource, ProtocolStream: streamingSource}[c.Protocol]
	return "answer", replies[c.row[inAnswer]].says + "; " + policies[c.row[inPolicy]].says, source
}

// Topic is the case's topic, DeadLetterTopic the one beside it.
func (c TableCase) Topic() string           { return c.Name }
func (c TableCase) DeadLetterTopic() string { return c.Name + ".dead" }

func (c TableCase) reply() reply     { return replies[c.row[inAnswer]].reply }
func (c TableCase) content() content { return contents[c.row[inContent]].content }
func (c TableCase) together() bool   { return c.Bulk == "bulk-subscribe" }

// events are the ids of what is published.
func (c TableCase) events() (ids []string) {
	n := map[string]int{"single": 1, "bulk-publish": 2, "bulk-subscribe": 3}[c.Bulk]
	for i := range n {
		ids = append(ids, fmt.Sprintf("e%d-of-%s", i+1, c.Name))
	}
	return ids
}

// lanes is how many apps share the HTTP cases. daprd 1.16 mixes up deliveries to
// one HTTP app that begin at the same moment (see Run), so that each app plays one
// case at a time.
const lanes = 8

// AppID is the app that gets the events.
func (c TableCase) AppID() string {
	if c.Protocol == world.ProtocolHTTP {
		return fmt.Sprintf("table-http-%d", c.lane+1)
	}
	return "table-" + string(c.Protocol)
}

// early reports whether the events are published before the app is there.
func (c TableCase) early() bool { return c.Lifetime == "overdue" && c.Answer == unasked }

// lasts is larger for a case that takes longer: only the order depends on it.
func (c TableCase) lasts() int {
	n := c.row[inPolicy]
	if r := c.reply(); !c.DeadLetter && (r.broken || r.code != 0 || r.status >= 300 || r.word != "" && r.word != "SUCCESS" && r.word != "DROP" || c.Answer == unasked) {
		n += 10
		switch {
		case c.together():
			n += 20 // and then it is pending for all that follow
		case c.serial():
			n += 10
		}
	}
	return n
}

// Component is the pubsub component that the case is played on. Of what goes to
// an HTTP app from a bulk publish one event is delivered after the other, and a
// circuit breaker is a component's own.
func (c TableCase) Component() string {
	name := "table-" + c.Policy
	switch {
	case c.together():
		name += "-together"
	case c.serial():
		name += "-serial"
	}
	if c.Policy == "breaker" {
		name += fmt.Sprintf("-%d", c.number)
	}
	return name
}

func (c TableCase) serial() bool { return c.Bulk == "bulk-publish" && c.Protocol == world.ProtocolHTTP }

// tableAwait is maxAwaitDurationMs of the bulk subscriptions: a batch goes out
// when its three events are there, and no tick comes between them.
const tableAwait = 30_000

// processingTimeout is after how long what is pending comes again: longer than
// all attempts of a policy, and than what a message waits for its turn before
// them, also on a machine that has much else to do. What is left of a batch would
// wait for others, and does not come again while the table is played.
func (c TableCase) processingTimeout() time.Duration {
	switch {
	case c.together():
		return 10 * time.Minute
	case c.serial() && c.Policy == "timeout":
		return 12 * time.Second
	case c.serial():
		return 5 * time.Second
	}
	return 4 * time.Second
}

// path is where the events of the case go under one of its rules.
func (c TableCase) path(rule string) string { return "/" + c.Name + "/" + rule }

// rules are match and path in turn, and the path of what matches none.
func (c TableCase) rules() (rules []string, fallback string) {
	r := routings[c.row[inRouting]]
	for i := 0; i < len(r.rules); i += 2 {
		match := r.rules[i]
		if strings.Contains(match, "%") {
			match = fmt.Sprintf(match, c.Topic())
		}
		rules = append(rules, match, c.path(r.rules[i+1]))
	}
	if r.fallback != "" {
		fallback = c.path(r.fallback)
	}
	return rules, fallback
}

// TableResources are the resources that the cases are played with: a component
// for each policy and way of delivery, and the declared subscriptions.
func TableResources(cases []TableCase) []fs.FS {
	root := fstest.MapFS{}
	breakers, targets := "", ""
	for _, c := range cases {
		if component := c.Component(); root[component+".yaml"] == nil {
			concurrency := 50
			if c.serial() {
				concurrency = 1
			}
			scopes := ""
			if c.Policy == "breaker" {
				scopes = "scopes: [" + c.AppID() + ", " + Publisher + "]\n"
			}
			root[component+".yaml"] = &fstest.MapFile{Data: []byte(fmt.Sprintf("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: %s\nspec:\n  type: pubsub.redis\n  version: v1\n  metadata:\n"+
				"  - {name: redisHost, value: \"localhost:6379\"}\n  - {name: concurrency, value: \"%d\"}\n"+
				"  - {name: processingTimeout, value: %s}\n  - {name: redeliverInterval, value: \"200\"}\n%s", component, concurrency, c.processingTimeout(), scopes))}
			inbound := policies[c.row[inPolicy]].inbound
			if c.Policy == "breaker" {
				breakers += "      " + component + ": " + tableBreaker + "\n"
				inbound += component
			}
			targets += "      " + component + ": {inbound: {" + inbound + "}}\n"
		}
		if yaml := c.declared(); yaml != "" {
			root["subscription-"+fmt.Sprint(c.number)+".yaml"] = &fstest.MapFile{Data: []byte(yaml)}
		}
	}
	resiliency := "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata:\n  name: table\nspec:\n  policies:\n" + tablePolicies + breakers
	if breakers == "" {
		resiliency = strings.TrimSuffix(resiliency, "    circuitBreakers:\n")
	}
	root["resiliency.yaml"] = &fstest.MapFile{Data: []byte(resiliency + "  targets:\n    components:\n" + targets)}
	return []fs.FS{root}
}

// declared is the case's Subscription; "" where the app states it itself.
func (c TableCase) declared() string {
	if c.Kind != "v1alpha1" && c.Kind != "v2alpha1" {
		return ""
	}
	rules, fallback := c.rules()
	text := fmt.Sprintf("apiVersion: dapr.io/%s\nkind: Subscription\nmetadata:\n  name: case-%d\nscopes: [%s]\nspec:\n  pubsubname: %s\n  topic: %s\n",
		c.Kind, c.number, c.AppID(), c.Component(), c.Topic())
	if c.Kind == "v1alpha1" {
		text += "  route: " + fallback + "\n"
	} else {
		text += "  routes:\n"
		if len(rules) > 0 {
			text += "    rules:\n"
		}
		for i := 0; i < len(rules); i += 2 {
			text += fmt.Sprintf("    - {match: '%s', path: %s}\n", rules[i], rules[i+1])
		}
		if fallback != "" {
			text += "    default: " + fallback + "\n"
		}
	}
	if c.DeadLetter {
		text += "  deadLetterTopic: " + c.DeadLetterTopic() + "\n"
	}
	if c.content().rawRead {
		text += "  metadata: {rawPayload: \"true\"}\n"
	}
	if c.together() {
		text += fmt.Sprintf("  bulkSubscribe: {enabled: true, maxMessagesCount: %d, maxAwaitDurationMs: %d}\n", len(c.events()), tableAwait)
	}
	return text
}
