package proxy

import (
	"fmt"
	"sync"
	"time"

	runtimev1pb "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// protocolStream is the protocol of a streaming subscription, in the journal.
const protocolStream = "stream"

// streamed is a streaming subscription as it passes.
type streamed struct {
	api *API

	mu            sync.Mutex
	pubsub, topic string
	deadLetter    string
	raw           bool
	timeout       time.Duration // of the inbound policy
	// expecting is by CloudEvents id, as daprd keeps it: of two in flight with
	// one id an answer is for the later.
	expecting map[string]*sentEvent
	open      []*sentEvent
}

// sentEvent is one event that the app was sent and has not answered.
type sentEvent struct {
	seq    int
	record world.Delivery
	start  time.Time
	timer  *time.Timer // nil without a timeout
	loses  faults.Fault
}

// streamGRPC passes a streaming subscription and records its deliveries and
// their answers.
func (a *API) streamGRPC(stream grpc.ServerStream, method string, u *upstream) error {
	s := &streamed{api: a, expecting: make(map[string]*sentEvent)}
	defer s.end()
	return forwardWatched(stream, method, u.conn, s.fromApp, s.fromDapr)
}

// fromApp sees the app's initial request and its answers, before daprd does.
func (s *streamed) fromApp(payload []byte) error {
	var in runtimev1pb.SubscribeTopicEventsRequestAlpha1
	if proto.Unmarshal(payload, &in) != nil {
		return nil // daprd refuses it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := in.GetInitialRequest(); first != nil && s.pubsub == "" {
		s.pubsub, s.topic, s.deadLetter, s.raw = first.GetPubsubName(), first.GetTopic(), first.GetDeadLetterTopic(), isRaw(first.GetMetadata())
		s.timeout = s.api.cfg.Recorder.Resources().Inbound(s.api.cfg.AppID, s.pubsub).Timeout
		return nil
	}
	processed := in.GetEventProcessed()
	e := s.expecting[processed.GetId()]
	if processed == nil || e == nil {
		return nil
	}
	delete(s.expecting, processed.GetId())
	s.answer(e, grpcStatus(processed.GetStatus().GetStatus()))
	if e.loses == nil {
		return nil
	}
	s.injected(e.record, e.loses, e.seq)
	return brokenBy(e.loses)
}

// fromDapr sees the events, before the app does.
func (s *streamed) fromDapr(payload []byte) error {
	var out runtimev1pb.SubscribeTopicEventsResponseAlpha1
	if err := proto.Unmarshal(payload, &out); err != nil {
		return status.Errorf(codes.Internal, "eventproof cannot read daprd's SubscribeTopicEventsResponseAlpha1: %v", err)
	}
	cfg := s.api.cfg
	in := out.GetEventMessage()
	if in == nil {
		if out.GetInitialResponse() != nil {
			cfg.Subscribed(world.Subscription{App: cfg.AppID, PubSub: s.pubsub, Topic: s.topic, DeadLetterTopic: s.deadLetter, Protocol: protocolStream, Kind: "streaming"})
		}
		return nil
	}
	stated := in.GetExtensions().GetFields()["topic"].GetStringValue()
	for _, topic := range []string{in.GetTopic(), stated} {
		if topic != "" && in.GetId() != "" {
			cfg.Published(s.api.ctx, in.GetPubsubName(), topic, in.GetId())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	record := world.Delivery{App: cfg.AppID, PubSub: in.GetPubsubName(), Topic: in.GetTopic(), Route: in.GetPath(), Protocol: protocolStream,
		Raw: s.raw, Event: eventName(cfg.Recorder, grpcEvent(in))}
	event := record.Event
	if f, ok := faults.Strike[faults.FailDelivery](cfg.Faults, cfg.AppID, record.Topic, event.ID, event.Identity); ok {
		s.injected(record, f, cfg.Recorder.PublishedSeq(record.PubSub, event.ID))
		return brokenBy(f)
	}
	e := &sentEvent{record: record, start: time.Now()}
	if f, ok := faults.Strike[faults.LoseAnswer](cfg.Faults, cfg.AppID, record.Topic, event.ID, event.Identity); ok {
		e.loses = f
	}
	e.seq, _ = cfg.Recorder.Deliver(record)
	s.expecting[in.GetId()] = e
	s.open = append(s.open, e)
	if s.timeout > 0 {
		e.timer = time.AfterFunc(s.timeout, func() { s.timedOut(in.GetId(), e) })
	}
	return nil
}

// timedOut is where daprd stops waiting, which it does without a word: an
// answer that comes later is nobody's, or that of the next attempt.
func (s *streamed) timedOut(id string, e *sentEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expecting[id] == e {
		delete(s.expecting, id)
	}
	s.answer(e, journal.NoAnswer)
}

// answer records an answer, once. s.mu is held.
func (s *streamed) answer(e *sentEvent, text string) {
	for i, open := range s.open {
		if open != e {
			continue
		}
		s.open = append(s.open[:i], s.open[i+1:]...)
		if e.timer != nil {
			e.timer.Stop()
		}
		s.api.cfg.Recorder.Answer(e.seq, text, time.Since(e.start))
		return
	}
}

// end is the end of the stream: nobody answers what is open.
func (s *streamed) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.expecting)
	for len(s.open) > 0 {
		s.answer(s.open[0], journal.NoAnswer)
	}
}

func (s *streamed) injected(r world.Delivery, f faults.Fault, cause int) {
	s.api.cfg.Recorder.Journal().Append(journal.Entry{Kind: journal.FaultInjected, SeenBy: journal.Proxy, App: r.App, PubSub: r.PubSub,
		Topic: r.Topic, Event: r.Event, Protocol: r.Protocol, Route: r.Route, Fault: f.String(), Cause: cause})
}

// brokenBy ends a stream for both sides: an answer that is lost on its way is a
// connection that broke.
func brokenBy(f faults.Fault) error {
	return status.Error(codes.Unavailable, fmt.Sprintf("connection broken by eventproof: %s", f))
}

// eventName is the event's name: that under which it was published, if that was
// seen, else as the contracts have it.
func eventName(r *world.Recorder, e contract.Event) contract.Ref {
	if seq := r.PublishedSeq(e.PubSub, e.ID); seq != 0 {
		if event := r.Journal().Entries()[seq-1].Event; event.ID == e.ID {
			return event
		}
	}
	return r.Catalog().Ref(e)
}
