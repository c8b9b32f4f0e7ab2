package schema

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Failure is one reason for which a schema does not accept a value.
type Failure struct {
	Pointer string // in the value; for a missing property, where it should be
	Keyword string // that failed: required
	OfName  bool   // the member's name failed (propertyNames), not its value
	What    string // goes on after the pointer: "is missing"
	Want    string
	Got     string
	File    string // where the keyword is written
	Place   string // pointer to the keyword there
	Line    int
}

// failures are the leaves of the validator's tree of errors. Of an anyOf or
// oneOf in which nothing fits, alternatives that a type, const or enum of the
// value rules out say nothing about what is wrong and are left out; where all
// are ruled out, the choice itself is the one failure.
func (l *Library) failures(err *jsonschema.ValidationError, v any) []Failure {
	t := &translator{library: l, value: v}
	var all []Failure
	seen := map[string]bool{}
	for _, f := range t.walk(err) {
		key := fmt.Sprint(f.Pointer, "\x00", f.File, "\x00", f.Line, "\x00", f.Keyword, "\x00", f.Want)
		if !seen[key] {
			seen[key] = true
			all = append(all, f)
		}
	}
	sort.SliceStable(all, func(i, j int) bool {
		a, b := all[i], all[j]
		if a.Pointer != b.Pointer {
			return a.Pointer < b.Pointer
		}
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.What < b.What
	})
	return all
}

type translator struct {
	library *Library
	value   any
}

func (t *translator) walk(e *jsonschema.ValidationError) []Failure {
	keyword := e.KeywordLocation[strings.LastIndexByte(e.KeywordLocation, '/')+1:]
	if len(e.Causes) > 0 {
		if (keyword == "anyOf" || keyword == "oneOf") && len(e.Causes) > 1 {
			return t.choice(e, keyword)
		}
		var all []Failure
		for _, cause := range e.Causes {
			all = append(all, t.walk(cause)...)
		}
		return all
	}
	return t.leaf(e)
}

func (t *translator) choice(e *jsonschema.ValidationError, keyword string) []Failure {
	at := unescapeURL(e.InstanceLocation)
	var kept []Failure
	var ruledOut []string
	for _, cause := range e.Causes {
		leaves := t.walk(cause)
		if i := slices.IndexFunc(leaves, func(f Failure) bool { return rulesOut(f, at) }); i >= 0 {
			want := leaves[i].Want
			if want == "" {
				want = leaves[i].What
			}
			if leaves[i].Pointer != at {
				want = strings.TrimPrefix(leaves[i].Pointer, at) + " " + want
			}
			if !slices.Contains(ruledOut, want) {
				ruledOut = append(ruledOut, want)
			}
			continue
		}
		kept = append(kept, leaves...)
	}
	if len(kept) > 0 {
		return kept
	}
	f := t.place(e.AbsoluteKeywordLocation, keyword)
	f.Pointer = at
	v, _ := Resolve(t.value, at)
	f.Want, f.Got = strings.Join(ruledOut, ", or "), Describe(v)
	f.What = "is none of what is allowed"
	return []Failure{f}
}

// rulesOut reports whether a failure shows that the alternative was not meant:
// the value's own type, or a constant at or directly under it, is another.
func rulesOut(f Failure, at string) bool {
	if f.Keyword == "type" {
		return f.Pointer == at
	}
	if f.Keyword != "const" && f.Keyword != "enum" {
		return false
	}
	rest := strings.TrimPrefix(f.Pointer, at)
	return strings.Count(rest, "/") <= 1
}

// place fills in the keyword and where it is written.
func (t *translator) place(absolute, keyword string) Failure {
	f := Failure{Keyword: keyword}
	if d, _, pointer := t.keyword(absolute); d != nil {
		f.File, f.Place, f.Line = d.file, pointer, d.root.LineOf(pointer)
	}
	return f
}

// keyword finds the node that an absolute keyword location names, nil where it
// is in a built-in meta-schema.
func (t *translator) keyword(absolute string) (d *document, n *Node, pointer string) {
	base, fragment, _ := strings.Cut(absolute, "#")
	res, ok := t.library.resource(base)
	if !ok {
		return nil, nil, ""
	}
	pointer = unescapeURL(fragment)
	if res.node != res.doc.root { // an embedded resource: from the file's root
		pointer = pointerOf(res.doc.root, res.node) + pointer
	}
	return res.doc, res.doc.root.At(pointer), pointer
}

func pointerOf(root, n *Node) string {
	found := ""
	eachSubschema(root, func(sub *Node, pointer string) {
		if sub == n {
			found = pointer
		} else if inner := pointerOf(sub, n); inner != "" {
			found = pointer + inner
		}
	})
	return found
}

func unescapeURL(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

var indexed = regexp.MustCompile(`^\d+$`)

// leaf turns one error of the validator into failures: one, or one for each
// property that is missing or too many.
func (t *translator) leaf(e *jsonschema.ValidationError) []Failure {
	at := unescapeURL(e.InstanceLocation)
	absolute := e.AbsoluteKeywordLocation
	_, fragment, _ := strings.Cut(absolute, "#")
	tokens, _ := Tokens(unescapeURL(fragment))
	keyword := ""
	if len(tokens) > 0 {
		keyword = tokens[len(tokens)-1]
	}
	if strings.HasSuffix(e.KeywordLocation, "/dependentRequired/"+keyword) || indexed.MatchString(keyword) && len(tokens) >= 3 {
		keyword = tokens[len(tokens)-3] // dependentRequired/name/0
	}
	f := t.place(absolute, keyword)
	f.Pointer = at
	v, _ := Resolve(t.value, at)
	f.Got = Describe(v)
	if names, err := Tokens(at); err == nil && len(names) > 0 && ofName(e.KeywordLocation) {
		f.OfName, f.Got = true, Describe(names[len(names)-1])
	}
	_, n, pointer := t.keyword(absolute)
	object, _ := v.(map[string]any)
	switch {
	case keyword == "required" && object != nil:
		return t.missing(f, requiredNames(n, e.Message), object)
	case (keyword == "dependentRequired" || keyword == "dependencies") && n != nil && n.Kind == String:
		f.What = fmt.Sprintf("is missing, though %s is there", quote(tokens[len(tokens)-2]))
		f.Pointer, f.Want, f.Got = at+Pointer(n.Text), "present", "absent"
		return []Failure{f}
	case keyword == "additionalProperties" && object != nil && (n == nil || n.Kind == Bool):
		return t.extra(f, n, pointer, absolute, object, e.Message)
	}
	f.What, f.Want = wanted(keyword, n, e.Message)
	if e.Message == "not allowed" {
		f.What, f.Want = "is not allowed", "absent"
	}
	return []Failure{f}
}

// ofName reports whether a keyword lies in propertyNames.
func ofName(keywordLocation string) bool {
	tokens, _ := Tokens(keywordLocation)
	for i := 0; i < len(tokens); i++ {
		if mapOfSchemas[tokens[i]] {
			i++ // what follows is a name
		} else if tokens[i] == "propertyNames" {
			return true
		}
	}
	return false
}

// requiredNames are those of the keyword; where it is not ours to see, those
// that the validator's message lists.
func requiredNames(n *Node, message string) []string {
	var names []string
	if n != nil {
		for _, item := range n.Items {
			names = append(names, item.Text)
		}
		return names
	}
	for _, quoted := range strings.Split(strings.TrimPrefix(message, "missing properties: "), ", ") {
		names = append(names, strings.Trim(quoted, "'"))
	}
	return names
}

func (t *translator) missing(f Failure, names []string, object map[string]any) []Failure {
	at := f.Pointer
	var all []Failure
	for _, name := range names {
		if _, there := object[name]; !there {
			f.Pointer, f.What, f.Want, f.Got = at+Pointer(name), "is missing", "present", "absent"
			all = append(all, f)
		}
	}
	return all
}

func (t *translator) extra(f Failure, n *Node, pointer, absolute string, object map[string]any, message string) []Failure {
	declared, patterns := []string{}, []*regexp.Regexp{}
	if n != nil {
		d, _, _ := t.keyword(absolute)
		around := d.root.At(strings.TrimSuffix(pointer, "/additionalProperties"))
		if p := around.Get("properties"); p != nil {
			for _, m := range p.Members {
				declared = append(declared, m.Name)
			}
		}
		if p := around.Get("patternProperties"); p != nil {
			for _, m := range p.Members {
				if re, err := regexp.Compile(m.Name); err == nil {
					patterns = append(patterns, re)
				}
			}
		}
	}
	at := f.Pointer
	var all []Failure
	for name, v := range object {
		if slices.Contains(declared, name) || slices.ContainsFunc(patterns, func(re *regexp.Regexp) bool { return re.MatchString(name) }) {
			continue
		}
		if n == nil && !strings.Contains(message, "'"+name+"'") {
			continue
		}
		f.Pointer, f.Want, f.Got = at+Pointer(name), "absent", Describe(v)
		f.What = "is not allowed"
		if near := Nearest(name, declared); near != "" {
			f.What += "; the nearest property is " + quote(near)
		}
		all = append(all, f)
	}
	return all
}

// wanted says what a keyword asks for. n is what the schema says, nil in a meta-schema.
func wanted(keyword string, n *Node, message string) (what, want string) {
	if n == nil {
		return message, ""
	}
	list := func() string {
		if n.Kind != Array {
			return n.JSON()
		}
		items := make([]string, len(n.Items))
		for i, item := range n.Items {
			items[i] = shorten(item.JSON())
		}
		return strings.Join(items, ", ")
	}
	value := shorten(n.JSON())
	switch keyword {
	case "type":
		want := n.Text
		for i, item := range n.Items {
			if i > 0 {
				want += " or "
			}
			want += item.Text
		}
		return "has the wrong type", want
	case "const":
		return "is another value", value
	case "enum":
		if n.Kind == Array && len(n.Items) == 1 {
			return "is another value", list()
		}
		return "is none of the values listed", "one of " + list()
	case "format":
		return "is not in the format", "format " + n.Text
	case "pattern":
		return "does not match the pattern", "match of " + value
	case "minLength":
		return "is too short", "at least " + atLeast(value, " character")
	case "maxLength":
		return "is too long", "at most " + atLeast(value, " character")
	case "minItems":
		return "has too few items", "at least " + atLeast(value, " item")
	case "maxItems":
		return "has too many items", "at most " + atLeast(value, " item")
	case "minProperties":
		return "has too few members", "at least " + atLeast(value, " member")
	case "maxProperties":
		return "has too many members", "at most " + atLeast(value, " member")
	case "minimum":
		return "is too small", ">= " + value
	case "exclusiveMinimum":
		return "is too small", "> " + value
	case "maximum":
		return "is too large", "<= " + value
	case "exclusiveMaximum":
		return "is too large", "< " + value
	case "multipleOf":
		return "is no multiple", "a multiple of " + value
	case "uniqueItems":
		return "repeats an item (" + message + ")", "items all different"
	case "contains", "minContains", "maxContains":
		return "does not contain what it must (" + message + ")", keyword + " " + value
	case "not":
		return "is what it must not be", "not " + value
	case "oneOf":
		return "fits more than one alternative (" + message + ")", "exactly one of oneOf"
	}
	return "is not accepted (" + message + ")", shorten(keyword + " " + value)
}

// atLeast is a bound with its unit.
func atLeast(value, unit string) string {
	if value != "1" {
		unit += "s"
	}
	return value + unit
}

// compileProblems places the validator's own refusal to compile.
func (l *Library) compileProblems(d *document, err error, draft string) []*Problem {
	schemaError, ok := err.(*jsonschema.SchemaError) //nolint:errorlint // v5 returns it unwrapped
	if !ok {
		return []*Problem{{d.file, 1, fmt.Sprintf("it does not compile (%v)", err), "correct the schema"}}
	}
	invalid, ok := schemaError.Err.(*jsonschema.ValidationError) //nolint:errorlint // likewise
	if !ok {
		return []*Problem{{d.file, 1, "it does not compile (" + strings.ReplaceAll(strings.TrimPrefix(schemaError.Err.Error(), "jsonschema: "), scheme+"://files/", "") + ")", "correct the schema"}}
	}
	var problems []*Problem
	for _, f := range l.failures(invalid, d.root.Value()) {
		what := "the schema " + f.What
		if f.Pointer != "" {
			what = f.Pointer + " " + f.What
		}
		if f.Want != "" {
			what += " (" + f.Want + ")"
		}
		problems = append(problems, &Problem{d.file, d.root.LineOf(f.Pointer), what, "write what draft " + draftIn(d.root, draft) + " of JSON Schema allows"})
	}
	return problems
}
