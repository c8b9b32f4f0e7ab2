package gotype

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/schema"
)

// reads checks what T makes of the samples.
func (k *check) reads() {
	samples, reason := k.samples()
	// The smallest that shows something is what is printed.
	slices.SortStableFunc(samples, func(a, b any) int { return len(text(a)) - len(text(b)) })
	for _, v := range samples {
		k.sample(v)
	}
	if reason != "" {
		k.undecided("", "what it reads is not known: "+reason, "")
	}
}

// sample checks one sample: first each part that T does not decode, then what T
// makes of the rest.
func (k *check) sample(v any) {
	faults := k.faults(v, k.typ, "")
	for _, f := range faults {
		k.violation(contract.Violation{Rule: RuleDecode, What: f.what, Pointer: f.pointer, Want: f.want, Got: f.got,
			Place: contract.Place{File: k.schema.File, Line: k.lineOf(f.pointer)}, Trace: []string{"the schema accepts  " + text(v)}}, "")
	}
	rest := v
	for _, f := range faults {
		less, ok := pruned(rest, f.pointer)
		if !ok {
			return // the whole value
		}
		rest = less
	}
	written, err := roundTrip(rest, k.typ)
	if err != nil {
		k.violation(contract.Violation{Rule: RuleDecode, What: "does not decode and encode " + name(""), Want: "no error", Got: err.Error(),
			Place: contract.Place{File: k.schema.File, Line: k.schema.Root.Line}, Trace: []string{"the schema accepts  " + text(v)}}, "")
		return
	}
	differences := differ(rest, written, "")
	for _, d := range differences {
		if slices.ContainsFunc(faults, func(f fault) bool { return within(d.pointer, f.pointer) }) {
			continue // of which a part was taken away
		}
		k.violation(contract.Violation{Rule: RuleRoundTrip, What: d.what + " " + name(d.pointer), Pointer: d.pointer, Want: d.want, Got: d.got,
			Place: contract.Place{File: k.schema.File, Line: k.lineOf(d.pointer)}, Trace: []string{"the schema accepts  " + text(v), "the type writes     " + text(written)}}, "")
	}
	if len(faults)+len(differences) > 0 || len(k.settings.stated) == 0 {
		return
	}
	// What is equal is valid by the contract, and it was encoded from a T, so only
	// what an option stated can say otherwise.
	for _, f := range k.own.Validate(written) {
		k.violation(contract.Violation{Rule: RuleDecode, What: "does not know the value of " + name(f.Pointer) + ": it " + f.What, Pointer: f.Pointer, Want: f.Want, Got: f.Got,
			Place: contract.Place{File: k.schema.File, Line: k.lineOf(f.Pointer)}, Trace: []string{"the schema accepts  " + text(v)}}, "")
	}
}

// name is a pointer in a sentence.
func name(pointer string) string {
	if pointer == "" {
		return "the value"
	}
	return pointer
}

// within reports whether a pointer names a value or a part of it, or the other way
// round.
func within(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// fault is a part of a sample that T does not decode.
type fault struct {
	pointer         string
	what, want, got string
}

var (
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// faults are the smallest parts of a value that a type does not decode, when
// unknown members are refused. Each is shown by encoding/json itself.
func (k *check) faults(v any, t reflect.Type, pointer string) []fault {
	_, err := decoded(v, t, true)
	if err == nil {
		return nil
	}
	for t.Kind() == reflect.Pointer && !t.Implements(unmarshaler) && !t.Implements(textUnmarshaler) {
		t = t.Elem()
	}
	var all []fault
	if t.Kind() != reflect.Pointer && !reflect.PointerTo(t).Implements(unmarshaler) && !reflect.PointerTo(t).Implements(textUnmarshaler) {
		switch v := v.(type) {
		case map[string]any:
			all = k.memberFaults(v, t, pointer)
		case []any:
			if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
				for i, item := range v {
					all = append(all, k.faults(item, t.Elem(), pointer+schema.Pointer(strconv.Itoa(i)))...)
				}
			}
		}
	}
	if len(all) > 0 {
		return all
	}
	return []fault{{pointer, "does not decode " + name(pointer), "a Go type that holds " + schema.Describe(v), fmt.Sprintf("%s (%s)", t, plainly(err))}}
}

func (k *check) memberFaults(v map[string]any, t reflect.Type, pointer string) (all []fault) {
	if t.Kind() != reflect.Struct && t.Kind() != reflect.Map {
		return nil
	}
	var fields []field
	if t.Kind() == reflect.Struct {
		fields = fieldsOf(t)
	}
	for _, member := range slices.Sorted(maps.Keys(v)) {
		at := pointer + schema.Pointer(member)
		if t.Kind() == reflect.Map {
			all = append(all, k.faults(v[member], t.Elem(), at)...)
			continue
		}
		f, ok := fieldFor(fields, member)
		if !ok {
			all = append(all, fault{at, "has no field for " + at, fmt.Sprintf("a field with the tag json:%q", member), nearest(t, fields, member)})
			continue
		}
		if f.quoted {
			// The tag changes what is decoded, so it is asked with its struct.
			if _, err := decoded(map[string]any{member: v[member]}, t, true); err != nil {
				all = append(all, fault{at, "does not decode " + name(at), "a Go type that holds " + schema.Describe(v[member]), fmt.Sprintf("%s with the tag option string (%s)", f.typ, plainly(err))})
			}
			continue
		}
		all = append(all, k.faults(v[member], f.typ, at)...)
	}
	return all
}

// nearest says which field was probably meant.
func nearest(t reflect.Type, fields []field, member string) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	near := schema.Nearest(member, names)
	for _, f := range fields {
		if f.name == near {
			return fmt.Sprintf("none; %s is written as %q", t.FieldByIndex(f.index).Name, f.name)
		}
	}
	return "none"
}

// plainly is an error of encoding/json without what the violation says already.
func plainly(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return "does not hold " + article(wrong.Value)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func article(value string) string {
	if value != "" && strings.ContainsRune("aeiou", rune(value[0])) {
		return "an " + value
	}
	return "a " + value
}

// decoded decodes a value into a new T. The error of a T that panics is what it
// panicked with.
func decoded(v any, t reflect.Type, strict bool) (into reflect.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decoding panicked: %v", p)
		}
	}()
	into = reflect.New(t)
	d := json.NewDecoder(strings.NewReader(text(v)))
	if strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(into.Interface()); err != nil {
		return into, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return into, errors.New("something follows the value")
	}
	return into, nil
}

// encoded encodes a T as its value would be: not through a pointer.
func encoded(from reflect.Value) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("encoding panicked: %v", p)
		}
	}()
	b, err := json.Marshal(from.Elem().Interface())
	if err != nil {
		return nil, err
	}
	n, err := schema.ReadJSON(bytes.TrimSpace(b))
	if err != nil {
		return nil, err
	}
	return n.Value(), nil
}

// roundTrip decodes a value into a T and encodes it again.
func roundTrip(v any, t reflect.Type) (any, error) {
	into, err := decoded(v, t, false)
	if err != nil {
		return nil, err
	}
	return encoded(into)
}
