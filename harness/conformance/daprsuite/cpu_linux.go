package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// childrenCPU waits for the end of a child process of ours and reads, before
// anyone collects it, what the kernel has added up for the processes that it in
// turn had waited for. What it left behind or never waited for is not in it.
func childrenCPU(pid int) time.Duration {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return unknownCPU
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return unknownCPU
	}
	cpu, err := childrenTicks(string(stat))
	if err != nil {
		return unknownCPU
	}
	return cpu
}

// childrenTicks reads cutime and cstime, the 16th and 17th field (proc(5)).
// USER_HZ is 100 on every architecture that Go knows. The second field, the
// program's name in parentheses, may hold anything.
func childrenTicks(stat string) (time.Duration, error) {
	after := stat[strings.LastIndexByte(stat, ')')+1:]
	fields := strings.Fields(after) // from the 3rd on
	if len(fields) < 15 {
		return 0, fmt.Errorf("/proc/PID/stat has too few fields: %q", stat)
	}
	var ticks int64
	for _, field := range fields[13:15] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/PID/stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
