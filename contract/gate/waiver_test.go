package gate_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/gate"
)

// Only a run that could have used a waiver calls it unused.
func TestUnusedWaivers(t *testing.T) {
	for _, tt := range []struct {
		name, reason, waiver string
		base, with           bool
		want                 []string
	}{
		{"edited, no base", "only a base shows an edit", "rule: GATE_EDITED", false, true, nil},
		{"edited, base", "nothing was edited", "rule: GATE_EDITED", true, false, []string{gate.RuleWaiverUnused}},
		{"removed, no base", "only a base shows what is gone", "rule: GATE_VERSION_REMOVED", false, true, nil},
		{"removed, base", "nothing is gone", "rule: GATE_VERSION_REMOVED", true, false, []string{gate.RuleWaiverUnused}},
		{"backward, no base", "all versions are compared without one too", "rule: GATE_BACKWARD", false, false, []string{gate.RuleWaiverUnused}},
		{"reads, no other side", "the other side may read it", "rule: GATE_READS", true, false, nil},
		{"reads of a version, no other side", "the finding would be at our schema", "rule: GATE_READS, place: v1.schema.json", true, false, nil},
		{"reads of our own, no other side", "what it reads is here", "rule: GATE_READS, place: payments.reads.schema.json", false, false, []string{gate.RuleWaiverUnused}},
		{"reads, the other side", "it reads well", "rule: GATE_READS", true, true, []string{gate.RuleWaiverUnused}},
		{"reads elsewhere", "another repository that is not given", "rule: GATE_READS, place: consumers/stock/order.placed.reads.schema.json", true, true, nil},
		{"undecided, no base", "an edit may be undecided", "rule: GATE_UNDECIDED", false, true, nil},
		{"undecided, no other side", "what it reads may be undecided", "rule: GATE_UNDECIDED", true, false, nil},
		{"undecided, both", "all is decided", "rule: GATE_UNDECIDED", true, true, []string{gate.RuleWaiverUnused}},
		{"misspelled", "no run could use it", "rule: GATE_EDITD", false, false, []string{gate.RuleWaiverUnused}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			other := newRepository(t, map[string]string{"consumers/pay/order.placed.reads.schema.json": `{"required": ["id"]}`})
			r := newRepository(t, orders)
			t.Chdir(r.dir)
			r.write(map[string]string{yaml: orders[yaml] + fmt.Sprintf("waivers: [{%s, reason: r, expires: 2026-12-31}]\n", tt.waiver)})
			c := gate.Config{Head: directory(t, ".")}
			if tt.base {
				base, err := gate.Revision(t.Context(), ".", "HEAD")
				if err != nil {
					t.Fatal(err)
				}
				c.Base = base
			}
			if tt.with {
				c.With = []*gate.Tree{directory(t, other.dir)}
			}
			got := check(t, c)
			if diff := cmp.Diff(tt.want, rules(got.Findings)); diff != "" {
				t.Errorf("%s (-want +got):\n%s\n%s", tt.reason, diff, page(got))
			}
		})
	}
}

// A waiver may name what a consumer reads, wherever the finding is placed.
func TestWaiverOfReads(t *testing.T) {
	for _, tt := range []struct {
		name, reason, place string
		waived              bool
	}{
		{"the other repository's file", "what pay reads", "consumers/pay/order.placed.reads.schema.json", true},
		{"another app's file", "it speaks of mail", "consumers/mail/order.placed.reads.schema.json", false},
		{"the version", "where the finding is", "v1.schema.json", true},
		{"anywhere", "no place", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			other := newRepository(t, map[string]string{"consumers/pay/order.placed.reads.schema.json": `{"required": ["total"]}`})
			r := newRepository(t, orders)
			t.Chdir(r.dir)
			place := ""
			if tt.place != "" {
				place = "place: " + tt.place + ", "
			}
			r.write(map[string]string{yaml: orders[yaml] + fmt.Sprintf("waivers: [{rule: GATE_READS, %sreason: r, expires: 2026-12-31}]\n", place)})
			got := check(t, gate.Config{Head: directory(t, "."), With: []*gate.Tree{directory(t, other.dir)}})
			want := []string{gate.RuleReads}
			if !tt.waived {
				want = nil
			}
			if diff := cmp.Diff(want, rules(got.Waived)); diff != "" {
				t.Errorf("%s: waived (-want +got):\n%s\n%s", tt.reason, diff, page(got))
			}
		})
	}
}
