package fakes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// protocolStream is the protocol of a streaming subscription, in the journal.
const protocolStream world.Protocol = "stream"

// stream is a streaming subscription: one call of SubscribeTopicEventsAlpha1.
// Its events and their answers go over the app's own connection, so it needs no
// app port, and ends with the connection. All but the two channels is under the
// engine's lock.
//
// Sources: dapr v1.16.0 pkg/api/grpc/subscribe.go,
// pkg/runtime/pubsub/streamer/{streamer,conn}.go.
type stream struct {
	sub    *subscription
	server runtime.Dapr_SubscribeTopicEventsAlpha1Server
	// sending is held by who sends: a channel, because a mutex would keep a
	// bubble's time from passing.
	sending chan struct{}
	closed  chan struct{} // closed when the stream has ended
	ended   bool          // the same, under the lock
	broken  chan error    // why the sidecar itself ends it: a fault
	// expecting has the delivery of each CloudEvents id that waits for an answer:
	// of two with one id only the later, as daprd keeps it.
	expecting map[string]chan *runtime.SubscribeTopicEventsRequestProcessedAlpha1
	holding   int  // deliveries whose policy has not ended
	held      bool // it had such deliveries when it ended
}

// SubscribeTopicEventsAlpha1 is a streaming subscription, from its initial
// request to its end.
func (d *daprServer) SubscribeTopicEventsAlpha1(server runtime.Dapr_SubscribeTopicEventsAlpha1Server) error {
	leave, ok := d.sidecar.enter()
	if !ok {
		return status.Error(codes.Unavailable, "the sidecar is closed")
	}
	defer leave()
	st, err := d.sidecar.subscribe(server)
	if st == nil {
		return err
	}
	if err != nil { // the client went away meanwhile
		st.end(d.sidecar.world)
		return err
	}
	received := make(chan error, 1)
	go func() { received <- st.receive(d.sidecar.world) }()
	select {
	case err = <-received:
	case err = <-st.broken:
	case <-server.Context().Done():
		err = server.Context().Err()
	}
	st.end(d.sidecar.world)
	// daprd answers the call when all deliveries of it have ended, and the app's
	// client hears of the end only then. One whose connection is gone does not wait.
	_ = d.sidecar.world.engine.wait(server.Context(), func() bool {
		return d.sidecar.world.engine.closed || !slices.Contains(st.sub.app.stopping, st)
	})
	return err
}

// subscribe reads the initial request, joins the consumer group and answers.
func (s *sidecar) subscribe(server runtime.Dapr_SubscribeTopicEventsAlpha1Server) (*stream, error) {
	first, err := server.Recv()
	if err != nil {
		return nil, err
	}
	in := first.GetInitialRequest()
	switch {
	case in == nil:
		return nil, errors.New("initial request is required")
	case in.GetPubsubName() == "":
		return nil, errors.New("pubsubName is required")
	case in.GetTopic() == "":
		return nil, errors.New("topic is required")
	}
	w, a := s.world, s.app
	// daprd starts a stream and ends one under the same lock, and the end lasts
	// until the last delivery has ended, its retries included.
	// Source: dapr v1.16.0 pkg/runtime/processor/subscriber/subscriber.go.
	w.engine.mu.Lock()
	a.joining++
	w.engine.mu.Unlock()
	err = w.engine.wait(server.Context(), func() bool { return w.engine.closed || len(a.stopping) == 0 })
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	defer w.engine.wake()
	a.joining--
	if err != nil {
		return nil, status.FromContextError(err).Err()
	}
	if w.engine.closed {
		return nil, status.Error(codes.Unavailable, "the world is closed")
	}
	c, ok := a.components[in.GetPubsubName()]
	if !ok {
		return nil, notFound(in.GetPubsubName(), nil).grpc()
	}
	if !c.MaySubscribe(a.id, in.GetTopic()) {
		return nil, fmt.Errorf("failed to create subscription for %s: subscription to topic '%s' on pubsub '%s' is not allowed", c.Name, in.GetTopic(), c.Name)
	}
	st := &stream{server: server, sending: make(chan struct{}, 1), closed: make(chan struct{}), broken: make(chan error, 1),
		expecting: make(map[string]chan *runtime.SubscribeTopicEventsRequestProcessedAlpha1)}
	st.sub = &subscription{component: c.Name, topic: in.GetTopic(), deadLetter: in.GetDeadLetterTopic(), rules: []rule{{path: "/"}},
		metadata: in.GetMetadata(), rawPayload: in.GetMetadata()["rawPayload"], kind: "streaming", stream: st}
	w.begin(a, st.sub, protocolStream, time.Now())
	a.streams = append(a.streams, st)
	w.engine.startSoon()
	// Nothing is sent before the lock is free, so this comes first, and its
	// 4 bytes always find room.
	return st, server.Send(&runtime.SubscribeTopicEventsResponseAlpha1{
		SubscribeTopicEventsResponseType: &runtime.SubscribeTopicEventsResponseAlpha1_InitialResponse{
			InitialResponse: &runtime.SubscribeTopicEventsResponseInitialAlpha1{}}})
}

// subscriptions are all that the app's sidecar lists. The lock is held.
func (a *app) subscriptions() []*subscription {
	all := slices.Clone(a.subscribed)
	for _, st := range a.streams {
		all = append(all, st.sub)
	}
	return all
}

// receive takes the app's answers until the stream ends. Its error is what the
// call ends with: daprd's own are without a gRPC code, so that the app's client
// sees Unknown, also where it closed the stream itself ("EOF").
func (st *stream) receive(w *backend) error {
	for {
		in, err := st.server.Recv()
		if err != nil {
			return err
		}
		processed := in.GetEventProcessed()
		if processed == nil {
			return errors.New("duplicate initial request received")
		}
		w.engine.mu.Lock()
		expecting := st.expecting[processed.GetId()]
		w.engine.mu.Unlock()
		if expecting == nil {
			w.recorder.Logf("%s answered event %s on its stream of %s/%s, and nobody waits for that answer", st.sub.app.id, processed.GetId(), st.sub.component, st.sub.topic)
			continue
		}
		select {
		case expecting <- processed:
		default: // it was answered already
		}
	}
}

// end is the end of the stream: deliveries that wait for an answer fail.
func (st *stream) end(w *backend) {
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	if st.ended {
		return
	}
	a := st.sub.app
	st.ended = true
	close(st.closed)
	a.streams = slices.DeleteFunc(a.streams, func(other *stream) bool { return other == st })
	a.stopping = append(a.stopping, st)
	st.held = st.holding > 0
	st.mayStop(w)
	w.engine.wake()
}

// afterLast is how long daprd waits after the last delivery of a stream, for
// the result to reach the broker.
//
// Source: dapr v1.16.0 pkg/runtime/subscription/subscription.go Stop.
const afterLast = 400 * time.Millisecond

// mayStop ends the subscription once the stream has ended and its deliveries
// have. The lock is held.
func (st *stream) mayStop(w *backend) {
	if !st.ended || st.holding > 0 {
		return
	}
	stop := func() {
		st.sub.app.stopping = slices.DeleteFunc(st.sub.app.stopping, func(other *stream) bool { return other == st })
		st.sub.broker().leave(w, st.sub)
		w.engine.wake()
	}
	if !st.held {
		stop()
		return
	}
	w.engine.at(time.Now().Add(afterLast), stop)
}

// changesStreams reports whether a stream of the app is about to end or to
// begin: nothing but a moment is between it and that.
func (a *app) changesStreams() bool {
	for _, st := range a.stopping {
		if st.holding > 0 {
			return false
		}
	}
	return len(a.stopping) > 0 || a.joining > 0
}

// takes counts a delivery that a worker begins with. Once the stream has ended
// daprd's subscription still reads, until its last delivery has ended, but takes
// nothing: what it reads stays pending. The lock is held.
func (st *stream) takes() (closed bool) {
	if st == nil {
		return false
	}
	if !st.ended {
		st.holding++
	}
	return st.ended
}

// breakOff breaks the app's connection in this stream: a fault that keeps an
// event or an answer from passing. All that waits for an answer on it fails, and
// the Go SDK subscribes anew.
func (st *stream) breakOff(w *backend) {
	if st == nil {
		return
	}
	select {
	case st.broken <- status.Error(codes.Unavailable, "connection broken by eventproof"):
	default:
	}
	st.end(w)
}

// lets counts one whose policy has ended. The lock is held.
func (st *stream) lets(w *backend) {
	if st != nil {
		st.holding--
		st.mayStop(w)
	}
}

// call sends the event and waits for the answer, once. Where the event cannot be
// sent d.seq stays 0.
//
// Source: dapr v1.16.0 pkg/runtime/pubsub/streamer/streamer.go Publish.
func (st *stream) call(d *delivery) outcome {
	engine := d.world.engine
	broken := func(note string) outcome {
		return outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: note}
	}
	engine.mu.Lock()
	ended := st.ended
	engine.mu.Unlock()
	if ended {
		return broken(fmt.Sprintf("no streamer subscribed to pubsub %q topic %q: the stream has ended", st.sub.component, st.sub.topic))
	}
	request, err := topicEventRequest(d)
	if err != nil {
		return broken(err.Error())
	}
	seq, _ := d.world.recorder.Deliver(world.Delivery{App: st.sub.app.id, PubSub: st.sub.component, Topic: st.sub.topic, Route: d.path,
		Protocol: string(protocolStream), Envelope: d.shown(), Event: d.pending.message.event, Cause: d.last, Raw: st.sub.rawPayload == "true"})
	began := time.Now()
	answers := make(chan *runtime.SubscribeTopicEventsRequestProcessedAlpha1, 1)
	engine.mu.Lock()
	d.seq = seq
	st.expecting[request.GetId()] = answers
	engine.mu.Unlock()
	o := st.exchange(d, request, answers)
	o.took = time.Since(began)
	engine.mu.Lock()
	defer engine.mu.Unlock()
	delete(st.expecting, request.GetId()) // also where it is another's by now, as daprd does
	return o
}

// exchange sends one event and waits for its answer, for the end of the stream,
// or for the policy's timeout.
func (st *stream) exchange(d *delivery, request *runtime.TopicEventRequest, answers <-chan *runtime.SubscribeTopicEventsRequestProcessedAlpha1) outcome {
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if timeout := d.sub.policy.Timeout; timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	broken := func(note string) outcome {
		return outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: note}
	}
	select {
	case st.sending <- struct{}{}:
	case <-ctx.Done():
		return broken(timedOutNote)
	case <-st.closed:
		return broken("stream closed")
	}
	sent := make(chan error, 1)
	go func() { // an app that does not read lets it wait
		defer func() { <-st.sending }()
		sent <- st.server.Send(&runtime.SubscribeTopicEventsResponseAlpha1{
			SubscribeTopicEventsResponseType: &runtime.SubscribeTopicEventsResponseAlpha1_EventMessage{EventMessage: request}})
	}()
	for {
		select {
		case err := <-sent:
			if err != nil {
				return broken("send event: " + err.Error())
			}
			sent = nil
		case <-ctx.Done():
			return broken(timedOutNote)
		case <-st.closed:
			return broken("stream closed")
		case in := <-answers:
			return byStreamed(in.GetStatus().GetStatus())
		}
	}
}

// byStreamed reads an answer; one without a status is SUCCESS.
//
// Source: dapr v1.16.0 pkg/runtime/subscription/postman/streaming/streaming.go.
func byStreamed(s runtime.TopicEventResponse_TopicEventResponseStatus) outcome {
	switch s {
	case runtime.TopicEventResponse_SUCCESS, runtime.TopicEventResponse_RETRY, runtime.TopicEventResponse_DROP:
		return byStatus(s.String())
	default:
		return outcome{kind: failed, answer: fmt.Sprintf("status %d", s), code: noCode}
	}
}
