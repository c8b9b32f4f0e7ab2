package orders_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/examples/orders/internal/biz"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
)

// The other tests wire the services within the test. This one runs the
// programs that ship, each in its own process, and ends them with SIGTERM.
func TestTheProgramsThemselves(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short, and this test builds and runs four programs")
	}
	if runtime.GOOS == "windows" {
		t.Skip("skipped: Windows has no SIGTERM")
	}
	programs := t.TempDir()
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", programs, "./cmd/orders", "./cmd/worker").CombinedOutput()
	require.NoError(t, err, "%s", output)

	for _, start := range []struct {
		name string
		at   func(testing.TB, world.Config) *world.World
	}{{"fake", fakes.Start}, {"real", harness.Start}} {
		t.Run(start.name, func(t *testing.T) {
			data := t.TempDir()
			catalog, err := contract.Load(os.DirFS("contracts"))
			require.NoError(t, err)
			w := start.at(t, world.Config{Contracts: catalog, Resources: []fs.FS{os.DirFS("configs/dapr")}})
			shopDatabase := filepath.Join(data, "orders.db")
			var api string
			w.Attach("orders", func(ctx context.Context, s world.Sidecar) (_ world.Endpoint, err error) {
				api = "http://" + addressOf(s)
				return run(ctx, s, world.ProtocolHTTP, filepath.Join(programs, "orders"), "-database", shopDatabase)
			})
			worker := func(app string, protocol world.Protocol, database string) {
				w.Attach(app, func(ctx context.Context, s world.Sidecar) (world.Endpoint, error) {
					return run(ctx, s, protocol, filepath.Join(programs, "worker"), "-name", app, "-database", database)
				})
			}
			worker("payment-worker", world.ProtocolHTTP, filepath.Join(data, "payments.db"))
			worker("shipping-worker", world.ProtocolGRPC, filepath.Join(data, "shipping.db"))
			worker("orders-worker", world.ProtocolHTTP, shopDatabase)

			answer := call(t, http.MethodPost, api+"/orders", `{"customer_id": "anna", "amount_cents": 4200, "currency": "EUR"}`, http.StatusCreated)
			require.NoError(t, w.Settle(t.Context()))
			answer = call(t, http.MethodGet, api+"/orders/"+answer.OrderID, "", http.StatusOK)
			require.Equal(t, biz.Shipping, answer.Status)
		})
	}
}

func call(t *testing.T, method, url, body string, want int) (order biz.Order) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, want, response.StatusCode)
	require.NoError(t, json.NewDecoder(response.Body).Decode(&order))
	return order
}

// addressOf is where the sidecar expects the app.
func addressOf(s world.Sidecar) string {
	for _, variable := range s.Env() {
		if port, ok := strings.CutPrefix(variable, "APP_PORT="); ok {
			return net.JoinHostPort("127.0.0.1", port)
		}
	}
	panic("the sidecar states no APP_PORT")
}

// run starts a program, waits until it listens, and ends it with SIGTERM when
// the app ends: a program that does not then exit with 0 fails the test.
// world.Command is simpler, and kills the program.
func run(ctx context.Context, s world.Sidecar, protocol world.Protocol, program string, args ...string) (world.Endpoint, error) {
	command := exec.Command(program, args...)
	command.Env = append(os.Environ(), s.Env()...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Start(); err != nil {
		return world.None, err
	}
	exited := make(chan error, 1)
	go func() { exited <- command.Wait() }()
	address := addressOf(s)
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		if conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address); err == nil {
			_ = conn.Close() // it listens: that is all that was asked
			break
		}
		select {
		case err := <-exited:
			return world.None, fmt.Errorf("%s ended before it listened: %w", command, err)
		case <-ctx.Done():
			return world.None, context.Cause(ctx)
		case <-poll.C:
		}
	}
	return world.Address(address, protocol).OnStop(func(context.Context) error {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		return <-exited
	}), nil
}
