package differential

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// session plays scenarios on both worlds until its time is over.
type session struct {
	t        *testing.T
	real     bool // else the fake plays both parts
	first    uint64
	until    time.Time
	most     int           // findings, after which it ends
	size     int           // scenarios that are played at a time, in several worlds
	patience time.Duration // with the shrinking of one finding

	mu                 sync.Mutex
	began              time.Time
	worlds, played     int
	events, deliveries int
	findings, unstable []string
}

// confirmed is what a finding begins with.
const confirmed = "the fake and daprd differ"

// perWorld is how many scenarios one start of daprd serves.
const perWorld = 24

// both plays a stage on the fake and on the other world.
func (s *session) both(t *testing.T, st *Stage) (mine, theirs []*record) {
	t.Helper()
	mine, late := onTheFake(t, st)
	if !s.real {
		theirs, _ = onTheFake(t, st)
		return mine, theirs
	}
	return mine, onRealDapr(t, st, late)
}

// differences are those of each scenario; nil where a world itself failed. Each
// world plays some of them, and several worlds run at a time: they mostly wait.
func (s *session) differences(name string, scenarios []Scenario) (all [][]Difference) {
	all = make([][]Difference, len(scenarios))
	ok := s.t.Run(name, func(t *testing.T) {
		for from := 0; from < len(scenarios); from += perWorld {
			some := scenarios[from:min(from+perWorld, len(scenarios))]
			t.Run(fmt.Sprint(from), func(t *testing.T) {
				t.Parallel()
				st := NewStage(some)
				mine, theirs := s.both(t, st)
				s.mu.Lock()
				defer s.mu.Unlock()
				for i, a := range st.Acts {
					all[from+i] = a.compare(mine[i], theirs[i])
					s.events += len(a.Events)
					for _, list := range theirs[i].deliveries {
						s.deliveries += len(list)
					}
				}
				s.worlds++
				s.played += len(some)
			})
		}
	})
	if !ok {
		return nil
	}
	return all
}

// run plays worlds after worlds. It ends at its time, or with its last finding.
func (s *session) run() {
	s.t.Helper()
	s.began = time.Now()
	for seed := s.first; len(s.findings) < s.most; seed += uint64(s.size) {
		scenarios := drawnFrom(seed, s.size)
		all := s.differences(fmt.Sprintf("seeds %d to %d", seed, seed+uint64(s.size)-1), scenarios)
		if all != nil && s.played == 0 {
			s.t.Skip("no world was played: its test says why it was skipped")
		}
		for i, found := range all {
			if len(found) > 0 && len(s.findings) < s.most {
				s.found(scenarios[i], found)
			}
		}
		s.t.Logf("%s", s.tally())
		if all == nil || time.Now().After(s.until) {
			break
		}
	}
	for _, text := range s.unstable {
		s.t.Logf("unstable, no verdict: %s", text)
	}
	for _, text := range s.findings {
		s.t.Errorf("%s", text)
	}
}

func (s *session) tally() string {
	took := time.Since(s.began)
	return fmt.Sprintf("%d executions (%d worlds, %d publishes, %d deliveries) in %s: %.0f a minute; %d findings, %d unstable",
		s.played, s.worlds, s.events, s.deliveries, took.Round(time.Second), float64(s.played)/took.Minutes(), len(s.findings), len(s.unstable))
}

// found confirms a difference, shrinks its scenario and reports it.
func (s *session) found(scenario Scenario, before []Difference) {
	name := fmt.Sprintf("seed %d", scenario.Seed)
	again := s.differences(name+" again", slices.Repeat([]Scenario{scenario}, 3))
	if count(again) < 2 {
		s.unstable = append(s.unstable, fmt.Sprintf("%s, %d of 3 times\n%s", name, count(again), texts(before)))
		return
	}
	fmt.Printf("%s: %s\n", name, confirmed)
	last := again[slices.IndexFunc(again, func(d []Difference) bool { return len(d) > 0 })]
	step, until := 0, time.Now().Add(s.patience)
	small := Shrink(scenario, func(candidates []Scenario) []bool {
		step++
		differs := make([]bool, len(candidates))
		if time.Now().After(until) {
			return differs
		}
		for i, d := range s.differences(fmt.Sprintf("%s smaller %d", name, step), candidates) {
			differs[i] = len(d) > 0
			if differs[i] && !slices.Contains(differs[:i], true) {
				last = d
			}
		}
		return differs
	})
	finding := fmt.Sprintf(confirmed+"\n%s\nscenario (shrunk from %d events to %d):\n%s\nreproduce: EVENTPROOF_REAL=required go test -count=1 -run '^TestSeed$' ./harness/conformance/differential -seed %d",
		texts(last), len(scenario.Events), len(small.Events), small, scenario.Seed)
	s.findings = append(s.findings, finding)
	fmt.Println(finding) // now: the run may go on for long
}

func count(all [][]Difference) (n int) {
	for _, d := range all {
		if len(d) > 0 {
			n++
		}
	}
	return n
}

func texts(differences []Difference) string {
	var b strings.Builder
	for i, d := range differences {
		if i == 6 {
			fmt.Fprintf(&b, "… and %d more\n", len(differences)-i)
			break
		}
		b.WriteString(d.text("fake", "daprd"))
	}
	return b.String()
}
