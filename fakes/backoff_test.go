package fakes_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// patient is a world whose component waits longer for a policy than the policy
// lasts: what a policy dead-letters after processingTimeout stays pending.
func patient(policy string, seed int64) world.Config {
	return world.Config{Seed: seed, Horizon: 3 * time.Hour, Resources: resources(retries(policy)), Clocks: world.Clocks{ProcessingTimeout: 2 * time.Hour}}
}

// refused plays an event that the app never handles, and gives the times of its
// deliveries and what the journal says of it.
func refused(t testing.TB, cfg world.Config) (at []time.Duration, story string) {
	t.Helper()
	w := fakes.Start(t, cfg)
	w.Attach("consumer", (&inbox{subscriptions: []subscription{on("orders").deadLetter("dead")}, answer: answer(500)}).start)
	if err := w.SendFrom(t.Context(), "publisher", event("1", "orders")); err != nil {
		t.Fatal(err)
	}
	if err := w.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range w.Journal().Entries() {
		if e.Kind == journal.Delivered {
			at = append(at, e.At)
		}
	}
	return at, told(w, "1")
}

// backoffs are the waits of an exponential policy, from its own description and
// the random numbers of the seed.
//
// Sources: kit v0.16.1 retry/retry.go DefaultConfig, NewBackOff; cenkalti/backoff
// v4.3.0 exponential.go NextBackOff, getRandomValueFromInterval: half to one and a
// half of an interval that begins with 500 ms and grows by half up to maxInterval;
// where the next would end after 15 minutes there is none.
func backoffs(seed int64, maxInterval time.Duration) (waits []time.Duration) {
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	elapsed := time.Duration(0)
	for interval := 500 * time.Millisecond; ; interval = min(time.Duration(float64(interval)*1.5), maxInterval) {
		least, most := float64(interval)*0.5, float64(interval)*1.5
		wait := time.Duration(least + random.Float64()*(most-least+1))
		if elapsed+wait > 15*time.Minute {
			return waits
		}
		elapsed += wait
		waits = append(waits, wait)
	}
}

// TestAnExponentialPolicyWaitsAsDaprd holds the times of a policy that may wait for an
// hour against the policy. daprd 1.16 ends every exponential policy after 15
// minutes, and no YAML changes that.
func TestAnExponentialPolicyWaitsAsDaprd(t *testing.T) {
	play := func(seed int64) (waits []time.Duration, story string) {
		synctest.Test(t, func(t *testing.T) {
			var at []time.Duration
			at, story = refused(t, patient("{policy: exponential, maxInterval: 1h, maxRetries: 1000}", seed))
			for i := 1; i < len(at); i++ {
				waits = append(waits, at[i]-at[i-1])
			}
		})
		return waits, story
	}
	for seed := range int64(20) {
		t.Run(strconv.FormatInt(seed+1, 10), func(t *testing.T) {
			waits, story := play(seed + 1)
			require.Equal(t, backoffs(seed+1, time.Hour), waits)
			require.Contains(t, story, "answered(HTTP 500) dead-lettered(dead) acknowledged")
			again, _ := play(seed + 1)
			require.Equal(t, waits, again, "the same seed makes the same waits")
			other, _ := play(seed + 2)
			require.False(t, slices.Equal(waits, other), "another seed makes others")
		})
	}
}

func TestAConstantPolicyOfOneHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, story := refused(t, patient("{policy: constant, duration: 1m, maxRetries: 60}", 1))
		require.Len(t, at, 61)
		for i := range at {
			require.Equal(t, time.Duration(i)*time.Minute, at[i]-at[0])
		}
		require.Contains(t, story, "answered(HTTP 500) dead-lettered(dead) acknowledged")
	})
}

// BenchmarkAnHourOfRetries is the real time of a world in which an event is
// retried until it is dead-lettered, from its start to its end.
func BenchmarkAnHourOfRetries(b *testing.B) {
	for _, c := range []struct{ name, policy string }{
		{"constant, 60 retries in an hour", "{policy: constant, duration: 1m, maxRetries: 60}"},
		{"exponential up to an hour, daprd's 15 minutes", "{policy: exponential, maxInterval: 1h, maxRetries: 1000}"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				// synctest.Test takes a *testing.T: the bubble is a test of its own.
				ok := testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "hour", F: func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { refused(t, patient(c.policy, 1)) })
				}}})
				if !ok {
					b.Fatal("the event was not dead-lettered")
				}
			}
		})
	}
}
