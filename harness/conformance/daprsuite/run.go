package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// run is one run of some cases on one program.
type run struct {
	results map[string]result
	wall    time.Duration
	cpu     time.Duration // of the sidecar processes; unknownCPU where the system does not say
}

const unknownCPU = time.Duration(-1)

// The suite gives each case 45 s. It has no bound of its own on a case that then
// waits for something without one, and a case that panics ends the whole suite.
const (
	silence   = 2 * time.Minute  // without a line of output: the suite is stuck
	suiteTime = 40 * time.Minute // of a start of the suite: enough for a sidecar that never gets ready
)

// run starts the suite on exactly these cases. Where it gets stuck or panics, it
// is started once more on those that had not begun, and on each that was running
// by itself: only one of them is to blame. The lines of test2json go to keep.
func (s suite) run(ctx context.Context, p program, cases []string, keep io.Writer) (run, error) {
	all := run{results: map[string]result{}}
	for queue := [][]string{cases}; len(queue) > 0; {
		part := queue[0]
		queue = queue[1:]
		r, err := s.start(ctx, p, part, keep)
		if err != nil {
			return run{}, err
		}
		all.wall += r.wall
		if all.cpu += r.cpu; r.cpu == unknownCPU {
			all.cpu = unknownCPU
		}
		var unbegun, unended []string
		for _, c := range part {
			all.results[c] = r.results[c]
			switch r.results[c].outcome {
			case notBegun:
				unbegun = append(unbegun, c)
			case noEnd:
				unended = append(unended, c)
			}
		}
		if len(unbegun) == len(part) {
			return run{}, fmt.Errorf("the suite begins none of the cases: %s", r.results[part[0]].message)
		}
		if len(unbegun) > 0 {
			queue = append(queue, unbegun)
		}
		if len(unended) > 1 {
			for _, c := range unended {
				queue = append(queue, []string{c})
			}
		}
	}
	return all, nil
}

func (s suite) start(ctx context.Context, p program, cases []string, keep io.Writer) (run, error) {
	controlPlane, err := exec.LookPath("false")
	if err != nil {
		return run{}, fmt.Errorf("find a program to stand for Dapr's control plane: %w", err)
	}
	dir, err := os.MkdirTemp("", "daprsuite")
	if err != nil {
		return run{}, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(s.path, "-test.v=test2json", "-test.run=^TestSuite$", "-test.timeout="+suiteTime.String(), "-focus="+focus(cases))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "DAPR_INTEGRATION_DAPRD_PATH="+p.path)
	for _, name := range []string{"PLACEMENT", "SENTRY", "OPERATOR", "INJECTOR", "SCHEDULER", "HELMTEMPLATE"} {
		// Where a path is given, the suite builds nothing. One that does not
		// exist makes it wait for ever
		// (Source: dapr v1.16.0 tests/integration/framework/binary/binary.go, process/exec/exec.go).
		cmd.Env = append(cmd.Env, "DAPR_INTEGRATION_"+name+"_PATH="+controlPlane)
	}
	suiteOutput, suiteEnd, err := os.Pipe()
	if err != nil {
		return run{}, err
	}
	defer suiteOutput.Close()
	cmd.Stdout, cmd.Stderr = suiteEnd, suiteEnd

	convert := exec.Command("go", "tool", "test2json")
	convert.Stdin = suiteOutput
	var complaint strings.Builder
	convert.Stderr = &complaint
	lines, err := convert.StdoutPipe()
	if err == nil {
		err = convert.Start()
	}
	if err != nil {
		suiteEnd.Close()
		return run{}, fmt.Errorf("start go tool test2json: %w", err)
	}
	start := time.Now()
	family, err := startFamily(cmd)
	suiteEnd.Close()
	if err != nil {
		return run{}, errors.Join(fmt.Errorf("start the suite: %w", err), convert.Wait())
	}
	defer context.AfterFunc(ctx, family.kill)()
	stuck := time.AfterFunc(s.silence, family.quit)
	defer stuck.Stop()

	results, readErr := readResults(io.TeeReader(&heard{lines, stuck, s.silence}, keep), cases)
	if readErr != nil {
		family.kill()
		_, _ = io.Copy(io.Discard, lines)
	}
	r := run{results: results, wall: time.Since(start)}
	r.cpu = family.end()
	convertErr := convert.Wait()
	switch {
	case ctx.Err() != nil:
		return run{}, ctx.Err()
	case convertErr != nil:
		return run{}, fmt.Errorf("go tool test2json: %w: %s", convertErr, complaint.String())
	}
	return r, readErr
}

// heard puts a timer off whenever something is read.
type heard struct {
	from  io.Reader
	timer *time.Timer
	by    time.Duration
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.from.Read(p)
	h.timer.Reset(h.by)
	return n, err
}

// focus is the regular expression of exactly these cases.
func focus(cases []string) string {
	quoted := make([]string, len(cases))
	for i, c := range cases {
		quoted[i] = regexp.QuoteMeta(c)
	}
	return "^(" + strings.Join(quoted, "|") + ")$"
}
