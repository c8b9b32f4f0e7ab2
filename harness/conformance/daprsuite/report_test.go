package main

import (
	"strings"
	"testing"
	"time"
)

// runsOf are runs of one case, of these outcomes.
func runsOf(outcomes ...outcome) []run {
	var runs []run
	for i, o := range outcomes {
		res := result{outcome: o}
		if o.bad() {
			res.message = "no answer"
		}
		runs = append(runs, run{results: map[string]result{"daprd/a": res}, wall: time.Duration(i+1) * time.Second, cpu: 2 * time.Second})
	}
	return runs
}

func TestReport(t *testing.T) {
	tests := []struct {
		name           string
		reference, got []run
		same           bool
		want           []string
		reason         string
	}{
		{"alike", runsOf(passed, passed, passed), runsOf(passed, passed, passed), true,
			[]string{"fake does as daprd in all 1 cases", "pubsub  daprd    3     1     0     0     2.0 s      2.0 s"}, "the median of the times"},
		{"otherwise", runsOf(passed), runsOf(failed), false,
			[]string{"daprd/a: want pass, got fail\n    no answer", "fake differs from daprd in 1 of 1 cases"}, "the plain case"},
		{"otherwise once", runsOf(passed, passed), runsOf(passed, failed), false,
			[]string{"daprd/a: want pass, got pass, fail", "pubsub  fake     2     0–1   0     0–1"}, "a steady reference wants a steady program"},
		{"without end", runsOf(passed), runsOf(noEnd), false, []string{"want pass, got no end"}, "as a failure"},
		{"skipped", runsOf(skipped), runsOf(passed), false, []string{"want skip, got pass"}, "what the reference is not asked says nothing of the program"},
		{"unsteady reference", runsOf(failed, passed), runsOf(failed, passed), true,
			[]string{"daprd is not steady in\n  daprd/a: fail, pass", "does as daprd in all 1"}, "the reference missed a deadline"},
		{"unsteady reference, failing program", runsOf(failed, passed), runsOf(failed, failed), false, []string{"want pass, got fail"}, "not an excuse for failing always"},
		{"no reference", runsOf(failed, noEnd), runsOf(failed, failed), false,
			[]string{"daprd is no reference: it fails\n  daprd/a\n    no answer", "in all 0 cases"}, "alike in failing proves nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := report{programs: []program{{"daprd", ""}, {"fake", ""}}, plan: plan{excluded: []excluded{{exclusion{"daprd/jobs/", "jobs", 1}, []string{"daprd/jobs/one"}}}}}
			r.add(group{name: "pubsub"}, []string{"daprd/a"}, [][]run{tt.reference, tt.got})
			var out strings.Builder
			same, err := r.print(&out)
			if err != nil || same != tt.same {
				t.Errorf("%s: want %v, got %v, %v", tt.reason, tt.same, same, err)
			}
			for _, want := range append(tt.want, "Out of scope, 1 cases:\n  daprd/jobs/  1  jobs\n") {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%s: want %q in\n%s", tt.reason, want, out.String())
				}
			}
		})
	}
}

func TestMedianOfUnknown(t *testing.T) {
	if got := median([]time.Duration{time.Second, unknownCPU}); got != "?" {
		t.Errorf("want no figure where the system gives none, got %s", got)
	}
}
