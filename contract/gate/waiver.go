package gate

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/schema"
)

// waive takes out what waivers let pass, and adds what is wrong with them.
func (g *gate) waive(r *Result) {
	today := g.config.Today.Format(time.DateOnly)
	for event, findings := range g.found {
		k := g.head.Contract(event)
		for _, f := range findings {
			if k != nil && slices.ContainsFunc(k.Waivers, func(w contract.Waiver) bool { return w.Expires >= today && waives(k, w, f) }) {
				r.Waived = append(r.Waived, f)
			} else {
				r.Findings = append(r.Findings, f)
			}
		}
	}
	for _, k := range g.head.Contracts() {
		if !g.config.Head.owns(k.Event) {
			continue // its own repository says so
		}
		for _, w := range k.Waivers {
			if f, bad := g.badWaiver(k, w, today); bad {
				f.Event.Type = k.Event
				f.Place = w.Place
				r.Findings = append(r.Findings, f)
			}
		}
	}
}

// badWaiver says what is wrong with a waiver.
func (g *gate) badWaiver(k *contract.Contract, w contract.Waiver, today string) (f contract.Violation, bad bool) {
	name := fmt.Sprintf("the waiver of %s in %s", w.Rule, k.Event)
	if w.At != "" {
		name = fmt.Sprintf("the waiver of %s at %s in %s", w.Rule, w.At, k.Event)
	}
	if w.Expires < today {
		return contract.Violation{Rule: RuleWaiverExpired, What: fmt.Sprintf("%s expired on %s (%s)", name, w.Expires, w.Reason),
			Trace: []string{"put right what it let pass and delete it, or agree on another day"}}, true
	}
	if slices.ContainsFunc(g.found[k.Event], func(f contract.Violation) bool { return waives(k, w, f) }) {
		return f, false
	}
	if (w.Rule == RuleEdited || w.Rule == RuleVersionRemoved) && g.hadWaiver(k.Event, w) {
		return f, false // what it let pass is merged
	}
	if !g.couldUse(k, w) {
		return f, false // another run may need it
	}
	remedy := "delete it"
	if !waivable(w.Rule) {
		remedy = "delete it: that rule cannot be waived"
		if _, known := Rules()[w.Rule]; !known {
			remedy = "delete it: the gate has no such rule"
			if near := schema.Nearest(w.Rule, slices.Sorted(maps.Keys(Rules()))); near != "" {
				remedy = "write " + near
			}
		}
	}
	return contract.Violation{Rule: RuleWaiverUnused, What: fmt.Sprintf("%s lets nothing pass (%s)", name, w.Reason), Trace: []string{remedy}}, true
}

// couldUse reports whether this run could have found what a waiver speaks of.
// An edit or a removal takes a base. What another repository's app reads takes
// that repository, unless the place is a file here that only this root's own
// checks name.
func (g *gate) couldUse(k *contract.Contract, w contract.Waiver) bool {
	switch w.Rule {
	case RuleEdited, RuleVersionRemoved:
		return g.config.Base != nil
	case RuleReads, RuleUndecided, RuleEmpty, RuleDraftsMixed:
	default:
		return true
	}
	if strings.HasPrefix(w.At, consumersDir) && !g.hasFile(w.At) {
		return false
	}
	if here := g.placeHere(k, w.At); here != "" && (strings.HasSuffix(here, readsSuffix) || w.Rule == RuleEmpty || w.Rule == RuleDraftsMixed) {
		return true
	}
	return len(g.config.With) > 0 && (w.Rule != RuleUndecided || g.config.Base != nil)
}

// placeHere is the file of the head that a waiver's place names, "" where it
// names none.
func (g *gate) placeHere(k *contract.Contract, at string) string {
	if i := strings.LastIndexByte(at, ':'); i > 0 {
		at = at[:i]
	}
	head := g.config.Head
	for _, p := range []string{at, k.Event + "/" + at, strings.TrimPrefix(at, head.name+"/")} {
		if head.files[p] != nil {
			return p
		}
	}
	return ""
}

// waivable reports whether findings of a rule can be waived.
func waivable(rule string) bool {
	_, known := Rules()[rule]
	return known && rule != RuleTypeRemoved && rule != RuleWaiverExpired && rule != RuleWaiverUnused
}

// waives reports whether a waiver speaks of a finding, whatever the day.
func waives(k *contract.Contract, w contract.Waiver, f contract.Violation) bool {
	if w.Rule != f.Rule || !waivable(w.Rule) {
		return false
	}
	if w.At == "" {
		return true
	}
	root := path.Dir(path.Dir(k.Place.File))
	places := []string{f.Place.File, f.Place.String()}
	for _, c := range k.Consumers {
		// Wherever the finding is placed, it is of what this app reads, too.
		if f.App != "" && c.App == f.App && c.Reads != "" && (f.Rule == RuleReads || f.Rule == RuleUndecided) {
			places = append(places, c.Reads)
		}
	}
	for _, place := range places {
		if place == w.At || place == path.Join(root, w.At) || place == path.Join(path.Dir(k.Place.File), w.At) || strings.HasSuffix(place, "/"+w.At) {
			return true
		}
	}
	return false
}

// hadWaiver reports whether the base has the same waiver.
func (g *gate) hadWaiver(event string, w contract.Waiver) bool {
	if g.change != nil && !g.change.files[event+"/"+contractFile] {
		return true // its contract.yaml is as it was
	}
	old := g.base.Contract(event)
	return old != nil && slices.ContainsFunc(old.Waivers, func(o contract.Waiver) bool { return o.Rule == w.Rule && o.At == w.At && o.Expires == w.Expires })
}

// hasFile reports whether some tree has a file, which may be given with a line.
func (g *gate) hasFile(at string) bool {
	if i := strings.LastIndexByte(at, ':'); i > 0 {
		at = at[:i]
	}
	return slices.ContainsFunc(append([]*Tree{g.config.Head}, g.config.With...), func(t *Tree) bool { return t.files[at] != nil })
}
