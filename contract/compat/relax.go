package compat

import (
	"errors"
	"strings"

	"github.com/eventproof/eventproof/contract/schema"
)

// anything is a schema that accepts everything, in all drafts.
var anything = &schema.Node{Kind: schema.Object, Line: 1}

// relaxed is the reader without one reason to refuse. Items are never taken out
// of a list, so that pointers stay those of the file. declares: the writer's
// schema declares the property at which the reason is.
func relaxed(s *schema.Schema, r refusal, declares bool) (*schema.Schema, error) {
	d := s.Document(r.File)
	if d == nil {
		return nil, errors.New("the keyword is in no file of the schema")
	}
	n := d.At(r.Place)
	if n == nil {
		return nil, errors.New("the keyword is not written there")
	}
	around, _ := cutToken(r.Place)
	switch keyword := r.Keyword; {
	case keyword == "required" && n.Kind == schema.Array:
		_, name := cutName(r.Pointer)
		c := *n
		c.Items = nil
		for _, item := range n.Items {
			if item.Text != name {
				c.Items = append(c.Items, item)
			}
		}
		if len(c.Items) > 0 { // draft 4 wants one at least
			return s.With(r.File, r.Place, &c)
		}
	case (keyword == "additionalProperties" || keyword == "unevaluatedProperties") && n.Kind == schema.Bool && declares:
		_, name := cutName(r.Pointer)
		return s.With(r.File, around, withProperty(d.At(around), name))
	case n.Kind == schema.Bool && (r.What == "is not allowed" || r.Place == "") && keyword != "additionalProperties" && keyword != "unevaluatedProperties":
		return s.With(r.File, r.Place, anything)
	case dependent(r) && n.Kind == schema.String:
		return s.With(r.File, around, nil) // every name that is missing is a refusal of the same value
	case keyword == "exclusiveMinimum" && n.Kind == schema.Bool, keyword == "exclusiveMaximum" && n.Kind == schema.Bool: // draft 4
		s, err := s.With(r.File, r.Place, nil)
		if err != nil {
			return nil, err
		}
		return s.With(r.File, around+"/"+boundOf[keyword], nil)
	}
	return s.With(r.File, r.Place, nil)
}

// boundOf is the keyword to which draft 4's exclusiveMinimum: true belongs.
var boundOf = map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}

// dependent reports whether a property is missing because another is there.
func dependent(r refusal) bool {
	return r.Keyword == "dependentRequired" || r.Keyword == "dependencies"
}

// withProperty is an object schema that declares one more property, of any type.
func withProperty(n *schema.Node, name string) *schema.Node {
	c := *n
	c.Members = nil
	list := &schema.Node{Kind: schema.Object, Line: n.Line}
	for _, m := range n.Members {
		if m.Name == "properties" {
			list = m.Value
		} else {
			c.Members = append(c.Members, m)
		}
	}
	more := *list
	more.Members = append(more.Members[:len(more.Members):len(more.Members)], schema.Member{Name: name, Line: list.Line, Value: anything})
	c.Members = append(c.Members, schema.Member{Name: "properties", Line: list.Line, Value: &more})
	return &c
}

// withType is a list of types that has the refused value's too.
func withType(n *schema.Node, f *finding) *schema.Node {
	value, _ := schema.Resolve(f.witness, f.Pointer)
	name, _, _ := strings.Cut(schema.Describe(value), " ")
	list := &schema.Node{Kind: schema.Array, Line: n.Line}
	for _, t := range append(typesOf(n), name) {
		list.Items = append(list.Items, &schema.Node{Kind: schema.String, Text: t, Line: n.Line})
	}
	return list
}

// cutToken splits a pointer before its last token, as written.
func cutToken(pointer string) (around, token string) {
	i := strings.LastIndexByte(pointer, '/')
	if i < 0 {
		return "", ""
	}
	return pointer[:i], pointer[i+1:]
}

// cutName splits a pointer before its last token, unescaped.
func cutName(pointer string) (around, name string) {
	around, _ = cutToken(pointer)
	if tokens, err := schema.Tokens(pointer); err == nil && len(tokens) > 0 {
		name = tokens[len(tokens)-1]
	}
	return around, name
}
