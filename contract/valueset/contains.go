package valueset

import (
	"math/big"
	"reflect"
	"unicode/utf8"
	"unsafe"
)

// seen is a subschema met at an object or array, which is known by its address.
type seen struct {
	e  *expr
	at unsafe.Pointer
}

// contains evaluates an expression on a value, as the validator would.
func (p *pool) contains(e *expr, v any) bool {
	return (&evaluation{p, map[seen]bool{}}).contains(e, v)
}

// evaluation remembers what is known of each part of one value: the branches
// of a oneOf are asked for more than once.
type evaluation struct {
	*pool
	known map[seen]bool
}

func (p *evaluation) remembered(e *expr, v any) bool {
	key := seen{e: e}
	switch v := v.(type) {
	case map[string]any:
		key.at = reflect.ValueOf(v).UnsafePointer()
	case []any:
		key.at = unsafe.Pointer(unsafe.SliceData(v))
	}
	if key.at == nil {
		return p.contains(p.expand(e.variable), v)
	}
	in, known := p.known[key]
	if !known {
		in = p.contains(p.expand(e.variable), v)
		p.known[key] = in
	}
	return in
}

func (p *evaluation) contains(e *expr, v any) bool {
	p.budget.step(1)
	switch e.kind {
	case kTrue:
		return true
	case kFalse:
		return false
	case kAnd:
		for _, s := range e.subs {
			if !p.contains(s, v) {
				return false
			}
		}
		return true
	case kOr:
		for _, s := range e.subs {
			if p.contains(s, v) {
				return true
			}
		}
		return false
	case kVariable:
		return p.remembered(e, v)
	case kTypes:
		return typeOf(v)&e.types != 0
	case kOneOf:
		return e.values.contains(v)
	case kNoneOf:
		return !e.values.contains(v)
	case kOpaque:
		return e.opaque(v)
	case kNotOpaque:
		return !e.opaque(v)
	}
	if typeOf(v) != concerns[e.kind] {
		return true
	}
	switch v := v.(type) {
	case string:
		switch e.kind {
		case kFormat, kNotFormat:
			return p.inFormat(e.name, v) == (e.kind == kFormat)
		}
		return utf8.ValidString(v) && e.text.Contains(v)
	case []any:
		return p.containsArray(e, v)
	case map[string]any:
		return p.containsObject(e, v)
	}
	r := ratOf(v)
	switch c := 0; e.kind {
	case kLower:
		c = r.Cmp(e.number)
		return c > 0 || c == 0 && !e.strict
	case kUpper:
		c = r.Cmp(e.number)
		return c < 0 || c == 0 && !e.strict
	case kMultiple:
		return new(big.Rat).Quo(r, e.number).IsInt()
	}
	return !new(big.Rat).Quo(r, e.number).IsInt() // kNotMultiple
}

func (p *evaluation) containsArray(e *expr, v []any) bool {
	switch e.kind {
	case kItem:
		return e.index >= len(v) || p.contains(e.subs[0], v[e.index])
	case kHasItem:
		return e.index < len(v) && p.contains(e.subs[0], v[e.index])
	case kMinItems:
		return len(v) >= e.count
	case kMaxItems:
		return len(v) <= e.count
	case kUnique, kNotUnique:
		seen := make(map[string]bool, len(v))
		for _, item := range v {
			seen[keyOf(item)] = true
		}
		return (len(seen) == len(v)) == (e.kind == kUnique)
	}
	n := 0
	for i := e.index; i < len(v); i++ {
		if p.contains(e.subs[0], v[i]) {
			n++
		}
		if n > e.count {
			break
		}
	}
	if e.kind == kAtMost {
		return n <= e.count
	}
	return n >= e.count
}

func (p *evaluation) containsObject(e *expr, v map[string]any) bool {
	switch e.kind {
	case kMember:
		value, there := v[e.name]
		return !there || p.contains(e.subs[0], value)
	case kHasMember:
		value, there := v[e.name]
		return there && p.contains(e.subs[0], value)
	case kMinProperties:
		return len(v) >= e.count
	case kMaxProperties:
		return len(v) <= e.count
	}
	for name, value := range sorted(v) {
		if e.text.Contains(name) && p.contains(e.subs[0], value) != (e.kind == kMembers) {
			return e.kind == kHasMembers
		}
	}
	return e.kind == kMembers
}
