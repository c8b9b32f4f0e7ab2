package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// This test program plays the suite, and in it the sidecar, where the
// environment says so: a suite that takes no minutes to compile.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("DAPRSUITE_PLAYS") == "":
		os.Exit(m.Run())
	case os.Getenv("DAPRSUITE_PLAYS") == "nothing":
		fmt.Println("no such flag")
		os.Exit(2)
	case os.Getenv("DAPRSUITE_SPINS") != "":
		spin()
	default:
		playSuite(os.Args[len(os.Args)-1])
	}
}

// spin takes CPU time, of its own and not of the wall.
func spin() {
	var used syscall.Rusage
	for used.Utime.Nano()+used.Stime.Nano() < int64(300*time.Millisecond) {
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			panic(err)
		}
	}
}

func playSuite(focus string) {
	cases := strings.Split(strings.TrimSuffix(strings.TrimPrefix(focus, "-focus=^("), ")$"), "|")
	mark := func(format, name string) { fmt.Printf("\x16"+format+"\n", suitePrefix+name) }
	fmt.Println("\x16=== RUN   TestSuite")
	for _, c := range cases {
		mark("=== RUN   %s", c)
		mark("=== PAUSE %s", c)
	}
	for _, c := range cases {
		mark("=== CONT  %s", c)
		switch c {
		case "hangs":
			orphan := exec.Command("sleep", "600")
			if err := orphan.Start(); err != nil {
				panic(err)
			}
			if err := os.WriteFile(os.Getenv("DAPRSUITE_ORPHAN"), []byte(strconv.Itoa(orphan.Process.Pid)), 0o600); err != nil {
				panic(err)
			}
			<-time.After(time.Hour)
		case "beside":
			if len(cases) > 1 {
				continue // it is running still while the others do
			}
		case "panics":
			panic("in a case")
		case "spins":
			sidecar := exec.Command(os.Args[0])
			sidecar.Env = append(os.Environ(), "DAPRSUITE_SPINS=1")
			if err := sidecar.Run(); err != nil {
				panic(err)
			}
		}
		mark("--- PASS: %s (0.00s)", c)
	}
	fmt.Println("\x16--- PASS: TestSuite (0.00s)\nPASS")
}

func player(t *testing.T) suite {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DAPRSUITE_PLAYS", "suite")
	return suite{path: self, silence: time.Minute}
}

func TestRunGoesOnAfterAPanic(t *testing.T) {
	var keep bytes.Buffer
	r, err := player(t).run(t.Context(), program{"daprd", "/daprd"}, []string{"one", "beside", "panics", "two"}, &keep)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]outcome{"one": passed, "beside": passed, "panics": noEnd, "two": passed} {
		if got := r.results[name]; got.outcome != want {
			t.Errorf("%s: want %q, got %q: %s", name, want, got.outcome, got.message)
		}
	}
	if got := r.results["panics"].message; got != "the suite ended: panic: in a case" {
		t.Errorf("want the panic, got %q", got)
	}
	if !strings.Contains(keep.String(), `"Test":"TestSuite/two"`) {
		t.Error("want the lines of both starts kept")
	}
}

func TestRunEndsAHang(t *testing.T) {
	file := filepath.Join(t.TempDir(), "orphan")
	t.Setenv("DAPRSUITE_ORPHAN", file)
	s := player(t)
	s.silence = 4 * time.Second // also time enough to start on a busy machine
	var keep bytes.Buffer
	r, err := s.run(t.Context(), program{"daprd", "/daprd"}, []string{"one", "hangs"}, &keep)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(keep.String(), "SIGQUIT: quit") {
		t.Error("want the suite to say where it is stuck before it ends")
	}
	if got := r.results["hangs"]; got.outcome != noEnd || got.message != "waits without end" || r.results["one"].outcome != passed {
		t.Errorf("want the stuck case without end, and the one before it passed, got %v", r.results)
	}
	said, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(said))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	// The kernel takes its time; and who has ended it need not have collected it.
	over := regexp.MustCompile(`\) [ZX] `)
	for deadline := time.After(10 * time.Second); ; {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || over.Match(stat) {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("want no sidecar left behind, got %s", stat)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestRunIsCancelled(t *testing.T) {
	t.Setenv("DAPRSUITE_ORPHAN", filepath.Join(t.TempDir(), "orphan"))
	s := player(t)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := s.run(ctx, program{"daprd", "/daprd"}, []string{"hangs"}, &bytes.Buffer{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("want the context's error, got %v", err)
	}
}

func TestRunOfNoSuite(t *testing.T) {
	s := player(t)
	t.Setenv("DAPRSUITE_PLAYS", "nothing")
	_, err := s.run(t.Context(), program{"daprd", "/daprd"}, []string{"one"}, &bytes.Buffer{})
	if want := "the suite begins none of the cases: no such flag"; err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
}

func TestCPUOfSidecars(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the CPU time of sidecars is known on Linux only")
	}
	r, err := player(t).run(t.Context(), program{"daprd", "/daprd"}, []string{"spins"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if r.cpu < 250*time.Millisecond || r.cpu > 5*time.Second {
		t.Errorf("want the 300 ms that the sidecar took, got %s", r.cpu)
	}
	r, err = player(t).run(t.Context(), program{"daprd", "/daprd"}, []string{"one"}, &bytes.Buffer{})
	if err != nil || r.cpu > 20*time.Millisecond {
		t.Errorf("want nothing of what the suite itself took, got %s, %v", r.cpu, err)
	}
}

func TestChildrenTicks(t *testing.T) {
	const stat = "12 (a) b (c) Z 1 12 12 0 -1 4228364 1 2 3 4 50 60 700 8 20 0 1 0 100 0 0"
	if got, err := childrenTicks(stat); err != nil || got != 7080*time.Millisecond {
		t.Errorf("want cutime and cstime, 708 ticks of 10 ms, got %s, %v", got, err)
	}
	if _, err := childrenTicks("12 (a) Z 1"); err == nil {
		t.Error("want an error where fields are missing")
	}
}

func TestLockMachine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var told strings.Builder
	first, err := lockMachine(t.Context(), path, &told)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := lockMachine(ctx, path, &told); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(told.String(), "waiting for another run") {
		t.Errorf("want the second one to wait, and to say so, got %v, %q", err, told.String())
	}
	first.Close()
	if second, err := lockMachine(t.Context(), path, &told); err != nil {
		t.Error(err)
	} else {
		second.Close()
	}
}

func TestFindPrograms(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	daprd := write("daprd", 0o700)
	got, err := findPrograms([]string{daprd, daprd})
	if err != nil || len(got) != 2 || got[0] != (program{"daprd", daprd}) || got[1].name != "daprd#2" {
		t.Errorf("want names that tell two apart, got %v, %v", got, err)
	}
	for _, bad := range [][]string{nil, {dir}, {write("text", 0o600)}, {filepath.Join(dir, "none")}} {
		if _, err := findPrograms(bad); err == nil {
			t.Errorf("%q: want an error", bad)
		}
	}
}

func TestDaprVersion(t *testing.T) {
	if got, err := daprVersion(goMod); err != nil || got != "1.16.0" {
		t.Errorf("want the version of our own go.mod, got %q, %v", got, err)
	}
	if got, err := daprVersion([]byte("module x\n\nrequire github.com/dapr/dapr v1.17.2\n")); err != nil || got != "1.17.2" {
		t.Errorf("want a line of its own read, too, got %q, %v", got, err)
	}
	if _, err := daprVersion([]byte("module x\n")); err == nil {
		t.Error("want an error where Dapr is not required")
	}
}
