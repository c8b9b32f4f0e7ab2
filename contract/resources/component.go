package resources

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract"
)

// Component is a Dapr Component: a broker, a store, a binding, … Components of
// every type are kept; only those of type pubsub.redis are checked in detail.
type Component struct {
	Name      string
	Namespace string // daprd in standalone mode ignores it
	Type      string // "pubsub.redis"
	Version   string // "v1"; "" is the first one too
	Scopes    []string
	Metadata  []MetadataItem

	// IgnoreErrors: daprd starts also where the component does not.
	IgnoreErrors bool
	// InitTimeout is how long daprd waits for the component, default 5 s.
	InitTimeout time.Duration
	// SecretStore is the component that secretKeyRef looks in (auth.secretStore).
	SecretStore string

	Place contract.Place // of its kind: line

	doc *document
}

// MetadataItem is one name and value of spec.metadata. The value is given
// literally, or by reference to an environment variable or to a secret.
type MetadataItem struct {
	Name string
	// Value is the text that daprd hands to the component: numbers and booleans
	// are texts too, and yes is "true". "" where the value is given by reference.
	Value     string
	SecretRef SecretRef
	EnvRef    string         // an environment variable of daprd's
	Place     contract.Place // of its name: line
}

// SecretRef is a secretKeyRef: a key of a secret. The secret itself is never
// read.
type SecretRef struct{ Name, Key string }

// String is "name: value"; a value that may be a secret is masked.
func (m MetadataItem) String() string {
	switch {
	case m.SecretRef.Name != "":
		return fmt.Sprintf("%s: secretKeyRef %s/%s", m.Name, m.SecretRef.Name, m.SecretRef.Key)
	case m.EnvRef != "":
		return fmt.Sprintf("%s: envRef %s", m.Name, m.EnvRef)
	}
	return fmt.Sprintf("%s: %s", m.Name, masked(m.Name, m.Value))
}

// GoString is String, so that %#v masks secrets too.
func (m MetadataItem) GoString() string { return "{" + m.String() + "}" }

var (
	secretName = regexp.MustCompile(`(?i)pass|secret|token|credential|connectionstring|cert|sas|auth|key$`)
	userInfo   = regexp.MustCompile(`//[^/@\s]*@`)
)

// masked is the value as it may be printed.
func masked(name, value string) string {
	if value == "" {
		return `""`
	}
	if len(value) > 100 || strings.Contains(value, "\n") {
		return "(masked)" // a certificate, or a file with credentials
	}
	if secretName.MatchString(name) && value != "true" && value != "false" {
		return "(masked)"
	}
	return strconv.Quote(userInfo.ReplaceAllString(value, "//(masked)@"))
}

// IsPubSub says whether the type begins with "pubsub.".
func (c Component) IsPubSub() bool { return strings.HasPrefix(c.Type, "pubsub.") }

// IsRedis says whether the component is Redis Streams pub/sub.
func (c Component) IsRedis() bool { return strings.EqualFold(c.Type, "pubsub.redis") }

// Value is the literal value of a metadata item. The name is compared as
// Dapr's decoding of metadata does: the exact name wins, else any that differs
// in case only; of several the last. False where there is none, or where it is
// given by reference.
//
// Two names are read by daprd itself and exactly as written: see ConsumerID and
// [RedisSettings].
//
// Source: kit config/decode.go, mitchellh/mapstructure decodeStructFromMap.
func (c Component) Value(name string) (string, bool) {
	item, ok := c.item(name)
	if !ok || item.SecretRef.Name != "" || item.EnvRef != "" {
		return "", false
	}
	return item.Value, true
}

func (c Component) item(name string) (MetadataItem, bool) {
	for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		for _, m := range slices.Backward(c.Metadata) {
			if same(m.Name, name) {
				return m, true
			}
		}
	}
	return MetadataItem{}, false
}

// exact is the value of an item whose name daprd reads exactly as written.
func (c Component) exact(name string) (string, bool) {
	for _, m := range slices.Backward(c.Metadata) {
		if m.Name == name && m.SecretRef.Name == "" && m.EnvRef == "" {
			return m.Value, true
		}
	}
	return "", false
}

// ConsumerID is the app's consumer group: the metadata item consumerID, in
// exactly this spelling, else the app's id. Apps with the same consumer id
// share their messages.
//
// Source: D16 pkg/runtime/processor/pubsub/pubsub.go:79-83. Kafka's
// consumerGroup comes before it (C16 common/component/kafka/metadata.go).
func (c Component) ConsumerID(app string) string {
	if strings.EqualFold(c.Type, "pubsub.kafka") {
		if group, ok := c.Value("consumerGroup"); ok && group != "" {
			return placeholders(group, app)
		}
	}
	if id, _ := c.exact("consumerID"); strings.TrimSpace(id) != "" {
		return placeholders(strings.TrimSpace(id), app)
	}
	return app
}

// MayPublish says whether the app may publish to the topic: by allowedTopics,
// protectedTopics and publishingScopes.
//
// Source: D16 pkg/runtime/pubsub/adapter.go IsOperationAllowed, pkg/scopes.
func (c Component) MayPublish(app, topic string) bool {
	return c.mayUse("publishingScopes", app, topic)
}

// MaySubscribe says whether the app may subscribe to the topic: by
// allowedTopics, protectedTopics and subscriptionScopes.
func (c Component) MaySubscribe(app, topic string) bool {
	return c.mayUse("subscriptionScopes", app, topic)
}

func (c Component) mayUse(scopes, app, topic string) bool {
	if allowed := c.topics("allowedTopics"); len(allowed) > 0 && !slices.Contains(allowed, topic) {
		return false
	}
	var scoped []string
	text, _ := c.Value(scopes)
	for _, part := range strings.Split(strings.ReplaceAll(text, " ", ""), ";") {
		// As in daprd, what follows a second "=" is lost.
		if of := strings.Split(part, "="); len(of) >= 2 && of[0] == app {
			scoped = append(scoped, strings.Split(of[1], ",")...)
		}
	}
	if len(scoped) == 0 && !slices.Contains(c.topics("protectedTopics"), topic) {
		return true
	}
	return slices.Contains(scoped, topic)
}

func (c Component) topics(name string) []string {
	text, _ := c.Value(name)
	if text = strings.ReplaceAll(text, " ", ""); text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// fill is the component with the app's placeholders filled in.
func (c Component) fill(app string) Component {
	c.Metadata = slices.Clone(c.Metadata)
	for i := range c.Metadata {
		c.Metadata[i].Value = placeholders(c.Metadata[i].Value, app)
	}
	return c
}

func placeholders(text, app string) string {
	text = strings.ReplaceAll(text, "{namespace}", "default."+app)
	return strings.ReplaceAll(text, "{appID}", app)
}

// componentYAML is the shape that daprd decodes, with its field names.
// Source: D16 pkg/apis/components/v1alpha1/types.go, pkg/apis/common.
type componentYAML struct {
	header
	Spec struct {
		Type         string `json:"type"`
		Version      string `json:"version"`
		IgnoreErrors bool   `json:"ignoreErrors"`
		InitTimeout  string `json:"initTimeout"`
		Metadata     []struct {
			Name         string       `json:"name"`
			Value        dynamicValue `json:"value"`
			SecretKeyRef struct {
				Name string `json:"name"`
				Key  string `json:"key"`
			} `json:"secretKeyRef"`
			EnvRef string `json:"envRef"`
		} `json:"metadata"`
	} `json:"spec"`
	Auth struct {
		SecretStore string `json:"secretStore"`
	} `json:"auth"`
	Scopes []string `json:"scopes"`
}

var componentShape = resourceShape(object{
	"type":         text,
	"version":      text,
	"ignoreErrors": boolean,
	"initTimeout":  text,
	"metadata": list{object{
		"name":         text,
		"value":        anything,
		"secretKeyRef": object{"name": text, "key": text},
		"envRef":       text,
	}},
}, object{"auth": object{"secretStore": text}})

// dynamicValue is any JSON value, given to a component as text.
// Source: D16 pkg/apis/common/namevalue.go DynamicValue.String.
type dynamicValue struct{ raw string }

func (d *dynamicValue) UnmarshalJSON(data []byte) error {
	if string(data) != "null" {
		d.raw = string(data)
	}
	return nil
}

func (d dynamicValue) String() string {
	var s string
	if len(d.raw) > 0 && d.raw[0] == '"' && json.Unmarshal([]byte(d.raw), &s) == nil {
		return s
	}
	return d.raw
}

// The categories whose components daprd can load.
// Source: D16 pkg/components/category.go.
var componentCategories = []string{
	"bindings", "configuration", "conversation", "crypto", "lock", "middleware",
	"nameresolution", "pubsub", "secretstores", "state", "workflow", "workflowbackend",
}

func (l *loader) component(d *document) {
	var in componentYAML
	if !l.decode(d, componentShape, &in) {
		return
	}
	c := Component{
		Name: in.Metadata.Name, Namespace: in.Metadata.Namespace,
		Type: in.Spec.Type, Version: in.Spec.Version, Scopes: in.Scopes,
		IgnoreErrors: in.Spec.IgnoreErrors, InitTimeout: 5 * time.Second, SecretStore: in.Auth.SecretStore,
		Place: d.place("kind"), doc: d,
	}
	if c.Name == "" {
		l.warn(RuleNotRead, c.Place, "Component without metadata.name: daprd skips it; write metadata.name")
		return
	}
	if in.Spec.InitTimeout != "" {
		if timeout, err := time.ParseDuration(in.Spec.InitTimeout); err == nil {
			c.InitTimeout = timeout
		} else {
			l.warn(RuleIgnored, d.place("spec", "initTimeout"), "initTimeout: %q is not a duration with a unit: daprd takes its default, 5s; write 5s or 1m", in.Spec.InitTimeout)
		}
	}
	for i, m := range in.Spec.Metadata {
		c.Metadata = append(c.Metadata, MetadataItem{
			Name: m.Name, Value: m.Value.String(), EnvRef: m.EnvRef,
			SecretRef: SecretRef{Name: m.SecretKeyRef.Name, Key: m.SecretKeyRef.Key},
			Place:     d.place("spec", "metadata", strconv.Itoa(i), "name"),
		})
		if m.Value.raw != "" && m.EnvRef != "" {
			// Source: D16 pkg/runtime/processor/secret/secret.go:119.
			l.warn(RuleIgnored, d.place("spec", "metadata", strconv.Itoa(i), "envRef"), "envRef of %q: daprd reads no variable where a value is given; remove one of the two", m.Name)
			c.Metadata[i].EnvRef = ""
		}
	}
	l.checkMetadata(&c)
	category, product, dotted := strings.Cut(c.Type, ".")
	switch {
	case c.Type == "":
		l.fail(c.Place, "Component %q has no spec.type: daprd refuses to start (incorrect type); write spec.type, such as pubsub.redis", c.Name)
	case !dotted || !slices.Contains(componentCategories, category):
		l.fail(d.place("spec", "type"), "type %q: daprd refuses to start (incorrect type); write a type that begins with one of %s%s",
			c.Type, strings.Join(componentCategories, ".*, ")+".*", didYouMean(category, componentCategories, "."+product))
	case c.IsRedis():
		l.checkRedis(&c)
	}
	l.components = append(l.components, c)
}

var shellVariable = regexp.MustCompile(`\$\{?[A-Za-z_][A-Za-z0-9_]*\}?`)

// checkMetadata warns of what daprd itself, not the component, does with
// metadata.
func (l *loader) checkMetadata(c *Component) {
	seen := map[string]MetadataItem{}
	for _, m := range c.Metadata {
		if m.Name == "" {
			l.warn(RuleIgnored, m.Place, "metadata item without a name: no component reads it; write name")
			continue
		}
		lower := strings.ToLower(m.Name)
		if before, ok := seen[lower]; ok {
			if before.Name == m.Name {
				l.warn(RuleDuplicate, m.Place, "metadata %q is given twice (first at line %d): daprd takes this one; remove one of the two", m.Name, before.Place.Line)
			} else {
				l.warn(RuleDuplicate, m.Place, "metadata %q and %q (line %d) differ in case only: which of the two daprd takes is not defined; remove one", m.Name, before.Name, before.Place.Line)
			}
		}
		seen[lower] = m
		if strings.EqualFold(m.Name, "consumerID") && m.Name != "consumerID" && c.IsPubSub() {
			l.warn(RuleIgnored, m.Place, "metadata %q: daprd reads the consumer group by the exact name consumerID, and so takes the app's id; write consumerID", m.Name)
		}
		if strings.Contains(m.Value, "{podName}") {
			l.warn(RuleIgnored, m.Place, "metadata %q: daprd refuses {podName} where POD_NAME is not set, that is outside Kubernetes; use {appID} or {uuid}", m.Name)
		}
		if found := shellVariable.FindString(m.Value); strings.HasPrefix(found, "${") && strings.HasSuffix(found, "}") {
			l.warn(RuleNotExpanded, m.Place, "metadata %q: daprd does not expand %s, it is part of the value; write envRef: %s instead of value", m.Name, found, strings.Trim(found, "${}"))
		}
		if env := strings.ToUpper(m.EnvRef); m.EnvRef != "" && (env == "APP_API_TOKEN" || strings.HasPrefix(env, "DAPR_") || strings.Contains(env, " ")) {
			// Source: D16 pkg/runtime/processor/secret/secret.go isEnvVarAllowed.
			l.warn(RuleIgnored, m.Place, "metadata %q: daprd does not read the variable %s (APP_API_TOKEN and DAPR_* are closed to components); use another name", m.Name, m.EnvRef)
		}
	}
}
