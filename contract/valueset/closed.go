package valueset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

// applied is a schema that applies to a value of a writer who sends no
// undeclared property. One under contains declares, but closes nothing.
type applied struct {
	schema  *jsonschema.Schema
	scope   *scope
	asserts bool
	open    bool
}

// closed is every value in which, given that the schemas accept it and apply to
// it, no object has a property that none of them declares. It says nothing
// about what they assert.
func (p *pool) closed(all []applied) *expr {
	var kept []applied
	var key strings.Builder
	for _, a := range all {
		if !slices.Contains(kept, a) && p.shapes(a, 0) {
			kept = append(kept, a)
			fmt.Fprintf(&key, "%p %p %v;", a.schema, a.scope, a.open)
		}
	}
	if len(kept) == 0 {
		return p.yes
	}
	k := variableKey{asserts: kept[0].asserts, closed: key.String()}
	v := p.variables[k]
	if v == nil {
		v = &variable{closed: kept}
		p.variables[k] = v
	}
	return p.reference(v, false)
}

// shapes reports whether a schema says anything, in place, of members or items.
func (p *pool) shapes(a applied, depth int) bool {
	s := a.schema
	if s == nil || s.Always != nil || depth > 100 {
		return depth > 100
	}
	if len(s.Properties) > 0 || len(s.PatternProperties) > 0 || s.AdditionalProperties != nil || s.UnevaluatedProperties != nil ||
		s.Items != nil || len(s.PrefixItems) > 0 || s.Items2020 != nil || s.Contains != nil || s.UnevaluatedItems != nil {
		return true
	}
	subs := []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.DynamicRef, s.If, s.Then, s.Else}
	subs = slices.Concat(subs, s.AllOf, s.AnyOf, s.OneOf)
	for _, sub := range s.DependentSchemas {
		subs = append(subs, sub)
	}
	for _, d := range s.Dependencies {
		if sub, ok := d.(*jsonschema.Schema); ok {
			subs = append(subs, sub)
		}
	}
	for _, sub := range subs {
		if sub != nil && p.shapes(applied{schema: sub}, depth+1) {
			return true
		}
	}
	return false
}

// choice is one way in which branches accept a value: what then applies to it.
type choice struct {
	conditions []*expr
	flat       []applied // with the scope inside each
}

func (p *pool) lowerClosed(v *variable) *expr {
	choices := []choice{{}}
	for _, a := range v.closed {
		choices = p.combine(choices, p.choices(a, 0))
	}
	var ways []*expr
	for _, c := range choices {
		ways = append(ways, p.and(append(c.conditions, p.level(c.flat))...))
	}
	return p.or(ways...)
}

func (p *pool) combine(as, bs []choice) []choice {
	if len(as)*len(bs) > mostWays {
		stopf("undeclared", "more than %d combinations of branches declare differently", mostWays)
	}
	p.budget.step(len(as) * len(bs))
	var all []choice
	for _, a := range as {
		for _, b := range bs {
			one := choice{slices.Concat(a.conditions, b.conditions), slices.Concat(a.flat, b.flat)}
			if p.and(one.conditions...) != p.no {
				all = append(all, one)
			}
		}
	}
	return all
}

// choices are the ways in which what a schema holds in place may apply. Unlike
// what is evaluated, what is closed needs to know which branches do not accept.
func (p *pool) choices(a applied, depth int) []choice {
	s := a.schema
	if depth > 200 {
		stopf("$ref", "the schema applies to itself in place")
	}
	if s == nil || !p.shapes(a, 0) {
		return []choice{{}}
	}
	inner := p.enter(a.scope, s)
	asserts := a.asserts || isMeta(s)
	at := func(sub *jsonschema.Schema, sc *scope) applied { return applied{sub, sc, asserts, a.open} }
	in := func(sub *jsonschema.Schema) []choice { return p.choices(at(sub, inner), depth+1) }
	when := func(condition *expr, cs []choice) []choice {
		var all []choice
		for _, c := range cs {
			all = append(all, choice{append([]*expr{condition}, c.conditions...), c.flat})
		}
		return all
	}
	holds := func(sub *jsonschema.Schema) *expr { return p.schema(sub, inner, asserts) }

	all := []choice{{flat: []applied{{s, inner, asserts, a.open}}}}
	if s.Ref != nil {
		all = p.combine(all, in(s.Ref))
	}
	if s.RecursiveRef != nil {
		all = p.combine(all, in(inner.recursive(s.RecursiveRef)))
	}
	if s.DynamicRef != nil {
		target := inner.dynamic(s)
		if target == nil {
			stopf("$dynamicRef", "the validator chooses among several anchors")
		}
		all = p.combine(all, in(target))
	}
	for _, sub := range s.AllOf {
		all = p.combine(all, in(sub))
	}
	for _, sub := range s.AnyOf {
		if p.shapes(at(sub, inner), 0) {
			all = p.combine(all, append(when(holds(sub), in(sub)), when(p.not(holds(sub)), []choice{{}})...))
		}
	}
	if len(s.OneOf) > 0 {
		var options []choice
		var others []*expr
		for _, sub := range s.OneOf {
			if p.shapes(at(sub, inner), 0) {
				options = append(options, when(holds(sub), in(sub))...)
			} else {
				others = append(others, holds(sub))
			}
		}
		if len(others) > 0 {
			options = append(options, when(p.or(others...), []choice{{}})...)
		}
		if len(options) > 0 {
			all = p.combine(all, options)
		}
	}
	if s.If != nil {
		beyond := inner.left(p)
		yes, no := in(s.If), []choice{{}}
		if s.Then != nil {
			yes = p.combine(yes, p.choices(at(s.Then, beyond), depth+1))
		}
		if s.Else != nil {
			no = p.choices(at(s.Else, beyond), depth+1)
		}
		all = p.combine(all, append(when(holds(s.If), yes), when(p.not(holds(s.If)), no)...))
	}
	depends := func(name string, sub *jsonschema.Schema) {
		there := p.hasMember(name, p.yes)
		all = p.combine(all, append(when(there, in(sub)), when(p.member(name, p.no), []choice{{}})...))
	}
	for name, sub := range sorted(s.DependentSchemas) {
		depends(name, sub)
	}
	for name, d := range sorted(s.Dependencies) {
		if sub, ok := d.(*jsonschema.Schema); ok {
			depends(name, sub)
		}
	}
	return all
}

// level closes one value, to which exactly these schemas apply.
func (p *pool) level(flat []applied) *expr {
	return p.and(p.closedObject(flat), p.closedArray(flat))
}

func (p *pool) closedObject(flat []applied) *expr {
	closes := false
	var sets []stringset.Set
	known := map[string]bool{}
	var words []string
	for _, a := range flat {
		s := a.schema
		closes = closes || !a.open && (len(s.Properties) > 0 || len(s.PatternProperties) > 0)
		for name := range sorted(s.Properties) {
			if !known[name] {
				known[name] = true
				words = append(words, name)
			}
		}
		for _, set := range (&lowering{pool: p, schema: s}).own().patterns {
			if !slices.ContainsFunc(sets, func(o stringset.Set) bool { return o.Key() == set.Key() }) {
				sets = append(sets, set)
			}
		}
	}
	var parts []*expr
	for _, name := range words {
		subs, declared := p.memberSchemas(flat, func(s *jsonschema.Schema) (subs []*jsonschema.Schema, own bool) {
			if sub := s.Properties[name]; sub != nil {
				subs = append(subs, sub)
			}
			for _, m := range patterns(s) {
				if m.re.MatchString(name) {
					subs = append(subs, m.schema)
				}
			}
			return subs, len(subs) > 0
		})
		if declared {
			parts = append(parts, p.member(name, p.closed(subs)))
		}
	}
	if len(sets) > 10 {
		stopf("patternProperties", "more than 10 patterns meet")
	}
	slices.SortFunc(sets, func(a, b stringset.Set) int { return strings.Compare(a.Key(), b.Key()) })
	for bits := range 1 << len(sets) {
		cell := []stringset.Set{stringset.Not(stringset.Of(words...))}
		matches := map[string]bool{}
		for i, set := range sets {
			if bits>>i&1 == 1 {
				cell = append(cell, set)
				matches[set.Key()] = true
			} else {
				cell = append(cell, stringset.Not(set))
			}
		}
		subs, declared := p.memberSchemas(flat, func(s *jsonschema.Schema) (subs []*jsonschema.Schema, own bool) {
			for _, m := range patterns(s) {
				if matches[p.pattern(m.re).Key()] {
					subs = append(subs, m.schema)
				}
			}
			return subs, len(subs) > 0
		})
		in := p.closed(subs)
		if closes && !declared {
			in = p.no
		}
		if in != p.yes {
			parts = append(parts, p.members(stringset.And(cell...), in))
		}
	}
	return p.and(parts...)
}

// memberSchemas are the schemas that apply to a member; declared: one of them
// names it, or says something of members that it does not name.
func (p *pool) memberSchemas(flat []applied, own func(*jsonschema.Schema) ([]*jsonschema.Schema, bool)) (subs []applied, declared bool) {
	for _, a := range flat {
		mine, named := own(a.schema)
		for _, sub := range mine {
			subs = append(subs, applied{sub, a.scope, a.asserts, a.open})
		}
		if named {
			declared = true
			continue
		}
		switch more := a.schema.AdditionalProperties.(type) {
		case bool:
			declared = declared || more
		case *jsonschema.Schema:
			declared = true
			subs = append(subs, applied{more, a.scope, a.asserts, a.open})
		}
	}
	if declared {
		return subs, true
	}
	for _, a := range flat {
		if sub := a.schema.UnevaluatedProperties; sub != nil && (sub.Always == nil || *sub.Always) {
			declared = true
			subs = append(subs, applied{sub, a.scope, a.asserts, a.open})
		}
	}
	return subs, declared
}

func (p *pool) closedArray(flat []applied) *expr {
	longest := 0
	for _, a := range flat {
		if items, ok := a.schema.Items.([]*jsonschema.Schema); ok {
			longest = max(longest, len(items))
		}
		longest = max(longest, len(a.schema.PrefixItems))
	}
	var parts []*expr
	for i := range longest {
		parts = append(parts, p.item(i, p.closedItem(flat, i)))
	}
	return p.and(append(parts, p.itemsFrom(longest, p.closedItem(flat, longest)))...)
}

func (p *pool) closedItem(flat []applied, i int) *expr {
	var subs []applied
	for _, a := range flat {
		add := func(s *jsonschema.Schema) { subs = append(subs, applied{s, a.scope, a.asserts, a.open}) }
		switch items := a.schema.Items.(type) {
		case *jsonschema.Schema:
			add(items)
		case []*jsonschema.Schema:
			if i < len(items) {
				add(items[i])
			} else if more, ok := a.schema.AdditionalItems.(*jsonschema.Schema); ok {
				add(more)
			}
		}
		if i < len(a.schema.PrefixItems) {
			add(a.schema.PrefixItems[i])
		} else if a.schema.Items2020 != nil {
			add(a.schema.Items2020)
		}
	}
	all := []choice{{flat: subs}}
	for _, a := range flat {
		if c := a.schema.Contains; c != nil {
			in := p.schema(c, a.scope, a.asserts)
			all = p.combine(all, []choice{{[]*expr{in}, []applied{{c, a.scope, a.asserts, true}}}, {[]*expr{p.not(in)}, nil}})
		}
	}
	var ways []*expr
	for _, c := range all {
		applies := c.flat
		if len(applies) == 0 {
			for _, a := range flat {
				if a.schema.UnevaluatedItems != nil {
					applies = append(applies, applied{a.schema.UnevaluatedItems, a.scope, a.asserts, a.open})
				}
			}
		}
		ways = append(ways, p.and(append(c.conditions, p.closed(applies))...))
	}
	return p.or(ways...)
}
