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
// # Explanation
//
// [Explain] names the changes behind a result, each with a stable rule id, the
// places in both files, a sentence on who breaks by which events, a remedy and a
// witness of its own. [Rules] has a sentence for each rule. Rules explain; they
// never decide. The reason for which the validator refuses a witness is taken out
// of the reader's schema, and the two are compared again, until nothing is
// refused: what that brought to light are the changes. The witness of each is
// confirmed against the schemas as they were written.
//
// A rule says what became of the old schema, so that the same keyword is another
// rule in the other direction: COMPAT_REQUIRED_ADDED breaks consumers on the new
// schema, COMPAT_REQUIRED_REMOVED those on the old one. What breaks backward is
// cured in the new schema, which must read what was sent; what breaks forward, by
// what is sent and when.
//
//	REQUIRED, DEPENDENCY        _ADDED, _REMOVED   required, dependentRequired
//	PROPERTY                    _ADDED, _REMOVED   declared by one side only
//	OBJECT                      _CLOSED, _OPENED   additionalProperties, unevaluatedProperties
//	TYPE                        _CHANGED, _NARROWED, _WIDENED
//	VALUE, ENUM                 _ADDED, _REMOVED   enum, const: of a list; the list itself
//	EXCLUSION                   _ADDED, _REMOVED   not, false
//	NUMBER, LENGTH, PATTERN, FORMAT, ITEMS, ALTERNATIVES, PROPERTY_NAMES,
//	PROPERTY_COUNT, SCHEMA      _NARROWED, _WIDENED
//
// Of an anyOf or oneOf the change is at the choice, unless the value's type or a
// constant leaves one alternative, whose own keyword it is then.
//
// # Semantic version
//
// [Explanation].Step counts both directions, whatever the contract promises:
// [Major] where some reader refuses some event, also if only consumers on the old
// schema do; [Minor] where no reader breaks and yet other events are sent, which
// undeclared: absent makes possible (an optional property more or less); [Patch]
// where the same events are sent. Where a direction is undecided and the other one
// does not break, none is suggested.
//
// # Limits
//
// At most ten changes are named for each direction; Explanation.More says that
// there may be others. A change inside what another one opens is not found, nor
// one behind a keyword that cannot be taken out, as in a built-in meta-schema.
//
// What is not decided is what package valueset does not decide, what validators
// disagree on, and defaults that other keywords than required see.
package compat
