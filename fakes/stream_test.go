package fakes_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	goruntime "runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// streaming attaches an app that is not called, and gives its client.
func streaming(w *world.World, id string) (c client.Client) {
	w.Attach(id, func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
		c = s.Client()
		return world.None, nil
	})
	return c
}

func options(topic string) client.SubscriptionOptions {
	return client.SubscriptionOptions{PubsubName: world.DefaultPubSub, Topic: topic}
}

func deadLettered(o client.SubscriptionOptions) client.SubscriptionOptions {
	topic := o.Topic + ".dead"
	o.DeadLetterTopic = &topic
	return o
}

// rawStream is a subscription without the SDK, which cannot give every answer.
type rawStream struct {
	runtime.Dapr_SubscribeTopicEventsAlpha1Client
}

func open(t *testing.T, c client.Client, first *runtime.SubscribeTopicEventsRequestInitialAlpha1) (rawStream, error) {
	t.Helper()
	stream, err := runtime.NewDaprClient(c.GrpcClientConn()).SubscribeTopicEventsAlpha1(t.Context())
	require.NoError(t, err)
	if first == nil {
		require.NoError(t, rawStream{stream}.answer("1", nil))
	} else {
		require.NoError(t, stream.Send(initial(first)))
	}
	_, err = stream.Recv()
	return rawStream{stream}, err
}

func initial(first *runtime.SubscribeTopicEventsRequestInitialAlpha1) *runtime.SubscribeTopicEventsRequestAlpha1 {
	return &runtime.SubscribeTopicEventsRequestAlpha1{SubscribeTopicEventsRequestType: &runtime.SubscribeTopicEventsRequestAlpha1_InitialRequest{InitialRequest: first}}
}

func (s rawStream) answer(id string, with *runtime.TopicEventResponse) error {
	return s.Send(&runtime.SubscribeTopicEventsRequestAlpha1{SubscribeTopicEventsRequestType: &runtime.SubscribeTopicEventsRequestAlpha1_EventProcessed{
		EventProcessed: &runtime.SubscribeTopicEventsRequestProcessedAlpha1{Id: id, Status: with}}})
}

func says(s runtime.TopicEventResponse_TopicEventResponseStatus) *runtime.TopicEventResponse {
	return &runtime.TopicEventResponse{Status: s}
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, run func(*testing.T)) {
	t.Helper()
	synctest.Test(t, run)
}

func receive(t *testing.T, s *client.Subscription) *client.SubscriptionMessage {
	t.Helper()
	m, err := s.Receive()
	require.NoError(t, err)
	return m
}

func subscribe(t *testing.T, c client.Client, o client.SubscriptionOptions) *client.Subscription {
	t.Helper()
	s, err := c.Subscribe(t.Context(), o)
	require.NoError(t, err)
	return s
}

func TestAStreamGetsEventsThroughTheSDK(t *testing.T) {
	play := func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		c := streaming(w, "consumer")
		s := subscribe(t, c, options("orders"))
		send(t, w, event("1", "orders"))
		m := receive(t, s)
		require.Equal(t, "1", m.ID)
		require.Equal(t, map[string]any{"id": "1"}, m.Data)
		require.NoError(t, m.Success())
		settle(t, w)
		require.Equal(t, "published delivered answered(SUCCESS) acknowledged", told(w, "1"))

		got := make(chan *common.TopicEvent, 1)
		stop, err := c.SubscribeWithHandler(t.Context(), options("payments"), func(e *common.TopicEvent) common.SubscriptionResponseStatus {
			got <- e
			return common.SubscriptionResponseStatusSuccess
		})
		require.NoError(t, err)
		send(t, w, event("2", "payments"))
		settle(t, w)
		require.Equal(t, "2", (<-got).ID)
		require.Equal(t, "published delivered answered(SUCCESS) acknowledged", told(w, "2"))
		for _, e := range w.Journal().Entries() {
			switch e.Kind {
			case journal.Subscribed:
				require.Equal(t, "streaming", e.Note)
				require.Equal(t, "stream", e.Protocol)
			case journal.Delivered, journal.Answered:
				require.Equal(t, "stream", e.Protocol)
				require.Equal(t, "/", e.Route, "daprd's route of every stream")
			}
		}
		require.NoError(t, stop())
	}
	t.Run("in virtual time", func(t *testing.T) { bubble(t, play) })
	t.Run("in real time", play)
}

func TestWhatAStreamAnswers(t *testing.T) {
	const rest = "published delivered answered(%[1]s) "
	const three = "published delivered answered(%[1]s) retried delivered answered(%[1]s) retried delivered answered(%[1]s) "
	const again = "delivered answered(%[1]s) pending"
	for _, c := range []struct {
		name, reason string
		answer       *runtime.TopicEventResponse
		word         string
		retries      bool
		dead         bool
		want         string
	}{
		{"success", "an answer of SUCCESS", says(0), "SUCCESS", false, true, rest + "acknowledged"},
		{"no status", "no status is SUCCESS, the enum's zero", nil, "SUCCESS", true, true, rest + "acknowledged"},
		{"retry", "no policy: the first failure is dead-lettered", says(1), "RETRY", false, true, rest + "dead-lettered(orders.dead) acknowledged"},
		{"retry under a policy", "maxRetries 2 is three deliveries", says(1), "RETRY", true, true, three + "dead-lettered(orders.dead) acknowledged"},
		{"retry without a dead letter topic", "it stays pending", says(1), "RETRY", false, false, rest + "pending " + again + " " + again},
		{"drop", "DROP is never tried again", says(2), "DROP", true, true, rest + "dead-lettered(orders.dead) acknowledged"},
		{"drop without a dead letter topic", "the event is lost", says(2), "DROP", true, false, rest + "dropped acknowledged"},
		{"unknown status", "like RETRY", says(7), "status 7", true, true, three + "dead-lettered(orders.dead) acknowledged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				cfg := world.Config{}
				if c.retries {
					cfg.Resources = resources(retries("{policy: constant, duration: 1s, maxRetries: 2}"))
				}
				w := fakes.Start(t, cfg)
				first := &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: world.DefaultPubSub, Topic: "orders"}
				if c.dead {
					first.DeadLetterTopic = deadLettered(options("orders")).DeadLetterTopic
				}
				s, err := open(t, streaming(w, "consumer"), first)
				require.NoError(t, err)
				go func() {
					for {
						in, err := s.Recv()
						if err != nil {
							return
						}
						_ = s.answer(in.GetEventMessage().GetId(), c.answer)
					}
				}()
				send(t, w, event("1", "orders"))
				_ = w.Settle(t.Context())
				require.Equal(t, strings.ReplaceAll(c.want, "%[1]s", c.word), told(w, "1"), c.reason)
			})
		})
	}
}

func TestWhatIsInFlightWhenAStreamEnds(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		dead         bool
		policy       string
		end          func(cancel func(), s *client.Subscription)
		want         string
	}{
		{name: "closed", reason: "without a policy and a dead letter topic the event stays pending, until somebody reads the group again",
			end:  func(_ func(), s *client.Subscription) { _ = s.Close() },
			want: "published delivered answered(no answer) pending delivered answered(SUCCESS) acknowledged"},
		{name: "context cancelled", reason: "as closed", end: func(cancel func(), _ *client.Subscription) { cancel() },
			want: "published delivered answered(no answer) pending delivered answered(SUCCESS) acknowledged"},
		{name: "dead letter topic", reason: "a stream that ends is a failure like any other", dead: true, end: func(cancel func(), _ *client.Subscription) { cancel() },
			want: "published delivered answered(no answer) dead-lettered(orders.dead) acknowledged"},
		{name: "policy", reason: "the policy tries on, and finds no stream; the new stream waits for that", dead: true, policy: "{policy: constant, duration: 1s, maxRetries: 3}",
			end:  func(cancel func(), _ *client.Subscription) { cancel() },
			want: "published delivered answered(no answer) retried retried retried dead-lettered(orders.dead) acknowledged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				cfg := world.Config{}
				if c.policy != "" {
					cfg.Resources = resources(retries(c.policy))
				}
				w := fakes.Start(t, cfg)
				sdk := streaming(w, "consumer")
				o := options("orders")
				if c.dead {
					o = deadLettered(o)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s, err := sdk.Subscribe(ctx, o)
				require.NoError(t, err)
				send(t, w, event("1", "orders"))
				receive(t, s)
				c.end(cancel, s)
				synctest.Wait()
				began := time.Now()
				_, err = sdk.SubscribeWithHandler(t.Context(), o, func(*common.TopicEvent) common.SubscriptionResponseStatus {
					return common.SubscriptionResponseStatusSuccess
				})
				require.NoError(t, err)
				took := 400 * time.Millisecond
				if c.policy != "" {
					took += 3 * time.Second
				}
				require.Equal(t, took, time.Since(began).Round(time.Millisecond), "daprd ends a stream before it starts another, and waits 400 ms after its last delivery")
				settle(t, w)
				require.Equal(t, c.want, told(w, "1"), c.reason)
			})
		})
	}
}

func TestAPolicyWithoutAnEndKeepsTheAppFromSubscribingAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(retries("{policy: constant, duration: 1s}"))})
		sdk := streaming(w, "consumer")
		s := subscribe(t, sdk, options("orders"))
		send(t, w, event("1", "orders"))
		receive(t, s)
		require.NoError(t, s.Close())
		synctest.Wait() // the sidecar knows of it
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := sdk.Subscribe(ctx, options("others"))
		require.Equal(t, codes.DeadlineExceeded, status.Code(errorsOf(err)), "%v", err)
	})
}

// errorsOf is the first of errors that were joined: the SDK joins what closing gave.
func errorsOf(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()[0]
	}
	return err
}

func TestTheReadOfAStreamThatEndedTakesTheNextEvent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		sdk := streaming(w, "consumer")
		s := subscribe(t, sdk, options("orders"))
		send(t, w, event("1", "orders"))
		require.NoError(t, receive(t, s).Success())
		settle(t, w)
		require.NoError(t, s.Close())
		time.Sleep(time.Hour) //nolint:forbidigo // in a bubble: virtual time
		send(t, w, event("2", "orders"), event("3", "orders"))
		var pending *world.PendingError
		require.ErrorAs(t, w.Settle(t.Context()), &pending)
		require.Len(t, pending.Events, 1, "the one that was read; nobody reads the other")
		require.Equal(t, "2", pending.Events[0].Event.ID)
		s = subscribe(t, sdk, options("orders"))
		began := time.Now()
		m := receive(t, s)
		require.Equal(t, "3", m.ID)
		require.NoError(t, m.Success())
		require.Zero(t, time.Since(began).Round(time.Millisecond))
		m = receive(t, s)
		require.Equal(t, "2", m.ID)
		require.NoError(t, m.Success())
		require.Equal(t, 60*time.Second, time.Since(began).Round(time.Second), "processingTimeout, then the next tick of redeliverInterval")
		settle(t, w)
		require.Equal(t, "published pending delivered answered(SUCCESS) acknowledged", told(w, "2"))
	})
}

func TestStreamsOfOneAppCompete(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		app := &inbox{subscriptions: []subscription{on("orders")}}
		var sdk client.Client
		w.Attach("consumer", func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
			sdk = s.Client()
			return app.start(ctx, s)
		})
		a, b := &taker{}, &taker{}
		for _, x := range []*taker{a, b} {
			_, err := sdk.SubscribeWithHandler(t.Context(), options("orders"), x.take)
			require.NoError(t, err)
		}
		for i := range 9 {
			send(t, w, event(fmt.Sprint(i), "orders"))
		}
		settle(t, w)
		require.Equal(t, []string{"0", "3", "6"}, app.ids(), "who has waited longest is served")
		require.Equal(t, []string{"1", "4", "7"}, a.ids)
		require.Equal(t, []string{"2", "5", "8"}, b.ids)
	})
}

// taker handles what it gets.
type taker struct{ ids []string }

func (x *taker) take(e *common.TopicEvent) common.SubscriptionResponseStatus {
	x.ids = append(x.ids, e.ID)
	return common.SubscriptionResponseStatusSuccess
}

func TestOfTwoEventsWithOneIDInFlightTheFirstGetsNoAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Horizon: 50 * time.Second})
		s := subscribe(t, streaming(w, "consumer"), options("orders"))
		send(t, w, event("same", "orders"), event("same", "orders"))
		first, second := receive(t, s), receive(t, s)
		require.NoError(t, first.Success())
		require.NoError(t, second.Success())
		var pending *world.PendingError
		require.ErrorAs(t, w.Settle(t.Context()), &pending, "daprd waits for an answer to the first, and does not take the second for it")
		require.Len(t, pending.Events, 1)
		require.True(t, pending.Events[0].Open)
		require.Equal(t, "published published delivered delivered answered(SUCCESS) acknowledged", told(w, "same"))
	})
}

func TestALateAnswerIsTakenForTheNextAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		files := retries("{policy: constant, duration: 1s, maxRetries: 1}")
		files["resiliency.yaml"] = strings.ReplaceAll(strings.ReplaceAll(files["resiliency.yaml"], "  policies:\n", "  policies:\n    timeouts: {short: 2s}\n"), "{retry: again}", "{retry: again, timeout: short}")
		w := fakes.Start(t, world.Config{Resources: resources(files)})
		s := subscribe(t, streaming(w, "consumer"), deadLettered(options("orders")))
		send(t, w, event("1", "orders"))
		first := receive(t, s)
		second := receive(t, s)
		require.NoError(t, first.Success())
		synctest.Wait()
		require.NoError(t, second.Drop(), "nobody waits for it")
		settle(t, w)
		require.Equal(t, []time.Duration{0, 3 * time.Second}, deliveredAt(w), "after the timeout of 2 s and the retry's 1 s")
		require.Equal(t, "published delivered answered(no answer) retried delivered answered(SUCCESS) acknowledged", told(w, "1"))
	})
}

func TestWhatAStreamIsRefusedWith(t *testing.T) {
	files := retries("{policy: constant, duration: 1s, maxRetries: 2}")
	files["pubsub.yaml"] += "  - {name: subscriptionScopes, value: \"consumer=orders\"}\n"
	for _, c := range []struct {
		name, reason string
		first        *runtime.SubscribeTopicEventsRequestInitialAlpha1
		code         codes.Code
		want         string
	}{
		{"unknown pubsub", "an error of daprd's API", &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "nope", Topic: "t"}, codes.InvalidArgument, "pubsub nope is not found"},
		{"no pubsub", "a plain error, and so without a code", &runtime.SubscribeTopicEventsRequestInitialAlpha1{Topic: "t"}, codes.Unknown, "pubsubName is required"},
		{"no topic", "a plain error, and so without a code", &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "pubsub"}, codes.Unknown, "topic is required"},
		{"no request", "an answer is no initial request", nil, codes.Unknown, "initial request is required"},
		{"topic out of scope", "daprd's text says it twice", &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "pubsub", Topic: "secrets"}, codes.Unknown,
			"failed to create subscription for pubsub: subscription to topic 'secrets' on pubsub 'pubsub' is not allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{Resources: resources(files)})
				_, err := open(t, streaming(w, "consumer"), c.first)
				require.Equal(t, c.code, status.Code(err), c.reason)
				require.Equal(t, c.want, status.Convert(err).Message(), c.reason)
			})
		})
	}
}

func TestTheEndOfAStreamAsTheClientSeesIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		sdk := streaming(w, "consumer")
		first := &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: world.DefaultPubSub, Topic: "orders"}
		s, err := open(t, sdk, first)
		require.NoError(t, err)
		require.NoError(t, s.Send(initial(first)))
		_, err = s.Recv()
		require.Equal(t, "duplicate initial request received", status.Convert(err).Message())
		require.Equal(t, codes.Unknown, status.Code(err))

		s, err = open(t, sdk, first)
		require.NoError(t, err)
		require.NoError(t, s.CloseSend())
		_, err = s.Recv()
		require.NotErrorIs(t, err, io.EOF)
		require.Equal(t, "EOF", status.Convert(err).Message(), "daprd ends the call with the error that it read")
		require.Equal(t, codes.Unknown, status.Code(err))
	})
}

func TestARestartFencesStreams(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		incarnation, never := 0, make(chan struct{})
		defer close(never)
		w.Attach("consumer", func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
			incarnation++
			hangs := incarnation == 1
			handle := func(*common.TopicEvent) common.SubscriptionResponseStatus {
				if hangs {
					<-never
					goruntime.Goexit() // an answer now would race with the SDK's own Close
				}
				return common.SubscriptionResponseStatusSuccess
			}
			go func() { _, _ = s.Client().SubscribeWithHandler(ctx, options("orders"), handle) }()
			return world.None, nil
		})
		synctest.Wait()
		send(t, w, event("1", "orders"))
		time.Sleep(time.Second) //nolint:forbidigo // in a bubble: virtual time
		require.NoError(t, w.Restart(t.Context(), "consumer"))
		time.Sleep(time.Second) //nolint:forbidigo // in a bubble: virtual time
		settle(t, w)
		require.Equal(t, "published delivered answered(no answer) pending delivered answered(SUCCESS) acknowledged", told(w, "1"))
	})
}

func TestFaultsOfAStreamBreakIt(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		fault        faults.Fault
		want         string
	}{
		{"lose answer", "the app worked, and the connection broke", faults.LoseAnswer{Topic: "orders"},
			"published delivered answered(SUCCESS) fault-injected pending delivered answered(SUCCESS) acknowledged"},
		{"fail delivery", "the connection broke before the app had it", faults.FailDelivery{Topic: "orders"},
			"published fault-injected pending delivered answered(SUCCESS) acknowledged"},
		{"redeliver", "the app gets it twice", faults.Redeliver{Topic: "orders"},
			"published delivered answered(SUCCESS) acknowledged fault-injected delivered answered(SUCCESS)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{})
				_, err := streaming(w, "consumer").SubscribeWithHandler(t.Context(), options("orders"), new(taker).take)
				require.NoError(t, err)
				require.NoError(t, w.Inject(t.Context(), c.fault))
				send(t, w, event("1", "orders"))
				time.Sleep(time.Second) //nolint:forbidigo // in a bubble: virtual time
				settle(t, w)
				require.Equal(t, c.want, told(w, "1"), c.reason)
				streams := 0
				for _, e := range w.Journal().Entries() {
					if e.Kind == journal.Subscribed {
						streams++
					}
				}
				_, keeps := c.fault.(faults.Redeliver)
				require.Equal(t, keeps, streams == 1, "a stream that broke is followed by another: %d", streams)
			})
		})
	}
}

func TestAWorldClosesWithStreamsOpen(t *testing.T) {
	play := func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		sdk := streaming(w, "consumer")
		s := subscribe(t, sdk, options("orders"))
		never := make(chan struct{})
		_, err := sdk.SubscribeWithHandler(t.Context(), options("payments"), func(*common.TopicEvent) common.SubscriptionResponseStatus {
			<-never
			return common.SubscriptionResponseStatusSuccess
		})
		require.NoError(t, err)
		defer close(never)
		send(t, w, event("1", "orders"), event("2", "payments"))
		receive(t, s) // and no answer
		require.NoError(t, w.Close())
		_, err = s.Receive()
		require.Error(t, err)
		_, err = sdk.Subscribe(t.Context(), options("orders"))
		require.Error(t, err)
		require.Equal(t, "published delivered answered(no answer)", strings.TrimSuffix(told(w, "1"), " pending"))
	}
	t.Run("in virtual time", func(t *testing.T) { bubble(t, play) })
	t.Run("in real time", play)
}

func TestSettleWaitsForAStreamsAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		_, err := streaming(w, "consumer").SubscribeWithHandler(t.Context(), options("orders"), func(*common.TopicEvent) common.SubscriptionResponseStatus {
			time.Sleep(30 * time.Second) //nolint:forbidigo // in a bubble: virtual time
			return common.SubscriptionResponseStatusSuccess
		})
		require.NoError(t, err)
		send(t, w, event("1", "orders"), event("2", "orders"))
		began := time.Now()
		settle(t, w)
		require.Equal(t, 30*time.Second+50*time.Millisecond, time.Since(began).Round(time.Millisecond), "the two ran beside each other")
		require.Equal(t, "published delivered answered(SUCCESS) acknowledged", told(w, "2"))
	})
}

func TestAStreamOfRawPayloads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{})
		sdk := streaming(w, "consumer")
		o := options("orders")
		o.Metadata = map[string]string{"rawPayload": "true"}
		s := subscribe(t, sdk, o)
		require.NoError(t, sdk.PublishEvent(t.Context(), o.PubsubName, o.Topic, []byte("bytes"), client.PublishEventWithRawPayload()))
		m := receive(t, s)
		require.Equal(t, []byte("bytes"), m.RawData)
		require.Equal(t, "application/octet-stream", m.DataContentType)
		require.NoError(t, m.Success())
		settle(t, w)
	})
}

func TestMetadataListsStreams(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	var sidecar world.Sidecar
	w.Attach("consumer", func(_ context.Context, s world.Sidecar) (world.Endpoint, error) { sidecar = s; return world.None, nil })
	s := subscribe(t, sidecar.Client(), deadLettered(options("orders")))
	m, err := runtime.NewDaprClient(sidecar.Client().GrpcClientConn()).GetMetadata(t.Context(), &runtime.GetMetadataRequest{})
	require.NoError(t, err)
	require.Len(t, m.GetSubscriptions(), 1)
	require.Equal(t, runtime.PubsubSubscriptionType_STREAMING, m.GetSubscriptions()[0].GetType())
	require.Equal(t, "orders.dead", m.GetSubscriptions()[0].GetDeadLetterTopic())
	response, err := http.Get("http://" + sidecar.HTTPAddress() + "/v1.0/metadata")
	require.NoError(t, err)
	defer response.Body.Close()
	var out struct {
		Subscriptions []struct{ Type string }
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&out))
	require.Len(t, out.Subscriptions, 1)
	require.Equal(t, "STREAMING", out.Subscriptions[0].Type)
	require.NoError(t, s.Close())
	http.DefaultClient.CloseIdleConnections()
}

func TestAStreamOverAPort(t *testing.T) {
	w := fakes.Start(t, world.Config{})
	var sidecar world.Sidecar
	w.Attach("consumer", func(_ context.Context, s world.Sidecar) (world.Endpoint, error) { sidecar = s; return world.None, nil })
	sdk, err := client.NewClientWithAddressContext(t.Context(), sidecar.GRPCAddress())
	require.NoError(t, err)
	defer sdk.Close()
	s := subscribe(t, sdk, options("orders"))
	send(t, w, event("1", "orders"))
	require.NoError(t, receive(t, s).Success())
	settle(t, w)
}
