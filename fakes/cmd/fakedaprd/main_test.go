package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract/journal"
)

// TestMain is the program itself where a test has started it.
func TestMain(m *testing.M) {
	if os.Getenv("BE_FAKEDAPRD") != "" {
		main()
	}
	os.Exit(m.Run())
}

// sidecar is a fakedaprd that runs.
type sidecar struct {
	cmd   *exec.Cmd
	http  string // of its HTTP API
	ended chan error

	mu  sync.Mutex
	log bytes.Buffer
}

// start runs the program and returns when it says where its HTTP API is.
func start(t testing.TB, args ...string) *sidecar {
	t.Helper()
	s := &sidecar{cmd: exec.Command(os.Args[0], append([]string{"--dapr-http-port=0", "--dapr-grpc-port=0", "--metrics-port=0"}, args...)...), ended: make(chan error, 1)}
	s.cmd.Env = append(os.Environ(), "BE_FAKEDAPRD=1")
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	s.cmd.Stderr = s.cmd.Stdout
	require.NoError(t, s.cmd.Start())
	at := make(chan string, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(at)
		listens := regexp.MustCompile(`HTTP server is running on ([0-9.:]+)`)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.mu.Lock()
			s.log.WriteString(lines.Text() + "\n")
			s.mu.Unlock()
			if m := listens.FindStringSubmatch(lines.Text()); m != nil {
				at <- m[1]
			}
		}
	})
	go func() { reading.Wait(); s.ended <- s.cmd.Wait() }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		reading.Wait()
	})
	select {
	case address, ok := <-at:
		require.True(t, ok, "the program ended: %s", s.lines())
		s.http = "http://" + address
	case <-time.After(20 * time.Second):
		t.Fatalf("the program does not say where it listens:\n%s", s.lines())
	}
	return s
}

func (s *sidecar) lines() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *sidecar) end(t testing.TB) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-s.ended:
		require.NoError(t, err, s.lines())
	case <-time.After(20 * time.Second):
		t.Fatalf("the program does not end:\n%s", s.lines())
	}
}

// healthy returns once the sidecar is ready.
func (s *sidecar) healthy(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		response, err := http.Get(s.http + "/v1.0/healthz")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusNoContent {
				return
			}
		}
	}
	t.Fatalf("the sidecar is not ready:\n%s", s.lines())
}

func (s *sidecar) publish(t testing.TB, topic, data string) {
	t.Helper()
	response, err := http.Post(s.http+"/v1.0/publish/pubsub/"+topic, "application/json", strings.NewReader(data))
	require.NoError(t, err)
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	require.Equal(t, http.StatusNoContent, response.StatusCode, string(body))
}

// app is a plain HTTP app: it knows nothing of Dapr but two paths.
type app struct {
	*httptest.Server
	got chan map[string]any
}

func newApp(t testing.TB, topic string, answer func(w http.ResponseWriter)) *app {
	a := &app{got: make(chan map[string]any, 100)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `[{"pubsubname":"pubsub","topic":%q,"route":"/events","deadLetterTopic":"dead"}]`, topic)
	})
	mux.HandleFunc("POST /events", func(w http.ResponseWriter, r *http.Request) {
		var event map[string]any
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w)
		a.got <- event
	})
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	return a
}

func (a *app) port() string { _, port, _ := net.SplitHostPort(a.Listener.Addr().String()); return port }

// next is the next event that the app gets.
func (a *app) next(t testing.TB) map[string]any {
	t.Helper()
	select {
	case event := <-a.got:
		return event
	case <-time.After(20 * time.Second):
		t.Fatal("the app gets no event")
		return nil
	}
}

func well(http.ResponseWriter) {}

func resourcesDir(t testing.TB) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pubsub.yaml"), []byte(`apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec:
  type: pubsub.redis
  version: v1
  metadata:
    - {name: redisHost, value: "localhost:6379"}
    - {name: processingTimeout, value: "200ms"}
    - {name: redeliverInterval, value: "50"}
`), 0o600))
	return dir
}

func TestServesAPlainHTTPApp(t *testing.T) {
	a := newApp(t, "orders", well)
	file := filepath.Join(t.TempDir(), "journal.jsonl")
	s := start(t, "--app-id=shop", "--app-port="+a.port(), "--resources-path="+resourcesDir(t), "--journal="+file)
	s.healthy(t)
	s.publish(t, "orders", `{"order":1}`)
	event := a.next(t)
	assert.Equal(t, map[string]any{"order": 1.0}, event["data"])
	assert.Equal(t, "shop", event["source"])
	s.end(t)
	assert.Contains(t, s.lines(), "Daprd shutdown gracefully")
	in, err := os.Open(file)
	require.NoError(t, err)
	defer in.Close()
	j, err := journal.Read(in)
	require.NoError(t, err)
	var kinds []string
	for _, e := range j.Entries() {
		kinds = append(kinds, string(e.Kind))
	}
	assert.Equal(t, []string{"subscribed", "published", "delivered", "answered", "acknowledged"}, kinds)
}

func TestTwoShareABroker(t *testing.T) {
	for _, c := range []struct{ name, broker string }{
		{"at a loopback address", freeAddress(t)},
		{"at a socket", filepath.Join(t.TempDir(), "broker")},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := resourcesDir(t)
			orders, payments := newApp(t, "payments.made", well), newApp(t, "orders.placed", well)
			one := start(t, "--broker="+c.broker, "--app-id=orders", "--app-port="+orders.port(), "--resources-path="+dir)
			two := start(t, "--broker="+c.broker, "--app-id=payments", "--app-port="+payments.port(), "--resources-path="+dir)
			one.healthy(t)
			two.healthy(t)
			one.publish(t, "orders.placed", `{}`)
			assert.Equal(t, "orders", payments.next(t)["source"])
			two.publish(t, "payments.made", `{}`)
			assert.Equal(t, "payments", orders.next(t)["source"])
			two.end(t)
			one.end(t)
		})
	}
}

// Though its app never answered, the event is not dead-lettered: nobody was there to do
// it. The next sidecar of the group gets it.
func TestKilledSidecarLeavesItsEventPending(t *testing.T) {
	dir, broker := resourcesDir(t), freeAddress(t)
	holder := start(t, "--broker="+broker, "--app-id=publisher", "--resources-path="+dir)
	began, stuck := make(chan struct{}), make(chan struct{})
	slow := newApp(t, "jobs", func(http.ResponseWriter) { close(began); <-stuck })
	t.Cleanup(func() { close(stuck) })
	worker := start(t, "--broker="+broker, "--app-id=worker", "--app-port="+slow.port(), "--resources-path="+dir)
	holder.healthy(t)
	worker.healthy(t)
	holder.publish(t, "jobs", `{"job":7}`)
	<-began
	require.NoError(t, worker.cmd.Process.Kill())
	<-worker.ended
	quick := newApp(t, "jobs", well)
	var next *sidecar
	for deadline := time.Now().Add(20 * time.Second); ; { // its place is free a moment later
		next = start(t, "--broker="+broker, "--app-id=worker", "--app-port="+quick.port(), "--resources-path="+dir)
		if next.mayRun() || time.Now().After(deadline) {
			break
		}
	}
	assert.Equal(t, map[string]any{"job": 7.0}, quick.next(t)["data"])
	next.end(t)
	holder.end(t)
}

// mayRun reports whether the sidecar did not end at once.
func (s *sidecar) mayRun() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	select {
	case <-s.ended:
		return false
	case <-ctx.Done():
		return true
	}
}

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"nothing", "--app-id is empty", nil},
		{"a dot", "daprd refuses an app id with a dot", []string{"--app-id=a.b"}},
		{"TLS", "--app-protocol https is not simulated", []string{"--app-id=a", "--app-protocol=https"}},
		{"a directory that is not", "want a directory that exists", []string{"--app-id=a", "--resources-path=nowhere"}},
		{"Kubernetes", "--mode kubernetes is not simulated", []string{"--app-id=a", "--mode=kubernetes"}},
		{"a broker for all", "want a loopback address", []string{"--app-id=a", "--broker=0.0.0.0:7777", "--dapr-http-port=0", "--dapr-grpc-port=0"}},
		{"a flag that is not daprd's", "unknown flag: --app-prot", []string{"--app-prot=1"}},
		{"a level", "--log-level loud", []string{"--app-id=a", "--log-level=loud"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, problems bytes.Buffer
			assert.Equal(t, 1, run(t.Context(), c.args, &out, &problems))
			assert.Contains(t, problems.String(), c.want)
		})
	}
}

func TestNamesFlagsWithoutEffect(t *testing.T) {
	s := start(t, "--app-id=a", "--enable-mtls", "--placement-host-address=localhost:1")
	s.healthy(t)
	s.end(t)
	assert.Equal(t, 1, strings.Count(s.lines(), "without effect here: --enable-mtls (mTLS), --placement-host-address (actors)"), s.lines())
}

// BenchmarkReady is from the start of the process to a sidecar with an app that
// answers healthy, beside the start of a process that does nothing.
func BenchmarkReady(b *testing.B) {
	a := newApp(b, "orders", well)
	dir := resourcesDir(b)
	b.Run("fakedaprd", func(b *testing.B) {
		for b.Loop() {
			s := start(b, "--app-id=shop", "--app-port="+a.port(), "--resources-path="+dir)
			s.healthy(b)
			b.StopTimer()
			s.end(b)
			b.StartTimer()
		}
	})
	b.Run("process", func(b *testing.B) {
		for b.Loop() {
			cmd := exec.Command(os.Args[0], "--version")
			cmd.Env = append(os.Environ(), "BE_FAKEDAPRD=1")
			require.NoError(b, cmd.Run())
		}
	})
}
