package compat_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/eventproof/eventproof/contract/schema"
)

// generator writes schemas with the keywords of a draft, small enough that a
// small universe of values tells most of them apart.
type generator struct {
	*rand.Rand
	draft string
	theme string // most keywords are about it; "": about anything
	inner bool   // what is written is behind a $ref
}

// Schemas of one theme meet more of each other's keywords.
var themes = []string{"", "", "", "", arraysOnly, arraysOnly, objectsOnly, objectsOnly, unevaluatedOnly, numbersOnly, stringsOnly}

const (
	arraysOnly      = "array"
	objectsOnly     = "object"
	numbersOnly     = "number"
	stringsOnly     = "string"
	unevaluatedOnly = "unevaluated"
	inPlaceOnly     = "in place"
)

func newGenerator(seed, stream uint64, draft string) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, stream)), draft: draft}
	g.theme = themes[g.IntN(len(themes))]
	return g
}

func atLeastDraft(draft, since string) bool {
	return slices.Index(schema.Drafts, draft) >= slices.Index(schema.Drafts, since)
}

func (g *generator) since(draft string) bool { return atLeastDraft(g.draft, draft) }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func (g *generator) document() map[string]any {
	s := g.object(3)
	if len(g.theme) > 0 && s["$ref"] == nil && g.IntN(2) == 0 {
		switch g.theme {
		case unevaluatedOnly:
			s["type"] = pick(g, "object", "array")
		default:
			s["type"] = g.theme
		}
	}
	g.inner = true
	defs := map[string]any{"x": g.object(2), "y": g.object(2)}
	g.inner = false
	switch {
	case g.since("2019-09"):
		defs["y"].(map[string]any)["$anchor"] = "why"
	case g.since("6"):
		defs["y"].(map[string]any)["$id"] = "#why"
	default:
		defs["y"].(map[string]any)["id"] = "#why"
	}
	s["definitions"] = defs
	return s
}

// pair is two documents: strangers, or neighbours that differ in a few places.
func (g *generator) pair() (first, second map[string]any) {
	first = g.document()
	if g.IntN(5) < 2 {
		return first, g.document()
	}
	second = copied(first).(map[string]any)
	for range 1 + g.IntN(2) {
		g.change(second)
	}
	return first, second
}

// change edits a schema somewhere within a document.
func (g *generator) change(doc map[string]any) {
	var all []map[string]any
	var behind []bool
	var visit func(s any, inner bool)
	visit = func(s any, inner bool) {
		object, ok := s.(map[string]any)
		if !ok {
			return
		}
		all, behind = append(all, object), append(behind, inner)
		for _, keyword := range sortedNames(object) {
			switch value := object[keyword].(type) {
			case []any:
				if holds[keyword] == holdsSchemas || keyword == "items" {
					for _, sub := range value {
						visit(sub, inner)
					}
				}
			case map[string]any:
				switch holds[keyword] {
				case holdsSchema:
					visit(value, inner)
				case holdsNamed:
					for _, name := range sortedNames(value) {
						visit(value[name], inner || keyword == "definitions")
					}
				}
			}
		}
	}
	visit(doc, false)
	at := 0
	if g.IntN(2) == 0 {
		at = g.IntN(len(all))
	}
	s := all[at]
	switch kept := slices.DeleteFunc(sortedNames(s), func(k string) bool { return k == "definitions" || k == "$anchor" || k == "id" || k == "$id" }); {
	case len(kept) > 0 && g.IntN(3) == 0:
		delete(s, kept[g.IntN(len(kept))])
	default:
		g.inner = behind[at]
		g.keyword(s, 1)
		g.inner = false
	}
}

func (g *generator) schema(depth int) any {
	if g.since("6") && g.IntN(12) == 0 {
		return g.IntN(2) == 0
	}
	return g.object(depth)
}

func (g *generator) schemas(depth int) []any {
	all := make([]any, 1+g.IntN(3))
	for i := range all {
		all[i] = g.schema(depth - 1)
	}
	return all
}

// listed are the values of const and enum.
var listed = []any{nil, true, false, 0, 1, 2, 1.5, "", "a", "ab", []any{}, []any{1}, []any{0, 1}, map[string]any{}, map[string]any{"a": 1}, map[string]any{"b": "a"}}

func (g *generator) value() any { return copied(pick(g, listed...)) }

func (g *generator) enumeration() []any {
	all := make([]any, 0, 3)
	for _, i := range g.Perm(len(listed))[:1+g.IntN(3)] {
		all = append(all, copied(listed[i]))
	}
	return all
}

func (g *generator) properties(depth int) map[string]any {
	m := map[string]any{}
	for range 1 + g.IntN(2) {
		m[pick(g, "a", "b", "c")] = g.schema(depth - 1)
	}
	return m
}

func (g *generator) object(depth int) map[string]any {
	s := map[string]any{}
	for range 1 + g.IntN(3) {
		g.keyword(s, depth)
	}
	return s
}

// open is a schema for members or items that are not named: often false.
func (g *generator) open(depth int) any {
	if g.IntN(2) == 0 {
		return false
	}
	return pick[any](g, true, g.object(depth-1))
}

// rule is a keyword that the generator may write. weight is how often.
type rule struct {
	name, theme, since, until string
	deep                      bool // holds schemas
	weight                    int
	write                     func(g *generator, s map[string]any, depth int)
}

var grammar []rule

func init() { // the rules refer to the generator, which refers to them
	grammar = []rule{
		{"type", "", "4", "", false, 2, func(g *generator, s map[string]any, _ int) {
			s["type"] = pick[any](g, "null", "boolean", "number", "integer", "string", "array", "object", []any{"string", "integer"}, []any{"array", "null"}, []any{"object", "number"})
		}},
		{"const", "", "6", "", false, 1, func(g *generator, s map[string]any, _ int) { s["const"] = g.value() }},
		{"enum", "", "4", "", false, 1, func(g *generator, s map[string]any, _ int) { s["enum"] = g.enumeration() }},
		{"minimum", numbersOnly, "4", "", false, 1, func(g *generator, s map[string]any, _ int) { s["minimum"] = pick[any](g, 0, 1, 1.5, -1) }},
		{"maximum", numbersOnly, "4", "", false, 1, func(g *generator, s map[string]any, _ int) { s["maximum"] = pick[any](g, 0, 1, 2, 1.5) }},
		{"multipleOf", numbersOnly, "4", "", false, 1, func(g *generator, s map[string]any, _ int) { s["multipleOf"] = pick[any](g, 1, 2, 0.5, 3) }},
		{"exclusiveMinimum", numbersOnly, "6", "", false, 1, func(g *generator, s map[string]any, _ int) { s["exclusiveMinimum"] = pick[any](g, 0, 1) }},
		{"exclusiveMaximum", numbersOnly, "6", "", false, 1, func(g *generator, s map[string]any, _ int) { s["exclusiveMaximum"] = pick[any](g, 1, 2) }},
		{"exclusiveMinimum", numbersOnly, "4", "4", false, 1, func(g *generator, s map[string]any, _ int) {
			s["minimum"], s["exclusiveMinimum"] = pick[any](g, 0, 1), true
		}},
		{"exclusiveMaximum", numbersOnly, "4", "4", false, 1, func(g *generator, s map[string]any, _ int) {
			s["maximum"], s["exclusiveMaximum"] = pick[any](g, 1, 2), true
		}},
		{"minLength", stringsOnly, "4", "", false, 1, func(g *generator, s map[string]any, _ int) { s["minLength"] = g.IntN(3) }},
		{"maxLength", stringsOnly, "4", "", false, 1, func(g *generator, s map[string]any, _ int) { s["maxLength"] = g.IntN(3) }},
		{"pattern", stringsOnly, "4", "", false, 1, func(g *generator, s map[string]any, _ int) {
			s["pattern"] = pick(g, "a", "^a", "b$", "^(a|b)$", "^$", "^a*$", "^.b?$")
		}},
		{"minItems", arraysOnly, "4", "", false, 1, func(g *generator, s map[string]any, _ int) { s["minItems"] = g.IntN(4) }},
		{"maxItems", arraysOnly, "4", "", false, 1, func(g *generator, s map[string]any, _ int) { s["maxItems"] = g.IntN(4) }},
		{"uniqueItems", arraysOnly, "4", "", false, 1, func(_ *generator, s map[string]any, _ int) { s["uniqueItems"] = true }},
		{"minProperties", objectsOnly, "4", "", false, 1, func(g *generator, s map[string]any, _ int) { s["minProperties"] = g.IntN(4) }},
		{"maxProperties", objectsOnly, "4", "", false, 1, func(g *generator, s map[string]any, _ int) { s["maxProperties"] = g.IntN(3) }},
		{"required", objectsOnly, "4", "", false, 2, func(g *generator, s map[string]any, _ int) {
			s["required"] = pick(g, []any{"a"}, []any{"b"}, []any{"a", "b"})
		}},
		{"dependentRequired", objectsOnly, "2019-09", "", false, 1, func(g *generator, s map[string]any, _ int) {
			s["dependentRequired"] = map[string]any{pick(g, "a", "b"): []any{pick(g, "a", "b", "c")}}
		}},
		{"properties", objectsOnly, "4", "", true, 3, func(g *generator, s map[string]any, depth int) { s["properties"] = g.properties(depth) }},
		{"additionalProperties", objectsOnly, "4", "", true, 1, func(g *generator, s map[string]any, depth int) { s["additionalProperties"] = g.open(depth) }},
		{"patternProperties", objectsOnly, "4", "", true, 1, func(g *generator, s map[string]any, depth int) {
			s["patternProperties"] = map[string]any{pick(g, "a", "^b", "^[ab]$"): g.schema(depth - 1)}
		}},
		{"propertyNames", objectsOnly, "6", "", true, 1, func(g *generator, s map[string]any, depth int) {
			s["propertyNames"] = pick(g, g.schema(depth-1), any(map[string]any{"pattern": pick(g, "a", "^b", "^[abc]$")}), any(map[string]any{"maxLength": 1}))
		}},
		{"prefixItems", arraysOnly, "2020-12", "", true, 2, func(g *generator, s map[string]any, depth int) { s["prefixItems"] = g.schemas(depth) }},
		{"items", arraysOnly, "4", "2019-09", true, 2, func(g *generator, s map[string]any, depth int) { s["items"] = g.schemas(depth) }},
		{"items", arraysOnly, "4", "", true, 1, func(g *generator, s map[string]any, depth int) { s["items"] = g.schema(depth - 1) }},
		{"additionalItems", arraysOnly, "4", "2019-09", true, 1, func(g *generator, s map[string]any, depth int) { s["additionalItems"] = g.open(depth) }},
		{"contains", arraysOnly, "6", "", true, 1, func(g *generator, s map[string]any, depth int) { g.contains(s, depth) }},
		{"contains twice", arraysOnly, "6", "", true, 1, func(g *generator, s map[string]any, depth int) {
			one, two := map[string]any{}, map[string]any{}
			g.contains(one, depth-1)
			g.contains(two, depth-1)
			s["allOf"] = []any{one, two}
			if g.IntN(2) == 0 {
				s["maxItems"] = 1 + g.IntN(3)
			}
		}},
		{"not", inPlaceOnly, "4", "", true, 1, func(g *generator, s map[string]any, depth int) { s["not"] = g.schema(depth - 1) }},
		{"allOf", inPlaceOnly, "4", "", true, 1, func(g *generator, s map[string]any, depth int) { s["allOf"] = g.schemas(depth) }},
		{"anyOf", inPlaceOnly, "4", "", true, 2, func(g *generator, s map[string]any, depth int) { s["anyOf"] = g.schemas(depth) }},
		{"oneOf", inPlaceOnly, "4", "", true, 2, func(g *generator, s map[string]any, depth int) { s["oneOf"] = g.schemas(depth) }},
		{"if", inPlaceOnly, "7", "", true, 2, func(g *generator, s map[string]any, depth int) {
			s["if"] = g.schema(depth - 1)
			which := g.IntN(3)
			if which > 0 {
				s["then"] = g.schema(depth - 1)
			}
			if which < 2 {
				s["else"] = g.schema(depth - 1)
			}
		}},
		{"dependencies", objectsOnly, "4", "", true, 1, func(g *generator, s map[string]any, depth int) {
			s["dependencies"] = map[string]any{pick(g, "a", "b"): pick[any](g, []any{"c"}, g.object(depth-1))}
		}},
		{"dependentSchemas", objectsOnly, "2019-09", "", true, 1, func(g *generator, s map[string]any, depth int) {
			s["dependentSchemas"] = map[string]any{pick(g, "a", "b"): g.schema(depth - 1)}
		}},
		{"unevaluatedProperties", unevaluatedOnly, "2019-09", "", true, 2, func(g *generator, s map[string]any, depth int) {
			s["unevaluatedProperties"] = pick[any](g, false, false, g.object(depth-1))
		}},
		{"unevaluatedItems", unevaluatedOnly, "2019-09", "", true, 1, func(g *generator, s map[string]any, depth int) {
			s["unevaluatedItems"] = pick[any](g, false, false, g.object(depth-1))
		}},
		{"$ref", inPlaceOnly, "4", "", true, 2, func(g *generator, s map[string]any, _ int) { g.reference(s) }},
	}
}

func (g *generator) contains(s map[string]any, depth int) {
	s["contains"] = g.schema(max(depth-1, 0))
	if g.since("2019-09") && g.IntN(2) == 0 {
		s["minContains"] = g.IntN(3)
	}
	if g.since("2019-09") && g.IntN(2) == 0 {
		s["maxContains"] = g.IntN(3)
	}
}

// reference writes a $ref: behind one only through a child, for it may lead back.
func (g *generator) reference(s map[string]any) {
	ref := map[string]any{"$ref": pick(g, "#/definitions/x", "#/definitions/y", "#why")}
	switch k := g.IntN(4); {
	case k == 0 && !g.inner:
		s["$ref"] = ref["$ref"] // beside it, keywords count from 2019-09 on
	case k <= 1 && !g.inner:
		s["allOf"] = []any{ref}
	case k == 2:
		ref["$ref"] = pick(g, "#", "#/definitions/x")
		fallthrough
	default:
		if g.IntN(3) > 0 {
			s["properties"] = map[string]any{pick(g, "a", "b"): ref}
		} else {
			s["items"] = ref
		}
	}
}

// about reports whether a keyword belongs to the generator's theme.
func (g *generator) about(theme string) bool {
	switch g.theme {
	case "":
		return true
	case unevaluatedOnly:
		return theme == unevaluatedOnly || theme == objectsOnly || theme == arraysOnly || theme == inPlaceOnly
	}
	return theme == g.theme || theme == inPlaceOnly || theme == ""
}

func (g *generator) keyword(s map[string]any, depth int) {
	themed := g.IntN(4) > 0
	total := 0
	usable := func(i int) bool {
		k := grammar[i]
		return g.since(k.since) && (k.until == "" || atLeastDraft(k.until, g.draft)) && (!k.deep || depth > 0) && (!themed || g.about(k.theme))
	}
	for i, k := range grammar {
		if usable(i) {
			total += k.weight
		}
	}
	at := g.IntN(total)
	for i, k := range grammar {
		if !usable(i) {
			continue
		}
		if at -= k.weight; at < 0 {
			k.write(g, s, depth)
			return
		}
	}
}

// parsed turns a generated document into a schema; nil where the validator
// refuses it.
func (g *generator) parsed(doc map[string]any) (*schema.Schema, string) {
	text := encoded(doc)
	s, err := schema.Parse("generated.json", text, schema.Options{Draft: g.draft, AsValidator: true})
	if err != nil {
		return nil, fmt.Sprint(string(text), ": ", err)
	}
	return s, string(text)
}

func sortedNames(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// copied is a deep copy.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, member := range v {
			m[name] = copied(member)
		}
		return m
	case []any:
		a := make([]any, len(v))
		for i, item := range v {
			a[i] = copied(item)
		}
		return a
	}
	return v
}

// universe is all values of a small depth over a few atoms.
func universe() []any {
	n := func(s string) any { return json.Number(s) }
	atoms := []any{nil, true, false, n("0"), n("1"), n("2"), n("3"), n("1.5"), n("-1"), n("1.0"), "", "a", "b", "ab", "aa"}
	few := []any{nil, false, n("0"), n("1"), n("1.5"), "", "a", []any{}, []any{n("1")}, map[string]any{}, map[string]any{"a": n("1")}, map[string]any{"b": "a"}}
	all := append([]any{}, atoms...)
	all = append(all, []any{}, map[string]any{})
	for _, x := range append(atoms, few[7:]...) {
		all = append(all, []any{x})
		for _, name := range []string{"a", "b", "c", "ab", ""} {
			all = append(all, map[string]any{name: x})
		}
	}
	for _, x := range few {
		for _, y := range few {
			all = append(all, []any{x, y}, map[string]any{"a": x, "b": y})
		}
	}
	less := []any{nil, n("1"), "a", []any{}, map[string]any{}}
	for _, x := range less {
		for _, y := range less {
			all = append(all, map[string]any{"a": x, "c": y}, map[string]any{"b": x, "c": y}, map[string]any{"b": x, "ab": y})
			for _, z := range less {
				all = append(all, []any{x, y, z}, map[string]any{"a": x, "b": y, "c": z}, map[string]any{"a": x, "b": y, "ab": z, "": z})
			}
		}
	}
	some := []any{n("0"), n("1"), n("2"), n("1.5"), "a"}
	for i := range 625 { // arrays of three and four, for counts
		x := []any{some[i%5], some[i/5%5], some[i/25%5], some[i/125]}
		all = append(all, x)
		if i < 125 {
			all = append(all, x[:3:3])
		}
	}
	for _, x := range few {
		all = append(all, []any{[]any{x}}, map[string]any{"a": map[string]any{"a": x}}, map[string]any{"b": []any{x, x}}, []any{map[string]any{"b": x}})
	}
	return all
}
