package world

import (
	"io"
	"io/fs"
	"time"

	"github.com/eventproof/eventproof/contract"
)

// Config says what a world is made of. The zero value is a strict,
// deterministic, first-in first-out world in which each event is delivered
// once, with one pubsub component named "pubsub" and no contracts.
type Config struct {
	// Contracts, when set, are held against every event that is published or
	// delivered: one that breaks them fails the test. See [World.Expect].
	Contracts *contract.Catalog
	// Resources are the team's own Dapr YAML: components, subscriptions,
	// resiliency, configuration. Later roots override earlier ones.
	Resources []fs.FS
	// StrictResources refuses to start where a resource would have to be
	// substituted (another broker than Redis, secrets, TLS).
	StrictResources bool
	// Dapr is the version whose behaviour the fake shows: "1.16" (default) or
	// "1.17". From 1.17 on an event that fails without a dead letter topic is
	// lost, not redelivered; HTTP 404 is dead-lettered; cloudevent.subject and the
	// stable bulk calls work. Real Dapr is of the version of its image, and the
	// harness logs where that is another.
	Dapr string
	// Seed draws the ids and the jitter. Default: from the test's name, so a
	// test is the same in each run; EVENTPROOF_SEED overrides.
	Seed int64
	// Rounds is how often an event may be redelivered by the broker, or by a
	// retry policy without end, before Settle gives it up as pending. Default 2.
	Rounds int
	// Horizon is how far ahead Settle waits for what is due. Default 5 minutes
	// on the world's clock.
	Horizon time.Duration
	// JournalTo, when set, makes a run of any length possible: the journal is
	// written to it entry by entry and kept nowhere else
	// (StreamOnly of its Journal), and the broker lets go of each event that
	// every consumer group on its topic has acknowledged. Such an event does not
	// reach a group that begins later, as it would in Redis; [World.Topic] does not
	// list it, and faults.Redeliver is refused. Close returns the writer's error, and
	// does not close it. Only the fake can.
	JournalTo io.Writer
	// Clocks shortens waits; what it changes is listed in the journal's head.
	Clocks Clocks

	_ struct{}
}

// Clocks are changes to the times in the team's resources, made only when
// asked for: a retry of an hour is not waited for on real Dapr.
type Clocks struct {
	// ProcessingTimeout and RedeliverInterval of Redis pubsub components:
	// a pending event comes again after their sum at the latest.
	ProcessingTimeout time.Duration
	RedeliverInterval time.Duration
	// RetryScale multiplies each retry duration of the resiliency policies:
	// 0.01 makes 5s into 50ms. 0 means 1.
	RetryScale float64
}

func (c Config) withDefaults() Config {
	if c.Dapr == "" {
		c.Dapr = "1.16"
	}
	if c.Rounds == 0 {
		c.Rounds = 2
	}
	if c.Horizon == 0 {
		c.Horizon = 5 * time.Minute
	}
	return c
}
