package sample

import (
	"errors"
	"fmt"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// Kind is what a sample is for.
type Kind string

// The kinds.
const (
	Valid    Kind = "valid"     // the schema accepts it
	Boundary Kind = "boundary"  // accepted, at a bound of the schema or one inside it
	NearMiss Kind = "near-miss" // refused, and by one keyword alone
)

// Kinds are all kinds.
func Kinds() []Kind { return []Kind{Valid, Boundary, NearMiss} }

// Options say which samples are wanted. The zero Options are sound.
type Options struct {
	// Seed chooses other samples. The same seed has the same samples everywhere.
	Seed uint64
	// N is how many samples at most. 0: 10 of kind valid, and of the others all.
	N int
	// Closed leaves out properties that the schema does not declare, as a
	// contract does by undeclared: absent. Of a contract, it is set by that.
	Closed bool
	// Budget bounds the work on each question that goes to the algebra of sets.
	Budget valueset.Budget
	_      struct{}
}

// Sample is one value, or one event, for a test.
type Sample struct {
	Kind  Kind
	Value any            // as [schema.Node.Value] gives it: the schema accepts or refuses this
	Event contract.Event // of [Events]: the event with it

	// Of a boundary and a near miss: which keyword it is about, and where that
	// is written. A near miss is refused by this keyword, and accepted without it.
	Keyword string
	File    string // as in [schema.Failure]
	Place   string // pointer to the keyword in File, for [schema.Schema.With]
	Line    int
	// Pointer is where in the value the keyword applies; of [Events], where in
	// the event.
	Pointer string
	What    string // "one below minimum 0"
	_       struct{}
}

// At is where the keyword is written: file:line.
func (s Sample) At() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }

// Without is a keyword that no boundary or near miss was found for.
type Without struct {
	Kind    Kind
	Keyword string
	File    string
	Place   string
	Line    int
	What    string // that was looked for
	// Proven: there is none. Of a near miss: the keyword refuses nothing that
	// the others do not refuse. Otherwise Why says what the search ended on.
	Proven bool
	Why    string
}

// String is "file:line: keyword: why".
func (w Without) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", w.File, w.Line, w.What, w.Why)
}

// Samples are the samples of one kind, and what there is none for.
type Samples struct {
	List    []Sample
	Without []Without
}

// ErrEmpty is the error for a schema that accepts nothing.
var ErrEmpty = errors.New("the schema accepts no value")

// ErrUndecided is the error where no value was found, and none was proven absent.
var ErrUndecided = errors.New("no value was found, nor proven that there is none")

// Values are samples of a schema. Every one was shown to the validator. The
// error is [ErrEmpty], or [ErrUndecided] with the keyword that stopped the
// search, or says that the kind is unknown.
func Values(s *schema.Schema, kind Kind, o Options) (Samples, error) {
	return newMaker(s, nil, o).samples(kind)
}

func (m *maker) samples(kind Kind) (Samples, error) {
	switch kind {
	case Valid:
		n := m.options.N
		if n <= 0 {
			n = 10
		}
		list, err := m.valid(n)
		return Samples{List: list}, err
	case Boundary, NearMiss:
		if _, err := m.valid(1); err != nil {
			return Samples{}, err
		}
		if kind == Boundary {
			return m.boundary(), nil
		}
		return m.nearMiss(), nil
	}
	known := make([]string, len(Kinds()))
	for i, k := range Kinds() {
		known[i] = string(k)
	}
	return Samples{}, fmt.Errorf("kind %q is not known%s", kind, remedy(string(kind), known))
}

func remedy(got string, known []string) string {
	if near := schema.Nearest(got, known); near != "" {
		return ": write " + near
	}
	if len(known) == 0 {
		return ": there is none"
	}
	return fmt.Sprintf(": write one of %s", joined(known))
}

func joined(names []string) string {
	text := ""
	for i, n := range names {
		if i > 0 {
			text += ", "
		}
		text += n
	}
	return text
}

// maker makes the samples of one schema.
type maker struct {
	schema  *schema.Schema
	frame   *schema.Schema // what else must hold; nil: nothing
	falls   *schema.Schema // the part of the frame without which an event is another contract's
	wishes  string         // the frame in words
	event   bool           // the schema is of the whole event
	options Options

	copy    *jsonschema.Schema
	dynamic bool // the copy is not the schema: questions about it go to a recompiled one
	roots   []*jsonschema.Schema
	nodes   []*node
	flat    map[*jsonschema.Schema]int
	shown   map[*jsonschema.Schema][]any // the examples that are written
	names   map[*jsonschema.Schema][]string
	spelt   map[string][]string
	// extra decides on a value that the schema accepts or refuses as wanted:
	// the contract's say.
	extra func(kind Kind, at string, v any) bool
}

func newMaker(s, frame *schema.Schema, o Options) *maker {
	m := &maker{schema: s, frame: frame, options: o, shown: map[*jsonschema.Schema][]any{}, names: map[*jsonschema.Schema][]string{}, spelt: map[string][]string{}}
	c := &copier{made: map[*jsonschema.Schema]*jsonschema.Schema{}}
	m.copy = c.of(s.Compiled)
	m.dynamic = c.dynamic
	m.roots = []*jsonschema.Schema{m.copy}
	m.nodes = reach(m.copy)
	all := slices.Clone(m.nodes)
	if frame != nil {
		around := c.of(frame.Compiled)
		m.roots = append(m.roots, around)
		for _, n := range reach(around) {
			all = append(all, n)
			m.shown[n.schema] = nil // nobody wrote examples there
		}
	}
	m.flat = heights(all)
	return m
}

// accepted: the schema, and what else must hold, accepts the value.
func (m *maker) accepted(v any) bool {
	if accepts(m.schema.Compiled, v) != nil || m.frame != nil && accepts(m.frame.Compiled, v) != nil {
		return false
	}
	return m.declared(v, "")
}

// declared: no property is undeclared, but under except.
func (m *maker) declared(v any, except string) bool {
	if !m.options.Closed {
		return true
	}
	for _, f := range m.schema.Undeclared(v) {
		if f.Pointer != except && (!m.event || f.Pointer == "/data" || len(f.Pointer) > 6 && f.Pointer[:6] == "/data/") {
			return false
		}
	}
	return true
}

// accepts asks the validator; a panic of it is no acceptance.
func accepts(s *jsonschema.Schema, v any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the validator failed (%v)", p)
		}
	}()
	return s.Validate(v)
}

// written are the schemas that are in a file, as a draft's own meta-schema is not.
func (m *maker) written() []*node {
	return slices.DeleteFunc(slices.Clone(m.nodes), func(n *node) bool {
		file, _, _, _ := m.schema.Source(n.schema.Location)
		return file == ""
	})
}
