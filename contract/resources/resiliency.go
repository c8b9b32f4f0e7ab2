package resources

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/eventproof/eventproof/contract"
)

// Resiliency is one Resiliency resource: policies by name, and the components
// and apps that they are for. Targets that are actors are read and not kept.
// See [Set.Inbound] and [Set.Endpoint] for what is in effect.
type Resiliency struct {
	Name            string
	Namespace       string
	Scopes          []string
	Timeouts        map[string]Timeout
	Retries         map[string]*Retry
	CircuitBreakers map[string]*CircuitBreaker
	Components      map[string]Target
	Apps            map[string]AppTarget
	Place           contract.Place

	doc *document
}

// Timeout is a named timeout.
type Timeout struct {
	Duration time.Duration
	Place    contract.Place
}

// Target names the policies of a component, "" for none.
type Target struct {
	Inbound, Outbound TargetPolicies
	Place             contract.Place
}

// AppTarget names the policies of an app that is invoked.
type AppTarget struct {
	TargetPolicies
	Place contract.Place
}

// TargetPolicies are the names of policies.
type TargetPolicies struct{ Timeout, Retry, CircuitBreaker string }

// Retry is a retry policy with daprd's defaults filled in.
//
// A constant policy waits Duration between attempts. An exponential one begins
// at InitialInterval and multiplies by Multiplier up to MaxInterval, each wait
// changed by up to ±RandomizationFactor, and gives up after MaxElapsedTime even
// where MaxRetries is infinite; only MaxInterval and MaxRetries can be set.
//
// Source: kit retry/retry.go DefaultConfig and NewBackOff, cenkalti/backoff v4
// exponential.go for the numbers.
type Retry struct {
	Name        string
	Policy      string        // constant (default) | exponential
	Duration    time.Duration // of a constant policy; default 5 s
	MaxInterval time.Duration // of an exponential policy; default 60 s
	MaxRetries  int           // after the first attempt; -1, the default: no limit

	InitialInterval     time.Duration // 500 ms
	Multiplier          float64       // 1.5
	RandomizationFactor float64       // 0.5
	MaxElapsedTime      time.Duration // 15 min

	// HTTPStatusCodes and GRPCStatusCodes are the matching texts, as written:
	// "429,500-599". "" matches every code.
	HTTPStatusCodes string
	GRPCStatusCodes string

	Place contract.Place

	http, grpc []codeRange
}

// Policies of Retry.Policy.
const (
	PolicyConstant    = "constant"
	PolicyExponential = "exponential"
)

// CircuitBreaker is a circuit breaker with its defaults filled in. daprd keeps
// one instance for each component, shared by both directions and all topics.
//
// Source: D16 pkg/resiliency/breaker/circuitbreaker.go, sony/gobreaker.
type CircuitBreaker struct {
	Name        string
	MaxRequests int           // let through when half open; default 1
	Interval    time.Duration // of clearing the counts while closed; default 0: never
	Timeout     time.Duration // of the open state; default 60 s
	Trip        string        // CEL over the counts; default "consecutiveFailures > 5"
	Place       contract.Place
}

type codeRange struct{ first, last int }

// Matches says whether an answer with this status code is tried again: by
// gRPCStatusCodes for 0 to 16, by httpStatusCodes for 100 to 599. Without a
// list for the protocol every code is; a code of neither range never is. A nil
// Retry matches nothing.
//
// As in daprd the code alone decides, since no code belongs to both protocols:
// the second argument, whether the app speaks gRPC, is not looked at.
//
// Source: D16 pkg/resiliency/retry.go statusCodeNeedRetry.
func (r *Retry) Matches(code int, _ bool) bool {
	if r == nil {
		return false
	}
	within := func(codes []codeRange) bool {
		return codes == nil || slices.ContainsFunc(codes, func(c codeRange) bool { return c.first <= code && code <= c.last })
	}
	switch {
	case code >= 0 && code <= 16:
		return within(r.grpc)
	case code >= 100 && code <= 599:
		return within(r.http)
	}
	return false
}

// parseCodes reads "429,500-599". Nil for "": every code.
// Source: D16 pkg/resiliency/retry.go parsePatterns, compilePattern.
func parseCodes(text string, lowest, highest int) ([]codeRange, error) {
	if text == "" {
		return nil, nil
	}
	codes := make([]codeRange, 0, 4)
	for _, part := range strings.Split(text, ",") {
		if part == "" {
			continue
		}
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err != nil || err2 != nil {
			return nil, fmt.Errorf("%q is not a status code or a range of them", part)
		}
		if first < lowest || last > highest || last < first {
			return nil, fmt.Errorf("%q is not within %d-%d, or goes backwards", part, lowest, highest)
		}
		codes = append(codes, codeRange{first, last})
	}
	return codes, nil
}

// parseDuration reads a duration as Dapr does: an integer is milliseconds.
// Source: D16 pkg/resiliency/resiliency.go parseDuration, kit config/decode.go.
func parseDuration(text string) (d time.Duration, bare bool, err error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(i) * time.Millisecond, true, nil
	}
	d, err = time.ParseDuration(text)
	return d, false, err
}

// resiliencyYAML is the shape that daprd decodes.
// Source: D16 pkg/apis/resiliency/v1alpha1/types.go.
type resiliencyYAML struct {
	header
	Spec struct {
		Policies struct {
			Timeouts        map[string]string             `json:"timeouts"`
			Retries         map[string]retryYAML          `json:"retries"`
			CircuitBreakers map[string]circuitBreakerYAML `json:"circuitBreakers"`
		} `json:"policies"`
		Targets struct {
			Components map[string]struct {
				Inbound  policyNamesYAML `json:"inbound"`
				Outbound policyNamesYAML `json:"outbound"`
			} `json:"components"`
			Apps   map[string]policyNamesYAML `json:"apps"`
			Actors map[string]actorNamesYAML  `json:"actors"`
		} `json:"targets"`
	} `json:"spec"`
	Scopes []string `json:"scopes"`
}

type retryYAML struct {
	Policy      string `json:"policy"`
	Duration    string `json:"duration"`
	MaxInterval string `json:"maxInterval"`
	MaxRetries  *int   `json:"maxRetries"`
	Matching    *struct {
		HTTPStatusCodes string `json:"httpStatusCodes"`
		GRPCStatusCodes string `json:"gRPCStatusCodes"`
	} `json:"matching"`
}

type circuitBreakerYAML struct {
	MaxRequests int    `json:"maxRequests"`
	Interval    string `json:"interval"`
	Timeout     string `json:"timeout"`
	Trip        string `json:"trip"`
}

type policyNamesYAML struct {
	Timeout        string `json:"timeout"`
	Retry          string `json:"retry"`
	CircuitBreaker string `json:"circuitBreaker"`
}

type actorNamesYAML struct {
	policyNamesYAML
	CircuitBreakerScope string `json:"circuitBreakerScope"`
}

var (
	policyNamesShape = object{"timeout": text, "retry": text, "circuitBreaker": text}
	resiliencyShape  = resourceShape(object{
		"policies": object{
			"timeouts": each{text},
			"retries": each{object{
				"policy": text, "duration": text, "maxInterval": text, "maxRetries": integer,
				"matching": object{"httpStatusCodes": text, "gRPCStatusCodes": text},
			}},
			"circuitBreakers": each{object{"maxRequests": integer, "interval": text, "timeout": text, "trip": text}},
		},
		"targets": object{
			"components": each{object{"inbound": policyNamesShape, "outbound": policyNamesShape}},
			"apps":       each{policyNamesShape.with(object{"circuitBreakerCacheSize": integer})},
			"actors":     each{policyNamesShape.with(object{"circuitBreakerScope": text, "circuitBreakerCacheSize": integer})},
		},
	})
)

func (l *loader) resiliency(d *document) {
	var in resiliencyYAML
	if !l.decode(d, resiliencyShape, &in) {
		return
	}
	r := Resiliency{
		Name: in.Metadata.Name, Namespace: in.Metadata.Namespace, Scopes: in.Scopes,
		Timeouts: map[string]Timeout{}, Retries: map[string]*Retry{},
		CircuitBreakers: map[string]*CircuitBreaker{}, Components: map[string]Target{}, Apps: map[string]AppTarget{},
		Place: d.place("kind"), doc: d,
	}
	for _, name := range sorted(in.Spec.Policies.Timeouts) {
		at := d.place("spec", "policies", "timeouts", name)
		if in.Spec.Policies.Timeouts[name] == "" {
			l.fail(at, "timeout %s is empty: daprd drops the rest of this Resiliency; write a number with a unit, such as 5s", name)
			continue
		}
		r.Timeouts[name] = Timeout{Duration: l.duration(at, "timeout "+name, in.Spec.Policies.Timeouts[name], 0), Place: at}
	}
	for _, name := range sorted(in.Spec.Policies.Retries) {
		r.Retries[name] = l.retry(d, name, in.Spec.Policies.Retries[name])
	}
	for _, name := range sorted(in.Spec.Policies.CircuitBreakers) {
		b := in.Spec.Policies.CircuitBreakers[name]
		at := func(field ...string) contract.Place {
			return d.place(append([]string{"spec", "policies", "circuitBreakers", name}, field...)...)
		}
		breaker := &CircuitBreaker{
			Name: name, MaxRequests: max(b.MaxRequests, 1), Trip: b.Trip, Place: at(),
			Interval: l.duration(at("interval"), "circuit breaker "+name+": interval", b.Interval, 0),
			Timeout:  l.duration(at("timeout"), "circuit breaker "+name+": timeout", b.Timeout, 60*time.Second),
		}
		if b.MaxRequests < 0 {
			l.fail(at("maxRequests"), "circuit breaker %s: maxRequests %d: daprd drops the rest of this Resiliency; write 1 or more", name, b.MaxRequests)
		}
		if breaker.Timeout <= 0 {
			breaker.Timeout = 60 * time.Second
		}
		if breaker.Trip == "" {
			breaker.Trip = "consecutiveFailures > 5"
		}
		r.CircuitBreakers[name] = breaker
	}
	for _, name := range sorted(in.Spec.Targets.Components) {
		t := in.Spec.Targets.Components[name]
		r.Components[name] = Target{
			Inbound: TargetPolicies(t.Inbound), Outbound: TargetPolicies(t.Outbound),
			Place: d.place("spec", "targets", "components", name),
		}
	}
	l.checkActorTargets(d, in.Spec.Targets.Actors)
	for name, names := range in.Spec.Targets.Apps {
		l.usedByOthers(names)
		r.Apps[name] = AppTarget{TargetPolicies(names), d.place("spec", "targets", "apps", name)}
	}
	for _, names := range in.Spec.Targets.Actors {
		l.usedByOthers(names.policyNamesYAML)
	}
	l.resiliencies = append(l.resiliencies, r)
}

func (l *loader) retry(d *document, name string, in retryYAML) *Retry {
	at := func(field ...string) contract.Place {
		return d.place(append([]string{"spec", "policies", "retries", name}, field...)...)
	}
	r := &Retry{
		Name: name, Policy: PolicyConstant, MaxRetries: -1, Place: at(),
		InitialInterval: 500 * time.Millisecond, Multiplier: 1.5, RandomizationFactor: 0.5, MaxElapsedTime: 15 * time.Minute,
		Duration:    l.duration(at("duration"), "retry "+name+": duration", in.Duration, 5*time.Second),
		MaxInterval: l.duration(at("maxInterval"), "retry "+name+": maxInterval", in.MaxInterval, 60*time.Second),
	}
	switch strings.ToLower(in.Policy) {
	case "", PolicyConstant:
		if in.MaxInterval != "" {
			l.warn(RuleIgnored, at("maxInterval"), "retry %s: maxInterval has no meaning for a constant policy; remove it, or write policy: exponential", name)
		}
	case PolicyExponential:
		r.Policy = PolicyExponential
		if in.Duration != "" {
			l.warn(RuleIgnored, at("duration"), "retry %s: duration has no meaning for an exponential policy, which begins at 500ms; remove it, or write policy: constant", name)
		}
	default:
		l.fail(at("policy"), "retry %s: policy %q: daprd drops the rest of this Resiliency; write constant or exponential", name, in.Policy)
	}
	if in.MaxRetries != nil {
		r.MaxRetries = max(*in.MaxRetries, -1)
	}
	if in.Matching != nil {
		var err error
		r.HTTPStatusCodes, r.GRPCStatusCodes = in.Matching.HTTPStatusCodes, in.Matching.GRPCStatusCodes
		if r.http, err = parseCodes(r.HTTPStatusCodes, 100, 599); err != nil {
			l.fail(at("matching", "httpStatusCodes"), "retry %s: httpStatusCodes: %v: daprd drops the rest of this Resiliency; write codes and ranges without spaces, such as 429,500-599", name, err)
		}
		if r.grpc, err = parseCodes(r.GRPCStatusCodes, 0, 16); err != nil {
			l.fail(at("matching", "gRPCStatusCodes"), "retry %s: gRPCStatusCodes: %v: daprd drops the rest of this Resiliency; write codes and ranges without spaces, such as 1-4,14", name, err)
		}
	}
	return r
}

// duration is the value of text, or the default where it is empty.
func (l *loader) duration(at contract.Place, what, text string, fallback time.Duration) time.Duration {
	if text == "" {
		return fallback
	}
	d, bare, err := parseDuration(text)
	switch {
	case err != nil:
		l.fail(at, "%s: %q is not a duration: daprd drops the rest of this Resiliency; write a number with a unit, such as 500ms, 5s or 1m", what, text)
		return fallback
	case bare && d > 0 && d < 100*time.Millisecond:
		l.warn(RuleDuration, at, "%s: %s has no unit, daprd takes it as %s; write %ss if seconds were meant, else %sms", what, text, d, text, text)
	}
	return d
}

// checkActorTargets refuses what makes daprd drop the whole resource.
// Source: D16 pkg/resiliency/resiliency.go decodeTargets.
func (l *loader) checkActorTargets(d *document, actors map[string]actorNamesYAML) {
	for _, name := range sorted(actors) {
		a := actors[name]
		if a.CircuitBreaker != "" && !slices.Contains([]string{"type", "id", "both"}, a.CircuitBreakerScope) {
			l.fail(d.place("spec", "targets", "actors", name), "actor %s: circuitBreakerScope %q: daprd drops the rest of this Resiliency; write type, id or both", name, a.CircuitBreakerScope)
		}
	}
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
