package harness

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// Settle looks at the proxies and at Redis until nothing is in flight on two
// looks: no call open, nothing pending, nothing unread. Then what Redis knows
// of each event goes into the journal.
func (b *backend) Settle(ctx context.Context) error { return b.note(b.settle(ctx)) }

func (b *backend) settle(ctx context.Context) error {
	begin := b.now()
	previous := ""
	var still stillness
	for looks := 1; ; looks++ {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if looks%looksPerCheck == 0 {
			for _, a := range b.attached() {
				if err := b.dead(ctx, a); err != nil {
					return err
				}
			}
		}
		if err := b.idle(ctx); err != nil {
			return err
		}
		entries := b.recorder.Journal().Len()
		s, err := stand(ctx, &b.dbs)
		if err != nil {
			return err
		}
		if len(s.unread) > 0 && len(s.waiting) == 0 && still.since(s.print, b.now()) > 50*look {
			if s.unread, err = b.unread(ctx, s.unread); err != nil {
				return err
			}
		}
		if len(s.waiting) == 0 && len(s.unread) == 0 && b.open() == 0 {
			print := fmt.Sprintf("%d\n%s", entries, s.print)
			if print == previous && b.recorder.Journal().Len() == entries {
				return b.conclude(ctx, s)
			}
			previous = print
			pause(ctx, look/2)
			continue
		}
		previous = ""
		if pending := b.givenUp(s, begin); pending != nil {
			if err := b.conclude(ctx, s); err != nil {
				return err
			}
			return pending
		}
		pause(ctx, look)
	}
}

// looksPerCheck: so many looks apart Settle asks the engine whether each daprd
// still runs. A daprd that died leaves what it had read pending for ever.
const looksPerCheck = 50

// stillness is for how long Redis has looked the same.
type stillness struct {
	print string
	from  time.Duration
}

func (s *stillness) since(print string, now time.Duration) time.Duration {
	if print != s.print {
		*s = stillness{print, now}
	}
	return now - s.from
}

// unread are those of the groups that somebody reads. A streaming subscription
// that was ended leaves its group in Redis, and what comes later lies there.
func (b *backend) unread(ctx context.Context, groups []groupKey) ([]groupKey, error) {
	read := make(map[groupKey]bool)
	for _, a := range b.attached() {
		if a.daprd == nil {
			continue
		}
		m, err := b.ask(ctx, a)
		if err != nil {
			return nil, err
		}
		for _, s := range m.Subscriptions {
			group := groupOf(b.recorder.Resources(), a.id, s.PubSub)
			for _, g := range groups {
				read[g] = read[g] || g.stream == b.dbs.stream(s.PubSub, s.Topic) && (group == "" || group == g.group)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(groups), func(g groupKey) bool { return !read[g] }), nil
}

// conclude tells the journal what is known of each event.
func (b *backend) conclude(ctx context.Context, s standing) error {
	if err := b.refresh(ctx); err != nil {
		return err
	}
	return b.witness(ctx, s)
}

// idle waits for deliveries and redeliveries that the proxies are at, but no
// longer than a look: a delivery that never ends is Settle's to judge.
func (b *backend) idle(ctx context.Context) error {
	for _, a := range b.attached() {
		if a.proxy == nil {
			continue
		}
		short, cancel := context.WithTimeout(ctx, look)
		err := a.proxy.Idle(short)
		cancel()
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func (b *backend) open() int {
	n := 0
	for _, a := range b.attached() {
		if a.proxy != nil {
			n += a.proxy.Open()
		}
	}
	return max(n, b.recorder.Open())
}

// givenUp is an error if no waiting will change what is left: everything that
// is pending has come as often as Config.Rounds says, or the horizon has passed,
// or nothing comes before it. Nil: wait.
func (b *backend) givenUp(s standing, begin time.Duration) *world.PendingError {
	cfg := b.recorder.Config()
	now := b.now()
	late := now-begin >= cfg.Horizon
	if !late && (len(s.waiting) == 0 || len(s.unread) > 0) {
		return nil
	}
	p := &world.PendingError{After: fmt.Sprintf("%d redeliveries by the broker (Config.Rounds)", cfg.Rounds)}
	if late {
		p.After = fmt.Sprintf("%s (Config.Horizon)", cfg.Horizon)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.digest.update(b.recorder.Journal())
	for _, g := range s.unread {
		e := world.PendingEvent{App: g.group, Topic: g.topic}
		if group := b.members(g); len(group) > 0 {
			e.PubSub = group[0].PubSub
		}
		p.Events = append(p.Events, e)
	}
	for _, w := range s.waiting {
		m, _ := b.message(w.stream, w.id)
		sub := world.Subscription{App: w.group, Topic: w.topic}
		if group := b.members(w.groupKey); len(group) > 0 {
			sub = b.digest.holder(group, m.event)
		}
		c := b.digest.of(sub, m.event)
		due := b.due(sub, w, now)
		says := b.judge(sub, w, c, due, begin, now)
		if !late && says == goOn {
			return nil
		}
		if !late && says == beyond {
			p.After = fmt.Sprintf("a look: nothing comes again before %s have passed (Config.Horizon)", cfg.Horizon)
		}
		p.Events = append(p.Events, world.PendingEvent{App: sub.App, PubSub: sub.PubSub, Topic: w.topic, Event: b.ref(m),
			Deliveries: max(c.begun, 0), Due: due, Open: c.begun > c.answered})
	}
	return p
}

type verdict int

const (
	goOn   verdict = iota
	enough         // it came as often as Settle waits for
	beyond         // it comes again only after the horizon, or never
)

// judge decides about one pending event. A round is what daprd makes of one
// reading from Redis: as many attempts as the inbound policy allows.
func (b *backend) judge(sub world.Subscription, w waiting, c calls, due, begin, now time.Duration) verdict {
	if c.begun > c.answered {
		return goOn // for the answer
	}
	cfg := b.recorder.Config()
	perRound := b.recorder.Resources().Inbound(sub.App, sub.PubSub).Attempts()
	wanted := cfg.Rounds + 1
	if perRound > 0 {
		wanted *= perRound
	}
	// daprd acknowledges, or puts it on the dead letter topic, after the answer.
	rests := now-c.lastAt > 20*look
	switch {
	case c.begun >= wanted && (rests || perRound < 0 && c.last != journal.Success):
		return enough
	case perRound > 0 && w.rounds > cfg.Rounds+1:
		return enough // with fewer calls than the policy allows: some answers are not retried
	case perRound > 0 && c.begun == 0 && w.rounds > cfg.Rounds && w.idle > 10*look:
		return enough // it never reaches the app: a route that fails, data that is no event
	case perRound < 0 && c.begun > 0:
		return goOn // the policy is at it
	}
	roundOver := rests && c.begun >= perRound*w.rounds || c.begun == 0 && w.idle > 10*look
	if roundOver && (due == 0 || due-begin > cfg.Horizon) {
		return beyond
	}
	return goOn
}

// due is when a pending event comes again at the latest, on the journal's
// clock; 0: never, by the broker.
//
// Redis' component looks every redeliverInterval for what has been idle for
// processingTimeout; 0 for either turns that off.
// Source: components-contrib pubsub/redis/redis.go reclaimPendingMessagesLoop.
func (b *backend) due(sub world.Subscription, w waiting, now time.Duration) time.Duration {
	timeout, interval := b.clocks(sub)
	if timeout == 0 || interval == 0 {
		return 0
	}
	return now - w.idle + timeout + interval
}

// clocks are the times of redelivery as the world runs them.
func (b *backend) clocks(sub world.Subscription) (timeout, interval time.Duration) {
	cfg := b.recorder.Config()
	timeout, interval = 60*time.Second, 15*time.Second // components-contrib common/component/redis/redis.go
	if c, ok := b.recorder.Resources().For(sub.App).PubSub(sub.PubSub); ok {
		s := c.Redis()
		timeout, interval = s.ProcessingTimeout, s.RedeliverInterval
	}
	if cfg.Clocks.ProcessingTimeout != 0 {
		timeout = cfg.Clocks.ProcessingTimeout
	}
	if cfg.Clocks.RedeliverInterval != 0 {
		interval = cfg.Clocks.RedeliverInterval
	}
	return timeout, interval
}

// now is the time on the journal's clock.
func (b *backend) now() time.Duration {
	return b.recorder.Journal().Since(time.Now())
}

// ref names an event as the journal does.
func (b *backend) ref(m message) contract.Ref {
	if m.event == "" {
		return contract.Ref{}
	}
	e, err := contract.ParseEvent([]byte(m.data))
	if err != nil {
		return contract.Ref{ID: m.event}
	}
	return b.recorder.Catalog().Ref(e)
}
