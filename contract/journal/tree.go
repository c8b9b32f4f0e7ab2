package journal

// Children are the entries that entry seq led to, in order. Those of 0 are the
// roots: entries without a cause, or whose cause is not among the entries.
func Children(entries []Entry, seq int) []Entry {
	x := &index{entries: entries}
	var children []Entry
	for i := range entries {
		if x.above(i) == seq {
			children = append(children, entries[i])
		}
	}
	return children
}

// Walk visits every entry after its cause, and all that an entry led to before
// the next of its siblings: a flow from its root. depth is 0 at a root. Where
// visit returns false, what that entry led to is passed over.
func Walk(entries []Entry, visit func(e Entry, depth int) bool) {
	x := &index{entries: entries}
	children := map[int][]int{}
	for i := range entries {
		above := x.above(i)
		children[above] = append(children[above], i)
	}
	var walk func(seq, depth int)
	walk = func(seq, depth int) {
		for _, i := range children[seq] {
			if visit(entries[i], depth) {
				walk(entries[i].Seq, depth+1)
			}
		}
	}
	walk(0, 0)
}

// above is the Seq of the cause of entry i, 0 where that is not among the entries.
func (x *index) above(i int) int {
	if p, ok := x.at(x.entries[i].Cause); ok && p < i {
		return x.entries[i].Cause
	}
	return 0
}
