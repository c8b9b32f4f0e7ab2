//go:build !race

package compat_test

const slowed = false
