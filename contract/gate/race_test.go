//go:build race

package gate_test

// raced: the race detector makes the long comparisons ten times longer.
const raced = true
