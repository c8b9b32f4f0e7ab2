package resources_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract/resources"
)

// root is a directory with the files of a text: "-- name --" begins a file.
func root(text string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, part := range strings.Split("\n"+text, "\n-- ")[1:] {
		name, data, _ := strings.Cut(part, " --\n")
		files[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return files
}

// component is a Redis pubsub component with more lines at its end.
func component(more string) string {
	return "-- pubsub.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: pubsub\nspec:\n  type: pubsub.redis\n  version: v1\n  metadata:\n  - name: redisHost\n    value: localhost:6379\n" + more
}

func resiliency(spec string) string {
	return component("") + "\n-- resiliency.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata:\n  name: resiliency\nspec:\n" + spec
}

func subscription(version, spec string) string {
	return component("") + "\n-- subscription.yaml --\napiVersion: dapr.io/" + version + "\nkind: Subscription\nmetadata:\n  name: orders\nspec:\n  pubsubname: pubsub\n  topic: orders\n" + spec
}

var inputs = []struct {
	name   string
	reason string
	files  string
}{
	{"well-formed", "nothing to say about a sound component", component("")},
	{"not-yaml", "daprd logs a line and goes on without the document", component("  broken: [\n")},
	{"not-a-mapping", "a document that is a list is no resource", "-- a.yaml --\n- a\n- b\n"},
	{"not-utf8", "YAML is UTF-8", "-- a.yaml --\nkind: \xff\n"},
	{"template", "daprd takes templates literally", component("  - name: poolSize\n    value: {{ .Values.poolSize }}\n")},
	{"template-quoted", "a template in quotes is valid YAML and still a template", component("  - name: redisUsername\n    value: \"{{ .Values.user }}\"\n")},
	{"template-in-comment", "a comment may say anything", component("# rendered from {{ .Values.x }}\n")},
	{"kustomization", "another tool's file lies beside", "-- kustomization.yaml --\nresources: [pubsub.yaml]\n"},
	{"other-api", "another API's resource in the same directory", "-- deployment.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n"},
	{"kind-misspelled", "daprd skips a kind that it does not know", "-- a.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Subcription\nmetadata: {name: x}\n"},
	{"api-version-unknown", "daprd compares the apiVersion exactly", "-- a.yaml --\napiVersion: dapr.io/v1\nkind: Component\nmetadata: {name: x}\nspec: {type: pubsub.redis}\n"},
	{"list", "kubectl get -o yaml writes lists", "-- a.yaml --\napiVersion: v1\nkind: List\nitems: []\n"},
	{"directory", "daprd does not read directories within", component("") + "\n-- sub/more.yaml --\nkind: x\n"},
	{"json-file", "daprd reads .yaml and .yml only", component("") + "\n-- state.json --\n{}\n"},
	{"document-swallowed", "daprd's splitter loses the document before a last unfinished separator", component("--- # end")},
	{"document-too-long", "bufio.Scanner's limit, on which daprd loops without end", component("# " + strings.Repeat("x", 70_000) + "\n")},

	{"component-nameless", "wrong indentation of name is the usual cause", "-- a.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\nname: pubsub\nspec: {type: pubsub.redis}\n"},
	{"component-name-with-slash", "Kubernetes' path segments", "-- a.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: a/b}\nspec: {type: pubsub.redis}\n"},
	{"component-without-type", "daprd exits", "-- a.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: pubsub}\nspec: {version: v1}\n"},
	{"component-category-unknown", "daprd exits", "-- a.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: pubsub}\nspec: {type: pubsubs.redis}\n"},
	{"component-twice", "daprd refuses to start, disjoint scopes or not", component("scopes: [a]\n") + "\n-- z.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: pubsub}\nspec: {type: pubsub.redis}\nscopes: [b]\n"},
	{"component-field-unknown", "encoding/json passes over unknown fields", component("  initTimout: 30s\n")},
	{"component-spec-scopes", "the commonest mistake of all", component("  scopes: [orders]\n")},
	{"component-metadata-mapping", "metadata is a list of name and value", "-- a.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: pubsub}\nspec:\n  type: pubsub.redis\n  metadata:\n    redisPassword: hunter2\n"},
	{"component-boolean-quoted", "a text is not a boolean", component("  ignoreErrors: \"true\"\n")},
	{"component-init-timeout", "daprd takes the default where it cannot parse", component("  initTimeout: \"30\"\n")},
	{"component-key-twice", "the last one counts", component("  version: v1\n")},
	{"component-version", "no such component is registered", strings.Replace(component(""), "version: v1\n", "version: v2\n", 1)},

	{"redis-name-unknown", "Redis ignores names that it does not know", component("  - name: poolsSize\n    value: 5\n")},
	{"redis-redeliver-interval-duration", "only whole milliseconds are read", component("  - name: redeliverInterval\n    value: 60s\n")},
	{"redis-redeliver-interval-case", "read from the map by its exact name", component("  - name: redeliverinterval\n    value: 500\n")},
	{"redis-processing-timeout-duration", "a duration is understood here", component("  - name: processingTimeout\n    value: 5s\n")},
	{"redis-processing-timeout-bare", "60 is 60 milliseconds", component("  - name: processingTimeout\n    value: 60\n")},
	{"redis-processing-timeout-bad", "the component fails to start", component("  - name: processingTimeout\n    value: 1 minute\n")},
	{"redis-concurrency-bad", "RabbitMQ's value, which Redis cannot decode", component("  - name: concurrency\n    value: parallel\n")},
	{"redis-stream-ttl-days", "the example in Dapr's own metadata.yaml does not decode", component("  - name: streamTTL\n    value: 30d\n")},
	{"redis-enable-tls-yes", "yes is true in YAML 1.1", component("  - name: enableTLS\n    value: yes\n")},
	{"redis-secret-not-printed", "a value that may be a secret is in no message", component("  - name: redispassword\n    value: hunter2\n  - name: redisPassword\n    value: hunter2\n  - name: passwd\n    value: hunter2\n")},
	{"consumer-id-case", "daprd reads consumerID exactly and falls back to the app id", component("  - name: consumerId\n    value: group\n")},
	{"pod-name", "only Kubernetes sets it", component("  - name: consumerID\n    value: \"{podName}\"\n")},
	{"shell-variable", "daprd expands variables in Configuration only", component("  - name: redisUsername\n    value: ${REDIS_USER}\n")},
	{"env-ref-closed", "daprd keeps its own variables to itself", component("  - name: redisUsername\n    envRef: DAPR_USER\n")},
	{"env-ref-and-value", "the value wins", component("  - name: redisUsername\n    value: a\n    envRef: REDIS_USER\n")},
	{"pool-size", "a connection is busy for each topic", component("  - name: poolSize\n    value: 2\n") + "\n-- s.yaml --\n" + twoSubscriptions},

	{"subscription-v1-routes", "v1alpha1 has no routes", subscription("v1alpha1", "  routes:\n    default: /orders\n")},
	{"subscription-v2-route", "v2alpha1 has no route", subscription("v2alpha1", "  route: /orders\n")},
	{"subscription-metadata-dead-letter", "a dead letter topic that is none", subscription("v2alpha1", "  routes: {default: /orders}\n  metadata:\n    deadLetterTopic: orders.dead\n")},
	{"subscription-routes-dead-letter", "in the wrong place", subscription("v2alpha1", "  routes:\n    default: /orders\n    deadLetterTopic: orders.dead\n")},
	{"subscription-top-level-dead-letter", "in the wrong place", subscription("v1alpha1", "  route: /orders\ndeadLetterTopic: orders.dead\n")},
	{"subscription-dead-letter-misspelled", "unknown field", subscription("v1alpha1", "  route: /orders\n  deadLeterTopic: orders.dead\n")},
	{"subscription-pubsub-unknown", "daprd never starts it", strings.Replace(subscription("v1alpha1", "  route: /orders\n"), "pubsubname: pubsub", "pubsubname: pubsubs", 1)},
	{"subscription-without-pubsub", "it can receive nothing", strings.Replace(subscription("v1alpha1", "  route: /orders\n"), "  pubsubname: pubsub\n", "", 1)},
	{"subscription-without-topic", "it can receive nothing", strings.Replace(subscription("v1alpha1", "  route: /orders\n"), "  topic: orders\n", "", 1)},
	{"subscription-bulk-quoted", "a text is not a number", subscription("v1alpha1", "  route: /orders\n  bulkSubscribe: {enabled: true, maxMessagesCount: \"10\"}\n")},
	{"subscription-default-first", "a rule that matches everything hides the rest", subscription("v2alpha1", "  routes:\n    rules:\n    - path: /all\n    - match: event.type == \"a\"\n      path: /a\n")},
	{"subscription-same-topic", "the first one is used", component("") + "\n-- s.yaml --\n" + strings.ReplaceAll(twoSubscriptions, "topic: b", "topic: a")},
	{"subscription-same-topic-other-apps", "each app has one", component("") + "\n-- s.yaml --\n" + strings.NewReplacer("topic: b", "topic: a", "  route: /a\n", "  route: /a\nscopes: [a]\n", "  route: /b\n", "  route: /b\nscopes: [b]\n").Replace(twoSubscriptions)},
	{"redis-redeliver-interval-small", "15 was meant as seconds, like the default", component("  - name: redeliverInterval\n    value: 15\n")},
	{"subscription-same-name", "the last one is kept", component("") + "\n-- s.yaml --\n" + strings.ReplaceAll(twoSubscriptions, "name: b", "name: a")},
	{"subscription-outside-scopes", "the app does not see the pubsub", component("scopes: [orders]\n") + "\n-- s.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata: {name: s}\nspec: {pubsubname: pubsub, topic: t, route: /t}\nscopes: [payments]\n"},

	{"resiliency-second-document", "daprd reads the first document of a file", component("---\napiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\n")},
	{"resiliency-retry-undefined", "tried once, without a word", resiliency("  policies:\n    retries:\n      fast: {maxRetries: 3}\n  targets:\n    components:\n      pubsub: {inbound: {retry: fats}}\n")},
	{"resiliency-breaker-undefined", "daprd panics", resiliency("  targets:\n    components:\n      pubsub: {inbound: {circuitBreaker: cb}}\n")},
	{"resiliency-target-undefined", "policies of a component that is not there", resiliency("  policies:\n    timeouts: {t: 5s}\n  targets:\n    components:\n      pubsup: {inbound: {timeout: t}}\n")},
	{"resiliency-unused", "a policy without a target", resiliency("  policies:\n    timeouts: {t: 5s}\n    retries:\n      DefaultRetryPolicy: {maxRetries: 1}\n")},
	{"resiliency-duration-bad", "the policy is dropped", resiliency("  policies:\n    timeouts: {DefaultTimeoutPolicy: 5 seconds}\n")},
	{"resiliency-duration-iso", "ISO 8601 is not understood here", resiliency("  policies:\n    timeouts: {DefaultTimeoutPolicy: PT5S}\n")},
	{"resiliency-duration-bare", "5 is 5 milliseconds", resiliency("  policies:\n    timeouts: {DefaultTimeoutPolicy: 5}\n")},
	{"resiliency-timeout-empty", "an empty duration does not parse", resiliency("  policies:\n    timeouts: {DefaultTimeoutPolicy: \"\"}\n")},
	{"resiliency-policy-unknown", "constant or exponential", resiliency("  policies:\n    retries:\n      DefaultRetryPolicy: {policy: linear}\n")},
	{"resiliency-exponential-duration", "the first wait cannot be set", resiliency("  policies:\n    retries:\n      DefaultRetryPolicy: {policy: exponential, duration: 1s}\n")},
	{"resiliency-constant-max-interval", "nothing grows", resiliency("  policies:\n    retries:\n      DefaultRetryPolicy: {policy: constant, maxInterval: 1s}\n")},
	{"resiliency-max-retries-quoted", "a text is not a number", resiliency("  policies:\n    retries:\n      DefaultRetryPolicy: {maxRetries: \"3\"}\n")},
	{"resiliency-max-retries-misplaced", "a field of the policy, not of the target", resiliency("  targets:\n    components:\n      pubsub: {inbound: {maxRetries: 3}}\n")},
	{"resiliency-codes-bad", "spaces are not understood", resiliency("  policies:\n    retries:\n      DefaultRetryPolicy: {matching: {httpStatusCodes: \"429, 500-599\", gRPCStatusCodes: \"17\"}}\n")},
	{"resiliency-built-in", "fewer than three are three", resiliency("  policies:\n    retries:\n      DaprBuiltInInitializationRetries: {maxRetries: 1}\n")},
	{"configuration-field-unknown", "daprd ignores it", "-- config.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\nspec:\n  tracng: {}\n"},
	{"alias-bomb", "aliases that stand for very much", "-- a.yaml --\na: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"},
}

const twoSubscriptions = `apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata:
  name: a
spec:
  pubsubname: pubsub
  topic: a
  route: /a
---
apiVersion: dapr.io/v1alpha1
kind: Subscription
metadata:
  name: b
spec:
  pubsubname: pubsub
  topic: b
  route: /b
`

func TestLoadTells(t *testing.T) {
	seen := map[string]bool{}
	for _, in := range inputs {
		t.Run(in.name, func(t *testing.T) {
			if in.reason == "" || seen[in.name] {
				t.Fatalf("input %q needs a reason and a name of its own", in.name)
			}
			seen[in.name] = true
			s, err := resources.Load(root(in.files))
			got := told(s, err)
			if strings.Contains(got, "hunter2") {
				t.Errorf("a secret is printed:\n%s", got)
			}
			golden(t, "load/"+in.name+".txt", got)
		})
	}
}

func TestLoadJoinsAllErrors(t *testing.T) {
	_, err := resources.Load(
		root("-- a.yaml --\nkind: [\n\n-- b.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: x}\n"),
		root("-- c.yaml --\n{{ x }}\n"))
	if err == nil {
		t.Fatal("no error")
	}
	for _, place := range []string{"a.yaml:", "b.yaml:2: ", "c.yaml:1: "} {
		if !strings.Contains(err.Error(), place) {
			t.Errorf("no error at %s in:\n%v", place, err)
		}
	}
}

func TestLoadMissingDirectory(t *testing.T) {
	_, err := resources.Load(missing{})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "read resources directory") {
		t.Errorf("got %v", err)
	}
}

type missing struct{}

func (missing) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
