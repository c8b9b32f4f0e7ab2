package differential

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dapr/go-sdk/client"

	"github.com/eventproof/eventproof/fakes/world"
)

// role is one app of one act, as one app of the world plays it.
type role struct {
	*Act
	index  int
	record *record
}

// cast is one app of the world.
type cast struct {
	id    string
	kind  string
	roles []role

	mu  sync.Mutex
	sdk client.Client
}

// casts are the apps of a stage.
func (st *Stage) casts(records []*record) []*cast {
	byID := map[string]*cast{}
	var all []*cast
	for _, id := range st.apps {
		kind, _, _ := strings.Cut(id, "-")
		byID[id] = &cast{id: id, kind: kind}
		all = append(all, byID[id])
	}
	for i, a := range st.Acts {
		for j := range a.Apps {
			c := byID[a.apps[j]]
			c.roles = append(c.roles, role{a, j, records[i]})
		}
	}
	return all
}

// start is the app's main.
func (c *cast) start(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
	switch c.kind {
	case KindHTTP:
		return world.HTTP(c), nil
	case KindGRPC:
		return c.serveGRPC(), nil
	default:
		c.mu.Lock()
		c.sdk = s.Client()
		c.mu.Unlock()
		return world.None, nil
	}
}

// saidTo is what is answered to an attempt, once that is recorded; it waits where
// the answer is slow.
func (r role) saidTo(ctx context.Context, sub int, event string, n int, answered func(string)) string {
	s := r.Apps[r.index].Subscriptions[sub]
	answer := s.answer(event, n)
	answered(answer)
	if answer == AnswerSlow {
		wait(ctx, 5*time.Duration(r.Components[s.Component].Inbound.Timeout)*time.Millisecond)
	}
	return answer
}

// wait returns after a while, or when the context ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (r role) lane(sub int, event string) lane {
	s := r.Apps[r.index].Subscriptions[sub]
	return lane{r.index, fmt.Sprintf("%c.%s", 'a'+s.Component, s.Topic), event}
}

// ServeHTTP is an HTTP app.
func (c *cast) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Path == "/dapr/subscribe" {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(c.asked())
		return
	}
	var slot, app, sub int
	if _, err := fmt.Sscanf(r.URL.Path, "/s%d/%d/%d/", &slot, &app, &sub); err != nil {
		w.WriteHeader(http.StatusNotImplemented) // a bulk entry without a route goes to /
		return
	}
	i := slices.IndexFunc(c.roles, func(r role) bool { return r.Slot == slot && r.index == app })
	if i < 0 || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	body, _ := io.ReadAll(r.Body)
	if strings.HasPrefix(r.Header.Get("Content-Type"), cloudEvents) {
		c.roles[i].deliver(w, r, sub, body)
		return
	}
	c.roles[i].deliverBulk(w, r, sub, body)
}

// asked are the subscriptions that the app states.
func (c *cast) asked() []resource {
	all := []resource{}
	for _, r := range c.roles {
		for j, sub := range r.Apps[r.index].Subscriptions {
			if sub.Declarative != "" {
				continue
			}
			s := resource{"pubsubname": r.component(sub.Component), "topic": r.topic(sub.Component, sub.Topic), "deadLetterTopic": r.deadLetter(sub)}
			if len(sub.Rules) == 1 && sub.Rules[0].Match == "" {
				s["route"] = r.path(r.index, j, sub.Rules[0].Path)
			} else {
				s["routes"] = r.routes(r.index, j)
			}
			if sub.RawPayload != "" {
				s["metadata"] = resource{"rawPayload": sub.RawPayload}
			}
			if sub.Bulk {
				s["bulkSubscribe"] = bulkSubscribe
			}
			all = append(all, s)
		}
	}
	return all
}

// headers are a delivery's, without those of the connection and of tracing.
func headers(h http.Header) string {
	var all []string
	for name, values := range h {
		switch name {
		case "Accept-Encoding", "User-Agent", "Content-Length", "Traceparent", "Tracestate", "Grpc-Trace-Bin", "Connection":
		default:
			all = append(all, name+"="+strings.Join(values, ","))
		}
	}
	slices.Sort(all)
	return printable(strings.Join(all, " "))
}

func (r role) deliver(w http.ResponseWriter, in *http.Request, sub int, body []byte) {
	event := nameIn(envelopeID(body), body)
	n, answered := r.record.attempt(r.lane(sub, event), fmt.Sprintf("POST %s %s %s", in.URL.RequestURI(), headers(in.Header), plain(body)))
	answer := r.saidTo(in.Context(), sub, event, n, answered)
	if code, ok := strings.CutPrefix(answer, "HTTP "); ok {
		status, _ := strconv.Atoi(code)
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		return
	}
	switch answer {
	case AnswerBroken:
		panic(http.ErrAbortHandler)
	case AnswerEmpty, AnswerSlow:
	case AnswerText:
		_, _ = io.WriteString(w, "all good")
	default:
		_ = json.NewEncoder(w).Encode(map[string]string{"status": answer})
	}
}

func envelopeID(body []byte) string {
	var e struct {
		ID any `json:"id"`
	}
	_ = json.Unmarshal(body, &e) // what has no id is named by what is in it
	id, _ := e.ID.(string)
	return id
}

func (r role) deliverBulk(w http.ResponseWriter, in *http.Request, sub int, body []byte) {
	var bulk struct {
		Entries []struct {
			EntryID     string            `json:"entryId"`
			Event       json.RawMessage   `json:"event"`
			Metadata    map[string]string `json:"metadata"`
			ContentType string            `json:"contentType"`
		} `json:"entries"`
		ID, Type, Topic, PubSubName string
		Metadata                    map[string]string
	}
	if err := json.Unmarshal(body, &bulk); err != nil {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	code := 0
	statuses := []map[string]string{}
	for _, e := range bulk.Entries {
		var raw []byte // of a raw payload: base64
		if json.Unmarshal(e.Event, &raw) == nil {
			e.Event = raw
		}
		event := nameIn(envelopeID(e.Event), e.Event)
		came := fmt.Sprintf("bulk POST %s %s type=%s topic=%s pubsub=%s %v event=%s contentType=%s %v", in.URL.RequestURI(), headers(in.Header),
			bulk.Type, bulk.Topic, bulk.PubSubName, bulk.Metadata, plain(e.Event), e.ContentType, e.Metadata)
		n, answered := r.record.attempt(r.lane(sub, event), came)
		answer := r.saidTo(in.Context(), sub, event, n, answered)
		if c, ok := strings.CutPrefix(answer, "HTTP "); ok && code == 0 {
			code, _ = strconv.Atoi(c)
		}
		if answer == AnswerBroken && code == 0 {
			code = -1
		}
		switch answer {
		case AnswerNone, AnswerBroken:
		case AnswerEmpty, AnswerSlow, AnswerText:
			statuses = append(statuses, map[string]string{"entryId": e.EntryID, "status": ""})
		default:
			statuses = append(statuses, map[string]string{"entryId": e.EntryID, "status": answer})
		}
	}
	switch {
	case code < 0:
		panic(http.ErrAbortHandler)
	case code >= 300:
		w.WriteHeader(code)
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"statuses": statuses})
	}
}
