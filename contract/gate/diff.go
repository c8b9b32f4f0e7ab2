package gate

import (
	"fmt"
	"path"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// Diff compares two schemas that belong to no catalog. mode is backward,
// forward or full: which direction must be compatible. There is a finding for
// each change that breaks a direction which must be, as [compat.Explain] names
// them, and for a schema that accepts nothing, since nothing breaks with it.
// The notes say the verdict of each direction, the changes that are no
// findings, the suggested step of a semantic version and the policy.
func Diff(old, new *schema.Schema, mode string, policy compat.Policy) (findings []contract.Violation, notes []string, err error) {
	if mode != "backward" && mode != "forward" && mode != "full" {
		return nil, nil, fmt.Errorf("compatibility %q is not known: write backward, forward or full", mode)
	}
	if policy.Undeclared == "" {
		policy.Undeclared = compat.Allowed
	}
	result := compat.Compare(old, new, policy)
	d := &diff{mode: mode, policy: policy, result: result, old: side{old.File, old}, new: side{new.File, new}}
	if a, b := path.Base(old.File), path.Base(new.File); a != b {
		d.old.name, d.new.name = a, b
	} else {
		d.old.name, d.new.name = "the old schema", "the new schema"
	}
	d.names = compat.Names{Old: d.old.name, New: d.new.name}
	d.explanation = d.explain()
	d.direction(compat.Backward, RuleBackward, "consumers on the new schema can read every event of the old one", d.old, d.new, result.Backward)
	d.direction(compat.Forward, RuleForward, "consumers on the old schema can read every event of the new one", d.new, d.old, result.Forward)
	for _, c := range d.explanation.Changes {
		if c.Breaks == "" {
			d.change(c)
		}
	}
	if d.explanation.More {
		d.note("change", "there may be more: put these right and compare again")
	}
	switch step := d.explanation.Step; {
	case d.empty:
		d.note("step", "none: a schema that accepts nothing has no next version")
	case step == "":
		d.note("step", "none: "+step.Sentence())
	default:
		d.note("step", fmt.Sprintf("%s: %s", step, step.Sentence()))
	}
	d.note("policy", policyLine(policy)[len("policy: "):])
	return d.findings, d.notes, nil
}

// diff gathers what is to be said of two schemas.
type diff struct {
	mode        string
	policy      compat.Policy
	result      compat.Result
	old, new    side
	names       compat.Names
	explanation compat.Explanation
	findings    []contract.Violation
	notes       []string
	empty       bool
}

func (d *diff) note(name, what string) {
	d.notes = append(d.notes, fmt.Sprintf("%-9s %s", name+":", what))
}

func (d *diff) change(c compat.Change) {
	d.note("change", changed(c)+": "+c.What)
}

// explain explains both directions, see broken.explain.
func (d *diff) explain() (e compat.Explanation) {
	defer func() {
		if recover() != nil {
			e = compat.Explanation{More: true}
		}
	}()
	return compat.Explain(d.old.schema, d.new.schema, d.result, d.names)
}

func (d *diff) direction(breaks compat.Direction, rule, meaning string, writer, reader side, a compat.Answer) {
	asked := d.mode == string(breaks) || d.mode == "full"
	switch a.Verdict {
	case compat.Compatible:
		switch sent := accepting(writer.schema, d.policy); sent.Verdict {
		case valueset.Empty:
			d.empty = true
			d.note(string(breaks), fmt.Sprintf("%s only because %s accepts no event", a.Verdict, writer.name))
			d.findings = append(d.findings, nothing(writer, valueset.Of(writer.schema).Example(d.policy.Budget, 1).Verdict == valueset.Empty, d.policy))
		case valueset.Undecided:
			d.note(string(breaks), fmt.Sprintf("%s, but whether %s accepts any event is undecided (%s)", a.Verdict, writer.name, sent.Reason))
			d.findings = append(d.findings, undecided(fmt.Sprintf("whether %s accepts any event", writer.name), writer, compat.Answer{Reason: sent.Reason}))
		default:
			d.note(string(breaks), fmt.Sprintf("%s: %s", a.Verdict, meaning))
		}
	case compat.Incompatible:
		d.note(string(breaks), fmt.Sprintf("%s, witness %s", a.Verdict, text(a.Witness)))
		b := broken{old: d.old, new: d.new, breaks: breaks, policy: d.policy, answer: a, names: d.names, at: d.new}
		named := false
		for _, c := range d.explanation.Changes {
			switch {
			case c.Breaks != breaks:
				continue
			case asked:
				d.findings = append(d.findings, b.finding(contract.Violation{Rule: rule}, c))
			default:
				d.change(c)
			}
			named = true
		}
		if !named && asked {
			d.findings = append(d.findings, b.findings(contract.Violation{Rule: rule})...)
		}
	case compat.Undecided:
		d.note(string(breaks), fmt.Sprintf("%s (%s)", a.Verdict, a.Reason))
		if asked {
			d.findings = append(d.findings, undecided(fmt.Sprintf("whether consumers on %s can read every event of %s", reader.name, writer.name), d.new, a))
		}
	}
}
