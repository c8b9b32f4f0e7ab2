package contract

// The rule ids of checks on a single event. They are stable: they are written
// in waivers, in Expect calls and in CI logs.
const (
	RuleAttribute   = "EVENT_ATTRIBUTE"    // a CloudEvents 1.0 attribute is missing or malformed
	RuleUnsafe      = "EVENT_UNSAFE"       // duplicate key, number too large to be handled exactly, …: refused before validation
	RuleNoContract  = "EVENT_NO_CONTRACT"  // no contract for this pubsub and topic
	RuleNoMatch     = "EVENT_NO_MATCH"     // contracts for the topic, none whose match fits
	RuleVersion     = "EVENT_VERSION"      // its version is not one of the contract's
	RuleDraft       = "EVENT_DRAFT"        // a version with status draft was published
	RuleContentType = "EVENT_CONTENT_TYPE" // not the contract's dataContentType
	RuleSchema      = "EVENT_SCHEMA"       // the schema does not accept it
	RuleUndeclared  = "EVENT_UNDECLARED"   // a property that the schema does not declare, under undeclared: absent
	RuleIdentity    = "EVENT_IDENTITY"     // the identity pointer finds nothing
	RuleCorrelation = "EVENT_CORRELATION"  // the correlation pointer finds nothing
)

// The rule ids of checks on a journal (contract/journal).
const (
	RuleLost         = "EVENT_LOST"       // published, and never handled nor accounted for by a subscribed app
	RuleDuplicated   = "EVENT_DUPLICATED" // handled more than once
	RuleUnexpected   = "EVENT_UNEXPECTED" // delivered, though nobody published it
	RulePending      = "EVENT_PENDING"    // still with the broker: delivered, never acknowledged
	RuleNotWitnessed = "NOT_WITNESSED"    // nobody who could know the fact was there to see it
)

// The rule ids of the worlds' own checks (fakes, harness) and of the scenarios.
const (
	RuleProducer   = "PUBLISH_PRODUCER"         // published by an app that the contract does not name as producer
	RuleForeignApp = "PUBLISH_FOREIGN"          // published through another app's sidecar
	RuleMissing    = "PUBLISH_MISSING"          // the action did not publish what it should
	RuleExtra      = "PUBLISH_EXTRA"            // the action published what it should not
	RuleMetadata   = "PUBLISH_METADATA"         // publish metadata (partitionKey, ttlInSeconds, …) not as declared
	RuleIdempotent = "DELIVERY_AT_LEAST_ONCE"   // a redelivery, or a second publish of the same identity, changed the consumer's state or published again
	RuleRefuse     = "DEAD_LETTER_ACKNOWLEDGED" // the app acknowledged the poison event
	RuleDeliveries = "DEAD_LETTER_DELIVERIES"   // delivered more or less often than the resiliency policy says
	RuleDeadLetter = "DEAD_LETTER_MISSING"      // did not arrive on the declared dead letter topic
	RuleAltered    = "DEAD_LETTER_ALTERED"      // arrived there with another id or other bytes
	RuleUnharmed   = "DEAD_LETTER_NEIGHBOUR"    // an event around the poison event was harmed
)
