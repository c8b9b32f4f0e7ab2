package valueset

import (
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

// variable is a subschema that is expanded when it is looked at.
type variable struct {
	schema    *jsonschema.Schema
	scope     *scope
	asserts   bool // format
	negated   bool
	closed    []applied // of a closed object: what applies, see closed.go
	expansion *expr
	expanding bool
	lowering  bool
	positive  *variable // of a negated one
	itself    *expr     // of a positive one
	opposite  *expr
}

type variableKey struct {
	schema  *jsonschema.Schema
	scope   *scope
	asserts bool
	closed  string
}

func (p *pool) schema(s *jsonschema.Schema, sc *scope, asserts bool) *expr {
	if s.Always != nil {
		if *s.Always {
			return p.yes
		}
		return p.no
	}
	key := variableKey{s, sc, asserts, ""}
	v := p.variables[key]
	if v == nil {
		v = &variable{schema: s, scope: sc, asserts: asserts}
		p.variables[key] = v
	}
	// What merely refers to another schema is that schema.
	if (s.Ref != nil || s.DynamicRef != nil || s.RecursiveRef != nil) && !v.lowering {
		v.lowering = true
		target := p.expand(v)
		v.lowering = false
		if target.kind == kVariable {
			return target
		}
	}
	return p.reference(v, false)
}

func (p *pool) reference(v *variable, negated bool) *expr {
	if v.negated {
		v = v.positive
	}
	if v.itself == nil {
		key := fmt.Sprintf("v%p", v)
		v.itself = p.intern(key, expr{kind: kVariable, variable: v})
		v.opposite = p.intern(key+"-", expr{kind: kVariable, variable: &variable{negated: true, positive: v}})
		v.itself.negation, v.opposite.negation = v.opposite, v.itself
	}
	if negated {
		return v.opposite
	}
	return v.itself
}

// expand is what a variable stands for.
func (p *pool) expand(v *variable) *expr {
	if v.negated {
		return p.not(p.expand(v.positive))
	}
	if v.expansion == nil {
		p.budget.step(1)
		if v.closed != nil {
			v.expansion = p.lowerClosed(v)
		} else {
			v.expansion = p.lowered(v.schema, v.scope, v.asserts)
		}
	}
	return v.expansion
}

// lowering is one schema being read.
type lowering struct {
	*pool
	schema  *jsonschema.Schema
	inner   *scope // the dynamic scope of its subschemas
	asserts bool
	parts   []*expr
}

func (l *lowering) add(e *expr) { l.parts = append(l.parts, e) }

func (l *lowering) sub(s *jsonschema.Schema) *expr { return l.pool.schema(s, l.inner, l.asserts) }

func (p *pool) lowered(s *jsonschema.Schema, outer *scope, asserts bool) *expr {
	if isMeta(s) {
		asserts = true // built-in meta-schemas are compiled that way
	}
	l := &lowering{pool: p, schema: s, inner: p.enter(outer, s), asserts: asserts}
	l.anyType()
	l.numbers()
	l.strings()
	l.arrays()
	l.objects()
	l.inPlace()
	if s.UnevaluatedProperties != nil {
		l.add(l.unevaluatedProperties())
	}
	if s.UnevaluatedItems != nil {
		l.add(l.unevaluatedItems())
	}
	return p.and(l.parts...)
}

func isMeta(s *jsonschema.Schema) bool {
	return strings.Contains(s.Location, "//json-schema.org/draft")
}

func (l *lowering) anyType() {
	s := l.schema
	if len(s.Types) > 0 {
		var t types
		integer := false
		for _, name := range s.Types {
			switch name {
			case "integer":
				integer = true
			default:
				t |= typeNamed[name]
			}
		}
		if integer && t&tNumber == 0 {
			t |= tNumber
			l.add(l.atom(expr{kind: kMultiple, number: big.NewRat(1, 1)}))
		}
		l.add(l.ofTypes(t))
	}
	if len(s.Constant) > 0 {
		l.state(s.Constant[0])
		l.add(l.oneOf(newValues(s.Constant[0])))
	}
	if len(s.Enum) > 0 {
		l.state(s.Enum)
		l.add(l.oneOf(newValues(s.Enum...)))
	}
	l.disputed()
	if s.ContentSchema != nil && s.Draft == jsonschema.Draft7 {
		l.add(l.cannot("contentSchema"))
	}
	if s.RegexProperties {
		l.add(l.cannot("regexProperties"))
	}
}

var typeNamed = map[string]types{"null": tNull, "boolean": tBoolean, "number": tNumber, "string": tString, "array": tArray, "object": tObject}

// cannot stands for a whole schema of which a keyword cannot be reasoned about.
func (l *lowering) cannot(keyword string) *expr {
	s := l.schema
	return l.intern(fmt.Sprintf("o%s%p", keyword, s), expr{kind: kOpaque, name: keyword, index: len(l.all), opaque: func(v any) bool { return s.Validate(v) == nil }})
}

func (l *lowering) numbers() {
	s := l.schema
	if s.Minimum != nil {
		l.add(l.lower(s.Minimum, false))
	}
	if s.ExclusiveMinimum != nil {
		l.add(l.lower(s.ExclusiveMinimum, true))
	}
	if s.Maximum != nil {
		l.add(l.upper(s.Maximum, false))
	}
	if s.ExclusiveMaximum != nil {
		l.add(l.upper(s.ExclusiveMaximum, true))
	}
	if s.MultipleOf != nil {
		l.add(l.atom(expr{kind: kMultiple, number: s.MultipleOf}))
	}
}

func (l *lowering) strings() {
	s := l.schema
	if s.MinLength > 0 || s.MaxLength != -1 {
		l.add(l.textIn(stringset.Length(s.MinLength, s.MaxLength)))
	}
	if s.Pattern != nil {
		l.add(l.textIn(l.pattern(s.Pattern)))
	}
}

// matching is one member of patternProperties.
type matching struct {
	re     *regexp.Regexp
	schema *jsonschema.Schema
}

// patterns are the patternProperties in a fixed order.
func patterns(s *jsonschema.Schema) []matching {
	all := make([]matching, 0, len(s.PatternProperties))
	for re, sub := range s.PatternProperties {
		all = append(all, matching{re, sub})
	}
	slices.SortFunc(all, func(a, b matching) int { return strings.Compare(a.re.String(), b.re.String()) })
	return all
}

func (l *lowering) arrays() {
	s := l.schema
	if s.MinItems > 0 {
		l.add(l.counted(kMinItems, s.MinItems))
	}
	if s.MaxItems != -1 {
		l.add(l.counted(kMaxItems, s.MaxItems))
	}
	if s.UniqueItems {
		l.add(l.atom(expr{kind: kUnique}))
	}
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		l.add(l.itemsFrom(0, l.sub(items)))
	case []*jsonschema.Schema:
		for i, item := range items {
			l.add(l.item(i, l.sub(item)))
		}
		switch more := s.AdditionalItems.(type) {
		case *jsonschema.Schema:
			l.add(l.itemsFrom(len(items), l.sub(more)))
		case bool:
			if !more {
				l.add(l.counted(kMaxItems, len(items)))
			}
		}
	}
	for i, item := range s.PrefixItems {
		l.add(l.item(i, l.sub(item)))
	}
	if s.Items2020 != nil {
		l.add(l.itemsFrom(len(s.PrefixItems), l.sub(s.Items2020)))
	}
	if s.Contains != nil && (s.MinContains != -1 || s.MaxContains != -1) {
		in := l.sub(s.Contains)
		if s.MinContains > 0 {
			l.add(l.atLeast(0, in, s.MinContains))
		}
		if s.MaxContains != -1 {
			l.add(l.atMost(0, in, s.MaxContains))
		}
	}
}

func (l *lowering) objects() {
	s := l.schema
	if s.MinProperties > 0 {
		l.add(l.counted(kMinProperties, s.MinProperties))
	}
	if s.MaxProperties != -1 {
		l.add(l.counted(kMaxProperties, s.MaxProperties))
	}
	for _, name := range s.Required {
		l.add(l.hasMember(name, l.yes))
	}
	for name, sub := range sorted(s.Properties) {
		l.stateText(name)
		l.add(l.member(name, l.sub(sub)))
	}
	for _, m := range patterns(s) {
		l.add(l.members(l.pattern(m.re), l.sub(m.schema)))
	}
	switch more := s.AdditionalProperties.(type) {
	case bool:
		if !more {
			l.add(l.members(stringset.Not(l.own().set()), l.no))
		}
	case *jsonschema.Schema:
		l.add(l.members(stringset.Not(l.own().set()), l.sub(more)))
	}
	if s.PropertyNames != nil {
		names := l.sub(s.PropertyNames)
		if names != l.yes {
			t := l.textsOf(l.spec(names, tString))
			l.add(l.members(stringset.Not(t.set), l.no))
			if t.opaque != "" {
				l.add(l.cannot("propertyNames"))
			}
		}
	}
	for name, dependency := range sorted(s.Dependencies) {
		switch d := dependency.(type) {
		case *jsonschema.Schema:
			l.add(l.or(l.member(name, l.no), l.sub(d)))
		case []string:
			l.dependent(name, d)
		}
	}
	for name, names := range sorted(s.DependentRequired) {
		l.dependent(name, names)
	}
	for name, sub := range sorted(s.DependentSchemas) {
		l.add(l.or(l.member(name, l.no), l.sub(sub)))
	}
}

func (l *lowering) dependent(name string, names []string) {
	for _, other := range names {
		l.add(l.or(l.member(name, l.no), l.hasMember(other, l.yes)))
	}
}

func (l *lowering) own() *names {
	n := &names{}
	for name := range l.schema.Properties {
		n.words = append(n.words, name) // sorted where it becomes a set
	}
	for _, m := range patterns(l.schema) {
		n.patterns = append(n.patterns, l.pattern(m.re))
	}
	return n
}

func (l *lowering) inPlace() {
	s := l.schema
	if s.Ref != nil {
		l.add(l.sub(s.Ref))
	}
	if s.RecursiveRef != nil {
		l.add(l.sub(l.inner.recursive(s.RecursiveRef)))
	}
	if s.DynamicRef != nil {
		if target := l.inner.dynamic(s); target != nil {
			l.add(l.sub(target))
		} else {
			l.add(l.cannot("$dynamicRef"))
		}
	}
	if s.Not != nil {
		l.add(l.not(l.sub(s.Not)))
	}
	for _, sub := range s.AllOf {
		l.add(l.sub(sub))
	}
	if len(s.AnyOf) > 0 {
		l.add(l.or(l.subs(s.AnyOf)...))
	}
	if len(s.OneOf) > 0 {
		branches := l.subs(s.OneOf)
		l.add(l.or(branches...))
		for i, a := range branches {
			for _, b := range branches[:i] {
				l.add(l.or(l.not(a), l.not(b)))
			}
		}
	}
	if s.If != nil {
		condition := l.sub(s.If)
		beyond := l.inner.left(l.pool)
		if s.Then != nil {
			l.add(l.or(l.not(condition), l.pool.schema(s.Then, beyond, l.asserts)))
		}
		if s.Else != nil {
			l.add(l.or(condition, l.pool.schema(s.Else, beyond, l.asserts)))
		}
	}
}

func (l *lowering) subs(schemas []*jsonschema.Schema) []*expr {
	all := make([]*expr, len(schemas))
	for i, s := range schemas {
		all[i] = l.sub(s)
	}
	return all
}

// sorted goes through a map in the order of its keys.
func sorted[V any](m map[string]V) func(yield func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
