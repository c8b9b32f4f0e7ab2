package schema

import (
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Schema is one schema: what its author wrote, and what the validator made of it.
type Schema struct {
	File         string // as people know it
	Root         *Node  // the document, with positions
	Draft        string // one of Drafts
	AssertFormat bool
	// AssertContent: draft 7's contentEncoding and contentMediaType are
	// assertions, as the validator has it; otherwise they are annotations.
	AssertContent bool
	// Applications is how many schemas the validator applies to one value, at most:
	// a measure of its time.
	Applications int
	Compiled     *jsonschema.Schema

	library *Library
	path    string  // in the library
	options Options // that it was compiled with
}

// Parse reads a schema that stands alone. The error joins a *[Problem] for
// each defect; name is the file in their texts.
func Parse(name string, text []byte, o Options) (*Schema, error) {
	const file = "schema.json"
	l := NewLibrary(nil, func(string) string { return name })
	_, problems := l.take(file, text)
	var s *Schema
	if len(problems) == 0 {
		s, problems = l.Compile(file, o)
	}
	if len(problems) > 0 {
		return nil, joined(problems)
	}
	return s, nil
}

func joined(problems []*Problem) error {
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// Validate checks a value, as [Node.Value] gives it, and returns every
// failure, sorted by pointer; none: the schema accepts it. A panic of the
// validator is a failure at the whole value.
func (s *Schema) Validate(v any) (failures []Failure) {
	defer func() {
		if p := recover(); p != nil {
			failures = []Failure{{Keyword: "$schema", What: fmt.Sprintf("cannot be validated: the validator failed (%v)", p), File: s.File, Line: 1}}
		}
	}()
	err := s.Compiled.Validate(v)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return []Failure{{Keyword: "$ref", What: fmt.Sprintf("cannot be validated (%v)", err), File: s.File, Line: 1}}
	}
	return s.library.failures(invalid, v)
}

// accepts is whether the schema, a part of a compiled one, accepts the value.
func accepts(s *jsonschema.Schema, v any) bool { return s.Validate(v) == nil }
