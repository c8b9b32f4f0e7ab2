package gate_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/gate"
)

// history is a repository: v1 on main (tag released), then a branch with a v2
// that breaks it, while main went on.
func history(t *testing.T) *repository {
	t.Helper()
	r := newRepository(t, under("contracts", orders))
	r.git("tag", "--annotate", "--message", "r", "released")
	r.git("checkout", "--quiet", "-b", "feature/v2")
	r.write(under("contracts", map[string]string{v2: `{"type": "string"}`}))
	r.commit("v2")
	r.git("checkout", "--quiet", "main")
	r.write(under("contracts", map[string]string{"order.lost/contract.yaml": "event: order.lost\ntopic: l\nconsumers: [{app: audit}]\n", "order.lost/v1.schema.json": "{}"}))
	r.commit("main goes on")
	r.git("checkout", "--quiet", "feature/v2")
	return r
}

func TestRevisions(t *testing.T) {
	r := history(t)
	for _, tt := range []struct {
		revision, reason string
		want             []string
	}{
		{"main", "a branch; what main has gained meanwhile looks removed", []string{gate.RuleTypeRemoved, gate.RuleBackward, gate.RuleForward}},
		{"released", "an annotated tag", []string{gate.RuleBackward, gate.RuleForward}},
		{"HEAD~1", "the commit before", []string{gate.RuleBackward, gate.RuleForward}},
		{"HEAD", "nothing changed since", nil},
		{"merge-base", "where the branch forked", []string{gate.RuleBackward, gate.RuleForward}},
		{"merge-base:main", "the same, with the branch named", []string{gate.RuleBackward, gate.RuleForward}},
		{r.git("rev-parse", "HEAD~1"), "a commit's id", []string{gate.RuleBackward, gate.RuleForward}},
	} {
		name := tt.revision
		if len(name) == 40 {
			name = "commit"
		}
		t.Run(name, func(t *testing.T) {
			t.Chdir(r.dir)
			base, err := gate.Revision(t.Context(), "contracts", tt.revision)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, rule := range rules(check(t, gate.Config{Head: directory(t, "contracts"), Base: base}).Findings) {
				if rule != gate.RuleReads { // two consumers, too
					got = append(got, rule)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
		})
	}
}

// A clone as CI makes it.
func clone(t *testing.T, from *repository, args ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	from.git(append(append([]string{"clone", "--quiet"}, args...), "file://"+filepath.ToSlash(from.dir), dir)...)
	return dir
}

func TestBranchOfTheRemoteOnly(t *testing.T) {
	r := history(t)
	r.git("checkout", "--quiet", "main") // what a clone takes for the default branch
	dir := clone(t, r, "--branch", "feature/v2")
	tree, err := gate.Revision(t.Context(), filepath.Join(dir, "contracts"), "main")
	if err != nil {
		t.Fatalf("main is known as origin/main: %v", err)
	}
	if !strings.HasPrefix(tree.Name(), "main:") {
		t.Errorf("it is called %s", tree.Name())
	}
	base, err := gate.Revision(t.Context(), filepath.Join(dir, "contracts"), gate.MergeBase)
	if err != nil {
		t.Fatal(err)
	}
	if got := rules(check(t, gate.Config{Head: directory(t, filepath.Join(dir, "contracts")), Base: base}).Findings); len(got) < 2 || got[0] != gate.RuleBackward {
		t.Errorf("got %v, want the break since merge-base", got)
	}
}

func TestErrorsSayTheRemedy(t *testing.T) {
	full := history(t)
	shallow := clone(t, full, "--branch", "feature/v2", "--depth", "1")
	shallowBoth := clone(t, full, "--branch", "feature/v2", "--depth", "1", "--no-single-branch")
	outside := t.TempDir()
	for _, tt := range []struct{ name, reason, dir, revision, want string }{
		{"shallow", "the branch was not fetched", shallow + "/contracts", "main", "main is not in this clone, which is shallow: with actions/checkout write fetch-depth: 0, elsewhere run git fetch --unshallow"},
		{"shallow parent", "history was cut", shallow + "/contracts", "HEAD~1", "HEAD~1 is not in this clone, which is shallow: with actions/checkout write fetch-depth: 0, elsewhere run git fetch --unshallow"},
		{"shallow fork", "both ends are there, what joins them is not", shallowBoth + "/contracts", "merge-base:main", "the commit at which HEAD forked from main is not in this clone, which is shallow: with actions/checkout write fetch-depth: 0, elsewhere run git fetch --unshallow"},
		{"unknown", "a typing error", full.dir + "/contracts", "mian", "git knows no revision mian in DIR: fetch it, or correct the name"},
		{"unknown branch", "a typing error", full.dir + "/contracts", "merge-base:mian", "git knows no branch mian in DIR: fetch it, or correct the name"},
		{"option", "git would take it for an option", full.dir + "/contracts", "--output=x", `"--output=x" is not a revision: write a branch, a tag, a commit or merge-base`},
		{"no repository", "a plain directory", outside, "main", "DIR is not in a git repository, so there is no revision main (git rev-parse: fatal: not a git repository (or any of the parent directories): .git)"},
		{"no directory", "a wrong path", full.dir + "/nowhere", "main", "the contracts in DIR cannot be read: no such file or directory"},
		{"a file", "contracts was a file once", full.dir + "/contracts", "file", "file:DIR is a file: name the directory that holds the event directories"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "a file" {
				full.git("checkout", "--quiet", "--orphan", "other")
				full.git("rm", "--quiet", "-r", "-f", ".")
				full.write(map[string]string{"contracts": "a file"})
				full.commit("a file")
				full.git("tag", "file")
				full.git("checkout", "--quiet", "main")
			}
			_, err := gate.Revision(t.Context(), tt.dir, tt.revision)
			if err == nil {
				t.Fatalf("no error, want %s: %s", tt.want, tt.reason)
			}
			if got := strings.ReplaceAll(err.Error(), tt.dir, "DIR"); got != tt.want {
				t.Errorf("%s\n got: %s\nwant: %s", tt.reason, got, tt.want)
			}
		})
	}
}

// Reading revisions changes no file: neither those of the work tree nor git's own.
func TestNothingIsWritten(t *testing.T) {
	r := history(t)
	r.write(under("contracts", map[string]string{"order.shipped/v1.schema.json": `{"type": "object"}`}))
	state := func() map[string]string {
		files := map[string]string{}
		err := filepath.WalkDir(r.dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			text, err := os.ReadFile(p)
			files[p] = info.ModTime().String() + string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	before := state()
	t.Chdir(r.dir)
	for _, revision := range []string{"main", "merge-base", "HEAD~1"} {
		base, err := gate.Revision(t.Context(), "contracts", revision)
		if err != nil {
			t.Fatal(err)
		}
		other, err := gate.Open(t.Context(), "contracts@main")
		if err != nil {
			t.Fatal(err)
		}
		_ = other
		check(t, gate.Config{Head: directory(t, "contracts"), Base: base})
	}
	if diff := cmp.Diff(before, state()); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}

// Inside a hook, git points its commands at the hook's repository.
func TestHookEnvironment(t *testing.T) {
	r := history(t)
	t.Setenv("GIT_DIR", filepath.Join(t.TempDir(), "nowhere"))
	t.Setenv("GIT_INDEX_FILE", filepath.Join(t.TempDir(), "nothing"))
	if _, err := gate.Revision(t.Context(), filepath.Join(r.dir, "contracts"), "main"); err != nil {
		t.Errorf("the directory's own repository is to be read: %v", err)
	}
}

// A link in the root is what it points to, in a revision too; one that leads
// out of the root is an error in both.
func TestLinksInRevisions(t *testing.T) {
	r := newRepository(t, under("contracts", orders))
	link := filepath.Join(r.dir, "contracts", filepath.FromSlash(v2))
	if err := os.Symlink("v1.schema.json", link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	r.commit("v2 is v1")
	t.Chdir(r.dir)
	base, err := gate.Revision(t.Context(), "contracts", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	r.write(under("contracts", map[string]string{v3: orders[v1]}))
	if got := check(t, gate.Config{Head: directory(t, "contracts"), Base: base}); len(got.Findings) > 0 {
		t.Errorf("got %s", page(got))
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../../outside.json", link); err != nil {
		t.Fatal(err)
	}
	r.commit("v2 leads out")
	base, err = gate.Revision(t.Context(), "contracts", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	r.write(under("contracts", map[string]string{v3: ""}))
	_, err = gate.Check(t.Context(), gate.Config{Head: directory(t, "contracts"), Base: base, Today: today})
	if err == nil || !strings.Contains(err.Error(), "HEAD:contracts/order.placed/v2.schema.json:1: cannot be read (a link that leads to no file of the root)") {
		t.Errorf("got %v", err)
	}
}

// Without the git command the error says so, not that there is no repository.
func TestWithoutGit(t *testing.T) {
	r := newRepository(t, orders)
	t.Setenv("PATH", t.TempDir())
	_, err := gate.Revision(t.Context(), r.dir, "main")
	if err == nil || !strings.HasPrefix(err.Error(), "git is not installed") {
		t.Errorf("got %v", err)
	}
}
