package gate

import (
	"fmt"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// broken is one direction that is incompatible, for its findings.
type broken struct {
	old, new side // of reads: the version and what the app reads of it
	breaks   compat.Direction
	policy   compat.Policy
	answer   compat.Answer
	names    compat.Names
	at       side // at which findings are placed
}

func (b broken) sides() (writer, reader side) {
	if b.breaks == compat.Forward {
		return b.new, b.old
	}
	return b.old, b.new
}

// explain finds the changes that break the direction. A defect of ours must not
// hide the finding: then there are none.
func (b broken) explain() (e compat.Explanation) {
	defer func() {
		if recover() != nil {
			e = compat.Explanation{More: true}
		}
	}()
	r := compat.Result{Policy: b.policy}
	if b.breaks == compat.Forward {
		r.Forward = b.answer
	} else {
		r.Backward = b.answer
	}
	return compat.Explain(b.old.schema, b.new.schema, r, b.names)
}

// findings are one for each change, so that a reviewer sees each at the line
// that makes it. The text of v begins each; each has its rule.
func (b broken) findings(v contract.Violation) []contract.Violation {
	e := b.explain()
	if len(e.Changes) == 0 {
		writer, reader := b.sides()
		v.What += fmt.Sprintf("%s cannot read every event of %s", reader.name, writer.name)
		v = refused(v, writer, reader, b.at, b.names.Base, b.answer)
		v.Trace = append(v.Trace, policyLine(b.policy))
		return []contract.Violation{v}
	}
	var all []contract.Violation
	for _, c := range e.Changes {
		all = append(all, b.finding(v, c))
	}
	if last := &all[len(all)-1]; e.More {
		last.Trace = append(last.Trace, "there may be more changes: put these right and ask again")
	}
	return all
}

func (b broken) finding(v contract.Violation, c compat.Change) contract.Violation {
	writer, reader := b.sides()
	read, place := c.New, c.New
	if b.breaks == compat.Forward {
		read = c.Old
	}
	if b.at.schema == b.old.schema {
		place = c.Old
	}
	v.What += c.What
	v.Place = contract.Place{File: place.File, Line: place.Line}
	v.Pointer, v.Want, v.Got = b.names.Base+c.Pointer, c.Want, c.Got
	v.Trace = []string{
		fmt.Sprintf("%s allows %s", writer.name, text(c.Witness)),
		fmt.Sprintf("%s refuses it at %s, by %s (%s)", reader.name, where(b.names.Base+c.Pointer), c.Keyword, read),
		changed(c),
		"remedy: " + c.Remedy,
		policyLine(b.policy),
	}
	return v
}

// changed is a change in a line: its rule and both places.
func changed(c compat.Change) string {
	return fmt.Sprintf("%s: %s -> %s", c.Rule, c.Old, c.New)
}

func policyLine(p compat.Policy) string {
	undeclared := p.Undeclared
	if undeclared == "" {
		undeclared = compat.Allowed
	}
	line := fmt.Sprintf("policy: undeclared properties are %s", undeclared)
	if p.DefaultsFill {
		line += ", readers fill in defaults"
	}
	return line
}

// editedLine is the policy by which an edit is judged, whatever the contract's.
func editedLine(k *contract.Contract) string {
	line := policyLine(asWritten) + ", since a published version is held as written"
	if policyOf(k) != asWritten {
		line += " (undeclared: " + string(policyOf(k).Undeclared) + " is for what versions are held against each other)"
	}
	return line
}

// accepting says whether a writer that keeps the policy can send anything.
func accepting(s *schema.Schema, p compat.Policy) valueset.Answer {
	set := valueset.Of(s)
	if p.Undeclared == compat.Absent {
		set = valueset.Closed(s)
	}
	return set.Example(p.Budget, 1)
}

// nothing is the finding for a schema that accepts nothing: as it is written,
// or because what it does not declare is not sent.
func nothing(s side, asWritten bool, policy compat.Policy) contract.Violation {
	f := contract.Violation{Rule: RuleEmpty, Place: contract.Place{File: s.schema.File, Line: s.schema.Root.Line}, Want: "at least one value", Got: "none"}
	if asWritten {
		f.What = s.name + " accepts no value at all"
		return f
	}
	f.What = s.name + " accepts no event, since what it does not declare is not sent"
	f.Place.Line = s.schema.Root.LineOf("/required")
	f.Trace = []string{policyLine(policy), "declare under properties what it requires"}
	return f
}
