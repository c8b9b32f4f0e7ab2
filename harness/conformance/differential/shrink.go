package differential

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Shrink makes a scenario smaller as long as it differs. Of each step all ways to
// leave something out are tried at a time; differs says which of them still differ.
func Shrink(s Scenario, differs func([]Scenario) []bool) Scenario {
	for {
		candidates := smaller(s)
		if len(candidates) == 0 {
			return s
		}
		i := slices.Index(differs(candidates), true)
		if i < 0 {
			return s
		}
		s = candidates[i]
	}
}

// smaller are the scenarios that lack something of this one, the smallest first.
func smaller(s Scenario) (all []Scenario) {
	seen := map[string]bool{s.String(): true}
	add := func(change func(*Scenario)) {
		c := s.clone()
		change(&c)
		c.tidy()
		if text := c.String(); !seen[text] && len(c.Apps) > 0 && len(c.Events) > 0 {
			seen[text] = true
			all = append(all, c)
		}
	}
	if len(s.Events) > 2 {
		for i := range s.Events {
			add(func(c *Scenario) { c.keepEvents(i, i+1) })
		}
		half := len(s.Events) / 2
		add(func(c *Scenario) { c.keepEvents(0, half) })
		add(func(c *Scenario) { c.keepEvents(half, len(s.Events)) })
	}
	if len(s.Apps) > 1 {
		for i := range s.Apps {
			add(func(c *Scenario) { c.Apps = c.Apps[i : i+1] })
		}
	}
	for i := range s.Events {
		add(func(c *Scenario) { c.dropEvent(i) })
	}
	for i := range s.Apps {
		add(func(c *Scenario) { c.Apps = slices.Delete(c.Apps, i, i+1) })
		for j := range s.Apps[i].Subscriptions {
			add(func(c *Scenario) { c.Apps[i].Subscriptions = slices.Delete(c.Apps[i].Subscriptions, j, j+1) })
		}
	}
	for i := range s.Components {
		for _, change := range []func(*Component){
			func(c *Component) { c.Inbound = Policy{} }, func(c *Component) { c.Denied = nil }, func(c *Component) { c.Concurrency = 0 },
			func(c *Component) { c.Inbound.Breaker = 0 }, func(c *Component) { c.Inbound.Timeout = 0 },
			func(c *Component) {
				c.Inbound.Retry, c.Inbound.Duration, c.Inbound.MaxRetries = "", 0, 0
				c.Inbound.MatchHTTP, c.Inbound.MatchGRPC = "", ""
			},
			func(c *Component) { c.Inbound.MatchHTTP = "" }, func(c *Component) { c.Inbound.MatchGRPC = "" },
			func(c *Component) { c.Inbound.MaxRetries = min(c.Inbound.MaxRetries, 1) },
		} {
			add(func(c *Scenario) { change(&c.Components[i]) })
		}
	}
	for i, a := range s.Apps {
		for j, sub := range a.Subscriptions {
			changes := []func(*Subscription){
				func(c *Subscription) { c.Answers = nil }, func(c *Subscription) { c.DeadLetter = "" }, func(c *Subscription) { c.RawPayload = "" },
				func(c *Subscription) { c.Bulk = false }, func(c *Subscription) { c.Declarative = "" },
			}
			if len(sub.Rules) > 0 {
				changes = append(changes, func(c *Subscription) { c.Rules = []Rule{{Path: "/z"}} })
			}
			for n := range sub.Rules {
				if len(sub.Rules) > 1 {
					changes = append(changes, func(c *Subscription) { c.Rules = slices.Delete(c.Rules, n, n+1) })
				}
			}
			for _, name := range slices.Sorted(maps.Keys(sub.Answers)) {
				changes = append(changes, func(c *Subscription) { delete(c.Answers, name) })
				if len(sub.Answers[name]) > 1 {
					changes = append(changes, func(c *Subscription) { c.Answers[name] = c.Answers[name][:1] }, func(c *Subscription) { c.Answers[name] = c.Answers[name][1:] })
				}
			}
			for _, change := range changes {
				add(func(c *Scenario) { change(&c.Apps[i].Subscriptions[j]) })
			}
		}
	}
	for i, e := range s.Events {
		changes := []func(*Publish){func(c *Publish) { c.Over = "grpc" }}
		for _, name := range slices.Sorted(maps.Keys(e.Metadata)) {
			if e.Metadata[name] != "$id" {
				changes = append(changes, func(c *Publish) { delete(c.Metadata, name) })
			}
		}
		for j := range e.Entries {
			if len(e.Entries) > 1 {
				changes = append(changes, func(c *Publish) { c.Entries = slices.Delete(c.Entries, j, j+1) })
			}
			for _, name := range slices.Sorted(maps.Keys(e.Entries[j].Metadata)) {
				if e.Entries[j].Metadata[name] != "$id" {
					changes = append(changes, func(c *Publish) { delete(c.Entries[j].Metadata, name) })
				}
			}
		}
		if len(e.Entries) == 0 {
			changes = append(changes, func(c *Publish) { c.ContentType, c.Data = "application/json", `{"m":"$id"}` })
		}
		for _, change := range changes {
			add(func(c *Scenario) { change(&c.Events[i]) })
		}
	}
	return all
}

func (s *Scenario) keepEvents(from, to int) {
	for i := len(s.Events) - 1; i >= 0; i-- {
		if i < from || i >= to {
			s.dropEvent(i)
		}
	}
}

// dropEvent leaves an event out; the answers to those after it move.
func (s *Scenario) dropEvent(i int) {
	s.Events = slices.Delete(s.Events, i, i+1)
	for a := range s.Apps {
		for j := range s.Apps[a].Subscriptions {
			sub := &s.Apps[a].Subscriptions[j]
			moved := map[string][]string{}
			for name, list := range sub.Answers {
				var n int
				rest := ""
				if _, err := fmt.Sscanf(name, "e%d", &n); err == nil {
					_, rest, _ = strings.Cut(name, ".")
				}
				switch {
				case n == i:
					continue
				case n > i:
					name = fmt.Sprintf("e%d", n-1)
					if rest != "" {
						name += "." + rest
					}
				}
				moved[name] = list
			}
			sub.Answers = moved
		}
	}
}

// tidy leaves out what nothing needs: apps without subscriptions, and the last
// component where nobody names it.
func (s *Scenario) tidy() {
	s.Apps = slices.DeleteFunc(s.Apps, func(a App) bool { return len(a.Subscriptions) == 0 })
	for last := len(s.Components) - 1; last > 0; last-- {
		used := slices.ContainsFunc(s.Events, func(e Publish) bool { return e.Component == last })
		for _, a := range s.Apps {
			used = used || slices.ContainsFunc(a.Subscriptions, func(sub Subscription) bool { return sub.Component == last })
		}
		if used {
			break
		}
		s.Components = s.Components[:last]
	}
}
