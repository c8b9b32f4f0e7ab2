package gate

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

// contract runs all checks on one contract.
func (g *gate) contract(k *contract.Contract) {
	judged := g.judged[k.Event]
	if judged {
		old := g.base.Contract(k.Event)
		g.edited(old, k)
		g.removedVersions(old, k)
		g.mode(old, k)
		g.examples(k)
		g.sound(k)
	}
	g.reads(k, judged)
}

// edited holds each published version against what it was.
func (g *gate) edited(old, k *contract.Contract) {
	if old == nil {
		return
	}
	for _, v := range k.Versions {
		was := version(old, v.Name)
		if was == nil || was.Status == "draft" {
			continue
		}
		name := fmt.Sprintf("%s v%s", k.Event, v.Name)
		if v.Status == "draft" {
			g.add(k.Event, contract.Violation{Rule: RuleEdited, What: name + " was published and is a draft now", Place: k.Place,
				Want: "status: published", Got: "status: draft"})
			continue
		}
		if old.SchemaOf != k.SchemaOf {
			g.add(k.Event, contract.Violation{Rule: RuleEdited, What: fmt.Sprintf("%s describes the %s now, not the %s", name, k.SchemaOf, old.SchemaOf), Place: k.Place,
				Want: "schemaOf: " + old.SchemaOf, Got: "schemaOf: " + k.SchemaOf})
			continue
		}
		before, after := side{"before, v" + v.Name, g.base.Schema(k.Event, v.Name)}, side{"now, v" + v.Name, g.head.Schema(k.Event, v.Name)}
		b := broken{old: before, new: after, policy: asWritten, at: after, names: compat.Names{Old: "v" + v.Name + " before", New: "v" + v.Name + " now", Base: base(k)}}
		if before.schema == nil || after.schema == nil || !g.versionTouched(old, k, v.Name) {
			continue
		}
		less, more := g.ask(before.schema, after.schema, asWritten), g.ask(after.schema, before.schema, asWritten)
		g.then(func() {
			f := contract.Violation{Rule: RuleEdited}
			remedy := "take the edit back, and write it as a new version"
			switch {
			case less.answer.Verdict == compat.Incompatible:
				f.What = name + " is published, and was edited to refuse what it accepted"
				f = refused(f, before, after, after, base(k), less.answer)
				b.breaks, b.answer = compat.Backward, less.answer
			case more.answer.Verdict == compat.Incompatible:
				f.What = name + " is published, and was edited to accept what it refused"
				f = refused(f, after, before, after, base(k), more.answer)
				b.breaks, b.answer = compat.Forward, more.answer
			case less.answer.Verdict == compat.Undecided || more.answer.Verdict == compat.Undecided:
				a := less.answer
				if a.Verdict != compat.Undecided {
					a = more.answer
				}
				g.add(k.Event, undecided("whether the edit of "+name+" changes what it accepts", after, a))
				return
			default:
				return // the same set, written in another way
			}
			for _, c := range b.explain().Changes {
				f.Trace = append(f.Trace, changed(c))
			}
			f.Trace = append(f.Trace, remedy, editedLine(k))
			f.Reproduce = g.reproduceEdit(old, k, before, after)
			g.add(k.Event, f)
		})
	}
}

// versionTouched reports whether a version is not what it was in the base, or
// is to be looked at again because a waiver may speak of it.
func (g *gate) versionTouched(old, k *contract.Contract, name string) bool {
	if g.change == nil || old == nil || len(k.Waivers) > 0 || g.change.outside[k.Event] || g.change.inside[k.Event] {
		return true
	}
	was := version(old, name)
	return was == nil || was.Status == "draft" || g.change.files[k.Event+"/v"+name+".schema.json"] ||
		old.Draft != k.Draft || old.Format != k.Format || old.Compatibility != k.Compatibility || old.Undeclared != k.Undeclared || old.SchemaOf != k.SchemaOf
}

// mode holds each published version against those before it.
func (g *gate) mode(old, k *contract.Contract) {
	mode, transitive := strings.CutSuffix(k.Compatibility, "_transitive")
	var published []contract.Version
	for _, v := range k.Versions {
		if v.Status != "draft" && g.head.Schema(k.Event, v.Name) != nil {
			published = append(published, v)
		}
	}
	for i := range published {
		newer := side{"v" + published[i].Name, g.head.Schema(k.Event, published[i].Name)}
		var pairs []pair
		for j := i - 1; j >= 0; j-- {
			if !transitive && j != i-1 {
				break
			}
			if !g.versionTouched(old, k, published[i].Name) && !g.versionTouched(old, k, published[j].Name) {
				continue
			}
			p := pair{older: side{"v" + published[j].Name, g.head.Schema(k.Event, published[j].Name)}}
			p.olderReader, p.newerReader, p.apart = apart(k, published[j].Name, published[i].Name, p.older.schema, newer.schema)
			if mode == "backward" || mode == "full" {
				p.backward = g.ask(p.older.schema, p.newerReader, policyOf(k))
			}
			if mode == "forward" || mode == "full" {
				p.forward = g.ask(newer.schema, p.olderReader, policyOf(k))
			}
			pairs = append(pairs, p)
		}
		g.then(func() { g.broken(k, newer, pairs) })
	}
}

// pair is a version before a newer one, and the questions about the two.
type pair struct {
	older                    side
	olderReader, newerReader *schema.Schema // the two as they read each other's events
	apart                    []string       // what is left out of them, in sentences
	backward, forward        *question
}

// broken reports, for each direction, the first version that is broken.
func (g *gate) broken(k *contract.Contract, newer side, pairs []pair) {
	for _, breaks := range []compat.Direction{compat.Backward, compat.Forward} {
		for _, p := range pairs {
			q, rule := p.backward, RuleBackward
			if breaks == compat.Forward {
				q, rule = p.forward, RuleForward
			}
			if q == nil || q.answer.Verdict == compat.Compatible {
				continue
			}
			if q.answer.Verdict == compat.Undecided {
				f := undecided(fmt.Sprintf("whether %s %s may follow %s (%s)", k.Event, newer.name, p.older.name, breaks), newer, q.answer)
				f.Trace = append(f.Trace, p.apart...)
				g.add(k.Event, f)
				break
			}
			b := broken{old: p.older, new: newer, breaks: breaks, policy: q.policy, answer: q.answer,
				names: compat.Names{Old: p.older.name, New: newer.name, Base: base(k)}}
			if breaks == compat.Forward {
				b.old.schema = p.olderReader
			} else {
				b.new.schema = p.newerReader
			}
			b.at = b.new
			for _, f := range b.findings(contract.Violation{Rule: rule, What: fmt.Sprintf("%s %s breaks %s (%s): ", k.Event, newer.name, p.older.name, k.Compatibility)}) {
				f.Trace = append(f.Trace, p.apart...)
				f.Reproduce = g.reproduce(k, string(breaks), p.older, newer)
				g.add(k.Event, f)
			}
			break
		}
	}
}

// removedVersions names published versions that are gone.
func (g *gate) removedVersions(old, k *contract.Contract) {
	if old == nil {
		return
	}
	for _, v := range old.Versions {
		if v.Status == "draft" || version(k, v.Name) != nil {
			continue
		}
		var apps []string
		for _, c := range old.Consumers {
			// One that is stated in consumers/ alone names no versions.
			if slices.Contains(c.Versions, v.Name) && path.Base(c.Place.File) == contractFile {
				apps = append(apps, c.App)
			}
		}
		if len(apps) > 0 {
			g.add(k.Event, contract.Violation{Rule: RuleVersionRemoved, Place: k.Place,
				What:  fmt.Sprintf("%s v%s is removed, but %s in %s", k.Event, v.Name, declare(apps), g.config.Base.name),
				Trace: []string{"let each of them name its versions without " + v.Name + ", in a change of its own", "then delete the version"}})
		}
	}
}

// removed names event types that are gone.
func (g *gate) removed() {
	for _, old := range g.base.Contracts() {
		if g.config.Head.owns(old.Event) || slices.ContainsFunc(g.config.With, func(t *Tree) bool { return t.owns(old.Event) }) {
			continue
		}
		var apps []string
		for _, c := range old.Consumers {
			apps = append(apps, c.App)
		}
		place := contract.Place{File: g.config.Head.display(old.Event + "/" + contractFile)}
		for _, t := range append([]*Tree{g.config.Head}, g.config.With...) {
			for p := range t.files {
				if event, app, ok := consumerFile(p); ok && event == old.Event && !slices.Contains(apps, app) {
					apps = append(apps, app)
				}
			}
		}
		if len(apps) == 0 || !g.change.events[old.Event] {
			continue
		}
		slices.Sort(apps)
		g.add(old.Event, contract.Violation{Rule: RuleTypeRemoved, Place: place,
			What:  fmt.Sprintf("%s is removed, but %s", old.Event, declare(apps)),
			Trace: []string{"let each of them stop reading it and delete its declaration, in a change of its own", "then delete the event type"}})
	}
}

// declare is "a declares it", "a and b declare it", "a, b and c declare it".
func declare(apps []string) string {
	if len(apps) == 1 {
		return apps[0] + " declares it"
	}
	last := len(apps) - 1
	return strings.Join(apps[:last], ", ") + " and " + apps[last] + " declare it"
}
