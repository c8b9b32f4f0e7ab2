package fakes

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/go-chi/chi/v5"
	"google.golang.org/protobuf/types/known/emptypb"
)

// GetMetadata is what the sidecar says of itself: its components, and the
// subscriptions that it reads or, those that are declared, will read.
//
// Source: dapr v1.16.0 pkg/api/universal/metadata.go.
func (d *daprServer) GetMetadata(context.Context, *runtime.GetMetadataRequest) (*runtime.GetMetadataResponse, error) {
	return d.sidecar.metadata(), nil
}

// SetMetadata keeps a value beside what the sidecar says of itself.
func (d *daprServer) SetMetadata(_ context.Context, in *runtime.SetMetadataRequest) (*emptypb.Empty, error) {
	d.sidecar.setMetadata(in.GetKey(), in.GetValue())
	return &emptypb.Empty{}, nil
}

// setMetadata does nothing without a key, as daprd.
func (s *sidecar) setMetadata(key, value string) {
	if key == "" {
		return
	}
	s.world.engine.mu.Lock()
	defer s.world.engine.mu.Unlock()
	if s.app.extended == nil {
		s.app.extended = make(map[string]string)
	}
	s.app.extended[key] = value
}

func (s *sidecar) metadata() *runtime.GetMetadataResponse {
	a := s.app
	s.world.engine.mu.Lock()
	defer s.world.engine.mu.Unlock()
	extended := maps.Clone(a.extended)
	if extended == nil {
		extended = make(map[string]string)
	}
	extended["daprRuntimeVersion"] = s.world.version.release
	out := &runtime.GetMetadataResponse{Id: a.id, RuntimeVersion: s.world.version.release, ExtendedMetadata: extended,
		AppConnectionProperties: &runtime.AppConnectionProperties{Protocol: "http", ChannelAddress: "127.0.0.1", MaxConcurrency: -1},
		ActorRuntime:            &runtime.ActorRuntime{RuntimeStatus: runtime.ActorRuntime_DISABLED, Placement: "placement: disconnected"},
		Workflows:               &runtime.MetadataWorkflows{}}
	if a.connection != nil {
		out.AppConnectionProperties = a.connection
	}
	for _, name := range slices.Sorted(maps.Keys(a.components)) {
		c := a.components[name]
		out.RegisteredComponents = append(out.RegisteredComponents, &runtime.RegisteredComponents{Name: c.Name, Type: c.Type, Version: c.Version, Capabilities: c.kind.features()})
	}
	for _, c := range a.stateComponents() {
		out.RegisteredComponents = append(out.RegisteredComponents, &runtime.RegisteredComponents{Name: c.Name, Type: c.Type, Version: c.Version, Capabilities: stateCapabilities})
	}
	for _, sub := range a.known() {
		out.Subscriptions = append(out.Subscriptions, sub.listed())
	}
	return out
}

// known are the subscriptions that the sidecar lists: of its resources, those too
// that it cannot subscribe to or has not begun with; the app's own to the same topic
// in their place; and its streams. The lock is held.
//
// Source: dapr v1.16.0 pkg/runtime/compstore/subscriptions.go ListTypedSubscriptions.
func (a *app) known() []*subscription {
	if a.process == nil {
		return a.subscriptions()
	}
	var all []*subscription
	for _, s := range slices.Concat(a.declared, a.programmatic) {
		i := slices.IndexFunc(all, func(before *subscription) bool { return before.component == s.component && before.topic == s.topic })
		switch {
		case i < 0:
			all = append(all, s)
		case s.kind == "programmatic":
			all[i] = s
		}
	}
	for _, st := range a.streams {
		all = append(all, st.sub)
	}
	return all
}

func (s *subscription) listed() *runtime.PubsubSubscription {
	sub := &runtime.PubsubSubscription{PubsubName: s.component, Topic: s.topic, DeadLetterTopic: s.deadLetter, Metadata: s.metadata,
		Rules: &runtime.PubsubSubscriptionRules{}, Type: runtime.PubsubSubscriptionType_PROGRAMMATIC}
	switch s.kind {
	case "declarative":
		sub.Type = runtime.PubsubSubscriptionType_DECLARATIVE
	case "streaming":
		sub.Type = runtime.PubsubSubscriptionType_STREAMING
	}
	for _, r := range s.rules {
		sub.Rules.Rules = append(sub.Rules.Rules, &runtime.PubsubSubscriptionRule{Match: r.match, Path: r.path})
	}
	return sub
}

// serveMetadata is the same over HTTP, where rules are a plain list.
//
// Source: dapr v1.16.0 pkg/api/http/metadata.go.
func (s *sidecar) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	type rule struct {
		Match string `json:"match,omitempty"`
		Path  string `json:"path,omitempty"`
	}
	type subscription struct {
		PubSub     string            `json:"pubsubname"`
		Topic      string            `json:"topic"`
		Metadata   map[string]string `json:"metadata,omitempty"`
		Rules      []rule            `json:"rules,omitempty"`
		DeadLetter string            `json:"deadLetterTopic"`
		Type       string            `json:"type"`
	}
	type health struct {
		Path      string `json:"healthCheckPath,omitempty"`
		Interval  string `json:"healthProbeInterval,omitempty"`
		Timeout   string `json:"healthProbeTimeout,omitempty"`
		Threshold int32  `json:"healthThreshold,omitempty"`
	}
	type connection struct {
		Port           int32   `json:"port,omitempty"`
		Protocol       string  `json:"protocol,omitempty"`
		ChannelAddress string  `json:"channelAddress,omitempty"`
		MaxConcurrency int32   `json:"maxConcurrency,omitempty"`
		Health         *health `json:"health,omitempty"`
	}
	type actorRuntime struct {
		Status    string `json:"runtimeStatus"`
		HostReady bool   `json:"hostReady"`
		Placement string `json:"placement,omitempty"`
	}
	in := s.metadata()
	out := struct {
		ID            string                          `json:"id,omitempty"`
		Version       string                          `json:"s.world.version.release,omitempty"`
		Components    []*runtime.RegisteredComponents `json:"components,omitempty"`
		Extended      map[string]string               `json:"extended,omitempty"`
		Subscriptions []subscription                  `json:"subscriptions,omitempty"`
		Connection    connection                      `json:"appConnectionProperties,omitempty"`
		Actors        actorRuntime                    `json:"actorRuntime,omitempty"`
		Workflows     struct{}                        `json:"workflows,omitempty"`
	}{ID: in.GetId(), Version: in.GetRuntimeVersion(), Components: in.GetRegisteredComponents(), Extended: in.GetExtendedMetadata(),
		Actors: actorRuntime{Status: in.GetActorRuntime().GetRuntimeStatus().String(), Placement: in.GetActorRuntime().GetPlacement()}}
	for _, sub := range in.GetSubscriptions() {
		listed := subscription{PubSub: sub.GetPubsubName(), Topic: sub.GetTopic(), Metadata: sub.GetMetadata(), DeadLetter: sub.GetDeadLetterTopic(), Type: sub.GetType().String()}
		for _, r := range sub.GetRules().GetRules() {
			listed.Rules = append(listed.Rules, rule{r.GetMatch(), r.GetPath()})
		}
		out.Subscriptions = append(out.Subscriptions, listed)
	}
	c := in.GetAppConnectionProperties()
	out.Connection = connection{Port: c.GetPort(), Protocol: c.GetProtocol(), ChannelAddress: c.GetChannelAddress(), MaxConcurrency: c.GetMaxConcurrency()}
	if h := c.GetHealth(); h != nil {
		out.Connection.Health = &health{h.GetHealthCheckPath(), h.GetHealthProbeInterval(), h.GetHealthProbeTimeout(), h.GetHealthThreshold()}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

// servePutMetadata is SetMetadata over HTTP: the value is the body.
func (s *sidecar) servePutMetadata(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		writeError(w, &publishError{status: http.StatusInternalServerError, tag: "ERR_BODY_READ", message: "failed to read request body: " + err.Error()})
		return
	}
	s.setMetadata(chi.URLParam(r, "key"), string(body))
	w.WriteHeader(http.StatusNoContent)
}
