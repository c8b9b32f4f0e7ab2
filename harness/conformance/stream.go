package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing/fstest"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// StreamCase is one thing that Dapr does with what an app does on a streaming
// subscription. The Answer of its Case is not used.
type StreamCase struct {
	Case
	Does StreamAct
	// Status is what the app answers, where it answers. Nil: a response without one.
	Status *runtime.TopicEventResponse
}

// StreamAct is what the app does with an event.
type StreamAct string

// What an app can do on a stream.
const (
	Answers StreamAct = "answers"
	// Closes ends the stream while the event is in flight. Where the event stays
	// pending the app subscribes again, or nothing more would come of it.
	Closes StreamAct = "closes the stream"
	// Silent never answers, under a policy of 100 ms timeout and maxRetries 3.
	Silent StreamAct = "does not answer"
)

// Impatient is the component whose inbound policy has a timeout.
const Impatient = "impatient"

// Streamer is the app of all stream cases: it has no port.
const Streamer = "conformance-stream"

// Component is the pubsub component that the case is played on.
func (c StreamCase) Component() string {
	if c.Does == Silent {
		return Impatient
	}
	return c.Case.Component()
}

// AppID is the app that gets the event.
func (c StreamCase) AppID() string { return Streamer }

const (
	streamingSource = "D16 pkg/runtime/subscription/postman/streaming/streaming.go"
	streamerSource  = "D16 pkg/runtime/pubsub/streamer/streamer.go"
)

// Streamed are the cases of streaming subscriptions.
func Streamed() []StreamCase {
	var cases []StreamCase
	const tried = -1 // once without the policy, 1+Retries with it
	status := func(s runtime.TopicEventResponse_TopicEventResponseStatus) *runtime.TopicEventResponse {
		return &runtime.TopicEventResponse{Status: s}
	}
	success, retry, drop := status(runtime.TopicEventResponse_SUCCESS), status(runtime.TopicEventResponse_RETRY), status(runtime.TopicEventResponse_DROP)
	for _, c := range []StreamCase{
		{Case{Name: "success", DeadLetter: true, Want: Want{1, journal.Success, Acknowledged}, Source: streamingSource,
			Explanation: "SUCCESS is acknowledged"}, Answers, success},
		{Case{Name: "no-status", DeadLetter: true, Want: Want{1, journal.Success, Acknowledged}, Source: streamingSource,
			Explanation: "an answer without a status is SUCCESS"}, Answers, nil},
		{Case{Name: "retry", DeadLetter: true, Want: Want{tried, journal.Retry, DeadLettered}, Source: streamingSource,
			Explanation: "RETRY is tried again by the policy, and dead-lettered after it"}, Answers, retry},
		{Case{Name: "unknown-status", DeadLetter: true, Want: Want{tried, "status 7", DeadLettered}, Source: streamingSource,
			Explanation: "a status that Dapr does not know is like RETRY"}, Answers, status(7)},
		{Case{Name: "drop", DeadLetter: true, Want: Want{1, journal.Drop, DeadLettered}, Source: policySource,
			Explanation: "DROP is never tried again, and goes to the dead letter topic"}, Answers, drop},
		{Case{Name: "retry-no-dead-letter", Want: Want{tried, journal.Retry, Pending}, Source: "C16 pubsub/redis/redis.go",
			Explanation: "without a dead letter topic a failed event stays pending, and comes again after processingTimeout"}, Answers, retry},
		{Case{Name: "drop-no-dead-letter", Want: Want{1, journal.Drop, Acknowledged}, Source: policySource,
			Explanation: "DROP without a dead letter topic is acknowledged: the event is lost"}, Answers, drop},
		{Case{Name: "closed", DeadLetter: true, Want: Want{1, journal.NoAnswer, DeadLettered}, Source: streamerSource,
			Explanation: "a stream that ends fails what is in flight on it; a policy then finds no stream, and the event is dead-lettered after it"}, Closes, nil},
		{Case{Name: "closed-no-dead-letter", Want: Want{1, journal.NoAnswer, Pending}, Source: streamerSource,
			Explanation: "without a dead letter topic what was in flight comes again, to the next stream"}, Closes, nil},
	} {
		for _, retries := range []bool{false, true} {
			c := c
			c.Retries = retries
			suffix := ".once"
			if retries {
				suffix = ".retried"
			}
			if c.Want.Deliveries == tried {
				c.Want.Deliveries = 1
				if retries {
					c.Want.Deliveries = 1 + Retries
				}
			}
			c.Name = "stream." + c.Name + suffix
			cases = append(cases, c)
		}
	}
	return append(cases,
		StreamCase{Case{Name: "stream.silent.timeout", DeadLetter: true, Retries: true, Want: Want{1 + Retries, journal.NoAnswer, DeadLettered}, Source: streamerSource,
			Explanation: "no answer within the policy's timeout is a failure, tried again and dead-lettered"}, Silent, nil},
		StreamCase{Case{Name: "stream.silent-no-dead-letter.timeout", Retries: true, Want: Want{1 + Retries, journal.NoAnswer, Pending}, Source: streamerSource,
			Explanation: "no answer within the policy's timeout is a failure; without a dead letter topic the event comes again"}, Silent, nil},
	)
}

// StreamResources are [Resources] with a component more: [Impatient].
func StreamResources() []fs.FS {
	return append(Resources(), fstest.MapFS{
		"impatient.yaml": {Data: []byte("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: " + Impatient +
			"\nspec:\n  type: pubsub.redis\n  version: v1\n  metadata:\n" +
			"  - {name: redisHost, value: \"localhost:6379\"}\n" +
			"  - {name: processingTimeout, value: \"3000ms\"}\n  - {name: redeliverInterval, value: \"300\"}\n")},
		"timeout.yaml": {Data: []byte("apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata:\n  name: impatient\nspec:\n" +
			"  policies:\n    timeouts:\n      short: 100ms\n    retries:\n      patient:\n        policy: constant\n        duration: 100ms\n        maxRetries: 3\n" +
			"  targets:\n    components:\n      " + Impatient + ":\n        inbound:\n          timeout: short\n          retry: patient\n")},
	})
}

// RunStreams plays the cases in a world that was started with [StreamResources]:
// it opens a stream for each, publishes its one event and waits until the world is
// settled. That some events stay pending is no error; their streams are then ended.
func RunStreams(ctx context.Context, w *world.World, cases []StreamCase) error {
	var sdk client.Client
	if err := w.AttachContext(ctx, Streamer, func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
		sdk = s.Client()
		return world.None, nil
	}); err != nil {
		return fmt.Errorf("attach %s: %w", Streamer, err)
	}
	var together []StreamCase
	var alone [][]StreamCase
	for _, c := range cases {
		if c.Want.State == Pending {
			alone = append(alone, []StreamCase{c}) // so that it is not cut off in the middle of a round
			continue
		}
		together = append(together, c)
	}
	for _, played := range append([][]StreamCase{together}, alone...) {
		if err := runStreams(ctx, w, sdk, played); err != nil {
			return err
		}
	}
	return nil
}

// runStreams plays cases at the same time.
func runStreams(ctx context.Context, w *world.World, sdk client.Client, cases []StreamCase) error {
	streams, cancel := context.WithCancel(ctx)
	var playing sync.WaitGroup
	defer playing.Wait()
	defer cancel()
	for _, c := range cases {
		stream, end, err := c.open(streams, sdk)
		if err != nil {
			end()
			return fmt.Errorf("case %s: subscribe: %w", c.Name, err)
		}
		playing.Go(func() { c.play(streams, sdk, stream, end) })
	}
	for _, c := range cases {
		e := contract.Event{ID: c.EventID(), PubSub: c.Component(), Topic: c.Topic(), DataContentType: "application/json",
			Data: json.RawMessage(fmt.Sprintf(`{"case":%q}`, c.Name))}
		if err := w.SendFrom(ctx, Publisher, e); err != nil {
			return fmt.Errorf("case %s: %w", c.Name, err)
		}
	}
	if err := w.Settle(ctx); err != nil && !errors.Is(err, world.ErrPending) {
		return err
	}
	return nil
}

// open subscribes without the Go SDK's own helpers, which cannot give every answer.
func (c StreamCase) open(ctx context.Context, sdk client.Client) (runtime.Dapr_SubscribeTopicEventsAlpha1Client, context.CancelFunc, error) {
	ctx, end := context.WithCancel(ctx)
	stream, err := runtime.NewDaprClient(sdk.GrpcClientConn()).SubscribeTopicEventsAlpha1(ctx)
	if err != nil {
		return nil, end, err
	}
	first := &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: c.Component(), Topic: c.Topic()}
	if c.DeadLetter {
		topic := c.DeadLetterTopic()
		first.DeadLetterTopic = &topic
	}
	if err := stream.Send(&runtime.SubscribeTopicEventsRequestAlpha1{
		SubscribeTopicEventsRequestType: &runtime.SubscribeTopicEventsRequestAlpha1_InitialRequest{InitialRequest: first}}); err != nil {
		return nil, end, err
	}
	_, err = stream.Recv()
	return stream, end, err
}

// play is the app, until its stream ends.
func (c StreamCase) play(ctx context.Context, sdk client.Client, stream runtime.Dapr_SubscribeTopicEventsAlpha1Client, end context.CancelFunc) {
	defer func() { end() }()
	for {
		in, err := stream.Recv()
		if err != nil {
			return
		}
		switch c.Does {
		case Answers:
			_ = stream.Send(&runtime.SubscribeTopicEventsRequestAlpha1{SubscribeTopicEventsRequestType: &runtime.SubscribeTopicEventsRequestAlpha1_EventProcessed{
				EventProcessed: &runtime.SubscribeTopicEventsRequestProcessedAlpha1{Id: in.GetEventMessage().GetId(), Status: c.Status}}})
		case Closes:
			end()
			if c.Want.State != Pending {
				return
			}
			if stream, end, err = c.open(ctx, sdk); err != nil {
				return
			}
		}
	}
}
