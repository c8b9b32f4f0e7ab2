package fakes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// prepare makes the request.
func (t *batch) prepare(i *incarnation, members []*bulkMessage) (call func(context.Context) outcome, err error) {
	if i.protocol == world.ProtocolGRPC {
		request := &runtime.TopicEventBulkRequest{Id: t.world.newID(), Metadata: map[string]string{"pubsubName": t.sub.component},
			Topic: t.sub.topic, PubsubName: t.sub.component, Type: "com.dapr.event.sent.bulk", Path: members[0].d.path}
		for _, e := range members {
			request.Entries = append(request.Entries, e.grpc())
		}
		return func(ctx context.Context) outcome { return t.callGRPC(ctx, i, request, members) }, nil
	}
	type entry struct {
		EntryID     string            `json:"entryId"`
		Event       any               `json:"event"`
		Metadata    map[string]string `json:"metadata"`
		ContentType string            `json:"contentType,omitempty"`
	}
	var entries []entry
	for _, e := range members {
		entries = append(entries, entry{e.id, e.event, e.d.pending.message.metadata, e.contentType})
	}
	body, err := json.Marshal(map[string]any{"id": t.world.newID(), "type": "com.dapr.event.sent.bulk", "topic": t.sub.topic, "pubsubname": t.sub.component,
		"metadata": map[string]string{"pubsubName": t.sub.component}, "entries": entries})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) outcome { return t.callHTTP(ctx, i, body, members) }, nil
}

// all is one answer for every member.
func all(members []*bulkMessage, kind outcomeKind, text, note string) *bulkAnswer {
	a := &bulkAnswer{}
	for _, e := range members {
		a.statuses = append(a.statuses, bulkStatus{e.id, kind, note})
		a.texts = append(a.texts, text)
	}
	return a
}

// each reads the statuses that an app gave, by entry id; those of entries that
// it does not have are passed over, and an entry without one is to come again.
func (t *batch) each(members []*bulkMessage, given []bulkStatus, texts map[string]string) outcome {
	o := outcome{kind: handled, code: noCode, bulk: &bulkAnswer{}}
	received := make(map[string]bool)
	take := func(s bulkStatus) {
		o.bulk.statuses = append(o.bulk.statuses, s)
		if s.kind == failed {
			o.kind, o.note = failed, "some entries of the bulk delivery failed"
		}
	}
	for _, s := range given {
		if _, known := t.index[s.id]; known {
			received[s.id] = true
			take(s)
		}
	}
	for _, e := range members {
		if text, ok := texts[e.id]; ok {
			o.bulk.texts = append(o.bulk.texts, text)
		} else {
			o.bulk.texts = append(o.bulk.texts, journal.Retry)
		}
		if !received[e.id] {
			take(bulkStatus{e.id, failed, "the app's answer does not name this entry"})
		}
	}
	return o
}

// callHTTP is a POST of the batch. Its failures have no code: a policy's
// matching list never excludes them.
//
// Source: dapr v1.16.0 pkg/runtime/subscription/postman/http/http.go DeliverBulk.
func (t *batch) callHTTP(ctx context.Context, i *incarnation, body []byte, members []*bulkMessage) outcome {
	broken := func(err error) outcome {
		return outcome{kind: failed, answer: journal.NoAnswer, code: noCode, note: err.Error(), bulk: all(members, failed, journal.NoAnswer, err.Error())}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://app/"+strings.TrimPrefix(members[0].d.path, "/"), bytes.NewReader(body))
	if err != nil {
		return broken(err)
	}
	r.Header.Set("pubsubName", t.sub.component)
	r.Header.Set("Content-Type", "application/json")
	response, err := i.http.RoundTrip(r)
	if err != nil {
		var panicked *world.PanicError
		if errors.As(err, &panicked) && panicked.Value != http.ErrAbortHandler { //nolint:errorlint // a value, as in net/http
			t.world.recorder.Logf("the handler of %s panicked: %v\n%s", t.sub.app.id, panicked.Value, panicked.Frames())
		}
		return broken(err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return broken(err)
	}
	code := response.StatusCode
	text := fmt.Sprintf("HTTP %d", code)
	switch {
	case code == http.StatusNotFound:
		return outcome{kind: handled, answer: text, bulk: all(members, forgotten, text, fmt.Sprintf("%s: %s acknowledges the batch without a dead letter", text, t.world.version))}
	case code < 200 || code > 299:
		return outcome{kind: failed, answer: text, code: noCode, bulk: all(members, failed, text, "")}
	}
	var answer struct {
		Statuses []struct {
			EntryID string `json:"entryId"`
			Status  string `json:"status"`
		} `json:"statuses"`
	}
	if err := json.NewDecoder(bytes.NewReader(got)).Decode(&answer); err != nil {
		note := "the app's answer to the bulk delivery is no JSON object of statuses: " + err.Error()
		return outcome{kind: failed, answer: journal.Retry, code: noCode, note: note, bulk: all(members, failed, journal.Retry, note)}
	}
	var given []bulkStatus
	texts := make(map[string]string)
	for _, s := range answer.Statuses {
		kind := byStatus(s.Status).kind
		if texts[s.EntryID] = s.Status; s.Status == "" {
			texts[s.EntryID], kind = journal.Retry, failed
		}
		given = append(given, bulkStatus{id: s.EntryID, kind: kind})
	}
	return t.each(members, given, texts)
}

// callGRPC is OnBulkTopicEvent, by whichever name the app knows it.
//
// Source: dapr v1.16.0 pkg/runtime/subscription/postman/grpc/grpc.go DeliverBulk.
func (t *batch) callGRPC(ctx context.Context, i *incarnation, request *runtime.TopicEventBulkRequest, members []*bulkMessage) outcome {
	ctx = metadata.AppendToOutgoingContext(ctx, "pubsubName", t.sub.component)
	response, err := t.ask(ctx, i, request)
	if err != nil {
		code := status.Code(err)
		text, note := "gRPC "+code.String(), status.Convert(err).Message()
		switch {
		case code == codes.Unimplemented:
			return outcome{kind: handled, answer: text, bulk: all(members, forgotten, text, text+": daprd acknowledges the batch without a dead letter")}
		case code == codes.Unavailable && i.fenced():
			text = journal.NoAnswer
		}
		return outcome{kind: failed, answer: text, code: int(code), grpc: true, note: note, bulk: all(members, failed, text, note)}
	}
	var given []bulkStatus
	texts := make(map[string]string)
	for _, s := range response.GetStatuses() {
		text := fmt.Sprintf("status %d", s.GetStatus())
		switch s.GetStatus() {
		case runtime.TopicEventResponse_SUCCESS, runtime.TopicEventResponse_RETRY, runtime.TopicEventResponse_DROP:
			text = s.GetStatus().String()
		}
		texts[s.GetEntryId()] = text
		given = append(given, bulkStatus{id: s.GetEntryId(), kind: byStatus(text).kind})
	}
	return t.each(members, given, texts)
}

// ask calls the method that is there: the alpha one alone, or where the version
// knows the stable one, that one first.
func (t *batch) ask(ctx context.Context, i *incarnation, request *runtime.TopicEventBulkRequest) (*runtime.TopicEventBulkResponse, error) {
	if t.world.version.stableBulk {
		response, err := runtime.NewAppCallbackClient(i.conn).OnBulkTopicEvent(ctx, request)
		if status.Code(err) != codes.Unimplemented {
			return response, err
		}
	}
	return runtime.NewAppCallbackAlphaClient(i.conn).OnBulkTopicEventAlpha1(ctx, request)
}

// grpc is an entry as a gRPC app gets it, without a content type; empty where
// its event cannot be told.
//
// Source: dapr v1.16.0 pkg/runtime/pubsub/subscriptions.go FetchEntry.
func (e *bulkMessage) grpc() *runtime.TopicEventBulkRequestEntry {
	m := e.d.pending.message
	if _, raw := e.event.(string); raw {
		return &runtime.TopicEventBulkRequestEntry{EntryId: e.id, Metadata: m.metadata,
			Event: &runtime.TopicEventBulkRequestEntry_Bytes{Bytes: m.data}}
	}
	one, err := topicEventRequest(e.d)
	if err != nil {
		return &runtime.TopicEventBulkRequestEntry{}
	}
	return &runtime.TopicEventBulkRequestEntry{EntryId: e.id, Metadata: m.metadata,
		Event: &runtime.TopicEventBulkRequestEntry_CloudEvent{CloudEvent: &runtime.TopicEventCERequest{Id: one.GetId(), Source: one.GetSource(), Type: one.GetType(),
			SpecVersion: one.GetSpecVersion(), DataContentType: one.GetDataContentType(), Data: one.GetData(), Extensions: one.GetExtensions()}}}
}
