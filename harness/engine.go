package harness

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/testcontainers/testcontainers-go"
)

// The images, unless the environment says otherwise, and those that
// harness/images builds where these cannot be pulled.
const (
	daprdVariable, daprdImage, daprdBuilt = "EVENTPROOF_DAPRD_IMAGE", "daprio/daprd:1.16.0", "eventproof/daprd:1.16.0"
	redisVariable, redisImage, redisBuilt = "EVENTPROOF_REDIS_IMAGE", "redis:7", "eventproof/redis:7"
)

// appHostVariable names the address on which apps listen for daprd.
const appHostVariable = "EVENTPROOF_APP_HOST"

// engine is the container engine that testcontainers' settings choose.
type engine struct {
	*testcontainers.DockerClient
	host string // where published ports are reached: localhost, an address or a name
}

// UnavailableError says why real Dapr cannot run here, and what to do.
type UnavailableError struct {
	Reason string
	Remedy string
	Err    error
}

func (e *UnavailableError) Error() string {
	s := e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + "; " + e.Remedy
}

func (e *UnavailableError) Unwrap() error { return e.Err }

const noEngine = "start Docker or Podman (DOCKER_HOST and testcontainers' other settings are honoured), or leave real Dapr out with EVENTPROOF_REAL=off"

// connect finds the engine. It fails with an *UnavailableError.
func connect(ctx context.Context) (e *engine, err error) {
	defer func() {
		// testcontainers panics where it finds no engine.
		if v := recover(); v != nil {
			err = &UnavailableError{"no container engine was found", noEngine, fmt.Errorf("%v", v)}
		}
	}()
	leaveReaperOut()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cli, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, &UnavailableError{"no container engine answers", noEngine, err}
	}
	defer func() {
		if err != nil {
			_ = cli.Close()
		}
	}()
	if _, err := cli.Ping(ctx); err != nil {
		return nil, &UnavailableError{"no container engine answers", noEngine, err}
	}
	host, err := hostOf(ctx, cli)
	if err != nil {
		return nil, &UnavailableError{"the engine's host is not known", "set TESTCONTAINERS_HOST_OVERRIDE to the address on which its published ports are reached", err}
	}
	return &engine{cli, host}, nil
}

// hostOf is where the engine's published ports are reached.
func hostOf(ctx context.Context, cli *testcontainers.DockerClient) (string, error) {
	_, overridden := os.LookupEnv("TESTCONTAINERS_HOST_OVERRIDE")
	socket := strings.HasPrefix(cli.DaemonHost(), "unix:") || strings.HasPrefix(cli.DaemonHost(), "npipe:")
	if !overridden && socket && bridgeHere(ctx, cli) != nil {
		// testcontainers concludes from /.dockerenv, which virtual machines
		// made of container images have too, that the engine is elsewhere.
		return "localhost", nil
	}
	// As testcontainers makes its own provider: one of NewDockerProvider alone
	// would make a network and leave it.
	provider, err := testcontainers.ProviderDefault.GetProvider()
	if err != nil {
		return "", err
	}
	defer provider.Close()
	if p, ok := provider.(*testcontainers.DockerProvider); ok {
		return p.DaemonHost(ctx)
	}
	return "localhost", nil
}

// leaveReaperOut turns testcontainers' reaper off where its image would have
// to be pulled first and nobody asked for it: the watchdog does its work, and
// on a machine that cannot pull no container would start. testcontainers reads
// its settings at its first use, so this comes before.
var leaveReaperOut = sync.OnceFunc(func() {
	const variable = "TESTCONTAINERS_RYUK_DISABLED"
	if _, asked := os.LookupEnv(variable); asked {
		return
	}
	if !reaperHere() {
		_ = os.Setenv(variable, "true") // fails for no such name
	}
})

// reaperHere reports whether the reaper's image is on the engine; where that
// cannot be told it is not.
func reaperHere() bool {
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return false
	}
	defer cli.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	all, err := cli.ImageList(ctx, image.ListOptions{})
	return err == nil && slices.ContainsFunc(all, func(i image.Summary) bool {
		return slices.ContainsFunc(i.RepoTags, func(tag string) bool { return strings.Contains(tag, "testcontainers/ryuk:") })
	})
}

// chosen is an image that is on this machine.
type chosen struct {
	name string
	note string // why it is not the default
}

// choose finds the image to run, and pulls it where it must. That the default
// one cannot be had is an *UnavailableError; that one named by its variable
// cannot is any other.
func (e *engine) choose(ctx context.Context, variable, official, built string) (chosen, error) {
	if named := os.Getenv(variable); named != "" {
		err := e.ensure(ctx, named, variable)
		var missing *UnavailableError
		if errors.As(err, &missing) {
			// Somebody wants just this one: a wrong name must not skip every test.
			err = fmt.Errorf("%s=%s: the image is not on this machine and cannot be pulled: %w; correct the name, or unset it for %s", variable, named, missing.Err, official)
		}
		return chosen{named, "by " + variable}, err
	}
	if e.has(ctx, official) {
		return chosen{name: official}, nil
	}
	if e.has(ctx, built) {
		return chosen{built, fmt.Sprintf("built on this machine; %s is not here", official)}, nil
	}
	return chosen{name: official}, e.ensure(ctx, official, variable)
}

func (e *engine) has(ctx context.Context, name string) bool {
	_, err := e.ImageInspect(ctx, prefixed(name))
	return err == nil
}

// prefixed is the name under which testcontainers will ask for the image.
func prefixed(name string) string {
	prefix := testcontainers.ReadConfig().Config.HubImageNamePrefix
	first, _, slash := strings.Cut(name, "/")
	if prefix == "" || (slash && strings.ContainsAny(first, ".:")) || strings.HasPrefix(name, "eventproof/") {
		return name
	}
	return strings.TrimSuffix(prefix, "/") + "/" + name
}

// pulls remembers what was tried, so that a hundred tests wait for one pull.
var pulls sync.Map // image -> func() error

func (e *engine) ensure(ctx context.Context, name, variable string) error {
	if e.has(ctx, name) {
		return nil
	}
	once, _ := pulls.LoadOrStore(name, sync.OnceValue(func() error { return e.pull(context.WithoutCancel(ctx), prefixed(name)) }))
	if err := once.(func() error)(); err != nil {
		return &UnavailableError{
			fmt.Sprintf("image %s is not on this machine and cannot be pulled", name),
			fmt.Sprintf("clone https://github.com/eventproof/eventproof and run `make images`, which builds one, or name another with %s", variable), err}
	}
	return nil
}

func (e *engine) pull(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var options image.PullOptions
	if _, auth, err := testcontainers.DockerImageAuth(ctx, name); err == nil {
		text, err := json.Marshal(auth)
		if err != nil {
			return err
		}
		options.RegistryAuth = base64.URLEncoding.EncodeToString(text)
	}
	progress, err := e.ImagePull(ctx, name, options)
	if err != nil {
		return err
	}
	defer progress.Close()
	for d := json.NewDecoder(progress); ; {
		var line struct {
			Error string `json:"error"`
		}
		switch err := d.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case line.Error != "":
			return errors.New(line.Error)
		}
	}
}

// publishOn is the address on which containers publish their ports: the one
// by which this process reaches them, which is loopback for a local engine.
func (s *site) publishOn(ctx context.Context) (string, error) {
	e := s.engine
	if s.app.joined {
		return "127.0.0.1", nil // nobody needs them
	}
	if ip := net.ParseIP(e.host); ip != nil {
		return ip.String(), nil
	}
	if e.host == "localhost" {
		return "127.0.0.1", nil
	}
	ips, err := net.DefaultResolver.LookupIP(ctx, "ip4", e.host)
	if err != nil || len(ips) == 0 {
		return "", fmt.Errorf("find the address of the engine's host %s: %w", e.host, err)
	}
	return ips[0].String(), nil
}

// appHost is how containers call this process.
type appHost struct {
	listen string // the address on which apps listen
	call   string // what host.docker.internal means in the containers: an address, or host-gateway
	why    string
	joined bool // this process's own container joined the world's network
}

// reach finds out how containers call this process.
func (e *engine) reach(ctx context.Context, networkID string) (appHost, error) {
	if named := os.Getenv(appHostVariable); named != "" {
		ip := net.ParseIP(named)
		if ip == nil {
			return appHost{}, fmt.Errorf("%s=%s: want an IP address of this machine that containers can reach", appHostVariable, named)
		}
		h := appHost{listen: named, call: named, why: "by " + appHostVariable}
		if ip.IsLoopback() || ip.IsUnspecified() {
			h.call = "host-gateway"
		}
		return h, nil
	}
	if bridge := bridgeHere(ctx, e); bridge != nil {
		return appHost{listen: bridge.address, call: "host-gateway", why: "the gateway of the engine's network " + bridge.name}, nil
	}
	if h, ok := e.join(ctx, networkID); ok {
		return h, nil
	}
	return appHost{listen: "127.0.0.1", call: "host-gateway", why: "the engine's gateway is no address of this machine, so it is taken to forward to loopback, as Docker Desktop does"}, nil
}

// join connects this process's own container, if it runs in one of the
// engine's, to the world's network: containers of different networks do not
// reach each other.
func (e *engine) join(ctx context.Context, networkID string) (appHost, bool) {
	name, err := os.Hostname()
	if err != nil {
		return appHost{}, false
	}
	self, err := e.ContainerInspect(ctx, name)
	if err != nil || !strings.HasPrefix(self.ID, name) {
		return appHost{}, false
	}
	if err := e.NetworkConnect(ctx, networkID, self.ID, nil); err != nil {
		return appHost{}, false
	}
	if self, err = e.ContainerInspect(ctx, self.ID); err == nil {
		for _, n := range self.NetworkSettings.Networks {
			if n.NetworkID == networkID && n.IPAddress != "" {
				return appHost{listen: n.IPAddress, call: n.IPAddress, why: "this process runs in a container, which joined the network", joined: true}, true
			}
		}
	}
	_ = e.NetworkDisconnect(ctx, networkID, self.ID, true)
	return appHost{}, false
}

// bridge is the engine's default network, where its gateway is an address of
// this machine.
type bridge struct{ name, address string }

// bridgeHere is nil where the engine's containers are not on this machine's
// own networks.
func bridgeHere(ctx context.Context, cli client.APIClient) *bridge {
	for _, name := range []string{testcontainers.Bridge, testcontainers.Podman} {
		if n, err := cli.NetworkInspect(ctx, name, network.InspectOptions{}); err == nil {
			if address := gatewayHere(n); address != "" {
				return &bridge{name, address}
			}
		}
	}
	return nil
}

// gatewayHere is the address of the engine's bridge on this machine, "" where
// the bridge is on another one: in Docker Desktop's, or outside the container
// that this process runs in.
func gatewayHere(n network.Inspect) string {
	// Docker does not always state the gateway of its default network.
	if i, err := net.InterfaceByName(n.Options["com.docker.network.bridge.name"]); err == nil {
		addresses, _ := i.Addrs()
		for _, a := range addresses {
			if p, ok := a.(*net.IPNet); ok && p.IP.To4() != nil {
				return p.IP.String()
			}
		}
	}
	here, _ := net.InterfaceAddrs()
	for _, config := range n.IPAM.Config {
		ip := net.ParseIP(config.Gateway)
		for _, a := range here {
			if p, ok := a.(*net.IPNet); ok && ip != nil && p.IP.Equal(ip) {
				return ip.String()
			}
		}
	}
	return ""
}

var _ client.APIClient = (*engine)(nil)
