// Package world holds what both worlds share, the fake (package fakes) and real
// Dapr (package harness): the apps and their sidecars, sending events, settling,
// faults, and the contract checks on everything that passes.
//
// A test says what its apps are and what happens to them; which world it runs
// in is one line:
//
//	w := fakes.Start(t, world.Config{Contracts: catalog, Resources: resources})
//
//	w.Attach("payment-worker", func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
//		app, err := worker.New(s.Client(), db) // the team's own wiring
//		return world.HTTP(app.Handler()), err
//	})
//	require.NoError(t, w.Send(ctx, event))
//	require.NoError(t, w.Settle(ctx))
//
// # Contracts
//
// With [Config].Contracts each event is held against its contract when it is
// published, and again when it is delivered without having been seen published.
// A violation fails the test at its end, unless [World.Expect] announced its
// rule. Events on a dead letter topic are not held against a contract.
//
// # Apps
//
// An app is attached by what it is: an http.Handler ([HTTP]), a Go SDK service
// ([HTTPService], [GRPC]), something that listens already ([Address]), a program
// ([Command]) or a publisher only ([None]). [World.Restart] ends it as a crash
// would and calls its StartFunc again.
//
// # Time
//
// [World.Settle] is how a test waits. It never waits longer than there is
// something to wait for.
package world
