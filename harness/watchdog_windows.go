package harness

import "syscall"

const (
	hangup    = syscall.SIGHUP
	terminate = syscall.SIGTERM
)

// ownGroup keeps the console's Ctrl-C from the watchdog.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
