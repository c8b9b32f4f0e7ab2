package resources

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	positions "go.yaml.in/yaml/v3"

	"github.com/eventproof/eventproof/contract"
)

// Substitution is what a world changes in a team's resources to run them on a
// Redis of its own. The zero value still turns other brokers into Redis and
// drops secrets, TLS and authentication.
type Substitution struct {
	// RedisHost is the address of the world's Redis, host:port. Where it is "",
	// as for a fake that has no Redis, nothing about the connection is written:
	// neither address nor PoolSize nor a database.
	RedisHost string
	// RedisDB is the logical database of every component that RedisDBs does not
	// name.
	RedisDB  int
	RedisDBs map[string]int // by the component's name
	// PoolSize is the least number of connections, 0 for no change; a larger
	// poolSize is kept. See the function PoolSize.
	PoolSize int

	// The clocks of redelivery, in whole milliseconds; 0 for no change.
	ProcessingTimeout time.Duration
	RedeliverInterval time.Duration
	// RetryScale multiplies duration and maxInterval of every retry policy;
	// 0 and 1 for no change. An exponential policy's first wait, 500 ms, is
	// fixed in daprd.
	RetryScale float64

	// StatesInMemory turns every state store into state.in-memory, for a fake
	// that has no other.
	StatesInMemory bool

	// PubSubs must exist: one that no Component defines becomes Redis.
	PubSubs []string
}

// database is the logical database of a component.
func (sub Substitution) database(component string) int {
	if db, ok := sub.RedisDBs[component]; ok {
		return db
	}
	return sub.RedisDB
}

// Substitute writes the resources of s out again with the substitutions, as the
// files of one resources directory, by name. Documents that nothing is changed
// in are byte for byte as they were; others keep everything that is not listed,
// unknown fields and comments included, and mean the same to daprd, though
// their indentation may change. What a later root overrides is left out. With
// several roots each file's name begins with the index of its root, so that
// daprd, which sorts by name, reads them in the order of the roots.
//
// listed has one line for each change, in the order of the files: place, name,
// old and new value. Values that may be secrets are masked.
//
// s is what Load returned, not what one app sees of it.
//
// Besides pubsub components, those of a type of Redis (state.redis,
// lock.redis, …) get its address. Components of other types stay as they are, but
// for state stores where StatesInMemory says otherwise.
func Substitute(s *Set, sub Substitution) (files map[string][]byte, listed []string) {
	files = map[string][]byte{}
	if s == nil {
		s = &Set{}
	}
	several := slices.ContainsFunc(s.Files, func(f File) bool { return f.Root > 0 })
	for i := range s.Files {
		f := &s.Files[i]
		name := f.Path
		if several {
			name = fmt.Sprintf("%03d-%s", f.Root, f.Path)
		}
		data, some := s.rewriteFile(f, sub, &listed)
		if some {
			files[name] = data
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(sub.PubSubs))) {
		if _, ok := s.PubSub(name); ok {
			continue
		}
		place := contract.Place{}
		for _, subscription := range s.Subscriptions {
			if subscription.PubSub == name {
				place = subscription.Place
				break
			}
		}
		file := "zz-eventproof-" + fileName(name) + ".yaml"
		for files[file] != nil {
			file = "zz-" + file
		}
		c := &change{place: place, listed: &listed}
		c.add("%s: type none (no Component defines it) -> pubsub.redis", name)
		files[file] = newPubSub(name, sub, c)
	}
	return files, listed
}

// fileName is a name without what a file name may not hold.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
}

// change collects the lines of what is changed in a document.
type change struct {
	place  contract.Place
	listed *[]string
	count  int
}

func (c *change) add(format string, args ...any) { c.addAt(c.place, format, args...) }

func (c *change) addAt(at contract.Place, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if p := at.String(); p != "" {
		line = p + ": " + line
	}
	*c.listed = append(*c.listed, line)
	c.count++
}

// rewriteFile is the file with its substitutions. some is false where no
// document of it is left.
func (s *Set) rewriteFile(f *File, sub Substitution, listed *[]string) (data []byte, some bool) {
	type part struct {
		text     []byte
		document *document
	}
	var parts []part
	dropped, changed := false, false
	for _, d := range f.documents {
		if d.overridden {
			dropped = true
			continue
		}
		c := &change{place: d.place("kind"), listed: listed}
		text := s.rewriteDocument(d, sub, c)
		if c.count > 0 {
			changed = true
		}
		parts = append(parts, part{text, d})
	}
	if !dropped && !changed {
		return f.Data, true
	}
	var out bytes.Buffer
	for _, p := range parts {
		if dropped && p.document.unread {
			continue // it could be the first document now, and be read
		}
		if len(bytes.TrimSpace(p.text)) == 0 {
			continue
		}
		if out.Len() > 0 {
			out.WriteString("---\n")
		}
		out.Write(p.text)
		if !bytes.HasSuffix(p.text, []byte("\n")) {
			out.WriteByte('\n')
		}
	}
	return out.Bytes(), out.Len() > 0
}

// rewriteDocument is the text of the document, with its substitutions where it
// has any.
func (s *Set) rewriteDocument(d *document, sub Substitution, c *change) []byte {
	if d.node == nil {
		return d.data // comments only
	}
	root, tree := d.expanded()
	for i := range s.Components {
		if s.Components[i].doc == d {
			substituteComponent(&s.Components[i], root, sub, c)
		}
	}
	for i := range s.Resiliencies {
		if s.Resiliencies[i].doc == d {
			scaleRetries(&s.Resiliencies[i], root, sub, c)
		}
	}
	if c.count == 0 {
		return d.data
	}
	var out bytes.Buffer
	encoder := positions.NewEncoder(&out)
	encoder.SetIndent(2)
	_ = encoder.Encode(tree) // of a tree that was parsed, into memory
	return out.Bytes()
}

// Metadata of authentication, TLS and topology: the world's Redis has none.
var connectionMetadata = append([]string{
	"redisPassword", "redisUsername", "sentinelUsername", "sentinelPassword", "sentinelMasterName",
	"failover", "redisType", "enableTLS", "clientCert", "clientKey", "useEntraID",
}, entraMetadata...)

// Metadata that daprd itself reads of any state store.
// Source: D16 pkg/components/state/state_config.go, pkg/runtime/processor/state,
// pkg/runtime/pubsub/outbox.go, pkg/encryption/encryption.go.
var stateMetadata = []string{"keyPrefix", "actorStateStore", "outboxPublishPubsub", "outboxPublishTopic", "outboxPubsub",
	"outboxDiscardWhenMissingState", "primaryEncryptionKey", "secondaryEncryptionKey"}

func substituteComponent(in *Component, root *positions.Node, sub Substitution, c *change) {
	category, product, _ := strings.Cut(in.Type, ".")
	redis := strings.EqualFold(product, "redis") || strings.HasPrefix(strings.ToLower(product), "redis.")
	store := sub.StatesInMemory && category == "state" && !strings.EqualFold(product, "in-memory")
	if !in.IsPubSub() && !redis && !store {
		return
	}
	_, spec := child(root, "spec")
	if spec == nil {
		return
	}
	items := metadataItems(spec)
	e := &metadataEdit{in: in, items: items, change: c}
	if in.IsPubSub() && !in.IsRedis() {
		c.addAt(in.doc.place("spec", "type"), "%s: type %s -> pubsub.redis", in.Name, in.Type)
		setField(spec, "type", "pubsub.redis")
		if !strings.EqualFold(in.Version, "v1") {
			setField(spec, "version", "v1")
		}
		if strings.EqualFold(in.Type, "pubsub.kafka") {
			if group, ok := in.Value("consumerGroup"); ok && group != "" {
				e.set("consumerID", group, in.Place)
			}
		}
		kept := append([]string{"consumerID"}, pubsubMetadata...)
		e.drop("metadata of "+in.Type, func(m MetadataItem) bool {
			return !slices.ContainsFunc(kept, func(k string) bool { return strings.EqualFold(k, m.Name) })
		})
	}
	if store {
		c.addAt(in.doc.place("spec", "type"), "%s: type %s -> state.in-memory", in.Name, in.Type)
		setField(spec, "type", "state.in-memory")
		setField(spec, "version", "v1")
		e.drop("metadata of "+in.Type, func(m MetadataItem) bool {
			return !slices.ContainsFunc(stateMetadata, func(k string) bool { return strings.EqualFold(k, m.Name) })
		})
		return
	}
	e.drop("connection", func(m MetadataItem) bool {
		return slices.ContainsFunc(connectionMetadata, func(k string) bool { return strings.EqualFold(k, m.Name) })
	})
	if sub.RedisHost != "" {
		e.set("redisHost", sub.RedisHost, in.Place)
		db := sub.database(in.Name)
		if _, given := in.item("redisDB"); given || db != 0 {
			e.set("redisDB", strconv.Itoa(db), in.Place)
		}
		if have := in.Redis().PoolSize; in.IsPubSub() && sub.PoolSize > have {
			e.set("poolSize", strconv.Itoa(sub.PoolSize), in.Place)
		}
	}
	e.drop("reference", func(m MetadataItem) bool {
		return (m.SecretRef.Name != "" || m.EnvRef != "") && (sub.RedisHost != "" || !strings.EqualFold(m.Name, "redisHost"))
	})
	if in.IsPubSub() {
		setClock := func(name string, d time.Duration) {
			if d > 0 {
				e.set(name, strconv.FormatInt(max(1, d.Milliseconds()), 10), in.Place)
			}
		}
		setClock("processingTimeout", sub.ProcessingTimeout)
		setClock("redeliverInterval", sub.RedeliverInterval)
	}
	if in.SecretStore != "" {
		c.addAt(in.doc.place("auth"), "%s: auth.secretStore %s -> none", in.Name, in.SecretStore)
		removeField(root, "auth")
	}
}

// metadataItems is the spec.metadata list, made where there is none.
func metadataItems(spec *positions.Node) *positions.Node {
	if _, items := child(spec, "metadata"); items != nil && items.Kind == positions.SequenceNode {
		return items
	}
	removeField(spec, "metadata")
	items := &positions.Node{Kind: positions.SequenceNode, Tag: "!!seq"}
	spec.Content = append(spec.Content, scalarNode("metadata", 0), items)
	return items
}

// metadataEdit changes a list of metadata items.
type metadataEdit struct {
	in     *Component
	items  *positions.Node
	change *change
}

func itemName(item *positions.Node) string {
	if _, name := child(item, "name"); name != nil {
		return name.Value
	}
	return ""
}

// set gives an item a literal value, and lists it where it had another one.
func (e *metadataEdit) set(name, value string, at contract.Place) {
	old := "none"
	had, ok := e.in.item(name)
	if ok {
		at = had.Place
		switch {
		case had.SecretRef.Name != "":
			old = "secretKeyRef"
		case had.EnvRef != "":
			old = "envRef " + had.EnvRef
		default:
			old = masked(name, had.Value)
		}
		if old == masked(name, value) && had.Name == name {
			return
		}
	}
	e.change.addAt(at, "%s: %s %s -> %s", e.in.Name, name, old, masked(name, value))
	e.items.Content = slices.DeleteFunc(e.items.Content, func(item *positions.Node) bool { return strings.EqualFold(itemName(item), name) })
	e.items.Content = append(e.items.Content, &positions.Node{Kind: positions.MappingNode, Tag: "!!map", Content: []*positions.Node{
		scalarNode("name", 0), scalarNode(name, 0), scalarNode("value", 0), scalarNode(value, positions.DoubleQuotedStyle),
	}})
}

// drop removes the items that match, and lists them.
func (e *metadataEdit) drop(why string, match func(MetadataItem) bool) {
	for _, m := range e.in.Metadata {
		if !match(m) || !slices.ContainsFunc(e.items.Content, func(item *positions.Node) bool {
			return itemName(item) == m.Name && isReference(item) == (m.SecretRef.Name != "" || m.EnvRef != "")
		}) {
			continue
		}
		old := masked(m.Name, m.Value)
		switch {
		case m.SecretRef.Name != "":
			old = "secretKeyRef"
		case m.EnvRef != "":
			old = "envRef " + m.EnvRef
		}
		e.change.addAt(m.Place, "%s: %s %s -> none (%s)", e.in.Name, m.Name, old, why)
		e.items.Content = slices.DeleteFunc(e.items.Content, func(item *positions.Node) bool { return itemName(item) == m.Name })
	}
}

func isReference(item *positions.Node) bool {
	if _, ref := child(item, "secretKeyRef"); ref != nil {
		return true
	}
	_, ref := child(item, "envRef")
	return ref != nil
}

func scaleRetries(in *Resiliency, root *positions.Node, sub Substitution, c *change) {
	if sub.RetryScale == 0 || sub.RetryScale == 1 {
		return
	}
	_, spec := child(root, "spec")
	if spec == nil {
		return
	}
	_, policies := child(spec, "policies")
	if policies == nil {
		return
	}
	_, retries := child(policies, "retries")
	if retries == nil {
		return
	}
	for _, name := range sorted(in.Retries) {
		r := in.Retries[name]
		_, fields := child(retries, name)
		if fields == nil || fields.Kind != positions.MappingNode {
			continue
		}
		field, old := "duration", r.Duration
		if r.Policy == PolicyExponential {
			field, old = "maxInterval", r.MaxInterval
		}
		scaled := scale(old, sub.RetryScale)
		if scaled == old {
			continue
		}
		c.addAt(in.doc.place("spec", "policies", "retries", name, field), "retry %s: %s %s -> %s", name, field, old, scaled)
		setField(fields, field, scaled.String())
	}
}

// scale is the duration times a factor, in whole milliseconds, at least one.
func scale(d time.Duration, by float64) time.Duration {
	if d <= 0 {
		return d
	}
	f := float64(d) * by
	if !(f < float64(math.MaxInt64)) {
		return d
	}
	return max(time.Millisecond, time.Duration(f).Round(time.Millisecond))
}

// newPubSub is a Component for a pubsub that is defined nowhere.
func newPubSub(name string, sub Substitution, c *change) []byte {
	var items []*positions.Node
	set := func(item, value string) {
		c.add("%s: %s none -> %s", name, item, masked(item, value))
		items = append(items, mapping("name", scalarNode(item, 0), "value", scalarNode(value, positions.DoubleQuotedStyle)))
	}
	if sub.RedisHost != "" {
		set("redisHost", sub.RedisHost)
		if db := sub.database(name); db != 0 {
			set("redisDB", strconv.Itoa(db))
		}
		if sub.PoolSize > 0 {
			set("poolSize", strconv.Itoa(sub.PoolSize))
		}
	}
	if sub.ProcessingTimeout > 0 {
		set("processingTimeout", strconv.FormatInt(max(1, sub.ProcessingTimeout.Milliseconds()), 10))
	}
	if sub.RedeliverInterval > 0 {
		set("redeliverInterval", strconv.FormatInt(max(1, sub.RedeliverInterval.Milliseconds()), 10))
	}
	tree := mapping(
		"apiVersion", scalarNode("dapr.io/v1alpha1", 0),
		"kind", scalarNode("Component", 0),
		"metadata", mapping("name", scalarNode(name, positions.DoubleQuotedStyle)),
		"spec", mapping(
			"type", scalarNode("pubsub.redis", 0),
			"version", scalarNode("v1", 0),
			"metadata", &positions.Node{Kind: positions.SequenceNode, Tag: "!!seq", Content: items}),
	)
	var out bytes.Buffer
	encoder := positions.NewEncoder(&out)
	encoder.SetIndent(2)
	_ = encoder.Encode(tree) // of nodes that are all ours, into memory
	return out.Bytes()
}

func mapping(pairs ...any) *positions.Node {
	n := &positions.Node{Kind: positions.MappingNode, Tag: "!!map"}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.Content = append(n.Content, scalarNode(pairs[i].(string), 0), pairs[i+1].(*positions.Node))
	}
	return n
}

func scalarNode(value string, style positions.Style) *positions.Node {
	return &positions.Node{Kind: positions.ScalarNode, Tag: "!!str", Value: value, Style: style}
}

// setField sets a text field of a mapping.
func setField(n *positions.Node, name, value string) {
	if key, old := child(n, name); key != nil && n.Kind == positions.MappingNode {
		*old = positions.Node{Kind: positions.ScalarNode, Tag: "!!str", Value: value, LineComment: old.LineComment, FootComment: old.FootComment, HeadComment: old.HeadComment}
		return
	}
	n.Content = append(n.Content, scalarNode(name, 0), scalarNode(value, 0))
}

func removeField(n *positions.Node, name string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if strings.EqualFold(n.Content[i].Value, name) {
			n.Content = slices.Delete(n.Content, i, i+2)
			i -= 2
		}
	}
}
