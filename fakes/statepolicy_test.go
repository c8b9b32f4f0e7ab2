package fakes_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	common "github.com/dapr/dapr/pkg/proto/common/v1"
	dapr "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/status"

	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// statePolicies puts a store under outbound policies; targets is YAML of spec.
func statePolicies(policies, targets string) map[string]string {
	return map[string]string{
		"s.yaml": stateYAML("store", "in-memory"),
		"r.yaml": "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata: {name: r}\nspec:\n  policies:\n" + policies + targets,
	}
}

const (
	twoRetries = "    retries: {again: {policy: constant, duration: 2s, maxRetries: 2}}\n"
	onTheStore = "  targets: {components: {store: {outbound: {retry: again}}}}\n"
)

func TestRetriesOfStateCalls(t *testing.T) {
	for _, c := range []struct {
		name, reason, policies, targets string
		call                            func(*testing.T, client.Client) error
		took                            time.Duration
		fails                           bool
	}{
		{"a time to live that cannot be read", "it never gets better", twoRetries, onTheStore, func(t *testing.T, c client.Client) error {
			return c.SaveState(t.Context(), "store", "k", nil, map[string]string{"ttlInSeconds": "soon"})
		}, 4 * time.Second, true},
		{"a wrong ETag of a write", "is not tried again", twoRetries, onTheStore, func(t *testing.T, c client.Client) error {
			return c.SaveStateWithETag(t.Context(), "store", "k", nil, "x", nil)
		}, 0, true},
		{"a wrong ETag to delete", "is tried again", twoRetries, onTheStore, func(t *testing.T, c client.Client) error {
			return c.DeleteStateWithETag(t.Context(), "store", "k", &client.ETag{Value: "x"}, nil, nil)
		}, 4 * time.Second, true},
		{"a wrong ETag in a transaction", "is tried again", twoRetries, onTheStore, func(t *testing.T, c client.Client) error {
			return c.ExecuteStateTransaction(t.Context(), "store", nil, []*client.StateOperation{conflict()})
		}, 4 * time.Second, true},
		{"by the default for state", "", "    retries: {DefaultStatestoreComponentOutboundRetryPolicy: {policy: constant, duration: 1s, maxRetries: 3}}\n", "", func(t *testing.T, c client.Client) error {
			return c.DeleteStateWithETag(t.Context(), "store", "k", &client.ETag{Value: "x"}, nil, nil)
		}, 3 * time.Second, true},
		{"not by the default for pubsub", "", "    retries: {DefaultPubsubComponentOutboundRetryPolicy: {policy: constant, duration: 1s, maxRetries: 3}}\n", "", func(t *testing.T, c client.Client) error {
			return c.DeleteStateWithETag(t.Context(), "store", "k", &client.ETag{Value: "x"}, nil, nil)
		}, 0, true},
		{"what succeeds", "", twoRetries, onTheStore, func(t *testing.T, c client.Client) error {
			return c.SaveState(t.Context(), "store", "k", nil, nil)
		}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sdk := clientOf(t, fakes.Start(t, world.Config{Resources: resources(statePolicies(c.policies, c.targets))}), "a")
				began := time.Now()
				err := c.call(t, sdk)
				require.Equal(t, c.fails, err != nil, "%v", err)
				require.Equal(t, c.took, time.Since(began), c.reason)
			})
		})
	}
}

func TestOfABulkCallOnlyWhatMayHelpIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(t, fakes.Start(t, world.Config{Resources: resources(statePolicies(twoRetries, onTheStore))}), "a")
		_, err := dapr.NewDaprClient(c.GrpcClientConn()).SaveState(t.Context(), &dapr.SaveStateRequest{StoreName: "store", States: []*common.StateItem{
			{Key: "tag", Etag: &common.Etag{Value: "1"}}, {Key: "ttl", Metadata: map[string]string{"ttlInSeconds": "soon"}}}})
		require.Equal(t, `failed saving state in state store store: strconv.Atoi: parsing "soon": invalid syntax`, status.Convert(err).Message(), "the ETag is forgotten")
	})
}

func TestTheCircuitBreakerOfAStore(t *testing.T) {
	w := fakes.Start(t, world.Config{Resources: resources(statePolicies(
		"    circuitBreakers: {cut: {trip: consecutiveFailures > 1, timeout: 1h}}\n", "  targets: {components: {store: {outbound: {circuitBreaker: cut}}}}\n"))})
	at := addressOf(t, w, "a") + "/v1.0/state/store"
	const conflict = `409 {"errorCode":"ERR_STATE_SAVE","message":"failed saving state in state store store: possible etag mismatch. error from state store: state not exist or expired for key=a||k"}`
	for range 2 {
		require.Equal(t, conflict, call(t, http.MethodPost, at, `[{"key":"k","etag":"1"}]`))
	}
	for _, c := range []struct{ method, path, body, want string }{
		{"POST", "", `[{"key":"k"}]`, `500 {"errorCode":"ERR_STATE_SAVE","message":"failed saving state in state store store: circuit breaker is open"}`},
		{"GET", "/k", "", `500 {"errorCode":"ERR_STATE_GET","message":"fail to get k from state store store: circuit breaker is open"}`},
		{"DELETE", "/k", "", `500 {"errorCode":"ERR_STATE_DELETE","message":"failed deleting state with key k: circuit breaker is open"}`},
		{"POST", "/bulk", `{"keys":["k"]}`, `500 {"errorCode":"ERR_STATE_BULK_GET","message":"circuit breaker is open"}`},
		{"POST", "/bulk", `{"keys":[]}`, "200 []\n"},
		{"POST", "/transaction", `{"operations":[{"operation":"delete","request":{"key":"k"}}]}`, `500 {"errorCode":"ERR_STATE_TRANSACTION","message":"error while executing state transaction: circuit breaker is open"}`},
	} {
		require.Equal(t, c.want, call(t, c.method, at+c.path, c.body), "%s %s", c.method, c.path)
	}
}
