package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// CDEvents, a public vocabulary of CloudEvents, as it evolved: each release adds
// a version to the contracts of the one before, and the gate holds it against
// that. Its whole output is a golden file.
func TestGateCDEvents(t *testing.T) {
	corpus := os.Getenv("EVENTPROOF_CORPUS")
	if corpus == "" {
		t.Skip("EVENTPROOF_CORPUS is not set: it names the folder that holds cdevents/")
	}
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	releases := []string{"v0.3.0", "v0.4.1", "v0.5.1"}
	for i := range releases {
		writeCDEvents(t, corpus, fmt.Sprintf("contracts-%s", releases[i]), releases[:i+1])
	}
	for i, release := range releases[1:] {
		t.Run(release, func(t *testing.T) {
			args := []string{"gate", "--today", "2026-01-01", "--against", "contracts-" + releases[i], "contracts-" + release}
			var stdout, stderr bytes.Buffer
			code := run(args, nil, &stdout, &stderr)
			text := fmt.Sprintf("$ eventproof %s\n%s-- stderr\n%s-- exit %d\n", strings.Join(args, " "), &stdout, &stderr, code)
			file := filepath.Join(testdata, "gate-cdevents-"+release+".golden")
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
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// writeCDEvents writes releases as one catalog: a contract for each type of
// event, a version for each release, told by the CloudEvents type.
func writeCDEvents(t *testing.T, corpus, dir string, releases []string) {
	t.Helper()
	write := func(name string, text []byte) {
		t.Helper()
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	versions := map[string][]string{} // by event: lines of version's map
	for i, release := range releases {
		links, err := filepath.Glob(filepath.Join(corpus, "cdevents", release, "schemas", "links", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range links {
			write("links-"+release+"/"+strings.TrimSuffix(filepath.Base(file), ".json")+".schema.json", readFile(t, file))
		}
		schemas, err := filepath.Glob(filepath.Join(corpus, "cdevents", release, "schemas", "*.json"))
		if err != nil || len(schemas) == 0 {
			t.Fatalf("no schemas of %s (%v)", release, err)
		}
		for _, file := range schemas {
			text := readFile(t, file)
			var s struct {
				Properties struct {
					Context struct {
						Properties struct{ Type struct{ Enum []string } }
					}
				}
			}
			if err := json.Unmarshal(text, &s); err != nil || len(s.Properties.Context.Properties.Type.Enum) != 1 {
				t.Fatalf("%s: where is its type? (%v)", file, err)
			}
			event := strings.TrimSuffix(filepath.Base(file), ".json")
			write(fmt.Sprintf("%s/v%d.schema.json", event, i+1), text)
			line := fmt.Sprintf("    %s: %d\n", s.Properties.Context.Properties.Type.Enum[0], i+1)
			if !strings.Contains(strings.Join(versions[event], ""), strings.SplitAfter(line, ": ")[0]) { // a release may leave a type as it is
				versions[event] = append(versions[event], line)
			}
		}
	}
	for event, lines := range versions {
		write(event+"/contract.yaml", fmt.Appendf(nil, "event: %s\ntopic: cdevents.%s\nformat: assert\nidentity: /data/context/id\nversion:\n  from: type\n  map:\n%s", event, event, strings.Join(lines, "")))
	}
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
