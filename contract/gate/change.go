package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	contractFile = "contract.yaml"
	readsSuffix  = ".reads.schema.json"
	consumersDir = "consumers/"
)

// contractual reports whether a file can be part of a contract.
func contractual(p string) bool {
	switch path.Ext(p) {
	case ".json", ".yaml", ".yml", ".jsonschema", ".schema":
		return true
	}
	return false
}

// event is the event type that a file belongs to: by its directory, or as what
// a consumer reads of it; "" where it belongs to none, such as a schema that
// several refer to.
func (t *Tree) event(p string) string {
	if event, _, ok := consumerFile(p); ok {
		return event
	}
	dir, _, ok := strings.Cut(p, "/")
	if ok && t.owns(dir) {
		return dir
	}
	return ""
}

// consumerFile reads consumers/APP/EVENT.reads.schema.json.
func consumerFile(p string) (event, app string, ok bool) {
	rest, isConsumer := strings.CutPrefix(p, consumersDir)
	app, name, isFile := strings.Cut(rest, "/")
	event, isReads := strings.CutSuffix(name, readsSuffix)
	return event, app, isConsumer && isFile && isReads && event != "" && !strings.Contains(name, "/")
}

// owns reports whether the tree has the contract of an event type.
func (t *Tree) owns(event string) bool {
	return t != nil && t.files[event+"/"+contractFile] != nil
}

// reads is the file in consumers/ with what an app reads of an event, "" where
// the tree has none.
func (t *Tree) reads(event, app string) string {
	p := consumersDir + app + "/" + event + readsSuffix
	if t == nil || t.files[p] == nil {
		return ""
	}
	return p
}

// change is what differs between two trees.
type change struct {
	files  map[string]bool // by path
	events map[string]bool // those touched, themselves or what they refer to
	// outside are the events touched through a file that is not their own.
	outside map[string]bool
	// inside are the events of whose schemas some refer to others of them.
	inside map[string]bool
}

// differences compares two trees by the ids of their contents.
func differences(ctx context.Context, base, head *Tree) (map[string]bool, error) {
	var paths []string
	for p := range head.files {
		if contractual(p) && base.files[p] != nil {
			paths = append(paths, p)
		}
	}
	if err := head.load(ctx, paths); err != nil {
		return nil, err
	}
	long := base.longIDs()
	same := make([]bool, len(paths))
	each(len(paths), func(i int) { same[i] = base.id(ctx, paths[i], long) == head.id(ctx, paths[i], long) })
	differ := map[string]bool{}
	for i, p := range paths {
		if !same[i] {
			differ[p] = true
		}
	}
	for _, pair := range [][2]*Tree{{base, head}, {head, base}} {
		for p := range pair[0].files {
			if contractual(p) && pair[1].files[p] == nil {
				differ[p] = true
			}
		}
	}
	return differ, nil
}

// compareTrees finds the events that differ.
func compareTrees(ctx context.Context, base, head *Tree) (*change, error) {
	differ, err := differences(ctx, base, head)
	if err != nil {
		return nil, err
	}
	c := &change{files: differ, events: map[string]bool{}, outside: map[string]bool{}, inside: map[string]bool{}}
	if len(differ) == 0 {
		return c, nil
	}
	for p := range differ {
		for _, t := range []*Tree{base, head} {
			if e := t.event(p); e != "" {
				c.events[e] = true
			}
		}
	}
	links, err := head.links(ctx, nil)
	if err != nil {
		return nil, err
	}
	for p := range links {
		for _, q := range links[p] {
			if e := head.event(p); e != "" && head.event(q) == e {
				c.inside[e] = true
			}
		}
		if e := head.event(p); e != "" && links.reach(p, func(q string) bool { return q == anyFile || differ[q] && head.event(q) != e }) {
			c.events[e], c.outside[e] = true, true
		}
	}
	return c, nil
}

// graph is which files each schema file refers to. anyFile stands for what
// cannot be known without reading as the validator reads.
type graph map[string][]string

const anyFile = "*"

var (
	refs = regexp.MustCompile(`"\$(?:ref|dynamicRef|recursiveRef)"\s*:\s*"([^"]*)"`)
	ids  = regexp.MustCompile(`"\$?id"\s*:\s*"([^"]*)"`)
)

// links reads the graph of a tree's schema files; only says which, nil: all.
func (t *Tree) links(ctx context.Context, only func(path string) bool) (graph, error) {
	var paths []string
	for p := range t.files {
		if contractual(p) && path.Ext(p) != ".yaml" && path.Ext(p) != ".yml" && !strings.Contains(p, ".examples/") && (only == nil || only(p)) {
			paths = append(paths, p)
		}
	}
	if err := t.load(ctx, paths); err != nil {
		return nil, err
	}
	byID := map[string]string{}
	own := map[string][]string{}
	referring := map[string][]string{}
	for _, p := range paths {
		text := t.files[p].text
		if bytes.Contains(text, []byte(`id"`)) {
			for _, m := range ids.FindAllSubmatch(text, -1) {
				id := strings.TrimSuffix(unquote(m[1]), "#")
				byID[id] = p
				own[p] = append(own[p], id)
			}
		}
		if bytes.Contains(text, []byte(`ef"`)) {
			for _, m := range refs.FindAllSubmatch(text, -1) {
				if to, _, _ := strings.Cut(unquote(m[1]), "#"); to != "" {
					referring[p] = append(referring[p], to)
				}
			}
		}
		if bytes.Contains(text, []byte(`\u00`)) { // an ASCII letter of a keyword may be escaped
			referring[p] = append(referring[p], anyFile)
		}
	}
	g := graph{}
	for p, all := range referring {
		for _, ref := range all {
			g[p] = append(g[p], t.target(p, ref, own[p], byID)...)
		}
	}
	return g, nil
}

func unquote(raw []byte) string {
	var s string
	if json.Unmarshal([]byte(`"`+string(raw)+`"`), &s) != nil {
		return anyFile
	}
	return s
}

// target is what a reference in a file may mean: a path, or an $id, also one
// that the file's own $id makes of it.
func (t *Tree) target(from, ref string, own []string, byID map[string]string) []string {
	var to []string
	if p := path.Join(path.Dir(from), ref); t.files[p] != nil {
		to = append(to, p)
	}
	if p, ok := byID[ref]; ok {
		to = append(to, p)
	}
	if u, err := url.Parse(ref); err == nil {
		for _, id := range own {
			if base, err := url.Parse(id); err == nil {
				if p, ok := byID[base.ResolveReference(u).String()]; ok {
					to = append(to, p)
				}
			}
		}
	}
	if strings.Contains(ref, "json-schema.org/") && len(to) == 0 {
		return nil // a meta-schema, which is built in
	}
	if len(to) == 0 {
		return []string{anyFile}
	}
	return to
}

// reach reports whether a file, or what it refers to, is such.
func (g graph) reach(from string, such func(path string) bool) bool {
	return slices.ContainsFunc(g.closure(from), such)
}

// closure are the files that a file refers to, in any number of steps.
func (g graph) closure(from string) []string {
	seen := map[string]bool{from: true}
	queue := []string{from}
	for i := 0; i < len(queue); i++ {
		for _, to := range g[queue[i]] {
			if !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	return queue[1:]
}

// needed adds to the wanted events those whose directories must be loaded with
// them, because their schemas refer there; all: everything must. reached are
// the files of no event that they refer to.
func (t *Tree) needed(ctx context.Context, wanted map[string]bool) (all bool, reached map[string]bool, err error) {
	reached = map[string]bool{}
	for {
		links, err := t.links(ctx, func(p string) bool { e := t.event(p); return e == "" || wanted[e] })
		if err != nil {
			return false, nil, err
		}
		before := len(wanted)
		for p := range links {
			if !wanted[t.event(p)] {
				continue
			}
			for _, q := range links.closure(p) {
				if q == anyFile {
					return true, nil, nil
				}
				if e := t.event(q); e != "" {
					wanted[e] = true
				} else {
					reached[q] = true
				}
			}
		}
		if len(wanted) == before {
			return false, reached, nil
		}
	}
}
