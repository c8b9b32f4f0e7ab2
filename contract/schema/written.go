package schema

// Written is where a part of the compiled schema is written: the file, named as
// in [Failure], and the pointer there. location is the Location of a
// jsonschema.Schema, or the AbsoluteKeywordLocation of a ValidationError. Both
// are "" for what lies in a built-in meta-schema.
func (s *Schema) Written(location string) (file, pointer string) {
	t := &translator{library: s.library}
	d, _, pointer := t.keyword(location)
	if d == nil {
		return "", ""
	}
	return d.file, pointer
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
