package differential

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// session plays scenarios on both worlds until its time is over.
type session struct {
	t     *testing.T
	real  bool // else the fake plays both parts
	first uint64
	until time.Time
	most  int // findings, after which it ends

	began              time.Time
	worlds, played     int
	events, deliveries int
	findings, unstable []string
}

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

// differences are those of each scenario. ok is false where the world itself
// failed.
func (s *session) differences(name string, scenarios []Scenario) (all [][]Difference, ok bool) {
	all = make([][]Difference, len(scenarios))
	ok = s.t.Run(name, func(t *testing.T) {
		st := NewStage(scenarios)
		mine, theirs := s.both(t, st)
		for i, a := range st.Acts {
			all[i] = a.compare(mine[i], theirs[i])
			s.events += len(a.Events)
			for _, list := range theirs[i].deliveries {
				s.deliveries += len(list)
			}
		}
		s.worlds++
		s.played += len(scenarios)
	})
	return all, ok
}

// run plays world after world. It ends at its time, or with its last finding.
func (s *session) run() {
	s.t.Helper()
	s.began = time.Now()
	for seed := s.first; len(s.findings) < s.most; seed += perWorld {
		scenarios := drawnFrom(seed, perWorld)
		all, ok := s.differences(fmt.Sprintf("seeds %d to %d", seed, seed+perWorld-1), scenarios)
		if !ok {
			break
		}
		for i, found := range all {
			if len(found) > 0 && len(s.findings) < s.most {
				s.found(scenarios[i], found)
			}
		}
		s.t.Logf("%s", s.tally())
		if time.Now().After(s.until) {
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
	again, ok := s.differences(name+" again", slices.Repeat([]Scenario{scenario}, 3))
	if !ok || count(again) < 2 {
		s.unstable = append(s.unstable, fmt.Sprintf("%s, %d of 3 times\n%s", name, count(again), texts(before)))
		return
	}
	last := again[slices.IndexFunc(again, func(d []Difference) bool { return len(d) > 0 })]
	step := 0
	small := Shrink(scenario, 12, func(candidates []Scenario) []bool {
		differs := make([]bool, len(candidates))
		step++
		for from := 0; from < len(candidates); from += perWorld {
			to := min(from+perWorld, len(candidates))
			all, ok := s.differences(fmt.Sprintf("%s smaller %d.%d", name, step, from), candidates[from:to])
			if !ok {
				return differs
			}
			for i, d := range all {
				differs[from+i] = len(d) > 0
			}
			if i := slices.Index(differs, true); i >= 0 {
				last = all[i-from]
				break
			}
		}
		return differs
	})
	s.findings = append(s.findings, fmt.Sprintf("the fake and daprd differ\n%s\nscenario (shrunk from %d events to %d):\n%s\nreproduce: EVENTPROOF_REAL=required go test -count=1 -run '^TestSeed$' ./harness/conformance/differential -seed %d",
		texts(last), len(scenario.Events), len(small.Events), small, scenario.Seed))
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
