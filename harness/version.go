package harness

import (
	"fmt"
	"strings"
)

// otherVersion says that daprd is not of the version whose behaviour the fake
// shows in the same test; "" where it is, or does not know its version: a daprd that
// was built without linker flags reports "edge".
func otherVersion(configured, runs string) string {
	if !strings.HasPrefix(runs, "1.") || strings.HasPrefix(runs, configured+".") {
		return ""
	}
	return fmt.Sprintf("daprd is %s, but Config.Dapr is %s, which is for the fake alone: the two may differ. Set Config.Dapr to the version of the image, or %s to an image of that version",
		runs, configured, daprdVariable)
}
