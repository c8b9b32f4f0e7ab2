package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract/schema"
)

// Example is an example file as the event that its contract describes: with
// its pubsub, topic and content type, and the attributes that match and version
// ask for; the id is EVENT-vVERSION-NAME, the source the first producer, the
// time that of the CloudEvents examples, so that it is the same each time.
// Under schemaOf: event the file is the event. The error says which examples
// there are, or which place in the data contradicts match or version.
func (c *Catalog) Example(event, version, name string) (Event, error) {
	k := c.Contract(event)
	if k == nil {
		return Event{}, fmt.Errorf("example %s: no contract of that name%s", event, didYouMean(event, c.events()))
	}
	v := k.version(version)
	if v == nil {
		return Event{}, fmt.Errorf("example of %s: no version %q: there are %s", event, version, strings.Join(k.versionNames(), ", "))
	}
	i := slices.IndexFunc(v.Examples, func(x Example) bool { return x.Name == name })
	if i < 0 {
		var names []string
		for _, x := range v.Examples {
			names = append(names, x.Name)
		}
		if len(names) == 0 {
			return Event{}, fmt.Errorf("example %s of %s version %s: it has none: write v%s.examples/%s.json", name, event, version, version, name)
		}
		return Event{}, fmt.Errorf("example %s of %s version %s: there are %s", name, event, version, strings.Join(names, ", "))
	}
	return k.wrap(v, v.Examples[i])
}

func (c *Catalog) events() []string {
	if c == nil {
		return nil
	}
	return sortedKeys(c.entries)
}

func didYouMean(name string, names []string) string {
	if near := schema.Nearest(name, names); near != "" {
		return ": write " + near
	}
	return ""
}

// wrap makes an example the contract's event.
func (c *Contract) wrap(v *Version, x Example) (Event, error) {
	if c.SchemaOf == "event" {
		e, err := ParseEvent(x.Data)
		if err != nil {
			return Event{}, fmt.Errorf("%s: %w", x.Place, err)
		}
		return e, nil
	}
	e := Event{
		ID:              c.Event + "-v" + v.Name + "-" + x.Name,
		Source:          "eventproof",
		SpecVersion:     "1.0",
		Type:            "com.dapr.event.sent", // what daprd writes: components-contrib@v1.16.0 pubsub/envelope.go, DefaultCloudEventType
		Time:            "2018-04-05T17:31:00Z",
		DataContentType: c.DataContentType,
		Data:            slices.Clone(json.RawMessage(x.Data)),
		PubSub:          c.PubSub,
		Topic:           c.Topic,
	}
	if len(c.Producers) > 0 {
		e.Source = c.Producers[0].App
	}
	for _, key := range sortedKeys(c.Match) {
		if err := e.ask(key, c.Match[key], "match", x.Place); err != nil {
			return Event{}, err
		}
	}
	if from := c.Version.From; from != "only" {
		texts := []string{v.Name}
		if c.Version.Map != nil {
			texts = nil
			for _, text := range sortedKeys(c.Version.Map) {
				if c.Version.Map[text] == v.Name {
					texts = append(texts, text)
				}
			}
			if len(texts) == 0 {
				return Event{}, fmt.Errorf("%s: version.map of %s has no text for version %s: add one", x.Place, c.Event, v.Name)
			}
		}
		pointer := from
		if !strings.HasPrefix(from, "/") {
			pointer = schema.Pointer(from)
		}
		got, ok := e.At(pointer)
		if text, isScalar := scalarText(got); !ok || !isScalar || !slices.Contains(texts, text) {
			if err := e.ask(from, texts[0], "version", x.Place); err != nil {
				return Event{}, err
			}
		}
	}
	return e, nil
}

// ask makes an attribute say what match or version want; in the data the
// example must say it itself.
func (e *Event) ask(key, want, by string, at Place) error {
	pointer := key
	if !strings.HasPrefix(key, "/") {
		pointer = schema.Pointer(key)
	}
	tokens, err := schema.Tokens(pointer)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", at, by, err)
	}
	if len(tokens) == 1 && tokens[0] != "data" {
		if field := e.attribute(tokens[0]); field != nil {
			*field = want
		} else {
			e.extend(tokens[0], want)
		}
		return nil
	}
	v, ok := e.At(pointer)
	if got, isScalar := scalarText(v); !ok || !isScalar || got != want {
		found := "nothing"
		if ok {
			found = schema.Describe(v)
		}
		return fmt.Errorf("%s: %s is %s, but %s asks for %s: write it in the example", at, pointer, found, by, want)
	}
	return nil
}

// CheckExamples checks every example file by its own contract. That its
// version is still a draft is no violation here. Where an example breaks its
// contract, What names the file.
func (c *Catalog) CheckExamples() []Violation {
	var all []Violation
	for _, k := range c.Contracts() {
		for i := range k.Versions {
			v := &k.Versions[i]
			for _, x := range v.Examples {
				e, err := k.wrap(v, x)
				if err != nil {
					all = append(all, Violation{Rule: RuleNoMatch, What: strings.TrimPrefix(err.Error(), x.Place.String()+": "), Place: x.Place})
					continue
				}
				all = append(all, c.checkExample(k, v, x, e)...)
			}
		}
	}
	return all
}

func (c *Catalog) checkExample(k *Contract, v *Version, x Example, e Event) []Violation {
	var kept []Violation
	for _, found := range c.Check(e) {
		if found.Rule == RuleDraft {
			continue
		}
		found.What = x.Place.File + ": " + found.What
		kept = append(kept, found)
	}
	if k.Version.From == "only" {
		// The event falls under the published version; a draft's example is
		// held against the draft.
		if p := k.published(); len(p) > 0 && p[len(p)-1] != v.Name {
			d := newCheck(c, e)
			d.entry, d.version = c.entries[k.Event], v.Name
			d.attributes()
			d.content()
			d.body()
			kept = nil
			for _, found := range d.violations {
				found.What = x.Place.File + ": " + found.What
				kept = append(kept, found)
			}
		}
	}
	return kept
}
