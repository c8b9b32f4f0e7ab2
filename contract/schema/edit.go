package schema

import (
	"fmt"
	"maps"
	"slices"
)

// With is the schema with another value at a place: what the pointer names in
// one of its files becomes value, or, where value is nil, is taken out. The file
// is named as in [Failure]; the schema itself is not changed. Lines stay those
// of the file as it was written. The error says that there is no such place, or
// why the result is not a schema.
//
// It serves to find out what a keyword does: a schema without its maxLength
// accepts, besides, what only maxLength refused.
func (s *Schema) With(file, pointer string, value *Node) (*Schema, error) {
	tokens, err := Tokens(pointer)
	if err != nil {
		return nil, err
	}
	var old *document
	for _, d := range s.library.files {
		if d.file == file {
			old = d
		}
	}
	if old == nil {
		return nil, fmt.Errorf("%s is no file of the schema %s", file, s.File)
	}
	root, ok := edited(old.root, tokens, value)
	if !ok || root == nil {
		return nil, fmt.Errorf("%s has nothing at %q to be replaced", file, pointer)
	}
	l := &Library{fsys: s.library.fsys, display: s.library.display, files: maps.Clone(s.library.files), ids: maps.Clone(s.library.ids), made: map[Options]*compilation{}}
	d := &document{path: old.path, file: old.file, text: []byte(root.JSON()), root: root}
	l.files[old.path] = d
	maps.DeleteFunc(l.ids, func(_ string, r resource) bool { return r.doc == old })
	if problems := l.index(d, root, fileURL(d.path), draftIn(root, "") == "4"); len(problems) > 0 {
		return nil, joined(problems)
	}
	changed, problems := l.Compile(s.path, s.options)
	if len(problems) > 0 {
		return nil, joined(problems)
	}
	return changed, nil
}

// edited is a copy of n, as far as it must differ, with value at the place; nil
// where n itself is taken out. ok is false where there is no such place.
func edited(n *Node, tokens []string, value *Node) (copied *Node, ok bool) {
	if len(tokens) == 0 {
		return value, true
	}
	c := *n
	switch n.Kind {
	case Object:
		i := slices.IndexFunc(n.Members, func(m Member) bool { return m.Name == tokens[0] })
		if i < 0 {
			return nil, false
		}
		sub, ok := edited(n.Members[i].Value, tokens[1:], value)
		if !ok {
			return nil, false
		}
		c.Members = slices.Clone(n.Members)
		if sub == nil {
			c.Members = slices.Delete(c.Members, i, i+1)
		} else {
			c.Members[i].Value = sub
		}
		return &c, true
	case Array:
		i, found := index(tokens[0], len(n.Items))
		if !found {
			return nil, false
		}
		sub, ok := edited(n.Items[i], tokens[1:], value)
		if !ok {
			return nil, false
		}
		c.Items = slices.Clone(n.Items)
		if sub == nil {
			c.Items = slices.Delete(c.Items, i, i+1)
		} else {
			c.Items[i] = sub
		}
		return &c, true
	}
	return nil, false
}
