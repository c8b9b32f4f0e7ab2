package resources_test

import (
	"strings"
	"testing"
	"time"
)

const invoking = `-- invoking.yaml --
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: invoking}
scopes: [orders]
spec:
  policies:
    timeouts: {short: 2s, DefaultTimeoutPolicy: 9s}
    retries:
      DaprBuiltInServiceRetries: {policy: constant, duration: 1s, maxRetries: 5}
      DefaultAppRetryPolicy: {policy: constant, duration: 1s, maxRetries: 1}
      DefaultRetryPolicy: {policy: constant, duration: 1s, maxRetries: 7}
    circuitBreakers:
      DefaultAppCircuitBreakerPolicy: {trip: consecutiveFailures > 2}
  targets:
    apps:
      payments: {timeout: short, circuitBreaker: nowhere}
-- plain.yaml --
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: plain}
spec: {accessControl: {}, tracing: {samplingRate: "1"}}
-- zguarded.yaml --
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: guarded}
spec:
  accessControl: {defaultAction: deny}
  appHttpPipeline: {handlers: [{name: h, type: middleware.http.uppercase}]}
`

func TestEndpointPolicyInEffect(t *testing.T) {
	s := load(t, invoking)
	target := s.Endpoint("orders", "payments")
	if target.Timeout != 2*time.Second || target.Retry != nil || target.CircuitBreaker != nil || target.Place.Line != 16 {
		t.Errorf("a target has what it names, and no default: %+v", target)
	}
	other := s.Endpoint("orders", "other")
	if other.Timeout != 9*time.Second || other.Attempts() != 2 || other.CircuitBreaker.Trip != "consecutiveFailures > 2" {
		t.Errorf("another app has the defaults, those of apps first: %+v", other)
	}
	if out := s.Endpoint("elsewhere", "payments"); out.Timeout != 0 || out.Retry != nil {
		t.Errorf("out of scope: %+v", out)
	}
}

func TestConfigurationNamesWhatDecidesOnInvocation(t *testing.T) {
	c := load(t, invoking).Configurations
	if len(c) != 2 || len(c[0].Invocation) != 0 || strings.Join(c[1].Invocation, " ") != "accessControl appHttpPipeline" {
		t.Errorf("got %+v", c)
	}
}
