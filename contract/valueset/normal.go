package valueset

import (
	"math"
	"slices"
)

// spec is what an expression says of the values of one type: only atoms of
// that type are left, under and and or.
func (p *pool) spec(e *expr, t types) *expr {
	at := slices.Index(inOrder, t)
	if e.of[at] != nil {
		return e.of[at]
	}
	p.budget.step(1)
	s := p.specialise(e, t)
	e.of[at] = s
	s.of[at] = s
	return s
}

func (p *pool) specialise(e *expr, t types) *expr {
	switch e.kind {
	case kTrue, kFalse, kOpaque, kNotOpaque:
		return e
	case kAnd, kOr:
		subs := make([]*expr, 0, len(e.subs))
		for _, s := range e.subs {
			one := p.spec(s, t)
			if one == p.no && e.kind == kAnd || one == p.yes && e.kind == kOr {
				return one
			}
			subs = append(subs, one)
		}
		return p.join(e.kind, subs)
	case kVariable:
		v := e.variable
		if v.negated {
			v = v.positive
		}
		x := p.expand(e.variable)
		if v.expanding {
			stopf("$ref", "the schema applies to itself in place")
		}
		v.expanding = true
		defer func() { v.expanding = false }()
		return p.spec(x, t)
	case kTypes:
		if e.types&t != 0 {
			return p.yes
		}
		return p.no
	case kOneOf:
		p.budget.step(len(e.values.list) / 8)
		return p.oneOf(e.values.of(t))
	case kNoneOf:
		p.budget.step(len(e.values.list) / 8)
		vs := e.values.of(t)
		if len(vs.list) == 0 {
			return p.yes
		}
		if t != tArray && t != tObject {
			return p.noneOf(vs)
		}
		var all []*expr
		for _, v := range vs.list {
			all = append(all, p.differs(v))
		}
		return p.and(all...)
	}
	if concerns[e.kind] != t {
		return p.yes
	}
	return e
}

// opposite is what the complement says of the values of a type.
func (p *pool) opposite(e *expr, t types) *expr { return p.spec(p.not(e), t) }

// status is what is known of a set.
type status uint8

const (
	empty status = iota
	found
	unknown
)

// result is an answer. An empty one that was reached by taking some question
// further out to be empty, too, names the outermost such question in low.
type result struct {
	status status
	value  any
	low    int
	reason Reason
}

const settled = math.MaxInt

func foundValue(v any) result { return result{status: found, value: v, low: settled} }

func isEmpty() result { return result{status: empty, low: settled} }

func undecided(keyword, what string) result {
	return result{status: unknown, low: settled, reason: Reason{keyword, what}}
}

// failing collects alternatives none of which gave a value.
type failing struct {
	low     int
	unknown *result
}

func newFailing() *failing { return &failing{low: settled} }

func (f *failing) add(r result) {
	f.low = min(f.low, r.low)
	if r.status == unknown && f.unknown == nil {
		f.unknown = &r
	}
}

func (f *failing) result() result {
	if f.unknown != nil {
		r := *f.unknown
		r.low = settled
		return r
	}
	return result{status: empty, low: f.low}
}

// conjunction is what one value of one type must satisfy: atoms, and clauses
// of which one alternative must hold.
type conjunction struct {
	t       types
	atoms   map[*expr]bool
	order   []*expr
	clauses []*expr

	contradictory bool
}

// branch is a copy of a conjunction to add an alternative to.
func (g *engine) branch(c *conjunction) *conjunction {
	g.budget.step((len(c.order) + len(c.clauses)) / 4)
	return c.clone()
}

func (c *conjunction) clone() *conjunction {
	n := &conjunction{t: c.t, atoms: make(map[*expr]bool, len(c.atoms)+2), order: slices.Clone(c.order), clauses: slices.Clone(c.clauses)}
	for a := range c.atoms {
		n.atoms[a] = true
	}
	return n
}

// add reports false where a contradiction shows at once.
func (c *conjunction) add(p *pool, e *expr) bool {
	switch e.kind {
	case kTrue:
		return true
	case kFalse:
		return false
	case kAnd:
		for _, s := range e.subs {
			if !c.add(p, s) {
				return false
			}
		}
		return true
	case kOr:
		c.clauses = append(c.clauses, e)
		return true
	}
	if !c.atoms[e] {
		if c.atoms[p.opposite(e, c.t)] {
			return false
		}
		c.atoms[e] = true
		c.order = append(c.order, e)
	}
	return true
}

func (c *conjunction) holds(e *expr) bool {
	switch e.kind {
	case kTrue:
		return true
	case kAnd:
		for _, s := range e.subs {
			if !c.holds(s) {
				return false
			}
		}
		return true
	case kOr:
		for _, s := range e.subs {
			if c.holds(s) {
				return true
			}
		}
		return false
	}
	return c.atoms[e]
}

func (c *conjunction) refutes(p *pool, e *expr) bool {
	switch e.kind {
	case kFalse:
		return true
	case kTrue:
		return false
	case kAnd:
		for _, s := range e.subs {
			if c.refutes(p, s) {
				return true
			}
		}
		return false
	case kOr:
		for _, s := range e.subs {
			if !c.refutes(p, s) {
				return false
			}
		}
		return true
	}
	return c.atoms[p.opposite(e, c.t)]
}

// propagate drops clauses that hold and alternatives that cannot, until
// nothing changes. It reports false where a clause has no alternative left.
func (c *conjunction) propagate(p *pool) bool {
	for changed := true; changed; {
		changed = false
		pending := c.clauses
		c.clauses = nil
		for _, clause := range pending {
			p.budget.step(len(clause.subs))
			if c.holds(clause) {
				changed = true
				continue
			}
			var kept []*expr
			for _, s := range clause.subs {
				if !c.refutes(p, s) {
					kept = append(kept, s)
				}
			}
			if len(kept) == len(clause.subs) {
				c.clauses = append(c.clauses, clause)
				continue
			}
			changed = true
			if !c.add(p, p.or(kept...)) {
				return false
			}
		}
	}
	return true
}

// view is what the atoms of one type say together.
type view interface {
	// consistent is false where the atoms alone contradict each other.
	consistent() bool
	// possible answers empty where an alternative cannot hold with the atoms;
	// anything else where that is not known.
	possible(e *expr) result
	// implied answers empty, settled, where the atoms imply the expression.
	implied(e *expr) bool
	// leaf finds a value for the atoms.
	leaf() result
}

// tableau finds a value of a type that satisfies an expression over it.
func (g *engine) tableau(t types, e *expr) result {
	c := &conjunction{t: t, atoms: map[*expr]bool{}}
	if !c.add(g.pool, e) {
		return isEmpty()
	}
	return g.reduce(c)
}

// reduce finds a value for a conjunction: it draws what conclusions it can
// without choosing, and then chooses.
func (g *engine) reduce(c *conjunction) result {
	low := settled
	for {
		v, r, done := g.settle(c, &low)
		if done {
			r.low = min(r.low, low)
			return r
		}
		if len(c.clauses) == 0 {
			r := v.leaf()
			r.low = min(r.low, low)
			return r
		}
		if len(c.clauses) == 1 || !g.probe(c, &low) {
			break
		}
	}
	best, bestScore := 0, math.Inf(1)
	for i, clause := range c.clauses {
		if s := score(clause); s < bestScore {
			best, bestScore = i, s
		}
	}
	clause := c.clauses[best]
	c.clauses = slices.Delete(c.clauses, best, best+1)
	f := newFailing()
	f.low = low
	for _, s := range shuffled(g, clause.subs) {
		branch := g.branch(c)
		if !branch.add(g.pool, s) {
			continue
		}
		r := g.reduce(branch)
		if r.status == found {
			return r
		}
		f.add(r)
	}
	return f.result()
}

// score is lower for a clause that is better to choose from: one with few
// alternatives that each say much, above all which constant a member has.
func score(clause *expr) float64 {
	least, pinned := math.MaxInt, true
	for _, s := range clause.subs {
		n, pins := 1, false
		if s.kind == kAnd {
			n = len(s.subs)
			pins = slices.ContainsFunc(s.subs, func(e *expr) bool { return len(e.subs) == 1 && e.subs[0].pins() })
		}
		least, pinned = min(least, n), pinned && pins
	}
	at := float64(len(clause.subs)) / float64(least)
	if pinned {
		at /= 10
	}
	return at
}

// pins reports whether an expression allows only listed values, as far as can
// be seen without effort.
func (e *expr) pins() bool {
	switch e.kind {
	case kOneOf:
		return true
	case kAnd:
		return slices.ContainsFunc(e.subs, (*expr).pins)
	case kVariable:
		s := e.variable.schema
		return s != nil && (len(s.Constant) > 0 || len(s.Enum) > 0)
	}
	return false
}

// mostProbes is how many alternatives are tried out before choosing.
const mostProbes = 400

// probe drops alternatives from which a contradiction follows without any
// further choice. It reports whether there were any.
func (g *engine) probe(c *conjunction, low *int) bool {
	total := 0
	for _, clause := range c.clauses {
		total += len(clause.subs)
	}
	if total > mostProbes {
		return false
	}
	dropped := false
	for i, clause := range c.clauses {
		var kept []*expr
		for _, s := range clause.subs {
			branch := g.branch(c)
			branch.clauses = slices.Delete(branch.clauses, i, i+1)
			if branch.add(g.pool, s) {
				inner := settled
				_, r, done := g.settle(branch, &inner)
				if !done || r.status != empty {
					kept = append(kept, s)
					continue
				}
				*low = min(*low, inner, r.low)
			}
		}
		if len(kept) < len(clause.subs) {
			dropped = true
			c.clauses[i] = g.or(kept...)
			if len(kept) <= 1 {
				break
			}
		}
	}
	if dropped { // what is no clause any more becomes an atom, or false
		pending := c.clauses
		c.clauses = nil
		for _, clause := range pending {
			if clause.kind == kOr {
				c.clauses = append(c.clauses, clause)
			} else if !c.add(g.pool, clause) {
				c.contradictory = true
			}
		}
	}
	return dropped
}

// settle draws conclusions until nothing changes. done: r is the answer.
func (g *engine) settle(c *conjunction, low *int) (v view, r result, done bool) {
	for {
		g.budget.step(1 + len(c.order)/8)
		if c.contradictory || !c.propagate(g.pool) {
			return nil, isEmpty(), true
		}
		for _, a := range c.order {
			if a.kind == kOneOf {
				return nil, g.choose(c, a), true
			}
		}
		v = g.view(c)
		if !v.consistent() {
			return nil, isEmpty(), true
		}
		if len(c.clauses) == 0 {
			return v, result{}, false
		}
		changed, contradiction := g.filter(c, v, low)
		if contradiction {
			return nil, isEmpty(), true
		}
		if !changed {
			return v, result{}, false
		}
	}
}

// filter looks at each alternative in the light of the atoms.
func (g *engine) filter(c *conjunction, v view, low *int) (changed, contradiction bool) {
	pending := c.clauses
	c.clauses = nil
	for at, clause := range pending {
		var kept []*expr
		held := false
		for _, s := range clause.subs {
			r := v.possible(s)
			if r.status == empty {
				*low = min(*low, r.low)
				continue
			}
			if v.implied(s) {
				held = true
				break
			}
			kept = append(kept, s)
		}
		switch {
		case held:
			changed = true
		case len(kept) == len(clause.subs):
			c.clauses = append(c.clauses, clause)
		default:
			if !c.add(g.pool, g.or(kept...)) {
				return true, true
			}
			if len(kept) == 1 { // the atoms have changed
				c.clauses = append(c.clauses, pending[at+1:]...)
				return true, false
			}
			changed = true
		}
	}
	return changed, false
}

// choose decides a conjunction that allows only listed values.
func (g *engine) choose(c *conjunction, oneOf *expr) result {
	for _, v := range shuffled(g, oneOf.values.list) {
		ok := true
		for _, a := range c.order {
			if a != oneOf && !g.contains(a, v) {
				ok = false
				break
			}
		}
		for _, clause := range c.clauses {
			ok = ok && g.contains(clause, v)
		}
		if ok {
			return foundValue(v)
		}
	}
	return isEmpty()
}
