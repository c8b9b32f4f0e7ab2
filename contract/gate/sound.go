package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

// examples names examples that break their contract.
func (g *gate) examples(k *contract.Contract) {
	if g.badExamples == nil {
		// All at once; the catalog holds little more than what is judged.
		events := map[string]string{}
		for _, k := range g.head.Contracts() {
			for _, v := range k.Versions {
				for _, x := range v.Examples {
					events[x.Place.File] = k.Event
				}
			}
		}
		g.badExamples = map[string][]contract.Violation{}
		for _, v := range g.head.CheckExamples() {
			file, _, _ := strings.Cut(v.What, ": ")
			event, ok := events[file]
			if !ok {
				file = v.Place.File
				event = events[file]
				v.What = file + ": " + v.What
			}
			v.Trace = append(v.Trace, fmt.Sprintf("%s (%s)", v.Rule, v.Place))
			v.Rule, v.Place = RuleExample, contract.Place{File: file, Line: 1}
			g.badExamples[event] = append(g.badExamples[event], v)
		}
	}
	for _, v := range g.badExamples[k.Event] {
		v.Event = contract.Ref{}
		g.add(k.Event, v)
	}
}

// sound checks the schemas of a contract by themselves.
func (g *gate) sound(k *contract.Contract) {
	var all []side
	for _, v := range k.Versions {
		if s := g.head.Schema(k.Event, v.Name); s != nil {
			all = append(all, side{fmt.Sprintf("%s v%s", k.Event, v.Name), s})
			if !acceptsExample(k, s, v) {
				g.empty(k, all[len(all)-1], policyOf(k))
			}
		}
	}
	for _, c := range k.Consumers {
		if s := g.head.Reads(k.Event, c.App); s != nil {
			all = append(all, side{fmt.Sprintf("what %s reads of %s", c.App, k.Event), s})
			g.empty(k, all[len(all)-1], asWritten)
		}
	}
	for _, s := range all {
		if first := all[0]; s.schema.Draft != first.schema.Draft {
			g.add(k.Event, contract.Violation{Rule: RuleDraftsMixed, Place: contract.Place{File: s.schema.File, Line: s.schema.Root.LineOf("/$schema")},
				What: fmt.Sprintf("%s is of another draft of JSON Schema than %s: the same keyword may mean another thing", s.name, first.name),
				Want: "draft " + first.schema.Draft, Got: "draft " + s.schema.Draft})
			break
		}
	}
	for _, p := range k.Producers {
		for _, name := range p.Versions {
			if v := version(k, name); v != nil && v.Status == "draft" {
				g.add(k.Event, contract.Violation{Rule: RuleDraftPublished, App: p.App, Place: p.Place,
					What: fmt.Sprintf("%s declares to publish %s v%s, which is a draft", p.App, k.Event, name),
					Want: "status: published, or versions without " + name, Got: "status: draft"})
			}
		}
	}
}

// acceptsExample shows cheaply that a version accepts something.
func acceptsExample(k *contract.Contract, s *schema.Schema, v contract.Version) bool {
	return slices.ContainsFunc(v.Examples, func(x contract.Example) bool {
		n, err := schema.ReadJSON(x.Data)
		return err == nil && len(s.Validate(n.Value())) == 0 && (k.Undeclared == "allowed" || len(s.Undeclared(n.Value())) == 0)
	})
}

// empty names a schema that accepts nothing: as it is written or, of a version,
// under the contract's policy. What nobody can send passes every comparison.
func (g *gate) empty(k *contract.Contract, s side, policy compat.Policy) {
	written := g.ask(s.schema, nil, asWritten)
	closed := written
	if policy != asWritten {
		closed = g.ask(s.schema, nil, policy)
	}
	g.then(func() {
		switch {
		case written.answer.Verdict == compat.Compatible: // with the empty set
			g.add(k.Event, nothing(s, true, policy))
		case closed.answer.Verdict == compat.Compatible:
			g.add(k.Event, nothing(s, false, policy))
		case closed.answer.Verdict == compat.Undecided:
			g.add(k.Event, undecided("whether "+s.name+" accepts any event", s, closed.answer))
		}
	})
}
