//go:build unix

package harness_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/testcontainers/testcontainers-go"

	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
)

// endVariable makes TestEnds start a world and end in some way.
const endVariable = "EVENTPROOF_TEST_END"

// TestEnds is the other process of the next test.
func TestEnds(t *testing.T) {
	end := os.Getenv(endVariable)
	if end == "" {
		t.Skip("it is started by TestNothingIsLeftBehind")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w, err := harness.New(ctx, world.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AttachContext(ctx, "worker", app{topics: map[string]string{"orders": ""}, answer: succeed}.start); err != nil {
		t.Fatal(err)
	}
	places, err := harness.Addresses(w)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\nnetwork %s\n", places.Network)
	switch end {
	case "panic":
		go func() { panic("on purpose") }()
	case "exit":
		os.Exit(3)
	case "context":
		cancel()
	}
	select {}
}

func TestNothingIsLeftBehind(t *testing.T) {
	world := harness.Start(t, world.Config{}) // skips where there is no engine
	if err := world.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		end    string
		signal syscall.Signal
		reason string
	}{
		{"panic", 0, "a panic in a goroutine runs no clean-up"},
		{"exit", 0, "os.Exit runs no clean-up"},
		{"interrupt", syscall.SIGINT, "Ctrl-C goes to the whole process group"},
		{"kill", syscall.SIGKILL, "nothing can be done before the end"},
		{"context", 0, "the process lives on; the world's context has ended"},
	}
	for _, test := range tests {
		t.Run(test.end, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestEnds$", "-test.v")
			cmd.Env = append(os.Environ(), endVariable+"="+test.end)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a group of its own, as a terminal gives it
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
				_ = cmd.Wait()
			}()
			id, said := "", ""
			for lines := bufio.NewScanner(out); id == "" && lines.Scan(); {
				said += lines.Text() + "\n"
				id, _ = strings.CutPrefix(lines.Text(), "network eventproof-")
				if id == lines.Text() {
					id = ""
				}
			}
			if id == "" {
				t.Fatalf("the other process did not start a world:\n%s", said)
			}
			if test.signal != 0 {
				if err := syscall.Kill(-cmd.Process.Pid, test.signal); err != nil {
					t.Fatal(err)
				}
			}
			if left := afterFiveSeconds(t, id); left != "" {
				t.Errorf("%s: after five seconds there are still %s", test.reason, left)
			}
		})
	}
}

// afterFiveSeconds is what is left of a world then; "" as soon as it is nothing.
func afterFiveSeconds(t *testing.T, id string) string {
	t.Helper()
	cli, err := testcontainers.NewDockerClientWithOpts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	by := filters.NewArgs(filters.Arg("label", "dev.eventproof.world="+id))
	for {
		containers, err := cli.ContainerList(t.Context(), container.ListOptions{All: true, Filters: by})
		if err != nil {
			t.Fatal(err)
		}
		networks, err := cli.NetworkList(t.Context(), network.ListOptions{Filters: by})
		if err != nil {
			t.Fatal(err)
		}
		if len(containers)+len(networks) == 0 {
			return ""
		}
		select {
		case <-ctx.Done():
			return fmt.Sprintf("%d containers and %d networks", len(containers), len(networks))
		case <-tick.C:
		}
	}
}
