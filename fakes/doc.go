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
// retry, matching, timeout); the circuit breaker, one for each component of a
// sidecar and for both directions; the dead letter topic; messages that stay pending
// without one and come again after processingTimeout; bulk subscribe; routing
// rules; time to live; scopes. What daprd loses, the fake loses too: an answer of
// 404 is acknowledged without a dead letter.
//
// # Bulk subscribe
//
// Each entry of a bulk delivery has delivered and answered entries of its own in
// the journal. daprd 1.16 hands the messages of a batch in, and calls the paths of
// a batch, in a random order; the fake in theirs. What depends on that order (a
// message that is no CloudEvent is lost where one that is follows it; entries of
// a path whose call times out or is refused are lost where another path was called
// before) is one of the outcomes that daprd can have. Where daprd would panic, a
// DROP in a retry, the batch stays pending and the log says so. What is published in
// a bulk handler has no known cause, and Redeliver does not bring entries again,
// as in the harness.
//
// # Streaming subscriptions
//
// A stream of an app's client gets events as from daprd, and needs no app port:
// [world.None]. It is in the consumer group of the app's own subscriptions. Some of
// what daprd 1.16 does with streams is easily taken for a defect of the fake:
//
//   - a stream that ends fails what is in flight on it, with or without the
//     app's fault: dead-lettered, or pending until somebody reads the group again;
//   - until the last delivery of a stream that ended is over, its policy's retries
//     and 400 ms included, daprd starts no other stream of the app;
//   - the next event on the topic of a stream that ended is taken by its last,
//     blocked read in Redis, and comes again after processingTimeout;
//   - answers are told apart by CloudEvents id alone: of two events in flight with
//     one id the first gets no answer, and an answer that comes after the policy's
//     timeout is that of the next attempt.
//
// What a worker had not begun with when a stream ended stays pending, and is not
// dead-lettered; that is one of the orders that daprd can make. A backlog is
// delivered: daprd can lose the race between its first read and the registration of
// the stream (suspected from timing now and then), and the event then counts as failed. An app
// that answers one event twice at the same moment can make daprd panic; the second
// answer is ignored here. LoseAnswer and FailDelivery break the stream.
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
// In real time a delivery begins while the test still sends: only a bubble has a
// moment at which all have paused. What is sent within one is sent before the first
// delivery.
//
// # Long runs
//
// A world keeps all that happened: the journal, the streams (Redis deletes nothing),
// what each app handled. With [world.Config].JournalTo it keeps what is open: the
// journal goes to a writer, and an event is forgotten once every consumer group on
// its topic has acknowledged it.
//
// # Not simulated
//
// Refused with an error that says so, never passed over in silence: state, bindings, actors,
// service invocation and all other building blocks; other brokers than Redis
// (they become Redis, which the journal's head lists); app health checks; trace
// sampling (daprd's envelope then carries span ids; here they are zero); other
// versions than 1.16.
package fakes
