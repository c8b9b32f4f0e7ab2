// Package proxy stands on both channels between a real daprd and an app,
// records what passes and injects faults.
//
// An [App] stands on the app channel, where daprd calls the app; an [API] on the
// way from the app to daprd's API, where events are published. Neither knows how
// daprd was started: they are given addresses and report to a [world.Recorder].
// All that they record is seen by [journal.Proxy]; what the broker did they
// cannot see, and do not guess.
//
// # What passes unchanged
//
// Every call of either side is passed on, known or not, streaming or not:
// method, path and query as written, headers, metadata, bodies, messages byte
// for byte, status, trailers, deadlines, cancellation. The exceptions:
//
//   - a publish for which daprd would draw a random id gets one from
//     [APIConfig].NewID, as the publish metadata "cloudevent.id". Redis keeps
//     publish metadata, so an HTTP app gets a header of that name with the
//     delivery. CloudEvents of the app's own and raw payloads are left alone,
//     and so is an entry of a bulk publish that has no metadata while its
//     request has some: with metadata of its own, that of the request would
//     take effect (dapr v1.16.0 pkg/api/grpc/grpc.go). The entries recorded
//     state the metadata that the app gave;
//   - headers of a single connection (Connection, Keep-Alive, …) are each
//     connection's own, and gRPC's user-agent is the proxy's.
//
// # Delivery semantics
//
// A delivery is a POST with content type application/cloudevents+json, or a
// call of AppCallback.OnTopicEvent. It is recorded before the app is called
// (delivered), and once more when the app answered (answered), with the answer
// as daprd 1.16 reads it (pkg/runtime/subscription/postman/{http,grpc}): SUCCESS,
// RETRY, DROP, any other status as it was written ("BANANA", "status 7"), else
// "HTTP 500" or "gRPC Unavailable". If the connection broke, the handler panicked,
// nobody listens at the app's address, daprd hung up or the incarnation was
// fenced, the answer is [journal.NoAnswer], and daprd sees a broken connection
// too: HTTP without any answer, gRPC Unavailable.
//
// Between two incarnations, while a restarted app is starting, daprd goes on
// calling, as it does when an app is down. Such a call ends as a broken
// connection, and nothing is recorded: the app was not called, so no attempt is
// counted and no fault is used up. What daprd makes of it is its policy's: an
// event that has a dead letter topic and no retries is on that topic then.
//
// The topic is the one that the app subscribed to. Over HTTP it is not in the
// request: a dead letter names the topic on which it failed. It is found by the
// route, in the app's answer to GET /dapr/subscribe and the declarative
// subscriptions. Where one route serves several topics, the event's own topic is
// taken: give a dead letter topic a route of its own.
//
// Over gRPC daprd hands over data and attributes, not the envelope. The
// envelope is not made up from them: such an entry carries no data, unless the
// publish did.
//
// The entries of a bulk delivery are recorded one by one.
//
// A streaming subscription (SubscribeTopicEventsAlpha1) passes the API, message
// by message. Its events are recorded as delivered, protocol stream, and the app's
// answers as answered, found by CloudEvents id as daprd does; what is open when the
// stream ends is [journal.NoAnswer]. LoseAnswer and FailDelivery break the stream:
// the app sees Unavailable, daprd that its client is gone. Redeliver does not
// repeat such deliveries.
//
// # Publishing
//
// A publish that daprd took is recorded (published) before the app hears of it,
// with the envelope that [APIConfig].Envelope reads back from the broker. Where
// that fails, the entry has no data and a note that says why. One that daprd did
// not take is publish-failed with "HTTP 403" or "gRPC InvalidArgument".
//
// daprd may deliver an event before it answers the publish. [API.Await], given
// as [AppConfig].Published, lets that delivery wait until the publish is recorded.
//
// # Faults
//
//   - [faults.LoseAnswer]: the app is called. Recorded are delivered, answered
//     with what the app answered, and fault-injected, whose cause is the
//     delivered entry. daprd sees a broken connection.
//   - [faults.FailDelivery]: the app is not called, so only fault-injected is
//     recorded, with app, topic and event; its cause is the published entry,
//     where that was seen. daprd sees a broken connection.
//   - [faults.Redeliver]: see [App.Redeliver]. Recorded are fault-injected,
//     whose cause is the delivered entry that is repeated, delivered and answered.
//     Other faults do not strike a repetition, and a repetition is not repeated.
//     Between two incarnations it is an error.
//
// A delivery whose answer was lost is not handled: daprd brings it again itself.
// A fault that matches one entry of a bulk delivery strikes the whole call;
// bulk deliveries are not repeated by Redeliver.
//
// # Time
//
// The real clock, for durations and for three limits: [UpstreamTimeout], 10 s to
// read an envelope back, 10 s for handlers to return at Close.
//
// # Limits
//
//   - A gRPC bulk publish that failed in part is an error without the entries'
//     ids (dapr v1.16.0 pkg/api/grpc/grpc.go): all are recorded as failed. What
//     was written all the same is known to Redis only.
//   - The Go SDK v1.14.0's PublishEvents fails at daprd 1.16, with this proxy as
//     without: daprd answers the stable BulkPublishEvent, which it does not have,
//     with Unknown ("failed to proxy request: …"), and the SDK falls back to the
//     alpha method only for Unimplemented. Recorded is what daprd said.
//   - A publish that ended because the app hung up is publish-failed, though
//     daprd may have taken it.
//   - That daprd gives up on a streamed event at the inbound policy's timeout
//     cannot be seen: it is recorded by the same clock here.
//   - Handled deliveries are kept in memory, to be repeated.
package proxy
