package gate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Open reads a tree that is written as one text:
//
//   - DIR, a directory as it is: its directory contracts, where it holds
//     contracts, or else DIR itself;
//   - DIR@REVISION, the same of a local repository in a revision;
//   - URL@REVISION, a remote repository: its directory contracts, or, where it
//     has none, all of it;
//   - URL//DIR@REVISION, another directory of it.
//
// URL is what git fetch takes: https://…, ssh://…, file://…, or
// git@host:owner/name.git. REVISION is a branch, a tag or, where the server
// allows it, a commit; it may hold slashes (deployed/prod).
func Open(ctx context.Context, spec string) (*Tree, error) {
	if info, err := os.Stat(spec); err == nil && info.IsDir() {
		return openDirectory(spec)
	}
	if strings.HasPrefix(spec, "-") {
		return nil, fmt.Errorf("%q is neither a directory nor a repository: write DIR, DIR@REVISION or URL@REVISION", spec)
	}
	where, revision, ok := cutRevision(spec)
	if !ok {
		if isURL(spec) {
			return nil, fmt.Errorf("%s: which revision? Write %s@main, or the branch or tag that is deployed", spec, spec)
		}
		return nil, fmt.Errorf("%s is not a directory: write DIR, DIR@REVISION or URL@REVISION", spec)
	}
	if !isURL(where) {
		t, err := Revision(ctx, where, revision)
		if err == nil && t.holdsRoot() {
			return revisionOf(ctx, where, contractsDir, revision)
		}
		return t, err
	}
	url, inside := cutDirectory(where)
	return fetch(ctx, url, inside, revision)
}

// contractsDir is where a repository has its contracts, unless it is said.
const contractsDir = "contracts"

// openDirectory is a root, or the root that a repository's directory holds. The
// rest of the repository is not walked.
func openDirectory(dir string) (*Tree, error) {
	inner := filepath.Join(dir, contractsDir)
	if info, err := os.Stat(inner); err != nil || !info.IsDir() {
		return Directory(dir)
	}
	if _, err := os.Stat(filepath.Join(inner, contractFile)); err == nil {
		return Directory(dir) // contracts is an event
	}
	t, err := Directory(inner)
	if err == nil && !t.anything() {
		return Directory(dir)
	}
	return t, err
}

// holdsRoot reports whether a tree is a repository with a root in contracts/.
func (t *Tree) holdsRoot() bool {
	inner := &Tree{files: map[string]*file{}}
	for p := range t.files {
		if rest, ok := strings.CutPrefix(p, contractsDir+"/"); ok {
			inner.files[rest] = t.files[p]
		}
	}
	return inner.files[contractFile] == nil && inner.anything()
}

// cutRevision cuts at the @ before the revision: not at that of git@host,
// which is followed by a colon or, in a URL, stands before the host.
func cutRevision(spec string) (where, revision string, ok bool) {
	from := 0
	if i := strings.Index(spec, "://"); i >= 0 {
		from = i + len("://")
		if slash := strings.IndexByte(spec[from:], '/'); slash >= 0 {
			from += slash
		}
	} else if colon := strings.IndexByte(spec, ':'); colon >= 0 && !strings.Contains(spec[:colon], "/") {
		from = colon
	}
	at := strings.IndexByte(spec[from:], '@')
	if at < 0 || at+from == 0 || at+from == len(spec)-1 {
		return spec, "", false
	}
	return spec[:from+at], spec[from+at+1:], true
}

func isURL(s string) bool {
	if strings.Contains(s, "://") {
		return true
	}
	if len(s) > 1 && s[1] == ':' && filepath.VolumeName(s) != "" {
		return false
	}
	host, _, ok := strings.Cut(s, ":")
	return ok && host != "" && !strings.Contains(host, "/")
}

// cutDirectory cuts URL//DIR; the // of https:// is not it.
func cutDirectory(s string) (url, inside string) {
	from := 0
	if i := strings.Index(s, "://"); i >= 0 {
		from = i + len("://")
		for from < len(s) && s[from] == '/' { // file:///
			from++
		}
	}
	if i := strings.Index(s[from:], "//"); i >= 0 {
		return s[:from+i], strings.Trim(s[from+i+2:], "/")
	}
	return s, ""
}

// fetch reads a directory of a remote repository, by way of a temporary one.
func fetch(ctx context.Context, url, inside, revision string) (t *Tree, err error) {
	if strings.HasPrefix(revision, "-") {
		return nil, fmt.Errorf("%q is not a revision: write a branch, a tag or a commit", revision)
	}
	dir, err := os.MkdirTemp("", "eventproof-")
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", url, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if _, err := git(ctx, dir, nil, "init", "--quiet", "--bare"); err != nil {
		return nil, fmt.Errorf("fetch %s: %w", url, err)
	}
	if _, err := git(ctx, dir, nil, "fetch", "--quiet", "--depth=1", "--no-tags", "--end-of-options", url, revision); err != nil {
		return nil, fmt.Errorf("%s at %s cannot be fetched: %w", url, revision, err)
	}
	commit := commitOf(ctx, dir, "FETCH_HEAD")
	if inside == "" {
		if kind, err := git(ctx, dir, nil, "cat-file", "-t", commit+":contracts"); err == nil && strings.TrimSpace(string(kind)) == "tree" {
			inside = "contracts"
		}
	}
	name := strings.TrimSuffix(url[strings.LastIndexAny(url, "/:")+1:], ".git") + "@" + revision + ":" + inside
	t, err = treeAt(ctx, dir, commit, inside, name)
	if err != nil {
		return nil, err
	}
	if len(t.files) == 0 {
		return nil, fmt.Errorf("%s at %s has no directory %s: write %s//DIR@%s", url, revision, inside, url, revision)
	}
	// All that may be needed, while the repository is there.
	paths := make([]string, 0, len(t.files))
	for p := range t.files {
		if contractual(p) {
			paths = append(paths, p)
		}
	}
	return t, t.load(ctx, paths)
}
