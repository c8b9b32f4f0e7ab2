package fakes

import (
	"cmp"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// canonical appends a JSON text as encoding/json writes what it has read with
// UseNumber: keys in order at every level, the last of those that occur twice,
// strings escaped as [json.Marshal] does, numbers as they were written, no space.
// It does in one pass what decoding, sorting and encoding do in three.
//
// same is true where reading the text with float64 numbers and writing it again
// would change nothing either. ok is false where the text is not JSON, and where
// it is of a kind that encoding/json is better asked about: nested deeper than
// maxNesting, followed by something, or with escapes in its keys. What was
// appended is then of no use.
func canonical(to, text []byte) (out []byte, same, ok bool) {
	var room [16]written
	c := canonicaliser{in: text, out: to, same: true, members: room[:0]}
	c.space()
	if !c.value(0) {
		return c.out, false, false
	}
	c.space()
	return c.out, c.same, c.at == len(c.in)
}

const (
	maxNesting = 100
	// exactDigits are as many as a float64 always gives back.
	exactDigits = 15
)

// canonicaliser reads in and writes out at once.
type canonicaliser struct {
	in      []byte
	at      int
	out     []byte
	same    bool
	members []written // of the objects that are open
	moved   []byte
}

// written is a member of an object in out: from its key's quote to the end of
// its value.
type written struct{ from, keyEnd, to int }

func (c *canonicaliser) key(m written) []byte { return c.out[m.from+1 : m.keyEnd] }

// next is the byte that is read next, 0 at the end: no JSON text has one.
func (c *canonicaliser) next() byte {
	if c.at < len(c.in) {
		return c.in[c.at]
	}
	return 0
}

func (c *canonicaliser) space() {
	for c.at < len(c.in) {
		switch c.in[c.at] {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return
		}
	}
}

// take reads b, if it comes next after spaces.
func (c *canonicaliser) take(b byte) bool {
	c.space()
	if c.next() != b {
		return false
	}
	c.at++
	return true
}

func (c *canonicaliser) value(depth int) bool {
	if depth > maxNesting {
		return false
	}
	switch b := c.next(); {
	case b == '{':
		return c.object(depth)
	case b == '[':
		return c.list(depth)
	case b == '"':
		return c.text(false)
	case b == '-', '0' <= b && b <= '9':
		return c.number()
	case b == 't':
		return c.word("true")
	case b == 'f':
		return c.word("false")
	case b == 'n':
		return c.word("null")
	}
	return false
}

func (c *canonicaliser) word(word string) bool {
	if len(c.in)-c.at < len(word) || string(c.in[c.at:c.at+len(word)]) != word {
		return false
	}
	c.at += len(word)
	c.out = append(c.out, word...)
	return true
}

func (c *canonicaliser) list(depth int) bool {
	c.at++
	c.out = append(c.out, '[')
	for first := true; ; first = false {
		if first && c.take(']') {
			break
		}
		c.space()
		if !c.value(depth + 1) {
			return false
		}
		if c.take(']') {
			break
		}
		if !c.take(',') {
			return false
		}
		c.out = append(c.out, ',')
	}
	c.out = append(c.out, ']')
	return true
}

func (c *canonicaliser) object(depth int) bool {
	c.at++
	c.out = append(c.out, '{')
	mine, inOrder := len(c.members), true
	for first := true; ; first = false {
		if first && c.take('}') {
			break
		}
		c.space()
		m := written{from: len(c.out)}
		if c.next() != '"' || !c.text(true) {
			return false
		}
		m.keyEnd = len(c.out) - 1
		if !c.take(':') {
			return false
		}
		c.out = append(c.out, ':')
		c.space()
		if !c.value(depth + 1) {
			return false
		}
		m.to = len(c.out)
		if n := len(c.members); n > mine && string(c.key(c.members[n-1])) >= string(c.key(m)) {
			inOrder = false
		}
		c.members = append(c.members, m)
		if c.take('}') {
			break
		}
		if !c.take(',') {
			return false
		}
		c.out = append(c.out, ',')
	}
	if !inOrder {
		c.sort(c.members[mine:])
	}
	c.members = c.members[:mine]
	c.out = append(c.out, '}')
	return true
}

// sort puts the members of an object in their order. Of those with one key the
// last stays.
func (c *canonicaliser) sort(members []written) {
	start := members[0].from
	slices.SortFunc(members, func(a, b written) int {
		if by := cmp.Compare(string(c.key(a)), string(c.key(b))); by != 0 {
			return by
		}
		return cmp.Compare(a.from, b.from)
	})
	c.moved = c.moved[:0]
	for i, m := range members {
		if i+1 < len(members) && string(c.key(m)) == string(c.key(members[i+1])) {
			continue
		}
		if len(c.moved) > 0 {
			c.moved = append(c.moved, ',')
		}
		c.moved = append(c.moved, c.out[m.from:m.to]...)
	}
	c.out = append(c.out[:start], c.moved...)
}

// text reads a string. A key must stand in it as it is written.
func (c *canonicaliser) text(key bool) bool {
	start, before := c.at, len(c.out)
	c.at++
	from := c.at
	c.out = append(c.out, '"')
	for c.at < len(c.in) {
		b := c.in[c.at]
		switch {
		case plainByte[b]:
			c.at++
		case b == '"':
			c.out = append(append(c.out, c.in[from:c.at]...), '"')
			c.at++
			return true
		case key && b < utf8.RuneSelf, b < ' ':
			return false
		case b == '\\':
			c.out = c.out[:before]
			return c.escaped(start)
		case b < utf8.RuneSelf: // < > &
			c.out = append(append(c.out, c.in[from:c.at]...), escapeOf(b)...)
			c.at++
			from = c.at
		default:
			r, size := utf8.DecodeRune(c.in[c.at:])
			if r == utf8.RuneError && size == 1 {
				return false
			}
			if r == '\u2028' || r == '\u2029' {
				if key {
					return false
				}
				c.out = append(append(c.out, c.in[from:c.at]...), lineEnd(r)...)
				from = c.at + size
			}
			c.at += size
		}
	}
	return false
}

// escaped reads the string that began at start and has escapes.
func (c *canonicaliser) escaped(start int) bool {
	for c.at = start + 1; c.at < len(c.in) && c.in[c.at] != '"'; c.at++ {
		if c.in[c.at] == '\\' {
			c.at++
		}
	}
	if c.at >= len(c.in) {
		return false
	}
	c.at++
	var text string
	if json.Unmarshal(c.in[start:c.at], &text) != nil {
		return false
	}
	c.out, _ = appendText(c.out, text)
	return true
}

// number reads a number and keeps its text.
func (c *canonicaliser) number() bool {
	from := c.at
	if c.next() == '-' {
		c.at++
	}
	whole := c.at
	if c.next() == '0' {
		c.at++
	} else if !c.digits() {
		return false
	}
	if c.at-whole > exactDigits {
		c.same = false
	}
	if c.next() == '.' {
		c.same = false
		c.at++
		if !c.digits() {
			return false
		}
	}
	if b := c.next(); b == 'e' || b == 'E' {
		c.same = false
		c.at++
		if b := c.next(); b == '+' || b == '-' {
			c.at++
		}
		if !c.digits() {
			return false
		}
	}
	c.out = append(c.out, c.in[from:c.at]...)
	return true
}

func (c *canonicaliser) digits() bool {
	from := c.at
	for b := c.next(); '0' <= b && b <= '9'; b = c.next() {
		c.at++
	}
	return c.at > from
}

// plainByte is what stands in a JSON string of encoding/json as it is.
var plainByte = func() (plain [256]bool) {
	for b := ' '; b < utf8.RuneSelf; b++ {
		plain[b] = b != '"' && b != '\\' && b != '<' && b != '>' && b != '&'
	}
	return plain
}()

func escapeOf(b byte) string {
	switch b {
	case '<':
		return `\u003c`
	case '>':
		return `\u003e`
	}
	return `\u0026`
}

func lineEnd(r rune) string {
	if r == '\u2028' {
		return `\u2028`
	}
	return `\u2029`
}

// appendText appends a string as [json.Marshal] writes it. plain reports whether
// nothing in it had to be escaped, or looked at more closely.
func appendText(to []byte, text string) (out []byte, plain bool) {
	for i := range len(text) {
		if !plainByte[text[i]] {
			quoted, _ := json.Marshal(text) // a string always is written
			return append(to, quoted...), false
		}
	}
	to = append(to, '"')
	return append(append(to, text...), '"'), true
}
