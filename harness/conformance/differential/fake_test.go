package differential

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/journal"
)

func TestTheFakeDoesNotDifferFromItself(t *testing.T) {
	s := &session{t: t, first: 1, size: 96, until: time.Now(), most: 10}
	s.run()
	require.Equal(t, 96, s.played)
	require.Greater(t, s.deliveries, s.events, "the scenarios retry too little")
}

func TestASeedIsAlwaysTheSameScenario(t *testing.T) {
	for seed := uint64(1); seed < 40; seed++ {
		require.Equal(t, Generate(seed).String(), Generate(seed).String())
		require.Equal(t, Generate(seed), Generate(seed).clone().asGenerated(Generate(seed)), "a copy is the same")
		require.NotEqual(t, Generate(seed).String(), Generate(seed+1).String())
	}
}

// asGenerated gives back the empty maps that a copy has lost.
func (s Scenario) asGenerated(from Scenario) Scenario {
	for i := range s.Apps {
		for j := range s.Apps[i].Subscriptions {
			if s.Apps[i].Subscriptions[j].Answers == nil {
				s.Apps[i].Subscriptions[j].Answers = from.Apps[i].Subscriptions[j].Answers
			}
		}
	}
	return s
}

// TestTheScenariosHaveEverything is the generator's promise.
func TestTheScenariosHaveEverything(t *testing.T) {
	all := ""
	for seed := range uint64(250) {
		all += Generate(seed).String()
	}
	for _, want := range []string{"kind: http", "kind: grpc", "kind: stream", "declarative: v1alpha1", "declarative: v2alpha1", "deadLetter: dead0", "rawPayload: \"true\"", "bulk: true",
		"retry: constant", "retry: exponential", "maxRetries: 3", "matchHTTP:", "matchGRPC:", "timeout: 400", "breaker:", "denied:", "entries:", "over: http", "over: grpc",
		"application/cloudevents+json", "cloudevent.type", "ttl", "match:", "- slow", "- broken", "- DROP", "- BANANA", "- HTTP 404", "- gRPC 12", "- none"} {
		require.Contains(t, all, want)
	}
}

// TestNoTwoOfAWaveMeetAtAnHTTPApp is why scenarios can share one.
func TestNoTwoOfAWaveMeetAtAnHTTPApp(t *testing.T) {
	st := NewStage(drawnFrom(1, 60))
	seen := map[cue]bool{}
	for _, wave := range st.waves(nil) {
		busy := map[string]bool{}
		for _, c := range wave {
			require.False(t, seen[c], "it is published twice")
			seen[c] = true
			for _, id := range st.Acts[c.slot].apps {
				require.False(t, busy[id] && strings.HasPrefix(id, KindHTTP))
				busy[id] = true
			}
		}
	}
	events := 0
	for _, a := range st.Acts {
		events += len(a.Events)
	}
	require.Len(t, seen, events)
}

func TestWhatIsPendingComesLast(t *testing.T) {
	st := NewStage(drawnFrom(1, 10))
	pending := map[cue]bool{{3, 0}: true, {0, 0}: true}
	waves := st.waves(pending)
	require.Equal(t, []cue{{0, 0}, {3, 0}}, waves[len(waves)-1])
}

func TestAScenarioIsShrunk(t *testing.T) {
	// A defect that needs an HTTP app with DROP and a dead letter topic.
	differs := func(s Scenario) bool {
		return slices.ContainsFunc(s.Apps, func(a App) bool {
			return a.Kind == KindHTTP && slices.ContainsFunc(a.Subscriptions, func(sub Subscription) bool {
				for name, list := range sub.Answers {
					if slices.Contains(list, "DROP") && strings.HasPrefix(name, "e") && sub.DeadLetter != "" {
						return true
					}
				}
				return false
			})
		})
	}
	shrunk := 0
	for seed := range uint64(80) {
		s := Generate(seed)
		if !differs(s) {
			continue
		}
		small := Shrink(s, func(all []Scenario) []bool {
			var out []bool
			for _, s := range all {
				out = append(out, differs(s))
			}
			return out
		})
		shrunk++
		require.True(t, differs(small))
		require.Len(t, small.Apps, 1, small)
		require.Len(t, small.Apps[0].Subscriptions, 1, small)
		require.Len(t, small.Events, 1, small)
		require.Len(t, small.Apps[0].Subscriptions[0].Answers, 1, small)
		require.Equal(t, Policy{}, small.Components[0].Inbound)
		NewStage([]Scenario{small}).Resources() // it can still be played
	}
	require.Greater(t, shrunk, 3)
}

// TestTheComparisonSeesEachDifference changes one thing at a time.
func TestTheComparisonSeesEachDifference(t *testing.T) {
	scenario := Scenario{Seed: 1, Components: []Component{{ProcessingTimeout: 800, Inbound: Policy{Retry: "constant", Duration: 20, MaxRetries: 1}}},
		Apps:   []App{{Kind: KindHTTP, Subscriptions: []Subscription{{Topic: "t0", DeadLetter: "dead0", Rules: []Rule{{Path: "/z"}}, Answers: map[string][]string{"e0": {"HTTP 500"}}}}}},
		Events: []Publish{{Over: "grpc", Topic: "t0", ContentType: "application/json", Data: `{}`, Metadata: map[string]string{"cloudevent.id": "$id"}}}}
	st := NewStage([]Scenario{scenario})
	first, _ := onTheFake(t, st)
	require.Len(t, first[0].deliveries[lane{0, "a.t0", "e0"}], 2)
	for _, c := range []struct {
		name   string
		change func(*record)
	}{
		{"the publisher's answer", func(r *record) { r.published["e0"] = "Internal" }},
		{"an attempt", func(r *record) {
			l := lane{0, "a.t0", "e0"}
			r.deliveries[l] = r.deliveries[l][:1]
		}},
		{"an envelope", func(r *record) { r.deliveries[lane{0, "a.t0", "e0"}][1] += " " }},
		{"a delivery on another topic", func(r *record) { r.deliveries[lane{0, "a.dead0", "e0"}] = []string{"POST"} }},
		{"a dead letter", func(r *record) { r.topics["a.dead0"] = nil }},
		{"what is pending", func(r *record) { r.held[lane{0, "a.t0", ""}] = 1 }},
		{"the final state", func(r *record) {
			r.journal = slices.DeleteFunc(r.journal, func(e entry) bool { return e.Kind == journal.DeadLettered })
		}},
		{"an answer in the journal", func(r *record) {
			i := slices.IndexFunc(r.journal, func(e entry) bool { return e.Kind == journal.Answered })
			r.journal[i].Answer = "HTTP 501"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			second, _ := onTheFake(t, st)
			require.Empty(t, st.Acts[0].compare(first[0], second[0]))
			c.change(second[0])
			require.NotEmpty(t, st.Acts[0].compare(first[0], second[0]))
		})
	}
}

func TestEnvelopesAreComparedWithoutWhatVaries(t *testing.T) {
	require.Equal(t, `{"data_base64":(raw),"expiration":now,"id":drawn,"time":now}`,
		plain([]byte(`{"data_base64":"cmF3","expiration":"2026-01-01T00:00:00Z","id":"3f2504e0-4f89-41d3-9a0c-0305e82c3301","time":"2000-01-01T00:00:01Z"}`)))
	require.Equal(t, `{"expiration":"1999-01-01T00:00:00Z","id":"s1.e2","time":"2020-01-01T00:00:00Z"}`,
		plain([]byte(`{"expiration":"1999-01-01T00:00:00Z","id":"s1.e2","time":"2020-01-01T00:00:00Z"}`)))
	require.Equal(t, "e2.1", nameIn("", []byte(`{"data_base64":"`+"czEyLmUyLjE="+`"}`)))
}
