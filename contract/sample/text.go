package sample

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

// spelling is what a view says of a string.
type spelling struct {
	least, most int // most -1: no limit
	patterns    []*regexp.Regexp
	formats     []string
	asserts     bool // formats are checked
}

func (m *maker) spellingOf(v *view) spelling {
	s := spelling{most: -1, asserts: m.schema.AssertFormat}
	for _, part := range v.parts {
		s.least = max(s.least, part.MinLength)
		if part.MaxLength >= 0 && (s.most < 0 || part.MaxLength < s.most) {
			s.most = part.MaxLength
		}
		if part.Pattern != nil {
			s.patterns = append(s.patterns, part.Pattern)
		}
		if part.Format != "" {
			s.formats = append(s.formats, part.Format)
		}
	}
	return s
}

func (s spelling) holds(word string, unlike *regexp.Regexp) bool {
	n := utf8.RuneCountInString(word)
	if n < s.least || s.most >= 0 && n > s.most || unlike != nil && unlike.MatchString(word) {
		return false
	}
	for _, p := range s.patterns {
		if !p.MatchString(word) {
			return false
		}
	}
	if s.asserts {
		for _, f := range s.formats {
			if check := jsonschema.Formats[f]; check != nil && !check(word) {
				return false
			}
		}
	}
	return true
}

func (b *builder) text(v *view, name string) (any, bool) {
	asked := b.asked(v)
	s := b.spellingOf(v)
	if asked.length != nil {
		s.least, s.most = *asked.length, *asked.length
	}
	if s.most >= 0 && s.least > s.most || s.least > longest {
		return nil, false
	}
	left := mostShown
	good := func(word string) bool {
		if left == 0 || !s.holds(word, asked.unlike) {
			return false
		}
		if !b.careful || !v.chosen {
			return true
		}
		left--
		return b.accepted(v.parts, word)
	}
	var tries []string
	for _, f := range s.formats {
		tries = append(tries, formatWords(f, b.count())...)
	}
	for _, word := range tries {
		if good(word) {
			return word, true
		}
	}
	if len(tries) == 0 || !s.asserts {
		n := b.count()
		word := nameWord(name, n, b.random)
		if good(word) {
			return word, true
		}
		tries = append(tries, word, fmt.Sprintf("%s-%d", lastWord(name), n))
	}
	if asked.unlike != nil {
		for _, w := range b.words(texts(s.patterns, asked.unlike), nil, s.least, s.most) {
			tries = append(tries, w+" ", "-"+w, w+"!")
		}
	}
	for _, word := range tries {
		if good(word) {
			return word, true
		}
	}
	for _, word := range tries {
		if fitted := fit(word, s.least, s.most); fitted != word && good(fitted) {
			return fitted, true
		}
	}
	words := b.words(texts(s.patterns, nil), asked.unlike, s.least, s.most)
	if len(words) == 0 {
		return nil, false
	}
	start := b.random.IntN(len(words))
	for i := range words {
		if word := words[(start+i)%len(words)]; good(word) {
			return word, true
		}
	}
	return nil, false
}

func texts(patterns []*regexp.Regexp, more *regexp.Regexp) []string {
	var all []string
	for _, p := range patterns {
		all = append(all, p.String())
	}
	if more != nil {
		all = append(all, more.String())
	}
	return all
}

// fit cuts a word, or repeats it, to a length.
func fit(word string, least, most int) string {
	r := []rune(word)
	if len(r) == 0 {
		r = []rune("x")
	}
	if most >= 0 && len(r) > most {
		return strings.TrimRight(string(r[:most]), " ") + strings.Repeat("x", most-utf8.RuneCountInString(strings.TrimRight(string(r[:most]), " ")))
	}
	for i := 0; len(r) < least; i++ {
		r = append(r, rune("abcdefghijklmnopqrstuvwxyz"[i%26]))
	}
	return string(r)
}

// words are strings of a length that match all patterns, and not unlike: a
// fixed choice, shortest first.
func (m *maker) words(patterns []string, unlike *regexp.Regexp, least, most int) []string {
	patterns = slices.Clone(patterns)
	slices.Sort(patterns)
	key := fmt.Sprint(slices.Compact(patterns), unlike, least, most)
	if known, there := m.spelt[key]; there {
		return known
	}
	m.spelt[key] = nil
	sets := []stringset.Set{stringset.Length(least, most)}
	for _, p := range patterns {
		set, err := stringset.Pattern(p)
		if err != nil {
			return nil
		}
		sets = append(sets, set)
	}
	if unlike != nil {
		set, err := stringset.Pattern(unlike.String())
		if err != nil {
			return nil
		}
		sets = append(sets, stringset.Not(set))
	}
	all := stringset.And(sets...)
	budget := &stringset.Budget{Steps: 2_000_000, Memory: 64 << 20}
	words, err := all.Examples(budget, 40)
	if err != nil {
		if one, ok, err := all.Example(budget); err == nil && ok {
			words = []string{one}
		}
	}
	m.spelt[key] = words
	return words
}
