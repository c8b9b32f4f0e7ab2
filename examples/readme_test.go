package examples_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// The README shows nothing that does not run: its Go is that of the quickstart's
// tests, its files are the quickstart's, and its commands are run here or are
// targets of the Makefile, which CI runs.
func TestTheReadmeIsTrue(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```([a-z]*)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, blocks)
	first, err := os.ReadFile("quickstart/payments_test.go")
	require.NoError(t, err)
	attach, err := os.ReadFile("quickstart/attach_test.go")
	require.NoError(t, err)
	require.LessOrEqual(t, strings.Count(string(text), "\n"), 440, "a README is read to its end, or not at all")
	contract, err := os.ReadFile("quickstart/contracts/order.placed/contract.yaml")
	require.NoError(t, err)
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	count := map[string]int{}
	for _, block := range blocks {
		language, body := block[1], block[2]
		count[language]++
		switch language {
		case "go":
			assert.Contains(t, string(first)+string(attach), body, "README's Go is not in quickstart/payments_test.go or attach_test.go")
		case "yaml":
			file, body, _ := strings.Cut(body, "\n")
			if strings.HasSuffix(file, "/contract.yaml") {
				assert.Equal(t, string(contract), body)
				continue
			}
			runsInRepository(t, body)
		case "sh":
			for command := range strings.Lines(body) {
				runs(t, strings.TrimSpace(command), string(makefile))
			}
		}
	}
	assert.Equal(t, map[string]int{"go": 6, "yaml": 3, "sh": 8, "": 4}, count, "a block was added or taken away: see that it is checked")
}

func runs(t *testing.T, command, makefile string) {
	t.Helper()
	if target, ok := strings.CutPrefix(command, "make "); ok {
		assert.Contains(t, makefile, "\n"+target+": ", "README names a target that the Makefile has not")
		return
	}
	if strings.HasPrefix(command, "go get ") {
		return // what a reader does in a repository of their own
	}
	if args, ok := strings.CutPrefix(command, "go run github.com/eventproof/eventproof/contract/cmd/eventproof@latest "); ok {
		// As in a repository of their own, with what is here.
		bin := filepath.Join(t.TempDir(), "eventproof")
		command = "go build -o " + bin + " ./contract/cmd/eventproof && cd examples/orders && " + bin + " " + args
	}
	if args, ok := strings.CutPrefix(command, "fakedaprd "); ok {
		// It would serve for ever: that its flags are known is enough here.
		dir := t.TempDir()
		command = "go run ./fakes/cmd/fakedaprd --version " + strings.ReplaceAll(args, "./dapr", dir)
	}
	command = strings.ReplaceAll(command, "/tmp/first-contract", t.TempDir()+"/first")
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = ".."
	out, err := cmd.CombinedOutput()
	if strings.Contains(command, " diff ") { // it finds what the README shows after it
		text, readErr := os.ReadFile("../README.md")
		require.NoError(t, readErr)
		shown := regexp.MustCompile("(?s)```\n(consumers on .*?)\n```").FindSubmatch(text)
		require.NotNil(t, shown)
		assert.Contains(t, string(out), string(shown[1]))
		assert.ErrorContains(t, err, "exit status")
		return
	}
	assert.NoError(t, err, "%s\n%s", command, out)
}

// runsInRepository runs the commands of a workflow or of a hook in a git
// repository whose branch adds a version that is compatible, and, when there is
// one that is not, sees them fail.
func runsInRepository(t *testing.T, text string) {
	t.Helper()
	var config map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &config))
	commands := regexp.MustCompile(`(?m)(?:run|entry): go run github.com/eventproof/eventproof/contract/cmd/eventproof@latest (.*)$`).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, commands)
	bin := filepath.Join(t.TempDir(), "eventproof")
	build := exec.Command("go", "build", "-o", bin, "./contract/cmd/eventproof")
	build.Dir = ".."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "contracts"), os.DirFS("quickstart/contracts")))
	sh := func(command string) (string, error) {
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	const git = "git -c user.name=t -c user.email=t@example.com "
	text, err = sh(git + "init --quiet --initial-branch=main && git add . && " + git + "commit --quiet -m first && git checkout --quiet -b branch")
	require.NoError(t, err, text)
	first, err := os.ReadFile("quickstart/contracts/order.placed/v1.schema.json")
	require.NoError(t, err)
	broken, err := os.ReadFile("quickstart/proposed/v2.schema.json")
	require.NoError(t, err)
	yamlFile := filepath.Join(dir, "contracts", "order.placed", "contract.yaml")
	was, err := os.ReadFile(yamlFile)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(yamlFile, append(was, "version: {from: type, map: {order.placed: 1, order.placed.2: 2}}\n"...), 0o600))
	for _, version := range []struct {
		schema []byte
		sound  bool
	}{{first, true}, {broken, false}} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "contracts", "order.placed", "v2.schema.json"), version.schema, 0o600))
		for _, command := range commands {
			text, err := sh(bin + " " + command[1])
			if version.sound {
				assert.NoError(t, err, "%s\n%s", command[1], text)
			} else {
				assert.ErrorContains(t, err, "exit status 100", "%s\n%s", command[1], text)
			}
		}
	}
}

// The failure that the README shows is what the quickstart prints without its
// check for orders that are done.
func TestTheReadmesFailureIsReal(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	dir := t.TempDir()
	source, err := os.ReadFile("quickstart/payments.go")
	require.NoError(t, err)
	broken := strings.Replace(string(source), "if p.done[order.OrderID] {", "if false {", 1)
	require.NotEqual(t, string(source), broken)
	require.NoError(t, os.WriteFile(dir+"/payments.go", []byte(broken), 0o600))
	wd, err := os.Getwd()
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(wd, "quickstart", "payments.go"): filepath.Join(dir, "payments.go")}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir+"/overlay.json", overlay, 0o600))
	out, err := exec.Command("go", "test", "-count=1", "-overlay", dir+"/overlay.json", "-run", "^TestPayments$", "./quickstart").CombinedOutput()
	require.Error(t, err)
	shown := regexp.MustCompile("(?s)```\n(payments is not idempotent.*?)```").FindStringSubmatch(string(text))
	require.NotNil(t, shown)
	times := regexp.MustCompile(`t=\S+`)
	strip := func(s string) string { // indentation, the times of a run on the real clock, and cmp's unstable spaces
		s = times.ReplaceAllString(strings.ReplaceAll(s, "\u00a0", " "), "t")
		return strings.Join(strings.Fields(s), " ")
	}
	require.Contains(t, strip(string(out)), strip(shown[1]))
}
