package fakes

// readyList holds what may begin now, first in first out. What needs a worker of
// a component waits in that component's lane, so that the next to begin is found by
// looking at the lanes' heads, however much waits behind them.
type readyList struct {
	put   uint64 // numbers what was put in: the order in which it begins
	free  lane   // what needs no worker, or has one
	lanes []*lane
}

// lane is a first in first out list of what needs a worker of one app's component.
type lane struct {
	waiting []readyItem
	head    int // of waiting; what stands before it has begun
}

// readyItem is a delivery, or a message of which one is made when it begins: a
// message that waits is kept small.
type readyItem struct {
	put      uint64
	delivery *delivery // nil: one is made of the rest
	group    *group
	pending  *pending
	to       *subscription
}

func (l *lane) empty() bool { return l.head == len(l.waiting) }

func (l *lane) push(i readyItem) {
	if l.head > 64 && l.head > len(l.waiting)/2 {
		kept := copy(l.waiting, l.waiting[l.head:])
		clear(l.waiting[kept:])
		l.waiting, l.head = l.waiting[:kept], 0
	}
	l.waiting = append(l.waiting, i)
}

func (l *lane) pop() readyItem {
	i := l.waiting[l.head]
	l.waiting[l.head] = readyItem{}
	if l.head++; l.empty() {
		l.waiting, l.head = l.waiting[:0], 0
		if cap(l.waiting) > 4096 {
			l.waiting = nil
		}
	}
	return i
}

// startable reports whether the first of the lane may begin: a worker is free for
// it, or it needs none. All of a lane are alike in this.
func (l *lane) startable() bool {
	if l.empty() {
		return false
	}
	i := &l.waiting[l.head]
	if i.delivery != nil {
		return i.delivery.mayStart()
	}
	return i.to.hasWorker()
}

// lane is the lane of an app's component.
func (a *app) lane(r *readyList, component string) *lane {
	l := a.lanes[component]
	if l == nil {
		l = new(lane)
		if a.lanes == nil {
			a.lanes = make(map[string]*lane)
		}
		a.lanes[component] = l
		r.lanes = append(r.lanes, l)
	}
	return l
}

// message puts a pending message in, to be delivered.
func (r *readyList) message(g *group, p *pending, to *subscription) {
	r.put++
	to.lane.push(readyItem{put: r.put, group: g, pending: p, to: to})
}

// push puts a delivery in.
func (r *readyList) push(d *delivery) {
	r.put++
	l := &r.free
	if !d.needsNoWorker() {
		l = d.sub.lane
	}
	l.push(readyItem{put: r.put, delivery: d})
}

// first is the lane whose first begins next, nil where none may.
func (r *readyList) first() *lane {
	var first *lane
	if !r.free.empty() {
		first = &r.free
	}
	for _, l := range r.lanes {
		if !l.empty() && (first == nil || l.waiting[l.head].put < first.waiting[first.head].put) && l.startable() {
			first = l
		}
	}
	return first
}

// startable reports whether something may begin.
func (r *readyList) startable() bool { return r.first() != nil }

// next takes out the delivery that begins next, nil where none may.
func (r *readyList) next(w *backend) *delivery {
	l := r.first()
	if l == nil {
		return nil
	}
	i := l.pop()
	if i.delivery != nil {
		return i.delivery
	}
	return &delivery{world: w, sub: i.to, group: i.group, pending: i.pending, last: i.pending.message.seq}
}
