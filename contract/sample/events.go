package sample

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/schema"
)

// Events are samples of a version of a contract, each with its event: as
// [contract.Catalog.Example] makes one of an example file, with the id
// EVENT-vVERSION-KIND-NUMBER. version "" is the last published one, else the last.
//
// [contract.Catalog.Check] finds nothing wrong with a valid event or one at a
// boundary, but that its version is a draft; of a near miss, EVENT_SCHEMA or
// EVENT_UNDECLARED at its pointer and nothing else. Where match or version look
// into the data, the data has what they ask for, and identity and correlation
// find something; the error says so where the schema leaves no room for it.
func Events(c *contract.Catalog, event, version string, kind Kind, o Options) (Samples, error) {
	k := c.Contract(event)
	if k == nil {
		var names []string
		for _, other := range c.Contracts() {
			names = append(names, other.Event)
		}
		return Samples{}, fmt.Errorf("sample %s: no contract of that name%s", event, remedy(event, names))
	}
	version, err := versionOf(k, version)
	if err != nil {
		return Samples{}, err
	}
	s := c.Schema(event, version)
	if s == nil {
		return Samples{}, fmt.Errorf("%s: sample %s: it has no schema (schema: none), so that its data may be anything: write examples by hand", k.Place, event)
	}
	o.Closed = k.Undeclared == "absent"
	f := frameOf(k, version)
	frame, err := framed(f.all)
	if err != nil {
		return Samples{}, fmt.Errorf("%s: sample %s: %w", k.Place, event, err)
	}
	m := newMaker(s, frame, o)
	if m.falls, err = framed(f.all[:f.falls]); err != nil {
		return Samples{}, fmt.Errorf("%s: sample %s: %w", k.Place, event, err)
	}
	m.wishes, m.event = strings.Join(f.wishes, ", "), k.SchemaOf == "event"
	g := &wrapper{catalog: c, contract: k, version: version, base: "/data"}
	if m.event {
		g.base = ""
	}
	m.extra = g.keeps
	made, err := m.samples(kind)
	if err != nil {
		return Samples{}, fmt.Errorf("sample %s version %s: %w", event, version, err)
	}
	for i := range made.List {
		one := &made.List[i]
		if one.Event, err = g.wrap(one.Value, fmt.Sprintf("%s-%d", kind, i+1)); err != nil {
			return Samples{}, fmt.Errorf("sample %s version %s: %w", event, version, err)
		}
		if kind != Valid {
			one.Pointer = g.base + one.Pointer
		}
	}
	return made, nil
}

// versionOf is the version that is meant.
func versionOf(k *contract.Contract, version string) (string, error) {
	var names []string
	last := ""
	for _, v := range k.Versions {
		names = append(names, v.Name)
		if v.Status != "draft" || last == "" {
			last = v.Name
		}
	}
	switch {
	case len(names) == 0:
		return "", fmt.Errorf("%s: sample %s: it has no schema (schema: none), so that its data may be anything: write examples by hand", k.Place, k.Event)
	case version == "":
		return last, nil
	case slices.Contains(names, version):
		return version, nil
	case strings.HasPrefix(version, "v") && slices.Contains(names, version[1:]):
		return "", fmt.Errorf("sample %s: no version %q: write %s", k.Event, version, version[1:])
	}
	return "", fmt.Errorf("sample %s: no version %q: there are %s", k.Event, version, strings.Join(names, ", "))
}

// wrapper makes values events, and asks the catalog about them.
type wrapper struct {
	catalog  *contract.Catalog
	contract *contract.Contract
	version  string
	base     string // where the value is in the event
}

func (g *wrapper) wrap(v any, name string) (contract.Event, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return contract.Event{}, err
	}
	return g.catalog.Wrap(g.contract.Event, g.version, name, b)
}

// keeps: the contract finds in the event what the kind says, and nothing else.
func (g *wrapper) keeps(kind Kind, at string, v any) bool {
	e, err := g.wrap(v, "1")
	if err != nil {
		return false
	}
	found, version, _ := g.catalog.Find(e)
	if found == nil || found.Event != g.contract.Event {
		return false
	}
	if version != g.version {
		// By version: only, a draft's events fall under the published version,
		// which has nothing to say of them.
		return g.contract.Version.From == "only"
	}
	misses := 0
	for _, violation := range g.catalog.Check(e) {
		switch {
		case violation.Rule == contract.RuleDraft:
		case kind == NearMiss && (violation.Rule == contract.RuleSchema || violation.Rule == contract.RuleUndeclared):
			misses++
		default:
			return false
		}
	}
	return kind != NearMiss || misses > 0
}

// frame is what a contract asks of an event besides its schema, said as a
// schema of the same value.
type frame struct {
	whole  bool // of the whole event
	all    []any
	falls  int // how many of all decide that an event falls under the contract
	wishes []string
}

func frameOf(k *contract.Contract, version string) *frame {
	f := &frame{whole: k.SchemaOf == "event"}
	if f.whole {
		f.envelope(k)
	}
	for _, key := range sorted(k.Match) {
		f.is(key, []string{k.Match[key]}, "match")
	}
	if from := k.Version.From; from != "only" {
		texts := []string{version}
		if k.Version.Map != nil {
			texts = nil
			for _, text := range sorted(k.Version.Map) {
				if k.Version.Map[text] == version {
					texts = append(texts, text)
				}
			}
		}
		f.is(from, texts, "version")
	}
	f.falls = len(f.all)
	// What tells events apart: any text but "", and any number or object.
	something := map[string]any{"minLength": 1, "not": map[string]any{"type": "null"}}
	f.at(k.Identity, something, "identity finds something at")
	if k.Correlation != "" {
		f.at(k.Correlation, something, "correlation finds something at")
	}
	return f
}

// envelope asks for the attributes of a CloudEvent.
func (f *frame) envelope(k *contract.Contract) {
	attribute := func(extra map[string]any) map[string]any {
		extra["type"], extra["minLength"] = "string", 1
		return extra
	}
	properties := map[string]any{
		"specversion": attribute(map[string]any{"const": "1.0"}),
		"id":          attribute(map[string]any{"pattern": "^[!-~]+$"}),
		"source":      attribute(map[string]any{"pattern": `^(/[a-z0-9]+)+$|^https?://[a-z0-9.]+(/[A-Za-z0-9_.-]+)*$|^[A-Za-z0-9_-]+$`}),
		"type":        attribute(map[string]any{"pattern": "^[!-~]+$"}),
		"topic":       attribute(map[string]any{"const": k.Topic}),
		"pubsubname":  attribute(map[string]any{"const": k.PubSub}),
		"time":        attribute(map[string]any{"enum": []any{"2018-04-05T17:31:00Z", "2024-01-31T12:30:00Z", "2024-02-29T08:15:30.5Z"}}),
		"subject":     attribute(map[string]any{"pattern": "^[!-~]+$"}),
		"dataschema":  attribute(map[string]any{"pattern": "^https?://[a-z0-9.]+(/[A-Za-z0-9_.-]+)*$"}),
		"data_base64": attribute(map[string]any{"const": "e30="}),

		"datacontenttype": attribute(map[string]any{"const": k.DataContentType}),
	}
	f.all = append(f.all, map[string]any{
		"type": "object", "required": []any{"specversion", "id", "source", "type"}, "properties": properties,
		"not": map[string]any{"required": []any{"data", "data_base64"}},
	})
	f.wishes = append(f.wishes, "the attributes of a CloudEvent")
}

// is asks for one of some texts at a pointer or in an attribute.
func (f *frame) is(key string, texts []string, by string) {
	if !strings.HasPrefix(key, "/") {
		key = schema.Pointer(key)
	}
	var values []any
	for _, text := range texts {
		values = append(values, text)
		if n, err := schema.ReadJSON([]byte(text)); err == nil && (n.Kind == schema.Number || n.Kind == schema.Bool) {
			values = append(values, n.Value())
		}
	}
	f.at(key, map[string]any{"enum": values}, fmt.Sprintf("%s asks for %s at", by, strings.Join(texts, " or ")))
}

// at asks for something at a pointer into the event. Outside the value, the
// event is wrapped so that it holds.
func (f *frame) at(pointer string, sub map[string]any, wish string) {
	tokens, err := schema.Tokens(pointer)
	if err != nil || len(tokens) == 0 {
		return
	}
	if !f.whole {
		if tokens[0] != "data" {
			return
		}
		tokens = tokens[1:]
	}
	f.wishes = append(f.wishes, wish+" "+pointer)
	slices.Reverse(tokens)
	for _, t := range tokens {
		in := map[string]any{"type": "object", "required": []any{t}, "properties": map[string]any{t: sub}}
		if index := itemIndex(t); index >= 0 { // an item, or a member of that name
			before := make([]any, index)
			for i := range before {
				before[i] = true
			}
			item := map[string]any{"type": "array", "minItems": index + 1, "prefixItems": append(before, sub)}
			in = map[string]any{"anyOf": []any{item, in}}
		}
		sub = in
	}
	f.all = append(f.all, sub)
}

// itemIndex is the index that a token of a pointer names in an array, -1 where
// it is none.
func itemIndex(token string) int {
	if token == "" || len(token) > 3 || token != "0" && token[0] == '0' {
		return -1
	}
	n := 0
	for _, r := range token {
		if r < '0' || r > '9' {
			return -1
		}
		n = n*10 + int(r-'0')
	}
	return n
}

// framed makes a schema of what all must hold, nil where nothing must.
func framed(all []any) (*schema.Schema, error) {
	if len(all) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(map[string]any{"allOf": all})
	if err != nil {
		return nil, err
	}
	return schema.Parse("contract.yaml", b, schema.Options{AsValidator: true})
}

func sorted(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
