package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

func writeText(w io.Writer, r Report) error {
	b := bufio.NewWriter(w)
	for _, note := range r.Notes {
		fmt.Fprintln(b, note)
	}
	if len(r.Notes) > 0 {
		fmt.Fprintln(b)
	}
	for _, g := range r.groups() {
		fmt.Fprintf(b, "== %s: %s\n\n", g.name, plural(len(g.findings), "finding"))
		for _, v := range g.findings {
			fmt.Fprintf(b, "%s\n\n", v)
		}
	}
	if r.Title != "" {
		fmt.Fprintf(b, "%s: ", r.Title)
	}
	fmt.Fprintln(b, r.closing())
	return b.Flush()
}

func writeJSON(w io.Writer, r Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
