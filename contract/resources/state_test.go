package resources_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/resources"
)

const stores = `-- store.yaml --
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: store # of orders
spec:
  type: state.redis
  version: v2
  metadata:
  - name: redisHost
    value: "redis:6379"
  - name: redisPassword
    secretKeyRef: {name: redis, key: password}
  - name: KeyPrefix
    value: name
  - name: outboxPublishTopic
    value: orders
-- memory.yaml --
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: memory
spec:
  type: state.in-memory
  version: v1
-- policies.yaml --
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata:
  name: policies
spec:
  policies:
    timeouts:
      quick: 1s
      DefaultComponentOutboundTimeoutPolicy: 2s
      DefaultPubsubComponentOutboundTimeoutPolicy: 3s
      DefaultStatestoreComponentOutboundTimeoutPolicy: 4s
  targets:
    components:
      store: {outbound: {timeout: quick}}
`

func TestEveryStateStoreInMemory(t *testing.T) {
	s := load(t, stores)
	files, listed := resources.Substitute(s, resources.Substitution{StatesInMemory: true})
	want := []string{
		"store.yaml:6: store: type state.redis -> state.in-memory",
		`store.yaml:9: store: redisHost "redis:6379" -> none (metadata of state.redis)`,
		"store.yaml:11: store: redisPassword secretKeyRef -> none (metadata of state.redis)",
	}
	if d := cmp.Diff(want, listed); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	again := load(t, "-- store.yaml --\n"+string(files["store.yaml"]))
	c := again.Components[0]
	if c.Type != "state.in-memory" || c.Version != "v1" || len(c.Metadata) != 2 {
		t.Errorf("got %s/%s with %v, want state.in-memory/v1 with what daprd itself reads", c.Type, c.Version, c.Metadata)
	}
	if strings.Contains(string(files["memory.yaml"]), "metadata: []") || len(files) != 3 {
		t.Errorf("what is in memory already is not touched: %s", files["memory.yaml"])
	}
	if _, listed := resources.Substitute(s, resources.Substitution{}); len(listed) != 1 {
		t.Errorf("not asked for, a state store stays what it is, without its password: %v", listed)
	}
}

func TestPolicyOfAStateStore(t *testing.T) {
	s := load(t, stores)
	for _, c := range []struct {
		name, reason string
		got          resources.Policy
		want         time.Duration
	}{
		{"a target", "its own", s.OutboundState("app", "store"), time.Second},
		{"a default", "that of state stores", s.OutboundState("app", "memory"), 4 * time.Second},
		{"a pubsub's default", "another one", s.Outbound("app", "memory"), 3 * time.Second},
	} {
		if c.got.Timeout != c.want {
			t.Errorf("%s: got a timeout of %s, want %s: %s", c.name, c.got.Timeout, c.want, c.reason)
		}
	}
}
