// Package differential plays random scenarios on the fake and on real Dapr, and
// says in what the two differ.
//
//	make differential                         # ten minutes of new scenarios
//	go test ./harness/conformance/differential -run '^TestSeed$' -seed 4711
//
// Without -duration one world of fixed seeds is played. Flags are -seed, -duration
// (also EVENTPROOF_DURATION), -scenarios (at a time), -findings (after which it
// ends), -patience (with the shrinking of one) and -planted. The counts printed are
// of executions: one is a scenario played on both worlds, shrinking included.
//
// A [Scenario] follows from a seed: pubsub components with their inbound
// policies, apps with their subscriptions and the answer that each gives to each
// attempt, and what is published. A [Stage] is a world that plays many at a time,
// each on topics and a component of its own, so that one start of daprd serves all
// of them. What is compared is what can be seen in both worlds: what the publisher
// was answered, what each app was given at each attempt (route, envelope, headers)
// and answered, what lies on each topic in the end, what is still pending, and the
// two journals by journal.Compare.
//
// # Order
//
// Scenarios are compared event by event: Dapr promises no order between events.
// The events of one HTTP app are played one after another, because daprd 1.16 mixes
// up simultaneous requests to one (see package harness). Events that stay pending
// on the fake are played last, so that what comes again and again does not meet the
// others.
//
// # What is left out
//
// What depends on who is faster: apps that share a consumer group, lifetimes that
// end while an event waits, policies that run longer than processingTimeout,
// streams that end. Package conformance has cases for most of them.
//
// # Shrinking
//
// A scenario that differs is played again, alone; one that then does not differ is
// reported as unstable, which is no verdict. Else it is made smaller as long as it
// differs: all the ways to leave something out are played at a time, in one world.
//
// # Planted defects
//
// With -planted TestPlantedDefectsAreFound builds the fake with one defect at a
// time (go test -overlay) and tells how long it takes until real Dapr is seen to
// differ from it.
package differential
