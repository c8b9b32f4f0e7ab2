package schema

import (
	"slices"
	"strings"
)

// annotations say nothing about which values are accepted.
var annotations = map[string]bool{"title": true, "description": true, "default": true, "examples": true, "example": true, "deprecated": true,
	"readOnly": true, "writeOnly": true, "$comment": true}

// Same reports whether two schemas are written alike, but for annotations and the
// order of members: they accept the same values then, whatever keywords they use
// and whoever validates. Where they refer to other files, or have an $id within,
// it reports false, which says nothing.
func (s *Schema) Same(other *Schema) bool {
	return s.Draft == other.Draft && s.AssertFormat == other.AssertFormat && s.AssertContent == other.AssertContent &&
		selfContained(s.Root, s.Draft == "4", true) && selfContained(other.Root, s.Draft == "4", true) && sameSchema(s.Root, other.Root, true)
}

// selfContained reports whether every reference stays in the document, and leads
// to no annotation.
func selfContained(n *Node, draft4, root bool) bool {
	if !root && idOf(n, draft4) != "" {
		return false
	}
	for _, m := range n.Members {
		if strings.HasSuffix(m.Name, "ef") && strings.HasPrefix(m.Name, "$") && m.Value.Kind == String {
			if !strings.HasPrefix(m.Value.Text, "#") {
				return false
			}
			for token := range strings.SplitSeq(m.Value.Text, "/") {
				if annotations[token] || strings.Contains(token, "%") {
					return false
				}
			}
		}
		if !selfContained(m.Value, draft4, false) {
			return false
		}
	}
	return !slices.ContainsFunc(n.Items, func(item *Node) bool { return !selfContained(item, draft4, false) })
}

func sameSchema(a, b *Node, root bool) bool {
	if a.Kind != Object || b.Kind != Object {
		return sameValue(a, b)
	}
	says := func(n *Node) (all []Member) {
		for _, m := range n.Members {
			names := root && (m.Name == "$id" || m.Name == "id" || m.Name == "$schema") // the draft is compared apart
			if !annotations[m.Name] && !strings.HasPrefix(m.Name, "x-") && !names {
				all = append(all, m)
			}
		}
		return all
	}
	return sameByName(says(a), says(b), sameKeyword)
}

func sameKeyword(name string, a, b *Node) bool {
	switch {
	case oneSchema[name] && a.Kind == Object:
		return sameSchema(a, b, false)
	case listOfSchemas[name] && a.Kind == Array:
		return b.Kind == Array && slices.EqualFunc(a.Items, b.Items, func(a, b *Node) bool { return sameSchema(a, b, false) })
	case mapOfSchemas[name] && a.Kind == Object:
		return sameMembers(a, b, func(a, b *Node) bool { return sameSchema(a, b, false) })
	}
	return sameValue(a, b)
}

func sameMembers(a, b *Node, same func(a, b *Node) bool) bool {
	return b.Kind == Object && sameByName(a.Members, b.Members, func(_ string, a, b *Node) bool { return same(a, b) })
}

func sameByName(a, b []Member, same func(name string, a, b *Node) bool) bool {
	if len(a) != len(b) {
		return false
	}
	byName := make(map[string]*Node, len(b))
	for _, m := range b {
		byName[m.Name] = m.Value
	}
	return !slices.ContainsFunc(a, func(m Member) bool {
		v := byName[m.Name]
		return v == nil || !same(m.Name, m.Value, v)
	})
}

func sameValue(a, b *Node) bool {
	switch {
	case a.Kind != b.Kind:
		return false
	case a.Kind == Object:
		return sameMembers(a, b, sameValue)
	case a.Kind == Array:
		return slices.EqualFunc(a.Items, b.Items, sameValue)
	}
	return a.Text == b.Text
}
