package world

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Reproduce is the command that runs the test again and fails alike, to be
// given from the root of the module.
func Reproduce(t testing.TB, worldName string) string {
	if t == nil {
		return ""
	}
	parts := strings.Split(t.Name(), "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	run := fmt.Sprintf("go test -count=1 -run '%s' %s", strings.Join(parts, "/"), packagePath())
	if worldName != "" && worldName != "fake" {
		run = "EVENTPROOF_REAL=required " + run
	}
	if s := os.Getenv("EVENTPROOF_SEED"); s != "" {
		run = "EVENTPROOF_SEED=" + s + " " + run
	}
	return run
}

// packagePath is the package under test from its module's root: a test runs in
// its package's directory.
func packagePath() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for root := dir; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			if rel, err := filepath.Rel(root, dir); err == nil && rel != "." {
				return "./" + filepath.ToSlash(rel)
			}
			return "."
		}
		if root == filepath.Dir(root) {
			return "."
		}
	}
}
