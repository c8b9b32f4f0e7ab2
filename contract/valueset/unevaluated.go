package valueset

import (
	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

// evaluated is one way in which the schemas that apply to a value may evaluate
// its members or items: if the conditions hold, at least these are evaluated.
// More branches that hold only evaluate more, so "what is evaluated in the end"
// needs no negative conditions: some way whose conditions hold says it all.
type evaluated struct {
	conditions []*expr
	names      *names
	prefix     int     // items before this index
	allItems   bool    // all items
	containing []*expr // items in one of these
}

// mostWays is how many ways are followed before a schema is given up on.
const mostWays = 1 << 10

func (l *lowering) unevaluatedProperties() *expr {
	in := l.sub(l.schema.UnevaluatedProperties)
	if in == l.yes {
		return l.yes
	}
	w := &ways{pool: l.pool, asserts: l.asserts, keyword: "unevaluatedProperties"}
	var branches []*expr
	for _, e := range w.inside(l.schema, l.inner) {
		rest := l.yes
		if !e.names.all {
			rest = l.members(stringset.Not(e.names.set()), in)
		}
		branches = append(branches, l.and(append(e.conditions, rest)...))
	}
	return l.or(branches...)
}

func (l *lowering) unevaluatedItems() *expr {
	in := l.sub(l.schema.UnevaluatedItems)
	if in == l.yes {
		return l.yes
	}
	w := &ways{pool: l.pool, asserts: l.asserts, keyword: "unevaluatedItems", items: true}
	var branches []*expr
	for _, e := range w.inside(l.schema, l.inner) {
		rest := l.yes
		if !e.allItems {
			rest = l.itemsFrom(e.prefix, l.or(append(e.containing, in)...))
		}
		branches = append(branches, l.and(append(e.conditions, rest)...))
	}
	return l.or(branches...)
}

type ways struct {
	*pool
	asserts bool
	keyword string
	items   bool
	depth   int
}

// of are the ways in which a subschema evaluates, itself given to hold.
func (w *ways) of(s *jsonschema.Schema, outer *scope) []evaluated {
	if s.Always != nil {
		return []evaluated{{names: &names{}}}
	}
	inner := w.enter(outer, s)
	if w.items && s.UnevaluatedItems != nil {
		return []evaluated{{names: &names{}, allItems: true}}
	}
	if !w.items && s.UnevaluatedProperties != nil {
		return []evaluated{{names: &names{all: true}}}
	}
	return w.inside(s, inner)
}

// inside is of, without the unevaluated keyword of the schema itself.
func (w *ways) inside(s *jsonschema.Schema, inner *scope) []evaluated {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > 200 {
		stopf(w.keyword, "the schema applies to itself in place")
	}
	l := &lowering{pool: w.pool, schema: s, inner: inner, asserts: w.asserts}
	all := []evaluated{w.own(l)}
	if w.done(all[0]) {
		return all
	}
	must := func(sub *jsonschema.Schema) { all = w.cross(all, w.of(sub, inner)) }
	if s.Ref != nil {
		must(s.Ref)
	}
	if s.RecursiveRef != nil {
		must(inner.recursive(s.RecursiveRef))
	}
	if s.DynamicRef != nil {
		target := inner.dynamic(s)
		if target == nil {
			stopf("$dynamicRef", "the validator chooses among several anchors")
		}
		must(target)
	}
	for _, sub := range s.AllOf {
		must(sub)
	}
	for _, sub := range s.AnyOf {
		all = w.cross(all, w.perhaps(w.when(l.sub(sub), w.of(sub, inner))))
	}
	if len(s.OneOf) > 0 {
		var options []evaluated
		for _, sub := range s.OneOf {
			options = append(options, w.when(l.sub(sub), w.of(sub, inner))...)
		}
		all = w.cross(all, w.perhaps(options))
	}
	if s.If != nil {
		condition, beyond := l.sub(s.If), inner.left(w.pool)
		holds := w.of(s.If, inner)
		if s.Then != nil {
			holds = w.cross(holds, w.of(s.Then, beyond))
		}
		options := w.when(condition, holds)
		if s.Else != nil {
			options = append(options, w.when(w.not(condition), w.of(s.Else, beyond))...)
		}
		all = w.cross(all, w.perhaps(options))
	}
	if !w.items {
		for name, sub := range sorted(s.DependentSchemas) {
			all = w.cross(all, w.perhaps(w.when(w.present(name), w.of(sub, inner))))
		}
		for name, d := range sorted(s.Dependencies) {
			if sub, ok := d.(*jsonschema.Schema); ok {
				all = w.cross(all, w.perhaps(w.when(w.present(name), w.of(sub, inner))))
			}
		}
	}
	return all
}

func (w *ways) present(name string) *expr { return w.hasMember(name, w.yes) }

// own is what the schema's own keywords evaluate.
func (w *ways) own(l *lowering) evaluated {
	s := l.schema
	e := evaluated{names: &names{}}
	if !w.items {
		if s.AdditionalProperties != nil {
			e.names = &names{all: true}
		} else {
			e.names = l.own()
		}
		return e
	}
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		e.allItems = true
	case []*jsonschema.Schema:
		e.prefix = len(items)
		switch more := s.AdditionalItems.(type) {
		case *jsonschema.Schema:
			e.allItems = true
		case bool:
			e.allItems = more
		}
	}
	e.prefix = max(e.prefix, len(s.PrefixItems))
	if s.Items2020 != nil {
		e.allItems = true
	}
	if s.Contains != nil && s.ContainsEval {
		e.containing = []*expr{l.sub(s.Contains)}
	}
	return e
}

func (w *ways) done(e evaluated) bool {
	return len(e.conditions) == 0 && (w.items && e.allItems || !w.items && e.names.all)
}

func (w *ways) nothing(e evaluated) bool {
	return e.names.empty() && e.prefix == 0 && !e.allItems && len(e.containing) == 0
}

func (w *ways) when(condition *expr, es []evaluated) []evaluated {
	var kept []evaluated
	for _, e := range es {
		if !w.nothing(e) {
			e.conditions = append(e.conditions[:len(e.conditions):len(e.conditions)], condition)
			kept = append(kept, e)
		}
	}
	return kept
}

// perhaps adds the way in which none of them is taken.
func (w *ways) perhaps(es []evaluated) []evaluated {
	return append([]evaluated{{names: &names{}}}, es...)
}

func (w *ways) cross(as, bs []evaluated) []evaluated {
	if len(bs) == 1 && len(bs[0].conditions) == 0 && w.nothing(bs[0]) {
		return as
	}
	if len(as)*len(bs) > mostWays {
		stopf(w.keyword, "more than %d combinations of branches evaluate differently", mostWays)
	}
	w.budget.step(len(as) * len(bs))
	var all []evaluated
	for _, a := range as {
		for _, b := range bs {
			all = append(all, evaluated{
				conditions: append(a.conditions[:len(a.conditions):len(a.conditions)], b.conditions...),
				names:      a.names.with(b.names),
				prefix:     max(a.prefix, b.prefix),
				allItems:   a.allItems || b.allItems,
				containing: append(a.containing[:len(a.containing):len(a.containing)], b.containing...),
			})
		}
	}
	return all
}
