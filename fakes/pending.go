package fakes

import (
	"iter"
	"time"
)

// pending is an entry of the group's pending entries list.
type pending struct {
	message    *message
	read       time.Time // when it was read or claimed last
	rounds     int       // how often it was claimed again
	deliveries int
	queued     int  // deliveries of it that have not begun
	open       int  // calls of the app with it
	handled    bool // a delivery of it was answered with SUCCESS
	held       bool // it is in its group's list

	before, after        *pending // by when it was first read
	idleLonger, idleLess *pending // by when it was read last
}

// pendingList is a group's pending entries list: in the order in which they were
// first read, and in that of how long each has been idle. Adding one, removing one
// and finding the one that was idle longest take the same time however many there
// are.
type pendingList struct {
	first, last *pending
	oldest      *pending // idle longest
	newest      *pending
}

func (l *pendingList) empty() bool { return l.first == nil }

// longestIdle is the entry that was read or claimed longest ago, nil for none.
func (l *pendingList) longestIdle() *pending { return l.oldest }

// all are the entries in the order in which they were first read. The one at hand
// may be removed or touched.
func (l *pendingList) all() iter.Seq[*pending] {
	return func(yield func(*pending) bool) {
		for p := l.first; p != nil; {
			after := p.after
			if !yield(p) {
				return
			}
			p = after
		}
	}
}

// add puts an entry in that was read just now.
func (l *pendingList) add(p *pending) {
	p.held = true
	if p.before = l.last; p.before != nil {
		p.before.after = p
	} else {
		l.first = p
	}
	l.last = p
	l.idleLast(p)
}

// remove takes an entry out.
func (l *pendingList) remove(p *pending) {
	p.held = false
	if p.before != nil {
		p.before.after = p.after
	} else {
		l.first = p.after
	}
	if p.after != nil {
		p.after.before = p.before
	} else {
		l.last = p.before
	}
	p.before, p.after = nil, nil
	l.idleOut(p)
}

// touch says that an entry, which may have been removed meanwhile, was read or
// claimed now: no other was later.
func (l *pendingList) touch(p *pending, now time.Time) {
	p.read = now
	if p.held && l.newest != p {
		l.idleOut(p)
		l.idleLast(p)
	}
}

func (l *pendingList) idleLast(p *pending) {
	if p.idleLonger = l.newest; p.idleLonger != nil {
		p.idleLonger.idleLess = p
	} else {
		l.oldest = p
	}
	l.newest = p
}

func (l *pendingList) idleOut(p *pending) {
	if p.idleLonger != nil {
		p.idleLonger.idleLess = p.idleLess
	} else {
		l.oldest = p.idleLess
	}
	if p.idleLess != nil {
		p.idleLess.idleLonger = p.idleLonger
	} else {
		l.newest = p.idleLonger
	}
	p.idleLonger, p.idleLess = nil, nil
}
