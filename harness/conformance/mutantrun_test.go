//go:build mutants

package conformance_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeSide are the tests of this package that need no container engine.
const fakeSide = "OnTheFake$|^TestTheFakeDoes"

// TestMutantsAreKilled runs the cases on the fake with one mutant after another
// in it. A mutant survives where all of them pass. One that does not compile fails
// this test: it says nothing.
func TestMutantsAreKilled(t *testing.T) {
	all := mutants()
	if only := os.Getenv("EVENTPROOF_MUTANTS"); only != "" { // by what they break
		all = slices.DeleteFunc(all, func(m mutant) bool { return !strings.Contains(m.breaks, only) })
	}
	sources := make([][2]string, len(all))
	for i, m := range all {
		sources[i][0], sources[i][1] = m.source(t)
	}
	killed := make([]string, len(all)) // "": it survived
	var running sync.WaitGroup
	next := make(chan int)
	for range 2 {
		running.Go(func() {
			for i := range next {
				began := time.Now()
				killed[i] = all[i].kill(t, sources[i][0], sources[i][1])
				verdict := "killed by " + killed[i]
				if killed[i] == "" {
					verdict = "SURVIVED"
				}
				fmt.Printf("%3d of %d  %-20s %-60s %s (%s)\n", i+1, len(all), all[i].file, all[i].breaks, verdict, time.Since(began).Round(time.Second))
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	running.Wait()
	survivors := 0
	for i, m := range all {
		if killed[i] == "" {
			survivors++
			t.Errorf("no case notices: %s (%s: %q instead of %q)", m.breaks, m.file, m.new, m.old)
		}
	}
	fmt.Printf("%d mutants: %d killed, %d survived\n", len(all), len(all)-survivors, survivors)
}

// kill runs the cases, and names the first that failed.
func (m mutant) kill(t *testing.T, path, changed string) string {
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Error(err)
		return ""
	}
	other := filepath.Join(dir, m.file)
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: other}})
	if err != nil {
		t.Error(err)
		return ""
	}
	for name, data := range map[string][]byte{other: []byte(changed), filepath.Join(dir, "overlay.json"): overlay} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Error(err)
			return ""
		}
	}
	test := exec.Command("go", "test", "-vet=off", "-count=1", "-failfast", "-timeout=120s", "-overlay", filepath.Join(dir, "overlay.json"), "-run", fakeSide, ".")
	test.Env = append(os.Environ(), "EVENTPROOF_REAL=off")
	out, err := test.CombinedOutput()
	if err == nil {
		return ""
	}
	text := string(out)
	if strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]") {
		t.Errorf("the mutant %q does not compile:\n%s", m.breaks, text)
		return "the compiler"
	}
	deepest := ""
	for line := range strings.Lines(text) {
		if _, name, ok := strings.Cut(line, "--- FAIL: "); ok {
			name, _, _ = strings.Cut(name, " (")
			if deepest == "" || strings.HasPrefix(name, deepest) {
				deepest = name
			}
		}
	}
	switch {
	case strings.Contains(text, "test timed out"):
		return "the time limit"
	case deepest != "":
		return deepest
	}
	return "a crash: " + strings.SplitN(text, "\n", 2)[0]
}
