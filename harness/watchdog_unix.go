//go:build unix

package harness

import "syscall"

const (
	hangup    = syscall.SIGHUP
	terminate = syscall.SIGTERM
)

// ownGroup keeps the terminal's Ctrl-C, and a kill of the test's process group,
// from the watchdog.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
