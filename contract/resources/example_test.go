package resources_test

import (
	"fmt"

	"github.com/eventproof/eventproof/contract/resources"
)

func ExampleLoad() {
	set, err := resources.Load(root(`-- pubsub.yaml --
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: pubsub
spec:
  type: pubsub.redis
  version: v1
  metadata:
  - name: redisHost
    value: localhost:6379
  - name: redeliverInterval
    value: 60s
  scopes: [orders]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range set.Warnings {
		fmt.Println(w)
	}
	pubsub, _ := set.For("orders").PubSub("pubsub")
	fmt.Println(pubsub.Redis().RedeliverInterval)
	// Output:
	// pubsub.yaml:11: metadata "redeliverInterval": Redis reads whole milliseconds only, ignores "60s" and takes its default, 15s; write the number of milliseconds, "60000" (RESOURCE_IGNORED)
	// pubsub.yaml:13: spec.scopes: daprd ignores it, and so every app gets this Component; write scopes at the top level, beside spec (RESOURCE_MISPLACED)
	// 15s
}

func ExampleSet_Inbound() {
	set, err := resources.Load(root(`-- resiliency.yaml --
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: resiliency}
spec:
  policies:
    retries:
      DefaultPubsubComponentInboundRetryPolicy: {duration: 1s, maxRetries: 3}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := set.Inbound("orders", "pubsub")
	fmt.Println(policy.Attempts(), policy.Retry.Duration, policy.Place)
	// Output: 4 1s resiliency.yaml:7
}

func ExampleSubstitute() {
	set, err := resources.Load(root(`-- pubsub.yaml --
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec:
  type: pubsub.rabbitmq
  version: v1
  metadata:
  - {name: connectionString, secretKeyRef: {name: rabbit, key: url}}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	files, listed := resources.Substitute(set, resources.Substitution{RedisHost: "redis:6379"})
	for _, line := range listed {
		fmt.Println(line)
	}
	fmt.Print(string(files["pubsub.yaml"]))
	// Output:
	// pubsub.yaml:5: pubsub: type pubsub.rabbitmq -> pubsub.redis
	// pubsub.yaml:8: pubsub: connectionString secretKeyRef -> none (metadata of pubsub.rabbitmq)
	// pubsub.yaml:2: pubsub: redisHost none -> "redis:6379"
	// apiVersion: dapr.io/v1alpha1
	// kind: Component
	// metadata: {name: pubsub}
	// spec:
	//   type: pubsub.redis
	//   version: v1
	//   metadata:
	//     - name: redisHost
	//       value: "redis:6379"
}
