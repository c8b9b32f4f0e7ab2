package contracttest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/contracttest"
)

// recorder is a testing.TB that keeps what a check says.
type recorder struct {
	testing.TB
	said  []string
	fatal bool
}

func (*recorder) Helper()          {}
func (r *recorder) Error(a ...any) { r.said = append(r.said, fmt.Sprint(a...)) }
func (r *recorder) Fatalf(format string, a ...any) {
	r.said, r.fatal = append(r.said, fmt.Sprintf(format, a...)), true
}

var root = fstest.MapFS{
	"a/contract.yaml":         {Data: []byte("event: a\ntopic: t\n")},
	"a/v1.schema.json":        {Data: []byte(`{"properties": {"n": {"type": "integer"}}}`)},
	"a/v1.examples/good.json": {Data: []byte(`{"n": 1}`)},
	"a/v1.examples/bad.json":  {Data: []byte(`{"n": 1, "m": 2}`)},
}

func TestChecks(t *testing.T) {
	c := contracttest.Load(t, root)
	sound, err := c.Example("a", "1", "good")
	if err != nil {
		t.Fatal(err)
	}
	bad := sound
	bad.Data = []byte(`{"n": "x"}`)
	for _, tt := range []struct {
		name, reason string
		check        func(testing.TB)
		want         []string
		fatal        bool
	}{
		{"sound event", "nothing to say", func(t testing.TB) { contracttest.Check(t, c, sound) }, nil, false},
		{"bad event", "each violation is an error", func(t testing.TB) { contracttest.Check(t, c, bad) }, []string{"/data/n has the wrong type"}, false},
		{"no catalog", "no contracts, no violations", func(t testing.TB) { contracttest.Check(t, nil, contract.Event{}) }, nil, false},
		{"sound data", "nothing to say", func(t testing.TB) { contracttest.CheckData(t, c, "pubsub", "t", "application/json", []byte(`{"n":1}`)) }, nil, false},
		{"bytes", "daprd takes them for text", func(t testing.TB) { contracttest.CheckData(t, c, "pubsub", "t", "", []byte(`{"n":1}`)) }, []string{"/datacontenttype is not the contract's"}, false},
		{"examples", "one of the two is bad", func(t testing.TB) { contracttest.CheckExamples(t, c) }, []string{"a/v1.examples/bad.json: a a-v1-bad: /data/m is not declared"}, false},
		{"broken contracts", "the test ends", func(t testing.TB) { contracttest.Load(t, fstest.MapFS{}) }, []string{"no contract here"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &recorder{}
			tt.check(r)
			if len(r.said) != len(tt.want) || r.fatal != tt.fatal {
				t.Fatalf("said %q (fatal %v), want %q (fatal %v): %s", r.said, r.fatal, tt.want, tt.fatal, tt.reason)
			}
			for i, want := range tt.want {
				if !strings.Contains(r.said[i], want) {
					t.Errorf("said %q, want %q: %s", r.said[i], want, tt.reason)
				}
			}
		})
	}
}
