package stringset

import (
	"errors"
	"fmt"
)

// ErrUndecided is the error of a question that the budget did not suffice to
// answer. The errors returned wrap it and say what ran out.
var ErrUndecided = errors.New("undecided")

// Defaults of a budget, which hold where a nil *Budget is passed.
const (
	DefaultSteps  = 50_000_000
	DefaultMemory = 256 << 20
)

// MaxExample is the length in code points of the longest example that is
// written out.
const MaxExample = 1 << 20

// A Budget bounds the work of Empty, Example and Examples. It is counted, not
// timed: the same question with the same budget has the same answer everywhere.
// One Budget may be passed to many calls, one after the other; it is not safe
// for use by several goroutines at once.
type Budget struct {
	// Steps is how many steps are left: one is about one instruction of a
	// pattern visited or one transition followed. Calls count it down.
	Steps int
	// Memory is how many bytes one call may hold at once, estimated. Calls
	// count it down and give back what they took when they return.
	Memory int
}

// NewBudget returns a budget of DefaultSteps and DefaultMemory.
func NewBudget() *Budget { return &Budget{Steps: DefaultSteps, Memory: DefaultMemory} }

func undecided(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUndecided, fmt.Sprintf(format, args...))
}

// step takes n steps and reports whether there were that many.
func (b *Budget) step(n int) error {
	if b.Steps < n {
		b.Steps = 0
		return undecided("the budget of steps is spent")
	}
	b.Steps -= n
	return nil
}

func (b *Budget) hold(bytes int) error {
	if b.Memory < bytes {
		return undecided("the budget of memory is spent")
	}
	b.Memory -= bytes
	return nil
}
