package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

const (
	sound  = `{"specversion":"1.0","id":"1","source":"things","type":"com.dapr.event.sent","datacontenttype":"application/json","pubsubname":"pubsub","topic":"things","data":{"thing_id":"t-1"}}`
	broken = `{"specversion":"1.0","id":"2","source":"things","type":"com.dapr.event.sent","datacontenttype":"application/json","pubsubname":"pubsub","topic":"things","data":{"thing_id":""}}`
)

// inDirectory runs the test in a directory of its own, with a first contract.
func inDirectory(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	if _, _, err := initialize("contracts"); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"sound.json":                   sound,
		"pretty.json":                  strings.ReplaceAll(broken, ",", ",\n  "),
		"array.json":                   "[\n" + sound + ",\n" + broken + "\n]",
		"lines.jsonl":                  sound + "\n\n" + broken + "\n{\"id\":\n" + sound + "\n",
		"cut.json":                     "{\n  \"id\": \"1\",\n  \"data\": {\n",
		"empty.json":                   "\n",
		"none.json":                    "[]",
		"bad/a/contract.yaml":          "event: a\ntopik: t\n",
		"example/a/contract.yaml":      "event: a\ntopic: t\n",
		"example/a/v1.schema.json":     `{"type": "object"}`,
		"example/a/v1.examples/x.json": `[]`,
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Each command line with its exit code and all that it prints.
func TestCommandLine(t *testing.T) {
	commandLines(t, inDirectory, []commandLine{
		{"no-command", "help", "", "", exitClean},
		{"help-validate", "help teaches", "help validate", "", exitClean},
		{"help-init", "help teaches", "help init", "", exitClean},
		{"unknown-command", "a typing error", "vaildate contracts", "", exitError},
		{"unknown-flag", "a typing error", "validate --jsn contracts", "", exitError},
		{"validate-nothing", "which contracts?", "validate", "", exitError},
		{"validate-contracts", "contracts and examples", "validate contracts", "", exitClean},
		{"validate-example", "an example breaks its contract", "validate example", "", exitFindings},
		{"validate-broken-contract", "the work cannot be done", "validate bad", "", exitError},
		{"validate-no-directory", "the work cannot be done", "validate nowhere", "", exitError},
		{"validate-sound", "nothing to say", "validate contracts sound.json", "", exitClean},
		{"validate-pretty", "one event on several lines", "validate contracts pretty.json", "", exitFindings},
		{"validate-array", "each item is an event", "validate contracts array.json", "", exitFindings},
		{"validate-lines", "a line that is cut short, the others go on", "validate contracts lines.jsonl", "", exitFindings},
		{"validate-cut", "one event that is cut short", "validate contracts cut.json", "", exitFindings},
		{"validate-empty", "nothing was checked", "validate contracts empty.json", "", exitError},
		{"validate-empty-array", "nothing was checked", "validate contracts none.json", "", exitError},
		{"validate-no-file", "the work cannot be done", "validate contracts sound.json missing.json", "", exitError},
		{"validate-stdin", "a pipe", "validate contracts -", sound + "\n" + broken + "\n", exitFindings},
		{"validate-json", "for programs", "validate --json contracts sound.json array.json", "", exitFindings},
		{"validate-json-clean", "findings is an empty array", "validate contracts --json", "", exitClean},
		{"init-again", "never overwrites", "init", "", exitClean},
		{"init-two", "one directory", "init a b", "", exitError},
	})
}

func TestVersion(t *testing.T) {
	var stdout bytes.Buffer
	if code := run([]string{"version"}, nil, &stdout, &stdout); code != exitClean {
		t.Errorf("exit code %d", code)
	}
	if fields := strings.Fields(stdout.String()); len(fields) < 3 || fields[0] != "eventproof" || !strings.HasPrefix(fields[2], "go1.") {
		t.Errorf("got %q, want eventproof VERSION go1.…", stdout.String())
	}
}

// JSON is read back as what was printed.
func TestJSONIsJSON(t *testing.T) {
	inDirectory(t)
	var stdout bytes.Buffer
	run([]string{"validate", "--json", "contracts", "array.json"}, nil, &stdout, &stdout)
	var r result
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Events != 2 || r.Contracts != 1 || len(r.Findings) != 1 || r.Findings[0].Rule != "EVENT_SCHEMA" || r.Findings[0].Input != "array.json:3" {
		t.Errorf("got %+v", r)
	}
}

func TestInitNeverOverwrites(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"events/contracts.go": "package mine", "events/order.placed/contract.yaml": "mine"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	written, kept, err := initialize("events")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"events/contracts_test.go"}, written); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"events/contracts.go"}, kept); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	b, err := os.ReadFile("events/contracts.go")
	if err != nil || string(b) != "package mine" {
		t.Errorf("contracts.go is %q (%v), want it as it was", b, err)
	}
}

func TestPackageName(t *testing.T) {
	for _, tt := range []struct{ dir, reason, want string }{
		{"contracts", "as it is", "contracts"},
		{"api/Order-Events", "letters and digits only", "orderevents"},
		{"2fast", "a name starts with a letter", "contracts"},
		{"...", "no letter at all", "contracts"},
	} {
		t.Run(tt.dir, func(t *testing.T) {
			if got, err := packageName(tt.dir); got != tt.want || err != nil {
				t.Errorf("got %q (%v), want %q: %s", got, err, tt.want, tt.reason)
			}
		})
	}
}

// What init prints last works where it is printed: go test fails outside a
// module, and in another module than the package's.
func TestInitSaysWhatWorks(t *testing.T) {
	const get = "go get github.com/eventproof/eventproof && go mod tidy && go test "
	for _, tt := range []struct {
		name, reason string
		modules      []string // directories with a go.mod
		dir          string
		want         string
	}{
		{"root", "the usual case", []string{"."}, "contracts", "Next: " + get + "./contracts"},
		{"deeper", "a package path has slashes", []string{"."}, "api/events", "Next: " + get + "./api/events"},
		{"here", "the directory itself", []string{"."}, ".", "Next: " + get + "./."},
		{"module of its own", "go test of the outer module does not see it", []string{".", "contracts"}, "contracts", "Next: cd contracts && " + get + "."},
		{"elsewhere", "a module that we do not stand in", []string{"other"}, "other/contracts", "Next: cd other/contracts && " + get + "."},
		{"none", "go test needs a module", nil, "contracts",
			"contracts lies in no Go module, and go test needs one (go.mod). Next, to make it one:\n  cd contracts && go mod init example.com/contracts && " + get + "."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for _, module := range tt.modules {
				if err := os.MkdirAll(module, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(module, "go.mod"), []byte("module example.com/m\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var stdout bytes.Buffer
			if code := run([]string{"init", tt.dir}, nil, &stdout, &stdout); code != exitClean {
				t.Fatalf("init: exit code %d\n%s", code, &stdout)
			}
			if _, got, _ := strings.Cut(stdout.String(), "\n\n"); got != tt.want+"\n" {
				t.Errorf("%s: got\n%swant\n%s", tt.reason, got, tt.want)
			}
		})
	}
}

// What init writes compiles, and its test passes, in a module of its own.
func TestInitWritesATestThatPasses(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a module: left out with -short")
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	root := strings.TrimSpace(string(out))
	dir := t.TempDir()
	t.Chdir(dir)
	if code := run([]string{"init"}, nil, &bytes.Buffer{}, &bytes.Buffer{}); code != exitClean {
		t.Fatalf("init: exit code %d", code)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/eventproof/eventproof"
	text := strings.Replace(string(mod), "module "+module, "module example.com/service", 1) +
		"\nrequire " + module + " v0.0.0\nreplace " + module + " => " + root + "\n"
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	const use = "package contracts_test\n\nimport (\n\t\"testing\"\n\n\t\"example.com/service/contracts\"\n)\n\n" +
		"func TestEmbedded(t *testing.T) {\n\tc, err := contracts.Load()\n\tif err != nil || c.Contract(\"thing.created\") == nil || len(c.Contract(\"thing.created\").Versions[0].Examples) != 1 {\n\t\tt.Fatal(c, err)\n\t}\n}\n"
	for name, b := range map[string][]byte{"go.mod": []byte(text), "go.sum": sum, "contracts/embedded_test.go": []byte(use)} {
		if err := os.WriteFile(name, b, fs.FileMode(0o600)); err != nil {
			t.Fatal(err)
		}
	}
	test := exec.Command("go", "test", "-mod=mod", "-v", "./contracts")
	test.Env = append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "GOWORK=off")
	got, err := test.CombinedOutput()
	if err != nil || !strings.Contains(string(got), "--- PASS: TestContracts") || !strings.Contains(string(got), "--- PASS: TestEmbedded") {
		t.Errorf("go test ./contracts: %v\n%s", err, got)
	}
}
