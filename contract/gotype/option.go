package gotype

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// Option changes what [Check] and [Schema] take into account.
type Option interface {
	fmt.Stringer
	apply(*settings) error
}

// Reader checks only what T reads: for the type of a consumer.
var Reader Option = reader{}

// Writer checks only what T writes: for the type of a producer.
var Writer Option = writer{}

// Limits checks also the limits that no Go type states: see the package
// documentation, What is written.
var Limits Option = limits{}

// Values states all values of a named type K, as the constants of an enum:
//
//	gotype.Values(StatusPlaced, StatusPaid)
//
// A value of the contract's enum that is not among them is drift, and so is one of
// them that is not in the enum.
func Values[K any](values ...K) Option {
	o := valuesOption{typ: reflect.TypeFor[K]()}
	for _, v := range values {
		text, err := json.Marshal(v)
		o.texts = append(o.texts, text)
		o.err = errors.Join(o.err, err)
	}
	return o
}

// SchemaOf states what values of type K are written as, for a K that encodes
// itself (MarshalJSON, MarshalText) or is an interface:
//
//	gotype.SchemaOf[decimal.Decimal](`{"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$"}`)
//
// The schema stands alone, without $ref. It is taken at its word.
func SchemaOf[K any](schema string) Option {
	return schemaOption{reflect.TypeFor[K](), schema}
}

type settings struct {
	stated                 map[reflect.Type]*jsonschema.Schema
	readerOnly, writerOnly bool
	limits                 bool
}

func newSettings(options []Option) (*settings, error) {
	s := &settings{stated: map[reflect.Type]*jsonschema.Schema{}}
	for _, o := range options {
		if err := o.apply(s); err != nil {
			return nil, fmt.Errorf("option %s: %w", o, err)
		}
	}
	if s.readerOnly && s.writerOnly {
		return nil, errors.New("options Reader and Writer together check nothing: leave both out to check both")
	}
	return s, nil
}

// state keeps the schema of a type; one type is stated once.
func (s *settings) state(t reflect.Type, to *jsonschema.Schema) error {
	if s.stated[t] != nil {
		return fmt.Errorf("%s is stated twice: keep one of them", t)
	}
	s.stated[t] = to
	return nil
}

type (
	reader       struct{}
	writer       struct{}
	limits       struct{}
	valuesOption struct {
		typ   reflect.Type
		texts []json.RawMessage
		err   error
	}
	schemaOption struct {
		typ  reflect.Type
		text string
	}
)

func (reader) String() string { return "Reader" }
func (writer) String() string { return "Writer" }
func (limits) String() string { return "Limits" }
func (o valuesOption) String() string {
	return fmt.Sprintf("Values[%s](%s)", o.typ, joined(o.texts))
}
func (o schemaOption) String() string { return fmt.Sprintf("SchemaOf[%s](%s)", o.typ, o.text) }

func (reader) apply(s *settings) error { s.readerOnly = true; return nil }
func (writer) apply(s *settings) error { s.writerOnly = true; return nil }
func (limits) apply(s *settings) error { s.limits = true; return nil }

func (o valuesOption) apply(s *settings) error {
	switch {
	case o.err != nil:
		return o.err
	case len(o.texts) == 0:
		return errors.New("no value: name those that there are")
	case o.typ.PkgPath() == "":
		return fmt.Errorf("%s is not a type of your own, and stating its values would bind every %s: give the constants a named type", o.typ, o.typ)
	}
	to := &jsonschema.Schema{}
	for _, text := range o.texts {
		to.Enum = append(to.Enum, text)
	}
	return s.state(o.typ, to)
}

func (o schemaOption) apply(s *settings) error {
	to := &jsonschema.Schema{}
	if err := json.Unmarshal([]byte(o.text), to); err != nil {
		return fmt.Errorf("it is no JSON Schema (%w)", err)
	}
	if strings.Contains(o.text, `"$ref"`) {
		return errors.New("it has a $ref, and stands alone: write out what it refers to")
	}
	return s.state(o.typ, to)
}

func joined(texts []json.RawMessage) string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = string(text)
	}
	return strings.Join(all, ", ")
}
