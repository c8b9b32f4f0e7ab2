package gotype

import (
	"encoding/json"
	"fmt"
	"math/big"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/sample"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

const (
	stepsEach   = 500_000    // for one sample
	stepsOfAll  = 40_000_000 // for the samples of a schema
	mostOfValue = 64         // values of an enum that are drawn
)

// samples draws values of the contract's schema, each accepted by the validator:
// first those that package sample has, valid ones and at the schema's bounds, then
// those that have at one place what a Go type may not hold. reason says why there are
// not all.
func (k *check) samples() (all []any, reason string) {
	d := &drawing{schema: k.schema, seen: map[string]bool{}}
	d.choose()
	d.ready()
	places, cut := placesOf(k.schema.Compiled)
	for _, p := range places {
		d.place(p)
	}
	switch {
	case len(d.all) == 0:
		reason = "no value of its schema was found"
		if d.first.Verdict == valueset.Empty {
			reason = "its schema accepts nothing"
		} else if d.first.Reason.What != "" {
			reason += fmt.Sprintf(" (%s)", d.first.Reason)
		}
	case cut:
		reason = fmt.Sprintf("its schema has more than %d places, and the others are not sampled", mostPlaces)
	case d.steps > stepsOfAll:
		reason = "its schema is too large for the budget of samples"
	}
	return d.all, reason
}

// drawing is the drawing of samples.
type drawing struct {
	schema *schema.Schema
	set    valueset.Set
	first  valueset.Answer
	seen   map[string]bool
	all    []any
	steps  int
}

// choose takes what a writer sends who declares all that it sends and takes formats
// at their word; only where there is no such value, formats are left out.
func (d *drawing) choose() {
	asserted := *d.schema
	asserted.AssertFormat = true
	d.set = valueset.Closed(&asserted)
	d.first = d.set.Example(valueset.Budget{Steps: stepsEach}, 0)
	if d.first.Verdict == valueset.Nonempty {
		return
	}
	d.set = valueset.Closed(d.schema)
	d.first = d.set.Example(valueset.Budget{Steps: stepsEach}, 0)
}

// ready takes the plainest value and the samples of package sample. That it has none
// is no error here: the set decides what there is.
func (d *drawing) ready() {
	if d.first.Verdict == valueset.Nonempty {
		d.take(d.first.Value)
	}
	for _, kind := range []sample.Kind{sample.Valid, sample.Boundary} {
		samples, err := sample.Values(d.schema, kind, sample.Options{Closed: true, Budget: valueset.Budget{Steps: stepsEach}})
		if err != nil {
			return
		}
		for _, one := range samples.List {
			if d.set.Contains(one.Value) {
				d.take(one.Value)
			}
		}
	}
}

// take keeps a value that the validator accepts, once.
func (d *drawing) take(v any) {
	key := text(v)
	if !d.seen[key] && asGoWrites(v) && d.schema.Validate(v) == nil {
		d.seen[key] = true
		d.all = append(d.all, v)
	}
}

// draw draws a value that is in a set, too.
func (d *drawing) draw(of valueset.Set) valueset.Verdict {
	if d.steps > stepsOfAll {
		return valueset.Undecided
	}
	a := valueset.And(d.set, of).Example(valueset.Budget{Steps: stepsEach}, 0)
	d.steps += a.Steps
	if a.Verdict == valueset.Nonempty {
		d.take(a.Value)
	}
	return a.Verdict
}

// at draws a value that has at a place what leaf accepts.
func (d *drawing) at(p place, leaf any) valueset.Verdict {
	return d.draw(accepting(where(p.path, leaf)))
}

func accepting(s any) valueset.Set {
	parsed, err := schema.Parse("sample", []byte(text(s)), schema.Options{AsValidator: true})
	if err != nil {
		return valueset.Set{} // a name in it is no text that a schema can have: nothing is drawn
	}
	return valueset.Of(parsed)
}

type object = map[string]any

// place draws what is special at a place.
func (d *drawing) place(p place) {
	if len(p.path) > 0 {
		d.draw(accepting(without(p.path)))
	}
	for i, v := range p.values() {
		if i == mostOfValue {
			break
		}
		d.at(p, object{"const": v})
	}
	d.at(p, object{"type": "null"})
	if d.at(p, object{"const": true}) == valueset.Nonempty {
		d.at(p, object{"const": false})
	}
	if d.at(p, object{"type": "string"}) == valueset.Nonempty {
		d.at(p, object{"const": ""})
		d.at(p, object{"type": "string", "minLength": 2})
	}
	if d.at(p, object{"type": "array"}) == valueset.Nonempty {
		for n := range 4 {
			d.at(p, object{"type": "array", "minItems": n, "maxItems": n})
		}
	}
	d.at(p, object{"type": "object"})
	if d.at(p, object{"type": "number"}) == valueset.Nonempty {
		d.number(p)
	}
}

// The edges of Go's integers, and of what all JSON readers hold (RFC 8259, section 6).
var (
	above  = []json.Number{"1", "128", "256", "32768", "65536", "2147483648", "4294967296", "9007199254740991"}
	below  = []json.Number{"-1", "-129", "-32769", "-2147483649", "-9007199254740991"}
	beyond = []json.Number{"9007199254740993", "9223372036854775808", "18446744073709551616"}
)

// most is the largest integer that is drawn where the schema has no bound, and
// unbounded stands for a number that a bound rules out.
const (
	most      = json.Number("9007199254740991")
	unbounded = json.Number("1e40")
)

// number draws numbers at the edges of Go's types.
func (d *drawing) number(p place) {
	d.at(p, object{"const": 0})
	d.at(p, object{"type": "number", "minimum": json.Number("-1000"), "maximum": json.Number("1000"), "not": object{"type": "integer"}})
	for _, edge := range above {
		d.at(p, object{"type": "integer", "minimum": edge, "maximum": most})
	}
	for _, edge := range below {
		d.at(p, object{"type": "integer", "maximum": edge, "minimum": "-" + most})
	}
	if d.probe(p, object{"type": "number", "minimum": unbounded}) == valueset.Empty {
		for _, edge := range beyond {
			d.at(p, object{"type": "integer", "minimum": edge})
		}
		d.bounds(p, func(s *jsonschema.Schema) *big.Rat { return s.Maximum })
	}
	if d.probe(p, object{"type": "number", "maximum": "-" + unbounded}) == valueset.Empty {
		for _, edge := range beyond {
			d.at(p, object{"type": "integer", "maximum": "-" + edge})
		}
		d.bounds(p, func(s *jsonschema.Schema) *big.Rat { return s.Minimum })
	}
}

// bounds draws the whole numbers that the schema states as bounds.
func (d *drawing) bounds(p place, of func(*jsonschema.Schema) *big.Rat) {
	for _, s := range p.schemas {
		if bound := of(s); bound != nil && bound.IsInt() {
			d.at(p, object{"const": json.Number(bound.RatString())})
		}
	}
}

// probe asks without drawing.
func (d *drawing) probe(p place, leaf any) valueset.Verdict {
	a := valueset.And(d.set, accepting(where(p.path, leaf))).Example(valueset.Budget{Steps: stepsEach}, 0)
	d.steps += a.Steps
	return a.Verdict
}

// asGoWrites reports whether every time in a value is written as Go writes it.
func asGoWrites(v any) bool {
	switch v := v.(type) {
	case string:
		t, err := time.Parse(time.RFC3339, v)
		return err != nil || t.Format(time.RFC3339Nano) == v
	case []any:
		for _, item := range v {
			if !asGoWrites(item) {
				return false
			}
		}
	case map[string]any:
		for _, member := range v {
			if !asGoWrites(member) {
				return false
			}
		}
	}
	return true
}
