package resources

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// shape is what may stand at a place of a resource.
type shape interface{}

type (
	scalar int
	object map[string]shape     // named fields
	each   struct{ of shape }   // a mapping with names of the author's
	list   struct{ item shape } // a list
)

const (
	text     scalar = iota // a scalar; numbers and booleans become text
	boolean                // true or false, not in quotes
	integer                // a whole number, not in quotes
	anything               // not looked into
)

// with is the object and more fields.
func (o object) with(more object) object {
	all := maps.Clone(o)
	maps.Copy(all, more)
	return all
}

// Source: k8s.io/apimachinery ObjectMeta.
var objectMeta = object{
	"name": text, "namespace": text, "labels": each{text}, "annotations": each{text},
	"generateName": anything, "selfLink": anything, "uid": anything, "resourceVersion": anything,
	"generation": anything, "creationTimestamp": anything, "deletionTimestamp": anything,
	"deletionGracePeriodSeconds": anything, "ownerReferences": anything, "finalizers": anything, "managedFields": anything,
}

// resourceShape is a resource with this spec.
func resourceShape(spec object, more ...object) object {
	o := object{"apiVersion": text, "kind": text, "metadata": objectMeta, "spec": spec, "scopes": list{text}}
	for _, m := range more {
		o = o.with(m)
	}
	return o
}

// checkFields walks the document's values along the shape. It warns of fields
// that daprd ignores and fails on values that daprd cannot decode: it then
// leaves out the whole document, with a line in its log.
func (l *loader) checkFields(d *document, whole object) (ok bool) {
	ok = true
	var walk func(value any, s shape, path []string)
	wrong := func(path []string, value any, want string) {
		ok = false
		l.fail(d.place(path...), "%s is %s, and must be %s: daprd skips the whole %s with a line in its log", dotted(path), describe(value), want, d.header.Kind)
	}
	walk = func(value any, s shape, path []string) {
		if value == nil {
			return
		}
		at := func(name string) []string { return append(slices.Clip(path), name) }
		switch s := s.(type) {
		case scalar:
			_, isText := value.(string)
			number, isNumber := value.(float64)
			_, isBoolean := value.(bool)
			switch {
			case s == text && !isText && !isNumber && !isBoolean:
				wrong(path, value, "text")
			case s == boolean && !isBoolean:
				wrong(path, value, "true or false without quotes")
			case s == integer && (!isNumber || number != math.Trunc(number) || math.Abs(number) > math.MaxInt32):
				wrong(path, value, "a whole number without quotes")
			}
		case list:
			items, isList := value.([]any)
			if !isList {
				want := "a list"
				if _, ok := s.item.(object); ok && dotted(path) == "spec.metadata" {
					want = "a list of items with name and value"
				}
				wrong(path, value, want)
				return
			}
			for i, item := range items {
				walk(item, s.item, at(strconv.Itoa(i)))
			}
		case each:
			fields, isMapping := value.(map[string]any)
			if !isMapping {
				wrong(path, value, "a mapping of names to values")
				return
			}
			for _, name := range sorted(fields) {
				walk(fields[name], s.of, at(name))
			}
		case object:
			fields, isMapping := value.(map[string]any)
			if !isMapping {
				wrong(path, value, "a mapping with the fields "+strings.Join(sorted(s), ", "))
				return
			}
			for _, name := range sorted(fields) {
				if known, ok := s.field(name); ok {
					walk(fields[name], known, at(name))
				} else {
					l.unknownField(d, whole, s, at(name))
				}
			}
		}
	}
	walk(d.value, whole, nil)
	duplicates(d.node, func(key string, first, second int) {
		p := d.place()
		p.Line = d.line + second
		l.warn(RuleDuplicate, p, "%q is given twice (first at line %d): daprd takes this one; remove one of the two", key, d.line+first)
	})
	return ok
}

// field finds a field by its name as encoding/json does.
func (o object) field(name string) (shape, bool) {
	if s, ok := o[name]; ok {
		return s, true
	}
	for known, s := range o {
		if strings.EqualFold(known, name) {
			return s, true
		}
	}
	return nil, false
}

func (l *loader) unknownField(d *document, whole, here object, path []string) {
	name, at := path[len(path)-1], d.place(path...)
	kind := d.header.Kind
	switch {
	case kind == "Subscription" && name == "routes" && dotted(path) == "spec.routes":
		l.warn(RuleMisplaced, at, "spec.routes: daprd ignores it in v1alpha1, which has one spec.route; write apiVersion: dapr.io/v2alpha1")
		return
	case kind == "Subscription" && name == "route" && dotted(path) == "spec.route":
		l.warn(RuleMisplaced, at, "spec.route: daprd ignores it in v2alpha1; write spec.routes.default, or apiVersion: dapr.io/v1alpha1")
		return
	case name == "scopes":
		l.warn(RuleMisplaced, at, "%s: daprd ignores it, and so every app gets this %s; write scopes at the top level, beside spec", dotted(path), kind)
		return
	}
	if right := whole.find(name); right != "" {
		l.warn(RuleMisplaced, at, "%s: daprd ignores it there; write it as %s", dotted(path), right)
		return
	}
	known := sorted(here)
	hint := didYouMean(name, known, "")
	if hint == "" {
		hint = "; known here: " + strings.Join(known, ", ")
		if len(known) > 10 {
			hint = "; remove it"
		}
	}
	l.warn(RuleUnknownField, at, "unknown field %s: daprd ignores it%s", dotted(path), hint)
}

// find is the path of the one field of that name, of several the one nearest to
// the top; "" where there is none.
func (o object) find(name string) string {
	level := map[string]shape{"": o}
	for len(level) > 0 {
		next := map[string]shape{}
		for _, path := range sorted(level) {
			switch s := level[path].(type) {
			case object:
				for _, field := range sorted(s) {
					full := strings.TrimPrefix(path+"."+field, ".")
					if strings.EqualFold(field, name) {
						return full
					}
					next[full] = s[field]
				}
			case each:
				next[path+".<name>"] = s.of
			case list:
				next[path+"[]"] = s.item
			}
		}
		level = next
	}
	return ""
}

// dotted is a path as people write it: spec.metadata[0].name.
func dotted(path []string) string {
	var b strings.Builder
	for i, name := range path {
		if _, err := strconv.Atoi(name); err == nil && i > 0 {
			b.WriteString("[" + name + "]")
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(name)
	}
	return b.String()
}

// describe is a value without its content, which may be a secret.
func describe(value any) string {
	switch v := value.(type) {
	case string:
		return "text"
	case bool:
		return "a boolean"
	case float64:
		if v != math.Trunc(v) {
			return "a fraction"
		}
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	}
	return fmt.Sprintf("a %T", value)
}

// didYouMean is "; did you mean x?" for the known name nearest to name, "" where
// none is near. suffix is put behind the name.
func didYouMean(name string, known []string, suffix string) string {
	best, at := "", max(2, len(name)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + suffix + "?"
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return math.MaxInt
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(row[j]+1, row[j-1]+1, change)
		}
	}
	return row[len(b)]
}
