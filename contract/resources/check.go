package resources

import (
	"slices"
	"strings"
)

// checkTogether holds the resources of all roots against each other.
func (l *loader) checkTogether() {
	l.checkDuplicateComponents()
	l.checkSubscriptions()
	l.checkTargets()
	l.checkUnused()
	l.checkPools()
	l.doc = nil
}

// overlap says whether an app can be in both scopes.
func overlap(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(app string) bool { return slices.Contains(b, app) })
}

// checkDuplicateComponents refuses a name that is given twice in one root. daprd
// finds the second one before it looks at its scopes, so even disjoint scopes
// do not help the apps of the first.
//
// Source: D16 pkg/internal/loader/disk/disk.go Load.
func (l *loader) checkDuplicateComponents() {
	first := map[string]Component{}
	for _, c := range l.components {
		before, ok := first[c.Name]
		if !ok {
			first[c.Name] = c
			continue
		}
		who := "every app"
		if len(before.Scopes) > 0 {
			who = strings.Join(before.Scopes, ", ")
		}
		l.fail(c.Place, "Component %q is defined already at %s: daprd refuses to start for %s, whatever the scopes of the second; give one of them another name", c.Name, before.Place, who)
		l.errs[len(l.errs)-1] = &DuplicateComponentError{Component: c, Existing: before, error: l.errs[len(l.errs)-1]}
	}
}

// DuplicateComponentError is that [Load] found a component's name twice in one root.
type DuplicateComponentError struct {
	Component, Existing Component
	error
}

func (l *loader) checkSubscriptions() {
	for i, s := range l.subscriptions {
		l.doc = s.doc
		for _, before := range l.subscriptions[:i] {
			if !overlap(before.Scopes, s.Scopes) {
				continue
			}
			switch {
			case before.Name == s.Name && s.Name != "":
				l.warn(RuleDuplicate, s.Place, "Subscription %q is defined already at %s: daprd keeps the one that it reads last; give one of them another name", s.Name, before.Place)
			case before.PubSub == s.PubSub && before.Topic == s.Topic && s.Topic != "":
				l.warn(RuleDuplicate, s.Place, "Subscription %q: topic %s of %s has the subscription at %s already, and daprd uses the first; put the routes into one", s.Name, s.Topic, s.PubSub, before.Place)
			default:
				continue
			}
			break
		}
		if _, ok := s.Metadata["deadLetterTopic"]; ok {
			l.warn(RuleMisplaced, s.doc.place("spec", "metadata", "deadLetterTopic"), "spec.metadata.deadLetterTopic: daprd ignores it there; write it as spec.deadLetterTopic")
		}
		l.checkSubscribedPubSub(s)
	}
}

func (l *loader) checkSubscribedPubSub(s Subscription) {
	if s.PubSub == "" {
		return
	}
	var names []string
	for _, c := range l.components {
		if !c.IsPubSub() {
			continue
		}
		if c.Name == s.PubSub {
			if !overlap(c.Scopes, s.Scopes) {
				l.warn(RuleDangling, s.Place, "Subscription %q: no app of its scopes sees the pubsub %q (%s, scopes %s): daprd never starts it; add the app to both scopes", s.Name, s.PubSub, c.Place, strings.Join(c.Scopes, ", "))
			}
			return
		}
		names = append(names, c.Name)
	}
	l.warn(RuleDangling, s.doc.place("spec", "pubsubname"), "Subscription %q: no Component defines the pubsub %q: daprd never starts it; define it, or correct pubsubname%s", s.Name, s.PubSub, didYouMean(s.PubSub, names, ""))
}

// checkTargets looks for what the targets of Resiliency name.
func (l *loader) checkTargets() {
	timeouts, retries, breakers := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range l.resiliencies {
		for name := range r.Timeouts {
			timeouts[name] = true
		}
		for name := range r.Retries {
			retries[name] = true
		}
		for name := range r.CircuitBreakers {
			breakers[name] = true
		}
	}
	for _, name := range builtInRetries {
		retries[name] = true
	}
	var components []string
	for _, c := range l.components {
		components = append(components, c.Name)
	}
	for _, r := range l.resiliencies {
		l.doc = r.doc
		for _, component := range sorted(r.Components) {
			target := r.Components[component]
			if !slices.Contains(components, component) {
				l.warn(RuleDangling, target.Place, "target %q: no Component has this name, its policies are never used; define it, or correct the name%s", component, didYouMean(component, components, ""))
			}
			for _, direction := range []string{"inbound", "outbound"} {
				names := target.Inbound
				if direction == "outbound" {
					names = target.Outbound
				}
				at := func(field string) []string {
					return []string{"spec", "targets", "components", component, direction, field}
				}
				if names.Timeout != "" && !timeouts[names.Timeout] {
					l.warn(RuleDangling, r.doc.place(at("timeout")...), "target %s %s: no timeout is named %q: daprd uses none, without a word; define it, or correct the name%s", component, direction, names.Timeout, didYouMean(names.Timeout, sorted(timeouts), ""))
				}
				if names.Retry != "" && !retries[names.Retry] {
					l.warn(RuleDangling, r.doc.place(at("retry")...), "target %s %s: no retry is named %q: daprd tries once, without a word; define it, or correct the name%s", component, direction, names.Retry, didYouMean(names.Retry, sorted(retries), ""))
				}
				if names.CircuitBreaker != "" && !breakers[names.CircuitBreaker] {
					// Source: D16 pkg/resiliency/resiliency.go, newCB of a nil template.
					l.fail(r.doc.place(at("circuitBreaker")...), "target %s %s: no circuit breaker is named %q: daprd panics when it is first used; define it, or correct the name%s", component, direction, names.CircuitBreaker, didYouMean(names.CircuitBreaker, sorted(breakers), ""))
				}
			}
		}
	}
}

// usedByOthers remembers policies that app and actor targets use.
func (l *loader) usedByOthers(names policyNamesYAML) {
	if l.other == nil {
		l.other = map[string]bool{}
	}
	l.other["timeout "+names.Timeout] = true
	l.other["retry "+names.Retry] = true
	l.other["circuit breaker "+names.CircuitBreaker] = true
}

func (l *loader) checkUnused() {
	used := map[string]bool{}
	for name := range l.other {
		used[name] = true
	}
	for _, r := range l.resiliencies {
		for _, target := range r.Components {
			for _, names := range []TargetPolicies{target.Inbound, target.Outbound} {
				used["timeout "+names.Timeout] = true
				used["retry "+names.Retry] = true
				used["circuit breaker "+names.CircuitBreaker] = true
			}
		}
	}
	for _, kind := range []struct{ name, inDefault string }{{"timeout", "Timeout"}, {"retry", "Retry"}, {"circuit breaker", "CircuitBreaker"}} {
		for _, name := range defaultPolicyNames(kind.inDefault) {
			used[kind.name+" "+name] = true
		}
	}
	for _, name := range builtInRetries {
		used["retry "+name] = true
	}
	for _, r := range l.resiliencies {
		l.doc = r.doc
		report := func(kind, section, name string) {
			if !used[kind+" "+name] {
				l.warn(RuleUnused, r.doc.place("spec", "policies", section, name), "%s %q: no target uses it; name it in spec.targets, or remove it", kind, name)
			}
		}
		for _, name := range sorted(r.Timeouts) {
			report("timeout", "timeouts", name)
		}
		for _, name := range sorted(r.Retries) {
			report("retry", "retries", name)
			if slices.Contains(builtInRetries, name) && r.Retries[name].MaxRetries < 3 {
				l.warn(RuleIgnored, r.doc.place("spec", "policies", "retries", name, "maxRetries"), "retry %s: daprd takes 3 for every maxRetries below 3, no limit included; write 3 or more", name)
			}
		}
		for _, name := range sorted(r.CircuitBreakers) {
			report("circuit breaker", "circuitBreakers", name)
		}
	}
}

// checkPools counts, for each app that a scope names, the topics that it
// subscribes to of each Redis component.
func (l *loader) checkPools() {
	apps := []string{""} // an app that no scope names
	for _, s := range l.subscriptions {
		for _, app := range s.Scopes {
			if !slices.Contains(apps, app) {
				apps = append(apps, app)
			}
		}
	}
	for _, c := range l.components {
		if !c.IsRedis() {
			continue
		}
		l.doc = c.doc
		most, whose := 0, ""
		for _, app := range apps {
			topics := map[string]bool{}
			for _, s := range l.subscriptions {
				if s.PubSub == c.Name && inScope(s.Scopes, app) && inScope(c.Scopes, app) {
					topics[s.Topic] = true
				}
			}
			if len(topics) > most {
				most, whose = len(topics), app
			}
		}
		if whose == "" {
			whose = "an app"
		}
		switch size := c.Redis().PoolSize; {
		case size > 0 && most >= size:
			item, _ := c.item("poolSize")
			l.warn(RulePoolSize, item.Place, "poolSize %d, and %s subscribes to %d topics of %s: each keeps a connection busy, and publishing fails with \"connection pool timeout\"; write %d or more", size, whose, most, c.Name, PoolSize(most))
		case size == 0 && most >= 10:
			l.warn(RulePoolSize, c.Place, "no poolSize, and %s subscribes to %d topics of %s: each keeps a connection busy, go-redis has 10 for each CPU, and publishing fails with \"connection pool timeout\"; write poolSize: %d or more", whose, most, c.Name, PoolSize(most))
		}
	}
}

// CheckApps names the scopes that no app of the given ones has: a scope with a
// typing error hides a resource from the app that it is for.
func (s *Set) CheckApps(apps ...string) []Warning {
	if s == nil {
		return nil
	}
	var found []Warning
	check := func(kind, name string, doc *document, scopes []string) {
		for _, scope := range scopes {
			if slices.Contains(apps, scope) {
				continue
			}
			place := doc.place("scopes")
			found = append(found, Warning{Rule: RuleScope, Place: place, What: kind + " " + name + ": its scope " + scope +
				" is none of the apps " + strings.Join(apps, ", ") + didYouMean(scope, apps, "")})
		}
	}
	for _, c := range s.Components {
		check("Component", c.Name, c.doc, c.Scopes)
	}
	for _, sub := range s.Subscriptions {
		check("Subscription", sub.Name, sub.doc, sub.Scopes)
	}
	for _, r := range s.Resiliencies {
		check("Resiliency", r.Name, r.doc, r.Scopes)
	}
	return found
}
