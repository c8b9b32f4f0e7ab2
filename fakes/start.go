package fakes

import (
	"context"
	"testing"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// Start makes a world in this process. It ends with the test; what was
// published or delivered against its contract fails the test then.
//
// Inside a testing/synctest bubble the world runs on virtual time.
func Start(t testing.TB, cfg world.Config) *world.World {
	t.Helper()
	w, err := world.Open(context.Background(), t, "fake", cfg, journal.Engine, open)
	if err != nil {
		t.Fatalf("start the fake: %v", err)
	}
	return w
}

// New is [Start] for use outside a test. The caller closes the world.
func New(ctx context.Context, cfg world.Config) (*world.World, error) {
	return world.Open(ctx, nil, "fake", cfg, journal.Engine, open)
}
