package resources_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/resources"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// told is all that Load has to say.
func told(s *resources.Set, err error) string {
	var b strings.Builder
	if err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			b.WriteString("error   " + line + "\n")
		}
		return b.String()
	}
	for _, w := range s.Warnings {
		b.WriteString("warning " + w.String() + "\n")
	}
	return b.String()
}
