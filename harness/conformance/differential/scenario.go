package differential

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Scenario is what is played. Names in it are its own: topics, apps and
// components get others in a world where many scenarios are played. In texts,
// $id stands for the event's own name.
type Scenario struct {
	Seed       uint64      `json:"seed"`
	Components []Component `json:"components"`
	Apps       []App       `json:"apps"`
	Events     []Publish   `json:"events"`
}

// Component is a Redis pubsub component and the policy on what it delivers.
type Component struct {
	ProcessingTimeout int    `json:"processingTimeout"` // ms
	Concurrency       int    `json:"concurrency,omitempty"`
	Inbound           Policy `json:"inbound,omitzero"`
	// Denied are topics that may not be published to: by the publisher, and, where
	// it is a dead letter topic, by the apps.
	Denied []string `json:"denied,omitempty"`
}

// Policy is an inbound resiliency policy; the zero one is none.
type Policy struct {
	Retry      string `json:"retry,omitempty"` // constant | exponential
	Duration   int    `json:"duration,omitempty"`
	MaxRetries int    `json:"maxRetries,omitempty"`
	MatchHTTP  string `json:"matchHTTP,omitempty"`
	MatchGRPC  string `json:"matchGRPC,omitempty"`
	Timeout    int    `json:"timeout,omitempty"` // ms
	// Breaker opens after so many failures in a row, and stays open.
	Breaker int `json:"breaker,omitempty"`
}

// App is one app.
type App struct {
	Kind          string         `json:"kind"` // http | grpc | stream
	Subscriptions []Subscription `json:"subscriptions"`
}

// The kinds of app.
const (
	KindHTTP   = "http"
	KindGRPC   = "grpc"
	KindStream = "stream"
)

// Subscription is one topic of an app, and what the app does with its events.
type Subscription struct {
	Component   int    `json:"component"`
	Topic       string `json:"topic"`
	Declarative string `json:"declarative,omitempty"` // "", v1alpha1, v2alpha1
	Rules       []Rule `json:"rules,omitempty"`
	DeadLetter  string `json:"deadLetter,omitempty"`
	RawPayload  string `json:"rawPayload,omitempty"`
	Bulk        bool   `json:"bulk,omitempty"`
	// Answers are those to the attempts with an event, the last one to all that
	// follow. By the event's name (e0, e1.2), or * for the others.
	Answers map[string][]string `json:"answers,omitempty"`
}

// Rule is a routing rule; without Match it is the default.
type Rule struct {
	Match string `json:"match,omitempty"`
	Path  string `json:"path"`
}

// Answers, beside "HTTP 503" and "gRPC 14", and statuses like SUCCESS and
// BANANA.
const (
	AnswerEmpty  = "empty"  // nothing said
	AnswerText   = "text"   // HTTP: a body that is not JSON
	AnswerBroken = "broken" // HTTP: the connection breaks
	AnswerSlow   = "slow"   // nothing is said before the policy's timeout
	AnswerNone   = "none"   // of a bulk delivery: the entry is left out
)

// Publish is one publish call, or one bulk publish call where it has entries.
type Publish struct {
	Over        string            `json:"over"` // http | grpc
	Component   int               `json:"component"`
	Topic       string            `json:"topic"`
	ContentType string            `json:"contentType,omitempty"`
	Data        string            `json:"data,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Entries     []Entry           `json:"entries,omitempty"`
}

// Entry is one event of a bulk publish.
type Entry struct {
	ID          string            `json:"entryId"`
	ContentType string            `json:"contentType,omitempty"`
	Data        string            `json:"data"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

// String is the scenario as YAML.
func (s Scenario) String() string {
	text, err := yaml.Marshal(s)
	if err != nil {
		return fmt.Sprintf("%#v", s)
	}
	return string(text)
}

// clone is a copy that shares nothing.
func (s Scenario) clone() Scenario {
	var buffer bytes.Buffer
	var other Scenario
	err := gob.NewEncoder(&buffer).Encode(s)
	if err == nil {
		err = gob.NewDecoder(&buffer).Decode(&other)
	}
	if err != nil {
		panic(fmt.Sprintf("differential: copy a scenario: %v", err)) // it is made of texts and numbers
	}
	return other
}

// topics are all topics of a component that the scenario names.
func (s Scenario) topics(component int) []string {
	var all []string
	for _, a := range s.Apps {
		for _, sub := range a.Subscriptions {
			if sub.Component == component {
				all = append(all, sub.Topic)
				if sub.DeadLetter != "" {
					all = append(all, sub.DeadLetter)
				}
			}
		}
	}
	for _, e := range s.Events {
		if e.Component == component {
			all = append(all, e.Topic)
		}
	}
	all = append(all, s.Components[component].Denied...)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(t string) bool { return t == "" })
}

// eventName is how answers call the event with a marker like s3.e1.2.
func eventName(marker string) string {
	_, name, _ := strings.Cut(marker, ".")
	return name
}

// answer is the one to an attempt, from 1.
func (sub Subscription) answer(event string, attempt int) string {
	list, ok := sub.Answers[event]
	if !ok {
		list = sub.Answers["*"]
	}
	if len(list) == 0 {
		return AnswerEmpty
	}
	return list[min(attempt, len(list))-1]
}

// patience is how long a policy's whole run may take.
func (p Policy) patience() time.Duration {
	attempts := 1
	if p.Retry != "" {
		attempts += p.MaxRetries
	}
	wait := p.Duration
	if p.Retry == "exponential" {
		wait = 1200
	}
	return time.Duration(attempts*(p.Timeout+wait)) * time.Millisecond
}
