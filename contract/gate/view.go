package gate

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// view is a part of a tree as a file system, for contract.Load.
type view struct {
	ctx  context.Context //nolint:containedctx // fs.FS has no place for it
	tree *Tree
	dirs map[string][]fs.DirEntry
	kept map[string]bool
}

// newView shows the files that keep wants.
func newView(ctx context.Context, t *Tree, keep func(path string) bool) *view {
	v := &view{ctx: ctx, tree: t, dirs: map[string][]fs.DirEntry{".": nil}, kept: map[string]bool{}}
	linked := map[string]bool{}
	for p := range t.files {
		if !keep(p) {
			continue
		}
		v.kept[p] = true
		v.dirs[path.Dir(p)] = append(v.dirs[path.Dir(p)], entry{path.Base(p), false})
		for dir := path.Dir(p); dir != "." && !linked[dir]; dir = path.Dir(dir) {
			linked[dir] = true
			v.dirs[path.Dir(dir)] = append(v.dirs[path.Dir(dir)], entry{path.Base(dir), true})
		}
	}
	for _, entries := range v.dirs {
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
	return v
}

// Name is how contract.Load calls the root.
func (v *view) Name() string { return v.tree.name }

// anything reports whether there is a contract to load, or what a consumer reads.
func (v *view) anything() bool {
	for p := range v.kept {
		if _, name, _ := strings.Cut(p, "/"); name == contractFile {
			return true
		}
		if _, _, reads := consumerFile(p); reads {
			return true
		}
	}
	return false
}

// prefetch reads the contents of views, all of one tree at once.
func prefetch(views []*view) error {
	for _, v := range views {
		var paths []string
		for p := range v.kept {
			if contractual(p) {
				paths = append(paths, p)
			}
		}
		if err := v.tree.load(v.ctx, paths); err != nil {
			return err
		}
	}
	return nil
}

func (v *view) Open(name string) (fs.File, error) {
	if _, ok := v.dirs[name]; ok {
		return &openDir{entry: entry{path.Base(name), true}, list: v.dirs[name]}, nil
	}
	text, err := v.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &openFile{entry{path.Base(name), false}, bytes.NewReader(text)}, nil
}

func (v *view) ReadFile(name string) ([]byte, error) {
	if !v.kept[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	text, err := v.tree.text(v.ctx, name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: reason(err)}
	}
	return text, nil
}

func (v *view) ReadDir(name string) ([]fs.DirEntry, error) {
	list, ok := v.dirs[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(list), nil
}

// entry is a file or a directory, with what little is known of it.
type entry struct {
	name string
	dir  bool
}

func (e entry) Name() string               { return e.name }
func (e entry) IsDir() bool                { return e.dir }
func (e entry) Info() (fs.FileInfo, error) { return e, nil }
func (e entry) Stat() (fs.FileInfo, error) { return e, nil }
func (e entry) Type() fs.FileMode          { return e.Mode().Type() }
func (e entry) Size() int64                { return 0 }
func (e entry) ModTime() time.Time         { return time.Time{} }
func (e entry) Sys() any                   { return nil }
func (e entry) Close() error               { return nil }

func (e entry) Mode() fs.FileMode {
	if e.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

type openFile struct {
	entry
	*bytes.Reader
}

func (f *openFile) Size() int64 { return f.Reader.Size() }

type openDir struct {
	entry
	list []fs.DirEntry
}

func (d *openDir) Read([]byte) (int, error) { return 0, fs.ErrInvalid }

func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 || n > len(d.list) {
		if n > 0 && len(d.list) == 0 {
			return nil, io.EOF
		}
		n = len(d.list)
	}
	list := d.list[:n]
	d.list = d.list[n:]
	return list, nil
}
