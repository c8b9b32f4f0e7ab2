package stringset_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

func without(t testing.TB, a, b string) stringset.Set {
	t.Helper()
	return stringset.And(pattern(t, a), stringset.Not(pattern(t, b)))
}

// Times are logged, never asserted.
func TestHardPatterns(t *testing.T) {
	for _, c := range []struct {
		old, new string
		empty    bool
		reason   string
	}{
		{`^(a|b)*a(a|b){15}$`, `^(a|b)*a(a|b){15}$`, true, "itself"},
		{`^(a|b)*a(a|b){15}$`, `^(?:b|a)*a[ab]{15}$`, true, "itself, written otherwise"},
		{`^(?:b|a)*a[ab]{15}$`, `^(a|b)*a(a|b){15}$`, true, "and the other way round"},
		{`^(a|b)*a(a|b){15}$`, `^(a|b)*a(a|b){14}$`, false, "one less"},
		{`^(a|b)*a(a|b){14}$`, `^(a|b)*a(a|b){15}$`, false, "one more"},
		{`^(a|b)*a(a|b){15}$`, `^(a|b)*a(a|b|c){15}$`, true, "a wider alphabet"},
		{`^(a|b)*a(a|b|c){15}$`, `^(a|b)*a(a|b){15}$`, false, "a narrower alphabet"},
		{`^(a|b)*a(a|b){15}$`, `^(a|b){16,}$`, true, "its length alone"},
		{`^(a{30}){30}$`, `^a{900}$`, true, "nested counts and one count"},
		{`^a{900}$`, `^(a{30}){30}$`, true, "one count and nested counts"},
		{`^(a{30}){30}$`, `^(a{29}){31}$`, false, "899 is not 900"},
		{`^[a-z0-9]{1,255}$`, `^[a-z0-9]{1,256}$`, true, "one more is allowed"},
		{`^[a-z0-9]{1,256}$`, `^[a-z0-9]{1,255}$`, false, "one less is allowed"},
		{`^\pL{1,500}$`, `^\pL{1,1000}$`, true, "large classes"},
		{`(?i)^straße[\pL\pN]*$`, `^[\pL\pN]+$`, false, "folded: a letter folds to U+0345, which is none"},
		{`^straße[\pL\pN]*$`, `^[\pL\pN]+$`, true, "the same, not folded"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			b := stringset.NewBudget()
			begin := time.Now()
			empty, err := without(t, c.old, c.new).Empty(b)
			t.Logf("%v, %d steps", time.Since(begin), stringset.DefaultSteps-b.Steps)
			require.NoError(t, err)
			assert.Equal(t, c.empty, empty)
		})
	}
}

func TestTooLargeIsUndecided(t *testing.T) {
	for _, c := range []struct {
		set    stringset.Set
		reason string
	}{
		{without(t, `^(a|b)*a(a|b){30}$`, `^(?:b|a)*a[ab]{30}$`), "2^31 states"},
		{stringset.And(pattern(t, `^(a{997})+$`), pattern(t, `^(a{991})+$`), pattern(t, `^(a{983})+$`)), "some 971 million states in a product"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			b := stringset.NewBudget()
			begin := time.Now()
			_, err := c.set.Empty(b)
			runtime.ReadMemStats(&after)
			t.Logf("%v, %v, %d steps, %d MiB allocated in all", err, time.Since(begin), stringset.DefaultSteps-b.Steps, (after.TotalAlloc-before.TotalAlloc)>>20)
			require.ErrorIs(t, err, stringset.ErrUndecided)
			assert.Contains(t, err.Error(), "budget of")
			assert.Less(t, (after.Sys-before.Sys)>>20, uint64(1024), "memory taken from the system, in MiB")
			assert.Equal(t, stringset.DefaultMemory, b.Memory, "a call gives its memory back")
		})
	}
}

func TestBudgetsAreDeterministic(t *testing.T) {
	var left []int
	for range 3 {
		b := stringset.NewBudget()
		_, err := without(t, `^(a|b)*a(a|b){9}$`, `^(?:b|a)*a[ab]{9}$`).Empty(b)
		require.NoError(t, err)
		left = append(left, b.Steps)
	}
	assert.Equal(t, []int{left[0], left[0], left[0]}, left)

	used := stringset.DefaultSteps - left[0]
	s := without(t, `^(a|b)*a(a|b){9}$`, `^(?:b|a)*a[ab]{9}$`)
	_, err := s.Empty(&stringset.Budget{Steps: used, Memory: 1 << 30})
	assert.NoError(t, err, "just enough steps")
	_, err = s.Empty(&stringset.Budget{Steps: used - 1, Memory: 1 << 30})
	assert.ErrorIs(t, err, stringset.ErrUndecided, "one step too few")
	_, err = s.Empty(&stringset.Budget{Steps: used, Memory: 1000})
	assert.ErrorIs(t, err, stringset.ErrUndecided, "too little memory")
}

func TestWhatNoLongerMattersCostsNothing(t *testing.T) {
	// After the x the second pattern is settled; followed on, it has 2^20 states.
	s := stringset.And(pattern(t, `^x[ab]*$`), stringset.Or(pattern(t, `^x`), pattern(t, `(a|b)*a(a|b){20}$`)), stringset.Not(pattern(t, `^x(a|b)*$`)))
	empty, err := s.Empty(&stringset.Budget{Steps: 5000, Memory: 1 << 20})
	require.NoError(t, err)
	assert.True(t, empty)
}

func TestPartsOfAUnionTakeMemoryInTurn(t *testing.T) {
	one := without(t, `^(a|b)*a(a|b){9}$`, `^(?:b|a)*a[ab]{9}$`)
	const enough = 2 << 20
	_, err := one.Empty(&stringset.Budget{Steps: stringset.DefaultSteps, Memory: enough})
	require.NoError(t, err)
	_, err = one.Empty(&stringset.Budget{Steps: stringset.DefaultSteps, Memory: enough / 8})
	require.ErrorIs(t, err, stringset.ErrUndecided)
	var parts []stringset.Set
	for i := range 16 {
		parts = append(parts, without(t, `^(a|b)*a(a|b){9}$`, fmt.Sprintf(`^(?:b|a)*a[ab]{9}$|^c{%d}$`, i+1)))
	}
	empty, err := stringset.Or(parts...).Empty(&stringset.Budget{Steps: stringset.DefaultSteps, Memory: enough})
	require.NoError(t, err)
	assert.True(t, empty)
}

func TestExamplesKeepToTheBudget(t *testing.T) {
	got, err := stringset.Length(1000, -1).Examples(&stringset.Budget{Steps: 20_000, Memory: 1 << 20}, 100)
	require.ErrorIs(t, err, stringset.ErrUndecided)
	assert.NotEmpty(t, got, "what was found comes with the error")
	assert.Less(t, len(got), 100)
	b := stringset.NewBudget()
	_, err = pattern(t, `^.{50}$`).Examples(b, 100)
	require.NoError(t, err)
	assert.Equal(t, stringset.DefaultMemory, b.Memory, "a call gives its memory back")
	got, err = stringset.Of("a", "b").Examples(&stringset.Budget{}, 2, "b")
	require.ErrorIs(t, err, stringset.ErrUndecided)
	assert.Equal(t, []string{"b"}, got, "a preferred word needs no budget")
}

// wordList is n property names of some length.
func wordList(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("property_%d_%s", i, strings.Repeat("x", i%17))
	}
	return out
}

func TestManyWords(t *testing.T) {
	list := wordList(100_000) // some 2 MB
	all := stringset.Of(list...)
	less := stringset.Of(list[1:]...)
	in := func(a, b stringset.Set) bool {
		t.Helper()
		empty, err := stringset.And(a, stringset.Not(b)).Empty(nil)
		require.NoError(t, err)
		return empty
	}
	begin := time.Now()
	assert.True(t, in(all, all))
	assert.True(t, in(less, all))
	assert.False(t, in(all, less))
	assert.True(t, in(all, pattern(t, `^property_\d+_x*$`)))
	assert.False(t, in(all, pattern(t, `^property_\d+_x+$`)))
	assert.False(t, in(pattern(t, `^property_\d+_x*$`), all), "the pattern has more")
	assert.True(t, in(pattern(t, `^property_(1|18)_x$`), all), "a finite pattern inside a finite set")
	w, ok, err := stringset.And(all, stringset.Not(less)).Example(nil)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, list[0], w)
	more, err := stringset.Not(all).Examples(nil, 1000)
	require.NoError(t, err)
	assert.Len(t, more, 1000)
	t.Log(time.Since(begin))
}

func BenchmarkInclusion(b *testing.B) {
	for _, c := range []struct{ name, old, new string }{
		{"simple", `^[a-z][a-z0-9-]*$`, `^[a-z0-9-]+$`},
		{"uuid", `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`, `^[0-9a-fA-F-]{36}$`},
		{"unicode", `^\pL+$`, `^[\pL\pN]+$`},
		{"counts", `^(a{30}){30}$`, `^a{900}$`},
		{"exponential", `^(a|b)*a(a|b){12}$`, `^(?:b|a)*a[ab]{12}$`},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if empty, err := without(b, c.old, c.new).Empty(nil); err != nil || !empty {
					b.Fatal(empty, err)
				}
			}
		})
	}
}

func BenchmarkWords(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		list := wordList(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := stringset.And(pattern(b, `^property_[0-9]{1,3}_x?$`), stringset.Not(stringset.Of(list...)))
			for b.Loop() {
				if _, err := s.Empty(nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
