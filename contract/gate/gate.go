package gate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract"
)

// Config says what is held against what.
type Config struct {
	// Head is the state to be judged.
	Head *Tree
	// Base is the state before it; nil: Head is judged by itself, all of it.
	Base *Tree
	// With are the other side: roots whose contracts the head's consumers read,
	// or whose consumers read the head's events.
	With []*Tree
	// Today decides which waivers have expired; only its date counts.
	Today time.Time
	_     struct{}
}

// Result is what the gate found.
type Result struct {
	// Findings are sorted by event type, then in the order of the checks.
	Findings []contract.Violation
	// Waived are those that a waiver let pass.
	Waived []contract.Violation
	// Contracts are the head's; Judged are those of them that were looked at,
	// because they, or what they refer to, are not as in the base.
	Contracts, Judged int
	// Comparisons are how many pairs of schemas were compared.
	Comparisons int
}

// Summary is the result in a few words.
func (r Result) Summary() string {
	s := fmt.Sprintf("%s, %d of them judged, %s", plural(r.Contracts, "contract"), r.Judged, plural(r.Comparisons, "comparison"))
	if len(r.Waived) > 0 {
		s += fmt.Sprintf(", %s waived", plural(len(r.Waived), "finding"))
	}
	return s
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// Check holds the head against the base and the other side. The error is for
// what could not be read; contracts that are broken in themselves are that too,
// with file and line, as contract.Load says them.
func Check(ctx context.Context, c Config) (Result, error) {
	if c.Head == nil {
		return Result{}, errors.New("gate: Config.Head is nil: give it a Directory or a Revision")
	}
	g := &gate{ctx: ctx, config: c}
	if err := g.load(); err != nil {
		return Result{}, err
	}
	g.removed()
	for _, k := range g.head.Contracts() {
		g.contract(k)
		if g.judged[k.Event] {
			g.schemasTaken(g.base.Contract(k.Event), k)
		}
	}
	g.answer()
	return g.result(), nil
}

// gate is one run.
type gate struct {
	ctx    context.Context //nolint:containedctx // of this run
	config Config

	change     *change // nil without a base
	head, base *contract.Catalog

	questions   []*question
	after       []func()                        // what is made of the answers, in order
	found       map[string][]contract.Violation // by event
	judged      map[string]bool
	badExamples map[string][]contract.Violation // by event; nil until asked for
}

func (g *gate) add(event string, v contract.Violation) {
	v.Event.Type = event
	if g.found == nil {
		g.found = map[string][]contract.Violation{}
	}
	g.found[event] = append(g.found[event], v)
}

// load decides what must be loaded, and loads it.
func (g *gate) load() (err error) {
	head := g.config.Head
	for _, t := range append([]*Tree{head}, g.config.With...) {
		if t != head && !t.anything() || t == head && !t.anything() && !g.config.Base.anything() {
			return fmt.Errorf("no contract in %s: name the directory that holds <event>/%s or consumers/<app>/<event>%s", t.name, contractFile, readsSuffix)
		}
	}
	if err := g.twice(); err != nil {
		return err
	}
	wanted := map[string]bool{}
	if g.config.Base != nil {
		if g.change, err = compareTrees(g.ctx, g.config.Base, head); err != nil {
			return err
		}
		for e := range g.change.events {
			wanted[e] = true
		}
	}
	for p := range head.files {
		switch e := head.event(p); {
		case e == "" || wanted[e]:
		case g.change == nil || !head.owns(e):
			wanted[e] = true
		case p == e+"/"+contractFile:
			text, err := head.text(g.ctx, p)
			if err != nil {
				return fmt.Errorf("%s cannot be read: %w", head.display(p), err)
			}
			wanted[e] = bytes.Contains(text, []byte("waivers"))
		}
	}
	for _, with := range g.config.With {
		for p := range with.files {
			if e, _, ok := consumerFile(p); ok && head.owns(e) {
				wanted[e] = true
			}
		}
	}
	g.judged = map[string]bool{}
	for e, want := range wanted {
		if !want {
			delete(wanted, e)
		} else if head.owns(e) {
			g.judged[e] = true
		}
	}
	for _, e := range head.strayEvents() {
		wanted[e] = true
	}
	if err := g.neighbours(wanted); err != nil {
		return err
	}
	g.head, err = g.catalog(wanted, append([]*Tree{head}, g.config.With...)...)
	return errors.Join(err, g.loadBase())
}

// loadBase loads what changed as it was. A base that cannot be read promises
// nothing that could be held against the head, so it stops the gate: to pass
// over its events would let a break through with the repair.
func (g *gate) loadBase() (err error) {
	if g.change == nil {
		return nil
	}
	if g.base, err = g.catalog(maps.Clone(g.change.events), g.config.Base); err != nil {
		return fmt.Errorf("of %s: %w\nwhat was promised there cannot be told: name an earlier base that can be read, or merge the repair by itself; without --against the gate judges the contracts as they are", g.config.Base.name, err)
	}
	return nil
}

// twice refuses an event type that two of the trees have, loaded or not.
func (g *gate) twice() error {
	owner := map[string]*Tree{}
	var errs []error
	for _, t := range append([]*Tree{g.config.Head}, g.config.With...) {
		for _, p := range slices.Sorted(maps.Keys(t.files)) {
			e, name, _ := strings.Cut(p, "/")
			if name != contractFile {
				continue
			}
			if owner[e] != nil {
				errs = append(errs, fmt.Errorf("event %s has two contracts, %s and %s: keep one of them", e, owner[e].display(p), t.display(p)))
				continue
			}
			owner[e] = t
		}
	}
	return errors.Join(errs...)
}

// neighbours adds the events of the topics of those that changed: a topic's
// contracts must tell their events apart. It is decided by the text of the
// topic: line; a contract without one, because it is written in another way, is
// added too.
func (g *gate) neighbours(wanted map[string]bool) error {
	if g.change == nil {
		return nil
	}
	topics := map[string]bool{}
	for e := range g.change.events {
		if text, err := g.config.Head.text(g.ctx, e+"/"+contractFile); err == nil {
			topics[topicOf(text)] = true
		}
	}
	for _, t := range append([]*Tree{g.config.Head}, g.config.With...) {
		var files []string
		for p := range t.files {
			if e, name, _ := strings.Cut(p, "/"); name == contractFile && !wanted[e] {
				files = append(files, p)
			}
		}
		if err := t.load(g.ctx, files); err != nil {
			return err
		}
		for _, p := range files {
			if topic := topicOf(t.files[p].text); topic == "" || topics[topic] {
				wanted[strings.TrimSuffix(p, "/"+contractFile)] = true
			}
		}
	}
	return nil
}

// topicOf is the topic that a contract.yaml states, as written; "" where it
// cannot be told without reading YAML.
func topicOf(text []byte) string {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("topic:")); ok {
			topic, _, _ := bytes.Cut(rest, []byte(" #"))
			return string(bytes.Trim(topic, " \t\r\n\"'"))
		}
	}
	return ""
}

// catalog loads the wanted events of some trees, with all that they refer to.
// What a consumer reads of an event that none of the trees has is left out
// where the event is removed by this very change: that is a finding.
func (g *gate) catalog(wanted map[string]bool, trees ...*Tree) (*contract.Catalog, error) {
	isOld := g.config.Base != nil && trees[0] == g.config.Base
	owned := func(event string) bool {
		return slices.ContainsFunc(trees, func(t *Tree) bool { return t.owns(event) })
	}
	var roots []*view
	for _, t := range trees {
		local := map[string]bool{}
		for e := range wanted {
			local[e] = true
		}
		all, reached, err := t.needed(g.ctx, local)
		if err != nil {
			return nil, err
		}
		v := newView(g.ctx, t, func(p string) bool {
			e := t.event(p)
			if isOld && (t.stray(p) || e == "" && !all && !reached[p]) {
				return false // it promised nothing; that it was there is what the change mends
			}
			if _, _, reads := consumerFile(p); reads && !owned(e) {
				return !isOld && !g.config.Base.owns(e) && t == g.config.Head
			}
			return e == "" && !strings.HasPrefix(p, consumersDir) || e == "" && t == g.config.Head || all || local[e]
		})
		if v.anything() {
			roots = append(roots, v)
		} else if t == g.config.Head {
			if err := unowned(v); err != nil {
				return nil, fmt.Errorf("the contracts cannot be read:\n%w", err)
			}
		}
	}
	if err := prefetch(roots); err != nil {
		return nil, err
	}
	systems := make([]fs.FS, len(roots))
	for i, v := range roots {
		systems[i] = v
	}
	c, err := contract.Load(systems...)
	if err != nil {
		return nil, fmt.Errorf("the contracts cannot be read:\n%w", err)
	}
	return c, nil
}

// result applies the waivers and sorts.
func (g *gate) result() Result {
	r := Result{Contracts: g.config.Head.contracts(), Judged: len(g.judged), Comparisons: len(g.questions)}
	g.waive(&r)
	slices.SortStableFunc(r.Findings, func(a, b contract.Violation) int { return cmp.Compare(a.Event.Type, b.Event.Type) })
	slices.SortStableFunc(r.Waived, func(a, b contract.Violation) int { return cmp.Compare(a.Event.Type, b.Event.Type) })
	return r
}

// anything reports whether a tree has a contract, or what a consumer reads.
func (t *Tree) anything() bool {
	if t == nil {
		return false
	}
	for p := range t.files {
		if _, name, _ := strings.Cut(p, "/"); name == contractFile {
			return true
		}
		if _, _, reads := consumerFile(p); reads {
			return true
		}
	}
	return false
}

// contracts are how many a tree has.
func (t *Tree) contracts() int {
	n := 0
	for p := range t.files {
		if dir, name, _ := strings.Cut(p, "/"); name == contractFile && dir != "" {
			n++
		}
	}
	return n
}
