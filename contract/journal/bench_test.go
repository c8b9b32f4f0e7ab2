package journal_test

import (
	"io"
	"testing"

	"github.com/eventproof/eventproof/contract/journal"
)

const benchEntries = 100_000

// large is a run of at least 100,000 entries.
func large(b *testing.B) *worlds {
	b.Helper()
	w := random(11, 20_000)
	if n := w.fake.Len(); n < benchEntries {
		b.Fatalf("only %d entries", n)
	}
	return w
}

func BenchmarkAppend(b *testing.B) {
	entries := large(b).fake.Entries()[:benchEntries]
	b.ReportAllocs()
	for b.Loop() {
		j := journal.New(journal.Head{World: "fake"})
		for _, e := range entries {
			j.Append(e)
		}
	}
}

func BenchmarkStream(b *testing.B) {
	entries := large(b).fake.Entries()[:benchEntries]
	b.ReportAllocs()
	for b.Loop() {
		j := journal.New(journal.Head{World: "fake"})
		stop := j.StreamTo(io.Discard)
		for _, e := range entries {
			j.Append(e)
		}
		if err := stop(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLedger(b *testing.B) {
	entries := large(b).fake.Entries()[:benchEntries]
	b.ReportAllocs()
	for b.Loop() {
		journal.LedgerOf(entries)
	}
}

func BenchmarkCheckDelivered(b *testing.B) {
	w := large(b)
	b.ReportAllocs()
	for b.Loop() {
		journal.CheckDelivered(w.fake.Journal)
	}
}

func BenchmarkCompare(b *testing.B) {
	w := large(b)
	b.ReportAllocs()
	for b.Loop() {
		if d := journal.Compare(w.fake.Journal, w.real.Journal); len(d) > 0 {
			b.Fatal(d[0])
		}
	}
}
