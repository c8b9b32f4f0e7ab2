package scenario_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/scenario"
)

var update = flag.Bool("update", false, "write what the failures print to testdata")

// showFailures lets [TestShowFailures] fail.
const showFailures = "EVENTPROOF_SHOW_FAILURES"

// failures are tests of broken apps: each fails once, by one rule.
var failures = []struct {
	name, rule string
	test       func(t testing.TB)
}{
	{"publishing-bytes", contract.RuleContentType, func(t testing.TB) {
		w := fakes.Start(t, world.Config{Contracts: contracts(t)})
		w.Attach("orders", publisher)
		scenario.Publishing{App: "orders", Want: []scenario.Want{{Event: "order.placed"}}, Act: func(ctx context.Context) error {
			data, err := json.Marshal(placed(nil))
			if err != nil {
				return err
			}
			return publish{data: data, metadata: metadata(map[string]string{"cloudevent.id": "1"})}.do(ctx, w)
		}}.Run(t, w)
	}},
	{"publishing-undeclared", contract.RuleUndeclared, func(t testing.TB) {
		w := fakes.Start(t, world.Config{Contracts: contracts(t)})
		w.Attach("orders", publisher)
		scenario.Publishing{App: "orders", Want: []scenario.Want{{Event: "order.placed"}}, Act: func(ctx context.Context) error {
			return publish{data: placed(map[string]any{"card": "4111"}), metadata: metadata(map[string]string{"cloudevent.id": "1"})}.do(ctx, w)
		}}.Run(t, w)
	}},
	{"publishing-missing", contract.RuleMissing, func(t testing.TB) {
		w := fakes.Start(t, world.Config{Contracts: contracts(t)})
		w.Attach("orders", publisher)
		scenario.Publishing{App: "orders", Want: []scenario.Want{{Event: "order.placed"}}, Act: func(context.Context) error { return nil }}.Run(t, w)
	}},
	{"redelivery", contract.RuleIdempotent, func(t testing.TB) {
		w := fakes.Start(t, world.Config{Contracts: contracts(t)})
		app := &payments{publish: true}
		w.Attach("payments", app.http)
		scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 50)}, Snapshot: app.snapshot}.Run(t, w)
	}},
	{"redelivery-new-id", contract.RuleIdempotent, func(t testing.TB) {
		w := fakes.Start(t, world.Config{Contracts: contracts(t)})
		app := &payments{dedupe: "id"}
		w.Attach("payments", app.http)
		scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 50)}, Snapshot: app.snapshot}.Run(t, w)
	}},
	{"redelivery-broker", contract.RuleIdempotent, func(t testing.TB) {
		w := fakes.Start(t, world.Config{Contracts: contracts(t), Resources: retries(2)})
		app := &payments{}
		w.Attach("payments", app.http)
		scenario.Redelivery{App: "payments", Events: []contract.Event{order(1, 50)}, Snapshot: app.snapshot, Via: scenario.Broker}.Run(t, w)
	}},
	{"dead-letter-acknowledged", contract.RuleRefuse, func(t testing.TB) {
		w := fakes.Start(t, world.Config{Contracts: contracts(t), Resources: retries(2)})
		w.Attach("payments", (&payments{deadLetter: "orders.dead", refuse: "SUCCESS"}).http)
		scenario.DeadLetter{App: "payments", Poison: order(9, -1), Around: []contract.Event{order(1, 50), order(2, 60)}}.Run(t, w)
	}},
	{"dead-letter-topic", contract.RuleDeadLetter, func(t testing.TB) {
		w := fakes.Start(t, world.Config{Contracts: contracts(t), Resources: retries(2)})
		w.Attach("payments", (&payments{deadLetter: "orders.deadletter", refuse: "RETRY"}).http)
		scenario.DeadLetter{App: "payments", Poison: order(9, -1), Around: []contract.Event{order(1, 50), order(2, 60)}}.Run(t, w)
	}},
	{"dead-letter-policy", contract.RuleDeliveries, func(t testing.TB) {
		w := fakes.Start(t, world.Config{Contracts: contracts(t), Resources: retries(1)})
		w.Attach("payments", (&payments{deadLetter: "orders.dead"}).http)
		scenario.DeadLetter{App: "payments", Poison: order(9, -1), Around: []contract.Event{order(1, 50), order(2, 60)}}.Run(t, w)
	}},
	{"dead-letter-altered", contract.RuleAltered, func(t testing.TB) {
		w := fakes.Start(t, world.Config{Contracts: contracts(t), Resources: retries(2)})
		w.Attach("payments", moving(map[string]string{"cloudevent.id": "orders-1"}).http)
		scenario.DeadLetter{App: "payments", Poison: order(9, -1)}.Run(t, w)
	}},
	{"dead-letter-neighbour", contract.RuleUnharmed, func(t testing.TB) {
		w := fakes.Start(t, world.Config{Contracts: contracts(t), Resources: retries(2)})
		w.Attach("payments", (&payments{deadLetter: "orders.dead", stuck: true}).http)
		scenario.DeadLetter{App: "payments", Poison: order(9, -1), Around: []contract.Event{order(1, 50), order(2, 60)}}.Run(t, w)
	}},
}

// TestShowFailures fails, for those who want to see what a failure looks like:
//
//	EVENTPROOF_SHOW_FAILURES=1 go test -run TestShowFailures ./harness/scenario
func TestShowFailures(t *testing.T) {
	if os.Getenv(showFailures) == "" {
		t.Skipf("it fails on purpose; set %s=1 to see it", showFailures)
	}
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f.test(t) }) })
	}
}

// witness is a testing.TB that notes failures instead of failing. It has the
// name that the test has in [TestShowFailures].
type witness struct {
	testing.TB
	name    string
	failed  []string
	skipped string
}

func (w *witness) Name() string { return w.name }
func (w *witness) Errorf(format string, args ...any) {
	w.failed = append(w.failed, fmt.Sprintf(format, args...))
}
func (w *witness) Skipf(format string, args ...any) { w.skipped = fmt.Sprintf(format, args...) }
func (w *witness) Fatal(args ...any) {
	w.failed = append(w.failed, fmt.Sprint(args...))
	runtime.Goexit()
}

// failure is what the failing test of that index prints.
func failure(t *testing.T, i int) string {
	t.Helper()
	w := &witness{name: "TestShowFailures/" + failures[i].name}
	t.Run("witnessed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w.TB = t
			failures[i].test(w)
		})
	})
	require.Len(t, w.failed, 1, "each fails once: neither the scenario nor the world may say it again")
	return w.failed[0] + "\n"
}

func TestFailureOutput(t *testing.T) {
	for i, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			got := failure(t, i)
			golden := filepath.Join("testdata", f.name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err, "write it with go test ./harness/scenario -run TestFailureOutput -update")
			require.Equal(t, string(want), got)
			parts, err := parse(got)
			require.NoError(t, err)
			require.Equal(t, f.rule, parts.rule)
			require.LessOrEqual(t, strings.Count(got, "\n"), 40, "a failure fits a screen")
		})
	}
}

// parts are the five parts of a failure, in their order.
type parts struct {
	what, rule, place, diff string
	trace                   []string
	reproduce               string
}

var (
	ruleLine  = regexp.MustCompile(`^  rule   ([A-Z_]+)  \((\S+:[0-9]+)\)$`)
	diffLine  = regexp.MustCompile(`^  .*\(-want \+got\):$`)
	traceLine = regexp.MustCompile(`^    [ 0-9][0-9]  (.+)$`)
)

// parse reads a failure, and says which part it lacks.
func parse(text string) (p parts, err error) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	next := func(what string, is func(string) bool) (string, error) {
		if len(lines) == 0 || !is(lines[0]) {
			return "", errors.New("no " + what)
		}
		line := lines[0]
		lines = lines[1:]
		return line, nil
	}
	if p.what, err = next("what", func(s string) bool { return s != "" && s[0] != ' ' }); err != nil {
		return p, err
	}
	line, err := next("rule and place", ruleLine.MatchString)
	if err != nil {
		return p, err
	}
	found := ruleLine.FindStringSubmatch(line)
	p.rule, p.place = found[1], found[2]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "  at     /") {
		lines = lines[1:]
	}
	if _, err = next("diff", diffLine.MatchString); err != nil {
		return p, err
	}
	for len(lines) > 0 && strings.HasPrefix(lines[0], "    ") {
		p.diff += lines[0] + "\n"
		lines = lines[1:]
	}
	if !strings.Contains(p.diff, "- ") && !strings.Contains(p.diff, "+ ") {
		return p, errors.New("no diff")
	}
	if _, err = next("trace", func(s string) bool { return s == "  trace" }); err != nil {
		return p, err
	}
	for len(lines) > 0 && traceLine.MatchString(lines[0]) {
		p.trace = append(p.trace, traceLine.FindStringSubmatch(lines[0])[1])
		lines = lines[1:]
	}
	if len(p.trace) == 0 {
		return p, errors.New("no step in the trace")
	}
	line, err = next("reproduce line", func(s string) bool { return strings.HasPrefix(s, "  reproduce: ") })
	if err != nil {
		return p, err
	}
	p.reproduce = strings.TrimPrefix(line, "  reproduce: ")
	if len(lines) > 0 {
		return p, fmt.Errorf("after the reproduce line: %s", lines[0])
	}
	return p, nil
}

func TestParseMissesWhatIsCut(t *testing.T) {
	whole := "a is not b\n  rule   RULE_ID  (file.yaml:1)\n  (-want +got):\n    - x\n    + y\n  trace\n     1  step\n  reproduce: go test\n"
	_, err := parse(whole)
	require.NoError(t, err)
	for _, test := range []struct{ cut, want string }{
		{"a is not b\n", "no what"},
		{"  rule   RULE_ID  (file.yaml:1)\n", "no rule and place"},
		{"  (file.yaml:1)", "no rule and place"},
		{"  (-want +got):\n", "no diff"},
		{"    - x\n    + y\n", "no diff"},
		{"  trace\n", "no trace"},
		{"     1  step\n", "no step in the trace"},
		{"  reproduce: go test\n", "no reproduce line"},
	} {
		_, err := parse(strings.Replace(whole, test.cut, "", 1))
		require.EqualError(t, err, test.want, "without %q", test.cut)
	}
}

// The reproduce line, copied into a shell at the module's root, fails with the
// very same text: one of each scenario.
func TestReproduceLines(t *testing.T) {
	if testing.Short() {
		t.Skip("runs go test for a failure of each scenario; leave out -short")
	}
	root := "."
	for ; ; root = filepath.Join("..", root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
	}
	for i, f := range failures {
		if f.name != "publishing-undeclared" && f.name != "redelivery" && f.name != "dead-letter-topic" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			text := failure(t, i)
			parts, err := parse(text)
			require.NoError(t, err)
			cmd := exec.CommandContext(t.Context(), "sh", "-c", parts.reproduce)
			cmd.Dir = root
			cmd.Env = append(os.Environ(), showFailures+"=1")
			output, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "it must fail:\n%s", output)
			rest := string(output)
			require.Contains(t, rest, "  rule   "+f.rule+"  ")
			for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
				_, after, found := strings.Cut(rest, strings.TrimSpace(line))
				require.True(t, found, "the line %q is missing, or in another place:\n%s", line, output)
				rest = after
			}
		})
	}
}
