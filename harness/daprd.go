package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/world"
)

// metadata is what daprd says of itself.
// Source: dapr pkg/api/http/metadata.go metadataResponse.
type metadata struct {
	RuntimeVersion string   `json:"runtimeVersion"`
	Subscriptions  []listed `json:"subscriptions"`
}

// listed is a subscription as daprd lists it.
type listed struct {
	PubSub          string `json:"pubsubname"`
	Topic           string `json:"topic"`
	DeadLetterTopic string `json:"deadLetterTopic"`
	Type            string `json:"type"` // DECLARATIVE, PROGRAMMATIC, STREAMING
}

// ready waits until daprd serves its API, has found the app and has begun to
// read every topic that it lists.
//
// /v1.0/healthz answers once daprd has read the app's subscriptions and started
// them (dapr pkg/runtime/runtime.go initRuntime, appHealthChanged); the
// consumer groups in Redis are the proof, because a subscription that fails to
// start is listed all the same.
//
// As soon as the app's calls to the API can be served, serving is called.
func (s *site) ready(ctx context.Context, dbs *databases, set *resources.Set, d *daprd, serving func()) (metadata, error) {
	patience := d.patience(ctx)
	healthy := func(path string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := d.get(ctx, path)
			if err != nil {
				err = errors.Join(err, patience())
			}
			return err
		}
	}
	var m metadata
	if err := eventually(ctx, startTimeout, healthy("/v1.0/healthz/outbound")); err != nil {
		return m, fmt.Errorf("daprd of %s does not become ready: %w%s", d.options.app, err, s.logTail(ctx, d.container))
	}
	serving()
	if err := eventually(ctx, callTimeout, healthy("/v1.0/healthz")); err != nil {
		return m, s.notCalled(ctx, d, err)
	}
	err := eventually(ctx, startTimeout, func(ctx context.Context) error {
		var err error
		if m, err = d.metadata(ctx); err != nil {
			return errors.Join(err, patience())
		}
		for _, sub := range m.Subscriptions {
			if err := hasGroup(ctx, dbs.of(sub.PubSub), set, d.options.app, sub.PubSub, sub.Topic); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return m, fmt.Errorf("the subscriptions of %s do not become active: %w%s", d.options.app, err, s.logTail(ctx, d.container))
	}
	return m, nil
}

// get asks daprd's HTTP API.
func (d *daprd) get(ctx context.Context, path string) ([]byte, error) {
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.http+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := web.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("GET %s: %s: %s", path, response.Status, body)
	}
	return body, err
}

// metadata is what daprd says, less the subscriptions that it lists and has not
// started: those of resources, where there is no app channel (dapr
// pkg/runtime/runtime.go appHealthChanged).
func (d *daprd) metadata(ctx context.Context) (metadata, error) {
	var m metadata
	body, err := d.get(ctx, "/v1.0/metadata")
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("read daprd's metadata: %w", err)
	}
	if d.options.protocol == "" {
		m.Subscriptions = slices.DeleteFunc(m.Subscriptions, func(s listed) bool { return s.Type != "STREAMING" })
	}
	return m, nil
}

// callTimeout is how long daprd may take to find the app, which listens
// already, and to ask it for its subscriptions.
const callTimeout = 20 * time.Second

// patience ends the wait for a daprd that has ended: at every tenth look,
// because each costs the engine work.
func (d *daprd) patience(ctx context.Context) func() error {
	looks := 0
	return func() error {
		if looks++; looks%10 != 0 {
			return nil
		}
		return stopped(ctx, d.container)
	}
}

// notCalled explains a daprd that does not reach its app.
func (s *site) notCalled(ctx context.Context, d *daprd, err error) error {
	log := s.log(ctx, d.container)
	if d.options.protocol != "" && strings.Contains(log, "waiting on port") && !strings.Contains(log, "application discovered on port") {
		return fmt.Errorf("daprd of %s cannot call back: it tried host.docker.internal:%d (%s), where %s listens on %s (%s); "+
			"set %s to an address of this machine that containers reach, and let a firewall pass it: %w",
			d.options.app, d.options.appPort, s.app.call, d.options.app, s.app.listen, s.app.why, appHostVariable, err)
	}
	return fmt.Errorf("daprd of %s does not become ready: %w%s", d.options.app, err, tail(log, 20))
}

func hasGroup(ctx context.Context, db *redis.Client, set *resources.Set, app, pubsub, topic string) error {
	groups, err := db.XInfoGroups(ctx, topic).Result()
	if err != nil {
		return fmt.Errorf("topic %s: %w", topic, err)
	}
	want := groupOf(set, app, pubsub)
	for _, g := range groups {
		if want == "" || g.Name == want {
			return nil
		}
	}
	return fmt.Errorf("topic %s has no consumer group %s", topic, want)
}

// groupOf is the consumer group of an app, "" where only daprd knows it.
func groupOf(set *resources.Set, app, pubsub string) string {
	c, ok := set.For(app).PubSub(pubsub)
	if !ok {
		return app
	}
	if group := c.ConsumerID(app); !strings.Contains(group, "{") {
		return group
	}
	return ""
}

// kinds of subscription as world.Subscription names them.
var kinds = map[string]string{"DECLARATIVE": "declarative", "PROGRAMMATIC": "programmatic", "STREAMING": "streaming"}

func (m metadata) subscriptions(app string, p world.Protocol) []world.Subscription {
	var all []world.Subscription
	for _, s := range m.Subscriptions {
		by := p
		if s.Type == "STREAMING" {
			by = "stream"
		}
		all = append(all, world.Subscription{App: app, PubSub: s.PubSub, Topic: s.Topic, DeadLetterTopic: s.DeadLetterTopic, Protocol: by, Kind: kinds[s.Type]})
	}
	return all
}
