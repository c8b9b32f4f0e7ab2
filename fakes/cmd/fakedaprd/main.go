// Fakedaprd is Dapr's sidecar for events, simulated: started like daprd, it serves
// an app in any language, with no broker to install.
//
//	fakedaprd --app-id payments --app-port 8080 --resources-path ./dapr
//
// It takes daprd's flags, ports and resource directories and behaves as daprd
// 1.16 does with Redis, with `pubsub.in-memory` and with pluggable components;
// flags for what is not simulated are taken and named once in the log. It listens
// on loopback alone unless told otherwise. The README lists what is simulated.
//
// Several apps share a broker by its name, as daprds share a Redis:
//
//	fakedaprd --broker 127.0.0.1:7777 --app-id orders …
//	fakedaprd --broker 127.0.0.1:7777 --app-id payments …
//
// --journal FILE writes what happens, one JSON object a line, as it happens.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		cancel(fmt.Errorf("received signal '%s'", <-signals))
		<-signals // told a second time: at once
		os.Exit(1)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program; the context's end is the signal to end.
func run(ctx context.Context, args []string, out, problems io.Writer) int {
	o := &options{}
	cmd := &cobra.Command{Use: "fakedaprd", Short: "Dapr's sidecar for events, simulated", Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.settle(cmd.Flags().Changed); err != nil {
				return err
			}
			if o.Version {
				_, err := fmt.Fprintln(out, version)
				return err
			}
			log := newLogger(out, o)
			err := o.run(ctx, log)
			if errors.Is(err, fakes.ErrForced) {
				log.log("fatal", "Graceful shutdown timeout exceeded, forcing shutdown")
			} else if err != nil {
				log.log("fatal", "Fatal error from runtime: "+err.Error())
			}
			return err
		}}
	o.flags(cmd)
	cmd.SetArgs(args)
	cmd.SetOut(out)
	cmd.SetErr(problems)
	if err := cmd.ExecuteContext(ctx); err != nil {
		_, _ = fmt.Fprintf(problems, "fakedaprd: %v\n", err)
		return 1
	}
	return 0
}

// run serves the app until the context ends.
func (o *options) run(ctx context.Context, log *logger) error {
	log.log("info", "Starting Dapr Runtime -- simulated by eventproof -- version "+version)
	if len(o.ignored) > 0 {
		log.log("warning", "without effect here: "+strings.Join(o.ignored, ", "))
	}
	for _, name := range []string{"NAMESPACE", "DAPR_API_TOKEN", "APP_API_TOKEN"} {
		if os.Getenv(name) != "" {
			log.log("warning", "without effect here: the environment variable "+name)
		}
	}
	p, err := o.process()
	if err != nil {
		return err
	}
	p.Log = log.log
	if o.AppID != "" {
		if err := o.listen(&p, log); err != nil {
			return err
		}
	}
	if o.Broker != "" {
		err = o.share(ctx, p, log)
	} else {
		err = o.alone(ctx, p)
	}
	if err == nil {
		log.log("info", "Daprd shutdown gracefully")
	}
	return err
}

// alone runs the sidecar with a broker of its own.
func (o *options) alone(ctx context.Context, p fakes.Process) error {
	host, err := fakes.NewHost(ctx, world.Config{})
	if err != nil {
		return err
	}
	stop, err := follow(host, o.Journal)
	if err != nil {
		return errors.Join(err, host.Close())
	}
	err = host.Run(ctx, p)
	return errors.Join(err, stop(), host.Close())
}

// listen opens the ports.
func (o *options) listen(p *fakes.Process, log *logger) error {
	listen := func(what, address, port string) (net.Listener, error) {
		if port == "" {
			return nil, nil
		}
		// daprd takes a list; one is enough for a test machine.
		address, more, _ := strings.Cut(address, ",")
		if more != "" {
			log.log("warning", "--dapr-listen-addresses: only "+address+" is listened on")
		}
		l, err := net.Listen("tcp", net.JoinHostPort(strings.Trim(address, "[]"), port))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		return l, nil
	}
	var err error
	if p.GRPC, err = listen("--dapr-grpc-port", o.ListenAddresses, o.GRPCPort); err != nil {
		return err
	}
	if p.HTTP, err = listen("--dapr-http-port", o.ListenAddresses, o.HTTPPort); err != nil {
		return err
	}
	if p.Public, err = listen("--dapr-public-port", o.PublicListenAddress, o.PublicPort); err != nil {
		return err
	}
	if !o.Metrics {
		return nil
	}
	if p.Metrics, err = listen("--metrics-port", o.MetricsListenAddress, o.MetricsPort); err != nil && !o.metricsAsked {
		log.log("warning", "no /metrics: "+err.Error()) // several sidecars on one machine have one default
		return nil
	}
	return err
}
