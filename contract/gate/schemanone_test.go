package gate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/gate"
)

// To take the schemas away with schema: none is to edit what was published, or
// to remove it.
func TestSchemaNone(t *testing.T) {
	noReads := map[string]string{v1: "", "order.placed/v1.examples": "", "order.placed/payments.reads.schema.json": ""}
	plain := "event: order.placed\ntopic: orders.placed\nversion: {from: /data/version}\n"
	for _, tt := range []struct {
		name, reason string
		base, head   map[string]string
		want         []string // rule: text
	}{
		{"consumed", "audit and payments declare it, mail in its own directory", nil,
			over(noReads, map[string]string{yaml: plain + "schema: none\nconsumers: [{app: payments, versions: [1]}, {app: audit}]\n"}),
			[]string{"GATE_EDITED: order.placed v1 is published, and its schema was taken away, so that it accepts anything: audit, mail and payments declare it"}},
		{"not consumed", "published is published", map[string]string{yaml: plain, "order.placed/payments.reads.schema.json": "", "consumers": ""},
			map[string]string{v1: "", "order.placed/v1.examples": "", yaml: plain + "schema: none\n"},
			[]string{"GATE_EDITED: order.placed v1 is published, and its schema was taken away, so that it accepts anything"}},
		{"version gone", "v2 is gone with its schema, and only consumers/ declares it", map[string]string{v2: orders[v1], yaml: plain, "order.placed/payments.reads.schema.json": ""},
			map[string]string{v1: "", v2: "", "order.placed/v1.examples": "", yaml: plain + "schema: none\n"},
			[]string{
				"GATE_EDITED: order.placed v1 is published, and its schema was taken away, so that it accepts anything: mail declares it",
				"GATE_VERSION_REMOVED: order.placed v2 is removed with all schemas, but mail declares it in HEAD:.",
			}},
		{"version gone that contract.yaml declares", "one finding for it", map[string]string{v2: orders[v1], "consumers": "", "order.placed/payments.reads.schema.json": "", yaml: plain + "consumers: [{app: audit, versions: [2]}]\n"},
			map[string]string{v1: "", v2: "", "order.placed/v1.examples": "", yaml: plain + "schema: none\n"},
			[]string{
				"GATE_VERSION_REMOVED: order.placed v2 is removed, but audit declares it in HEAD:.",
				"GATE_EDITED: order.placed v1 is published, and its schema was taken away, so that it accepts anything",
			}},
		{"draft", "a draft may go", map[string]string{yaml: plain + "versions: {1: {status: draft}}\n", "order.placed/payments.reads.schema.json": "", "consumers": ""},
			map[string]string{v1: "", "order.placed/v1.examples": "", yaml: plain + "schema: none\n"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRepository(t, over(orders, tt.base))
			r.write(tt.base)
			r.commit("base")
			r.write(tt.head)
			t.Chdir(r.dir)
			base, err := gate.Revision(t.Context(), ".", "HEAD")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range check(t, gate.Config{Head: directory(t, "."), Base: base}).Findings {
				got = append(got, f.Rule+": "+f.What)
				if !strings.HasPrefix(f.Place.String(), yaml) {
					t.Errorf("at %s, want %s", f.Place, yaml)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
		})
	}
}
