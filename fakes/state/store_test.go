package state_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/fakes/state"
)

// numbered draws the ETags 1, 2, ….
func numbered() func() string {
	n := 0
	return func() string { n++; return fmt.Sprint(n) }
}

func set(key, value string) state.SetRequest { return state.SetRequest{Key: key, Value: []byte(value)} }

func etag(text string) *string { return &text }

func Example() {
	store := state.New(numbered())
	fmt.Println(store.Set(state.SetRequest{Key: "order", Value: map[string]any{"status": "paid"}}))
	value := store.Get("order")
	fmt.Printf("%s, ETag %s\n", value.Data, value.ETag)
	stale := "0"
	fmt.Println(store.Set(state.SetRequest{Key: "order", Value: "again", ETag: &stale}))
	// Output:
	// <nil>
	// {"status":"paid"}, ETag 1
	// possible etag mismatch. error from state store: state etag not match for key=order: current=1, expect=0
}

func TestETags(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		request      state.SetRequest
		want         string // "": written
	}{
		{"none", "who has none writes over what is there", state.SetRequest{Key: "there"}, ""},
		{"empty", "an empty one is none", state.SetRequest{Key: "there", ETag: etag("")}, ""},
		{"right", "", state.SetRequest{Key: "there", ETag: etag("1")}, ""},
		{"wrong", "", state.SetRequest{Key: "there", ETag: etag("2")}, "state etag not match for key=there: current=1, expect=2"},
		{"of nothing", "a key without a value has none", state.SetRequest{Key: "new", ETag: etag("1")}, "state not exist or expired for key=new"},
		{"first write", "", state.SetRequest{Key: "there", Options: state.SetStateOption{Concurrency: state.FirstWrite}}, "item already exists and no etag was passed"},
		{"first write with an empty one", "", state.SetRequest{Key: "there", ETag: etag(""), Options: state.SetStateOption{Concurrency: state.FirstWrite}}, "item already exists and no etag was passed"},
		{"first write of a new key", "", state.SetRequest{Key: "new", Options: state.SetStateOption{Concurrency: state.FirstWrite}}, ""},
		{"last write", "", state.SetRequest{Key: "there", Options: state.SetStateOption{Concurrency: state.LastWrite}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for call, do := range map[string]func(*state.Store) error{
				"Set":      func(s *state.Store) error { return s.Set(c.request) },
				"SetAll":   func(s *state.Store) error { return s.SetAll([]state.SetRequest{c.request}) },
				"Transact": func(s *state.Store) error { return s.Transact([]state.Operation{c.request}) },
				"Delete": func(s *state.Store) error {
					return s.Delete(state.DeleteRequest{Key: c.request.Key, ETag: c.request.ETag, Options: c.request.Options})
				},
			} {
				s := state.New(numbered())
				require.NoError(t, s.Set(set("there", "v")))
				err := do(s)
				if c.want == "" {
					require.NoError(t, err, "%s: %s", call, c.reason)
					continue
				}
				require.EqualError(t, err, "possible etag mismatch. error from state store: "+c.want, "%s: %s", call, c.reason)
				var mismatch *state.ETagError
				require.ErrorAs(t, err, &mismatch)
				require.Equal(t, "1", s.Get("there").ETag, "%s wrote", call)
			}
		})
	}
}

func TestAValueEndsAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := state.New(numbered())
		began := time.Now()
		at := func(d time.Duration) { time.Sleep(time.Until(began.Add(d))) } //nolint:forbidigo // in a bubble: virtual time
		at(300 * time.Millisecond)
		request := set("k", "v")
		request.Metadata = map[string]string{"ttlInSeconds": "2"}
		require.NoError(t, s.Set(request))
		require.Equal(t, began.Add(2300*time.Millisecond), s.Get("k").Expires)
		at(2300 * time.Millisecond)
		require.Equal(t, "v", string(s.Get("k").Data), "its last instant is its own")
		at(2300*time.Millisecond + 1)
		require.Zero(t, s.GetAll([]string{"k"})[0])
		first := state.SetRequest{Key: "k", Options: state.SetStateOption{Concurrency: state.FirstWrite}}
		require.Error(t, s.Set(first), "it is there for others until the cleaner comes")
		at(3*time.Second - 1)
		require.Error(t, s.Set(first))
		at(3 * time.Second)
		require.NoError(t, s.Set(first))
		require.Equal(t, "null", string(s.Get("k").Data))
	})
}

func TestReadingRemovesWhatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := state.New(numbered())
		request := set("k", "v")
		request.Metadata = map[string]string{"ttlInSeconds": "1"}
		time.Sleep(time.Millisecond) //nolint:forbidigo // in a bubble: virtual time
		require.NoError(t, s.Set(request))
		time.Sleep(time.Second + 1) //nolint:forbidigo // in a bubble: virtual time
		require.Zero(t, s.Get("k"))
		require.NoError(t, s.Set(state.SetRequest{Key: "k", Options: state.SetStateOption{Concurrency: state.FirstWrite}}))
	})
}

func TestTimesToLive(t *testing.T) {
	for text, want := range map[string]string{"": "", "0": "", "-3": "", "3600": "ends", "1h": `strconv.Atoi: parsing "1h": invalid syntax`, "1.5": `strconv.Atoi: parsing "1.5": invalid syntax`} {
		s := state.New(numbered())
		request := set("k", "v")
		request.Metadata = map[string]string{"ttlInSeconds": text}
		switch err := s.Set(request); {
		case err != nil:
			require.EqualError(t, err, want)
		default:
			require.Equal(t, want == "ends", !s.Get("k").Expires.IsZero(), text)
		}
	}
}

func TestATransactionIsAllOrNothing(t *testing.T) {
	s := state.New(numbered())
	require.NoError(t, s.SetAll([]state.SetRequest{set("a", "1"), set("b", "1")}))
	require.Error(t, s.Transact([]state.Operation{set("a", "2"), state.DeleteRequest{Key: "b", ETag: etag("x")}}))
	require.Equal(t, "1", string(s.Get("a").Data))
	bad := set("c", "3")
	bad.Options.Consistency = "weak"
	require.EqualError(t, s.Transact([]state.Operation{set("a", "2"), bad}), "unrecognized consistency model 'weak'")
	require.Equal(t, "1", string(s.Get("a").Data))
	require.NoError(t, s.Transact([]state.Operation{set("a", "2"), state.DeleteRequest{Key: "b", Options: state.SetStateOption{Consistency: "weak"}}, set("a", "3")}))
	require.Equal(t, "3", string(s.Get("a").Data))
	require.Zero(t, s.Get("b"))
}

func TestABulkCallTellsWhatWasRefused(t *testing.T) {
	s := state.New(numbered())
	wrong, weak := set("a", "1"), set("b", "1")
	wrong.ETag, weak.Options.Concurrency = etag("x"), "no-write"
	err := s.SetAll([]state.SetRequest{wrong, weak, set("c", "1")})
	require.EqualError(t, err, "possible etag mismatch. error from state store: state not exist or expired for key=a\nunrecognized concurrency model 'no-write'")
	require.Equal(t, "1", string(s.Get("c").Data), "the others are carried out")
	err = s.DeleteAll([]state.DeleteRequest{{Key: "a", ETag: etag("x")}, {Key: "c", ETag: etag("x")}})
	require.EqualError(t, err, "possible etag mismatch. error from state store: possible etag mismatch. error from state store: state not exist or expired for key=a\n"+
		"possible etag mismatch. error from state store: state etag not match for key=c: current=1, expect=x", "where all are ETags, so is the whole")
	require.NoError(t, s.DeleteAll(nil))
}

func TestOfManyFirstWritesOneIsFirst(t *testing.T) {
	s := state.New(func() string { return "e" })
	var won atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			err := s.Set(state.SetRequest{Key: "k", Options: state.SetStateOption{Concurrency: state.FirstWrite}})
			var mismatch *state.ETagError
			switch {
			case err == nil:
				won.Add(1)
			case !errors.As(err, &mismatch):
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
}
