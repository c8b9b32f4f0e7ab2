package gate_test

import (
	"fmt"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/gate"
	"github.com/eventproof/eventproof/contract/schema"
)

func TestDiffRefusesAnUnknownMode(t *testing.T) {
	s, err := schema.Parse("a.json", []byte(`{}`), schema.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := gate.Diff(s, s, "full_transitive", compat.Policy{}); err == nil || err.Error() != `compatibility "full_transitive" is not known: write backward, forward or full` {
		t.Errorf("got %v", err)
	}
}

func ExampleDiff() {
	old, err := schema.Parse("v1.json", []byte(`{"type": ["string", "null"]}`), schema.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	new, err := schema.Parse("v2.json", []byte(`{"type": "string"}`), schema.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	findings, notes, err := gate.Diff(old, new, "full", compat.Policy{})
	for _, note := range notes {
		fmt.Println(note)
	}
	for _, f := range findings {
		fmt.Println(f.Rule, f.What)
	}
	fmt.Println(err)
	// Output:
	// backward: incompatible, witness null
	// forward:  compatible: consumers on the old schema can read every event of the new one
	// step:     major: some reader breaks
	// policy:   undeclared properties are allowed
	// GATE_BACKWARD consumers on v2.json cannot read events of v1.json in which the event is null: v2.json says type "string", v1.json says ["string","null"]
	// <nil>
}
