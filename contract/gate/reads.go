package gate

import (
	"fmt"
	"slices"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/compat"
)

// reads holds what each consumer reads against the versions that it declares.
// Of a contract that is not judged whole, only what crosses repositories is.
func (g *gate) reads(k *contract.Contract, judged bool) {
	head := g.config.Head
	own := head.owns(k.Event)
	for _, c := range k.Consumers {
		s := g.head.Reads(k.Event, c.App)
		if s == nil {
			continue
		}
		// The reads lie in the head: beside a contract of its own, or in consumers/.
		file := head.reads(k.Event, c.App)
		mine := file != "" && head.display(file) == s.File || own && file == "" && s.File == head.display(k.Event+"/"+c.Reads)
		if !own && !mine || own && mine && !judged {
			continue
		}
		reader := side{c.App, s}
		for _, v := range k.Versions {
			writer := side{"v" + v.Name, g.head.Schema(k.Event, v.Name)}
			if v.Status == "draft" || writer.schema == nil || !slices.Contains(c.Versions, v.Name) {
				continue
			}
			// Where people can put it right: in the head, and there at what changed.
			at := writer
			if !own || mine && g.change != nil && !g.versionTouched(g.base.Contract(k.Event), k, v.Name) {
				at = reader
			}
			q := g.ask(writer.schema, reader.schema, policyOf(k))
			g.then(func() {
				switch q.answer.Verdict {
				case compat.Incompatible:
					b := broken{old: writer, new: reader, breaks: compat.Backward, policy: q.policy, answer: q.answer, at: at,
						names: compat.Names{Old: k.Event + " " + writer.name, Consumer: c.App, Base: base(k)}}
					for _, f := range b.findings(contract.Violation{Rule: RuleReads, App: c.App}) {
						f.Reproduce = g.reproduce(k, "backward", writer, reader)
						g.add(k.Event, f)
					}
				case compat.Undecided:
					f := undecided(fmt.Sprintf("whether %s can read every event of %s %s", c.App, k.Event, writer.name), at, q.answer)
					f.App = c.App
					g.add(k.Event, f)
				}
			})
		}
	}
}
