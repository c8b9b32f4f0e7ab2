package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestReadScope(t *testing.T) {
	tests := []struct{ name, text, want, reason string }{
		{"of a case and a directory", "# why\n\ndaprd/a/b  needs an actor\ndaprd/c/ all of it\n", "", "the two forms"},
		{"no reason", "daprd/a\n", "scope.txt:1: daprd/a has no reason", "nothing is left out without one"},
		{"twice", "daprd/a x\ndaprd/a y\n", "scope.txt:2: daprd/a is in line 1 already", "one reason each"},
		{"in another", "daprd/a/ x\ndaprd/a/b y\n", "scope.txt:2: daprd/a/b is in line 1 already, as daprd/a/", "the second one would never be used"},
		{"around another", "daprd/a/b x\ndaprd/a/ y\n", "scope.txt:2: daprd/a/ is in line 1 already, as daprd/a/b", "in either order"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readScope(tt.text)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: want %q, got %v", tt.reason, tt.want, err)
			}
		})
	}
	got, err := readScope(tests[0].text)
	want := []exclusion{{"daprd/a/b", "needs an actor", 3}, {"daprd/c/", "all of it", 4}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("want %v, got %v, %v", want, got, err)
	}
}

func TestScopeFile(t *testing.T) {
	if _, err := readScope(scopeFile); err != nil {
		t.Error(err)
	}
}

func TestNewPlan(t *testing.T) {
	groups := []group{{"pubsub", regexp.MustCompile(`^daprd/pubsub/`)}}
	cases := []string{"daprd/jobs/one", "daprd/pubsub/actor", "daprd/pubsub/basic"}
	exclusions := []exclusion{{"daprd/jobs/", "jobs", 1}, {"daprd/pubsub/actor", "actors", 2}}
	p, err := newPlan(cases, groups, exclusions)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.compared["pubsub"]; !slices.Equal(got, []string{"daprd/pubsub/basic"}) {
		t.Errorf("want a case of a group left out by its name, and the others compared, got %q", got)
	}
	if got := p.excluded[0].cases; !slices.Equal(got, []string{"daprd/jobs/one"}) {
		t.Errorf("want the cases that a line leaves out, got %q", got)
	}
	tests := []struct {
		name       string
		cases      []string
		exclusions []exclusion
		want       string
	}{
		{"a name that is gone", cases, append(slices.Clone(exclusions), exclusion{"daprd/pubsub/old", "old", 7}), "scope.txt:7: the suite has no case daprd/pubsub/old"},
		{"a new case", append(slices.Clone(cases), "daprd/new"), exclusions, "1 cases of the suite are in no group and not in scope.txt; put each into one of them:\n  daprd/new"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := newPlan(tt.cases, groups, tt.exclusions); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
		})
	}
}

func TestChooseGroups(t *testing.T) {
	got, err := chooseGroups("state, pubsub")
	if err != nil || len(got) != 2 || got[0].name != "state" || got[1].name != "pubsub" {
		t.Errorf("want the two named, in that order, got %v, %v", got, err)
	}
	if _, err := chooseGroups("pubsubs"); err == nil || !strings.Contains(err.Error(), "want one of pubsub, outbox") {
		t.Errorf("want the names that there are, got %v", err)
	}
}
