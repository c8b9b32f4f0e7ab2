package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

const (
	realVariable    = "EVENTPROOF_REAL"    // auto | required | off
	skippedVariable = "EVENTPROOF_SKIPPED" // a file that gets a line for each skip
)

// Start starts a world on real Dapr and closes it at the end of the test. Where
// that is not possible EVENTPROOF_REAL says whether the test is skipped or
// fails.
func Start(t testing.TB, cfg world.Config) *world.World {
	t.Helper()
	if inBubble() {
		t.Fatal(noBubble)
	}
	mode := os.Getenv(realVariable)
	switch mode {
	case "", "auto":
		if testing.Short() {
			skip(t, "real Dapr is left out by -short; run without it")
		}
	case "required":
	case "off":
		skip(t, "real Dapr is left out by "+realVariable+"=off; unset it")
	default:
		t.Fatalf("%s=%s: want auto, required or off", realVariable, mode)
	}
	w, err := open(context.Background(), t, cfg)
	var missing *UnavailableError
	switch {
	case err == nil:
	case errors.As(err, &missing) && mode != "required":
		skip(t, "real Dapr cannot run here: "+missing.Error())
	default:
		t.Fatalf("start a world on real Dapr: %v", err)
	}
	return w
}

// New is [Start] for use outside a test: the caller closes the world. It is
// closed, too, when the context ends. An *[UnavailableError] says that real
// Dapr cannot run here.
func New(ctx context.Context, cfg world.Config) (*world.World, error) {
	if inBubble() {
		return nil, errors.New("harness.New needs real time; call it outside synctest.Test")
	}
	w, err := open(ctx, nil, cfg)
	if err != nil {
		return nil, fmt.Errorf("start a world on real Dapr: %w", err)
	}
	b, _ := lookup(w)
	stop := context.AfterFunc(ctx, func() { _ = w.Close() })
	b.mu.Lock()
	b.stopWatching = stop
	b.mu.Unlock()
	return w, nil
}

const noBubble = "harness.Start needs real time; call it outside synctest.Test"

// inBubble reports whether the caller is in a testing/synctest bubble, whose
// clock starts in 2000 and stands still while somebody waits for the world
// outside: nothing there would ever end.
func inBubble() bool { return time.Now().Year() < 2010 }

func skip(t testing.TB, reason string) {
	t.Helper()
	if file := os.Getenv(skippedVariable); file != "" {
		if f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err == nil {
			// One write, so that the lines of several processes stay whole.
			_, _ = f.WriteString(t.Name() + ": " + strings.ReplaceAll(reason, "\n", " ") + "\n")
			_ = f.Close()
		}
	}
	t.Skip(reason)
}

// worlds are those that are open.
var worlds sync.Map // *world.World -> *backend

func lookup(w *world.World) (*backend, bool) {
	b, ok := worlds.Load(w)
	if !ok {
		return nil, false
	}
	return b.(*backend), true
}

// openTimeout is how long a world may take to start.
const openTimeout = 3 * time.Minute

func open(ctx context.Context, t testing.TB, cfg world.Config) (*world.World, error) {
	if t != nil {
		t.Helper()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, openTimeout, fmt.Errorf("the engine did not do it within %s", openTimeout))
	defer cancel()
	var made *backend
	w, err := world.Open(ctx, t, "containers", cfg, journal.Proxy, func(ctx context.Context, r *world.Recorder) (world.Backend, error) {
		b, err := newBackend(ctx, t, r)
		if err != nil {
			return nil, err
		}
		made = b
		return b, nil
	})
	if err != nil {
		return nil, err
	}
	worlds.Store(w, made)
	made.forget = func() { worlds.Delete(w) }
	return w, nil
}

// Places are where the parts of a world answer, for those who want just them:
// a Redis and a daprd for each app. Calls to these addresses pass the proxies
// by, and are not in the journal; a sidecar's own addresses ([world.Sidecar])
// are those of the proxies.
type Places struct {
	Redis     string           // host:port
	Databases map[string]int   // Redis' logical database of each pubsub component, by name
	Network   string           // the name of the containers' network; Redis is redis:6379 there
	Daprd     map[string]Daprd // by app id
}

// Daprd is where one app's daprd answers: host:port.
type Daprd struct{ GRPC, HTTP string }

// Addresses are the places of a world that [Start] or [New] made. For any
// other, and for one that is closed, it is an error.
func Addresses(w *world.World) (Places, error) {
	b, ok := lookup(w)
	if !ok {
		return Places{}, errors.New("harness.Addresses: not an open world of this package")
	}
	p := Places{Redis: b.site.redisAddr, Databases: maps.Clone(b.dbs.numbers), Network: b.site.network, Daprd: make(map[string]Daprd)}
	for _, a := range b.attached() {
		if a.daprd != nil {
			p.Daprd[a.id] = Daprd{a.daprd.grpc, a.daprd.http}
		}
	}
	return p, nil
}
