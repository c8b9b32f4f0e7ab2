package compat_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

// Of the containment suites, every 5th incompatible direction is explained, by
// witnesses that the validator confirms and places that exist.
func TestExplainCorpus(t *testing.T) {
	for _, set := range []string{"draft7", "draft2020-12"} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			explained, changes, more, unnamed := 0, 0, 0, 0
			for i, p := range pairs(t, set) {
				if i%5 != 0 {
					continue
				}
				o := schema.Options{Draft: strings.TrimPrefix(set, "draft"), AsValidator: true, AssertFormat: strings.Contains(p.file, "optional/format/")}
				first, err1 := schema.Parse("schema1.json", p.Schema1, o)
				second, err2 := schema.Parse("schema2.json", p.Schema2, o)
				if err1 != nil || err2 != nil {
					continue
				}
				r := compat.Compare(first, second, compat.Policy{})
				e := compat.Explain(first, second, r, compat.Names{})
				confirmExplanation(t, p.file+" "+compact(p.Schema1)+" "+compact(p.Schema2), first, second, r, e)
				if r.Backward.Verdict == compat.Incompatible || r.Forward.Verdict == compat.Incompatible {
					explained++
				}
				changes += len(e.Changes)
				if e.More {
					more++
				}
				for _, c := range e.Changes {
					if strings.HasPrefix(c.Rule, "COMPAT_SCHEMA_") {
						unnamed++
						t.Logf("%s: %s: %s %s", c.Rule, c.What, compact(p.Schema1), compact(p.Schema2))
					}
				}
			}
			t.Logf("%d incompatible pairs explained by %d changes; %d may have more", explained, changes, more)
			if explained < 250 {
				t.Errorf("%d incompatible pairs, want 250 at least", explained)
			}
			if unnamed > 0 {
				t.Errorf("%d changes have no rule of their own", unnamed)
			}
		})
	}
}

// The CDEvents vocabulary as it evolved: schemas of the same name, both
// policies.
func TestExplainCDEvents(t *testing.T) {
	versions := []string{"v0.3.0", "v0.4.1", "v0.5.1"}
	libraries := map[string]*schema.Library{}
	for _, v := range versions {
		dir := corpus(t, "cdevents", v)
		libraries[v] = schema.NewLibrary(os.DirFS(dir), func(p string) string { return v + "/" + p })
		links, err := fs.Glob(os.DirFS(dir), "schemas/links/*.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links {
			libraries[v].Add(link)
		}
	}
	for i, v := range versions[1:] {
		files, err := filepath.Glob(corpus(t, "cdevents", versions[i]) + "/schemas/*.json")
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for at, file := range files {
			if at%4 != 0 && os.Getenv("EVENTPROOF_LONG") == "" {
				continue
			}
			name := "schemas/" + filepath.Base(file)
			if _, err := os.Stat(corpus(t, "cdevents", v, name)); err != nil {
				continue // renamed or gone
			}
			old, problems := libraries[versions[i]].Compile(name, schema.Options{})
			new, more := libraries[v].Compile(name, schema.Options{})
			if len(problems)+len(more) > 0 {
				t.Fatal(problems, more)
			}
			for _, undeclared := range []compat.Undeclared{compat.Allowed, compat.Absent} {
				r := compat.Compare(old, new, compat.Policy{Undeclared: undeclared})
				e := compat.Explain(old, new, r, compat.Names{Old: versions[i], New: v})
				confirmExplanation(t, name, old, new, r, e)
				t.Logf("%s %s -> %s, undeclared %s: %s, more %v", name, versions[i], v, undeclared, e.Step, e.More)
				for _, c := range e.Changes {
					t.Logf("  %s %s\n    %s -> %s\n    %s\n    %s\n    %s", c.Rule, c.Pointer, c.Old, c.New, c.What, c.Remedy, jsonOf(c.Witness))
				}
			}
		}
	}
}
