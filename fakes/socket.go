package fakes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	components "github.com/dapr/dapr/pkg/proto/components/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
)

// Where daprd looks for the sockets of pluggable components.
const (
	socketsVariable = "DAPR_COMPONENTS_SOCKETS_FOLDER"
	socketsFolder   = "/tmp/dapr-components-sockets"
)

const (
	discoverTimeout = 10 * time.Second
	initTimeout     = 5 * time.Second // daprd's default of a component's initTimeout
)

// pluggableClient is a process that serves components on a Unix socket.
type pluggableClient struct {
	socket   string
	name     string   // of the socket, without its extension
	services []string // gRPC services that it serves, in full
}

// componentServices are the gRPC services of components, with the first part of
// the component's type.
var componentServices = map[string]string{
	components.PubSub_ServiceDesc.ServiceName:        "pubsub.",
	components.StateStore_ServiceDesc.ServiceName:    "state.",
	components.InputBinding_ServiceDesc.ServiceName:  "bindings.",
	components.OutputBinding_ServiceDesc.ServiceName: "bindings.",
	components.SecretStore_ServiceDesc.ServiceName:   "secretstores.",
}

// discover finds the pluggable components of a folder, by the type that a
// Component names them with, in lower case: pubsub.<socket>, state.<socket>. It asks
// each socket for its services. A folder that does not exist has none; a socket that
// does not answer is an error, as at daprd's start. "" is the folder that daprd takes.
//
// Source: dapr v1.16.0 pkg/components/pluggable/discovery.go.
func discover(ctx context.Context, folder string) (map[string]*pluggableClient, error) {
	if folder == "" {
		folder = os.Getenv(socketsVariable)
	}
	if folder == "" {
		folder = socketsFolder
	}
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list pluggable components: %w", err)
	}
	found := make(map[string]*pluggableClient)
	for _, entry := range entries {
		if entry.Type()&fs.ModeSocket == 0 {
			continue
		}
		c := &pluggableClient{socket: filepath.Join(folder, entry.Name()), name: strings.TrimSuffix(entry.Name(), filepath.Ext(entry.Name()))}
		if c.services, err = c.ask(ctx); err != nil {
			return nil, fmt.Errorf("list the services of pluggable component %s (it must serve gRPC reflection): %w", c.socket, err)
		}
		for _, service := range c.services {
			if prefix, ok := componentServices[service]; ok {
				found[strings.ToLower(prefix+c.name)] = c
			}
		}
	}
	return found, nil
}

// ask lists the services by gRPC reflection.
//
//nolint:staticcheck // deprecated, but the version that daprd speaks: a component may have no other
func (c *pluggableClient) ask(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	conn, err := c.dial("")
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stream, err := reflection.NewServerReflectionClient(conn).ServerReflectionInfo(ctx, grpc.WaitForReady(true))
	if err != nil {
		return nil, err
	}
	if err := stream.Send(&reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_ListServices{ListServices: "*"}}); err != nil {
		return nil, err
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if refused := answer.GetErrorResponse(); refused != nil {
		return nil, errors.New(refused.GetErrorMessage())
	}
	var services []string
	for _, service := range answer.GetListServicesResponse().GetService() {
		services = append(services, service.GetName())
	}
	slices.Sort(services)
	return services, nil
}

// instanceKey tells a process that serves several components which one is meant.
const instanceKey = "x-component-instance"

// dial connects for one component, "" for none.
func (c *pluggableClient) dial(instance string) (*grpc.ClientConn, error) {
	with := func(ctx context.Context) context.Context {
		if instance == "" {
			return ctx
		}
		return metadata.AppendToOutgoingContext(ctx, instanceKey, instance)
	}
	return grpc.NewClient("unix://"+c.socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
			return invoke(with(ctx), method, request, reply, conn, options...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, d *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(with(ctx), d, conn, method, options...)
		}))
}
