package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/proxy"
)

// envelope is an event as daprd delivers it over HTTP.
func envelope(id, topic string) string {
	return `{"data":{"n":12345678901234567890},"datacontenttype":"application/json","id":"` + id +
		`","pubsubname":"pubsub","source":"orders","specversion":"1.0","time":"2025-01-01T00:00:00Z","topic":"` + topic +
		`","traceid":"","traceparent":"","tracestate":"","type":"com.dapr.event.sent"}`
}

// deliver posts an event as daprd does, and returns daprd's view of the answer.
func deliver(t *testing.T, c *http.Client, a *proxy.App, route, body string) (status int, answer string, err error) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+a.Address()+route, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/cloudevents+json")
	r.Header.Set("pubsubName", "pubsub")
	response, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response.StatusCode, string(b), err
}

func answering(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestAppHTTPAnswers(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   string
		reason string
	}{
		{"empty", 200, "", "SUCCESS", "an empty body is success"},
		{"no status", 200, "{}", "SUCCESS", "an object without a status is success"},
		{"success", 200, `{"status":"SUCCESS"}`, "SUCCESS", "said so"},
		{"not JSON", 200, "thanks", "SUCCESS", "daprd only logs that it cannot decode it"},
		{"status no text", 200, `{"status":5}`, "SUCCESS", "daprd only logs that it cannot decode it"},
		{"cut off", 200, `{"status":"RETRY"`, "SUCCESS", "daprd only logs that it cannot decode it"},
		{"no content", 204, "", "SUCCESS", "any 2xx is success"},
		{"retry", 200, `{"status":"RETRY"}`, "RETRY", "said so"},
		{"retry with 202", 202, `{"status":"RETRY"}`, "RETRY", "the body of any 2xx is read"},
		{"drop", 200, `{"status":"DROP"} and more`, "DROP", "only the first JSON value is read"},
		{"unknown", 200, `{"status":"BANANA"}`, "BANANA", "an unknown status is kept: daprd retries it"},
		{"lower case", 200, `{"status":"success"}`, "success", "daprd's comparison minds the case"},
		{"303", 303, "", "HTTP 303", "daprd follows no redirect"},
		{"404", 404, "", "HTTP 404", "daprd acknowledges it, which is not success"},
		{"500", 500, `{"status":"SUCCESS"}`, "HTTP 500", "the body of an error is not read"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, r := newApp(t, world.ProtocolHTTP, proxy.AppConfig{})
			if err := a.SetEndpoint(world.HTTP(answering(test.status, test.body))); err != nil {
				t.Fatal(err)
			}
			status, body, err := deliver(t, httpClient(t), a, "/orders", envelope("e1", "orders"))
			if err != nil || status != test.status || body != test.body {
				t.Errorf("daprd got %d %q, %v; want %d %q (%s)", status, body, err, test.status, test.body, test.reason)
			}
			wantLines(t, r, "delivered orders e1", "answered orders e1 "+test.want)
			delivered, answered := r.Journal().Entries()[0], r.Journal().Entries()[1]
			if delivered.App != "consumer" || delivered.PubSub != "pubsub" || delivered.Route != "/orders" || delivered.Attempt != 1 || delivered.Protocol != "http" {
				t.Errorf("delivered entry: %+v", delivered)
			}
			if string(delivered.Data) != envelope("e1", "orders") {
				t.Errorf("data: %s", delivered.Data)
			}
			if answered.Cause != delivered.Seq || answered.Duration <= 0 {
				t.Errorf("answered entry: %+v", answered)
			}
		})
	}
}

// seen is a request as an app saw it.
type seen struct {
	Method, URI, Host string
	Header            http.Header
	Body              string
	Trailer           http.Header
}

func see(r *http.Request) seen {
	b, _ := io.ReadAll(r.Body)
	return seen{r.Method, r.RequestURI, r.Host, r.Header.Clone(), string(b), r.Trailer.Clone()}
}

// TestAppHTTPForwards compares a call through the proxy with the same call
// without it, on both sides.
func TestAppHTTPForwards(t *testing.T) {
	var mu sync.Mutex
	var got []seen
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := see(r)
		mu.Lock()
		got = append(got, s)
		mu.Unlock()
		w.Header()["Date"] = nil // differs from call to call
		w.Header().Add("X-Two", "a")
		w.Header().Add("X-Two", "b")
		w.Header().Set("Set-Cookie", "c=1")
		if r.URL.Path == "/bare" {
			w.Header()["Content-Type"] = nil
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "short and stout")
			return
		}
		w.Header().Set("Trailer", "X-After")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
		w.Header().Set("X-After", "tea")
	}))
	defer app.Close()
	a, _ := newApp(t, world.ProtocolHTTP, proxy.AppConfig{})
	if err := a.SetEndpoint(world.Address(app.Listener.Addr().String(), world.ProtocolHTTP)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, method, uri, body string
		header                  http.Header
		reason                  string
	}{
		{"delivery", "POST", "/orders", envelope("e1", "orders"), http.Header{"Content-Type": {"application/cloudevents+json"}, "Pubsubname": {"pubsub"}, "Traceparent": {"00-1"}, "X-Many": {"1", "2"}}, "what daprd posts"},
		{"odd delivery", "POST", "/a%2Fb/?x=1;2&y=%zz", "{", http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}, "User-Agent": {"fasthttp"}}, "a body that is no event passes too"},
		{"config", "GET", "/dapr/config", "", http.Header{"X-Forwarded-For": {"10.0.0.1"}, "Forwarded": {"for=10.0.0.1"}}, "what is forwarded keeps its headers"},
		{"subscribe", "GET", "/dapr/subscribe", "", nil, "read on the way, and not changed"},
		{"odd path", "PATCH", "/a%2Fb/../c//d?x=1;2&y=%zz", "body", http.Header{"Content-Type": {"text/plain"}}, "path and query are not cleaned"},
		{"bare", "DELETE", "/bare", "", http.Header{"User-Agent": {""}}, "no user agent is made up for the app, no content type for the answer"},
		{"bare delivery", "POST", "/bare", "{}", http.Header{"User-Agent": {""}, "Content-Type": {"application/cloudevents+json"}}, "nor for a delivery"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ask := func(address string) (s seen, status int, header, trailer http.Header, body string) {
				r, err := http.NewRequest(test.method, "http://"+address+"/", strings.NewReader(test.body))
				if err != nil {
					t.Fatal(err)
				}
				r.URL.Opaque = test.uri // sent as it is
				r.Host = "app.example"
				if test.header != nil {
					r.Header = test.header.Clone()
				}
				response, err := httpClient(t).Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				b, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				mu.Lock()
				defer mu.Unlock()
				return got[len(got)-1], response.StatusCode, response.Header, response.Trailer, string(b)
			}
			type exchange struct {
				Seen            seen
				Status          int
				Header, Trailer http.Header
				Body            string
			}
			var direct, through exchange
			direct.Seen, direct.Status, direct.Header, direct.Trailer, direct.Body = ask(app.Listener.Addr().String())
			through.Seen, through.Status, through.Header, through.Trailer, through.Body = ask(a.Address())
			if direct.Seen.Method != test.method || direct.Seen.URI != test.uri || direct.Seen.Body != test.body {
				t.Fatalf("the test itself does not send what it means to: %+v", direct.Seen)
			}
			if diff := cmp.Diff(direct, through); diff != "" {
				t.Errorf("through the proxy (-want +got), %s:\n%s", test.reason, diff)
			}
		})
	}
}

func TestAppHTTPBreaks(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := closed.Addr().String()
	_ = closed.Close()
	resetting := resetter(t)
	tests := []struct {
		name     string
		endpoint world.Endpoint
		reason   string
	}{
		{"panic", world.HTTP(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })), "net/http closes the connection of a handler that panicked"},
		{"abort", world.HTTP(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })), "a handler that breaks its connection on purpose"},
		{"refused", world.Address(refusing, world.ProtocolHTTP), "nothing listens"},
		{"reset", world.Address(resetting, world.ProtocolHTTP), "the app closes the connection without an answer"},
		{"nobody", world.None, "no incarnation of the app is there"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var logging sync.Mutex
			var logged strings.Builder
			a, r := newApp(t, world.ProtocolHTTP, proxy.AppConfig{Logf: func(format string, args ...any) {
				logging.Lock()
				defer logging.Unlock()
				fmt.Fprintf(&logged, format, args...)
			}})
			if err := a.SetEndpoint(test.endpoint); err != nil {
				t.Fatal(err)
			}
			c := httpClient(t)
			if status, _, err := deliver(t, c, a, "/orders", envelope("e1", "orders")); err == nil {
				t.Errorf("delivery: daprd got %d, want a broken connection (%s)", status, test.reason)
			}
			if test.name == "nobody" {
				wantLines(t, r) // the app was not called
			} else {
				wantLines(t, r, "delivered orders e1", "answered orders e1 no answer")
			}
			if response, err := c.Get("http://" + a.Address() + "/healthz"); err == nil {
				t.Errorf("healthz: daprd got %d, want a broken connection (%s)", response.StatusCode, test.reason)
				_ = response.Body.Close()
			}
			logging.Lock()
			defer logging.Unlock()
			want := 0
			if test.name == "panic" {
				want = 2 // the delivery's and healthz'
			}
			if got := strings.Count(logged.String(), "panicked: "); got != want || want > 0 != strings.Contains(logged.String(), "apphttp_test.go") {
				t.Errorf("log names %d panics, want %d, each with its stack: %q", got, want, logged.String())
			}
			for _, frame := range []string{"runtime/", "net/http", "handlerTransport"} {
				if strings.Contains(logged.String(), frame) {
					t.Errorf("want the frames of the app only, got %q", logged.String())
				}
			}
		})
	}
}

// resetter accepts connections, reads a request and hangs up.
func resetter(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// TestAppHTTPBetweenIncarnations: what comes while the app is down uses up no
// fault and counts as no attempt.
func TestAppHTTPBetweenIncarnations(t *testing.T) {
	var armed faults.Armed
	armed.Arm(faults.LoseAnswer{}, 1)
	a, r := newApp(t, world.ProtocolHTTP, proxy.AppConfig{Faults: &armed})
	c := httpClient(t)
	if _, _, err := deliver(t, c, a, "/orders", envelope("e1", "orders")); err == nil {
		t.Error("daprd got an answer of nobody")
	}
	wantLines(t, r)
	if err := a.SetEndpoint(world.HTTP(answering(200, ""))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := deliver(t, c, a, "/orders", envelope("e1", "orders")); err == nil {
		t.Error("the fault was used up while nobody was there")
	}
	wantLines(t, r, "delivered orders e1", "answered orders e1 SUCCESS", "fault-injected orders e1 LoseAnswer{}")
	if attempt := r.Journal().Entries()[0].Attempt; attempt != 1 {
		t.Errorf("attempt %d, want 1", attempt)
	}
}

// TestAppHTTPFence ends an incarnation in the middle of a delivery.
func TestAppHTTPFence(t *testing.T) {
	a, r := newApp(t, world.ProtocolHTTP, proxy.AppConfig{})
	called, release := make(chan struct{}), make(chan struct{})
	deaf := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(called)
		<-release // not even the end of its context stops it
	})
	if err := a.SetEndpoint(world.HTTP(deaf)); err != nil {
		t.Fatal(err)
	}
	c := httpClient(t)
	failed := make(chan error, 1)
	go func() {
		_, _, err := deliver(t, c, a, "/orders", envelope("e1", "orders"))
		failed <- err
	}()
	<-called
	if n := a.Open(); n != 1 {
		t.Errorf("Open() = %d during a delivery, want 1", n)
	}
	a.Fence()
	if err := <-failed; err == nil {
		t.Error("daprd got an answer of an incarnation that was fenced")
	}
	if err := a.Idle(context.Background()); err != nil || a.Open() != 0 {
		t.Errorf("Idle() = %v, Open() = %d after the fence", err, a.Open())
	}
	if err := a.SetEndpoint(world.HTTP(answering(200, ""))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := deliver(t, c, a, "/orders", envelope("e1", "orders")); err != nil {
		t.Errorf("the next incarnation: %v", err)
	}
	close(release)
	wantLines(t, r, "delivered orders e1", "answered orders e1 no answer", "delivered orders e1", "answered orders e1 SUCCESS")
	if attempt := r.Journal().Entries()[2].Attempt; attempt != 2 {
		t.Errorf("attempt %d, want 2", attempt)
	}
}

// TestAppHTTPGivesUp is daprd's timeout: it hangs up, and the app learns of it.
func TestAppHTTPGivesUp(t *testing.T) {
	a, r := newApp(t, world.ProtocolHTTP, proxy.AppConfig{})
	called, told := make(chan struct{}), make(chan struct{})
	err := a.SetEndpoint(world.HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(called)
		<-r.Context().Done()
		close(told)
	})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-called; cancel() }()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+a.Address()+"/orders", strings.NewReader(envelope("e1", "orders")))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/cloudevents+json")
	if response, err := httpClient(t).Do(request); err == nil {
		_ = response.Body.Close()
		t.Fatal("the test's own call was not cancelled")
	}
	<-told
	waitLine(t, r, "answered orders e1 no answer")
}

func TestAppHTTPFaults(t *testing.T) {
	tests := []struct {
		name   string
		arm    faults.Fault
		want   []string
		calls  int
		reason string
	}{
		{"lose answer", faults.LoseAnswer{App: "consumer", Event: "e1"},
			[]string{"delivered orders e1", "answered orders e1 SUCCESS", "fault-injected orders e1 LoseAnswer{App: consumer, Event: e1}", "delivered orders e1", "answered orders e1 SUCCESS"},
			2, "the app worked, and only daprd does not know"},
		{"fail delivery", faults.FailDelivery{Topic: "orders"},
			[]string{"fault-injected orders e1 FailDelivery{Topic: orders}", "delivered orders e1", "answered orders e1 SUCCESS"},
			1, "the app never learns of the first one"},
		{"another app", faults.LoseAnswer{App: "shipping"},
			[]string{"delivered orders e1", "answered orders e1 SUCCESS"},
			1, "a fault of another app does not strike"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var armed faults.Armed
			armed.Arm(test.arm, 1)
			a, r := newApp(t, world.ProtocolHTTP, proxy.AppConfig{Faults: &armed})
			calls := 0
			err := a.SetEndpoint(world.HTTP(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ })))
			if err != nil {
				t.Fatal(err)
			}
			c := httpClient(t)
			_, _, err = deliver(t, c, a, "/orders", envelope("e1", "orders"))
			if struck := len(test.want) > 2; (err != nil) != struck {
				t.Errorf("first delivery: %v; struck %v (%s)", err, struck, test.reason)
			}
			if len(test.want) > 2 {
				if _, _, err := deliver(t, c, a, "/orders", envelope("e1", "orders")); err != nil {
					t.Errorf("second delivery: %v", err)
				}
			}
			wantLines(t, r, test.want...)
			if calls != test.calls {
				t.Errorf("the app was called %d times, want %d (%s)", calls, test.calls, test.reason)
			}
			for _, e := range r.Journal().Entries() {
				if e.Kind == journal.FaultInjected && e.App != "consumer" {
					t.Errorf("fault entry: %+v", e)
				}
				if strings.HasPrefix(e.Fault, "LoseAnswer") && e.Cause != 1 {
					t.Errorf("the lost answer's cause is %d, want 1, its delivery", e.Cause)
				}
			}
		})
	}
}

// TestAppHTTPTopics is what identifies the subscribed topic.
func TestAppHTTPTopics(t *testing.T) {
	declared := fstest.MapFS{"subscription.yaml": {Data: []byte(`apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: declared}
spec: {pubsubname: pubsub, topic: declared.dead, routes: {default: declared-dead}}
`)}}
	a, r := newApp(t, world.ProtocolHTTP, proxy.AppConfig{Recorder: newRecorder(t, world.Config{Resources: []fs.FS{declared}})})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[
			{"pubsubname":"pubsub","topic":"orders","route":"/orders","deadLetterTopic":"orders.dead"},
			{"pubsubname":"pubsub","topic":"orders.dead","routes":{"rules":[{"match":"event.type == 'x'","path":"dead-x"}],"default":"/dead"}},
			{"pubsubname":"pubsub","topic":"a","route":"/shared"},{"pubsubname":"pubsub","topic":"b","route":"/shared"},
			{"pubsubname":"other","topic":"c","route":"/dead"},
			{"pubsubname":"pubsub","topic":"routeless"}]`)
	})
	mux.HandleFunc("POST /", func(http.ResponseWriter, *http.Request) {})
	if err := a.SetEndpoint(world.HTTP(mux)); err != nil {
		t.Fatal(err)
	}
	c := httpClient(t)
	if got := a.Subscriptions(); got != nil {
		t.Errorf("subscriptions before the app was asked: %v", got)
	}
	response, err := c.Get("http://" + a.Address() + "/dapr/subscribe")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	sub := func(pubsub, topic, dead string) world.Subscription {
		return world.Subscription{App: "consumer", PubSub: pubsub, Topic: topic, DeadLetterTopic: dead, Protocol: world.ProtocolHTTP, Kind: "programmatic"}
	}
	want := []world.Subscription{sub("pubsub", "orders", "orders.dead"), sub("pubsub", "orders.dead", ""), sub("pubsub", "a", ""), sub("pubsub", "b", ""), sub("other", "c", "")}
	if diff := cmp.Diff(want, a.Subscriptions()); diff != "" {
		t.Errorf("subscriptions (-want +got):\n%s", diff)
	}
	tests := []struct{ route, stated, want, reason string }{
		{"/orders", "orders", "orders", "the plain case"},
		{"/dead", "orders", "orders.dead", "a dead letter names the topic on which it failed"},
		{"/dead-x", "orders", "orders.dead", "a rule's path"},
		{"/declared-dead", "declared", "declared.dead", "a declarative subscription"},
		{"/shared", "b", "b", "a route of two topics: the event says which"},
		{"/shared", "z", "z", "a route of two topics, and the event is from neither"},
		{"/unknown", "orders", "orders", "no subscription has this route"},
	}
	for i, test := range tests {
		if _, _, err := deliver(t, c, a, test.route, envelope(fmt.Sprint("e", i), test.stated)); err != nil {
			t.Fatal(err)
		}
		if got := r.Journal().Entries()[2*i].Topic; got != test.want {
			t.Errorf("%s with topic %s: recorded topic %q, want %q (%s)", test.route, test.stated, got, test.want, test.reason)
		}
	}
}

// TestAppWaitsForPublish: the publish is recorded first, though daprd delivers
// before it answers.
func TestAppWaitsForPublish(t *testing.T) {
	r := newRecorder(t, world.Config{})
	waiting := make(chan string, 2)
	recorded := make(chan struct{})
	a, _ := newApp(t, world.ProtocolHTTP, proxy.AppConfig{Recorder: r, Published: func(_ context.Context, pubsub, topic, id string) {
		waiting <- pubsub + " " + topic + " " + id
		<-recorded
	}})
	if err := a.SetEndpoint(world.HTTP(answering(200, ""))); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	c := httpClient(t)
	go func() {
		_, _, err := deliver(t, c, a, "/orders", envelope("e1", "orders"))
		done <- err
	}()
	if got := <-waiting; got != "pubsub orders e1" {
		t.Errorf("waited for %q", got)
	}
	r.Publish(world.Publication{App: "orders", PubSub: "pubsub", Topic: "orders", Envelope: []byte(envelope("e1", "orders"))})
	close(recorded)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantLines(t, r, "published orders e1", "delivered orders e1", "answered orders e1 SUCCESS")
	if cause := r.Journal().Entries()[1].Cause; cause != 1 {
		t.Errorf("the delivery's cause is %d, want 1", cause)
	}
}

func TestAppHTTPBulk(t *testing.T) {
	a, r := newApp(t, world.ProtocolHTTP, proxy.AppConfig{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"pubsubname":"pubsub","topic":"orders","route":"/bulk","bulkSubscribe":{"enabled":true}}]`)
	})
	mux.HandleFunc("POST /bulk", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"statuses":[{"entryId":"1","status":"SUCCESS"},{"entryId":"2","status":"DROP"}]}`)
	})
	if err := a.SetEndpoint(world.HTTP(mux)); err != nil {
		t.Fatal(err)
	}
	c := httpClient(t)
	response, err := c.Get("http://" + a.Address() + "/dapr/subscribe")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	body := `{"entries":[{"entryId":"1","event":` + envelope("e1", "orders") + `},{"entryId":"2","event":` + envelope("e2", "orders") +
		`},{"entryId":"3","event":` + envelope("e3", "orders") + `}],"id":"b","pubsubname":"pubsub","topic":"orders","type":"com.dapr.event.sent.bulk"}`
	response, err = c.Post("http://"+a.Address()+"/bulk", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	wantLines(t, r, "delivered orders e1", "delivered orders e2", "delivered orders e3",
		"answered orders e1 SUCCESS", "answered orders e2 DROP", "answered orders e3 RETRY")
}

func TestAppMisuse(t *testing.T) {
	r := newRecorder(t, world.Config{})
	if _, err := proxy.NewApp(proxy.AppConfig{Recorder: r}); err == nil {
		t.Error("an app without an id was accepted")
	}
	if _, err := proxy.NewApp(proxy.AppConfig{AppID: "a"}); err == nil {
		t.Error("an app without a recorder was accepted")
	}
	a, _ := newApp(t, world.ProtocolHTTP, proxy.AppConfig{})
	before := a.Address()
	if err := a.Listen(world.ProtocolHTTP); err != nil || a.Address() != before || a.Port() == 0 {
		t.Errorf("Listen again: %v, address %s, want %s", err, a.Address(), before)
	}
	if err := a.Listen(world.ProtocolGRPC); err == nil {
		t.Error("Listen with another protocol was accepted")
	}
	if err := a.SetEndpoint(world.GRPC(world.Listen())); err == nil {
		t.Error("a gRPC endpoint of an app that is called by HTTP was accepted")
	}
	if err := a.SetEndpoint(world.Endpoint{Protocol: world.ProtocolHTTP}); err == nil {
		t.Error("an endpoint that cannot be called was accepted")
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if err := a.SetEndpoint(world.HTTP(answering(200, ""))); err == nil {
		t.Error("SetEndpoint after Close was accepted")
	}
	if err := a.Redeliver(context.Background(), faults.Redeliver{}); err == nil {
		t.Error("Redeliver after Close was accepted")
	}
}
