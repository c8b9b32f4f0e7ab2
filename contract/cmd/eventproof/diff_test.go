package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type commandLine struct {
	name, reason string
	args, stdin  string
	want         int
}

// commandLines runs each in a directory of its own and compares all that it
// prints with its golden file.
func commandLines(t *testing.T, in func(*testing.T), lines []commandLine) {
	t.Helper()
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range lines {
		t.Run(tt.name, func(t *testing.T) {
			in(t)
			var stdout, stderr bytes.Buffer
			got := run(strings.Fields(tt.args), strings.NewReader(tt.stdin), &stdout, &stderr)
			if got != tt.want {
				t.Errorf("exit code %d, want %d: %s", got, tt.want, tt.reason)
			}
			text := fmt.Sprintf("$ eventproof %s\n%s-- stderr\n%s-- exit %d\n", tt.args, &stdout, &stderr, got)
			file := filepath.Join(testdata, tt.name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v (go test -update writes it)", err)
			}
			if diff := cmp.Diff(string(want), text); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
		})
	}
}

func inSchemas(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"v1.json":        "{\n  \"type\": \"object\",\n  \"properties\": {\n    \"id\": {\"type\": \"string\"}\n  }\n}",
		"v2.json":        "{\n  \"type\": \"object\",\n  \"required\": [\"id\"],\n  \"properties\": {\n    \"id\": {\"type\": \"string\"}\n  }\n}",
		"refers.json":    `{"type": "object", "properties": {"id": {"$ref": "shared/id.json"}}}`,
		"shared/id.json": `{"type": "string"}`,
		"uri.json":       `{"format": "uri"}`,
		"iri.json":       `{"format": "iri"}`,
		"cut.json":       `{"type": `,
		"order/v1.json":  "{\n  \"type\": \"object\",\n  \"required\": [\"id\"],\n  \"properties\": {\n    \"id\": {\"type\": \"string\", \"examples\": [\"ord-1\"]},\n    \"status\": {\"enum\": [\"new\", \"paid\"]},\n    \"note\": {\"type\": \"string\"}\n  }\n}",
		"order/v2.json":  "{\n  \"type\": \"object\",\n  \"required\": [\"id\", \"total\"],\n  \"properties\": {\n    \"id\": {\"type\": \"string\", \"examples\": [\"ord-1\"]},\n    \"status\": {\"enum\": [\"new\", \"sent\"]},\n    \"total\": {\"type\": \"number\"}\n  }\n}",
		"added.json":     "{\n  \"type\": \"object\",\n  \"properties\": {\n    \"id\": {\"type\": \"string\"},\n    \"note\": {\"type\": \"string\"}\n  }\n}",
		"other/v1.json":  `{"type": "object", "properties": {"id": {"type": "integer"}}}`,
		"id.json":        `{"type": "object", "required": ["ID"], "properties": {"id": {"type": "string"}}}`,
		"defaults.json":  `{"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "default": "none"}}}`,
		"never.json":     `{"type": "string", "enum": [1]}`,
		"pairs.jsonl":    pairs,
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// pairs has a line for each kind of answer.
const pairs = `{"id": "same", "draft": "7", "old": {"type": "string"}, "new": {"type": ["string"]}}
{"id": 2, "draft": "2020-12", "old": {"type": "integer"}, "new": {"type": "number"}, "policy": "allowed"}

{"id": "annotate", "draft": "2019-09", "old": {"format": "uri"}, "new": {"format": "iri"}, "format": "annotate"}
{"id": "assert", "draft": "2019-09", "old": {"format": "uri"}, "new": {"format": "iri"}, "format": "assert"}
{"id": "escape", "draft": "2020-12", "old": {"const": "<&>"}, "new": false}
{"id": "pattern", "draft": "4", "old": {"pattern": "^(?!a)"}, "new": {}}
{"id": "as the validator", "draft": "2020-12", "old": {"dependencies": {"a": ["b"]}}, "new": {"dependentRequired": {"a": ["b"]}}}
`

func TestDiffCommandLine(t *testing.T) {
	commandLines(t, inSchemas, []commandLine{
		{"diff-help", "help teaches", "help diff", "", exitClean},
		{"diff", "one direction breaks", "diff v1.json v2.json", "", exitFindings},
		{"diff-forward", "the other one holds", "diff --compatibility forward v1.json v2.json", "", exitClean},
		{"diff-refers", "the same set, in another file", "diff v1.json refers.json", "", exitClean},
		{"diff-undecided", "is no pass", "diff --assert-format uri.json iri.json", "", exitFindings},
		{"diff-json", "for programs", "diff --format json v1.json v2.json", "", exitFindings},
		{"diff-changes", "each change is a finding at its line", "diff --undeclared absent order/v1.json order/v2.json", "", exitFindings},
		{"diff-changes-backward", "what breaks the other direction is a note", "diff --compatibility backward --undeclared absent order/v1.json order/v2.json", "", exitFindings},
		{"diff-changes-json", "for programs", "diff --undeclared absent --format json order/v1.json order/v2.json", "", exitFindings},
		{"diff-changes-github", "annotations at the lines of the new schema", "diff --undeclared absent --format github order/v1.json order/v2.json", "", exitFindings},
		{"diff-changes-markdown", "a comment on a pull request", "diff --undeclared absent --format markdown order/v1.json order/v2.json", "", exitFindings},
		{"diff-changes-junit", "a case for each change", "diff --undeclared absent --format junit order/v1.json order/v2.json", "", exitFindings},
		{"diff-changes-sarif", "a result for each change", "diff --undeclared absent --format sarif order/v1.json order/v2.json", "", exitFindings},
		{"diff-added", "nobody breaks, but something is new", "diff --undeclared absent v1.json added.json", "", exitClean},
		{"diff-added-allowed", "as written, a note of any type was allowed", "diff v1.json added.json", "", exitFindings},
		{"diff-same-name", "the files have the same name", "diff v1.json other/v1.json", "", exitFindings},
		{"diff-empty", "nothing is sent, so nothing breaks", "diff --undeclared absent id.json v1.json", "", exitFindings},
		{"diff-never", "no string is a number", "diff --compatibility forward v1.json never.json", "", exitFindings},
		{"diff-one", "which other one?", "diff v1.json", "", exitError},
		{"diff-cut", "no schema", "diff v1.json cut.json", "", exitError},
		{"diff-missing", "no file", "diff v1.json v3.json", "", exitError},
		{"diff-unknown", "typing errors, all at once", "diff --compatibility ful --undeclared absnt --draft 5 v1.json v2.json", "", exitError},
		{"diff-pairs", "a file of pairs", "diff --pairs pairs.jsonl", "", exitClean},
		{"diff-pairs-stdin", "a pipe", "diff --pairs -", pairs, exitClean},
		{"diff-pairs-empty", "nothing to judge", "diff --pairs -", "", exitClean},
		{"diff-pairs-and-files", "which of the two?", "diff --pairs pairs.jsonl v1.json v2.json", "", exitError},
		{"diff-pairs-and-flags", "each line says it", "diff --pairs pairs.jsonl --undeclared absent", "", exitError},
		{"diff-defaults", "the reader fills in the default", "diff --defaults-fill --compatibility backward v1.json defaults.json", "", exitClean},
		{"diff-pairs-missing", "no file", "diff --pairs nowhere.jsonl", "", exitError},
		{"diff-pairs-cut", "what stands before is answered", "diff --pairs -", pairs + `{"id": 1,`, exitError},
		{"diff-pairs-unknown-field", "a typing error", "diff --pairs -", `{"id": 1, "draft": "7", "old": {}, "new": {}, "polcy": "absent"}`, exitError},
		{"diff-pairs-no-id", "answers could not be told apart", "diff --pairs -", `{"draft": "7", "old": {}, "new": {}}`, exitError},
		{"diff-pairs-draft", "there is no draft 5", "diff --pairs -", `{"id": 1, "draft": "5", "old": {}, "new": {}}`, exitError},
	})
}

// Many pairs come back in their order, whatever each of them takes.
func TestPairsKeepTheirOrder(t *testing.T) {
	var in, want strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&in, `{"id":%d,"draft":"7","old":{"minLength":%d},"new":{"minLength":%d}}`+"\n", i, i%7, i%5)
		fmt.Fprintf(&want, "%d\n", i)
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"diff", "--pairs", "-"}, strings.NewReader(in.String()), &stdout, &stderr); code != exitClean {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	var got strings.Builder
	for line := range strings.Lines(stdout.String()) {
		var id int
		if _, err := fmt.Sscanf(line, `{"id":%d,"backward":{"verdict":"`, &id); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		fmt.Fprintf(&got, "%d\n", id)
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if stderr.Len() > 0 {
		t.Errorf("there is no terminal to show progress on: %q", stderr.String())
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestPairsSayWhenTheyCannotBeWritten(t *testing.T) {
	err := comparePairs("-", strings.NewReader(strings.Repeat(pairs, 500)), full{}, io.Discard)
	if err == nil || err.Error() != "the verdicts cannot be written: no space left" {
		t.Errorf("got %v", err)
	}
}

// One answer is written as soon as it is known where nothing else is under way.
func TestPairsAnswerAPipeLineByLine(t *testing.T) {
	in, write := io.Pipe()
	read, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := comparePairs("-", in, out, io.Discard)
		_ = out.Close()
		done <- err
	}()
	buffer := make([]byte, 4096)
	for i := range 3 {
		if _, err := fmt.Fprintf(write, `{"id":%d,"draft":"7","old":{},"new":{}}`+"\n", i); err != nil {
			t.Fatal(err)
		}
		n, err := read.Read(buffer)
		if want := fmt.Sprintf(`{"id":%d,"backward":{"verdict":"compatible"},"forward":{"verdict":"compatible"}}`+"\n", i); err != nil || string(buffer[:n]) != want {
			t.Fatalf("got %s (%v), want %s", buffer[:n], err, want)
		}
	}
	_ = write.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
