package fakes_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// Dump is read in a failure's log.
func TestDump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Rounds: 1})
		app := &inbox{subscriptions: []subscription{on("orders")}}
		app.answer = func(rw http.ResponseWriter, _ *http.Request, e contract.Event) {
			if e.ID == "bad" {
				rw.WriteHeader(http.StatusInternalServerError)
			}
		}
		w.Attach("worker", app.start)
		send(t, w, event("good", "orders"))
		send(t, w, event("bad", "orders"))
		<-time.After(time.Second)
		require.Equal(t, `t=1s, daprd 1.16
topic orders (the Redis of pubsub): 2 messages
  group worker: 2 read
    reader worker, programmatic
    pending bad: delivered 1 times, read at t=0s, due at t=1m15s
calls: 0 open, 0 redeliveries, 0 messages wait for their batch
app publisher: not called, 0 subscriptions
app worker: http, 1 subscriptions
`, w.Dump())
	})
}
