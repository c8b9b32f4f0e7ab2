// Package contracts holds the event contracts of the shop. A consumer in
// another repository requires this package, and has them all.
package contracts

import "embed"

// FS holds a directory for each event type: give it to contract.Load.
//
//go:embed *
var FS embed.FS
