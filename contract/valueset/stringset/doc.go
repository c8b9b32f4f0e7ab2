// Package stringset is the algebra of sets of strings: what the string keywords
// of JSON Schema accept, and whether anything is left of a combination of them.
//
// A string is a JSON string: a sequence of Unicode code points without
// surrogates, written in Go as valid UTF-8. Text that is not valid UTF-8 is no
// string here and in no set.
//
// # Sets
//
// A [Set] is an expression over three kinds of leaves: finite sets of words,
// patterns, and sets of lengths. [And], [Or] and [Not] combine expressions,
// simplify what can be seen from their text (S without S is empty, words meet
// words, lengths meet lengths) and build no automaton. Or is written with And
// and Not, so the machinery knows only those two.
//
// # How a question is answered
//
// [Set.Contains] asks Go's own regexp and never an automaton.
//
// [Set.Empty] and [Set.Example] first try what needs no search: a set that lies
// within finitely many words is decided word by word; a union is decided part by
// part. Then the lengths are taken out: between two neighbouring bounds each
// length condition is constant, so the expression becomes a few expressions
// without lengths, each asked for a word of lo to hi code points.
//
// Such an expression is explored as a product. Each pattern is its compiled
// program (regexp/syntax), made deterministic on the way: a state is the set of
// instructions that are waiting for a code point, with the kind of the code
// point before it where \b, ^ or $ need it. A finite set is a range in its
// sorted words. Code points that no leaf tells apart are one symbol. Leaves that
// have become constant, or that no longer matter, leave the state. The search is
// breadth first, so that the first word found is the shortest.
//
// Lengths are never counted in states: to begin at length lo the search keeps
// the set of states reachable in exactly k steps, and as soon as such a set
// comes back it skips whole periods. A bound of 10^9 costs no more than the way
// to the first repetition.
//
// # Limits
//
// A [Budget] bounds work and memory, never time, so an answer is the same on
// every machine. What it does not reach is [ErrUndecided]. An example of more
// than [MaxExample] code points is not written out.
package stringset
