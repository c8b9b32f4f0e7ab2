package gate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/gate"
)

// What a change misplaces or breaks is refused in the same words with and
// without a base, whatever else changed; what is misplaced in both is refused
// too, since file names show it.
func TestStraysAreRefused(t *testing.T) {
	const contract, schema = "event: sub.event\ntopic: t\n", `{"type": "object"}`
	for _, tt := range []struct {
		name, reason string
		files        map[string]string
		notInBoth    bool // the base has it too: only contents show it, and they did not change
	}{
		{name: "too deep", reason: "a root holds event directories directly", files: map[string]string{"team/sub.event/contract.yaml": contract, "team/sub.event/v1.schema.json": schema}},
		{name: "too deep and broken", reason: "it is not read at all", files: map[string]string{"team/sub.event/contract.yaml": contract + "}{", "team/sub.event/v1.schema.json": schema}},
		{name: "too deep in an event", reason: "the directory belongs to an event that did not change", files: map[string]string{"order.shipped/sub/contract.yaml": contract}},
		{name: "contract.yml", reason: "it is not read", files: map[string]string{"other/contract.yml": contract, "other/v1.schema.json": schema}},
		{name: "no contract.yaml", reason: "a schema without a contract", files: map[string]string{"other/v1.schema.json": schema}},
		{name: "in the root", reason: "the root is no event", files: map[string]string{"contract.yaml": contract}},
		{name: "shared", reason: "it belongs to no event", files: map[string]string{"shared/new.schema.json": "{"}},
		{name: "not read", reason: "a schema whose name is none", files: map[string]string{"order.shipped/schema.json": schema}},
		{name: "capital", reason: "a version whose name is none", files: map[string]string{"order.shipped/V2.schema.json": schema}},
		{name: "examples of no version", reason: "nobody would check them", files: map[string]string{"order.shipped/v7.examples/a.json": "{}"}},
		{name: "examples of no name", reason: "nobody would check them", files: map[string]string{"order.shipped/first.examples/a.json": "{}"}},
		{name: "example of another kind", reason: "nobody would check it", files: map[string]string{"order.shipped/v1.examples/a.txt": "{}"}},
		{name: "consumer", reason: "not the name of what an app reads", files: map[string]string{"consumers/mail/order.placed.json": "{}"}},
		{name: "broken contract", reason: "it changed", files: map[string]string{"order.shipped/contract.yaml": orders["order.shipped/contract.yaml"] + "}{"}, notInBoth: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRepository(t, orders)
			t.Chdir(r.dir)
			r.write(tt.files)
			head := directory(t, ".")
			_, plain := gate.Check(t.Context(), gate.Config{Head: head, Today: today})
			if plain == nil {
				t.Fatalf("without a base: no error: %s", tt.reason)
			}
			against := func(what string) {
				t.Helper()
				base, err := gate.Revision(t.Context(), ".", "HEAD")
				if err != nil {
					t.Fatal(err)
				}
				_, err = gate.Check(t.Context(), gate.Config{Head: directory(t, "."), Base: base, Today: today})
				if err == nil {
					t.Errorf("%s: no error: %s", what, tt.reason)
				} else if diff := cmp.Diff(plain.Error(), err.Error()); diff != "" {
					t.Errorf("%s (-without a base +with one):\n%s", what, diff)
				}
			}
			against("alone")
			if tt.notInBoth {
				return
			}
			r.commit("misplaced")
			against("in both")
			r.write(map[string]string{v1: strings.Replace(orders[v1], `"number"`, `"integer"`, 1)})
			against("in both, with another change")
			// The repair is no reason to refuse.
			for name := range tt.files {
				r.write(map[string]string{name: ""})
			}
			base, err := gate.Revision(t.Context(), ".", "HEAD")
			if err != nil {
				t.Fatal(err)
			}
			got, err := gate.Check(t.Context(), gate.Config{Head: directory(t, "."), Base: base, Today: today})
			if err != nil || len(got.Findings) == 0 || got.Findings[0].Rule != gate.RuleEdited {
				t.Errorf("the repair, with another change: %v %v", rules(got.Findings), err)
			}
		})
	}
}

// Only misplaced contracts are left: it is not a root that was emptied.
func TestOnlyStrays(t *testing.T) {
	r := newRepository(t, map[string]string{"a/contract.yaml": "event: a\ntopic: t\n", "a/v1.schema.json": "{}"})
	t.Chdir(r.dir)
	base, err := gate.Revision(t.Context(), ".", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	r.git("mv", "a/contract.yaml", "a/contract.yml")
	if _, err = gate.Check(t.Context(), gate.Config{Head: directory(t, "."), Base: base, Today: today}); err == nil || !strings.Contains(err.Error(), "a/contract.yml:1: is not read: name it contract.yaml") {
		t.Errorf("got %v", err)
	}
	r.write(map[string]string{"a": "", "README.md": "all contracts went to another place"})
	if got, err := gate.Check(t.Context(), gate.Config{Head: directory(t, "."), Base: base, Today: today}); err != nil || len(got.Findings) > 0 {
		t.Errorf("an emptied root that nobody reads: %v %v", rules(got.Findings), err)
	}
}

// A base that cannot be read stops the gate, and says how to go on.
func TestBrokenBase(t *testing.T) {
	r := newRepository(t, over(orders, map[string]string{"order.shipped/contract.yaml": "event: order.shipped\ntopik: t\n"}))
	t.Chdir(r.dir)
	base, err := gate.Revision(t.Context(), ".", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	r.write(map[string]string{"order.shipped/contract.yaml": orders["order.shipped/contract.yaml"]})
	_, err = gate.Check(t.Context(), gate.Config{Head: directory(t, "."), Base: base, Today: today})
	for _, want := range []string{"HEAD:./order.shipped/contract.yaml:2", "what was promised there cannot be told", "an earlier base that can be read", "merge the repair by itself", "without --against"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s in it", err, want)
		}
	}
	// Where the head is broken as well, both are said.
	r.write(map[string]string{"order.shipped/contract.yaml": "event: order.shipped\ntopic: t\nproducer: shop\n"})
	if _, err = gate.Check(t.Context(), gate.Config{Head: directory(t, "."), Base: base, Today: today}); err == nil || !strings.Contains(err.Error(), "read:\norder.shipped/contract.yaml:3") || !strings.Contains(err.Error(), "of HEAD:.: ") {
		t.Errorf("both broken: got %v", err)
	}
}
