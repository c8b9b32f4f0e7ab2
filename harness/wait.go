package harness

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// startTimeout is how long a container may take until it answers.
const startTimeout = 60 * time.Second

// look is how long the harness waits between two looks at a container or at
// Redis. Neither can be asked to call back.
const look = 10 * time.Millisecond

// fatal is an error that no waiting helps.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// eventually asks again and again until try succeeds, fails for good or the
// time is up; then the last error is returned.
func eventually(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("gave up after %s", limit))
	defer cancel()
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err // of the last look that had its time
		}
		var final fatal
		if errors.As(err, &final) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		}
		pause(ctx, look)
	}
}
