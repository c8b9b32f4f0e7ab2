package valueset

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

// types is a set of JSON types.
type types uint8

const (
	tNumber types = 1 << iota
	tString
	tBoolean
	tNull
	tArray
	tObject
	tAll = tNumber | tString | tBoolean | tNull | tArray | tObject
)

// inOrder is the order in which types are tried for an example: cheap first.
var inOrder = []types{tNumber, tString, tBoolean, tNull, tArray, tObject}

func typeOf(v any) types {
	switch v.(type) {
	case nil:
		return tNull
	case bool:
		return tBoolean
	case string:
		return tString
	case []any:
		return tArray
	case map[string]any:
		return tObject
	}
	return tNumber
}

type kind uint8

// An atom concerns one type and is true of all values of the others. The
// comment gives its dual: what its negation says of its own type.
const (
	kTrue     kind = iota
	kFalse         // kTrue
	kAnd           // kOr
	kOr            // kAnd
	kVariable      // a subschema, not expanded yet
	kTypes         // kTypes
	kOneOf         // any type: one of the values; kNoneOf
	kNoneOf        // kOneOf
	kLower         // number >= (or >, strict) number; kUpper
	kUpper         //
	kMultiple      // kNotMultiple
	kNotMultiple
	kText          // string in a set; kText
	kFormat        // an opaque string predicate; kNotFormat
	kNotFormat     //
	kItem          // item at index, if there, is in sub; kHasItem
	kHasItem       // there is an item at index, in sub
	kAtLeast       // of the items from index on, at least count are in sub; kAtMost
	kAtMost        //
	kMinItems      // kMaxItems
	kMaxItems      //
	kUnique        // kNotUnique
	kNotUnique     //
	kMember        // the member named name, if there, is in sub; kHasMember
	kHasMember     // there is a member named name, in sub
	kMembers       // each member whose name is in text is in sub; kHasMembers
	kHasMembers    // some member whose name is in text is in sub
	kMinProperties // kMaxProperties
	kMaxProperties //
	kOpaque        // what cannot be reasoned about, any type; kNotOpaque
	kNotOpaque     //
)

var duals = map[kind]kind{kLower: kUpper, kUpper: kLower, kMultiple: kNotMultiple, kNotMultiple: kMultiple, kFormat: kNotFormat, kNotFormat: kFormat,
	kItem: kHasItem, kHasItem: kItem, kAtLeast: kAtMost, kAtMost: kAtLeast, kMinItems: kMaxItems, kMaxItems: kMinItems, kUnique: kNotUnique, kNotUnique: kUnique,
	kMember: kHasMember, kHasMember: kMember, kMembers: kHasMembers, kHasMembers: kMembers, kMinProperties: kMaxProperties, kMaxProperties: kMinProperties}

var concerns = map[kind]types{kLower: tNumber, kUpper: tNumber, kMultiple: tNumber, kNotMultiple: tNumber, kText: tString, kFormat: tString, kNotFormat: tString,
	kItem: tArray, kHasItem: tArray, kAtLeast: tArray, kAtMost: tArray, kMinItems: tArray, kMaxItems: tArray, kUnique: tArray, kNotUnique: tArray,
	kMember: tObject, kHasMember: tObject, kMembers: tObject, kHasMembers: tObject, kMinProperties: tObject, kMaxProperties: tObject}

// expr is a set of values as an expression. Equal expressions are one pointer.
type expr struct {
	id   int
	kind kind
	subs []*expr // kAnd, kOr; the one sub of an atom

	types    types
	number   *big.Rat
	strict   bool
	text     stringset.Set
	name     string // of a member, a format, a keyword
	index    int
	count    int
	values   *values
	variable *variable
	opaque   func(any) bool

	negation *expr
	of       [6]*expr // by type; filled in by pool.of
	texts    *textual
}

// pool owns the expressions of one question.
type pool struct {
	budget    *budget
	byKey     map[string]*expr
	all       []*expr
	variables map[variableKey]*variable
	scopes    map[string]*scope
	yes, no   *expr
	reading
}

func newPool(b *budget) *pool {
	p := &pool{budget: b, byKey: map[string]*expr{}, variables: map[variableKey]*variable{}, scopes: map[string]*scope{}}
	p.yes, p.no = p.intern("T", expr{kind: kTrue}), p.intern("F", expr{kind: kFalse})
	p.yes.negation, p.no.negation = p.no, p.yes
	return p
}

func (p *pool) intern(key string, e expr) *expr {
	if known := p.byKey[key]; known != nil {
		return known
	}
	p.budget.hold(200 + 2*len(key))
	made := &e
	made.id = len(p.all)
	p.all = append(p.all, made)
	p.byKey[key] = made
	return made
}

// join makes kAnd or kOr of expressions: flat, sorted, without repetition.
func (p *pool) join(k kind, subs []*expr) *expr {
	neutral, absorbing := p.yes, p.no
	if k == kOr {
		neutral, absorbing = p.no, p.yes
	}
	var flat []*expr
	var add func(es []*expr) bool
	add = func(es []*expr) bool {
		for _, e := range es {
			switch {
			case e == absorbing:
				return false
			case e == neutral:
			case e.kind == k:
				if !add(e.subs) {
					return false
				}
			default:
				flat = append(flat, e)
			}
		}
		return true
	}
	if !add(subs) {
		return absorbing
	}
	p.budget.step(len(flat) / 8)
	slices.SortFunc(flat, func(a, b *expr) int { return a.id - b.id })
	flat = slices.Compact(flat)
	if len(flat) == 0 {
		return neutral
	}
	if len(flat) == 1 {
		return flat[0]
	}
	for _, e := range flat {
		if e.negation != nil {
			if _, both := slices.BinarySearchFunc(flat, e.negation, func(a, b *expr) int { return a.id - b.id }); both {
				return absorbing
			}
		}
	}
	var key strings.Builder
	key.WriteByte("&|"[k-kAnd])
	writeIDs(&key, flat)
	return p.intern(key.String(), expr{kind: k, subs: flat})
}

func writeIDs(b *strings.Builder, es []*expr) {
	for _, e := range es {
		b.WriteString(strconv.Itoa(e.id))
		b.WriteByte(',')
	}
}

func (p *pool) and(subs ...*expr) *expr { return p.join(kAnd, subs) }
func (p *pool) or(subs ...*expr) *expr  { return p.join(kOr, subs) }

func (p *pool) ofTypes(t types) *expr {
	switch t {
	case tAll:
		return p.yes
	case 0:
		return p.no
	}
	return p.intern("t"+strconv.Itoa(int(t)), expr{kind: kTypes, types: t})
}

// atom interns an atom that is fully described by its fields.
func (p *pool) atom(e expr) *expr {
	var key strings.Builder
	key.WriteByte('a')
	key.WriteString(strconv.Itoa(int(e.kind)))
	key.WriteByte(':')
	switch e.kind {
	case kLower, kUpper, kMultiple, kNotMultiple:
		fmt.Fprint(&key, e.number.RatString(), e.strict)
	case kText, kMembers, kHasMembers:
		if e.kind == kText && e.text.Key() == stringset.All().Key() {
			return p.yes
		}
		key.WriteString(e.text.Key())
	case kFormat, kNotFormat, kMember, kHasMember:
		key.WriteString(strconv.Quote(e.name))
	default:
		fmt.Fprint(&key, e.index, "/", e.count)
	}
	for _, s := range e.subs {
		key.WriteByte('.')
		key.WriteString(strconv.Itoa(s.id))
	}
	switch e.kind {
	case kMember, kMembers:
		if e.subs[0] == p.yes {
			return p.yes
		}
	case kItem:
		if e.subs[0] == p.yes {
			return p.yes
		}
	case kHasMember, kHasMembers, kHasItem:
		if e.subs[0] == p.no {
			return p.not(p.ofTypes(concerns[e.kind]))
		}
	case kAtLeast:
		if e.count <= 0 {
			return p.yes
		}
	case kAtMost:
		if e.count < 0 {
			return p.not(p.ofTypes(tArray))
		}
		if e.subs[0] == p.no {
			return p.yes
		}
	case kMinItems, kMinProperties:
		if e.count <= 0 {
			return p.yes
		}
	case kMaxItems, kMaxProperties:
		if e.count < 0 {
			return p.not(p.ofTypes(concerns[e.kind]))
		}
	}
	return p.intern(key.String(), e)
}

// not is the complement.
func (p *pool) not(e *expr) *expr {
	if e.negation != nil {
		return e.negation
	}
	n := p.negate(e)
	e.negation = n
	if n.negation == nil {
		n.negation = e
	}
	return n
}

func (p *pool) negate(e *expr) *expr {
	p.budget.step(1)
	switch e.kind {
	case kAnd, kOr:
		subs := make([]*expr, len(e.subs))
		for i, s := range e.subs {
			subs[i] = p.not(s)
		}
		return p.join(kAnd+kOr-e.kind, subs)
	case kVariable:
		return p.reference(e.variable, !e.variable.negated)
	case kTypes:
		return p.ofTypes(tAll &^ e.types)
	case kOneOf:
		return p.intern(fmt.Sprint("-", e.values.key), expr{kind: kNoneOf, values: e.values})
	case kNoneOf:
		return p.oneOf(e.values)
	case kOpaque, kNotOpaque:
		k := kOpaque + kNotOpaque - e.kind
		return p.intern(fmt.Sprint("o", k, e.name, e.index), expr{kind: k, name: e.name, index: e.index, opaque: e.opaque})
	}
	d := expr{kind: duals[e.kind], number: e.number, strict: !e.strict, text: e.text, name: e.name, index: e.index, count: e.count, subs: e.subs}
	switch e.kind {
	case kText:
		d.kind, d.text = kText, stringset.Not(e.text)
	case kItem, kHasItem, kMember, kHasMember, kMembers, kHasMembers:
		d.subs = []*expr{p.not(e.subs[0])}
	case kAtLeast, kMinItems, kMinProperties:
		d.count--
	case kAtMost, kMaxItems, kMaxProperties:
		d.count++
	}
	return p.and(p.ofTypes(concerns[e.kind]), p.atom(d))
}

func (p *pool) oneOf(vs *values) *expr {
	if len(vs.list) == 0 {
		return p.no
	}
	return p.intern(fmt.Sprint("+", vs.key), expr{kind: kOneOf, values: vs})
}

func (p *pool) noneOf(vs *values) *expr { return p.not(p.oneOf(vs)) }

// Short forms of the atoms.

func (p *pool) lower(n *big.Rat, strict bool) *expr {
	return p.atom(expr{kind: kLower, number: n, strict: strict})
}
func (p *pool) upper(n *big.Rat, strict bool) *expr {
	return p.atom(expr{kind: kUpper, number: n, strict: strict})
}
func (p *pool) textIn(s stringset.Set) *expr { return p.atom(expr{kind: kText, text: s}) }
func (p *pool) member(name string, in *expr) *expr {
	return p.atom(expr{kind: kMember, name: name, subs: []*expr{in}})
}
func (p *pool) hasMember(name string, in *expr) *expr {
	return p.atom(expr{kind: kHasMember, name: name, subs: []*expr{in}})
}
func (p *pool) members(names stringset.Set, in *expr) *expr {
	return p.atom(expr{kind: kMembers, text: names, subs: []*expr{in}})
}
func (p *pool) hasMembers(names stringset.Set, in *expr) *expr {
	return p.atom(expr{kind: kHasMembers, text: names, subs: []*expr{in}})
}
func (p *pool) item(i int, in *expr) *expr {
	return p.atom(expr{kind: kItem, index: i, subs: []*expr{in}})
}
func (p *pool) hasItem(i int, in *expr) *expr {
	return p.atom(expr{kind: kHasItem, index: i, subs: []*expr{in}})
}
func (p *pool) atLeast(from int, in *expr, n int) *expr {
	return p.atom(expr{kind: kAtLeast, index: from, count: n, subs: []*expr{in}})
}
func (p *pool) atMost(from int, in *expr, n int) *expr {
	return p.atom(expr{kind: kAtMost, index: from, count: n, subs: []*expr{in}})
}

// itemsFrom: each item from an index on is in the set.
func (p *pool) itemsFrom(from int, in *expr) *expr {
	if in == p.yes {
		return p.yes
	}
	return p.atMost(from, p.not(in), 0)
}
func (p *pool) counted(k kind, n int) *expr { return p.atom(expr{kind: k, count: n}) }
