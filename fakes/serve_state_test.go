package fakes_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	common "github.com/dapr/dapr/pkg/proto/common/v1"
	dapr "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// stateYAML is a state component; kind is its type without "state.".
func stateYAML(name, kind string, metadata ...string) string {
	text := "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: " + name + "}\nspec:\n  type: state." + kind + "\n  version: v1\n  metadata:\n  - {name: ignored, value: x}\n"
	for _, item := range metadata {
		text += "  - " + item + "\n"
	}
	return text
}

// clientOf attaches an app that only calls its sidecar.
func clientOf(t *testing.T, w *world.World, app string) client.Client {
	t.Helper()
	var c client.Client
	w.Attach(app, func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
		c = s.Client()
		return world.None, nil
	})
	return c
}

func TestStateThroughTheSDK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"s.yaml": stateYAML("store", "in-memory")})})
		c := clientOf(t, w, "a")
		ctx := t.Context()
		require.NoError(t, c.SaveState(ctx, "store", "k", []byte("v"), map[string]string{"ttlInSeconds": "60"}))
		item, err := c.GetState(ctx, "store", "k", nil)
		require.NoError(t, err)
		require.Equal(t, "v", string(item.Value))
		require.Equal(t, time.Now().Add(time.Minute).UTC().Format(time.RFC3339), item.Metadata["ttlExpireTime"])
		require.NoError(t, c.SaveStateWithETag(ctx, "store", "k", []byte("w"), item.Etag, nil))
		require.Equal(t, codes.Aborted, status.Code(c.SaveStateWithETag(ctx, "store", "k", []byte("x"), item.Etag, nil)))
		require.NoError(t, c.ExecuteStateTransaction(ctx, "store", nil, []*client.StateOperation{
			{Type: client.StateOperationTypeUpsert, Item: &client.SetStateItem{Key: "l", Value: []byte("1")}},
			{Type: client.StateOperationTypeDelete, Item: &client.SetStateItem{Key: "k"}},
		}))
		items, err := c.GetBulkState(ctx, "store", []string{"l", "k"}, nil, 1)
		require.NoError(t, err)
		require.Equal(t, "1", string(items[0].Value))
		require.Empty(t, items[1].Value)
		require.NoError(t, c.DeleteBulkState(ctx, "store", []string{"l"}, nil))
		item, err = c.GetState(ctx, "store", "l", nil)
		require.NoError(t, err)
		require.Nil(t, item.Value)
	})
}

// The values that a world's seed draws are the same in each of its runs.
func TestETagsFollowFromTheSeed(t *testing.T) {
	etag := func() (etag string) {
		synctest.Test(t, func(t *testing.T) {
			c := clientOf(t, fakes.Start(t, world.Config{Resources: resources(map[string]string{"s.yaml": stateYAML("store", "in-memory")}), Seed: 7}), "a")
			require.NoError(t, c.SaveState(t.Context(), "store", "k", []byte("v"), nil))
			item, err := c.GetState(t.Context(), "store", "k", nil)
			require.NoError(t, err)
			etag = item.Etag
		})
		return etag
	}
	require.Equal(t, etag(), etag())
}

func TestWhoSharesState(t *testing.T) {
	const prefix = `{name: keyPrefix, value: none}`
	for _, c := range []struct {
		name, reason, yaml, other string
		shared                    bool
	}{
		{"in memory", "each sidecar has its own", stateYAML("store", "in-memory", prefix), "store", false},
		{"a component", "the apps of a component share it", stateYAML("store", "postgresql", prefix), "store", true},
		{"a component with prefixes", "as daprd prefixes keys with the app's id", stateYAML("store", "postgresql"), "store", false},
		{"one Redis", "", stateYAML("store", "redis", prefix, item("redisHost", "r:6379")) + "---\n" + stateYAML("other", "redis", prefix, item("redisHost", "r:6379")), "other", true},
		{"two databases", "", stateYAML("store", "redis", prefix, item("redisHost", "r:6379")) + "---\n" + stateYAML("other", "redis", prefix, item("redisHost", "r:6379"), item("redisDB", "1")), "other", false},
		{"two components", "", stateYAML("store", "postgresql", prefix) + "---\n" + stateYAML("other", "postgresql", prefix), "other", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"s.yaml": c.yaml})})
				require.NoError(t, clientOf(t, w, "a").SaveState(t.Context(), "store", "k", []byte("v"), nil))
				got, err := clientOf(t, w, "b").GetState(t.Context(), c.other, "k", nil)
				require.NoError(t, err)
				require.Equal(t, c.shared, got.Value != nil, c.reason)
			})
		})
	}
}

func TestStateOutlivesItsApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"s.yaml": stateYAML("store", "in-memory")})})
		var c client.Client
		w.Attach("a", func(_ context.Context, s world.Sidecar) (world.Endpoint, error) {
			c = s.Client()
			return world.None, nil
		})
		before := c
		require.NoError(t, c.SaveState(t.Context(), "store", "k", []byte("v"), nil))
		require.NoError(t, w.Restart(t.Context(), "a"))
		item, err := c.GetState(t.Context(), "store", "k", nil)
		require.NoError(t, err)
		require.Equal(t, "v", string(item.Value), "the sidecar runs on")
		require.Error(t, before.SaveState(t.Context(), "store", "k", []byte("late"), nil), "what has ended writes no more")
	})
}

func TestWhatStandsForAStateStoreIsListed(t *testing.T) {
	yaml := stateYAML("store", "redis", item("redisHost", "r:6379"), `{name: redisPassword, secretKeyRef: {name: s, key: k}}`, item("keyPrefix", "name"))
	w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"s.yaml": yaml})})
	listed := w.Journal().Head().Substitutions
	require.Len(t, listed, 5, "its type, three items, and the default pubsub: %v", listed)
	require.Equal(t, "s.yaml:5: store: type state.redis -> state.in-memory", listed[0])
	_, err := fakes.New(t.Context(), world.Config{Resources: resources(map[string]string{"s.yaml": yaml}), StrictResources: true})
	require.ErrorContains(t, err, "state.redis -> state.in-memory")
}

func TestStateStoresThatDaprdRefuses(t *testing.T) {
	for _, c := range []struct{ name, yaml, want string }{
		{"a separator in the prefix", stateYAML("store", "in-memory", item("keyPrefix", "a||b")), "input key/keyPrefix 'a||b' can't contain '||'"},
		{"another version", "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: store}\nspec: {type: state.in-memory, version: v2}\n", "couldn't find state store state.in-memory/v2"},
		{"an encrypted outbox", stateYAML("store", "in-memory", item("outboxPublishPubsub", "pubsub"), item("outboxPublishTopic", "t"), `{name: primaryEncryptionKey, secretKeyRef: {name: k}}`) + "auth: {secretStore: secrets}\n", "not simulated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := fakes.New(t.Context(), world.Config{Resources: resources(map[string]string{"s.yaml": c.yaml})})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "s.yaml:2")
		})
	}
}

func TestEncryptedStateComesBackAsText(t *testing.T) {
	yaml := stateYAML("store", "in-memory", `{name: primaryEncryptionKey, secretKeyRef: {name: k}}`) + "auth: {secretStore: secrets}\n"
	w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"s.yaml": yaml})})
	at := addressOf(t, w, "a")
	require.Equal(t, "204 ", call(t, http.MethodPost, at+"/v1.0/state/store", `[{"key":"t","value":"text"},{"key":"o","value":{"b":[1,"x"]}}]`))
	require.Equal(t, "200 text", call(t, http.MethodGet, at+"/v1.0/state/store/t", ""), "not JSON any more, as in daprd")
	require.Equal(t, "200 map[b:[1 x]]", call(t, http.MethodGet, at+"/v1.0/state/store/o", ""))
}

func TestTheMetadataListState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"s.yaml": stateYAML("store", "in-memory")})})
		out, err := dapr.NewDaprClient(clientOf(t, w, "a").GrpcClientConn()).GetMetadata(t.Context(), &dapr.GetMetadataRequest{})
		require.NoError(t, err)
		require.Len(t, out.GetRegisteredComponents(), 2)
		require.Equal(t, "store", out.GetRegisteredComponents()[1].GetName())
		require.Equal(t, []string{"ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "ACTOR"}, out.GetRegisteredComponents()[1].GetCapabilities())
	})
}

func TestErrorsOfABulkCallOverGRPC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fakes.Start(t, world.Config{Resources: resources(map[string]string{"s.yaml": stateYAML("store", "in-memory")})})
		_, err := dapr.NewDaprClient(clientOf(t, w, "a").GrpcClientConn()).SaveState(t.Context(), &dapr.SaveStateRequest{StoreName: "store", States: []*common.StateItem{
			{Key: "ttl", Metadata: map[string]string{"ttlInSeconds": "soon"}}, {Key: "tag", Etag: &common.Etag{Value: "1"}}, {Key: "fine", Value: []byte("v")}}})
		require.Equal(t, codes.Aborted, status.Code(err), "one ETag makes it a conflict")
		require.Equal(t, "failed saving state in state store store: strconv.Atoi: parsing \"soon\": invalid syntax\n"+
			"possible etag mismatch. error from state store: state not exist or expired for key=a||tag", status.Convert(err).Message(), "and everything is told")
	})
}
