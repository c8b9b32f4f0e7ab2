package compat_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/eventproof/eventproof/contract/compat"
)

// The time of a comparison against the number of properties: at most n log n,
// so that ns/nlogn stays about the same, or falls.
func BenchmarkProperties(b *testing.B) {
	for _, tt := range []struct {
		name   string
		policy compat.Policy
	}{{"allowed", compat.Policy{}}, {"absent", compat.Policy{Undeclared: compat.Absent}}} {
		for _, n := range []int{10, 100, 1000, 10000} {
			b.Run(fmt.Sprintf("%s/%d", tt.name, n), func(b *testing.B) {
				old, new := load(b, wide(n, "string")), load(b, wide(n, "integer"))
				for b.Loop() {
					compat.Compare(old, new, tt.policy)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(float64(n)*math.Log2(float64(n))), "ns/nlogn")
			})
			b.Run(fmt.Sprintf("%s/same/%d", tt.name, n), func(b *testing.B) {
				old, new := load(b, wide(n, "string")), load(b, marked(wide(n, "string")))
				for b.Loop() {
					compat.Compare(old, new, tt.policy)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(float64(n)*math.Log2(float64(n))), "ns/nlogn")
			})
		}
	}
}
