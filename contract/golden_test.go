package contract_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

// book is a golden file of many cases, a page for each, so that one case can
// be run alone.
type book struct {
	file  string
	pages []string
}

// page compares what a case printed with its page in the file.
func (k *book) page(t *testing.T, title, got string) {
	t.Helper()
	page := "== " + title + "\n" + got + "\n\n"
	k.pages = append(k.pages, page)
	if *update {
		return
	}
	want := ""
	for _, one := range k.read(t) {
		if strings.HasPrefix(one, "== "+title+"\n") {
			want = one
		}
	}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("%s (-want +got; go test -update writes it):\n%s", k.file, diff)
	}
}

// close writes the file under -update. Otherwise it makes sure that the file
// has no page of a case that is gone; all says how many cases there are, so
// that a run of some of them is not held to that.
func (k *book) close(t *testing.T, all int) {
	t.Helper()
	if len(k.pages) != all {
		return
	}
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", k.file), []byte(strings.Join(k.pages, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if n := len(k.read(t)); n != all {
		t.Errorf("%s has %d pages, want one for each of %d cases", k.file, n, all)
	}
}

func (k *book) read(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", k.file))
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	var pages []string
	for _, one := range strings.Split(string(b), "\n\n== ") {
		pages = append(pages, "== "+strings.TrimPrefix(strings.TrimSuffix(one, "\n\n"), "== ")+"\n\n")
	}
	return pages
}
