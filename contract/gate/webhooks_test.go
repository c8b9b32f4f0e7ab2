package gate_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/gate"
	"github.com/eventproof/eventproof/contract/report"
	"github.com/eventproof/eventproof/contract/schema"
)

// webhooks are GitHub's webhook events at one release of octokit: the schema of
// each event, and of each action of it, by name.
func webhooks(t *testing.T, release string) map[string]*schema.Schema {
	t.Helper()
	corpus := os.Getenv("EVENTPROOF_CORPUS")
	if corpus == "" {
		t.Skip("EVENTPROOF_CORPUS is not set: it names the folder that holds octokit-webhooks/")
	}
	text, err := os.ReadFile(filepath.Join(corpus, "octokit-webhooks", release+".json"))
	if err != nil {
		t.Fatal(err)
	}
	type refs []struct {
		Ref string `json:"$ref"`
	}
	var all struct {
		OneOf       refs
		Definitions map[string]struct{ OneOf refs }
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	const prefix = "#/definitions/"
	names := map[string]bool{}
	for _, event := range all.OneOf {
		name := strings.TrimPrefix(event.Ref, prefix)
		names[name] = true
		for _, action := range all.Definitions[name].OneOf {
			names[strings.TrimPrefix(action.Ref, prefix)] = true
		}
	}
	const file = "octokit.json"
	files := fstest.MapFS{file: {Data: text}}
	for name := range names {
		files[name] = &fstest.MapFile{Data: fmt.Appendf(nil, `{"$schema": "http://json-schema.org/draft-07/schema#", "$ref": %q}`, file+prefix+name)}
	}
	library := schema.NewLibrary(files, func(path string) string {
		return release + "/" + path // one name in both releases: "the old schema"
	})
	events := map[string]*schema.Schema{}
	for name := range names {
		s, problems := library.Compile(name, schema.Options{Draft: "7"})
		if problems != nil {
			t.Fatal(problems)
		}
		events[name] = s
	}
	return events
}

// GitHub's webhook events as they evolved: every event and action that two
// releases have, in both policies. The ten findings that touch the most events
// are a golden file.
func TestWebhooks(t *testing.T) {
	if raced {
		t.Skip("takes minutes under the race detector: make corpus runs it without")
	}
	releases := []string{"3.77.1", "5.8.0", "7.6.1"}
	var all []map[string]*schema.Schema
	for _, r := range releases {
		all = append(all, webhooks(t, r))
	}
	start := time.Now()
	var told strings.Builder
	for i, old := range all[:2] {
		for _, policy := range []compat.Policy{{Undeclared: compat.Allowed}, {Undeclared: compat.Absent}} {
			what := fmt.Sprintf("octokit %s to %s, undeclared %s", releases[i], releases[i+1], policy.Undeclared)
			found := compareWebhooks(t, what, old, all[i+1], policy)
			if i == 1 && policy.Undeclared == compat.Absent {
				tell(t, &told, what, old, all[i+1], policy, found)
			}
		}
	}
	t.Logf("in all %v", time.Since(start))
	file := filepath.Join("testdata", "webhooks.golden")
	if *update {
		if err := os.WriteFile(file, []byte(told.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != told.String() {
		t.Errorf("the ten findings are not those of %s any more:\n%s", file, &told)
	}
}

// broken is a place of a reader's schema that refuses events of the writer.
type broken struct {
	direction compat.Direction
	place     string
}

// compareWebhooks compares all that two releases have. It returns by which place
// of a reader which events break.
func compareWebhooks(t *testing.T, what string, old, new map[string]*schema.Schema, policy compat.Policy) map[broken][]string {
	t.Helper()
	var names []string
	for name := range old {
		if new[name] != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	results := make([]compat.Result, len(names))
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for n := range next {
				results[n] = compat.Compare(old[names[n]], new[names[n]], policy)
			}
		})
	}
	for n := range names {
		next <- n
	}
	close(next)
	wg.Wait()
	found := map[broken][]string{}
	decided, verdicts := 0, map[string]int{}
	for n, name := range names {
		for _, d := range []struct {
			direction      compat.Direction
			writer, reader *schema.Schema
			answer         compat.Answer
		}{{compat.Backward, old[name], new[name], results[n].Backward}, {compat.Forward, new[name], old[name], results[n].Forward}} {
			verdicts[fmt.Sprintf("%s %s", d.direction, d.answer.Verdict)]++
			switch d.answer.Verdict {
			case compat.Undecided:
				t.Logf("%s, %s: undecided (%v)", name, d.direction, d.answer.Reason)
				continue
			case compat.Incompatible:
				w := d.answer.Witness
				if d.writer.Compiled.Validate(w) != nil || d.reader.Compiled.Validate(w) == nil || policy.Undeclared == compat.Absent && len(d.writer.Undeclared(w)) > 0 {
					t.Errorf("%s, %s: the validator does not confirm the witness", name, d.direction)
				}
				f := d.reader.Validate(w)[0]
				key := broken{d.direction, f.File + "#" + f.Place}
				found[key] = append(found[key], name)
			}
			decided++
		}
	}
	t.Logf("%s: %d definitions, %d of %d directions decided, %v", what, len(names), decided, 2*len(names), verdicts)
	if len(names) < 100 || 100*decided < 95*2*len(names) {
		t.Errorf("%s: %d of %d directions are decided, want 95 %%", what, decided, 2*len(names))
	}
	return found
}

// tell writes the finding of each of the ten places by which the most events
// break, as it is for the first of these events.
func tell(t *testing.T, out *strings.Builder, what string, old, new map[string]*schema.Schema, policy compat.Policy, found map[broken][]string) {
	t.Helper()
	keys := slices.Collect(maps.Keys(found))
	slices.SortFunc(keys, func(a, b broken) int {
		return cmp.Or(len(found[b])-len(found[a]), strings.Compare(a.place, b.place), strings.Compare(string(a.direction), string(b.direction)))
	})
	r := report.Report{Title: what, Summary: "the ten that touch the most events", Rules: gate.Rules()}
	for _, key := range keys[:min(10, len(keys))] {
		event := found[key][0]
		findings, _, err := gate.Diff(old[event], new[event], string(key.direction), policy)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(findings, func(v contract.Violation) bool { return v.Rule != gate.RuleUndecided })
		if i < 0 {
			t.Errorf("%s, %s: no finding", event, key.direction)
			continue
		}
		v := findings[i]
		v.Event.Type = fmt.Sprintf("%s, and %d more", event, len(found[key])-1)
		r.Findings = append(r.Findings, v)
	}
	if err := report.Write(out, "text", r); err != nil {
		t.Fatal(err)
	}
}
