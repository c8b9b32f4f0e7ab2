// Package conformance holds the cases that the fake and real Dapr must answer
// alike.
//
// A [Case] is data: what an app answers to a delivery, under which policy, with
// or without a dead letter topic, and what Dapr makes of it, as was observed
// with the daprd 1.16.0 binary. [Run] plays any number of cases in any world,
// and [Verdicts] holds the world's journal against what each case wants. That
// two worlds agree entry by entry is then journal.Compare's to say.
//
// # Sources
//
// Each case names the file of Dapr that its behaviour comes from: D16 is module
// github.com/dapr/dapr v1.16.0, C16 is github.com/dapr/components-contrib v1.16.0.
package conformance
