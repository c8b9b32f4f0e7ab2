// Package scenario holds ready-made checks that run on any world: the fake
// (fakes.Start) or real Dapr (harness.Start), with the same test code.
//
//   - [Publishing]: what an action publishes is exactly what the contracts say.
//   - [Redelivery]: an event that comes twice takes effect once.
//   - [DeadLetter]: an event that the app refuses ends on its dead letter topic,
//     after as many deliveries as the resiliency policy says, and harms nobody.
//
// Each is a struct with two faces: Findings returns what is broken as values,
// and Run reports them to a test. They work with contracts (world.Config) and
// without; with contracts a finding names the line of the promise.
//
// # What they read
//
// A scenario drives the world, waits until it has settled, and reads its
// journal, only the part written meanwhile. So one scenario may follow another
// on the same world, but not run beside it: what an app does of its own accord
// at the same time is taken for an effect of the scenario.
//
// # Time
//
// The fake waits on the clock of the test: in a testing/synctest bubble no
// time passes for real. On real Dapr retries take as long as the resiliency
// policy says; a scenario that will wait logs for how long first.
// world.Config.Clocks shortens the waits.
//
// # What is a finding
//
// A broken promise is a [contract.Violation]. A mistake in the scenario itself
// (no app of that name, an action that fails) is an error, and ends the test.
// What a world cannot do is an error that is [errors.ErrUnsupported] where
// nothing can be checked without it, and skips the test; otherwise only that
// part is skipped. Both say why.
//
// # Limits
//
// A circuit breaker that opens ends deliveries earlier than the retry policy
// says; the scenarios do not foresee it. Bulk subscriptions are not handled.
package scenario
