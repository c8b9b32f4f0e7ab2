package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

// pairLine is a line of --pairs.
type pairLine struct {
	ID     json.RawMessage `json:"id"`
	Draft  string          `json:"draft"`
	Old    json.RawMessage `json:"old"`
	New    json.RawMessage `json:"new"`
	Policy string          `json:"policy"`
	Format string          `json:"format"`
}

// pairVerdict is the answer to it.
type pairVerdict struct {
	ID       json.RawMessage  `json:"id"`
	Backward directionVerdict `json:"backward"`
	Forward  directionVerdict `json:"forward"`
}

type directionVerdict struct {
	Verdict string          `json:"verdict"`
	Witness json.RawMessage `json:"witness,omitempty"`
	Reason  string          `json:"reason,omitempty"`
}

// comparePairs answers the lines of a file in their order, on all cores. It
// ends at the first line that is no pair; what stands before it is answered.
func comparePairs(file string, stdin io.Reader, stdout, stderr io.Writer) error {
	from, name := stdin, "standard input"
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("the pairs cannot be read: %w", err)
		}
		defer func() { _ = f.Close() }()
		from, name = f, file
	}
	type answer struct {
		line []byte
		err  error
	}
	cores := runtime.GOMAXPROCS(0)
	// Each line's answer has a channel of its own, and these are read in order.
	// So many lines may be under way that a slow one does not leave cores idle.
	order := make(chan chan answer, 64*cores)
	slots := make(chan struct{}, cores)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		defer close(order)
		lines := bufio.NewReaderSize(from, 1<<20)
		for number := 1; ; number++ {
			text, err := lines.ReadBytes('\n')
			if text = bytes.TrimSpace(text); len(text) > 0 {
				result := make(chan answer, 1)
				select {
				case order <- result:
				case <-stop:
					return
				}
				select {
				case slots <- struct{}{}:
				case <-stop:
					return
				}
				go func() {
					defer func() { <-slots }()
					line, err := comparePair(text)
					if err != nil {
						err = fmt.Errorf("%s:%d: %w", name, number, err)
					}
					result <- answer{line, err}
				}()
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				result := make(chan answer, 1)
				result <- answer{err: fmt.Errorf("%s: %w", name, err)}
				select {
				case order <- result:
				case <-stop:
				}
				return
			}
		}
	}()
	out := bufio.NewWriter(stdout)
	progress := newProgress(stderr)
	defer progress.end()
	for result := range order {
		a := <-result
		if a.err != nil {
			return errors.Join(out.Flush(), a.err)
		}
		if _, err := out.Write(append(a.line, '\n')); err != nil {
			return fmt.Errorf("the verdicts cannot be written: %w", err)
		}
		progress.one()
		if len(order) == 0 { // whoever reads a pipe line by line is not kept waiting
			if err := out.Flush(); err != nil {
				return fmt.Errorf("the verdicts cannot be written: %w", err)
			}
		}
	}
	return out.Flush()
}

// comparePair answers one line. The error is for a line that is no pair.
func comparePair(text []byte) ([]byte, error) {
	var p pairLine
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf(`not a pair (%w): write {"id", "draft", "old", "new", "policy"?, "format"?}`, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something after the pair: write one object a line")
	}
	if p.Policy == "" {
		p.Policy = "allowed"
	}
	if p.Format == "" {
		p.Format = "annotate"
	}
	if p.Old == nil || p.New == nil || p.ID == nil {
		return nil, errors.New("id, old or new is missing: write all three")
	}
	if err := errors.Join(oneOf("draft", p.Draft, schema.Drafts...), oneOf("policy", p.Policy, "allowed", "absent"), oneOf("format", p.Format, "annotate", "assert")); err != nil {
		return nil, err
	}
	v := pairVerdict{ID: p.ID}
	// As the validator takes them: the pairs are about what it does.
	o := schema.Options{Draft: p.Draft, AssertFormat: p.Format == "assert", AsValidator: true}
	old, errOld := schema.Parse("old", p.Old, o)
	new, errNew := schema.Parse("new", p.New, o)
	if err := errors.Join(errOld, errNew); err != nil {
		v.Backward = directionVerdict{Verdict: string(compat.Undecided), Reason: "not loadable: " + err.Error()}
		v.Forward = v.Backward
		return encode(v)
	}
	r, err := compareSafely(old, new, compat.Policy{Undeclared: compat.Undeclared(p.Policy)})
	if err != nil {
		v.Backward = directionVerdict{Verdict: string(compat.Undecided), Reason: err.Error()}
		v.Forward = v.Backward
		return encode(v)
	}
	if v.Backward, err = direction(r.Backward); err == nil {
		v.Forward, err = direction(r.Forward)
	}
	if err != nil {
		return nil, err
	}
	return encode(v)
}

// compareSafely keeps a defect of ours at one pair from hiding the others.
func compareSafely(old, new *schema.Schema, policy compat.Policy) (r compat.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("eventproof failed at it: %v", p)
		}
	}()
	return compat.Compare(old, new, policy), nil
}

func direction(a compat.Answer) (directionVerdict, error) {
	v := directionVerdict{Verdict: string(a.Verdict)}
	switch a.Verdict {
	case compat.Incompatible:
		witness, err := encode(a.Witness)
		if err != nil {
			return v, fmt.Errorf("the witness cannot be written: %w", err)
		}
		v.Witness = witness
	case compat.Undecided:
		v.Reason = a.Reason.String()
	}
	return v, nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// progress is a line that counts, on a terminal.
type progress struct {
	w    io.Writer // nil where there is none
	done int
}

func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull {
			return &progress{w: w}
		}
	}
	return &progress{}
}

func (p *progress) one() {
	p.done++
	if p.w != nil && p.done%100 == 0 {
		fmt.Fprintf(p.w, "\r%d pairs", p.done)
	}
}

func (p *progress) end() {
	if p.w != nil && p.done > 0 {
		fmt.Fprintf(p.w, "\r%d pairs\n", p.done)
	}
}
