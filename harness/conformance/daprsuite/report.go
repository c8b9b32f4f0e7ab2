package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report collects the runs and prints them side by side.
type report struct {
	plan     plan
	programs []program
	groups   []groupRuns
}

type groupRuns struct {
	group group
	cases []string
	runs  [][]run // by program
}

func (r *report) add(g group, cases []string, runs [][]run) {
	r.groups = append(r.groups, groupRuns{g, cases, runs})
}

// print writes everything and says whether all programs did as the reference.
func (r *report) print(out io.Writer) (bool, error) {
	var b strings.Builder
	r.printScope(&b)
	r.printFigures(&b)
	same := r.printReference(&b)
	for i := 1; i < len(r.programs); i++ {
		if !r.printProgram(&b, i) {
			same = false
		}
	}
	_, err := io.WriteString(out, b.String())
	return same, err
}

func (r *report) printScope(out io.Writer) {
	n := 0
	for _, e := range r.plan.excluded {
		n += len(e.cases)
	}
	fmt.Fprintf(out, "Out of scope, %d cases:\n", n)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, e := range r.plan.excluded {
		fmt.Fprintf(w, "  %s\t%d\t%s\n", e.name, len(e.cases), e.reason)
	}
	w.Flush()
	fmt.Fprintln(out)
}

func (r *report) printFigures(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "group\tprogram\truns\tpass\tskip\tfail\twall time\tCPU time of sidecars")
	for _, g := range r.groups {
		for i, p := range r.programs {
			var pass, skip, fail []int
			var wall, cpu []time.Duration
			for _, run := range g.runs[i] {
				count := map[outcome]int{}
				for _, res := range run.results {
					count[res.outcome]++
				}
				pass, skip, fail = append(pass, count[passed]), append(skip, count[skipped]), append(fail, count[failed]+count[noEnd])
				wall, cpu = append(wall, run.wall), append(cpu, run.cpu)
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", g.group.name, p.name, len(g.runs[i]), span(pass), span(skip), span(fail), median(wall), median(cpu))
		}
	}
	w.Flush()
}

// printReference says where the reference is none.
func (r *report) printReference(out io.Writer) bool {
	sound := true
	for _, g := range r.groups {
		for _, c := range g.cases {
			outcomes := outcomesOf(c, g.runs[0])
			if _, _, ok := wanted(outcomes); !ok {
				if sound {
					fmt.Fprintf(out, "\n%s is no reference: it fails\n", r.programs[0].name)
				}
				sound = false
				fmt.Fprintf(out, "  %s\n    %s\n", c, firstMessage(c, g.runs[0]))
			}
		}
	}
	unsteady := false
	for _, g := range r.groups {
		for _, c := range g.cases {
			outcomes := outcomesOf(c, g.runs[0])
			if _, steady, ok := wanted(outcomes); ok && !steady {
				if !unsteady {
					fmt.Fprintf(out, "\n%s is not steady in\n", r.programs[0].name)
				}
				unsteady = true
				fmt.Fprintf(out, "  %s: %s\n    %s\n", c, join(outcomes), firstMessage(c, g.runs[0]))
			}
		}
	}
	return sound
}

// printProgram says where a program does otherwise than the reference.
func (r *report) printProgram(out io.Writer, i int) bool {
	compared, differing := 0, 0
	for _, g := range r.groups {
		for _, c := range g.cases {
			want, steady, ok := wanted(outcomesOf(c, g.runs[0]))
			if !ok {
				continue
			}
			compared++
			got := outcomesOf(c, g.runs[i])
			if agrees(want, steady, got) {
				continue
			}
			if differing == 0 {
				fmt.Fprintf(out, "\n%s differs from %s in\n", r.programs[i].name, r.programs[0].name)
			}
			differing++
			fmt.Fprintf(out, "  %s: want %s, got %s\n", c, want, join(got))
			if message := firstMessage(c, g.runs[i]); message != "" {
				fmt.Fprintf(out, "    %s\n", message)
			}
		}
	}
	if differing > 0 {
		fmt.Fprintf(out, "\n%s differs from %s in %d of %d cases.\n", r.programs[i].name, r.programs[0].name, differing, compared)
		return false
	}
	fmt.Fprintf(out, "\n%s does as %s in all %d cases.\n", r.programs[i].name, r.programs[0].name, compared)
	return true
}

// wanted is what the reference says of a case. Where it is not steady, a
// deadline was missed in some run: what it does otherwise counts. There is none
// where it fails in every run.
func wanted(reference []outcome) (want outcome, steady, ok bool) {
	at := slices.IndexFunc(reference, func(o outcome) bool { return !o.bad() })
	if at < 0 {
		return "", false, false
	}
	want = reference[at]
	return want, !slices.ContainsFunc(reference, func(o outcome) bool { return o != want }), true
}

// agrees: in every run, or in one where the reference itself is not steady.
func agrees(want outcome, steady bool, got []outcome) bool {
	if steady {
		return !slices.ContainsFunc(got, func(o outcome) bool { return o != want })
	}
	return slices.Contains(got, want)
}

func outcomesOf(name string, runs []run) []outcome {
	outcomes := make([]outcome, len(runs))
	for i, run := range runs {
		outcomes[i] = run.results[name].outcome
	}
	return outcomes
}

// longestMessage is in runes; the whole is in the files of -keep.
const longestMessage = 500

func firstMessage(name string, runs []run) string {
	for _, run := range runs {
		if message := []rune(run.results[name].message); len(message) > longestMessage {
			return string(message[:longestMessage]) + " …"
		} else if len(message) > 0 {
			return string(message)
		}
	}
	return ""
}

// join says each outcome, or the one that all are.
func join(outcomes []outcome) string {
	all := make([]string, len(outcomes))
	for i, o := range outcomes {
		all[i] = string(o)
	}
	if len(slices.Compact(slices.Clone(all))) == 1 {
		return all[0]
	}
	return strings.Join(all, ", ")
}

func span(counts []int) string {
	least, most := slices.Min(counts), slices.Max(counts)
	if least == most {
		return fmt.Sprint(most)
	}
	return fmt.Sprintf("%d–%d", least, most)
}

// median is in tenths of seconds.
func median(times []time.Duration) string {
	if slices.Contains(times, unknownCPU) {
		return "?"
	}
	sorted := slices.Sorted(slices.Values(times))
	return fmt.Sprintf("%.1f s", sorted[len(sorted)/2].Seconds())
}
