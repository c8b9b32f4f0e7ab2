package valueset

import "github.com/eventproof/eventproof/contract/valueset/stringset"

// names is a set of member names: words and patterns, or all.
type names struct {
	all      bool
	words    []string
	patterns []stringset.Set
}

func (n *names) empty() bool { return !n.all && len(n.words) == 0 && len(n.patterns) == 0 }

func (n *names) set() stringset.Set {
	if n.all {
		return stringset.All()
	}
	return stringset.Or(append([]stringset.Set{stringset.Of(n.words...)}, n.patterns...)...)
}

func (n *names) with(m *names) *names {
	if n.all || m.empty() {
		return n
	}
	if m.all || n.empty() {
		return m
	}
	return &names{words: append(n.words[:len(n.words):len(n.words)], m.words...), patterns: append(n.patterns[:len(n.patterns):len(n.patterns)], m.patterns...)}
}
