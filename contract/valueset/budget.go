package valueset

import (
	"fmt"

	"github.com/eventproof/eventproof/contract/valueset/stringset"
)

// Budget bounds the work on one question. It is counted, never timed: the same
// question under the same budget has the same answer on every machine. Zero
// fields are the defaults.
type Budget struct {
	// Steps is about how many expressions are looked at. Default 2,000,000.
	Steps int
	// Memory is how many bytes expressions and remembered answers may take,
	// estimated. Default 256 MiB.
	Memory int
}

// The defaults of [Budget].
const (
	DefaultSteps  = 2_000_000
	DefaultMemory = 256 << 20
)

// Reason is why a question is undecided.
type Reason struct {
	Keyword string // that stopped it; "" where none did
	What    string
}

func (r Reason) String() string {
	if r.Keyword == "" {
		return r.What
	}
	return r.Keyword + ": " + r.What
}

// stop ends a whole question; it is recovered where the question was asked.
type stop struct{ reason Reason }

type budget struct {
	steps, memory int
	strings       stringset.Budget
}

func (b Budget) start() *budget {
	if b.Steps <= 0 {
		b.Steps = DefaultSteps
	}
	if b.Memory <= 0 {
		b.Memory = DefaultMemory
	}
	return &budget{steps: b.Steps, memory: b.Memory, strings: stringset.Budget{Steps: b.Steps * 10, Memory: b.Memory / 2}}
}

func (b *budget) step(n int) {
	b.steps -= n
	if b.steps < 0 {
		panic(stop{Reason{"", "the budget of steps is spent"}})
	}
}

func (b *budget) hold(bytes int) {
	b.memory -= bytes
	if b.memory < 0 {
		panic(stop{Reason{"", "the budget of memory is spent"}})
	}
}

func stopf(keyword, format string, args ...any) {
	panic(stop{Reason{keyword, fmt.Sprintf(format, args...)}})
}
