// Package journal is what happened: an append-only list of entries that every
// check, report, picture and comparison reads, and nothing else.
//
// The fake writes one, the harness over real Dapr writes one, and a production
// log can be turned into one. A check never cares where its journal came from;
// it cares who saw each fact.
//
// # Who saw it
//
// [Entry.SeenBy] names the observer. A proxy sees calls: what was published,
// delivered and answered. What the broker did (acknowledged, pending) is known
// only to the engine of the fake and to Redis, and that an event was
// dead-lettered, dropped or expired also to daprd's log and to an imported one.
// Such a fact from anybody else is not counted. Where nobody was there who
// could have seen a fact, a check says "not witnessed" and never guesses.
//
// # What is one event
//
// To the ledger, events with the same identity ([contract.Ref]) on the same
// topic are one event, however often they were published and under however
// many CloudEvents ids: an outbox relay that publishes twice gets two ids from
// daprd. An entry that states no identity has that of its cause, else that of
// the entries with its id, else its id.
//
// # What becomes of an event
//
// Each event on a topic has, for each app that subscribes to it, one [Fate].
// Events published before anybody subscribed count: a new consumer group of
// Redis receives the whole history of the stream (XGROUP CREATE … 0,
// components-contrib v1.16.0 pubsub/redis/redis.go). Dead letter topics are
// topics like others; a dead-lettered entry puts the event on one.
//
// An HTTP 404 or a gRPC Unimplemented makes daprd 1.16 acknowledge without a
// dead letter (dapr v1.16.0 pkg/runtime/subscription/postman/http/http.go,
// grpc/grpc.go). The fake says so with [Dropped]. Redis shows only that the
// event was acknowledged: it counts as dropped if the app's calls were seen, no
// answer was SUCCESS and there is no dead letter.
//
// # Lines
//
// [Journal.WriteTo], [Journal.StreamTo] and [Read] speak JSON lines: the head
// first, then one entry a line, durations as Go writes them ("1.5s"). The
// schema of a line is schemas/journal.schema.json. [Read] refuses what it does
// not know, with the line's number.
//
// # Limits
//
// A journal is kept in memory as a whole, unless it is streamed and not kept
// ([Journal.StreamOnly]): then checks are made on what was read back. Two publishes with one CloudEvents id
// are told apart at the broker only where the entries state their cause.
package journal
