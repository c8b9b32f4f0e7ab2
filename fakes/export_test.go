package fakes

import (
	"context"
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
	w, err := world.Open(context.Background(), t, "fake", cfg, journal.Engine, k.open)
	if err != nil {
		t.Fatal(err)
	}
	return w
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
