package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	junit "github.com/joshdk/go-junit"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/eventproof/eventproof/contract/gate"
	"github.com/eventproof/eventproof/contract/report"
)

// inRepository runs the test in a git repository in which each finding of the
// gate is there once, between HEAD and the work tree.
func inRepository(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skipf("no git command: %v", err)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Chdir(t.TempDir())
	const text, number, id = `{"properties": {"id": {"type": "string"}}}`, `{"properties": {"id": {"type": "number"}}}`, `{"required": ["id"]}`
	head := func(event, more string) string {
		return "event: " + event + "\ntopic: " + event + "\nundeclared: allowed\n" + more
	}
	base, changed := map[string]string{}, map[string]string{}
	for event, files := range map[string][2]map[string]string{
		"a.edited":    {{"v1": text}, {"v1": number}},
		"b.backward":  {{"v1": text, "yaml": "compatibility: backward\nversion: {from: /data/v}\n"}, {"v2": id}},
		"c.forward":   {{"v1": id, "yaml": "compatibility: forward\nversion: {from: /data/v}\n"}, {"v2": text}},
		"d.version":   {{"v1": text, "v2": text, "yaml": "version: {from: /data/v}\nconsumers: [{app: mail}]\n"}, {"v1": ""}},
		"e.type":      {{"v1": text, "yaml": "consumers: [{app: mail}]\n"}, {"v1": "", "yaml": "-"}},
		"f.reads":     {{"v1": text}, {"yaml": "consumers: [{app: mail, reads: mail.reads.schema.json}]\n", "mail.reads.schema.json": id}},
		"g.example":   {{"v1": text}, {"v1.examples/bad.json": `{"id": 1}`}},
		"h.empty":     {{"v1": text}, {"yaml": "versions: {2: {status: draft}}\n", "v2": `{"type": "string", "enum": [1]}`}},
		"i.drafts":    {{"v1": text}, {"yaml": "versions: {2: {status: draft}}\n", "v2": `{"$schema": "http://json-schema.org/draft-07/schema#"}`}},
		"j.published": {{"v1": text}, {"yaml": "versions: {2: {status: draft}}\nproducers: [{app: shop, versions: [2]}]\n", "v2": text}},
		"k.undecided": {{"v1": `{"format": "uri"}`, "yaml": "format: assert\n"}, {"v1": `{"format": "iri"}`}},
		"l.expired":   {{"v1": text}, {"yaml": "waivers: [{rule: GATE_BACKWARD, reason: for a week, expires: 2026-11-23}]\n"}},
		"m.unused":    {{"v1": text}, {"yaml": "waivers: [{rule: GATE_BACKWARD, reason: for a week, expires: 2026-11-24}]\n"}},
		"n.unchanged": {{"v1": text}, {}},
	} {
		for i, into := range []map[string]string{base, changed} {
			for name, text := range files[i] {
				switch {
				case name == "yaml" && text != "-":
					name, text = "contract.yaml", head(event, text)
				case name == "yaml":
					name, text = "contract.yaml", ""
				case !strings.Contains(name, "."):
					name += ".schema.json"
				}
				into["contracts/"+event+"/"+name] = text
			}
			if name := "contracts/" + event + "/contract.yaml"; i == 0 && base[name] == "" {
				base[name] = head(event, "")
			}
		}
	}
	write := func(files map[string]string) {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if files[name] == "" {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(files[name]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(base)
	for _, args := range [][]string{{"init", "--quiet", "--initial-branch=main"}, {"add", "--all"},
		{"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--message", "first"}} {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write(changed)
}

// everyRule are the ids of the gate's rules, sorted.
func everyRule() []string { return slices.Sorted(maps.Keys(gate.Rules())) }

// Each finding of the gate is in each format once.
func TestGateInEachFormat(t *testing.T) {
	read := map[string]func(t *testing.T, text []byte) []string{
		"json": func(t *testing.T, text []byte) (rules []string) {
			t.Helper()
			var r report.Report
			if err := json.Unmarshal(text, &r); err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Findings {
				rules = append(rules, f.Rule)
			}
			return rules
		},
		"junit": func(t *testing.T, text []byte) (rules []string) {
			t.Helper()
			suites, err := junit.Ingest(text)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range suites {
				for _, c := range s.Tests {
					if c.Status == junit.StatusFailed {
						rules = append(rules, c.Classname)
					}
				}
			}
			return rules
		},
		"sarif": func(t *testing.T, text []byte) (rules []string) {
			t.Helper()
			document, err := sarif.FromBytes(text)
			if err != nil {
				t.Fatal(err)
			}
			if err := document.Validate(); err != nil {
				t.Fatal(err)
			}
			for _, r := range document.Runs[0].Results {
				rules = append(rules, *r.RuleID)
				if len(r.Locations) != 1 {
					t.Errorf("%s has no file", *r.RuleID)
				}
			}
			return rules
		},
		"github":   found(`(?m)^::error file=contracts/[a-n][^,]*(?:,line=\d+)?,title=(GATE_[A-Z_]+)::`),
		"markdown": found(`(?m)^\*\*(GATE[A-Z\\_]+)\*\* ` + "`contracts/"),
		"text":     found(`(?m)^  rule   (GATE_[A-Z_]+)  \(contracts/`),
	}
	var formats []string
	for format := range read {
		formats = append(formats, format)
	}
	slices.Sort(formats)
	if diff := cmp.Diff(report.Formats(), formats); diff != "" {
		t.Fatalf("formats (-all +tested):\n%s", diff)
	}
	for _, format := range formats {
		t.Run(format, func(t *testing.T) {
			inRepository(t)
			var stdout, stderr bytes.Buffer
			if code := run([]string{"gate", "--against", "HEAD", "--today", "2026-11-24", "--format", format}, nil, &stdout, &stderr); code != exitFindings {
				t.Fatalf("exit code %d: %s", code, &stderr)
			}
			rules := read[format](t, stdout.Bytes())
			slices.Sort(rules)
			if diff := cmp.Diff(everyRule(), rules); diff != "" {
				t.Errorf("-want +got:\n%s\n%s", diff, &stdout)
			}
		})
	}
}

func found(pattern string) func(*testing.T, []byte) []string {
	return func(_ *testing.T, text []byte) (rules []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
			rules = append(rules, strings.ReplaceAll(string(m[1]), `\`, ""))
		}
		return rules
	}
}

// Several formats at once say the same.
func TestGateWritesFiles(t *testing.T) {
	inRepository(t)
	var stdout, stderr bytes.Buffer
	args := []string{"gate", "--against", "HEAD", "--today", "2026-11-24", "--format", "github", "--output", "sarif=gate.sarif", "--output", "text=gate.txt", "contracts"}
	if code := run(args, nil, &stdout, &stderr); code != exitFindings {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	for file, want := range map[string]string{"gate.sarif": `"version": "2.1.0"`, "gate.txt": "  rule   GATE_EDITED"} {
		if text, err := os.ReadFile(file); err != nil || !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s: %v, want %s in it", file, err, want)
		}
	}
	if !bytes.HasPrefix(stdout.Bytes(), []byte("::error ")) {
		t.Errorf("standard output is not in the format asked for: %s", &stdout)
	}
}

// Each command line with its exit code and all that it prints.
func TestGateCommandLine(t *testing.T) {
	commandLines(t, inRepository, []commandLine{
		{"gate-help", "help teaches", "help gate", "", exitClean},
		{"gate-head", "all that there is to find", "gate --against HEAD --today 2026-11-24", "", exitFindings},
		{"gate-directory", "a directory as base", "gate --against ./contracts --today 2026-11-20 contracts", "", exitFindings},
		{"gate-unknown-revision", "a typing error", "gate --against mian", "", exitError},
		{"gate-unknown-path", "neither a revision nor a directory", "gate --against ../before", "", exitError},
		{"gate-no-directory", "a typing error", "gate contrats", "", exitError},
		{"gate-wrong-root", "one level too high", "gate .", "", exitError},
		{"gate-with-nothing", "a typing error", "gate --with ../shop", "", exitError},
		{"gate-unknown-format", "a typing error", "gate --format jnit", "", exitError},
		{"gate-bad-output", "which file?", "gate --output junit", "", exitError},
		{"gate-same-output", "one would overwrite the other", "gate --output junit=x --output sarif=x", "", exitError},
		{"gate-no-day", "not a day", "gate --today tomorrow", "", exitError},
	})
}

// An empty text, as of a variable that is not set, turns nothing off.
func TestGateRefusesEmpty(t *testing.T) {
	inRepository(t)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"gate", "--against", ""}, "eventproof: --against is empty"},
		{[]string{"gate", "--against=", "contracts"}, "eventproof: --against is empty"},
		{[]string{"gate", "--against", " "}, "eventproof: --against is empty"},
		{[]string{"gate", "--with", ""}, "eventproof: --with is empty"},
		{[]string{"gate", "--with", "contracts", "--with", ""}, "eventproof: --with is empty"},
		{[]string{"gate", ""}, "eventproof: DIR is empty"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(tt.args, nil, &stdout, &stderr); code != exitError || !strings.HasPrefix(stderr.String(), tt.want) || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, %s%s; want 1 and %s", tt.args, code, &stdout, &stderr, tt.want)
		}
	}
}

// A file that cannot be written hides neither the verdict nor the other files.
func TestGatePrintsTheVerdictAnyway(t *testing.T) {
	inRepository(t)
	var stdout, stderr bytes.Buffer
	args := []string{"gate", "--against", "HEAD", "--today", "2026-11-24", "--output", "json=sub/gate.json", "--output", "text=gate.txt"}
	if code := run(args, nil, &stdout, &stderr); code != exitError {
		t.Errorf("exit code %d, want %d", code, exitError)
	}
	if !strings.Contains(stderr.String(), "sub/gate.json") {
		t.Errorf("the error does not name the file: %s", &stderr)
	}
	if text, err := os.ReadFile("gate.txt"); err != nil || !bytes.Equal(text, stdout.Bytes()) || !strings.Contains(stdout.String(), gate.RuleEdited) {
		t.Errorf("the other file: %v; printed:\n%s", err, &stdout)
	}
}
