package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
)

// telling are entries of which every member is stated by one, some in texts that
// must be escaped.
func telling() []journal.Entry {
	ref := contract.Ref{ID: "e-1", Type: "order.placed", Source: "orders", Identity: "ord-1"}
	return []journal.Entry{
		{Kind: journal.Subscribed, SeenBy: journal.Engine, App: "worker", PubSub: "pubsub", Topic: "orders", DeadLetterTopic: "dead", Protocol: "http", Note: "declarative"},
		{Kind: journal.Published, SeenBy: journal.Engine, App: "orders", PubSub: "pubsub", Topic: "orders", Event: ref, Protocol: "grpc",
			Metadata: map[string]string{"ttlInSeconds": "60", "cloudevent.id": "e-1", "a": ""}, Data: json.RawMessage(`{"id":"e-1","data":"<&>"}`)},
		{Kind: journal.Delivered, SeenBy: journal.Proxy, App: "worker", PubSub: "pubsub", Topic: "orders", Event: ref, Protocol: "http", Route: "/orders", Attempt: 1, Cause: 2},
		{Kind: journal.Answered, SeenBy: journal.Engine, App: "worker", Event: ref, Attempt: 1, Answer: "HTTP 500", Duration: 1500 * time.Microsecond, Cause: 3},
		{Kind: journal.Retried, SeenBy: journal.Engine, App: "worker", Event: contract.Ref{ID: "e-1"}, Due: 90 * time.Second, Cause: 4},
		{Kind: journal.FaultInjected, SeenBy: journal.Engine, Fault: "LoseAnswer(app=worker)", Note: "a \"quoted\" note\nof two lines, <&>"},
		{Kind: journal.Published, SeenBy: journal.Engine, Event: contract.Ref{ID: "größe"}, Metadata: map[string]string{"é": "\u2028"}},
		{Kind: journal.Published, SeenBy: journal.Engine, Event: contract.Ref{Identity: "\\"}, Data: json.RawMessage(" {\n\"a\":\r\n1}\n")},
		{Kind: journal.Published, SeenBy: journal.Engine, Data: json.RawMessage(`"text"`)},
		{Kind: journal.Published, SeenBy: journal.Engine, Data: json.RawMessage(`not JSON`)},
		{Kind: journal.Pending, SeenBy: journal.Redis, Metadata: map[string]string{}},
	}
}

// TestAStreamedEntryIsTheMarshalledOne holds the line that is put together by hand
// against that of encoding/json.
func TestAStreamedEntryIsTheMarshalledOne(t *testing.T) {
	var b bytes.Buffer
	j := journal.New(journal.Head{World: "fake"})
	stop := j.StreamTo(&b)
	for _, e := range telling() {
		j.Append(e)
	}
	require.NoError(t, stop())
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")[1:]
	require.Len(t, lines, len(telling()))
	for i, e := range j.Entries() {
		want, err := e.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, string(want), lines[i])
	}
}

func TestAStreamedJournalIsReadBackWhole(t *testing.T) {
	var b bytes.Buffer
	kept, streamed := journal.New(journal.Head{World: "fake"}), journal.New(journal.Head{World: "fake"})
	all := telling()
	streamed.Append(all[0]) // before it is streamed
	kept.Append(all[0])
	stop := streamed.StreamOnly(&b)
	for _, e := range all[1:] {
		e.At = time.Second
		require.Equal(t, kept.Append(e), streamed.Append(e))
	}
	require.NoError(t, stop())
	require.Equal(t, len(all), streamed.Len())
	read, err := journal.Read(&b)
	require.NoError(t, err)
	got, want := read.Entries(), kept.Entries()
	got[0].At, want[0].At = 0, 0
	for i := range want { // what is on a line has no breaks, and no empty map
		if line, err := want[i].MarshalJSON(); err == nil {
			require.NoError(t, json.Unmarshal(line, &want[i]))
		}
	}
	require.Empty(t, cmp.Diff(want[1:], got[1:]))
}

func TestAStreamedJournalSaysSoToWhoAsksForAllOfIt(t *testing.T) {
	j := journal.New(journal.Head{World: "fake"})
	require.False(t, j.Streamed())
	j.StreamOnly(&bytes.Buffer{})
	j.Append(journal.Entry{Kind: journal.Published, SeenBy: journal.Engine, Event: contract.Ref{ID: "1"}})
	require.True(t, j.Streamed())
	found := journal.CheckDelivered(j)
	require.Len(t, found, 1)
	require.Equal(t, contract.RuleNotWitnessed, found[0].Rule)
	require.Contains(t, found[0].What, "was streamed")
	_, err := j.WriteTo(&bytes.Buffer{})
	require.ErrorContains(t, err, "read what they were written to with journal.Read")
	require.PanicsWithValue(t, "journal: its entries were streamed and are not kept in memory: read what they were written to with journal.Read, and look at that; StreamTo keeps them",
		func() { j.Entries() })
	require.Panics(t, func() { _ = j.Wait(t.Context(), func([]journal.Entry) bool { return true }) })
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestAStreamThatFailsSaysSo(t *testing.T) {
	j := journal.New(journal.Head{World: "fake"})
	stop := j.StreamOnly(fullDisk{})
	require.Equal(t, 1, j.Append(journal.Entry{Kind: journal.Started, SeenBy: journal.Engine}))
	require.ErrorContains(t, stop(), "stream journal: no space")
}
