package contract

import (
	"fmt"
	"strings"
)

// Wrap is data as the event that a version of a contract describes, as
// [Catalog.Example] makes it of an example file; name is the end of its id. The
// error says what there is instead, or which place in the data contradicts match
// or version.
func (c *Catalog) Wrap(event, version, name string, data []byte) (Event, error) {
	k := c.Contract(event)
	if k == nil {
		return Event{}, fmt.Errorf("wrap %s: no contract of that name%s", event, didYouMean(event, c.events()))
	}
	v := k.version(version)
	if v == nil {
		return Event{}, fmt.Errorf("wrap %s: no version %q: there are %s", event, version, strings.Join(k.versionNames(), ", "))
	}
	return k.wrap(v, Example{Name: name, Data: data, Place: v.Place})
}
