package proxy_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRecorder is a recorder as a world makes it.
func newRecorder(tb testing.TB, cfg world.Config) *world.Recorder {
	tb.Helper()
	var recorder *world.Recorder
	_, err := world.Open(context.Background(), nil, "test", cfg, journal.Proxy, func(_ context.Context, r *world.Recorder) (world.Backend, error) {
		recorder = r
		return nil, nil
	})
	if err != nil {
		tb.Fatalf("open world: %v", err)
	}
	return recorder
}

// newApp is a proxy of the app "consumer", listening.
func newApp(t *testing.T, p world.Protocol, cfg proxy.AppConfig) (*proxy.App, *world.Recorder) {
	t.Helper()
	if cfg.Recorder == nil {
		cfg.Recorder = newRecorder(t, world.Config{})
	}
	cfg.AppID = "consumer"
	a, err := proxy.NewApp(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := a.Listen(p); err != nil {
		t.Fatal(err)
	}
	return a, cfg.Recorder
}

// line is an entry in the words that the tests compare.
func line(e journal.Entry) string {
	words := []string{string(e.Kind), e.Topic, e.Event.ID}
	for _, word := range []string{e.Answer, e.Fault} {
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

func lines(r *world.Recorder) []string {
	var list []string
	for _, e := range r.Journal().Entries() {
		list = append(list, line(e))
	}
	return list
}

func wantLines(t *testing.T, r *world.Recorder, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, lines(r)); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	for _, e := range r.Journal().Entries() {
		if e.SeenBy != journal.Proxy {
			t.Errorf("entry %d: seen by %q, want %q", e.Seq, e.SeenBy, journal.Proxy)
		}
	}
}

// waitLine returns once an entry of the journal has these words.
func waitLine(t *testing.T, r *world.Recorder, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := r.Journal().Wait(ctx, func(entries []journal.Entry) bool {
		return slices.ContainsFunc(entries, func(e journal.Entry) bool { return line(e) == want })
	})
	if err != nil {
		t.Fatalf("the journal never held %q; it holds:\n%s", want, strings.Join(lines(r), "\n"))
	}
}

// ids draws id-1, id-2, ….
func ids() func() string {
	var n atomic.Int32
	return func() string { return "id-" + string('0'+rune(n.Add(1))) }
}

// httpClient plays daprd or an app over HTTP.
func httpClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
