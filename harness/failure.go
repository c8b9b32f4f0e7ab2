package harness

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/testcontainers/testcontainers-go"

	"github.com/eventproof/eventproof/contract/journal"
)

// What of each part fits on a screen.
const (
	shownEntries = 30
	shownLines   = 10
)

// lastWords are what a failed test wants to see of a world: the journal, and
// what Redis and each daprd said last. The whole is in files.
type lastWords struct {
	dir    string
	parts  []string // cut to a screen
	needed bool     // they may say why the test failed
}

// collect writes the files of a failed test, while the containers are there.
//
// A contract that was broken, or an assertion of the test's own, is explained by
// what was said already; the logs are needed where the world itself failed or an
// event has not arrived.
func (b *backend) collect(ctx context.Context) *lastWords {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	w := new(lastWords)
	dir, err := artifacts(b.t)
	if err != nil {
		b.logf("the logs are not kept: %v", err)
	}
	w.dir = dir
	keep := func(name string, data []byte) string {
		if dir == "" {
			return name
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return fmt.Sprintf("%s (not kept: %v)", name, err)
		}
		return path
	}
	j := b.recorder.Journal()
	var whole bytes.Buffer
	if _, err := j.WriteTo(&whole); err != nil {
		fmt.Fprintf(&whole, "\n%v\n", err)
	}
	say := func(format string, args ...any) { w.parts = append(w.parts, fmt.Sprintf(format, args...)) }
	ledger := j.Ledger()
	w.needed = len(ledger.Pending)+len(ledger.Lost) > 0
	say("journal of this world (whole: %s)\n%s", keep("journal.jsonl", whole.Bytes()), journal.Text(j.Entries(), shownEntries))
	for _, a := range b.attached() {
		if a.daprd == nil {
			continue
		}
		if err := b.dead(ctx, a); err != nil {
			w.needed = true
			say("%v", err)
		}
		log := b.site.log(ctx, a.daprd.container)
		say("daprd of %s (whole: %s)%s", a.id, keep("daprd."+fileName(a.id)+".log", []byte(log)), worrying(log))
	}
	log := b.site.log(ctx, b.site.redis)
	say("redis (whole: %s)%s", keep("redis.log", []byte(log)), tail(log, 4))
	b.mu.Lock()
	defer b.mu.Unlock()
	w.needed = w.needed || b.trouble
	return w
}

// show logs them, or only where they are.
func (w *lastWords) show(b *backend, closing bool) {
	if !w.needed && !closing && w.dir != "" {
		b.logf("the journal of this world, and the logs of Redis and each daprd: %s", w.dir)
		return
	}
	for _, part := range w.parts {
		b.logf("%s", part)
	}
}

// artifacts is where the test keeps files: by go test -artifacts, or else a
// temporary directory that is left.
func artifacts(t testing.TB) (string, error) {
	if f := flag.Lookup("test.artifacts"); f != nil && f.Value.String() == "true" {
		// Without the flag this directory is removed after the test.
		if new, ok := t.(interface{ ArtifactDir() string }); ok { // Go 1.26
			return new.ArtifactDir(), nil
		}
	}
	return os.MkdirTemp("", "eventproof-"+fileName(t.Name())+"-") //nolint:usetesting // t.TempDir is removed with the test
}

func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>| `, r) {
			return '_'
		}
		return r
	}, name)
}

// usual are warnings of every daprd that runs without a control plane.
var usual = []string{
	"mTLS is disabled", "increasedCardinality", "placement service is not configured",
	"No scheduler host addresses", "App channel is not initialized",
}

// worrying is what a daprd warned of, or worse, without the usual; its last few
// lines where there is nothing of that kind.
func worrying(log string) string {
	log = everyLine.ReplaceAllString(log, "")
	var b strings.Builder
	for line := range strings.Lines(log) {
		if slices.ContainsFunc(usual, func(u string) bool { return strings.Contains(line, u) }) {
			continue
		}
		if strings.Contains(line, "level=warn") || strings.Contains(line, "level=error") || strings.Contains(line, "level=fatal") || strings.Contains(line, "panic") {
			b.WriteString(line)
		}
	}
	if b.Len() == 0 {
		return tail(log, 3)
	}
	return tail(b.String(), shownLines)
}

// everyLine of daprd says these again.
var everyLine = regexp.MustCompile(` (app_id|instance|type|ver)=\S+`)

// tail is the end of a log, on lines of its own.
func tail(log string, n int) string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return "\n    (nothing)"
	}
	if over := len(lines) - n; over > 0 {
		lines = append([]string{fmt.Sprintf("… %d lines before", over)}, lines[over:]...)
	}
	for i, line := range lines {
		if len(line) > 400 {
			lines[i] = line[:400] + "…"
		}
	}
	return "\n    " + strings.Join(lines, "\n    ")
}

// log is all that a container wrote.
func (s *site) log(ctx context.Context, c testcontainers.Container) string {
	if c == nil {
		return ""
	}
	out, err := s.ContainerLogs(ctx, c.GetContainerID(), container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return fmt.Sprintf("(its log cannot be read: %v)", err)
	}
	defer out.Close()
	var b bytes.Buffer
	if _, err := stdcopy.StdCopy(&b, &b, out); err != nil {
		fmt.Fprintf(&b, "(its log cannot be read: %v)", err)
	}
	return b.String()
}

// logTail is the end of a container's log, for an error.
func (s *site) logTail(ctx context.Context, c testcontainers.Container) string {
	if c == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return "\n  its log:" + worrying(s.log(ctx, c))
}
