package proxy

import (
	"encoding/json"
	"slices"
	"strings"

	runtimev1pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/protobuf/proto"

	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/world"
)

// subscription is a subscription with what tells its deliveries apart.
type subscription struct {
	world.Subscription
	routes []string // paths with a leading slash
	raw    bool     // metadata rawPayload
	bulk   bool
}

// Subscriptions are those that the app itself asked for, by its answer to
// GET /dapr/subscribe or to ListTopicSubscriptions: none until it answered.
func (a *App) Subscriptions() []world.Subscription {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []world.Subscription
	for _, s := range a.programmed {
		list = append(list, s.Subscription)
	}
	return list
}

// all are the subscriptions that daprd has started. A programmatic one
// overrides a declarative one of the same topic: dapr v1.16.0
// pkg/runtime/compstore/subscriptions.go.
func (a *App) all() []subscription {
	a.mu.Lock()
	list := slices.Clone(a.programmed)
	a.mu.Unlock()
	for _, d := range a.declarative {
		if slices.ContainsFunc(list, func(s subscription) bool { return s.PubSub == d.PubSub && s.Topic == d.Topic }) {
			continue
		}
		list = append(list, fromResource(a.cfg.AppID, d))
	}
	return list
}

func fromResource(app string, d resources.Subscription) subscription {
	s := subscription{raw: isRaw(d.Metadata), bulk: d.BulkSubscribe.Enabled}
	s.Subscription = world.Subscription{App: app, PubSub: d.PubSub, Topic: d.Topic, DeadLetterTopic: d.DeadLetterTopic, Kind: "declarative"}
	for _, rule := range d.Rules {
		s.routes = append(s.routes, slashed(rule.Path))
	}
	return s
}

func slashed(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path // as daprd's HTTP channel does: dapr v1.16.0 pkg/channel/http/http_channel.go
}

// topicOf finds the topic for which daprd delivered to a route. A dead letter
// carries the topic on which it failed, so the route says more than the event,
// unless the route serves several topics: then it is the event's.
func (a *App) topicOf(pubsub, route, stated string) (topic string, raw bool) {
	var found []subscription
	for _, s := range a.all() {
		if (pubsub == "" || s.PubSub == pubsub) && slices.Contains(s.routes, route) {
			found = append(found, s)
		}
	}
	if len(found) == 1 {
		return found[0].Topic, found[0].raw
	}
	for _, s := range found {
		if s.Topic == stated {
			return stated, s.raw
		}
	}
	return stated, false
}

// isBulkRoute reports whether a route gets bulk deliveries.
func (a *App) isBulkRoute(route string) bool {
	return slices.ContainsFunc(a.all(), func(s subscription) bool { return s.bulk && slices.Contains(s.routes, route) })
}

// isRawTopic reports whether the subscription to a topic is rawPayload.
func (a *App) isRawTopic(pubsub, topic string) bool {
	return slices.ContainsFunc(a.all(), func(s subscription) bool { return s.raw && s.PubSub == pubsub && s.Topic == topic })
}

func (a *App) learn(list []subscription) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.programmed = list
}

// learnHTTP reads an answer to GET /dapr/subscribe, as dapr v1.16.0
// pkg/runtime/pubsub/subscriptions.go does: one without any route is none.
func (a *App) learnHTTP(body []byte) {
	var answer []struct {
		PubSubName      string            `json:"pubsubname"`
		Topic           string            `json:"topic"`
		DeadLetterTopic string            `json:"deadLetterTopic"`
		Metadata        map[string]string `json:"metadata"`
		Route           string            `json:"route"`
		Routes          struct {
			Rules []struct {
				Path string `json:"path"`
			} `json:"rules"`
			Default string `json:"default"`
		} `json:"routes"`
		BulkSubscribe struct {
			Enabled bool `json:"enabled"`
		} `json:"bulkSubscribe"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return // daprd cannot read it either, and says so
	}
	list := []subscription{}
	for _, in := range answer {
		s := subscription{raw: isRaw(in.Metadata), bulk: in.BulkSubscribe.Enabled}
		s.Subscription = world.Subscription{App: a.cfg.AppID, PubSub: in.PubSubName, Topic: in.Topic, DeadLetterTopic: in.DeadLetterTopic,
			Protocol: world.ProtocolHTTP, Kind: "programmatic"}
		for _, rule := range in.Routes.Rules {
			s.routes = append(s.routes, slashed(rule.Path))
		}
		for _, path := range []string{in.Routes.Default, in.Route} {
			if path != "" {
				s.routes = append(s.routes, slashed(path))
			}
		}
		if len(s.routes) > 0 {
			list = append(list, s)
		}
	}
	a.learn(list)
}

// learnGRPC reads an answer to ListTopicSubscriptions.
func (a *App) learnGRPC(payload []byte) {
	var answer runtimev1pb.ListTopicSubscriptionsResponse
	if proto.Unmarshal(payload, &answer) != nil {
		return // daprd cannot read it either, and says so
	}
	list := []subscription{}
	for _, in := range answer.GetSubscriptions() {
		s := subscription{raw: isRaw(in.GetMetadata()), bulk: in.GetBulkSubscribe().GetEnabled()}
		s.Subscription = world.Subscription{App: a.cfg.AppID, PubSub: in.GetPubsubName(), Topic: in.GetTopic(), DeadLetterTopic: in.GetDeadLetterTopic(),
			Protocol: world.ProtocolGRPC, Kind: "programmatic"}
		list = append(list, s)
	}
	a.learn(list)
}
