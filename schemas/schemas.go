// Package schemas embeds the JSON Schemas that eventproof itself reads files
// by. Editors can use them too: the first line of a contract.yaml may say
//
//	# yaml-language-server: $schema=https://raw.githubusercontent.com/eventproof/eventproof/main/schemas/contract.schema.json
package schemas

import "embed"

// Files holds each schema by its file name, such as contract.schema.json.
//
//go:embed *.json
var Files embed.FS
