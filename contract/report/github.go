package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/eventproof/eventproof/contract"
)

// The escapes of workflow commands: actions/toolkit, packages/core/src/command.ts.
// A text that is not escaped could end the command, or begin another one.
var (
	commandData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func writeGitHub(w io.Writer, r Report) error {
	b := bufio.NewWriter(w)
	for _, note := range r.Notes {
		fmt.Fprintln(b, plain(note))
	}
	for _, v := range r.Findings {
		fmt.Fprintln(b, annotation(v))
	}
	if r.Title != "" {
		fmt.Fprintf(b, "%s: ", plain(r.Title))
	}
	fmt.Fprintln(b, plain(r.closing()))
	return b.Flush()
}

func annotation(v contract.Violation) string {
	var properties []string
	if v.Place.File != "" {
		properties = append(properties, "file="+commandProperty.Replace(v.Place.File))
		if v.Place.Line > 0 {
			properties = append(properties, fmt.Sprintf("line=%d", v.Place.Line))
		}
	}
	properties = append(properties, "title="+commandProperty.Replace(v.Rule))
	return "::error " + strings.Join(properties, ",") + "::" + commandData.Replace(v.String())
}

// plain keeps a line of text from being taken for a workflow command: those
// begin a line with ::, or hold ##[.
func plain(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r", `\r`), "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimLeft(line, " \t"), "::") {
			line = "| " + line
		}
		lines[i] = strings.ReplaceAll(line, "##[", "## [")
	}
	return strings.Join(lines, "\n")
}
