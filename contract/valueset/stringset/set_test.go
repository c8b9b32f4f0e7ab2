package stringset_test

import (
	"fmt"
	"math/rand"
	"sort"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

// An expression beside what it means.
type expression struct {
	set stringset.Set
	has func(w string) bool
	str string
}

func randomExpression(t testing.TB, r *rand.Rand, depth int) expression {
	t.Helper()
	if depth == 0 || r.Intn(6) == 0 {
		switch r.Intn(5) {
		case 0:
			in := map[string]bool{}
			var list []string
			all := words("ab", 3)
			for range r.Intn(6) {
				w := all[r.Intn(len(all))]
				in[w] = true
				list = append(list, w)
			}
			return expression{stringset.Of(list...), func(w string) bool { return in[w] }, fmt.Sprintf("of%q", list)}
		case 1:
			lo, hi := r.Intn(4), r.Intn(6)-1
			return expression{stringset.Length(lo, hi), func(w string) bool {
				n := utf8.RuneCountInString(w)
				return n >= lo && (hi < 0 || n <= hi)
			}, fmt.Sprintf("len(%d,%d)", lo, hi)}
		case 2:
			if r.Intn(2) == 0 {
				return expression{stringset.All(), func(string) bool { return true }, "all"}
			}
			return expression{stringset.None(), func(string) bool { return false }, "none"}
		}
		expr := []string{"a", "^a", "b$", "^(ab)*$", "^[ab]$", "aa", "^(a|b){2}$", "a.b", "^$", "^b*$", `^\w*$`}[r.Intn(11)]
		s := pattern(t, expr)
		return expression{s, s.Contains, expr} // Contains of a pattern is regexp's
	}
	a, b := randomExpression(t, r, depth-1), randomExpression(t, r, depth-1)
	switch r.Intn(4) {
	case 0:
		return expression{stringset.Not(a.set), func(w string) bool { return !a.has(w) }, "not(" + a.str + ")"}
	case 1:
		c := randomExpression(t, r, depth-1)
		return expression{stringset.And(a.set, b.set, c.set), func(w string) bool { return a.has(w) && b.has(w) && c.has(w) },
			"and(" + a.str + "," + b.str + "," + c.str + ")"}
	case 2:
		return expression{stringset.And(a.set, stringset.Not(b.set)), func(w string) bool { return a.has(w) && !b.has(w) },
			"sub(" + a.str + "," + b.str + ")"}
	default:
		return expression{stringset.Or(a.set, b.set), func(w string) bool { return a.has(w) || b.has(w) }, "or(" + a.str + "," + b.str + ")"}
	}
}

// Over the strings of up to four letters, everything is known.
func TestExpressionsAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	universe := words("ab", 4)
	small := pattern(t, "^[ab]{0,4}$")
	for range 1000 {
		e := randomExpression(t, r, 3)
		var want []string
		for _, w := range universe {
			in := e.has(w)
			require.Equal(t, in, e.set.Contains(w), "%s on %q", e.str, w)
			got, err := stringset.Accepts(e.set, w)
			require.NoError(t, err)
			require.Equal(t, in, got, "automaton of %s on %q", e.str, w)
			if in {
				want = append(want, w)
			}
		}
		bounded := stringset.And(small, e.set)
		empty, err := bounded.Empty(nil)
		require.NoError(t, err)
		require.Equal(t, len(want) == 0, empty, "%s", e.str)
		got, err := bounded.Examples(nil, len(universe)+1)
		require.NoError(t, err)
		for i := 1; i < len(got); i++ {
			require.LessOrEqual(t, len(got[i-1]), len(got[i]), "%s: shorter examples come first: %q", e.str, got)
		}
		sort.Strings(got)
		sort.Strings(want)
		require.Equal(t, want, append([]string(nil), got...), "%s", e.str)

		example, ok, err := e.set.Example(nil)
		require.NoError(t, err)
		if ok {
			require.True(t, e.has(example), "%s on its example %q", e.str, example)
		} else {
			require.Empty(t, want, "%s is said to be empty", e.str)
		}
	}
}

func TestLaws(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	equal := func(name string, a, b stringset.Set, e ...expression) {
		for _, d := range []stringset.Set{stringset.And(a, stringset.Not(b)), stringset.And(b, stringset.Not(a))} {
			w, ok, err := d.Example(nil)
			require.NoError(t, err)
			if ok {
				require.Fail(t, name, "differ in %q: %v", w, e)
			}
		}
	}
	and, or, not := stringset.And, stringset.Or, stringset.Not
	for range 400 {
		x, y, z := randomExpression(t, r, 2), randomExpression(t, r, 2), randomExpression(t, r, 2)
		a, b, c := x.set, y.set, z.set
		equal("double complement", a, not(not(a)), x)
		equal("De Morgan", not(and(a, b)), or(not(a), not(b)), x, y)
		equal("distribution", and(a, or(b, c)), or(and(a, b), and(a, c)), x, y, z)
		equal("absorption", or(a, and(a, b)), a, x, y)
		equal("excluded middle", or(a, not(a)), stringset.All(), x)
		equal("contradiction", and(a, not(a)), stringset.None(), x)
		equal("associativity", and(a, and(b, c)), and(and(c, a), b), x, y, z)
		equal("part of the union", and(a, or(a, b)), a, x, y)
	}
}

func TestKeysDecideIdenticalExpressions(t *testing.T) {
	hard := pattern(t, `^(a|b)*a(a|b){60}$`)
	same := pattern(t, `^(a|b)*a(a|b){60}$`)
	other := pattern(t, `b$`)
	none := &stringset.Budget{Steps: 10}
	for _, c := range []struct {
		set    stringset.Set
		reason string
	}{
		{stringset.And(hard, stringset.Not(same)), "a set without itself"},
		{stringset.And(hard, other, stringset.Not(stringset.And(other, same))), "an intersection without itself, reordered"},
		{stringset.And(hard, stringset.Not(stringset.Or(other, same))), "a part of a union"},
		{stringset.And(hard, other, stringset.Not(same)), "an intersection is in its parts"},
	} {
		empty, err := c.set.Empty(none)
		require.NoError(t, err, c.reason)
		assert.True(t, empty, c.reason)
	}
	assert.Equal(t, stringset.And(hard, other).Key(), stringset.And(other, other, same).Key())
	assert.NotEqual(t, stringset.Of("a,b").Key(), stringset.Of("a", "b").Key())
	assert.NotEqual(t, stringset.Of(`a","b`).Key(), stringset.Of("a", "b").Key())
	long := strings.Repeat("x", 1000)
	assert.NotEqual(t, stringset.Of(long, "a").Key(), stringset.Of(long, "b").Key())
	for _, s := range []stringset.Set{stringset.Of(long, "b"), pattern(t, long), stringset.And(hard, pattern(t, long[:300]), pattern(t, long[:301]))} {
		assert.Less(t, len(s.Key()), 500, "long keys are digests")
	}
	assert.NotEqual(t, pattern(t, long).Key(), pattern(t, long[1:]).Key())
}

func TestZeroAndInvalid(t *testing.T) {
	var zero stringset.Set
	empty, err := zero.Empty(nil)
	require.NoError(t, err)
	assert.True(t, empty, "the zero value is the empty set")
	assert.Equal(t, stringset.None().Key(), zero.Key())
	assert.True(t, stringset.Not(zero).Contains("x"))
	assert.False(t, stringset.All().Contains("\xff"), "text that is not UTF-8 is in no set")
	assert.False(t, stringset.All().Contains("\xed\xa0\x80"), "nor is a surrogate in bytes")
	assert.Equal(t, stringset.None().Key(), stringset.Of("\xff").Key())
	assert.Equal(t, stringset.All().Key(), stringset.And().Key())
	assert.Equal(t, stringset.None().Key(), stringset.Or().Key())
	assert.Equal(t, stringset.All().Key(), stringset.Length(-1, -1).Key())
	assert.Equal(t, stringset.None().Key(), stringset.Length(3, 2).Key())
}

func TestExamplesAreReadable(t *testing.T) {
	and, not := stringset.And, stringset.Not
	for _, c := range []struct {
		set    stringset.Set
		prefer []string
		want   []string
		reason string
	}{
		{pattern(t, `^.{2}$`), nil, []string{"aa", "ab", "ac"}, "letters first, the last one varies"},
		{pattern(t, `^.{2}$`), []string{"long", "ok", "ok", "no"}, []string{"ok", "no", "aa"}, "preferred words that are members"},
		{and(pattern(t, `^\W$`), not(stringset.Of("-"))), nil, []string{".", ":"}, "then signs"},
		{pattern(t, `^[\x00-\x20]$`), nil, []string{" ", "\x00"}, "control characters last"},
		{pattern(t, `^[\x{1F600}-\x{1F602}]$`), nil, []string{"😀", "😁", "😂"}, "beyond the basic plane"},
		{pattern(t, `^[\x{90}-\x{A2}]$`), nil, []string{"¡", "¢", "\u0090"}, "printable ones before others outside ASCII, too"},
		{stringset.Or(pattern(t, `^a{5}$`), pattern(t, `^b{2}$`), pattern(t, `^c{3}$`)), nil, []string{"bb", "ccc", "aaaaa"}, "the shortest of all branches"},
		{and(stringset.Or(stringset.Length(3, 4), pattern(t, `^z`)), pattern(t, `^[yz]*$`)), nil, []string{"z", "zy", "zz"}, "the shortest of all lengths"},
		{stringset.Of("bb", "a", "c"), nil, []string{"a", "c", "bb"}, "words, short ones first"},
		{stringset.Not(stringset.Of("", "a", "b")), nil, []string{"c", "d"}, "what is left"},
		{and(stringset.Length(3, -1), pattern(t, `^[0-9]*$`)), nil, []string{"000", "001"}, "at the bound"},
		{and(stringset.Length(5, 5), pattern(t, `^\d+-\d+$`)), nil, []string{"000-0", "000-1"}, "a length inside a pattern"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			got, err := c.set.Examples(nil, len(c.want), c.prefer...)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestLengthsOfAnySize(t *testing.T) {
	const huge = 1_000_000_000
	and, not := stringset.And, stringset.Not
	for _, c := range []struct {
		set    stringset.Set
		empty  bool
		reason string
	}{
		{stringset.Length(huge, -1), false, "all long strings"},
		{stringset.Length(1<<62, 1<<62), false, "one length"},
		{and(pattern(t, `^(ab)*$`), stringset.Length(huge, huge)), false, "an even length"},
		{and(pattern(t, `^(ab)*$`), stringset.Length(huge+1, huge+1)), true, "an odd length"},
		{and(pattern(t, `^(ab)*$`), stringset.Length(huge+1, huge+2)), false, "an odd or an even one"},
		{and(pattern(t, `^((aaa)*|(aaaaa)*)$`), stringset.Length(huge+1, huge+1)), true, "no multiple of 3 nor of 5"},
		{and(pattern(t, `^((aaa)*|(aaaaa)*)$`), stringset.Length(huge+2, huge+2)), false, "a multiple of 3"},
		{and(pattern(t, `^[a-z]{1,1000}$`), stringset.Length(huge, -1)), true, "the pattern is bounded"},
		{and(pattern(t, `^[a-z]{1,1000}$`), stringset.Length(1000, huge)), false, "at the pattern's bound"},
		{and(pattern(t, `^[a-z]{1,1000}$`), stringset.Length(1001, huge)), true, "just above the pattern's bound"},
		{and(pattern(t, `^[a-z]{1,1000}$`), not(stringset.Length(0, 1000))), true, "the same as a complement"},
		{and(pattern(t, `^[a-z]{1,1000}$`), not(stringset.Length(0, 999))), false, "one of the lengths is left"},
		{and(pattern(t, `a`), pattern(t, `b`), stringset.Length(0, 1)), true, "too short for both"},
		{and(pattern(t, `a`), pattern(t, `b`), stringset.Length(0, 2)), false, "long enough for both"},
		{and(stringset.Or(pattern(t, `^a*$`), stringset.Length(0, 5)), not(stringset.Length(0, huge)), pattern(t, `b`)), true, "a length in one branch"},
		{and(stringset.Length(0, 254), not(stringset.Length(0, 255))), true, "narrower"},
		{and(stringset.Length(0, 256), not(stringset.Length(0, 255))), false, "wider"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			empty, err := c.set.Empty(nil)
			require.NoError(t, err)
			assert.Equal(t, c.empty, empty)
		})
	}
	_, _, err := stringset.Length(huge, -1).Example(nil)
	assert.ErrorIs(t, err, stringset.ErrUndecided, "a billion letters are not written out")
	w, ok, err := and(pattern(t, `^(ab)*$`), stringset.Length(100_001, -1)).Example(nil)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, strings.Repeat("ab", 50_001), w)
	// Code points, not bytes, are counted.
	w, ok, err = and(pattern(t, `^é*$`), stringset.Length(3, 3)).Example(nil)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, "ééé", w)
}
