package contract

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"

	"github.com/eventproof/eventproof/contract/schema"
)

// root is one of the file systems given to Load.
type root struct {
	number  int // 1-based, in the order given
	fsys    fs.FS
	prefix  string // the directory of an os.DirFS, slash-separated, or what its Name() says; "" otherwise
	library *schema.Library
	close   func()
}

// openRoot learns the directory of an os.DirFS, which is a string underneath,
// so that errors name a file that a person can open; and reads it through
// os.Root, so that no symbolic link leads out of it.
func openRoot(fsys fs.FS, number int) (*root, error) {
	r := &root{number: number, fsys: fsys, close: func() {}}
	if v := reflect.ValueOf(fsys); v.Kind() == reflect.String && v.Type() == reflect.TypeOf(os.DirFS("")) {
		dir, err := os.OpenRoot(v.String())
		if err != nil {
			return nil, &LoadError{Place{File: filepath.ToSlash(v.String())}, "cannot be opened (" + reason(err) + ")", "give the directory that holds the event directories"}
		}
		r.fsys, r.prefix = dir.FS(), filepath.ToSlash(v.String())
		r.close = func() { _ = dir.Close() }
	}
	if named, ok := fsys.(interface{ Name() string }); ok {
		r.prefix = named.Name()
	}
	r.library = schema.NewLibrary(r.fsys, r.display)
	return r, nil
}

func (r *root) display(p string) string {
	if r.prefix == "" {
		return p
	}
	return path.Join(r.prefix, p)
}

func (r *root) place(p string, line int) Place { return Place{File: r.display(p), Line: line} }

// name is what the root itself is called in an error.
func (r *root) name() string {
	if r.prefix == "" {
		return "the root"
	}
	return r.prefix
}
