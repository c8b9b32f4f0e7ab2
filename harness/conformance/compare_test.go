package conformance_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/harness/conformance"
)

// TestTheComparisonSeesEachDifference changes one thing at a time in a journal
// of the observed cases: a comparison that overlooks one of them proves nothing
// when it finds no difference between two worlds.
func TestTheComparisonSeesEachDifference(t *testing.T) {
	original := onTheFake(t, conformance.Observed())
	require.Empty(t, journal.Compare(original, original))
	first := func(kind journal.Kind) func(journal.Entry) bool {
		return func(e journal.Entry) bool { return e.Kind == kind && e.Event.ID == "event-of-http.500.retried" }
	}
	for _, c := range []struct {
		name   string
		entry  func(journal.Entry) bool
		change func(*journal.Entry)
	}{
		{"kind", first(journal.Published), func(e *journal.Entry) { e.Kind = journal.PublishFailed }},
		{"app", first(journal.Delivered), func(e *journal.Entry) { e.App = "another" }},
		{"topic", first(journal.Published), func(e *journal.Entry) { e.Topic = "another" }},
		{"event", first(journal.Answered), func(e *journal.Entry) { e.Event.ID = "event-of-http.400.retried" }},
		{"attempt", first(journal.Delivered), func(e *journal.Entry) { e.Attempt++ }},
		{"answer", first(journal.Answered), func(e *journal.Entry) { e.Answer = "HTTP 501" }},
		{"cause", first(journal.Delivered), func(e *journal.Entry) { e.Cause = 0 }},
		{"final state", first(journal.Acknowledged), func(e *journal.Entry) { e.Kind = journal.Pending }},
		{"dead letter topic", first(journal.DeadLettered), func(e *journal.Entry) { e.DeadLetterTopic = "another" }},
		{"one delivery fewer", first(journal.Answered), func(e *journal.Entry) { e.Event.ID = "nobody's" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := slices.IndexFunc(original.Entries(), c.entry)
			require.GreaterOrEqual(t, i, 0)
			changed := journal.New(original.Head())
			for n, e := range original.Entries() {
				if n == i {
					c.change(&e)
				}
				changed.Append(e)
			}
			differences := journal.Compare(original, changed)
			require.NotEmpty(t, differences)
			t.Log(differences[0])
		})
	}
}
