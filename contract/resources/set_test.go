package resources_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/resources"
)

const team = `-- config.yaml --
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: config}
spec:
  features:
  - {name: HotReload, enabled: yes}
  components: {deny: [bindings.smtp]}
-- pubsub.yaml --
# the broker of all services
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub, namespace: shop}
spec:
  type: pubsub.redis
  version: v1
  initTimeout: 30s
  metadata:
  - {name: redisHost, value: "redis:6379"}
  - name: redisPassword
    secretKeyRef: {name: redis, key: password}
  - {name: consumerID, value: "{appID}-group"}
  - {name: processingTimeout, value: 5s}
  - {name: RedeliverInterval, value: 1}
  - {name: poolSize, value: 040}
  - {name: publishingScopes, value: "orders=orders.placed, orders.paid;payments="}
  - {name: protectedTopics, value: audit}
auth: {secretStore: vault}
scopes: [orders, payments]
-- resiliency.yml --
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: resiliency}
spec:
  policies:
    timeouts: {slow: 1m, DefaultTimeoutPolicy: "250"}
    retries:
      three: {duration: 100ms, maxRetries: 3, matching: {httpStatusCodes: "429,500-599"}}
      DefaultPubsubComponentOutboundRetryPolicy: {policy: Exponential, maxInterval: 10s}
      DefaultComponentRetryPolicy: {maxRetries: 0}
    circuitBreakers:
      DefaultComponentInboundCircuitBreakerPolicy: {timeout: 5s, trip: consecutiveFailures >= 2}
  targets:
    components:
      pubsub: {inbound: {retry: three, timeout: slow}}
    apps:
      other: {retry: three}
-- subscriptions.yaml --
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: placed}
spec:
  PubSubName: pubsub
  topic: orders.placed
  routes:
    rules:
    - {match: ' event.type == "a" ', path: /a}
    default: /placed
  deadLetterTopic: orders.dead
  metadata: {rawPayload: true}
  bulkSubscribe: {enabled: true, maxMessagesCount: 5}
scopes: [payments]
---
apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata: {name: paid}
spec: {pubsubname: pubsub, topic: 42, route: /paid}
scopes: [orders]
`

func load(t *testing.T, texts ...string) *resources.Set {
	t.Helper()
	s, err := load2(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLoadWellFormed(t *testing.T) {
	s := load(t, team)
	want := &resources.Set{
		Components: []resources.Component{{
			Name: "pubsub", Namespace: "shop", Type: "pubsub.redis", Version: "v1", Scopes: []string{"orders", "payments"},
			InitTimeout: 30 * time.Second, SecretStore: "vault", Place: contract.Place{File: "pubsub.yaml", Line: 3},
			Metadata: []resources.MetadataItem{
				{Name: "redisHost", Value: "redis:6379", Place: contract.Place{File: "pubsub.yaml", Line: 10}},
				{Name: "redisPassword", SecretRef: resources.SecretRef{Name: "redis", Key: "password"}, Place: contract.Place{File: "pubsub.yaml", Line: 11}},
				{Name: "consumerID", Value: "{appID}-group", Place: contract.Place{File: "pubsub.yaml", Line: 13}},
				{Name: "processingTimeout", Value: "5s", Place: contract.Place{File: "pubsub.yaml", Line: 14}},
				{Name: "RedeliverInterval", Value: "1", Place: contract.Place{File: "pubsub.yaml", Line: 15}},
				{Name: "poolSize", Value: "32", Place: contract.Place{File: "pubsub.yaml", Line: 16}},
				{Name: "publishingScopes", Value: "orders=orders.placed, orders.paid;payments=", Place: contract.Place{File: "pubsub.yaml", Line: 17}},
				{Name: "protectedTopics", Value: "audit", Place: contract.Place{File: "pubsub.yaml", Line: 18}},
			},
		}},
		Subscriptions: []resources.Subscription{
			{
				Name: "placed", PubSub: "pubsub", Topic: "orders.placed", DeadLetterTopic: "orders.dead",
				Rules:         []resources.Rule{{Match: `event.type == "a"`, Path: "/a"}, {Path: "/placed"}},
				Metadata:      map[string]string{"rawPayload": "true"},
				BulkSubscribe: resources.BulkSubscribe{Enabled: true, MaxMessagesCount: 5},
				Scopes:        []string{"payments"}, APIVersion: "dapr.io/v2alpha1", Place: contract.Place{File: "subscriptions.yaml", Line: 2},
			},
			{
				Name: "paid", PubSub: "pubsub", Topic: "42", Rules: []resources.Rule{{Path: "/paid"}},
				Scopes: []string{"orders"}, APIVersion: "dapr.io/v1alpha1", Place: contract.Place{File: "subscriptions.yaml", Line: 17},
			},
		},
	}
	got := &resources.Set{Components: s.Components, Subscriptions: s.Subscriptions}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(resources.Component{}, resources.Subscription{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c := s.Configurations; len(c) != 1 || !c[0].Features["HotReload"] || len(c[0].Deny) != 1 || !strings.HasPrefix(string(c[0].Data), "apiVersion") {
		t.Errorf("configurations: %+v", c)
	}
	if len(s.Files) != 4 {
		t.Errorf("%d files, want 4", len(s.Files))
	}
	golden(t, "team.txt", told(s, nil))
}

func TestForOneApp(t *testing.T) {
	s := load(t, team)
	tests := []struct {
		app, components, subscriptions, reason string
	}{
		{"orders", "pubsub", "paid", "both scopes name it"},
		{"payments", "pubsub", "placed", "the other subscription"},
		{"stranger", "", "", "no scope names it"},
	}
	for _, test := range tests {
		t.Run(test.app, func(t *testing.T) {
			seen := s.For(test.app)
			var components, subscriptions []string
			for _, c := range seen.PubSubs() {
				components = append(components, c.Name)
			}
			for _, sub := range seen.Subscriptions {
				subscriptions = append(subscriptions, sub.Name)
			}
			if got := strings.Join(components, ","); got != test.components {
				t.Errorf("components %q, want %q (%s)", got, test.components, test.reason)
			}
			if got := strings.Join(subscriptions, ","); got != test.subscriptions {
				t.Errorf("subscriptions %q, want %q (%s)", got, test.subscriptions, test.reason)
			}
		})
	}
	c, _ := s.For("orders").PubSub("pubsub")
	if id, _ := c.Value("consumerid"); id != "orders-group" || c.ConsumerID("orders") != "orders-group" {
		t.Errorf("consumer id %q, %q, want orders-group", id, c.ConsumerID("orders"))
	}
}

func TestForKeepsOneSubscriptionOfEachTopic(t *testing.T) {
	pubsub := component("") + "\n-- s.yaml --\n"
	first := load(t, pubsub+strings.ReplaceAll(twoSubscriptions, "topic: b", "topic: a")).For("x").Subscriptions
	if len(first) != 1 || first[0].Name != "a" {
		t.Errorf("of one topic the first stands, got %+v", first)
	}
	last := load(t, pubsub+strings.ReplaceAll(twoSubscriptions, "name: b", "name: a")).For("x").Subscriptions
	if len(last) != 1 || last[0].Topic != "b" {
		t.Errorf("of one name the last stands, got %+v", last)
	}
}

func TestLaterRootOverrides(t *testing.T) {
	local := `-- local.yaml --
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec:
  type: pubsub.redis
  metadata:
  - {name: redisHost, value: "localhost:6379"}
`
	s := load(t, team, local)
	c, _ := s.PubSub("pubsub")
	if host, _ := c.Value("redisHost"); len(s.Components) != 1 || host != "localhost:6379" || c.Place.File != "local.yaml" {
		t.Errorf("the later root's component must stand alone, got %+v", s.Components)
	}
	for _, w := range s.Warnings {
		if w.Place.File == "pubsub.yaml" {
			t.Errorf("a warning of what is overridden: %s", w)
		}
	}
	files, _ := resources.Substitute(s, resources.Substitution{})
	for name, data := range files {
		if strings.Contains(string(data), "redisPassword") {
			t.Errorf("%s holds what is overridden:\n%s", name, data)
		}
	}
	if again, err := resources.Load(directory(files)); err != nil || len(again.Components) != 1 || len(again.Subscriptions) != 2 {
		t.Errorf("the files do not load as the same set: %v", err)
	}
}

func TestRedisSettings(t *testing.T) {
	tests := []struct {
		name, metadata string
		want           resources.RedisSettings
		reason         string
	}{
		{"defaults", "", resources.RedisSettings{ProcessingTimeout: time.Minute, RedeliverInterval: 15 * time.Second, QueueDepth: 100, Concurrency: 10}, "settings.go and redis.go"},
		{"milliseconds", "  - {name: processingTimeout, value: 500}\n  - {name: redeliverInterval, value: \"300\"}\n", resources.RedisSettings{ProcessingTimeout: 500 * time.Millisecond, RedeliverInterval: 300 * time.Millisecond, QueueDepth: 100, Concurrency: 10}, "integers are milliseconds"},
		{"durations", "  - {name: processingTimeout, value: 2s}\n  - {name: redeliverInterval, value: 2s}\n", resources.RedisSettings{ProcessingTimeout: 2 * time.Second, RedeliverInterval: 15 * time.Second, QueueDepth: 100, Concurrency: 10}, "only processingTimeout takes one"},
		{"other-case", "  - {name: PROCESSINGTIMEOUT, value: 500}\n  - {name: REDELIVERINTERVAL, value: 500}\n  - {name: poolsize, value: 7}\n", resources.RedisSettings{ProcessingTimeout: 500 * time.Millisecond, RedeliverInterval: 15 * time.Second, QueueDepth: 100, Concurrency: 10, PoolSize: 7}, "only redeliverInterval is exact"},
		{"never", "  - {name: processingTimeout, value: 0}\n  - {name: queueDepth, value: 1}\n  - {name: concurrency, value: 1}\n", resources.RedisSettings{RedeliverInterval: 15 * time.Second, QueueDepth: 1, Concurrency: 1}, "0 turns redelivery off"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := load(t, component(test.metadata)).Components[0]
			if diff := cmp.Diff(test.want, c.Redis()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

func TestTopicScopes(t *testing.T) {
	const scoped = "  - {name: publishingScopes, value: \"orders=a, b;payments=\"}\n  - {name: subscriptionScopes, value: \"orders=a\"}\n"
	tests := []struct {
		name, metadata, app, topic string
		publish, subscribe         bool
		reason                     string
	}{
		{"open", "", "orders", "a", true, true, "nothing is restricted"},
		{"scoped", scoped, "orders", "b", true, false, "blanks are taken out; only a may be subscribed to"},
		{"empty-scope", scoped, "payments", "", true, true, "an empty list in a scope is the topic with the empty name"},
		{"empty-scope-closes", scoped, "payments", "a", false, true, "payments= allows no topic"},
		{"unnamed", scoped, "shipping", "z", true, true, "an app that no scope names is free"},
		{"allowed", "  - {name: allowedTopics, value: \"a,b\"}\n", "orders", "z", false, false, "not in allowedTopics"},
		{"protected", "  - {name: protectedTopics, value: z}\n", "orders", "z", false, false, "a protected topic needs a scope"},
		{"protected-granted", "  - {name: protectedTopics, value: z}\n  - {name: publishingScopes, value: orders=z}\n", "orders", "z", true, false, "granted for publishing only"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := load(t, component(test.metadata)).Components[0]
			if got := c.MayPublish(test.app, test.topic); got != test.publish {
				t.Errorf("publish: %v (%s)", got, test.reason)
			}
			if got := c.MaySubscribe(test.app, test.topic); got != test.subscribe {
				t.Errorf("subscribe: %v (%s)", got, test.reason)
			}
		})
	}
}

func TestConsumerID(t *testing.T) {
	kafka := strings.Replace(component("  - {name: consumerGroup, value: g}\n"), "pubsub.redis", "pubsub.kafka", 1)
	tests := []struct{ name, files, want, reason string }{
		{"default", component(""), "orders", "the app's id"},
		{"given", component("  - {name: consumerID, value: ' g '}\n"), "g", "trimmed"},
		{"other-case", component("  - {name: consumerId, value: g}\n"), "orders", "the name is read exactly"},
		{"kafka", kafka, "g", "consumerGroup comes first"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := load(t, test.files).Components[0].ConsumerID("orders"); got != test.want {
				t.Errorf("got %q, want %q (%s)", got, test.want, test.reason)
			}
		})
	}
}

func TestSecretsAreMasked(t *testing.T) {
	c := load(t, component("  - {name: redisPassword, value: hunter2}\n  - {name: url, value: \"redis://u:hunter2@h\"}\n")).Components[0]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, c.Metadata); strings.Contains(text, "hunter2") {
			t.Errorf("%s prints a secret: %s", verb, text)
		}
	}
}

func TestCheckApps(t *testing.T) {
	got := load(t, team).CheckApps("orders", "payment")
	var lines []string
	for _, w := range got {
		lines = append(lines, w.String())
	}
	golden(t, "apps.txt", strings.Join(lines, "\n")+"\n")
}

func TestNilSet(t *testing.T) {
	var s *resources.Set
	if s.For("a") == nil || s.PubSubs() != nil || s.CheckApps("a") != nil || s.Inbound("a", "b") != (resources.Policy{}) {
		t.Error("a nil Set must be an empty one")
	}
	if files, listed := resources.Substitute(s, resources.Substitution{}); len(files) != 0 || len(listed) != 0 {
		t.Error("nothing to substitute")
	}
}

func TestPlaceNamesTheDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/a.yaml", []byte("kind: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := resources.Load(os.DirFS(dir))
	if want := strings.ReplaceAll(dir, "\\", "/") + "/a.yaml:1: "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want it to begin with %s", err, want)
	}
}

func directory(files map[string][]byte) fstest.MapFS {
	dir := fstest.MapFS{}
	for name, data := range files {
		dir[name] = &fstest.MapFile{Data: data}
	}
	return dir
}
