package resources

import (
	"time"

	"github.com/eventproof/eventproof/contract"
)

// Policy is what daprd does around one call: each attempt is cut off after
// Timeout, the attempt passes the circuit breaker, and Retry decides whether
// there is another. The zero Policy is one attempt without limits.
type Policy struct {
	Timeout        time.Duration // 0: none
	Retry          *Retry        // nil: one attempt
	CircuitBreaker *CircuitBreaker
	// Place is where the component is named as a target, or the default policy
	// that applies to it; zero where there is none.
	Place contract.Place
}

// Attempts is how often daprd tries at most: MaxRetries + 1, 1 without a retry
// policy, -1 where there is no limit. A circuit breaker that opens ends it
// earlier.
func (p Policy) Attempts() int {
	if p.Retry == nil {
		return 1
	}
	if p.Retry.MaxRetries < 0 {
		return -1
	}
	return p.Retry.MaxRetries + 1
}

// Inbound is the policy around delivering a message of the pubsub component to
// the app.
//
// Where any Resiliency in the app's scope names the component as a target, the
// policies named there are used, and none for what is not named: defaults are
// not looked at, not even for the other direction. Otherwise the default
// policies by name are, for each of Retry, Timeout and CircuitBreaker the first
// that exists of DefaultPubsubComponentInboundRetryPolicy,
// DefaultComponentInboundRetryPolicy, DefaultComponentRetryPolicy and
// DefaultRetryPolicy. Several resources in scope are one: of equal names the
// last stands. A name that nothing defines is no policy.
//
// Source: D16 pkg/resiliency/resiliency.go ComponentInboundPolicy,
// getDefaultPolicy, getPolicyLevels, FromConfigurations.
func (s *Set) Inbound(app, component string) Policy {
	return s.policy(app, component, "Inbound", "Pubsub")
}

// Outbound is the policy around publishing to the pubsub component, by the app
// or, to a dead letter topic, by its daprd. See Inbound.
func (s *Set) Outbound(app, component string) Policy {
	return s.policy(app, component, "Outbound", "Pubsub")
}

// OutboundState is the policy around calls of the state store. See Inbound; its
// default policies begin with DefaultStatestoreComponentOutbound.
func (s *Set) OutboundState(app, component string) Policy {
	return s.policy(app, component, "Outbound", "Statestore")
}

func (s *Set) policy(app, component, direction, kind string) Policy {
	if s == nil {
		return Policy{}
	}
	all := merge(s.Resiliencies, app)
	if target, ok := all.Components[component]; ok {
		names := target.Inbound
		if direction == "Outbound" {
			names = target.Outbound
		}
		if names == (TargetPolicies{}) {
			return Policy{}
		}
		return Policy{
			Timeout:        all.Timeouts[names.Timeout].Duration,
			Retry:          all.Retries[names.Retry],
			CircuitBreaker: all.CircuitBreakers[names.CircuitBreaker],
			Place:          target.Place,
		}
	}
	var p Policy
	for _, level := range []string{"", "Component", "Component" + direction, kind + "Component" + direction} {
		if t, ok := all.Timeouts["Default"+level+"TimeoutPolicy"]; ok {
			p.Timeout, p.Place = t.Duration, t.Place
		}
		if b, ok := all.CircuitBreakers["Default"+level+"CircuitBreakerPolicy"]; ok {
			p.CircuitBreaker, p.Place = b, b.Place
		}
	}
	for _, level := range []string{"", "Component", "Component" + direction, kind + "Component" + direction} {
		if r, ok := all.Retries["Default"+level+"RetryPolicy"]; ok {
			p.Retry, p.Place = r, r.Place
		}
	}
	return p
}

// Endpoint is the policy around the app's invoking a method of another app, or
// of its own. Where any Resiliency in the app's scope names the other app as a
// target, the policies named there are used; otherwise the default policies by
// name are, for each of Retry, Timeout and CircuitBreaker the first that exists of
// DefaultAppRetryPolicy and DefaultRetryPolicy. See Inbound.
//
// Source: D16 pkg/resiliency/resiliency.go EndpointPolicy.
func (s *Set) Endpoint(app, invoked string) Policy {
	if s == nil {
		return Policy{}
	}
	all := merge(s.Resiliencies, app)
	if target, ok := all.Apps[invoked]; ok {
		return Policy{
			Timeout:        all.Timeouts[target.Timeout].Duration,
			Retry:          all.Retries[target.Retry],
			CircuitBreaker: all.CircuitBreakers[target.CircuitBreaker],
			Place:          target.Place,
		}
	}
	var p Policy
	for _, level := range []string{"", "App"} {
		if t, ok := all.Timeouts["Default"+level+"TimeoutPolicy"]; ok {
			p.Timeout, p.Place = t.Duration, t.Place
		}
		if b, ok := all.CircuitBreakers["Default"+level+"CircuitBreakerPolicy"]; ok {
			p.CircuitBreaker, p.Place = b, b.Place
		}
		if r, ok := all.Retries["Default"+level+"RetryPolicy"]; ok {
			p.Retry, p.Place = r, r.Place
		}
	}
	return p
}

// defaultPolicyNames are the names that apply to components without a target.
func defaultPolicyNames(kind string) []string {
	var names []string
	for _, level := range []string{
		"", "App", "Actor", "Component", "ComponentInbound", "ComponentOutbound",
	} {
		names = append(names, "Default"+level+kind+"Policy")
	}
	for _, of := range []string{"Binding", "Configuration", "Lock", "Pubsub", "Crypto", "Conversation", "Secretstore", "Statestore"} {
		names = append(names, "Default"+of+"ComponentInbound"+kind+"Policy", "Default"+of+"ComponentOutbound"+kind+"Policy")
	}
	return names
}

// The retries that daprd has built in, and that a policy of that name replaces.
// Source: D16 pkg/resiliency/resiliency.go.
var builtInRetries = []string{
	"DaprBuiltInServiceRetries", "DaprBuiltInActorRetries", "DaprBuiltInActorReminderRetries",
	"DaprBuiltInActorNotFoundRetries", "DaprBuiltInInitializationRetries",
}

// merge is all resources that the app sees as one.
func merge(resiliencies []Resiliency, app string) Resiliency {
	all := Resiliency{
		Timeouts: map[string]Timeout{}, Retries: map[string]*Retry{},
		CircuitBreakers: map[string]*CircuitBreaker{}, Components: map[string]Target{}, Apps: map[string]AppTarget{},
	}
	for _, r := range resiliencies {
		if !inScope(r.Scopes, app) {
			continue
		}
		for name, t := range r.Timeouts {
			all.Timeouts[name] = t
		}
		for name, retry := range r.Retries {
			all.Retries[name] = retry
		}
		for name, b := range r.CircuitBreakers {
			all.CircuitBreakers[name] = b
		}
		for name, t := range r.Components {
			all.Components[name] = t
		}
		for name, t := range r.Apps {
			all.Apps[name] = t
		}
	}
	return all
}
