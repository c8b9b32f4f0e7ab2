package valueset

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
)

// engine answers whether expressions have values.
type engine struct {
	*pool
	memo        map[*expr]*answer
	provisional []*answer
	depth       int
	random      *rand.Rand // nil: the plainest value
}

// answer is what is remembered of an expression.
type answer struct {
	expr   *expr
	active bool
	done   bool
	depth  int
	result result
}

func newEngine(p *pool, seed uint64) *engine {
	g := &engine{pool: p, memo: map[*expr]*answer{}}
	if seed != 0 {
		g.random = rand.New(rand.NewPCG(seed, 0))
	}
	return g
}

// shuffled is a list in the order in which to try it. No verdict depends on it.
func shuffled[T any](g *engine, list []T) []T {
	if g.random == nil {
		return list
	}
	list = slices.Clone(list)
	g.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// solve finds a finite value in the intersection of expressions. A question
// that comes up again within itself is taken to be empty there: the smallest
// value of a set holds no value that answers the very same question. What was
// found empty on that ground stands only once the outermost such question has
// turned out to be empty as well.
func (g *engine) solve(es ...*expr) result {
	e := g.and(es...)
	switch e {
	case g.yes:
		return foundValue(json.Number("0"))
	case g.no:
		return isEmpty()
	}
	a := g.memo[e]
	if a == nil {
		a = &answer{expr: e}
		g.memo[e] = a
		g.budget.hold(200)
	}
	if a.active {
		return result{status: empty, low: a.depth}
	}
	if a.done {
		return a.result
	}
	g.budget.step(5)
	a.active, a.depth = true, g.depth
	g.depth++
	mark := len(g.provisional)
	r := g.anyType(e)
	g.depth--
	a.active, a.done = false, true
	within := g.provisional[mark:]
	switch {
	case r.status == empty && r.low < a.depth:
		for _, other := range within {
			other.result.low = min(other.result.low, r.low)
		}
		g.provisional = append(g.provisional, a)
	case r.status == empty:
		r.low = settled
		kept := g.provisional[:mark]
		for _, other := range within {
			if other.result.low >= a.depth {
				other.result.low = settled
			} else {
				kept = append(kept, other)
			}
		}
		g.provisional = kept
	default:
		r.low = settled
		for _, other := range within {
			other.done = false
		}
		g.provisional = g.provisional[:mark]
	}
	a.result = r
	return r
}

func (g *engine) anyType(e *expr) result {
	f := newFailing()
	for _, t := range shuffled(g, inOrder) {
		s := g.spec(e, t)
		if s == g.no {
			continue
		}
		r := g.ofType(s, t)
		if r.status == found {
			return r
		}
		f.add(r)
	}
	return f.result()
}

var plain = map[types]any{tNumber: json.Number("0"), tString: "", tBoolean: true, tNull: nil, tArray: []any{}, tObject: map[string]any{}}

func (g *engine) ofType(s *expr, t types) result {
	if s == g.yes {
		return foundValue(plain[t])
	}
	switch t {
	case tNull:
		return g.among(s, nil)
	case tBoolean:
		return g.among(s, true, false)
	case tString:
		return g.texts(s)
	}
	return g.tableau(t, s)
}

func (g *engine) among(s *expr, vs ...any) result {
	for _, v := range vs {
		if g.contains(s, v) {
			return foundValue(v)
		}
	}
	return isEmpty()
}

// several finds up to n different values; complete says that there are no others.
func (g *engine) several(e *expr, n int) (vs []any, complete bool, f *failing) {
	f = newFailing()
	for len(vs) < n {
		g.budget.step(1 + len(vs))
		g.budget.hold(100 * len(vs))
		r := g.solve(e, g.noneOf(newValues(vs...)))
		if r.status != found {
			f.add(r)
			return vs, r.status == empty, f
		}
		vs = append(vs, r.value)
	}
	return vs, false, f
}

func (g *engine) view(c *conjunction) view {
	switch c.t {
	case tNumber:
		return newNumbers(g, c)
	case tArray:
		return newArrays(g, c)
	}
	return newObjects(g, c)
}

// opaqueOf names the keyword of an atom that cannot be reasoned about, "" where there is none.
func opaqueOf(c *conjunction) string {
	for _, a := range c.order {
		if a.kind == kOpaque || a.kind == kNotOpaque {
			return a.name
		}
	}
	return ""
}
