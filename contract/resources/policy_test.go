package resources_test

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/eventproof/eventproof/contract/resources"
)

func load2(texts ...string) (*resources.Set, error) {
	var roots []fs.FS
	for _, text := range texts {
		roots = append(roots, root(text))
	}
	return resources.Load(roots...)
}

func TestPolicyInEffect(t *testing.T) {
	s := load(t, team)
	tests := []struct {
		name     string
		policy   resources.Policy
		timeout  time.Duration
		attempts int
		retry    string
		breaker  string
		line     int
		reason   string
	}{
		{"target", s.Inbound("orders", "pubsub"), time.Minute, 4, "three", "", 15, "the target's own, and no default for the circuit breaker"},
		{"target-other-direction", s.Outbound("orders", "pubsub"), 0, 1, "", "", 0, "a component that is a target gets no default, in the other direction neither"},
		{"default-inbound", s.Inbound("orders", "other"), 250 * time.Millisecond, 1, "DefaultComponentRetryPolicy", "DefaultComponentInboundCircuitBreakerPolicy", 10, "by name"},
		{"default-outbound", s.Outbound("orders", "other"), 250 * time.Millisecond, -1, "DefaultPubsubComponentOutboundRetryPolicy", "", 9, "the most particular name first"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			retry, breaker := "", ""
			if test.policy.Retry != nil {
				retry = test.policy.Retry.Name
			}
			if test.policy.CircuitBreaker != nil {
				breaker = test.policy.CircuitBreaker.Name
			}
			if test.policy.Timeout != test.timeout || test.policy.Attempts() != test.attempts || retry != test.retry || breaker != test.breaker || test.policy.Place.Line != test.line {
				t.Errorf("got %s %d %q %q line %d (%s)", test.policy.Timeout, test.policy.Attempts(), retry, breaker, test.policy.Place.Line, test.reason)
			}
		})
	}
	exponential := s.Outbound("orders", "other").Retry
	if exponential.Policy != resources.PolicyExponential || exponential.MaxInterval != 10*time.Second || exponential.InitialInterval != 500*time.Millisecond || exponential.MaxElapsedTime != 15*time.Minute {
		t.Errorf("exponential: %+v", exponential)
	}
	breaker := s.Inbound("orders", "other").CircuitBreaker
	if breaker.MaxRequests != 1 || breaker.Timeout != 5*time.Second || breaker.Trip != "consecutiveFailures >= 2" {
		t.Errorf("circuit breaker: %+v", breaker)
	}
}

func TestPoliciesOfSeveralResources(t *testing.T) {
	scoped := strings.Replace(resiliency("  policies:\n    retries:\n      r: {maxRetries: 1}\n  targets:\n    components:\n      pubsub: {inbound: {retry: r}}\nscopes: [orders]\n"), "-- resiliency.yaml", "-- a.yaml", 1)
	later := "-- b.yaml --\napiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: later}\nspec:\n  policies:\n    retries:\n      r: {maxRetries: 7}\n  targets:\n    components:\n      pubsub: {inbound: {retry: r}}\nscopes: [payments, both]\n"
	s := load(t, strings.Replace(scoped, "[orders]", "[orders, both]", 1)+"\n"+later)
	for app, want := range map[string]int{"orders": 2, "payments": 8, "both": 8, "stranger": 1} {
		if got := s.Inbound(app, "pubsub").Attempts(); got != want {
			t.Errorf("%s: %d attempts, want %d", app, got, want)
		}
	}
}

func TestMaxRetries(t *testing.T) {
	tests := []struct {
		name, policy string
		want         int
		reason       string
	}{
		{"default", "{}", -1, "without a limit"},
		{"none", "{maxRetries: 0}", 0, "0 is given, and not the default"},
		{"negative", "{maxRetries: -5}", -1, "every negative number is no limit"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := load(t, resiliency("  policies:\n    retries:\n      DefaultRetryPolicy: "+test.policy+"\n"))
			if got := s.Inbound("a", "pubsub").Retry.MaxRetries; got != test.want {
				t.Errorf("%d, want %d (%s)", got, test.want, test.reason)
			}
		})
	}
}

func TestRetryMatches(t *testing.T) {
	tests := []struct {
		name, matching string
		code           int
		want           bool
		reason         string
	}{
		{"no-list", "{}", 404, true, "every code"},
		{"listed", "{httpStatusCodes: \"429,500-599\"}", 503, true, "in the range"},
		{"not-listed", "{httpStatusCodes: \"429,500-599\"}", 404, false, "in no range"},
		{"other-protocol", "{httpStatusCodes: \"429\"}", 14, true, "no list for gRPC"},
		{"grpc", "{gRPCStatusCodes: \"1-4,14\"}", 13, false, "in no range"},
		{"neither", "{}", 600, false, "no status code at all"},
		{"only-commas", "{httpStatusCodes: \",\"}", 500, false, "a list of nothing"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := load(t, resiliency("  policies:\n    retries:\n      DefaultRetryPolicy: {matching: "+test.matching+"}\n"))
			if got := s.Inbound("a", "pubsub").Retry.Matches(test.code, test.code < 17); got != test.want {
				t.Errorf("%d: %v (%s)", test.code, got, test.reason)
			}
		})
	}
	if (*resources.Retry)(nil).Matches(500, false) {
		t.Error("a nil Retry matches nothing")
	}
}
