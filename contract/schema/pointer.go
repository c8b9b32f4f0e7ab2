package schema

import (
	"fmt"
	"strings"
)

var (
	escaper   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

// Pointer writes tokens as a JSON Pointer (RFC 6901). No token is the empty
// pointer, which means the whole document.
func Pointer(tokens ...string) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(escaper.Replace(t))
	}
	return b.String()
}

// Tokens reads a JSON Pointer (RFC 6901). The error says what to write instead.
func Tokens(pointer string) ([]string, error) {
	if pointer == "" {
		return nil, nil
	}
	if pointer[0] != '/' {
		return nil, fmt.Errorf("%q is not a JSON Pointer: it must begin with /, as /%s", pointer,
			strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(pointer, "$"), "."), ".", "/"))
	}
	for i := range len(pointer) {
		if pointer[i] == '~' && (i+1 == len(pointer) || pointer[i+1] != '0' && pointer[i+1] != '1') {
			return nil, fmt.Errorf("%q is not a JSON Pointer: ~ must be written ~0 (and / in a name ~1)", pointer)
		}
	}
	tokens := strings.Split(pointer[1:], "/")
	for i, t := range tokens {
		tokens[i] = unescaper.Replace(t)
	}
	return tokens, nil
}

// Resolve finds the value at a pointer in a decoded JSON value. Array indexes
// are decimal without leading zeros; "-" finds nothing.
func Resolve(v any, pointer string) (any, bool) {
	tokens, err := Tokens(pointer)
	if err != nil {
		return nil, false
	}
	for _, t := range tokens {
		switch in := v.(type) {
		case map[string]any:
			next, ok := in[t]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, ok := index(t, len(in))
			if !ok {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func index(token string, length int) (int, bool) {
	if token == "" || len(token) > 9 || token != "0" && token[0] == '0' {
		return 0, false
	}
	n := 0
	for _, c := range token {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n < length
}
