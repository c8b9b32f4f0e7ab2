package fakes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dapr/go-sdk/service/common"
	daprgrpc "github.com/dapr/go-sdk/service/grpc"
	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// redis is a pubsub component with more metadata.
func redis(name string, metadata ...string) string {
	text := "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: " + name + "}\nspec:\n  type: pubsub.redis\n  version: v1\n  metadata:\n"
	for _, item := range append([]string{`{name: redisHost, value: "` + name + `:6379"}`}, metadata...) {
		text += "  - " + item + "\n"
	}
	return text
}

func item(name, value string) string { return fmt.Sprintf("{name: %s, value: %q}", name, value) }

func TestAppsOfOneConsumerGroupShareItsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"p.yaml": redis("pubsub", item("consumerID", "team"))})})
		a, b := &inbox{subscriptions: []subscription{on("t")}}, &inbox{subscriptions: []subscription{on("t")}}
		w.Attach("a", a.start)
		w.Attach("b", b.start)
		for i := range 6 {
			send(t, w, event(fmt.Sprint(i), "t"))
		}
		settle(t, w)
		require.Len(t, a.ids(), 3)
		require.Len(t, b.ids(), 3)
	})
}

func TestAConsumerIDDoesNotHideWhoHandledIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"p.yaml": redis("pubsub", item("consumerID", "team"))})})
		w.Attach("a", (&inbox{subscriptions: []subscription{on("t")}}).start)
		send(t, w, event("1", "t"))
		settle(t, w)
		require.Empty(t, journal.CheckDelivered(w.Journal()))
	})
}

func TestARetryHoldsItsWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := retries("{policy: constant, duration: 300ms, maxRetries: 3}")
		files["pubsub.yaml"] = redis("pubsub", item("concurrency", "1"))
		w := fakes.Start(t, world.Config{Resources: resources(files)})
		failed := false
		app := &inbox{subscriptions: []subscription{on("t")}, answer: func(rw http.ResponseWriter, _ *http.Request, e contract.Event) {
			if e.ID == "1" && !failed {
				failed = true
				rw.WriteHeader(500)
			}
		}}
		w.Attach("a", app.start)
		send(t, w, event("1", "t"), event("2", "t"))
		settle(t, w)
		require.Equal(t, []string{"1", "1", "2"}, app.ids(), "with one worker the second waits for the first's policy")
	})
}

func TestAPolicyThatOutlastsProcessingTimeoutNeverDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(retries("{policy: constant, duration: 400ms, maxRetries: 4}")),
			Clocks: world.Clocks{ProcessingTimeout: time.Second, RedeliverInterval: 300 * time.Millisecond}})
		w.Attach("a", (&inbox{subscriptions: []subscription{on("t").deadLetter("dead")}, answer: answer(500)}).start)
		send(t, w, event("1", "t"))
		require.ErrorIs(t, w.Settle(t.Context()), world.ErrPending)
		require.NotContains(t, told(w, "1"), "dead-lettered")
	})
}

func TestAWaitInTheFakesOwnQueueIsNoRedelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Clocks: world.Clocks{ProcessingTimeout: time.Second, RedeliverInterval: 300 * time.Millisecond}})
		app := &inbox{subscriptions: []subscription{on("t")}, answer: func(_ http.ResponseWriter, _ *http.Request, _ contract.Event) {
			time.Sleep(45 * time.Millisecond) //nolint:forbidigo // in a bubble: virtual time
		}}
		w.Attach("a", app.start)
		for i := range 60 {
			send(t, w, event(fmt.Sprint(i), "t"))
		}
		settle(t, w)
		require.Len(t, app.ids(), 60)
	})
}

func TestTwoComponentsOfOneRedisShareTopics(t *testing.T) {
	for _, c := range []struct {
		name, second, reason string
		want                 int
	}{
		{"one Redis", redis("pubsub", item("redisDB", "0")) + "---\n" + strings.Replace(redis("other", item("redisDB", "0")), "other:6379", "pubsub:6379", 1), "one stream, one group: the event goes to one of the two subscriptions", 1},
		{"two", redis("pubsub") + "---\n" + redis("other"), "two streams", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"p.yaml": c.second})})
				paths := map[string]int{}
				w.Attach("a", (&inbox{subscriptions: []subscription{on("t"), {PubSub: "other", Topic: "t", Route: "/other"}},
					answer: func(_ http.ResponseWriter, r *http.Request, _ contract.Event) { paths[r.URL.Path]++ }}).start)
				send(t, w, event("1", "t"), event("2", "t"))
				settle(t, w)
				require.Equal(t, c.want, paths["/other"], c.reason)
			})
		})
	}
}

func TestRedeliverReachesEachApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		a, b := &inbox{subscriptions: []subscription{on("t")}}, &inbox{subscriptions: []subscription{on("t")}}
		w.Attach("a", a.start)
		w.Attach("b", b.start)
		require.NoError(t, w.Inject(t.Context(), faults.Redeliver{Event: "1"}))
		send(t, w, event("1", "t"))
		settle(t, w)
		require.Len(t, a.ids(), 2)
		require.Len(t, b.ids(), 2)
	})
}

func TestRedeliverOfWhatWasHandledSparesWhatComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("t")}}
		w.Attach("a", app.start)
		send(t, w, event("1", "t"), event("2", "t"))
		settle(t, w)
		require.NoError(t, w.Inject(t.Context(), faults.Redeliver{App: "a"}))
		send(t, w, event("3", "t"))
		settle(t, w)
		require.ElementsMatch(t, []string{"1", "2", "1", "2", "3"}, app.ids())
	})
}

func TestABrokenConnectionToAGRPCAppIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(retries("{policy: constant, duration: 1s, maxRetries: 3, matching: {gRPCStatusCodes: \"13\"}}"))})
		w.Attach("a", grpcConsumer(func(context.Context, *common.TopicEvent) (bool, error) { return false, nil }))
		require.NoError(t, w.Inject(t.Context(), faults.LoseAnswer{Event: "1"}))
		send(t, w, event("1", "orders"))
		settle(t, w)
		require.Equal(t, "published delivered answered(SUCCESS) fault-injected dead-lettered(dead) acknowledged", told(w, "1"),
			"the policy retries code 13 only, and a broken connection is 14")
	})
}

func grpcConsumer(handler common.TopicEventHandler) world.StartFunc {
	return func(context.Context, world.Sidecar) (world.Endpoint, error) {
		listener := world.Listen()
		service := daprgrpc.NewServiceWithListener(listener)
		err := service.AddTopicEventHandler(sub, handler)
		done := make(chan struct{})
		go func() { defer close(done); _ = service.Start() }()
		return world.GRPC(listener).OnStop(func(context.Context) error {
			err := service.GracefulStop()
			<-done
			return err
		}), err
	}
}

func TestDropWhereTheDeadLetterTopicIsForbidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := retries("{policy: constant, duration: 1s, maxRetries: 2}")
		files["pubsub.yaml"] = redis("pubsub", item("publishingScopes", "a="))
		w := fakes.Start(t, world.Config{Resources: resources(files)})
		app := &inbox{subscriptions: []subscription{on("t").deadLetter("dead")},
			answer: func(rw http.ResponseWriter, _ *http.Request, _ contract.Event) {
				_, _ = io.WriteString(rw, `{"status":"DROP"}`)
			}}
		w.Attach("a", app.start)
		send(t, w, event("1", "t"))
		require.ErrorIs(t, w.Settle(t.Context()), world.ErrPending)
		require.Len(t, app.ids(), 9, "three attempts in each of three rounds")
	})
}

func TestARawSubscriptionNamesItsTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		var got contract.Event
		w.Attach("a", (&inbox{subscriptions: []subscription{{PubSub: "pubsub", Topic: "t", Route: "/t", Metadata: map[string]string{"rawPayload": "true"}}},
			answer: func(_ http.ResponseWriter, _ *http.Request, e contract.Event) { got = e }}).start)
		send(t, w, event("1", "t"))
		settle(t, w)
		require.Equal(t, "t", got.Topic)
		require.Equal(t, "pubsub", got.PubSub)
		require.Contains(t, string(got.DataBase64), `"id":"1"`)
	})
}

func TestWhatFailsLateIsNotPendingOnceAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Clocks: world.Clocks{ProcessingTimeout: time.Second, RedeliverInterval: 300 * time.Millisecond}})
		var calls atomic.Int32
		w.Attach("a", (&inbox{subscriptions: []subscription{on("t")}, answer: func(rw http.ResponseWriter, _ *http.Request, _ contract.Event) {
			if calls.Add(1) == 1 {
				time.Sleep(1800 * time.Millisecond) //nolint:forbidigo // in a bubble: virtual time
				rw.WriteHeader(500)
			}
		}}).start)
		send(t, w, event("1", "t"))
		settle(t, w)
		require.Equal(t, "published delivered delivered answered(SUCCESS) acknowledged answered(HTTP 500)", told(w, "1"))
	})
}

func TestManyMaySendFirst(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if err := w.Send(t.Context(), event(fmt.Sprint(i), "t")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, []string{world.Tester}, w.Apps())
}

func TestAHandlerThatEndsItsGoroutineIsABrokenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		w.Attach("a", (&inbox{subscriptions: []subscription{on("t").deadLetter("dead")},
			answer: func(http.ResponseWriter, *http.Request, contract.Event) { runtime.Goexit() }}).start)
		send(t, w, event("1", "t"), event("2", "t"))
		settle(t, w)
		require.Equal(t, "published delivered answered(no answer) dead-lettered(dead) acknowledged", told(w, "2"))
	})
}

func TestAClosedWorldStaysClosed(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	w.Attach("a", (&inbox{subscriptions: []subscription{on("t")}}).start)
	require.NoError(t, w.Close())
	require.EqualError(t, w.Restart(t.Context(), "a"), "the world is closed")
	require.EqualError(t, w.Settle(t.Context()), "the world is closed")
}

func TestAnAppThatCannotBeAttachedLeavesTheOthers(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	entered, attached := make(chan struct{}), make(chan struct{})
	failed := make(chan error)
	go func() {
		failed <- w.AttachContext(t.Context(), "bad", func(context.Context, world.Sidecar) (world.Endpoint, error) {
			close(entered)
			<-attached
			return world.Endpoint{}, errors.New("no database")
		})
	}()
	<-entered
	w.Attach("good", (&inbox{subscriptions: []subscription{on("t")}}).start)
	close(attached)
	require.EqualError(t, <-failed, "start app: no database")
	require.Equal(t, []string{"good"}, w.Apps())
}

func TestAnAppThatIsDownFailsItsDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("t").deadLetter("dead")}}
		slow := false
		w.Attach("a", func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
			if slow {
				send(t, w, event("1", "t"))
				time.Sleep(time.Second) //nolint:forbidigo // in a bubble: virtual time
			}
			return app.start(ctx, s)
		})
		slow = true
		require.NoError(t, w.Restart(t.Context(), "a"))
		settle(t, w)
		require.Equal(t, "published dead-lettered(dead) acknowledged", told(w, "1"), "daprd goes on and finds nobody")
	})
}

func TestSubscriptionsAreReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("t")}}
		w.Attach("a", app.start)
		app.subscriptions = []subscription{on("new")}
		require.NoError(t, w.Restart(t.Context(), "a"))
		send(t, w, event("1", "t"), event("2", "new"))
		settle(t, w)
		require.Equal(t, []string{"1"}, app.ids())
	})
}

func TestAnAttemptAfterATimeoutRunsBesideTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := retries("{policy: constant, duration: 100ms, maxRetries: 1}")
		files["resiliency.yaml"] = strings.NewReplacer("policies:\n", "policies:\n    timeouts: {short: 1s}\n", "{retry: again}", "{retry: again, timeout: short}").Replace(files["resiliency.yaml"])
		w := fakes.Start(t, world.Config{Resources: resources(files)})
		running, most := 0, 0
		var mu sync.Mutex
		w.Attach("a", (&inbox{subscriptions: []subscription{on("t")}, answer: func(http.ResponseWriter, *http.Request, contract.Event) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(3 * time.Second) //nolint:forbidigo // in a bubble: virtual time
			mu.Lock()
			running--
			mu.Unlock()
		}}).start)
		send(t, w, event("1", "t"))
		require.ErrorIs(t, w.Settle(t.Context()), world.ErrPending)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, 2, most, "the handler does not mind its context")
	})
}

func TestTheLastOfTwoSubscriptionsToATopicStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		path := ""
		w.Attach("a", (&inbox{subscriptions: []subscription{{PubSub: "pubsub", Topic: "t", Route: "/first"}, {PubSub: "pubsub", Topic: "t", Route: "/second"}},
			answer: func(_ http.ResponseWriter, r *http.Request, _ contract.Event) { path = r.URL.Path }}).start)
		send(t, w, event("1", "t"))
		settle(t, w)
		require.Equal(t, "/second", path)
	})
}

func TestMetadataThatIsNoHeaderNeverReachesTheApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("t").deadLetter("dead")}}
		w.Attach("a", app.start)
		s, err := w.Sidecar(t.Context(), "publisher")
		require.NoError(t, err)
		require.NoError(t, s.Client().PublishEvent(t.Context(), "pubsub", "t", "x", withMetadata(map[string]string{"my key": "v", "cloudevent.id": "1"})))
		settle(t, w)
		require.Empty(t, app.ids())
		require.Equal(t, "published dead-lettered(dead) acknowledged", told(w, "1"))
	})
}

func TestAnEscapedTopic(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	s, err := w.Sidecar(t.Context(), "publisher")
	require.NoError(t, err)
	transport := &http.Transport{DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.HTTPAddress()+"/v1.0/publish/pubsub/a%2Fb%20c", strings.NewReader("{}"))
	require.NoError(t, err)
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	data, err := w.Topic(t.Context(), "pubsub", "a/b c")
	require.NoError(t, err)
	require.Len(t, data, 1)
}

func TestASecondPublishOfAnIDCarriesItsData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		one, two := event("1", "t"), event("1", "t")
		two.Data = []byte(`{"amount":2}`)
		send(t, w, one, two, two)
		var data []string
		for _, e := range w.Journal().Entries() {
			if e.Kind == journal.Published {
				data = append(data, string(e.Data))
			}
		}
		require.Len(t, data, 3)
		require.Contains(t, data[1], `"amount":2`)
		require.Empty(t, data[2], "the same again")
	})
}

func TestAnOverriddenSubscriptionIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"s.yaml": "apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: s}\n" +
			"spec: {pubsubname: pubsub, topic: t, deadLetterTopic: dead, routes: {default: /t}}\n"})})
		w.Attach("a", (&inbox{subscriptions: []subscription{on("t")}}).start)
		warnings := w.Journal().Head().Warnings
		require.Contains(t, warnings[len(warnings)-1], `a subscribes to pubsub/t itself: this subscription is not used, nor its deadLetterTopic "dead"; the app states ""`)
	})
}
