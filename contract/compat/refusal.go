package compat

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/schema"
)

// refusal is one reason for which a reader refuses a value: all of them must go
// before it accepts it. Of an anyOf or oneOf of which several alternatives may
// have been meant, it is the choice.
type refusal struct{ schema.Failure }

// refusals are the reasons for which a schema refuses a value.
func refusals(s *schema.Schema, v any) []refusal {
	var err *jsonschema.ValidationError
	if !errors.As(s.Compiled.Validate(v), &err) {
		return nil
	}
	c := &collector{schema: s, value: v, failures: s.Validate(v)}
	c.walk(err)
	if len(c.found) == 0 {
		for _, f := range c.failures {
			c.found = append(c.found, refusal{Failure: f})
		}
	}
	slices.SortStableFunc(c.found, func(a, b refusal) int { return compareFailures(a.Failure, b.Failure) }) // the validator goes through maps
	return c.found
}

func compareFailures(a, b schema.Failure) int {
	return cmp.Or(cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Place, b.Place), cmp.Compare(a.What, b.What), cmp.Compare(a.Want, b.Want))
}

// collector goes through the validator's tree of errors. What it says of a leaf
// is the failure at the same place.
type collector struct {
	schema   *schema.Schema
	value    any
	failures []schema.Failure
	found    []refusal
	seen     []schema.Failure
}

func (c *collector) walk(e *jsonschema.ValidationError) {
	keyword := lastToken(e.KeywordLocation)
	switch {
	case len(e.Causes) == 0:
		for _, f := range c.of(e) {
			c.add(refusal{Failure: f})
		}
	case keyword == "minContains": // the causes are why each item is none that it looks for
		c.add(refusal{Failure: c.failure(e, keyword, "does not contain what it must")})
	case (keyword == "anyOf" || keyword == "oneOf") && len(e.Causes) > 1:
		c.choice(e, keyword)
	default:
		for _, cause := range e.Causes {
			c.walk(cause)
		}
	}
}

// choice is a refusal of its own where several alternatives may have been
// meant. Where the value rules out all others by its type or a constant, the
// reason is why the one that is left fails.
func (c *collector) choice(e *jsonschema.ValidationError, keyword string) {
	if itself := c.of(e); len(itself) > 0 {
		c.add(refusal{Failure: itself[0]})
		return
	}
	var kept []*jsonschema.ValidationError
	var why []schema.Failure
	for _, cause := range e.Causes {
		if leaf := c.first(cause); leaf != nil {
			kept = append(kept, cause)
			why = append(why, *leaf)
		}
	}
	if len(kept) == 1 {
		c.walk(kept[0])
		return
	}
	f := c.failure(e, keyword, "is none of what is allowed")
	var reasons []string
	for _, w := range why {
		if reason := strings.TrimSpace(w.Pointer + " " + cmp.Or(w.Want, w.What)); !slices.Contains(reasons, reason) && len(reasons) < 3 {
			reasons = append(reasons, reason)
		}
	}
	f.Want = strings.Join(reasons, ", or ")
	c.add(refusal{Failure: f})
}

// failure is that of an error that has causes.
func (c *collector) failure(e *jsonschema.ValidationError, keyword, what string) schema.Failure {
	f := schema.Failure{Pointer: unescaped(e.InstanceLocation), Keyword: keyword, What: what}
	f.File, f.Place, _, _ = c.schema.Source(e.AbsoluteKeywordLocation)
	if d := c.schema.Document(f.File); d != nil {
		f.Line = d.LineOf(f.Place)
		if n := d.At(f.Place); n != nil && keyword == "minContains" {
			f.Want = "minContains " + n.JSON()
		}
	}
	value, _ := schema.Resolve(c.value, f.Pointer)
	f.Got = schema.Describe(value)
	return f
}

// first is the failure in a part of the tree that stands first in the value.
func (c *collector) first(e *jsonschema.ValidationError) (first *schema.Failure) {
	all := c.of(e)
	for _, cause := range e.Causes {
		if f := c.first(cause); f != nil {
			all = append(all, *f)
		}
	}
	if len(all) == 0 {
		return nil
	}
	f := slices.MinFunc(all, compareFailures)
	return &f
}

// of are the failures of one error: several where several properties are
// missing or too many.
func (c *collector) of(e *jsonschema.ValidationError) (all []schema.Failure) {
	file, place, _, _ := c.schema.Source(e.AbsoluteKeywordLocation)
	at := unescaped(e.InstanceLocation)
	for _, f := range c.failures {
		if f.File == file && f.Place == place && (f.Pointer == at || strings.HasPrefix(f.Pointer, at+"/")) {
			all = append(all, f)
		}
	}
	return all
}

func (c *collector) add(r refusal) {
	if d := c.schema.Document(r.File); r.Keyword == "minContains" && d != nil && d.At(r.Place) == nil {
		// The validator says minContains where only contains is written.
		around, _ := cutToken(r.Place)
		r.Keyword, r.Place = "contains", around+"/contains"
		r.Line = d.LineOf(r.Place)
		if n := d.At(r.Place); n != nil {
			r.Want = "contains " + short(n.JSON())
		}
	}
	if !slices.Contains(c.seen, r.Failure) {
		c.seen = append(c.seen, r.Failure)
		c.found = append(c.found, r)
	}
}

func lastToken(location string) string {
	return location[strings.LastIndexByte(location, '/')+1:]
}

func unescaped(location string) string {
	if u, err := url.PathUnescape(location); err == nil {
		return u
	}
	return location
}
