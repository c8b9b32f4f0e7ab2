package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// process is an app that runs as a program of its own.
type process struct {
	cmd     *exec.Cmd
	address string
	output  *tail
	exited  chan struct{}
	err     error // of Wait, once exited is closed
}

// startProcess runs cmd with the sidecar's environment added and returns when
// it listens on APP_PORT.
func startProcess(ctx context.Context, cmd *exec.Cmd, env []string) (*process, error) {
	port := ""
	for _, variable := range env {
		if value, ok := strings.CutPrefix(variable, "APP_PORT="); ok {
			port = value
		}
	}
	if port == "" {
		return nil, errors.New("the sidecar states no APP_PORT")
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	// A command value cannot be started twice, and Restart may hand over the
	// same one again.
	again := exec.Command(cmd.Path)
	again.Args, again.Dir, again.Stdin, again.ExtraFiles, again.SysProcAttr = cmd.Args, cmd.Dir, cmd.Stdin, cmd.ExtraFiles, cmd.SysProcAttr
	again.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], env...)
	p := &process{cmd: again, address: net.JoinHostPort("127.0.0.1", port), output: &tail{limit: 8 << 10}, exited: make(chan struct{})}
	again.Stdout, again.Stderr = cmd.Stdout, cmd.Stderr
	if again.Stdout == nil {
		again.Stdout = p.output
	}
	if again.Stderr == nil {
		again.Stderr = p.output
	}
	if err := again.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go func() {
		p.err = again.Wait()
		close(p.exited)
	}()
	if err := p.listens(ctx); err != nil {
		return nil, errors.Join(err, p.kill())
	}
	return p, nil
}

// listenTimeout is how long a program may take until it listens.
const listenTimeout = 30 * time.Second

func (p *process) listens(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		var d net.Dialer
		if conn, err := d.DialContext(ctx, "tcp", p.address); err == nil {
			return conn.Close()
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended before it listened on APP_PORT (%s): %w\n%s", p.cmd.Path, p.address, p.err, p.output)
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on APP_PORT (%s): %w\n%s", p.cmd.Path, p.address, context.Cause(ctx), p.output)
		case <-poll.C:
		}
	}
}

// kill ends the process as a crash would, and waits for its end.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.cmd.Path, err)
	}
	<-p.exited
	return nil
}

// tail keeps the last bytes written to it.
type tail struct {
	mu    sync.Mutex
	limit int
	kept  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
