package gate

import (
	"fmt"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// question asks whether a reader's schema accepts everything that a writer's
// does; without a reader, whether the writer's accepts anything at all.
type question struct {
	writer, reader *schema.Schema
	policy         compat.Policy
	answer         compat.Answer
}

// policyOf is how a contract wants its schemas compared.
func policyOf(k *contract.Contract) compat.Policy {
	if k.Undeclared == "allowed" {
		return asWritten
	}
	return compat.Policy{Undeclared: compat.Absent}
}

// asWritten takes both schemas as they are.
var asWritten = compat.Policy{Undeclared: compat.Allowed}

// ask puts a question; it is answered when then's functions run.
func (g *gate) ask(writer, reader *schema.Schema, policy compat.Policy) *question {
	q := &question{writer: writer, reader: reader, policy: policy}
	g.questions = append(g.questions, q)
	return q
}

// then is done once all questions are answered.
func (g *gate) then(do func()) { g.after = append(g.after, do) }

// answer answers all questions, on all cores.
func (g *gate) answer() {
	each(len(g.questions), func(i int) {
		q := g.questions[i]
		defer func() {
			if r := recover(); r != nil { // a defect of ours must not pass for a verdict, nor hide the other findings
				q.answer = compat.Answer{Verdict: compat.Undecided, Reason: valueset.Reason{What: fmt.Sprintf("eventproof failed at it: %v", r)}}
			}
		}()
		if q.reader != nil {
			q.answer = compat.Contained(q.writer, q.reader, q.policy)
			return
		}
		found := accepting(q.writer, q.policy)
		switch found.Verdict {
		case valueset.Empty:
			q.answer.Verdict = compat.Compatible
		case valueset.Nonempty:
			q.answer.Verdict = compat.Incompatible
		default:
			q.answer = compat.Answer{Verdict: compat.Undecided, Reason: found.Reason}
		}
	})
	for _, do := range g.after {
		do()
	}
}
