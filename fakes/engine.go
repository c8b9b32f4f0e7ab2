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
// step is chosen. The engine owns the timers for all that is due: Go fires
// timers of the same instant in an order that no seed controls, so whichever fires
// first does all that is due.
//
// What a step costs does not grow with what waits: ready is lists of which only
// the heads are looked at, due a heap.
type engine struct {
	world *backend

	mu    sync.Mutex
	ready readyList
	due   dueHeap
	asked uint64 // numbers what is due, as a tie-break
	timer *time.Timer
	// timerAt is when timer fires; zero where it does not. That may be before
	// anything is due: it is then set anew, which costs less than setting it each
	// time that what is due first changes.
	timerAt time.Time

	concurrent bool // calls run beside each other, as in a sidecar that is run as a process

	virtual   bool    // time is a bubble's
	soon      dueItem // a start is asked for: see startSoon
	soonTimer *time.Timer

	open    int // calls of apps that have not returned
	stalled int // of these, calls that were given up waiting for: see patience
	workers chan *delivery
	running sync.WaitGroup
	closed  bool
	changed chan struct{} // closed when something changes; nil where nobody waits for that
	quiet   chan struct{} // the same, but for changes while no call is open
}

// patience is how long a call may keep the world to itself. One call at a time
// makes a run the same each time; a call that waits for something (another
// event, a sleep) lets others run beside it, as daprd's workers would.
const patience = 50 * time.Millisecond

func newEngine(w *backend) *engine {
	e := &engine{world: w, workers: make(chan *delivery), virtual: time.Now().Round(0).Before(processBegan)}
	e.soon = dueItem{index: -1, do: func() {}}
	return e
}

// processBegan tells a bubble's clock, which begins with the year 2000, from the
// machine's: that is at an earlier time only where it was set back meanwhile, and
// then startSoon merely takes longer. Round leaves the wall clock.
var processBegan = time.Now().Round(0)

// dueItem is something to do at its time, under the engine's lock.
type dueItem struct {
	at    time.Time
	asked uint64
	do    func()
	call  *delivery // instead of do: a call that is then given up waiting for
	index int       // in the heap; -1 where it is not in it
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
	item := &dueItem{do: do, index: -1}
	e.ask(item, when)
	return item
}

// ask asks for an item at a time, in place of the time that it was asked for
// before. The lock is held.
func (e *engine) ask(item *dueItem, when time.Time) {
	e.asked++
	item.at, item.asked = when, e.asked
	if item.index >= 0 {
		heap.Fix(&e.due, item.index)
	} else {
		heap.Push(&e.due, item)
	}
	e.arm()
}

// cancel takes back what was asked for.
func (e *engine) cancel(item *dueItem) {
	if item != nil && item.index >= 0 {
		heap.Remove(&e.due, item.index)
	}
}

// arm sees to it that a timer fires when the earliest is due.
func (e *engine) arm() {
	if e.closed || len(e.due) == 0 || e.due[0] == &e.soon {
		return // soon has a timer of its own
	}
	next := e.due[0].at
	switch {
	case e.timer == nil:
		e.timer = time.AfterFunc(time.Until(next), e.tick)
	case e.timerAt.IsZero() || next.Before(e.timerAt):
		e.timer.Reset(time.Until(next))
	default:
		return
	}
	e.timerAt = next
}

// tick does what is due now.
func (e *engine) tick() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	now := time.Now()
	if !e.timerAt.After(now) {
		e.timerAt = time.Time{}
	}
	did := false
	for len(e.due) > 0 && !e.due[0].at.After(now) {
		if item := heap.Pop(&e.due).(*dueItem); item.call != nil {
			item.call.stalled = true
			e.stalled++
		} else {
			item.do()
		}
		did = true
	}
	if e.soon.index >= 0 {
		e.soonTimer.Reset(time.Until(e.soon.at))
	}
	if did {
		e.beginAll()
		e.wake()
	}
	e.arm()
}

// start chooses the next delivery to begin, nil where none may. This is where the
// order of the world is decided. Who calls it sees to the delivery's call.
func (e *engine) start() *delivery {
	if e.closed || (!e.concurrent && e.open != e.stalled) {
		return nil
	}
	d := e.ready.next(e.world)
	if d == nil {
		return nil
	}
	d.begin()
	e.open++
	if d.patient.call == nil {
		d.patient = dueItem{index: -1, call: d}
	}
	e.ask(&d.patient, time.Now().Add(patience))
	return d
}

// begin has a worker make the delivery's call: one that has nothing to do, or a
// new one.
func (e *engine) begin(d *delivery) {
	if d == nil {
		return
	}
	select {
	case e.workers <- d:
	default:
		e.running.Add(1)
		go e.work(d)
	}
}

// beginAll begins the next delivery and, where calls run beside each other, all
// that may.
func (e *engine) beginAll() {
	for d := e.start(); d != nil; d = e.start() {
		e.begin(d)
		if !e.concurrent {
			return
		}
	}
}

// startSoon lets deliveries begin once those who are at work now have paused:
// a nanosecond on is, in a bubble, when every goroutine waits for something, so
// that a test which sends ten events has sent them all before the first is
// delivered, each time it runs. In real time nobody pauses for anybody, and they
// begin at once. The lock is held, and what the caller does is done.
func (e *engine) startSoon() {
	if e.soon.index >= 0 || (!e.concurrent && e.open > e.stalled) || e.closed {
		return // start is called when the call ends
	}
	if !e.virtual {
		e.beginAll()
		return
	}
	e.ask(&e.soon, time.Now().Add(1))
	if e.soonTimer == nil {
		e.soonTimer = time.AfterFunc(1, e.tick)
	} else {
		e.soonTimer.Reset(1)
	}
}

// work makes one call after another until the engine closes.
func (e *engine) work(d *delivery) {
	defer e.running.Done()
	for ok := true; ok; {
		for d != nil {
			d = e.call(d)
		}
		d, ok = <-e.workers
	}
}

// call makes one call and draws the conclusions, also where the app's code ends
// the goroutine. It returns the delivery that this worker is to go on with.
func (e *engine) call(d *delivery) (next *delivery) {
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
		e.cancel(&d.patient)
		d.finish()
		if next = e.start(); !returned {
			e.begin(next)
		}
		if e.concurrent {
			e.beginAll()
		}
		e.wake()
	}()
	d.run()
	returned = true
	return next
}

// wake tells those who wait that something changed. The lock is held.
func (e *engine) wake() {
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
	if e.quiet != nil && (e.open == 0 || e.closed) {
		close(e.quiet)
		e.quiet = nil
	}
}

// wait returns when done, asked under the lock, says so, or with the context's
// error.
func (e *engine) wait(ctx context.Context, done func() bool) error {
	return e.waitFor(ctx, &e.changed, done)
}

// waitQuiet is wait for what is never true while a call is open: it is not asked
// about then.
func (e *engine) waitQuiet(ctx context.Context, done func() bool) error {
	return e.waitFor(ctx, &e.quiet, done)
}

func (e *engine) waitFor(ctx context.Context, change *chan struct{}, done func() bool) error {
	for {
		e.mu.Lock()
		ok := done()
		if !ok && *change == nil {
			*change = make(chan struct{})
		}
		changed := *change
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
	e.stopTimers()
	e.wake()
	e.mu.Unlock()
	close(e.workers)
	return waitFor(&e.running)
}

func (e *engine) stopTimers() {
	for _, t := range []*time.Timer{e.timer, e.soonTimer} {
		if t != nil {
			t.Stop()
		}
	}
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
	e.stopTimers()
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
