package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Format is the version of the JSON-lines form: the eventproofJournal member of the head.
const Format = "1"

// ErrTruncated is what [Read] wraps where the last line is cut off, as a writer
// that was killed leaves it. The journal that Read returns beside it holds all
// lines before that one.
var ErrTruncated = errors.New("the last line is cut off")

// entryFields is the order and form of an entry's members on a line: an Entry
// with durations as texts. Data stands last and is written as it is.
type entryFields struct {
	Seq             int               `json:"seq"`
	At              string            `json:"at"`
	Kind            Kind              `json:"kind"`
	SeenBy          Observer          `json:"seenBy"`
	App             string            `json:"app,omitempty"`
	PubSub          string            `json:"pubsub,omitempty"`
	Topic           string            `json:"topic,omitempty"`
	Event           any               `json:"event,omitempty"`
	Protocol        string            `json:"protocol,omitempty"`
	Route           string            `json:"route,omitempty"`
	Attempt         int               `json:"attempt,omitempty"`
	Answer          string            `json:"answer,omitempty"`
	Duration        string            `json:"duration,omitempty"`
	Due             string            `json:"due,omitempty"`
	DeadLetterTopic string            `json:"deadLetterTopic,omitempty"`
	Fault           string            `json:"fault,omitempty"`
	Cause           int               `json:"cause,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
	Note            string            `json:"note,omitempty"`
}

// MarshalJSON is the entry as a line of a journal holds it.
func (e Entry) MarshalJSON() ([]byte, error) {
	text := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	fields := entryFields{e.Seq, e.At.String(), e.Kind, e.SeenBy, e.App, e.PubSub, e.Topic, nil, e.Protocol, e.Route,
		e.Attempt, e.Answer, text(e.Duration), text(e.Due), e.DeadLetterTopic, e.Fault, e.Cause, e.Metadata, e.Note}
	if e.Event != (Entry{}).Event {
		fields.Event = e.Event
	}
	line, err := encode(fields)
	if err != nil || len(e.Data) == 0 {
		return line, err
	}
	data := bytes.TrimSpace(e.Data)
	if !json.Valid(data) {
		return nil, fmt.Errorf("entry %d: its data is not JSON; raw bytes are written as a JSON string", e.Seq)
	}
	line = append(line[:len(line)-1], `,"data":`...)
	if !bytes.ContainsAny(data, "\n\r") {
		return append(append(line, data...), '}'), nil
	}
	b := bytes.NewBuffer(line)
	if err := json.Compact(b, data); err != nil {
		return nil, err
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode is json.Marshal that leaves <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// UnmarshalJSON reads an entry as a line of a journal holds it. It refuses
// what it does not know, and names what was probably meant.
func (e *Entry) UnmarshalJSON(line []byte) error {
	fields, err := object(line)
	if err != nil {
		return err
	}
	return e.readFields(fields)
}

func object(line []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return nil, fmt.Errorf("want a JSON object: %w", err)
	}
	return fields, nil
}

func (e *Entry) readFields(fields map[string]json.RawMessage) error {
	var read Entry
	into := read.members()
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		to, ok := into[name]
		if !ok {
			return unknown("field", name, slices.Collect(maps.Keys(into)))
		}
		if err := member(name, fields[name], to); err != nil {
			return err
		}
	}
	for _, name := range []string{"seq", "at", "kind", "seenBy"} {
		if _, ok := fields[name]; !ok {
			return fmt.Errorf("an entry states %q", name)
		}
	}
	if !slices.Contains(kinds, read.Kind) {
		return unknown("kind", string(read.Kind), kinds)
	}
	if !slices.Contains(observers, read.SeenBy) {
		return unknown("seenBy", string(read.SeenBy), observers)
	}
	*e = read
	return nil
}

// members are where the members of a line go.
func (e *Entry) members() map[string]any {
	return map[string]any{
		"seq": &e.Seq, "at": &e.At, "kind": &e.Kind, "seenBy": &e.SeenBy, "app": &e.App, "pubsub": &e.PubSub,
		"topic": &e.Topic, "event": &e.Event, "protocol": &e.Protocol, "route": &e.Route, "attempt": &e.Attempt,
		"answer": &e.Answer, "duration": &e.Duration, "due": &e.Due, "deadLetterTopic": &e.DeadLetterTopic,
		"fault": &e.Fault, "cause": &e.Cause, "metadata": &e.Metadata, "data": &e.Data, "note": &e.Note,
	}
}

// member reads one member of an object of the journal.
func member(name string, text json.RawMessage, to any) error {
	if to, ok := to.(*json.RawMessage); ok {
		*to = text
		return nil
	}
	if bytes.Equal(text, []byte("null")) {
		return fmt.Errorf("%s: null; leave the field out", name)
	}
	if to, ok := to.(*time.Duration); ok {
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return fmt.Errorf("%s: %s is not a duration text; write it as Go does: \"1.5s\"", name, text)
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%s: %q is not a duration; write it as Go does: \"1.5s\"", name, s)
		}
		*to = d
		return nil
	}
	if known := fieldNames(to); known != nil {
		var fields map[string]json.RawMessage
		if json.Unmarshal(text, &fields) == nil {
			for _, field := range slices.Sorted(maps.Keys(fields)) {
				if !slices.Contains(known, field) {
					return unknown("field", field, known)
				}
			}
		}
	}
	if err := json.Unmarshal(text, to); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			if wrong.Field != "" {
				name += "." + wrong.Field
			}
			return fmt.Errorf("%s: want %s, found a JSON %s", name, wanted(wrong.Type), wrong.Value)
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list of texts"
	}
	return "an object of texts"
}

// fieldNames are the members of a struct, nil of anything else.
func fieldNames(to any) []string {
	t := reflect.TypeOf(to).Elem()
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// unknown names what was found and the nearest of what could have stood there.
func unknown[S ~string](what, found string, known []S) error {
	known = slices.Sorted(slices.Values(known))
	nearest, distance := "", len(found)/2+2
	for _, k := range known {
		if d := edits(strings.ToLower(found), strings.ToLower(string(k))); d < distance {
			nearest, distance = string(k), d
		}
	}
	if nearest != "" {
		return fmt.Errorf("unknown %s %q; did you mean %q?", what, found, nearest)
	}
	return fmt.Errorf("unknown %s %q; known are %v", what, found, known)
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// WriteTo writes the journal so far as JSON lines: the head, then one entry a
// line. It returns the number of bytes written. What is appended meanwhile is
// not written.
func (j *Journal) WriteTo(w io.Writer) (int64, error) {
	j.mu.Lock()
	if j.dropped {
		j.mu.Unlock()
		return 0, fmt.Errorf("write journal: %w", errStreamed)
	}
	head, entries := j.head, j.entries.all()
	j.mu.Unlock()
	counted := &counter{w: w}
	buffered := bufio.NewWriter(counted)
	err := writeLine(buffered, head)
	for i := 0; err == nil && i < len(entries); i++ {
		err = writeLine(buffered, entries[i])
	}
	if err == nil {
		err = buffered.Flush()
	}
	if err != nil {
		err = fmt.Errorf("write journal: %w", err)
	}
	return counted.n, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// writeLine writes a whole line at once, so that a reader of a growing file
// sees whole lines where the operating system allows it.
func writeLine(w io.Writer, v any) error {
	var line []byte
	var err error
	if e, ok := v.(Entry); ok {
		line, err = e.MarshalJSON()
	} else {
		line, err = encode(v)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

const noHead = `a journal begins with its head: {"eventproofJournal":"` + Format + `", …}`

// Read reads a journal from JSON lines. What was written by
// [Journal.WriteTo] comes back equal, head and entries.
//
// An error names the line ("line 3: …"), what was found and, for an unknown
// name, the nearest known one. A last line that is cut off is [ErrTruncated];
// the journal so far is returned beside it (nil where the head is cut off). After
// any other error the journal is nil. More may be appended to what was read; its clock counts
// from the head's Started.
func Read(r io.Reader) (*Journal, error) {
	lines := bufio.NewReader(r)
	var j *Journal
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read journal: line %d: %w", number, err)
		}
		whole := err == nil
		if !whole && len(line) == 0 {
			if j == nil {
				return nil, errors.New("line 1: nothing to read; " + noHead)
			}
			return j, nil
		}
		if !whole && !json.Valid(line) {
			return j, fmt.Errorf("line %d: %w after %d bytes: the writer was stopped before it ended", number, ErrTruncated, len(line))
		}
		if j, err = readLine(j, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if !whole {
			return j, nil
		}
	}
}

// readLine adds a line to the journal; the first one, the head, makes it.
func readLine(j *Journal, line []byte) (*Journal, error) {
	fields, err := object(line)
	if err != nil {
		return nil, err
	}
	if _, ok := fields["eventproofJournal"]; ok {
		head, err := readHead(line, fields)
		if err != nil {
			return nil, err
		}
		if j == nil {
			return &Journal{head: head, start: head.Started}, nil
		}
		j.head, j.start = head, head.Started
		return j, nil
	}
	if j == nil {
		return nil, errors.New(noHead)
	}
	var e Entry
	if err := e.readFields(fields); err != nil {
		return nil, err
	}
	if want := j.entries.n + 1; e.Seq != want {
		return nil, fmt.Errorf("seq: want %d, found %d; entries are numbered from 1 without a gap", want, e.Seq)
	}
	if e.Cause < 0 || e.Cause >= e.Seq {
		return nil, fmt.Errorf("cause: %d is not an entry before entry %d", e.Cause, e.Seq)
	}
	j.entries.add(&e)
	return j, nil
}

func readHead(line []byte, fields map[string]json.RawMessage) (Head, error) {
	var format string
	if err := member("eventproofJournal", fields["eventproofJournal"], &format); err != nil {
		return Head{}, err
	}
	if format != Format {
		return Head{}, fmt.Errorf("format %q is not known: this eventproof reads %q", format, Format)
	}
	var head Head
	if err := member("head", line, &head); err != nil {
		return Head{}, err
	}
	if head.Started.IsZero() {
		return Head{}, errors.New(`the head states "started"`)
	}
	return head, nil
}
