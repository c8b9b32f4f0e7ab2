package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	goruntime "runtime"
	"testing/fstest"
	"time"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes/world"
)

// queued is what was measured with so many events waiting.
type queued struct {
	events           int
	publish, deliver time.Duration // an event
	bytes            int           // an event, beyond its envelope
}

// oneWorker lets the pubsub component call its app with one event at a time.
var oneWorker = []fs.FS{fstest.MapFS{"pubsub.yaml": {Data: []byte(`apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec:
  type: pubsub.redis
  version: v1
  metadata:
  - {name: redisHost, value: "localhost:6379"}
  - {name: concurrency, value: "1"}
  - {name: processingTimeout, value: "0"}
`)}}}

// plain is the event as a plain publish makes it: what metadata a publisher adds, it
// adds to the payload.
var plain = contract.Event{Topic: topic, Data: []byte(data)}

// measureQueue publishes the events while the app's one worker is held, and then
// lets it go. What is done a few times is done rounds times, in a world each.
func measureQueue(events, rounds int) (queued, error) {
	q := queued{events: events}
	for range rounds {
		if err := q.round(); err != nil {
			return q, err
		}
	}
	q.publish /= time.Duration(events * rounds)
	q.deliver /= time.Duration(events * rounds)
	q.bytes /= rounds
	return q, nil
}

func (q *queued) round() (err error) {
	ctx := context.Background()
	hold, held := make(chan struct{}), make(chan struct{}, 1)
	first, size := true, 0
	w, err := open(world.Config{Resources: oneWorker}, httpApp(func(b []byte) {
		if first {
			first, size = false, len(b)
			held <- struct{}{}
			<-hold
		}
	}))
	if err != nil {
		return err
	}
	if err := w.Send(ctx, plain); err != nil {
		return err
	}
	<-held
	before := heap()
	began := time.Now()
	for range q.events {
		if err := w.Send(ctx, plain); err != nil {
			return err
		}
	}
	q.publish += time.Since(began)
	q.bytes += int(heap()-before)/q.events - size
	began = time.Now()
	close(hold)
	if err := w.Settle(ctx); err != nil {
		return err
	}
	q.deliver += time.Since(began)
	return w.Close()
}

func heap() uint64 {
	goruntime.GC()
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return m.HeapAlloc
}

func queueTable(out io.Writer, lengths map[int]int, order []int) error {
	fmt.Fprintf(out, "\n%-40s %10s %10s %22s\n", "the fake with events waiting, an event", "publish", "deliver", "bytes beyond envelope")
	for _, n := range order {
		q, err := measureQueue(n, lengths[n])
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-40d %10s %10s %22d\n", n, q.publish.Round(10*time.Nanosecond), q.deliver.Round(10*time.Nanosecond), q.bytes)
	}
	return nil
}
