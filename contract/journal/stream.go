package journal

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"
)

// errStreamed is said to who asks for entries that are not kept.
var errStreamed = errors.New("its entries were streamed and are not kept in memory: read what they were written to with journal.Read, and look at that; StreamTo keeps them")

// StreamTo writes the journal so far to w, and from then on each entry as it
// happens, one Write a line, before [Journal.Append] returns. A head that
// changes is written again: the last one counts. w must not call the journal.
//
// stop ends it and returns the first error; after an error nothing more is
// written. It does not close w. A journal may be streamed to several writers.
func (j *Journal) StreamTo(w io.Writer) (stop func() error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stream(w)
}

// StreamOnly is StreamTo for a run that is too long to be kept: the entries are
// written, and from then on in w alone. What asks for all entries says so:
// [Journal.Entries] and [Journal.Wait] panic, [Journal.WriteTo] returns an error,
// and a check such as [CheckDelivered] reports that nothing was witnessed. [Read]
// gives back what was written, for every check to read.
func (j *Journal) StreamOnly(w io.Writer) (stop func() error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	stop = j.stream(w)
	j.entries, j.dropped = entries{n: j.entries.n}, true
	return stop
}

func (j *Journal) stream(w io.Writer) (stop func() error) {
	s := &stream{w: w}
	s.write(j.head)
	for _, e := range j.entries.all() {
		s.entry(&e)
	}
	j.streams = append(j.streams, s)
	return sync.OnceValue(func() error {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.streams = slices.DeleteFunc(j.streams, func(other *stream) bool { return other == s })
		return s.err
	})
}

// stream is one writer that follows a journal; the journal's lock guards it.
type stream struct {
	w    io.Writer
	line []byte
	err  error
}

func (s *stream) write(v any) {
	if s.err == nil {
		s.fail(writeLine(s.w, v))
	}
}

func (s *stream) fail(err error) {
	if err != nil {
		s.err = fmt.Errorf("stream journal: %w", err)
	}
}

// entry writes an entry. The usual one is put together here; what has to be
// looked at more closely is left to [Entry.MarshalJSON], which writes the same.
func (s *stream) entry(e *Entry) {
	if s.err != nil {
		return
	}
	line, ok := e.appendLine(s.line[:0])
	if !ok {
		s.write(*e)
		return
	}
	s.line = append(line, '\n')
	_, err := s.w.Write(s.line)
	s.fail(err)
}

// appendLine appends the entry's line; ok is false where a text has to be escaped
// or data to be put on one line.
func (e *Entry) appendLine(to []byte) (line []byte, ok bool) {
	l := lineWriter{out: to, ok: true}
	l.out = strconv.AppendInt(append(l.out, `{"seq":`...), int64(e.Seq), 10)
	l.text(`,"at":`, e.At.String())
	l.text(`,"kind":`, string(e.Kind))
	l.text(`,"seenBy":`, string(e.SeenBy))
	l.optional(`,"app":`, e.App)
	l.optional(`,"pubsub":`, e.PubSub)
	l.optional(`,"topic":`, e.Topic)
	if e.Event != (Entry{}).Event {
		l.out = append(l.out, `,"event":`...)
		start := len(l.out)
		l.optional(`,"id":`, e.Event.ID)
		l.optional(`,"type":`, e.Event.Type)
		l.optional(`,"source":`, e.Event.Source)
		l.optional(`,"identity":`, e.Event.Identity)
		if len(l.out) == start { // not plain
			return nil, false
		}
		l.out[start] = '{' // in place of the first comma
		l.out = append(l.out, '}')
	}
	l.optional(`,"protocol":`, e.Protocol)
	l.optional(`,"route":`, e.Route)
	l.number(`,"attempt":`, e.Attempt)
	l.optional(`,"answer":`, e.Answer)
	l.duration(`,"duration":`, e.Duration)
	l.duration(`,"due":`, e.Due)
	l.optional(`,"deadLetterTopic":`, e.DeadLetterTopic)
	l.optional(`,"fault":`, e.Fault)
	l.number(`,"cause":`, e.Cause)
	if len(e.Metadata) > 0 {
		names := make([]string, 0, 8)
		for name := range e.Metadata {
			names = append(names, name)
		}
		slices.Sort(names)
		separator := `,"metadata":{`
		for _, name := range names {
			l.text(separator, name)
			l.text(`:`, e.Metadata[name])
			separator = `,`
		}
		l.out = append(l.out, '}')
	}
	l.optional(`,"note":`, e.Note)
	if len(e.Data) > 0 {
		for _, b := range e.Data {
			l.ok = l.ok && b != '\n' && b != '\r'
		}
		first, last := e.Data[0], e.Data[len(e.Data)-1]
		l.ok = l.ok && first > ' ' && last > ' '
		l.out = append(append(l.out, `,"data":`...), e.Data...)
	}
	return append(l.out, '}'), l.ok
}

// lineWriter writes members of a line. ok is false once a text was not plain.
type lineWriter struct {
	out []byte
	ok  bool
}

func (l *lineWriter) text(name, text string) {
	for i := range len(text) {
		if b := text[i]; b < ' ' || b > '~' || b == '"' || b == '\\' {
			l.ok = false
			return
		}
	}
	l.out = append(append(l.out, name...), '"')
	l.out = append(append(l.out, text...), '"')
}

func (l *lineWriter) optional(name, text string) {
	if text != "" {
		l.text(name, text)
	}
}

func (l *lineWriter) number(name string, n int) {
	if n != 0 {
		l.out = strconv.AppendInt(append(l.out, name...), int64(n), 10)
	}
}

func (l *lineWriter) duration(name string, d time.Duration) {
	if d != 0 {
		l.text(name, d.String())
	}
}
