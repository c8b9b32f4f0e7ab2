//go:build race

package sample_test

// stride: with the race detector, one of so many schemas of the corpus is tried.
const stride = 6
