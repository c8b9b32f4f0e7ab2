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
// As daprd 1.16 with its Redis component, or as 1.17 where [world.Config].Dapr
// asks for it, and each rule's source is cited where
// it is coded: the CloudEvents envelope and its rules by content type; a consumer
// group for each app, which reads a topic from its beginning; the answers of
// HTTP and gRPC apps; the inbound resiliency policy (constant and exponential
// retry, matching, timeout); the circuit breaker, one for each component of a
// sidecar and for both directions; the dead letter topic; messages that stay pending
// without one and come again after processingTimeout; bulk subscribe; routing
// rules; time to live; scopes. What daprd loses, the fake loses too: in 1.16 an answer
// of 404 is acknowledged without a dead letter, and in 1.17 whatever fails without a
// dead letter topic.
//
// # Versions
//
// What differs between 1.16 and 1.17 is one table, in version.go. As of 1.17: the
// Redis component acknowledges what failed, unless processingTimeout had passed;
// HTTP 404 is DROP; a message whose metadata says application/octet-stream is a
// CloudEvent in binary mode (its body reaches an HTTP app bare, and a gRPC app not at
// all); cloudevent.subject is an override; bulk publish and bulk subscribe have their
// stable names; trace context is "" where there is none, and a raw payload published
// over gRPC has it in its metadata.
//
// # Component kinds
//
// In a world every pubsub component is Redis, whatever its type. The fake as a
// program keeps the types that need no broker:
//
//   - pubsub.in-memory: no history, no consumer groups; each subscription of the one
//     sidecar gets each message, one at a time; what fails is tried ten times 100 ms
//     apart (in 1.17 once) and is gone; in 1.16 the subscription's metadata takes the
//     place of the publisher's. A publish does not wait for the subscribers, and a
//     stream that ends takes no other subscription with it: both are defects of daprd's.
//   - pluggable components, on the sockets of DAPR_COMPONENTS_SOCKETS_FOLDER: the
//     component gets each publish under the outbound policy, and an acknowledgement or
//     daprd's own error text for each message. Of a connection to the app that
//     broke the text names no URL. As with daprd, a stream of messages that ends is not
//     opened again.
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
// # State
//
// The state API over gRPC and HTTP, as daprd 1.16 answers with state.in-memory:
// package fakes/state is the store. Each sidecar has its own state.in-memory, and
// it outlives the app's incarnations. Every other state store becomes one in
// memory too, which the journal's head lists, and which is shared by the apps that
// would share it; its ETags are UUIDs then, and it cannot be queried, whatever the
// product can do. State calls are not in the journal. Of an encrypted store
// (primaryEncryptionKey) the app sees what it sees with daprd: values that come
// back as text. The key is not read, and nothing is encrypted.
//
// # Outbox
//
// The outbox behind state transactions publishes as daprd's does, a second after the
// transaction; its events are published by the app in the journal. What is easily
// taken for a defect of the fake, and was observed with daprd 1.16:
//
//   - the event of a transaction that is not carried out (a wrong ETag, say) is
//     never given up, whatever outboxDiscardWhenMissingState says: daprd looks for its
//     marker for ever and has a worker less for that pubsub, and another one each
//     time that Redis brings the message again, until none is left;
//   - over HTTP a value without a content type is written as Go formats it,
//     map[n:1];
//   - all metadata of an operation become attributes of the event, such as
//     contentType, which CloudEvents does not allow for a name;
//   - a projection right behind another one is none, and where the last of several
//     comes last daprd panics (over gRPC it ends; the fake answers Unavailable);
//   - two outboxes with one topic, in one app, look for each other's markers.
//
// # Service invocation
//
// Apps of one world find each other by app id, as daprds of one network do by
// mDNS, and call each other through their sidecars: by InvokeService and the Go
// SDK's InvokeMethod, over HTTP (/v1.0/invoke, the header or the user
// dapr-app-id), or a service of the app's own by the metadata dapr-app-id. The
// headers that daprd adds and takes out, the codes of one protocol in terms of
// the other, its errors word for word, and Resiliency for apps are those of daprd
// 1.16 without a control plane. Surprising, and so with daprd:
//
//   - InvokeService tries every error again where the policy has retries, listed in
//     its matching or not; the HTTP API none of a gRPC app, whose errors are answers;
//   - a circuit breaker is one for each method of an app, not for the app;
//   - a gRPC app's context does not end when its caller gives up;
//   - who asks for text/event-stream gets an error from another app, and 200 from
//     its own, whatever that answers.
//
// An app that is down is a refused connection of its sidecar's, which stays: an
// error that daprd does not try again of itself. DaprBuiltInServiceRetries, for a
// sidecar that is not there, therefore never has an occasion. In errors an app
// that has no address is at 127.0.0.1:0; X-Forwarded headers tell 127.0.0.1 and
// localhost. A body or an answer is passed when it is whole, a stream of events
// too. What is published in an invoked handler has the cause that its caller had,
// where contexts carry it; the call itself is not in the journal. HTTPEndpoint
// resources are not read; a Configuration with accessControl, a pipeline or a
// nameResolution has invocations refused.
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
// # As a program
//
// [Host] runs sidecars as processes are run, and cmd/fakedaprd is a program made of
// it, for apps in any language: daprd's flags and ports, on the wall clock, with calls
// that run beside each other as soon as the component has a worker free. An app's health
// is asked there, a shutdown waits for what is under way, and a sidecar that is killed
// leaves it pending.
//
// # Not simulated
//
// Refused with an error that says so, never passed over in silence: bindings, actors
// and all other building blocks; other brokers than Redis
// (they become Redis, which the journal's head lists) but for the kinds above;
// pluggable components other than pubsub; in a world, app health checks; trace
// sampling (daprd's envelope then carries span ids) and the trace headers of a
// delivery; other versions than 1.16 and 1.17.
package fakes
