// Package schema holds one JSON Schema twice: as its author wrote it, with the
// line of each keyword and the order of its keys, and as
// santhosh-tekuri/jsonschema/v5 compiled it.
//
// # Drafts
//
// 4, 6, 7, 2019-09 and 2020-12. A schema that states $schema decides for
// itself; otherwise [Options.Draft] does. Other drafts, and meta-schemas of
// one's own, are refused by name.
//
// # Format
//
// The validator asserts the format keyword or not depending on the draft. Here
// that is [Options.AssertFormat] and nothing else, in every draft: asserted, an
// unknown format name is an error; annotated, no format is checked.
// contentEncoding and contentMediaType are not asserted, but for
// [Options.AsValidator] in draft 7.
//
// # Files
//
// A $ref reaches a file of the same [Library] by its path, or a schema in it by
// its $id. Neither the network nor a file outside the library's root is read.
//
// # What is refused
//
// Where the validator would round, accept silently or panic, the document is
// refused before it gets there: duplicate keys, numbers with an exponent beyond
// ±400 or more than 1,000 digits, nesting deeper than [MaxDepth], counts such
// as minLength beyond int64, text that is not UTF-8; and in schemas an empty
// enum (the validator would accept everything), dependencies under 2019-09 and
// 2020-12 (it would be enforced though the draft dropped it), and patterns that
// are not RE2, such as look-ahead (the validator's regular expressions are Go's).
package schema
