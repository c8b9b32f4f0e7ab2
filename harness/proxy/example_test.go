package proxy_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness/proxy"
)

// exampleRecorder is what harness.Start has from its world.
func exampleRecorder() *world.Recorder {
	var recorder *world.Recorder
	_, err := world.Open(context.Background(), nil, "example", world.Config{}, journal.Proxy, func(_ context.Context, r *world.Recorder) (world.Backend, error) {
		recorder = r
		return nil, nil
	})
	if err != nil {
		panic(err)
	}
	return recorder
}

func ExampleApp() {
	recorder := exampleRecorder()
	app, err := proxy.NewApp(proxy.AppConfig{AppID: "payment-worker", Recorder: recorder})
	if err != nil {
		panic(err)
	}
	if err := app.Listen(world.ProtocolHTTP); err != nil { // daprd --app-port is app.Port()
		panic(err)
	}
	if err := app.SetEndpoint(world.HTTP(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))); err != nil {
		panic(err)
	}

	// daprd delivers an event, and after that it comes again.
	response, err := http.Post("http://"+app.Address()+"/orders", "application/cloudevents+json",
		strings.NewReader(`{"specversion":"1.0","id":"ord-5","source":"orders","type":"order.placed","pubsubname":"pubsub","topic":"orders","data":{}}`))
	if err != nil {
		panic(err)
	}
	_ = response.Body.Close()
	if err := app.Redeliver(context.Background(), faults.Redeliver{Event: "ord-5"}); err != nil {
		panic(err)
	}
	if err := app.Close(); err != nil {
		panic(err)
	}
	http.DefaultClient.CloseIdleConnections()

	for _, e := range recorder.Journal().Entries() {
		fmt.Println(strings.Join(strings.Fields(fmt.Sprint(e.Seq, " ", e.Kind, " ", e.Topic, " ", e.Event, " ", e.Answer, e.Fault)), " "))
	}
	// Output:
	// 1 delivered orders ord-5
	// 2 answered orders ord-5 SUCCESS
	// 3 fault-injected orders ord-5 Redeliver{Event: ord-5}
	// 4 delivered orders ord-5
	// 5 answered orders ord-5 SUCCESS
}

func ExampleAPI() {
	recorder := exampleRecorder()
	api, err := proxy.NewAPI(proxy.APIConfig{
		AppID:    "orders",
		Recorder: recorder,
		NewID:    func() string { return "evt-1" },
		Envelope: func(_ context.Context, pubsub, topic, id string) ([]byte, error) { // in truth: XRANGE
			return []byte(`{"specversion":"1.0","id":"` + id + `","source":"orders","type":"com.dapr.event.sent","pubsubname":"` + pubsub + `","topic":"` + topic + `","data":{}}`), nil
		},
	})
	if err != nil {
		panic(err)
	}
	daprd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("daprd gets", r.Method, r.RequestURI)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer daprd.Close()
	api.SetUpstream(daprd.Listener.Addr().String(), daprd.Listener.Addr().String())

	response, err := http.Post("http://"+api.HTTPAddress()+"/v1.0/publish/pubsub/orders", "application/json", strings.NewReader("{}"))
	if err != nil {
		panic(err)
	}
	_ = response.Body.Close()
	if err := api.Close(); err != nil {
		panic(err)
	}
	http.DefaultClient.CloseIdleConnections()

	for _, e := range recorder.Journal().Entries() {
		fmt.Println(e.Seq, e.Kind, e.Topic, e.Event)
	}
	// Output:
	// daprd gets POST /v1.0/publish/pubsub/orders?metadata.cloudevent.id=evt-1
	// 1 published orders evt-1
}
