package sample

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// boundary makes a value at each bound, and one inside it.
func (m *maker) boundary() Samples {
	var points []*point
	for _, n := range m.written() {
		points = append(points, m.bounds(n)...)
	}
	return m.collect(Boundary, points, m.bounded, m.solveBound)
}

// bounded builds a value at a bound.
func (m *maker) bounded(p *point) (s Sample, ok bool) {
	_, ok = m.build(p, nil, func(v any, b *builder) bool {
		at, good := m.touches(p, v)
		if !good || !m.confirmed(Boundary, "", v) {
			return false
		}
		if at == "" {
			at = schema.Pointer(b.target...)
		}
		s = m.sample(Boundary, p, v, at)
		return true
	})
	return s, ok
}

// touches: the value is refused as soon as the bound is moved past it, and not
// where it is moved to it. at is where in the value that is.
func (m *maker) touches(p *point, v any) (at string, ok bool) {
	if p.past == nil {
		return "", true
	}
	if p.to != nil && m.with(p, p.to.edit, p.to.drop, p.to.by, v) != nil {
		return "", false
	}
	err := m.with(p, p.past.edit, p.past.drop, p.past.by, v)
	at, ok = leavesOf(err)[p.leaf]
	return at, ok
}

// solveBound asks the algebra for a value that is refused as soon as the bound
// is moved.
func (m *maker) solveBound(p *point) (s Sample, ok bool, gap Without) {
	if p.past == nil {
		return Sample{}, false, m.without(Boundary, p, false, "no value with it was found")
	}
	sets := []valueset.Set{m.set()}
	if p.to != nil {
		to, err := m.recompiled(p.to.drop, p.to.by)
		if err != nil {
			return Sample{}, false, m.without(Boundary, p, false, err.Error())
		}
		sets = append(sets, valueset.Of(to))
	}
	past, err := m.recompiled(p.past.drop, p.past.by)
	if err != nil {
		return Sample{}, false, m.without(Boundary, p, false, err.Error())
	}
	sets = append(sets, valueset.Not(valueset.Of(past)))
	good := func(v any) bool {
		_, good := m.touches(p, v)
		return good && m.confirmed(Boundary, "", v)
	}
	v, ok, last := m.among(valueset.And(sets...), good)
	if ok {
		at, _ := m.touches(p, v)
		return m.sample(Boundary, p, v, at), true, Without{}
	}
	proven, why := whyNot(last, "no value that is accepted lies there (proven)")
	return Sample{}, false, m.without(Boundary, p, proven, why)
}

// bounds are the bounds of a schema.
func (m *maker) bounds(n *node) []*point {
	s := n.schema
	if s.Always != nil {
		return nil
	}
	var all []*point
	location := func(keyword string) string { return s.Location + "/" + keyword }
	add := func(keyword, what string, asks ...ask) *point {
		p := &point{node: n, keyword: keyword, leaf: location(keyword), drop: location(keyword), what: what, asks: asks}
		all = append(all, p)
		return p
	}
	// count is a bound on a number of things: at it, and one inside.
	count := func(keyword string, t types, bound, inside int, set func(*jsonschema.Schema, int)) {
		for i := range 2 {
			at := bound + i*inside
			what := fmt.Sprintf("at %s %d", keyword, bound)
			if i == 1 {
				what = fmt.Sprintf("one inside %s %d", keyword, bound)
			}
			if at < 0 {
				continue
			}
			p := add(keyword, what, withTypes(t, at))
			to, past := at, at+inside
			p.to = &moved{func(s *jsonschema.Schema) { set(s, to) }, p.drop, numberNode(big.NewRat(int64(to), 1))}
			if past < 0 { // nothing is shorter than empty
				p.past, p.to = nil, nil
				continue
			}
			p.past = &moved{func(s *jsonschema.Schema) { set(s, past) }, p.drop, numberNode(big.NewRat(int64(past), 1))}
		}
	}
	if s.MinLength > 0 {
		count("minLength", text, s.MinLength, 1, func(s *jsonschema.Schema, n int) { s.MinLength = n })
	}
	if s.MaxLength >= 0 {
		count("maxLength", text, s.MaxLength, -1, func(s *jsonschema.Schema, n int) { s.MaxLength = n })
	}
	if s.MinItems > 0 {
		count("minItems", array, s.MinItems, 1, func(s *jsonschema.Schema, n int) { s.MinItems = n })
	}
	if s.MaxItems >= 0 {
		count("maxItems", array, s.MaxItems, -1, func(s *jsonschema.Schema, n int) { s.MaxItems = n })
	}
	if s.MinProperties > 0 {
		count("minProperties", object, s.MinProperties, 1, func(s *jsonschema.Schema, n int) { s.MinProperties = n })
	}
	if s.MaxProperties >= 0 {
		count("maxProperties", object, s.MaxProperties, -1, func(s *jsonschema.Schema, n int) { s.MaxProperties = n })
	}
	m.numberBounds(n, add)
	if len(s.Enum) > 1 && len(s.Enum) <= longest {
		for i, v := range s.Enum {
			p := add("enum", "the value "+shortText(v), ask{values: []any{v}})
			p.past = &moved{func(s *jsonschema.Schema) { s.Enum = slices.Delete(slices.Clone(s.Enum), i, i+1) }, location("enum") + fmt.Sprintf("/%d", i), nil}
		}
	}
	if len(s.Types) > 1 && slices.Contains(s.Types, "null") {
		p := add("type", "null", ask{values: []any{nil}})
		p.past = &moved{func(s *jsonschema.Schema) { s.Types = remove(s.Types, "null") }, location("type") + fmt.Sprintf("/%d", slices.Index(s.Types, "null")), nil}
	}
	if len(s.Properties) > 0 && typesOf(s)&object != 0 {
		fewest, all := least, most
		add("properties", "no property that is not required", ask{types: object, style: &fewest})
		add("properties", "all properties", ask{types: object, style: &all})
	}
	return all
}

func (m *maker) numberBounds(n *node, add func(string, string, ...ask) *point) {
	s := n.schema
	grains := []*big.Rat{intervalOf(&view{parts: []*jsonschema.Schema{s}}).grain(), big.NewRat(1, 1), big.NewRat(1, 10), big.NewRat(1, 1000)}
	if wholeOnly(s) && s.MultipleOf == nil {
		grains = grains[:2]
	}
	// bound is one side of an interval; inward is where its inside is.
	bound := func(keyword string, at *big.Rat, inward int64, strict bool, field func(s *jsonschema.Schema) **big.Rat) {
		steps := []int64{0, 1}
		if strict {
			steps = []int64{1, 2}
		}
		for _, k := range steps {
			what := fmt.Sprintf("at %s %s", keyword, short(at))
			for _, grain := range grains {
				by := new(big.Rat).Mul(grain, big.NewRat(k*inward, 1))
				value := new(big.Rat).Add(at, by)
				values := numbers(value)
				if len(values) == 0 {
					continue
				}
				if k > 0 {
					what = fmt.Sprintf("%s inside %s %s", short(new(big.Rat).Abs(by)), keyword, short(at))
				}
				p := add(keyword, what, ask{values: values})
				tiny := new(big.Rat).Mul(grain, big.NewRat(inward, 1_000_000))
				to, past := value, new(big.Rat).Add(value, tiny)
				if strict {
					to, past = new(big.Rat).Sub(value, tiny), value
				}
				p.to = &moved{func(s *jsonschema.Schema) { *field(s) = to }, p.drop, numberNode(to)}
				p.past = &moved{func(s *jsonschema.Schema) { *field(s) = past }, p.drop, numberNode(past)}
				break
			}
		}
	}
	if s.Minimum != nil {
		bound("minimum", s.Minimum, 1, false, func(s *jsonschema.Schema) **big.Rat { return &s.Minimum })
	}
	if s.ExclusiveMinimum != nil {
		bound("exclusiveMinimum", s.ExclusiveMinimum, 1, true, func(s *jsonschema.Schema) **big.Rat { return &s.ExclusiveMinimum })
	}
	if s.Maximum != nil {
		bound("maximum", s.Maximum, -1, false, func(s *jsonschema.Schema) **big.Rat { return &s.Maximum })
	}
	if s.ExclusiveMaximum != nil {
		bound("exclusiveMaximum", s.ExclusiveMaximum, -1, true, func(s *jsonschema.Schema) **big.Rat { return &s.ExclusiveMaximum })
	}
	if step := s.MultipleOf; step != nil {
		add("multipleOf", "the step "+short(step)+" itself", each(numbers(step))...)
		add("multipleOf", "the step "+short(step)+" twice", each(numbers(new(big.Rat).Add(step, step)))...)
	}
}

func shortText(v any) string {
	b, _ := json.Marshal(v) // a JSON value is always encoded
	if r := []rune(string(b)); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return string(b)
}

func numberNode(r *big.Rat) *schema.Node {
	text, _ := numberOf(r) // it was one before
	return &schema.Node{Kind: schema.Number, Text: string(text)}
}
