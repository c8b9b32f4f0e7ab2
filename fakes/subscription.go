package fakes

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/cel-go/cel"

	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/world"
)

// subscription is one topic that an app's sidecar reads for it.
type subscription struct {
	app        *app
	component  string
	topic      string
	deadLetter string
	rules      []rule
	metadata   map[string]string
	rawPayload string      // of the metadata; "true" makes the sidecar wrap raw bytes
	bulk       *bulk       // nil: one by one
	kind       string      // declarative | programmatic | streaming
	stream     *stream     // of a streaming subscription
	outbox     *stateStore // of the sidecar's own, to the topic of this store's outbox
	protocol   world.Protocol
	policy     resources.Policy
	started    time.Time
	lane       *lane  // where its messages wait for a worker
	read       uint64 // its latest turn among the readers of its group
	// concurrency is how many messages are delivered at once: the component's
	// setting of that name.
	concurrency int
	holding     int    // deliveries whose policy has not ended
	closed      bool   // it takes no more: see stop
	held        bool   // it had such deliveries when it was closed
	stopped     func() // once it has left its group

	processingTimeout, redeliverInterval time.Duration
}

// rule sends an event to a path of the app.
type rule struct {
	match   string
	path    string
	program cel.Program // nil: matches everything
}

// newRule compiles a routing rule. Only "event" is ever set, so a rule with
// another name compiles and fails at each event.
func newRule(match, path string) (rule, error) {
	r := rule{match: strings.TrimSpace(match), path: path}
	if r.match == "" {
		return r, nil
	}
	var err error
	if r.program, err = compile(r.match); err != nil {
		return r, fmt.Errorf("routing rule %q: %w", r.match, err)
	}
	return r, nil
}

// compile reads a CEL expression as daprd does: every name in it that CEL does
// not know becomes a variable of any type.
//
// Source: dapr v1.16.0 pkg/expr/expr.go.
func compile(expression string) (cel.Program, error) {
	declared := make(map[string]bool)
	var variables []cel.EnvOption
	for {
		env, err := cel.NewEnv(variables...)
		if err != nil {
			return nil, err
		}
		ast, issues := env.Compile(expression)
		if issues.Err() == nil {
			return env.Program(ast)
		}
		more := false
		for _, issue := range issues.Errors() {
			const undeclared = "undeclared reference to '"
			name, found := strings.CutPrefix(issue.Message, undeclared)
			if name, _, _ = strings.Cut(name, "'"); found && !declared[name] {
				declared[name], more = true, true
				variables = append(variables, cel.Variable(name, cel.DynType))
			}
		}
		if !more {
			return nil, issues.Err()
		}
	}
}

// route is the path for an event; ok is false where no rule matches, which
// daprd acknowledges in silence or dead-letters. An error of a rule is an error:
// the rules after it are not asked.
//
// Source: dapr v1.16.0 pkg/runtime/subscription/subscription.go findMatchingRoute.
func (s *subscription) route(event any) (path string, ok bool, err error) {
	for _, r := range s.rules {
		if r.program == nil {
			return r.path, true, nil
		}
		out, _, err := r.program.Eval(map[string]any{"event": event})
		if err != nil {
			return "", false, err
		}
		matches, isBool := out.Value().(bool)
		if !isBool {
			return "", false, fmt.Errorf("the result of match expression %s was not a boolean", r.match)
		}
		if matches {
			return r.path, true, nil
		}
	}
	return "", false, nil
}

// hasWorker reports whether a worker of its component is free. The engine's lock
// is held.
func (s *subscription) hasWorker() bool { return s.app.busy[s.component] < s.concurrency }

// onlyPath is where every event goes that is a CloudEvent, where that is so
// whatever stands in it.
func (s *subscription) onlyPath() (path string, ok bool) {
	if s.rawPayload != "" || len(s.rules) == 0 || s.rules[0].program != nil {
		return "", false
	}
	return s.rules[0].path, true
}

// reclaims reports whether pending messages come again at all.
func (s *subscription) reclaims() bool { return s.processingTimeout > 0 && s.redeliverInterval > 0 }

// reclaimAfter is the first tick at which a message read at the given time has
// been idle long enough.
func (s *subscription) reclaimAfter(read time.Time) time.Time {
	idle := read.Add(s.processingTimeout).Sub(s.started)
	ticks := (idle + s.redeliverInterval - 1) / s.redeliverInterval
	return s.started.Add(ticks * s.redeliverInterval)
}

// declared are the subscriptions of the app's resources, in daprd's order.
func (w *backend) declared(a *app, protocol world.Protocol) ([]*subscription, error) {
	var subs []*subscription
	for _, r := range a.resources.Subscriptions {
		s := &subscription{component: r.PubSub, topic: r.Topic, deadLetter: r.DeadLetterTopic,
			metadata: r.Metadata, rawPayload: r.Metadata["rawPayload"], kind: "declarative",
			bulk: newBulk(r.BulkSubscribe.Enabled, r.BulkSubscribe.MaxMessagesCount, r.BulkSubscribe.MaxAwaitDurationMs)}
		for _, rr := range r.Rules {
			rule, err := newRule(rr.Match, rr.Path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.Place, err)
			}
			s.rules = append(s.rules, rule)
		}
		if len(s.rules) > 0 {
			subs = append(subs, s)
		}
	}
	return subs, nil
}
