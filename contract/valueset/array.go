package valueset

import "slices"

// arrays is what atoms say together of one array.
type arrays struct {
	*engine
	c        *conjunction
	items    map[int][]*expr // by index
	rules    []itemRule      // for each item from an index on
	need     []counting      // at least count
	allow    []counting      // at most count, count > 0
	prefix   int             // from here on all items are under the same rules
	least    int
	most     int // -1: no bound
	unique   bool
	repeated bool
}

type itemRule struct {
	from int
	in   *expr
}

type counting struct {
	from, count int
	in          *expr
}

func newArrays(g *engine, c *conjunction) *arrays {
	a := &arrays{engine: g, c: c, items: map[int][]*expr{}, most: -1}
	for _, e := range c.order {
		switch e.kind {
		case kItem, kHasItem:
			a.items[e.index] = append(a.items[e.index], e.subs[0])
			a.prefix = max(a.prefix, e.index+1)
			if e.kind == kHasItem {
				a.least = max(a.least, e.index+1)
			}
		case kAtMost:
			a.prefix = max(a.prefix, e.index)
			if e.count == 0 {
				a.rules = append(a.rules, itemRule{e.index, g.not(e.subs[0])})
			} else {
				a.allow = append(a.allow, counting{e.index, e.count, e.subs[0]})
			}
		case kAtLeast:
			a.prefix = max(a.prefix, e.index)
			a.need = append(a.need, counting{e.index, e.count, e.subs[0]})
			a.least = max(a.least, e.index+e.count)
		case kMinItems:
			a.least = max(a.least, e.count)
		case kMaxItems:
			if a.most < 0 || e.count < a.most {
				a.most = e.count
			}
		case kUnique:
			a.unique = true
		case kNotUnique:
			a.repeated = true
			a.least = max(a.least, 2)
		}
	}
	return a
}

func (a *arrays) consistent() bool {
	return (a.most < 0 || a.least <= a.most) && (!a.unique || !a.repeated)
}

// state is all that holds for the item at an index, if there.
func (a *arrays) state(i int) *expr {
	es := slices.Clone(a.items[i])
	for _, r := range a.rules {
		if r.from <= i {
			es = append(es, r.in)
		}
	}
	return a.and(es...)
}

func (a *arrays) possible(e *expr) result {
	switch e.kind {
	case kAnd:
		for _, s := range e.subs {
			if r := a.possible(s); r.status == empty {
				return r
			}
		}
	case kHasItem:
		if a.most >= 0 && e.index >= a.most {
			return isEmpty()
		}
		return a.solve(a.state(e.index), e.subs[0])
	case kItem:
		if e.index < a.least {
			return a.solve(a.state(e.index), e.subs[0])
		}
	case kMinItems:
		if a.most >= 0 && e.count > a.most {
			return isEmpty()
		}
	case kMaxItems:
		if e.count < a.least {
			return isEmpty()
		}
	case kAtLeast:
		if a.most >= 0 && e.index+e.count > a.most {
			return isEmpty()
		}
		es := []*expr{e.subs[0]}
		for _, r := range a.rules {
			if r.from <= e.index {
				es = append(es, r.in)
			}
		}
		return a.solve(es...)
	}
	return result{status: unknown}
}

func (a *arrays) implied(e *expr) bool {
	switch e.kind {
	case kHasItem:
		if e.index >= a.least {
			return false
		}
		fallthrough
	case kItem:
		if e.subs[0] == a.yes {
			return true
		}
		r := a.solve(a.state(e.index), a.not(e.subs[0]))
		return r.status == empty && r.low == settled
	case kMinItems:
		return a.least >= e.count
	case kMaxItems:
		return a.most >= 0 && a.most <= e.count
	}
	return false
}

const mostItems = 5000

func (a *arrays) leaf() result {
	r := a.build()
	if keyword := opaqueOf(a.c); keyword != "" && r.status == found {
		for _, e := range a.c.order {
			if !a.contains(e, r.value) {
				return undecided(keyword, "it cannot be reasoned about")
			}
		}
	}
	return r
}

func (a *arrays) build() result {
	f := newFailing()
	for _, n := range a.need {
		es := []*expr{n.in}
		for _, r := range a.rules {
			if r.from <= n.from {
				es = append(es, r.in)
			}
		}
		if r := a.solve(es...); r.status == empty {
			return r
		}
	}
	// Items beyond those that something needs can be left out.
	longest := a.prefix
	for _, n := range a.need {
		longest += n.count
	}
	if a.repeated {
		longest += 2
	}
	longest = max(longest, a.least)
	if a.most >= 0 {
		longest = min(longest, a.most)
	}
	if longest > mostItems {
		if a.least <= mostItems && longest != a.least {
			return undecided("minContains", "the smallest array is too long")
		}
		return undecided("minItems", "the smallest array is too long")
	}
	b := &arrayBuilder{arrays: a, f: f, longest: longest, dead: map[string]bool{}, samples: map[*expr]sample{}}
	need := make([]int, len(a.need))
	for i, n := range a.need {
		need[i] = n.count
	}
	allow := make([]int, len(a.allow))
	for i, n := range a.allow {
		allow[i] = n.count
	}
	if r, ok := b.next(need, allow); ok {
		return r
	}
	return f.result()
}

type arrayBuilder struct {
	*arrays
	f       *failing
	longest int
	chosen  []*expr // what each item so far must satisfy
	dead    map[string]bool
	samples map[*expr]sample
}

// sample is up to so many different values of a set.
type sample struct {
	most    int
	values  []any
	keys    []string
	failing *failing
}

func (b *arrayBuilder) sample(e *expr, most int) sample {
	s, known := b.samples[e]
	if !known || s.most < most && len(s.values) == s.most {
		s = sample{most: most}
		s.values, _, s.failing = b.several(e, most)
		for _, v := range s.values {
			s.keys = append(s.keys, keyOf(v))
		}
		b.samples[e] = s
	}
	return s
}

// next decides of one more item which counted sets it is in.
func (b *arrayBuilder) next(need, allow []int) (result, bool) {
	b.budget.step(1)
	at := len(b.chosen)
	satisfied := at >= b.least && !slices.ContainsFunc(need, func(n int) bool { return n > 0 })
	if satisfied {
		if r, ok := b.finish(); ok {
			return r, true
		}
	}
	if at >= b.longest || satisfied && !b.unique && !b.repeated {
		return result{}, false
	}
	open := 0
	for i, n := range need {
		open = max(open, n)
		if n > 0 && b.longest-max(at, b.need[i].from) < n {
			return result{}, false
		}
	}
	key := ""
	if !b.unique && !b.repeated {
		key = counts(at, need, allow)
		if b.dead[key] {
			return result{}, false
		}
	}
	base := b.state(at)
	if r := b.solve(base); r.status != found {
		b.f.add(r)
		return result{}, false
	}
	var needed, capped []int
	for i, n := range b.need {
		if need[i] > 0 && n.from <= at {
			needed = append(needed, i)
		}
	}
	for i, n := range b.allow {
		if n.from <= at {
			capped = append(capped, i)
		}
	}
	if len(needed)+len(capped) > 10 {
		stopf("contains", "more than 10 of them meet")
	}
	// All needed and nothing capped counted is tried first.
	for bits := 1<<len(needed) - 1; bits >= 0; bits-- {
		b.budget.step(1)
		in := base
		nextNeed := slices.Clone(need)
		for k, i := range needed {
			if bits>>k&1 == 1 {
				in = b.and(in, b.need[i].in)
				nextNeed[i]--
			}
		}
		if bits != 0 {
			if r := b.solve(in); r.status != found {
				b.f.add(r)
				continue
			}
		}
		for count := range 1 << len(capped) {
			b.budget.step(1)
			full, nextAllow, ok := in, slices.Clone(allow), true
			for k, i := range capped {
				if count>>k&1 == 0 {
					full = b.and(full, b.not(b.allow[i].in))
				} else if nextAllow[i]--; nextAllow[i] < 0 {
					ok = false
				}
			}
			if !ok {
				continue
			}
			if r := b.solve(full); r.status != found {
				b.f.add(r)
				continue
			}
			b.chosen = append(b.chosen, full)
			r, done := b.next(nextNeed, nextAllow)
			b.chosen = b.chosen[:at]
			if done {
				return r, true
			}
		}
	}
	if key != "" {
		b.budget.hold(100 + len(key))
		b.dead[key] = true
	}
	return result{}, false
}

func counts(at int, need, allow []int) string {
	key := make([]rune, 0, 2+len(need)+len(allow))
	key = append(key, rune(at))
	for _, n := range need {
		key = append(key, rune(n))
	}
	for _, n := range allow {
		key = append(key, rune(n))
	}
	return string(key)
}

func (b *arrayBuilder) finish() (result, bool) {
	switch {
	case b.unique:
		return b.different()
	case b.repeated:
		return b.twice()
	}
	v := make([]any, len(b.chosen))
	for i, e := range b.chosen {
		v[i] = b.solve(e).value
	}
	return foundValue(v), true
}

// different gives each item another value. A set of as many values as there
// are items never runs out, so no more are looked at.
func (b *arrayBuilder) different() (result, bool) {
	b.budget.step(len(b.chosen))
	vs := make([][]any, len(b.chosen))
	keys := make([][]string, len(b.chosen))
	for i, e := range b.chosen {
		s := b.sample(e, len(b.chosen))
		b.f.low = min(b.f.low, s.failing.low)
		if s.failing.unknown != nil && len(s.values) < len(b.chosen) {
			b.f.add(*s.failing.unknown)
		}
		vs[i], keys[i] = s.values, s.keys
	}
	at, ok := assign(b.budget, keys)
	if !ok {
		return result{}, false
	}
	v := make([]any, len(b.chosen))
	for i := range v {
		v[i] = vs[i][at[i]]
	}
	return foundValue(v), true
}

// twice gives two items the same value.
func (b *arrayBuilder) twice() (result, bool) {
	for i, e := range b.chosen {
		for j := range i {
			r := b.solve(e, b.chosen[j])
			if r.status != found {
				b.f.add(r)
				continue
			}
			v := make([]any, len(b.chosen))
			for k, other := range b.chosen {
				v[k] = b.solve(other).value
			}
			v[i], v[j] = r.value, r.value
			return foundValue(v), true
		}
	}
	return result{}, false
}
