package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/eventproof/eventproof/contract"
)

// commentLimit is how many characters GitHub takes in a comment; the rest is
// for the line that says what was left out.
const commentLimit = 65536 - 200

func writeMarkdown(w io.Writer, r Report) error {
	var b strings.Builder
	title := r.Title
	if title == "" {
		title = "eventproof"
	}
	fmt.Fprintf(&b, "### %s: %s\n\n", markdownText(title), markdownText(plural(len(r.Findings), "finding")))
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "- %s\n", markdownText(note))
	}
	if len(r.Notes) > 0 {
		b.WriteString("\n")
	}
	size := utf8.RuneCountInString(b.String())
	left := 0
	for _, v := range r.Findings {
		text := markdownFinding(v)
		if size += utf8.RuneCountInString(text); size > commentLimit {
			left++
			continue
		}
		b.WriteString(text)
	}
	if left > 0 {
		fmt.Fprintf(&b, "%s more did not fit; the text format has all.\n\n", plural(left, "finding"))
	}
	fmt.Fprintf(&b, "%s\n", markdownText(r.closing()))
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownFinding(v contract.Violation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** ", markdownText(v.Rule))
	if p := v.Place.String(); p != "" {
		fmt.Fprintf(&b, "%s  \n", markdownCode(p))
	}
	fmt.Fprintf(&b, "%s\n", markdownText(v.What))
	_, rest, ok := strings.Cut(strings.TrimPrefix(v.String(), v.What+"\n"), "\n") // rule and place stand above
	if ok {
		fence := strings.Repeat("`", max(3, longestRun(rest)+1))
		fmt.Fprintf(&b, "\n<details><summary>evidence</summary>\n\n%stext\n%s\n%s\n\n</details>\n", fence, rest, fence)
	}
	b.WriteString("\n")
	return b.String()
}

// markdownText keeps a text from being markup, a link or a mention.
func markdownText(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		switch r {
		case '\\', '`', '*', '_', '[', ']', '<', '>', '|', '~', '&':
			b.WriteByte('\\')
		}
		b.WriteRune(r)
		if r == '@' || r == '#' { // GitHub looks for mentions once escapes are gone
			b.WriteString("<!-- -->")
		}
	}
	return b.String()
}

func markdownCode(s string) string {
	ticks := strings.Repeat("`", longestRun(s)+1)
	if len(ticks) > 1 {
		return ticks + " " + s + " " + ticks
	}
	return ticks + s + ticks
}

// longestRun is the length of the longest run of backticks.
func longestRun(s string) int {
	longest, run := 0, 0
	for _, r := range s {
		if r != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
