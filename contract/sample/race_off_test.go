//go:build !race

package sample_test

// stride: without the race detector, every schema of the corpus is tried.
const stride = 1
