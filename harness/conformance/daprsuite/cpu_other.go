//go:build unix && !linux

package main

import "time"

// childrenCPU: other systems say only what a process and its children took
// together.
func childrenCPU(int) time.Duration { return unknownCPU }
