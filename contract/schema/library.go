package schema

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Problem is a defect of a schema file. Its text is "file:line: what: remedy".
type Problem struct {
	File   string
	Line   int
	What   string
	Remedy string
}

func (p *Problem) Error() string {
	return fmt.Sprintf("%s:%d: %s: %s", p.File, p.Line, p.What, p.Remedy)
}

// Options say what a schema does not say itself.
type Options struct {
	// Draft is the draft of schemas without $schema: one of [Drafts]. "": 2020-12.
	Draft string
	// AssertFormat makes the format keyword an assertion. Without it, it is an annotation.
	AssertFormat bool
	// AsValidator takes a schema as the validator does where [Parse] refuses it
	// though the validator would not: an empty enum accepts everything,
	// dependencies is enforced in every draft, draft 7's content keywords are
	// assertions, and a format that nothing checks is an annotation. Set it to reason about what the
	// validator does, not to check what authors write.
	AsValidator bool
}

// Library holds the schema files of one root; a $ref reaches these and no other.
type Library struct {
	fsys    fs.FS
	display func(path string) string
	files   map[string]*document // by path in fsys
	ids     map[string]resource  // by absolute URL without fragment, of $id
	made    map[Options]*compilation
}

// document is a schema file.
type document struct {
	path string
	file string // as shown to people
	text []byte
	root *Node
}

// resource is a schema that has a URL of its own: a file, or a part of it with $id.
type resource struct {
	doc  *document
	node *Node
}

type compilation struct {
	compiler *jsonschema.Compiler
	checked  map[*document][]*Problem
}

// NewLibrary is an empty library. display turns a path of fsys into the name
// that people know the file by; nil: the path itself.
func NewLibrary(fsys fs.FS, display func(path string) string) *Library {
	if display == nil {
		display = func(path string) string { return path }
	}
	return &Library{fsys: fsys, display: display, files: map[string]*document{}, ids: map[string]resource{}, made: map[Options]*compilation{}}
}

// scheme is that of the URLs by which the validator knows our files.
const scheme = "root"

func fileURL(path string) string {
	return (&url.URL{Scheme: scheme, Host: "files", Path: "/" + path}).String()
}

func filePath(u *url.URL) string { return strings.TrimPrefix(u.Path, "/") }

// Add reads a schema file, so that others can name it by its $id. A file that
// is reached by its path need not be added. Every error is a *Problem.
func (l *Library) Add(path string) []*Problem {
	_, problems := l.open(path)
	return problems
}

func (l *Library) open(path string) (*document, []*Problem) {
	if d := l.files[path]; d != nil {
		return d, nil
	}
	text, err := fs.ReadFile(l.fsys, path)
	if err != nil {
		return nil, []*Problem{{File: l.display(path), Line: 1, What: "cannot be read (" + reason(err) + ")", Remedy: "put the schema there"}}
	}
	return l.take(path, text)
}

// take makes a text the file at path.
func (l *Library) take(path string, text []byte) (*document, []*Problem) {
	file := l.display(path)
	root, err := ReadJSON(text)
	if err != nil {
		var problems []*Problem
		var refused Refused
		errors.As(err, &refused)
		for _, r := range refused {
			problems = append(problems, &Problem{file, r.Line, r.What, r.Remedy})
		}
		return nil, problems
	}
	d := &document{path: path, file: file, text: text, root: root}
	l.files[path] = d
	return d, l.index(d, root, fileURL(path), draftIn(root, "") == "4")
}

// reason is a file system's error without the path, which the caller names.
func reason(err error) string {
	if p, ok := err.(*fs.PathError); ok { //nolint:errorlint // only the outermost names the path
		return p.Err.Error()
	}
	return err.Error()
}

// index notes the URLs of the document's $ids (id in draft 4).
func (l *Library) index(d *document, n *Node, base string, draft4 bool) (problems []*Problem) {
	if id := idOf(n, draft4); id != "" {
		if abs, err := resolve(base, id); err == nil {
			base, _, _ = strings.Cut(abs, "#")
			if other, taken := l.ids[base]; taken {
				return []*Problem{{d.file, n.LineOf("/" + idKeyword(draft4)), fmt.Sprintf("$id %s is that of %s:%d too", id, other.doc.file, other.node.Line), "give each its own"}}
			}
			l.ids[base] = resource{d, n}
		}
	}
	eachSubschema(n, func(sub *Node, _ string) { problems = append(problems, l.index(d, sub, base, draft4)...) })
	return problems
}

// idOf is the $id of a schema that gives it a URL of its own: not the mere
// fragment that drafts 6 and 7 name anchors by.
func idOf(n *Node, draft4 bool) string {
	if v := n.Get(idKeyword(draft4)); v != nil && v.Kind == String && !strings.HasPrefix(v.Text, "#") {
		return v.Text
	}
	return ""
}

func idKeyword(draft4 bool) string {
	if draft4 {
		return "id"
	}
	return "$id"
}

func eachSubschema(n *Node, do func(sub *Node, pointer string)) {
	if n.Kind != Object {
		return
	}
	for _, m := range n.Members {
		switch v := m.Value; {
		case oneSchema[m.Name] && v.Kind == Object:
			do(v, Pointer(m.Name))
		case listOfSchemas[m.Name] && v.Kind == Array:
			for i, item := range v.Items {
				do(item, Pointer(m.Name, fmt.Sprint(i)))
			}
		case mapOfSchemas[m.Name] && v.Kind == Object:
			for _, sub := range v.Members {
				do(sub.Value, Pointer(m.Name, sub.Name))
			}
		}
	}
}

func resolve(base, ref string) (string, error) {
	r, err := url.Parse(ref)
	if err != nil {
		return "", err
	}
	if r.IsAbs() {
		return ref, nil
	}
	if strings.HasPrefix(base, "urn:") { // as the validator resolves it: only a fragment can follow a urn
		b, _, _ := strings.Cut(base, "#")
		return b + ref, nil
	}
	b, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	return b.ResolveReference(r).String(), nil
}

// leaves reports whether a relative reference, written in a file at from,
// climbs out of the root. URL resolution would clip it silently.
func leaves(from, ref string) bool {
	r, err := url.Parse(ref)
	if err != nil || r.IsAbs() || r.Host != "" || r.Path == "" {
		return false
	}
	if strings.HasPrefix(r.Path, "/") {
		return true
	}
	to := path.Join(path.Dir(from), r.Path)
	return to == ".." || strings.HasPrefix(to, "../")
}

// load is the validator's only way to a schema: the library.
func (l *Library) load(s string) (io.ReadCloser, error) {
	res, ok := l.resource(s)
	if !ok {
		return nil, fmt.Errorf("%s is not in this root", s)
	}
	text := res.doc.text
	if res.node != res.doc.root {
		text = []byte(res.node.JSON())
	}
	return io.NopCloser(strings.NewReader(string(text))), nil
}

func (l *Library) resource(s string) (resource, bool) {
	if res, ok := l.ids[s]; ok {
		return res, true
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != scheme {
		return resource{}, false
	}
	d, _ := l.open(filePath(u))
	if d == nil {
		return resource{}, false
	}
	return resource{d, d.root}, true
}

// Compile makes the schema at path ready to use, with all that it refers to.
// Every defect found is in the problems; the schema is nil if there is any.
func (l *Library) Compile(path string, o Options) (s *Schema, problems []*Problem) {
	if o.Draft == "" {
		o.Draft = "2020-12"
	}
	c := l.made[o]
	if c == nil {
		c = &compilation{compiler: l.compiler(o), checked: map[*document][]*Problem{}}
		l.made[o] = c
	}
	d, problems := l.open(path)
	if len(problems) > 0 {
		return nil, problems
	}
	if problems = l.check(c, d, o); len(problems) > 0 {
		return nil, problems
	}
	defer func() {
		if p := recover(); p != nil {
			s, problems = nil, []*Problem{{d.file, 1, fmt.Sprintf("the validator cannot compile it (%v)", p), "simplify the schema"}}
		}
	}()
	compiled, err := c.compiler.Compile(fileURL(path))
	if err != nil {
		return nil, l.compileProblems(d, err, o.Draft)
	}
	at, times, tooMany := applications(compiled)
	if tooMany {
		t := &translator{library: l}
		problem := &Problem{d.file, d.root.Line, fmt.Sprintf("its allOf, anyOf, oneOf and references lead to the same schemas too often: %s applications to one value", many(times)), "name each schema once"}
		if in, _, pointer := t.keyword(at.Location); in != nil {
			problem.File, problem.Line = in.file, in.root.LineOf(pointer)
		}
		return nil, []*Problem{problem}
	}
	return &Schema{File: d.file, Root: d.root, Draft: draftIn(d.root, o.Draft), AssertFormat: o.AssertFormat, AssertContent: o.AsValidator, Compiled: compiled, library: l, path: path, options: o, Applications: times}, nil
}

func (l *Library) compiler(o Options) *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.Draft = compiledDrafts[o.Draft]
	c.LoadURL = l.load
	c.AssertFormat = o.AssertFormat
	if !o.AssertFormat {
		// Before 2019-09 the validator asserts format whatever AssertFormat
		// says; a format that accepts everything is an annotation.
		for name := range jsonschema.Formats {
			c.Formats[name] = func(any) bool { return true }
		}
	}
	if o.AsValidator {
		return c
	}
	// So does draft 7's content: asserted by the validator, an annotation here.
	for name := range jsonschema.Decoders {
		c.Decoders[name] = func(string) ([]byte, error) { return nil, nil }
	}
	for name := range jsonschema.MediaTypes {
		c.MediaTypes[name] = func([]byte) error { return nil }
	}
	return c
}
