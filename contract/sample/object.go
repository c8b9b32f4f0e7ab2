package sample

import (
	"fmt"
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// member is what applies to the member of a name.
type member struct {
	goal     []*jsonschema.Schema
	declared bool // some schema names it, or says something of those not named
	refused  bool
}

// memberOf collects what the parts of an object's view say of a name.
func (b *builder) memberOf(v *view, name string) member {
	var m member
	closing := false
	for _, s := range v.parts {
		own := false
		if sub := s.Properties[name]; sub != nil {
			own = true
			m.goal = append(m.goal, sub)
		}
		for _, pattern := range patterns(s) {
			if pattern.MatchString(name) {
				own = true
				m.goal = append(m.goal, s.PatternProperties[pattern])
			}
		}
		closing = closing || len(s.Properties) > 0 || len(s.PatternProperties) > 0
		if own {
			m.declared = true
			continue
		}
		switch additional := s.AdditionalProperties.(type) {
		case bool:
			m.refused = m.refused || !additional
			m.declared = m.declared || additional
		case *jsonschema.Schema:
			m.goal = append(m.goal, additional)
			m.declared = true
		}
	}
	if !m.declared {
		for _, s := range v.parts {
			if s.UnevaluatedProperties != nil {
				m.goal = append(m.goal, s.UnevaluatedProperties)
				m.declared = true
			}
		}
	}
	if !m.declared && closing && b.options.Closed && b.inside() {
		m.refused = true
	}
	for _, sub := range m.goal {
		if sub.Always != nil && !*sub.Always {
			m.refused = true
		}
	}
	return m
}

// inside: undeclared properties matter here. Of a whole event, only in its data.
func (b *builder) inside() bool { return !b.event || len(b.path) > 0 && b.path[0] == "data" }

// named are the names in properties, sorted.
func (m *maker) named(s *jsonschema.Schema) []string {
	if known, there := m.names[s]; there {
		return known
	}
	names := slices.Sorted(maps.Keys(s.Properties))
	m.names[s] = names
	return names
}

type objectBuilder struct {
	*builder
	view     *view
	ask      *ask
	route    []edge
	required []string
	made     map[string]any
	min, max int
	// dependent: the presence of one member may require another.
	dependent bool
}

func (b *builder) object(v *view, name string) (any, bool) {
	o := &objectBuilder{builder: b, view: v, ask: b.asked(v), route: v.child, made: map[string]any{}, max: -1}
	for _, s := range v.parts {
		o.min = max(o.min, s.MinProperties)
		if s.MaxProperties >= 0 && (o.max < 0 || s.MaxProperties < o.max) {
			o.max = s.MaxProperties
		}
		o.dependent = o.dependent || len(s.DependentRequired) > 0 || len(s.DependentSchemas) > 0 || len(s.Dependencies) > 0
		o.require(s.Required...)
	}
	if n := o.ask.length; n != nil {
		o.min, o.max = *n, *n
	}
	o.require(v.with...)
	o.require(o.ask.with...)
	if o.min > longest || !o.must(name) {
		return nil, false
	}
	o.may(name)
	for n := 0; len(o.made) < o.min || o.ask.invent && n == 0; n++ {
		if n > 3*o.min+10 || !o.invent(n, name) {
			return nil, false
		}
	}
	return o.made, true
}

// must adds what is required, what the route needs, and what these require in turn.
func (o *objectBuilder) must(hint string) bool {
	if len(o.route) > 0 && len(o.made) == 0 && !o.follow(hint) {
		return false
	}
	if o.dependent {
		for _, name := range slices.Sorted(maps.Keys(o.made)) {
			o.require(o.requires(name)...)
		}
	}
	for i := 0; i < len(o.required); i++ {
		if !o.there(o.required[i]) && !o.add(o.required[i], hint) {
			return false
		}
		if i == len(o.required)-1 && o.dependent {
			for _, name := range slices.Sorted(maps.Keys(o.made)) {
				o.require(o.requires(name)...)
			}
		}
	}
	return true
}

func (o *objectBuilder) there(name string) bool {
	_, there := o.made[name]
	return there
}

// require adds names that must be there, each once.
func (o *objectBuilder) require(names ...string) {
	for _, name := range names {
		if name != o.ask.without && !slices.Contains(o.required, name) {
			o.required = append(o.required, name)
		}
	}
}

// requires are the names that the presence of a name requires. A schema that
// depends on it joins the view.
func (o *objectBuilder) requires(name string) []string {
	var names []string
	for i := 0; i < len(o.view.parts); i++ {
		s := o.view.parts[i]
		names = append(names, s.DependentRequired[name]...)
		join := s.DependentSchemas[name]
		switch d := s.Dependencies[name].(type) {
		case []string:
			names = append(names, d...)
		case *jsonschema.Schema:
			join = d
		}
		if join != nil && !o.view.has(join) {
			o.flatten(o.view, join, nil, false)
			for _, joined := range o.view.parts {
				names = append(names, joined.Required...)
				o.dependent = o.dependent || len(joined.DependentRequired) > 0
			}
		}
	}
	return names
}

// follow builds the member on the route.
func (o *objectBuilder) follow(hint string) bool {
	e := o.route[0]
	switch e.kind {
	case toProperty:
		return o.add(e.name, hint)
	case toPattern:
		words := o.words([]string{e.match.String()}, nil, 0, -1)
		for range min(len(words), 6) {
			if name := words[o.random.IntN(len(words))]; o.add(name, hint) {
				return true
			}
		}
		return false
	case toAdditional:
		for n := range 4 {
			if o.invent(n, hint) {
				return true
			}
		}
		return false
	}
	return false
}

// add builds the member of a name.
func (o *objectBuilder) add(name, hint string) bool {
	m := o.memberOf(o.view, name)
	onRoute := len(o.route) > 0 && (o.route[0].kind == toProperty && o.route[0].name == name || o.route[0].kind != toProperty && slices.Contains(m.goal, o.route[0].to) && len(o.made) == 0)
	if wanted := onRoute && len(o.route) == 1 && o.builder.ask != nil; m.refused && !wanted && !o.ask.invent {
		return false
	}
	var rest []edge
	if onRoute { // the schema on the route first
		to := o.route[0].to
		rest = o.route[1:]
		m.goal = slices.Insert(slices.DeleteFunc(slices.Clone(m.goal), func(s *jsonschema.Schema) bool { return s == to }), 0, to)
	}
	o.path = append(o.path, name)
	v, ok := o.build(m.goal, rest, onRoute, describing(name, hint))
	o.path = o.path[:len(o.path)-1]
	if ok {
		o.made[name] = v
	}
	return ok
}

// may adds what is optional, as the style says.
func (o *objectBuilder) may(hint string) {
	how := o.style
	if s := o.ask.style; s != nil {
		how = *s
	}
	wanted := how == most
	if how == mixed && o.depth <= deepest {
		wanted = o.random.IntN(4) > 0
	}
	if o.depth > deepest || o.left < 0 {
		wanted = false
	}
	optional := o.optional()
	if o.max >= 0 { // not always the same ones
		o.random.Shuffle(len(optional), func(i, j int) { optional[i], optional[j] = optional[j], optional[i] })
	}
	for _, name := range optional {
		if o.there(name) || name == o.ask.without || o.max >= 0 && len(o.made) >= o.max {
			continue
		}
		if needed := len(o.made) < o.min; !needed && (!wanted || how == mixed && o.random.IntN(3) == 0) {
			continue
		}
		if o.hopeless(name) || !o.affordable(name) {
			continue
		}
		if !o.add(name, hint) || !o.dependent {
			continue
		}
		if o.require(o.requires(name)...); !o.must(hint) {
			delete(o.made, name)
		}
	}
}

// optional are the names that some part lists, sorted, to be read only where
// the number of members is not bounded.
func (o *objectBuilder) optional() []string {
	var first []string
	lists := 0
	for _, s := range o.view.parts {
		if len(s.Properties) > 0 {
			if lists++; lists == 1 {
				first = o.named(s)
			}
		}
	}
	if lists < 2 && o.max < 0 {
		return first
	}
	var all []string
	for _, s := range o.view.parts {
		all = append(all, o.named(s)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// hopeless: the member's values never end.
func (o *objectBuilder) hopeless(name string) bool {
	for _, s := range o.view.parts {
		if sub := s.Properties[name]; sub != nil && o.height(sub) >= endless {
			return true
		}
	}
	return false
}

// affordable: what the member requires in turn fits the most that there may be.
func (o *objectBuilder) affordable(name string) bool {
	if o.max < 0 {
		return true
	}
	more := 1
	for _, s := range o.view.parts {
		more += len(s.DependentRequired[name])
		if names, ok := s.Dependencies[name].([]string); ok {
			more += len(names)
		}
	}
	return len(o.made)+more <= o.max
}

// invent adds a member that properties does not name: by a pattern, else by a
// name of its own.
func (o *objectBuilder) invent(n int, hint string) bool {
	var candidates []string
	for _, s := range o.view.parts {
		for _, pattern := range patterns(s) {
			if words := o.words([]string{pattern.String()}, nil, 0, -1); len(words) > 0 && !o.ask.invent {
				candidates = append(candidates, words[n%len(words)], words[o.random.IntN(len(words))])
			}
		}
	}
	for _, s := range o.view.parts {
		if s.PropertyNames != nil && !o.ask.invent {
			v := &view{}
			o.flatten(v, s.PropertyNames, nil, false)
			for range 4 {
				if name, ok := o.makeName(v); ok {
					candidates = append(candidates, name)
				}
			}
		}
	}
	candidates = append(candidates, fmt.Sprintf("unexpected_%d", n+1), fmt.Sprintf("x%d", n+1))
	if n == 0 {
		candidates = slices.Insert(candidates, len(candidates)-2, "unexpected")
	}
	for _, name := range candidates {
		if o.there(name) {
			continue
		}
		named := false
		for _, s := range o.view.parts {
			named = named || s.Properties[name] != nil || s.PropertyNames != nil && s.PropertyNames.Validate(name) != nil
		}
		if !named && o.add(name, hint) {
			return true
		}
	}
	return false
}

// makeName makes a string for propertyNames.
func (o *objectBuilder) makeName(v *view) (string, bool) {
	if v.never {
		return "", false
	}
	if listed, chosen := o.listed(v, text); listed {
		name, ok := chosen.value.(string)
		return name, ok
	}
	made, ok := o.text(v, "name")
	name, isText := made.(string)
	return name, ok && isText
}
