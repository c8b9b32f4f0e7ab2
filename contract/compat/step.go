package compat

// Step is a step of a semantic version.
type Step string

// The steps. None is suggested where a direction is undecided or was not asked.
const (
	Patch Step = "patch" // the same events are sent
	Minor Step = "minor" // other events are sent, and every reader can read them
	Major Step = "major" // some reader refuses some event
)

// step suggests a step. Both directions count, whatever a contract promises:
// its mode says what may be merged, the step what people must be told.
func step(r Result, differ bool) Step {
	switch {
	case r.Backward.Verdict == Incompatible && r.Forward.Verdict != "" || r.Forward.Verdict == Incompatible && r.Backward.Verdict != "":
		return Major
	case r.Backward.Verdict != Compatible || r.Forward.Verdict != Compatible:
		return ""
	case differ:
		return Minor
	}
	return Patch
}

// Sentence says what the step means.
func (s Step) Sentence() string {
	switch s {
	case Patch:
		return "the same events are sent"
	case Minor:
		return "other events are sent, and no reader breaks"
	case Major:
		return "some reader breaks"
	}
	return "a direction is undecided"
}
