package valueset

import (
	"slices"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

// objects is what atoms say together of one object.
type objects struct {
	*engine
	c        *conjunction
	named    map[string]*expr // what the atoms that name a member say of it
	required map[string]bool
	order    []string
	all      []nameRule // for each member
	some     []nameRule // for some member
	least    int
	most     int // -1: no bound
	clash    bool

	states map[string]*expr
}

type nameRule struct {
	names stringset.Set
	in    *expr
}

func newObjects(g *engine, c *conjunction) *objects {
	o := &objects{engine: g, c: c, named: map[string]*expr{}, required: map[string]bool{}, most: -1, states: map[string]*expr{}}
	parts := map[string][]*expr{}
	for _, a := range c.order {
		switch a.kind {
		case kMember, kHasMember:
			if _, seen := parts[a.name]; !seen {
				o.order = append(o.order, a.name)
			}
			parts[a.name] = append(parts[a.name], a.subs[0])
			if a.kind == kHasMember {
				o.required[a.name] = true
			}
		case kMembers:
			o.all = append(o.all, nameRule{a.text, a.subs[0]})
		case kHasMembers:
			o.some = append(o.some, nameRule{a.text, a.subs[0]})
		case kMinProperties:
			o.least = max(o.least, a.count)
		case kMaxProperties:
			if o.most < 0 || a.count < o.most {
				o.most = a.count
			}
		}
	}
	for _, name := range o.order {
		o.named[name] = g.and(parts[name]...)
	}
	o.least = max(o.least, len(o.required))
	if len(o.some) > 0 {
		o.least = max(o.least, 1)
	}
	o.clash = o.most >= 0 && o.least > o.most
	return o
}

// state is all that holds for the member of a name, if there.
func (o *objects) state(name string) *expr {
	if s := o.states[name]; s != nil {
		return s
	}
	es := []*expr{}
	if e := o.named[name]; e != nil {
		es = append(es, e)
	}
	for _, r := range o.all {
		if r.names.Contains(name) {
			es = append(es, r.in)
		}
	}
	s := o.and(es...)
	o.states[name] = s
	return s
}

func (o *objects) consistent() bool { return !o.clash }

func (o *objects) possible(e *expr) result {
	switch e.kind {
	case kAnd:
		return o.together(e.subs)
	case kHasMember:
		return o.solve(o.state(e.name), e.subs[0])
	case kMember:
		if o.required[e.name] {
			return o.solve(o.state(e.name), e.subs[0])
		}
	case kHasMembers:
		es := []*expr{e.subs[0]}
		key := e.text.Key()
		for _, r := range o.all {
			if r.names.Key() == key {
				es = append(es, r.in)
			}
		}
		return o.solve(es...)
	case kMinProperties:
		if o.most >= 0 && e.count > o.most {
			return isEmpty()
		}
	case kMaxProperties:
		if e.count < o.least {
			return isEmpty()
		}
	}
	return result{status: unknown}
}

// together is possible for several expressions that are to hold at once.
func (o *objects) together(es []*expr) result {
	parts := map[string][]*expr{}
	there := map[string]bool{}
	for _, e := range es {
		switch e.kind {
		case kMember, kHasMember:
			parts[e.name] = append(parts[e.name], e.subs[0])
			if e.kind == kHasMember || o.required[e.name] {
				there[e.name] = true
			}
		default:
			if r := o.possible(e); r.status == empty {
				return r
			}
		}
	}
	for name := range sorted(there) {
		if r := o.solve(append(parts[name], o.state(name))...); r.status == empty {
			return r
		}
	}
	return result{status: unknown}
}

func (o *objects) implied(e *expr) bool {
	switch e.kind {
	case kHasMember:
		if !o.required[e.name] {
			return false
		}
		fallthrough
	case kMember:
		if e.subs[0] == o.yes {
			return true
		}
		r := o.solve(o.state(e.name), o.not(e.subs[0]))
		return r.status == empty && r.low == settled
	case kMinProperties:
		return o.least >= e.count
	case kMaxProperties:
		return o.most >= 0 && o.most <= e.count
	}
	return false
}

// slot is a member being built: of a name, or of any name in a set.
type slot struct {
	name  string
	names *stringset.Set // nil: name is the name
	in    *expr
	cell  int
}

// cell is a set of names that no atom names alone, to which the same rules apply.
type cell struct {
	names stringset.Set
	in    *expr
}

const mostSlots = 5000

func (o *objects) leaf() result {
	if keyword := opaqueOf(o.c); keyword != "" {
		return o.despite(keyword)
	}
	return o.build()
}

// despite finds an object as if the opaque atoms said nothing, and keeps it if
// they agree.
func (o *objects) despite(keyword string) result {
	r := o.build()
	if r.status != found {
		return r
	}
	for _, a := range o.c.order {
		if !o.contains(a, r.value) {
			return undecided(keyword, "it cannot be reasoned about")
		}
	}
	return r
}

func (o *objects) build() result {
	f := newFailing()
	var slots []slot
	for _, name := range o.order {
		if !o.required[name] {
			continue
		}
		in := o.state(name)
		if r := o.solve(in); r.status != found {
			if r.status == empty {
				return r
			}
			f.add(r)
		}
		slots = append(slots, slot{name: name, in: in})
	}
	if f.unknown != nil {
		return f.result()
	}
	if o.least > mostSlots {
		return undecided("minProperties", "the smallest object is too large")
	}
	b := &objectBuilder{objects: o, f: f}
	if r, ok := b.place(slots, o.some); ok {
		return r
	}
	return f.result()
}

type objectBuilder struct {
	*objects
	f        *failing
	cells    []cell
	cellsSet bool
}

// allCells partitions the names that are not named alone.
func (b *objectBuilder) allCells() ([]cell, bool) {
	if b.cellsSet {
		return b.cells, true
	}
	cells := []cell{{stringset.Not(stringset.Of(b.order...)), b.yes}}
	for _, rule := range b.all {
		var next []cell
		for _, c := range cells {
			for _, part := range []cell{{stringset.And(c.names, rule.names), b.and(c.in, rule.in)}, {stringset.And(c.names, stringset.Not(rule.names)), c.in}} {
				b.budget.step(1)
				none, err := part.names.Empty(&b.budget.strings)
				if err != nil {
					b.f.add(undecided("patternProperties", err.Error()))
					return nil, false
				}
				if !none && part.in != b.no {
					next = append(next, part)
				}
			}
		}
		cells = next
	}
	b.cells, b.cellsSet = cells, true
	return cells, true
}

// place finds a member for each rule that some member must satisfy: one that
// is there already, a named one that may be there, or a new one.
func (b *objectBuilder) place(slots []slot, rest []nameRule) (result, bool) {
	b.budget.step(1)
	if b.most >= 0 && len(slots) > b.most {
		return result{}, false
	}
	if len(rest) == 0 {
		return b.fill(slots)
	}
	rule := rest[0]
	try := func(at int, s slot) (result, bool) {
		s.in = b.and(s.in, rule.in)
		if r := b.solve(s.in); r.status != found {
			b.f.add(r)
			return result{}, false
		}
		next := slices.Clone(slots)
		if at < len(slots) {
			next[at] = s
		} else {
			next = append(next, s)
		}
		return b.place(next, rest[1:])
	}
	used := map[string]bool{}
	for i, s := range slots {
		if s.names == nil {
			used[s.name] = true
			if !rule.names.Contains(s.name) {
				continue
			}
		} else {
			both := stringset.And(*s.names, rule.names)
			none, err := both.Empty(&b.budget.strings)
			if err != nil {
				b.f.add(undecided("patternProperties", err.Error()))
				continue
			}
			if none {
				continue
			}
			s.names = &both
		}
		if r, ok := try(i, s); ok {
			return r, true
		}
	}
	for _, name := range b.order {
		if !used[name] && rule.names.Contains(name) {
			if r, ok := try(len(slots), slot{name: name, in: b.state(name)}); ok {
				return r, true
			}
		}
	}
	cells, ok := b.allCells()
	if !ok {
		return result{}, false
	}
	for i, c := range cells {
		both := stringset.And(c.names, rule.names)
		none, err := both.Empty(&b.budget.strings)
		if err != nil {
			b.f.add(undecided("patternProperties", err.Error()))
			continue
		}
		if none {
			continue
		}
		if r, ok := try(len(slots), slot{names: &both, in: c.in, cell: i}); ok {
			return r, true
		}
	}
	return result{}, false
}

// fill adds members until there are enough, and names and values for all.
func (b *objectBuilder) fill(slots []slot) (result, bool) {
	slots = slices.Clone(slots)
	used := map[string]bool{}
	for _, s := range slots {
		if s.names == nil {
			used[s.name] = true
		}
	}
	for _, name := range b.order {
		if len(slots) >= b.least {
			break
		}
		if used[name] {
			continue
		}
		if r := b.solve(b.state(name)); r.status == found {
			slots = append(slots, slot{name: name, in: b.state(name)})
		} else {
			b.f.add(r)
		}
	}
	value := map[string]any{}
	var fresh []slot
	for _, s := range slots {
		r := b.solve(s.in)
		if r.status != found {
			b.f.add(r)
			return result{}, false
		}
		if s.names == nil {
			value[s.name] = r.value
		} else {
			fresh = append(fresh, s)
		}
	}
	taken := map[string]bool{}
	if len(fresh) > 0 {
		words := make([][]string, len(fresh))
		for i, s := range fresh {
			some, err := s.names.Examples(&b.budget.strings, len(fresh))
			if err != nil {
				b.f.add(undecided("patternProperties", err.Error()))
				return result{}, false
			}
			words[i] = some
		}
		chosen, ok := assign(b.budget, words)
		if !ok {
			return result{}, false
		}
		for i, s := range fresh {
			w := words[i][chosen[i]]
			taken[w] = true
			value[w] = b.solve(s.in).value
		}
	}
	if need := b.least - len(slots); need > 0 {
		cells, ok := b.allCells()
		if !ok {
			return result{}, false
		}
		for _, c := range cells {
			r := b.solve(c.in)
			if r.status != found {
				b.f.add(r)
				continue
			}
			words, err := c.names.Examples(&b.budget.strings, need+len(taken))
			if err != nil {
				b.f.add(undecided("patternProperties", err.Error()))
				continue
			}
			for _, w := range words {
				if need > 0 && !taken[w] {
					value[w] = r.value
					need--
				}
			}
		}
		if need > 0 {
			return result{}, false
		}
	}
	return foundValue(value), true
}

// differs is all values but one, said by the keywords of its type.
func (p *pool) differs(v any) *expr {
	switch v := v.(type) {
	case []any:
		other := []*expr{p.counted(kMaxItems, len(v)-1), p.counted(kMinItems, len(v)+1)}
		for i, item := range v {
			other = append(other, p.hasItem(i, p.noneOf(newValues(item))))
		}
		return p.spec(p.or(other...), tArray)
	case map[string]any:
		names := make([]string, 0, len(v))
		var other []*expr
		for name, value := range sorted(v) {
			names = append(names, name)
			other = append(other, p.member(name, p.no), p.hasMember(name, p.noneOf(newValues(value))))
		}
		other = append(other, p.hasMembers(stringset.Not(stringset.Of(names...)), p.yes))
		return p.spec(p.or(other...), tObject)
	}
	return p.noneOf(newValues(v))
}
