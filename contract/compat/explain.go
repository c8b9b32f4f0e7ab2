package compat

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// mostChanges is how many changes of a direction are named, and in how many
// rounds they are looked for.
const mostChanges = 10

// Explanation is why a comparison has its verdicts.
type Explanation struct {
	// Changes are what breaks the directions that are incompatible, backward
	// first, and, where both are compatible, what else is sent.
	Changes []Change
	// More: there may be further changes. At most 10 are named for a direction,
	// and what hides behind a change that cannot be taken out is not found.
	More bool
	// Step is the suggested step of a semantic version; "" where none is known.
	Step Step
	_    struct{}
}

// Explain finds the changes that explain a result of [Compare]. It decides
// nothing: it takes out of the reader's schema what refuses the witness and
// compares again, until nothing refuses anything. A direction whose Verdict is
// not [Incompatible] has nothing to be explained; it may be left zero where it
// was not asked.
func Explain(old, new *schema.Schema, r Result, names Names) Explanation {
	names = names.filled(old.File, new.File)
	var e Explanation
	for _, d := range []struct {
		breaks         Direction
		writer, reader *schema.Schema
		answer         Answer
	}{{Backward, old, new, r.Backward}, {Forward, new, old, r.Forward}} {
		if d.answer.Verdict == Incompatible {
			x := explainer{names: names, policy: r.Policy, breaks: d.breaks, writer: d.writer, reader: d.reader}
			x.explain(d.answer.Witness)
			e.Changes, e.More = append(e.Changes, x.changes...), e.More || x.more
		}
	}
	differ := false
	if r.Backward.Verdict == Compatible && r.Forward.Verdict == Compatible && r.Policy.Undeclared == Absent {
		a := addition{names: names, policy: r.Policy}
		known := a.sent(old, new, true) && a.sent(new, old, false)
		e.Changes, e.More = a.changes, a.more
		if differ = len(a.changes) > 0; !differ && !known {
			e.More = true
			return e
		}
	}
	e.Step = step(r, differ)
	return e
}

// explainer explains one direction.
type explainer struct {
	names          Names
	policy         Policy
	breaks         Direction
	writer, reader *schema.Schema
	changes        []Change
	more           bool
}

func (x *explainer) explain(witness any) {
	lax := x.reader
	for range mostChanges {
		witness = x.named(copied(witness))
		reasons := refusals(lax, x.read(lax, witness))
		original := refusals(x.reader, x.read(x.reader, witness))
		taken := false
		for _, r := range reasons {
			if len(x.changes) == mostChanges {
				x.more = true
				return
			}
			f := x.finding(r, witness)
			if slices.ContainsFunc(original, func(o refusal) bool { return o.File == r.File && o.Place == r.Place && o.Pointer == r.Pointer }) {
				x.add(f)
			}
			if next, err := x.relaxed(lax, f); err == nil {
				lax, taken = next, true
			}
		}
		if len(x.changes) == 0 { // the tree of errors says nothing: never in what the validator is known to do
			for _, r := range original[:min(1, len(original))] {
				x.add(x.finding(r, witness))
			}
		}
		if !taken {
			x.more = true
			return
		}
		answer := Contained(x.writer, lax, x.policy)
		if answer.Verdict == Compatible {
			return
		}
		if answer.Verdict == Undecided || !x.confirmed(answer.Witness) {
			break
		}
		witness = answer.Witness
	}
	x.more = true
}

// read is a value as a schema is shown it: with its defaults, where they are
// filled in.
func (x *explainer) read(s *schema.Schema, v any) any {
	if !x.policy.DefaultsFill {
		return v
	}
	f := fillingOf(s)
	return f.fill(f.root, copied(v), 0)
}

// confirmed reports whether a value is a witness of the direction.
func (x *explainer) confirmed(v any) bool {
	var f *filling
	if x.policy.DefaultsFill {
		f = fillingOf(x.reader)
	}
	return confirmed(x.writer, x.reader, v, x.policy, f)
}

// relaxed is the reader without the reason of a finding. Of a property of which
// the writer says nothing, it is without all that it says of the property.
func (x *explainer) relaxed(lax *schema.Schema, f *finding) (*schema.Schema, error) {
	if f.said.undeclared != "" && !f.OfName && !f.refusesAll() && f.Keyword != "required" && !dependent(f.refusal) {
		p := speaks(lax, f.witness, f.said.undeclared)
		if at := p.first(p.here); p.declared && at.File != "" {
			return lax.With(at.File, at.Pointer, anything)
		}
	}
	if d := lax.Document(f.File); f.Keyword == "type" && f.same != nil && d != nil && d.At(f.Place) != nil {
		return lax.With(f.File, f.Place, withType(d.At(f.Place), f)) // the writer's other types are changes of their own
	}
	return relaxed(lax, f.refusal, f.said.declared)
}

// named gives members whose name is empty another one, where it does not matter.
func (x *explainer) named(witness any) any {
	var rename func(v any)
	rename = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if member, there := v[""]; there {
				delete(v, "")
				for _, name := range []string{"a", "b", "x", ""} {
					if _, taken := v[name]; taken {
						continue
					}
					if v[name] = member; name == "" || x.confirmed(witness) {
						break
					}
					delete(v, name)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(v)) {
				rename(v[name])
			}
		case []any:
			for _, item := range v {
				rename(item)
			}
		}
	}
	rename(witness)
	return witness
}

// finding gathers what is said of a refusal.
func (x *explainer) finding(r refusal, witness any) *finding {
	f := &finding{refusal: r, names: x.names, policy: x.policy, breaks: x.breaks, reader: x.reader, witness: witness}
	f.said = speaks(x.writer, witness, r.Pointer)
	if d := x.reader.Document(r.File); d != nil {
		f.written = d.At(r.Place)
	}
	keywords := []string{r.Keyword}
	if r.Keyword == "enum" || r.Keyword == "const" {
		keywords = []string{"enum", "const"}
	}
	if !r.OfName {
		f.same, f.writes = f.said.keyword(keywords...)
	}
	if f.same != nil && len(keywords) == 2 {
		f.removed = x.removed(r, f.same, strings.HasSuffix(f.writes.Pointer, "/const"), witness)
	}
	if f.writes.File == "" {
		f.writes = f.said.place()
	}
	return f
}

// removed are those values listed by the writer by which the witness is still a
// witness.
func (x *explainer) removed(r refusal, list *schema.Node, constant bool, witness any) (all []string) {
	values := list.Items
	if constant {
		values = []*schema.Node{list}
	}
	for _, v := range values[:min(len(values), 100)] {
		other := copied(witness)
		if !put(&other, r.Pointer, v.Value()) || !x.confirmed(other) {
			continue
		}
		if slices.ContainsFunc(refusals(x.reader, x.read(x.reader, other)), func(o refusal) bool { return o.File == r.File && o.Place == r.Place && o.Pointer == r.Pointer }) {
			all = append(all, short(v.JSON()))
		}
	}
	return all
}

// put sets the value at a pointer.
func put(root *any, pointer string, v any) bool {
	if pointer == "" {
		*root = v
		return true
	}
	around, name := cutName(pointer)
	in, ok := schema.Resolve(*root, around)
	if !ok {
		return false
	}
	switch in := in.(type) {
	case map[string]any:
		in[name] = v
		return true
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(in) {
			in[i] = v
			return true
		}
	}
	return false
}

func (x *explainer) add(f *finding) {
	rule := f.rule()
	c := Change{Rule: prefix + rule, Breaks: x.breaks, Pointer: f.Pointer, What: f.what(), Remedy: f.remedy(rule),
		Witness: copied(f.witness), Keyword: f.by(), Want: f.Want, Got: f.Got}
	reads := x.readerPlace(f)
	c.Old, c.New = f.writes, reads
	if x.breaks == Forward {
		c.Old, c.New = reads, f.writes
	}
	if !slices.ContainsFunc(x.changes, func(o Change) bool { return o.What == c.What }) {
		x.changes = append(x.changes, c)
	}
}

// readerPlace is where the reader's schema refuses: of a list of required names
// the name.
func (x *explainer) readerPlace(f *finding) Place {
	p := Place{f.File, f.Place, f.Line}
	if p.File == "" { // in a built-in meta-schema
		return Place{x.reader.File, "", x.reader.Root.Line}
	}
	_, name := cutName(f.Pointer)
	if f.Keyword == "required" && f.written != nil {
		for i, item := range f.written.Items {
			if item.Text == name {
				p.Pointer, p.Line = p.Pointer+"/"+strconv.Itoa(i), item.Line
			}
		}
	}
	return p
}

// addition finds what one schema sends and the other does not, though every
// reader can read it: properties that only one of them declares.
type addition struct {
	names   Names
	policy  Policy
	changes []Change
	more    bool
}

// sent looks for what one schema sends and the other does not; gone: the one is
// the old schema. It reports whether it is known that nothing is left.
func (a *addition) sent(from, to *schema.Schema, gone bool) (known bool) {
	lax := to
	for range mostChanges {
		answer := valueset.And(valueset.Closed(from), valueset.Not(valueset.Closed(lax))).Example(a.policy.Budget, 0)
		if answer.Verdict != valueset.Nonempty {
			return answer.Verdict == valueset.Empty
		}
		sent := func(v any) bool {
			one, known := accepts(from, v)
			two, also := accepts(lax, v)
			return one && known && two && also && len(from.Undeclared(v)) == 0 && len(lax.Undeclared(v)) > 0
		}
		if parts(answer.Value, mostParts) >= mostParts || !sent(answer.Value) {
			break
		}
		witness := shrink(answer.Value, cost(from, to), examples(from), sent)
		for _, f := range lax.Undeclared(witness) {
			a.add(from, f, witness, gone)
			around, _ := cutToken(f.Place)
			_, name := cutName(f.Pointer)
			next, err := lax.With(f.File, around, withProperty(lax.Document(f.File).At(around), name))
			if err != nil {
				a.more = true
				return false
			}
			lax = next
		}
	}
	a.more = true
	return false
}

func (a *addition) add(from *schema.Schema, f schema.Failure, witness any, gone bool) {
	declared := speaks(from, witness, f.Pointer).place()
	open := Place{f.File, f.Place, f.Line}
	c := Change{Rule: prefix + "PROPERTY_ADDED", Pointer: f.Pointer, Old: open, New: declared, Witness: copied(witness),
		Keyword: f.Keyword, Want: f.Want, Got: f.Got,
		What: a.names.New + " declares " + a.names.at(f.Pointer) + ", " + a.names.Old + " does not; no reader breaks"}
	if gone {
		c.Rule, c.Old, c.New = prefix+"PROPERTY_REMOVED", declared, open
		c.What = a.names.Old + " declares " + a.names.at(f.Pointer) + ", " + a.names.New + " does not; no reader breaks, since it is not required"
		c.Remedy = "if a consumer needs it, let it say so in a reads schema"
	}
	a.changes = append(a.changes, c)
}
