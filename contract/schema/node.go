package schema

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Kind is the JSON type of a [Node].
type Kind int

// The JSON types.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String is the JSON type's name.
func (k Kind) String() string {
	return [...]string{"null", "boolean", "number", "string", "array", "object"}[k]
}

// Node is a JSON value as it was written: with its line, its members in their
// order and its numbers as text.
type Node struct {
	Kind    Kind
	Text    string // of a string: its value; of a number, boolean or null: as written
	Line    int    // 1-based
	Members []Member
	Items   []*Node

	start, end int // in the JSON text that it was read from
}

// Member is a property of an object.
type Member struct {
	Name  string
	Line  int // of the name
	Value *Node
}

// Get is the value of a member, nil where there is none, or n is no object.
func (n *Node) Get(name string) *Node {
	if n == nil {
		return nil
	}
	for i := range n.Members {
		if n.Members[i].Name == name {
			return n.Members[i].Value
		}
	}
	return nil
}

// At is the node at a JSON Pointer, nil where there is none.
func (n *Node) At(pointer string) *Node {
	node, line := n.find(pointer)
	if line == 0 {
		return nil
	}
	return node
}

// LineOf is the line at which what the pointer names is written: of a member
// the line of its name. Where there is no such thing, it is that of the
// nearest enclosing value.
func (n *Node) LineOf(pointer string) int {
	at := n
	line := n.Line
	tokens, err := Tokens(pointer)
	if err != nil {
		return line
	}
	for _, t := range tokens {
		next, l := at.child(t)
		if next == nil {
			return line
		}
		at, line = next, l
	}
	return line
}

func (n *Node) find(pointer string) (*Node, int) {
	tokens, err := Tokens(pointer)
	if err != nil || n == nil {
		return nil, 0
	}
	line := n.Line
	for _, t := range tokens {
		n, line = n.child(t)
		if n == nil {
			return nil, 0
		}
	}
	return n, line
}

func (n *Node) child(token string) (*Node, int) {
	switch n.Kind {
	case Object:
		for i := range n.Members {
			if n.Members[i].Name == token {
				return n.Members[i].Value, n.Members[i].Line
			}
		}
	case Array:
		if i, ok := index(token, len(n.Items)); ok {
			return n.Items[i], n.Items[i].Line
		}
	}
	return nil, 0
}

// Value is what encoding/json decodes with UseNumber: nil, bool, json.Number,
// string, []any or map[string]any.
func (n *Node) Value() any {
	switch n.Kind {
	case Bool:
		return n.Text == "true"
	case Number:
		return json.Number(n.Text)
	case String:
		return n.Text
	case Array:
		a := make([]any, len(n.Items))
		for i, item := range n.Items {
			a[i] = item.Value()
		}
		return a
	case Object:
		m := make(map[string]any, len(n.Members))
		for _, member := range n.Members {
			m[member.Name] = member.Value.Value()
		}
		return m
	}
	return nil
}

// JSON is the value as compact JSON, in the order written.
func (n *Node) JSON() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n *Node) write(b *strings.Builder) {
	switch n.Kind {
	case String:
		b.WriteString(quote(n.Text))
	case Array:
		b.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.write(b)
		}
		b.WriteByte(']')
	case Object:
		b.WriteByte('{')
		for i, m := range n.Members {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quote(m.Name))
			b.WriteByte(':')
			m.Value.write(b)
		}
		b.WriteByte('}')
	default:
		b.WriteString(n.Text)
	}
}

// Describe is a value as a short text for a failure message, its JSON type first.
func Describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean " + strconv.FormatBool(v)
	case json.Number:
		return "number " + shorten(v.String())
	case string:
		return "string " + shorten(quote(v))
	case []any:
		return count(len(v), "array of %d item")
	case map[string]any:
		return count(len(v), "object of %d member")
	}
	return "not a JSON value"
}

func count(n int, format string) string {
	s := strings.Replace(format, "%d", strconv.Itoa(n), 1)
	if n != 1 {
		s += "s"
	}
	return s
}

// shortest is the length in characters at which a value is cut in a message.
const shortest = 80

func shorten(s string) string {
	r := []rune(s)
	if len(r) <= shortest {
		return s
	}
	return string(r[:shortest-1]) + "…"
}

// quote writes a JSON string, without escaping <, > and &.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string is always encoded
	return strings.TrimSuffix(b.String(), "\n")
}
