package schema

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// check names what the validator would get wrong, or would refuse without
// saying where, in a document and in all that it refers to.
func (l *Library) check(c *compilation, d *document, o Options) []*Problem {
	if problems, done := c.checked[d]; done {
		return problems
	}
	c.checked[d] = nil // a cycle of files ends here
	k := &checker{library: l, doc: d, draft: o.Draft, options: o}
	if s := d.root.Get("$schema"); s != nil {
		k.draft = draftOf(s.Text)
		if s.Kind != String || k.draft == "" {
			k.problem(s.Line, fmt.Sprintf("$schema %s is not a draft that is read", shorten(s.JSON())),
				"write https://json-schema.org/draft/2020-12/schema, or 2019-09, or http://json-schema.org/draft-07/schema#, -06 or -04")
			c.checked[d] = k.problems
			return k.problems
		}
	}
	k.schema(d.root, fileURL(d.path), d.root, true)
	for _, other := range k.refers {
		if other != d {
			k.problems = append(k.problems, l.check(c, other, o)...)
		}
	}
	c.checked[d] = k.problems
	return k.problems
}

type checker struct {
	library  *Library
	doc      *document
	draft    string
	options  Options
	refers   []*document
	problems []*Problem
}

func (k *checker) problem(line int, what, remedy string) {
	k.problems = append(k.problems, &Problem{k.doc.file, line, what, remedy})
}

// schema checks one subschema; base is its base URI, top what base's fragment
// starts from.
func (k *checker) schema(n *Node, base string, top *Node, root bool) {
	if n.Kind != Object {
		return // true, false, or refused by the meta-schema
	}
	if id := idOf(n, k.draft == "4"); id != "" {
		if abs, err := resolve(base, id); err == nil {
			base, _, _ = strings.Cut(abs, "#")
			top = n
		}
	}
	for _, m := range n.Members {
		v := m.Value
		k.misspelt(m)
		switch {
		case m.Name == "$schema" && !root:
			if draftOf(v.Text) != k.draft {
				k.problem(m.Line, fmt.Sprintf("$schema %s inside a schema of draft %s", shorten(v.JSON()), k.draft), "one draft a file: move it to a file of its own")
			}
		case m.Name == "$ref" || m.Name == "$dynamicRef" || m.Name == "$recursiveRef":
			if v.Kind == String {
				k.reference(m.Line, v.Text, base, top)
			}
		case m.Name == "enum" && !k.options.AsValidator && v.Kind == Array && len(v.Items) == 0:
			k.problem(m.Line, "enum: [] accepts nothing, but the validator would accept everything", "list the values, or write \"not\": {}")
		case m.Name == "dependencies" && !k.options.AsValidator && since(k.draft, "2019-09"):
			k.problem(m.Line, fmt.Sprintf("dependencies is not a keyword of draft %s, but the validator would enforce it", k.draft), "write dependentRequired or dependentSchemas")
		case m.Name == "pattern" && v.Kind == String:
			k.pattern(m.Line, v.Text)
		case m.Name == "patternProperties" && v.Kind == Object:
			for _, p := range v.Members {
				k.pattern(p.Line, p.Name)
			}
		case m.Name == "format" && v.Kind == String && k.options.AssertFormat && !k.options.AsValidator:
			if _, known := jsonschema.Formats[v.Text]; !known {
				k.problem(m.Line, fmt.Sprintf("format %s is asserted, but nothing checks it", quote(v.Text)), "write a pattern, or format: annotate in contract.yaml")
			}
		case counts[m.Name] && v.Kind == Number:
			if f, _ := strconv.ParseFloat(v.Text, 64); f >= math.MaxInt64 {
				k.problem(m.Line, fmt.Sprintf("%s %s is beyond a 64-bit integer", m.Name, shorten(v.Text)), "write a smaller number, or leave it out")
			}
		}
	}
	eachSubschema(n, func(sub *Node, _ string) { k.schema(sub, base, top, false) })
}

func (k *checker) pattern(line int, pattern string) {
	if _, err := regexp.Compile(pattern); err != nil {
		reason := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		k.problem(line, fmt.Sprintf("pattern %s is not RE2 (%s)", shorten(quote(pattern)), reason), "write it without look-around and back-references, see https://go.dev/s/re2syntax")
	}
}

func (k *checker) reference(line int, ref, base string, top *Node) {
	inFile := strings.HasPrefix(base, scheme+":")
	from := ""
	if u, err := url.Parse(base); err == nil {
		from = filePath(u)
	}
	if inFile && leaves(from, ref) {
		k.problem(line, fmt.Sprintf("$ref %s leaves the root", quote(ref)), "move the schema into the root")
		return
	}
	abs, err := resolve(base, ref)
	if err != nil {
		k.problem(line, fmt.Sprintf("$ref %s is not a URI reference", quote(ref)), "write a path, or # and a JSON Pointer")
		return
	}
	target, fragment, _ := strings.Cut(abs, "#")
	baseOnly, _, _ := strings.Cut(base, "#")
	at := top
	if target != baseOnly {
		if isMeta(target) {
			return
		}
		u, _ := url.Parse(target)
		if u != nil && u.Scheme == scheme {
			if d, problems := k.library.open(filePath(u)); d == nil {
				what := "is not in the root"
				if len(problems) > 0 && !strings.Contains(problems[0].What, "not exist") {
					what = "is broken: " + problems[0].What
				}
				k.problem(line, fmt.Sprintf("$ref %s: %s %s", quote(ref), k.library.display(filePath(u)), what), "correct the path, or put the file there")
				return
			}
		}
		res, ok := k.library.resource(target)
		if !ok {
			what := fmt.Sprintf("$ref %s is neither in this root nor read from elsewhere", quote(ref))
			if target != strings.TrimSuffix(ref, "#"+fragment) {
				what = fmt.Sprintf("$ref %s means %s because of $id, which is neither in this root nor read from elsewhere", quote(ref), target)
			}
			if strings.HasPrefix(target, "file:") {
				k.problem(line, what, "put the file into the root, and refer to it by its path there")
				return
			}
			k.problem(line, what, fmt.Sprintf("put a schema file with \"$id\": %s into the root, or refer to a file by its path", quote(target)))
			return
		}
		at = res.node
		k.refers = append(k.refers, res.doc)
	}
	if fragment == "" || fragment[0] != '/' {
		return // the whole, or an anchor, which the validator resolves
	}
	pointer, err := url.PathUnescape(fragment)
	if err != nil || at.At(pointer) == nil {
		k.problem(line, fmt.Sprintf("$ref %s finds nothing", quote(ref)), "correct the pointer")
	}
}
