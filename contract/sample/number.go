package sample

import (
	"encoding/json"
	"math/big"
)

// interval is what a view says of a number.
type interval struct {
	low, high             *big.Rat
	lowStrict, highStrict bool
	step                  *big.Rat // all numbers are multiples of it; nil: any
}

func intervalOf(v *view) interval {
	var n interval
	raise := func(to *big.Rat, strict bool) {
		if to != nil && (n.low == nil || to.Cmp(n.low) > 0 || to.Cmp(n.low) == 0 && strict) {
			n.low, n.lowStrict = to, strict
		}
	}
	lower := func(to *big.Rat, strict bool) {
		if to != nil && (n.high == nil || to.Cmp(n.high) < 0 || to.Cmp(n.high) == 0 && strict) {
			n.high, n.highStrict = to, strict
		}
	}
	for _, s := range v.parts {
		raise(s.Minimum, false)
		raise(s.ExclusiveMinimum, true)
		lower(s.Maximum, false)
		lower(s.ExclusiveMaximum, true)
		n.step = common(n.step, s.MultipleOf)
		if wholeOnly(s) {
			n.step = common(n.step, big.NewRat(1, 1))
		}
	}
	return n
}

// common is the least common multiple of two steps; nil is no step.
func common(a, b *big.Rat) *big.Rat {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	p, r := new(big.Int).Mul(a.Num(), b.Denom()), new(big.Int).Mul(b.Num(), a.Denom())
	gcd := new(big.Int).GCD(nil, nil, p, r)
	if gcd.Sign() == 0 {
		return a
	}
	m := new(big.Int).Div(new(big.Int).Mul(p, r), gcd)
	return new(big.Rat).SetFrac(m, new(big.Int).Mul(a.Denom(), b.Denom()))
}

func (n interval) holds(r *big.Rat) bool {
	if n.low != nil {
		if c := r.Cmp(n.low); c < 0 || c == 0 && n.lowStrict {
			return false
		}
	}
	if n.high != nil {
		if c := r.Cmp(n.high); c > 0 || c == 0 && n.highStrict {
			return false
		}
	}
	return n.step == nil || new(big.Rat).Quo(r, n.step).IsInt()
}

// grain is the distance between neighbours: the step, else a unit of the last
// decimal place that the bounds are written in, or a hundredth.
func (n interval) grain() *big.Rat {
	if n.step != nil {
		return n.step
	}
	grain := big.NewRat(1, 100)
	for _, bound := range []*big.Rat{n.low, n.high} {
		if bound != nil {
			if g := grainOf(bound); g.Cmp(grain) < 0 {
				grain = g
			}
		}
	}
	for range 8 {
		if n.low == nil || n.high == nil || new(big.Rat).Mul(grain, big.NewRat(4, 1)).Cmp(new(big.Rat).Sub(n.high, n.low)) <= 0 {
			break
		}
		grain = new(big.Rat).Mul(grain, big.NewRat(1, 10))
	}
	return grain
}

// grainOf is a unit of the last decimal place of a number.
func grainOf(r *big.Rat) *big.Rat {
	places, exact := r.FloatPrec()
	if !exact {
		return big.NewRat(1, 1000)
	}
	return new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil))
}

// near is the multiple of the grain next to r, not below it.
func near(r, grain *big.Rat) *big.Rat {
	q := new(big.Rat).Quo(r, grain)
	whole := new(big.Int).Div(q.Num(), q.Denom()) // Euclidean: the denominator is positive
	up := new(big.Rat).SetInt(whole)
	if up.Cmp(q) < 0 {
		up.Add(up, big.NewRat(1, 1))
	}
	return up.Mul(up, grain)
}

// numberOf writes a rational that has a finite decimal expansion.
func numberOf(r *big.Rat) (json.Number, bool) {
	if r.IsInt() {
		return json.Number(r.Num().String()), true
	}
	places, exact := r.FloatPrec()
	if !exact || places > 60 {
		return "", false
	}
	return json.Number(r.FloatString(places)), true
}

func (b *builder) number(v *view, name string) (any, bool) {
	n := intervalOf(v)
	grain := n.grain()
	left := mostShown
	try := func(r *big.Rat) (any, bool) {
		if !n.holds(r) || left == 0 {
			return nil, false
		}
		text, ok := numberOf(r)
		if !ok || !b.careful || !v.chosen {
			return text, ok
		}
		left--
		return text, b.accepted(v.parts, text)
	}
	whole := n.step != nil && n.step.IsInt()
	for range 3 {
		plausible := near(numberWord(name, whole, b.count(), b.random), grain)
		if made, ok := try(plausible); ok {
			return made, true
		}
	}
	start := n.low
	sign := big.NewRat(1, 1)
	if start == nil {
		start, sign = n.high, big.NewRat(-1, 1)
	}
	if start == nil {
		start = new(big.Rat)
	}
	start = near(start, grain)
	reach := 100
	if n.low != nil && n.high != nil {
		room := new(big.Rat).Quo(new(big.Rat).Sub(n.high, n.low), grain)
		if f, _ := room.Float64(); f < 100 {
			reach = int(f) + 1
		}
	}
	first := b.random.IntN(reach + 1)
	for i := -1; i <= reach; i++ {
		k := i
		if i < 0 {
			k = first
		}
		offset := new(big.Rat).Mul(grain, big.NewRat(int64(k), 1))
		if made, ok := try(new(big.Rat).Add(start, offset.Mul(offset, sign))); ok {
			return made, true
		}
	}
	return try(new(big.Rat))
}
