package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	junit "github.com/joshdk/go-junit"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/report"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

// full has what each format must take care of.
var full = report.Report{
	Title:   "contracts against main",
	Notes:   []string{"backward: compatible", "::error::not a command"},
	Summary: "3 contracts, 5 comparisons",
	Rules:   map[string]string{"GATE_BACKWARD": "Consumers on a new version can read every event of the versions before it."},
	Findings: []contract.Violation{
		{Rule: "GATE_BACKWARD", What: "order.placed v2 breaks v1: /data/total is missing", Place: contract.Place{File: "contracts/order.placed/v2.schema.json", Line: 3}, Event: contract.Ref{Type: "order.placed"},
			Pointer: "/data/total", Want: "present", Got: "absent", Trace: []string{`v1 allows {"id":"<a> & |b| 100%"}`, "v2 refuses it"}, Reproduce: "eventproof diff v1.schema.json v2.schema.json"},
		{Rule: "GATE_READS", What: "billing,eu: cannot read @everyone ```x``` #1 _y_", Place: contract.Place{File: "contracts/a,b:c/v1.schema.json"}, Event: contract.Ref{Type: "order.placed"}, App: "billing",
			Diff: "- a\n+ b\x01\n"},
		{Rule: "GATE_READS", What: "a twin", Place: contract.Place{File: "/abs/ü x.json", Line: 7}},
		{Rule: "GATE_READS", What: "a twin", Place: contract.Place{File: "/abs/ü x.json", Line: 7}},
		{Rule: "GATE_WAIVER_UNUSED", What: "nowhere in particular\r\n::warning::injected"},
	},
}

var clean = report.Report{Title: "contracts", Summary: "3 contracts"}

func TestFormats(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		report       report.Report
	}{
		{"full", "every field, and every character that some format must escape", full},
		{"clean", "nothing found is said, and is not an empty file", clean},
		{"bare", "the zero report is sound too", report.Report{}},
	} {
		for _, format := range report.Formats() {
			t.Run(tt.name+"."+format, func(t *testing.T) {
				var b bytes.Buffer
				if err := report.Write(&b, format, tt.report); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join("testdata", tt.name+"."+format)
				if *update {
					if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatalf("%v (go test -update writes it)", err)
				}
				if diff := cmp.Diff(string(want), b.String()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
				}
			})
		}
	}
}

func write(t *testing.T, format string, r report.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, format, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// JUnit is read back by another library: every finding is a failed test.
func TestJUnitIsReadBack(t *testing.T) {
	for _, tt := range []struct {
		name, reason   string
		report         report.Report
		passed, failed int
	}{
		{"full", "one failed case a finding", full, 0, 5},
		{"clean", "a suite without cases would be taken for a mistake", clean, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			suites, err := junit.Ingest(write(t, "junit", tt.report))
			if err != nil {
				t.Fatal(err)
			}
			passed, failed := 0, 0
			names := map[string]bool{}
			for _, s := range suites {
				passed, failed = passed+s.Totals.Passed, failed+s.Totals.Failed
				for _, c := range s.Tests {
					if names[c.Classname+c.Name] {
						t.Errorf("two cases are called %s", c.Name)
					}
					names[c.Classname+c.Name] = true
				}
			}
			if passed != tt.passed || failed != tt.failed {
				t.Errorf("%d passed and %d failed, want %d and %d: %s", passed, failed, tt.passed, tt.failed, tt.reason)
			}
		})
	}
}

// SARIF is valid by the schema of OASIS, which go-sarif ships.
func TestSARIFIsValid(t *testing.T) {
	for _, r := range []report.Report{full, clean, {}} {
		text := write(t, "sarif", r)
		document, err := sarif.FromBytes(text, sarif.WithStrictValidation())
		if err != nil {
			t.Fatal(err)
		}
		if err := document.Validate(); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		if got := len(document.Runs[0].Results); got != len(r.Findings) {
			t.Errorf("%d results, want %d", got, len(r.Findings))
		}
	}
	document, err := sarif.FromBytes(write(t, "sarif", full))
	if err != nil {
		t.Fatal(err)
	}
	document.Version = "9"
	if document.Validate() == nil {
		t.Error("a version that there is not is accepted: the validation above proves nothing")
	}
}

// A witness is data that others wrote: no line of the report is a command but
// those that the report means.
func TestGitHubCommandsCannotBeInjected(t *testing.T) {
	lines := strings.Split(strings.TrimRight(string(write(t, "github", full)), "\n"), "\n")
	commands := 0
	for _, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			commands++
			if !strings.HasPrefix(line, "::error ") {
				t.Errorf("injected: %s", line)
			}
		}
	}
	if commands != len(full.Findings) {
		t.Errorf("%d commands, want one for each of %d findings", commands, len(full.Findings))
	}
	if want := "::error file=contracts/a%2Cb%3Ac/v1.schema.json,title=GATE_READS::billing,eu: cannot"; !strings.Contains(string(write(t, "github", full)), want) {
		t.Errorf("want %s", want)
	}
}

func TestMarkdownFitsAComment(t *testing.T) {
	var many report.Report
	for i := range 2000 {
		many.Findings = append(many.Findings, contract.Violation{Rule: "GATE_READS", What: fmt.Sprintf("finding %d of many", i), Trace: []string{strings.Repeat("ü", 100)}})
	}
	text := write(t, "markdown", many)
	if n := utf8.RuneCount(text); n > 65536 {
		t.Errorf("%d characters, GitHub takes 65,536", n)
	}
	kept := bytes.Count(text, []byte("of many\n"))
	if want := fmt.Sprintf("%d findings more did not fit", 2000-kept); kept == 0 || !bytes.Contains(text, []byte(want)) {
		t.Errorf("%d are in it; want: %s", kept, want)
	}
}

func TestJSONKeepsFindings(t *testing.T) {
	var got report.Report
	if err := json.Unmarshal(write(t, "json", full), &got); err != nil {
		t.Fatal(err)
	}
	want := full
	want.Rules = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !bytes.Contains(write(t, "json", clean), []byte(`"findings": []`)) {
		t.Error("findings is to be an empty array")
	}
}

// refuses is a writer that fails after some bytes.
type refuses struct{ left int }

func (r *refuses) Write(p []byte) (int, error) {
	if r.left -= len(p); r.left < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestWriteSaysWhatWentWrong(t *testing.T) {
	for _, format := range report.Formats() {
		if err := report.Write(&refuses{10}, format, full); err == nil || err.Error() != "write report as "+format+": disk full" {
			t.Errorf("%s: got %v, want that the disk is full", format, err)
		}
	}
	for _, tt := range []struct{ format, reason, want string }{
		{"sarf", "a typing error", `format "sarf" is not known: write sarif`},
		{"html", "none is near", `format "html" is not known: write one of github, json, junit, markdown, sarif, text`},
	} {
		if err := report.Write(&bytes.Buffer{}, tt.format, full); err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s: %s", err, tt.want, tt.reason)
		}
	}
}

func ExampleWrite() {
	_ = report.Write(os.Stdout, "text", report.Report{
		Title:    "contracts against main",
		Summary:  "1 contract",
		Findings: []contract.Violation{{Rule: "GATE_EMPTY", What: "order.placed v2 accepts no value at all", Place: contract.Place{File: "v2.schema.json", Line: 1}}},
	})
	// Output:
	// == v2.schema.json: 1 finding
	//
	// order.placed v2 accepts no value at all
	//   rule   GATE_EMPTY  (v2.schema.json:1)
	//
	// contracts against main: 1 finding (GATE_EMPTY 1); 1 contract
}

func ExampleFormats() {
	fmt.Println(strings.Join(report.Formats(), " "))
	// Output: github json junit markdown sarif text
}

func ExampleKnown() {
	fmt.Println(report.Known("jnit"))
	// Output: format "jnit" is not known: write junit
}
