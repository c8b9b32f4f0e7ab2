package faults

import "sync"

// Armed are the faults that wait for a delivery to strike. Both worlds keep
// theirs here, so that "which fault strikes this delivery, and how often" is
// decided alike. The zero value is ready; it is safe for concurrent use.
type Armed struct {
	mu    sync.Mutex
	armed []*counter
}

type counter struct {
	fault Fault
	left  int // -1: without end
}

// Arm adds a fault that strikes times deliveries; -1 strikes every one.
func (a *Armed) Arm(f Fault, times int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.armed = append(a.armed, &counter{f, times})
}

// Strike returns the first armed fault of kind F that matches the delivery,
// and counts it as used.
func Strike[F Fault](a *Armed, app, topic, id, identity string) (F, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.armed {
		f, ok := c.fault.(F)
		if !ok || c.left == 0 || !f.Target().Matches(app, topic, id, identity) {
			continue
		}
		if c.left > 0 {
			c.left--
		}
		return f, true
	}
	var none F
	return none, false
}
