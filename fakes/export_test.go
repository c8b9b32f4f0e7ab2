package fakes

import (
	"context"
	"sync"
	"testing"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// StartKept is Start, but pubsub.in-memory and the pluggable components of a
// folder keep their type, as in the fake as a program. "" is no folder.
func StartKept(t *testing.T, cfg world.Config, folder string) *world.World {
	t.Helper()
	k := kinds{keep: true}
	if folder != "" {
		var err error
		if k.sockets, err = discover(t.Context(), folder); err != nil {
			t.Fatal(err)
		}
	}
	var made *backend
	w, err := world.Open(context.Background(), t, "fake", cfg, journal.Engine, func(ctx context.Context, r *world.Recorder) (world.Backend, error) {
		b, err := k.open(ctx, r)
		made, _ = b.(*backend)
		return b, err
	})
	if err != nil {
		t.Fatal(err)
	}
	kept.Store(w, made)
	t.Cleanup(func() { kept.Delete(w) })
	return w
}

var kept sync.Map // *world.World -> *backend

// StopReading stops the app's subscriptions, as the shutdown of its sidecar does, in
// a world of StartKept.
func StopReading(w *world.World, app string) {
	b, _ := kept.Load(w)
	made := b.(*backend)
	made.engine.mu.Lock()
	defer made.engine.mu.Unlock()
	for _, s := range made.app(app).subscriptions() {
		made.stop(s, nil)
	}
}

// Discovered are the types of component that discover finds.
func Discovered(ctx context.Context, folder string) (map[string]string, error) {
	found, err := discover(ctx, folder)
	types := make(map[string]string)
	for name, c := range found {
		types[name] = c.socket
	}
	return types, err
}
