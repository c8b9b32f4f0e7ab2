package schema

// Source is what its author wrote at an absolute location that the validator
// names: a compiled schema's Location, with or without a keyword after it. The
// file and the pointer are those that [Failure] and [Schema.With] use; line is
// the place in the file. n is nil where nothing is written there: in a
// meta-schema, or a keyword that the validator supplies, as minContains.
func (s *Schema) Source(location string) (file, pointer string, line int, n *Node) {
	t := &translator{library: s.library}
	d, n, pointer := t.keyword(location)
	if d == nil {
		return "", "", 0, nil
	}
	return d.file, pointer, d.root.LineOf(pointer), n
}

// Document is a file of the schema, with positions; nil where it has no file of
// that name. The file is named as in [Failure].
func (s *Schema) Document(file string) *Node {
	for _, d := range s.library.files {
		if d.file == file {
			return d.root
		}
	}
	return nil
}
