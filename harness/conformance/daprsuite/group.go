package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// group is a part of the suite that is run at a time.
type group struct {
	name  string
	cases *regexp.Regexp // of the names of its cases
}

// groups are all that is compared, less what scope.txt leaves out.
var groups = []group{
	{"pubsub", regexp.MustCompile(`^daprd/(pubsub/|subscriptions/(programmatic|stream|mixed|declarative/selfhosted)/)`)},
	{"outbox", regexp.MustCompile(`^daprd/outbox/`)},
	{"resiliency", regexp.MustCompile(`^daprd/resiliency/`)},
	{"state", regexp.MustCompile(`^daprd/state/`)},
	{"metadata", regexp.MustCompile(`^daprd/metadata/`)},
	{"shutdown", regexp.MustCompile(`^daprd/shutdown/`)},
	{"resources", regexp.MustCompile(`^daprd/resources/`)},
	{"serviceinvocation", regexp.MustCompile(`^daprd/serviceinvocation/`)},
}

func groupNames() []string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.name
	}
	return names
}

// chooseGroups takes a comma-separated list; an empty one is all groups.
func chooseGroups(list string) ([]group, error) {
	if list == "" {
		return groups, nil
	}
	var chosen []group
	for name := range strings.SplitSeq(list, ",") {
		i := slices.Index(groupNames(), strings.TrimSpace(name))
		if i < 0 {
			return nil, fmt.Errorf("-group %s: want one of %s", name, strings.Join(groupNames(), ", "))
		}
		chosen = append(chosen, groups[i])
	}
	return chosen, nil
}
