package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/world"
)

// policy is the resiliency policy for what the app receives from a pubsub
// component.
func (s *stage) policy(pubsub string) resources.Policy {
	return s.w.Resources().Inbound(s.app, pubsub)
}

// endsAt is after which delivery daprd gives an event up, for the answers that
// the app gave; limit is the most that it tries. An answer of DROP, and one
// whose code the policy's matching leaves out, end it at once. 404 and
// Unimplemented are taken for "no such route" and never tried again.
//
// Source: dapr v1.16.0 pkg/runtime/subscription/postman/http/http.go,
// postman/grpc/grpc.go, pkg/resiliency/retry.go.
func endsAt(answers []string, limit int, policy resources.Policy) int {
	for i, answer := range answers {
		if limit >= 0 && i+1 >= limit {
			break
		}
		if slices.Contains([]string{journal.Drop, journal.Success, "HTTP 404", "gRPC Unimplemented"}, answer) {
			return i + 1
		}
		if code, isGRPC, ok := statusCode(answer); ok && policy.Retry != nil && !policy.Retry.Matches(code, isGRPC) {
			return i + 1
		}
	}
	return limit
}

// statusCode reads "HTTP 500" and "gRPC Unavailable"; other answers carry none.
func statusCode(answer string) (code int, isGRPC, ok bool) {
	if text, found := strings.CutPrefix(answer, "HTTP "); found {
		code, err := strconv.Atoi(text)
		return code, false, err == nil
	}
	if text, found := strings.CutPrefix(answer, "gRPC "); found {
		for code := codes.OK; code <= codes.Unauthenticated; code++ {
			if code.String() == text {
				return int(code), true, true
			}
		}
	}
	return 0, false, false
}

// retryWait is how long daprd waits in all between n deliveries, at most, on
// the world's clock.
func retryWait(retry *resources.Retry, n int, clocks world.Clocks) time.Duration {
	if retry == nil {
		return 0
	}
	scale := clocks.RetryScale
	if scale == 0 {
		scale = 1
	}
	var sum time.Duration
	wait := float64(retry.Duration)
	exponential := strings.EqualFold(retry.Policy, resources.PolicyExponential)
	if exponential {
		wait = float64(retry.InitialInterval)
	}
	for range n - 1 {
		if !exponential {
			sum += time.Duration(wait)
			continue
		}
		sum += time.Duration(wait * (1 + retry.RandomizationFactor))
		wait = min(wait*retry.Multiplier, float64(retry.MaxInterval))
	}
	return time.Duration(float64(sum) * scale)
}

// pendingWait is after how long at most the broker delivers an event again
// that was not acknowledged; ok is false where it never does.
func (s *stage) pendingWait(pubsub string) (wait time.Duration, ok bool) {
	component, defined := s.w.Resources().For(s.app).PubSub(pubsub)
	if !defined {
		component = resources.Component{Name: pubsub, Type: "pubsub.redis"}
	}
	settings, clocks := component.Redis(), s.w.Config().Clocks
	timeout, interval := settings.ProcessingTimeout, settings.RedeliverInterval
	if clocks.ProcessingTimeout != 0 {
		timeout = clocks.ProcessingTimeout
	}
	if clocks.RedeliverInterval != 0 {
		interval = clocks.RedeliverInterval
	}
	return timeout + interval, timeout > 0 && interval > 0
}

// describePolicy names what decides how often an event is delivered.
func describePolicy(p resources.Policy) string {
	place := p.Place.String()
	if place != "" {
		place = " (" + place + ")"
	}
	switch n := p.Attempts(); {
	case p.Retry == nil:
		return "no inbound retry policy: 1 delivery" + place
	case n < 0:
		return fmt.Sprintf("retry policy %s: without end%s", p.Retry.Name, place)
	default:
		return fmt.Sprintf("retry policy %s: %s%s", p.Retry.Name, plural(n, "delivery", "deliveries"), place)
	}
}
