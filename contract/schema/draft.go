package schema

import (
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Drafts are the names of the drafts that are read, oldest first.
var Drafts = []string{"4", "6", "7", "2019-09", "2020-12"}

var compiledDrafts = map[string]*jsonschema.Draft{
	"4":       jsonschema.Draft4,
	"6":       jsonschema.Draft6,
	"7":       jsonschema.Draft7,
	"2019-09": jsonschema.Draft2019,
	"2020-12": jsonschema.Draft2020,
}

// draftURLs are the meta-schemas' URLs without scheme and fragment.
var draftURLs = map[string]string{
	"json-schema.org/draft-04/schema":      "4",
	"json-schema.org/draft-06/schema":      "6",
	"json-schema.org/draft-07/schema":      "7",
	"json-schema.org/draft/2019-09/schema": "2019-09",
	"json-schema.org/draft/2020-12/schema": "2020-12",
}

// draftOf is the draft that a $schema URL names, "" where it is none of ours.
func draftOf(url string) string {
	url = strings.TrimPrefix(strings.TrimPrefix(url, "http://"), "https://")
	return draftURLs[strings.TrimSuffix(strings.TrimSuffix(url, "/"), "#")]
}

// draftIn is the draft that a document states, otherwise the given one.
func draftIn(root *Node, otherwise string) string {
	if s := root.Get("$schema"); s != nil && draftOf(s.Text) != "" {
		return draftOf(s.Text)
	}
	return otherwise
}

// isMeta says whether a URL without fragment lies in a draft that is built in.
func isMeta(url string) bool {
	return draftOf(url) != "" || strings.Contains(url, "//json-schema.org/draft/")
}

// since reports whether draft is at least the named one.
func since(draft, least string) bool {
	return slices.Index(Drafts, draft) >= slices.Index(Drafts, least)
}

// How each keyword that holds schemas holds them.
var (
	oneSchema = map[string]bool{"not": true, "additionalProperties": true, "propertyNames": true, "contains": true, "if": true, "then": true, "else": true,
		"additionalItems": true, "unevaluatedProperties": true, "unevaluatedItems": true, "contentSchema": true, "items": true}
	listOfSchemas = map[string]bool{"allOf": true, "anyOf": true, "oneOf": true, "prefixItems": true, "items": true}
	mapOfSchemas  = map[string]bool{"properties": true, "patternProperties": true, "$defs": true, "definitions": true, "dependentSchemas": true, "dependencies": true}
	counts        = map[string]bool{"minLength": true, "maxLength": true, "minItems": true, "maxItems": true, "minProperties": true, "maxProperties": true,
		"minContains": true, "maxContains": true}
)
