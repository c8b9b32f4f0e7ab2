package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

const daprModule = "github.com/dapr/dapr"

// casePrefix marks the names that TestCases in upstream/ prints.
const casePrefix = "case: "

// What the compiled suite is made of, beside the Go version.
var (
	//go:embed go.mod
	goMod []byte
	//go:embed go.sum
	goSum []byte
	//go:embed upstream/upstream_test.go
	upstreamTest []byte
)

// suite is Dapr's integration suite as a test program.
type suite struct {
	path    string
	silence time.Duration // after which it is stuck
}

// buildSuite compiles the suite, or takes it from the cache.
func buildSuite(ctx context.Context, progress io.Writer) (suite, error) {
	version, err := daprVersion(goMod)
	if err != nil {
		return suite{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return suite{}, fmt.Errorf("find the cache directory: %w", err)
	}
	made := sha256.New()
	for _, part := range [][]byte{goMod, goSum, upstreamTest, []byte(runtime.Version())} {
		fmt.Fprintf(made, "%d\n%s", len(part), part)
	}
	s := suite{silence: silence, path: filepath.Join(cache, "eventproof", fmt.Sprintf("daprsuite-%s-%s-%s-%.6x.test", version, runtime.GOOS, runtime.GOARCH, made.Sum(nil)))}
	if _, err := os.Stat(s.path); err == nil {
		return s, nil
	}
	fmt.Fprintf(progress, "compiling Dapr's integration suite into %s; the first time takes some minutes\n", s.path)
	if err := os.MkdirAll(filepath.Dir(s.path), 0o755); err != nil {
		return suite{}, err
	}
	// It appears under its name only when whole.
	partial := fmt.Sprintf("%s.%d", s.path, os.Getpid())
	defer os.Remove(partial)
	if _, err := output(exec.CommandContext(ctx, "go", "test", "-c", "-tags", "integration", "-ldflags", "-s -w", "-o", partial, moduleName+"/upstream")); err != nil {
		return suite{}, fmt.Errorf("compile the suite; run this program in its own directory (go -C harness/conformance/daprsuite run .): %w", err)
	}
	return s, os.Rename(partial, s.path)
}

const moduleName = "github.com/eventproof/eventproof/harness/conformance/daprsuite"

// daprVersion is the version of Dapr that go.mod requires, without its v.
func daprVersion(goMod []byte) (string, error) {
	found := regexp.MustCompile(`(?m)^(?:require)?\s*` + regexp.QuoteMeta(daprModule) + ` v(\S+)`).FindSubmatch(goMod)
	if found == nil {
		return "", fmt.Errorf("go.mod requires no %s", daprModule)
	}
	return string(found[1]), nil
}

// cases are the names of all cases, sorted as the suite does.
func (s suite) cases(ctx context.Context) ([]string, error) {
	out, err := output(exec.CommandContext(ctx, s.path, "-test.run", "^TestCases$"))
	if err != nil {
		return nil, fmt.Errorf("list the cases of the suite: %w", err)
	}
	var names []string
	for line := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), casePrefix); ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s lists no cases; it says: %s", s.path, out)
	}
	return names, nil
}

// output runs a command; its error carries what the command wrote.
func output(cmd *exec.Cmd) (string, error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(errs.String() + out.String())
		if len(said) > 2000 {
			said = "… " + said[len(said)-2000:]
		}
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, said)
	}
	return out.String(), nil
}
