package journal

import (
	"encoding/json"
	"time"

	"github.com/eventproof/eventproof/contract"
)

// Kind says what an [Entry] records.
type Kind string

// The kinds of entry. "Who may see it" is not fixed by the kind: SeenBy says
// who did.
const (
	Subscribed     Kind = "subscribed"      // an app subscribed to a topic: App, PubSub, Topic, DeadLetterTopic
	Started        Kind = "started"         // an app's process, or its incarnation in ours, began; Attempt counts them
	Published      Kind = "published"       // the sidecar took a publish (its answer to the app was success); cause: the delivery that led to it
	PublishFailed  Kind = "publish-failed"  // the sidecar refused it; Answer says how
	Delivered      Kind = "delivered"       // a delivery began: Attempt; cause: the published entry
	Answered       Kind = "answered"        // the app answered it: Answer, Duration; cause: the delivered entry
	Retried        Kind = "retried"         // the sidecar will deliver it again; Due says when
	DeadLettered   Kind = "dead-lettered"   // put on DeadLetterTopic
	Dropped        Kind = "dropped"         // acknowledged without having been handled and without a dead letter
	Expired        Kind = "expired"         // its time to live had passed at delivery
	Acknowledged   Kind = "acknowledged"    // the broker holds it no more for this consumer group
	Pending        Kind = "pending"         // the broker still holds it for this consumer group; Due says when it comes again, where known
	FaultInjected  Kind = "fault-injected"  // Fault says which; cause: the entry it struck, where there is one
	ViolationFound Kind = "violation-found" // an event broke its contract as it passed: Note is the rule id
)

var kinds = []Kind{Subscribed, Started, Published, PublishFailed, Delivered, Answered, Retried, DeadLettered,
	Dropped, Expired, Acknowledged, Pending, FaultInjected, ViolationFound}

// Observer says who saw the fact. A check for which nobody who could know was
// there to see fails as "not witnessed".
type Observer string

const (
	Engine Observer = "engine" // the fake: it knows all
	Proxy  Observer = "proxy"  // between daprd and app: sees calls, never what the broker did
	Redis  Observer = "redis"  // XRANGE, XPENDING
	Daprd  Observer = "daprd"  // its log, metrics, metadata API
	Log    Observer = "log"    // an imported production log
)

var observers = []Observer{Engine, Proxy, Redis, Daprd, Log}

// Answers of an app to a delivery, as daprd reads them. Other HTTP status and
// gRPC codes are written as "HTTP 500" and "gRPC Unavailable".
const (
	Success = "SUCCESS"
	Retry   = "RETRY"
	Drop    = "DROP"
	// NoAnswer: the connection broke before an answer came.
	NoAnswer = "no answer"
)

// Entry is one fact. It is never changed after it was appended.
type Entry struct {
	Seq    int           `json:"seq"` // 1-based
	At     time.Duration `json:"at"`  // from the journal's start; in JSON a Go duration text: "1.5s"
	Kind   Kind          `json:"kind"`
	SeenBy Observer      `json:"seenBy"`
	App    string        `json:"app,omitempty"` // the app that published, or to which it was delivered
	PubSub string        `json:"pubsub,omitempty"`
	Topic  string        `json:"topic,omitempty"`
	Event  contract.Ref  `json:"event,omitzero"`
	// Protocol is http, grpc or stream; Route the path of a delivery, where there is one.
	Protocol string `json:"protocol,omitempty"`
	Route    string `json:"route,omitempty"`
	// Attempt counts the deliveries of this event to this app on this topic, from 1.
	Attempt  int           `json:"attempt,omitempty"`
	Answer   string        `json:"answer,omitempty"`
	Duration time.Duration `json:"duration,omitempty"` // of the app's work
	// Due is the time, from the journal's start, at which it comes again.
	Due             time.Duration `json:"due,omitempty"`
	DeadLetterTopic string        `json:"deadLetterTopic,omitempty"`
	Fault           string        `json:"fault,omitempty"`
	// Cause is the Seq of the entry that led to this one; 0 where there is
	// none or nobody can tell. Always less than Seq, so a journal is a forest.
	Cause int `json:"cause,omitempty"`
	// Metadata is the publish metadata (ttlInSeconds, partitionKey, …), on published entries.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Data is the whole event as it travelled, a CloudEvent (or raw bytes as
	// a JSON string), once per event: on its first entry. On a line it is
	// written as it is, but without line breaks between its parts.
	Data json.RawMessage `json:"data,omitempty"`
	Note string          `json:"note,omitempty"`
}

// Head is the first line of a journal.
type Head struct {
	Format        string            `json:"eventproofJournal"` // "1"
	World         string            `json:"world"`             // fake | containers | processes | attached | log
	Started       time.Time         `json:"started"`
	Versions      map[string]string `json:"versions,omitempty"`      // eventproof, dapr, go-sdk, redis, images
	Resources     []string          `json:"resources,omitempty"`     // kind/name (file:line)
	Substitutions []string          `json:"substitutions,omitempty"` // what was changed in the team's resources, and why
	Warnings      []string          `json:"warnings,omitempty"`      // what daprd silently ignores
	Seed          int64             `json:"seed,omitempty"`
}
