package sample

import (
	"encoding/json"
	"errors"
	"math/big"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// point is one keyword at one place, and a sample that is wanted of it.
type point struct {
	node    *node
	keyword string
	leaf    string // the location that the validator names where the keyword fails
	drop    string // the location that is taken out to be rid of it
	part    string // the part of it that this is about: one name of required
	what    string
	asks    []ask // what to build, one after the other

	// Of a near miss: how the copy is rid of the keyword. Recompile where that
	// is not exactly what taking it out of the text does.
	relax     edit
	building  edit // while a value is built; nil: relax
	recompile bool
	opens     bool   // it is about properties that are not declared
	redundant string // why it is known to refuse nothing alone; "" where it is not
	missing   string // of required: the name that the validator's pointer lacks

	// Of a boundary: the value is still accepted where the bound is moved to it,
	// and refused where it is moved further. nil: not checked.
	to, past *moved
}

// moved is a keyword with another value, in the copy and in the text.
type moved struct {
	edit edit
	drop string // in the text: what is replaced; by nil: taken out
	by   *schema.Node
}

// leavesOf are the locations of the keywords that refused a value, each with a
// pointer to where in the value. A choice that no branch satisfies, and a
// count of what is contained, are among them with what they hold.
func leavesOf(err error) map[string]string {
	found := map[string]string{}
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		keyword := e.KeywordLocation[strings.LastIndexByte(e.KeywordLocation, '/')+1:]
		if len(e.Causes) == 0 || keyword == "anyOf" || keyword == "oneOf" || keyword == "minContains" {
			at := e.InstanceLocation
			if u, err := url.PathUnescape(at); err == nil {
				at = u
			}
			if old, there := found[e.AbsoluteKeywordLocation]; !there || at < old {
				found[e.AbsoluteKeywordLocation] = at
			}
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		walk(invalid)
	}
	return found
}

// with asks the copy, changed, about a value; or the schema recompiled, where
// the copy is not exact.
func (m *maker) with(p *point, change edit, drop string, by *schema.Node, v any) error {
	if !m.dynamic && !p.recompile && change != nil {
		var err error
		edited(p.node.schema, change, func() { err = accepts(m.copy, v) })
		return err
	}
	changed, err := m.recompiled(drop, by)
	if err != nil {
		return err
	}
	return accepts(changed.Compiled, v)
}

// recompiled is the schema with something at a location replaced, or taken out.
func (m *maker) recompiled(location string, by *schema.Node) (*schema.Schema, error) {
	file, pointer, _, n := m.schema.Source(location)
	if n == nil {
		return nil, errors.New("it is not written in a file of the schema")
	}
	return m.schema.With(file, pointer, by)
}

// build makes values for a point until one is as it should be.
func (m *maker) build(p *point, during edit, good func(v any, b *builder) bool) (any, bool) {
	route := p.node.route()
	for i := range p.asks {
		tries := 3
		if len(p.asks[i].values) > 0 && i > 0 {
			tries = 1
		}
		for attempt := range tries {
			b := m.newBuilder(i+2, attempt)
			b.route, b.ask = route, &p.asks[i]
			b.given = attempt == 0
			if attempt == 1 {
				b.style = least
			}
			var v any
			var ok bool
			if during != nil {
				edited(p.node.schema, during, func() { v, ok = b.value() })
			} else {
				v, ok = b.value()
			}
			if ok && b.reached && good(v, b) {
				return v, true
			}
		}
	}
	return nil, false
}

// sample describes what was found for a point.
func (m *maker) sample(kind Kind, p *point, v any, at string) Sample {
	file, place, line, _ := m.schema.Source(p.drop)
	return Sample{Kind: kind, Value: v, Keyword: p.keyword, File: file, Place: place, Line: line, Pointer: at, What: p.what}
}

func (m *maker) without(kind Kind, p *point, proven bool, why string) Without {
	file, place, line, _ := m.schema.Source(p.drop)
	return Without{Kind: kind, Keyword: p.keyword, File: file, Place: place, Line: line, What: p.what, Proven: proven, Why: why}
}

// spread orders points so that each keyword comes before any comes again.
func spread(points []*point) []*point {
	var order []string
	groups := map[string][]*point{}
	for _, p := range points {
		if groups[p.keyword] == nil {
			order = append(order, p.keyword)
		}
		groups[p.keyword] = append(groups[p.keyword], p)
	}
	var all []*point
	for i := 0; len(all) < len(points); i++ {
		for _, keyword := range order {
			if i < len(groups[keyword]) {
				all = append(all, groups[keyword][i])
			}
		}
	}
	return all
}

// collect makes a sample of each point, by construction first and then, of
// what is left, by the algebra.
func (m *maker) collect(kind Kind, points []*point, build func(*point) (Sample, bool), solve func(*point) (Sample, bool, Without)) Samples {
	var s Samples
	points = spread(points)
	type one struct {
		sample Sample
		ok     bool
	}
	made := make([]one, len(points))
	count := 0
	enough := func() bool { return m.options.N > 0 && count >= m.options.N }
	for i, p := range points {
		if enough() {
			break
		}
		if made[i].sample, made[i].ok = build(p); made[i].ok {
			count++
		}
	}
	for i, p := range points {
		if made[i].ok || enough() {
			continue
		}
		var gap Without
		if made[i].sample, made[i].ok, gap = solve(p); made[i].ok {
			count++
		} else {
			s.Without = append(s.Without, gap)
		}
	}
	for _, o := range made {
		if o.ok {
			s.List = append(s.List, o.sample)
		}
	}
	return s
}

// among are the values of a set that differ from what was asked before by seed.
func (m *maker) among(set valueset.Set, good func(any) bool) (v any, ok bool, last valueset.Answer) {
	for seed := range uint64(3) {
		last = set.Example(m.options.Budget, seed)
		if last.Verdict != valueset.Nonempty {
			return nil, false, last
		}
		if good(last.Value) {
			return m.polished(last.Value, good), true, last
		}
	}
	return nil, false, last
}

// whyNot says why an answer gave nothing.
func whyNot(a valueset.Answer, none string) (proven bool, why string) {
	switch a.Verdict {
	case valueset.Empty:
		return true, none
	case valueset.Nonempty:
		return false, "not confirmed: the values found are not refused for it"
	}
	return false, "undecided: " + a.Reason.String()
}

func numbers(rs ...*big.Rat) []any {
	var all []any
	for _, r := range rs {
		if text, ok := numberOf(r); ok {
			all = append(all, text)
		}
	}
	return all
}

func each(values []any) []ask {
	asks := make([]ask, len(values))
	for i, v := range values {
		asks[i] = ask{values: []any{v}}
	}
	return asks
}

func ratOf(v any) *big.Rat {
	n, isNumber := v.(json.Number)
	if !isNumber {
		return nil
	}
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return nil
	}
	return r
}

func lengthOf(n int) ask { return ask{length: &n} }

func remove(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}
