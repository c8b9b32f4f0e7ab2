package fakes_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// addressOf attaches an app that only calls its sidecar, over HTTP.
func addressOf(t *testing.T, w *world.World, app string) string {
	t.Helper()
	var at string
	w.Attach(app, func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
		at = "http://" + s.HTTPAddress()
		return world.None, nil
	})
	return at
}

// call is the status and the body of an answer.
func call(t *testing.T, method, url, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return fmt.Sprintf("%d %s", response.StatusCode, answer)
}

// All that daprd answers over HTTP is in the golden file of
// harness/conformance; these are its rules.
func TestStateOverHTTP(t *testing.T) {
	w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"s.yaml": stateYAML("store", "in-memory", item("keyPrefix", "name"))})})
	at := addressOf(t, w, "a")
	for _, c := range []struct{ reason, method, path, body, want string }{
		{"a value is JSON, written anew", "POST", "/v1.0/state/store", `[{"key":"x/y z","value":{ "b":1.0,"a":"<"}}]`, "204 "},
		{"a key is read as a query is", "GET", "/v1.0/state/store/x%2Fy+z", "", `200 {"a":"\u003c","b":1}`},
		{"a double slash and one at the end are nothing", "GET", "/v1.0//state/store/x%2Fy%20z/", "", `200 {"a":"\u003c","b":1}`},
		{"metadata of the query win", "PUT", "/v1.0/state/store?metadata.ttlInSeconds=x", `[{"key":"k","value":1,"metadata":{"ttlInSeconds":"1"}}]`,
			`500 {"errorCode":"ERR_STATE_SAVE","message":"failed saving state in state store store: strconv.Atoi: parsing \"x\": invalid syntax"}`},
		{"one bad key saves nothing", "POST", "/v1.0/state/store", `[{"key":"k","value":1},{"key":"","value":1}]`, `400 {"errorCode":"ERR_MALFORMED_REQUEST","message":"\"key\" is a required field"}`},
		{"", "GET", "/v1.0/state/store/k", "", "204 "},
		{"names of an operation are read in any case", "POST", "/v1.0/state/store/transaction", `{"operations":[{"operation":"upsert","request":{"kEY":"k","VALUE":2}}]}`, "204 "},
		{"", "POST", "/v1.0/state/store/bulk", `{"keys":["k","no"]}`, `200 [{"key":"k","data":2,"etag":"…"},{"key":"no"}]` + "\n"},
		{"what is wrong with an operation is all told, sorted", "POST", "/v1.0/state/store/transaction", `{"operations":[{"operation":"delete","request":{"key":1,"etag":[],"metadata":{"m":true}}}]}`,
			`400 {"errorCode":"ERR_MALFORMED_REQUEST","message":"failed deserializing HTTP body: 3 error(s) decoding:\n\n* 'ETag' expected type 'string', got unconvertible type '[]interface {}', value: '[]'\n` +
				`* 'Key' expected type 'string', got unconvertible type 'float64', value: '1'\n* 'Metadata[m]' expected type 'string', got unconvertible type 'bool', value: 'true'"}`},
		{"a query is refused", "POST", "/v1.0-alpha1/state/store/query", "{}",
			`500 {"errorCode":"ERR_STATE_STORE_NOT_SUPPORTED","message":"state store does not support querying","details":[{"@type":"type.googleapis.com/google.rpc.ResourceInfo","description":"","owner":"","resource_name":"store","resource_type":"state"},` +
				`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":null,"reason":"DAPR_STATE_QUERYING_NOT_SUPPORTED"}]}`},
		{"a body has a limit", "POST", "/v1.0/state/store", `[{"key":"k","value":"` + strings.Repeat("x", 4<<20) + `"}]`, `400 {"errorCode":"ERR_MALFORMED_REQUEST","message":"stream too large"}`},
	} {
		got := call(t, c.method, at+c.path, c.body)
		if before, after, ok := strings.Cut(got, `"etag":"`); ok {
			got = before + `"etag":"…` + after[strings.Index(after, `"`):]
		}
		require.Equal(t, c.want, got, "%s %s: %s", c.method, c.path, c.reason)
	}
}
