// Package harness runs a world on real Dapr: one Redis and one daprd for each
// app, in containers on a network of their own, with the apps in the test's
// process or as commands.
//
//	w := harness.Start(t, world.Config{Contracts: catalog, Resources: []fs.FS{os.DirFS("configs/dapr")}})
//
// The world is the same type as the fake's, so a test is written once for both.
// Proxies stand on both channels, daprd to app and app to daprd: they write the
// journal and inject faults. What only the broker can know, that an event was
// acknowledged, is pending, or was dead-lettered, is read from Redis and never
// concluded from the policy that daprd is hoped to follow.
//
// # Where it runs
//
// EVENTPROOF_REAL says what happens where it cannot run:
//
//   - auto (default): the test is skipped, with the reason and what to do about
//     it; also under go test -short
//   - required: the test fails
//   - off: the test is skipped
//
// With EVENTPROOF_SKIPPED=FILE each skip adds a line to the file.
//
// Under auto, too, an image that EVENTPROOF_DAPRD_IMAGE or EVENTPROOF_REDIS_IMAGE
// names and that cannot be had fails the test: a wrong name must not skip it.
//
// The engine is the one that testcontainers finds; its own settings (DOCKER_HOST,
// image prefix, host override, …) are honoured. The images are
// daprio/daprd:1.16.0 and redis:7, or what EVENTPROOF_DAPRD_IMAGE and
// EVENTPROOF_REDIS_IMAGE name, or, where the default ones are not on the
// machine, those that harness/images has built.
//
// Containers publish their ports on the address by which this process reaches
// them, 127.0.0.1 for a local engine. Apps listen on the address that the
// containers' host gateway means on this machine, else on loopback, as Docker
// Desktop wants it; EVENTPROOF_APP_HOST overrides. Where this process runs in a
// container of the same engine, that container joins the world's network.
//
// A test process in a container beside the engine (its socket mounted, or
// DOCKER_HOST set) needs no setting. Two things differ: whether ports are closed
// to the outside cannot be checked from in there, and when the whole container is
// killed the watchdog dies with it; what it left carries the label
// dev.eventproof.run.
//
// # Delivery semantics
//
// They are daprd's own. [world.World.Settle] means: no call open at a proxy, in
// Redis nothing pending and nothing unread, on two looks. What stays pending is
// given up as [world.ErrPending] once it has come Config.Rounds times more, or
// when the horizon has passed, or when nothing can come before it. A daprd that
// has ended is an error: what it had read would stay pending for ever.
//
// Each pubsub component has a logical database of its own in the world's Redis,
// because topics of the same name on two brokers have nothing to do with each
// other; those to which the team's YAML gives the same redisHost and redisDB
// share one. There are 16 at most.
//
// Of apps in one consumer group (the same consumerID) an event is acknowledged
// or pending for the app to which it was seen to come last.
//
// What caused an entry that Redis was read for is the one published entry of that
// event on that topic, or the dead letter; where two may be it, none is named.
//
// # Time
//
// It is real time: within testing/synctest's bubble [Start] fails at once.
// Config.Clocks shortens what the team's resources wait for.
//
// # Restart
//
// A restarted app keeps its daprd: the proxy answers for the new incarnation.
// daprd is replaced only where the app's protocol changes. As with real Dapr it
// reads an app's subscriptions once, so a new incarnation that asks for others
// is not heard.
//
// While the new incarnation starts, daprd goes on calling and finds nobody, as
// when an app is down. No such call is recorded, because the app was not called;
// what becomes of the event is the policy's affair. Where it has a dead letter
// topic and no retries it is there, and the new incarnation never sees it.
//
// # When a test fails
//
// The journal, and the logs of Redis and of each daprd, are kept in a folder in
// the temporary directory (with go test -artifacts, in the test's own), which
// stays there: folders of failed runs are nobody's but yours to remove. A line
// says where it is. Their ends are shown where they may say why: the world itself
// failed at something, a daprd has ended, or an event is pending or lost.
//
// A panic of an app's handler is logged with the app's part of its stack, as it
// happens: daprd sees only a connection that broke.
//
// # What is left behind
//
// Nothing on the engine. A watchdog, this program started again on a pipe, removes the
// containers and the network when the pipe closes, however this process ends:
// by a panic in any goroutine, os.Exit, Ctrl-C or SIGKILL. Programs that link
// this package must not print or exit in an init function that would run before
// this package's, or it does so in the watchdog too.
//
// # Limits
//
//   - Where this process runs in a container and that whole container is killed,
//     the watchdog dies with it: the containers stay, labelled dev.eventproof.run.
//   - A streaming subscription cannot be opened in an app's start function, but
//     in a goroutine of it or later: daprd is started when that has returned.
//   - Redeliver does not repeat deliveries of a streaming subscription.
//   - Events without a CloudEvents id (raw payloads) are settled like others, and
//     what Redis knows of them is not told, because they have no name.
//
// # A defect of daprd to know
//
// daprd 1.16 keeps the handler of a request to an HTTP app in a field that all
// requests of that app share (dapr v1.16.0 pkg/middleware/http/pipeline.go). Of two
// deliveries that begin within the same microseconds one may get the outcome of
// the other: an event that failed is then acknowledged, and lost, or one that
// was handled is dead-lettered. It was seen once in six runs of forty topics that
// retried in step. The journal shows the app's true answers, so such a run reads
// as an event that was answered with an error and acknowledged. gRPC apps are
// not affected. The fake does not do this.
package harness
