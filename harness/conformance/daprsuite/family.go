//go:build unix

package main

import (
	"os/exec"
	"syscall"
	"time"
)

// family is a process and those that it has started, as a process group.
type family struct{ cmd *exec.Cmd }

func startFamily(cmd *exec.Cmd) (family, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return family{cmd}, cmd.Start()
}

// quit makes the first process, a Go program, say where its goroutines are, and
// end. A process that has ended already is no error.
func (f family) quit() { _ = f.cmd.Process.Signal(syscall.SIGQUIT) }

// kill ends all of it. A group that has ended already is no error.
func (f family) kill() { _ = syscall.Kill(-f.cmd.Process.Pid, syscall.SIGKILL) }

// end waits for the first process, ends what it has left behind, and says how
// much CPU time those took that it had waited for.
func (f family) end() time.Duration {
	cpu := childrenCPU(f.cmd.Process.Pid)
	f.kill()
	_ = f.cmd.Wait() // how it ended, its output says
	return cpu
}
