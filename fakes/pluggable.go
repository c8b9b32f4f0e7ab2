package fakes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	components "github.com/dapr/dapr/pkg/proto/components/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/contract/resources"
)

// pluggable is a pubsub component in a process of its own, spoken to as daprd
// speaks to it. The messages of a subscription come over a stream, one after
// another: the next is read when the one before is acknowledged, or its failure told.
// What the component makes of a failure is its own affair.
//
// Source: dapr v1.16.0 pkg/components/pubsub/pluggable.go.
type pluggable struct {
	name   string // of the component
	conn   *grpc.ClientConn
	client components.PubSubClient
	able   []string

	ctx     context.Context
	cancel  context.CancelFunc
	pulls   map[*subscription]context.CancelFunc // under the engine's lock
	pulling sync.WaitGroup
}

// plug connects the pluggable components that an app's sidecar has, by their
// name. It fails where one refuses Init, as daprd's start does.
func (k kinds) plug(ctx context.Context, app string, set *resources.Set) (map[string]*pluggable, error) {
	plugged := make(map[string]*pluggable)
	for _, c := range set.PubSubs() {
		client := k.sockets[strings.ToLower(c.Type)]
		if client == nil || !k.kept(c) {
			continue
		}
		p, err := client.pubsub(ctx, c, app)
		if err != nil {
			for _, made := range plugged {
				made.close()
			}
			return nil, fmt.Errorf("init component %s (%s/%s) on %s: %w", c.Name, c.Type, c.Version, client.socket, err)
		}
		plugged[c.Name] = p
	}
	return plugged, nil
}

// plugIn is plug before the app's place is made.
func (w *backend) plugIn(ctx context.Context, id string) error {
	w.engine.mu.Lock()
	made := w.apps[id] != nil
	w.engine.mu.Unlock()
	if made {
		return nil
	}
	plugged, err := w.kinds.plug(ctx, id, w.recorder.Resources().For(id))
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	w.plugged[id] = plugged
	return err
}

// unplug ends the connections to the app's pluggable components. The lock is
// not held.
func (a *app) unplug() {
	for _, p := range a.plugged {
		p.close()
	}
}

func (p *pluggable) close() {
	p.cancel()
	_ = p.conn.Close()
	p.pulling.Wait()
}

// pubsub makes the component: Init with its metadata, then Features.
func (c *pluggableClient) pubsub(ctx context.Context, in resources.Component, app string) (*pluggable, error) {
	conn, err := c.dial(in.Name)
	if err != nil {
		return nil, err
	}
	p := &pluggable{name: in.Name, conn: conn, client: components.NewPubSubClient(conn), pulls: make(map[*subscription]context.CancelFunc)}
	properties := make(map[string]string)
	for _, item := range in.Metadata {
		properties[item.Name] = item.Value
	}
	properties["consumerID"] = in.ConsumerID(app)
	timeout := in.InitTimeout
	if timeout <= 0 {
		timeout = initTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err = p.client.Init(ctx, &components.PubSubInitRequest{Metadata: &components.MetadataRequest{Properties: properties}}, grpc.WaitForReady(true))
	if err == nil {
		var features *components.FeaturesResponse
		features, err = p.client.Features(ctx, &components.FeaturesRequest{})
		p.able = features.GetFeatures()
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p, nil
}

func (p *pluggable) features() []string { return append([]string{}, p.able...) }

func (p *pluggable) join(w *backend, s *subscription) {
	key := topicKey{s.pubsub().redis, s.topic}
	for before := range p.pulls { // daprd is replaced
		if before.topic == s.topic && before.stream == nil && s.stream == nil {
			p.leave(w, before)
		}
	}
	g := w.ownGroup(key, s)
	ctx, cancel := context.WithCancel(p.ctx)
	p.pulls[s] = cancel
	p.pulling.Add(1)
	go func() {
		defer p.pulling.Done()
		p.pull(ctx, w, g)
	}()
}

func (p *pluggable) leave(w *backend, s *subscription) {
	if cancel := p.pulls[s]; cancel != nil {
		cancel()
	}
	delete(p.pulls, s)
	w.broker.order = slices.DeleteFunc(w.broker.order, func(g *group) bool { return slices.Contains(g.subs, s) })
}

// pull reads the messages of a subscription until it or the component ends.
func (p *pluggable) pull(ctx context.Context, w *backend, g *group) {
	s := g.subs[0]
	stream, err := p.client.PullMessages(ctx)
	if err == nil {
		err = stream.Send(&components.PullMessagesRequest{Topic: &components.Topic{Name: s.topic, Metadata: s.metadata}})
	}
	if err != nil {
		if ctx.Err() == nil {
			w.recorder.Logf("%s cannot subscribe to topic %s of %s: %v", s.app.id, s.topic, p.name, err)
		}
		return
	}
	for {
		in, err := stream.Recv()
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, io.EOF) {
				w.recorder.Logf("%s no longer hears of topic %s of %s; as daprd, the fake does not ask again: %v", s.app.id, s.topic, p.name, err)
			}
			return
		}
		failure, ok := p.hand(ctx, w, g, in)
		if !ok {
			return
		}
		answer := &components.PullMessagesRequest{AckMessageId: in.GetId()}
		if failure != nil {
			answer.AckError = &components.AckMessageError{Message: *failure}
		}
		if err := stream.Send(answer); err != nil && ctx.Err() == nil {
			w.recorder.Logf("%s cannot acknowledge message %s of topic %s of %s: %v", s.app.id, in.GetId(), s.topic, p.name, err)
		}
	}
}

// hand delivers a message and waits for what came of it; not ok where the
// subscription ends first.
func (p *pluggable) hand(ctx context.Context, w *backend, g *group, in *components.PullMessagesResponse) (failure *string, ok bool) {
	s := g.subs[0]
	m := &message{data: in.GetData(), metadata: in.GetMetadata(), topic: in.GetTopicName(), told: make(chan *string, 1)}
	if w.version.binaryEvents {
		m.metadata = maps.Clone(m.metadata)
		if m.metadata == nil {
			m.metadata = make(map[string]string)
		}
		m.metadata[contentTypeKey] = in.GetContentType()
	}
	if e, err := contract.ParseEvent(m.data); err == nil && s.rawPayload != "true" {
		e.PubSub, e.Topic = s.component, m.topic
		m.event = w.recorder.Catalog().Ref(e)
		m.seq = w.recorder.PublishedSeq(s.component, e.ID)
	}
	w.engine.mu.Lock()
	switch {
	case w.engine.closed || ctx.Err() != nil:
		w.engine.mu.Unlock()
		return nil, false
	case s.closed:
		w.engine.mu.Unlock()
		text := closedText
		return &text, true
	}
	g.topic.log, g.topic.gone, g.next = []*message{m}, 0, 0
	w.read(g)
	w.engine.startSoon()
	w.engine.wake()
	w.engine.mu.Unlock()
	select {
	case failure = <-m.told:
		return failure, true
	case <-ctx.Done():
		return nil, false
	}
}

// closedText is what a message hears that comes once the sidecar has begun to
// shut down.
const closedText = "subscription is closed"

// store does nothing: the component has it, from send.
func (p *pluggable) store(*backend, component, string, *message) {}

func (p *pluggable) acknowledged(_ *backend, d *delivery) { d.tell(nil) }

// failed tells the component; what it does then is not ours to say.
func (p *pluggable) failed(_ *backend, d *delivery) {
	g := d.group
	if !g.holds(d.pending) {
		return
	}
	g.pending.remove(d.pending)
	text := d.failure()
	d.last = d.record(journal.Entry{Kind: journal.Pending, Note: "the component is told: " + text})
	d.tell(&text)
}

// tell is the answer to the component, once.
func (d *delivery) tell(failure *string) {
	select {
	case d.pending.message.told <- failure:
	default:
	}
}

// failure is the error of daprd's handler, in its words as far as the app's
// answer decides them.
//
// Sources: dapr v1.16.0 pkg/runtime/subscription/postman/{http,grpc,streaming},
// pkg/runtime/errors/retriable.go.
func (d *delivery) failure() string {
	const retriable = "retriable error occurred"
	o, id := d.outcome, d.event["id"]
	note := o.note // without what the fake adds
	for _, more := range []string{"; circuit breaker ", "; not dead-lettered to "} {
		note, _, _ = strings.Cut(note, more)
	}
	switch {
	case o.kind == unread:
		return closedText
	case o.kind == unusable:
		return strings.TrimPrefix(strings.TrimPrefix(note, "not a CloudEvent: "), "routing rule: ")
	case o.kind == barred:
		return note[strings.LastIndex(note, ": ")+2:]
	case o.kind != failed || note == "fault":
		return note
	case note == timedOutNote:
		return context.DeadlineExceeded.Error()
	case o.answer == journal.Retry:
		return fmt.Sprintf("RETRY status returned from app while processing pub/sub event %v: %s", id, retriable)
	case o.grpc:
		return fmt.Sprintf("error returned from app while processing pub/sub event %v: %s: rpc error: code = %s desc = %s", id, retriable, codes.Code(o.code), note)
	case strings.HasPrefix(o.answer, "HTTP "):
		return fmt.Sprintf("%s: retriable error returned from app while processing pub/sub event %v, topic: %v, body: %s. status code returned: %d",
			retriable, id, d.event["topic"], o.body, o.code)
	case o.answer == journal.NoAnswer && d.sub.stream != nil:
		return note
	case o.answer == journal.NoAnswer:
		return fmt.Sprintf("error returned from app channel while sending pub/sub event to app: %s: %s", retriable, note)
	default:
		return fmt.Sprintf("unknown status returned from app while processing pub/sub event %v, status: %s, err: %s", id, strings.TrimPrefix(o.answer, "status "), retriable)
	}
}
