// Command bench times the fake beside what others have in its place, in one run,
// and prints a table of ratios:
//
//	go -C fakes/bench run .
//
// A time is that of a message from the publish call until it is handled and
// acknowledged, one after another. The paths take turns, round by round, and of
// each path's rounds the median counts: what else runs on the machine slows all of
// them alike. Every handler is handed the same envelope; the fake makes it
// anew for each message, the others are given it.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	goruntime "runtime"
	"slices"
	"syscall"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 15, "rounds; the median of each path counts")
	messages := flag.Int("messages", 2000, "messages of a path in a round")
	flag.Parse()
	if err := run(os.Stdout, *rounds, *messages); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// timed is what was measured of a path.
type timed struct {
	name   string
	stream []time.Duration // a message of many in a row, by round
	single []time.Duration // a message on its own
	cpu    []time.Duration // of the process, a message, by round
	allocs uint64          // of a message
	bytes  uint64
}

func median(all []time.Duration) time.Duration {
	all = slices.Clone(all)
	slices.Sort(all)
	return all[len(all)/2]
}

// worked is the processor time that this process has used so far.
func worked() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func run(out io.Writer, rounds, messages int) error {
	envelope, err := envelopeOf()
	if err != nil {
		return err
	}
	var all []timed
	for _, p := range paths() {
		all = append(all, timed{name: p.name})
	}
	for range rounds {
		for i, p := range paths() {
			if err := measure(p, envelope, messages, &all[i]); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	table(out, all)
	return queueTable(out, map[int]int{10: 200, 1000: 20, 100_000: 1}, []int{10, 1000, 100_000})
}

// measure is one round of one path.
func measure(p path, envelope []byte, messages int, into *timed) error {
	o, err := p.open(envelope, func([]byte) {})
	if err != nil {
		return err
	}
	published := 0
	stream := func(messages int) error {
		for range messages {
			if err := o.publish(); err != nil {
				return err
			}
		}
		if published += messages; o.settled == nil {
			return nil
		}
		return o.settled(published)
	}
	if err := stream(200); err != nil {
		return err
	}
	goruntime.GC()
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	began, used := time.Now(), worked()
	if err := stream(messages); err != nil {
		return err
	}
	took, cpu := time.Since(began), worked()-used
	goruntime.ReadMemStats(&after)
	into.stream = append(into.stream, took/time.Duration(messages))
	into.cpu = append(into.cpu, cpu/time.Duration(messages))
	into.allocs = (after.Mallocs - before.Mallocs) / uint64(messages)
	into.bytes = (after.TotalAlloc - before.TotalAlloc) / uint64(messages)
	began = time.Now()
	for range messages / 10 {
		if err := stream(1); err != nil {
			return err
		}
	}
	into.single = append(into.single, time.Since(began)/time.Duration(messages/10))
	return o.close()
}

// ratio is one path's figure over another's, and what it is to be.
type ratio struct {
	what     string
	of, over string
	wanted   float64
	single   bool // compared as a message on its own: calls that wait for each other
	inverse  bool // a throughput: at least wanted
}

var ratios = []ratio{
	{what: "fake, direct : Watermill GoChannel", of: "fake, direct", over: "Watermill GoChannel", wanted: 1},
	{what: "fake, direct : go-cloud mempubsub", of: "fake, direct", over: "go-cloud mempubsub", wanted: 0.5},
	{what: "bare unary call : go-sdk publish alone", of: "bare unary call", over: "fake, go-sdk publish alone", wanted: 0.85, inverse: true, single: true},
	{what: "two bare calls : publish to gRPC handler", of: "two bare calls", over: "fake, go-sdk publish to gRPC handler", wanted: 0.85, inverse: true, single: true},
}

func table(out io.Writer, all []timed) {
	by := make(map[string]timed)
	fmt.Fprintf(out, "%-40s %10s %10s %10s %8s %8s\n", "a message, published to acknowledged", "in a row", "alone", "CPU", "allocs", "bytes")
	for _, t := range all {
		by[t.name] = t
		fmt.Fprintf(out, "%-40s %10s %10s %10s %8d %8d\n", t.name, median(t.stream).Round(10*time.Nanosecond), median(t.single).Round(10*time.Nanosecond),
			median(t.cpu).Round(10*time.Nanosecond), t.allocs, t.bytes)
	}
	fmt.Fprintf(out, "\n%-40s %10s %10s %10s   %s\n", "ratios", "in a row", "alone", "CPU", "wanted")
	for _, r := range ratios {
		a, b := by[r.of], by[r.over]
		want, column := "at most", "in a row"
		if r.inverse {
			want = "at least"
		}
		if r.single {
			column = "alone"
		}
		fmt.Fprintf(out, "%-40s %10.2f %10.2f %10.2f   %s %.2f %s\n", r.what, over(a.stream, b.stream), over(a.single, b.single), over(a.cpu, b.cpu), want, r.wanted, column)
	}
}

// over is the median of the ratios, round by round: a round's paths were slowed by
// about the same.
func over(a, b []time.Duration) float64 {
	each := make([]float64, len(a))
	for i := range a {
		each[i] = float64(a[i]) / float64(b[i])
	}
	slices.Sort(each)
	return each[len(each)/2]
}
