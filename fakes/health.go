package fakes

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"

	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// readiness is how far a sidecar is: an app's calls may go out (outbound) before
// the app itself was found.
type readiness struct{ outbound, ready atomic.Bool }

// serveHealth is 204 once the sidecar is ready.
//
// Source: dapr v1.16.0 pkg/api/http/healthz.go.
func (s *sidecar) serveHealth(w http.ResponseWriter, r *http.Request) {
	if p := s.app.process; p != nil && !p.ready.ready.Load() {
		writeUnready(w, "ERR_HEALTH_NOT_READY", "dapr is not ready: [runtime]")
		return
	}
	if asked := r.URL.Query(); asked.Has("appid") && asked.Get("appid") != s.app.id {
		writeUnready(w, "ERR_HEALTH_APPID_NOT_MATCH", "dapr app-id does not match")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveOutboundHealth is 204 once the sidecar takes calls, whether its app is
// there or not.
func (s *sidecar) serveOutboundHealth(w http.ResponseWriter, _ *http.Request) {
	if p := s.app.process; p != nil && !p.ready.outbound.Load() {
		writeUnready(w, "ERR_OUTBOUND_HEALTH_NOT_READY", "dapr outbound is not ready")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func writeUnready(w http.ResponseWriter, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusInternalServerError)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorCode": code, "message": message})
}

// Shutdown ends the process, once the call has returned. In a world there is no
// process to end.
//
// Source: dapr v1.16.0 pkg/api/universal/shutdown.go.
func (d *daprServer) Shutdown(context.Context, *runtime.ShutdownRequest) (*emptypb.Empty, error) {
	p := d.sidecar.app.process
	if p == nil {
		return nil, status.Error(codes.Unimplemented, "Shutdown is not simulated: the sidecar is part of the test's process; use World.Restart or end the test")
	}
	p.shutdown()
	return &emptypb.Empty{}, nil
}

func (s *sidecar) serveShutdown(w http.ResponseWriter, r *http.Request) {
	if s.app.process == nil {
		http.Error(w, "shutdown is not simulated: the sidecar is part of the test's process; use World.Restart or end the test", http.StatusNotImplemented)
		return
	}
	s.app.process.shutdown()
	w.WriteHeader(http.StatusNoContent)
}
