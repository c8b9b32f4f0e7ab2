// Package report writes what a check found, for people and for programs.
//
// # Formats
//
//   - text: each finding as [contract.Violation.String] prints it, grouped by
//     event type, then a line that counts them;
//   - json: one object: title, notes, summary, findings;
//   - junit: a test suite, one failed case a finding; a single passed case
//     where there are none, since CI takes a suite without cases for a mistake;
//   - sarif: SARIF 2.1.0, one result a finding, for GitHub code scanning and others;
//   - github: workflow commands that GitHub Actions turns into annotations of
//     files and lines, then the count as plain text;
//   - markdown: for a comment on a pull request, cut to the 65,536 characters
//     that GitHub takes.
//
// # Determinism
//
// The same report is the same bytes: no time, no host name, no random id.
package report
