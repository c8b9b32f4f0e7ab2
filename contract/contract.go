package contract

// Contract is one event type's promises, as contract.yaml states them with
// every default filled in. See [Load] for the format on disk.
type Contract struct {
	Event   string // the event type's name: order.placed
	PubSub  string // default "pubsub"
	Topic   string
	Summary string
	Trigger string

	Style           string            // notification | state (default)
	Match           map[string]string // pointer, or attribute name -> text; all must hold; empty: the only contract of its topic
	Version         VersionSource
	SchemaOf        string            // data (default) | event
	Schema          string            // "" | "none": attributes only
	Draft           string            // the default draft of its schemas, where they state none: 4, 6, 7, 2019-09, 2020-12 (default)
	Format          string            // annotate (default) | assert: whether the format keyword is asserted
	DataContentType string            // default application/json
	Identity        string            // pointer; default /id
	Correlation     string            // pointer; "" where none is declared
	Compatibility   string            // default full_transitive
	Undeclared      string            // absent (default) | allowed
	Metadata        map[string]string // publish metadata: a value, or a pointer into the event (partitionKey: /data/order_id)
	Ordering        *Ordering
	Versions        []Version // ascending
	Producers       []Producer
	Consumers       []Consumer
	Waivers         []Waiver

	// Place is the event: line of contract.yaml.
	Place Place
}

// VersionSource says where an event states its version.
type VersionSource struct {
	From string            // only (default) | type | dataschema | a pointer
	Map  map[string]string // text found -> version; nil: the text is the version
}

// Version is one schema of the contract.
type Version struct {
	Name     string // "1"
	Status   string // published (default) | draft
	Examples []Example
	Place    Place // of the schema file
}

// Example is a file of a vN.examples directory.
type Example struct {
	Name  string // file name without .json
	Data  []byte // the text of the file: the event's data, or the event under schemaOf: event
	Place Place
}

// Ordering is what the producer promises about order.
type Ordering struct {
	By       string // key | topic | none
	Key      string // pointer
	Sequence string // pointer
	Place    Place
}

// Producer is an app that publishes the event.
type Producer struct {
	App        string
	Versions   []string // default: all that are not draft
	Publishing string   // direct (default) | outbox
	Place      Place
}

// Consumer is an app that reads the event.
type Consumer struct {
	App             string
	Versions        []string // default: all that are not draft
	Reads           string   // file name of the schema of what it reads; "" where none
	DeadLetterTopic string
	MaxDeliveries   int // 0: not stated
	Place           Place
}

// Waiver lets a finding of the gate (contract/gate) pass until a day.
type Waiver struct {
	Rule    string // the id of the rule, such as GATE_BACKWARD
	At      string // place: of the finding, a file with or without a line, as written from the contract's directory: v2.schema.json; "": any of this contract
	Reason  string
	Expires string // the last day on which it holds, YYYY-MM-DD
	Place   Place  // of the waiver itself
}
