package differential

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	seedFlag      = flag.Uint64("seed", 0, "the scenario that TestSeed plays, or the first one of TestBothWorldsAgree")
	durationFlag  = flag.Duration("duration", 0, "for how long TestBothWorldsAgree draws new scenarios, with seeds from the clock; also EVENTPROOF_DURATION")
	patienceFlag  = flag.Duration("patience", time.Minute, "for how long a finding is shrunk")
	scenariosFlag = flag.Int("scenarios", 3*perWorld, "how many scenarios TestBothWorldsAgree plays at a time with -duration")
	findingsFlag  = flag.Int("findings", 3, "after how many findings TestBothWorldsAgree ends")
)

// TestBothWorldsAgree plays one world of fixed seeds, or, with -duration, new
// ones until that time is over.
func TestBothWorldsAgree(t *testing.T) {
	s := &session{t: t, real: true, first: 1, until: time.Now(), most: *findingsFlag, size: perWorld / 2, patience: *patienceFlag}
	duration := *durationFlag
	if text := os.Getenv("EVENTPROOF_DURATION"); duration == 0 && text != "" {
		var err error
		duration, err = time.ParseDuration(text)
		require.NoError(t, err, "EVENTPROOF_DURATION")
	}
	if duration > 0 {
		s.first, s.until, s.size = uint64(time.Now().Unix())*1000, time.Now().Add(duration), *scenariosFlag
	}
	if *seedFlag != 0 {
		s.first = *seedFlag
	}
	s.run()
	fmt.Println(s.tally())
}

// TestSeed plays one scenario again.
func TestSeed(t *testing.T) {
	if *seedFlag == 0 {
		t.Skip("it plays the scenario that -seed says")
	}
	t.Logf("\n%s", Generate(*seedFlag))
	s := &session{t: t, real: true}
	found := s.differences("seed", drawnFrom(*seedFlag, 1))
	if found != nil && s.played == 0 {
		t.Skip("no world was played: its test says why it was skipped")
	}
	if found != nil {
		for _, d := range found[0] {
			t.Error(d.text("fake", "daprd"))
		}
	}
}
