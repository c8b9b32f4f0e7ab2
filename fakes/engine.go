package fakes

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// engine decides what happens next. All state of a world is under its one
// lock; no lock is held while an app's code runs.
//
// What can happen next is in two places: ready holds deliveries that may start
// now, first in first out, and due holds what waits for its time, ordered by
// time and then by when it was asked for. start is the one place where the next
// step is chosen. The engine owns the one timer for all that is due: Go fires
// timers of the same instant in an order that no seed controls.
type engine struct {
	mu      sync.Mutex
	ready   []*delivery
	due     dueHeap
	asked   uint64 // numbers what is due, as a tie-break
	timer   *time.Timer
	timerAt time.Time

	concurrent bool // calls run beside each other, as in a sidecar that is run as a process

	soon    bool // a start is asked for: see startSoon
	open    int  // calls of apps that have not returned
	stalled int  // of these, calls that were given up waiting for: see patience
	workers chan *delivery
	running sync.WaitGroup
	closed  bool
	changed chan struct{} // closed and replaced when something changed, for Settle
}

// patience is how long a call may keep the world to itself. One call at a time
// makes a run the same each time; a call that waits for something (another
// event, a sleep) lets others run beside it, as daprd's workers would.
const patience = 50 * time.Millisecond

func newEngine() *engine {
	return &engine{workers: make(chan *delivery), changed: make(chan struct{})}
}

// dueItem is something to do at its time, under the engine's lock.
type dueItem struct {
	at    time.Time
	asked uint64
	do    func()
	index int // in the heap; -1 once it is gone
}

type dueHeap []*dueItem

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].asked < h[j].asked
	}
	return h[i].at.Before(h[j].at)
}
func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i]; h[i].index, h[j].index = i, j }
func (h *dueHeap) Push(x any)   { item := x.(*dueItem); item.index = len(*h); *h = append(*h, item) }
func (h *dueHeap) Pop() any {
	old := *h
	item := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	item.index = -1
	return item
}

// at asks for do at a time. The lock is held, now and then.
func (e *engine) at(when time.Time, do func()) *dueItem {
	e.asked++
	item := &dueItem{at: when, asked: e.asked, do: do}
	heap.Push(&e.due, item)
	e.arm()
	return item
}

// cancel takes back what at asked for.
func (e *engine) cancel(item *dueItem) {
	if item != nil && item.index >= 0 {
		heap.Remove(&e.due, item.index)
	}
}

// arm sets the timer to the earliest that is due.
func (e *engine) arm() {
	if e.closed || len(e.due) == 0 {
		return
	}
	next := e.due[0].at
	if e.timer == nil {
		e.timer, e.timerAt = time.AfterFunc(time.Until(next), e.tick), next
		return
	}
	if !e.timerAt.Equal(next) {
		e.timerAt = next
		e.timer.Reset(time.Until(next))
	}
}

// tick does what is due now.
func (e *engine) tick() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.timerAt = time.Time{}
	for now := time.Now(); len(e.due) > 0 && !e.due[0].at.After(now); {
		heap.Pop(&e.due).(*dueItem).do()
	}
	e.arm()
	e.start()
	e.wake()
}

// start lets the next delivery begin, if one may. This is where the order of
// the world is decided.
func (e *engine) start() {
	for !e.closed && (e.concurrent || e.open == e.stalled) {
		i := e.choose()
		if i < 0 {
			return
		}
		d := e.ready[i]
		copy(e.ready[i:], e.ready[i+1:])
		e.ready[len(e.ready)-1] = nil
		e.ready = e.ready[:len(e.ready)-1]
		d.begin()
		e.open++
		d.patience = e.at(time.Now().Add(patience), func() {
			d.stalled = true
			e.stalled++
		})
		select {
		case e.workers <- d:
		default:
			e.running.Add(1)
			go e.work(d)
		}
	}
}

// startSoon lets deliveries begin once those who are at work now have paused:
// a nanosecond on is, in a bubble, when every goroutine waits for something, so
// that a test which sends ten events has sent them all before the first is
// delivered, each time it runs. The lock is held.
func (e *engine) startSoon() {
	if e.soon || (!e.concurrent && e.open > e.stalled) {
		return // start is called when the call ends
	}
	e.soon = true
	e.at(time.Now().Add(1), func() { e.soon = false })
}

// choose is the index in ready of the delivery that starts next, -1 for none:
// the first whose app is there and has a worker free.
func (e *engine) choose() int {
	for i, d := range e.ready {
		if d.mayStart() {
			return i
		}
	}
	return -1
}

// work makes one call after another until the engine closes.
func (e *engine) work(d *delivery) {
	defer e.running.Done()
	for ok := true; ok; {
		if !e.call(d) {
			return
		}
		d, ok = <-e.workers
	}
}

// call makes one call and draws the conclusions, also where the app's code ends
// the goroutine. It reports whether the engine goes on.
func (e *engine) call(d *delivery) (on bool) {
	returned := false
	defer func() {
		if !returned {
			d.abandoned()
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.open--
		if d.stalled {
			e.stalled--
			d.stalled = false
		}
		e.cancel(d.patience)
		d.finish()
		e.start()
		e.wake()
		on = !e.closed
	}()
	d.run()
	returned = true
	return on
}

// wake tells those who wait that something changed. The lock is held.
func (e *engine) wake() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// wait returns when done, asked under the lock, says so, or with the context's
// error.
func (e *engine) wait(ctx context.Context, done func() bool) error {
	for {
		e.mu.Lock()
		ok, changed := done(), e.changed
		e.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// close stops the engine: nothing starts any more. It returns when all calls
// have returned or, where one does not, after a while with false.
func (e *engine) close() bool {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return true
	}
	e.closed = true
	if e.timer != nil {
		e.timer.Stop()
	}
	e.wake()
	e.mu.Unlock()
	close(e.workers)
	return waitFor(&e.running)
}

// abandon closes the engine without waiting for a call that does not return:
// that was waited for already.
func (e *engine) abandon() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.closed = true
	if e.timer != nil {
		e.timer.Stop()
	}
	close(e.workers)
	e.wake()
}

// goodbye is how long an app's handlers may take to end after their context did.
const goodbye = 10 * time.Second

// waitFor waits for goodbye at most, and reports whether all are done.
func waitFor(all *sync.WaitGroup) bool {
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	timeout := time.NewTimer(goodbye)
	defer timeout.Stop()
	select {
	case <-done:
		return true
	case <-timeout.C:
		return false
	}
}
