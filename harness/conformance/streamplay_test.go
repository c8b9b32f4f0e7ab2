package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	goruntime "runtime"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/status"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
	"github.com/eventproof/eventproof/harness/conformance"
)

// streamPlay is something that an app does on streams, told in lines that both
// worlds must give.
type streamPlay struct {
	name, reason string
	config       world.Config
	want         []string
	play         func(t *testing.T, w stage, tell func(format string, args ...any))
}

func streamPlays() []streamPlay {
	long := world.Clocks{ProcessingTimeout: time.Minute}
	return []streamPlay{
		{name: "swallowed", reason: "Redis gives the next event to the read of a stream that has ended, and it comes again after processingTimeout",
			want: []string{"got 1", "got 3", "got 2", "event 2: delivered answered(SUCCESS)"},
			play: func(t *testing.T, w stage, tell func(string, ...any)) {
				sdk := attachStreamer(t, w)
				take := func(s *client.Subscription) {
					m, err := s.Receive()
					require.NoError(t, err)
					tell("got %s", w.short(m.ID))
					require.NoError(t, m.Success())
				}
				s := streamOf(t, sdk, conformance.Plain, w.topic())
				sendTo(t, w, conformance.Plain, w.topic(), "1")
				take(s)
				require.NoError(t, w.Settle(t.Context()))
				require.NoError(t, s.Close())
				time.Sleep(300 * time.Millisecond) //nolint:forbidigo // nobody tells when daprd has noticed
				sendTo(t, w, conformance.Plain, w.topic(), "2")
				s = streamOf(t, sdk, conformance.Plain, w.topic())
				sendTo(t, w, conformance.Plain, w.topic(), "3")
				take(s)
				take(s)
				require.NoError(t, w.Settle(t.Context()))
				tell("event 2: %s", passed(w, "2"))
			}},
		{name: "one id twice", reason: "of two events with one id in flight on a stream the first gets no answer", config: world.Config{Clocks: long, Horizon: 4 * time.Second},
			want: []string{"got same", "got same", "delivered delivered answered(SUCCESS)", "pending true"},
			play: func(t *testing.T, w stage, tell func(string, ...any)) {
				s := streamOf(t, attachStreamer(t, w), conformance.Plain, w.topic())
				sendTo(t, w, conformance.Plain, w.topic(), "same", "same")
				var messages []*client.SubscriptionMessage
				for range 2 {
					m, err := s.Receive()
					require.NoError(t, err)
					tell("got %s", w.short(m.ID))
					messages = append(messages, m)
				}
				for _, m := range messages {
					require.NoError(t, m.Success())
				}
				err := w.Settle(t.Context())
				tell("%s", passed(w, "same"))
				var pending *world.PendingError
				require.ErrorAs(t, err, &pending)
				tell("pending %t", len(pending.Events) > 0)
			}},
		{name: "late answer", reason: "an answer after the policy's timeout is taken for the next attempt, which has the same id",
			want: []string{"got 1", "got 1", "delivered answered(no answer) delivered answered(SUCCESS)", "acknowledged"},
			play: func(t *testing.T, w stage, tell func(string, ...any)) {
				s := streamOf(t, attachStreamer(t, w), conformance.Impatient, w.topic())
				sendTo(t, w, conformance.Impatient, w.topic(), "1")
				first, err := s.Receive()
				require.NoError(t, err)
				tell("got %s", w.short(first.ID))
				second, err := s.Receive()
				require.NoError(t, err)
				tell("got %s", w.short(second.ID))
				require.NoError(t, first.Success())
				require.NoError(t, second.Drop())
				require.NoError(t, w.Settle(t.Context()))
				tell("%s", passed(w, "1"))
				tell("%s", final(w, "1"))
			}},
		{name: "competing", reason: "streams and the app's own subscription are one consumer group; who has waited longest is served",
			want: []string{"app got 1", "first got 2", "second got 3", "app got 4", "first got 5", "second got 6"},
			play: func(t *testing.T, w stage, tell func(string, ...any)) {
				var sdk client.Client
				stage, topic := w, w.topic()
				require.NoError(t, w.AttachContext(t.Context(), w.app(), func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
					sdk = s.Client()
					mux := http.NewServeMux()
					mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
						_, _ = fmt.Fprintf(w, `[{"pubsubname":%q,"topic":%q,"route":"/orders"}]`, conformance.Plain, topic)
					})
					mux.HandleFunc("POST /orders", func(_ http.ResponseWriter, r *http.Request) {
						var e contract.Event
						_ = json.NewDecoder(r.Body).Decode(&e)
						tell("app got %s", stage.short(e.ID))
					})
					return world.HTTP(mux), nil
				}))
				for _, name := range []string{"first", "second"} {
					_, err := sdk.SubscribeWithHandler(t.Context(), client.SubscriptionOptions{PubsubName: conformance.Plain, Topic: w.topic()},
						func(e *common.TopicEvent) common.SubscriptionResponseStatus {
							tell("%s got %s", name, w.short(e.ID))
							return common.SubscriptionResponseStatusSuccess
						})
					require.NoError(t, err)
					time.Sleep(100 * time.Millisecond) //nolint:forbidigo // nobody tells when daprd has noticed
				}
				for i := range 6 {
					sendTo(t, w, conformance.Plain, w.topic(), fmt.Sprint(i+1))
					require.NoError(t, w.Settle(t.Context()))
				}
			}},
		{name: "refusals", reason: "daprd's own errors have no gRPC code, but for the unknown pubsub",
			want: []string{
				"unknown pubsub: InvalidArgument pubsub nope is not found",
				"no pubsub: Unknown pubsubName is required",
				"no topic: Unknown topic is required",
				"an answer: Unknown initial request is required",
				"out of scope: Unknown failed to create subscription for scoped: subscription to topic 'refusals' on pubsub 'scoped' is not allowed",
				"bad rawPayload: OK ",
				"second initial request: Unknown duplicate initial request received",
				"closed: Unknown EOF",
			},
			play: func(t *testing.T, w stage, tell func(string, ...any)) {
				sdk := attachStreamer(t, w)
				dapr := runtime.NewDaprClient(sdk.GrpcClientConn())
				begin := func(first *runtime.SubscribeTopicEventsRequestAlpha1) (runtime.Dapr_SubscribeTopicEventsAlpha1Client, error) {
					stream, err := dapr.SubscribeTopicEventsAlpha1(t.Context())
					require.NoError(t, err)
					require.NoError(t, stream.Send(first))
					_, err = stream.Recv()
					return stream, err
				}
				say := func(what string, err error) { tell("%s: %s %s", what, status.Code(err), status.Convert(err).Message()) }
				for _, c := range []struct {
					what          string
					pubsub, topic string
					raw           string
				}{{"unknown pubsub", "nope", w.topic(), ""}, {"no pubsub", "", w.topic(), ""}, {"no topic", conformance.Plain, "", ""}} {
					_, err := begin(initialRequest(c.pubsub, c.topic, nil))
					say(c.what, err)
				}
				_, err := begin(&runtime.SubscribeTopicEventsRequestAlpha1{SubscribeTopicEventsRequestType: &runtime.SubscribeTopicEventsRequestAlpha1_EventProcessed{
					EventProcessed: &runtime.SubscribeTopicEventsRequestProcessedAlpha1{Id: "1"}}})
				say("an answer", err)
				_, err = begin(initialRequest("scoped", w.topic(), nil))
				say("out of scope", err)
				_, err = begin(initialRequest(conformance.Plain, "raw", map[string]string{"rawPayload": "maybe"}))
				say("bad rawPayload", err)
				stream, err := begin(initialRequest(conformance.Plain, "twice", nil))
				require.NoError(t, err)
				require.NoError(t, stream.Send(initialRequest(conformance.Plain, "twice", nil)))
				_, err = stream.Recv()
				say("second initial request", err)
				stream, err = begin(initialRequest(conformance.Plain, "closed", nil))
				require.NoError(t, err)
				require.NoError(t, stream.CloseSend())
				_, err = stream.Recv()
				say("closed", err)
			}},
		{name: "waits", reason: "daprd starts no stream while one ends, with its policy's retries and 400 ms after them",
			want: []string{"300 ms of retries and 400 ms: true", "delivered answered(no answer)", "dead-lettered"},
			play: func(t *testing.T, w stage, tell func(string, ...any)) {
				sdk := attachStreamer(t, w)
				dead := w.topic() + ".dead"
				s, err := sdk.Subscribe(t.Context(), client.SubscriptionOptions{PubsubName: conformance.Retrying, Topic: w.topic(), DeadLetterTopic: &dead})
				require.NoError(t, err)
				sendTo(t, w, conformance.Retrying, w.topic(), "1")
				_, err = s.Receive()
				require.NoError(t, err)
				require.NoError(t, s.Close())
				time.Sleep(50 * time.Millisecond) //nolint:forbidigo // nobody tells when daprd has noticed
				began := time.Now()
				streamOf(t, sdk, conformance.Plain, "others")
				tell("300 ms of retries and 400 ms: %t", time.Since(began) >= 600*time.Millisecond)
				require.NoError(t, w.Settle(t.Context()))
				tell("%s", passed(w, "1"))
				tell("%s", final(w, "1"))
			}},
		{name: "restart", reason: "a stream ends with its app, and what was in flight comes to the next",
			want: []string{"delivered answered(no answer) delivered answered(SUCCESS)", "acknowledged"},
			play: func(t *testing.T, w stage, tell func(string, ...any)) {
				incarnation, never, open := 0, make(chan struct{}), make(chan error, 2)
				defer close(never)
				require.NoError(t, w.AttachContext(t.Context(), w.app(), func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
					incarnation++
					hangs := incarnation == 1
					go func() {
						_, err := s.Client().SubscribeWithHandler(ctx, client.SubscriptionOptions{PubsubName: conformance.Plain, Topic: w.topic()},
							func(*common.TopicEvent) common.SubscriptionResponseStatus {
								if hangs {
									<-never
									goruntime.Goexit() // an answer now would race with the SDK's own Close
								}
								return common.SubscriptionResponseStatusSuccess
							})
						open <- err
					}()
					return world.None, nil
				}))
				require.NoError(t, <-open)
				sendTo(t, w, conformance.Plain, w.topic(), "1")
				time.Sleep(300 * time.Millisecond) //nolint:forbidigo // nobody tells when daprd has noticed
				require.NoError(t, w.Restart(t.Context(), w.app()))
				require.NoError(t, <-open)
				require.NoError(t, w.Settle(t.Context()))
				tell("%s", passed(w, "1"))
				tell("%s", final(w, "1"))
			}},
		{name: "raw", reason: "a raw payload is bytes, in an envelope of the sidecar's making",
			want: []string{`got "bytes", application/octet-stream, com.dapr.event.sent, Dapr`},
			play: func(t *testing.T, w stage, tell func(string, ...any)) {
				sdk := attachStreamer(t, w)
				s, err := sdk.Subscribe(t.Context(), client.SubscriptionOptions{PubsubName: conformance.Plain, Topic: w.topic(), Metadata: map[string]string{"rawPayload": "true"}})
				require.NoError(t, err)
				require.NoError(t, sdk.PublishEvent(t.Context(), conformance.Plain, w.topic(), []byte("bytes"), client.PublishEventWithRawPayload()))
				m, err := s.Receive()
				require.NoError(t, err)
				tell("got %q, %s, %s, %s", m.RawData, m.DataContentType, m.Type, m.Source)
				require.NoError(t, m.Success())
				require.NoError(t, w.Settle(t.Context()))
			}},
		{name: "lost answer", reason: "an answer is lost with its connection; the SDK subscribes anew, and gets the event again",
			want: []string{"delivered answered(SUCCESS) fault-injected delivered answered(SUCCESS)", "acknowledged"},
			play: faultPlay(func(topic string) faults.Fault { return faults.LoseAnswer{Topic: topic} })},
		{name: "failed delivery", reason: "the connection breaks before the app has the event",
			want: []string{"fault-injected delivered answered(SUCCESS)", "acknowledged"},
			play: faultPlay(func(topic string) faults.Fault { return faults.FailDelivery{Topic: topic} })},
	}
}

func faultPlay(fault func(topic string) faults.Fault) func(*testing.T, stage, func(string, ...any)) {
	return func(t *testing.T, w stage, tell func(string, ...any)) {
		_, err := attachStreamer(t, w).SubscribeWithHandler(t.Context(), client.SubscriptionOptions{PubsubName: conformance.Plain, Topic: w.topic()},
			func(*common.TopicEvent) common.SubscriptionResponseStatus {
				return common.SubscriptionResponseStatusSuccess
			})
		require.NoError(t, err)
		require.NoError(t, w.Inject(t.Context(), fault(w.topic())))
		sendTo(t, w, conformance.Plain, w.topic(), "1")
		time.Sleep(time.Second) //nolint:forbidigo // nobody tells when daprd has noticed
		require.NoError(t, w.Settle(t.Context()))
		tell("%s", passed(w, "1"))
		tell("%s", final(w, "1"))
	}
}

func initialRequest(pubsub, topic string, metadata map[string]string) *runtime.SubscribeTopicEventsRequestAlpha1 {
	return &runtime.SubscribeTopicEventsRequestAlpha1{SubscribeTopicEventsRequestType: &runtime.SubscribeTopicEventsRequestAlpha1_InitialRequest{
		InitialRequest: &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: pubsub, Topic: topic, Metadata: metadata}}}
}

func attachStreamer(t *testing.T, w stage) (sdk client.Client) {
	t.Helper()
	require.NoError(t, w.AttachContext(t.Context(), w.app(), func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
		sdk = s.Client()
		return world.None, nil
	}))
	return sdk
}

func streamOf(t *testing.T, sdk client.Client, pubsub, topic string) *client.Subscription {
	t.Helper()
	s, err := sdk.Subscribe(t.Context(), client.SubscriptionOptions{PubsubName: pubsub, Topic: topic})
	require.NoError(t, err)
	return s
}

func sendTo(t *testing.T, w stage, pubsub, topic string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		require.NoError(t, w.SendFrom(t.Context(), conformance.Publisher, contract.Event{ID: w.id(id), PubSub: pubsub, Topic: topic, Data: []byte(`{}`)}))
	}
}

// passed is what went over the stream of one event, and the faults of it.
func passed(w stage, id string) (text string) {
	for _, e := range w.Journal().Entries() {
		if e.Event.ID != w.id(id) {
			continue
		}
		switch e.Kind {
		case journal.Delivered, journal.FaultInjected:
			text += " " + string(e.Kind)
		case journal.Answered:
			text += fmt.Sprintf(" %s(%s)", e.Kind, e.Answer)
		default:
			continue
		}
		if e.Kind != journal.FaultInjected && (e.Protocol != "stream" || e.Route != "/") {
			text += fmt.Sprintf("(by %s to %s)", e.Protocol, e.Route)
		}
	}
	if text == "" {
		return ""
	}
	return text[1:]
}

// final is the last that the broker's witness says of one event.
func final(w stage, id string) (text string) {
	for _, e := range w.Journal().Entries() {
		if e.Event.ID != w.id(id) || e.SeenBy == journal.Proxy {
			continue
		}
		switch e.Kind {
		case journal.DeadLettered, journal.Pending:
			text = string(e.Kind)
		case journal.Acknowledged:
			if text != string(journal.DeadLettered) {
				text = string(e.Kind)
			}
		}
	}
	return text
}

// stage is a world with the app and the topic of one play.
type stage struct {
	*world.World
	play string
}

func (s stage) topic() string          { return strings.ReplaceAll(s.play, " ", "-") }
func (s stage) app() string            { return conformance.Streamer + "-" + s.topic() }
func (s stage) id(short string) string { return s.topic() + "." + short }
func (s stage) short(id string) string { return strings.TrimPrefix(id, s.topic()+".") }

func (p streamPlay) in(t *testing.T, w *world.World) (lines []string) {
	t.Helper()
	told := make(chan string, 100)
	p.play(t, stage{w, p.name}, func(format string, args ...any) { told <- fmt.Sprintf(format, args...) })
	close(told)
	for line := range told {
		lines = append(lines, line)
	}
	return lines
}

func (p streamPlay) start() world.Config {
	cfg := p.config
	cfg.Resources = append(conformance.StreamResources(), fstest.MapFS{"scoped.yaml": {Data: []byte("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: scoped\n" +
		"spec:\n  type: pubsub.redis\n  version: v1\n  metadata:\n  - {name: redisHost, value: \"localhost:6379\"}\n" +
		"  - {name: subscriptionScopes, value: \"" + conformance.Streamer + "-refusals=others\"}\n")}})
	return cfg
}

func TestStreamPlaysOnTheFake(t *testing.T) {
	for _, p := range streamPlays() {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				require.Equal(t, p.want, p.in(t, fakes.Start(t, p.start())), p.reason)
			})
		})
	}
}

func TestStreamPlaysOnRealDapr(t *testing.T) {
	t.Parallel()
	for _, p := range streamPlays() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, p.want, p.in(t, harness.Start(t, p.start())), p.reason)
		})
	}
}
