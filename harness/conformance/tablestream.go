package conformance

import (
	"context"
	"fmt"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
)

// tableStream is one case's streaming subscription.
type tableStream struct {
	*tablePlay
	sdk    client.Client
	stream runtime.Dapr_SubscribeTopicEventsAlpha1Client
	end    context.CancelFunc
}

// open subscribes without the Go SDK's own helpers, which cannot give every
// answer.
func (s *tableStream) open(ctx context.Context) error {
	ctx, s.end = context.WithCancel(ctx)
	first := &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: s.Component(), Topic: s.Topic()}
	if s.DeadLetter {
		topic := s.DeadLetterTopic()
		first.DeadLetterTopic = &topic
	}
	if s.content().rawRead {
		first.Metadata = map[string]string{"rawPayload": "true"}
	}
	stream, err := runtime.NewDaprClient(s.sdk.GrpcClientConn()).SubscribeTopicEventsAlpha1(ctx)
	if err == nil {
		err = stream.Send(&runtime.SubscribeTopicEventsRequestAlpha1{SubscribeTopicEventsRequestType: &runtime.SubscribeTopicEventsRequestAlpha1_InitialRequest{InitialRequest: first}})
	}
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		s.end()
		return fmt.Errorf("case %s: subscribe: %w", s.Name, err)
	}
	s.stream = stream
	return nil
}

// play is the app until its stream ends. One that closes it subscribes anew, and
// then handles what comes.
func (s *tableStream) play(ctx context.Context) {
	defer func() { s.end() }()
	closed := false
	for {
		in, err := s.stream.Recv()
		if err != nil {
			return
		}
		request := in.GetEventMessage()
		slow, released := s.take(s.callGRPC(s.stream.Context(), request))
		reply := s.reply()
		switch {
		case slow:
			continue // an answer after the timeout would be taken for the next attempt's
		case reply.closes && !closed:
			closed = true
			s.end()
			if s.open(ctx) != nil {
				return
			}
			continue
		}
		answer := &runtime.SubscribeTopicEventsRequestProcessedAlpha1{Id: request.GetId()}
		if !released && !reply.closes && !reply.bare {
			answer.Status = &runtime.TopicEventResponse{Status: statusOf(reply.word)}
		}
		_ = s.stream.Send(&runtime.SubscribeTopicEventsRequestAlpha1{SubscribeTopicEventsRequestType: &runtime.SubscribeTopicEventsRequestAlpha1_EventProcessed{EventProcessed: answer}})
	}
}
