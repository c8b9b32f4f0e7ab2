package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

// side is one of the two schemas of a question, with the name that a message
// gives it.
type side struct {
	name   string // v1
	schema *schema.Schema
}

// witnessLimit is how many characters of a witness a finding shows.
const witnessLimit = 2000

// text writes a JSON value in one line, cut where it is very long.
func text(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	s := strings.TrimRight(b.String(), "\n")
	if n := utf8.RuneCountInString(s); n > witnessLimit {
		return fmt.Sprintf("%s … (%d characters)", string([]rune(s)[:witnessLimit]), n)
	}
	return s
}

// refused fills a finding with what a witness shows: the reader's reason to
// refuse it, and the steps to see that. base is the pointer from the event to
// the value; at is the side at which the finding is placed.
func refused(v contract.Violation, writer, reader, at side, base string, a compat.Answer) contract.Violation {
	v.Place = contract.Place{File: at.schema.File, Line: at.schema.Root.Line}
	v.Trace = []string{fmt.Sprintf("%s allows %s", writer.name, text(a.Witness))}
	failures := reader.schema.Validate(a.Witness)
	if len(failures) == 0 { // the validator confirmed the witness, so there are some
		return v
	}
	f := failures[0]
	v.Pointer, v.Want, v.Got = base+f.Pointer, f.Want, f.Got
	what := f.What
	if what == "" {
		what = "is refused"
	}
	v.What += fmt.Sprintf(": %s %s", where(base+f.Pointer), what)
	place := contract.Place{File: f.File, Line: f.Line}
	v.Trace = append(v.Trace, fmt.Sprintf("%s refuses it at %s, by %s (%s)", reader.name, where(base+f.Pointer), f.Keyword, place))
	if f.File == at.schema.File && at.schema == reader.schema {
		v.Place.Line = f.Line
	} else if line := declared(at.schema.Root, f.Pointer); line > 0 {
		v.Place.Line = line
	}
	return v
}

func where(pointer string) string {
	if pointer == "" {
		return "the event"
	}
	return pointer
}

// declared is the line at which a schema declares what a pointer names, or the
// nearest around it that it declares; 0 where it declares none of it.
func declared(n *schema.Node, pointer string) (line int) {
	tokens, err := schema.Tokens(pointer)
	if err != nil {
		return 0
	}
	for _, token := range tokens {
		next := n.Get("properties").Get(token)
		if next != nil {
			line = n.Get("properties").LineOf(schema.Pointer(token))
		} else if next = n.Get("items"); next != nil {
			line = next.Line
		} else {
			return line
		}
		n = next
	}
	return line
}

// undecided is the finding for a question that has no answer.
func undecided(what string, at side, a compat.Answer) contract.Violation {
	return contract.Violation{Rule: RuleUndecided, What: fmt.Sprintf("%s is undecided (%s)", what, a.Reason),
		Place: contract.Place{File: at.schema.File, Line: lineOfKeyword(at.schema.Root, a.Reason.Keyword)},
		Trace: []string{"simplify what is written with that keyword, or let a waiver of " + RuleUndecided + " pass it for a while"}}
}

// lineOfKeyword is the line of the first use of a keyword in a schema.
func lineOfKeyword(n *schema.Node, keyword string) int {
	var find func(n *schema.Node) int
	find = func(n *schema.Node) int {
		for _, m := range n.Members {
			if m.Name == keyword {
				return m.Line
			}
			if line := find(m.Value); line > 0 {
				return line
			}
		}
		for _, item := range n.Items {
			if line := find(item); line > 0 {
				return line
			}
		}
		return 0
	}
	if line := find(n); line > 0 && keyword != "" {
		return line
	}
	return n.Line
}

// base is the pointer from the event to what a contract's schemas describe.
func base(k *contract.Contract) string {
	if k.SchemaOf == "event" {
		return ""
	}
	return "/data"
}

// version finds a version by name, nil where there is none.
func version(k *contract.Contract, name string) *contract.Version {
	if k == nil {
		return nil
	}
	i := slices.IndexFunc(k.Versions, func(v contract.Version) bool { return v.Name == name })
	if i < 0 {
		return nil
	}
	return &k.Versions[i]
}

// reproduce is the command that shows a finding by two files, "" where one of
// them is not on this disk.
func (g *gate) reproduce(k *contract.Contract, mode string, old, new side) string {
	for _, s := range []side{old, new} {
		if !slices.ContainsFunc(append([]*Tree{g.config.Head}, g.config.With...), func(t *Tree) bool {
			_, local := t.source.(onDisk)
			return local && (t.name == "." || strings.HasPrefix(s.schema.File, t.name+"/"))
		}) {
			return ""
		}
	}
	return diffCommand(k, mode, k.Undeclared) + " " + quoted(old.schema.File) + " " + quoted(new.schema.File)
}

// reproduceEdit is the command that shows an edit of a published version, as
// both files are written; a base in git is laid out beside for it. It is ""
// where a file is not at hand, or the two are read in different ways.
func (g *gate) reproduceEdit(old, k *contract.Contract, before, after side) string {
	head, base := g.config.Head, g.config.Base
	if _, local := head.source.(onDisk); !local || old.Draft != k.Draft || old.Format != k.Format {
		return ""
	}
	lead, was := "", quoted(before.schema.File)
	if o, isRevision := base.source.(*objects); isRevision {
		inside, ok := strings.CutPrefix(before.schema.File, base.name+"/")
		if !ok || o.revision == "" {
			return ""
		}
		lead = fmt.Sprintf("before=$(mktemp -d) && git -C %s archive %s | tar -x -C \"$before\" && ", quoted(o.dir), quoted(o.revision))
		was = `"$before"/` + quoted(inside)
	}
	return lead + diffCommand(k, "full", string(compat.Allowed)) + " " + was + " " + quoted(after.schema.File)
}

// diffCommand is eventproof diff with the flags that read files as a contract does.
func diffCommand(k *contract.Contract, mode, undeclared string) string {
	command := fmt.Sprintf("eventproof diff --compatibility %s --undeclared %s", mode, undeclared)
	if k.Draft != "2020-12" {
		command += " --draft " + k.Draft
	}
	if k.Format == "assert" {
		command += " --assert-format"
	}
	return command
}

// quoted is a word for a shell.
func quoted(s string) string {
	if strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+/:@,", r)
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
