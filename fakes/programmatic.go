package fakes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/eventproof/eventproof/fakes/world"
)

// subscriptions are all that the app's sidecar reads: those the app asks for,
// then those of its resources that the app did not ask for itself.
//
// Source: dapr v1.16.0 pkg/runtime/compstore/subscriptions.go.
func (w *backend) subscriptions(ctx context.Context, a *app, i *incarnation) ([]*subscription, error) {
	var programmatic []*subscription
	var err error
	if i.protocol == world.ProtocolGRPC {
		programmatic, err = askGRPC(ctx, i)
	} else {
		programmatic, err = askHTTP(ctx, a, i)
	}
	if err != nil {
		return nil, fmt.Errorf("read the app's subscriptions: %w", err)
	}
	declared, err := w.declared(a, i.protocol)
	if err != nil {
		return nil, err
	}
	type key struct{ component, topic string }
	var subs []*subscription
	taken := make(map[key]bool)
	slices.Reverse(programmatic) // of two to one topic the app's last stands
	for _, s := range append(programmatic, declared...) {
		if taken[key{s.component, s.topic}] {
			continue
		}
		taken[key{s.component, s.topic}] = true
		c, ok := a.components[s.component]
		if !ok {
			// daprd logs it and does without: the app would wait for ever.
			return nil, fmt.Errorf("the app subscribes to topic %s of pubsub %q, which is not defined for it", s.topic, s.component)
		}
		if !c.MaySubscribe(a.id, s.topic) {
			return nil, fmt.Errorf("subscription to topic '%s' on pubsub '%s' is not allowed", s.topic, s.component)
		}
		subs = append(subs, s)
	}
	slices.SortStableFunc(subs, func(a, b *subscription) int { return slices.Index(programmatic, b) - slices.Index(programmatic, a) })
	return subs, nil
}

// askTimeout is how long an app may take to state its subscriptions.
const askTimeout = 10 * time.Second

// askHTTP is GET /dapr/subscribe. 404 means none; daprd logs any other status
// than 200 and does without.
//
// Source: dapr v1.16.0 pkg/runtime/pubsub/subscriptions.go GetSubscriptionsHTTP.
func askHTTP(ctx context.Context, a *app, i *incarnation) ([]*subscription, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, fmt.Errorf("the app does not answer GET /dapr/subscribe within %s", askTimeout))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://app/dapr/subscribe", http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("dapr-app-id", a.id)
	response, err := i.http.RoundTrip(r)
	if err != nil {
		return nil, because(ctx, err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, nil
	default:
		return nil, fmt.Errorf("the app answers GET /dapr/subscribe with status %d; daprd would subscribe to nothing: answer 200 with a list, or 404 for none", response.StatusCode)
	}
	var items []struct {
		PubSubName      string            `json:"pubsubname"`
		Topic           string            `json:"topic"`
		DeadLetterTopic string            `json:"deadLetterTopic"`
		Metadata        map[string]string `json:"metadata"`
		Route           string            `json:"route"`
		Routes          struct {
			Rules []struct {
				Match string `json:"match"`
				Path  string `json:"path"`
			} `json:"rules"`
			Default string `json:"default"`
		} `json:"routes"`
		BulkSubscribe struct {
			Enabled            bool  `json:"enabled"`
			MaxMessagesCount   int32 `json:"maxMessagesCount"`
			MaxAwaitDurationMs int32 `json:"maxAwaitDurationMs"`
		} `json:"bulkSubscribe"`
	}
	if err := json.NewDecoder(response.Body).Decode(&items); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the app answers GET /dapr/subscribe with something else than a JSON array of subscriptions ([{\"pubsubname\": …, \"topic\": …, \"route\": …}]); answer 404 for none: %w", err)
	}
	var subs []*subscription
	for _, item := range items {
		s := &subscription{component: item.PubSubName, topic: item.Topic, deadLetter: item.DeadLetterTopic,
			metadata: item.Metadata, rawPayload: item.Metadata["rawPayload"], kind: "programmatic",
			bulk: newBulk(item.BulkSubscribe.Enabled, int(item.BulkSubscribe.MaxMessagesCount), int(item.BulkSubscribe.MaxAwaitDurationMs))}
		for _, ask := range item.Routes.Rules {
			rule, err := newRule(ask.Match, ask.Path)
			if err != nil {
				return nil, err
			}
			s.rules = append(s.rules, rule)
		}
		if path := item.Routes.Default; path != "" {
			s.rules = append(s.rules, rule{path: path})
		} else if item.Route != "" {
			s.rules = append(s.rules, rule{path: item.Route})
		}
		if len(s.rules) > 0 { // as daprd, which warns and leaves it out
			subs = append(subs, s)
		}
	}
	return subs, nil
}

// askGRPC is AppCallback.ListTopicSubscriptions; Unimplemented means none.
//
// Source: dapr v1.16.0 pkg/runtime/pubsub/subscriptions.go GetSubscriptionsGRPC.
func askGRPC(ctx context.Context, i *incarnation) ([]*subscription, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout,
		fmt.Errorf("the gRPC app does not answer ListTopicSubscriptions within %s: is its service started (go service.Start())?", askTimeout))
	defer cancel()
	response, err := runtime.NewAppCallbackClient(i.conn).ListTopicSubscriptions(ctx, &emptypb.Empty{})
	if status.Code(err) == codes.Unimplemented {
		return nil, nil
	}
	if err != nil {
		return nil, because(ctx, err)
	}
	var subs []*subscription
	for _, item := range response.GetSubscriptions() {
		s := &subscription{component: item.GetPubsubName(), topic: item.GetTopic(), deadLetter: item.GetDeadLetterTopic(),
			metadata: item.GetMetadata(), rawPayload: item.GetMetadata()["rawPayload"], kind: "programmatic",
			bulk: newBulk(item.GetBulkSubscribe().GetEnabled(), int(item.GetBulkSubscribe().GetMaxMessagesCount()), int(item.GetBulkSubscribe().GetMaxAwaitDurationMs()))}
		for _, ask := range item.GetRoutes().GetRules() {
			rule, err := newRule(ask.GetMatch(), ask.GetPath())
			if err != nil {
				return nil, err
			}
			s.rules = append(s.rules, rule)
		}
		if path := item.GetRoutes().GetDefault(); path != "" {
			s.rules = append(s.rules, rule{path: path})
		}
		if len(s.rules) == 0 {
			s.rules = []rule{{path: ""}}
		}
		subs = append(subs, s)
	}
	return subs, nil
}

// because prefers what the context says to what came of it.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
