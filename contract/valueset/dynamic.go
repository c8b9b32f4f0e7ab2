package valueset

import (
	"fmt"
	"reflect"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// scope is what the schemas around one contribute to $dynamicRef and
// $recursiveRef. A nil scope contributes nothing, as in nearly all schemas.
type scope struct {
	key       string
	outermost *jsonschema.Schema // with $recursiveAnchor
	anchors   map[string][]candidate
}

// candidate is a schema with $dynamicAnchor, outermost first. several: the
// validator has a choice of more than one there and takes any.
type candidate struct {
	schema  *jsonschema.Schema
	several bool
}

// enter is the scope inside a schema.
func (p *pool) enter(outer *scope, s *jsonschema.Schema) *scope {
	anchors := dynamicAnchors(s)
	if len(anchors) == 0 && (!s.RecursiveAnchor || outer != nil && outer.outermost != nil) {
		return outer
	}
	in := &scope{anchors: map[string][]candidate{}}
	if outer != nil {
		in.outermost = outer.outermost
		for name, cs := range outer.anchors {
			in.anchors[name] = cs
		}
	}
	if s.RecursiveAnchor && in.outermost == nil {
		in.outermost = s
	}
	byName := map[string][]*jsonschema.Schema{}
	for _, a := range anchors {
		byName[a.DynamicAnchor] = append(byName[a.DynamicAnchor], a)
	}
	for name, found := range byName {
		cs := in.anchors[name]
		if len(cs) >= 4 {
			continue
		}
		for _, a := range found {
			cs = append(cs[:len(cs):len(cs)], candidate{a, len(found) > 1})
		}
		in.anchors[name] = cs
	}
	return p.internScope(in)
}

func (p *pool) internScope(in *scope) *scope {
	in.key = fmt.Sprintf("%p", in.outermost)
	for name, cs := range sorted(in.anchors) {
		seen := map[*jsonschema.Schema]bool{}
		var kept []candidate
		for _, c := range cs {
			if !seen[c.schema] {
				seen[c.schema] = true
				kept = append(kept, c)
			}
		}
		in.anchors[name] = kept
		in.key += fmt.Sprintf("|%q%v", name, kept)
	}
	if known := p.scopes[in.key]; known != nil {
		return known
	}
	p.scopes[in.key] = in
	return in
}

// left is the scope of then and else: the validator lets them see no anchor of
// the schemas around, only $recursiveAnchor.
func (sc *scope) left(p *pool) *scope {
	if sc == nil || len(sc.anchors) == 0 {
		return sc
	}
	return p.internScope(&scope{outermost: sc.outermost, anchors: map[string][]candidate{}})
}

func (sc *scope) recursive(target *jsonschema.Schema) *jsonschema.Schema {
	if target.RecursiveAnchor && sc != nil && sc.outermost != nil {
		return sc.outermost
	}
	return target
}

// dynamic is the schema that $dynamicRef of s means here; nil where the
// validator has a choice.
func (sc *scope) dynamic(s *jsonschema.Schema) *jsonschema.Schema {
	target := s.DynamicRef
	anchor := reflect.ValueOf(s).Elem().FieldByName("dynamicRefAnchor").String()
	if anchor == "" || target.DynamicAnchor != anchor || sc == nil {
		return target
	}
	var open []candidate
	for _, c := range sc.anchors[anchor] {
		if c.schema != target {
			open = append(open, c)
		}
	}
	if len(open) == 0 {
		return target
	}
	if open[0].several && len(open) > 1 && open[1].several {
		return nil
	}
	return open[0].schema
}

// dynamicAnchors are the schemas with $dynamicAnchor inside one. The validator
// keeps them in a field that it does not export.
func dynamicAnchors(s *jsonschema.Schema) []*jsonschema.Schema {
	field := reflect.ValueOf(s).Elem().FieldByName("dynamicAnchors")
	if field.Len() == 0 {
		return nil
	}
	all := make([]*jsonschema.Schema, field.Len())
	for i := range all {
		all[i] = (*jsonschema.Schema)(field.Index(i).UnsafePointer())
	}
	return all
}
