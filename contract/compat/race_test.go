//go:build race

package compat_test

// slowed: the race detector is on, which makes everything some ten times slower.
const slowed = true
