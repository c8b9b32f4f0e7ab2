package compat_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

// A rewrite changes how schemas are written and not what they mean. It returns
// false where it does not apply.
type rewrite struct {
	name  string
	apply func(w *writing, doc any) (any, bool)
}

// writing is how schemas are written again.
type writing struct {
	*rand.Rand
	draft string
}

var rewrites = []rewrite{
	{"properties renamed", (*writing).renamed},
	{"lists and keywords in another order", (*writing).reordered},
	{"in allOf", (*writing).wrapped},
	{"behind $ref", (*writing).extracted},
	{"all of it", func(w *writing, doc any) (any, bool) {
		for _, one := range []func(*writing, any) (any, bool){(*writing).wrapped, (*writing).extracted, (*writing).reordered} {
			if next, ok := one(w, doc); ok {
				doc = next
			} else {
				return nil, false
			}
		}
		return doc, true
	}},
}

// plain reports whether all references of a document lead to its root, to a
// definition or to an anchor: such a document can be taken apart.
func plain(doc any) bool {
	ok := true
	schemasIn(doc, func(_ string, s map[string]any) {
		for _, keyword := range []string{"$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"} {
			if _, there := s[keyword]; there {
				ok = false
			}
		}
		for _, keyword := range []string{"id", "$id"} {
			if id, there := s[keyword].(string); there && !strings.HasPrefix(id, "#") {
				ok = false
			}
		}
		ref, there := s["$ref"].(string)
		if !there {
			return
		}
		name, isDefinition := strings.CutPrefix(strings.Replace(ref, "#/$defs/", "#/definitions/", 1), "#/definitions/")
		anchor := strings.HasPrefix(ref, "#") && !strings.Contains(ref, "/")
		ok = ok && (anchor || isDefinition && !strings.Contains(name, "/"))
	})
	return ok
}

// renamed gives each property another name, wherever it is named.
func (w *writing) renamed(doc any) (any, bool) {
	ok := plain(doc)
	other := func(name string) string {
		letters := []rune(name)
		slices.Reverse(letters)
		return "_" + string(letters)
	}
	var inside func(v any) any // of const and enum
	inside = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			m := make(map[string]any, len(v))
			for name, member := range v {
				m[other(name)] = inside(member)
			}
			return m
		case []any:
			a := make([]any, len(v))
			for i, item := range v {
				a[i] = inside(item)
			}
			return a
		}
		return v
	}
	list := func(v any) any {
		names, isList := v.([]any)
		if !isList {
			return v
		}
		all := make([]any, len(names))
		for i, name := range names {
			if text, isText := name.(string); isText {
				all[i] = other(text)
			}
		}
		return all
	}
	return rewritten(doc, "", func(_ string, schema any) any {
		s, isObject := schema.(map[string]any)
		if !isObject {
			return schema
		}
		if s["patternProperties"] != nil || s["propertyNames"] != nil {
			ok = false
		}
		for keyword, value := range s {
			switch keyword {
			case "const", "enum":
				s[keyword] = inside(value)
			case "required":
				s[keyword] = list(value)
			case "properties", "dependentSchemas", "dependentRequired", "dependencies":
				if named, isObject := value.(map[string]any); isObject {
					m := make(map[string]any, len(named))
					for name, sub := range named {
						m[other(name)] = list(sub)
					}
					s[keyword] = m
				}
			}
		}
		return s
	}), ok
}

// reordered shuffles the lists whose order says nothing; keywords and members
// come in another order where the document is written, see scrambled.
func (w *writing) reordered(doc any) (any, bool) {
	if !plain(doc) {
		return nil, false
	}
	shuffled := func(v any) any {
		list, isList := v.([]any)
		if !isList {
			return v
		}
		list = slices.Clone(list)
		w.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		return list
	}
	return rewritten(doc, "", func(_ string, schema any) any {
		if s, isObject := schema.(map[string]any); isObject {
			for _, keyword := range []string{"enum", "required", "type", "allOf", "anyOf", "oneOf"} {
				if list, there := s[keyword]; there {
					s[keyword] = shuffled(list)
				}
			}
		}
		return schema
	}), true
}

// free reports whether a schema may stand in any place: in draft 4, true and
// false are only for additionalItems and additionalProperties.
func (w *writing) free(schema any) bool {
	_, isObject := schema.(map[string]any)
	return isObject || atLeastDraft(w.draft, "6")
}

// wrapped puts schemas into an allOf of one.
func (w *writing) wrapped(doc any) (any, bool) {
	if !plain(doc) {
		return nil, false
	}
	return rewritten(doc, "", func(path string, schema any) any {
		if path != "" {
			if w.free(schema) && w.IntN(3) == 0 {
				return map[string]any{"allOf": []any{schema}}
			}
			return schema
		}
		s, isObject := schema.(map[string]any)
		outer := map[string]any{"allOf": []any{schema}}
		if isObject { // what is found from the root stays there
			for _, keyword := range []string{"definitions", "$defs", "$schema"} {
				if value, there := s[keyword]; there {
					outer[keyword] = value
					delete(s, keyword)
				}
			}
		}
		return outer
	}), true
}

// extracted moves schemas to definitions of their own.
func (w *writing) extracted(doc any) (any, bool) {
	root, isObject := doc.(map[string]any)
	if !isObject || !plain(doc) || root["$ref"] != nil && !atLeastDraft(w.draft, "2019-09") {
		return nil, false
	}
	keyword := "definitions"
	if atLeastDraft(w.draft, "2019-09") {
		keyword = "$defs"
	}
	moved := map[string]any{}
	made := rewritten(doc, "", func(path string, schema any) any {
		if path == "" || !w.free(schema) || w.IntN(3) > 0 {
			return schema
		}
		name := fmt.Sprint("extracted", len(moved))
		moved[name] = schema
		return map[string]any{"$ref": "#/" + keyword + "/" + name}
	}).(map[string]any)
	all, isObject := made[keyword].(map[string]any)
	if !isObject {
		all = map[string]any{}
	}
	for name, schema := range moved {
		all[name] = schema
	}
	made[keyword] = all
	return made, true
}

// scrambled writes a value with members in any order.
func (w *writing) scrambled(v any) string {
	var b strings.Builder
	switch v := v.(type) {
	case map[string]any:
		names := sortedNames(v)
		w.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for i, name := range names {
			fmt.Fprintf(&b, "%s%s:%s", []string{"", ","}[min(i, 1)], encoded(name), w.scrambled(v[name]))
		}
		return "{" + b.String() + "}"
	case []any:
		for i, item := range v {
			b.WriteString([]string{"", ","}[min(i, 1)] + w.scrambled(item))
		}
		return "[" + b.String() + "]"
	}
	return string(encoded(v))
}

// written counts what rewrites did to verdicts.
type written struct {
	sync.Mutex
	applied               map[string]int
	same, lost, won, left int
}

func (c *written) String() string {
	return fmt.Sprintf("%d verdicts the same, %d no longer decided, %d decided only then; pairs by rewrite: %v; %d times not applicable", c.same, c.lost, c.won, c.applied, c.left)
}

// check compares a pair as it stands and rewritten.
func (c *written) check(t *testing.T, name string, w *writing, docs [2]any, o schema.Options, policy compat.Policy) {
	t.Helper()
	read := func(docs [2]any, text func(any) string) (all [2]*schema.Schema, err error) {
		for i, doc := range docs {
			if all[i], err = schema.Parse("s.json", []byte(text(doc)), o); err != nil {
				return all, err
			}
		}
		return all, nil
	}
	plainly := func(v any) string { return string(encoded(v)) }
	schemas, err := read(docs, plainly)
	if err != nil {
		return
	}
	was := compat.Compare(schemas[0], schemas[1], policy)
	for _, one := range rewrites {
		var other [2]any
		applies := true
		for i, doc := range docs {
			made, ok := one.apply(w, doc)
			other[i], applies = made, applies && ok
		}
		if !applies {
			c.Lock()
			c.left++
			c.Unlock()
			continue
		}
		again, err := read(other, w.scrambled)
		if err != nil {
			t.Errorf("%s: %s: %v for\n%s\n%s", name, one.name, err, encoded(other[0]), encoded(other[1]))
			continue
		}
		is := compat.Compare(again[0], again[1], policy)
		c.Lock()
		c.applied[one.name]++
		for _, d := range [][2]compat.Answer{{was.Backward, is.Backward}, {was.Forward, is.Forward}} {
			switch {
			case d[0].Verdict == d[1].Verdict:
				c.same++
			case d[1].Verdict == compat.Undecided:
				c.lost++
				t.Logf("%s: %s: no longer decided: %v, for\n%s\n%s", name, one.name, d[1].Reason, encoded(other[0]), encoded(other[1]))
			case d[0].Verdict == compat.Undecided:
				c.won++
			default:
				t.Errorf("%s: undeclared %q: %s: %s became %s (witnesses %s, %s) for\n%s\n%s\nwritten as\n%s\n%s", name, policy.Undeclared, one.name, d[0].Verdict, d[1].Verdict,
					encoded(d[0].Witness), encoded(d[1].Witness), encoded(docs[0]), encoded(docs[1]), encoded(other[0]), encoded(other[1]))
			}
		}
		c.Unlock()
	}
}

func alternating(i int) compat.Policy {
	if i%2 == 1 {
		return compat.Policy{Undeclared: compat.Absent}
	}
	return compat.Policy{}
}

// How a generated pair is written changes no verdict.
func TestRewrittenGenerated(t *testing.T) {
	for _, draft := range schema.Drafts {
		t.Run(draft, func(t *testing.T) {
			t.Parallel()
			c := written{applied: map[string]int{}}
			for seed := range uint64(either(2000, 100)) {
				g := newGenerator(seed, 7, draft)
				one, two := g.pair()
				docs := [2]any{decoded(t, encoded(one)), decoded(t, encoded(two))}
				c.check(t, fmt.Sprint("seed ", seed), &writing{g.Rand, draft}, docs, schema.Options{Draft: draft, AsValidator: true}, alternating(int(seed)))
			}
			t.Logf("%v", &c)
			if c.same < 100 || 100*c.lost > c.same || len(c.applied) != len(rewrites) {
				t.Errorf("%v: want each rewrite, and at most 1 %% undecided after it", &c)
			}
		})
	}
}

// How a pair of the corpus is written changes no verdict.
func TestRewrittenCorpus(t *testing.T) {
	stride := either(1, 30)
	for _, set := range []string{"draft7", "draft2020-12"} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			all := pairs(t, set)
			c := written{applied: map[string]int{}}
			each(len(all), stride, func(i int) {
				p := all[i]
				draft := strings.TrimPrefix(p.set, "draft")
				o := schema.Options{Draft: draft, AsValidator: true, AssertFormat: strings.Contains(p.file, "optional/format/")}
				w := &writing{rand.New(rand.NewPCG(uint64(i), 8)), draft}
				docs := [2]any{decoded(t, p.Schema1), decoded(t, p.Schema2)}
				for k := range either(2, 1) {
					c.check(t, fmt.Sprintf("%s#%d", p.file, p.ID), w, docs, o, alternating(i/stride+k))
				}
			})
			t.Logf("%v", &c)
			if c.same < 100 || 100*c.lost > c.same || len(c.applied) != len(rewrites) {
				t.Errorf("%v: want each rewrite, and at most 1 %% undecided after it", &c)
			}
		})
	}
}

// each calls do with every so manyth number below n, several at a time.
func each(n, stride int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := 0; i < n; i += stride {
		next <- i
	}
	close(next)
	wg.Wait()
}
