package gotype

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"

	"github.com/eventproof/eventproof/contract/schema"
)

// difference is a part in which what is written differs from what was read.
type difference struct {
	pointer         string
	what, want, got string
}

// differ are the differences, the smallest parts, sorted.
func differ(read, written any, pointer string) []difference {
	switch a := read.(type) {
	case map[string]any:
		if b, ok := written.(map[string]any); ok {
			return differMembers(a, b, pointer)
		}
	case []any:
		if b, ok := written.([]any); ok && len(a) == len(b) {
			var all []difference
			for i := range a {
				all = append(all, differ(a[i], b[i], pointer+schema.Pointer(strconv.Itoa(i)))...)
			}
			return all
		}
	case json.Number:
		if b, ok := written.(json.Number); ok && sameNumber(a, b) {
			return nil
		}
	default:
		if read == written {
			return nil
		}
	}
	return []difference{{pointer, "changes", schema.Describe(read), schema.Describe(written)}}
}

func differMembers(a, b map[string]any, pointer string) (all []difference) {
	names := slices.Collect(maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		read, wasRead := a[name]
		written, isWritten := b[name]
		at := pointer + schema.Pointer(name)
		switch {
		case !isWritten:
			all = append(all, difference{at, "loses", schema.Describe(read), "absent"})
		case !wasRead:
			all = append(all, difference{at, "adds", "absent", schema.Describe(written)})
		default:
			all = append(all, differ(read, written, at)...)
		}
	}
	return all
}

// sameNumber compares exactly. Neither is so large that it cannot be: both come
// from schema.ReadJSON, or out of a set.
func sameNumber(a, b json.Number) bool {
	x, okX := new(big.Rat).SetString(a.String())
	y, okY := new(big.Rat).SetString(b.String())
	return okX && okY && x.Cmp(y) == 0
}

// pruned is a value without what a pointer names: without the nearest member around
// it. ok is false where that is the whole value.
func pruned(v any, pointer string) (rest any, ok bool) {
	tokens, err := schema.Tokens(pointer)
	if err != nil {
		return v, false
	}
	for n := len(tokens); n > 0; n-- {
		outer, _ := schema.Resolve(v, schema.Pointer(tokens[:n-1]...))
		if m, isObject := outer.(map[string]any); isObject {
			m = maps.Clone(m)
			delete(m, tokens[n-1])
			return replaced(v, tokens[:n-1], m), true
		}
	}
	return v, false
}

// replaced is a copy of a value, as far as it must differ, with another at a place.
func replaced(v any, tokens []string, with any) any {
	if len(tokens) == 0 {
		return with
	}
	switch in := v.(type) {
	case map[string]any:
		in = maps.Clone(in)
		in[tokens[0]] = replaced(in[tokens[0]], tokens[1:], with)
		return in
	case []any:
		in = slices.Clone(in)
		if i, err := strconv.Atoi(tokens[0]); err == nil && i < len(in) {
			in[i] = replaced(in[i], tokens[1:], with)
		}
		return in
	}
	return v
}
