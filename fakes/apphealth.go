package fakes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// AppHealth is how a sidecar asks whether its app is well.
//
// Over HTTP that is GET Path, and any answer of 2xx; over gRPC it is
// dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck.
type AppHealth struct {
	Path      string        // default /healthz
	Interval  time.Duration // between two probes; default 5 s
	Timeout   time.Duration // of one; default 500 ms
	Threshold int           // probes that fail in a row before the app is not well; default 3

	_ struct{}
}

func (h AppHealth) withDefaults() AppHealth {
	if h.Path == "" {
		h.Path = "/healthz"
	}
	if h.Interval == 0 {
		h.Interval = 5 * time.Second
	}
	if h.Timeout == 0 {
		h.Timeout = 500 * time.Millisecond
	}
	if h.Threshold == 0 {
		h.Threshold = 3
	}
	return h
}

// appHealth asks an app again and again. Until the first answer it is not well.
//
// Source: dapr v1.16.0 pkg/apphealth/health.go.
type appHealth struct {
	AppHealth
	app     *incarnation
	process *process
	ending  chan struct{}
	ended   sync.WaitGroup

	mu       sync.Mutex
	failures int
	well     chan struct{} // closed while the app is not well
}

func newAppHealth(cfg AppHealth, app *incarnation, p *process) *appHealth {
	cfg = cfg.withDefaults()
	h := &appHealth{AppHealth: cfg, app: app, process: p, ending: make(chan struct{}), failures: cfg.Threshold, well: closedChannel}
	app.health = h
	return h
}

var closedChannel = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// probe begins to ask; it ends with close.
func (h *appHealth) probe(ctx context.Context) {
	h.ended.Go(func() {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // a shutdown that is blocked waits for what the probes find
		defer cancel()
		tick := time.NewTicker(h.Interval)
		defer tick.Stop()
		for {
			h.judge(ctx, h.ask(ctx))
			select {
			case <-h.ending:
				return
			case <-tick.C:
			}
		}
	})
}

func (h *appHealth) close() {
	close(h.ending)
	h.ended.Wait()
}

// ask is one probe.
func (h *appHealth) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	if h.app.conn != nil {
		return h.app.conn.Invoke(ctx, "/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck", &emptypb.Empty{}, &emptypb.Empty{}, grpc.WaitForReady(false))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://app/"+strings.TrimPrefix(h.Path, "/"), http.NoBody)
	if err != nil {
		return err
	}
	response, err := h.app.http.RoundTrip(r)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("health check failed with status code: %d", response.StatusCode)
	}
	return nil
}

// judge counts, and acts where the app has become well, or not well.
func (h *appHealth) judge(ctx context.Context, err error) {
	h.mu.Lock()
	was := h.failures >= h.Threshold
	if err == nil {
		h.failures = 0
	} else {
		h.failures++
	}
	is := h.failures >= h.Threshold
	switch {
	case was && !is:
		h.well = make(chan struct{})
	case !was && is:
		close(h.well)
	}
	h.mu.Unlock()
	switch {
	case was && !is:
		h.process.logf("info", "App entered healthy status")
		h.process.subscribe(ctx)
	case !was && is:
		h.process.logf("warning", "App entered un-healthy status: %s", err)
		h.process.unsubscribe(ctx, false)
	}
}

// unwell is closed while the app is not well.
func (h *appHealth) unwell() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.well
}

// errUnhealthy is why a sidecar does not call its app.
//
// Source: dapr v1.16.0 pkg/messages/predefined.go ErrAppUnhealthy.
var errUnhealthy = errors.New("app is not in a healthy state")

// refuses reports whether the sidecar makes no call because the app is not well.
func (h *appHealth) refuses() error {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failures < h.Threshold {
		return nil
	}
	return errUnhealthy
}
