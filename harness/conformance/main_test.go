package conformance_test

import (
	"embed"
	"flag"
	"fmt"
	"testing"

	"go.uber.org/goleak"
)

// recorded is what real Dapr did, as it was written down: in the program, so that it
// runs where its sources are not.
//
//go:embed testdata
var recorded embed.FS

// worldsAtOnce is how many tests on real Dapr run side by side where the command
// line does not say it: they wait for Dapr's clocks, and leave the processors alone.
const worldsAtOnce = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", worldsAtOnce) // it is known, and is a number
	}
	goleak.VerifyTestMain(m)
}

// inWorlds deals the cases out to worlds that run side by side: within one a case
// waits until all of the world is settled.
func inWorlds[C any](t *testing.T, worlds int, cases []C, play func(t *testing.T, cases []C)) {
	t.Helper()
	dealt := make([][]C, worlds)
	for i, c := range cases {
		dealt[i%worlds] = append(dealt[i%worlds], c)
	}
	for i, some := range dealt {
		t.Run(fmt.Sprintf("world %d", i+1), func(t *testing.T) {
			t.Parallel()
			play(t, some)
		})
	}
}
