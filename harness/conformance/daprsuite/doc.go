// Daprsuite runs Dapr's own integration tests against sidecar programs and
// holds their results against each other: the first program named is the
// reference, each further one has to answer every test as it does.
//
//	go -C harness/conformance/daprsuite run . [-group NAME,…] [-times N] [-run REGEXP] [-keep DIR] PROGRAM…
//
// A program is anything that takes daprd's flags and opens daprd's ports: daprd
// itself, or fakes/cmd/fakedaprd. With one program, the figures of the reference
// alone are printed.
//
// # What is run
//
// The package tests/integration of the version of github.com/dapr/dapr that
// go.mod requires: unchanged, compiled from the Go module cache, and kept as one
// program in the user's cache directory under eventproof/. A test of it is
// called a case here. group.go says which cases are compared, in groups;
// scope.txt says which are not, each with the reason. A case that is in
// neither, and a name in scope.txt that the suite does not have, are errors.
//
// A case in which the suite gets stuck (two minutes without a word) or panics has
// no end, and counts as failed; those that had not begun, or ran beside it, are
// run after it.
//
// Dapr's control plane is not built: a program that exits at once, with an
// error, stands for each part of it, so that a case which needs one fails.
//
// # What is printed
//
// For each group and program: how many cases passed, were skipped, failed; the
// wall time; and the CPU time of the sidecar processes alone. Where a program
// was run several times, counts are given as smallest–largest and times as the
// median. CPU time is what the kernel says of the processes that the suite has
// started and waited for (Linux only): the sidecar is run as the suite runs it,
// with nothing in between.
//
// Then each case that a program answers otherwise than the reference, with the
// first thing that the suite had to say about it. Where the reference itself fails
// a case in some of its runs, a deadline was missed: the program then has to
// answer it in one of its own.
//
// The exit status is 1 where a program differs, or where the reference fails a
// case in every run (it is no reference then), and 2 where nothing could be run.
//
// # Limits
//
// Cases have deadlines in real time (45 s each, most waits 10 or 20 s): on a
// machine that is busy with other work the reference fails, too. Two runs on one
// machine would take each other's ports: the second one waits. Signals, locks and
// process groups as used here are those of Linux and macOS.
package main
