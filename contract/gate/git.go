package gate

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

var errNoGit = errors.New("git is not installed: revisions are read with the git command; install it and have it on PATH, or name a directory")

// git runs a git command in a directory and returns what it prints.
func git(ctx context.Context, dir string, stdin io.Reader, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	c.Stdin = stdin
	c.Env = gitEnvironment()
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, errNoGit
		}
		said := strings.TrimSpace(stderr.String())
		if said == "" {
			said = err.Error()
		}
		return stdout.Bytes(), fmt.Errorf("git %s: %s", args[0], said)
	}
	return stdout.Bytes(), nil
}

// gitEnvironment is ours without what ties git to one repository: inside a
// hook, git sets these, and they would win over the directory that we name.
// Nobody is asked for a password.
func gitEnvironment() []string {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool {
		name, _, _ := strings.Cut(s, "=")
		switch name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_NAMESPACE":
			return true
		}
		return false
	})
	return append(env, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
}

// MergeBase as a revision means the commit at which the work forked from the
// branch that it is to be merged into: merge-base, or merge-base:BRANCH.
const MergeBase = "merge-base"

// Revision is the tree that a directory of a git repository has in a revision:
// a branch, a tag, a commit, HEAD~1, [MergeBase]. A branch that only the
// remote has is found as origin/BRANCH. A directory that the revision does not
// have is an empty tree: its contracts are new.
//
// The error says what to do about a clone that is too shallow to have the
// revision.
func Revision(ctx context.Context, dir, revision string) (*Tree, error) {
	return revisionOf(ctx, dir, "", revision)
}

// revisionOf is [Revision] for a directory in dir, which may be there in the
// revision only; "" is dir itself.
func revisionOf(ctx context.Context, dir, in, revision string) (*Tree, error) {
	commit, err := resolveRevision(ctx, dir, revision)
	if err != nil {
		return nil, err
	}
	prefix, err := git(ctx, dir, nil, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, fmt.Errorf("%s is not in a git work tree (%w)", dir, err)
	}
	inside := strings.TrimSuffix(strings.TrimRight(string(prefix), "\n"), "/")
	t, err := treeAt(ctx, dir, commit, path.Join(inside, in), revision+":"+path.Join(filepath.ToSlash(dir), in))
	if err != nil || in != "" {
		return t, err
	}
	if o, ok := t.source.(*objects); ok {
		if o.revision = commit; commitNamed(ctx, dir, revision) == commit {
			o.revision = revision // not merge-base, and not one that only origin has
		}
	}
	return t, nil
}

func resolveRevision(ctx context.Context, dir, revision string) (commit string, err error) {
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("the contracts in %s cannot be read: %w", dir, reason(err))
	}
	if revision == "" || strings.HasPrefix(revision, "-") {
		return "", fmt.Errorf("%q is not a revision: write a branch, a tag, a commit or %s", revision, MergeBase)
	}
	if _, err := git(ctx, dir, nil, "rev-parse", "--git-dir"); errors.Is(err, errNoGit) {
		return "", err
	} else if err != nil {
		return "", fmt.Errorf("%s is not in a git repository, so there is no revision %s (%w)", dir, revision, err)
	}
	branch, isBase := strings.CutPrefix(revision, MergeBase)
	if isBase && (branch == "" || branch[0] == ':') {
		return mergeBase(ctx, dir, strings.TrimPrefix(branch, ":"))
	}
	if commit := commitOf(ctx, dir, revision); commit != "" {
		return commit, nil
	}
	if isShallow(ctx, dir) {
		return "", shallow(revision + " is not in this clone")
	}
	return "", fmt.Errorf("git knows no revision %s in %s: fetch it, or correct the name", revision, dir)
}

// commitOf is the commit that a revision names, here or at origin.
func commitOf(ctx context.Context, dir, revision string) string {
	for _, name := range []string{revision, "refs/remotes/origin/" + revision} {
		if commit := commitNamed(ctx, dir, name); commit != "" {
			return commit
		}
	}
	return ""
}

// commitNamed is the commit that a revision names here.
func commitNamed(ctx context.Context, dir, revision string) string {
	out, err := git(ctx, dir, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if lines := strings.Fields(string(out)); err == nil && len(lines) > 0 {
		return lines[len(lines)-1] // git before 2.30 prints --end-of-options too
	}
	return ""
}

// mergeBase is where HEAD forked from a branch; without one, from that which
// GitHub says a pull request goes to, from origin's default branch, or from
// main or master.
func mergeBase(ctx context.Context, dir, branch string) (string, error) {
	candidates := []string{branch}
	if branch == "" {
		candidates = []string{os.Getenv("GITHUB_BASE_REF"), "refs/remotes/origin/HEAD", "main", "master"}
	}
	for _, name := range candidates {
		if name == "" {
			continue
		}
		tip := commitOf(ctx, dir, name)
		if tip == "" {
			continue
		}
		out, err := git(ctx, dir, nil, "merge-base", tip, "HEAD")
		if commit := strings.TrimSpace(string(out)); err == nil && commit != "" {
			return commit, nil
		}
		if isShallow(ctx, dir) {
			return "", shallow("the commit at which HEAD forked from " + name + " is not in this clone")
		}
		return "", fmt.Errorf("HEAD and %s have no commit in common: name a revision instead of %s", name, MergeBase)
	}
	if isShallow(ctx, dir) {
		return "", shallow("the branch to be merged into is not in this clone")
	}
	if branch != "" {
		return "", fmt.Errorf("git knows no branch %s in %s: fetch it, or correct the name", branch, dir)
	}
	return "", fmt.Errorf("which branch is to be merged into? Write %s:BRANCH", MergeBase)
}

func isShallow(ctx context.Context, dir string) bool {
	out, err := git(ctx, dir, nil, "rev-parse", "--is-shallow-repository")
	return err == nil && strings.TrimSpace(string(out)) == "true"
}

func shallow(what string) error {
	return fmt.Errorf("%s, which is shallow: with actions/checkout write fetch-depth: 0, elsewhere run git fetch --unshallow", what)
}

// treeAt lists a directory of a commit.
func treeAt(ctx context.Context, dir, commit, inside, name string) (*Tree, error) {
	object := commit + ":" + inside
	source := &objects{dir: dir, ids: map[string]string{}}
	t := &Tree{name: name, source: source, files: map[string]*file{}}
	if kind, err := git(ctx, dir, nil, "cat-file", "-t", object); err != nil {
		if _, err := git(ctx, dir, nil, "cat-file", "-e", commit); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		return t, nil // the commit has no such directory
	} else if strings.TrimSpace(string(kind)) != "tree" {
		return nil, fmt.Errorf("%s is a file: name the directory that holds the event directories", name)
	}
	list, err := git(ctx, dir, nil, "ls-tree", "-r", "-z", "--full-tree", object)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	links := map[string]string{}
	for _, line := range strings.Split(string(list), "\x00") {
		about, p, ok := strings.Cut(line, "\t") // mode SP type SP id TAB path
		fields := strings.Fields(about)
		if !ok || len(fields) != 3 || fields[1] != "blob" || hiddenPath(p) {
			continue
		}
		if fields[0] == "120000" {
			links[p] = fields[2]
			continue
		}
		source.ids[p] = fields[2]
		t.files[p] = &file{id: fields[2]}
	}
	return t, follow(ctx, t, source, links)
}

// follow makes links what they point to in the tree, as the work tree has
// them; a link that leads out is a file that cannot be read.
func follow(ctx context.Context, t *Tree, o *objects, links map[string]string) error {
	if len(links) == 0 {
		return nil
	}
	raw := &objects{dir: o.dir, ids: links}
	paths := make([]string, 0, len(links))
	for p := range links {
		paths = append(paths, p)
	}
	texts, err := raw.read(ctx, paths)
	if err != nil {
		return fmt.Errorf("read %s: %w", t.name, err)
	}
	for _, p := range paths {
		to := p
		for range 10 { // links to links; a circle ends
			if _, isLink := links[to]; !isLink {
				break
			}
			to = path.Join(path.Dir(to), string(texts[to].text))
		}
		if id, ok := o.ids[to]; ok {
			o.ids[p] = id
			t.files[p] = &file{id: id}
			continue
		}
		t.files[p] = &file{id: links[p], content: &content{err: errors.New("a link that leads to no file of the root")}}
	}
	return nil
}

// objects are blobs of a repository, by the path at which they lie.
type objects struct {
	dir      string
	revision string // as git knows it in dir; "" where it is not kept
	ids      map[string]string
}

func (o *objects) read(ctx context.Context, paths []string) (map[string]content, error) {
	var ask strings.Builder
	for _, p := range paths {
		ask.WriteString(o.ids[p] + "\n")
	}
	out, err := git(ctx, o.dir, strings.NewReader(ask.String()), "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(bytes.NewReader(out))
	all := make(map[string]content, len(paths))
	for _, p := range paths {
		head, err := r.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("git cat-file ended early at %s", p)
		}
		fields := strings.Fields(head) // id SP type SP size, or id SP missing
		size := -1
		if len(fields) == 3 {
			size, err = strconv.Atoi(fields[2])
		}
		if err != nil || size < 0 {
			all[p] = content{err: fmt.Errorf("git has no object %s", o.ids[p])}
			continue
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(r, text); err != nil {
			return nil, fmt.Errorf("git cat-file ended early at %s", p)
		}
		_, _ = r.ReadByte() // the newline after each object
		all[p] = content{text: text}
	}
	return all, nil
}
