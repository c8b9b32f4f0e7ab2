// Package contracts holds the one event contract that the broken services share.
package contracts

import "embed"

// FS holds a directory for each event type: give it to contract.Load.
//
//go:embed *
var FS embed.FS
