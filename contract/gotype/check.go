package gotype

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/schema"
)

// The rule ids of this package.
const (
	RuleDecode    = "TYPE_DECODE"     // the schema accepts what the type has no field for, or cannot hold
	RuleRoundTrip = "TYPE_ROUND_TRIP" // what was decoded is encoded as something else
	RuleEncodes   = "TYPE_ENCODES"    // the type can encode what the schema refuses, or does not declare
	RuleUndecided = "TYPE_UNDECIDED"  // neither shown nor ruled out
)

// Check returns everything by which T and a version of an event's contract
// disagree, nil where they agree: what T does not read, then what it may write
// wrongly, each sorted by its place in the event. Each place is reported once for
// each rule.
//
// The version is named as in the contract: "1". An event or version that there is
// not, and options that are wrong, are TYPE_UNDECIDED.
func Check[T any](c *contract.Catalog, event, version string, options ...Option) []contract.Violation {
	t := reflect.TypeFor[T]()
	k := &check{typ: t, event: event, version: version, reported: map[string]bool{}}
	s, err := newSettings(options)
	if err != nil {
		k.undecided("", err.Error(), "")
		return k.violations
	}
	k.settings = s
	if !k.find(c) {
		return k.violations
	}
	text, err := schemaFor(t, s, true)
	if err == nil {
		k.own, err = schema.Parse("schema of "+title(t), text, schema.Options{AssertFormat: true, AsValidator: true})
	}
	if err != nil {
		k.undecided("", err.Error(), "")
		return k.violations
	}
	if !s.writerOnly {
		k.reads()
		k.sort()
	}
	if !s.readerOnly {
		written := &check{typ: k.typ, settings: s, event: k.event, version: k.version, contract: k.contract, schema: k.schema, own: k.own, base: k.base, reported: k.reported}
		written.writes()
		written.sort()
		k.violations = append(k.violations, written.violations...)
	}
	return k.violations
}

// check is the check of one type.
type check struct {
	typ            reflect.Type
	settings       *settings
	event, version string
	contract       *contract.Contract
	schema         *schema.Schema // the contract's
	own            *schema.Schema // the type's
	base           string         // where the value stands in the event
	violations     []contract.Violation
	reported       map[string]bool
}

// find finds the schema, or says why there is none.
func (k *check) find(c *contract.Catalog) bool {
	k.contract = c.Contract(k.event)
	if k.contract == nil {
		var names []string
		for _, other := range c.Contracts() {
			names = append(names, other.Event)
		}
		k.undecided("", "there is no contract of that name", choice(k.event, names))
		return false
	}
	k.base = "/data"
	if k.contract.SchemaOf == "event" {
		k.base = ""
	}
	k.schema = c.Schema(k.event, k.version)
	if k.schema != nil {
		return true
	}
	if k.contract.Schema == "none" {
		k.undecided("", "the contract says schema: none", "a schema")
		return false
	}
	var names []string
	for _, v := range k.contract.Versions {
		names = append(names, v.Name)
	}
	k.undecided("", "there is no version "+k.version, choice(k.version, names))
	return false
}

func choice(name string, names []string) string {
	if near := schema.Nearest(name, names); near != "" {
		return near
	}
	if len(names) == 0 {
		return "a contract"
	}
	return "one of " + strings.Join(names, ", ")
}

// violation adds one, unless its rule was broken at that place already, by the same
// keyword. The pointer starts at the value.
func (k *check) violation(v contract.Violation, keyword string) {
	v.Pointer = k.base + v.Pointer
	v.What = fmt.Sprintf("%s version %s: %s %s", k.event, k.version, title(k.typ), v.What)
	if v.Place == (contract.Place{}) && k.contract != nil {
		v.Place = k.contract.Place
	}
	key := v.Rule + "\x00" + k.general(v.Pointer) + "\x00" + keyword
	if !k.reported[key] {
		k.reported[key] = true
		k.violations = append(k.violations, v)
	}
}

// title is what a type is called; a struct without a name is not written out.
func title(t reflect.Type) string {
	if t.Name() == "" && t.Kind() == reflect.Struct {
		return "the struct"
	}
	return t.String()
}

// undecided says what is not known, and what would make it known.
func (k *check) undecided(pointer, what, want string) {
	v := contract.Violation{Rule: RuleUndecided, Pointer: pointer, What: "is not checked: " + what}
	if want != "" {
		v.Want, v.Got = want, "not stated"
	}
	if k.contract == nil {
		v.Got = k.event
	} else if k.schema == nil {
		v.Got = k.version
	}
	if want == "" {
		v.Got = ""
	}
	if k.schema != nil {
		v.Place = contract.Place{File: k.schema.File, Line: k.lineOf(pointer)}
	}
	k.violation(v, "")
}

// general is what places have in common that are one place in the type: array indexes
// do not count, nor, in a type that contains itself, how often it does.
func (k *check) general(pointer string) string {
	recursive := k.own != nil && k.own.Root.Get("$defs") != nil
	var all []string
	for _, t := range strings.Split(pointer, "/") {
		if t != "" && strings.Trim(t, "0123456789") == "" {
			t = "0"
		}
		if i := slices.Index(all, t); recursive && t != "0" && i >= 0 {
			all = all[:i]
		}
		all = append(all, t)
	}
	return strings.Join(all, "/")
}

func (k *check) sort() {
	slices.SortStableFunc(k.violations, func(a, b contract.Violation) int { return strings.Compare(a.Pointer, b.Pointer) })
}
