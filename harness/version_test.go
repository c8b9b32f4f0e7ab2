package harness

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnotherVersionThanTheFakesIsTold(t *testing.T) {
	for _, c := range []struct {
		name, configured, runs, want, reason string
	}{
		{"the same", "1.16", "1.16.4", "", "patches are alike"},
		{"another", "1.17", "1.16.0", "daprd is 1.16.0, but Config.Dapr is 1.17", "the image decides"},
		{"longer", "1.1", "1.16.0", "daprd is 1.16.0, but Config.Dapr is 1.1,", "1.1 is no beginning of 1.16"},
		{"edge", "1.17", "edge", "", "it was built without its version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := otherVersion(c.configured, c.runs)
			if c.want == "" {
				require.Empty(t, got, c.reason)
			} else {
				require.Contains(t, got, c.want, c.reason)
			}
		})
	}
}
