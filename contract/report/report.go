package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/schema"
)

// Report is what a check has to say.
type Report struct {
	// Title says in one line what was checked: "contracts against main".
	Title string `json:"title"`
	// Notes are what the check has to say besides findings, such as verdicts.
	Notes []string `json:"notes,omitempty"`
	// Summary says in a few words how much was checked: "12 contracts, 31 comparisons".
	Summary string `json:"summary,omitempty"`
	// Findings are what is wrong, in the order in which they are printed.
	Findings []contract.Violation `json:"findings"`
	// Rules has a sentence for each rule id; ids that are not in there are
	// written without one.
	Rules map[string]string `json:"-"`
}

// format writes one of the formats.
type format func(w io.Writer, r Report) error

var formats = map[string]format{
	"text":     writeText,
	"json":     writeJSON,
	"junit":    writeJUnit,
	"sarif":    writeSARIF,
	"github":   writeGitHub,
	"markdown": writeMarkdown,
}

// Formats are the names of the formats, sorted.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// Known is nil for the name of a format; otherwise the error says which there are.
func Known(name string) error {
	if formats[name] != nil {
		return nil
	}
	remedy := "write one of " + strings.Join(Formats(), ", ")
	if near := schema.Nearest(name, Formats()); near != "" {
		remedy = "write " + near
	}
	return fmt.Errorf("format %q is not known: %s", name, remedy)
}

// Write writes the report in a format. The error names an unknown format, or
// is that of the writer.
func Write(w io.Writer, name string, r Report) error {
	if err := Known(name); err != nil {
		return err
	}
	if r.Findings == nil {
		r.Findings = []contract.Violation{}
	}
	if err := formats[name](w, r); err != nil {
		return fmt.Errorf("write report as %s: %w", name, err)
	}
	return nil
}

// count is "2 findings (GATE_EDITED 1, GATE_READS 1)".
func (r Report) count() string {
	if len(r.Findings) == 0 {
		return "nothing found"
	}
	by := map[string]int{}
	for _, v := range r.Findings {
		by[v.Rule]++
	}
	var rules []string
	for _, rule := range slices.Sorted(maps.Keys(by)) {
		rules = append(rules, fmt.Sprintf("%s %d", rule, by[rule]))
	}
	return fmt.Sprintf("%s (%s)", plural(len(r.Findings), "finding"), strings.Join(rules, ", "))
}

// closing is the last line: what was found, and how much was checked.
func (r Report) closing() string {
	if r.Summary == "" {
		return r.count()
	}
	return r.count() + "; " + r.Summary
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// group is the findings of one event type, or of one file where the finding
// names no type.
type group struct {
	name     string
	findings []contract.Violation
}

// groups keeps the order of the first finding of each.
func (r Report) groups() []group {
	var all []group
	at := map[string]int{}
	for _, v := range r.Findings {
		name := cmp.Or(v.Event.Type, v.Place.File, r.Title)
		i, ok := at[name]
		if !ok {
			i = len(all)
			at[name] = i
			all = append(all, group{name: name})
		}
		all[i].findings = append(all[i].findings, v)
	}
	return all
}
