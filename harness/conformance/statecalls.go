package conformance

import (
	"strings"

	common "github.com/dapr/dapr/pkg/proto/common/v1"
	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/protobuf/proto"
)

const store = "/v1.0/state/store"

// StateCalls are a play of the state API: each call meets what those before it
// left behind.
//
// Sources: D16 pkg/api/{http/http,grpc/grpc}.go, pkg/components/state,
// C16 state/in-memory/in_memory.go.
func StateCalls() []StateCall {
	calls := []StateCall{
		// A key's life.
		{Name: "get nothing", HTTP: "GET " + store + "/a"},
		{Name: "save", HTTP: "POST " + store, Body: `[{"key":"a","value":"text"},{"key":"b","value":{"z":1,"a":[true,null]}}]`},
		{Name: "get text", HTTP: "GET " + store + "/a"},
		{Name: "get JSON", HTTP: "GET " + store + "/b"},
		{Name: "save by PUT", HTTP: "PUT " + store, Body: `[{"key":"a","value":1.50}]`},
		{Name: "a new ETag", HTTP: "GET " + store + "/a"},
		{Name: "a large number is rounded", HTTP: "POST " + store, Body: `[{"key":"n","value":12345678901234567890}]`},
		{Name: "get the large number", HTTP: "GET " + store + "/n"},
		{Name: "HTML is escaped", HTTP: "POST " + store, Body: `[{"key":"h","value":"<&>\u2028é"}]`},
		{Name: "get HTML", HTTP: "GET " + store + "/h?consistency=strong"},
		{Name: "no value is null", HTTP: "POST " + store, Body: `[{"key":"v"}]`},
		{Name: "get null", HTTP: "GET " + store + "/v?consistency=whatever"},
		{Name: "an empty text", HTTP: "POST " + store, Body: `[{"key":"e","value":""}]`},
		{Name: "get the empty text", HTTP: "GET " + store + "/e"},
		{Name: "delete", HTTP: "DELETE " + store + "/a"},
		{Name: "delete nothing", HTTP: "DELETE " + store + "/a"},
		{Name: "get what was deleted", HTTP: "GET " + store + "/a"},
		{Name: "a slash in a key", HTTP: "POST " + store, Body: `[{"key":"x/y z+%","value":1}]`},
		{Name: "get it", HTTP: "GET " + store + "/x%2Fy+z%2B%25"},
		{Name: "get it with a space of a path", HTTP: "GET " + store + "/x%2Fy%20z%2B%25"},
		{Name: "a slash too many", HTTP: "GET /v1.0//state/store/b/"},
		{Name: "a bad escape", HTTP: "GET " + store + "/%25zz"},
		{Name: "what follows is not read", HTTP: "POST " + store, Body: `[{"key":"only","value":1}] trailing`},
		{Name: "nothing to save", HTTP: "POST " + store, Body: `[]`},
		{Name: "null to save", HTTP: "POST " + store, Body: `null`},

		// Malformed.
		{Name: "no body", HTTP: "POST " + store},
		{Name: "an object", HTTP: "POST " + store, Body: `{}`},
		{Name: "no JSON", HTTP: "POST " + store, Body: `foobar`},
		{Name: "no key", HTTP: "POST " + store, Body: `[{"value":1}]`},
		{Name: "a comma too many", HTTP: "POST " + store, Body: `[{"key":"a"},]`},
		{Name: "a key that is a number", HTTP: "POST " + store, Body: `[{"key":1}]`},
		{Name: "an ETag that is a number", HTTP: "POST " + store, Body: `[{"key":"a","etag":1}]`},
		{Name: "metadata that are no texts", HTTP: "POST " + store, Body: `[{"key":"a","metadata":{"ttlInSeconds":3}}]`},
		{Name: "options that are no object", HTTP: "POST " + store, Body: `[{"key":"a","options":"strong"}]`},
		{Name: "concurrency that is no text", HTTP: "POST " + store, Body: `[{"key":"a","options":{"concurrency":1}}]`},
		{Name: "a separator in the key", HTTP: "POST " + store, Body: `[{"key":"a||b","value":1}]`},
		{Name: "a separator in a key to get", HTTP: "GET " + store + "/a%7C%7Cb"},
		{Name: "a separator in a key to delete", HTTP: "DELETE " + store + "/a%7C%7Cb"},
		{Name: "one bad key of two saves none", HTTP: "POST " + store, Body: `[{"key":"good","value":1},{"key":"a||b","value":1}]`},
		{Name: "get the good one", HTTP: "GET " + store + "/good"},
		{Name: "too large", HTTP: "POST " + store, Body: `[{"key":"a","value":"` + strings.Repeat("x", 4<<20) + `"}]`},

		// ETags and concurrency.
		{Name: "save for ETags", HTTP: "POST " + store, Body: `[{"key":"t","value":1},{"key":"u","value":1}]`},
		{Name: "see its ETag", HTTP: "GET " + store + "/t"},
		{Name: "save with the ETag", HTTP: "POST " + store, Body: `[{"key":"t","value":2,"etag":"{etag}"}]`},
		{Name: "save with it again", HTTP: "POST " + store, Body: `[{"key":"t","value":3,"etag":"{etag}"}]`},
		{Name: "save with an ETag of nothing", HTTP: "POST " + store, Body: `[{"key":"new","value":3,"etag":"1"}]`},
		{Name: "save with an empty ETag", HTTP: "POST " + store, Body: `[{"key":"t","value":3,"etag":""}]`},
		{Name: "first write of what is there", HTTP: "POST " + store, Body: `[{"key":"t","value":4,"options":{"concurrency":"first-write","consistency":"strong"}}]`},
		{Name: "first write of what is new", HTTP: "POST " + store, Body: `[{"key":"new","value":4,"options":{"Concurrency":"first-write"}}]`},
		{Name: "last write", HTTP: "POST " + store, Body: `[{"key":"t","value":5,"options":{"concurrency":"last-write","consistency":"eventual"}}]`},
		{Name: "unknown concurrency", HTTP: "POST " + store, Body: `[{"key":"t","value":5,"options":{"concurrency":"no-write"}}]`},
		{Name: "unknown consistency", HTTP: "POST " + store, Body: `[{"key":"t","value":5,"options":{"consistency":"weak"}}]`},
		{Name: "see the ETag again", HTTP: "GET " + store + "/t"},
		{Name: "one wrong ETag of two", HTTP: "POST " + store, Body: `[{"key":"t","value":6,"etag":"{etag}"},{"key":"u","value":6,"etag":"1"}]`},
		{Name: "the other was saved", HTTP: "GET " + store + "/t"},
		{Name: "an ETag and an option that are wrong", HTTP: "POST " + store, Body: `[{"key":"new","value":6,"etag":"1"},{"key":"u","value":6,"options":{"consistency":"weak"}},{"key":"more","value":1}]`},
		{Name: "delete with a wrong ETag", HTTP: "DELETE " + store + "/u", IfMatch: "1"},
		{Name: "delete with an empty ETag", HTTP: "DELETE " + store + "/h", IfMatch: "-"},
		{Name: "delete first-write", HTTP: "DELETE " + store + "/u?concurrency=first-write"},
		{Name: "delete with unknown consistency", HTTP: "DELETE " + store + "/u?consistency=weak"},
		{Name: "see an ETag to delete with", HTTP: "GET " + store + "/t"},
		{Name: "delete with the ETag", HTTP: "DELETE " + store + "/t?consistency=strong&concurrency=last-write", IfMatch: "{etag}"},

		// Time to live.
		{Name: "save for an hour", HTTP: "POST " + store, Body: `[{"key":"ttl","value":1,"metadata":{"ttlInSeconds":"3600"}}]`},
		{Name: "see when it ends", HTTP: "GET " + store + "/ttl"},
		{Name: "saved anew it is for ever", HTTP: "POST " + store, Body: `[{"key":"ttl","value":1}]`},
		{Name: "see no end", HTTP: "GET " + store + "/ttl"},
		{Name: "time to live in the query", HTTP: "POST " + store + "?metadata.ttlInSeconds=3600", Body: `[{"key":"ttl","value":1,"metadata":{"ttlInSeconds":"1"}}]`},
		{Name: "see that the query wins", HTTP: "GET " + store + "/ttl"},
		{Name: "no number to live", HTTP: "POST " + store, Body: `[{"key":"ttl","value":1,"metadata":{"ttlInSeconds":"1h"}}]`},
		{Name: "less than nothing to live", HTTP: "POST " + store, Body: `[{"key":"ttl","value":1,"metadata":{"ttlInSeconds":"-5"}}]`},
		{Name: "is for ever", HTTP: "GET " + store + "/ttl"},
		{Name: "a second to live", HTTP: "POST " + store, Body: `[{"key":"short","value":1,"metadata":{"ttlInSeconds":"1"}}]`},
		{Name: "is over", HTTP: "GET " + store + "/short", Again: "204"},

		// Bulk get.
		{Name: "bulk get", HTTP: "POST " + store + "/bulk", Body: `{"keys":["b","missing","e","b"],"parallelism":1}`},
		{Name: "bulk get by PUT with metadata", HTTP: "PUT " + store + "/bulk?metadata.a=b", Body: `{"keys":["n"],"metadata":{"c":"d"}}`},
		{Name: "bulk get of nothing", HTTP: "POST " + store + "/bulk", Body: `{"keys":[]}`},
		{Name: "bulk get of null", HTTP: "POST " + store + "/bulk", Body: `null`},
		{Name: "bulk get without a body", HTTP: "POST " + store + "/bulk"},
		{Name: "bulk get of a list", HTTP: "POST " + store + "/bulk", Body: `[]`},
		{Name: "bulk get of a number", HTTP: "POST " + store + "/bulk", Body: `{"keys":[1]}`},
		{Name: "bulk get of a bad key", HTTP: "POST " + store + "/bulk", Body: `{"keys":["b","a||b"]}`},
		{Name: "a key called bulk", HTTP: "GET " + store + "/bulk"},

		// Transactions.
		{Name: "transaction", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"upsert","request":{"key":"tx1","value":{"a":1}}},{"operation":"upsert","request":{"KEY":"tx2","Value":"x"}},{"operation":"delete","request":{"key":"v"}}],"metadata":{"ttlInSeconds":"1"}}`},
		{Name: "see it", HTTP: "POST " + store + "/bulk", Body: `{"keys":["tx1","tx2","v"]}`},
		{Name: "transaction with metadata of the query", HTTP: "PUT " + store + "/transaction?metadata.ttlInSeconds=3600", Body: `{"operations":[{"operation":"upsert","request":{"key":"tx1","value":2}}]}`},
		{Name: "see them", HTTP: "GET " + store + "/tx1"},
		{Name: "transaction that fails writes nothing", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"upsert","request":{"key":"tx1","value":3}},{"operation":"delete","request":{"key":"tx2","etag":"1"}}]}`},
		{Name: "see that nothing was", HTTP: "GET " + store + "/tx1"},
		{Name: "two first writes of one key", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"upsert","request":{"key":"tx3","value":1,"options":{"concurrency":"first-write"}}},{"operation":"upsert","request":{"key":"tx3","value":2,"options":{"concurrency":"first-write"}}}]}`},
		{Name: "see the second", HTTP: "GET " + store + "/tx3"},
		{Name: "transaction with the ETag", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"upsert","request":{"key":"tx3","value":3,"etag":"{etag}","contentType":"text/plain"}}]}`},
		{Name: "no operations", HTTP: "POST " + store + "/transaction", Body: `{"operations":[]}`},
		{Name: "null operations", HTTP: "POST " + store + "/transaction", Body: `null`},
		{Name: "unknown operation", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"insert","request":{"key":"a"}}]}`},
		{Name: "operation without a request", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"upsert"}]}`},
		{Name: "operation that is a text", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"upsert","request":"key"}]}`},
		{Name: "operation that is a list", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"delete","request":["key"]}]}`},
		{Name: "operation with everything wrong", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"upsert","request":{"key":1,"value":1,"etag":{"a":1},"metadata":{"x":1.5,"y":null,"z":[1]},"options":{"concurrency":true},"contentType":[]}}]}`},
		{Name: "operation with metadata and options wrong", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"delete","request":{"key":"a","metadata":"m","options":[]}}]}`},
		{Name: "operation with a bad key", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"upsert","request":{"key":"a||b"}}]}`},
		{Name: "operation with a bad key to delete", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"delete","request":{"key":"a||b"}}]}`},
		{Name: "operation with an unknown option", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"upsert","request":{"key":"a","options":{"consistency":"weak"}}}]}`},
		{Name: "operation to delete with an unknown option", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"delete","request":{"key":"a","options":{"consistency":"weak"}}}]}`},
		{Name: "operation with a bad time to live", HTTP: "POST " + store + "/transaction", Body: `{"operations":[{"operation":"upsert","request":{"key":"a","metadata":{"ttlInSeconds":"x"}}}]}`},
		{Name: "transaction that is a list", HTTP: "POST " + store + "/transaction", Body: `[]`},
		{Name: "operations that are a text", HTTP: "POST " + store + "/transaction", Body: `{"operations":"x"}`},
		{Name: "operations that are texts", HTTP: "POST " + store + "/transaction", Body: `{"operations":["x"]}`},
		{Name: "transaction without a body", HTTP: "POST " + store + "/transaction"},

		// Queries and stores.
		{Name: "query", HTTP: "POST /v1.0-alpha1/state/store/query", Body: `{"filter":{}}`},
		{Name: "query by PUT without a body", HTTP: "PUT /v1.0-alpha1/state/store/query"},
		{Name: "query of no store", HTTP: "POST /v1.0-alpha1/state/nope/query", Body: `{"filter":{}}`},
		{Name: "save in no store", HTTP: "POST /v1.0/state/nope"},
		{Name: "get of no store", HTTP: "GET /v1.0/state/nope/a"},
		{Name: "delete of no store", HTTP: "DELETE /v1.0/state/nope/a"},
		{Name: "bulk get of no store", HTTP: "POST /v1.0/state/nope/bulk"},
		{Name: "transaction in no store", HTTP: "POST /v1.0/state/nope/transaction"},
	}
	for _, name := range []string{"store", "by-name", "by-app", "none", "by-namespace", "by-text", "by-filled-text"} {
		calls = append(calls, StateCall{Name: "the key as it is in " + name, HTTP: "POST /v1.0/state/" + name, Body: `[{"key":"k","value":1,"etag":"1"}]`},
			StateCall{Name: "save in " + name, HTTP: "POST /v1.0/state/" + name, Body: `[{"key":"k","value":1}]`},
			StateCall{Name: "the key as it is told by " + name, HTTP: "POST /v1.0/state/" + name + "/bulk", Body: `{"keys":["k"]}`})
	}
	calls = append(calls, stateCallsOverGRPC()...)
	return append(calls, stateCallsUnderPolicies()...)
}

func stateCallsOverGRPC() []StateCall {
	always := func(m proto.Message) func(string) proto.Message { return func(string) proto.Message { return m } }
	get := func(name, of, key string) StateCall {
		return StateCall{Name: "gRPC " + name, GRPC: always(&runtime.GetStateRequest{StoreName: of, Key: key, Consistency: common.StateOptions_CONSISTENCY_STRONG})}
	}
	save := func(name, in string, items ...*common.StateItem) StateCall {
		return StateCall{Name: "gRPC " + name, GRPC: always(&runtime.SaveStateRequest{StoreName: in, States: items})}
	}
	withETag := func(name string, call func(etag string) proto.Message) StateCall {
		return StateCall{Name: "gRPC " + name, GRPC: call}
	}
	operation := func(kind string, item *common.StateItem) *runtime.TransactionalStateOperation {
		return &runtime.TransactionalStateOperation{OperationType: kind, Request: item}
	}
	transaction := func(name, in string, operations ...*runtime.TransactionalStateOperation) StateCall {
		return StateCall{Name: "gRPC " + name, GRPC: always(&runtime.ExecuteStateTransactionRequest{StoreName: in, Operations: operations, Metadata: map[string]string{"ttlInSeconds": "1"}})}
	}
	item := func(key, value string, metadata ...string) *common.StateItem {
		i := &common.StateItem{Key: key, Value: []byte(value)}
		if len(metadata) > 0 {
			i.Metadata = map[string]string{metadata[0]: metadata[1]}
		}
		return i
	}
	tagged := func(key, etag string) *common.StateItem {
		return &common.StateItem{Key: key, Value: []byte("tagged"), Etag: &common.Etag{Value: etag}}
	}
	first := &common.StateOptions{Concurrency: common.StateOptions_CONCURRENCY_FIRST_WRITE, Consistency: common.StateOptions_CONSISTENCY_EVENTUAL}
	return []StateCall{
		get("get nothing", "store", "g"),
		save("save bytes", "store", item("g", "raw <bytes>"), item("g2", "\x00\xff")),
		get("get bytes", "store", "g"),
		{Name: "bytes over HTTP", HTTP: "GET " + store + "/g"},
		{Name: "bytes in a bulk get over HTTP leave nothing of it", HTTP: "POST " + store + "/bulk", Body: `{"keys":["b","g"]}`},
		save("save JSON", "store", item("j", `{"b": 1.0, "a": "<"}`, "contentType", "application/json")),
		get("get JSON", "store", "j"),
		save("save no JSON as JSON", "store", item("j", `{`, "contentType", "application/json")),
		save("save no bytes", "store", &common.StateItem{Key: "empty"}),
		get("get no bytes", "store", "empty"),
		{Name: "no bytes over HTTP", HTTP: "GET " + store + "/empty"},
		{Name: "no bytes in a bulk get over HTTP", HTTP: "POST " + store + "/bulk", Body: `{"keys":["empty"]}`},
		save("save no key", "store", item("", "x")),
		save("save a bad key", "store", item("good", "x"), item("a||b", "x")),
		save("save nothing", "store"),
		save("save with an ETag of nothing", "store", tagged("new key", "1")),
		save("save with a wrong ETag", "store", tagged("empty", "1")),
		get("see an ETag", "store", "g"),
		withETag("save with the ETag", func(etag string) proto.Message {
			return &runtime.SaveStateRequest{StoreName: "store", States: []*common.StateItem{tagged("g", etag)}}
		}),
		// daprd writes them at once, and tells what was wrong in any order.
		save("save two with wrong ETags", "store", tagged("g", "1"), tagged("g", "1")),
		save("save first-write", "store", &common.StateItem{Key: "g", Value: []byte("x"), Options: first}),
		save("save with a time to live", "store", item("gttl", "x", "ttlInSeconds", "3600")),
		get("get with a time to live", "store", "gttl"),
		save("save with a bad time to live", "store", item("gttl", "x", "ttlInSeconds", "soon")),
		{Name: "gRPC bulk get", GRPC: always(&runtime.GetBulkStateRequest{StoreName: "store", Keys: []string{"g", "gttl", "missing"}, Parallelism: 2})},
		{Name: "gRPC bulk get of nothing", GRPC: always(&runtime.GetBulkStateRequest{StoreName: "store"})},
		{Name: "gRPC bulk get of a bad key", GRPC: always(&runtime.GetBulkStateRequest{StoreName: "store", Keys: []string{"a||b"}})},
		{Name: "gRPC bulk get as the prefix none tells it", GRPC: always(&runtime.GetBulkStateRequest{StoreName: "none", Keys: []string{"k"}})},
		{Name: "gRPC delete with a wrong ETag", GRPC: always(&runtime.DeleteStateRequest{StoreName: "store", Key: "g", Etag: &common.Etag{Value: "1"}})},
		{Name: "gRPC delete first-write", GRPC: always(&runtime.DeleteStateRequest{StoreName: "store", Key: "g", Options: first})},
		{Name: "gRPC delete a bad key", GRPC: always(&runtime.DeleteStateRequest{StoreName: "store", Key: "a||b"})},
		{Name: "gRPC delete", GRPC: always(&runtime.DeleteStateRequest{StoreName: "store", Key: "g2"})},
		{Name: "gRPC delete without a key", GRPC: always(&runtime.DeleteStateRequest{StoreName: "store"})},
		{Name: "gRPC bulk delete of nothing", GRPC: always(&runtime.DeleteBulkStateRequest{StoreName: "store"})},
		{Name: "gRPC bulk delete", GRPC: always(&runtime.DeleteBulkStateRequest{StoreName: "store", States: []*common.StateItem{item("tx1", ""), item("tx2", "")}})},
		{Name: "gRPC bulk delete with a wrong ETag", GRPC: always(&runtime.DeleteBulkStateRequest{StoreName: "store", States: []*common.StateItem{tagged("g", "1"), item("tx3", "")}})},
		{Name: "gRPC bulk delete of one with a wrong ETag", GRPC: always(&runtime.DeleteBulkStateRequest{StoreName: "store", States: []*common.StateItem{tagged("g", "1")}})},
		{Name: "gRPC bulk delete of a bad key", GRPC: always(&runtime.DeleteBulkStateRequest{StoreName: "store", States: []*common.StateItem{item("a||b", "")}})},
		transaction("transaction", "store", operation("upsert", item("gt1", "1")), operation("upsert", item("gt2", `"2"`, "contentType", "application/json")), operation("delete", item("g", ""))),
		get("see the transaction", "store", "gt2"),
		transaction("transaction with a wrong ETag", "store", operation("upsert", item("gt3", "1")), operation("delete", tagged("gt1", "1"))),
		get("see that nothing was written", "store", "gt3"),
		transaction("transaction of nothing", "store"),
		transaction("transaction with an unknown operation", "store", operation("insert", item("a", "1"))),
		transaction("transaction with a bad key", "store", operation("upsert", item("a||b", "1"))),
		transaction("transaction with first-write", "store", operation("upsert", &common.StateItem{Key: "gt1", Options: first})),
		{Name: "gRPC transaction without a request", GRPC: always(&runtime.ExecuteStateTransactionRequest{StoreName: "store", Operations: []*runtime.TransactionalStateOperation{{OperationType: "delete"}}})},
		{Name: "gRPC query", GRPC: always(&runtime.QueryStateRequest{StoreName: "store", Query: `{"filter":{}}`})},
		{Name: "gRPC query of no store", GRPC: always(&runtime.QueryStateRequest{StoreName: "nope"})},
		get("get of no store", "nope", "a"),
		save("save in no store", "", item("a", "1")),
		{Name: "gRPC bulk get of no store", GRPC: always(&runtime.GetBulkStateRequest{StoreName: "nope"})},
		{Name: "gRPC delete of no store", GRPC: always(&runtime.DeleteStateRequest{StoreName: "nope"})},
		{Name: "gRPC bulk delete of no store", GRPC: always(&runtime.DeleteBulkStateRequest{StoreName: "nope"})},
		transaction("transaction in no store", "nope"),
	}
}

// stateCallsUnderPolicies meet a circuit breaker that opens after two failures
// ("cut"), and retries ("again").
func stateCallsUnderPolicies() []StateCall {
	const cut = "/v1.0/state/cut"
	always := func(m proto.Message) func(string) proto.Message { return func(string) proto.Message { return m } }
	wrong := &common.StateItem{Key: "k", Etag: &common.Etag{Value: "1"}}
	return []StateCall{
		{Name: "cut: save", HTTP: "POST " + cut, Body: `[{"key":"k","value":1}]`},
		{Name: "cut: a failure", HTTP: "POST " + cut, Body: `[{"key":"k","value":1,"etag":"1"}]`},
		{Name: "cut: a success", HTTP: "GET " + cut + "/k"},
		{Name: "cut: a failure of two", HTTP: "POST " + cut, Body: `[{"key":"k","value":1,"etag":"1"}]`},
		{Name: "cut: the other", HTTP: "DELETE " + cut + "/k", IfMatch: "1"},
		{Name: "cut: save when open", HTTP: "POST " + cut, Body: `[{"key":"k","value":1}]`},
		{Name: "cut: save nothing when open", HTTP: "POST " + cut, Body: `[]`},
		{Name: "cut: save two when open", HTTP: "POST " + cut, Body: `[{"key":"k","value":1},{"key":"l","value":1}]`},
		{Name: "cut: get when open", HTTP: "GET " + cut + "/k"},
		{Name: "cut: delete when open", HTTP: "DELETE " + cut + "/k"},
		{Name: "cut: bulk get when open", HTTP: "POST " + cut + "/bulk", Body: `{"keys":["k"]}`},
		{Name: "cut: transaction when open", HTTP: "POST " + cut + "/transaction", Body: `{"operations":[{"operation":"delete","request":{"key":"k"}}]}`},
		{Name: "cut: query when open", HTTP: "POST /v1.0-alpha1/state/cut/query", Body: `{}`},
		{Name: "cut: gRPC save when open", GRPC: always(&runtime.SaveStateRequest{StoreName: "cut", States: []*common.StateItem{{Key: "k"}}})},
		{Name: "cut: gRPC save nothing when open", GRPC: always(&runtime.SaveStateRequest{StoreName: "cut"})},
		{Name: "cut: gRPC get when open", GRPC: always(&runtime.GetStateRequest{StoreName: "cut", Key: "k"})},
		{Name: "cut: gRPC delete when open", GRPC: always(&runtime.DeleteStateRequest{StoreName: "cut", Key: "k"})},
		{Name: "cut: gRPC bulk get when open", GRPC: always(&runtime.GetBulkStateRequest{StoreName: "cut", Keys: []string{"k"}})},
		{Name: "cut: gRPC bulk get of nothing when open", GRPC: always(&runtime.GetBulkStateRequest{StoreName: "cut"})},
		{Name: "cut: gRPC bulk delete of nothing when open", GRPC: always(&runtime.DeleteBulkStateRequest{StoreName: "cut"})},
		{Name: "cut: gRPC transaction of nothing when open", GRPC: always(&runtime.ExecuteStateTransactionRequest{StoreName: "cut"})},
		{Name: "again: save", HTTP: "POST /v1.0/state/again", Body: `[{"key":"k","value":1}]`},
		{Name: "again: a wrong ETag", HTTP: "POST /v1.0/state/again", Body: `[{"key":"k","value":1,"etag":"1"}]`},
		{Name: "again: a wrong ETag to delete", HTTP: "DELETE /v1.0/state/again/k", IfMatch: "1"},
		{Name: "again: a wrong ETag in a transaction", HTTP: "POST /v1.0/state/again/transaction", Body: `{"operations":[{"operation":"delete","request":{"key":"k","etag":"1"}}]}`},
		{Name: "again: an ETag and an option that are wrong", HTTP: "POST /v1.0/state/again", Body: `[{"key":"k","value":6,"etag":"1"},{"key":"u","value":6,"options":{"consistency":"weak"}}]`},
		{Name: "again: gRPC an ETag and a time to live that are wrong", GRPC: always(&runtime.SaveStateRequest{StoreName: "again", States: []*common.StateItem{wrong, {Key: "l", Metadata: map[string]string{"ttlInSeconds": "soon"}}}})},
		{Name: "again: gRPC two wrong ETags", GRPC: always(&runtime.DeleteBulkStateRequest{StoreName: "again", States: []*common.StateItem{wrong, wrong}})},
	}
}

// StoreLessCalls are made through a sidecar that has no state store.
func StoreLessCalls() []StateCall {
	return []StateCall{
		{Name: "no store: get", HTTP: "GET " + store + "/a"},
		{Name: "no store: save", HTTP: "POST " + store},
		{Name: "no store: delete", HTTP: "DELETE " + store + "/a"},
		{Name: "no store: bulk get", HTTP: "POST " + store + "/bulk"},
		{Name: "no store: transaction", HTTP: "POST " + store + "/transaction"},
		{Name: "no store: query", HTTP: "POST /v1.0-alpha1/state/store/query"},
		{Name: "no store: gRPC get", GRPC: func(string) proto.Message { return &runtime.GetStateRequest{StoreName: "store", Key: "a"} }},
		{Name: "no store: gRPC save", GRPC: func(string) proto.Message { return &runtime.SaveStateRequest{StoreName: "store"} }},
		{Name: "no store: gRPC query", GRPC: func(string) proto.Message { return &runtime.QueryStateRequest{StoreName: "store"} }},
	}
}
