package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/schemas"
)

// full is a journal in which every field is used at least once.
func full() *journal.Journal {
	j := journal.New(journal.Head{
		World: "fake", Started: started.Add(123456789), Seed: 42,
		Versions:      map[string]string{"dapr": "1.16.0", "redis": "7"},
		Resources:     []string{"Component/pubsub (pubsub.yaml:3)"},
		Substitutions: []string{"pubsub: kafka became redis"},
		Warnings:      []string{`redeliverInterval: "60s" is ignored`},
	})
	j.Append(journal.Entry{Kind: journal.Subscribed, SeenBy: journal.Engine, At: 1, App: app, PubSub: "pubsub", Topic: topic, DeadLetterTopic: "dead"})
	j.Append(journal.Entry{
		Kind: journal.Published, SeenBy: journal.Proxy, At: -5 * time.Second, App: "orders", PubSub: "pubsub", Topic: topic,
		Event:    contract.Ref{ID: "1", Type: "order.paid", Source: "orders", Identity: "ord <1> & 2"},
		Protocol: "grpc", Cause: 1, Metadata: map[string]string{"ttlInSeconds": "60", "partitionKey": "a"},
		Data: json.RawMessage(`{"z": 1e400,  "a":"<&>", "n":12345678901234567890, "z":"again"}`), Note: "a note\nof two lines",
	})
	j.Append(journal.Entry{
		Kind: journal.Delivered, SeenBy: journal.Redis, At: 90 * time.Minute, App: app, PubSub: "pubsub", Topic: topic,
		Event: contract.Ref{ID: "1"}, Protocol: "http", Route: "/orders", Attempt: 3, Cause: 2, Due: 60 * time.Second, Duration: 1500 * time.Microsecond,
	})
	j.Append(journal.Entry{Kind: journal.Answered, SeenBy: journal.Daprd, At: time.Hour, Answer: "HTTP 500", Cause: 3, Data: json.RawMessage("not \"JSON\"")})
	j.Append(journal.Entry{Kind: journal.FaultInjected, SeenBy: journal.Log, At: time.Nanosecond, Fault: "lose-answer", Cause: 4, Data: json.RawMessage(`null`)})
	for _, kind := range []journal.Kind{journal.Started, journal.PublishFailed, journal.Retried, journal.DeadLettered, journal.Dropped,
		journal.Expired, journal.Acknowledged, journal.Pending, journal.ViolationFound} {
		j.Append(journal.Entry{Kind: kind, SeenBy: journal.Engine, At: time.Minute})
	}
	return j
}

func written(t *testing.T, j *journal.Journal) string {
	t.Helper()
	var b bytes.Buffer
	n, err := j.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	return b.String()
}

func TestRoundTrip(t *testing.T) {
	journals := map[string]*journal.Journal{"full": full(), "empty": journal.New(journal.Head{World: "fake"})}
	journals["random"] = random(3, 50).real.Journal
	for name, j := range journals {
		text := written(t, j)
		read, err := journal.Read(iotest.OneByteReader(strings.NewReader(text)))
		require.NoError(t, err, name)
		assert.Empty(t, cmp.Diff(j.Head(), read.Head()), name)
		assert.Empty(t, cmp.Diff(j.Entries(), read.Entries(), cmp.Transformer("text", func(m json.RawMessage) string { return string(m) })), name)
		assert.Equal(t, text, written(t, read), name)
		assert.Equal(t, 1+j.Len(), strings.Count(text, "\n"), name)
	}
	used := map[string]bool{}
	for _, e := range full().Entries() {
		v := reflect.ValueOf(e)
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				used[v.Type().Field(i).Name] = true
			}
		}
	}
	assert.Len(t, used, reflect.TypeFor[journal.Entry]().NumField(), "a field of Entry that no line of the test uses")
}

func TestWrittenForm(t *testing.T) {
	j := journal.New(journal.Head{World: "fake", Started: started.In(time.FixedZone("somewhere", 3600))})
	j.Append(journal.Entry{Kind: journal.Published, SeenBy: journal.Engine, At: 1500 * time.Millisecond, App: "orders", Topic: "a<b",
		Data: json.RawMessage("\n {\n\t\"data\": \"<&>\"\n}\n")})
	j.Append(journal.Entry{Kind: journal.Published, SeenBy: journal.Engine, At: 2 * time.Second, Data: json.RawMessage(` {"data": 1} `)})
	assert.Equal(t, `{"eventproofJournal":"1","world":"fake","started":"2026-01-02T03:04:05Z"}
{"seq":1,"at":"1.5s","kind":"published","seenBy":"engine","app":"orders","topic":"a<b","data":{"data":"<&>"}}
{"seq":2,"at":"2s","kind":"published","seenBy":"engine","data":{"data": 1}}
`, written(t, j), "durations are Go's texts, nothing is escaped without need, an entry is one line")
}

func TestEntryMarshalsAsItsLine(t *testing.T) {
	for _, e := range full().Entries() {
		line, err := json.Marshal(e)
		require.NoError(t, err)
		var back journal.Entry
		require.NoError(t, json.Unmarshal(line, &back))
		assert.Equal(t, e.At, back.At)
		assert.Equal(t, e.Event, back.Event)
	}
}

func TestReadRefuses(t *testing.T) {
	const head = `{"eventproofJournal":"1","world":"fake","started":"2026-01-02T03:04:05Z"}` + "\n"
	const entry = `{"seq":1,"at":"0s","kind":"started","seenBy":"engine"}` + "\n"
	for _, c := range []struct{ name, reason, text, want string }{
		{"nothing", "a file that was never begun", "", `line 1: nothing to read; a journal begins with its head: {"eventproofJournal":"1", …}`},
		{"no head", "entries of what?", entry, `line 1: a journal begins with its head: {"eventproofJournal":"1", …}`},
		{"format", "a later eventproof's", `{"eventproofJournal":"2"}` + "\n", `line 1: format "2" is not known: this eventproof reads "1"`},
		{"format type", "a number is not the format", `{"eventproofJournal":1}` + "\n", `line 1: eventproofJournal: want a text, found a JSON number`},
		{"head field", "the nearest name is named", `{"eventproofJournal":"1","wrld":"fake"}` + "\n", `line 1: unknown field "wrld"; did you mean "world"?`},
		{"head without start", "times would count from nothing", `{"eventproofJournal":"1","world":"fake"}` + "\n", `line 1: the head states "started"`},
		{"head type", "what is wanted is said", `{"eventproofJournal":"1","started":"2026-01-02T03:04:05Z","seed":"x"}` + "\n",
			`line 1: head.seed: want a whole number, found a JSON string`},
		{"not JSON", "in the middle it is not a cut-off line", head + "{\n" + entry, `line 2: want a JSON object: unexpected end of JSON input`},
		{"blank line", "a line is an entry", head + "\n" + entry, `line 2: want a JSON object: unexpected end of JSON input`},
		{"array", "a line is an object", head + "[]\n", `line 2: want a JSON object: json: cannot unmarshal array into Go value of type map[string]json.RawMessage`},
		{"kind", "the nearest kind is named", head + `{"seq":1,"at":"0s","kind":"delivred","seenBy":"engine"}` + "\n",
			`line 2: unknown kind "delivred"; did you mean "delivered"?`},
		{"kind's case", "kinds are exact", head + `{"seq":1,"at":"0s","kind":"DELIVERED","seenBy":"engine"}` + "\n",
			`line 2: unknown kind "DELIVERED"; did you mean "delivered"?`},
		{"kind unlike any", "all kinds are listed", head + `{"seq":1,"at":"0s","kind":"xyzzyplughxyzzy","seenBy":"engine"}` + "\n",
			`line 2: unknown kind "xyzzyplughxyzzy"; known are [acknowledged answered dead-lettered delivered dropped expired fault-injected pending publish-failed published retried started subscribed violation-found]`},
		{"observer", "so are observers", head + `{"seq":1,"at":"0s","kind":"started","seenBy":"engin"}` + "\n", `line 2: unknown seenBy "engin"; did you mean "engine"?`},
		{"field", "an unknown field is not passed over", head + entry + `{"seq":2,"at":"0s","kind":"started","seenBy":"engine","attemp":1}` + "\n",
			`line 3: unknown field "attemp"; did you mean "attempt"?`},
		{"field's case", "names are exact", head + `{"seq":1,"at":"0s","kind":"started","seenBy":"engine","pubSub":"x"}` + "\n",
			`line 2: unknown field "pubSub"; did you mean "pubsub"?`},
		{"event's field", "nor inside the event", head + `{"seq":1,"at":"0s","kind":"started","seenBy":"engine","event":{"identiy":"x"}}` + "\n",
			`line 2: unknown field "identiy"; did you mean "identity"?`},
		{"event's type", "the place is named", head + `{"seq":1,"at":"0s","kind":"started","seenBy":"engine","event":{"id":5}}` + "\n",
			`line 2: event.id: want a text, found a JSON number`},
		{"missing", "an entry says what and when and who saw it", head + `{"seq":1,"at":"0s","kind":"started"}` + "\n", `line 2: an entry states "seenBy"`},
		{"null", "absent is not null", head + `{"seq":1,"at":"0s","kind":"started","seenBy":"engine","note":null}` + "\n", `line 2: note: null; leave the field out`},
		{"duration number", "no unit, no meaning", head + `{"seq":1,"at":5,"kind":"started","seenBy":"engine"}` + "\n",
			`line 2: at: 5 is not a duration text; write it as Go does: "1.5s"`},
		{"duration text", "no unit, no meaning", head + `{"seq":1,"at":"5","kind":"started","seenBy":"engine"}` + "\n",
			`line 2: at: "5" is not a duration; write it as Go does: "1.5s"`},
		{"attempt", "counted in whole numbers", head + `{"seq":1,"at":"0s","kind":"started","seenBy":"engine","attempt":1.5}` + "\n",
			`line 2: attempt: want a whole number, found a JSON number 1.5`},
		{"metadata", "texts only, as Dapr's", head + `{"seq":1,"at":"0s","kind":"started","seenBy":"engine","metadata":{"ttl":5}}` + "\n",
			`line 2: metadata: want a text, found a JSON number`},
		{"gap", "a line was taken out", head + entry + `{"seq":3,"at":"0s","kind":"started","seenBy":"engine"}` + "\n",
			`line 3: seq: want 2, found 3; entries are numbered from 1 without a gap`},
		{"cause", "causes lie before", head + `{"seq":1,"at":"0s","kind":"started","seenBy":"engine","cause":1}` + "\n",
			`line 2: cause: 1 is not an entry before entry 1`},
		{"negative cause", "causes lie before", head + `{"seq":1,"at":"0s","kind":"started","seenBy":"engine","cause":-1}` + "\n",
			`line 2: cause: -1 is not an entry before entry 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := journal.Read(strings.NewReader(c.text))
			require.Error(t, err, c.reason)
			assert.Equal(t, c.want, err.Error(), c.reason)
			assert.Nil(t, j)
		})
	}
}

func TestReadCutOff(t *testing.T) {
	text := written(t, full())
	lines := strings.SplitAfter(text, "\n")
	start := strings.Index(text, lines[3])
	for n := start + 1; n < start+len(lines[3])-1; n++ {
		j, err := journal.Read(strings.NewReader(text[:n]))
		require.ErrorIs(t, err, journal.ErrTruncated, "cut off after %d bytes", n)
		require.ErrorContains(t, err, "line 4: ")
		require.Equal(t, 2, j.Len(), "the lines before it are there")
	}
	j, err := journal.Read(strings.NewReader(text[:start+len(lines[3])-1]))
	require.NoError(t, err, "a whole entry without its line break is whole")
	assert.Equal(t, 3, j.Len())
	j, err = journal.Read(strings.NewReader(text[:5]))
	require.ErrorIs(t, err, journal.ErrTruncated)
	assert.Nil(t, j)
}

func TestReadAndWriteErrors(t *testing.T) {
	broken := errors.New("broken pipe")
	_, err := journal.Read(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "read journal: line 1")
	_, err = full().WriteTo(failing{broken})
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "write journal: ")
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestStreamTo(t *testing.T) {
	j := journal.New(journal.Head{World: "fake", Started: started})
	j.Append(journal.Entry{Kind: journal.Started, SeenBy: journal.Engine})
	var b, other bytes.Buffer
	stop := j.StreamTo(&b)
	stopOther := j.StreamTo(&other)
	assert.Equal(t, written(t, j), b.String(), "what was there before")
	for range 3 {
		j.Append(journal.Entry{Kind: journal.Started, SeenBy: journal.Engine})
		assert.Equal(t, written(t, j), b.String(), "written when Append returns")
	}
	j.SetHead(func(h *journal.Head) { h.World, h.Seed, h.Started = "containers", 7, time.Time{} })
	j.Append(journal.Entry{Kind: journal.Started, SeenBy: journal.Engine})
	read, err := journal.Read(&b)
	require.NoError(t, err)
	assert.Equal(t, j.Head(), read.Head(), "the last head counts")
	assert.Equal(t, started, read.Head().Started, "the start does not change")
	assert.Equal(t, j.Entries(), read.Entries())
	require.NoError(t, stop())
	require.NoError(t, stop(), "stopping again is nothing")
	n, more := b.Len(), other.Len()
	j.Append(journal.Entry{Kind: journal.Started, SeenBy: journal.Engine})
	assert.Equal(t, n, b.Len(), "nothing after stop")
	assert.Greater(t, other.Len(), more, "the other goes on")
	require.NoError(t, stopOther())
}

func TestStreamToReportsTheFirstError(t *testing.T) {
	j := journal.New(journal.Head{})
	broken := errors.New("disk full")
	stop := j.StreamTo(failing{broken})
	j.Append(journal.Entry{Kind: journal.Started, SeenBy: journal.Engine})
	err := stop()
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "stream journal: ")
	assert.Equal(t, 1, j.Len(), "the journal itself is not harmed")

	w := &flaky{err: broken}
	stop = j.StreamTo(w)
	j.Append(journal.Entry{Kind: journal.Started, SeenBy: journal.Engine})
	require.ErrorIs(t, stop(), broken)
	assert.Equal(t, 1, w.calls, "after an error nothing more is written: a gap would not be seen")
}

// flaky fails once.
type flaky struct {
	err   error
	calls int
}

func (f *flaky) Write(b []byte) (int, error) {
	f.calls++
	if f.calls == 1 {
		return 0, f.err
	}
	return len(b), nil
}

func lineSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := schemas.Files.ReadFile("journal.schema.json")
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat = true
	require.NoError(t, compiler.AddResource("journal.schema.json", bytes.NewReader(text)))
	return compiler.MustCompile("journal.schema.json")
}

func TestSchemaDescribesLines(t *testing.T) {
	schema := lineSchema(t)
	validate := func(line string) error {
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		var v any
		require.NoError(t, decoder.Decode(&v))
		return schema.Validate(v)
	}
	var lines []string
	for _, j := range []*journal.Journal{full(), random(1, 20).fake.Journal, random(2, 20).real.Journal} {
		for line := range strings.Lines(written(t, j)) {
			line = strings.Replace(line, "1e400", "1", 1) // the validator would compute it
			lines = append(lines, line)
			require.NoError(t, validate(line), line)
		}
	}
	// What Read refuses for its form, the schema refuses as well.
	for _, c := range []struct{ reason, old, new string }{
		{"unknown field of an entry", `"seq":`, `"sequence":1,"seq":`},
		{"unknown field of the head", `"world":`, `"wrld":"","world":`},
		{"unknown kind", `"kind":"delivered"`, `"kind":"delivred"`},
		{"unknown observer", `"seenBy":"redis"`, `"seenBy":"valkey"`},
		{"a number as a duration", `"at":"1h0m0s"`, `"at":3600`},
		{"a duration without unit", `"at":"1h0m0s"`, `"at":"3600"`},
		{"a missing field", `"kind":"started",`, ``},
		{"another format", `"eventproofJournal":"1"`, `"eventproofJournal":"2"`},
		{"a number as metadata", `"partitionKey":"a"`, `"partitionKey":1`},
		{"unknown field of an event", `"source":"orders"`, `"sourc":"orders"`},
		{"seq from 0", `"seq":1,`, `"seq":0,`},
	} {
		found := false
		for _, line := range lines {
			if changed := strings.Replace(line, c.old, c.new, 1); changed != line {
				found = true
				assert.Error(t, validate(changed), c.reason+": "+changed)
				break
			}
		}
		assert.True(t, found, c.reason+": no line has "+c.old)
	}
}

// The lists of kinds and observers stand in three places; a kind that is not in all of them is found here.
func TestKindsAreListedEverywhere(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("entry.go"))
	require.NoError(t, err)
	text, err := schemas.Files.ReadFile("journal.schema.json")
	require.NoError(t, err)
	declared := regexp.MustCompile(`(?m)^\s+\w+\s+(Kind|Observer) = "([a-z-]+)"`).FindAllSubmatch(source, -1)
	require.Len(t, declared, 19)
	for _, d := range declared {
		assert.Contains(t, string(text), `"`+string(d[2])+`"`)
		line := `{"eventproofJournal":"1","world":"fake","started":"2026-01-02T03:04:05Z"}` + "\n" +
			`{"seq":1,"at":"0s","kind":"started","seenBy":"engine"}`
		old := map[string]string{"Kind": `"kind":"started"`, "Observer": `"seenBy":"engine"`}[string(d[1])]
		line = strings.Replace(line, old, old[:strings.Index(old, ":")]+`:"`+string(d[2])+`"`, 1)
		_, err := journal.Read(strings.NewReader(line))
		assert.NoError(t, err)
	}
}
