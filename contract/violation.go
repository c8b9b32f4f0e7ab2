package contract

import (
	"fmt"
	"strings"
)

// Place is a position in a file that a person can open: the contract, the
// schema or the Dapr resource that a violation speaks about.
type Place struct {
	File string `json:"file"`           // slash-separated, as the root was given
	Line int    `json:"line,omitempty"` // 1-based; 0 where only the file is known
}

// String is "file:line", "file" where no line is known, "" for the zero Place.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Violation is a broken promise, as a value: which rule, where it is written,
// what was wanted and what was found, and, where a run led to it, the shortest
// trace and the command that shows it again.
//
// Violations are data so that the command line, CI and a test print the same
// thing. [Violation.String] prints one in the order in which every failure of
// eventproof is printed.
type Violation struct {
	// Rule is the stable id of the broken rule, such as EVENT_SCHEMA. See Rules.
	Rule string `json:"rule"`
	// What is one line, subject first: "payments is not idempotent: …".
	What string `json:"what"`
	// Place is where the promise is written.
	Place Place `json:"place,omitzero"`
	// Event names the event, where there is one.
	Event Ref `json:"event,omitzero"`
	// App is the Dapr app id that the violation concerns, where there is one.
	App string `json:"app,omitempty"`
	// Pointer (RFC 6901) starts at the event: /data/order_id.
	Pointer string `json:"pointer,omitempty"`
	// Want and Got are short texts; Diff is used instead where they are long.
	Want string `json:"want,omitempty"`
	Got  string `json:"got,omitempty"`
	// Diff is a (-want +got) diff, as google/go-cmp writes it.
	Diff string `json:"diff,omitempty"`
	// Trace is the shortest run that shows it, a line for each step.
	Trace []string `json:"trace,omitempty"`
	// Reproduce is a command to copy.
	Reproduce string `json:"reproduce,omitempty"`
}

// Ref names an event without carrying it.
type Ref struct {
	ID       string `json:"id,omitempty"`
	Type     string `json:"type,omitempty"`
	Source   string `json:"source,omitempty"`
	Identity string `json:"identity,omitempty"` // what makes two events the same to a consumer
}

// String is the identity and, where it differs, the CloudEvents id.
func (r Ref) String() string {
	switch {
	case r.Identity == "":
		return r.ID
	case r.ID == "" || r.ID == r.Identity:
		return r.Identity
	}
	return fmt.Sprintf("%s (id %s)", r.Identity, r.ID)
}

// String prints the violation in the fixed order: what · rule and place ·
// (-want +got) · trace · reproduce.
func (v Violation) String() string {
	var b strings.Builder
	b.WriteString(v.What)
	fmt.Fprintf(&b, "\n  rule   %s", v.Rule)
	if p := v.Place.String(); p != "" {
		fmt.Fprintf(&b, "  (%s)", p)
	}
	if v.Diff != "" {
		where := v.Pointer
		if where == "" {
			where = "diff"
		}
		fmt.Fprintf(&b, "\n  %s  (-want +got):\n%s", where, indent(v.Diff, "    "))
	} else if v.Want != "" || v.Got != "" {
		if v.Pointer != "" {
			fmt.Fprintf(&b, "\n  at     %s", v.Pointer)
		}
		fmt.Fprintf(&b, "\n  (-want +got):\n    - %s\n    + %s", oneLine(v.Want), oneLine(v.Got))
	} else if v.Pointer != "" {
		fmt.Fprintf(&b, "\n  at     %s", v.Pointer)
	}
	if len(v.Trace) > 0 {
		b.WriteString("\n  trace")
		for i, line := range v.Trace {
			fmt.Fprintf(&b, "\n    %2d  %s", i+1, line)
		}
	}
	if v.Reproduce != "" {
		fmt.Fprintf(&b, "\n  reproduce: %s", v.Reproduce)
	}
	return b.String()
}

func oneLine(s string) string {
	if s == "" {
		return "(nothing)"
	}
	return strings.ReplaceAll(s, "\n", `\n`)
}

func indent(s, by string) string {
	return by + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n"+by)
}
