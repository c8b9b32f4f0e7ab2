package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

// options are daprd's flags that take effect here, and fakedaprd's own.
//
// Source: dapr v1.16.0 cmd/daprd/options/options.go.
type options struct {
	AppID, AppPort, AppProtocol, AppChannelAddress          string
	AppMaxConcurrency                                       int
	AppHealthCheck                                          bool
	AppHealthCheckPath                                      string
	AppHealthInterval, AppHealthTimeout, AppHealthThreshold int
	ResourcesPath, ComponentsPath, Config                   []string
	HTTPPort, GRPCPort, ListenAddresses                     string
	PublicPort, PublicListenAddress                         string
	MetricsPort, MetricsListenAddress                       string
	Metrics                                                 bool
	InternalGRPCPort                                        string
	GracefulShutdownSeconds                                 int
	BlockShutdown                                           time.Duration
	LogLevel                                                string
	LogJSON, Version                                        bool
	Mode                                                    string
	Broker, Journal                                         string
	metricsAsked                                            bool
	ignored                                                 []string // flags that were given and take no effect
}

// withoutEffect are daprd's flags for what is not simulated: they are taken, and
// named once in the log where they were given.
var withoutEffect = []struct{ name, kind, about string }{
	{"actors-service", "", "actors"}, {"allowed-origins", "", "CORS"}, {"app-ssl", "bool", "TLS to the app"},
	{"build-info", "bool", "build information"}, {"control-plane-address", "", "the control plane"}, {"control-plane-namespace", "", "the control plane"},
	{"control-plane-trust-domain", "", "the control plane"}, {"dapr-http-max-request-size", "int", "the size of requests is 4 MiB"},
	{"dapr-http-read-buffer-size", "int", "read buffers"}, {"dapr-internal-grpc-listen-address", "", "calls from sidecar to sidecar: they go through --broker"},
	{"dapr-internal-grpc-port", "", "calls from sidecar to sidecar: they go through --broker"},
	{"disable-builtin-k8s-secret-store", "bool", "secret stores"}, {"enable-api-logging", "bool", "API logging"}, {"enable-mtls", "bool", "mTLS"},
	{"enable-profiling", "bool", "profiling"}, {"max-body-size", "", "the size of requests is 4 MiB"}, {"placement-host-address", "", "actors"},
	{"profile-port", "", "profiling"}, {"read-buffer-size", "", "read buffers"}, {"reminders-service", "", "actors"},
	{"scheduler-host-address", "", "jobs"}, {"scheduler-job-streams", "int", "jobs"}, {"sentry-address", "", "mTLS"},
	{"sentry-request-jwt-audiences", "", "mTLS"}, {"unix-domain-socket", "", "APIs on a Unix socket"}, {"wait", "bool", "waiting for another sidecar"},
}

// flags declares all flags on a command.
func (o *options) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.AppID, "app-id", "", "the app's Dapr app id")
	f.StringVar(&o.AppPort, "app-port", "", "the port that the app listens on; without it the app is not called")
	f.StringVar(&o.AppProtocol, "app-protocol", "http", "how the app is called: http or grpc")
	f.StringVar(&o.AppChannelAddress, "app-channel-address", "127.0.0.1", "the host that the app listens on")
	f.IntVar(&o.AppMaxConcurrency, "app-max-concurrency", -1, "how many calls of the app may be open at a time; -1: no limit")
	f.BoolVar(&o.AppHealthCheck, "enable-app-health-check", false, "ask the app whether it is well")
	f.StringVar(&o.AppHealthCheckPath, "app-health-check-path", "/healthz", "the path that is asked, over HTTP")
	f.IntVar(&o.AppHealthInterval, "app-health-probe-interval", 5, "seconds between two probes")
	f.IntVar(&o.AppHealthTimeout, "app-health-probe-timeout", 500, "milliseconds that a probe may take")
	f.IntVar(&o.AppHealthThreshold, "app-health-threshold", 3, "probes that fail in a row before the app is not well")
	f.StringSliceVar(&o.ResourcesPath, "resources-path", nil, "a directory of Dapr resources; may be given again")
	f.StringSliceVar(&o.ComponentsPath, "components-path", nil, "the same as --resources-path")
	f.StringSliceVar(&o.Config, "config", nil, "a file with a Dapr Configuration; of it metrics.recordErrorCodes takes effect")
	f.StringVar(&o.HTTPPort, "dapr-http-port", "3500", "the port of Dapr's HTTP API; 0: a free one")
	f.StringVar(&o.GRPCPort, "dapr-grpc-port", "50001", "the port of Dapr's gRPC API; 0: a free one")
	f.StringVar(&o.ListenAddresses, "dapr-listen-addresses", "127.0.0.1", "the address that the APIs are served at; daprd's own default is all of them")
	f.StringVar(&o.PublicPort, "dapr-public-port", "", "a port for health and metadata alone")
	f.StringVar(&o.PublicListenAddress, "dapr-public-listen-address", "127.0.0.1", "its address")
	f.StringVar(&o.MetricsPort, "metrics-port", "9090", "the port of /metrics")
	f.StringVar(&o.MetricsListenAddress, "metrics-listen-address", "127.0.0.1", "its address; daprd's own default is all of them")
	f.BoolVar(&o.Metrics, "enable-metrics", true, "serve /metrics")
	f.IntVar(&o.GracefulShutdownSeconds, "dapr-graceful-shutdown-seconds", 5, "seconds that open calls may take to end at shutdown")
	f.DurationVar(&o.BlockShutdown, "dapr-block-shutdown-duration", 0, "how long shutdown waits, without taking events, unless the app is not well")
	f.StringVar(&o.LogLevel, "log-level", "info", "debug, info, warn, error or fatal")
	f.BoolVar(&o.LogJSON, "log-as-json", false, "write the log as JSON lines")
	f.BoolVar(&o.Version, "version", false, "print the version of Dapr that is shown")
	f.StringVar(&o.Mode, "mode", "standalone", "standalone; there is no Kubernetes here")
	f.StringVar(&o.Broker, "broker", "", "share one broker with each fakedaprd of the same name: a loopback host:port, or the path of a socket;\nwho comes first holds it until it ends, and without --app-id holds it alone")
	f.StringVar(&o.Journal, "journal", "", "a file that what happens is written to, as it happens")
	for _, w := range withoutEffect {
		about := "of daprd, without effect here: " + w.about
		switch w.kind {
		case "bool":
			f.Bool(w.name, false, about)
		case "int":
			f.Int(w.name, 0, about)
		default:
			f.String(w.name, "", about)
		}
	}
	f.SortFlags = true
}

// settle reads what was given.
func (o *options) settle(changed func(flag string) bool) error {
	for _, w := range withoutEffect {
		if changed(w.name) {
			o.ignored = append(o.ignored, fmt.Sprintf("--%s (%s)", w.name, w.about))
		}
	}
	slices.Sort(o.ignored)
	o.metricsAsked = changed("metrics-port")
	o.ResourcesPath = append(o.ResourcesPath, o.ComponentsPath...)
	for i, dir := range o.ResourcesPath {
		absolute, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		if info, err := os.Stat(absolute); err != nil || !info.IsDir() {
			return fmt.Errorf("--resources-path %s: want a directory that exists", dir)
		}
		o.ResourcesPath[i] = absolute
	}
	switch {
	case o.Version:
		return nil
	case o.AppID == "" && o.Broker == "":
		return errors.New("--app-id is empty: give the app's Dapr app id, or --broker alone to hold a broker")
	case strings.Contains(o.AppID, "."):
		return fmt.Errorf("--app-id %s: daprd refuses an app id with a dot", o.AppID)
	case o.AppProtocol != string(world.ProtocolHTTP) && o.AppProtocol != string(world.ProtocolGRPC):
		return fmt.Errorf("--app-protocol %s is not simulated: want http or grpc", o.AppProtocol)
	case o.Mode != "standalone":
		return fmt.Errorf("--mode %s is not simulated: want standalone", o.Mode)
	case o.AppHealthCheck && o.AppHealthInterval > 0 && time.Duration(o.AppHealthTimeout)*time.Millisecond > time.Duration(o.AppHealthInterval)*time.Second:
		return errors.New("--app-health-probe-timeout must be smaller than --app-health-probe-interval")
	}
	if _, ok := levels[o.LogLevel]; !ok {
		return fmt.Errorf("--log-level %s: want debug, info, warn, error or fatal", o.LogLevel)
	}
	return nil
}

// process is what the flags ask the host to run, without listeners.
func (o *options) process() (fakes.Process, error) {
	p := fakes.Process{AppID: o.AppID, AppProtocol: world.Protocol(o.AppProtocol), AppMaxConcurrency: o.AppMaxConcurrency,
		GracefulShutdown: time.Duration(max(o.GracefulShutdownSeconds, 0)) * time.Second, BlockShutdown: o.BlockShutdown}
	if o.AppPort != "" && o.AppPort != "0" {
		if _, err := strconv.ParseUint(o.AppPort, 10, 16); err != nil {
			return p, fmt.Errorf("--app-port %s: want a port number", o.AppPort)
		}
		p.AppAddress = net.JoinHostPort(o.AppChannelAddress, o.AppPort)
	}
	if o.AppHealthCheck {
		p.AppHealth = &fakes.AppHealth{Path: o.AppHealthCheckPath, Interval: time.Duration(o.AppHealthInterval) * time.Second,
			Timeout: time.Duration(o.AppHealthTimeout) * time.Millisecond, Threshold: o.AppHealthThreshold}
	}
	var roots []fs.FS
	for _, dir := range o.ResourcesPath {
		roots = append(roots, os.DirFS(dir))
	}
	p.Resources = roots
	var err error
	p.RecordErrorCodes, err = recordsErrorCodes(o.Config)
	return p, err
}
