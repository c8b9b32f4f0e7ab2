package compat_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/compat"
	"github.com/eventproof/eventproof/contract/schema"
)

// labelled is a pair of schemas with what is known of them.
type labelled struct {
	set, file string
	ID        int             `json:"id"`
	Schema1   json.RawMessage `json:"schema1"`
	Schema2   json.RawMessage `json:"schema2"`
	Tests     map[string]bool `json:"tests"`
}

const (
	firstInSecond = "s1SubsetEqOfs2"
	secondInFirst = "s2SubsetEqOfs1"
	suspectsHash  = "37ebf7ad0036259d7a27f545e0f5a2f82248171bcc1da1343dd5042e2de23633"
)

func corpus(tb testing.TB, elem ...string) string {
	tb.Helper()
	root := os.Getenv("EVENTPROOF_CORPUS")
	if root == "" {
		tb.Skip("EVENTPROOF_CORPUS is not set: it names the folder of public schemas that this runs against")
	}
	return filepath.Join(append([]string{root}, elem...)...)
}

// suspects are the directions whose label the validator itself contradicts.
func suspects(tb testing.TB) map[string]bool {
	tb.Helper()
	text, err := os.ReadFile(corpus(tb, "containment", "label-suspects.json"))
	if err != nil {
		tb.Fatal(err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != suspectsHash {
		tb.Fatalf("label-suspects.json has changed: sha256 %x", sum)
	}
	var list []struct {
		Draft, File, Key string
		ID               int
	}
	if err := json.Unmarshal(text, &list); err != nil {
		tb.Fatal(err)
	}
	all := map[string]bool{}
	for _, s := range list {
		all[fmt.Sprint(s.Draft, "/", s.File, "#", s.ID, s.Key)] = true
	}
	return all
}

func pairs(tb testing.TB, set string) []labelled {
	tb.Helper()
	root := corpus(tb, "containment", set)
	var all []labelled
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var some []labelled
		if err := json.Unmarshal(text, &some); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		rel, _ := filepath.Rel(root, path)
		for _, p := range some {
			p.set, p.file = set, filepath.ToSlash(rel)
			all = append(all, p)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// judged is one direction of a pair, compared.
type judged struct {
	pair         labelled
	key          string
	want         bool
	answer       compat.Answer
	loadError    string
	contradicted bool // the label, by the validator
	took         time.Duration
}

func (j judged) String() string {
	return fmt.Sprintf("%s/%s#%d %s", j.pair.set, j.pair.file, j.pair.ID, j.key)
}

func (j judged) wrong() bool {
	return j.loadError == "" && j.answer.Verdict != compat.Undecided && (j.answer.Verdict == compat.Compatible) != j.want
}

func judge(p labelled, skip map[string]bool) []judged {
	draft := strings.TrimPrefix(p.set, "draft")
	o := schema.Options{Draft: draft, AsValidator: true, AssertFormat: strings.Contains(p.file, "optional/format/")}
	first, err1 := schema.Parse("schema1.json", p.Schema1, o)
	second, err2 := schema.Parse("schema2.json", p.Schema2, o)
	var all []judged
	for _, key := range []string{firstInSecond, secondInFirst} {
		want, labelled := p.Tests[key]
		if !labelled || skip[fmt.Sprint(p.set, "/", p.file, "#", p.ID, key)] {
			continue
		}
		j := judged{pair: p, key: key, want: want}
		start := time.Now()
		switch {
		case err1 != nil:
			j.loadError = err1.Error()
		case err2 != nil:
			j.loadError = err2.Error()
		case key == firstInSecond:
			j.answer = compat.Contained(first, second, compat.Policy{})
		default:
			j.answer = compat.Contained(second, first, compat.Policy{})
		}
		j.took = time.Since(start)
		if j.wrong() {
			j.contradicted = contradicted(j, first, second)
		}
		all = append(all, j)
	}
	return all
}

// contradicted reports whether the validator itself shows that a label is not
// about it: it confirms a witness against a containment, or the one side has
// only listed values and it accepts them all on the other.
func contradicted(j judged, first, second *schema.Schema) bool {
	if j.answer.Verdict == compat.Incompatible {
		return true // the witness is confirmed
	}
	writer, reader := first, second
	if j.key == secondInFirst {
		writer, reader = second, first
	}
	listed := writer.Root.Get("anyOf")
	var values []any
	if c := writer.Root.Get("const"); c != nil {
		values = append(values, c.Value())
	} else if listed != nil {
		for _, branch := range listed.Items {
			c := branch.Get("const")
			if c == nil {
				return false
			}
			values = append(values, c.Value())
		}
	}
	for _, v := range values {
		if reader.Compiled.Validate(v) != nil {
			return false
		}
	}
	return len(values) > 0
}

// disputed is how many labels of a file are wrong, as the validator itself shows,
// see contradicted: where a not was put into one schema of a recursion, or left
// out. They are counted apart, and the verdicts stand.
var disputed = map[string]map[string]int{
	"draft7":       {"nonvalid/ref.json": 1, "unsatisfiable/ref.json": 1},
	"draft2020-12": {"nonvalid/ref.json": 1, "unsatisfiable/ref.json": 1, "nonvalid/dynamicRef.json": 3},
}

// The containment suites, both directions: no verdict is wrong, and at least
// 97 % are decided.
func TestCorpus(t *testing.T) {
	for _, set := range []string{"draft7", "draft2020-12"} {
		t.Run(set, func(t *testing.T) {
			skip := suspects(t)
			all := pairs(t, set)
			results := make([][]judged, len(all))
			var wg sync.WaitGroup
			next := make(chan int)
			for range runtime.GOMAXPROCS(0) {
				wg.Go(func() {
					for i := range next {
						results[i] = judge(all[i], skip)
					}
				})
			}
			for i := range all {
				next <- i
			}
			close(next)
			wg.Wait()
			report(t, set, slices.Concat(results...))
		})
	}
}

func report(t *testing.T, set string, all []judged) {
	t.Helper()
	decided, witnesses, refused, wrong := 0, 0, 0, 0
	why := map[string][]string{}
	refusals := map[string]int{}
	contradictions := map[string]int{}
	var times []time.Duration
	slowest := judged{}
	for _, j := range all {
		if j.loadError != "" {
			refused++
			what := j.loadError[strings.Index(j.loadError, ": ")+2:]
			refusals[what[:min(len(what), 100)]]++
			continue
		}
		times = append(times, j.took)
		if j.took > slowest.took {
			slowest = j
		}
		if j.contradicted {
			contradictions[j.pair.file]++
		} else if j.wrong() {
			wrong++
			if wrong == 1 {
				witness, _ := json.Marshal(j.answer.Witness)
				t.Errorf("wrong: %v: %s, label %v, witness %s %s %s", j, j.answer.Verdict, j.want, witness, compact(j.pair.Schema1), compact(j.pair.Schema2))
			}
		}
		switch j.answer.Verdict {
		case compat.Undecided:
			key := j.answer.Reason.Keyword + ": " + j.answer.Reason.What
			why[key] = append(why[key], j.String())
		case compat.Incompatible:
			witnesses++
			decided++
		default:
			decided++
		}
	}
	slices.Sort(times)
	t.Logf("%d directions, %d of them not loadable: %d decided (%.2f %%; %.2f %% of the loadable), %d wrong, %d witnesses confirmed, %d undecided",
		len(all), refused, decided, 100*float64(decided)/float64(len(all)), 100*float64(decided)/float64(len(all)-refused), wrong, witnesses, len(all)-decided-refused)
	if len(times) > 0 {
		t.Logf("time of a direction: p50 %v, p99 %v, max %v (%v)", times[len(times)/2], times[len(times)*99/100], times[len(times)-1], slowest)
	}
	keys := make([]string, 0, len(why))
	for k := range why {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return len(why[keys[i]]) > len(why[keys[j]]) })
	for _, k := range keys {
		t.Logf("undecided %4d  %s  (%s)", len(why[k]), k, strings.Join(why[k][:min(6, len(why[k]))], ", "))
	}
	if diff := cmp.Diff(disputed[set], contradictions); diff != "" {
		t.Errorf("labels that the validator contradicts, by file (-want +got):\n%s", diff)
	}
	if loadable := len(all) - refused; loadable == 0 || 100*decided < 97*loadable {
		t.Errorf("%d of %d loadable directions are decided, want 97 %%", decided, loadable)
	}
	for k, n := range refusals {
		t.Logf("not loadable %4d  %s", n, k)
	}
}

func compact(text json.RawMessage) string {
	var b bytes.Buffer
	_ = json.Compact(&b, text) // it was decoded before
	return b.String()
}
