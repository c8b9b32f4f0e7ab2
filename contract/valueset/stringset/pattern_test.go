package stringset_test

import (
	"errors"
	"math/rand"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

func pattern(t testing.TB, expr string) stringset.Set {
	t.Helper()
	s, err := stringset.Pattern(expr)
	require.NoError(t, err)
	return s
}

// words are all strings of up to n letters of the alphabet.
func words(alphabet string, n int) []string {
	out := []string{""}
	for from := 0; n > 0; n-- {
		to := len(out)
		for _, w := range out[from:to] {
			for _, r := range alphabet {
				out = append(out, w+string(r))
			}
		}
		from = to
	}
	return out
}

// Every construct of regexp/syntax, each over the letters that it is about.
var constructs = []struct{ expr, letters, reason string }{
	{``, "ab", "the empty pattern matches everything"},
	{`a`, "ab", "a letter, unanchored"},
	{`^a$`, "a\n", "$ is only the very end"},
	{`\Aab\z`, "ab", "text anchors"},
	{`(?m)^a$`, "ab\n", "line anchors"},
	{`(?m)$^`, "a\n", "both line anchors at one position"},
	{`(?m)^$`, "a\n", "an empty line"},
	{`(?m)a$\n^b`, "ab\n", "line anchors inside"},
	{`(?m:^)a\z`, "a\n", "a line anchor before a text anchor"},
	{`a$b`, "ab", "an end inside, never matched"},
	{`a^b`, "ab", "a start inside, never matched"},
	{`(^|a)b`, "ab", "a start as an alternative"},
	{`(^a|b)(a|$)`, "ab", "anchors in branches"},
	{`(?:^)*a`, "ab", "an anchor repeated"},
	{`(?:$)+`, "ab", "an end repeated"},
	{`^*a`, "ab", "an anchor starred"},
	{`\bfa\b`, "fa -", "word boundaries"},
	{`\Ba`, "a_ ", "no word boundary"},
	{`a\B`, "aé ", "only ASCII letters are word characters"},
	{`\b`, "a .", "a boundary somewhere"},
	{`\B`, "a.", "no boundary somewhere, also in the empty string"},
	{`^\B$`, "a", "the empty string has no boundary"},
	{`\b\B`, "a ", "a contradiction"},
	{`\b^a`, "a ", "a boundary and the start at one position"},
	{`$\b`, "a ", "the end and a boundary at one position"},
	{`(?m)$\Ba|^\b`, "a \n", "mixed conditions"},
	{`a.b`, "ab\n", "a dot takes no newline"},
	{`(?s)a.b`, "ab\n", "unless it is told so"},
	{`(?i)k`, "kK\u212aa", "the Kelvin sign folds"},
	{`(?i)s`, "sS\u017fa", "the long s folds"},
	{`(?i)[^s]`, "sS\u017fa", "a folded class, negated"},
	{`(?i)[j-l]x`, "kK\u212ax", "a folded range"},
	{`(?i)ǆ`, "ǆǅǄa", "an orbit of three"},
	{`[^a]`, "ab\n", "a negated class takes a newline"},
	{`[a-c-]`, "abd-", "a class with a dash"},
	{`[[:alpha:]]\d`, "a1é", "ASCII classes"},
	{`\p{Greek}\pL`, "aα1", "Unicode classes"},
	{`\P{L}`, "aα1", "Unicode classes negated"},
	{`[^\x00-\x{10FFFF}]`, "a", "the empty class"},
	{`[^\x00-\x{10FFFF}]*$`, "a", "the empty class, repeated"},
	{`\x{D7FF}|\x{E000}`, "\ud7ff\ue000\uffffa", "next to the surrogates"},
	{`[\x{D000}-\x{E001}]`, "\ud7ff\ue000\ue002", "across the surrogates"},
	{`^[\x{D800}-\x{DFFF}]$`, "a\ufffd\ud7ff", "surrogates only: no string"},
	{`\x{FFFD}`, "a\ufffd", "the replacement character is one like others"},
	{`\x{10FFFF}$`, "\U0010ffff\U0010fffea", "the last code point"},
	{`a*?b`, "ab", "not greedy"},
	{`^a{2,3}$`, "ab", "counted"},
	{`^(a|b){0}$`, "ab", "counted zero times"},
	{`^(a{2}){2}$`, "a", "nested counts"},
	{`(?U)a+b?`, "ab", "greediness swapped"},
	{`(?P<n>a)(?:b)`, "ab", "groups"},
	{`\Qa.b\E`, "ab.", "quoted"},
	{`^(|a|b)$`, "ab", "an empty branch"},
	{`^(a|b)*a(a|b)$`, "ab", "next to last"},
	{`^(ab|a)(bc|c)?$`, "abc", "overlapping branches"},
}

func TestPatternReadsAsRegexpDoes(t *testing.T) {
	for _, c := range constructs {
		t.Run(c.reason, func(t *testing.T) {
			re := regexp.MustCompile(c.expr)
			s := pattern(t, c.expr)
			not := stringset.Not(s)
			for _, w := range words(c.letters, 4) {
				want := re.MatchString(w)
				got, err := stringset.Accepts(s, w)
				require.NoError(t, err)
				require.Equal(t, want, got, "automaton of %q on %q", c.expr, w)
				got, err = stringset.Accepts(not, w)
				require.NoError(t, err)
				require.Equal(t, !want, got, "automaton of the complement of %q on %q", c.expr, w)
				require.Equal(t, want, s.Contains(w), "%q on %q", c.expr, w)
			}
			for _, part := range []stringset.Set{s, not} {
				examples, err := part.Examples(nil, 20)
				require.NoError(t, err)
				for _, w := range examples {
					require.Equal(t, part.Key() == s.Key(), re.MatchString(w), "%q on the example %q", c.expr, w)
				}
				empty, err := part.Empty(nil)
				require.NoError(t, err)
				require.Equal(t, len(examples) == 0, empty)
			}
		})
	}
}

// The patterns of two constructs at a time, against words of both.
func TestPatternsTogether(t *testing.T) {
	for _, a := range constructs {
		for _, b := range constructs {
			sa, sb := pattern(t, a.expr), pattern(t, b.expr)
			only := stringset.And(sa, stringset.Not(sb))
			example, ok, err := only.Example(nil)
			require.NoError(t, err)
			if ok {
				require.True(t, regexp.MustCompile(a.expr).MatchString(example), "%q %q: %q", a.expr, b.expr, example)
				require.False(t, regexp.MustCompile(b.expr).MatchString(example), "%q %q: %q", a.expr, b.expr, example)
				continue
			}
			for _, w := range words(a.letters, 3) {
				require.False(t, only.Contains(w), "%q without %q is said to be empty and has %q", a.expr, b.expr, w)
			}
		}
	}
}

func TestPatternRefusesWhatRegexpRefuses(t *testing.T) {
	for _, expr := range []string{`(?=a)`, `a{1001}`, `[b-a]`, `(`, `\1`, `\pX`} {
		_, want := regexp.Compile(expr)
		_, got := stringset.Pattern(expr)
		require.Error(t, got)
		assert.Equal(t, want.Error(), got.Error())
	}
}

// randomPattern draws from the constructs that interact: anchors, boundaries,
// classes, repeats, flags.
func randomPattern(r *rand.Rand, depth int) string {
	atoms := []string{"a", "b", " ", "\\n", ".", "[ab]", "[^a]", "^", "$", "\\b", "\\B", "\\A", "\\z", "\\w", "\\W", "(?s:.)", "(?m:^)", "(?m:$)", "(?i:A)", ""}
	if depth == 0 {
		return atoms[r.Intn(len(atoms))]
	}
	sub := func() string { return randomPattern(r, depth-1) }
	switch r.Intn(7) {
	case 0, 1, 2:
		return sub() + sub()
	case 3:
		return "(?:" + sub() + "|" + sub() + ")"
	case 4:
		return "(?:" + sub() + ")" + []string{"*", "+", "?", "*?", "{2}", "{1,3}", "{0}", "{2,}"}[r.Intn(8)]
	case 5:
		return "(?m:" + sub() + ")"
	default:
		return "^" + sub() + "$"
	}
}

func TestRandomPatternsReadAsRegexpDoes(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	all := words("ab \n", 4)
	for range 3000 {
		expr := randomPattern(r, 4)
		re, err := regexp.Compile(expr)
		if err != nil {
			continue
		}
		s := pattern(t, expr)
		for range 25 {
			w := all[r.Intn(len(all))]
			got, err := stringset.Accepts(s, w)
			require.NoError(t, err)
			require.Equal(t, re.MatchString(w), got, "%q on %q", expr, w)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, c := range constructs {
		f.Add(c.expr, c.letters)
		f.Add(c.expr, strings.Repeat(c.letters, 3))
	}
	f.Fuzz(func(t *testing.T, expr, word string) {
		s, err := stringset.Pattern(expr)
		if err != nil || len(word) > 200 {
			t.Skip()
		}
		re := regexp.MustCompile(expr)
		for _, w := range []string{strings.ToValidUTF8(word, "\ufffd"), ""} {
			want := re.MatchString(w)
			got, err := stringset.AcceptsWithin(s, w, &stringset.Budget{Steps: 1_000_000, Memory: 32 << 20})
			if err != nil {
				if !errors.Is(err, stringset.ErrUndecided) {
					t.Fatal(err)
				}
				continue
			}
			if got != want {
				t.Fatalf("automaton of %q on %q: want %v, got %v", expr, w, want, got)
			}
		}
		for _, part := range []stringset.Set{s, stringset.Not(s)} {
			b := &stringset.Budget{Steps: 200_000, Memory: 32 << 20}
			examples, err := part.Examples(b, 3)
			if err != nil && !errors.Is(err, stringset.ErrUndecided) {
				t.Fatal(err)
			}
			for _, w := range examples {
				if re.MatchString(w) != (part.Key() == s.Key()) {
					t.Fatalf("%q is no example of %s", w, part)
				}
			}
		}
	})
}
