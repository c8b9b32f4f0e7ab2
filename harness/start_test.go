package harness_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
)

// recorded is a testing.TB that says how the test it is given to ended.
type recorded struct {
	testing.TB
	skipped, failed string
	logged          strings.Builder
	cleanups        []func()
}

type stop struct{}

func (r *recorded) Helper()                      {}
func (r *recorded) Name() string                 { return r.TB.Name() }
func (r *recorded) Failed() bool                 { return r.failed != "" }
func (r *recorded) Cleanup(f func())             { r.cleanups = append(r.cleanups, f) }
func (r *recorded) Errorf(f string, args ...any) { r.failed += fmt.Sprintf(f, args...) }
func (r *recorded) Logf(f string, args ...any)   { r.logged.WriteString(fmt.Sprintf(f, args...) + "\n") }
func (r *recorded) Fatalf(f string, args ...any) {
	r.failed += fmt.Sprintf(f, args...)
	panic(stop{})
}
func (r *recorded) Fatal(args ...any) {
	r.failed += fmt.Sprint(args...)
	panic(stop{})
}
func (r *recorded) Skip(args ...any) {
	r.skipped = fmt.Sprintf("%v", args...)
	panic(stop{})
}

// run runs a test function to its end, clean-ups included.
func (r *recorded) run(test func()) {
	defer func() {
		for i := len(r.cleanups) - 1; i >= 0; i-- {
			r.cleanups[i]()
		}
	}()
	defer func() {
		if v := recover(); v != nil && v != (any)(stop{}) {
			panic(v)
		}
	}()
	test()
}

func TestStartWithoutAnEngine(t *testing.T) {
	tests := []struct {
		name, real, image string
		wantSkip          string
		wantFailure       string
		reason            string
	}{
		{"off", "off", "", "EVENTPROOF_REAL=off; unset it", "", "the engine is not even asked"},
		{"typo", "always", "", "", "EVENTPROOF_REAL=always: want auto, required or off", "nothing is silently ignored"},
		{"auto", "auto", "eventproof.invalid/none:1", "", "EVENTPROOF_DAPRD_IMAGE=eventproof.invalid/none:1", "an image that was named and cannot be had is a mistake, which must not skip"},
		{"required", "required", "eventproof.invalid/none:1", "", "correct the name, or unset it", "and so it is here"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.real == "auto" && testing.Short() {
				t.Skip("-short is a reason of its own to skip")
			}
			skipped := filepath.Join(t.TempDir(), "skipped")
			t.Setenv("EVENTPROOF_SKIPPED", skipped)
			t.Setenv("EVENTPROOF_REAL", test.real)
			if test.image != "" {
				t.Setenv("EVENTPROOF_REAL", "auto")
				harness.Start(t, world.Config{}) // skips where there is no engine
				t.Setenv("EVENTPROOF_REAL", test.real)
				t.Setenv("EVENTPROOF_DAPRD_IMAGE", test.image)
			}
			r := &recorded{TB: t}
			r.run(func() { harness.Start(r, world.Config{}) })
			if (r.skipped == "") != (test.wantSkip == "") || !strings.Contains(r.skipped, test.wantSkip) {
				t.Errorf("%s: want skip %q, got %q", test.reason, test.wantSkip, r.skipped)
			}
			if (r.failed == "") != (test.wantFailure == "") || !strings.Contains(r.failed, test.wantFailure) {
				t.Errorf("%s: want failure %q, got %q", test.reason, test.wantFailure, r.failed)
			}
			file, _ := os.ReadFile(skipped)
			if line := t.Name() + ": " + r.skipped + "\n"; r.skipped != "" && string(file) != line {
				t.Errorf("want the skip in EVENTPROOF_SKIPPED: %q, got %q", line, file)
			}
		})
	}
}

func TestAFailureShowsTheLogs(t *testing.T) {
	r := &recorded{TB: t}
	harness.Start(t, world.Config{}) // skips where there is no engine
	r.run(func() {
		w := harness.Start(r, world.Config{})
		w.Attach("worker", app{topics: map[string]string{"orders": ""}, answer: succeed}.start)
		for i := range 20 { // more than fits on a screen
			send(t, w, event("orders", fmt.Sprint("ord-", i)))
		}
		settle(t, w)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Settle(ended); err == nil { // the world's own failure
			t.Error("want an error of a context that has ended")
		}
		r.Errorf("on purpose")
	})
	got := r.logged.String()
	for _, want := range []string{"journal of this world (whole: ", "subscribed", "daprd of worker (whole: ", "redis (whole: "} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in what a failed test shows, got:\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n > 60 {
		t.Errorf("want no more than a screen, got %d lines", n)
	}
	_, rest, _ := strings.Cut(got, "(whole: ")
	path, _, _ := strings.Cut(rest, ")")
	defer os.RemoveAll(filepath.Dir(path))
	for _, name := range []string{"journal.jsonl", "daprd.worker.log", "redis.log"} {
		if data, err := os.ReadFile(filepath.Join(filepath.Dir(path), name)); err != nil || len(data) == 0 {
			t.Errorf("want the whole of it in %s, got %d bytes, %v", name, len(data), err)
		}
	}
}

func TestAddressesAreForWhoWantsJustThose(t *testing.T) {
	w := harness.Start(t, world.Config{})
	w.Attach("worker", app{topics: map[string]string{"orders": ""}, answer: succeed}.start)
	places, err := harness.Addresses(w)
	if err != nil {
		t.Fatal(err)
	}
	db := redis.NewClient(&redis.Options{Addr: places.Redis})
	defer db.Close()
	if groups, err := db.XInfoGroups(t.Context(), "orders").Result(); err != nil || len(groups) != 1 || groups[0].Name != "worker" {
		t.Errorf("want the app's consumer group at Redis' address, got %v, %v", groups, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := harness.Addresses(w); err == nil {
		t.Error("want an error for a world that is closed")
	}
}

func TestFaults(t *testing.T) {
	w := harness.Start(t, world.Config{})
	w.Attach("worker", app{topics: map[string]string{"orders": "orders.dead"}, answer: succeed}.start)
	for _, f := range []faults.Fault{faults.LoseAnswer{Event: "ord-1"}, faults.FailDelivery{Event: "ord-2"}} {
		if err := w.Inject(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"ord-1", "ord-2", "ord-3"} {
		send(t, w, event("orders", id))
	}
	settle(t, w)
	if err := w.Inject(t.Context(), faults.Redeliver{App: "worker", Event: "ord-3"}); err != nil {
		t.Fatal(err)
	}
	settle(t, w)
	dead := func(id string) bool {
		for _, e := range w.Journal().Entries() {
			if e.Kind == journal.DeadLettered && e.Event.ID == id && e.DeadLetterTopic == "orders.dead" && e.App == "worker" {
				return true
			}
		}
		return false
	}
	delivered := func(id string) (n int) {
		for _, e := range w.Journal().Entries() {
			if e.Kind == journal.Delivered && e.Event.ID == id && e.Topic == "orders" {
				n++
			}
		}
		return n
	}
	if !dead("ord-1") || !dead("ord-2") || dead("ord-3") {
		t.Errorf("want the events whose answer was lost, or that never arrived, on the dead letter topic, and no other")
	}
	if n := delivered("ord-3"); n != 2 {
		t.Errorf("want the handled event twice, got %d", n)
	}
	if err := w.Inject(t.Context(), faults.Redeliver{App: "nobody"}); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("want an error that names the app, got %v", err)
	}
}

func TestTheContextEndsAWorld(t *testing.T) {
	harness.Start(t, world.Config{}) // skips where there is no engine
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := harness.New(ctx, world.Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("want the context's error, got %v", err)
	}
}

func TestStrictResources(t *testing.T) {
	component := func(kind, metadata string) fs.FS {
		return fstest.MapFS{"pubsub.yaml": {Data: []byte("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: pubsub}\nspec:\n  type: " + kind + "\n  version: v1\n  metadata: [" + metadata + "]\n")}}
	}
	tests := []struct {
		name, want string
		resources  []fs.FS
		reason     string
	}{
		{"nothing", "pubsub pubsub is defined nowhere", nil, "a component would be made up"},
		{"kafka", "pubsub.yaml:2: pubsub pubsub is pubsub.kafka", []fs.FS{component("pubsub.kafka", "")}, "another broker redelivers otherwise"},
		{"secret", "redisPassword would be dropped", []fs.FS{component("pubsub.redis", "{name: redisPassword, secretKeyRef: {name: redis, key: password}}")}, "the world's Redis has no password"},
		{"tls", "enableTLS would be dropped", []fs.FS{component("pubsub.redis", `{name: enableTLS, value: "true"}`)}, "the world's Redis has no TLS"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := harness.New(t.Context(), world.Config{StrictResources: true, Resources: test.resources})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: want %q, got %v", test.reason, test.want, err)
			}
		})
	}
}

// A streaming subscription that was ended leaves its consumer group in Redis.
func TestAGroupThatNobodyReadsIsNotWaitedFor(t *testing.T) {
	w := harness.Start(t, world.Config{Horizon: 3 * time.Second})
	w.Attach("worker", app{topics: map[string]string{"orders": ""}, answer: succeed}.start)
	places, err := harness.Addresses(w)
	if err != nil {
		t.Fatal(err)
	}
	db := redis.NewClient(&redis.Options{Addr: places.Redis})
	defer db.Close()
	if err := db.XGroupCreate(t.Context(), "orders", "gone", "0").Err(); err != nil {
		t.Fatal(err)
	}
	send(t, w, event("orders", "ord-1"))
	settle(t, w)
	expect(t, kinds(w, "worker", "orders", "ord-1"),
		[]string{"delivered by proxy", "answered by proxy SUCCESS", "acknowledged by redis"}, "the group that is read is told of")
}
