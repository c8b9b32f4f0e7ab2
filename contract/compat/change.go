package compat

import (
	"cmp"
	"fmt"
)

// Direction is who breaks.
type Direction string

// The directions.
const (
	Backward Direction = "backward" // consumers on the new schema, by events of the old one
	Forward  Direction = "forward"  // consumers on the old schema, by events of the new one
)

// Change is one thing in which the new schema differs from the old one, as far
// as it explains a verdict.
type Change struct {
	// Rule is the stable id of the kind of change, such as COMPAT_REQUIRED_ADDED.
	// See [Rules].
	Rule string
	// Breaks is the direction that the change breaks; "" where it breaks nobody.
	Breaks Direction
	// Pointer is the place in the value of which the change speaks.
	Pointer string
	// Old and New are what the two schemas say of it. Where one of them says
	// nothing, it is what is nearest around.
	Old, New Place
	// What is one sentence: who breaks, by which events, and what the schemas say.
	What string
	// Remedy is what to do instead.
	Remedy string
	// Witness is an event that shows it: the writer's schema accepts it and the
	// reader's refuses it, confirmed by the validator, or, of a change that
	// breaks nobody, both accept it.
	Witness any
	// Keyword, Want and Got are the reader's reason to refuse the witness, as in
	// schema.Failure; the keyword is "false" where the schema of the place is.
	Keyword, Want, Got string
	_                  struct{}
}

// Place is where a schema says something.
type Place struct {
	File    string // as the schema is named
	Pointer string // there
	Line    int    // 1-based
}

// String is "file:line".
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Names are how the sentences of an explanation call things.
type Names struct {
	// Old and New are the two schemas: "v1" and "v2". Default: their files, or,
	// where these have the same name, "the old schema" and "the new schema".
	Old, New string
	// Consumer is the app whose reads schema New is, where it is one.
	Consumer string
	// Base is the pointer from the event to what the schemas describe, such as
	// /data.
	Base string
	_    struct{}
}

func (n Names) filled(old, new string) Names {
	if old == new {
		old, new = "the old schema", "the new schema"
	}
	n.Old, n.New = cmp.Or(n.Old, old), cmp.Or(n.New, new)
	return n
}

func (n Names) readers(breaks Direction) string {
	switch {
	case breaks == Forward:
		return "consumers on " + n.Old
	case n.Consumer != "":
		return n.Consumer
	}
	return "consumers on " + n.New
}

// sides are the names of the schema that writes and of the one that reads.
func (n Names) sides(breaks Direction) (writer, reader string) {
	switch {
	case breaks == Forward:
		return n.New, n.Old
	case n.Consumer != "":
		return n.Old, n.Consumer
	}
	return n.Old, n.New
}

// at is a place in the event, for a sentence.
func (n Names) at(pointer string) string {
	if n.Base+pointer == "" {
		return "the event"
	}
	return n.Base + pointer
}
