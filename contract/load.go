package contract

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/eventproof/eventproof/contract/schema"
)

const contractFile = "contract.yaml"

var (
	versionSchema   = regexp.MustCompile(`^v([0-9]+(?:\.[0-9]+)*)\.schema\.json$`)
	versionExamples = regexp.MustCompile(`^v([0-9]+(?:\.[0-9]+)*)\.examples$`)
)

// Load reads contracts from one or more roots and merges them. A root holds a
// directory for each event type, with contract.yaml, vN.schema.json,
// vN.examples/NAME.json and NAME.reads.schema.json; and, for consumers that
// state in their own repository what they read,
// consumers/APP/EVENT.reads.schema.json.
//
// The error joins everything that is wrong, one [LoadError] for each thing, in
// the form "file:line: what: remedy". The same event in two roots is an error
// that names both. Nothing outside the roots is read: no network, no link that
// leads out of an os.DirFS. A file or directory whose name starts with a dot or
// an underscore is left alone, as embed does.
//
// A root with a method Name() string is called by that name in places and
// errors, as an os.DirFS is by its directory; other roots have none.
//
// No roots make an empty catalog. A root in which there is nothing to read is
// an error: it is nearly always a wrong path.
func Load(roots ...fs.FS) (*Catalog, error) {
	l := &loader{catalog: &Catalog{entries: map[string]*entry{}}}
	for i, fsys := range roots {
		r, err := openRoot(fsys, i+1)
		if err != nil {
			l.problems.list = append(l.problems.list, err.(*LoadError)) //nolint:errorlint // openRoot returns no other
			continue
		}
		defer r.close()
		l.root(r)
	}
	l.attachReads()
	l.catalog.sort()
	l.disjoint()
	if err := l.problems.err(); err != nil {
		return nil, err
	}
	return l.catalog, nil
}

type loader struct {
	catalog *Catalog
	reads   []readsFile
	problems
}

// readsFile is a consumers/APP/EVENT.reads.schema.json.
type readsFile struct {
	root       *root
	path       string
	app, event string
}

// root reads one root: first what files there are, then the contracts.
func (l *loader) root(r *root) {
	files := map[string][]string{} // names of the files, by directory
	err := fs.WalkDir(r.fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if name := d.Name(); p != "." && (name[0] == '.' || name[0] == '_') {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.IsDir() {
			files[path.Dir(p)] = append(files[path.Dir(p)], d.Name())
		}
		return nil
	})
	if err != nil {
		l.add(r.place(".", 0), "give a directory that can be read", "cannot be read (%s)", reason(err))
		return
	}
	l.library(r, files)
	found := false
	dirs := sortedKeys(files)
	for _, dir := range dirs {
		switch app, isConsumer := strings.CutPrefix(dir, "consumers/"); {
		case isConsumer && !strings.Contains(app, "/"):
			found = l.consumer(r, dir, app, files[dir]) || found
		case slices.Contains(files[dir], contractFile):
			found = true
			switch strings.Count(dir, "/") {
			case 0:
				if dir == "." {
					l.add(r.place(contractFile, 1), "give its parent directory", "lies in the root itself, which must hold a directory for each event type")
					continue
				}
				l.event(r, dir, files, dirs)
			default:
				l.add(r.place(dir+"/"+contractFile, 1), fmt.Sprintf("give %s as a root", r.display(path.Dir(dir))), "lies too deep: a root holds event directories directly")
			}
		default:
			l.strays(r, dir, files[dir])
		}
	}
	if !found {
		l.add(r.place(".", 0), "give the directory that holds the event directories; eventproof init writes a first one", "no contract here: %s holds no <event>/%s and no consumers/<app>/<event>.reads.schema.json", r.name(), contractFile)
	}
}

// library adds every schema file, so that $ref finds it by $id.
func (l *loader) library(r *root, files map[string][]string) {
	for _, dir := range sortedKeys(files) {
		for _, name := range files[dir] {
			if strings.HasSuffix(name, ".schema.json") {
				l.schema(r.library.Add(path.Join(dir, name)))
			}
		}
	}
}

// strays names files that look as if they were meant to be read, in a
// directory without contract.yaml.
func (l *loader) strays(r *root, dir string, names []string) {
	for _, name := range names {
		switch {
		case name == "contract.yml" || name == "contract.json":
			l.add(r.place(path.Join(dir, name), 1), "name it "+contractFile, "is not read")
		case versionSchema.MatchString(name) && !strings.Contains(dir, "/"):
			l.add(r.place(path.Join(dir, name), 1), "write "+r.display(path.Join(dir, contractFile)), "a schema without a contract")
		}
	}
}

func (l *loader) consumer(r *root, dir, app string, names []string) (found bool) {
	for _, name := range names {
		event, ok := strings.CutSuffix(name, ".reads.schema.json")
		if !ok {
			if path.Ext(name) == ".json" || path.Ext(name) == ".yaml" || path.Ext(name) == ".yml" {
				l.add(r.place(path.Join(dir, name), 1), "name it <event>.reads.schema.json", "is not read")
			}
			continue
		}
		found = true
		l.reads = append(l.reads, readsFile{r, path.Join(dir, name), app, event})
	}
	return found
}

// event reads an event directory.
func (l *loader) event(r *root, dir string, files map[string][]string, dirs []string) {
	before := len(l.list)
	e := l.contract(r, dir, path.Join(dir, contractFile))
	if e == nil {
		return
	}
	if other := l.catalog.entries[e.contract.Event]; other != nil {
		l.add(e.contract.Place, "keep one of them", "event %s of root %d has a contract already, in root %d (%s)", e.contract.Event, r.number, other.root.number, other.contract.Place)
		return
	}
	if e.contract.Event != dir {
		l.add(e.contract.Place, fmt.Sprintf("write event: %s, or rename the directory", dir), "event %s lies in the directory %s", e.contract.Event, dir)
	}
	l.versions(e, files)
	l.examples(e, files, dirs)
	l.names(e, files)
	l.versionSource(e)
	if len(l.list) == before || e.contract.Event != "" {
		l.catalog.entries[e.contract.Event] = e
	}
}

// versions compiles vN.schema.json and puts the versions in order.
func (l *loader) versions(e *entry, files map[string][]string) {
	c := e.contract
	status := e.status
	for _, name := range files[e.dir] {
		m := versionSchema.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		at := path.Join(e.dir, name)
		if c.Schema == "none" {
			l.add(e.root.place(at, 1), "delete the file, or the line schema: none", "a schema, though the contract says schema: none")
			continue
		}
		v := Version{Name: m[1], Status: "published", Place: e.root.place(at, 1)}
		s, found := e.root.library.Compile(at, e.options())
		l.schema(found)
		e.schemas[v.Name] = s
		c.Versions = append(c.Versions, v)
	}
	if c.Schema == "none" {
		for name := range status {
			c.Versions = append(c.Versions, Version{Name: name, Status: "published", Place: c.Place})
		}
		if len(status) == 0 {
			c.Versions = []Version{{Name: "1", Status: "published", Place: c.Place}}
		}
	} else if len(c.Versions) == 0 {
		l.add(c.Place, "write "+e.root.display(path.Join(e.dir, "v1.schema.json"))+", or schema: none", "event %s has no schema", c.Event)
	}
	slices.SortFunc(c.Versions, func(a, b Version) int { return compareVersions(a.Name, b.Name) })
	for name, s := range status {
		i := slices.IndexFunc(c.Versions, func(v Version) bool { return v.Name == name })
		if i < 0 {
			l.add(e.at("/versions/"+name), fmt.Sprintf("write %s, or delete the line", e.root.display(path.Join(e.dir, "v"+name+".schema.json"))), "version %s has no schema", name)
			continue
		}
		c.Versions[i].Status = s
	}
}

// compareVersions compares 2 with 10 and 1.2 with 1.10 as numbers.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	return cmp.Or(slices.CompareFunc(as, bs, func(x, y string) int {
		n, errN := strconv.Atoi(x)
		m, errM := strconv.Atoi(y)
		if errN != nil || errM != nil { // too long for an int: the longer is the greater
			return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
		}
		return cmp.Compare(n, m)
	}), strings.Compare(a, b))
}

func (l *loader) examples(e *entry, files map[string][]string, dirs []string) {
	first, _ := slices.BinarySearch(dirs, e.dir+"/")
	for _, dir := range dirs[first:] {
		if !strings.HasPrefix(dir, e.dir+"/") {
			break // dirs are sorted
		}
		name := path.Base(dir)
		if path.Dir(dir) != e.dir || !strings.HasSuffix(name, ".examples") {
			continue
		}
		m := versionExamples.FindStringSubmatch(name)
		i := -1
		if m != nil {
			i = slices.IndexFunc(e.contract.Versions, func(v Version) bool { return v.Name == m[1] })
		}
		if i < 0 {
			l.add(e.root.place(dir, 0), "name it v<version>.examples, for a version that has a schema", "examples of no version")
			continue
		}
		for _, file := range files[dir] {
			at := path.Join(dir, file)
			base, ok := strings.CutSuffix(file, ".json")
			if !ok {
				l.add(e.root.place(at, 1), "name it "+strings.TrimSuffix(file, path.Ext(file))+".json", "is not read")
				continue
			}
			text, err := fs.ReadFile(e.root.fsys, at)
			if err != nil {
				l.add(e.root.place(at, 1), "make it readable", "cannot be read (%s)", reason(err))
				continue
			}
			if _, err := schema.ReadJSON(text); err != nil {
				l.refused(e.root, at, err)
				continue
			}
			v := &e.contract.Versions[i]
			v.Examples = append(v.Examples, Example{Name: base, Data: text, Place: e.root.place(at, 1)})
		}
	}
}

// names refuses files in an event directory that would silently not be read,
// and reads what the consumers' reads name.
func (l *loader) names(e *entry, files map[string][]string) {
	used := map[string]bool{}
	for i := range e.contract.Consumers {
		k := &e.contract.Consumers[i]
		if k.Reads == "" {
			continue
		}
		used[k.Reads] = true
		if !slices.Contains(files[e.dir], k.Reads) {
			remedy := "write the file"
			if near := schema.Nearest(k.Reads, files[e.dir]); near != "" {
				remedy = "write reads: " + near
			}
			l.add(k.Place, remedy, "reads: %s is not there", e.root.display(path.Join(e.dir, k.Reads)))
			continue
		}
		s, found := e.root.library.Compile(path.Join(e.dir, k.Reads), e.options())
		l.schema(found)
		e.reads[k.App] = s
	}
	for _, name := range files[e.dir] {
		at := e.root.place(path.Join(e.dir, name), 1)
		switch ext := path.Ext(name); {
		case name == contractFile || used[name]:
		case strings.HasSuffix(name, ".reads.schema.json"):
			l.add(at, "name it in reads: of a consumer in "+contractFile+", or delete it", "no consumer reads by it")
		case strings.HasSuffix(name, ".schema.json"):
			if len(name) > 1 && name[0] == 'V' && name[1] >= '0' && name[1] <= '9' {
				l.add(at, "name it v"+name[1:], "is no version: its name begins with a capital V")
			}
		case ext == ".json":
			l.add(at, "name a schema vN.schema.json, put an example into vN.examples/", "is not read")
		case ext == ".yaml" || ext == ".yml":
			l.add(at, "the contract is "+contractFile+", schemas are vN.schema.json", "is not read")
		}
	}
}

// attachReads gives each consumers/ file to its contract.
func (l *loader) attachReads() {
	for _, f := range l.reads {
		at := f.root.place(f.path, 1)
		e := l.catalog.entries[f.event]
		if e == nil {
			remedy := "load the producer's contracts too, or correct the name"
			if near := schema.Nearest(f.event, sortedKeys(l.catalog.entries)); near != "" {
				remedy = "name it " + near + ".reads.schema.json"
			}
			l.add(at, remedy, "event %s has no contract", f.event)
			continue
		}
		s, found := f.root.library.Compile(f.path, e.options())
		l.schema(found)
		consumers := e.contract.Consumers
		i := slices.IndexFunc(consumers, func(c Consumer) bool { return c.App == f.app })
		switch {
		case i < 0:
			e.contract.Consumers = append(consumers, Consumer{App: f.app, Versions: e.contract.published(), Reads: at.File, Place: at})
		case consumers[i].Reads != "":
			l.add(at, "keep one of them", "what %s reads of %s is stated already (%s)", f.app, f.event, consumers[i].Place)
			continue
		default:
			consumers[i].Reads = at.File
		}
		e.reads[f.app] = s
	}
}

// disjoint makes sure that an event fits one contract: those that share a topic
// must ask for different texts at one place.
func (l *loader) disjoint() {
	all := l.catalog.contracts
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.PubSub != b.PubSub || a.Topic != b.Topic {
				continue
			}
			apart := false
			for key, text := range a.Match {
				other, both := b.Match[key]
				apart = apart || both && other != text
			}
			if !apart {
				l.add(l.catalog.entries[b.Event].at("/match"), "give both a match with different texts for the same key, as match: {/data/event_type: "+b.Event+"}",
					"%s and %s share topic %s, and one event may fit both (%s)", b.Event, a.Event, b.Topic, a.Place)
			}
		}
	}
}

func (l *loader) refused(r *root, at string, err error) {
	for _, one := range err.(schema.Refused) { //nolint:errorlint // documented
		l.add(r.place(at, one.Line), one.Remedy, "%s", one.What)
	}
}
