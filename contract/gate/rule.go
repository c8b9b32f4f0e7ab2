package gate

// The rule ids of the gate. They are stable: waivers and CI logs hold them.
const (
	RuleEdited         = "GATE_EDITED"
	RuleBackward       = "GATE_BACKWARD"
	RuleForward        = "GATE_FORWARD"
	RuleVersionRemoved = "GATE_VERSION_REMOVED"
	RuleTypeRemoved    = "GATE_TYPE_REMOVED"
	RuleReads          = "GATE_READS"
	RuleExample        = "GATE_EXAMPLE"
	RuleEmpty          = "GATE_EMPTY"
	RuleDraftsMixed    = "GATE_DRAFTS_MIXED"
	RuleDraftPublished = "GATE_DRAFT_PUBLISHED"
	RuleUndecided      = "GATE_UNDECIDED"
	RuleWaiverExpired  = "GATE_WAIVER_EXPIRED"
	RuleWaiverUnused   = "GATE_WAIVER_UNUSED"
)

// Rules are the sentences of the rules, by id.
func Rules() map[string]string {
	return map[string]string{
		RuleEdited:         "A published version accepts the same events for ever: what is to change is a new version.",
		RuleBackward:       "Consumers on a new version can read every event of the versions before it.",
		RuleForward:        "Consumers on the versions before can read every event of a new version.",
		RuleVersionRemoved: "A version is removed only once no consumer declares it.",
		RuleTypeRemoved:    "An event type is removed only once no consumer declares it.",
		RuleReads:          "What a consumer reads accepts every event of the versions that it declares.",
		RuleExample:        "An example keeps its contract.",
		RuleEmpty:          "A schema accepts at least one value.",
		RuleDraftsMixed:    "The schemas of a contract are of one draft of JSON Schema.",
		RuleDraftPublished: "Nobody publishes a version that is a draft.",
		RuleUndecided:      "A comparison that cannot be decided is not passed over.",
		RuleWaiverExpired:  "A waiver holds to the day on which it expires.",
		RuleWaiverUnused:   "A waiver that nothing needs is deleted.",
	}
}
