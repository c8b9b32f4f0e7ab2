package broken_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pmezard/go-difflib/difflib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/examples/broken"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
)

func TestEachBugIsFoundByItsRuleAlone(t *testing.T) {
	for _, p := range broken.Pairs() {
		t.Run(p.Name+"/bug", func(t *testing.T) {
			onEachWorld(t, p.Broken, func(t *testing.T, found []contract.Violation) {
				assert.Equal(t, []string{p.Rule}, rules(found), "%v", found)
			})
		})
		t.Run(p.Name+"/sound", func(t *testing.T) {
			onEachWorld(t, p.Sound, func(t *testing.T, found []contract.Violation) {
				assert.Empty(t, rules(found), "%v", found)
			})
		})
	}
}

// onEachWorld checks a service on the fake and on real Dapr. What the world
// itself finds and a scenario does not is among what is found.
func onEachWorld(t *testing.T, s broken.Service, test func(*testing.T, []contract.Violation)) {
	t.Helper()
	t.Parallel()
	run := func(t *testing.T, start func(testing.TB, world.Config) *world.World) {
		cfg, err := s.Config()
		require.NoError(t, err)
		w := start(t, cfg)
		found, err := s.Check(t.Context(), w)
		require.NoError(t, err)
		test(t, append(found, w.Violations()...))
	}
	t.Run("fake", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { run(t, fakes.Start) })
	})
	t.Run("real", func(t *testing.T) { run(t, harness.Start) })
}

func rules(found []contract.Violation) []string {
	var rules []string
	for _, v := range found {
		rules = append(rules, v.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// mostLines is how far a broken service may differ from its twin.
const mostLines = 10

func TestABugIsAFewLines(t *testing.T) {
	for _, p := range broken.Pairs() {
		t.Run(p.Name, func(t *testing.T) {
			bug, sound := files(t, filepath.Join(p.Name, "bug")), files(t, filepath.Join(p.Name, "sound"))
			n := 0
			for name := range bug {
				require.Contains(t, sound, name)
				for _, op := range difflib.NewMatcher(bug[name], sound[name]).GetOpCodes() {
					if op.Tag != 'e' {
						n += op.I2 - op.I1 + op.J2 - op.J1
					}
				}
			}
			assert.Len(t, sound, len(bug))
			assert.Positive(t, n)
			assert.LessOrEqual(t, n, mostLines)
			t.Logf("%d lines", n)
		})
	}
}

// files are the lines of the files in a directory.
func files(t *testing.T, dir string) map[string][]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	lines := make(map[string][]string)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		lines[e.Name()] = strings.SplitAfter(string(text), "\n")
	}
	require.NotEmpty(t, lines)
	return lines
}
