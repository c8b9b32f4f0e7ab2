package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/google/uuid"
)

// Labels of all that the harness makes.
const (
	labelRun   = "dev.eventproof.run"   // one process
	labelWorld = "dev.eventproof.world" // one world
)

// watchdogVariable makes a program that links this package a watchdog: it
// names the run whose containers it removes.
const watchdogVariable = "EVENTPROOF_WATCHDOG_RUN"

// runID names all that this process starts.
var runID = sync.OnceValue(uuid.NewString)

// A test binary that is started again with watchdogVariable set never reaches
// its tests, nor TestMain: it is the watchdog of the one that started it.
func init() {
	run := os.Getenv(watchdogVariable)
	if run == "" {
		return
	}
	if err := watch(os.Stdin, run); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// startWatchdog starts this program again as the watchdog of this run, once for
// a process. The pipe between the two closes with this process, however that
// ends; nothing has to be told.
var startWatchdog = func() func(host string) error {
	var once sync.Once
	var err error
	return func(host string) error {
		once.Do(func() { err = runWatchdog(host) })
		return err
	}
}()

// pipeEnd keeps the write end open until the process ends.
var pipeEnd *os.File //nolint:unused // a reference: without one its finalizer would close it

func runWatchdog(host string) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start watchdog: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start watchdog: %w", err)
	}
	defer read.Close()
	cmd := exec.Command(program)
	// DOCKER_HOST is what testcontainers found, by whichever of its settings.
	cmd.Env = append(os.Environ(), watchdogVariable+"="+runID(), "DOCKER_HOST="+host)
	cmd.Stdin = read // its output goes nowhere: go test would wait for it
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		write.Close()
		return fmt.Errorf("start watchdog: %w", err)
	}
	pipeEnd = write
	return cmd.Process.Release()
}

// watch returns when the pipe has closed and nothing of the run is left.
func watch(pipe io.Reader, run string) error {
	signal.Ignore(os.Interrupt, hangup, terminate)
	_, _ = io.Copy(io.Discard, pipe)
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return err
	}
	defer cli.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// What was being created as the process died appears late: look until
	// there is nothing on two looks.
	for empty := 0; empty < 2; {
		left, err := removeAll(ctx, cli, labelRun+"="+run)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && left == 0 {
			empty++
		} else {
			empty = 0
		}
		pause(ctx, 200*time.Millisecond)
	}
	return nil
}

// removeAll removes the containers and networks with a label, and says how
// many there were.
func removeAll(ctx context.Context, cli client.APIClient, label string) (int, error) {
	by := filters.NewArgs(filters.Arg("label", label))
	containers, err := cli.ContainerList(ctx, container.ListOptions{All: true, Filters: by})
	if err != nil {
		return 0, err
	}
	networks, err := cli.NetworkList(ctx, network.ListOptions{Filters: by})
	if err != nil {
		return 0, err
	}
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	for _, c := range containers {
		all.Go(func() {
			err := cli.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
			if err != nil && !gone(err) {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, n := range networks {
		// A process in a container of its own joined the network: see reach.
		if full, err := cli.NetworkInspect(ctx, n.ID, network.InspectOptions{}); err == nil {
			for id := range full.Containers {
				_ = cli.NetworkDisconnect(ctx, n.ID, id, true)
			}
		}
		if err := cli.NetworkRemove(ctx, n.ID); err != nil && !gone(err) {
			errs = append(errs, err)
		}
	}
	return len(containers) + len(networks), errors.Join(errs...)
}

// gone: it is not there, or somebody else removes it already.
func gone(err error) bool {
	return client.IsErrNotFound(err) || strings.Contains(err.Error(), "already in progress") //nolint:staticcheck // the replacement is another module's
}

// pause waits for the real world.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
