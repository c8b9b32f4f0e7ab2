package compat_test

import (
	"encoding/json"
	"maps"
	"math/big"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract/schema"
)

// instances draws values for a pair of schemas from what their documents say:
// it reads keywords as hints and never decides anything, so that it shares no
// mistake with the algebra of sets, of which it knows nothing.
type instances struct {
	*rand.Rand
	draft    string
	docs     [2]any // the writer's, the reader's
	places   [2]map[string]any
	words    []any    // values that stand in either document
	names    []string // of members
	kept     []any    // values that the writer accepts
	parsed   map[string]*syntax.Regexp
	compiled map[string]*regexp.Regexp
	left     int // parts that the value being drawn may still have
}

func newInstances(r *rand.Rand, draft string, writer, reader any) *instances {
	g := &instances{Rand: r, draft: draft, docs: [2]any{writer, reader}, parsed: map[string]*syntax.Regexp{}, compiled: map[string]*regexp.Regexp{}}
	names := map[string]bool{"a": true, "extra": true}
	for i, doc := range g.docs {
		g.places[i] = map[string]any{}
		schemasIn(doc, func(_ string, s map[string]any) {
			for keyword, value := range s {
				switch keyword {
				case "const", "default":
					g.words = append(g.words, value)
				case "enum", "examples":
					if list, ok := value.([]any); ok {
						g.words = append(g.words, list[:min(len(list), 50)]...)
					}
				case "required":
					if list, ok := value.([]any); ok {
						for _, name := range list {
							if name, ok := name.(string); ok {
								names[name] = true
							}
						}
					}
				case "properties", "dependencies", "dependentRequired", "dependentSchemas":
					if named, ok := value.(map[string]any); ok {
						for name := range named {
							names[name] = true
						}
					}
				case "$anchor", "$dynamicAnchor", "$id", "id":
					if id, ok := value.(string); ok {
						if strings.HasSuffix(keyword, "nchor") {
							id = "#" + id
						}
						g.places[i][id] = s
					}
				}
			}
			for keyword, value := range s {
				if n, ok := value.(json.Number); ok && strings.HasSuffix(strings.ToLower(keyword), "imum") {
					if r := rational(n); r != nil {
						g.words = append(g.words, number(r), number(new(big.Rat).Add(r, big.NewRat(1, 1))), number(new(big.Rat).Sub(r, big.NewRat(1, 1))))
					}
				}
			}
		})
	}
	g.names = slices.Sorted(maps.Keys(names))
	slices.SortFunc(g.words, func(a, b any) int { return strings.Compare(string(encoded(a)), string(encoded(b))) })
	for _, text := range []string{`null`, `true`, `false`, `0`, `1`, `-1`, `2`, `1.5`, `1.0`, `10`, `100`, `1e3`, `""`, `"a"`, `"foo"`, `"\u00e9"`, `"2024-01-31"`, `[]`, `[1]`, `[1,1]`, `["a","b"]`, `[null,true]`, `{}`, `{"a":1}`, `{"foo":"bar"}`, `{"a":{"b":[]}}`} {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			panic(err)
		}
		g.words = append(g.words, v)
	}
	return g
}

// draw is the next value.
func (g *instances) draw() any {
	g.left = 200
	switch k := g.IntN(20); {
	case k < 9:
		return g.value(0, g.inPlace(0, g.docs[0], 0), 0)
	case k < 12:
		return g.value(0, append(g.inPlace(0, g.docs[0], 0), g.inPlace(1, g.docs[1], 0)...), 0)
	case k < 13:
		return g.value(1, g.inPlace(1, g.docs[1], 0), 0)
	case k < 18 && len(g.kept) > 0:
		v := copied(g.kept[g.IntN(len(g.kept))])
		for range 1 + g.IntN(2) {
			v = g.mutated(v)
		}
		if height(v) <= 8 { // the validator's time may double with each level
			return v
		}
	}
	return g.word()
}

func height(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			n = max(n, height(member))
		}
		return n + 1
	case []any:
		for _, item := range v {
			n = max(n, height(item))
		}
		return n + 1
	}
	return n
}

// keep remembers a value that the writer accepts, to be changed a little.
func (g *instances) keep(v any) {
	if len(g.kept) < 64 {
		g.kept = append(g.kept, v)
	} else {
		g.kept[g.IntN(len(g.kept))] = v
	}
}

func (g *instances) word() any { return copied(g.words[g.IntN(len(g.words))]) }

func (g *instances) name() string { return g.names[g.IntN(len(g.names))] }

// hint is a schema object that applies to the value being drawn, from one of the documents.
type hint struct {
	schema map[string]any
	doc    int
}

// inPlace are the schemas that apply to the same value, branches chosen at random.
func (g *instances) inPlace(doc int, s any, depth int) []hint {
	object, ok := s.(map[string]any)
	if !ok || depth > 30 {
		return nil
	}
	var all []hint
	add := func(sub any) { all = append(all, g.inPlace(doc, sub, depth+1)...) }
	for _, keyword := range []string{"$ref", "$dynamicRef", "$recursiveRef"} {
		if ref, ok := object[keyword].(string); ok {
			add(g.target(doc, ref))
			if keyword == "$ref" && !atLeastDraft(g.draft, "2019-09") {
				return all // it hides what is beside it
			}
		}
	}
	all = append(all, hint{object, doc})
	if list, ok := object["allOf"].([]any); ok {
		for _, sub := range list {
			add(sub)
		}
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if list, ok := object[keyword].([]any); ok && len(list) > 0 {
			add(list[g.IntN(len(list))])
			if keyword == "anyOf" && g.IntN(4) == 0 {
				add(list[g.IntN(len(list))])
			}
		}
	}
	if object["if"] != nil {
		if g.IntN(2) == 0 {
			add(object["if"])
			add(object["then"])
		} else {
			add(object["else"])
		}
	}
	for _, keyword := range []string{"dependentSchemas", "dependencies"} {
		if named, ok := object[keyword].(map[string]any); ok {
			for _, name := range sortedNames(named) {
				if g.IntN(2) == 0 {
					add(named[name])
				}
			}
		}
	}
	return all
}

// target is where a reference leads within its document, nil where that is not seen.
func (g *instances) target(doc int, ref string) any {
	if s := g.places[doc][ref]; s != nil {
		return s
	}
	if !strings.HasPrefix(ref, "#") {
		return nil
	}
	at := g.docs[doc]
	for _, token := range strings.Split(strings.TrimPrefix(ref, "#"), "/")[1:] {
		token = strings.NewReplacer("~1", "/", "~0", "~", "%25", "%", "%22", `"`).Replace(token)
		switch v := at.(type) {
		case map[string]any:
			at = v[token]
		case []any:
			i := 0
			for _, c := range token {
				i = i*10 + int(c-'0')
			}
			if i < 0 || i >= len(v) {
				return nil
			}
			at = v[i]
		default:
			return nil
		}
	}
	return at
}

// value draws one to which all the hints apply.
func (g *instances) value(doc int, hints []hint, depth int) any {
	g.left--
	if depth > 6 || g.IntN(30) == 0 {
		return g.word()
	}
	var listed []any
	for _, h := range hints {
		if list, ok := h.schema["enum"].([]any); ok && len(list) > 0 {
			listed = append(listed, list[g.IntN(len(list))])
		}
		if v, ok := h.schema["const"]; ok {
			listed = append(listed, v, v)
		}
	}
	if len(listed) > 0 {
		return copied(listed[g.IntN(len(listed))])
	}
	switch g.typeFor(hints) {
	case "null":
		return nil
	case "boolean":
		return g.IntN(2) == 0
	case "integer":
		return g.number(hints, true)
	case "number":
		return g.number(hints, false)
	case "string":
		return g.text(hints)
	case "array":
		return g.array(doc, hints, depth)
	}
	return g.object(doc, hints, depth)
}

var typeNames = []string{"null", "boolean", "integer", "number", "string", "array", "object"}

var typical = map[string]string{
	"minimum": "number", "maximum": "number", "exclusiveMinimum": "number", "exclusiveMaximum": "number", "multipleOf": "number",
	"minLength": "string", "maxLength": "string", "pattern": "string", "format": "string",
	"items": "array", "prefixItems": "array", "additionalItems": "array", "contains": "array", "minItems": "array", "maxItems": "array", "uniqueItems": "array", "unevaluatedItems": "array",
	"properties": "object", "patternProperties": "object", "additionalProperties": "object", "propertyNames": "object", "required": "object", "minProperties": "object",
	"maxProperties": "object", "unevaluatedProperties": "object", "dependencies": "object", "dependentSchemas": "object", "dependentRequired": "object",
}

func (g *instances) typeFor(hints []hint) string {
	possible := typeNames
	declared := false
	var likely []string
	for _, h := range hints {
		var some []string
		switch t := h.schema["type"].(type) {
		case string:
			some = []string{t}
		case []any:
			for _, one := range t {
				if name, ok := one.(string); ok {
					some = append(some, name)
				}
			}
		}
		if slices.Contains(some, "number") {
			some = append(some, "integer")
		}
		if len(some) > 0 {
			declared = true
			possible = slices.DeleteFunc(slices.Clone(possible), func(t string) bool { return !slices.Contains(some, t) })
		}
		for _, keyword := range sortedNames(h.schema) {
			if t := typical[keyword]; t != "" {
				likely = append(likely, t)
			}
		}
	}
	if len(likely) > 0 && g.IntN(5) > 0 {
		if t := likely[g.IntN(len(likely))]; slices.Contains(possible, t) {
			return t
		}
	}
	if len(possible) == 0 || !declared && g.IntN(40) == 0 {
		possible = typeNames
	}
	return possible[g.IntN(len(possible))]
}

// count reads a keyword that is a small number.
func count(h hint, keyword string) (int, bool) {
	n, ok := h.schema[keyword].(json.Number)
	if !ok {
		return 0, false
	}
	r := rational(n)
	if r == nil || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return int(min(r.Num().Int64(), 1<<30)), true
}

// between is the narrowest range that the hints give for a size.
func between(hints []hint, least, most string) (from, to int) {
	to = -1
	for _, h := range hints {
		if n, ok := count(h, least); ok {
			from = max(from, n)
		}
		if n, ok := count(h, most); ok && (to < 0 || n < to) {
			to = n
		}
	}
	return from, to
}

// size draws one within or just beside a range.
func (g *instances) size(from, to, typically int) int {
	if to < 0 {
		to = from + typically
	}
	n := from
	if to > from {
		n += g.IntN(min(to-from, typically+1) + 1)
	}
	switch g.IntN(24) {
	case 0:
		n = to
	case 1:
		n = to + 1
	case 2:
		n = from - 1
	}
	return max(0, min(n, 300))
}

func rational(n json.Number) *big.Rat {
	if len(n) > 200 || strings.ContainsAny(string(n), "eE") && len(n) > 8 {
		return nil
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return nil
	}
	return r
}

// number writes a rational, to 30 places where it has no end.
func number(r *big.Rat) json.Number {
	if r.IsInt() {
		return json.Number(r.Num().String())
	}
	places, exact := r.FloatPrec()
	if !exact || places > 60 {
		places = 30
	}
	return json.Number(r.FloatString(places))
}

func (g *instances) number(hints []hint, integer bool) any {
	var bounds []*big.Rat
	var low, high, grid *big.Rat
	for _, h := range hints {
		for _, keyword := range []string{"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"} {
			n, ok := h.schema[keyword].(json.Number)
			if !ok {
				continue
			}
			r := rational(n)
			switch {
			case r == nil:
			case keyword == "multipleOf":
				if r.Sign() > 0 {
					grid = r
				}
			case strings.HasSuffix(strings.ToLower(keyword), "minimum"):
				bounds = append(bounds, r)
				if low == nil || r.Cmp(low) > 0 {
					low = r
				}
			default:
				bounds = append(bounds, r)
				if high == nil || r.Cmp(high) < 0 {
					high = r
				}
			}
		}
	}
	r := big.NewRat(int64(g.IntN(7)-2), 1)
	switch {
	case low != nil && high != nil && g.IntN(2) == 0:
		r.Add(low, new(big.Rat).Mul(new(big.Rat).Sub(high, low), big.NewRat(int64(g.IntN(9)), 8)))
	case len(bounds) > 0:
		r.Add(bounds[g.IntN(len(bounds))], big.NewRat(int64(g.IntN(9)-4), int64(1+g.IntN(2))))
	case g.IntN(4) == 0:
		r.SetFrac64(int64(g.IntN(4001)-2000), int64([]int{1, 2, 4, 10, 100}[g.IntN(5)]))
	}
	unit := grid
	if integer && (unit == nil || !unit.IsInt()) {
		unit = big.NewRat(1, 1)
		if grid != nil {
			unit = new(big.Rat).SetInt(grid.Num()) // p of p/q in lowest terms is the least whole multiple
		}
	}
	if unit != nil && g.IntN(12) > 0 {
		k := new(big.Rat).Quo(r, unit)
		floor := new(big.Int).Div(k.Num(), k.Denom())
		floor.Add(floor, big.NewInt(int64(g.IntN(2))))
		r = new(big.Rat).Mul(unit, new(big.Rat).SetInt(floor))
	}
	n := number(r)
	if r.IsInt() && len(n) < 10 && g.IntN(10) == 0 {
		n += ".0"
	}
	return n
}

// formatted are strings of the formats and beside them.
var formatted = []string{"2024-01-31T12:30:00Z", "2024-01-31", "12:30:00Z", "P1D", "2024-02-30", "example.com", "user@example.com", "192.0.2.1", "2001:db8::1", "https://example.com/a",
	"/a", "#a", "urn:a:b", "{a}", "a b", "^a$", "(", "/a/0", "1/a", "00000000-0000-4000-8000-000000000000", "", "x"}

func (g *instances) text(hints []hint) any {
	from, to := between(hints, "minLength", "maxLength")
	var patterns []string
	format := false
	for _, h := range hints {
		if p, ok := h.schema["pattern"].(string); ok {
			patterns = append(patterns, p)
		}
		format = format || h.schema["format"] != nil
	}
	best := ""
	for try := range 6 {
		var s string
		switch {
		case len(patterns) > 0:
			s = g.matching(patterns[g.IntN(len(patterns))])
		case format && g.IntN(6) > 0:
			s = formatted[g.IntN(len(formatted))]
		case g.IntN(3) == 0:
			if w, ok := g.word().(string); ok {
				s = w
			}
		}
		want := g.size(from, to, 4)
		length := len([]rune(s))
		if length < want && (from > length || len(patterns) == 0 && !format) {
			letters := []rune("ab0 _Zé")
			var b strings.Builder
			b.WriteString(s)
			for range want - length {
				b.WriteRune(letters[g.IntN(len(letters))])
			}
			s = b.String()
		}
		if to >= 0 && length > to && g.IntN(2) == 0 {
			s = string([]rune(s)[:to])
		}
		if try == 0 || g.matches(s, patterns) {
			best = s
		}
		if g.matches(s, patterns) && len([]rune(s)) >= from && (to < 0 || len([]rune(s)) <= to) {
			return s
		}
		if g.IntN(8) == 0 {
			return s
		}
	}
	return best
}

func (g *instances) matches(s string, patterns []string) bool {
	for _, p := range patterns {
		if re := g.regexp(p); re != nil && !re.MatchString(s) {
			return false
		}
	}
	return true
}

func (g *instances) array(doc int, hints []hint, depth int) any {
	from, to := between(hints, "minItems", "maxItems")
	unique := false
	var needed []hint
	for _, h := range hints {
		unique = unique || h.schema["uniqueItems"] == true
		if h.schema["contains"] != nil {
			n, ok := count(h, "minContains")
			if !ok {
				n = 1
			}
			if most, ok := count(h, "maxContains"); ok && most > n && g.IntN(2) == 0 {
				n = most
			}
			if g.IntN(8) == 0 {
				n++
			}
			for range min(n, 30) {
				needed = append(needed, h)
			}
		}
		if list, ok := h.schema["prefixItems"].([]any); ok && from < len(list) && to < 0 && g.IntN(2) == 0 {
			from = len(list)
		}
		if list, ok := h.schema["items"].([]any); ok && from < len(list) && to < 0 && g.IntN(2) == 0 {
			from = len(list)
		}
	}
	typically := 3
	if depth > 4 || g.left < 0 {
		typically = 0
	}
	n := g.size(max(from, min(len(needed), 30)), to, typically)
	places := g.Perm(n)
	contained := map[int]hint{}
	for i, h := range needed {
		if i < len(places) {
			contained[places[i]] = h
		}
	}
	a := make([]any, 0, n)
	for i := range n {
		var inner []hint
		for _, h := range hints {
			inner = append(inner, g.inPlace(h.doc, g.itemSchema(h.schema, i), 0)...)
		}
		if h, ok := contained[i]; ok {
			inner = append(inner, g.inPlace(h.doc, h.schema["contains"], 0)...)
		}
		v := g.value(doc, inner, depth+1)
		for try := 0; unique && try < 3 && slices.ContainsFunc(a, func(o any) bool { return string(encoded(o)) == string(encoded(v)) }); try++ {
			v = g.value(doc, inner, depth+1)
		}
		a = append(a, v)
	}
	return a
}

func (g *instances) itemSchema(s map[string]any, i int) any {
	first, isList := s["items"].([]any)
	rest := s["additionalItems"]
	if !isList {
		first, _ = s["prefixItems"].([]any)
		rest = s["items"]
	}
	switch {
	case i < len(first):
		return first[i]
	case rest != nil:
		return rest
	}
	return s["unevaluatedItems"]
}

func (g *instances) object(doc int, hints []hint, depth int) any {
	from, to := between(hints, "minProperties", "maxProperties")
	there := map[string]bool{}
	optional := map[string]bool{}
	var patterns []string
	open := true
	for _, h := range hints {
		if list, ok := h.schema["required"].([]any); ok {
			for _, name := range list {
				if name, ok := name.(string); ok && g.IntN(40) > 0 {
					there[name] = true
				}
			}
		}
		for _, keyword := range []string{"properties", "dependencies", "dependentRequired", "dependentSchemas"} {
			if named, ok := h.schema[keyword].(map[string]any); ok {
				for name := range named {
					optional[name] = true
				}
			}
		}
		if named, ok := h.schema["patternProperties"].(map[string]any); ok {
			patterns = append(patterns, sortedNames(named)...)
		}
		for _, sub := range g.inPlace(h.doc, h.schema["propertyNames"], 0) {
			if p, ok := sub.schema["pattern"].(string); ok {
				patterns = append(patterns, p)
			}
			if list, ok := sub.schema["enum"].([]any); ok {
				for _, name := range list {
					if name, ok := name.(string); ok {
						optional[name] = true
					}
				}
			}
		}
		open = open && h.schema["additionalProperties"] != false && h.schema["unevaluatedProperties"] != false
	}
	add := func(name string) {
		if to < 0 || len(there) < to || g.IntN(20) == 0 {
			there[name] = true
		}
	}
	chance := 2
	if depth > 4 || g.left < 0 {
		chance = 1 << 20
	}
	for _, name := range slices.Sorted(maps.Keys(optional)) {
		if g.IntN(chance) == 0 || len(optional) > 30 && g.IntN(len(optional)/10) == 0 && chance == 2 {
			add(name)
		}
	}
	if chance == 2 {
		for _, p := range patterns {
			if g.IntN(2) == 0 {
				add(g.matching(p))
			}
		}
		if open && g.IntN(3) == 0 || g.IntN(20) == 0 {
			add(g.name())
		}
	}
	for try := 0; len(there) < min(from, 300) && try < 2*from+10; try++ {
		switch {
		case len(patterns) > 0 && g.IntN(2) == 0:
			there[g.matching(patterns[g.IntN(len(patterns))])] = true
		case len(optional) > 0 && try < from:
			there[slices.Sorted(maps.Keys(optional))[g.IntN(len(optional))]] = true
		case g.IntN(2) == 0:
			there[g.name()] = true
		default:
			there[string(rune('a'+g.IntN(26)))+string(rune('a'+g.IntN(26)))] = true
		}
	}
	for _, h := range hints {
		for _, keyword := range []string{"dependentRequired", "dependencies"} {
			if named, ok := h.schema[keyword].(map[string]any); ok {
				for _, name := range sortedNames(named) {
					if list, ok := named[name].([]any); ok && there[name] && g.IntN(10) > 0 {
						for _, other := range list {
							if other, ok := other.(string); ok {
								there[other] = true
							}
						}
					}
				}
			}
		}
	}
	v := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		var inner []hint
		for _, h := range hints {
			for _, sub := range g.memberSchemas(h.schema, name) {
				inner = append(inner, g.inPlace(h.doc, sub, 0)...)
			}
		}
		v[name] = g.value(doc, inner, depth+1)
	}
	return v
}

func (g *instances) memberSchemas(s map[string]any, name string) []any {
	var all []any
	if named, ok := s["properties"].(map[string]any); ok {
		if sub, ok := named[name]; ok {
			all = append(all, sub)
		}
	}
	if named, ok := s["patternProperties"].(map[string]any); ok {
		for _, p := range sortedNames(named) {
			if re := g.regexp(p); re != nil && re.MatchString(name) {
				all = append(all, named[p])
			}
		}
	}
	if len(all) == 0 {
		if more := s["additionalProperties"]; more != nil {
			return []any{more}
		}
		if more := s["unevaluatedProperties"]; more != nil {
			return []any{more}
		}
	}
	return all
}

// mutated is a value with a small change somewhere in it.
func (g *instances) mutated(v any) any {
	switch v := v.(type) {
	case map[string]any:
		names := sortedNames(v)
		switch k := g.IntN(6); {
		case len(names) > 0 && k < 3:
			name := names[g.IntN(len(names))]
			v[name] = g.mutated(v[name])
			return v
		case len(names) > 0 && k == 3:
			delete(v, names[g.IntN(len(names))])
			return v
		case k == 4:
			v[g.name()] = g.word()
			return v
		case len(names) > 0 && len(g.kept) > 0:
			if other, ok := g.kept[g.IntN(len(g.kept))].(map[string]any); ok {
				maps.Copy(v, copied(other).(map[string]any))
			}
			return v
		}
	case []any:
		switch k := g.IntN(6); {
		case len(v) > 0 && k < 3:
			i := g.IntN(len(v))
			v[i] = g.mutated(v[i])
			return v
		case len(v) > 0 && k == 3:
			i := g.IntN(len(v))
			return slices.Delete(v, i, i+1)
		case len(v) > 0 && k == 4:
			return append(v, copied(v[g.IntN(len(v))]))
		case k == 5:
			return append(v, g.word())
		}
	case string:
		letters := []rune(v)
		switch k := g.IntN(4); {
		case k == 0 && len(letters) > 0:
			return string(letters[:len(letters)-1])
		case k == 1:
			return v + string([]rune("ab0 é")[g.IntN(5)])
		case k == 2 && len(letters) > 0:
			letters[g.IntN(len(letters))] = []rune("ab0 é")[g.IntN(5)]
			return string(letters)
		}
	case json.Number:
		if r := rational(v); r != nil && g.IntN(4) > 0 {
			return number(r.Add(r, big.NewRat(int64(g.IntN(5)-2), int64(1+g.IntN(2)))))
		}
	}
	return g.word()
}

// drawn counts what came of drawing for one direction.
type drawn struct {
	sent  int // accepted by the writer, and with nothing undeclared
	wrong any
	found bool // wrong is a value that is sent and not read
}

// refute draws n values for a direction that is said to be compatible.
func (g *instances) refute(writer, reader *schema.Schema, closed bool, n int) (d drawn) {
	for range n {
		v := g.draw()
		if !taken(writer, v) || closed && len(writer.Undeclared(v)) > 0 {
			continue
		}
		d.sent++
		g.keep(v)
		if !d.found && !taken(reader, v) {
			d.found, d.wrong = true, v
		}
	}
	return d
}

// taken is accepts, where the validator may panic.
func taken(s *schema.Schema, v any) (in bool) {
	defer func() {
		if recover() != nil {
			in = false
		}
	}()
	return accepts(s, v)
}
