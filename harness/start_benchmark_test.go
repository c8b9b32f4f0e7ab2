package harness_test

import (
	"context"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
)

// From Start to ready with one app, against a bare docker run of the same two
// images until both answer:
//
//	go test -run '^$' -bench . -benchtime 10x ./harness
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		w := harness.Start(b, world.Config{})
		w.Attach("worker", app{topics: map[string]string{"orders": "orders.dead"}, answer: succeed}.start)
		b.StopTimer()
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkBareRun(b *testing.B) {
	w := harness.Start(b, world.Config{}) // for the names of the images, and to have them warm
	daprd, redisImage, _ := strings.Cut(w.Journal().Head().Versions["images"], ", ")
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		ids := []string{
			docker(b, "run", "-d", "-p", "127.0.0.1::6379", redisImage, "redis-server", "--protected-mode", "no", "--save", ""),
			docker(b, "run", "-d", "-p", "127.0.0.1::3500", daprd, "./daprd", "--app-id", "worker", "--dapr-listen-addresses", "0.0.0.0"),
		}
		db := redis.NewClient(&redis.Options{Addr: port(b, ids[0], "6379"), MaxRetries: -1})
		until(b, func() bool { return db.Ping(b.Context()).Err() == nil })
		address := port(b, ids[1], "3500")
		until(b, func() bool {
			response, err := http.Get("http://" + address + "/v1.0/healthz")
			if err != nil {
				return false
			}
			response.Body.Close()
			return response.StatusCode == http.StatusNoContent
		})
		b.StopTimer()
		http.DefaultClient.CloseIdleConnections()
		_ = db.Close()
		docker(b, append([]string{"rm", "-f"}, ids...)...)
		b.StartTimer()
	}
}

func docker(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(context.Background(), "docker", args...).Output()
	if err != nil {
		t.Skipf("docker %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

func port(t testing.TB, id, inside string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(docker(t, "port", id, inside))
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", p)
}

// until looks every few milliseconds at what cannot call back.
func until(t testing.TB, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it does not come")
		}
	}
}
