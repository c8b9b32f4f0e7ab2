package gotype

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// mostQuestions bounds how often the proof is asked anew, after a keyword that
// stood in its way was taken out.
const mostQuestions = 100

// writes checks that what T encodes is in the contract's schema.
func (k *check) writes() {
	reader := k.schema
	for range mostQuestions {
		answer := compat.Contained(k.own, reader, compat.Policy{})
		switch answer.Verdict {
		case compat.Compatible:
			k.declares()
			return
		case compat.Undecided:
			k.undecided("", "whether all that it writes is accepted is not known: "+answer.Reason.String(), "")
			return
		}
		failures := reader.Validate(answer.Witness)
		for _, f := range failures {
			if k.settings.limits || !k.isLimit(f, answer.Witness) {
				k.writesWrong(reader, f, answer.Witness)
			}
		}
		next := relaxed(reader, failures)
		if next == nil {
			k.undecided("", "what else it may write is not known, for a keyword of the schema could not be taken out: "+answer.Reason.String(), "")
			return
		}
		reader = next
	}
	k.undecided("", "whether all that it writes is accepted is not known: too many keywords of the schema refuse something of it", "")
}

// relaxed is the schema without the keywords that failed; nil where one could not
// be taken out. Of a required only the name that is missing goes.
func relaxed(s *schema.Schema, failures []schema.Failure) *schema.Schema {
	changed := false
	done := map[string]bool{}
	for _, f := range failures {
		at := f.File + "\x00" + f.Place
		if f.Keyword != "required" && done[at] {
			continue
		}
		done[at] = true
		next, err := s.With(f.File, f.Place, remaining(s, f))
		if err != nil {
			continue // taken out with another
		}
		s, changed = next, true
	}
	if !changed {
		return nil
	}
	return s
}

// remaining is what is left of a keyword: of a required in the schema's own file,
// the other names.
func remaining(s *schema.Schema, f schema.Failure) *schema.Node {
	if f.Keyword != "required" || f.File != s.File {
		return nil
	}
	n := s.Root.At(f.Place)
	tokens, err := schema.Tokens(f.Pointer)
	if n == nil || n.Kind != schema.Array || err != nil || len(tokens) == 0 {
		return nil
	}
	left := *n
	left.Items = slices.DeleteFunc(slices.Clone(n.Items), func(item *schema.Node) bool { return item.Text == tokens[len(tokens)-1] })
	if len(left.Items) == 0 {
		return nil
	}
	return &left
}

// writesWrong reports that T can encode what the schema refuses, or, where that
// cannot be shown, that it is not known.
func (k *check) writesWrong(s *schema.Schema, f schema.Failure, witness any) {
	at := contract.Place{File: f.File, Line: f.Line}
	if unknown := k.unknownAt(f.Pointer); unknown != "" {
		k.violation(contract.Violation{Rule: RuleUndecided, What: "writes a " + unknown + " at " + name(f.Pointer) + ", and what that is is not known", Pointer: f.Pointer,
			Want: "an option gotype.SchemaOf[" + unknown + "] or gotype.Values", Got: "none", Place: at}, "")
		return
	}
	written, err := roundTrip(k.told(witness, ""), k.typ)
	if err == nil {
		for _, g := range s.Validate(written) {
			if g.Keyword == f.Keyword && g.Place == f.Place && g.File == f.File && g.Pointer == f.Pointer {
				what := "can encode what the schema refuses: " + name(f.Pointer) + " " + g.What
				if f.Keyword == "enum" || f.Keyword == "const" {
					what += k.hint(f.Pointer)
				}
				k.violation(contract.Violation{Rule: RuleEncodes, What: what, Pointer: f.Pointer, Want: g.Want, Got: g.Got, Place: at, Trace: []string{"the type writes  " + text(written)}}, f.Keyword)
				return
			}
		}
	}
	k.violation(contract.Violation{Rule: RuleUndecided, What: "may encode what the schema refuses, but no such value could be made: " + name(f.Pointer) + " " + f.What, Pointer: f.Pointer,
		Want: f.Want, Got: f.Got, Place: at, Trace: []string{"the type's schema accepts  " + text(witness)}}, f.Keyword)
}

// hint says how the values of an enum are stated.
func (k *check) hint(pointer string) string {
	n := k.ownAt(pointer)
	if t := n.Get("type"); t == nil || t.Text == "boolean" || n.Get("enum") != nil {
		return ""
	}
	return " (a Go type holds any; gotype.Values states those of a named one)"
}

// limitKeywords are those that no Go type states.
var limitKeywords = strings.Fields("minLength maxLength pattern minItems maxItems uniqueItems contains minContains maxContains minProperties maxProperties propertyNames multipleOf")

// sized are the bounds of Go's sized integers.
var sized = strings.Fields("127 -128 255 32767 -32768 65535 2147483647 -2147483648 4294967295 9223372036854775807 -9223372036854775808 18446744073709551615")

// isLimit reports whether a keyword says what a Go type cannot say.
func (k *check) isLimit(f schema.Failure, witness any) bool {
	switch {
	case f.OfName || slices.Contains(limitKeywords, f.Keyword):
		return true
	case f.Keyword == "format":
		n := k.ownAt(f.Pointer)
		return n == nil || n.Get("format") == nil
	case strings.HasPrefix(f.Keyword, "minimum") || strings.HasPrefix(f.Keyword, "maximum") || strings.HasPrefix(f.Keyword, "exclusiveM"):
		words := strings.Fields(f.Want)
		return !slices.ContainsFunc(words, func(w string) bool { return slices.Contains(sized, w) })
	}
	return false
}

// declares checks that T writes no member that the schema does not declare.
func (k *check) declares() {
	if k.contract.Undeclared == "allowed" {
		return
	}
	// A T with all that it can have shows most.
	full := reflect.New(k.typ)
	fill(full.Elem(), 0)
	if written, err := encoded(full); err == nil && k.undeclared(written) {
		return
	}
	found := valueset.And(valueset.Of(k.own), valueset.Of(k.schema), valueset.Not(valueset.Closed(k.schema))).Example(valueset.Budget{}, 0)
	switch found.Verdict {
	case valueset.Undecided:
		k.undecided("", "whether it writes undeclared members is not known: "+found.Reason.String(), "")
	case valueset.Nonempty:
		written, err := roundTrip(k.told(found.Value, ""), k.typ)
		if err != nil || !k.undeclared(written) {
			k.undecided("", "it may write undeclared members, but no such value could be made of "+text(found.Value), "")
		}
	}
}

// undeclared reports the undeclared members of what T wrote.
func (k *check) undeclared(written any) (any bool) {
	for _, f := range k.schema.Undeclared(written) {
		if k.base == "" && !strings.HasPrefix(f.Pointer, "/data/") {
			continue // an attribute of the event
		}
		any = true
		if unknown := k.unknownAt(f.Pointer); unknown != "" {
			continue
		}
		k.violation(contract.Violation{Rule: RuleEncodes, What: "can encode what the schema does not declare: " + f.Pointer, Pointer: f.Pointer, Want: f.Want, Got: f.Got,
			Place: contract.Place{File: f.File, Line: f.Line}, Trace: []string{"the type writes  " + text(written)}}, "undeclared")
	}
	return any
}

// fill gives every part of a value something that omitempty keeps.
func fill(v reflect.Value, depth int) {
	if depth > deepest {
		return
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2024, 1, 31, 12, 30, 0, 0, time.UTC)))
		return
	}
	switch k := v.Kind(); {
	case k == reflect.Bool:
		v.SetBool(true)
	case k >= reflect.Int && k <= reflect.Int64:
		v.SetInt(1)
	case k >= reflect.Uint && k <= reflect.Uintptr:
		v.SetUint(1)
	case k == reflect.Float32 || k == reflect.Float64:
		v.SetFloat(1)
	case k == reflect.String:
		v.SetString("1") // a json.Number, too
	case k == reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		fill(p.Elem(), depth+1)
		v.Set(p)
	case k == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		s := reflect.MakeSlice(v.Type(), 1, 1)
		fill(s.Index(0), depth+1)
		v.Set(s)
	case k == reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), depth+1)
		}
	case k == reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		m := reflect.MakeMap(v.Type())
		m.SetMapIndex(key, value)
		v.Set(m)
	case k == reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				fill(f, depth+1)
			}
		}
	}
}
