package gate

import (
	"fmt"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

// Diff compares two schemas that belong to no catalog. mode is backward,
// forward or full: which direction must be compatible. The notes say the
// verdict of each direction and the policy, compatible or not.
func Diff(old, new *schema.Schema, mode string, policy compat.Policy) (findings []contract.Violation, notes []string, err error) {
	if mode != "backward" && mode != "forward" && mode != "full" {
		return nil, nil, fmt.Errorf("compatibility %q is not known: write backward, forward or full", mode)
	}
	if policy.Undeclared == "" {
		policy.Undeclared = compat.Allowed
	}
	result := compat.Compare(old, new, policy)
	before, after := side{old.File, old}, side{new.File, new}
	for _, d := range []struct {
		name, rule, meaning string
		writer, reader      side
		answer              compat.Answer
	}{
		{"backward", RuleBackward, "consumers on the new schema can read every event of the old one", before, after, result.Backward},
		{"forward", RuleForward, "consumers on the old schema can read every event of the new one", after, before, result.Forward},
	} {
		asked := mode == d.name || mode == "full"
		note := fmt.Sprintf("%-9s %s: %s", d.name+":", d.answer.Verdict, d.meaning)
		switch d.answer.Verdict {
		case compat.Incompatible:
			note = fmt.Sprintf("%-9s %s, witness %s", d.name+":", d.answer.Verdict, text(d.answer.Witness))
			if asked {
				f := contract.Violation{Rule: d.rule, What: fmt.Sprintf("consumers on %s cannot read every event of %s", d.reader.name, d.writer.name)}
				findings = append(findings, refused(f, d.writer, d.reader, after, "", d.answer))
			}
		case compat.Undecided:
			note = fmt.Sprintf("%-9s %s (%s)", d.name+":", d.answer.Verdict, d.answer.Reason)
			if asked {
				findings = append(findings, undecided(fmt.Sprintf("whether consumers on %s can read every event of %s", d.reader.name, d.writer.name), after, d.answer))
			}
		}
		notes = append(notes, note)
	}
	return findings, append(notes, fmt.Sprintf("%-9s undeclared properties are %s", "policy:", policy.Undeclared)), nil
}
