package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"time"
)

func main() {
	force := flag.Bool("force", false, "build images again that exist already, and the cached daprd too")
	only := flag.String("only", "", "build just one of daprd, redis")
	program := flag.Bool("program", false, "build no image, but daprd as a program of this machine, and print its path; needs no container engine")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: go run . [-force] [-only daprd|redis] [-program]\n\nBuilds eventproof/daprd and eventproof/redis for the local container engine.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := error(nil)
	if *program {
		err = printProgram(ctx, os.Stdout, os.Stderr, *force)
	} else {
		err = run(ctx, os.Stdout, *force, *only)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "images: %v\n", err)
		os.Exit(1)
	}
}

// image is what this program can make.
type image struct {
	name  string // daprd
	tag   string // eventproof/daprd:1.16.0
	build func(ctx context.Context, e engine, progress func(string)) (*layer, error)
	// changes are Dockerfile instructions that describe the image.
	changes []string
}

func run(ctx context.Context, out io.Writer, force bool, only string) error {
	if only != "" && only != "daprd" && only != "redis" {
		return fmt.Errorf("-only %s: want daprd or redis", only)
	}
	e, err := findEngine(ctx)
	if err != nil {
		return err
	}
	version, err := daprVersion(ctx)
	if err != nil {
		return err
	}
	images := []image{
		{
			name: "daprd", tag: "eventproof/daprd:" + version,
			build: func(ctx context.Context, e engine, progress func(string)) (*layer, error) {
				return daprd(ctx, e, version, force, progress)
			},
			changes: []string{"WORKDIR /", "USER 65532:65532"},
		},
		{
			name: "redis", tag: "eventproof/redis:7", build: redis,
			changes: []string{
				"WORKDIR /data", "EXPOSE 6379", "ENV PATH=/usr/local/bin",
				// Debian's redis-server refuses other hosts unless told otherwise;
				// the official image's is compiled without that.
				`CMD ["redis-server", "--protected-mode", "no", "--save", ""]`,
			},
		},
	}
	for _, i := range images {
		if only != "" && only != i.name {
			continue
		}
		if err := make1(ctx, out, e, i, force); err != nil {
			return fmt.Errorf("build %s: %w", i.tag, err)
		}
	}
	return nil
}

// printProgram makes daprd for the machine that this runs on.
func printProgram(ctx context.Context, out, progress io.Writer, force bool) error {
	version, err := daprVersion(ctx)
	if err != nil {
		return err
	}
	path, err := program(ctx, version, runtime.GOOS, runtime.GOARCH, force, func(what string) { fmt.Fprintln(progress, what) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, path)
	return err
}

func make1(ctx context.Context, out io.Writer, e engine, i image, force bool) error {
	if !force && e.has(ctx, i.tag) {
		fmt.Fprintf(out, "%s  is there already (-force builds it again)\n", i.tag)
		return nil
	}
	start := time.Now()
	l, err := i.build(ctx, e, func(what string) { fmt.Fprintf(out, "%s  %s\n", i.tag, what) })
	if err != nil {
		return err
	}
	if err := e.load(ctx, i.tag, i.changes, l); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s  made in %s, %d MB\n", i.tag, time.Since(start).Round(100*time.Millisecond), l.size>>20)
	return nil
}

// engine is the command line of a container engine.
type engine struct {
	program string // docker | podman
	arch    string // of the machine that runs the containers: amd64
}

func findEngine(ctx context.Context) (engine, error) {
	var tried []error
	for _, program := range []string{"docker", "podman"} {
		if _, err := exec.LookPath(program); err != nil {
			tried = append(tried, fmt.Errorf("%s: not in PATH", program))
			continue
		}
		e := engine{program: program}
		format := "{{.Server.Arch}}"
		if program == "podman" {
			format = "{{.Client.OsArch}}"
		}
		arch, err := e.output(ctx, "version", "--format", format)
		if err != nil {
			tried = append(tried, fmt.Errorf("%s: %w", program, err))
			continue
		}
		e.arch = arch[strings.LastIndex(arch, "/")+1:]
		return e, nil
	}
	return engine{}, fmt.Errorf("no container engine answers; start Docker or Podman:\n%w", errors.Join(tried...))
}

func (e engine) output(ctx context.Context, args ...string) (string, error) {
	return output(exec.CommandContext(ctx, e.program, args...))
}

func (e engine) has(ctx context.Context, tag string) bool {
	_, err := e.output(ctx, "image", "inspect", tag)
	return err == nil
}

// load makes an image of one layer. "import" needs no builder and no base.
func (e engine) load(ctx context.Context, tag string, changes []string, l *layer) error {
	args := []string{"import"}
	for _, change := range changes {
		args = append(args, "--change", change)
	}
	cmd := exec.CommandContext(ctx, e.program, append(args, "-", tag)...)
	cmd.Stdin = l.reader()
	_, err := output(cmd)
	return err
}

// output runs a command; its error carries what the command wrote.
func output(cmd *exec.Cmd) (string, error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(errs.String())
		if said == "" {
			said = strings.TrimSpace(out.String())
		}
		if len(said) > 2000 {
			said = "… " + said[len(said)-2000:]
		}
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, said)
	}
	return strings.TrimSpace(out.String()), nil
}
