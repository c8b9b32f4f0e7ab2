package report

import (
	"encoding/xml"
	"io"
	"strings"

	"github.com/jstemmer/go-junit-report/v2/junit"
)

// writeJUnit makes each finding a failed case: its name is what is wrong, its
// class the rule. Two findings never share a name: some readers keep only the
// last of those.
func writeJUnit(w io.Writer, r Report) error {
	suites := junit.Testsuites{Name: "eventproof"}
	seen := map[string]int{}
	for i, g := range r.groups() {
		suite := junit.Testsuite{Name: characters(g.name), ID: i, Time: "0.000"}
		for _, v := range g.findings {
			name := characters(v.What)
			if seen[v.Rule+name]++; seen[v.Rule+name] > 1 {
				name += strings.Repeat(" (again)", seen[v.Rule+name]-1)
			}
			suite.AddTestcase(junit.Testcase{Name: name, Classname: v.Rule, Time: "0.000",
				Failure: &junit.Result{Message: characters(v.What), Type: v.Rule, Data: characters(v.String())}})
		}
		suites.AddSuite(suite)
	}
	if len(r.Findings) == 0 {
		suite := junit.Testsuite{Name: characters(r.Title), Time: "0.000"}
		suite.AddTestcase(junit.Testcase{Name: characters(r.closing()), Classname: "eventproof", Time: "0.000"})
		suites.AddSuite(suite)
	}
	if len(r.Notes) > 0 {
		suites.Suites[0].SystemOut = &junit.Output{Data: characters(strings.Join(r.Notes, "\n"))}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	return suites.WriteXML(w)
}

// characters replaces what XML 1.0 cannot hold, not even escaped: most control
// characters. A witness may contain any.
func characters(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r != 0xFFFE && r != 0xFFFF {
			return r
		}
		return '\uFFFD'
	}, s)
}
