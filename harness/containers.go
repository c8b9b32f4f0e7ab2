package harness

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/testcontainers/testcontainers-go"
	tcredis "github.com/testcontainers/testcontainers-go/modules/redis"
	tcnetwork "github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/eventproof/eventproof/fakes/world"
)

// redisHost is Redis for the containers.
const redisHost = "redis:6379"

// site is what one world consists of on the engine.
type site struct {
	*engine
	id        string
	network   string // its name
	networkID string
	publish   string // the address on which ports are published
	app       appHost
	images    struct{ daprd, redis chosen }
	redis     testcontainers.Container
	redisAddr string // for this process
}

// quiet keeps testcontainers' progress out of the tests' output.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// newSite makes the network and starts Redis.
func newSite(ctx context.Context, e *engine) (s *site, err error) {
	s = &site{engine: e, id: uuid.NewString()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove(context.WithoutCancel(ctx)))
		}
	}()
	if s.images.daprd, err = e.choose(ctx, daprdVariable, daprdImage, daprdBuilt); err != nil {
		return s, err
	}
	if s.images.redis, err = e.choose(ctx, redisVariable, redisImage, redisBuilt); err != nil {
		return s, err
	}
	if err = startWatchdog(e.DaemonHost()); err != nil {
		return s, err
	}
	s.network = "eventproof-" + s.id
	made, err := e.NetworkCreate(ctx, s.network, network.CreateOptions{Driver: "bridge", Labels: s.labels()})
	if err != nil {
		return s, fmt.Errorf("make a network: %w", err)
	}
	s.networkID = made.ID
	if s.app, err = e.reach(ctx, s.networkID); err != nil {
		return s, err
	}
	if s.publish, err = s.publishOn(ctx); err != nil {
		return s, err
	}
	return s, s.startRedis(ctx)
}

func (s *site) labels() map[string]string {
	labels := testcontainers.GenericLabels()
	labels[labelRun], labels[labelWorld] = runID(), s.id
	return labels
}

// options are common to both kinds of container.
func (s *site) options(alias string, ready wait.Strategy, ports ...string) []testcontainers.ContainerCustomizer {
	return []testcontainers.ContainerCustomizer{
		testcontainers.WithLogger(quiet{}),
		testcontainers.WithLabels(s.labels()),
		testcontainers.WithExposedPorts(ports...),
		tcnetwork.WithNetworkName([]string{alias}, s.network),
		testcontainers.WithWaitStrategy(ready),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.PortBindings = nat.PortMap{}
			for _, port := range ports {
				h.PortBindings[nat.Port(port)] = []nat.PortBinding{{HostIP: s.publish}}
			}
			h.ExtraHosts = []string{"host.docker.internal:" + s.app.call}
		}),
	}
}

const redisPort = "6379/tcp"

func (s *site) startRedis(ctx context.Context) error {
	// Named in full, so that the official image, whose entrypoint is a script,
	// and a bare redis-server take it alike. Nothing is kept on disk.
	options := append(s.options("redis", readiness(s.redisAnswers), redisPort),
		testcontainers.WithCmd("redis-server", "--protected-mode", "no", "--save", "", "--appendonly", "no"))
	started, err := tcredis.Run(ctx, s.images.redis.name, options...)
	if started != nil {
		s.redis = started.Container
	}
	if err != nil {
		return fmt.Errorf("start %s: %w%s", s.images.redis.name, err, s.logTail(ctx, s.redis))
	}
	return nil
}

// readiness is a wait.Strategy that looks every few milliseconds: those of
// testcontainers look every 100, and for a shell in the container.
type readiness func(context.Context, wait.StrategyTarget) error

func (r readiness) WaitUntilReady(ctx context.Context, t wait.StrategyTarget) error { return r(ctx, t) }
func (r readiness) String() string                                                  { return "the first answer" }

func (s *site) redisAnswers(ctx context.Context, t wait.StrategyTarget) error {
	address, err := s.published(ctx, t, redisPort)
	if err != nil {
		return err
	}
	s.redisAddr = address
	db := redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1})
	defer db.Close()
	return eventually(ctx, startTimeout, func(ctx context.Context) error {
		if err := db.Ping(ctx).Err(); err != nil {
			return errors.Join(err, stopped(ctx, t))
		}
		return nil
	})
}

// published is where this process reaches a port of a container.
func (s *site) published(ctx context.Context, t wait.StrategyTarget, port nat.Port) (string, error) {
	inspected, err := t.Inspect(ctx)
	if err != nil {
		return "", err
	}
	if n := inspected.NetworkSettings.Networks[s.network]; s.app.joined && n != nil && n.IPAddress != "" {
		return net.JoinHostPort(n.IPAddress, port.Port()), nil // we are on its network
	}
	bindings := inspected.NetworkSettings.Ports[port]
	if len(bindings) == 0 {
		return "", fmt.Errorf("port %s is not published: %w", port, stopped(ctx, t))
	}
	return net.JoinHostPort(s.publish, bindings[0].HostPort), nil
}

// stopped is an error if the container runs no more: then no waiting helps.
func stopped(ctx context.Context, t wait.StrategyTarget) error {
	state, err := t.State(ctx)
	if err == nil && (state.Status == "exited" || state.Status == "dead") {
		return fatal{fmt.Errorf("its container ended with exit code %d", state.ExitCode)}
	}
	return nil
}

// resourcesDir is where daprd finds the world's resources.
const resourcesDir = "/eventproof/resources"

// daprdOptions say how one daprd is started.
type daprdOptions struct {
	app      string
	protocol world.Protocol // "": the app is not called
	appPort  int
	files    map[string][]byte
	configs  []string // of files: --config
}

// The ports of daprd in its container: its defaults.
const (
	daprdHTTP = "3500/tcp"
	daprdGRPC = "50001/tcp"
)

// flags is daprd's command line. The program is named as the image's working
// directory has it: the official image has no entrypoint.
func (o daprdOptions) flags() []string {
	flags := []string{
		"./daprd", "--app-id", o.app,
		"--dapr-listen-addresses", "0.0.0.0",
		"--resources-path", resourcesDir,
		"--enable-metrics=false",
	}
	for _, name := range o.configs {
		flags = append(flags, "--config", name)
	}
	if o.protocol != "" {
		flags = append(flags, "--app-channel-address", "host.docker.internal",
			"--app-port", strconv.Itoa(o.appPort), "--app-protocol", string(o.protocol))
	}
	return flags
}

// daprd is one running sidecar.
type daprd struct {
	container  testcontainers.Container
	grpc, http string // for this process
	options    daprdOptions
}

// startDaprd starts a sidecar and returns when its HTTP API listens.
func (s *site) startDaprd(ctx context.Context, o daprdOptions) (*daprd, error) {
	d := &daprd{options: o}
	archive, err := tarOf(o.files)
	if err != nil {
		return nil, err
	}
	ready := func(ctx context.Context, t wait.StrategyTarget) (err error) {
		if d.http, err = s.published(ctx, t, daprdHTTP); err != nil {
			return err
		}
		d.grpc, err = s.published(ctx, t, daprdGRPC)
		return err
	}
	options := append(s.options("daprd-"+o.app, readiness(ready), daprdHTTP, daprdGRPC),
		testcontainers.WithCmd(o.flags()...),
		testcontainers.WithAdditionalLifecycleHooks(testcontainers.ContainerLifecycleHooks{
			// One archive for all files: docker makes the directories on the way.
			PostCreates: []testcontainers.ContainerHook{func(ctx context.Context, c testcontainers.Container) error {
				return s.CopyToContainer(ctx, c.GetContainerID(), "/", bytes.NewReader(archive), container.CopyToContainerOptions{})
			}},
		}))
	d.container, err = testcontainers.Run(ctx, s.images.daprd.name, options...)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w%s", s.images.daprd.name, err, s.logTail(ctx, d.container))
	}
	return d, nil
}

// tarOf is an archive of files that everybody may read, under resourcesDir.
func tarOf(files map[string][]byte) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	dirs := map[string]bool{}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
		for dir := path.Dir(path.Join(resourcesDir, name)); dir != "/"; dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	dirs[resourcesDir], dirs[path.Dir(resourcesDir)] = true, true
	slices.Sort(names)
	inOrder := make([]string, 0, len(dirs))
	for dir := range dirs {
		inOrder = append(inOrder, dir)
	}
	slices.Sort(inOrder)
	for _, dir := range inOrder {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(dir, "/") + "/", Mode: 0o755}); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		full := strings.TrimPrefix(path.Join(resourcesDir, name), "/")
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: full, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}

// remove takes everything of this world off the engine.
func (s *site) remove(ctx context.Context) error {
	if s.networkID == "" {
		return nil
	}
	_, err := removeAll(ctx, s, labelWorld+"="+s.id)
	if err != nil {
		return fmt.Errorf("remove the world's containers: %w", err)
	}
	return nil
}

// terminate removes one container.
func (s *site) terminate(ctx context.Context, c testcontainers.Container) error {
	err := s.ContainerRemove(ctx, c.GetContainerID(), container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !gone(err) {
		return err
	}
	return nil
}
