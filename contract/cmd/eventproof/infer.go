package main

import (
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/schema"
)

// When the texts of a place are taken for an enum: there are many of them, few are
// different, and none is the only one of its kind.
const (
	enumTexts     = 20
	enumDifferent = 8
)

// shape is what the values at one place have in common.
type shape struct {
	nulls, booleans, integers, fractions, arrays, objects int
	strings                                               int
	texts                                                 map[string]int // how often, of at most one more than an enum has
	formats                                               []string       // that all texts have
	item                                                  *shape
	names                                                 []string // of members, in the order in which they came
	members                                               map[string]*shape
}

// formats are those that are looked for, the narrower ones first; they are what the
// validator says they are.
var formats = []string{"date-time", "date", "uuid", "uri", "email"}

func hasFormat(name, s string) bool {
	// order:17 is a URI, too, and not meant as one.
	return jsonschema.Formats[name](s) && (name != "uri" || strings.Contains(s, "://"))
}

// add takes in a value.
func (p *shape) add(n *schema.Node) {
	switch n.Kind {
	case schema.Null:
		p.nulls++
	case schema.Bool:
		p.booleans++
	case schema.Number:
		// 1.0 is an integer to JSON Schema; the one who wrote it thinks otherwise.
		if r, ok := new(big.Rat).SetString(n.Text); ok && r.IsInt() && !strings.Contains(n.Text, ".") {
			p.integers++
		} else {
			p.fractions++
		}
	case schema.String:
		p.text(n.Text)
	case schema.Array:
		p.arrays++
		if p.item == nil {
			p.item = &shape{}
		}
		for _, item := range n.Items {
			p.item.add(item)
		}
	case schema.Object:
		p.objects++
		for _, m := range n.Members {
			if p.members == nil {
				p.members = map[string]*shape{}
			}
			if p.members[m.Name] == nil {
				p.members[m.Name] = &shape{}
				p.names = append(p.names, m.Name)
			}
			p.members[m.Name].add(m.Value)
		}
	}
}

func (p *shape) text(s string) {
	if p.strings == 0 {
		p.texts = map[string]int{}
		p.formats = slices.Clone(formats)
	}
	p.strings++
	if _, known := p.texts[s]; known || len(p.texts) <= enumDifferent {
		p.texts[s]++
	}
	p.formats = slices.DeleteFunc(p.formats, func(name string) bool { return !hasFormat(name, s) })
}

func (p *shape) count() int {
	return p.nulls + p.booleans + p.integers + p.fractions + p.arrays + p.objects + p.strings
}

// schema is one that accepts all that was taken in. Where nothing was, it accepts
// all.
func (p *shape) schema() *schema.Node {
	var types []string
	for _, t := range []struct {
		name string
		n    int
	}{{"string", p.strings}, {"boolean", p.booleans}, {"object", p.objects}, {"array", p.arrays}} {
		if t.n > 0 {
			types = append(types, t.name)
		}
	}
	switch {
	case p.fractions > 0:
		types = append(types, "number")
	case p.integers > 0:
		types = append(types, "integer")
	}
	if p.nulls > 0 {
		types = append(types, "null")
	}
	n := objectNode()
	add := func(name string, value *schema.Node) {
		n.Members = append(n.Members, schema.Member{Name: name, Value: value})
	}
	switch {
	case len(types) == 1:
		add("type", textNode(types[0]))
	case len(types) > 1:
		add("type", textsNode(types))
	}
	if values := p.enum(); values != nil {
		listed := textsNode(values)
		if p.nulls > 0 {
			listed.Items = append(listed.Items, &schema.Node{Kind: schema.Null, Text: "null"})
		}
		add("enum", listed)
	} else if p.strings >= 2 && len(p.formats) > 0 {
		add("format", textNode(p.formats[0]))
	}
	if p.objects > 0 && len(p.names) > 0 {
		var required []string
		properties := objectNode()
		for _, name := range p.names {
			if p.members[name].count() == p.objects {
				required = append(required, name)
			}
			properties.Members = append(properties.Members, schema.Member{Name: name, Value: p.members[name].schema()})
		}
		if required != nil {
			add("required", textsNode(required))
		}
		add("properties", properties)
	}
	if p.item != nil && p.item.count() > 0 {
		add("items", p.item.schema())
	}
	return n
}

// enum are the texts where they look like the values of an enum.
func (p *shape) enum() []string {
	if p.strings < enumTexts || len(p.texts) > enumDifferent || p.strings+p.nulls != p.count() {
		return nil
	}
	var values []string
	for s, n := range p.texts {
		if n < 2 {
			return nil
		}
		values = append(values, s)
	}
	slices.Sort(values)
	return values
}
