package sample

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// nearMiss makes a value for each keyword that refuses something.
func (m *maker) nearMiss() Samples {
	var points []*point
	for _, n := range m.written() {
		points = append(points, m.refusing(n)...)
	}
	return m.collect(NearMiss, points, m.missed, m.solveMiss)
}

// missed builds a value that only the keyword refuses, in a copy without it.
func (m *maker) missed(p *point) (s Sample, ok bool) {
	if p.redundant != "" {
		return Sample{}, false
	}
	during := p.building
	if during == nil {
		during = p.relax
	}
	_, ok = m.build(p, during, func(v any, _ *builder) bool {
		at, good := m.misses(p, v)
		if good {
			s = m.sample(NearMiss, p, v, at)
		}
		return good
	})
	return s, ok
}

// misses: the schema refuses the value and names the keyword, and without the
// keyword accepts it. at is where in the value.
func (m *maker) misses(p *point, v any) (at string, ok bool) {
	at, ok = leavesOf(accepts(m.schema.Compiled, v))[p.leaf]
	if !ok {
		return "", false
	}
	if p.missing != "" {
		at += schema.Pointer(p.missing)
		if _, there := schema.Resolve(v, at); there {
			return "", false
		}
	}
	if m.falls != nil && accepts(m.falls.Compiled, v) != nil {
		return "", false
	}
	if m.with(p, p.relax, p.drop, nil, v) != nil || !p.opens && !m.declared(v, at) {
		return "", false
	}
	return at, m.extra == nil || m.extra(NearMiss, at, v)
}

// solveMiss asks the algebra for a value that only the keyword refuses.
func (m *maker) solveMiss(p *point) (s Sample, ok bool, gap Without) {
	if p.redundant != "" {
		return Sample{}, false, m.without(NearMiss, p, true, p.redundant)
	}
	drop := p.drop
	if p.part != "" {
		drop = p.part
	}
	relaxed, err := m.recompiled(drop, nil)
	if err != nil {
		return Sample{}, false, m.without(NearMiss, p, false, "it cannot be taken out: "+err.Error())
	}
	allowed := valueset.Of(relaxed)
	if m.options.Closed && !m.event && !p.opens {
		allowed = valueset.Closed(relaxed)
	}
	none := "it alone refuses nothing (proven)"
	if m.falls != nil {
		allowed = valueset.And(allowed, valueset.Of(m.falls))
		none = "it alone refuses no event that falls under the contract (proven)"
	}
	at := ""
	v, ok, last := m.among(valueset.And(allowed, valueset.Not(valueset.Of(m.schema))), func(v any) (good bool) {
		at, good = m.misses(p, v)
		return good
	})
	if ok {
		at, _ = m.misses(p, v)
		return m.sample(NearMiss, p, v, at), true, Without{}
	}
	proven, why := whyNot(last, none)
	return Sample{}, false, m.without(NearMiss, p, proven, why)
}

// refusing are the keywords of a schema that can refuse a value.
func (m *maker) refusing(n *node) []*point {
	s := n.schema
	var all []*point
	at := func(keyword string) string { return s.Location + "/" + keyword }
	add := func(keyword, what string, relax edit, asks ...ask) *point {
		p := &point{node: n, keyword: keyword, leaf: at(keyword), drop: at(keyword), what: what, relax: relax, asks: asks}
		all = append(all, p)
		return p
	}
	if s.Always != nil {
		if !*s.Always {
			if p := m.forbidden(n); p != nil {
				all = append(all, p)
			}
		}
		return all
	}
	if len(s.Types) > 0 {
		p := add("type", "not of type "+strings.Join(s.Types, " or "), func(s *jsonschema.Schema) { s.Types = nil }, otherTypes(s)...)
		if list := append(slices.Clone(s.Constant), s.Enum...); len(list) > 0 && !slices.ContainsFunc(list, func(v any) bool { return !ofType(s, v) }) {
			p.redundant = "it refuses nothing that const or enum accepts (proven)"
		}
	}
	if len(s.Constant) > 0 {
		add("const", "another value than const", func(s *jsonschema.Schema) { s.Constant = nil }, each(otherValues(s.Constant))...)
	}
	if len(s.Enum) > 0 {
		add("enum", "a value that enum does not list", func(s *jsonschema.Schema) { s.Enum = nil }, each(otherValues(s.Enum))...)
	}
	if _, known := jsonschema.Formats[s.Format]; known && m.schema.AssertFormat {
		add("format", "not in the format "+s.Format, withoutFormat, each(malformed(s.Format))...)
	}
	m.refusingObjects(n, add)
	m.refusingArrays(n, add)
	m.refusingScalars(n, add)
	if s.Not != nil {
		add("not", "what not rules out", func(s *jsonschema.Schema) { s.Not = nil }, ask{also: []*jsonschema.Schema{s.Not}})
	}
	if len(s.AnyOf) > 0 {
		add("anyOf", "what no branch of anyOf accepts", func(s *jsonschema.Schema) { s.AnyOf = nil }, anyTypes()...)
	}
	if len(s.OneOf) > 0 {
		asks := anyTypes()
		for i := range s.OneOf {
			for j := i + 1; j < len(s.OneOf) && len(asks) < 16; j++ {
				asks = append(asks, ask{also: []*jsonschema.Schema{s.OneOf[i], s.OneOf[j]}})
			}
		}
		add("oneOf", "what not exactly one branch of oneOf accepts", func(s *jsonschema.Schema) { s.OneOf = nil }, asks...)
	}
	return all
}

// ofType: the type keyword accepts the value.
func ofType(s *jsonschema.Schema, v any) bool {
	return accepts(&jsonschema.Schema{Types: s.Types, MinProperties: -1, MaxProperties: -1, MinItems: -1, MaxItems: -1, MinLength: -1, MaxLength: -1}, v) == nil
}

func anyTypes() []ask {
	var asks []ask
	for _, t := range []types{null, boolean, text, number, array, object} {
		asks = append(asks, ask{types: t})
	}
	return asks
}

// forbidden is the point of a schema false.
func (m *maker) forbidden(n *node) *point {
	if n.from == nil {
		return nil
	}
	parent, e := n.from, n.by
	_, pointer, _, _ := m.schema.Source(n.schema.Location)
	tokens, _ := schema.Tokens(pointer)
	keyword := ""
	if len(tokens) > 0 {
		keyword = tokens[len(tokens)-1]
	}
	p := &point{node: n, keyword: keyword, leaf: n.schema.Location, drop: n.schema.Location, opens: true}
	yes := true
	p.relax = func(s *jsonschema.Schema) { s.Always = &yes }
	p.recompile = true
	p.asks = []ask{{}}
	p.what = "a value where the schema is false"
	switch {
	case e.kind == toAdditional && n.schema == parent.schema.UnevaluatedProperties:
		p.node, p.recompile = parent, false
		p.relax = func(s *jsonschema.Schema) { s.UnevaluatedProperties = nil }
		p.asks, p.what = []ask{{invent: true}}, "a property that nothing declares"
	case e.kind == toRest && n.schema == parent.schema.UnevaluatedItems:
		p.node, p.recompile = parent, false
		p.relax = func(s *jsonschema.Schema) { s.UnevaluatedItems = nil }
		p.asks, p.what = []ask{lengthOf(e.index + 1), lengthOf(e.index + 2)}, "an item too many"
	case e.kind == toRest && n.schema == parent.schema.Items2020:
		p.node, p.recompile = parent, false
		p.relax = func(s *jsonschema.Schema) { s.Items2020 = nil }
		p.asks, p.what = []ask{lengthOf(e.index + 1)}, "an item too many"
	case e.kind == toProperty:
		p.keyword = "false"
		p.what = "with the property " + e.name + ", which must be absent"
	}
	return p
}

func (m *maker) refusingObjects(n *node, add func(string, string, edit, ...ask) *point) {
	s := n.schema
	for i, name := range s.Required {
		p := add("required", name+" is missing", func(s *jsonschema.Schema) { s.Required = nil }, ask{types: object, without: name})
		p.building = func(s *jsonschema.Schema) { s.Required = remove(s.Required, name) }
		p.missing = name
		if len(s.Required) > 1 { // an empty list is no schema in draft 4
			p.part = fmt.Sprintf("%s/%d", p.drop, i)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentRequired)) {
		for i, needed := range s.DependentRequired[name] {
			m.dependent(n, add, "dependentRequired", name, i, needed)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Dependencies)) {
		if needed, ok := s.Dependencies[name].([]string); ok {
			for i, other := range needed {
				m.dependent(n, add, "dependencies", name, i, other)
			}
		}
	}
	if allowed, ok := s.AdditionalProperties.(bool); ok && !allowed {
		add("additionalProperties", "a property that is not allowed", func(s *jsonschema.Schema) { s.AdditionalProperties = nil }, ask{types: object, invent: true}).opens = true
	}
	if s.MinProperties > 0 {
		add("minProperties", fmt.Sprintf("one property less than minProperties %d", s.MinProperties), func(s *jsonschema.Schema) { s.MinProperties = -1 }, withTypes(object, s.MinProperties-1))
	}
	if s.MaxProperties >= 0 {
		add("maxProperties", fmt.Sprintf("one property more than maxProperties %d", s.MaxProperties), func(s *jsonschema.Schema) { s.MaxProperties = -1 }, withTypes(object, s.MaxProperties+1))
	}
}

func withTypes(t types, length int) ask { return ask{types: t, length: &length} }

func (m *maker) dependent(n *node, add func(string, string, edit, ...ask) *point, keyword, name string, i int, needed string) {
	rid := func(s *jsonschema.Schema) {
		if keyword == "dependentRequired" {
			s.DependentRequired = maps.Clone(s.DependentRequired)
			s.DependentRequired[name] = slices.Delete(slices.Clone(s.DependentRequired[name]), i, i+1)
			return
		}
		s.Dependencies = maps.Clone(s.Dependencies)
		s.Dependencies[name] = slices.Delete(slices.Clone(s.Dependencies[name].([]string)), i, i+1)
	}
	p := add(keyword, fmt.Sprintf("%s is missing, though %s is there", needed, name), rid, ask{types: object, with: []string{name}, without: needed})
	p.leaf = n.schema.Location + "/" + keyword + "/" + escaped(name) + "/" + strconv.Itoa(i)
	p.drop = p.leaf
	p.missing = needed
	if m.schema.Draft == "4" && len(n.schema.Dependencies[name].([]string)) == 1 { // an empty list is no schema there
		p.drop = n.schema.Location + "/" + keyword + "/" + escaped(name)
	}
}

func (m *maker) refusingArrays(n *node, add func(string, string, edit, ...ask) *point) {
	s := n.schema
	if s.MinItems > 0 {
		add("minItems", fmt.Sprintf("one item less than minItems %d", s.MinItems), func(s *jsonschema.Schema) { s.MinItems = -1 }, withTypes(array, s.MinItems-1))
	}
	if s.MaxItems >= 0 {
		add("maxItems", fmt.Sprintf("one item more than maxItems %d", s.MaxItems), func(s *jsonschema.Schema) { s.MaxItems = -1 }, withTypes(array, s.MaxItems+1))
	}
	if s.UniqueItems {
		add("uniqueItems", "an item that is there twice", func(s *jsonschema.Schema) { s.UniqueItems = false }, ask{types: array, repeat: true})
	}
	if items, ok := s.Items.([]*jsonschema.Schema); ok {
		if allowed, ok := s.AdditionalItems.(bool); ok && !allowed {
			add("additionalItems", "an item too many", func(s *jsonschema.Schema) { s.AdditionalItems = nil }, withTypes(array, len(items)+1))
		}
	}
	if s.Contains == nil {
		return
	}
	if s.MinContains > 0 {
		least := s.MinContains
		p := add("minContains", "too few items that contains accepts", func(s *jsonschema.Schema) { s.MinContains = 1 },
			withTypes(array, least-1), ask{types: array}, withTypes(array, 1), withTypes(array, 2))
		p.building = func(s *jsonschema.Schema) { s.Contains = nil }
		if _, _, _, written := m.schema.Source(p.drop); written == nil { // the validator's own default
			p.keyword, p.drop = "contains", n.schema.Location+"/contains"
			p.what = "no item that contains accepts"
			p.relax = p.building
		} else {
			p.recompile = least <= 1 // it is 1 without
			p.asks = append(p.asks, withTypes(array, least))
			p.building = func(s *jsonschema.Schema) { s.MinContains = max(least-1, 0) }
		}
	}
	if s.MaxContains >= 0 {
		most := s.MaxContains
		p := add("maxContains", fmt.Sprintf("more than maxContains %d items that contains accepts", most), func(s *jsonschema.Schema) { s.MaxContains = -1 },
			withTypes(array, most+1), withTypes(array, max(most+1, s.MinItems)))
		p.building = func(s *jsonschema.Schema) { s.MaxContains, s.MinContains = -1, most+1 }
	}
}

func (m *maker) refusingScalars(n *node, add func(string, string, edit, ...ask) *point) {
	s := n.schema
	if s.MinLength > 0 {
		add("minLength", fmt.Sprintf("one character less than minLength %d", s.MinLength), func(s *jsonschema.Schema) { s.MinLength = -1 }, withTypes(text, s.MinLength-1))
	}
	if s.MaxLength >= 0 {
		add("maxLength", fmt.Sprintf("one character more than maxLength %d", s.MaxLength), func(s *jsonschema.Schema) { s.MaxLength = -1 }, withTypes(text, s.MaxLength+1))
	}
	if s.Pattern != nil {
		add("pattern", "no match of "+s.Pattern.String(), func(s *jsonschema.Schema) { s.Pattern = nil }, ask{types: text, unlike: s.Pattern})
	}
	grain := intervalOf(&view{parts: []*jsonschema.Schema{s}}).grain()
	beyond := func(bound *big.Rat, sign int64, strict bool) []ask {
		var values []any
		if strict {
			values = numbers(bound)
		}
		for _, by := range []*big.Rat{grain, big.NewRat(1, 1), big.NewRat(1, 10), big.NewRat(1, 1000)} {
			off := new(big.Rat).Mul(by, big.NewRat(sign, 1))
			values = append(values, numbers(new(big.Rat).Add(bound, off))...)
			step := near(new(big.Rat).Add(bound, off), by)
			values = append(values, numbers(step, new(big.Rat).Add(step, off))...)
		}
		return each(values)
	}
	if s.Minimum != nil {
		add("minimum", "just below minimum "+short(s.Minimum), func(s *jsonschema.Schema) { s.Minimum = nil }, beyond(s.Minimum, -1, false)...)
	}
	if s.Maximum != nil {
		add("maximum", "just above maximum "+short(s.Maximum), func(s *jsonschema.Schema) { s.Maximum = nil }, beyond(s.Maximum, 1, false)...)
	}
	old := s.Draft == jsonschema.Draft4 // there exclusiveMinimum is a boolean beside minimum
	if bound := s.ExclusiveMinimum; bound != nil {
		add("exclusiveMinimum", "at exclusiveMinimum "+short(bound), func(s *jsonschema.Schema) {
			s.ExclusiveMinimum = nil
			if old {
				s.Minimum = bound
			}
		}, beyond(bound, -1, true)...)
	}
	if bound := s.ExclusiveMaximum; bound != nil {
		add("exclusiveMaximum", "at exclusiveMaximum "+short(bound), func(s *jsonschema.Schema) {
			s.ExclusiveMaximum = nil
			if old {
				s.Maximum = bound
			}
		}, beyond(bound, 1, true)...)
	}
	if step := s.MultipleOf; step != nil {
		half := new(big.Rat).Mul(step, big.NewRat(1, 2))
		tenth := new(big.Rat).Mul(step, big.NewRat(1, 10))
		one := big.NewRat(1, 1)
		var values []any
		for _, base := range []*big.Rat{step, new(big.Rat), new(big.Rat).Mul(step, big.NewRat(2, 1))} {
			for _, by := range []*big.Rat{one, half, tenth} {
				values = append(values, numbers(new(big.Rat).Add(base, by), new(big.Rat).Sub(base, by))...)
			}
		}
		add("multipleOf", "no multiple of "+short(step), func(s *jsonschema.Schema) { s.MultipleOf = nil }, each(values)...)
	}
}

// short is a number as a text.
func short(r *big.Rat) string {
	text, ok := numberOf(r)
	if !ok {
		return r.RatString()
	}
	return string(text)
}

// otherTypes are values of other types than the schema's, likely mistakes first.
func otherTypes(s *jsonschema.Schema) []ask {
	var asks []ask
	may := typesOf(s)
	if len(s.Types) > 0 {
		may = 0
		for _, name := range s.Types {
			may |= typeNames[name]
		}
	}
	if wholeOnly(s) {
		asks = append(asks, each([]any{json.Number("1.5"), json.Number("0.5")})...)
	}
	likely := []types{text, number, boolean, null, array, object}
	if may&text != 0 {
		likely = []types{number, boolean, null, array, object}
	}
	values := map[types]any{text: "1", number: json.Number("1"), boolean: true, null: nil, array: []any{}, object: map[string]any{}}
	for _, t := range likely {
		if may&t == 0 {
			asks = append(asks, ask{values: []any{values[t]}})
		}
	}
	for _, t := range likely {
		if may&t == 0 {
			asks = append(asks, ask{types: t})
		}
	}
	return asks
}

// otherValues are values that a list does not have, like those that it has first.
func otherValues(list []any) []any {
	known := map[string]bool{}
	for _, v := range list {
		known[textOf(v)] = true
	}
	var all []any
	add := func(v any) {
		if key := textOf(v); !known[key] {
			known[key] = true
			all = append(all, v)
		}
	}
	for _, v := range list[:min(len(list), 8)] {
		switch v := v.(type) {
		case string:
			add(v + "-other")
			add(strings.ToUpper(v))
			add(v + "x")
			add("x")
		case json.Number:
			if r := ratOf(v); r != nil {
				for _, by := range []int64{1, -1, 100} {
					for _, n := range numbers(new(big.Rat).Add(r, big.NewRat(by, 1))) {
						add(n)
					}
				}
			}
		case bool:
			add(!v)
		case []any:
			add(append(slices.Clone(v), "other"))
			add([]any{})
		case map[string]any:
			more := maps.Clone(v)
			more["other"] = true
			add(more)
			add(map[string]any{})
		}
	}
	for _, v := range []any{"other", json.Number("1"), json.Number("7"), true, nil, []any{}, map[string]any{}} {
		add(v)
	}
	return all[:min(len(all), 24)]
}

// malformed are strings that are nearly in a format.
func malformed(format string) []any {
	var all []any
	for _, word := range []string{"2024-13-45", "2024-01-31 12:30", "25:00:00Z", "user.example.com", "256.1.1.1", "not a " + format, ":", "%", "{", "[", "-", "x", "", "/a~", "\\"} {
		if check := jsonschema.Formats[format]; check != nil && !check(word) {
			all = append(all, word)
		}
	}
	return all
}

// escaped is a name as the validator writes it in a location.
func escaped(name string) string {
	name = strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
	return url.PathEscape(name)
}
