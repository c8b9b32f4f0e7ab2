package fakes

import (
	"maps"
	"strconv"
)

// publishBulk publishes the entries of one bulk call. Everything is looked at
// before anything is published, as in daprd.
//
// Metadata of the request reaches an entry only where the entry has some of its
// own; rawPayload is the request's alone.
//
// Source: dapr v1.16.0 pkg/api/grpc/grpc.go BulkPublishEventAlpha1.
//
// failed are the entries that were not published, where daprd tells.
func (s *sidecar) publishBulk(pubsub, topic string, metadata map[string]string, entries []bulkEntry, protocol string, cause int) (failed []failedEntry, _ *publishError) {
	if err := s.world.check(s.app, publishCall{pubsub: pubsub, topic: topic, metadata: metadata, protocol: protocol}); err != nil {
		return nil, err
	}
	raw, _ := rawPayload(metadata)
	seen := make(map[string]bool)
	calls := make([]publishCall, 0, len(entries))
	for _, e := range entries {
		if e.id == "" || seen[e.id] {
			return nil, badEvents(pubsub, topic, s.app.id, "DAPR_PUBSUB_MARSHAL_EVENTS", "marshaling events to bytes", errEntryID)
		}
		seen[e.id] = true
		with := make(map[string]string)
		if e.metadata != nil {
			maps.Copy(with, metadata)
			maps.Copy(with, e.metadata)
		}
		delete(with, "rawPayload")
		if raw {
			with["rawPayload"] = strconv.FormatBool(raw)
		}
		calls = append(calls, publishCall{pubsub: pubsub, topic: topic, contentType: e.contentType, data: e.data, metadata: with, protocol: protocol, cause: cause})
	}
	if p, ok := s.app.components[pubsub].kind.(*pluggable); ok {
		return s.sendBulk(p, topic, metadata, entries, calls)
	}
	if err := s.passBulk(pubsub, topic, calls); err != nil {
		for _, e := range entries {
			failed = append(failed, failedEntry{e.id, err.metadata["error"]})
		}
		return failed, err
	}
	for _, call := range calls {
		call.passed = true
		if err := s.world.publish(s.app, call); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// failedEntry is an entry of a bulk call that was not published.
type failedEntry struct {
	EntryID string `json:"entryId"`
	Error   string `json:"error"`
}

// passBulk asks the outbound circuit breaker once for all entries.
//
// Source: dapr v1.16.0 pkg/runtime/pubsub/bulkpublish_resiliency.go.
func (s *sidecar) passBulk(pubsub, topic string, calls []publishCall) *publishError {
	if !s.app.mayPublish(pubsub, topic) {
		return nil // publish says so
	}
	s.world.engine.mu.Lock()
	err := s.app.publishes(pubsub, nil)
	s.world.engine.mu.Unlock()
	if err == nil {
		return nil
	}
	refused := publishFailed(pubsub, topic, err)
	for _, call := range calls {
		s.world.publishFailed(s.app, call, refused)
	}
	return refused
}
