package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/world"
)

// pubSubHeader carries the component's name on each delivery: "pubsubName" of
// dapr v1.16.0 pkg/runtime/pubsub/pubsub.go, as net/http writes it.
const pubSubHeader = "Pubsubname"

// serveHTTP is what daprd calls.
func (a *App) serveHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost && isCloudEvent(r.Header.Get("Content-Type")):
		a.deliverHTTP(w, r)
	case r.Method == http.MethodPost && a.isBulkRoute(r.URL.Path):
		a.deliverBulkHTTP(w, r)
	default:
		a.forwardHTTP(w, r)
	}
}

// abort breaks daprd's connection, so that it sees what it would see of an app
// that died. net/http closes the connection without an answer and logs nothing.
func abort() { panic(http.ErrAbortHandler) }

// isCloudEvent is daprd's own test: components-contrib v1.16.0 contenttype/utils.go.
func isCloudEvent(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "application/cloudevents+json")
}

// forwardHTTP passes a request that is no delivery.
func (a *App) forwardHTTP(w http.ResponseWriter, r *http.Request) {
	in := a.begin()
	if in == nil {
		abort()
	}
	defer in.calls.Done()
	subscribe := r.Method == http.MethodGet && r.URL.Path == "/dapr/subscribe"
	forward := reverse(fenced{in}, "app", func(_ http.ResponseWriter, _ *http.Request, err error) {
		a.tell(err)
		abort()
	})
	if subscribe {
		forward.ModifyResponse = func(resp *http.Response) error {
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return err
			}
			_ = resp.Body.Close()
			resp.Body = io.NopCloser(bytes.NewReader(body))
			if resp.StatusCode == http.StatusOK {
				a.learnHTTP(body)
			} else {
				a.learn([]subscription{})
			}
			return nil
		}
	}
	passThrough(w)
	forward.ServeHTTP(w, r)
}

// reverse is a reverse proxy that changes nothing.
func reverse(transport http.RoundTripper, host string, failed func(http.ResponseWriter, *http.Request, error)) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = "http", host
			p.Out.URL.RawQuery = p.In.URL.RawQuery // also what cannot be parsed
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if values, ok := p.In.Header[name]; ok {
					p.Out.Header[name] = values
				}
			}
			noUserAgent(p.Out.Header)
		},
		ErrorHandler:  failed,
		ErrorLog:      log.New(io.Discard, "", 0),
		FlushInterval: -1,
	}
}

// passThrough keeps net/http from adding headers that the answer does not have,
// and from reading a request to its end before an answer begins.
func passThrough(w http.ResponseWriter) {
	_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 is so by itself
	w.Header()["Date"] = nil
	w.Header()["Content-Type"] = nil
}

// noUserAgent keeps net/http from adding one where the caller sent none.
func noUserAgent(h http.Header) {
	if len(h["User-Agent"]) == 0 {
		h["User-Agent"] = nil
	}
}

// fenced calls an incarnation and gives up when it is fenced, also while a
// handler in this process does not return.
type fenced struct{ in *incarnation }

func (f fenced) RoundTrip(r *http.Request) (*http.Response, error) {
	type result struct {
		response *http.Response
		err      error
	}
	ctx, cancel := f.in.within(r.Context())
	results := make(chan result, 1)
	f.in.calls.Add(1) // the caller counts as one, so this is never the first
	go func() {
		defer f.in.calls.Done()
		response, err := f.in.transport.RoundTrip(r.WithContext(ctx))
		results <- result{response, err}
	}()
	select {
	case got := <-results:
		if got.err != nil {
			cancel()
			return nil, got.err
		}
		got.response.Body = &releasing{got.response.Body, cancel}
		return got.response, nil
	case <-ctx.Done():
		f.in.calls.Add(1)
		go func() {
			defer f.in.calls.Done()
			defer cancel()
			if got := <-results; got.err == nil {
				_ = got.response.Body.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

type releasing struct {
	io.ReadCloser
	release func()
}

func (b *releasing) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}

// httpRequest is a request of daprd's, kept to be sent, and sent again.
type httpRequest struct {
	method, uri, host string
	header            http.Header
	body              []byte
}

func keep(r *http.Request) (*httpRequest, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	return &httpRequest{r.Method, r.RequestURI, r.Host, r.Header.Clone(), body}, nil
}

// httpAnswer is an app's whole answer.
type httpAnswer struct {
	status          int
	header, trailer http.Header
	body            []byte
}

// send makes the request.
func (k *httpRequest) send(ctx context.Context, in *incarnation) (*httpAnswer, error) {
	r, err := http.NewRequestWithContext(ctx, k.method, "http://app"+k.uri, bytes.NewReader(k.body))
	if err != nil {
		return nil, err
	}
	r.Header, r.Host = k.header.Clone(), k.host
	r.Header.Del("Connection")
	noUserAgent(r.Header)
	response, err := in.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return &httpAnswer{response.StatusCode, response.Header, response.Trailer, body}, nil
}

// pass gives the answer to daprd.
func (h *httpAnswer) pass(w http.ResponseWriter) {
	passThrough(w)
	header := w.Header()
	for name, values := range h.header {
		header[name] = values
	}
	header.Del("Connection")
	for name, values := range h.trailer {
		header[http.TrailerPrefix+name] = values
	}
	w.WriteHeader(h.status)
	_, _ = w.Write(h.body) // fails where daprd is gone
}

// deliverHTTP passes one event.
func (a *App) deliverHTTP(w http.ResponseWriter, r *http.Request) {
	a.count(&a.open, 1)
	defer a.count(&a.open, -1)
	request, err := keep(r)
	if err != nil {
		abort()
	}
	d := a.httpDelivery(r, request)
	got, _ := a.deliver(r.Context(), d)
	if got.http == nil {
		abort()
	}
	got.http.pass(w)
}

// httpDelivery reads what a request delivers.
func (a *App) httpDelivery(r *http.Request, request *httpRequest) *delivery {
	d := &delivery{record: world.Delivery{App: a.cfg.AppID, PubSub: r.Header.Get(pubSubHeader), Route: r.URL.Path,
		Protocol: string(world.ProtocolHTTP), Envelope: request.body}}
	event, err := contract.ParseEvent(request.body)
	if err != nil {
		// The event is named all the same, where it has a name.
		var parts struct {
			ID, Type, Source, Topic, PubSubName string
		}
		_ = json.Unmarshal(request.body, &parts)
		event = contract.Event{ID: parts.ID, Type: parts.Type, Source: parts.Source, Topic: parts.Topic, PubSub: parts.PubSubName}
	}
	d.stated = event.Topic
	if d.record.PubSub == "" {
		d.record.PubSub = event.PubSub
	}
	d.record.Topic, d.record.Raw = a.topicOf(d.record.PubSub, r.URL.Path, event.Topic)
	event.PubSub, event.Topic = d.record.PubSub, d.record.Topic
	d.record.Event = a.named(event)
	d.call = func(ctx context.Context, in *incarnation) answer {
		got, err := request.send(ctx, in)
		if err != nil {
			a.tell(err)
			return broken
		}
		return answer{text: httpText(got), http: got}
	}
	return d
}

// httpText reads an answer as daprd does: dapr v1.16.0
// pkg/runtime/subscription/postman/http/http.go.
func httpText(h *httpAnswer) string {
	if h.status < 200 || h.status > 299 {
		return fmt.Sprintf("HTTP %d", h.status)
	}
	var body struct {
		Status string `json:"status"`
	}
	if err := json.NewDecoder(bytes.NewReader(h.body)).Decode(&body); err != nil || body.Status == "" {
		return journal.Success
	}
	return body.Status
}

// deliverBulkHTTP passes a bulk delivery and records each of its events.
func (a *App) deliverBulkHTTP(w http.ResponseWriter, r *http.Request) {
	a.count(&a.open, 1)
	defer a.count(&a.open, -1)
	request, err := keep(r)
	if err != nil {
		abort()
	}
	deliveries, ids := a.httpEntries(r, request.body)
	got, _ := a.deliverBulk(r.Context(), deliveries, func(ctx context.Context, in *incarnation) (answer, []string) {
		got, err := request.send(ctx, in)
		if err != nil {
			a.tell(err)
			return broken, nil
		}
		return answer{text: httpText(got), http: got}, bulkHTTPTexts(got, ids)
	})
	if got.http == nil {
		abort()
	}
	got.http.pass(w)
}

// httpEntries reads the events of a bulk delivery and their entry ids.
func (a *App) httpEntries(r *http.Request, body []byte) (deliveries []*delivery, ids []string) {
	var bulk struct {
		PubSubName string `json:"pubsubname"`
		Topic      string `json:"topic"`
		Entries    []struct {
			EntryID string          `json:"entryId"`
			Event   json.RawMessage `json:"event"`
		} `json:"entries"`
	}
	if json.Unmarshal(body, &bulk) != nil {
		return nil, nil
	}
	for _, entry := range bulk.Entries {
		event, err := contract.ParseEvent(entry.Event)
		if err != nil {
			event = contract.Event{}
		}
		d := &delivery{stated: event.Topic, record: world.Delivery{App: a.cfg.AppID, PubSub: bulk.PubSubName, Topic: bulk.Topic,
			Route: r.URL.Path, Protocol: string(world.ProtocolHTTP), Envelope: entry.Event, Raw: a.isRawTopic(bulk.PubSubName, bulk.Topic)}}
		event.PubSub, event.Topic = bulk.PubSubName, bulk.Topic
		d.record.Event = a.named(event)
		deliveries, ids = append(deliveries, d), append(ids, entry.EntryID)
	}
	return deliveries, ids
}

// bulkHTTPTexts reads the answer to each entry as daprd does: one without a
// status, or not mentioned, is to come again.
func bulkHTTPTexts(h *httpAnswer, ids []string) []string {
	if h.status < 200 || h.status > 299 {
		return same(fmt.Sprintf("HTTP %d", h.status), len(ids))
	}
	var body struct {
		Statuses []struct {
			EntryID string `json:"entryId"`
			Status  string `json:"status"`
		} `json:"statuses"`
	}
	byID := map[string]string{}
	if json.Unmarshal(h.body, &body) == nil {
		for _, s := range body.Statuses {
			byID[s.EntryID] = s.Status
		}
	}
	texts := make([]string, len(ids))
	for i, id := range ids {
		if texts[i] = byID[id]; texts[i] == "" {
			texts[i] = journal.Retry
		}
	}
	return texts
}

func same(text string, n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = text
	}
	return texts
}
