package stringset

// Example is a member of the set, and whether there is one: the first of the
// preferred words that is a member, else the shortest member, spelled with
// letters, digits and printable code points where the set leaves the choice.
// The error, if any, wraps [ErrUndecided].
func (s Set) Example(b *Budget, prefer ...string) (string, bool, error) {
	words, err := s.Examples(b, 1, prefer...)
	if err != nil || len(words) == 0 {
		return "", false, err
	}
	return words[0], true, nil
}

// Examples are up to n distinct members, preferred words first, then short ones
// first. They are fewer than n only if the set has no more, or with an error
// that wraps [ErrUndecided], beside the members found so far.
func (s Set) Examples(b *Budget, n int, prefer ...string) ([]string, error) {
	b, release := b.begin()
	defer release()
	var out []string
	seen := map[string]bool{}
	take := func(w string) {
		if !seen[w] && len(out) < n {
			seen[w] = true
			out = append(out, w)
		}
	}
	for _, w := range prefer {
		if s.Contains(w) {
			take(w)
		}
	}
	for len(out) < n {
		f, err := witness(And(s, Not(Of(out...))).node(), b, true)
		if err != nil {
			return out, err
		}
		if f == nil {
			break
		}
		if f.symbols == nil {
			take(f.word)
			continue
		}
		spelled, err := f.spellings(n-len(out), b)
		for _, w := range spelled {
			take(w)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// spellings are up to n of the words along the path, the most readable first.
func (f *found) spellings(n int, b *Budget) ([]string, error) {
	choices := map[int32][]rune{}
	for _, class := range f.path {
		if choices[class] == nil {
			choices[class] = f.symbols.members(class, n)
		}
	}
	var out []string
	at := make([]int, len(f.path))
	word := make([]rune, len(f.path))
	for {
		if err := b.step(1 + len(f.path)); err != nil {
			return out, err
		}
		if err := b.hold(16 + len(f.path)); err != nil {
			return out, err
		}
		for i, class := range f.path {
			word[i] = choices[class][at[i]]
		}
		out = append(out, string(word))
		if len(out) == n {
			return out, nil
		}
		i := len(at) - 1
		for ; i >= 0; i-- {
			if at[i]++; at[i] < len(choices[f.path[i]]) {
				break
			}
			at[i] = 0
		}
		if i < 0 {
			return out, nil
		}
	}
}
