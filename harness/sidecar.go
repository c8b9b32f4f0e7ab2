package harness

import (
	"fmt"
	"net"

	"github.com/dapr/go-sdk/client"

	"github.com/eventproof/eventproof/harness/proxy"
)

// sidecar is Dapr as one incarnation of an app sees it: through the proxy.
type sidecar struct {
	app    string
	api    *proxy.API
	client client.Client
	env    []string
}

func newSidecar(app string, api *proxy.API, c client.Client) (*sidecar, error) {
	s := &sidecar{app: app, api: api, client: c}
	_, grpcPort, err := net.SplitHostPort(api.GRPCAddress())
	if err != nil {
		return nil, err
	}
	_, httpPort, err := net.SplitHostPort(api.HTTPAddress())
	if err != nil {
		return nil, err
	}
	appPort, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("find a port for %s: %w", app, err)
	}
	s.env = []string{
		"APP_ID=" + app, "APP_PORT=" + appPort,
		"DAPR_GRPC_PORT=" + grpcPort, "DAPR_HTTP_PORT=" + httpPort,
		"DAPR_GRPC_ENDPOINT=http://" + api.GRPCAddress(), "DAPR_HTTP_ENDPOINT=http://" + api.HTTPAddress(),
	}
	return s, nil
}

func (s *sidecar) AppID() string         { return s.app }
func (s *sidecar) Client() client.Client { return s.client }
func (s *sidecar) GRPCAddress() string   { return s.api.GRPCAddress() }
func (s *sidecar) HTTPAddress() string   { return s.api.HTTPAddress() }
func (s *sidecar) Env() []string         { return append([]string(nil), s.env...) }

// freePort is a loopback port on which nobody listens at the moment.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "", err
	}
	return port, l.Close()
}
