package sample

import (
	"math/rand/v2"
	"regexp"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// What a value is built with at most; beyond, only what is required.
const (
	deepest    = 6    // levels at which optional members are still added
	mostParts  = 2000 // of the fullest value
	someParts  = 100  // of the others
	mostNested = 200  // levels at all
	longest    = 5000 // items, members or characters that are asked for
	mostShown  = 8    // words or numbers that the validator is shown for one place
)

// style is how much of what is optional a value has.
type style uint8

const (
	mixed style = iota // by chance
	least
	most
)

// ask is what the value at the end of the route must be, besides what the
// schema says. Zero fields ask for nothing.
type ask struct {
	types   types
	values  []any // one of these, as it is
	length  *int  // of a string, an array, an object
	without string
	with    []string
	unlike  *regexp.Regexp // a string that does not match
	invent  bool           // a member that the schema does not name
	repeat  bool           // an array with two equal items
	also    []*jsonschema.Schema
	style   *style
}

// builder builds one value by walking the schemas that apply to it. What it
// builds is a proposal: the validator decides.
type builder struct {
	*maker
	random  *rand.Rand
	ordinal int // of the sample
	style   style
	given   bool // the schema's examples and defaults first
	careful bool // each part is checked where a choice or a negation applies
	route   []edge
	ask     *ask

	left    int
	depth   int
	path    []string
	target  []string
	reached bool
}

// newBuilder is a builder for an attempt at a sample. Everything that it
// chooses follows from the seed, the ordinal and the attempt.
func (m *maker) newBuilder(ordinal, attempt int) *builder {
	b := &builder{maker: m, random: rand.New(rand.NewPCG(m.options.Seed, uint64(ordinal)<<16|uint64(attempt))), ordinal: ordinal, left: someParts}
	b.given = attempt < 2
	b.careful = attempt > 0
	switch {
	case attempt > 3:
		b.style = least
	case ordinal == 0:
		b.style, b.left = most, mostParts
	case ordinal == 1:
		b.style = least
	}
	return b
}

// value builds a value for schemas that all apply to it.
func (b *builder) value() (any, bool) {
	return b.build(b.roots, b.route, true, "")
}

// view is what applies to one value, branches chosen.
type view struct {
	parts  []*jsonschema.Schema
	never  bool
	chosen bool // a branch was chosen, or something is negated
	with   []string
	child  []edge // the rest of the route, which begins with a member or item
	target bool
}

func (v *view) has(s *jsonschema.Schema) bool { return slices.Contains(v.parts, s) }

func (b *builder) build(goal []*jsonschema.Schema, route []edge, on bool, name string) (any, bool) {
	b.depth++
	b.left--
	defer func() { b.depth-- }()
	if b.depth > mostNested {
		return nil, false
	}
	tries := 1
	if b.careful {
		tries = 4
	}
	for range tries {
		v := &view{}
		for i, s := range goal {
			b.flatten(v, s, route, on && i == 0)
		}
		if v.never {
			if v.chosen {
				continue
			}
			return nil, false
		}
		made, ok := b.make(v, name)
		if !ok {
			if v.chosen {
				continue
			}
			return nil, false
		}
		if !b.careful || !v.chosen || b.ask != nil || b.accepted(goal, made) {
			return made, true
		}
	}
	return nil, false
}

// accepted asks the validator about one part of the value.
func (b *builder) accepted(goal []*jsonschema.Schema, v any) bool {
	for _, s := range goal {
		if s.Validate(v) != nil {
			return false
		}
	}
	return true
}

// flatten adds to the view a schema and those that it makes apply to the same
// value. on: the route goes through this schema.
func (b *builder) flatten(v *view, s *jsonschema.Schema, route []edge, on bool) {
	if on && len(route) == 0 {
		v.target = true
		b.reached, b.target = true, slices.Clone(b.path)
		if b.ask != nil {
			for _, also := range b.ask.also {
				b.flatten(v, also, nil, false)
			}
		}
	}
	if s.Always != nil {
		v.never = v.never || !*s.Always
		return
	}
	if seen := v.has(s); seen && !on {
		return
	} else if !seen {
		v.parts = append(v.parts, s)
	}
	var next edge
	through := false
	if on && len(route) > 0 {
		next = route[0]
		through = next.inPlace()
		if !through {
			v.child = route
		}
	}
	follow := func(kind edgeKind, index int, sub *jsonschema.Schema) {
		if through && next.kind == kind && next.index == index {
			b.flatten(v, sub, route[1:], true)
		} else {
			b.flatten(v, sub, nil, false)
		}
	}
	for i, ref := range []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.DynamicRef} {
		if ref != nil {
			follow(toRef, i, ref)
		}
	}
	for i, sub := range s.AllOf {
		follow(toAllOf, i, sub)
	}
	if through && next.kind == toDependency {
		v.with = append(v.with, next.name)
		b.flatten(v, next.to, route[1:], true)
	}
	if s.If != nil {
		v.chosen = true
		switch then := b.random.IntN(2) == 0; {
		case through && next.kind == toThen, then && (!through || next.kind != toElse):
			b.flatten(v, s.If, nil, false)
			if s.Then != nil {
				follow(toThen, 0, s.Then)
			}
		case s.Else != nil:
			follow(toElse, 0, s.Else)
		}
	}
	b.choose(v, toAnyOf, s.AnyOf, next, through, follow)
	b.choose(v, toOneOf, s.OneOf, next, through, follow)
	v.chosen = v.chosen || s.Not != nil || s.Contains != nil || len(s.DependentSchemas) > 0 || len(s.Dependencies) > 0 || s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil
}

// choose takes one branch: that of the route; else one that can be of a type
// that is still possible, and that ends.
func (b *builder) choose(v *view, kind edgeKind, branches []*jsonschema.Schema, next edge, through bool, follow func(edgeKind, int, *jsonschema.Schema)) {
	if len(branches) == 0 {
		return
	}
	v.chosen = v.chosen || len(branches) > 1
	if through && next.kind == kind {
		follow(kind, next.index, branches[next.index])
		return
	}
	possible := v.types()
	if v.target && b.ask != nil && b.ask.types != 0 {
		possible &= b.ask.types
	}
	var fit []int
	flattest := endless
	for i, sub := range branches {
		if h := b.height(sub); h < endless && b.shallow(sub, 4)&possible != 0 {
			fit = append(fit, i)
			flattest = min(flattest, h)
		}
	}
	if len(fit) == 0 {
		i := b.random.IntN(len(branches))
		follow(kind, i, branches[i])
		return
	}
	if b.depth > deepest || b.left < 0 {
		fit = slices.DeleteFunc(fit, func(i int) bool { return b.height(branches[i]) > flattest })
	}
	if b.style == most { // null is the least that can be said
		if more := slices.DeleteFunc(slices.Clone(fit), func(i int) bool { return b.shallow(branches[i], 4) == null }); len(more) > 0 {
			fit = more
		}
	}
	i := fit[b.random.IntN(len(fit))]
	follow(kind, i, branches[i])
}

// shallow are the types that a schema allows, as far as a few references show.
func (b *builder) shallow(s *jsonschema.Schema, levels int) types {
	if s.Always != nil {
		if *s.Always {
			return anything
		}
		return 0
	}
	t := typesOf(s)
	if levels == 0 {
		return t
	}
	if s.Ref != nil {
		t &= b.shallow(s.Ref, levels-1)
	}
	for _, sub := range s.AllOf {
		t &= b.shallow(sub, levels-1)
	}
	for _, branches := range [][]*jsonschema.Schema{s.AnyOf, s.OneOf} {
		var some types
		for _, sub := range branches {
			some |= b.shallow(sub, levels-1)
		}
		if len(branches) > 0 {
			t &= some
		}
	}
	return t
}

func (v *view) types() types {
	t := anything
	for _, s := range v.parts {
		t &= typesOf(s)
	}
	return t
}

// asked is the ask where it concerns this value.
func (b *builder) asked(v *view) *ask {
	if v.target && b.ask != nil {
		return b.ask
	}
	return &ask{}
}

// make makes a value of a view: one that the schema lists or gives as an
// example, else one of a type that is possible.
func (b *builder) make(v *view, name string) (any, bool) {
	asked := b.asked(v)
	if len(asked.values) > 0 {
		return asked.values[b.random.IntN(len(asked.values))], true
	}
	possible := v.types()
	if asked.types != 0 {
		possible &= asked.types
	}
	switch {
	case len(v.child) > 0 && v.child[0].kind <= toAdditional || len(v.child) > 0 && v.child[0].kind == toName, len(v.with) > 0:
		possible &= object
	case len(v.child) > 0:
		possible &= array
	}
	if listed, chosen := b.listed(v, possible); listed {
		return chosen.value, chosen.ok
	}
	plain := len(v.child) == 0 && asked.length == nil && asked.without == "" && len(asked.with) == 0 && asked.unlike == nil && !asked.invent && !asked.repeat && asked.style == nil && len(asked.also) == 0
	if plain && b.given && (b.ordinal == 0 || b.random.IntN(2) == 0) {
		if example, ok := b.example(v, possible); ok {
			return example, true
		}
	}
	for _, t := range b.ordered(v, possible) {
		var made found
		switch t {
		case object:
			made.value, made.ok = b.object(v, name)
		case array:
			made.value, made.ok = b.array(v, name)
		case text:
			made.value, made.ok = b.text(v, name)
		case number:
			made.value, made.ok = b.number(v, name)
		case boolean:
			made.value, made.ok = b.random.IntN(2) == 0, true
		case null:
			made.value, made.ok = nil, true
		}
		if made.ok {
			return made.value, true
		}
	}
	return nil, false
}

// found is a value that may be null, and whether there is one.
type found struct {
	value any
	ok    bool
}

// listed chooses among the values of const and enum.
func (b *builder) listed(v *view, possible types) (bool, found) {
	var values []any
	there := false
	for _, s := range v.parts {
		for _, list := range [][]any{s.Constant, s.Enum} {
			if len(list) > 0 && (!there || len(list) < len(values)) {
				values, there = list, true
			}
		}
	}
	if !there {
		return false, found{}
	}
	start := b.random.IntN(len(values))
	if b.ordinal == 0 {
		start = 0
	}
	for i := range min(len(values), 2000) {
		value := values[(start+i)%len(values)]
		if typeOf(value)&possible != 0 && b.accepted(v.parts, value) {
			return true, found{value, true}
		}
	}
	return true, found{}
}

// example is what the schema's author gives as an example or default, if it is
// of the kind that is wanted.
func (b *builder) example(v *view, possible types) (any, bool) {
	for _, s := range v.parts {
		given := b.examples(s)
		if len(given) == 0 {
			continue
		}
		start := 0
		if b.ordinal > 0 {
			start = b.random.IntN(len(given))
		}
		for i := range given {
			value := given[(start+i)%len(given)]
			if typeOf(value)&possible != 0 && b.accepted(v.parts, value) {
				return value, true
			}
		}
	}
	return nil, false
}

// ordered are the types to try, best first.
func (b *builder) ordered(v *view, possible types) []types {
	likely := possible
	stated := false
	var about types
	for _, s := range v.parts {
		stated = stated || len(s.Types) > 0
		about |= concerns(s)
	}
	if (!stated || possible == anything) && about&possible != 0 {
		likely = about & possible
	}
	order := slices.Clone(inOrder)
	if stated && possible != anything {
		b.random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		if b.style == most || b.random.IntN(6) > 0 { // null seldom
			i := slices.Index(order, null)
			order = append(slices.Delete(order, i, i+1), null)
		}
	}
	var all []types
	for _, t := range order {
		if likely&t != 0 {
			all = append(all, t)
		}
	}
	for _, t := range order {
		if likely&t == 0 && possible&t != 0 {
			all = append(all, t)
		}
	}
	return all
}

// examples are what the schema's author wrote as examples, example or default.
func (m *maker) examples(s *jsonschema.Schema) []any {
	if known, there := m.shown[s]; there {
		return known
	}
	_, _, _, n := m.schema.Source(s.Location)
	var values []any
	if list := n.Get("examples"); list != nil {
		for _, item := range list.Items {
			values = append(values, item.Value())
		}
	}
	for _, keyword := range []string{"example", "default"} {
		if one := n.Get(keyword); one != nil {
			values = append(values, one.Value())
		}
	}
	m.shown[s] = values
	return values
}

func (b *builder) height(s *jsonschema.Schema) int {
	return b.flat[s]
}
