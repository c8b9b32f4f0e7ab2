package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	common "github.com/dapr/dapr/pkg/proto/common/v1"
	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/protobuf/proto"
)

// OutboxCall is a state call, and how many events come of it.
type OutboxCall struct {
	StateCall
	Events int
}

// OutboxTopic is where the events of the outboxes go.
const OutboxTopic = "outbox-events"

// OutboxResources have stores with outboxes, whose names say what is special
// about them.
func OutboxResources() []fs.FS {
	component := func(name, kind string, metadata ...string) *fstest.MapFile {
		text := "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: " + name + "\nspec:\n  type: " + kind + "\n  version: v1\n  metadata:\n"
		for i := 0; i < len(metadata); i += 2 {
			text += fmt.Sprintf("  - {name: %s, value: %q}\n", metadata[i], metadata[i+1])
		}
		return &fstest.MapFile{Data: []byte(text)}
	}
	// Two outboxes of one topic read one topic of the sidecar's, and take each
	// other's events, for which they then look in the wrong store.
	store := func(name string, metadata ...string) *fstest.MapFile {
		return component(name, "state.in-memory", append(metadata, "keyPrefix", "none")...)
	}
	return []fs.FS{fstest.MapFS{
		"pubsub.yaml":   component("pubsub", "pubsub.redis", "redisHost", "localhost:6379"),
		"other.yaml":    component("other", "pubsub.redis", "redisHost", "elsewhere:6379"),
		"narrow.yaml":   component("narrow", "pubsub.redis", "redisHost", "localhost:6379", "allowedTopics", "narrow-events"),
		"store.yaml":    store("store", "outboxPublishPubsub", "pubsub", "outboxPublishTopic", OutboxTopic),
		"through.yaml":  store("through-other", "outboxPublishPubsub", "pubsub", "outboxPublishTopic", OutboxTopic, "outboxPubsub", "other"),
		"narrowed.yaml": store("narrowed", "outboxPublishPubsub", "narrow", "outboxPublishTopic", "narrow-events"),
		"missing.yaml":  store("missing", "outboxPublishPubsub", "nope", "outboxPublishTopic", "x"),
		"half.yaml":     store("without-pubsub", "outboxPublishTopic", OutboxTopic),
	}}
}

// OutboxCalls are a play of the outbox.
//
// Source: D16 pkg/runtime/pubsub/outbox.go.
func OutboxCalls() []OutboxCall {
	overHTTP := func(name, in, operations string, events int) OutboxCall {
		return OutboxCall{StateCall{Name: name, HTTP: "POST /v1.0/state/" + in + "/transaction", Body: `{"operations":[` + operations + `]}`}, events}
	}
	get := func(key string) OutboxCall {
		return OutboxCall{StateCall{Name: "then get " + key, HTTP: "GET " + store + "/" + key}, 0}
	}
	overGRPC := func(name string, events int, operations ...*runtime.TransactionalStateOperation) OutboxCall {
		return OutboxCall{StateCall{Name: "gRPC " + name, GRPC: func(string) proto.Message {
			return &runtime.ExecuteStateTransactionRequest{StoreName: "store", Operations: operations}
		}}, events}
	}
	set := func(key, value string, metadata ...string) *runtime.TransactionalStateOperation {
		item := &common.StateItem{Key: key, Value: []byte(value), Metadata: make(map[string]string)}
		for i := 0; i < len(metadata); i += 2 {
			item.Metadata[metadata[i]] = metadata[i+1]
		}
		return &runtime.TransactionalStateOperation{OperationType: "upsert", Request: item}
	}
	const projected = `"metadata":{"outbox.projection":"Yes"}`
	return []OutboxCall{
		overHTTP("a text", "store", `{"operation":"upsert","request":{"key":"a","value":"text"}}`, 1),
		get("a"),
		overHTTP("an object is written as Go formats it", "store", `{"operation":"upsert","request":{"key":"b","value":{"z":[1,2.5,null],"a":"<x>"}}}`, 1),
		overHTTP("null", "store", `{"operation":"upsert","request":{"key":"b"}}`, 1),
		overHTTP("JSON by the content type", "store", `{"operation":"upsert","request":{"key":"b","value":{"n":12345678901234567890,"a":"<x>"},"contentType":"Application/JSON"}}`, 1),
		overHTTP("JSON by the metadata", "store", `{"operation":"upsert","request":{"key":"b","value":{"n":1},"metadata":{"contentType":"application/json"}}}`, 1),
		overHTTP("bytes by the content type", "store", `{"operation":"upsert","request":{"key":"b","value":"bytes","contentType":"application/octet-stream"}}`, 1),
		overHTTP("metadata are attributes", "store", `{"operation":"upsert","request":{"key":"b","value":"v","metadata":{"id":"mine","data":"other","type":"t","source":"s","subject":"sub","topic":"x","pubsubname":"y","ttlInSeconds":"100","traceid":"z","cloudevent.type":"u","k":"v"}}}`, 1),
		overHTTP("two values and a key that is deleted", "store", `{"operation":"upsert","request":{"key":"c","value":1}},{"operation":"delete","request":{"key":"a"}},{"operation":"upsert","request":{"key":"d","value":2}}`, 2),
		get("a"),
		overHTTP("only a key that is deleted", "store", `{"operation":"delete","request":{"key":"c"}}`, 0),
		overHTTP("nothing", "store", ``, 0),
		overHTTP("a projection", "store", `{"operation":"upsert","request":{"key":"p","value":"state"}},{"operation":"upsert","request":{"key":"p","value":"event",`+projected+`}}`, 1),
		get("p"),
		overHTTP("a projection that comes first", "store", `{"operation":"upsert","request":{"key":"p","value":{"a":1},"contentType":"application/json",`+projected+`}},{"operation":"upsert","request":{"key":"p","value":"new state","metadata":{"k":"v"}}}`, 1),
		get("p"),
		overHTTP("a projection alone", "store", `{"operation":"upsert","request":{"key":"p","value":"alone",`+projected+`}}`, 0),
		get("p"),
		overHTTP("a projection behind a projection is none", "store", `{"operation":"upsert","request":{"key":"q","value":"projection",`+projected+`}},{"operation":"upsert","request":{"key":"r","value":"no projection",`+projected+`}},{"operation":"upsert","request":{"key":"q","value":"q"}}`, 2),
		get("r"),
		overHTTP("two projections, the last operation", "store", `{"operation":"upsert","request":{"key":"q","value":"q"}},{"operation":"upsert","request":{"key":"q","value":"x",`+projected+`}},{"operation":"upsert","request":{"key":"r","value":"y",`+projected+`}}`, 0),
		overHTTP("through another pubsub", "through-other", `{"operation":"upsert","request":{"key":"a","value":"through other"}}`, 1),
		overHTTP("a topic of its own that is not allowed", "narrowed", `{"operation":"upsert","request":{"key":"a","value":"v"}}`, 0),
		overHTTP("a pubsub that is not there", "missing", `{"operation":"upsert","request":{"key":"a","value":"v"}}`, 0),
		overHTTP("no outbox without a pubsub", "without-pubsub", `{"operation":"upsert","request":{"key":"a","value":"v"}}`, 0),
		{StateCall{Name: "no event of what is saved", HTTP: "POST " + store, Body: `[{"key":"s","value":1}]`}, 0},
		overGRPC("bytes", 1, set("g", "raw")),
		overGRPC("JSON by the metadata", 1, set("g", `{"n":12345678901234567890}`, "contentType", "application/json", "k", "v")),
		overGRPC("no JSON by the metadata", 1, set("g", `{`, "contentType", "application/json")),
		overGRPC("bytes by the metadata", 1, set("g", "\x00\xff", "contentType", "application/octet-stream")),
		overGRPC("a projection", 1, set("h", "state"), set("h", "event", "outbox.projection", "true")),
		get("h"),
	}
}

// PlayOutbox makes the calls, waits for what comes of each and tells the answer
// and the events, which are taken from received as they come.
func (s *StateSession) PlayOutbox(ctx context.Context, calls []OutboxCall, received <-chan []byte) ([]string, error) {
	var lines []string
	for _, c := range calls {
		told, err := s.Play(ctx, []StateCall{c.StateCall})
		if err != nil {
			return lines, err
		}
		var events []string
		for range c.Events {
			select {
			case data := <-received:
				events = append(events, canonical(data))
			case <-time.After(20 * time.Second):
				return lines, fmt.Errorf("%s: %d of %d events came", c.Name, len(events), c.Events)
			case <-ctx.Done():
				return lines, context.Cause(ctx)
			}
		}
		slices.Sort(events) // daprd sends the events of a transaction in any order
		for _, e := range events {
			told = append(told, "    -> "+e)
		}
		lines = append(lines, told...)
	}
	return lines, nil
}

// canonical is an event without what is drawn anew for each.
func canonical(data []byte) string {
	data = uuids.ReplaceAll(data, []byte("<uuid>"))
	data = timestamps.ReplaceAll(data, []byte("<time>"))
	var e map[string]any
	if json.Unmarshal(data, &e) != nil {
		return string(data)
	}
	var again bytes.Buffer
	encoder := json.NewEncoder(&again)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(e) != nil {
		return string(data)
	}
	return strings.TrimSpace(again.String())
}
