package resources_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/eventproof/eventproof/contract/resources"
)

const shop = `-- kafka.yaml --
# orders' broker
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: kafka # as in production
  annotations: {team: orders}
spec:
  type: pubsub.kafka
  version: v1
  unknownField: kept
  metadata:
  - name: brokers
    value: "kafka:9092"
  - name: consumerGroup
    value: shop
  - name: authType
    value: password
  - name: saslPassword
    value: hunter2
  - name: allowedTopics
    value: "orders,orders.dead"
auth:
  secretStore: vault
---
# untouched:   byte for byte
apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata: {   name: orders }
spec: {pubsubname: kafka, topic: orders, route: /orders,   deadLetterTopic: orders.dead}
-- redis.yaml --
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: redis
spec:
  type: pubsub.redis
  version: v1
  metadata:
  - {name: redisHost, value: "redis.prod:6380"}
  - {name: redisUsername, envRef: REDIS_USER}
  - {name: redisPassword, secretKeyRef: {name: redis, key: pw}}
  - {name: enableTLS, value: yes}
  - {name: redisDB, value: 3}
  - {name: poolSize, value: 100}
  - {name: processingTimeout, value: 30s}
  - {name: maxLenApprox, value: 010}
-- resiliency.yaml --
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: r}
spec:
  policies:
    retries:
      constant: {duration: 5s, maxRetries: 3}
      default: {maxRetries: 3}
      growing: {policy: exponential, maxInterval: 60s}
  targets:
    components:
      kafka: {inbound: {retry: constant}, outbound: {retry: growing}}
      redis: {inbound: {retry: default}}
-- state.yaml --
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: state}
spec:
  type: state.redis
  version: v1
  metadata:
  - {name: redisHost, value: "redis.prod:6380"}
  - {name: actorStateStore, value: "true"}
-- vault.yaml --
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: vault}
spec: {type: secretstores.local.file, version: v1, metadata: [{name: secretsFile, value: ./s.json}]}
-- zz.yaml --
apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata: {name: mail}
spec: {pubsubname: mail, topic: mails, route: /mails}
`

func show(files map[string][]byte, listed []string) string {
	var b strings.Builder
	for _, line := range listed {
		fmt.Fprintf(&b, "%s\n", line)
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "\n-- %s --\n%s", name, files[name])
	}
	return b.String()
}

func TestSubstitute(t *testing.T) {
	tests := []struct {
		name   string
		sub    resources.Substitution
		reason string
	}{
		{"harness", resources.Substitution{RedisHost: "redis:6379", RedisDB: 2, PoolSize: 30, PubSubs: []string{"mail", "kafka"}}, "what the harness writes"},
		{"fake", resources.Substitution{PubSubs: []string{"mail", "kafka"}}, "what the fake lists: nothing about a connection"},
		{"clocks", resources.Substitution{RedisHost: "redis:6379", ProcessingTimeout: 500 * time.Millisecond, RedeliverInterval: 200 * time.Millisecond, RetryScale: 0.01, PubSubs: []string{"mail"}}, "clocks only where asked"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files, listed := resources.Substitute(load(t, shop), test.sub)
			text := show(files, listed)
			if strings.Contains(text, "hunter2") {
				t.Error("a secret is written or listed")
			}
			golden(t, "substitute/"+test.name+".txt", text)

			if _, err := resources.Load(directory(files)); err != nil {
				t.Errorf("what is written does not load: %v", err)
			}
			again, more := resources.Substitute(load(t, "-- none.yaml --\n"), resources.Substitution{})
			if len(more) != 0 || len(again) != 1 {
				t.Errorf("nothing to change, yet %v", more)
			}
		})
	}
}

// Only what is listed may differ: everything else must mean the same to daprd.
func TestSubstituteChangesNothingElse(t *testing.T) {
	s := load(t, shop)
	files, _ := resources.Substitute(s, resources.Substitution{RedisHost: "redis:6379"})
	for _, f := range s.Files {
		was, is := documents(t, f.Data), documents(t, files[f.Path])
		if len(was) != len(is) {
			t.Fatalf("%s: %d documents, were %d", f.Path, len(is), len(was))
		}
		for i := range was {
			for _, d := range []map[string]any{was[i], is[i]} {
				if spec, ok := d["spec"].(map[string]any); ok && d["kind"] == "Component" {
					delete(spec, "type")
					delete(spec, "metadata")
				}
				delete(d, "auth")
			}
			if diff := cmp.Diff(was[i], is[i]); diff != "" {
				t.Errorf("%s, document %d (-was +is):\n%s", f.Path, i, diff)
			}
		}
	}
	if got := string(files["vault.yaml"]); got != string(s.Files[4].Data) {
		t.Errorf("a file without substitutions must be as it was:\n%s", got)
	}
	redis := load(t, "-- redis.yaml --\n"+string(files["redis.yaml"])).Components[0]
	if v, _ := redis.Value("maxLenApprox"); v != "8" {
		t.Errorf("maxLenApprox 010 is %q, want 8 as before", v)
	}
}

func documents(t *testing.T, data []byte) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, text := range strings.Split(string(data), "\n---\n") {
		var d map[string]any
		if err := yaml.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

func TestSubstituteWritesAliasesOut(t *testing.T) {
	const shared = `-- a.yaml --
x: &meta
- {name: brokers, value: k}
- {name: consumerID, value: g}
base: &base {type: pubsub.kafka, version: v0, metadata: *meta}
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: a}
spec: {<<: *base, version: v1}
`
	files, listed := resources.Substitute(load(t, shared), resources.Substitution{RedisHost: "h:1"})
	var d struct {
		X    []map[string]string
		Spec struct {
			Type     string
			Version  string
			Metadata []map[string]string
		}
	}
	data, err := yaml.YAMLToJSON(files["a.yaml"])
	if err != nil || json.Unmarshal(data, &d) != nil {
		t.Fatal(err)
	}
	want := []map[string]string{{"name": "consumerID", "value": "g"}, {"name": "redisHost", "value": "h:1"}}
	if diff := cmp.Diff(want, d.Spec.Metadata); diff != "" || d.Spec.Type != "pubsub.redis" || d.Spec.Version != "v1" || len(d.X) != 2 || d.X[0]["value"] != "k" {
		t.Errorf("(-want +got):\n%s%s\n%v", diff, files["a.yaml"], listed)
	}
}

func TestSubstituteDoesNotWakeAnUnreadResiliency(t *testing.T) {
	first := component("---\napiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies:\n    timeouts: {DefaultTimeoutPolicy: 1s}\n")
	s := load(t, first, component(""))
	files, _ := resources.Substitute(s, resources.Substitution{})
	again, err := resources.Load(directory(files))
	if err != nil || len(again.Components) != 1 || len(again.Resiliencies) != 0 {
		t.Errorf("daprd did not read the Resiliency before: %v, %+v\n%s", err, again, show(files, nil))
	}
}

func TestSubstituteGivesEachComponentItsDatabase(t *testing.T) {
	own := component("  - name: redisDB\n    value: \"3\"\n")
	files, listed := resources.Substitute(load(t, own), resources.Substitution{
		RedisHost: "h:1", RedisDB: 5, RedisDBs: map[string]int{"pubsub": 0, "made": 2}, PubSubs: []string{"made", "other"}})
	again, err := resources.Load(directory(files))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"pubsub": "0", "made": "2", "other": "5"} {
		c, _ := again.PubSub(name)
		if got, _ := c.Value("redisDB"); got != want {
			t.Errorf("%s: want database %s, got %q", name, want, got)
		}
	}
	for _, want := range []string{`pubsub: redisDB "3" -> "0"`, `made: redisDB none -> "2"`} {
		if !slices.ContainsFunc(listed, func(line string) bool { return strings.HasSuffix(line, want) }) {
			t.Errorf("want %q listed, got %q", want, listed)
		}
	}
}
