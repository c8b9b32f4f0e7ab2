// Package fakes is Dapr pub/sub in one process: a broker and, for each app, a
// sidecar that the real Go SDK speaks to and that calls the real app.
//
//	w := fakes.Start(t, world.Config{Resources: []fs.FS{os.DirFS("configs/dapr")}})
//	w.Attach("payment-worker", startWorker)
//	w.Send(ctx, event)
//	w.Settle(ctx)
//
// Nothing is mocked on the app's side: its client is go-sdk's own over a gRPC
// connection in memory, and its handlers are called as daprd calls them, over
// HTTP or gRPC. The team's own Dapr YAML is read as daprd reads it.
//
// # Delivery semantics
//
// As daprd 1.16 with its Redis component, and each rule's source is cited where
// it is coded: the CloudEvents envelope and its rules by content type; a consumer
// group for each app, which reads a topic from its beginning; the answers of
// HTTP and gRPC apps; the inbound resiliency policy (constant and exponential
// retry, matching, timeout); the dead letter topic; messages that stay pending
// without one and come again after processingTimeout; routing rules; time to
// live; scopes. What daprd loses, the fake loses too: an answer of 404 is
// acknowledged without a dead letter.
//
// # Time
//
// The fake has no clock of its own: it uses package time. Inside a
// testing/synctest bubble an hour of retries takes no time at all. Make and
// close everything inside the bubble; use no listener on a port in there.
//
// # Determinism
//
// One call of an app runs at a time, first in, first out, so a run is the same
// each time. A call that is still open after 50 ms (in a bubble: that waits for
// something) lets others run beside it, up to the component's concurrency, as
// daprd's workers would. Ids and jitter come from [world.Config].Seed.
//
// # Not simulated
//
// Refused with an error that says so, never passed over in silence: circuit
// breakers; bulk subscribe; streaming subscriptions; state, bindings, actors,
// service invocation and all other building blocks; other brokers than Redis
// (they become Redis, which the journal's head lists); app health checks; trace
// sampling (daprd's envelope then carries span ids; here they are zero); other
// versions than 1.16.
package fakes
