package resources

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"github.com/eventproof/eventproof/contract"
)

// Load reads the Dapr resources of the roots as daprd reads its
// --resources-path: files named *.yaml and *.yml (any case), in the order of
// their names, each with any number of documents; directories within a root are
// not read. A later root's resource takes the place of an earlier root's with
// the same kind and name.
//
// What daprd refuses, and what makes it leave out a document with no more than
// a line in its log, is an error, all of them joined, each as "file:line: what
// was found, what daprd does, what to write". The set is then nil. What daprd
// passes over in silence is in [Set.Warnings].
//
// The file in a place is the path within its root, with the directory before it
// where the root is an [os.DirFS].
func Load(roots ...fs.FS) (*Set, error) {
	l := &loader{}
	for i, root := range roots {
		from := len(l.files)
		l.readRoot(i, root)
		for j := from; j < len(l.files); j++ {
			l.readFile(l.files[j])
		}
		l.override(i)
	}
	l.checkTogether()
	if len(l.errs) > 0 {
		return nil, errors.Join(l.errs...)
	}
	s := &Set{
		Components: l.components, Subscriptions: l.subscriptions,
		Resiliencies: l.resiliencies, Configurations: l.configurations,
	}
	for _, f := range l.files {
		s.Files = append(s.Files, *f)
	}
	order := map[string]int{}
	for i, f := range l.files {
		order[f.name] = i
	}
	slices.SortStableFunc(l.warnings, func(a, b documentWarning) int {
		return cmp.Or(cmp.Compare(order[a.Place.File], order[b.Place.File]), cmp.Compare(a.Place.Line, b.Place.Line))
	})
	for _, w := range l.warnings {
		if w.doc == nil || !w.doc.overridden {
			s.Warnings = append(s.Warnings, w.Warning)
		}
	}
	return s, nil
}

// loader is the state of one Load.
type loader struct {
	components     []Component
	subscriptions  []Subscription
	resiliencies   []Resiliency
	configurations []Configuration
	files          []*File
	warnings       []documentWarning
	errs           []error

	doc   *document       // the one being read
	other map[string]bool // policies that targets other than components use
	// from is where the present root's resources begin.
	from struct{ components, subscriptions, resiliencies, configurations int }
}

// documentWarning is a warning with the document that it speaks about, which a
// later root may replace.
type documentWarning struct {
	Warning
	doc *document
}

func (l *loader) warn(rule string, at contract.Place, format string, args ...any) {
	l.warnings = append(l.warnings, documentWarning{Warning{Rule: rule, Place: at, What: fmt.Sprintf(format, args...)}, l.doc})
}

func (l *loader) fail(at contract.Place, format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

// isYAML says whether daprd takes the file for YAML.
// Source: kit strings/strings.go IsYaml.
func isYAML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yaml" || ext == ".yml"
}

func (l *loader) readRoot(index int, root fs.FS) {
	l.from.components, l.from.subscriptions = len(l.components), len(l.subscriptions)
	l.from.resiliencies, l.from.configurations = len(l.resiliencies), len(l.configurations)
	l.doc = nil
	named := func(name string) string {
		// os.DirFS is a string, the only root that says where it is.
		if v := reflect.ValueOf(root); v.Kind() == reflect.String {
			return path.Join(strings.ReplaceAll(v.String(), "\\", "/"), name)
		}
		return name
	}
	entries, err := fs.ReadDir(root, ".")
	if err != nil {
		l.errs = append(l.errs, fmt.Errorf("read resources directory %s: %w", named("."), err))
		return
	}
	for _, entry := range entries {
		name := entry.Name()
		at := contract.Place{File: named(name)}
		switch {
		case entry.IsDir():
			if inside, err := fs.ReadDir(root, name); err == nil && slices.ContainsFunc(inside, func(e fs.DirEntry) bool { return !e.IsDir() && isYAML(e.Name()) }) {
				l.warn(RuleNotRead, at, "directory with YAML files: daprd does not read directories within its resources path; give it as a root of its own")
			}
		case !isYAML(name):
			if lower := strings.ToLower(name); strings.HasSuffix(lower, ".json") || strings.Contains(lower, ".yaml") || strings.Contains(lower, ".yml") {
				l.warn(RuleNotRead, at, "daprd reads only files whose name ends in .yaml or .yml; rename it")
			}
		default:
			data, err := fs.ReadFile(root, name)
			if err != nil {
				l.errs = append(l.errs, fmt.Errorf("read %s: %w", at, err))
				continue
			}
			l.files = append(l.files, &File{Root: index, Path: name, Data: data, name: at.File})
		}
	}
}

func (l *loader) readFile(f *File) {
	l.doc = nil
	if action, line, found := template(f.Data); found {
		l.fail(contract.Place{File: f.name, Line: line}, "%s is a template, which daprd does not render; render first (helm template CHART --output-dir DIR, kustomize build, envsubst) and give the directory of the result", action)
		return
	}
	if !utf8.Valid(f.Data) {
		l.fail(contract.Place{File: f.name}, "the file is not UTF-8: daprd skips it with a line in its log; save it as UTF-8")
		return
	}
	documents, lost := split(f.Data)
	for _, at := range documents {
		d := &document{file: f, start: at[0], line: strings.Count(string(f.Data[:at[0]]), "\n"), data: f.Data[at[0]:at[1]]}
		f.documents = append(f.documents, d)
	}
	if lost < len(f.Data) {
		line := strings.Count(string(f.Data[:lost]), "\n") + 1
		l.warn(RuleTruncatedFile, contract.Place{File: f.name, Line: line}, "the last line begins with --- and does not end: daprd loses the document from here on; end the file with a newline")
	}
	// daprd reads a Resiliency, and its configuration file, from the first
	// document of a file only, whatever that document is.
	// Source: D16 pkg/resiliency/resiliency.go loadLocalResiliencyPath.
	var first header
	firstKind := ""
	if err := yaml.Unmarshal(f.Data, &first); err == nil {
		firstKind = first.Kind
	}
	resiliencyRead := false
	for _, d := range f.documents {
		l.doc = d
		size := len(d.data)
		if end := d.start + size; end < len(f.Data) {
			size += 1 + strings.IndexByte(string(f.Data[end+1:])+"\n", '\n')
		}
		if size >= maxDocument {
			l.fail(contract.Place{File: f.name, Line: d.line + 1}, "a document of %d bytes: daprd's reader holds less than %d and never ends; split it", len(d.data), maxDocument)
			continue
		}
		ok, err := d.parse()
		if err != nil {
			line, message := yamlError(err)
			l.fail(contract.Place{File: f.name, Line: d.line + max(line, 1)}, "not a YAML mapping: %s; daprd skips the whole document with a line in its log", message)
			continue
		}
		if !ok {
			continue
		}
		// Only the shape of the head can fail here; checkFields says it better.
		_ = yaml.Unmarshal(d.data, &d.header)
		if d.header.Kind == "Resiliency" {
			if firstKind != "Resiliency" || resiliencyRead {
				d.unread = true
				l.warn(RuleNotRead, d.place("kind"), "Resiliency %q: daprd reads a Resiliency only from the first document of a file; move it to a file of its own", d.header.Metadata.Name)
				continue
			}
			resiliencyRead = true
		}
		l.readDocument(d)
	}
}

// The kinds that daprd loads from a resources path, or by --config, with the
// API versions that it reads them in.
var kinds = map[string][]string{
	"Component":     {"dapr.io/v1alpha1"},
	"Configuration": {"dapr.io/v1alpha1"},
	"HTTPEndpoint":  {"dapr.io/v1alpha1"},
	"Resiliency":    {"dapr.io/v1alpha1"},
	"Subscription":  {"dapr.io/v1alpha1", "dapr.io/v2alpha1"},
}

func (l *loader) readDocument(d *document) {
	kind, version, at := d.header.Kind, d.header.APIVersion, d.place("kind")
	versions, known := kinds[kind]
	switch {
	case kind == "" && version == "":
		l.warn(RuleNotDapr, d.place(), "no apiVersion and kind: daprd skips the document; if it is meant for Dapr, write apiVersion: dapr.io/v1alpha1 and kind")
		return
	case kind == "List" && version == "v1":
		l.warn(RuleNotRead, at, "a List of resources: daprd does not read lists; write each item as a document of its own, between --- lines")
		return
	case !known && !strings.HasPrefix(version, "dapr.io/"):
		l.warn(RuleNotDapr, at, "%s %s is not Dapr's: daprd skips it", version, kind)
		return
	case !known:
		hint := didYouMean(kind, sorted(kinds), "")
		if hint == "" {
			hint = "; daprd reads " + strings.Join(sorted(kinds), ", ")
		}
		l.warn(RuleNotRead, at, "kind %q: daprd skips it%s", kind, hint)
		return
	case kind == "Resiliency" && !slices.Contains(versions, version):
		// daprd looks at the kind only.
		l.warn(RuleIgnored, d.place("apiVersion"), "apiVersion %q: daprd reads a Resiliency whatever its apiVersion; write %s", version, versions[0])
	case kind == "Configuration" && !slices.Contains(versions, version):
		l.warn(RuleIgnored, d.place("apiVersion"), "apiVersion %q: daprd reads a Configuration whatever its apiVersion; write %s", version, versions[0])
	case !slices.Contains(versions, version):
		l.warn(RuleNotRead, d.place("apiVersion"), "%s with apiVersion %q: daprd skips it; write apiVersion: %s", kind, version, strings.Join(versions, " or "))
		return
	}
	if name := d.header.Metadata.Name; kind != "Resiliency" && kind != "Configuration" && (name == "." || name == ".." || strings.ContainsAny(name, "/%")) {
		// Source: k8s.io/apimachinery IsValidPathSegmentName, as daprd calls it.
		l.fail(d.place("metadata", "name"), "name %q: daprd skips the whole %s with a line in its log; write a name without / and %%", name, kind)
		return
	}
	switch kind {
	case "Component":
		l.component(d)
	case "Subscription":
		l.subscription(d)
	case "Resiliency":
		l.resiliency(d)
	case "Configuration":
		l.configuration(d)
	}
}

// decode checks the fields of the document and decodes it into target.
func (l *loader) decode(d *document, s object, target any) bool {
	if !l.checkFields(d, s) {
		return false
	}
	if err := yaml.Unmarshal(d.data, target); err != nil {
		l.fail(d.place("kind"), "daprd cannot decode this %s and skips it with a line in its log: %s", d.header.Kind, strings.TrimPrefix(err.Error(), "error unmarshaling JSON: while decoding JSON: "))
		return false
	}
	return true
}

// override lets the resources of the present root take the place of earlier
// ones with the same kind and name.
func (l *loader) override(root int) {
	if root == 0 {
		return
	}
	l.components = overrideBy(l.components, l.from.components, func(c Component) (string, *document) { return c.Name, c.doc })
	l.subscriptions = overrideBy(l.subscriptions, l.from.subscriptions, func(s Subscription) (string, *document) { return s.Name, s.doc })
	l.resiliencies = overrideBy(l.resiliencies, l.from.resiliencies, func(r Resiliency) (string, *document) { return r.Name, r.doc })
	l.configurations = overrideBy(l.configurations, l.from.configurations, func(c Configuration) (string, *document) { return c.Name, c.doc })
}

func overrideBy[R any](all []R, from int, identify func(R) (string, *document)) []R {
	newer := map[string]bool{}
	for _, r := range all[from:] {
		name, _ := identify(r)
		newer[name] = true
	}
	kept := make([]R, 0, len(all))
	for i, r := range all {
		name, doc := identify(r)
		if i < from && newer[name] {
			doc.overridden = true
			continue
		}
		kept = append(kept, r)
	}
	return kept
}
