package compat

import (
	"maps"
	"strings"

	"github.com/eventproof/eventproof/contract/schema"
)

// rules are the kinds of change, by id without its prefix. A rule says what
// became of the old schema; which direction a change breaks is the witness's to
// say. Of what an app reads, the version counts as the old schema, though nothing
// was changed: the rule says in what the app takes less. Since a value was not
// removed there, a list that is too short is ENUM_NARROWED.
var rules = map[string]string{
	"REQUIRED_ADDED":          "A property is required that was not.",
	"REQUIRED_REMOVED":        "A property may be missing that was required.",
	"DEPENDENCY_ADDED":        "A property is required beside another one that it was not required beside.",
	"DEPENDENCY_REMOVED":      "A property may be missing beside another one that required it.",
	"PROPERTY_ADDED":          "A property is declared that was not.",
	"PROPERTY_REMOVED":        "A property is no longer declared, or no longer allowed.",
	"OBJECT_CLOSED":           "Undeclared properties were accepted and are refused.",
	"OBJECT_OPENED":           "Undeclared properties were refused and are accepted.",
	"PROPERTY_NAMES_NARROWED": "Names of properties are refused that were accepted.",
	"PROPERTY_NAMES_WIDENED":  "Names of properties are accepted that were refused.",
	"PROPERTY_COUNT_NARROWED": "An object may have fewer counts of properties than before.",
	"PROPERTY_COUNT_WIDENED":  "An object may have more counts of properties than before.",
	"TYPE_CHANGED":            "A value is of another type than before.",
	"TYPE_NARROWED":           "A value may be of fewer types than before.",
	"TYPE_WIDENED":            "A value may be of more types than before.",
	"VALUE_REMOVED":           "A value is no longer among those listed (enum, const).",
	"VALUE_ADDED":             "A value is listed that was not (enum, const).",
	"ENUM_ADDED":              "Only listed values are accepted, where there was no list (enum, const).",
	"ENUM_NARROWED":           "What an app reads lists fewer values than may be published (enum, const).",
	"ENUM_REMOVED":            "Any value is accepted, where only listed ones were (enum, const).",
	"NUMBER_NARROWED":         "Numbers are refused that were accepted (minimum, maximum, multipleOf).",
	"NUMBER_WIDENED":          "Numbers are accepted that were refused (minimum, maximum, multipleOf).",
	"LENGTH_NARROWED":         "Lengths of a string are refused that were accepted.",
	"LENGTH_WIDENED":          "Lengths of a string are accepted that were refused.",
	"PATTERN_NARROWED":        "Strings are refused by a pattern that were accepted.",
	"PATTERN_WIDENED":         "Strings are accepted that a pattern refused.",
	"FORMAT_NARROWED":         "Strings are refused by a format that were accepted (format, contentMediaType, …).",
	"FORMAT_WIDENED":          "Strings are accepted that a format refused (format, contentMediaType, …).",
	"ITEMS_NARROWED":          "Arrays are refused for their items or the count of them that were accepted.",
	"ITEMS_WIDENED":           "Arrays are accepted that were refused for their items or the count of them.",
	"ALTERNATIVES_NARROWED":   "Values fit none of the alternatives, or too many, that fitted before (anyOf, oneOf).",
	"ALTERNATIVES_WIDENED":    "Values fit the alternatives that did not before (anyOf, oneOf).",
	"EXCLUSION_ADDED":         "Values are ruled out that were not (not, false).",
	"EXCLUSION_REMOVED":       "Values are accepted that were ruled out (not, false).",
	"SCHEMA_NARROWED":         "Values are refused that were accepted, by a keyword that has no rule of its own.",
	"SCHEMA_WIDENED":          "Values are accepted that were refused, by a keyword that has no rule of its own.",
}

const prefix = "COMPAT_"

// Rules are the sentences of the rules, by id. The ids are stable.
func Rules() map[string]string {
	all := make(map[string]string, len(rules))
	for id, sentence := range maps.All(rules) {
		all[prefix+id] = sentence
	}
	return all
}

// families are the rules of those keywords that only narrow or widen.
var families = map[string]string{
	"minimum": "NUMBER", "exclusiveMinimum": "NUMBER", "maximum": "NUMBER", "exclusiveMaximum": "NUMBER", "multipleOf": "NUMBER",
	"minLength": "LENGTH", "maxLength": "LENGTH", "pattern": "PATTERN",
	"format": "FORMAT", "contentEncoding": "FORMAT", "contentMediaType": "FORMAT", "contentSchema": "FORMAT",
	"minItems": "ITEMS", "maxItems": "ITEMS", "uniqueItems": "ITEMS", "contains": "ITEMS", "minContains": "ITEMS", "maxContains": "ITEMS",
	"items": "ITEMS", "prefixItems": "ITEMS", "additionalItems": "ITEMS", "unevaluatedItems": "ITEMS",
	"minProperties": "PROPERTY_COUNT", "maxProperties": "PROPERTY_COUNT",
	"anyOf": "ALTERNATIVES", "oneOf": "ALTERNATIVES",
}

// finding is a refusal with all that its sentence is made of.
type finding struct {
	refusal
	names   Names
	policy  Policy
	breaks  Direction
	reader  *schema.Schema
	written *schema.Node // the reader's keyword
	said    spoken       // by the writer's schema, of the same place
	same    *schema.Node // the same keyword of the writer's, nil where it has none there
	writes  Place        // of it, or of what is nearest
	witness any
	removed []string // values that the writer lists and the reader does not
}

// rule is the id of the change, without its prefix. The new schema is the reader
// of a backward break and the writer of a forward one.
func (f *finding) rule() string {
	added := f.breaks == Backward
	pick := func(backward, forward string) string {
		if added {
			return backward
		}
		return forward
	}
	switch {
	case f.refusesAll():
		switch {
		case f.OfName:
			return pick("PROPERTY_NAMES_NARROWED", "PROPERTY_NAMES_WIDENED")
		case f.inArray():
			return pick("ITEMS_NARROWED", "ITEMS_WIDENED")
		case f.Place == "":
			return pick("EXCLUSION_ADDED", "EXCLUSION_REMOVED")
		case f.said.declared || f.Keyword != "additionalProperties" && f.Keyword != "unevaluatedProperties":
			return pick("PROPERTY_REMOVED", "PROPERTY_ADDED")
		}
		return pick("OBJECT_CLOSED", "OBJECT_OPENED")
	case dependent(f.refusal):
		return pick("DEPENDENCY_ADDED", "DEPENDENCY_REMOVED")
	case f.Keyword == "required":
		return pick("REQUIRED_ADDED", "REQUIRED_REMOVED")
	case f.OfName:
		return pick("PROPERTY_NAMES_NARROWED", "PROPERTY_NAMES_WIDENED")
	case f.said.undeclared != "":
		return pick("PROPERTY_ADDED", "PROPERTY_REMOVED")
	case f.Keyword == "type":
		if f.otherType() {
			return "TYPE_CHANGED"
		}
		return pick("TYPE_NARROWED", "TYPE_WIDENED")
	case f.Keyword == "enum" || f.Keyword == "const":
		if f.same != nil && added && f.names.Consumer != "" { // nothing became of what the app reads: it only is narrower
			return "ENUM_NARROWED"
		}
		if f.same != nil {
			return pick("VALUE_REMOVED", "VALUE_ADDED")
		}
		return pick("ENUM_ADDED", "ENUM_REMOVED")
	case f.Keyword == "not":
		return pick("EXCLUSION_ADDED", "EXCLUSION_REMOVED")
	}
	family, known := families[f.Keyword]
	if !known {
		family = "SCHEMA"
	}
	return pick(family+"_NARROWED", family+"_WIDENED")
}

// refusesAll reports whether what refuses the value is the schema false, or
// additionalProperties: false.
func (f *finding) refusesAll() bool {
	return strings.HasPrefix(f.What, "is not allowed") && f.Want == "absent"
}

// inArray reports whether the place is an item.
func (f *finding) inArray() bool {
	around, _ := cutToken(f.Pointer)
	v, ok := schema.Resolve(f.witness, around)
	_, isArray := v.([]any)
	return f.Pointer != "" && ok && isArray
}

// otherType reports whether each side has a type that the other has not.
func (f *finding) otherType() bool {
	if f.same == nil || f.written == nil {
		return false
	}
	within := func(a, b *schema.Node) bool {
		for _, t := range typesOf(a) {
			has := false
			for _, u := range typesOf(b) {
				has = has || t == u || t == "integer" && u == "number"
			}
			if !has {
				return false
			}
		}
		return true
	}
	return !within(f.same, f.written) && !within(f.written, f.same)
}

func typesOf(n *schema.Node) []string {
	if n.Kind == schema.String {
		return []string{n.Text}
	}
	var all []string
	for _, item := range n.Items {
		all = append(all, item.Text)
	}
	return all
}
