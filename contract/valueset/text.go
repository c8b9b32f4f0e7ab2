package valueset

import (
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

var formats = jsonschema.Formats

// textual is a superset of the strings in an expression; the very set where no
// keyword is opaque.
type textual struct {
	set    stringset.Set
	opaque string
}

func (p *pool) textsOf(e *expr) *textual {
	if e.texts == nil {
		e.texts = p.textual(e, nil)
	}
	return e.texts
}

// textual reads an expression over strings. assume says which opaque atoms are
// taken to hold (true) or not (false); others may be either.
func (p *pool) textual(e *expr, assume map[string]bool) *textual {
	p.budget.step(1)
	switch e.kind {
	case kTrue:
		return &textual{set: stringset.All()}
	case kFalse:
		return &textual{set: stringset.None()}
	case kText:
		return &textual{set: e.text}
	case kOneOf, kNoneOf:
		var words []string
		for _, v := range e.values.list {
			if s, ok := v.(string); ok {
				words = append(words, s)
			}
		}
		set := stringset.Of(words...)
		if e.kind == kNoneOf {
			set = stringset.Not(set)
		}
		return &textual{set: set}
	case kAnd, kOr:
		t := &textual{}
		sets := make([]stringset.Set, len(e.subs))
		for i, s := range e.subs {
			one := p.textual(s, assume)
			sets[i] = one.set
			if t.opaque == "" {
				t.opaque = one.opaque
			}
		}
		t.set = stringset.And(sets...)
		if e.kind == kOr {
			t.set = stringset.Or(sets...)
		}
		return t
	}
	key, negative := opaqueKey(e)
	keyword := e.name
	if strings.HasPrefix(keyword, contentPrefix) {
		keyword = "contentEncoding"
	} else if e.kind == kFormat || e.kind == kNotFormat {
		keyword = "format"
	}
	if holds, known := assume[key]; known && holds == negative {
		return &textual{set: stringset.None(), opaque: keyword}
	}
	return &textual{set: stringset.All(), opaque: keyword}
}

func opaqueKey(e *expr) (key string, negative bool) {
	switch e.kind {
	case kNotFormat, kNotOpaque:
		negative = true
	}
	if e.kind == kFormat || e.kind == kNotFormat {
		return "format " + e.name, negative
	}
	return e.name + strconv.Itoa(e.index), negative
}

func (p *pool) opaqueKeys(e *expr, into map[string]bool) {
	switch e.kind {
	case kAnd, kOr:
		for _, s := range e.subs {
			p.opaqueKeys(s, into)
		}
	case kFormat, kNotFormat, kOpaque, kNotOpaque:
		key, _ := opaqueKey(e)
		into[key] = true
	}
}

// unchecked says whether there is a format that the validator does not know.
func (p *pool) unchecked(e *expr) bool {
	switch e.kind {
	case kAnd, kOr:
		for _, s := range e.subs {
			if p.unchecked(s) {
				return true
			}
		}
	case kFormat, kNotFormat:
		return !p.formatKnown(e.name)
	}
	return false
}

// texts finds a string.
func (g *engine) texts(e *expr) result {
	t := g.textsOf(e)
	if t.opaque == "" {
		return g.word(t.set)
	}
	unchecked := g.unchecked(e)
	for _, candidates := range samples {
		if unchecked {
			break
		}
		for _, s := range candidates {
			if g.contains(e, s) {
				return foundValue(s)
			}
		}
	}
	keys := map[string]bool{}
	g.opaqueKeys(e, keys)
	var names []string
	for k := range sorted(keys) {
		names = append(names, k)
	}
	if len(names) > 8 {
		return undecided(t.opaque, "too many opaque formats meet")
	}
	for bits := range 1 << len(names) {
		assume := map[string]bool{}
		for i, k := range names {
			assume[k] = bits>>i&1 == 1
		}
		words, err := g.pool.textual(e, assume).set.Examples(&g.budget.strings, 30)
		if err != nil {
			return undecided(t.opaque, err.Error())
		}
		if unchecked && len(words) > 0 {
			return undecided("format", "nothing checks it")
		}
		for _, w := range words {
			if g.contains(e, w) {
				return foundValue(w)
			}
		}
		if len(words) > 0 && len(words) < 30 {
			continue // those were all
		}
		if len(words) > 0 {
			return undecided(t.opaque, "its language is not known")
		}
	}
	return isEmpty()
}

func (g *engine) word(s stringset.Set) result {
	if g.random != nil {
		words, err := s.Examples(&g.budget.strings, 1+g.random.IntN(12))
		if err == nil && len(words) > 0 {
			return foundValue(words[len(words)-1])
		}
	}
	w, ok, err := s.Example(&g.budget.strings)
	if err != nil {
		return undecided("pattern", err.Error())
	}
	if !ok {
		return isEmpty()
	}
	return foundValue(w)
}

// samples are strings that satisfy the formats, and some that nearly do.
var samples = [][]string{
	{"", "x"},
	{"2024-01-31T12:30:00Z", "2024-01-31", "12:30:00Z", "P1D", "2024-01-01T00:00:00Z/P1D"},
	{"example.com", "user@example.com", "192.0.2.1", "2001:db8::1"},
	{"https://example.com/a", "/a", "#a", "urn:a:b", "{a}", "a b", "https://example.com/{a}"},
	{"{}", "e30=", "="}, // base64 of {}, and of nothing
	{"^a$", "(", "[", "/a/0", "1/a", "~", "00000000-0000-4000-8000-000000000000"},
}
