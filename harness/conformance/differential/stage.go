package differential

import (
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"

	"sigs.k8s.io/yaml"
)

// Stage is many scenarios on their way into one world: which app of the world
// plays each of their apps.
type Stage struct {
	Acts []*Act
	apps []string // of the world, in their order
}

// Act is one scenario on a stage.
type Act struct {
	Scenario
	Slot int
	apps []string // the world's app ids, by the scenario's
}

// publisher is the app that publishes everything.
const publisher = "publisher"

// room is how many apps of each kind a world has at most. Each costs the start
// of a daprd; HTTP apps play one event at a time.
var room = map[string]int{KindHTTP: 4, KindGRPC: 3, KindStream: 3}

// NewStage distributes the apps of scenarios among those of a world. A scenario's
// own apps are always different ones.
func NewStage(scenarios []Scenario) *Stage {
	st := &Stage{}
	next := map[string]int{}
	known := map[string]bool{}
	for slot, s := range scenarios {
		act := &Act{Scenario: s, Slot: slot}
		for _, a := range s.Apps {
			id := fmt.Sprintf("%s-%d", a.Kind, next[a.Kind]%room[a.Kind])
			next[a.Kind]++
			act.apps = append(act.apps, id)
			if !known[id] {
				known[id] = true
				st.apps = append(st.apps, id)
			}
		}
		st.Acts = append(st.Acts, act)
	}
	return st
}

func (a *Act) component(i int) string                  { return fmt.Sprintf("s%d%c", a.Slot, 'a'+i) }
func (a *Act) topic(component int, name string) string { return a.component(component) + "." + name }
func (a *Act) marker(event int) string                 { return fmt.Sprintf("s%d.e%d", a.Slot, event) }
func (a *Act) entryMarker(event, j int) string         { return fmt.Sprintf("s%d.e%d.%d", a.Slot, event, j) }
func (a *Act) path(app, sub int, p string) string {
	root := fmt.Sprintf("s%d/%d/%d", a.Slot, app, sub)
	if strings.HasPrefix(p, "/") {
		return "/" + root + p
	}
	return root + "/" + p
}

// topicOf is the scenario's own name for a topic; false for another act's.
func (a *Act) topicOf(name string) (string, bool) {
	component, topic, _ := strings.Cut(name, ".")
	for i := range a.Components {
		if component == a.component(i) {
			return topic, true
		}
	}
	return "", false
}

func (a *Act) deadLetter(sub Subscription) string {
	if sub.DeadLetter == "" {
		return ""
	}
	return a.topic(sub.Component, sub.DeadLetter)
}

// resource is a Dapr resource as YAML is made of it.
type resource map[string]any

func (r resource) file() *fstest.MapFile {
	text, err := yaml.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("differential: write a resource: %v", err)) // texts and numbers only
	}
	return &fstest.MapFile{Data: text}
}

// Resources are the Dapr resources of all acts.
func (st *Stage) Resources() fs.FS {
	root := fstest.MapFS{}
	for _, a := range st.Acts {
		for i := range a.Components {
			root[a.component(i)+".yaml"] = a.componentResource(i).file()
			if r := a.resiliency(i); r != nil {
				root[a.component(i)+"-resiliency.yaml"] = r.file()
			}
		}
		for i, app := range a.Apps {
			for j, sub := range app.Subscriptions {
				if sub.Declarative != "" {
					root[fmt.Sprintf("s%d-%d-%d-subscription.yaml", a.Slot, i, j)] = a.declared(i, j).file()
				}
			}
		}
	}
	return root
}

func (a *Act) componentResource(i int) resource {
	c := a.Components[i]
	item := func(name, value string) resource { return resource{"name": name, "value": value} }
	items := []resource{item("redisHost", "localhost:6379"), item("processingTimeout", fmt.Sprintf("%dms", c.ProcessingTimeout)), item("redeliverInterval", "200")}
	if c.Concurrency > 0 {
		items = append(items, item("concurrency", fmt.Sprint(c.Concurrency)))
	}
	if len(c.Denied) > 0 {
		items = append(items, item("publishingScopes", a.publishingScopes(i)))
	}
	return resource{"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": resource{"name": a.component(i)},
		"spec": resource{"type": "pubsub.redis", "version": "v1", "metadata": items}, "scopes": append([]string{publisher}, a.apps...)}
}

// publishingScopes let everybody publish to every topic that is not denied.
func (a *Act) publishingScopes(i int) string {
	var allowed []string
	for _, topic := range a.topics(i) {
		denied := false
		for _, d := range a.Components[i].Denied {
			denied = denied || d == topic
		}
		if !denied {
			allowed = append(allowed, a.topic(i, topic))
		}
	}
	var scopes []string
	for _, id := range append([]string{publisher}, a.apps...) {
		scopes = append(scopes, id+"="+strings.Join(allowed, ","))
	}
	return strings.Join(scopes, ";")
}

func (a *Act) resiliency(i int) resource {
	p, name := a.Components[i].Inbound, a.component(i)
	if p == (Policy{}) {
		return nil
	}
	policies, inbound := resource{}, resource{}
	if p.Retry != "" {
		retry := resource{"policy": p.Retry, "maxRetries": p.MaxRetries}
		if p.Retry == "constant" {
			retry["duration"] = fmt.Sprintf("%dms", p.Duration)
		}
		matching := resource{}
		if p.MatchHTTP != "" {
			matching["httpStatusCodes"] = p.MatchHTTP
		}
		if p.MatchGRPC != "" {
			matching["gRPCStatusCodes"] = p.MatchGRPC
		}
		if len(matching) > 0 {
			retry["matching"] = matching
		}
		policies["retries"], inbound["retry"] = resource{name: retry}, name
	}
	if p.Timeout > 0 {
		policies["timeouts"], inbound["timeout"] = resource{name: fmt.Sprintf("%dms", p.Timeout)}, name
	}
	if p.Breaker > 0 {
		policies["circuitBreakers"] = resource{name: resource{"maxRequests": 1, "timeout": "300s", "trip": fmt.Sprintf("consecutiveFailures >= %d", p.Breaker)}}
		inbound["circuitBreaker"] = name
	}
	return resource{"apiVersion": "dapr.io/v1alpha1", "kind": "Resiliency", "metadata": resource{"name": name},
		"spec": resource{"policies": policies, "targets": resource{"components": resource{name: resource{"inbound": inbound}}}}}
}

func (a *Act) declared(i, j int) resource {
	sub := a.Apps[i].Subscriptions[j]
	spec := resource{"pubsubname": a.component(sub.Component), "topic": a.topic(sub.Component, sub.Topic)}
	if sub.Declarative == "v1alpha1" {
		spec["route"] = a.path(i, j, sub.Rules[0].Path)
	} else {
		spec["routes"] = a.routes(i, j)
	}
	if sub.DeadLetter != "" {
		spec["deadLetterTopic"] = a.topic(sub.Component, sub.DeadLetter)
	}
	if sub.RawPayload != "" {
		spec["metadata"] = resource{"rawPayload": sub.RawPayload}
	}
	if sub.Bulk {
		spec["bulkSubscribe"] = bulkSubscribe
	}
	return resource{"apiVersion": "dapr.io/" + sub.Declarative, "kind": "Subscription", "metadata": resource{"name": fmt.Sprintf("s%d-%d-%d", a.Slot, i, j)},
		"spec": spec, "scopes": []string{a.apps[i]}}
}

// bulkSubscribe waits long enough for all of a bulk publish to be there.
var bulkSubscribe = resource{"enabled": true, "maxMessagesCount": 10, "maxAwaitDurationMs": bulkAwait}

const bulkAwait = 150

// routes are a subscription's rules as Dapr writes them.
func (a *Act) routes(i, j int) resource {
	rules := []resource{}
	out := resource{}
	for _, r := range a.Apps[i].Subscriptions[j].Rules {
		if r.Match == "" {
			out["default"] = a.path(i, j, r.Path)
			continue
		}
		rules = append(rules, resource{"match": r.Match, "path": a.path(i, j, r.Path)})
	}
	out["rules"] = rules
	return out
}
