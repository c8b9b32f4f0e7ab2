package differential

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/status"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

func isCloudEvent(contentType string) bool {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	return media == cloudEvents
}

// filled is a text with the event's own name in it.
func filled(text, marker string) string { return strings.ReplaceAll(text, "$id", marker) }

func filledAll(m map[string]string, marker string) map[string]string {
	if m == nil {
		return nil
	}
	out := make(map[string]string, len(m))
	for key, value := range m {
		out[key] = filled(value, marker)
	}
	return out
}

// publish makes a publish call and tells what it was answered.
func (a *Act) publish(ctx context.Context, s world.Sidecar, i int) (string, error) {
	p := a.Events[i]
	if len(p.Entries) > 0 {
		return a.publishBulk(ctx, s, i)
	}
	data, with := []byte(filled(p.Data, a.marker(i))), filledAll(p.Metadata, a.marker(i))
	if p.Over == "http" {
		return call(ctx, s, "/v1.0/publish/"+a.component(p.Component)+"/"+a.topic(p.Component, p.Topic), with, p.ContentType, data)
	}
	_, err := runtime.NewDaprClient(s.Client().GrpcClientConn()).PublishEvent(ctx, &runtime.PublishEventRequest{
		PubsubName: a.component(p.Component), Topic: a.topic(p.Component, p.Topic), Data: data, DataContentType: p.ContentType, Metadata: with})
	return said(err), nil
}

func said(err error) string {
	s := status.Convert(err)
	var details []string
	for _, d := range s.Details() {
		// The text form of a message differs in its spaces from program to program.
		details = append(details, strings.Join(strings.Fields(fmt.Sprint(d)), " "))
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", s.Code(), s.Message(), strings.Join(details, "; ")))
}

func (a *Act) publishBulk(ctx context.Context, s world.Sidecar, i int) (string, error) {
	p := a.Events[i]
	with := filledAll(p.Metadata, a.marker(i))
	if p.Over == "http" {
		type entry struct {
			EntryID     string            `json:"entryId"`
			Event       json.RawMessage   `json:"event"`
			ContentType string            `json:"contentType"`
			Metadata    map[string]string `json:"metadata,omitempty"`
		}
		entries := []entry{}
		for j, e := range p.Entries {
			entries = append(entries, entry{e.ID, asJSON(e.ContentType, filled(e.Data, a.entryMarker(i, j))), e.ContentType, filledAll(e.Metadata, a.entryMarker(i, j))})
		}
		body, err := json.Marshal(entries)
		if err != nil {
			return "", err
		}
		return call(ctx, s, "/v1.0-alpha1/publish/bulk/"+a.component(p.Component)+"/"+a.topic(p.Component, p.Topic), with, "application/json", body)
	}
	in := &runtime.BulkPublishRequest{PubsubName: a.component(p.Component), Topic: a.topic(p.Component, p.Topic), Metadata: with}
	for j, e := range p.Entries {
		in.Entries = append(in.Entries, &runtime.BulkPublishRequestEntry{EntryId: e.ID, Event: []byte(filled(e.Data, a.entryMarker(i, j))),
			ContentType: e.ContentType, Metadata: filledAll(e.Metadata, a.entryMarker(i, j))})
	}
	out, err := runtime.NewDaprClient(s.Client().GrpcClientConn()).BulkPublishEventAlpha1(ctx, in)
	text := said(err)
	for _, failed := range out.GetFailedEntries() {
		text += fmt.Sprintf(" %s: %s", failed.GetEntryId(), failed.GetError())
	}
	return text, nil
}

// asJSON is a bulk entry's event over HTTP: JSON as it is, bytes in base64, the
// rest as a text.
func asJSON(contentType, data string) json.RawMessage {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	if (media == "application/json" || media == cloudEvents) && json.Valid([]byte(data)) {
		return json.RawMessage(data)
	}
	if media == "application/octet-stream" {
		data = base64.StdEncoding.EncodeToString([]byte(data))
	}
	text, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("differential: write a text: %v", err)) // a text is always JSON
	}
	return text
}

// portless is a sidecar whose HTTP API can be called without a port, as in a
// bubble it must be.
type portless interface{ HTTPHandler() http.Handler }

// call makes a request of Dapr's HTTP API.
func call(ctx context.Context, s world.Sidecar, path string, with map[string]string, contentType string, body []byte) (string, error) {
	query := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(with)) {
		query.Set("metadata."+name, with[name])
	}
	target := path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	if p, ok := s.(portless); ok {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
		if contentType != "" {
			r.Header.Set("Content-Type", textproto.TrimString(contentType)) // as net/http writes it
		}
		w := httptest.NewRecorder()
		p.HTTPHandler().ServeHTTP(w, r)
		return fmt.Sprintf("%d %s", w.Code, bytes.TrimSpace(w.Body.Bytes())), nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.HTTPAddress()+target, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return journal.NoAnswer, nil
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %s", response.StatusCode, bytes.TrimSpace(answer)), nil
}
