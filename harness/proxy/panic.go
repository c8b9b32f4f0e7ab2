package proxy

import (
	"errors"
	"net/http"
	"strings"

	"github.com/eventproof/eventproof/fakes/world"
)

// tell says what a broken connection does not: that the app's handler panicked.
func (a *App) tell(err error) {
	var panicked *world.PanicError
	if errors.As(err, &panicked) && panicked.Value != any(http.ErrAbortHandler) {
		a.cfg.Logf("%s: its handler panicked: %v\n%s", a.cfg.AppID, panicked.Value, appFrames(string(panicked.Stack)))
	}
}

// shownFrames of a stack, with two lines each, tell where it was.
const shownFrames = 7

// appFrames is a stack, as [runtime/debug.Stack] writes it, cut to the app: from
// where it panicked to where it was called, at most [shownFrames] frames.
func appFrames(stack string) string {
	lines := strings.Split(strings.TrimSpace(stack), "\n")
	// The first line names the goroutine; a frame is a function and, with a tab
	// before it, its place.
	var frames [][2]string
	for i := 1; i+1 < len(lines); i += 2 {
		frames = append(frames, [2]string{lines[i], strings.TrimSpace(lines[i+1])})
	}
	for i, f := range frames {
		if strings.HasPrefix(f[0], "panic(") {
			frames = frames[i+1:]
			break
		}
	}
	var b strings.Builder
	shown := 0
	for _, f := range frames {
		if strings.Contains(f[0], "/fakes/world.handlerTransport.") {
			break // what called it
		}
		if strings.HasPrefix(f[0], "runtime.") || strings.HasPrefix(f[0], "net/http.") {
			continue
		}
		if shown == shownFrames {
			b.WriteString("    …\n")
			break
		}
		shown++
		place, _, _ := strings.Cut(f[1], " +0x")
		b.WriteString("    " + f[0] + "\n        " + place + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
