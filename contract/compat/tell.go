package compat

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/eventproof/eventproof/contract/schema"
)

// what is the sentence of a finding: who breaks, by which events, and what the
// two schemas say.
func (f *finding) what() string {
	writer, reader := f.names.sides(f.breaks)
	return fmt.Sprintf("%s cannot read events of %s %s: %s", f.names.readers(f.breaks), writer, f.which(), f.contrast(writer, reader))
}

// which says which events are meant.
func (f *finding) which() string {
	at := f.names.at(f.Pointer)
	if f.Keyword == "required" || dependent(f.refusal) {
		without := "without " + at
		if dependent(f.refusal) {
			without = fmt.Sprintf("with %s but without %s", f.names.at(f.trigger()), at)
		}
		return without
	}
	if f.refusesAll() {
		switch {
		case f.Place == "" && f.Pointer == "":
			return "at all"
		case f.OfName:
			return "with any property, such as " + at
		}
		return "with " + at
	}
	if f.OfName {
		_, name := cutName(f.Pointer)
		return fmt.Sprintf("with %s, a name that %s", at, f.condition(name))
	}
	value, _ := schema.Resolve(f.witness, f.Pointer)
	return fmt.Sprintf("in which %s %s", at, f.condition(value))
}

// condition goes on after the place, or the name, that is refused.
func (f *finding) condition(value any) string {
	n := f.written
	bound := ""
	if n != nil {
		bound = short(n.JSON())
	}
	switch f.Keyword {
	case "type":
		if f.Got != "" && strings.HasPrefix(f.Got, "number") && slices.Contains(f.types(), "integer") {
			return "is no whole number"
		}
		return "is " + kind(value)
	case "enum", "const":
		if len(f.removed) > 0 {
			return "is " + alternatives(f.removed)
		}
		if f.Keyword == "const" {
			return "is not " + bound
		}
		return "is none of the values listed"
	case "minimum":
		return "is less than " + bound
	case "exclusiveMinimum", "exclusiveMaximum":
		if n != nil && n.Kind == schema.Bool { // draft 4
			bound = f.limit()
		}
		if f.Keyword == "exclusiveMinimum" {
			return "is " + bound + " or less"
		}
		return "is " + bound + " or more"
	case "maximum":
		return "is more than " + bound
	case "multipleOf":
		return "is no multiple of " + bound
	case "minLength":
		return "is shorter than " + plural(bound, "character")
	case "maxLength":
		return "is longer than " + plural(bound, "character")
	case "pattern":
		return "does not match the pattern " + bound
	case "format":
		return "is not of the format " + bound
	case "contentEncoding", "contentMediaType", "contentSchema":
		return "is not of the " + f.Keyword + " " + bound
	case "minItems":
		return "has fewer than " + plural(bound, "item")
	case "maxItems":
		return "has more than " + plural(bound, "item")
	case "additionalItems":
		return "has more items than are listed"
	case "uniqueItems":
		return "has two equal items"
	case "contains":
		return "contains no item as it must"
	case "minContains":
		return "contains fewer than " + bound + " such items as it must"
	case "maxContains":
		return "contains more than " + bound + " such items as it may"
	case "minProperties":
		return "has fewer than " + plural(bound, "member")
	case "maxProperties":
		return "has more than " + plural(bound, "member")
	case "not":
		return "is " + kind(value) + " that is ruled out"
	case "anyOf", "oneOf":
		if strings.HasPrefix(f.What, "fits more than one") {
			return "fits more than one alternative"
		}
		return "fits no alternative"
	}
	return "is refused by " + f.Keyword
}

// contrast is what the reader's schema says, and what the writer's does.
func (f *finding) contrast(writer, reader string) string {
	declares := writer + " does not declare it"
	if f.said.undeclared != "" && f.said.undeclared != f.Pointer {
		declares = fmt.Sprintf("%s does not declare %s", writer, f.names.at(f.said.undeclared))
	}
	switch {
	case f.Keyword == "required":
		if !f.said.declared {
			return fmt.Sprintf("%s requires it%s, %s", reader, f.circumstance(), declares)
		}
		return fmt.Sprintf("%s requires it%s, %s does not", reader, f.circumstance(), writer)
	case dependent(f.refusal):
		return fmt.Sprintf("%s requires the one beside the other, %s does not", reader, writer)
	case f.refusesAll():
		allows := writer + " allows it"
		switch {
		case f.Place == "" && f.Pointer == "":
			return reader + " accepts nothing"
		case f.said.declared && !f.inArray():
			allows = writer + " declares it"
		}
		if f.Keyword == "additionalProperties" || f.Keyword == "unevaluatedProperties" {
			return fmt.Sprintf("%s refuses what it does not declare, %s", reader, allows)
		}
		return fmt.Sprintf("%s does not allow it, %s", reader, allows)
	}
	says := reader + " says " + f.says()
	switch {
	case f.said.undeclared != "" && !f.OfName:
		return says + ", " + declares
	case f.written == nil || f.Keyword == "anyOf" || f.Keyword == "oneOf":
		return says
	case len(f.removed) > 0 && len(f.written.JSON())+len(f.same.JSON()) > 160:
		return reader + " does not list " + map[bool]string{true: "it", false: "them"}[len(f.removed) == 1]
	case f.same != nil && f.same.JSON() != f.written.JSON():
		return fmt.Sprintf("%s, %s says %s", says, writer, short(f.same.JSON()))
	case f.same == nil && f.Keyword != "not":
		return fmt.Sprintf("%s, %s has no %s there", says, writer, f.Keyword)
	}
	return says
}

// circumstance is under what the reader's schema requires something, after a
// blank; "" where it always does, as far as its own file says.
func (f *finding) circumstance() string {
	tokens, _ := schema.Tokens(f.Place)
	for i := 0; i < len(tokens); i++ {
		switch tokens[i] {
		case "oneOf", "anyOf":
			return " in one of its alternatives"
		case "then", "else", "dependentSchemas", "dependencies":
			return " under a condition"
		case "properties", "patternProperties", "$defs", "definitions":
			i++ // a name follows
		}
	}
	return ""
}

// says is the reader's keyword with its value.
func (f *finding) says() string {
	switch {
	case (f.Keyword == "anyOf" || f.Keyword == "oneOf") && f.Want != "" && !strings.HasPrefix(f.What, "fits more"):
		return fmt.Sprintf("%s (%s)", f.Keyword, f.Want)
	case f.written != nil && boundOf[f.Keyword] != "" && f.written.Kind == schema.Bool:
		return fmt.Sprintf("%s true beside %s %s", f.Keyword, boundOf[f.Keyword], f.limit())
	case f.written == nil || f.Keyword == "anyOf" || f.Keyword == "oneOf":
		return f.Keyword
	}
	return f.Keyword + " " + short(f.written.JSON())
}

// limit is the number beside draft 4's exclusiveMinimum: true.
func (f *finding) limit() string {
	around, _ := cutToken(f.Place)
	if n := f.reader.Document(f.File).At(around + "/" + boundOf[f.Keyword]); n != nil {
		return n.JSON()
	}
	return "it"
}

func (f *finding) types() []string {
	if f.written == nil {
		return nil
	}
	return typesOf(f.written)
}

// trigger is the place of the property beside which another one is required.
func (f *finding) trigger() string {
	tokens, _ := schema.Tokens(f.Place) // …/dependentRequired/name/0
	around, _ := cutToken(f.Pointer)
	if len(tokens) < 2 {
		return around
	}
	return around + schema.Pointer(tokens[len(tokens)-2])
}

// remedy is what to do instead. What breaks backward is cured in the new
// schema, which must read what was sent; what breaks forward, by what is sent
// and when.
func (f *finding) remedy(rule string) string {
	writer, reader := f.names.sides(f.breaks)
	at := f.names.at(f.Pointer)
	consumer := f.names.Consumer != "" && f.breaks == Backward
	absent := fmt.Sprintf("if no producer sends what %s does not declare, compare with undeclared absent (undeclared: absent in contract.yaml, --undeclared absent of eventproof diff)", writer)
	if f.policy.Undeclared == Absent {
		absent = fmt.Sprintf("declare in %s what it may hold", writer)
	}
	switch {
	case consumer:
		return f.readsRemedy(rule, writer, reader, at, absent)
	case f.breaks == Backward:
		switch rule {
		case "REQUIRED_ADDED", "DEPENDENCY_ADDED":
			if f.said.declared {
				return fmt.Sprintf("keep %s optional, and require it only in a new event type or once no event without it is left", at)
			}
			return fmt.Sprintf("add %s as optional, and require it only in a new event type or once no event without it is left", at)
		case "PROPERTY_REMOVED":
			return fmt.Sprintf("keep %s in %s as optional, or let %s ignore what it does not declare", at, reader, reader)
		case "PROPERTY_ADDED":
			return fmt.Sprintf("%s; otherwise leave %s open in %s, or give it a name that was never sent", absent, f.names.at(f.said.undeclared), reader)
		case "OBJECT_CLOSED":
			return fmt.Sprintf("let %s ignore what it does not declare (take out %s); or, %s", reader, f.Keyword, absent)
		case "TYPE_CHANGED", "TYPE_NARROWED":
			return fmt.Sprintf("let %s take the old type too, or keep %s and put the new type under another name", reader, at)
		case "VALUE_REMOVED":
			if len(f.removed) > 0 {
				return fmt.Sprintf("keep %s among the values of %s until no such event is left", strings.Replace(alternatives(f.removed), " or ", " and ", 1), reader)
			}
			return fmt.Sprintf("keep the old values in %s until no event with them is left", reader)
		case "ENUM_ADDED":
			return fmt.Sprintf("leave %s open in %s, or list every value that was ever sent", at, reader)
		}
		return fmt.Sprintf("let %s accept what %s allows until no such event is left, or make a new event type", reader, writer)
	}
	move := fmt.Sprintf("move every consumer to %s before a producer sends it", writer)
	switch rule {
	case "REQUIRED_REMOVED", "DEPENDENCY_REMOVED":
		return fmt.Sprintf("keep %s required in %s, or let every consumer do without it before a producer leaves it out", at, writer)
	case "PROPERTY_ADDED":
		return fmt.Sprintf("%s, or make a new event type; only readers that ignore what they do not declare let a writer add to it", move)
	case "PROPERTY_REMOVED":
		return fmt.Sprintf("keep the declaration of %s in %s; or, %s", f.names.at(f.said.undeclared), writer, absent)
	case "OBJECT_OPENED":
		return fmt.Sprintf("keep the object closed in %s; or, %s", writer, absent)
	case "TYPE_CHANGED", "TYPE_WIDENED":
		return fmt.Sprintf("keep the type of %s in %s and put the new one under another name, or %s", at, writer, move)
	case "VALUE_ADDED":
		return fmt.Sprintf("%s, or make a new event type", move)
	}
	return fmt.Sprintf("keep %s within what %s accepts, or move every consumer to %s before a producer sends such events", writer, reader, writer)
}

// readsRemedy is what to do where an app's reads accept less than what may be
// published: nothing was changed, and such events do not run out. Either the app
// reads more, or the producer publishes less.
func (f *finding) readsRemedy(rule, writer, reader, at, absent string) string {
	switch rule {
	case "REQUIRED_ADDED", "DEPENDENCY_ADDED":
		return fmt.Sprintf("let %s do without %s, or read only versions that require it", reader, at)
	case "PROPERTY_REMOVED", "OBJECT_CLOSED":
		if f.by() == "false" {
			return fmt.Sprintf("let %s allow %s, or read only versions without it", reader, at)
		}
		remedy := fmt.Sprintf("let %s ignore what it does not read (take out %s)", reader, f.by())
		if rule == "OBJECT_CLOSED" {
			remedy += "; or, " + absent
		}
		return remedy
	case "PROPERTY_ADDED":
		return fmt.Sprintf("%s; otherwise let %s accept any value of %s, or ignore it", absent, reader, f.names.at(f.said.undeclared))
	case "ENUM_ADDED", "ENUM_NARROWED":
		if len(f.removed) > 0 {
			it := map[bool]string{true: "it", false: "them"}[len(f.removed) == 1]
			return fmt.Sprintf("let %s accept %s (or ignore such events), or do not publish %s", reader, strings.Replace(alternatives(f.removed), " or ", " and ", 1), it)
		}
		return fmt.Sprintf("let %s accept any value of %s (or ignore such events), or list in %s the only values that are published", reader, at, writer)
	}
	return fmt.Sprintf("let %s accept what %s allows, or read only versions that are narrower", reader, writer)
}

// by is what refuses, for a sentence: a keyword, or false where the schema of a
// property or of an item is that.
func (f *finding) by() string {
	if tokens, err := schema.Tokens(f.Place); err == nil && f.refusesAll() && f.written != nil && f.written.Kind == schema.Bool {
		if len(tokens) == 0 {
			return "false"
		}
		if len(tokens) > 1 && slices.Contains([]string{"properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions", "prefixItems", "items", "allOf", "anyOf", "oneOf"}, tokens[len(tokens)-2]) {
			return "false"
		}
	}
	return f.Keyword
}

// kind is a value's type with its article.
func kind(v any) string {
	name, _, _ := strings.Cut(schema.Describe(v), " ")
	switch name {
	case "null":
		return name
	case "array", "object":
		return "an " + name
	}
	return "a " + name
}

// alternatives is "a, b or c", cut after the fourth.
func alternatives(list []string) string {
	if n := len(list); n > 4 {
		list = append(slices.Clone(list[:3]), fmt.Sprintf("%d others", n-3))
	}
	if len(list) == 1 {
		return list[0]
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

func plural(count, what string) string {
	if count != "1" {
		what += "s"
	}
	return count + " " + what
}

// short cuts a text that is too long for a sentence.
func short(s string) string {
	const most = 80
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
