package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	daprModule  = "github.com/dapr/dapr"
	daprProgram = daprModule + "/cmd/daprd"
)

// daprVersion is the version that go.mod requires, without its v.
func daprVersion(ctx context.Context) (string, error) {
	v, err := output(exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", daprModule))
	if err != nil {
		return "", fmt.Errorf("find the version of Dapr; run this program in its own directory (go -C harness/images run .): %w", err)
	}
	return strings.TrimPrefix(v, "v"), nil
}

// daprd is the layer of Dapr's sidecar.
func daprd(ctx context.Context, e engine, version string, force bool, progress func(string)) (*layer, error) {
	path, err := program(ctx, version, "linux", e.arch, force, progress)
	if err != nil {
		return nil, err
	}
	l := &layer{}
	return l, l.add("/daprd", path)
}

// program compiles Dapr's sidecar, or takes it from the cache.
func program(ctx context.Context, version, system, arch string, force bool, progress func(string)) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	path := filepath.Join(cache, "eventproof", fmt.Sprintf("daprd-%s-%s-%s", version, system, arch))
	if _, err := os.Stat(path); err == nil && !force {
		progress("taking daprd from " + path)
		return path, nil
	}
	progress("compiling daprd; the first time takes some minutes")
	return path, compile(ctx, path, version, system, arch)
}

// compile builds as Dapr's Makefile does for a release: DEFAULT_LDFLAGS and
// DAPR_GO_BUILD_TAGS there. The result appears under its name only when whole.
func compile(ctx context.Context, program, version, system, arch string) error {
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		return err
	}
	partial := fmt.Sprintf("%s.%d", program, os.Getpid())
	defer os.Remove(partial)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "stablecomponents",
		"-ldflags", fmt.Sprintf("-s -w -X %s/pkg/buildinfo.version=%s -X github.com/dapr/kit/logger.DaprVersion=%s", daprModule, version, version),
		"-o", partial, daprProgram)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch)
	if _, err := output(cmd); err != nil {
		return err
	}
	return os.Rename(partial, program)
}
