package gotype

import (
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// field is a member that encoding/json writes for a struct.
type field struct {
	name      string // in JSON
	typ       reflect.Type
	index     []int
	tagged    bool // the name comes from a tag
	omitEmpty bool
	omitZero  bool
	quoted    bool // the tag's option string, where it applies
	indirect  bool // behind an embedded pointer: absent where that is nil
}

// fieldsOf are the members of a struct in the order in which they are written.
// They are found as encoding/json finds them: level by level through embedded
// structs; of several fields with one name the shallowest wins, then the one
// with a tag; where that leaves several, none does.
func fieldsOf(t reflect.Type) []field {
	type level struct {
		typ      reflect.Type
		index    []int
		indirect bool
	}
	var all []field
	visited := map[reflect.Type]bool{}
	next := []level{{typ: t}}
	var count, nextCount map[reflect.Type]int
	for len(next) > 0 {
		current := next
		next = nil
		count, nextCount = nextCount, map[reflect.Type]int{}
		for _, in := range current {
			if visited[in.typ] {
				continue
			}
			visited[in.typ] = true
			for i := range in.typ.NumField() {
				sf := in.typ.Field(i)
				tag := sf.Tag.Get("json")
				if !written(sf) || tag == "-" {
					continue
				}
				name, options, _ := strings.Cut(tag, ",")
				if !validName(name) {
					name = ""
				}
				under := sf.Type
				if under.Name() == "" && under.Kind() == reflect.Pointer {
					under = under.Elem()
				}
				index := append(slices.Clone(in.index), i)
				if name == "" && sf.Anonymous && under.Kind() == reflect.Struct {
					nextCount[under]++
					if nextCount[under] == 1 {
						next = append(next, level{under, index, in.indirect || sf.Type.Kind() == reflect.Pointer})
					}
					continue
				}
				f := field{name: name, typ: sf.Type, index: index, tagged: name != "", indirect: in.indirect}
				if name == "" {
					f.name = sf.Name
				}
				for option := range strings.SplitSeq(options, ",") {
					switch option {
					case "omitempty":
						f.omitEmpty = true
					case "omitzero":
						f.omitZero = true
					case "string":
						f.quoted = isScalar(under.Kind())
					}
				}
				all = append(all, f)
				if count[in.typ] > 1 {
					all = append(all, f) // the embedded struct stands there twice: neither wins
				}
			}
		}
	}
	return dominant(all)
}

// written reports whether encoding/json looks at a field at all. The exported
// fields of an embedded struct are promoted even where the struct's own type is
// not exported.
func written(sf reflect.StructField) bool {
	if !sf.Anonymous {
		return sf.IsExported()
	}
	t := sf.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return sf.IsExported() || t.Kind() == reflect.Struct
}

// dominant keeps of each name the field that wins, in the order of the struct.
func dominant(all []field) []field {
	byName := map[string][]field{}
	for _, f := range all {
		byName[f.name] = append(byName[f.name], f)
	}
	var kept []field
	for _, same := range byName {
		slices.SortStableFunc(same, func(a, b field) int {
			if d := len(a.index) - len(b.index); d != 0 {
				return d
			}
			return rank(a) - rank(b)
		})
		if len(same) == 1 || len(same[0].index) != len(same[1].index) || same[0].tagged != same[1].tagged {
			kept = append(kept, same[0])
		}
	}
	slices.SortFunc(kept, func(a, b field) int { return slices.Compare(a.index, b.index) })
	return kept
}

func rank(f field) int {
	if f.tagged {
		return 0
	}
	return 1
}

// isScalar reports whether the tag's option string applies to a kind.
func isScalar(k reflect.Kind) bool {
	return k >= reflect.Bool && k <= reflect.Float64 || k == reflect.String
}

// validName reports whether a tag's name is taken.
func validName(s string) bool {
	if s == "" {
		return false
	}
	for _, c := range s {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return true
}

// fieldFor is the field into which encoding/json decodes a member: that of the
// name, otherwise the first whose name differs in letter case only.
func fieldFor(fields []field, name string) (field, bool) {
	for _, f := range fields {
		if f.name == name {
			return f, true
		}
	}
	for _, f := range fields {
		if strings.EqualFold(f.name, name) {
			return f, true
		}
	}
	return field{}, false
}
