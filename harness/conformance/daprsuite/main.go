package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

func main() {
	o := options{times: 1}
	groups := flag.String("group", "", "only these groups, separated by commas: "+strings.Join(groupNames(), ", "))
	only := flag.String("run", "", "only cases whose names match this regular expression")
	flag.IntVar(&o.times, "times", 1, "how often each program runs each group")
	flag.StringVar(&o.keep, "keep", "", "write the suite's output into this directory, a file of test2json's lines for each run")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: go run . [-group NAME,…] [-times N] [-run REGEXP] [-keep DIR] PROGRAM…\n\nRuns Dapr's integration tests against sidecar programs; the first one is the reference.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	same, err := func() (bool, error) {
		var err error
		if o.groups, err = chooseGroups(*groups); err != nil {
			return false, err
		}
		if o.only, err = regexp.Compile(*only); err != nil {
			return false, fmt.Errorf("-run: %w", err)
		}
		if o.programs, err = findPrograms(flag.Args()); err != nil {
			return false, err
		}
		return compare(ctx, os.Stdout, os.Stderr, o)
	}()
	switch {
	case err != nil:
		fmt.Fprintf(os.Stderr, "daprsuite: %v\n", err)
		os.Exit(2)
	case !same:
		os.Exit(1)
	}
}

type options struct {
	programs []program // the first is the reference
	groups   []group
	only     *regexp.Regexp
	times    int
	keep     string // a directory, or empty
}

// program is a sidecar to be run.
type program struct {
	name string // as it is printed: its file's name, numbered where two are alike
	path string // absolute: the suite starts it in other directories
}

func findPrograms(args []string) ([]program, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("name a sidecar program, the reference first: a daprd of 1.16 is made by go -C harness/images run . -program")
	}
	var programs []program
	named := map[string]int{}
	for _, arg := range args {
		path, err := filepath.Abs(arg)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("find the sidecar program: %w", err)
		}
		if info.IsDir() || info.Mode()&0o111 == 0 {
			return nil, fmt.Errorf("%s is not a program: want an executable file", path)
		}
		name := filepath.Base(path)
		named[name]++
		if n := named[name]; n > 1 {
			name = fmt.Sprintf("%s#%d", name, n)
		}
		programs = append(programs, program{name, path})
	}
	return programs, nil
}

// compare runs everything and prints it. It says whether every program did as
// the reference, and the reference as a reference should.
func compare(ctx context.Context, out, progress io.Writer, o options) (bool, error) {
	if o.times < 1 {
		return false, fmt.Errorf("-times %d: want 1 or more", o.times)
	}
	excluded, err := readScope(scopeFile)
	if err != nil {
		return false, err
	}
	s, err := buildSuite(ctx, progress)
	if err != nil {
		return false, err
	}
	all, err := s.cases(ctx)
	if err != nil {
		return false, err
	}
	plan, err := newPlan(all, groups, excluded)
	if err != nil {
		return false, err
	}
	lock, err := lockMachine(ctx, filepath.Join(filepath.Dir(s.path), "daprsuite.lock"), progress)
	if err != nil {
		return false, err
	}
	defer lock.Close()
	report := report{plan: plan, programs: o.programs}
	for _, g := range o.groups {
		cases := matching(plan.compared[g.name], o.only)
		if len(cases) == 0 {
			continue
		}
		runs := make([][]run, len(o.programs))
		for n := range o.times {
			// By turns: other load of the machine meets all programs alike.
			for i, p := range o.programs {
				fmt.Fprintf(progress, "%s: %d cases on %s, run %d of %d\n", g.name, len(cases), p.name, n+1, o.times)
				keep, err := keepFile(o.keep, fmt.Sprintf("%s-%s-%d.jsonl", g.name, p.name, n+1))
				if err != nil {
					return false, err
				}
				r, err := s.run(ctx, p, cases, keep)
				if err := errors.Join(err, keep.Close()); err != nil {
					return false, fmt.Errorf("run group %s on %s: %w", g.name, p.name, err)
				}
				runs[i] = append(runs[i], r)
			}
		}
		report.add(g, cases, runs)
	}
	if len(report.groups) == 0 {
		return false, fmt.Errorf("-run %s: matches none of the cases compared in the groups chosen", o.only)
	}
	return report.print(out)
}

// keepFile is where a run's output goes: a file in the directory, or nowhere.
func keepFile(dir, name string) (io.WriteCloser, error) {
	if dir == "" {
		return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return os.Create(filepath.Join(dir, name))
}

func matching(cases []string, only *regexp.Regexp) []string {
	var matched []string
	for _, c := range cases {
		if only.MatchString(c) {
			matched = append(matched, c)
		}
	}
	return matched
}
