// Package sample makes events for tests out of a schema or a contract: some that
// must be accepted, some that just are, and some that just are not.
//
// # Kinds
//
// [Valid]: values that the schema accepts, no two alike; the first is full, the
// second has only what is required. [Boundary]: accepted values at a bound and
// one step inside it: of minimum, maxLength, maxItems and their like, each value
// of an enum, null where it is one of several types, multiples next to 0, an
// object without optional properties and one with all. A value at a bound is
// refused as soon as the bound is moved by one step; that is checked. [NearMiss]:
// values that are refused, and accepted as soon as one keyword is taken out. The
// validator names that keyword among those that refuse the value; it names others
// beside it only where a choice has other branches that do not fit either.
//
// [Values] makes them of a schema, [Events] of a contract, wrapped as CloudEvents.
//
// # How they are made
//
// A value is built by walking the schemas that apply to it, and then shown to
// the validator, and to the contract where there is one: what these do not
// confirm is not returned. For a near miss, the value is built by a copy of the
// schema without the keyword. Where that finds nothing, the algebra of sets
// (package valueset) looks for a value or proves that there is none, so that a
// schema is never wrongly reported as empty, and a keyword for which there is no
// sample is in [Samples].Without: proven to refuse nothing alone, or undecided,
// with the reason.
//
// # Readable values
//
// The schema's own const and enum, examples, example and default come first. Then
// words that fit the format (2024-01-02T12:01:00Z, user1@example.com) or the
// property's name (order_id: ord-1, currency: EUR, created_at, url, quantity).
// Patterns and lengths that these do not fit get the shortest words that do.
//
// # Determinism
//
// The same schema, kind and [Options] make the same samples on every machine: all
// that is chosen follows from the seed, and budgets count steps, not time.
//
// # Limits
//
// Within not, if and contains a keyword does not refuse a value by itself: the
// near miss is that of not, then, else, contains or minContains around it. Keywords in a
// draft's own meta-schema are left out. With [Options].N, the search ends once
// there are as many; the samples are spread over the keywords. An optional member
// is left out deeper than 6 levels or beyond about 100 parts of a value (2,000 of
// the first), and arrays, objects and strings of more than 5,000 are not built. Properties
// that only undeclared: absent refuses make no near miss. A draft's events,
// where nothing in them states the version, are held against its schema and
// not against the contract.
package sample
