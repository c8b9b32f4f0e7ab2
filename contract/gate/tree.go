package gate

import (
	"context"
	"crypto/sha1" //nolint:gosec // git's name of a file's content, not a safeguard
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Tree is a contracts root: the files of a directory, or of a directory in a
// revision of git. Their contents are read when they are needed.
type Tree struct {
	name   string // contracts, or main:contracts
	source source

	mu    sync.Mutex
	files map[string]*file // by slash path in the root
}

// source is where a tree's contents come from.
type source interface {
	// read returns the contents of files, by path; where one cannot be read,
	// an error in its place.
	read(ctx context.Context, paths []string) (map[string]content, error)
}

type content struct {
	text []byte
	err  error
}

type file struct {
	id string // git's id of the content; "" where it is not known yet
	*content
}

// Name is what the tree is called in places: the directory, or REVISION:DIRECTORY.
func (t *Tree) Name() string {
	if t == nil {
		return ""
	}
	return t.name
}

// hidden names are left alone, as contract.Load does.
func hidden(name string) bool { return name != "." && (name[0] == '.' || name[0] == '_') }

// hiddenPath reports whether some part of a path is hidden.
func hiddenPath(p string) bool { return slices.ContainsFunc(strings.Split(p, "/"), hidden) }

// Directory is the tree of a directory as it is on disk. No link leads out of it.
func Directory(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("the contracts in %s cannot be read: %w", dir, reason(err))
	}
	t := &Tree{name: filepath.ToSlash(dir), source: onDisk(dir), files: map[string]*file{}}
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case hidden(d.Name()) && d.IsDir():
			return fs.SkipDir
		case !d.IsDir() && !hidden(d.Name()):
			t.files[p] = &file{}
		}
		return nil
	})
	if err = errors.Join(err, root.Close()); err != nil {
		return nil, fmt.Errorf("the contracts in %s cannot be read: %w", dir, err)
	}
	return t, nil
}

// reason is a file system's error without its path.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// onDisk is a directory.
type onDisk string

func (dir onDisk) read(_ context.Context, paths []string) (map[string]content, error) {
	root, err := os.OpenRoot(string(dir))
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	read := make([]content, len(paths))
	each(len(paths), func(i int) {
		text, err := root.ReadFile(filepath.FromSlash(paths[i]))
		read[i] = content{text, err}
	})
	all := make(map[string]content, len(paths))
	for i, p := range paths {
		all[p] = read[i]
	}
	return all, nil
}

// each calls do for 0 to n-1, on all cores.
func each(n int, do func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// load reads contents ahead, many at once.
func (t *Tree) load(ctx context.Context, paths []string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var missing []string
	for _, p := range paths {
		if f := t.files[p]; f != nil && f.content == nil {
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	read, err := t.source.read(ctx, missing)
	if err != nil {
		return fmt.Errorf("read %s: %w", t.name, err)
	}
	for _, p := range missing {
		c := read[p]
		t.files[p].content = &c
	}
	return nil
}

// text is the content of a file.
func (t *Tree) text(ctx context.Context, p string) ([]byte, error) {
	if t.files[p] == nil {
		return nil, fs.ErrNotExist
	}
	if err := t.load(ctx, []string{p}); err != nil {
		return nil, err
	}
	return t.files[p].text, t.files[p].err
}

// id is git's id of a file's content, "" where there is none. long asks for
// that of a repository with SHA-256.
func (t *Tree) id(ctx context.Context, p string, long bool) string {
	f := t.files[p]
	if f == nil {
		return ""
	}
	if f.id == "" {
		text, err := t.text(ctx, p)
		if err != nil {
			return "unreadable"
		}
		f.id = blobID(text, long)
	}
	return f.id
}

func blobID(text []byte, long bool) string {
	h := sha1.New() //nolint:gosec // see above
	if long {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", len(text))
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// longIDs reports whether the tree's ids are those of SHA-256.
func (t *Tree) longIDs() bool {
	for _, f := range t.files {
		if f.id != "" {
			return len(f.id) == 2*sha256.Size
		}
	}
	return false
}

// display is a path as people know it.
func (t *Tree) display(p string) string { return path.Join(t.name, p) }
