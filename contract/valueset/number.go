package valueset

import (
	"math/big"
)

// numbers is what atoms say together of one number.
type numbers struct {
	*engine
	c                   *conjunction
	low, high           *big.Rat
	lowStrict, upStrict bool
	multiple            *big.Rat // of all of them; nil: any number
	not                 []*big.Rat
	excluded            *values
}

func newNumbers(g *engine, c *conjunction) *numbers {
	n := &numbers{engine: g, c: c}
	var out []any
	for _, a := range c.order {
		switch a.kind {
		case kLower:
			if cmp := compare(a.number, n.low); n.low == nil || cmp > 0 || cmp == 0 && a.strict {
				n.low, n.lowStrict = a.number, a.strict
			}
		case kUpper:
			if cmp := compare(a.number, n.high); n.high == nil || cmp < 0 || cmp == 0 && a.strict {
				n.high, n.upStrict = a.number, a.strict
			}
		case kMultiple:
			n.multiple = leastCommonMultiple(n.multiple, a.number)
		case kNotMultiple:
			n.not = append(n.not, a.number)
		case kNoneOf:
			out = append(out, a.values.list...)
		}
	}
	g.budget.step(len(out) / 4)
	n.excluded = newValues(out...)
	return n
}

func compare(a, b *big.Rat) int {
	if b == nil {
		return 0
	}
	return a.Cmp(b)
}

// leastCommonMultiple of two positive rationals; nil counts as no constraint.
func leastCommonMultiple(a, b *big.Rat) *big.Rat {
	if a == nil {
		return b
	}
	// lcm(p/q, r/s) = lcm(p*s, r*q) / (q*s)
	p := new(big.Int).Mul(a.Num(), b.Denom())
	r := new(big.Int).Mul(b.Num(), a.Denom())
	gcd := new(big.Int).GCD(nil, nil, p, r)
	m := new(big.Int).Div(new(big.Int).Mul(p, r), gcd)
	return new(big.Rat).SetFrac(m, new(big.Int).Mul(a.Denom(), b.Denom()))
}

func (n *numbers) consistent() bool { return n.leaf().status != empty }

func (n *numbers) possible(e *expr) result {
	c := &conjunction{t: tNumber, atoms: map[*expr]bool{}}
	for _, a := range n.c.order {
		c.add(n.pool, a)
	}
	if !c.add(n.pool, e) {
		return isEmpty()
	}
	for _, a := range c.order {
		if a.kind == kOneOf {
			return n.choose(c, a)
		}
	}
	return newNumbers(n.engine, c).leaf()
}

func (n *numbers) implied(e *expr) bool {
	return n.possible(n.opposite(e, tNumber)).status == empty && e.kind != kOr
}

func (n *numbers) inside(r *big.Rat) bool {
	if n.low != nil {
		if c := r.Cmp(n.low); c < 0 || c == 0 && n.lowStrict {
			return false
		}
	}
	if n.high != nil {
		if c := r.Cmp(n.high); c > 0 || c == 0 && n.upStrict {
			return false
		}
	}
	return true
}

// accept makes a rational the answer if it satisfies all atoms.
func (n *numbers) accept(r *big.Rat) (result, bool) {
	n.budget.step(1)
	if !n.inside(r) || n.multiple != nil && !new(big.Rat).Quo(r, n.multiple).IsInt() {
		return result{}, false
	}
	for _, m := range n.not {
		if new(big.Rat).Quo(r, m).IsInt() {
			return result{}, false
		}
	}
	text, ok := numberOf(r)
	if !ok || n.excluded.contains(text) {
		return result{}, false
	}
	for _, a := range n.c.order {
		if (a.kind == kOpaque || a.kind == kNotOpaque) && !n.contains(a, text) {
			return result{}, false
		}
	}
	return foundValue(text), true
}

func (n *numbers) leaf() result {
	if n.low != nil && n.high != nil {
		if c := n.low.Cmp(n.high); c > 0 || c == 0 && (n.lowStrict || n.upStrict) {
			return isEmpty()
		}
		if n.low.Cmp(n.high) == 0 {
			if r, ok := n.accept(n.low); ok {
				return r
			}
			return isEmpty()
		}
	}
	var r result
	if n.multiple != nil {
		r = n.grid()
	} else {
		r = n.dense()
	}
	if keyword := opaqueOf(n.c); r.status != found && keyword != "" {
		return undecided(keyword, "it cannot be reasoned about")
	}
	return r
}

// dense: an interval that is not a point holds decimal numbers outside any
// finite list and any finitely many grids.
func (n *numbers) dense() result {
	for _, text := range shuffled(n.engine, []string{"0", "1", "-1", "2", "0.5", "1.5", "-0.5"}) {
		if r, ok := n.accept(ratOf(text)); ok {
			return r
		}
	}
	step := big.NewRat(1, 1)
	tenth := big.NewRat(1, 10)
	for range 400 {
		start := n.start(step)
		if start != nil {
			for k := range int64(12 + len(n.excluded.list)) {
				for _, sign := range []int64{1, -1} {
					if r, ok := n.accept(new(big.Rat).Add(start, new(big.Rat).Mul(step, big.NewRat(k*sign, 1)))); ok {
						return r
					}
				}
			}
		}
		step = new(big.Rat).Mul(step, tenth)
	}
	return undecided("multipleOf", "no number was found in an interval that holds some")
}

// start is a multiple of step near the low bound, else near the high one.
func (n *numbers) start(step *big.Rat) *big.Rat {
	bound := n.low
	if bound == nil {
		bound = n.high
	}
	if bound == nil {
		return new(big.Rat)
	}
	q := new(big.Rat).Quo(bound, step)
	return new(big.Rat).Mul(step, new(big.Rat).SetInt(floor(q)))
}

func floor(r *big.Rat) *big.Int {
	return new(big.Int).Div(r.Num(), r.Denom()) // Euclidean: the denominator is positive
}

// grid: only the multiples k*m are left. k must avoid being divisible by each
// of finitely many d, and m*k the excluded values.
func (n *numbers) grid() result {
	period := big.NewInt(1)
	for _, m := range n.not {
		d := new(big.Rat).Quo(n.multiple, m).Denom()
		if d.Cmp(big.NewInt(1)) == 0 {
			return isEmpty() // every multiple of the one is a multiple of the other
		}
		period = new(big.Int).Div(new(big.Int).Mul(period, d), new(big.Int).GCD(nil, nil, period, d))
	}
	try := func(k *big.Int) (result, bool) {
		return n.accept(new(big.Rat).Mul(n.multiple, new(big.Rat).SetInt(k)))
	}
	one := big.NewInt(1)
	var from, to *big.Int
	if n.low != nil {
		q := new(big.Rat).Quo(n.low, n.multiple)
		from = floor(q)
		if !q.IsInt() || n.lowStrict {
			from = new(big.Int).Add(from, one)
		}
	}
	if n.high != nil {
		q := new(big.Rat).Quo(n.high, n.multiple)
		to = floor(q)
		if q.IsInt() && n.upStrict {
			to = new(big.Int).Sub(to, one)
		}
	}
	if from != nil && to != nil && from.Cmp(to) > 0 {
		return isEmpty()
	}
	for _, k := range shuffled(n.engine, []int64{0, 1, -1, 2, 3}) {
		if r, ok := try(big.NewInt(k)); ok {
			return r
		}
	}
	// Without bounds on one side, k = 1 modulo the period is never divisible.
	enough := int64(len(n.excluded.list)) + 2
	k, up := new(big.Int), true
	switch {
	case from != nil:
		k.Set(from)
	case to != nil:
		k.Set(to)
		up = false
	}
	for range 100_000 {
		if from != nil && k.Cmp(from) < 0 || to != nil && k.Cmp(to) > 0 {
			return isEmpty()
		}
		if r, ok := try(k); ok {
			return r
		}
		k = step(k, up, one)
	}
	if from == nil || to == nil {
		base := new(big.Int).Add(new(big.Int).Mul(new(big.Int).Div(k, period), period), one)
		for range enough + 2 {
			if r, ok := try(base); ok {
				return r
			}
			base = step(base, up, period)
		}
	}
	return undecided("multipleOf", "no multiple was found among the first 100,000")
}

func step(k *big.Int, up bool, by *big.Int) *big.Int {
	if up {
		return new(big.Int).Add(k, by)
	}
	return new(big.Int).Sub(k, by)
}
