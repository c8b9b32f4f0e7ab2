// Package compat says whether one schema may follow another: with a proof, or
// with a value that shows why not.
//
// # Directions
//
// [Compare] looks both ways. Backward: consumers on the new schema can read
// events of the old one, so the old set lies within the new. Forward: consumers
// on the old schema can read events of the new one. [Contained] looks one way.
//
// # Verdicts
//
// Exactly one for each direction. [Compatible] is proven: the difference of the
// two sets is empty (package valueset). [Incompatible] carries a witness that
// santhosh-tekuri/jsonschema/v5 accepts by the writer's schema and refuses by the
// reader's; it was run through both, made as small as can be, and filled with the
// schemas' own examples where a value does not matter. [Undecided] names the
// keyword that stopped the proof, or the budget. A witness that the validator
// does not confirm is never shown: it makes the direction undecided, "not
// confirmed", and is a defect of this package.
//
// There is no table of allowed changes.
//
// Where validators differ, the direction is decided only if they agree: it is
// undecided, "validators disagree", where a schema itself states text beyond
// ASCII (or a vertical tab) that another one's \d, \w or \s must judge, where
// draft 7's content keywords decide, and where a format does that our validator
// does not know. See valueset.Dispute.
//
// # Policy
//
// A writer rarely sends properties that its schema does not declare, though JSON
// Schema allows them. With undeclared: [Absent] the writer is read as closed at
// every object for which it declares properties, as unevaluatedProperties: false
// would close it, across allOf and $ref; the reader as written. With [Allowed]
// both are read as written. Load schemas with [schema.Options].AsValidator to
// compare what the validator does rather than what authors should write.
//
// DefaultsFill takes the reader as one that puts defaults where properties are
// missing before it validates; see [Policy]. Few libraries do, none of Go's that
// we know: set it only if all consumers do.
//
// # Limits
//
// What is not decided is what package valueset does not decide, what validators
// disagree on, and defaults that other keywords than required see.
package compat
