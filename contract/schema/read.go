package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What is refused, in events, schemas and contracts alike: beyond these the
// validator would need unbounded time or memory, or would not be exact.
const (
	MaxDepth    = 256  // arrays and objects inside one another
	MaxDigits   = 1000 // of a number
	MaxExponent = 400  // of a number, either sign
)

// Refusal is one thing in a JSON text for which it is not handled.
type Refusal struct {
	Pointer string
	Line    int
	What    string // what was found
	Remedy  string // what to write instead
}

// Refused are all refusals of a text, at least one. It is the error of
// [ReadJSON] and [ReadYAML].
type Refused []Refusal

func (r Refused) Error() string {
	lines := make([]string, len(r))
	for i, one := range r {
		lines[i] = fmt.Sprintf("line %d: %s: %s", one.Line, one.What, one.Remedy)
	}
	return strings.Join(lines, "\n")
}

// ReadJSON reads one JSON value. The error is of type [Refused]: it is not
// JSON, or holds something that cannot be handled exactly.
func ReadJSON(text []byte) (*Node, error) {
	if !utf8.Valid(text) {
		at := 0
		for rest := text; ; at++ {
			r, size := utf8.DecodeRune(rest)
			if r == utf8.RuneError && size == 1 {
				break
			}
			rest, at = rest[size:], at+size-1
		}
		return nil, Refused{{Line: lineAt(text, at), What: fmt.Sprintf("byte 0x%02x is not UTF-8", text[at]), Remedy: "save it as UTF-8"}}
	}
	if !json.Valid(text) {
		return nil, notJSON(text)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	r := &reader{text: text, d: d, line: 1}
	n := r.value(nil)
	if r.refused != nil {
		return nil, r.refused
	}
	return n, nil
}

func notJSON(text []byte) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return Refused{{Line: 1, What: "it is empty", Remedy: "write a JSON value"}}
	}
	var v any
	err := json.Unmarshal(text, &v)
	line := lineAt(text, len(text))
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line = lineAt(text, int(syntax.Offset)-1)
	}
	return Refused{{Line: line, What: fmt.Sprintf("it is not JSON (%v)", err), Remedy: "correct the syntax"}}
}

func lineAt(text []byte, offset int) int {
	return 1 + bytes.Count(text[:max(0, min(offset, len(text)))], []byte("\n"))
}

// reader turns the tokens of a valid JSON text into nodes.
type reader struct {
	text    []byte
	d       *json.Decoder
	line    int // of the text at counted
	counted int
	refused Refused
}

// here is the line at which the token that was just read ends; no token spans lines.
func (r *reader) here() int {
	end := int(r.d.InputOffset())
	r.line += bytes.Count(r.text[r.counted:end], []byte("\n"))
	r.counted = end
	return r.line
}

func (r *reader) refuse(path []string, line int, what, remedy string) {
	r.refused = append(r.refused, Refusal{Pointer: Pointer(path...), Line: line, What: what, Remedy: remedy})
}

func (r *reader) value(path []string) *Node {
	token, err := r.d.Token()
	if err != nil { // cannot be: the text was checked
		r.refuse(path, r.line, err.Error(), "correct the syntax")
		return &Node{}
	}
	n := &Node{Line: r.here(), end: int(r.d.InputOffset())}
	switch t := token.(type) {
	case nil:
		n.Kind, n.Text = Null, "null"
	case bool:
		n.Kind, n.Text = Bool, strconv.FormatBool(t)
	case string:
		n.Kind, n.Text = String, t
	case json.Number:
		n.Kind, n.Text = Number, t.String()
		if what, remedy := numberRefused(n.Text); what != "" {
			r.refuse(path, n.Line, what, remedy)
		}
	case json.Delim:
		n.start = n.end - 1
		if len(path) >= MaxDepth {
			r.refuse(path[:min(len(path), 4)], n.Line, fmt.Sprintf("nested deeper than %d", MaxDepth), "flatten it")
			r.skip()
			return n
		}
		if t == '[' {
			n.Kind = Array
			for r.d.More() {
				n.Items = append(n.Items, r.value(append(path[:len(path):len(path)], strconv.Itoa(len(n.Items)))))
			}
		} else {
			n.Kind = Object
			r.members(n, path)
		}
		_, _ = r.d.Token() // the closing delimiter
		n.end = int(r.d.InputOffset())
	}
	return n
}

func (r *reader) members(n *Node, path []string) {
	seen := map[string]int{}
	for r.d.More() {
		key, _ := r.d.Token()
		name, _ := key.(string)
		line := r.here()
		at := append(path[:len(path):len(path)], name)
		if first, twice := seen[name]; twice {
			r.refuse(at, line, fmt.Sprintf("duplicate key %s (first on line %d)", quote(name), first), "keep one of them")
		} else {
			seen[name] = line
		}
		n.Members = append(n.Members, Member{Name: name, Line: line, Value: r.value(at)})
	}
}

// skip leaves the array or object whose opening delimiter was just read.
func (r *reader) skip() {
	for depth := 1; depth > 0; {
		token, err := r.d.Token()
		if err != nil {
			return
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
	r.here()
}

// numberRefused says why a JSON number is not handled, "" where it is.
func numberRefused(text string) (what, remedy string) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	digits := len(mantissa) - strings.Count(mantissa, "-") - strings.Count(mantissa, ".")
	if digits > MaxDigits {
		return fmt.Sprintf("number of %d digits (at most %d)", digits, MaxDigits), "use a smaller number, or a string"
	}
	if exponent == "" {
		return "", ""
	}
	if e, err := strconv.Atoi(exponent); err != nil || e > MaxExponent || e < -MaxExponent {
		return fmt.Sprintf("number %s has an exponent beyond ±%d", shorten(text), MaxExponent), "use a smaller number, or a string"
	}
	return "", ""
}
