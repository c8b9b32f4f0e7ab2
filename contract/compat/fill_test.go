package compat_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

// What a reader that fills in defaults accepts.
func TestDefaultsFill(t *testing.T) {
	const defaulted = `{"type":"object","properties":{"n":{"type":"integer","default":1}},"required":["n"]}`
	for _, tt := range []struct {
		name, reason, writer, reader string
		want                         compat.Verdict
		why                          string
	}{
		{"a required property", "its default is put there", `{"type":"object","properties":{"n":{"type":"integer"}}}`, defaulted, compat.Compatible, ""},
		{"of another type", "what is there is not replaced", `{"type":"object"}`, defaulted, compat.Incompatible, ""},
		{"without a default", "nothing is put there", `{"type":"object","properties":{"n":{"type":"integer"}}}`, `{"required":["n"]}`, compat.Incompatible, ""},
		{"a default that is refused", "a missing property is refused like one with that value", `{"type":"object","maxProperties":0}`, `{"properties":{"n":{"type":"string","default":1}}}`, compat.Incompatible, ""},
		{"nested", "a default may need its own defaults", `{"type":"object","properties":{"o":{"type":"object","maxProperties":0}}}`, `{"properties":{"o":{"default":{},"required":["a"],"properties":{"a":{"type":"null","default":null}}}},"required":["o"]}`, compat.Compatible, ""},
		{"in items", "items lead to defaults", `{"type":"array","items":{"type":"object","maxProperties":0}}`, `{"items":` + defaulted + `}`, compat.Compatible, ""},
		{"through $ref and allOf", "they apply to the same object", `{"type":"object","maxProperties":0}`, `{"$ref":"#/$defs/a","$defs":{"a":{"allOf":[{"required":["n"]},{"properties":{"n":{"$ref":"#/$defs/n"}}}]},"n":{"default":2,"minimum":2}}}`, compat.Compatible, ""},
		{"closed by another branch", "the default itself is refused there", `{"type":"object","maxProperties":0}`, `{"allOf":[{"properties":{"n":{"default":1}}},{"additionalProperties":false}]}`, compat.Incompatible, ""},
		{"recursive", "each node's default", `{"type":"object","properties":{"next":{"type":"object","maxProperties":0}},"additionalProperties":false}`, `{"required":["n"],"properties":{"n":{"default":0},"next":{"$ref":"#"}}}`, compat.Compatible, ""},
		{"in anyOf", "no library fills in there", `{"type":"object","maxProperties":0}`, `{"anyOf":[` + defaulted + `]}`, compat.Incompatible, ""},
		{"beside anyOf", "it sees what is filled in", `{"type":"object"}`, `{"properties":{"n":{"default":1}},"anyOf":[{"required":["n"]}]}`, compat.Undecided, "beside anyOf"},
		{"beside minProperties", "it counts what is filled in", `{"type":"object"}`, `{"properties":{"n":{"default":1}},"minProperties":1}`, compat.Undecided, "beside minProperties"},
		{"below oneOf", "it looks into the object", `{"type":"object"}`, `{"oneOf":[{"properties":{"o":{"required":["n"]}}},{"properties":{"o":{"maxProperties":0}}}],"properties":{"o":{"properties":{"n":{"default":1}}}}}`, compat.Undecided, "beside oneOf"},
		{"above minProperties", "it does not look into the object", `{"type":"object","minProperties":1,"properties":{"o":{"type":"object","properties":{"n":{"type":"integer"}}}}}`, `{"minProperties":1,"properties":{"o":` + defaulted + `}}`, compat.Compatible, ""},
		{"two defaults", "which one is put there?", `{}`, `{"allOf":[{"properties":{"n":{"default":1}}},{"properties":{"n":{"default":2}}}]}`, compat.Undecided, "two"},
		{"shared", "required counts in one place and not in the other", `{}`, `{"$defs":{"r":{"required":["n"]}},"properties":{"a":{"$ref":"#/$defs/r"},"b":{"allOf":[{"$ref":"#/$defs/r"}],"properties":{"n":{"default":1}}}}}`, compat.Undecided, "one schema"},
		{"shared on a condition", "likewise", `{}`, `{"$defs":{"r":` + defaulted + `},"properties":{"a":{"$ref":"#/$defs/r"},"b":{"not":{"$ref":"#/$defs/r"}}}}`, compat.Undecided, "one schema"},
		{"without end", "each default needs another", `{}`, `{"properties":{"next":{"$ref":"#","default":{}}}}`, compat.Undecided, "without end"},
		{"in a tuple", "libraries differ", `{}`, `{"prefixItems":[` + defaulted + `]}`, compat.Undecided, "tuple"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := compat.Contained(load(t, tt.writer), load(t, tt.reader), compat.Policy{DefaultsFill: true})
			if got.Verdict != tt.want || !strings.Contains(got.Reason.String(), tt.why) {
				w, _ := json.Marshal(got.Witness)
				t.Errorf("%s %s (%v), want %s (%s): %s", got.Verdict, w, got.Reason, tt.want, tt.why, tt.reason)
			}
		})
	}
}

// Every verdict on small readers with defaults, against filling in by hand and
// validating. The readers are of the shape {o: {n, m}}, with keywords drawn.
func TestDefaultsFillBrute(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	leaf := func() string {
		return pick(`{}`, `{"type":"integer"}`, `{"type":"integer","default":1}`, `{"type":"integer","default":"x"}`, `{"default":null}`, `{"minimum":2,"default":2}`, `false`)
	}
	object := func(n, m string) string {
		return `{"properties":{"n":` + n + `,"m":` + m + `}` + pick("", `,"required":["n"]`, `,"required":["n","m"]`) + pick("", "", `,"additionalProperties":false`) + pick("", `,"type":"object"`) +
			pick("", "", "", `,"minProperties":1`, `,"anyOf":[{"required":["m"]},{"type":"object"}]`) + `}`
	}
	var universe []any
	leaves := []any{nil, json.Number("1"), json.Number("2"), "x"}
	for i := range 25 {
		o := map[string]any{}
		if n := i % 5; n < 4 {
			o["n"] = leaves[n]
		}
		if m := i / 5; m < 4 {
			o["m"] = leaves[m]
		}
		universe = append(universe, o, map[string]any{"n": o}, map[string]any{"n": o, "m": json.Number("1")})
	}
	verdicts := map[compat.Verdict]int{}
	for range 3000 {
		text := object(leaf(), leaf())
		if random.IntN(3) == 0 {
			text = object(`{"allOf":[`+text+`]`+pick("", `,"default":{}`)+`}`, leaf())
		}
		reader, writer := load(t, text), load(t, object(leaf(), leaf()))
		a := compat.Contained(writer, reader, compat.Policy{DefaultsFill: true})
		verdicts[a.Verdict]++
		if a.Verdict == compat.Undecided {
			continue
		}
		for _, v := range universe {
			if writer.Compiled.Validate(v) == nil && reader.Compiled.Validate(filledByHand(reader.Root, copied(v))) != nil && a.Verdict == compat.Compatible {
				t.Fatalf("compatible, but %v is refused\nwriter %s\nreader %s", v, writer.Root.JSON(), text)
			}
		}
		if a.Verdict == compat.Incompatible && (writer.Compiled.Validate(a.Witness) != nil || reader.Compiled.Validate(filledByHand(reader.Root, copied(a.Witness))) == nil) {
			t.Fatalf("%v is no witness\nwriter %s\nreader %s", a.Witness, writer.Root.JSON(), text)
		}
	}
	t.Log(verdicts)
	if verdicts[compat.Compatible] < 300 || verdicts[compat.Incompatible] < 300 || verdicts[compat.Undecided] > 2000 {
		t.Errorf("%v: the pairs drawn are too much alike", verdicts)
	}
}

// filledByHand knows properties and allOf only.
func filledByHand(n *schema.Node, v any) any {
	o, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if all := n.Get("allOf"); all != nil {
		for _, sub := range all.Items {
			v = filledByHand(sub, v)
		}
	}
	if properties := n.Get("properties"); properties != nil {
		for _, p := range properties.Members {
			if d := p.Value.Get("default"); d != nil && p.Value.Kind == schema.Object {
				if _, there := o[p.Name]; !there {
					o[p.Name] = d.Value()
				}
			}
			if member, there := o[p.Name]; there {
				o[p.Name] = filledByHand(p.Value, member)
			}
		}
	}
	return o
}
