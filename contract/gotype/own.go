package gotype

import (
	"strconv"
	"strings"

	"github.com/eventproof/eventproof/contract/schema"
)

// ownAt is the part of the type's own schema that speaks of a place in the value;
// nil where there is none.
func (k *check) ownAt(pointer string) *schema.Node {
	tokens, err := schema.Tokens(pointer)
	if err != nil {
		return nil
	}
	n := k.resolved(k.own.Root)
	for _, t := range tokens {
		if unknownType(comment(n)) != "" {
			return n // all below it is unknown, too
		}
		next := n.Get("properties").Get(t)
		if next == nil {
			next = n.Get("items")
		}
		if next == nil {
			next = n.Get("additionalProperties")
		}
		if n = k.resolved(next); n == nil {
			return nil
		}
	}
	return n
}

// resolved follows what the builder wraps a schema in: a $ref into $defs, and what
// stands beside null.
func (k *check) resolved(n *schema.Node) *schema.Node {
	for range deepest {
		switch {
		case n.Get("$ref") != nil:
			n = k.own.Root.At(strings.TrimPrefix(n.Get("$ref").Text, "#"))
		case n.Get("anyOf") != nil:
			n = n.Get("anyOf").Items[0]
		case n.Get("allOf") != nil:
			n = n.Get("allOf").Items[0]
		default:
			return n
		}
	}
	return n
}

func comment(n *schema.Node) string {
	if c := n.Get("$comment"); c != nil && c.Kind == schema.String {
		return c.Text
	}
	return ""
}

// unknownAt is the type at a place of which nobody said what it writes, "" where
// that is known.
func (k *check) unknownAt(pointer string) string {
	if n := k.ownAt(pointer); n != nil {
		return unknownType(comment(n))
	}
	return ""
}

// told is a value without the members of which nobody knows what the type writes:
// the type fills them itself.
func (k *check) told(v any, pointer string) any {
	switch v := v.(type) {
	case map[string]any:
		kept := make(map[string]any, len(v))
		for name, member := range v {
			if at := pointer + schema.Pointer(name); k.unknownAt(at) == "" {
				kept[name] = k.told(member, at)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(v))
		for i, item := range v {
			kept[i] = k.told(item, pointer+schema.Pointer(strconv.Itoa(i)))
		}
		return kept
	}
	return v
}
