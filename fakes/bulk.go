package fakes

import "maps"

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
		calls = append(calls, publishCall{pubsub: pubsub, topic: topic, contentType: e.contentType, data: e.data, metadata: with, protocol: protocol, cause: cause, raw: raw})
		if protocol == "grpc" { // its API looks at one entry after the other
			if err := s.wire(&calls[len(calls)-1]); err != nil {
				return nil, err
			}
		}
	}
	for i := range calls {
		if err := s.wire(&calls[i]); err != nil {
			return nil, err
		}
	}
	failed, err := s.sendAll(pubsub, topic, metadata, entries, calls)
	s.app.counters().bulkEgress(pubsub, topic, err == nil)
	return failed, err
}

// sendAll hands the entries of a bulk call on, once they have been looked at.
func (s *sidecar) sendAll(pubsub, topic string, metadata map[string]string, entries []bulkEntry, calls []publishCall) (failed []failedEntry, _ *publishError) {
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

// wire makes of an entry what goes to the broker, once.
func (s *sidecar) wire(call *publishCall) *publishError {
	if call.wired {
		return nil
	}
	if !call.raw {
		event, err := s.world.envelope(s.app, call.pubsub, call.topic, call.contentType, call.data, call.metadata)
		if err != nil {
			return s.world.publishFailed(s.app, *call, noCloudEvent(call.pubsub, s.app.id, err))
		}
		call.event = event
	} else {
		call.event = sealed{data: call.data}
	}
	call.wired = true
	return nil
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
