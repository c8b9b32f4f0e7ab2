package compat_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/eventproof/eventproof/contract/schema"
)

// generator writes schemas with the keywords of a draft, small enough that a
// small universe of values tells most of them apart.
type generator struct {
	*rand.Rand
	draft string
	refs  bool
}

func (g *generator) since(draft string) bool {
	order := map[string]int{"4": 0, "6": 1, "7": 2, "2019-09": 3, "2020-12": 4}
	return order[g.draft] >= order[draft]
}

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func (g *generator) document() map[string]any {
	s := g.object(3)
	g.refs = true
	defs := map[string]any{"x": g.object(2), "y": g.object(2)}
	g.refs = false
	s["definitions"] = defs
	return s
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

func (g *generator) value() any {
	return pick[any](g, nil, true, false, 0, 1, 2, 1.5, "", "a", "ab", []any{}, []any{1}, []any{0, 1}, map[string]any{}, map[string]any{"a": 1}, map[string]any{"b": "a"})
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
	keywords := 1 + g.IntN(3)
	for range keywords {
		g.keyword(s, depth)
	}
	return s
}

func (g *generator) keyword(s map[string]any, depth int) {
	kinds := 19
	if depth > 0 {
		kinds = 45
	}
	switch k := g.IntN(kinds); k {
	case 0, 1:
		s["type"] = pick[any](g, "null", "boolean", "number", "integer", "string", "array", "object", []any{"string", "integer"}, []any{"array", "null"}, []any{"object", "number"})
	case 2:
		if g.since("6") {
			s["const"] = g.value()
		}
	case 3:
		s["enum"] = []any{g.value(), g.value(), g.value()}
	case 4:
		s["minimum"] = pick[any](g, 0, 1, 1.5, -1)
	case 5:
		s["maximum"] = pick[any](g, 0, 1, 2, 1.5)
	case 6:
		s["multipleOf"] = pick[any](g, 1, 2, 0.5, 3)
	case 7:
		if g.draft == "4" {
			s["minimum"], s["exclusiveMinimum"] = pick[any](g, 0, 1), true
		} else {
			s["exclusiveMinimum"] = pick[any](g, 0, 1)
		}
	case 8:
		s["minLength"] = g.IntN(3)
	case 9:
		s["maxLength"] = g.IntN(3)
	case 10:
		s["pattern"] = pick(g, "a", "^a", "b$", "^(a|b)$", "^$", "^a*$")
	case 11:
		s["minItems"] = g.IntN(3)
	case 12:
		s["maxItems"] = g.IntN(3)
	case 13:
		s["uniqueItems"] = true
	case 14:
		s["minProperties"] = g.IntN(3)
	case 15:
		s["maxProperties"] = g.IntN(3)
	case 16, 17:
		s["required"] = pick(g, []any{"a"}, []any{"b"}, []any{"a", "b"})
	case 18:
		if g.draft == "4" {
			s["type"] = "object"
		} else if g.since("2019-09") {
			s["dependentRequired"] = map[string]any{pick(g, "a", "b"): []any{pick(g, "a", "b", "c")}}
		}
	case 19, 20, 21:
		s["properties"] = g.properties(depth)
	case 22:
		s["additionalProperties"] = pick[any](g, false, true, g.object(depth-1))
	case 23:
		s["patternProperties"] = map[string]any{pick(g, "a", "^b", "^[ab]$"): g.schema(depth - 1)}
	case 24:
		if g.since("6") {
			s["propertyNames"] = g.schema(depth - 1)
		}
	case 25, 26:
		if g.since("2020-12") {
			s["prefixItems"] = g.schemas(depth)
		} else {
			s["items"] = g.schemas(depth)
		}
	case 27:
		s["items"] = g.schema(depth - 1)
		if g.draft == "4" {
			s["items"] = g.object(depth - 1)
		}
	case 28:
		if !g.since("2020-12") {
			s["additionalItems"] = pick[any](g, false, true, g.object(depth-1))
		}
	case 29, 30:
		if g.since("6") {
			s["contains"] = g.schema(depth - 1)
		}
		if g.since("2019-09") && g.IntN(2) == 0 {
			s["minContains"] = g.IntN(3)
		}
		if g.since("2019-09") && g.IntN(2) == 0 {
			s["maxContains"] = g.IntN(3)
		}
	case 31:
		s["not"] = g.schema(depth - 1)
	case 32:
		s["allOf"] = g.schemas(depth)
	case 33, 34:
		s["anyOf"] = g.schemas(depth)
	case 35, 36:
		s["oneOf"] = g.schemas(depth)
	case 37:
		if g.since("7") {
			s["if"] = g.schema(depth - 1)
			s["then"] = g.schema(depth - 1)
			if g.IntN(2) == 0 {
				s["else"] = g.schema(depth - 1)
			}
		}
	case 38:
		s["dependencies"] = map[string]any{pick(g, "a", "b"): pick[any](g, []any{"c"}, g.object(depth-1))}
	case 39:
		if g.since("2019-09") {
			s["dependentSchemas"] = map[string]any{pick(g, "a", "b"): g.schema(depth - 1)}
		}
	case 40, 41:
		if g.since("2019-09") {
			s["unevaluatedProperties"] = pick[any](g, false, false, g.object(depth-1))
		}
	case 42:
		if g.since("2019-09") {
			s["unevaluatedItems"] = pick[any](g, false, false, g.object(depth-1))
		}
	default:
		// In definitions a reference may lead back, so only through a child.
		ref := map[string]any{"$ref": pick(g, "#/definitions/x", "#/definitions/y")}
		switch {
		case !g.refs:
			s["allOf"] = []any{ref}
		case g.IntN(2) == 0:
			s["properties"] = map[string]any{pick(g, "a", "b"): ref}
		case g.since("2020-12"):
			s["items"] = ref
		default:
			s["items"] = ref
		}
	}
}

// parsed turns a generated document into a schema; nil where the validator
// refuses it.
func (g *generator) parsed(doc map[string]any) (*schema.Schema, string) {
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	s, err := schema.Parse("generated.json", text, schema.Options{Draft: g.draft, AsValidator: true})
	if err != nil {
		return nil, fmt.Sprint(string(text), ": ", err)
	}
	return s, string(text)
}

// universe is all values of a small depth over a few atoms.
func universe() []any {
	n := func(s string) any { return json.Number(s) }
	atoms := []any{nil, true, false, n("0"), n("1"), n("2"), n("1.5"), n("-1"), n("1.0"), "", "a", "b", "ab"}
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
				all = append(all, []any{x, y, z}, map[string]any{"a": x, "b": y, "c": z})
			}
		}
	}
	for _, x := range few {
		all = append(all, []any{[]any{x}}, map[string]any{"a": map[string]any{"a": x}}, map[string]any{"b": []any{x, x}}, []any{map[string]any{"b": x}})
	}
	return all
}
