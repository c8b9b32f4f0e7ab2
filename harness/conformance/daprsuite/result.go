package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"time"
)

// outcome is what one run says of a case.
type outcome string

const (
	passed  outcome = "pass"
	skipped outcome = "skip"
	failed  outcome = "fail"
	noEnd   outcome = "no end" // the suite got stuck or panicked in the case, or in one beside it

	notBegun outcome = "" // the suite ended before; no final answer
)

// bad tells whether the outcome says something against the sidecar.
func (o outcome) bad() bool { return o == failed || o == noEnd }

// result is a case in one run.
type result struct {
	outcome outcome
	message string // of a case that failed: the first thing said against it
	took    time.Duration
}

// event is a line of go tool test2json.
type event struct {
	Action  string
	Test    string
	Output  string
	Elapsed float64 // seconds
}

const suitePrefix = "TestSuite/"

// readResults reads what go tool test2json makes of the suite's output. It gives
// a result for each of the cases.
func readResults(r io.Reader, cases []string) (map[string]result, error) {
	results := make(map[string]result, len(cases))
	for _, c := range cases {
		results[c] = result{}
	}
	var all []string                 // lines
	written := map[string][]string{} // by case: its lines, and its subtests'
	skips := map[string]bool{}
	for d := json.NewDecoder(r); ; {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read the suite's results: %w", err)
		}
		if e.Action == "output" {
			all = append(all, e.Output)
		}
		c, known := caseOf(e.Test, results)
		if !known {
			continue
		}
		itself := e.Test == suitePrefix+c
		switch e.Action {
		case "output":
			written[c] = append(written[c], e.Output)
		case "cont": // all cases are announced first, and run when there is room
			if itself {
				results[c] = result{outcome: noEnd}
			}
		case "skip":
			skips[e.Test] = true
			fallthrough
		case "pass", "fail":
			if itself {
				results[c] = result{outcome: outcome(e.Action), took: time.Duration(e.Elapsed * float64(time.Second))}
			}
		}
	}
	for c, res := range results {
		switch {
		case res.outcome == passed && skips[suitePrefix+c+"/run"]:
			// Skipped in its body, which is a subtest of its set-up.
			res.outcome = skipped
		case res.outcome == failed:
			res.message = firstFailure(written[c])
		case res.outcome == noEnd:
			res.message = lastSeen(c, all)
		case res.outcome == notBegun:
			res.message = lastOf(all, 2000)
		}
		results[c] = res
	}
	return results, nil
}

// caseOf finds the case that a test is, or that it is a subtest of.
func caseOf(test string, cases map[string]result) (string, bool) {
	name, ok := strings.CutPrefix(test, suitePrefix)
	for ; ok && name != "." && name != "/"; name = path.Dir(name) {
		if _, found := cases[name]; found {
			return name, true
		}
	}
	return "", false
}

var (
	traceLine   = regexp.MustCompile(`^\s*Error Trace:\s*(.*)`)
	messageLine = regexp.MustCompile(`^\s*Messages:\s*(.*)`)
	testLine    = regexp.MustCompile(`^\s*Test:\s`)
	logLine     = regexp.MustCompile(`^\s+(\S+\.go:\d+): (.*)`)
	sourceFile  = regexp.MustCompile(`/tests/integration/(\S+)`)
)

// firstFailure is the first failed assertion of a test's lines, on one line: the
// place in the suite, and what testify says. Without one, it is a panic; without
// that, the last line logged.
func firstFailure(lines []string) string {
	for i, line := range lines {
		if m := traceLine.FindStringSubmatch(line); m != nil {
			return assertion(m[1], lines[i+1:])
		}
	}
	last := ""
	for _, line := range lines {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return strings.TrimSpace(line)
		}
		if m := logLine.FindStringSubmatch(line); m != nil && strings.TrimSpace(m[2]) != "" {
			last = m[1] + ": " + strings.TrimSpace(m[2])
		}
	}
	return last
}

// assertion reads a block of testify's after its first line. Where the trace has
// several places, a case's own file says more than the framework's.
func assertion(trace string, rest []string) string {
	place := source(trace)
	var said []string
	inTrace := true
	for i, line := range rest {
		if traceLine.MatchString(line) || logLine.MatchString(line) {
			break // assertions inside of an EventuallyWithT name no test
		}
		if testLine.MatchString(line) {
			if i+1 < len(rest) {
				if m := messageLine.FindStringSubmatch(rest[i+1]); m != nil {
					said = append(said, "("+strings.TrimSpace(m[1])+")")
				}
			}
			break
		}
		text := strings.TrimSpace(line)
		if after, ok := strings.CutPrefix(text, "Error:"); ok {
			inTrace, text = false, strings.TrimSpace(after)
		}
		switch {
		case inTrace:
			if at := source(text); strings.HasPrefix(at, "suite/") && !strings.HasPrefix(place, "suite/") {
				place = at
			}
		case text != "":
			said = append(said, text)
		}
	}
	return strings.TrimPrefix(place, "suite/") + ": " + strings.Join(said, " ")
}

// lastSeen says what ended the suite while a case ran: a panic, or a signal to
// say where all goroutines are.
func lastSeen(name string, lines []string) string {
	place := ""
	for _, line := range lines {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return "the suite ended: " + strings.TrimSpace(line)
		}
		if !strings.HasPrefix(line, "\t/") {
			continue // no line of a stack
		}
		switch at := source(line); {
		case strings.HasPrefix(at, "suite/"+name+".go:"):
			return "waits without end at " + strings.TrimPrefix(at, "suite/")
		case place == "" && strings.HasPrefix(at, "suite/"+path.Dir(name)+"/"):
			place = strings.TrimPrefix(at, "suite/")
		}
	}
	if place == "" {
		return "waits without end"
	}
	return "waits without end, here or in a case beside it: " + place
}

// source is a place of a trace, from the suite's own directory on.
func source(trace string) string {
	if m := sourceFile.FindStringSubmatch(trace); m != nil {
		return m[1]
	}
	return path.Base(strings.TrimSpace(trace))
}

// lastOf is the end of some lines, of at most so many bytes.
func lastOf(lines []string, most int) string {
	all := strings.TrimSpace(strings.Join(lines, ""))
	if len(all) > most {
		all = "… " + strings.ToValidUTF8(all[len(all)-most:], "")
	}
	return all
}
