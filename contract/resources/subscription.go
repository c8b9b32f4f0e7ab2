package resources

import (
	"strings"

	"github.com/eventproof/eventproof/contract"
)

// Subscription is a declarative Subscription, of either version, in the form
// in which daprd keeps both.
type Subscription struct {
	Name            string
	Namespace       string
	PubSub          string
	Topic           string
	Rules           []Rule // tried in this order; the default, if any, is the last
	DeadLetterTopic string
	Metadata        map[string]string
	BulkSubscribe   BulkSubscribe
	Scopes          []string
	APIVersion      string // dapr.io/v1alpha1 or dapr.io/v2alpha1, as written
	Place           contract.Place

	doc *document
}

// Rule sends what matches to a path of the app.
type Rule struct {
	Match string // a CEL expression, trimmed; "" matches everything
	Path  string
}

// BulkSubscribe is the bulk subscription. Zeros mean daprd's defaults, 100
// messages and 1000 ms (C16 pubsub runtime default_bulksub.go).
type BulkSubscribe struct {
	Enabled            bool
	MaxMessagesCount   int
	MaxAwaitDurationMs int
}

// subscriptionYAML is the shape of both versions: v1alpha1 has route, v2alpha1
// routes.
// Source: D16 pkg/apis/subscriptions/{v1alpha1,v2alpha1}/types.go.
type subscriptionYAML struct {
	header
	Spec struct {
		PubSubName string            `json:"pubsubname"`
		Topic      string            `json:"topic"`
		Metadata   map[string]string `json:"metadata"`
		Route      string            `json:"route"`
		Routes     struct {
			Rules []struct {
				Match string `json:"match"`
				Path  string `json:"path"`
			} `json:"rules"`
			Default string `json:"default"`
		} `json:"routes"`
		DeadLetterTopic string `json:"deadLetterTopic"`
		BulkSubscribe   struct {
			Enabled            bool  `json:"enabled"`
			MaxMessagesCount   int32 `json:"maxMessagesCount"`
			MaxAwaitDurationMs int32 `json:"maxAwaitDurationMs"`
		} `json:"bulkSubscribe"`
	} `json:"spec"`
	Scopes []string `json:"scopes"`
}

var (
	subscriptionSpec = object{
		"pubsubname":      text,
		"topic":           text,
		"metadata":        each{text},
		"deadLetterTopic": text,
		"bulkSubscribe":   object{"enabled": boolean, "maxMessagesCount": integer, "maxAwaitDurationMs": integer},
	}
	subscriptionShapes = map[string]object{
		"dapr.io/v1alpha1": resourceShape(subscriptionSpec.with(object{"route": text})),
		"dapr.io/v2alpha1": resourceShape(subscriptionSpec.with(object{"routes": object{
			"rules":   list{object{"match": text, "path": text}},
			"default": text,
		}})),
	}
)

func (l *loader) subscription(d *document) {
	var in subscriptionYAML
	version := d.header.APIVersion
	if !l.decode(d, subscriptionShapes[version], &in) {
		return
	}
	s := Subscription{
		Name: in.Metadata.Name, Namespace: in.Metadata.Namespace,
		PubSub: in.Spec.PubSubName, Topic: in.Spec.Topic, DeadLetterTopic: in.Spec.DeadLetterTopic,
		Metadata: in.Spec.Metadata, Scopes: in.Scopes, APIVersion: version, Place: d.place("kind"), doc: d,
		BulkSubscribe: BulkSubscribe{
			Enabled:            in.Spec.BulkSubscribe.Enabled,
			MaxMessagesCount:   int(in.Spec.BulkSubscribe.MaxMessagesCount),
			MaxAwaitDurationMs: int(in.Spec.BulkSubscribe.MaxAwaitDurationMs),
		},
	}
	fallback := in.Spec.Route
	if version == "dapr.io/v2alpha1" {
		fallback = in.Spec.Routes.Default
		for _, r := range in.Spec.Routes.Rules {
			s.Rules = append(s.Rules, Rule{Match: strings.TrimSpace(r.Match), Path: r.Path})
		}
	}
	if fallback != "" {
		s.Rules = append(s.Rules, Rule{Path: fallback})
	}
	if s.Name == "" {
		l.warn(RuleDuplicate, s.Place, "Subscription without metadata.name: of all nameless subscriptions daprd keeps the last only; write metadata.name")
	}
	if s.PubSub == "" {
		l.fail(s.Place, "Subscription %q has no spec.pubsubname: daprd never starts it; write pubsubname, the name of a pubsub Component", s.Name)
	}
	if s.Topic == "" {
		l.fail(s.Place, "Subscription %q has no spec.topic: it can receive nothing; write topic", s.Name)
	}
	if len(s.Rules) == 0 {
		instead := "write spec.route"
		if version == "dapr.io/v2alpha1" {
			instead = "write spec.routes.default"
		}
		// Source: D16 pkg/runtime/subscription/subscription.go:257.
		l.warn(RuleNoRoute, s.Place, "Subscription %q has no route: daprd hands the app nothing, and acknowledges every message or sends it to the dead letter topic; %s", s.Name, instead)
	}
	for i, r := range s.Rules[:max(0, len(s.Rules)-1)] {
		if r.Match == "" {
			l.warn(RuleIgnored, s.Place, "Subscription %q: rule %d matches everything, the rules after it are never tried; write it as the last one, or as routes.default", s.Name, i+1)
			break
		}
	}
	l.subscriptions = append(l.subscriptions, s)
}
