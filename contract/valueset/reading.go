package valueset

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

// Dispute is something in the schemas of a question that other validators take
// otherwise than ours, so that its answer may not hold for them:
//
//   - \d, \w and \s (and \D, \W, \S) are ASCII in RE2; ECMA-262, which JSON Schema
//     names, has more white space, and many validators have the digits and
//     letters of all scripts. It matters where a schema itself states text with
//     such characters, and only those are considered;
//   - contentEncoding and contentMediaType are assertions for some validators
//     of draft 7, and annotations here;
//   - a format that our validator does not know, idn-email say, is not checked
//     by it, though format is asserted.
type Dispute struct {
	Keyword string
	What    string // what others do
	beyond  []rune // stated by the schemas, and of no class for RE2
}

// reading is how a pool takes what validators differ in.
type reading struct {
	others     *Dispute // nil: as our validator takes it
	shorthands bool     // \d, \w or \s was met
	beyond     map[rune]bool
	found      Dispute // by another keyword than pattern
	content    int     // asserted, annotated
}

// dispute is what was met in answering, nil where nothing was.
func (r *reading) dispute() *Dispute {
	d := r.found
	if d.Keyword == "" && r.shorthands && len(r.beyond) > 0 {
		d.Keyword, d.What = "pattern", `\d, \w and \s are ASCII in RE2, and in other validators not`
	}
	if d.Keyword == "" {
		return nil
	}
	d.beyond = slices.Sorted(maps.Keys(r.beyond))
	return &d
}

// state notes the text of a schema's own value.
func (r *reading) state(v any) {
	switch v := v.(type) {
	case string:
		r.stateText(v)
	case []any:
		for _, item := range v {
			r.state(item)
		}
	case map[string]any:
		for name, member := range v {
			r.stateText(name)
			r.state(member)
		}
	}
}

func (r *reading) stateText(s string) {
	for _, c := range s {
		if c == '\v' || c > unicode.MaxASCII {
			if r.beyond == nil {
				r.beyond = map[rune]bool{}
			}
			r.beyond[c] = true
		}
	}
}

// pattern is the strings that match an expression, anywhere in them.
func (p *pool) pattern(re *regexp.Regexp) stringset.Set {
	expr := re.String()
	p.stateText(expr)
	if strings.ContainsAny(expr, `\`) {
		wider, has := widened(expr, p.others)
		p.shorthands = p.shorthands || has
		expr = wider
	}
	set, err := stringset.Pattern(expr)
	if err != nil {
		stopf("pattern", "%v", err)
	}
	return set
}

var (
	digit = []*unicode.RangeTable{unicode.Nd}
	word  = []*unicode.RangeTable{unicode.L, unicode.M, unicode.Nd, unicode.Pc}
	space = []*unicode.RangeTable{unicode.Z, {R16: []unicode.Range16{{Lo: '\v', Hi: '\v', Stride: 1}, {Lo: 0x85, Hi: 0x85, Stride: 1}, {Lo: 0xfeff, Hi: 0xfeff, Stride: 1}}, LatinOffset: 2}}
)

// widened writes an expression with the characters of a dispute added to the
// classes that others count them among. has: there is such a class.
func widened(expr string, others *Dispute) (wider string, has bool) {
	var b strings.Builder
	inClass := false
	for i := 0; i < len(expr); i++ {
		c := expr[i]
		if c == '[' && inClass && i+1 < len(expr) && expr[i+1] == ':' { // [:alpha:]
			if end := strings.Index(expr[i:], ":]"); end > 0 {
				b.WriteString(expr[i : i+end+2])
				i += end + 1
				continue
			}
		}
		switch {
		case c == '[' && !inClass:
			inClass = true
			if strings.HasPrefix(expr[i:], "[^]") || strings.HasPrefix(expr[i:], "[]") { // a literal ]
				end := strings.IndexByte(expr[i:], ']')
				b.WriteString(expr[i : i+end+1])
				i += end
				continue
			}
		case c == ']':
			inClass = false
		case c == '\\' && i+1 < len(expr):
			i++
			if expr[i] == 'Q' && !inClass {
				end := strings.Index(expr[i:], `\E`)
				if end < 0 {
					end = len(expr) - i
				}
				b.WriteByte('\\')
				b.WriteString(expr[i : i+end])
				i += end - 1
				continue
			}
			if class := classOf(expr[i], others); class != nil {
				has = true
				if others != nil {
					writeClass(&b, class, inClass)
					continue
				}
			}
			b.WriteByte('\\')
			c = expr[i]
		}
		b.WriteByte(c)
	}
	return b.String(), has
}

// classOf are the ranges of \d, \w, \s or their complements, nil for another letter.
func classOf(letter byte, others *Dispute) []rune {
	var ascii []rune
	var tables []*unicode.RangeTable
	switch letter {
	case 'd', 'D':
		ascii, tables = []rune{'0', '9'}, digit
	case 'w', 'W':
		ascii, tables = []rune{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'}, word
	case 's', 'S':
		ascii, tables = []rune{'\t', '\n', '\f', '\r', ' ', ' '}, space
	default:
		return nil
	}
	ranges := ascii
	if others != nil {
		for _, c := range others.beyond { // sorted, and beyond ASCII but for \v
			if !unicode.In(c, tables...) {
				continue
			}
			if c == '\v' {
				ranges = []rune{'\t', '\r', ' ', ' '}
				continue
			}
			ranges = append(ranges[:len(ranges):len(ranges)], c, c)
		}
	}
	if letter >= 'a' {
		return ranges
	}
	var rest []rune
	next := rune(0)
	for i := 0; i < len(ranges); i += 2 {
		if ranges[i] > next {
			rest = append(rest, next, ranges[i]-1)
		}
		next = ranges[i+1] + 1
	}
	return append(rest, next, unicode.MaxRune)
}

func writeClass(b *strings.Builder, ranges []rune, inClass bool) {
	if !inClass {
		b.WriteByte('[')
	}
	for i := 0; i < len(ranges); i += 2 {
		fmt.Fprintf(b, `\x{%x}-\x{%x}`, ranges[i], ranges[i+1])
	}
	if !inClass {
		b.WriteByte(']')
	}
}

// disputed adds format and content, as far as the validator asserts them, or
// others do.
func (l *lowering) disputed() {
	s := l.schema
	if s.Format != "" && l.asserts {
		_, known := formats[s.Format]
		if known || l.others != nil {
			l.add(l.atom(expr{kind: kFormat, name: s.Format}))
		} else {
			l.found = Dispute{Keyword: "format", What: fmt.Sprintf("the format %s is not checked by our validator, and by others it is", s.Format)}
		}
	}
	if s.Draft != jsonschema.Draft7 || s.ContentEncoding == "" && s.ContentMediaType == "" {
		return
	}
	if l.content == bothReadings {
		stopf("contentEncoding", "one of the schemas asserts it, and the other does not")
	}
	if l.content == asserted || l.others != nil {
		l.add(l.atom(expr{kind: kFormat, name: contentName(s)}))
		return
	}
	keyword := "contentEncoding"
	if s.ContentEncoding == "" {
		keyword = "contentMediaType"
	}
	l.found = Dispute{Keyword: keyword, What: keyword + " is asserted by some validators of draft 7, and by ours it is not"}
}

// How the schemas of a question take the content keywords.
const (
	asserted = 1 << iota
	annotated
	bothReadings = asserted | annotated
)

const contentPrefix = "content\x00"

// contentName is the content keywords of a schema as the name of a format.
func contentName(s *jsonschema.Schema) string {
	return contentPrefix + s.ContentEncoding + "\x00" + s.ContentMediaType
}

// contentFits asserts contentEncoding and contentMediaType as the validator does
// where it is told to.
func contentFits(name, text string) bool {
	encoding, mediaType, _ := strings.Cut(strings.TrimPrefix(name, contentPrefix), "\x00")
	content := []byte(text)
	if decode := jsonschema.Decoders[encoding]; decode != nil {
		decoded, err := decode(text)
		if err != nil {
			return false
		}
		content = decoded
	}
	check := jsonschema.MediaTypes[mediaType]
	return check == nil || check(content) == nil
}
