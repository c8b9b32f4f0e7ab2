// Package gotype holds a Go type against the contract of the event that it is
// encoded to or decoded from: what drifts apart is a violation.
//
//	func TestOrderPlaced(t *testing.T) {
//		catalog := contracttest.Load(t, os.DirFS("../contracts"))
//		contracttest.CheckType[orders.OrderPlaced](t, catalog, "order.placed", "1")
//	}
//
// The type is that of the event's data; under schemaOf: event, of the whole
// event. It is judged by encoding/json, which decodes and encodes it.
//
// # What is read
//
// Samples of the version's schema are decoded into T and encoded again. T must
// have a field for each member (TYPE_DECODE), hold each value (TYPE_DECODE), and
// write back the same: no member lost, none added, no value changed
// (TYPE_ROUND_TRIP). Numbers are the same when they are equal, whatever their
// text; 1.0 is 1, but 2^53+1 is not what a float64 makes of it.
//
// The samples are those of package sample, valid ones and at the bounds that the
// schema states, and for each place in the schema: the member alone present and
// absent, null, each value of an enum, empty and longer arrays, and numbers at the
// edges of Go's types. Three rules keep to what a Go program can be
// expected to hold:
//
//   - Numbers that the schema does not bound are drawn within 2^53-1 on both
//     sides, as RFC 8259 and RFC 7493 advise. So int32 is too small for
//     {"type": "integer"}, and int64 and float64 are not. Bounds that the schema
//     does state are drawn, whatever their size.
//   - A format is taken at its word, asserted or not, and times are drawn as Go
//     writes them: with Z, without zeros at the end of a fraction.
//   - No member is drawn that the schema does not declare, under undeclared:
//     allowed neither.
//
// A consumer that reads a part of the event on purpose fails this check: it has
// no field for the rest. Let its contract say what it reads (reads:), which the
// gate holds against the producers.
//
// # What is written
//
// Everything that T can encode must be in the schema (TYPE_ENCODES): the schema
// of T ([Schema]) is contained in it, as package compat proves. The violation
// shows what T writes; it was encoded from a T and refused by the validator. Where
// undeclared: absent, T writes no member that the schema does not declare.
//
// A Go type does not say how long a string is, what it looks like, how many
// items a slice has, or that a count is positive. Such limits are left to the code
// that fills T, and to [contract.Catalog.Check] on what it publishes; [Limits]
// asks for them too. They are minLength, maxLength, pattern, minItems, maxItems,
// uniqueItems, contains, minProperties, maxProperties, propertyNames, multipleOf;
// minimum and maximum unless they are the bounds of a sized integer (a maximum of
// 2147483647 says int32); and format, unless T says another there (a time.Time
// against {"format": "date"}; of an annotated format only samples show that).
//
// An enum is no such limit: a Go string holds any text. [Values] says which values
// of a named type there are, in one line; they are then held against the enum from
// both sides.
//
// # Undecided
//
// TYPE_UNDECIDED is neither drift nor a pass: a type encodes itself and nobody said
// what ([SchemaOf] does), there is no such contract, the proof found no answer, or
// a value that the schema of T allows could not be made a T.
//
// # Limits
//
// Places nested deeper than 8 are not sampled, but as package sample does; what takes
// more than the budget of samples is not either, and is TYPE_UNDECIDED. Of a map one
// member stands for all; members that patternProperties alone declares are those of
// package sample. The fields of an embedded pointer are taken to be absent one by
// one, though they are absent all together. What omitzero leaves out of structs,
// arrays and types with an IsZero is taken to be written, and 0 of a float, as -0 is.
package gotype
