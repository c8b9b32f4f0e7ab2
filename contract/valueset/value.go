package valueset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// values is a finite set of JSON values.
type values struct {
	list  []any
	known map[string]bool
	key   string
}

func newValues(list ...any) *values {
	vs := &values{known: make(map[string]bool, len(list))}
	h := sha256.New()
	for _, v := range list {
		k := keyOf(v)
		if !vs.known[k] {
			vs.known[k] = true
			vs.list = append(vs.list, v)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(vs.known)) {
		fmt.Fprintf(h, "%d:%s", len(k), k)
	}
	vs.key = hex.EncodeToString(h.Sum(nil)[:16])
	return vs
}

func (vs *values) contains(v any) bool { return vs.known[keyOf(v)] }

func (vs *values) of(t types) *values {
	var kept []any
	for _, v := range vs.list {
		if typeOf(v) == t {
			kept = append(kept, v)
		}
	}
	if len(kept) == len(vs.list) {
		return vs
	}
	return newValues(kept...)
}

// keyOf is the same text for equal values and for no others. 1 and 1.0 are equal.
func keyOf(v any) string {
	var b strings.Builder
	writeKey(&b, v)
	return b.String()
}

func writeKey(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case string:
		b.WriteString(strconv.Quote(v))
	case []any:
		b.WriteByte('[')
		for _, item := range v {
			writeKey(b, item)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	case map[string]any:
		b.WriteByte('{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(strconv.Quote(name))
			b.WriteByte(':')
			writeKey(b, v[name])
			b.WriteByte(',')
		}
		b.WriteByte('}')
	default:
		b.WriteString(ratOf(v).RatString())
	}
}

// ratOf is a JSON number as an exact rational.
func ratOf(v any) *big.Rat {
	r, ok := new(big.Rat).SetString(fmt.Sprint(v))
	if !ok {
		return new(big.Rat)
	}
	return r
}

// numberOf writes a rational whose denominator has no prime factors but 2 and
// 5; ok is false for others, which JSON cannot write.
func numberOf(r *big.Rat) (json.Number, bool) {
	if r.IsInt() {
		return json.Number(r.Num().String()), true
	}
	places, exact := r.FloatPrec()
	if !exact {
		return "", false
	}
	return json.Number(r.FloatString(places)), true
}
