// Package state is the store behind the fake's state API: Dapr's state.in-memory
// component, alone. What a sidecar adds (names, key prefixes, the two protocols'
// errors, the outbox) is package fakes'.
//
//	store := state.New(uuid.NewString)
//	err := store.Set(state.SetRequest{Key: "app||order-1", Value: []byte("paid")})
//	value := store.Get("app||order-1")
//
// # Semantics
//
// A value is kept as bytes: what is given as []byte as it is, all else as JSON.
// Each write draws a new ETag. A request with an ETag is refused where the key
// has another one or does not exist; one without an ETag is refused only under
// first-write, where the key exists. Consistency is looked at and makes no
// difference. A transaction looks at all of its ETags before it writes anything, so
// that two writes of one key in it do not see each other.
//
// # Time
//
// The store has no goroutine and no timer. A key whose time to live has passed
// is not given out, but it exists for the ETags of others until daprd's cleaner
// comes by, once a second from the making of the store: so here, by the time of
// the call alone. In a testing/synctest bubble that is the bubble's time.
//
// # Sources
//
// components-contrib v1.16.0 state/in-memory/in_memory.go, state/errors.go,
// state/request_options.go; dapr v1.16.0 pkg/components/state/bulk.go.
package state
