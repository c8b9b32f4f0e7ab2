package compat_test

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// regexp is a pattern compiled, nil where it is not RE2.
func (g *instances) regexp(pattern string) *regexp.Regexp {
	if re, known := g.compiled[pattern]; known {
		return re
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		re = nil
	}
	g.compiled[pattern] = re
	return re
}

// matching draws a string by walking a pattern; anchors are passed over, so it
// does not always match.
func (g *instances) matching(pattern string) string {
	re, known := g.parsed[pattern]
	if !known {
		var err error
		if re, err = syntax.Parse(pattern, syntax.Perl); err != nil {
			re = nil
		}
		g.parsed[pattern] = re
	}
	if re == nil {
		return ""
	}
	var b strings.Builder
	start, end := strings.HasPrefix(pattern, "^"), strings.HasSuffix(pattern, "$")
	if !start && g.IntN(6) == 0 {
		b.WriteByte("a0 "[g.IntN(3)])
	}
	g.write(&b, re)
	if !end && g.IntN(4) == 0 {
		b.WriteByte("a0 "[g.IntN(3)])
	}
	return b.String()
}

func (g *instances) write(b *strings.Builder, re *syntax.Regexp) {
	repeat := func(from, to int) {
		if to < 0 || to > from+3 && g.IntN(10) > 0 {
			to = from + 3
		}
		for range from + g.IntN(to-from+1) {
			if b.Len() > 400 {
				break
			}
			g.write(b, re.Sub[0])
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		if len(re.Rune) == 0 {
			return
		}
		at := 2 * g.IntN(len(re.Rune)/2)
		from, to := re.Rune[at], re.Rune[at+1]
		if from < 'a' && to >= 'z' {
			from, to = 'a', 'c' // of a negated class
		}
		r := from + rune(g.IntN(int(min(to-from, 300))+1))
		if g.IntN(10) == 0 {
			r = to
		}
		b.WriteRune(r)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteRune([]rune("ab0 _é")[g.IntN(6)])
	case syntax.OpStar:
		repeat(0, -1)
	case syntax.OpPlus:
		repeat(1, -1)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		repeat(re.Min, re.Max)
	case syntax.OpAlternate:
		g.write(b, re.Sub[g.IntN(len(re.Sub))])
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			g.write(b, sub)
		}
	}
}
