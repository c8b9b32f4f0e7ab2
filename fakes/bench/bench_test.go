package main

import "testing"

// BenchmarkPaths is one stream of messages for each path: published one after
// another, until the last is acknowledged.
func BenchmarkPaths(b *testing.B) {
	envelope, err := envelopeOf()
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range paths() {
		b.Run(p.name, func(b *testing.B) {
			o, err := p.open(envelope, func([]byte) {})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if err := o.publish(); err != nil {
					b.Fatal(err)
				}
			}
			if o.settled != nil {
				if err := o.settled(b.N); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if err := o.close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
