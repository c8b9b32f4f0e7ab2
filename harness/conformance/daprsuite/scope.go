package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed scope.txt
var scopeFile string

// exclusion is a line of scope.txt.
type exclusion struct {
	name   string // of a case; with a slash at its end, of all cases below it
	reason string
	line   int
}

func (e exclusion) covers(name string) bool {
	if strings.HasSuffix(e.name, "/") {
		return strings.HasPrefix(name, e.name)
	}
	return name == e.name
}

// readScope reads lines of a name, white space and a reason. Empty lines and
// those that begin with # say nothing.
func readScope(text string) ([]exclusion, error) {
	var all []exclusion
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, _ := strings.Cut(line, " ")
		e := exclusion{name, strings.TrimSpace(reason), i + 1}
		if e.reason == "" {
			return nil, fmt.Errorf("scope.txt:%d: %s has no reason: want NAME REASON", e.line, e.name)
		}
		if at := slices.IndexFunc(all, func(other exclusion) bool {
			return other.name == e.name || other.covers(e.name) || e.covers(other.name)
		}); at >= 0 {
			return nil, fmt.Errorf("scope.txt:%d: %s is in line %d already, as %s: keep one of them", e.line, e.name, all[at].line, all[at].name)
		}
		all = append(all, e)
	}
	return all, nil
}

// plan says of every case of the suite whether it is compared.
type plan struct {
	compared map[string][]string // by the name of the group
	excluded []excluded
}

// excluded is an exclusion and the cases that it leaves out.
type excluded struct {
	exclusion
	cases []string
}

// newPlan shares out the cases. Each must have its place: a suite that has grown
// or lost a case is noticed.
func newPlan(cases []string, groups []group, exclusions []exclusion) (plan, error) {
	p := plan{compared: map[string][]string{}}
	for _, e := range exclusions {
		p.excluded = append(p.excluded, excluded{exclusion: e})
	}
	var nowhere []string
	for _, c := range cases {
		if i := slices.IndexFunc(exclusions, func(e exclusion) bool { return e.covers(c) }); i >= 0 {
			p.excluded[i].cases = append(p.excluded[i].cases, c)
			continue
		}
		i := slices.IndexFunc(groups, func(g group) bool { return g.cases.MatchString(c) })
		if i < 0 {
			nowhere = append(nowhere, c)
			continue
		}
		p.compared[groups[i].name] = append(p.compared[groups[i].name], c)
	}
	for _, e := range p.excluded {
		if len(e.cases) == 0 {
			return plan{}, fmt.Errorf("scope.txt:%d: the suite has no case %s: correct the name or take the line away", e.line, e.name)
		}
	}
	if len(nowhere) > 0 {
		return plan{}, fmt.Errorf("%d cases of the suite are in no group and not in scope.txt; put each into one of them:\n  %s", len(nowhere), strings.Join(nowhere, "\n  "))
	}
	return p, nil
}
