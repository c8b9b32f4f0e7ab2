// Package contract states what an event must be, and checks events by it.
//
// # Contracts
//
// A contract is a directory: contract.yaml, a JSON Schema for each version and
// examples. [Load] reads directories of them into a [Catalog]; everything that
// is wrong with them is one error each, with file and line. schemas/contract.schema.json
// describes contract.yaml, for editors too.
//
// # Events
//
// An [Event] is a CloudEvent 1.0 as Dapr delivers it. [ParseEvent] reads the
// JSON format, [ParseHTTP] a request in either mode. [Catalog.Check] returns
// everything by which an event breaks CloudEvents or its contract as
// [Violation] values; [Catalog.CheckData] does so for data alone. No violations
// is the only success.
//
// # Exactness
//
// Numbers are never rounded: they stay text from the event to the validator.
// What the validator could not handle exactly, or not in bounded time, is
// refused by name before it gets there; package schema lists it.
//
// # Limits
//
// Of data in other formats than JSON and text (schema: none) only the
// attributes are checked. Of two alternatives of an anyOf that are both not
// met, one that a type, const or enum rules out is not reported.
// A $dynamicRef is followed to where it points in its own document when
// undeclared properties are looked for.
package contract
