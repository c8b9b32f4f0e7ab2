package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/eventproof/eventproof/contract/schema"
)

// Find is the contract that an event falls under, and the name of its version
// there: by pubsub, topic, match and version. The contract is nil, or the
// version "", where there is none; the violations say why.
//
// An event that names no topic falls under the one contract whose match it
// fits, or whose event is its type.
func (c *Catalog) Find(e Event) (*Contract, string, []Violation) {
	if c == nil {
		return nil, "", nil
	}
	k := newCheck(c, e)
	k.find()
	if k.entry == nil {
		return nil, "", k.violations
	}
	return k.entry.contract, k.version, k.violations
}

// Ref names an event: the identity is what its contract's identity pointer
// finds, as text; the CloudEvents id where that is nothing, or there is no
// contract.
func (c *Catalog) Ref(e Event) Ref {
	k := newCheck(c, e)
	if c != nil {
		k.entry, _ = k.fitting()
	}
	return k.ref()
}

// check is the check of one event.
type check struct {
	catalog    *Catalog
	event      Event
	dataOnly   bool // there is no CloudEvent, only data: CheckData
	tree       map[string]any
	refused    schema.Refused
	entry      *entry
	version    string
	violations []Violation
}

func newCheck(c *Catalog, e Event) *check {
	k := &check{catalog: c, event: e}
	k.tree, k.refused = e.tree(true)
	return k
}

// violation adds one. what goes on after the pointer, or stands alone where
// that is empty.
func (k *check) violation(rule, pointer, what, want, got string, at Place) {
	if pointer != "" {
		what = pointer + " " + what
	}
	if at == (Place{}) && k.entry != nil {
		at = k.entry.contract.Place
	}
	k.violations = append(k.violations, Violation{Rule: rule, What: k.subject() + ": " + what, Place: at, Event: k.ref(), Pointer: pointer, Want: want, Got: got})
}

func (k *check) subject() string {
	name := "event"
	switch {
	case k.entry != nil:
		name = k.entry.contract.Event
	case k.dataOnly:
		name = "data"
	}
	if id := k.ref().String(); id != "" {
		if strings.ContainsFunc(id, unicode.IsControl) {
			id = strconv.Quote(id)
		}
		name += " " + id
	}
	return name
}

func (k *check) ref() Ref {
	if k.dataOnly {
		return Ref{}
	}
	r := Ref{ID: k.event.ID, Type: k.event.Type, Source: k.event.Source, Identity: k.event.ID}
	if k.entry != nil {
		if v, ok := schema.Resolve(k.tree, k.entry.contract.Identity); ok {
			if text, ok := identityText(v); ok {
				r.Identity = text
			}
		}
	}
	return r
}

// identityText is a value as the text by which events are told apart; null and
// "" tell nothing apart.
func identityText(v any) (string, bool) {
	if text, ok := scalarText(v); ok {
		return text, text != ""
	}
	if v == nil {
		return "", false
	}
	b, err := json.Marshal(v)
	return string(b), err == nil
}

// scalarText is a string, number or boolean as contract.yaml writes it.
func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// lookup finds the text at a pointer or of an attribute.
func (k *check) lookup(key string) (string, bool) {
	if !strings.HasPrefix(key, "/") {
		key = schema.Pointer(key)
	}
	v, ok := schema.Resolve(k.tree, key)
	if !ok {
		return "", false
	}
	return scalarText(v)
}

func (k *check) matches(c *Contract) bool {
	for key, want := range c.Match {
		if k.dataOnly && !inData(key) {
			continue // what an attribute says is not known
		}
		if got, ok := k.lookup(key); !ok || got != want {
			return false
		}
	}
	return true
}

func inData(pointer string) bool { return pointer == "/data" || strings.HasPrefix(pointer, "/data/") }

// fitting is the entry that the event falls under, and those that were
// considered for its pubsub and topic.
func (k *check) fitting() (*entry, []*entry) {
	var considered, fit []*entry
	for _, c := range k.catalog.contracts {
		e := k.event
		if e.PubSub != "" && e.PubSub != c.PubSub || e.Topic != "" && e.Topic != c.Topic {
			continue
		}
		considered = append(considered, k.catalog.entries[c.Event])
		if !k.matches(c) || e.Topic == "" && len(c.Match) == 0 && e.Type != c.Event {
			continue
		}
		fit = append(fit, k.catalog.entries[c.Event])
	}
	if len(fit) == 1 {
		return fit[0], fit
	}
	if len(fit) > 1 {
		return nil, fit
	}
	return nil, considered
}

func (k *check) find() {
	e, considered := k.fitting()
	if e == nil {
		k.notFound(considered)
		return
	}
	k.entry = e
	k.findVersion()
}

func (k *check) notFound(considered []*entry) {
	events := make([]string, len(considered))
	fits := 0
	for i, e := range considered {
		events[i] = e.contract.Event
		if k.matches(e.contract) && (k.event.Topic != "" || len(e.contract.Match) > 0) {
			fits++
		}
	}
	topic := k.event.Topic
	where := fmt.Sprintf("pubsub %s, topic %s", orNone(k.event.PubSub), orNone(topic))
	switch {
	case fits > 1 && k.dataOnly:
		k.violation(RuleNoMatch, "", "fits several contracts of "+where+", which only attributes tell apart: check the whole event", "one of "+strings.Join(events, ", "), "several", considered[0].at("/match"))
	case fits > 1:
		k.violation(RuleNoContract, "", "fits several contracts, and "+where+" does not tell them apart", "one of "+strings.Join(events, ", "), "several", considered[0].at("/match"))
	case topic != "" && len(considered) > 0:
		var wants, gots []string
		for _, e := range considered {
			for _, key := range sortedKeys(e.contract.Match) {
				wants = append(wants, key+"="+e.contract.Match[key])
				got, ok := k.lookup(key)
				if !ok {
					got = "(nothing)"
				}
				if got := key + "=" + got; !slices.Contains(gots, got) {
					gots = append(gots, got)
				}
			}
		}
		k.violation(RuleNoMatch, "", "fits no contract of "+where, strings.Join(wants, " or "), strings.Join(gots, ", "), considered[0].at("/match"))
	default:
		what := "no contract for " + where
		if topic == "" {
			what = "no contract: the event names no topic, and fits no match and no event name by its type"
		}
		var topics []string
		for _, c := range k.catalog.contracts {
			if !slices.Contains(topics, c.PubSub+"/"+c.Topic) {
				topics = append(topics, c.PubSub+"/"+c.Topic)
			}
		}
		want := "one of " + strings.Join(topics, ", ")
		if near := schema.Nearest(k.event.PubSub+"/"+topic, topics); near != "" {
			want = near
		}
		k.violation(RuleNoContract, "", what, want, orNone(k.event.PubSub)+"/"+orNone(topic), Place{})
	}
}

func oneOf(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return "one of " + strings.Join(names, ", ")
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// findVersion sets the version, or says why there is none.
func (k *check) findVersion() {
	c := k.entry.contract
	names := c.versionNames()
	from := c.Version.From
	if from == "only" || len(names) == 1 && k.dataOnly {
		k.version = names[len(names)-1]
		if p := c.published(); len(p) > 0 {
			k.version = p[len(p)-1]
		}
		return
	}
	pointer := from
	if !strings.HasPrefix(from, "/") {
		pointer = schema.Pointer(from)
	}
	if k.dataOnly && !inData(pointer) {
		k.violation(RuleVersion, "", fmt.Sprintf("its version is stated at %s, which is no part of the data: check the whole event", pointer), "", "", k.entry.at("/version"))
		return
	}
	text, ok := k.lookup(pointer)
	name, known := text, true
	want := oneOf(names)
	if c.Version.Map != nil {
		name, known = c.Version.Map[text]
		want = oneOf(sortedKeys(c.Version.Map))
	}
	v := c.version(name)
	if !ok || !known || v == nil {
		got, found := schema.Resolve(k.tree, pointer)
		describe := "absent"
		if found {
			describe = schema.Describe(got)
		}
		k.violation(RuleVersion, pointer, "states no version of "+c.Event, want, describe, k.entry.at("/version"))
		return
	}
	k.version = name
	if v.Status == "draft" {
		k.violation(RuleDraft, pointer, fmt.Sprintf("states version %s, which is a draft: nobody may publish it", name), oneOf(c.published()), name, k.entry.at("/versions/"+name))
	}
}
