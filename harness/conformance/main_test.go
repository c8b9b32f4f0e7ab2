package conformance_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// worldsAtOnce is how many tests on real Dapr run side by side where the command
// line does not say it: they wait for Dapr's clocks, and leave the processors alone.
const worldsAtOnce = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", worldsAtOnce) // it is known, and is a number
	}
	goleak.VerifyTestMain(m)
}
