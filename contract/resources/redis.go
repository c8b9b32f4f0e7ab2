package resources

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// RedisSettings are what the Redis Streams component makes of its metadata.
// Values given by reference are unknown here, and count as not given.
//
// Source: C16 common/component/redis/{settings,redis}.go.
type RedisSettings struct {
	// ProcessingTimeout is how long a message is pending before it may be
	// delivered again: milliseconds or a duration; default 60 s. 0 here or in
	// RedeliverInterval: never.
	ProcessingTimeout time.Duration
	// RedeliverInterval is how often pending messages are looked for: only
	// whole milliseconds, under exactly this name; all else is ignored; default
	// 15 s.
	RedeliverInterval time.Duration
	QueueDepth        int // read at once; default 100
	Concurrency       int // workers; default 10
	PoolSize          int // 0: go-redis' default, 10 for each CPU
}

// Redis is the settings of a pubsub component, read as Redis would. For another
// broker's component they are the defaults: its metadata means something else.
func (c Component) Redis() RedisSettings {
	s := RedisSettings{ProcessingTimeout: 60 * time.Second, RedeliverInterval: 15 * time.Second, QueueDepth: 100, Concurrency: 10}
	if !c.IsRedis() {
		return s
	}
	if text, ok := c.Value("processingTimeout"); ok {
		if d, _, err := parseDuration(text); err == nil {
			s.ProcessingTimeout = d
		}
	}
	if text, ok := c.exact("redeliverInterval"); ok {
		if ms, err := strconv.ParseUint(text, 10, 64); err == nil {
			s.RedeliverInterval = time.Duration(ms) * time.Millisecond //nolint:gosec // as daprd does
		}
	}
	for name, to := range map[string]*int{"queueDepth": &s.QueueDepth, "concurrency": &s.Concurrency, "poolSize": &s.PoolSize} {
		if text, ok := c.Value(name); ok {
			if n, err := strconv.Atoi(text); err == nil {
				*to = n
			}
		}
	}
	return s
}

// PoolSize is a Redis pool size that does not starve a daprd with so many
// subscribed topics: one connection is busy for each topic, another while it
// reclaims, and the rest is for publishing.
func PoolSize(topics int) int { return 2*topics + 10 }

// The metadata of Redis, by name, with the type that its text is decoded to.
var redisMetadata = map[string]string{
	"redisHost": "text", "redisPassword": "text", "redisUsername": "text",
	"sentinelUsername": "text", "sentinelPassword": "text", "sentinelMasterName": "text",
	"redisType": "text", "redisDB": "int", "redisMaxRetries": "int", "poolSize": "int", "minIdleConns": "int",
	"redisMinRetryInterval": "duration", "redisMaxRetryInterval": "duration", "dialTimeout": "duration",
	"readTimeout": "duration", "writeTimeout": "duration", "maxConnAge": "duration", "poolTimeout": "duration",
	"idleTimeout": "duration", "idleCheckFrequency": "duration", "failover": "bool", "enableTLS": "bool",
	"clientCert": "text", "clientKey": "text", "consumerID": "text", "redeliverInterval": "milliseconds",
	"processingTimeout": "duration", "queueDepth": "uint", "concurrency": "uint", "maxLenApprox": "int",
	"streamTTL": "duration", "useEntraID": "bool",
	// Decoded too, since state and pub/sub share their settings, and not used.
	"ttlInSeconds": "int", "queryIndexes": "text",
}

// Metadata that daprd itself reads of any pubsub.
// Source: D16 pkg/scopes/scopes.go.
var pubsubMetadata = []string{"subscriptionScopes", "publishingScopes", "allowedTopics", "protectedTopics"}

// Metadata of Redis' Microsoft Entra ID authentication.
// Source: C16 common/authentication/azure/metadata-properties.go.
var entraMetadata = []string{
	"azureCertificate", "spnCertificate", "azureCertificateFile", "spnCertificateFile", "azureCertificatePassword",
	"spnCertificatePassword", "azureClientId", "spnClientId", "clientId", "azureClientSecret", "spnClientSecret",
	"clientSecret", "azureTenantId", "spnTenantId", "tenantId", "azureEnvironment", "azureCloud",
	"azureAuthMethods", "azureADAuthMethods", "entraIDAuthMethods", "microsoftEntraIDAuthMethods",
}

// known is the name as Redis or daprd spells it.
func known(name string) (string, bool) {
	for _, names := range [][]string{sorted(redisMetadata), pubsubMetadata, entraMetadata} {
		for _, k := range names {
			if strings.EqualFold(k, name) {
				return k, true
			}
		}
	}
	return "", false
}

// checkRedis refuses metadata on which the component fails to start, and names
// what it ignores.
func (l *loader) checkRedis(c *Component) {
	if !slices.Contains([]string{"", "v0", "v1"}, strings.ToLower(c.Version)) {
		l.fail(c.doc.place("spec", "version"), "version %q: daprd refuses to start (couldn't find message bus); write version: v1", c.Version)
	}
	for _, m := range c.Metadata {
		if m.Name == "" {
			continue
		}
		name, ok := known(m.Name)
		if !ok {
			hint := didYouMean(m.Name, slices.Concat(sorted(redisMetadata), pubsubMetadata), "")
			if hint == "" {
				hint = "; remove it"
			}
			l.warn(RuleUnknownField, m.Place, "metadata %q: pubsub.redis does not know it and ignores it%s", m.Name, hint)
			continue
		}
		if m.SecretRef.Name != "" || m.EnvRef != "" || strings.Contains(m.Value, "{") {
			continue // its text is not known here
		}
		l.checkRedisValue(c, m, name)
	}
}

func (l *loader) checkRedisValue(c *Component, m MetadataItem, name string) {
	refuse := func(want string) {
		l.fail(m.Place, "metadata %q: %s: daprd refuses to start; write %s", m.Name, masked(m.Name, m.Value), want)
	}
	switch kind := redisMetadata[name]; kind {
	case "int", "uint":
		_, err := strconv.ParseInt(m.Value, 10, 64)
		if kind == "uint" {
			_, err = strconv.ParseUint(m.Value, 10, 64)
		}
		if err != nil {
			refuse("a whole number")
		}
	case "bool":
		if _, err := strconv.ParseBool(m.Value); err != nil {
			refuse("true or false")
		}
	case "duration":
		d, bare, err := parseDuration(m.Value)
		switch {
		case err != nil:
			refuse("a number with a unit of h, m, s or ms, such as 720h, or milliseconds as a number")
		case bare && d > 0 && d < 100*time.Millisecond && name == "processingTimeout":
			l.warn(RuleDuration, m.Place, "metadata %q: %s has no unit, Redis takes it as %s; write %ss if seconds were meant, else %sms", m.Name, m.Value, d, m.Value, m.Value)
		}
	case "milliseconds":
		if m.Name != name {
			l.warn(RuleIgnored, m.Place, "metadata %q: Redis reads it by the exact name %s, and so takes its default, 15s; write %s", m.Name, name, name)
			return
		}
		ms, err := strconv.ParseUint(m.Value, 10, 64)
		switch {
		case err != nil:
			instead := ""
			if d, err := time.ParseDuration(m.Value); err == nil && d >= 0 {
				instead = ", " + strconv.Quote(strconv.FormatInt(d.Milliseconds(), 10))
			}
			l.warn(RuleIgnored, m.Place, "metadata %q: Redis reads whole milliseconds only, ignores %s and takes its default, 15s; write the number of milliseconds%s", m.Name, strconv.Quote(m.Value), instead)
		case ms > 0 && ms < 100:
			l.warn(RuleDuration, m.Place, "metadata %q: %s is milliseconds; write %s000 if seconds were meant", m.Name, m.Value, m.Value)
		}
	}
}
