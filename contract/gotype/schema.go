package gotype

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/eventproof/eventproof/contract/schema"
)

// Schema is the JSON Schema of what encoding/json writes for values of type T:
// exactly the names, types, presence and nulls. It is indented and ends in a
// newline.
//
// Where T leaves open what it writes, because it encodes itself (MarshalJSON)
// or holds an interface, the schema does too, and says so in a $comment; an
// option states it: see [Values] and [SchemaOf]. The error says what in T cannot
// be encoded at all, or which option is wrong.
func Schema[T any](options ...Option) ([]byte, error) {
	s, err := newSettings(options)
	if err != nil {
		return nil, err
	}
	return schemaFor(reflect.TypeFor[T](), s, false)
}

// schemaFor is the schema of a type; exactTimes adds what a time looks like.
func schemaFor(t reflect.Type, s *settings, exactTimes bool) ([]byte, error) {
	b := &builder{stated: s.stated, exactTimes: exactTimes, open: map[reflect.Type]bool{}, names: map[reflect.Type]string{}, defs: map[string]*jsonschema.Schema{}}
	root, err := b.of(t)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", title(t), err)
	}
	if len(b.defs) > 0 {
		if root.Ref != "" {
			root = &jsonschema.Schema{AllOf: []*jsonschema.Schema{root}}
		}
		root.Defs = b.defs
	}
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	compact, err := json.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", title(t), err)
	}
	n, err := schema.ReadJSON(compact)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", title(t), err)
	}
	tidy(n)
	var text bytes.Buffer
	if err := json.Indent(&text, []byte(n.JSON()), "", "  "); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", title(t), err)
	}
	text.WriteByte('\n')
	return text.Bytes(), nil
}

// The bounds of 64 bits, which a float64 does not hold and the library so does not
// take: they are written as keywords of our own, and named rightly at the end.
const (
	exactMinimum = "x-exact-minimum"
	exactMaximum = "x-exact-maximum"
)

// inOrder are the keywords that come first in a schema that people read.
var inOrder = strings.Fields("$schema $comment $ref type enum format pattern required properties additionalProperties items $defs")

// tidy names the exact bounds and puts the keywords in their usual order.
func tidy(n *schema.Node) {
	rank := func(m schema.Member) int {
		if i := slices.Index(inOrder, m.Name); i >= 0 {
			return i
		}
		return slices.Index(inOrder, "properties") - 1 // beside required
	}
	slices.SortStableFunc(n.Members, func(a, b schema.Member) int { return rank(a) - rank(b) })
	for i := range n.Members {
		m := &n.Members[i]
		switch m.Name {
		case exactMinimum, exactMaximum:
			m.Name = strings.TrimPrefix(m.Name, "x-exact-")
		case "properties", "$defs":
			for _, sub := range m.Value.Members {
				tidy(sub.Value)
			}
		case "items", "additionalProperties", "propertyNames", "not":
			tidy(m.Value)
		case "anyOf", "allOf":
			for _, sub := range m.Value.Items {
				tidy(sub)
			}
		}
	}
}

// unstated begins the $comment of a schema that is open because nobody can tell
// from the type what is written.
const unstated = "what is written is not known: "

// builder makes the schema of a type. The library knows the sizes of numbers and
// writes schemas; the rest follows encoding/json more closely than it does:
// nil slices and maps are null, []byte is base64, a type may encode itself,
// omitempty keeps nulls and empty values away, embedded fields have their order
// of precedence.
type builder struct {
	stated     map[reflect.Type]*jsonschema.Schema
	exactTimes bool
	open       map[reflect.Type]bool   // being built
	names      map[reflect.Type]string // in $defs, of the types that contain themselves
	defs       map[string]*jsonschema.Schema
}

var (
	marshaler     = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	zeroer        = reflect.TypeFor[interface{ IsZero() bool }]()
)

// of is what a value of a type is written as, nil included.
func (b *builder) of(t reflect.Type) (*jsonschema.Schema, error) {
	if s := b.known(t); s != nil {
		return s, nil
	}
	if t.Kind() == reflect.Pointer && b.known(t.Elem()) != nil {
		return nullable(b.known(t.Elem())), nil
	}
	if t == reflect.TypeFor[*big.Int]() {
		return &jsonschema.Schema{Types: []string{"integer", "null"}}, nil
	}
	switch {
	case t.Kind() == reflect.Interface && t.NumMethod() == 0:
		return &jsonschema.Schema{}, nil
	case t.Kind() == reflect.Interface:
		return &jsonschema.Schema{Comment: unstated + t.String() + " is an interface"}, nil
	case t.Implements(marshaler) || t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(marshaler):
		return &jsonschema.Schema{Comment: unstated + pointed(t).String() + " has a MarshalJSON"}, nil
	case t.Implements(textMarshaler):
		if t.Kind() == reflect.Pointer {
			return &jsonschema.Schema{Types: []string{"string", "null"}}, nil
		}
		return &jsonschema.Schema{Type: "string"}, nil
	case t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(textMarshaler):
		// Called where the value is addressable, and not elsewhere.
		return &jsonschema.Schema{Comment: unstated + t.String() + " has a MarshalText on its pointer"}, nil
	}
	if b.open[t] {
		return &jsonschema.Schema{Ref: "#/$defs/" + b.name(t)}, nil
	}
	if t.Name() != "" {
		b.open[t] = true
		defer delete(b.open, t)
	}
	s, err := b.kind(t)
	if err != nil {
		return nil, err
	}
	if name, recursive := b.names[t]; recursive {
		b.defs[name] = s
		return &jsonschema.Schema{Ref: "#/$defs/" + name}, nil
	}
	return s, nil
}

func pointed(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// known are the types whose schema was stated, and those of the standard library
// that are not written as their kind says.
func (b *builder) known(t reflect.Type) *jsonschema.Schema {
	if s := b.stated[t]; s != nil {
		return s.CloneSchemas()
	}
	switch t {
	case reflect.TypeFor[time.Time]():
		s := &jsonschema.Schema{Type: "string", Format: "date-time"}
		if b.exactTimes {
			// A proof can reason about a pattern, and only try out a format.
			s.Pattern = timeText
		}
		return s
	case reflect.TypeFor[json.Number]():
		return &jsonschema.Schema{Type: "number"}
	case reflect.TypeFor[json.RawMessage]():
		return &jsonschema.Schema{}
	}
	return nil
}

func (b *builder) name(t reflect.Type) string {
	if name := b.names[t]; name != "" {
		return name
	}
	plain := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, t.Name())
	name := plain
	for n := 2; slices.Contains(valuesOf(b.names), name); n++ {
		name = plain + strconv.Itoa(n)
	}
	b.names[t] = name
	return name
}

func valuesOf(m map[reflect.Type]string) []string {
	var all []string
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

// kind is the schema of a type that is written as its kind says.
func (b *builder) kind(t reflect.Type) (*jsonschema.Schema, error) {
	switch t.Kind() {
	case reflect.Pointer:
		s, err := b.of(t.Elem())
		return nullable(s), err
	case reflect.Bool, reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr, reflect.Float32, reflect.Float64:
		return scalar(t.Kind())
	case reflect.Map:
		return b.mapping(t)
	case reflect.Slice, reflect.Array:
		return b.list(t)
	case reflect.Struct:
		return b.object(t)
	}
	return nil, fmt.Errorf("%s cannot be encoded as JSON: take the field out with the tag json:\"-\"", t)
}

// scalar asks the library, and adds the bounds of 64 bits, which it leaves out.
func scalar(k reflect.Kind) (*jsonschema.Schema, error) {
	plain := map[reflect.Kind]reflect.Type{
		reflect.Bool: reflect.TypeFor[bool](), reflect.String: reflect.TypeFor[string](),
		reflect.Int: reflect.TypeFor[int](), reflect.Int8: reflect.TypeFor[int8](), reflect.Int16: reflect.TypeFor[int16](), reflect.Int32: reflect.TypeFor[int32](), reflect.Int64: reflect.TypeFor[int64](),
		reflect.Uint: reflect.TypeFor[uint](), reflect.Uint8: reflect.TypeFor[uint8](), reflect.Uint16: reflect.TypeFor[uint16](), reflect.Uint32: reflect.TypeFor[uint32](), reflect.Uint64: reflect.TypeFor[uint64](), reflect.Uintptr: reflect.TypeFor[uintptr](),
		reflect.Float32: reflect.TypeFor[float32](), reflect.Float64: reflect.TypeFor[float64](),
	}
	s, err := jsonschema.ForType(plain[k], nil)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", plain[k], err)
	}
	switch k {
	case reflect.Int, reflect.Int64:
		s.Extra = map[string]any{exactMinimum: json.Number("-9223372036854775808"), exactMaximum: json.Number("9223372036854775807")}
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		s.Extra = map[string]any{exactMaximum: json.Number("18446744073709551615")}
	}
	return s, nil
}

func (b *builder) mapping(t reflect.Type) (*jsonschema.Schema, error) {
	key := t.Key()
	s := &jsonschema.Schema{Types: []string{"object", "null"}}
	switch k := key.Kind(); {
	case k == reflect.String:
		// Named values are what keys may be; a string's own MarshalText is not asked.
		if stated := b.stated[key]; stated != nil {
			s.PropertyNames = stated.CloneSchemas()
		}
	case key.Implements(textMarshaler):
	case k >= reflect.Int && k <= reflect.Int64:
		s.PropertyNames = &jsonschema.Schema{Pattern: integerText}
	case k >= reflect.Uint && k <= reflect.Uintptr:
		s.PropertyNames = &jsonschema.Schema{Pattern: naturalText}
	default:
		return nil, fmt.Errorf("%s cannot be encoded as JSON: its keys are %s: take strings, integers or a type with MarshalText", t, key)
	}
	values, err := b.of(t.Elem())
	s.AdditionalProperties = values
	return s, err
}

// The texts of what is written as a JSON string.
const (
	integerText = `^(0|-?[1-9][0-9]*)$`
	naturalText = `^(0|[1-9][0-9]*)$`
	floatText   = `^-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[-+]?[0-9]+)?$`
	timeText    = `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{0,8}[1-9])?(Z|[-+]([01][0-9]|2[0-3]):[0-5][0-9])$`
	base64Text  = `^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$`
)

func (b *builder) list(t reflect.Type) (*jsonschema.Schema, error) {
	elem := t.Elem()
	if t.Kind() == reflect.Slice && elem.Kind() == reflect.Uint8 && !reflect.PointerTo(elem).Implements(marshaler) && !reflect.PointerTo(elem).Implements(textMarshaler) {
		return &jsonschema.Schema{Types: []string{"string", "null"}, ContentEncoding: "base64", Pattern: base64Text}, nil
	}
	items, err := b.of(elem)
	if err != nil {
		return nil, err
	}
	if t.Kind() == reflect.Slice {
		return &jsonschema.Schema{Types: []string{"array", "null"}, Items: items}, nil
	}
	return &jsonschema.Schema{Type: "array", Items: items, MinItems: jsonschema.Ptr(t.Len()), MaxItems: jsonschema.Ptr(t.Len())}, nil
}

func (b *builder) object(t reflect.Type) (*jsonschema.Schema, error) {
	s := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}}
	for _, f := range fieldsOf(t) {
		property, optional, err := b.member(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		s.Properties[f.name] = property
		s.PropertyOrder = append(s.PropertyOrder, f.name)
		if !optional {
			s.Required = append(s.Required, f.name)
		}
	}
	return s, nil
}

// member is what a field is written as where it is written, and whether it may
// be absent.
func (b *builder) member(f field) (s *jsonschema.Schema, optional bool, err error) {
	k := f.typ.Kind()
	emptied := f.omitEmpty && (isScalar(k) || k == reflect.Interface || k == reflect.Pointer || k == reflect.Map || k == reflect.Slice || k == reflect.Array && f.typ.Len() == 0)
	optional = f.indirect || emptied || f.omitZero
	if k == reflect.Pointer && (emptied || f.omitZero) {
		// A nil is left out, so what is written is what is pointed to. A type
		// that encodes itself may still write anything.
		if s, err = b.of(f.typ); err == nil && unknownType(s.Comment) == "" {
			s, err = b.of(f.typ.Elem())
		}
		if f.quoted && err == nil {
			s, err = b.quoted(f.typ.Elem())
		}
		return s, optional, err
	}
	if f.quoted {
		s, err = b.quoted(pointed(f.typ))
		if k == reflect.Pointer {
			s = nullable(s)
		}
		return s, optional, err
	}
	if s, err = b.of(f.typ); err != nil {
		return nil, false, err
	}
	zeroByKind := f.omitZero && !f.typ.Implements(zeroer) && !reflect.PointerTo(f.typ).Implements(zeroer)
	if stated := b.stated[f.typ]; stated != nil {
		if emptied || zeroByKind {
			s.Enum = slices.DeleteFunc(s.Enum, func(v any) bool { return isEmptyText(v) })
		}
		return s, optional, nil
	}
	if unknownType(s.Comment) != "" || s.Ref != "" || f.typ.Implements(textMarshaler) || b.known(f.typ) != nil {
		return s, optional, nil
	}
	narrow(s, f.typ, emptied, zeroByKind)
	return s, optional, nil
}

// narrow takes away what a tag leaves out.
func narrow(s *jsonschema.Schema, t reflect.Type, emptied, zero bool) {
	if !emptied && !zero {
		return
	}
	switch k := t.Kind(); {
	case k == reflect.Bool:
		s.Enum = []any{true}
	case k >= reflect.Int && k <= reflect.Uintptr:
		var nought any = 0
		s.Not = &jsonschema.Schema{Const: &nought}
	case k == reflect.String:
		s.MinLength = jsonschema.Ptr(1)
	case k == reflect.Map || k == reflect.Slice:
		s.Type, s.Types = s.Types[0], nil
		switch {
		case !emptied: // omitzero leaves out nil alone
		case k == reflect.Map:
			s.MinProperties = jsonschema.Ptr(1)
		case s.Type == "string":
			s.MinLength = jsonschema.Ptr(1)
		default:
			s.MinItems = jsonschema.Ptr(1)
		}
	}
	// Of a float that is zero, -0 is still written.
}

// isEmptyText reports whether a stated value is one that omitempty leaves out.
func isEmptyText(v any) bool {
	raw, ok := v.(json.RawMessage)
	return ok && slices.Contains([]string{`""`, "0", "false", "null"}, string(raw))
}

// quoted is what the tag's option string makes of a type.
func (b *builder) quoted(t reflect.Type) (*jsonschema.Schema, error) {
	if t == reflect.TypeFor[json.Number]() {
		return &jsonschema.Schema{Type: "string"}, nil
	}
	if reflect.PointerTo(t).Implements(marshaler) || reflect.PointerTo(t).Implements(textMarshaler) {
		return b.of(t) // which pays no heed to the option
	}
	if b.stated[t] != nil {
		return &jsonschema.Schema{Type: "string", Comment: unstated + t.String() + " is stated, and written as a string"}, nil
	}
	s := &jsonschema.Schema{Type: "string"}
	switch k := t.Kind(); {
	case k == reflect.Bool:
		s.Enum = []any{"true", "false"}
	case k >= reflect.Int && k <= reflect.Int64:
		s.Pattern = integerText
	case k >= reflect.Uint && k <= reflect.Uintptr:
		s.Pattern = naturalText
	case k == reflect.Float32 || k == reflect.Float64:
		s.Pattern = floatText
	case k == reflect.String:
		s.Pattern = `^".*"$`
	}
	return s, nil
}

// nullable is the schema of a pointer.
func nullable(s *jsonschema.Schema) *jsonschema.Schema {
	if s == nil {
		return nil
	}
	if unknownType(s.Comment) != "" || reflect.ValueOf(*s).IsZero() {
		return s // open: null is in it
	}
	plain := s.Ref == "" && s.Enum == nil && s.Const == nil && s.Not == nil && s.AnyOf == nil && s.AllOf == nil && s.OneOf == nil && s.If == nil
	switch {
	case plain && s.Type != "":
		s.Type, s.Types = "", []string{s.Type, "null"}
		return s
	case plain && slices.Contains(s.Types, "null"):
		return s
	}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, {Type: "null"}}}
}

var word = regexp.MustCompile(`^\S+`)

// unknownType is the type that a $comment says to be unstated, "" for none.
func unknownType(comment string) string {
	rest, ok := strings.CutPrefix(comment, unstated)
	if !ok {
		return ""
	}
	return word.FindString(rest)
}
