package contract

import (
	"cmp"
	"maps"
	"slices"

	"github.com/eventproof/eventproof/contract/schema"
)

// Catalog is a set of contracts, as [Load] read them. It is not changed after
// that and may be used by many goroutines. A nil Catalog has no contracts: it
// checks nothing and finds no violations.
type Catalog struct {
	entries   map[string]*entry // by event
	contracts []*Contract       // by event, sorted
}

func (c *Catalog) sort() {
	c.contracts = nil
	for _, name := range sortedKeys(c.entries) {
		c.contracts = append(c.contracts, c.entries[name].contract)
	}
}

// Contracts are all contracts, sorted by event name. They are the caller's to
// read, not to change.
func (c *Catalog) Contracts() []*Contract {
	if c == nil {
		return nil
	}
	return slices.Clone(c.contracts)
}

// Contract is the contract of an event type, nil if there is none.
func (c *Catalog) Contract(event string) *Contract {
	if c == nil || c.entries[event] == nil {
		return nil
	}
	return c.entries[event].contract
}

// Schema is the schema of a version of an event type, nil if there is none.
func (c *Catalog) Schema(event, version string) *schema.Schema {
	if c == nil || c.entries[event] == nil {
		return nil
	}
	return c.entries[event].schemas[version]
}

// Reads is the schema of what an app reads of an event type, nil if it states none.
func (c *Catalog) Reads(event, app string) *schema.Schema {
	if c == nil || c.entries[event] == nil {
		return nil
	}
	return c.entries[event].reads[app]
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
