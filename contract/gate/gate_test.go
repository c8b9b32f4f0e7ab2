package gate_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/gate"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

var today = time.Date(2026, 11, 24, 23, 0, 0, 0, time.UTC)

// orders is a sound root: a version, an example, a consumer that says what it
// reads, and one that does not.
var orders = map[string]string{
	"order.placed/contract.yaml": `event: order.placed
topic: orders.placed
version: {from: /data/version}
producers: [{app: orders, versions: [1]}]
consumers:
  - {app: payments, versions: [1], reads: payments.reads.schema.json}
  - {app: audit, versions: [1]}
`,
	"order.placed/v1.schema.json": `{
  "type": "object",
  "required": ["id", "version"],
  "properties": {
    "id": {"type": "string"},
    "version": {"type": "integer"},
    "total": {"type": "number"}
  }
}`,
	"order.placed/v1.examples/minimal.json":         `{"id": "ord-1", "version": 1}`,
	"order.placed/payments.reads.schema.json":       `{"required": ["id"], "properties": {"id": {"type": "string"}}}`,
	"order.shipped/contract.yaml":                   "event: order.shipped\ntopic: orders.shipped\nconsumers: [{app: audit}]\n",
	"order.shipped/v1.schema.json":                  `{"type": "object", "properties": {"id": {"type": "string"}}}`,
	"order.shipped/v1.examples/minimal.json":        `{"id": "ord-1"}`,
	"shared/money.schema.json":                      `{"type": "number"}`,
	"consumers/mail/order.placed.reads.schema.json": `{"properties": {"id": {"type": "string"}}}`,
}

// over lays files over others; an empty text deletes one.
func over(base map[string]string, changes ...map[string]string) map[string]string {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]string{}
	}
	for _, files := range changes {
		maps.Copy(out, files)
	}
	return out
}

// in replaces a part of a file.
func in(t *testing.T, files map[string]string, name, old, new string) map[string]string {
	t.Helper()
	if !strings.Contains(files[name], old) {
		t.Fatalf("%s has no %q", name, old)
	}
	return map[string]string{name: strings.Replace(files[name], old, new, 1)}
}

const (
	yaml = "order.placed/contract.yaml"
	v1   = "order.placed/v1.schema.json"
	v2   = "order.placed/v2.schema.json"
	v3   = "order.placed/v3.schema.json"
)

func rules(violations []contract.Violation) []string {
	var all []string
	for _, v := range violations {
		all = append(all, v.Rule)
	}
	return all
}

// changes are what a pull request may do to a root, each with what it breaks.
func changes(t *testing.T) []change {
	draft := in(t, orders, yaml, "producers:", "versions: {2: {status: draft}}\nproducers:")
	mode := func(m string) map[string]string {
		return in(t, orders, yaml, "version:", "compatibility: "+m+"\nversion:")
	}
	waiver := func(files map[string]string, w string) map[string]string {
		return over(files, map[string]string{yaml: over(orders, files)[yaml] + "waivers: [" + w + "]\n"})
	}
	edited := in(t, orders, v1, `"id": {"type": "string"}`, `"id": {"type": "string", "minLength": 1}`)
	integer := map[string]string{v2: strings.Replace(orders[v1], `"total": {"type": "number"}`, `"total": {"type": "string"}`, 1)}
	return []change{
		{name: "nothing", reason: "no change, no finding"},
		{name: "edited to refuse", reason: "events that were allowed are refused", head: edited, want: []string{gate.RuleEdited}},
		{name: "edited to accept", reason: "consumers were promised that it never happens", head: in(t, orders, v1, `"number"`, `["number", "null"]`), want: []string{gate.RuleEdited}},
		{name: "edited by a reference", reason: "what it refers to changed, not its own file",
			base: in(t, orders, v1, `{"type": "number"}`, `{"$ref": "../shared/money.schema.json"}`), head: map[string]string{"shared/money.schema.json": `{"type": "integer"}`}, want: []string{gate.RuleEdited}},
		{name: "edited, the same set", reason: "a set may be written in another way", head: in(t, orders, v1, `"type": "object",`, `"title": "An order", "allOf": [{"type": ["object"]}],`)},
		{name: "draft again", reason: "a draft may change, so publishing would mean nothing", head: map[string]string{
			yaml: "event: order.placed\ntopic: orders.placed\nversions: {1: {status: draft}}\n", "order.placed/payments.reads.schema.json": ""}, want: []string{gate.RuleEdited}},
		{name: "backward", reason: "v2 requires what v1 does not", head: over(mode("backward"), map[string]string{v2: strings.Replace(orders[v1], `"version"]`, `"version", "total"]`, 1)}), want: []string{gate.RuleBackward}},
		{name: "backward, the other direction", reason: "the same break is none forward", head: over(mode("forward"), map[string]string{v2: strings.Replace(orders[v1], `"version"]`, `"version", "total"]`, 1)})},
		{name: "forward", reason: "v1 requires what v2 does not", head: over(mode("forward"), map[string]string{v2: strings.Replace(orders[v1], `["id", "version"]`, `["version"]`, 1)}), want: []string{gate.RuleForward}},
		{name: "full", reason: "both directions break, each is a finding", head: integer, want: []string{gate.RuleBackward, gate.RuleForward}},
		{name: "several changes", reason: "each is a finding at the line that makes it", head: over(mode("full"), map[string]string{v2: strings.NewReplacer(`"version"]`, `"version", "total"]`, `"id": {"type": "string"}`, `"id": {"type": "string", "maxLength": 8}`, `"number"}`, "[\"number\", \"null\"]}").Replace(orders[v1])}),
			want: []string{gate.RuleBackward, gate.RuleBackward, gate.RuleForward}},
		{name: "no mode", reason: "none is none", head: over(mode("none"), integer)},
		{name: "transitive", reason: "v3 takes v2, but gives a name of v1 another meaning", base: map[string]string{v2: strings.Replace(orders[v1], ",\n    \"total\": {\"type\": \"number\"}", "", 1)},
			head: over(mode("backward_transitive"), map[string]string{v3: integer[v2]}), want: []string{gate.RuleBackward}},
		{name: "not transitive", reason: "the same, where only the last version counts", base: map[string]string{v2: strings.Replace(orders[v1], ",\n    \"total\": {\"type\": \"number\"}", "", 1)},
			head: over(mode("backward"), map[string]string{v3: integer[v2]})},
		{name: "version removed", reason: "two consumers declare it", base: map[string]string{v2: orders[v1]}, head: map[string]string{v1: "", "order.placed/v1.examples": "",
			yaml: strings.ReplaceAll(orders[yaml], "[1]", "[2]")}, want: []string{gate.RuleVersionRemoved}},
		{name: "version removed that nobody declares", reason: "nobody is left to break", base: map[string]string{v2: orders[v1], yaml: strings.ReplaceAll(orders[yaml], "[1]", "[2]")},
			head: map[string]string{v1: "", "order.placed/v1.examples": ""}},
		{name: "type removed", reason: "a consumer declares it", head: map[string]string{"order.shipped": ""}, want: []string{gate.RuleTypeRemoved}},
		{name: "type removed that nobody declares", reason: "nobody is left to break", base: map[string]string{"order.shipped/contract.yaml": "event: order.shipped\ntopic: t\n"}, head: map[string]string{"order.shipped": ""}},
		{name: "reads", reason: "the consumer wants what v1 does not always have", head: map[string]string{"order.placed/payments.reads.schema.json": `{"required": ["id", "total"]}`}, want: []string{gate.RuleReads}},
		{name: "reads in consumers", reason: "the same in a consumer's own directory", head: map[string]string{"consumers/mail/order.placed.reads.schema.json": `{"required": ["mail"]}`}, want: []string{gate.RuleReads}},
		{name: "example", reason: "an example that its schema refuses", head: map[string]string{"order.placed/v1.examples/bad.json": `{"id": 7, "version": 1}`}, want: []string{gate.RuleExample}},
		{name: "empty", reason: "no number is a string", head: over(draft, map[string]string{v2: `{"type": "string", "enum": [1]}`}), want: []string{gate.RuleEmpty}},
		{name: "empty, since nothing undeclared is sent", reason: "whatever sends the required name sends what is not declared; a comparison would pass, since there is nothing to compare",
			head: over(draft, map[string]string{v2: `{"type": "object", "required": ["ID"], "properties": {"id": {"type": "string"}}}`}), want: []string{gate.RuleEmpty}},
		{name: "undeclared is allowed", reason: "then the same schema accepts something",
			head: over(draft, map[string]string{yaml: "undeclared: allowed\n" + draft[yaml], v2: `{"type": "object", "required": ["ID"], "properties": {"id": {"type": "string"}}}`})},
		{name: "drafts mixed", reason: "one keyword, two meanings", head: over(draft, map[string]string{v2: `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}`}), want: []string{gate.RuleDraftsMixed}},
		{name: "draft", reason: "a draft may be anything", head: over(draft, integer)},
		{name: "draft changed", reason: "a draft may change", base: over(draft, map[string]string{v2: orders[v1]}), head: integer},
		{name: "draft published", reason: "whoever publishes a draft promises what may change", head: map[string]string{yaml: strings.Replace(draft[yaml], "versions: [1]}]", "versions: [1, 2]}]", 1), v2: orders[v1]}, want: []string{gate.RuleDraftPublished}},
		{name: "undecided", reason: "nothing says what the formats' languages are",
			base: over(in(t, orders, yaml, "version:", "format: assert\nversion:"), in(t, orders, v1, `"id": {"type": "string"}`, `"id": {"type": "string", "format": "uri"}`), map[string]string{"order.placed/v1.examples/minimal.json": `{"id": "urn:x", "version": 1}`}),
			head: in(t, orders, v1, `"id": {"type": "string"}`, `"id": {"type": "string", "format": "iri"}`), want: []string{gate.RuleUndecided}},
		{name: "waived", reason: "a waiver up to today", head: waiver(edited, "{rule: GATE_EDITED, place: v1.schema.json, reason: no such event was ever sent, expires: 2026-11-24}"), waived: []string{gate.RuleEdited}},
		{name: "waived by line", reason: "a place may name a line", head: waiver(edited, `{rule: GATE_EDITED, place: "v1.schema.json:5", reason: r, expires: 2026-12-31}`), waived: []string{gate.RuleEdited}},
		{name: "waiver expired", reason: "its day was yesterday", head: waiver(edited, "{rule: GATE_EDITED, reason: r, expires: 2026-11-23}"), want: []string{gate.RuleEdited, gate.RuleWaiverExpired}},
		{name: "waiver unused", reason: "nothing needs it", head: waiver(nil, "{rule: GATE_BACKWARD, reason: r, expires: 2026-12-31}"), want: []string{gate.RuleWaiverUnused}},
		{name: "waiver of another place", reason: "it speaks of another file", head: waiver(edited, "{rule: GATE_EDITED, place: v2.schema.json, reason: r, expires: 2026-12-31}"), want: []string{gate.RuleEdited, gate.RuleWaiverUnused}},
		{name: "waiver misspelled", reason: "it would never let anything pass", head: waiver(nil, "{rule: GATE_BACKWRD, reason: r, expires: 2026-12-31}"), want: []string{gate.RuleWaiverUnused}},
		{name: "waiver of a waiver", reason: "then nothing would ever end", head: waiver(nil, "{rule: GATE_WAIVER_UNUSED, reason: r, expires: 2026-12-31}"), want: []string{gate.RuleWaiverUnused}},
		{name: "waiver of what is merged", reason: "the edit is in the base now", base: waiver(edited, "{rule: GATE_EDITED, reason: r, expires: 2026-12-31}")},
		{name: "waiver of what still is", reason: "an unchanged break needs its waiver in each run",
			base: waiver(integer, "{rule: GATE_BACKWARD, reason: r, expires: 2026-12-31}, {rule: GATE_FORWARD, reason: r, expires: 2026-12-31}"), waived: []string{gate.RuleBackward, gate.RuleForward}},
		{name: "new root", reason: "there was nothing before", empty: true},
	}
}

type change struct {
	name, reason string
	base         map[string]string // over orders
	head         map[string]string // over base
	empty        bool              // the base has no contracts
	want, waived []string
}

// Each change against its base in git, with the text of each finding. The
// directory as base says the same.
func TestChanges(t *testing.T) {
	var golden strings.Builder
	all := changes(t)
	for _, tt := range all {
		t.Run(tt.name, func(t *testing.T) {
			base := over(orders, tt.base)
			if tt.empty {
				base = map[string]string{"unrelated.txt": "x"}
			} else {
				base = under("contracts", base)
			}
			r := newRepository(t, base)
			before := t.TempDir()
			if !tt.empty {
				if err := os.CopyFS(before, os.DirFS(filepath.Join(r.dir, "contracts"))); err != nil {
					t.Fatal(err)
				}
			}
			r.write(under("contracts", tt.head))
			if tt.empty {
				r.write(under("contracts", orders))
			}
			t.Chdir(r.dir)
			head := directory(t, "contracts")
			revision, err := gate.Revision(t.Context(), "contracts", "HEAD")
			if err != nil {
				t.Fatal(err)
			}
			got := check(t, gate.Config{Head: head, Base: revision})
			if diff := cmp.Diff(tt.want, rules(got.Findings)); diff != "" {
				t.Errorf("%s: findings (-want +got):\n%s\n%s", tt.reason, diff, page(got))
			}
			if diff := cmp.Diff(tt.waived, rules(got.Waived)); diff != "" {
				t.Errorf("%s: waived (-want +got):\n%s", tt.reason, diff)
			}
			again := check(t, gate.Config{Head: directory(t, "contracts"), Base: directory(t, before)})
			if diff := cmp.Diff(withoutReproduce(page(got)), strings.ReplaceAll(withoutReproduce(page(again)), filepath.ToSlash(before), "HEAD:contracts")); diff != "" {
				t.Errorf("a directory as base says something else (-git +directory):\n%s", diff)
			}
			fmt.Fprintf(&golden, "== %s (%s)\n%s\n", tt.name, tt.reason, page(got))
		})
	}
	if strings.Count(golden.String(), "\n== ") < len(all)-1 {
		return // only some were run
	}
	compareGolden(t, "changes.golden", golden.String())
}

// withoutReproduce leaves out the lines that tell how to see a finding: a base
// in git must be laid out first.
func withoutReproduce(page string) string {
	var kept []string
	for line := range strings.Lines(page) {
		if !strings.Contains(line, "eventproof diff") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// An edit is judged by what is written, whatever the contract says of undeclared
// properties: the finding says so, and how to see it.
func TestEditSaysItsPolicy(t *testing.T) {
	for _, tt := range []struct{ name, reason, undeclared, policy string }{
		{"absent", "the contract says otherwise", "", "policy: undeclared properties are allowed, since a published version is held as written (undeclared: absent is for what versions are held against each other)"},
		{"allowed", "the contract says so too", "undeclared: allowed\n", "policy: undeclared properties are allowed, since a published version is held as written"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRepository(t, under("contracts", over(orders, map[string]string{yaml: tt.undeclared + orders[yaml]})))
			before := t.TempDir()
			if err := os.CopyFS(before, os.DirFS(filepath.Join(r.dir, "contracts"))); err != nil {
				t.Fatal(err)
			}
			r.write(under("contracts", in(t, orders, v1, `"number"`, `"integer"`)))
			t.Chdir(r.dir)
			revisions := map[string]string{
				"HEAD":       `before=$(mktemp -d) && git -C contracts archive HEAD | tar -x -C "$before" && eventproof diff --compatibility full --undeclared allowed "$before"/order.placed/v1.schema.json contracts/order.placed/v1.schema.json`,
				"merge-base": `before=$(mktemp -d) && git -C contracts archive ` + r.git("rev-parse", "HEAD") + ` | tar -x -C "$before" && eventproof diff --compatibility full --undeclared allowed "$before"/order.placed/v1.schema.json contracts/order.placed/v1.schema.json`,
				"":           "eventproof diff --compatibility full --undeclared allowed " + filepath.ToSlash(before) + "/order.placed/v1.schema.json contracts/order.placed/v1.schema.json",
			}
			for revision, reproduce := range revisions {
				base := directory(t, before)
				if revision != "" {
					var err error
					if base, err = gate.Revision(t.Context(), "contracts", revision); err != nil {
						t.Fatal(err)
					}
				}
				got := check(t, gate.Config{Head: directory(t, "contracts"), Base: base}).Findings
				if len(got) != 1 || got[0].Trace[len(got[0].Trace)-1] != tt.policy || got[0].Reproduce != reproduce {
					t.Errorf("%s, base %q: got %s\nwant %s\n%s", tt.reason, revision, got, tt.policy, reproduce)
				}
			}
		})
	}
}

func page(r gate.Result) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s\n", f)
	}
	fmt.Fprintf(&b, "%s\n", r.Summary())
	return b.String()
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join(testdata, name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test -update writes it):\n%s", name, diff)
	}
}

// testdata is named before a test changes the directory.
var testdata = func() string {
	dir, err := filepath.Abs("testdata")
	if err != nil {
		panic(err)
	}
	return dir
}()

func directory(t *testing.T, dir string) *gate.Tree {
	t.Helper()
	tree, err := gate.Directory(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func check(t *testing.T, c gate.Config) gate.Result {
	t.Helper()
	c.Today = today
	r, err := gate.Check(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Without a base all is judged.
func TestWithoutBase(t *testing.T) {
	r := newRepository(t, over(orders, map[string]string{v2: `{"type": "string"}`}))
	t.Chdir(r.dir)
	got := check(t, gate.Config{Head: directory(t, ".")})
	want := []string{gate.RuleBackward, gate.RuleForward}
	if diff := cmp.Diff(want, rules(got.Findings)); diff != "" {
		t.Errorf("-want +got:\n%s\n%s", diff, page(got))
	}
	if got.Judged != 2 || got.Contracts != 2 {
		t.Errorf("%d of %d contracts judged, want 2 of 2", got.Judged, got.Contracts)
	}
}

// The topic of a new contract may be that of one that did not change.
func TestNeighboursOfATopicAreLoaded(t *testing.T) {
	r := newRepository(t, orders)
	r.write(map[string]string{"order.lost/contract.yaml": "event: order.lost\ntopic: orders.shipped # shared\n", "order.lost/v1.schema.json": "{}"})
	t.Chdir(r.dir)
	base, err := gate.Revision(t.Context(), ".", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	_, err = gate.Check(t.Context(), gate.Config{Head: directory(t, "."), Base: base, Today: today})
	if err == nil || !strings.Contains(err.Error(), "share topic orders.shipped") {
		t.Errorf("got %v, want that the two share a topic", err)
	}
}

func TestEveryRuleHasASentenceAndATest(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range changes(t) {
		for _, rule := range c.want {
			seen[rule] = true
		}
	}
	for rule, sentence := range gate.Rules() {
		if !seen[rule] || sentence == "" {
			t.Errorf("%s: tested %v, sentence %q", rule, seen[rule], sentence)
		}
	}
}

func ExampleCheck() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, text := range map[string]string{
		"contract.yaml":  "event: a\ntopic: t\nversion: {from: /data/version}\n",
		"v1.schema.json": `{"type": "object"}`,
		"v2.schema.json": `{"type": "object", "required": ["id"]}`,
	} {
		file := filepath.Join(dir, "a", name)
		_ = os.MkdirAll(filepath.Dir(file), 0o755)
		_ = os.WriteFile(file, []byte(text), 0o600)
	}
	head, err := gate.Directory(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := gate.Check(context.Background(), gate.Config{Head: head, Today: time.Now()})
	for _, f := range result.Findings {
		fmt.Println(f.Rule, f.What)
	}
	fmt.Println(err)
	// Output:
	// GATE_BACKWARD a v2 breaks v1 (full_transitive): consumers on v2 cannot read events of v1 without /data/id: v2 requires it, v1 does not declare it
	// <nil>
}
