package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inContracts runs the test in a directory with contracts to sample from.
func inContracts(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"contracts/order.placed/contract.yaml": "event: order.placed\ntopic: orders.order.placed\nidentity: /data/order_id\nversion: {from: /data/version}\nproducers: [{app: shop}]\n",
		"contracts/order.placed/v1.schema.json": `{
  "type": "object",
  "required": ["order_id", "version", "total"],
  "properties": {
    "order_id": {"type": "string", "minLength": 1},
    "version": {"const": 1},
    "total": {"type": "integer", "minimum": 0},
    "currency": {"enum": ["EUR", "USD"]}
  }
}
`,
		"contracts/order.placed/v2.schema.json": `{
  "type": "object",
  "required": ["order_id", "version", "total", "created_at"],
  "properties": {
    "order_id": {"type": "string", "minLength": 1},
    "version": {"const": 2},
    "total": {"type": "integer", "minimum": 0},
    "created_at": {"type": "string", "examples": ["2024-05-01T08:00:00Z"]},
    "note": {"type": "string", "maxLength": 20, "minLength": 0}
  }
}
`,
		"contracts/empty/contract.yaml":  "event: empty\ntopic: empty\n",
		"contracts/empty/v1.schema.json": `{"allOf": [{"type": "string"}, {"type": "integer"}]}`,
		"contracts/text/contract.yaml":   "event: text\ntopic: text\nschema: none\n",
		"contracts/same/contract.yaml":   "event: same\ntopic: same\n",
		"contracts/same/v1.schema.json":  "{\n  \"type\": \"string\",\n  \"enum\": [\"a\", \"b\"],\n  \"maxLength\": 3\n}",
		"bad/a/contract.yaml":            "event: a\ntopik: t\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSampleCommandLine(t *testing.T) {
	commandLines(t, inContracts, []commandLine{
		{"sample-help", "help teaches", "help sample", "", exitClean},
		{"sample", "valid events, the last version", "sample contracts order.placed -n 4", "", exitClean},
		{"sample-version", "an older version", "sample contracts order.placed@1 -n 2", "", exitClean},
		{"sample-seed", "other events", "sample contracts order.placed -n 2 --seed 7", "", exitClean},
		{"sample-data", "for those who publish", "sample contracts order.placed -n 2 --data", "", exitClean},
		{"sample-boundary", "what each is for", "sample contracts order.placed@1 -n 0 --kind boundary --data --explain", "", exitClean},
		{"sample-near-miss", "each names its keyword", "sample contracts order.placed -n 0 --kind near-miss --data", "", exitClean},
		{"sample-near-miss-event", "the event is in it", "sample contracts order.placed -n 1 --kind near-miss", "", exitClean},
		{"sample-kinds", "one after the other", "sample contracts same -n 1 --kind valid,boundary,near-miss --explain", "", exitClean},
		{"sample-without", "a keyword that refuses nothing is named", "sample contracts same -n 0 --kind near-miss", "", exitClean},
		{"sample-nothing", "which event?", "sample", "", exitError},
		{"sample-no-type", "which event?", "sample contracts", "", exitError},
		{"sample-two", "one at a time", "sample contracts same text", "", exitError},
		{"sample-unknown-type", "a typing error", "sample contracts order.place", "", exitError},
		{"sample-unknown-version", "those that there are", "sample contracts order.placed@3", "", exitError},
		{"sample-version-missing", "an @ with nothing", "sample contracts order.placed@", "", exitError},
		{"sample-unknown-kind", "a typing error", "sample contracts order.placed --kind valid,near-mis", "", exitError},
		{"sample-negative", "how many?", "sample contracts order.placed -n -1", "", exitError},
		{"sample-empty", "there is no such event", "sample contracts empty", "", exitError},
		{"sample-no-schema", "anything goes", "sample contracts text", "", exitError},
		{"sample-no-directory", "the work cannot be done", "sample nowhere a", "", exitError},
		{"sample-broken-contract", "the work cannot be done", "sample bad a", "", exitError},
	})
}

// What sample prints, validate judges as it should: the two know nothing of
// each other.
func TestSampleIsWhatItSays(t *testing.T) {
	inContracts(t)
	for _, kind := range []string{"valid", "boundary"} {
		var events, report bytes.Buffer
		if code := run([]string{"sample", "contracts", "order.placed", "--kind", kind, "-n", "0"}, nil, &events, &report); code != exitClean {
			t.Fatalf("%s: exit code %d: %s", kind, code, &report)
		}
		if n := strings.Count(events.String(), "\n"); n < 5 {
			t.Errorf("%d %s events", n, kind)
		}
		report.Reset()
		if code := run([]string{"validate", "contracts", "-"}, &events, &report, &report); code != exitClean {
			t.Errorf("%s: validate: exit code %d: %s", kind, code, &report)
		}
	}
	var lines, errs bytes.Buffer
	run([]string{"sample", "contracts", "order.placed", "--kind", "near-miss", "-n", "0"}, nil, &lines, &errs)
	n := 0
	for line := range bytes.Lines(lines.Bytes()) {
		var miss struct {
			At, Pointer string
			Event       json.RawMessage
		}
		if err := json.Unmarshal(line, &miss); err != nil {
			t.Fatal(err)
		}
		var report bytes.Buffer
		if code := run([]string{"validate", "contracts", "-"}, bytes.NewReader(miss.Event), &report, &report); code != exitFindings {
			t.Errorf("validate: exit code %d for %s: %s", code, line, &report)
		}
		// A contract's places are named from its root, without its directory.
		if !strings.Contains(report.String(), "EVENT_SCHEMA") || !strings.Contains(report.String(), "("+miss.At+")") {
			t.Errorf("validate does not name %s: %s", miss.At, &report)
		}
		n++
	}
	if n < 8 {
		t.Errorf("%d near misses: %s", n, &errs)
	}
}
