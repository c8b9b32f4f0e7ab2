package compat

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// filling is what a reader does that puts defaults where properties are missing,
// and then validates. As in ajv (useDefaults), a default counts where properties
// and items lead to it, through $ref and allOf, and nowhere else.
//
// What such a reader accepts is what another schema does: the reader's, without
// required for a property whose default is accepted, and with required for one
// whose default is not. That holds where nothing but required sees whether the
// property is there, so that where another keyword does, the question is
// undecided.
type filling struct {
	reader   *schema.Schema
	root     *filled
	objects  map[string]*filled // by the locations of the schemas that apply
	edits    map[place]edit
	stopped  valueset.Reason
	defaults bool // there is one
}

// place is a place in a schema's files.
type place struct{ file, pointer string }

// edit is what becomes of a schema's required.
type edit struct{ without, with string } // JSON arrays, sorted

// filled is a value to which some schemas apply, and what is filled in there.
type filled struct {
	schemas  []*jsonschema.Schema
	defaults map[string]any
	members  map[string]*filled
	items    *filled
	sees     string // a keyword that sees whether a property is there
	within   string // a keyword that sees what a property holds
}

// fillingOf follows the reader's schema.
func fillingOf(reader *schema.Schema) *filling {
	f := &filling{reader: reader, objects: map[string]*filled{}, edits: map[place]edit{}}
	f.root = f.follow([]*jsonschema.Schema{reader.Compiled})
	if !f.defaults {
		return f
	}
	f.look(f.root, "", map[looked]bool{})
	for _, key := range slices.Sorted(maps.Keys(f.objects)) {
		f.edit(f.objects[key])
	}
	f.conditional(reader.Compiled, false, map[conditionally]bool{})
	return f
}

// looked is a value that is met within what a keyword sees, or not.
type looked struct {
	h    *filled
	seen bool
}

// look stops where a default is seen by a keyword, at its object or above.
func (f *filling) look(h *filled, above string, done map[looked]bool) {
	if h == nil || done[looked{h, above != ""}] {
		return
	}
	done[looked{h, above != ""}] = true
	if keyword := cmp.Or(above, h.sees); keyword != "" && len(h.defaults) > 0 {
		f.stop("beside %s", keyword)
	}
	below := cmp.Or(above, h.within)
	f.look(h.items, below, done)
	for _, name := range slices.Sorted(maps.Keys(h.members)) {
		f.look(h.members[name], below, done)
	}
}

// stop makes the question undecided.
func (f *filling) stop(format string, args ...any) {
	if f.stopped == (valueset.Reason{}) {
		f.stopped = valueset.Reason{Keyword: "default", What: "whether filling it in helps is not decided " + fmt.Sprintf(format, args...)}
	}
}

// together are all schemas that apply where some do: also by $ref and allOf.
func together(schemas []*jsonschema.Schema) []*jsonschema.Schema {
	var all []*jsonschema.Schema
	var add func(s *jsonschema.Schema)
	add = func(s *jsonschema.Schema) {
		if s == nil || slices.Contains(all, s) {
			return
		}
		all = append(all, s)
		add(s.Ref)
		for _, sub := range s.AllOf {
			add(sub)
		}
	}
	for _, s := range schemas {
		add(s)
	}
	slices.SortFunc(all, func(a, b *jsonschema.Schema) int { return cmp.Compare(a.Location, b.Location) })
	return all
}

func keyOf(schemas []*jsonschema.Schema) string {
	key := ""
	for _, s := range schemas {
		key += s.Location + "\n"
	}
	return key
}

// sees is a keyword of a schema that sees what is filled in, "" for none: that
// a property is there, or only, within, what a property holds.
func sees(s *jsonschema.Schema, within bool) string {
	for _, k := range []struct {
		keyword string
		present bool
		within  bool
	}{
		{"anyOf", s.AnyOf != nil, true}, {"oneOf", s.OneOf != nil, true}, {"not", s.Not != nil, true}, {"if", s.If != nil, true},
		{"const", len(s.Constant) > 0, true}, {"enum", len(s.Enum) > 0, true}, {"contains", s.Contains != nil, true}, {"uniqueItems", s.UniqueItems, true},
		{"$dynamicRef", s.DynamicRef != nil, true}, {"$recursiveRef", s.RecursiveRef != nil, true},
		{"dependencies", len(s.Dependencies) > 0, true}, {"dependentSchemas", len(s.DependentSchemas) > 0, true}, {"dependentRequired", len(s.DependentRequired) > 0, false},
		{"unevaluatedProperties", s.UnevaluatedProperties != nil, true}, {"unevaluatedItems", s.UnevaluatedItems != nil, true},
		{"propertyNames", s.PropertyNames != nil, false}, {"minProperties", s.MinProperties > 0, false}, {"maxProperties", s.MaxProperties != -1, false},
	} {
		if k.present && (k.within || !within) {
			return k.keyword
		}
	}
	return ""
}

// follow finds what is filled in at and below a value to which schemas apply.
func (f *filling) follow(schemas []*jsonschema.Schema) *filled {
	schemas = together(schemas)
	key := keyOf(schemas)
	if known := f.objects[key]; known != nil {
		return known
	}
	here := &filled{schemas: schemas, defaults: map[string]any{}, members: map[string]*filled{}}
	f.objects[key] = here
	names := map[string]bool{}
	for _, s := range schemas {
		here.sees, here.within = cmp.Or(here.sees, sees(s, false)), cmp.Or(here.within, sees(s, true))
		for name, sub := range s.Properties {
			names[name] = true
			if d := f.defaultOf(sub); d != nil {
				if other, twice := here.defaults[name]; twice && !reflect.DeepEqual(other, d.Value()) {
					f.stop("where a property has two")
				}
				here.defaults[name] = d.Value()
			}
		}
		others := make([]*jsonschema.Schema, 0, len(s.PatternProperties)+len(s.PrefixItems)+1)
		for _, sub := range s.PatternProperties {
			others = append(others, sub)
		}
		others = append(others, s.PrefixItems...)
		if tuple, ok := s.Items.([]*jsonschema.Schema); ok {
			others = append(others, tuple...)
		}
		for _, v := range []any{s.AdditionalProperties, s.AdditionalItems} {
			if sub, ok := v.(*jsonschema.Schema); ok {
				others = append(others, sub)
			}
		}
		for _, sub := range others {
			if f.anyDefault(sub, map[*jsonschema.Schema]bool{}) {
				f.stop("under patternProperties, additionalProperties or the items of a tuple")
			}
		}
	}
	f.defaults = f.defaults || len(here.defaults) > 0
	var items []*jsonschema.Schema
	for _, s := range schemas {
		if sub, ok := s.Items.(*jsonschema.Schema); ok {
			items = append(items, sub)
		}
		if s.Items2020 != nil && len(s.PrefixItems) == 0 {
			items = append(items, s.Items2020)
		}
	}
	if len(items) > 0 {
		here.items = f.follow(items)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		here.members[name] = f.follow(applying(schemas, name))
	}
	return here
}

// applying are the schemas that apply to a property.
func applying(schemas []*jsonschema.Schema, name string) []*jsonschema.Schema {
	var all []*jsonschema.Schema
	for _, s := range schemas {
		declared := false
		if sub := s.Properties[name]; sub != nil {
			all, declared = append(all, sub), true
		}
		for re, sub := range s.PatternProperties {
			if re.MatchString(name) {
				all, declared = append(all, sub), true
			}
		}
		if sub, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && !declared {
			all = append(all, sub)
		}
	}
	return all
}

// defaultOf is the default of a property, where it is declared or where a mere
// reference leads; nil for none.
func (f *filling) defaultOf(s *jsonschema.Schema) *schema.Node {
	for range deepest {
		_, _, _, n := f.reader.Source(s.Location)
		hidden := s.Ref != nil && (s.Draft == jsonschema.Draft4 || s.Draft == jsonschema.Draft6 || s.Draft == jsonschema.Draft7)
		if d := n.Get("default"); d != nil && !hidden {
			return d
		}
		if s.Ref == nil {
			break
		}
		s = s.Ref
	}
	return nil
}

// edit notes what becomes of required where defaults are filled in.
func (f *filling) edit(here *filled) {
	schemas := here.schemas
	accepted, refused := map[string]bool{}, map[string]bool{}
	for name, d := range here.defaults {
		value := f.fill(here.members[name], copied(d), 0)
		fits := true
		for _, s := range schemas {
			if open, ok := s.AdditionalProperties.(bool); ok && !open && len(applying([]*jsonschema.Schema{s}, name)) == 0 {
				fits = false
			}
		}
		for _, s := range applying(schemas, name) {
			fits = fits && s.Validate(value) == nil
		}
		if fits {
			accepted[name] = true
		} else {
			refused[name] = true
		}
	}
	for _, s := range schemas {
		required := map[string]bool{}
		for _, name := range s.Required {
			if !accepted[name] {
				required[name] = true
			}
		}
		for name := range refused {
			if s.Properties[name] != nil {
				required[name] = true
			}
		}
		file, pointer, _, _ := f.reader.Source(s.Location)
		at := place{file, pointer}
		made := edit{list(s.Required), list(slices.Collect(maps.Keys(required)))}
		if other, twice := f.edits[at]; twice && other != made {
			f.stop("where one schema applies beside a default and elsewhere without")
		}
		f.edits[at] = made
	}
}

// list writes names as a JSON array.
func list(names []string) string {
	names = append([]string{}, names...) // not nil, which would be null
	slices.Sort(names)
	b, err := json.Marshal(slices.Compact(names))
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(b)
}

// conditionally is a schema met on a way that holds for some values only.
type conditionally struct {
	s  *jsonschema.Schema
	on bool
}

// conditional stops where a schema that is edited applies on a condition, too.
func (f *filling) conditional(s *jsonschema.Schema, on bool, seen map[conditionally]bool) {
	if s == nil || seen[conditionally{s, on}] {
		return
	}
	seen[conditionally{s, on}] = true
	if on {
		file, pointer, _, _ := f.reader.Source(s.Location)
		if e, known := f.edits[place{file, pointer}]; known && e.with != e.without {
			f.stop("where one schema applies beside a default and, on a condition, elsewhere")
		}
	}
	eachSub(s, func(sub *jsonschema.Schema, always bool) { f.conditional(sub, on || !always, seen) })
}

// eachSub goes through the schemas of which one consists. always: those that
// apply to each value, member or item by a way that filling follows.
func eachSub(s *jsonschema.Schema, do func(sub *jsonschema.Schema, always bool)) {
	one := func(sub *jsonschema.Schema, always bool) {
		if sub != nil {
			do(sub, always)
		}
	}
	one(s.Ref, true)
	for _, sub := range s.AllOf {
		one(sub, true)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		one(s.Properties[name], true)
	}
	if sub, ok := s.Items.(*jsonschema.Schema); ok {
		one(sub, true)
	}
	one(s.Items2020, len(s.PrefixItems) == 0)
	for _, sub := range []*jsonschema.Schema{s.RecursiveRef, s.DynamicRef, s.Not, s.If, s.Then, s.Else, s.Contains, s.PropertyNames, s.UnevaluatedProperties, s.UnevaluatedItems} {
		one(sub, false)
	}
	for _, subs := range [][]*jsonschema.Schema{s.AnyOf, s.OneOf, s.PrefixItems} {
		for _, sub := range subs {
			one(sub, false)
		}
	}
	if tuple, ok := s.Items.([]*jsonschema.Schema); ok {
		for _, sub := range tuple {
			one(sub, false)
		}
	}
	for _, sub := range s.PatternProperties {
		one(sub, false)
	}
	for _, sub := range s.DependentSchemas {
		one(sub, false)
	}
	for _, d := range s.Dependencies {
		if sub, ok := d.(*jsonschema.Schema); ok {
			one(sub, false)
		}
	}
	for _, v := range []any{s.AdditionalProperties, s.AdditionalItems} {
		if sub, ok := v.(*jsonschema.Schema); ok {
			one(sub, false)
		}
	}
}

// anyDefault reports whether there is a default to be filled in below a schema.
func (f *filling) anyDefault(s *jsonschema.Schema, seen map[*jsonschema.Schema]bool) (found bool) {
	if seen[s] {
		return false
	}
	seen[s] = true
	for _, sub := range s.Properties {
		found = found || f.defaultOf(sub) != nil
	}
	eachSub(s, func(sub *jsonschema.Schema, always bool) { found = found || always && f.anyDefault(sub, seen) })
	return found
}

// deepest is how many defaults may be filled into one another.
const deepest = 100

// fill puts the defaults into a value, which it changes.
func (f *filling) fill(h *filled, v any, depth int) any {
	if h == nil {
		return v
	}
	if depth > deepest {
		f.stop("where defaults fill one another without end")
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		for name, m := range h.members {
			member, there := v[name]
			d, has := h.defaults[name]
			if there {
				v[name] = f.fill(m, member, depth)
			} else if has {
				v[name] = f.fill(m, copied(d), depth+1)
			}
		}
	case []any:
		for i, item := range v {
			v[i] = f.fill(h.items, item, depth)
		}
	}
	return v
}

// schema is the one that accepts what the filling reader does.
func (f *filling) schema() (*schema.Schema, error) {
	s := f.reader
	for at, e := range f.edits {
		if e.with == e.without {
			continue
		}
		n := s.Document(at.file).At(at.pointer)
		c := *n
		c.Members = slices.DeleteFunc(slices.Clone(n.Members), func(m schema.Member) bool { return m.Name == "required" })
		if e.with != "[]" {
			names, err := schema.ReadJSON([]byte(e.with))
			if err != nil {
				return nil, err
			}
			c.Members = append(c.Members, schema.Member{Name: "required", Line: n.Line, Value: names})
		}
		changed, err := s.With(at.file, at.pointer, &c)
		if err != nil {
			return nil, err
		}
		s = changed
	}
	return s, nil
}
