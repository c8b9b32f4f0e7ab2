package journal

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Text is a journal for a failure's log: a line an entry, in columns. More than
// limit lines are cut in the middle, and one line says how many are missing; a
// limit of 0 or less cuts nothing.
func Text(entries []Entry, limit int) string {
	shown, skipped := entries, 0
	head := len(entries)
	if limit > 0 && len(entries) > limit {
		head = limit / 2
		tail := max(limit-1-head, 0)
		skipped = len(entries) - head - tail
		shown = append(entries[:head:head], entries[len(entries)-tail:]...)
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for i := range shown {
		e := &shown[i]
		topic := e.Topic
		if e.PubSub != "" {
			topic = e.PubSub + "/" + e.Topic
		}
		fmt.Fprintf(table, "%d\tt=%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Seq, clock(e.At), e.SeenBy, e.Kind,
			dash(e.App), dash(topic), dash(e.Event.String()), details(e))
	}
	_ = table.Flush() // a strings.Builder does not fail
	all := strings.SplitAfter(b.String(), "\n")
	for i, line := range all {
		all[i] = strings.TrimRight(line, " \n")
	}
	all = all[:len(all)-1]
	if skipped > 0 {
		left := fmt.Sprintf("… %d entries left out …", skipped)
		all = append(all[:head:head], append([]string{left}, all[head:]...)...)
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "\n") + "\n"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(s)
}

func details(e *Entry) string {
	var d []string
	add := func(ok bool, format string, args ...any) {
		if ok {
			d = append(d, fmt.Sprintf(format, args...))
		}
	}
	add(e.Attempt > 0, "attempt %d", e.Attempt)
	add(e.Answer != "", "-> %s", e.Answer)
	add(e.Duration > 0, "took %s", clock(e.Duration))
	add(e.Due > 0, "due t=%s", clock(e.Due))
	add(e.DeadLetterTopic != "", "dead letters to %s", e.DeadLetterTopic)
	add(e.Fault != "", "fault %s", e.Fault)
	add(e.Cause > 0, "cause %d", e.Cause)
	add(e.Note != "", "(%s)", dash(e.Note))
	return strings.Join(d, "  ")
}
