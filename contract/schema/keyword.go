package schema

import (
	"fmt"
	"strings"
)

// keywords are those of all drafts that are read, and of OpenAPI's dialect, which
// many schemas come from.
var keywords = strings.Fields(`
	$schema $id id $ref $anchor $dynamicRef $dynamicAnchor $recursiveRef $recursiveAnchor $vocabulary $comment $defs definitions
	type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern format
	items prefixItems additionalItems unevaluatedItems contains minContains maxContains maxItems minItems uniqueItems
	properties patternProperties additionalProperties unevaluatedProperties propertyNames required maxProperties minProperties
	dependencies dependentRequired dependentSchemas allOf anyOf oneOf not if then else
	title description default examples deprecated readOnly writeOnly contentEncoding contentMediaType contentSchema
	example nullable discriminator xml externalDocs`)

var isKeyword = func() map[string]bool {
	known := make(map[string]bool, len(keywords))
	for _, name := range keywords {
		known[name] = true
	}
	return known
}()

// misspelt names a keyword that the validator would pass over, and that is
// nearly one that it knows. Other unknown keywords are annotations: JSON Schema
// core, section 6.5.
func (k *checker) misspelt(m Member) {
	if m.Name == "nullable" && m.Value.Text == "true" && !k.options.AsValidator {
		k.problem(m.Line, "nullable is a keyword of OpenAPI 3.0 and does nothing in JSON Schema: null is refused", `write "type": [..., "null"], and delete it`)
		return
	}
	if k.options.AsValidator || isKeyword[m.Name] || strings.HasPrefix(m.Name, "x-") {
		return
	}
	near := Nearest(m.Name, keywords)
	if near != "" && strings.HasSuffix(m.Name, strings.ToUpper(near[:1])+near[1:]) {
		return // a word in front, as in tsAdditionalProperties: made on purpose
	}
	if near != "" && distance([]rune(m.Name), []rune(near)) <= max(1, len(m.Name)/5) {
		k.problem(m.Line, fmt.Sprintf("unknown keyword %s", quote(m.Name)), "write "+near+", or begin a keyword of your own with x-")
	}
}
