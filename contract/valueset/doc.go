// Package valueset is an algebra of sets of JSON values: what a schema accepts,
// what two have in common, what one leaves out, and whether anything is left.
//
// # Sets
//
// [Of] a schema is the set of the values that santhosh-tekuri/jsonschema/v5
// accepts by it, keyword for keyword, in drafts 4 to 2020-12: $ref hides its
// siblings before 2019-09, dependencies is enforced in every draft, an empty
// enum accepts everything, 1.0 is an integer, and format is asserted or not as
// the schema says. [And], [Or] and [Not] combine sets. [Closed] is what a writer
// sends who sends no property that the schema does not declare.
//
// # How a question is answered
//
// [Set.Example] finds a value or proves that there is none. The negation of each
// keyword is said by other keywords, so that only conjunctions and disjunctions
// are left. For each JSON type apart, a conjunction is reduced to what it says
// of one value: an interval and grids of exact rationals; a set of strings; the
// items by position and the counts of those that match; the members by name,
// names that nothing tells apart being one. Alternatives that cannot hold are
// dropped before any is chosen, by asking the same question of the item or
// member concerned. unevaluatedProperties and unevaluatedItems are rewritten by
// the ways in which branches may have evaluated something.
//
// A question that comes up within itself, through a recursive $ref, is answered
// by "empty" there, for the smallest value of a set does not contain another
// value of the very same set; what follows from that is kept only once the
// outermost question is empty, too. So values are always finite.
//
// The method follows "Witness Generation for JSON Schema" (Attouche, Baazizi,
// Colazzo, Ghelli, Sartiani, Scherzinger; VLDB 2022).
//
// # Where validators differ
//
// A set is what our validator accepts. Where a question meets something that
// others take otherwise, \s and text beyond ASCII for instance, the answer names
// it (Answer.Dispute), and Set.ExampleElsewhere asks again for those.
//
// # Determinism
//
// A [Budget] counts steps and memory, never time. The same set, budget and seed
// have the same answer on every machine.
//
// # Limits
//
// Undecided, with the keyword that stopped it: asserted formats where the answer
// depends on their language (values are tried, none is proven absent);
// $dynamicRef where the validator itself chooses among several anchors; examples
// of more than 5,000 items or members; more than 1,024 combinations of branches
// that evaluate differently; and what exceeds the budget. contentEncoding and
// contentMediaType are annotations, but for draft 7 as the validator has it.
package valueset
