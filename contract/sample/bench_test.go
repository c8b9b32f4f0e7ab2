package sample_test

import (
	"testing"

	"github.com/eventproof/eventproof/contract/sample"
	"github.com/eventproof/eventproof/contract/schema"
	"github.com/eventproof/eventproof/contract/valueset"
)

// largest is the event of GitHub's latest release whose schema, with all that
// it refers to, is the largest.
func largest(tb testing.TB) *schema.Schema {
	tb.Helper()
	var best subject
	most := 0
	for _, s := range octokit(tb, "7.6.1") {
		if n := size(s.schema); n > most {
			best, most = s, n
		}
	}
	tb.Logf("%s: %d schemas", best.name, most)
	return best.schema
}

// BenchmarkThousand makes 1,000 valid samples of the largest event, each
// shown to the validator, and different from the others.
func BenchmarkThousand(b *testing.B) {
	s := largest(b)
	b.ReportAllocs()
	distinct, bytes := map[string]bool{}, 0
	for b.Loop() {
		made, err := sample.Values(s, sample.Valid, sample.Options{N: 1000})
		if err != nil || len(made.List) != 1000 {
			b.Fatal(len(made.List), err)
		}
		b.StopTimer()
		clear(distinct)
		bytes = 0
		for _, one := range made.List {
			distinct[text(one.Value)] = true
			bytes += len(text(one.Value))
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(len(distinct)), "distinct")
	b.ReportMetric(float64(bytes)/1000, "bytes/sample")
}

// BenchmarkPeer asks the algebra anew for each of 10 values of that event.
func BenchmarkPeer(b *testing.B) {
	s := largest(b)
	b.ReportAllocs()
	distinct := map[string]bool{}
	for b.Loop() {
		for seed := range uint64(10) {
			a := valueset.Of(s).Example(valueset.Budget{}, seed)
			if a.Verdict != valueset.Nonempty {
				b.Fatal(a.Reason)
			}
			distinct[text(a.Value)] = true
		}
	}
	b.ReportMetric(float64(len(distinct)), "distinct")
}

// BenchmarkNearMiss makes every near miss of that event.
func BenchmarkNearMiss(b *testing.B) {
	s := largest(b)
	n, without := 0, 0
	for b.Loop() {
		made, err := sample.Values(s, sample.NearMiss, sample.Options{N: 1000})
		if err != nil {
			b.Fatal(err)
		}
		n, without = len(made.List), len(made.Without)
	}
	b.ReportMetric(float64(n), "samples")
	b.ReportMetric(float64(without), "without")
}
