package resources

import (
	"strings"

	"github.com/eventproof/eventproof/contract"
)

// Set is what [Load] read: every resource that daprd would use, in the order
// in which daprd reads them (root, file name, document), and what daprd would
// pass over in silence.
//
// The zero Set, and a nil *Set, hold nothing and answer every question.
type Set struct {
	Components     []Component
	Subscriptions  []Subscription
	Resiliencies   []Resiliency
	Configurations []Configuration

	// Warnings names what daprd ignores without a word, or takes in another way
	// than it reads, in the order of the files.
	Warnings []Warning

	// Files are the originals, for [Substitute].
	Files []File
}

// File is a file as it was read. All YAML files of a root are kept, those
// without any Dapr resource too.
type File struct {
	Root int    // index of the root among Load's arguments
	Path string // within the root
	Data []byte

	name      string // as in contract.Place
	documents []*document
}

// Warning names something that daprd ignores, or reads in another way than its
// author meant, with what to write instead. It is not an error: daprd starts.
type Warning struct {
	Rule  string // one of the Rule constants
	Place contract.Place
	What  string // what was found, what daprd does with it, what to write instead
}

// The rule ids of warnings. They are stable.
const (
	RuleUnknownField  = "RESOURCE_UNKNOWN_FIELD"  // a field or a metadata name that daprd does not know
	RuleMisplaced     = "RESOURCE_MISPLACED"      // a field that daprd knows, where it does not look for it
	RuleIgnored       = "RESOURCE_IGNORED"        // a value that daprd does not understand and leaves out, or leaves out by rule
	RuleNotRead       = "RESOURCE_NOT_READ"       // a file or document of Dapr's that daprd never reads
	RuleNotDapr       = "RESOURCE_NOT_DAPR"       // a document that is not Dapr's
	RuleDuplicate     = "RESOURCE_DUPLICATE"      // two definitions of which daprd uses one
	RuleDangling      = "RESOURCE_DANGLING"       // a name that nothing defines
	RuleUnused        = "RESOURCE_UNUSED"         // a policy that nothing uses
	RulePoolSize      = "RESOURCE_POOL_SIZE"      // fewer Redis connections than the subscriptions keep busy
	RuleNoRoute       = "RESOURCE_NO_ROUTE"       // a subscription that routes nothing
	RuleScope         = "RESOURCE_SCOPE"          // a scope that names no app
	RuleDuration      = "RESOURCE_DURATION"       // a duration that is probably another one than was meant
	RuleNotExpanded   = "RESOURCE_NOT_EXPANDED"   // ${VAR}, which daprd takes as it is written
	RuleTruncatedFile = "RESOURCE_TRUNCATED_FILE" // text that daprd's document splitter loses
)

// String is "file:line: what (RULE)".
func (w Warning) String() string {
	var b strings.Builder
	if p := w.Place.String(); p != "" {
		b.WriteString(p + ": ")
	}
	b.WriteString(w.What + " (" + w.Rule + ")")
	return b.String()
}

// For is what the daprd of one app sees: resources without scopes, and those
// whose scopes name the app. In metadata values {appID} and {namespace} are
// filled in, as daprd does when it starts ({namespace} is "default." and the
// app id). Warnings and Files are those of s.
//
// Of two subscriptions with one name the later one stands, of two to the same
// topic of the same pubsub the first.
//
// Sources: D16 pkg/internal/loader/disk/disk.go (scopes of components),
// pkg/runtime/processor/subscriptions.go (of subscriptions),
// pkg/resiliency/resiliency.go filterResiliencyConfigs, pkg/runtime/meta/meta.go
// (placeholders), pkg/runtime/compstore/subscriptions.go (which one stands).
func (s *Set) For(app string) *Set {
	if s == nil {
		return &Set{}
	}
	seen := &Set{Configurations: s.Configurations, Warnings: s.Warnings, Files: s.Files}
	for _, c := range s.Components {
		if inScope(c.Scopes, app) {
			seen.Components = append(seen.Components, c.fill(app))
		}
	}
	type key struct{ pubsub, topic string }
	var named []Subscription
	for _, sub := range s.Subscriptions {
		if !inScope(sub.Scopes, app) {
			continue
		}
		for i := range named {
			if named[i].Name == sub.Name {
				named = append(named[:i], named[i+1:]...)
				break
			}
		}
		named = append(named, sub)
	}
	taken := map[key]bool{}
	for _, sub := range named {
		k := key{sub.PubSub, sub.Topic}
		if !taken[k] {
			taken[k] = true
			seen.Subscriptions = append(seen.Subscriptions, sub)
		}
	}
	for _, r := range s.Resiliencies {
		if inScope(r.Scopes, app) {
			seen.Resiliencies = append(seen.Resiliencies, r)
		}
	}
	return seen
}

// PubSubs are the components whose type begins with "pubsub.".
func (s *Set) PubSubs() []Component {
	if s == nil {
		return nil
	}
	var found []Component
	for _, c := range s.Components {
		if c.IsPubSub() {
			found = append(found, c)
		}
	}
	return found
}

// PubSub is the pubsub component of that name, the first where scopes give
// several apps one of their own: use For first.
func (s *Set) PubSub(name string) (Component, bool) {
	for _, c := range s.PubSubs() {
		if c.Name == name {
			return c, true
		}
	}
	return Component{}, false
}

// inScope says whether a resource with these scopes is for the app.
func inScope(scopes []string, app string) bool {
	if len(scopes) == 0 {
		return true
	}
	for _, s := range scopes {
		if s == app {
			return true
		}
	}
	return false
}
