package differential

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcmetadata "google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/eventproof/eventproof/fakes/world"
)

// callback is a gRPC app, by Dapr's own interfaces: the Go SDK's service cannot
// give every answer.
type callback struct {
	runtime.UnimplementedAppCallbackServer
	runtime.UnimplementedAppCallbackAlphaServer
	*cast
}

func (c *cast) serveGRPC() world.Endpoint {
	listener := world.Listen()
	server := grpc.NewServer()
	runtime.RegisterAppCallbackServer(server, callback{cast: c})
	runtime.RegisterAppCallbackAlphaServer(server, callback{cast: c})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	return world.GRPC(listener).OnStop(func(context.Context) error {
		server.Stop()
		<-done
		return nil
	})
}

func (c callback) ListTopicSubscriptions(context.Context, *emptypb.Empty) (*runtime.ListTopicSubscriptionsResponse, error) {
	out := &runtime.ListTopicSubscriptionsResponse{}
	for _, r := range c.roles {
		for j, sub := range r.Apps[r.index].Subscriptions {
			if sub.Declarative != "" {
				continue
			}
			s := &runtime.TopicSubscription{PubsubName: r.component(sub.Component), Topic: r.topic(sub.Component, sub.Topic), DeadLetterTopic: r.deadLetter(sub), Routes: &runtime.TopicRoutes{}}
			for _, rule := range sub.Rules {
				if rule.Match == "" {
					s.Routes.Default = r.path(r.index, j, rule.Path)
					continue
				}
				s.Routes.Rules = append(s.Routes.Rules, &runtime.TopicRule{Match: rule.Match, Path: r.path(r.index, j, rule.Path)})
			}
			if sub.RawPayload != "" {
				s.Metadata = map[string]string{"rawPayload": sub.RawPayload}
			}
			if sub.Bulk {
				s.BulkSubscribe = &runtime.BulkSubscribeConfig{Enabled: true, MaxMessagesCount: 10, MaxAwaitDurationMs: bulkAwait}
			}
			out.Subscriptions = append(out.Subscriptions, s)
		}
	}
	return out, nil
}

// find is the role and the subscription that a topic belongs to.
func (c *cast) find(pubsub, topic string) (role, int, bool) {
	for _, r := range c.roles {
		name, ok := r.topicOf(topic)
		if !ok {
			continue
		}
		for j, sub := range r.Apps[r.index].Subscriptions {
			if sub.Topic == name && r.component(sub.Component) == pubsub {
				return r, j, true
			}
		}
	}
	return role{}, 0, false
}

// status is an answer as gRPC apps give it.
func statusOf(answer string) (runtime.TopicEventResponse_TopicEventResponseStatus, error) {
	if code, ok := strings.CutPrefix(answer, "gRPC "); ok {
		n, _ := strconv.Atoi(code)
		return 0, status.Error(codes.Code(n), "as the scenario wants")
	}
	if answer == AnswerEmpty || answer == AnswerSlow {
		return runtime.TopicEventResponse_SUCCESS, nil
	}
	if value, ok := runtime.TopicEventResponse_TopicEventResponseStatus_value[answer]; ok {
		return runtime.TopicEventResponse_TopicEventResponseStatus(value), nil
	}
	return 7, nil
}

func (c callback) OnTopicEvent(ctx context.Context, in *runtime.TopicEventRequest) (*runtime.TopicEventResponse, error) {
	r, sub, ok := c.find(in.GetPubsubName(), in.GetTopic())
	if !ok {
		return nil, status.Error(codes.Internal, "nobody's topic")
	}
	text := told(in)
	event := nameIn(in.GetId(), []byte(text))
	n, answered := r.record.attempt(r.lane(sub, event), text+" "+sentWith(ctx))
	answer := r.saidTo(ctx, sub, event, n, answered)
	s, err := statusOf(answer)
	if err != nil {
		return nil, err
	}
	return &runtime.TopicEventResponse{Status: s}, nil
}

// sentWith is the call's metadata, without that of gRPC and of tracing.
func sentWith(ctx context.Context) string {
	in, _ := grpcmetadata.FromIncomingContext(ctx)
	var all []string
	for _, name := range slices.Sorted(maps.Keys(in)) {
		switch {
		case strings.HasPrefix(name, ":"), strings.HasPrefix(name, "grpc-"), strings.HasPrefix(name, "dapr-"), strings.HasPrefix(name, "eventproof-"),
			name == "content-type", name == "user-agent", name == "traceparent", name == "tracestate":
		default:
			all = append(all, name+"="+strings.Join(in[name], ","))
		}
	}
	return printable(strings.Join(all, " "))
}

// told is an event as a gRPC app gets it, without what differs from run to run.
func told(in *runtime.TopicEventRequest) string {
	return fmt.Sprintf("id=%s source=%s type=%s specversion=%s datacontenttype=%s topic=%s pubsub=%s path=%s data=%s extensions=%s",
		steady(in.GetId()), in.GetSource(), in.GetType(), in.GetSpecVersion(), in.GetDataContentType(), in.GetTopic(), in.GetPubsubName(), in.GetPath(),
		plain(in.GetData()), extensions(in.GetExtensions()))
}

// steady is an id, or that it was drawn.
func steady(id string) string {
	if drawn.MatchString(`"id":"` + id + `"`) {
		return "drawn"
	}
	return printable(id)
}

func extensions(s *structpb.Struct) string {
	if s == nil {
		return "none"
	}
	text, err := protojson.Marshal(s)
	if err != nil {
		return err.Error()
	}
	var sorted any
	_ = json.Unmarshal(text, &sorted) // protojson's spaces differ from run to run
	text, _ = json.Marshal(sorted)
	return plain(text)
}

func (c callback) OnBulkTopicEventAlpha1(ctx context.Context, in *runtime.TopicEventBulkRequest) (*runtime.TopicEventBulkResponse, error) {
	r, sub, ok := c.find(in.GetPubsubName(), in.GetTopic())
	if !ok {
		return nil, status.Error(codes.Internal, "nobody's topic")
	}
	out := &runtime.TopicEventBulkResponse{}
	var failure error
	for _, e := range in.GetEntries() {
		var text, id string
		if ce := e.GetCloudEvent(); ce != nil {
			id = ce.GetId()
			text = told(&runtime.TopicEventRequest{Id: ce.GetId(), Source: ce.GetSource(), Type: ce.GetType(), SpecVersion: ce.GetSpecVersion(),
				DataContentType: ce.GetDataContentType(), Data: ce.GetData(), Extensions: ce.GetExtensions(), Topic: in.GetTopic(), PubsubName: in.GetPubsubName(), Path: in.GetPath()})
		} else {
			text = fmt.Sprintf("bytes=%s path=%s", plain(e.GetBytes()), in.GetPath())
		}
		event := nameIn(id, []byte(text))
		came := fmt.Sprintf("bulk type=%s %v %s contentType=%s %v %s", in.GetType(), in.GetMetadata(), text, e.GetContentType(), e.GetMetadata(), sentWith(ctx))
		n, answered := r.record.attempt(r.lane(sub, event), came)
		answer := r.saidTo(ctx, sub, event, n, answered)
		if answer == AnswerNone {
			continue
		}
		s, err := statusOf(answer)
		if err != nil && failure == nil {
			failure = err
		}
		out.Statuses = append(out.Statuses, &runtime.TopicEventBulkResponseEntry{EntryId: e.GetEntryId(), Status: s})
	}
	if failure != nil {
		return nil, failure
	}
	return out, nil
}

// listen opens the streams of an app, and answers on them until the context
// ends. It returns when all are open.
func (c *cast) listen(ctx context.Context, playing *sync.WaitGroup) error {
	for _, r := range c.roles {
		for j, sub := range r.Apps[r.index].Subscriptions {
			c.mu.Lock()
			sdk := c.sdk
			c.mu.Unlock()
			stream, err := runtime.NewDaprClient(sdk.GrpcClientConn()).SubscribeTopicEventsAlpha1(ctx)
			if err != nil {
				return err
			}
			first := &runtime.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: r.component(sub.Component), Topic: r.topic(sub.Component, sub.Topic)}
			if sub.DeadLetter != "" {
				dead := r.deadLetter(sub)
				first.DeadLetterTopic = &dead
			}
			if sub.RawPayload != "" {
				first.Metadata = map[string]string{"rawPayload": sub.RawPayload}
			}
			if err := stream.Send(&runtime.SubscribeTopicEventsRequestAlpha1{
				SubscribeTopicEventsRequestType: &runtime.SubscribeTopicEventsRequestAlpha1_InitialRequest{InitialRequest: first}}); err != nil {
				return err
			}
			if _, err := stream.Recv(); err != nil {
				return fmt.Errorf("%s subscribes to %s: %w", c.id, r.topic(sub.Component, sub.Topic), err)
			}
			playing.Go(func() { r.answerOn(ctx, stream, j) })
		}
	}
	return nil
}

func (r role) answerOn(ctx context.Context, stream runtime.Dapr_SubscribeTopicEventsAlpha1Client, sub int) {
	for {
		in, err := stream.Recv()
		if err != nil {
			return
		}
		message := in.GetEventMessage()
		text := told(message)
		event := nameIn(message.GetId(), []byte(text))
		n, answered := r.record.attempt(r.lane(sub, event), text)
		answer := r.Apps[r.index].Subscriptions[sub].answer(event, n)
		answered(answer)
		if answer == AnswerSlow {
			continue // an answer that comes later would be that of the next attempt
		}
		s, _ := statusOf(answer)
		_ = stream.Send(&runtime.SubscribeTopicEventsRequestAlpha1{SubscribeTopicEventsRequestType: &runtime.SubscribeTopicEventsRequestAlpha1_EventProcessed{
			EventProcessed: &runtime.SubscribeTopicEventsRequestProcessedAlpha1{Id: message.GetId(), Status: &runtime.TopicEventResponse{Status: s}}}})
	}
}
