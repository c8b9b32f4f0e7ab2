package gate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/schema"
)

// discriminator is a place at which events say of which version, or of which
// event type, they are. By definition the values there differ between versions:
// that a reader's schema lists only its own is no break.
type discriminator struct {
	pointer string                     // in the event, for a sentence
	tokens  []string                   // in what the schemas describe
	meaning string                     // why the value there is left out
	texts   func(name string) []string // that an event of a version may have there
}

// discriminators are those places of a contract that its schemas describe.
func discriminators(k *contract.Contract) (all []discriminator) {
	add := func(from, meaning string, texts func(name string) []string) {
		pointer := from
		if !strings.HasPrefix(from, "/") { // an attribute
			pointer = schema.Pointer(from)
		}
		rest, inside := strings.CutPrefix(pointer, base(k)+"/")
		if tokens, err := schema.Tokens("/" + rest); err == nil && inside {
			all = append(all, discriminator{pointer, tokens, meaning, texts})
		}
	}
	if from := k.Version.From; from != "" && from != "only" {
		add(from, "the version's own value at %s is left out: it tells the versions apart (eventproof diff compares it too)", func(name string) []string {
			if k.Version.Map == nil {
				return []string{name}
			}
			var texts []string
			for text, version := range k.Version.Map {
				if version == name {
					texts = append(texts, text)
				}
			}
			return texts
		})
	}
	var keys []string
	for key := range k.Match {
		if key != k.Version.From {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		add(key, "the event type's own value at %s is left out: it tells the event types apart (eventproof diff compares it too)", func(string) []string { return []string{k.Match[key]} })
	}
	return all
}

// apart are two versions as readers of each other: without what they say of the
// discriminators, where they say only which values of their own are there, and
// not the same ones. The lines say what was left out. The writer's schema stays
// as it is, so that a witness is an event that can be sent.
func apart(k *contract.Contract, olderName, newerName string, older, newer *schema.Schema) (olderReader, newerReader *schema.Schema, lines []string) {
	olderReader, newerReader = older, newer
	for _, d := range discriminators(k) {
		a, ok := d.find(olderReader, olderName)
		if !ok {
			continue
		}
		b, ok := d.find(newerReader, newerName)
		if !ok || a.values == b.values {
			continue
		}
		was, err := olderReader.With(a.file, a.pointer, a.any())
		if err != nil {
			continue
		}
		is, err := newerReader.With(b.file, b.pointer, b.any())
		if err != nil {
			continue
		}
		olderReader, newerReader = was, is
		lines = append(lines, fmt.Sprintf(d.meaning, d.pointer))
	}
	return olderReader, newerReader, lines
}

// said is a schema that says nothing of a value but which ones there are.
type said struct {
	file, pointer string
	line          int
	types         []*schema.Node // each value of a type keyword
	values        string         // the lists, as written
	texts         []string       // of the values
}

// any is the schema that accepts any value of the types.
func (s said) any() *schema.Node {
	n := &schema.Node{Kind: schema.Object, Line: s.line}
	parts := &schema.Node{Kind: schema.Array, Line: s.line}
	for _, t := range s.types {
		parts.Items = append(parts.Items, &schema.Node{Kind: schema.Object, Line: t.Line, Members: []schema.Member{{Name: "type", Line: t.Line, Value: t}}})
	}
	switch len(parts.Items) {
	case 0:
	case 1:
		return parts.Items[0]
	default:
		n.Members = []schema.Member{{Name: "allOf", Line: s.line, Value: parts}}
	}
	return n
}

// find looks for what a version's schema says of the place: ok is false where
// it says nothing, or more than which values there are, or says it where it
// speaks of other places too.
func (d discriminator) find(s *schema.Schema, name string) (out said, ok bool) {
	defer func() {
		if recover() != nil { // of the validator's schema: then it is compared as it is
			ok = false
		}
	}()
	w := &places{uses: map[*jsonschema.Schema]int{}, seen: map[*jsonschema.Schema]bool{}}
	w.count(s.Compiled)
	w.walk(s.Compiled, d.tokens, 0, !w.dynamic)
	if len(w.found) != 1 || !w.exclusive || w.steps > mostSteps {
		return said{}, false
	}
	out.file, out.pointer, out.line, _ = s.Source(w.found[0].Location)
	if !out.read(s, w.found[0], 0) || out.values == "" || out.file == "" {
		return said{}, false
	}
	return out, slices.ContainsFunc(d.texts(name), func(t string) bool { return slices.Contains(out.texts, t) })
}

// annotations are keywords that refuse nothing.
var annotations = []string{"title", "description", "examples", "default", "$comment", "deprecated", "readOnly", "writeOnly"}

// read gathers what a schema says, and reports whether that is all it says.
func (s *said) read(in *schema.Schema, sub *jsonschema.Schema, depth int) bool {
	_, _, _, n := in.Source(sub.Location)
	if n == nil || n.Kind != schema.Object || depth > 20 {
		return false
	}
	for _, m := range n.Members {
		var list []*schema.Node
		switch {
		case m.Name == "type":
			s.types = append(s.types, m.Value)
		case m.Name == "const":
			list = []*schema.Node{m.Value}
		case m.Name == "enum":
			list = m.Value.Items
		case m.Name == "$ref" && sub.Ref != nil, m.Name == "allOf", slices.Contains(annotations, m.Name):
		default:
			return false
		}
		for _, v := range list {
			s.values += v.JSON() + " "
			if text, ok := scalarText(v.Value()); ok {
				s.texts = append(s.texts, text)
			}
		}
	}
	if sub.Ref != nil && !s.read(in, sub.Ref, depth+1) {
		return false
	}
	for _, part := range sub.AllOf {
		if !s.read(in, part, depth+1) {
			return false
		}
	}
	return true
}

// scalarText is a value as contract.yaml writes it under match and version.
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

// mostSteps is how many schemas are looked at for a place.
const mostSteps = 10000

// places finds the schemas of a property.
type places struct {
	uses      map[*jsonschema.Schema]int // how often a schema is referred to
	seen      map[*jsonschema.Schema]bool
	dynamic   bool // there are references whose target the value decides
	steps     int
	found     []*jsonschema.Schema
	exclusive bool // what was found speaks of this place alone
}

// walk follows properties, and all that applies to the same value in any case.
// references is how many lead to s on this way.
func (w *places) walk(s *jsonschema.Schema, tokens []string, references int, exclusive bool) {
	if w.steps++; w.steps > mostSteps {
		return
	}
	exclusive = exclusive && w.uses[s] == references
	if len(tokens) == 0 {
		w.found, w.exclusive = append(w.found, s), exclusive
		return
	}
	if s.Ref != nil {
		w.walk(s.Ref, tokens, 1, exclusive)
	}
	for _, part := range s.AllOf {
		w.walk(part, tokens, 0, exclusive)
	}
	if property := s.Properties[tokens[0]]; property != nil {
		w.walk(property, tokens[1:], 0, exclusive)
	}
}

// count goes through all schemas that s has or refers to, and counts how often
// each is referred to.
func (w *places) count(s *jsonschema.Schema) {
	if s == nil || w.seen[s] {
		return
	}
	w.seen[s] = true
	w.dynamic = w.dynamic || s.DynamicRef != nil || s.RecursiveRef != nil
	if s.Ref != nil {
		w.uses[s.Ref]++
	}
	for _, sub := range []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.DynamicRef, s.Not, s.If, s.Then, s.Else, s.PropertyNames, s.UnevaluatedProperties, s.Items2020, s.Contains, s.UnevaluatedItems, s.ContentSchema} {
		w.count(sub)
	}
	for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems} {
		for _, sub := range list {
			w.count(sub)
		}
	}
	for _, sub := range s.Properties {
		w.count(sub)
	}
	for _, sub := range s.PatternProperties {
		w.count(sub)
	}
	for _, sub := range s.DependentSchemas {
		w.count(sub)
	}
	for _, sub := range s.Dependencies {
		w.countAny(sub)
	}
	w.countAny(s.AdditionalProperties)
	w.countAny(s.Items)
	w.countAny(s.AdditionalItems)
}

// countAny counts in a keyword that may be something else than a schema.
func (w *places) countAny(v any) {
	switch v := v.(type) {
	case *jsonschema.Schema:
		w.count(v)
	case []*jsonschema.Schema:
		for _, sub := range v {
			w.count(sub)
		}
	}
}
