package main

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path"
	"sort"
	"strings"
)

// layer is the file system of an image: a file of this machine, or an empty
// directory, for each path.
type layer struct {
	files map[string]string // path in the image -> file here
	dirs  map[string]int64  // path in the image -> mode
	size  int64
}

func (l *layer) add(target, source string) error {
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("add %s: %w", target, err)
	}
	if l.files == nil {
		l.files = make(map[string]string)
	}
	if _, ok := l.files[target]; !ok {
		l.size += info.Size()
	}
	l.files[target] = source
	return nil
}

func (l *layer) dir(target string, mode int64) {
	if l.dirs == nil {
		l.dirs = make(map[string]int64)
	}
	l.dirs[target] = mode
}

// reader is the layer as a tar archive, written while it is read.
func (l *layer) reader() io.Reader {
	r, w := io.Pipe()
	go func() { w.CloseWithError(l.write(w)) }()
	return r
}

func (l *layer) write(out io.Writer) error {
	w := tar.NewWriter(out)
	dirs := map[string]int64{}
	for target := range l.files {
		for d := path.Dir(target); d != "/" && d != "."; d = path.Dir(d) {
			dirs[d] = 0o755
		}
	}
	for d, mode := range l.dirs {
		dirs[d] = mode
	}
	for _, d := range sorted(dirs) {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(d, "/") + "/", Mode: dirs[d]}); err != nil {
			return err
		}
	}
	for _, target := range sorted(l.files) {
		if err := l.writeFile(w, target, l.files[target]); err != nil {
			return err
		}
	}
	return w.Close()
}

func (l *layer) writeFile(w *tar.Writer, target, source string) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(target, "/"), Mode: 0o755, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
